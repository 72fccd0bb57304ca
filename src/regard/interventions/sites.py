"""Sites: which part of a model is changed, and at which positions."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from regard.arguments import one_of, several, text, whole_number
from regard.errors import DtypeError, OptionError, in_short

Part = Literal["output", "query", "key", "value", "pattern"]
"""Of a head."""

Sublayer = Literal["attention", "feed_forward", "stream"]
"""Of a layer."""

Through = Literal["feed_forward", "nothing"]
"""What a path may go through on its way."""

Where = tuple[int, ...] | str | None
"""Places in a text, the name of a span, or everywhere."""


@dataclass(frozen=True)
class Heads:
    """A part of some heads: see ``heads``.

    Attributes:
        places: (layer, head).
        part: of each.
        at: where.
        kind: of attention; that of the model where there is one only.
        others: whether all heads but these are meant.
    """

    places: tuple[tuple[int, int], ...]
    part: Part = "output"
    at: Where = None
    kind: str | None = None
    others: bool = False

    def __str__(self) -> str:
        names = "+".join(f"{layer}.{head}" for layer, head in self.places)
        said = [self.kind] if self.kind else []
        said += [] if self.part == "output" else [self.part]
        return " ".join([*said, f"all but {names}" if self.others else names, *_shown(self.at)])


@dataclass(frozen=True)
class Layers:
    """What some layers add to the stream, or the stream after them: see ``layers``."""

    places: tuple[int, ...]
    part: Sublayer = "attention"
    at: Where = None
    kind: str | None = None

    def __str__(self) -> str:
        said = [self.kind] if self.kind else []
        return " ".join([*said, self.part, "+".join(map(str, self.places)), *_shown(self.at)])


@dataclass(frozen=True)
class Edges:
    """What some queries see of some keys: see ``edges``."""

    keys: tuple[int, ...] | str
    queries: Where = None
    heads: tuple[tuple[int, int], ...] | None = None
    layers: tuple[int, ...] | None = None
    kind: str | None = None

    def __str__(self) -> str:
        said = [self.kind] if self.kind else []
        said += ["keys", *_shown(self.keys)[1:]]
        said += [] if self.queries is None else ["queries", *_shown(self.queries)[1:]]
        said += [] if self.heads is None else ["heads", "+".join(f"{layer}.{head}" for layer, head in self.heads)]
        said += [] if self.layers is None else ["layers", "+".join(map(str, self.layers))]
        return " ".join(said)


@dataclass(frozen=True)
class Path:
    """Some heads, as one reader sees them: see ``path``."""

    source: Heads
    into: Heads | Literal["logits"]
    through: Through = "feed_forward"

    @property
    def kind(self) -> str | None:
        """Of the attention."""
        return self.source.kind

    def __str__(self) -> str:
        between = "" if self.through == "feed_forward" else ", through nothing"
        return f"{self.source} into {self.into}{between}"


Site = Heads | Layers | Edges


def heads(*places: tuple[int, int], part: Part = "output", at: Any = None, kind: str | None = None) -> Heads:
    """A part of some heads, which are one site.

    Args:
        *places: (layer, head), counted as ``record`` counts them. Keys and values of grouped heads are fewer than queries, and
            numbered as what they are: value head 0 of a model in which two heads share it is read by heads 0 and 1.
        part: "output", what a head hands to the projection; "query", "key", "value", before the softmax, with the model's
            rotation where it has one; "pattern", its weights.
        at: a place in the text, several, or the name of a span; negative ones count from the end of the text. Padding has none,
            and a cache goes on counting. Everywhere, where not given.
        kind: "encoder", "decoder", "cross" of an encoder-decoder, "self" of other models, where none is said.

    Raises:
        OptionError: no such part, or places that are none.

    Example:
        >>> print(heads((0, 3)), "|", heads((9, 6), (9, 9), part="key", at=-1))
        0.3 | key 9.6+9.9 at -1
    """
    return Heads(_pairs("heads", places), one_of("part", part, get_args(Part)), _where("at", at), _kind(kind))


def layers(*places: int, part: Sublayer = "attention", at: Any = None, kind: str | None = None) -> Layers:
    """What some layers add to the stream of a model, or that stream after them.

    Args:
        *places: layers, counted as ``record`` counts them.
        part: "attention", what comes out of its projection; "feed_forward", what comes out of its last linear map; "stream",
            what the layer hands on to the next one.
        at: as in ``heads``.
        kind: as in ``heads``: of the attention by which layers are counted.

    Raises:
        OptionError: no such part, or places that are none.

    Example:
        >>> print(layers(4, part="stream", at="subject"))
        stream 4 at subject
    """
    found = tuple(whole_number("layers", one, 0, advice="for example layers(0, 3)") for one in places)
    if not found or len(set(found)) < len(found):
        raise OptionError(f"layers: expected one layer or more, each once, got {in_short(places)}; for example layers(0, 3)")
    return Layers(found, one_of("part", part, get_args(Sublayer)), _where("at", at), _kind(kind))


def edges(keys: Any, queries: Any = None, heads: Any = None, layers: Any = None, *, kind: str | None = None) -> Edges:
    """What some queries see of some keys; with ``hide()``.

    Args:
        keys: places in the text, or the name of a span.
        queries: likewise; all that could see the keys, where not given.
        heads: (layer, head) pairs; all, where not given.
        layers: all, where not given.
        kind: as in ``heads``.

    Raises:
        OptionError: both heads and layers, or places that are none.

    Example:
        >>> print(edges("subject", queries=-1, layers=[3, 4]))
        keys subject queries -1 layers 3+4
    """
    where = _where("keys", keys)
    if where is None:
        raise OptionError("keys: expected places in the text or the name of a span, got None; for example edges(3)")
    if heads is not None and layers is not None:
        raise OptionError("layers: expected heads or layers, got both; a head says its layer")
    pairs = None if heads is None else _pairs("heads", heads)
    some = None if layers is None else tuple(whole_number("layers", one, 0) for one in several("layers", layers, "layers"))
    return Edges(where, _where("queries", queries), pairs, some, _kind(kind))


def path(source: Heads, into: Heads | Literal["logits"], *, through: Through = "feed_forward") -> Path:
    """Some heads, changed only as one reader sees them; of sweeps.

    A first run has the source replaced and every other head as it was, up to the reader: what the reader is then given goes
    into a second run, in which nothing else is replaced (Wang et al. 2022, arXiv 2211.00593, section 3). Norms on the way are
    computed anew, as the reader would see them. In models without an encoder.

    Args:
        source: outputs of heads.
        into: queries, keys or values of heads in later layers; or "logits", past all later heads.
        through: "feed_forward", the layers between compute anew what they add, as in that paper; "nothing", they add what they
            added.

    Raises:
        OptionError: a source that is no output, or a reader that is not behind it.

    Example:
        >>> print(path(heads((0, 3)), into=heads((1, 1), (1, 2), part="key")))
        0.3 into key 1.1+1.2
    """
    if not isinstance(source, Heads) or source.part != "output" or source.others:
        raise OptionError(
            f"source: expected the outputs of heads, got {in_short(source)}; for example path(heads((0, 3)), ...)"
        )
    one_of("through", through, get_args(Through))
    if not isinstance(into, Heads) or into.part not in ("query", "key", "value") or into.others:
        if not isinstance(into, str) or into != "logits":
            raise OptionError(
                f"into: expected queries, keys or values of heads, or 'logits', got {in_short(into)}; heads((1, 2), part='key')"
            )
    elif min(layer for layer, _ in into.places) <= max(layer for layer, _ in source.places):
        raise OptionError(f"into: expected heads in layers after {source}, got {into}; what is not behind it does not see it")
    return Path(source, into, through)


def all_but(site: Heads) -> Heads:
    """All heads that a site does not name, in all layers of its kind.

    Raises:
        DtypeError: it is no site of heads.

    Example:
        >>> print(all_but(heads((1, 0), (1, 2))))
        all but 1.0+1.2
    """
    if not isinstance(site, Heads):
        raise DtypeError(f"site: expected heads, got {in_short(site)}; for example all_but(heads((0, 3)))")
    return replace(site, others=not site.others)


def _pairs(name: str, given: Any) -> tuple[tuple[int, int], ...]:
    found = []
    for one in several(name, given, "(layer, head) pairs"):
        if not isinstance(one, tuple | list) or len(one) != 2:
            raise OptionError(f"{name}: expected (layer, head) pairs, got {in_short(one)}; for example heads((0, 3))")
        layer, head = (whole_number(name, number, 0, advice="(layer, head), counted from 0") for number in one)
        found.append((layer, head))
    if not found or len(set(found)) < len(found):
        raise OptionError(f"{name}: expected one (layer, head) or more, each once, got {in_short(given)}; for example (0, 3)")
    return tuple(found)


def _where(name: str, given: Any) -> Where:
    """Places, the name of a span, or everywhere."""
    if given is None:
        return None
    if isinstance(given, str):
        return text(name, given)
    if not hasattr(given, "__index__") or getattr(given, "ndim", False):
        listed = several(name, given, "places in the text", advice="a place, several, or the name of a span")
        found = tuple(whole_number(name, one, advice="places in the text, from 0, or from −1 back") for one in listed)
        if not found:
            raise OptionError(f"{name}: expected a place in the text or more, got none; leave it out for all of them")
        return found
    return (whole_number(name, given, advice="a place in the text, or the name of a span"),)


def _kind(given: str | None) -> str | None:
    return None if given is None else one_of("kind", given, ("encoder", "decoder", "cross", "self"))


def _shown(at: Where) -> list[str]:
    if at is None:
        return []
    return ["at", at if isinstance(at, str) else ",".join(map(str, at))]
