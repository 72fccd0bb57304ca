"""What a sweep goes through: sites, each with the name and the place that its rows have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from regard.arguments import one_of, several, text, whole_number
from regard.errors import OptionError, in_short
from regard.interventions.intervene import checked_site
from regard.interventions.sites import Edges, Heads, Layers, Path, Site, layers
from regard.interventions.statistics.controls import random_groups

WHAT = ("heads", "layers", "positions")


class Asked(NamedTuple):
    """One site of a sweep.

    Attributes:
        name: of the site, as its rows have it.
        site: where it is.
        kind: of the attention that it is about.
        layer: the only layer that it is in; −1 where it is in several.
        head: the only head; likewise.
        depth: the first layer that it may change.
    """

    name: str
    site: Site | Path
    kind: str
    layer: int
    head: int
    depth: int


def checked_what(what: Any) -> str | dict[str, Site | Path]:
    """What is gone through: one of the words, or sites by name.

    Raises:
        OptionError: another word, or two sites of one name; DtypeError: what is no site.
    """
    if isinstance(what, str):
        return one_of("what", what, WHAT, advice="or a list of sites, or a dict of them by name")
    if isinstance(what, Heads | Layers | Edges | Path):
        what = [what]
    if isinstance(what, Mapping):
        found = {text("what", name): _checked(site) for name, site in what.items()}
    else:
        listed = [_checked(site) for site in several("what", what, "sites")]
        found = {str(site): site for site in listed}
        if len(found) < len(listed):
            raise OptionError(f"what: expected sites that differ, got {in_short(listed)}")
    if not found:
        raise OptionError("what: expected a site or more, got none; for example 'heads'")
    return found


def _checked(site: Any) -> Site | Path:
    return site if isinstance(site, Path) else checked_site(site)


MOST_CONTROLS = 10_000
"""Random groups beside a group: p of none as large is then 1 in as many."""


@dataclass(frozen=True)
class Controls:
    """Random groups that run beside each group of heads: as many heads of each layer, at the same places."""

    count: int = 0
    seed: int = 0

    def checked(self, what: str | Mapping[str, Site | Path]) -> "Controls":
        """Refuse what has no such groups.

        Raises:
            OptionError: which site.
        """
        whole_number("controls", self.count, 0, MOST_CONTROLS, advice="each runs as a site of its own")
        whole_number("seed", self.seed, 0)
        for site in (what.values() if isinstance(what, Mapping) else (what,)) if self.count else ():
            if not isinstance(site, Heads) or site.others or site.part in ("key", "value"):
                raise OptionError(
                    f"controls: expected groups of heads' outputs, queries or patterns, got {site}; for example "
                    "what={'movers': heads((0, 3), (1, 2))}"
                )
        return self

    def names(self, name: str) -> list[str]:
        """Of the groups that run beside one."""
        return [f"{name}, control {number}" for number in range(self.count)]

    def of(self, name: str, site: Heads, layers: Mapping[int, int]) -> Iterator[tuple[str, Heads]]:
        """The groups that run beside one, by name, in a model whose layers have so many heads."""
        groups = random_groups(site.places, layers, self.count, self.seed) if self.count else ()
        for control, places in zip(self.names(name), groups, strict=True):
            yield control, replace(site, places=places)


NONE = Controls()


def sites_of(
    what: str | Mapping[str, Site | Path],
    kind: str,
    heads: Mapping[tuple[str, int], int],
    positions: int,
    controls: Controls = NONE,
) -> list[Asked]:
    """The sites of a model whose layers have these numbers of heads.

    Args:
        what: as ``checked_what`` has it.
        kind: of the heads, layers and positions.
        heads: by (kind, layer).
        positions: of a text.
        controls: that run beside groups of heads.

    Raises:
        OptionError: there are no such heads, or none of this kind.
    """
    own = {layer: count for (one, layer), count in sorted(heads.items()) if one == kind}
    if isinstance(what, str) and not own:
        had = sorted({one for one, _ in heads})
        raise OptionError(f"kind: expected one of {', '.join(had)}, whose attention ran, got {kind!r}")
    named = dict(what) if isinstance(what, Mapping) else {str(site): site for site in _of_word(what, kind, own, positions)}
    found = [_asked(name, site, kind, own, heads) for name, site in named.items()]
    for name, site in named.items() if controls.count else ():
        if isinstance(site, Heads):  # as all of them are
            layers = {layer: count for (one, layer), count in heads.items() if one == (site.kind or kind)}
            found += [_asked(*one, kind, own, heads) for one in controls.of(name, site, layers)]
    return found


def _of_word(what: str, kind: str, own: Mapping[int, int], positions: int) -> Iterator[Site]:
    """Every head, what every layer adds to the stream, or the stream after each layer at each position."""
    for layer, count in own.items():
        if what == "heads":
            yield from (Heads(((layer, head),)) for head in range(count))
        elif what == "layers":
            yield layers(layer, part="attention")
            if kind != "cross":
                yield layers(layer, part="feed_forward")
        else:
            yield from (layers(layer, part="stream", at=at) for at in range(positions))


def _asked(name: str, site: Site | Path, kind: str, own: Mapping[int, int], heads: Mapping[tuple[str, int], int]) -> Asked:
    if isinstance(site, Path):
        asked = _asked(name, site.source, kind, own, heads)
        if not isinstance(site.into, str):
            _asked(name, site.into, kind, own, heads)
        return asked._replace(site=site)
    kind = site.kind or kind
    own = {layer: count for (one, layer), count in heads.items() if one == kind}
    places: Sequence[tuple[int, int]]
    if isinstance(site, Heads):
        places = site.places if not site.others else [(layer, -1) for layer in own]
    elif isinstance(site, Layers):
        places = [(layer, -1) for layer in site.places]
    else:
        places = site.heads or [(layer, -1) for layer in (own if site.layers is None else site.layers)]
    if missing := sorted({layer for layer, _ in places} - own.keys()):
        raise OptionError(f"{name}: expected {kind} layers of the model, {sorted(own)}, got {missing[0]}")
    grouped = isinstance(site, Heads) and site.part in ("key", "value")  # fewer: the call itself will say so
    if not grouped and (wrong := [one for one in places if one[1] >= own[one[0]]]):
        raise OptionError(f"{name}: expected heads from 0 to {own[wrong[0][0]] - 1} in layer {wrong[0][0]}, got {wrong[0][1]}")
    in_layers, only = {layer for layer, _ in places}, len(places) == 1
    return Asked(
        name, site, kind, places[0][0] if len(in_layers) == 1 else -1, places[0][1] if only else -1, min(in_layers, default=0)
    )
