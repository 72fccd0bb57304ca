"""How much of an answer's attention each passage of a prompt has, beside what chance would give it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from regard.amounts import heads_text
from regard.analysis.heads.visibility import visible_keys
from regard.analysis.mixtures.mixture import Head, layers_of
from regard.analysis.passages.answers import rows_of
from regard.analysis.passages.ranks import rank_correlation
from regard.analysis.passages.sinks import SINK, sinks_of
from regard.arguments import number, one_of, whole_number
from regard.axes.axis import Axis
from regard.axes.running_text import running_text
from regard.axes.spans import Parts, Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured
from regard.progress import bar
from regard.tokens.texts import visible

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

STATISTICS = ("lift", "lift_without_sinks", "mass", "mass_without_sinks", "density")
"""What a passage may be ranked by."""

LONGEST_NAME, LONGEST_TEXT = 38, 48
"""Letters of a passage in a line."""


class Ranked(NamedTuple):
    """A passage among others: its value, how many of the heads rank it first, and how many tokens it has."""

    name: str
    value: float
    first: int
    tokens: int


@dataclass(frozen=True, repr=False)
class Passages(Pictured):
    """Attention from the rows of an answer to passages.

    Tensors are (layers, heads, passages and the rest); NaN where a layer has fewer heads. The rest is what belongs to none.

    Attributes:
        spans: the passages.
        layers: which layers.
        rows: of the answer.
        keys: how many there are.
        mass: mean over rows t of Σ_{k∈S} w_tk. With the rest they sum to a row's mass, if no token is in two passages.
        lift: mass / mean over t of #(S ∩ V(t)) / #V(t), where V(t) are the keys that row t may see: 1 where attention is spread
            evenly, whatever the length of the passage and wherever it stands.
        mass_without_sinks: the share of what does not go to sinks.
        lift_without_sinks: lift, with sinks counted neither as seen nor as mass.
        density: mass / #S.
        sinks: whether a key is a sink of a head, (layers, heads, keys).
        sizes: #S of each passage and of the rest: padding is in none.
        text: the keys, with what is known of them; None where they have no texts.
    """

    spans: Spans
    layers: tuple[int, ...]
    rows: tuple[int, ...]
    keys: int
    mass: Tensor
    lift: Tensor
    mass_without_sinks: Tensor
    lift_without_sinks: Tensor
    density: Tensor
    sinks: Tensor
    sizes: tuple[int, ...]
    text: Axis | None = None

    def ranked(self, by: str = "lift", *, heads: Mapping[Head, float] | None = None) -> list[Ranked]:
        """The passages, the strongest first; last, with NaN, those that none of the rows may see.

        Args:
            by: one of ``STATISTICS``.
            heads: what each head counts, {(layer, head): weight}, as retrieval heads by their score; where not given the mean
                of all, which is no more than a first look.

        Raises:
            OptionError: another statistic, a head that is not there, or weights of which none is above 0.

        Example:
            >>> import regard
            >>> amap = regard.AttentionMap(torch.randn(1, 2, 9, 4), torch.randn(1, 2, 9, 4), causal=True)
            >>> found = passages(amap, Spans(("first", "second"), (range(0, 3), range(3, 6))), answer=[7, 8])
            >>> sorted(line.name for line in found.ranked())
            ['first', 'second']
        """
        values, counts = self._chosen(by, heads)
        of_heads = values[:, : len(self.spans)]
        seeing = of_heads[~of_heads.isnan().all(1)]  # a head that may see none of them ranks none first
        firsts = seeing.nan_to_num(nan=-1).argmax(1).bincount(minlength=len(self.spans)).tolist()
        lines = [
            Ranked(name, mean, first, size)
            for name, mean, first, size in zip(self.spans.names, _means(of_heads, counts), firsts, self.sizes[:-1], strict=True)
        ]
        return sorted(lines, key=lambda line: (math.isnan(line.value), -line.value))

    def contrast(self, neutral: "Passages") -> Tensor:
        """The mass over that under a neutral prompt, (layers, heads, passages): what a question adds to what heads always do.

        Args:
            neutral: the same passages and heads under a prompt that asks for nothing in particular.

        Raises:
            OptionError: other passages; ShapeError: other heads.
        """
        if not isinstance(neutral, Passages):
            raise DtypeError(f"neutral: expected passages under another prompt, got {in_short(neutral)}; call regard.passages")
        if neutral.spans.names != self.spans.names:
            raise OptionError(f"neutral: expected passages {in_short(self.spans.names)}, got {in_short(neutral.spans.names)}")
        if neutral.mass.shape != self.mass.shape:
            raise ShapeError(f"neutral: expected heads of {tuple(self.mass.shape)}, got those of {tuple(neutral.mass.shape)}")
        return self.mass[..., :-1] / neutral.mass[..., :-1]

    def agreement(self, effects: Mapping[str, float], by: str = "lift", *, heads: Mapping[Head, float] | None = None) -> float:
        """Spearman's rank correlation of a statistic with what hiding each passage costs: 1 − 6 Σ d² / (n³ − n) without ties.

        Attention is not importance. A passage's effect is the measure with it hidden − with it seen, ``regard.sweep`` with
        ``edges(keys=…)`` and ``hide()``; here effects count by how much is lost, −effect.

        Args:
            effects: of each passage, by its name.
            by: one of ``STATISTICS``.
            heads: as for ``ranked``.

        Raises:
            OptionError: effects of other passages, or of fewer than three.
        """
        if not isinstance(effects, Mapping) or set(effects) != set(self.spans.names):
            raise OptionError(f"effects: expected one by name for {in_short(self.spans.names)}, got {in_short(effects)}")
        if len(effects) < 3:
            raise OptionError(f"effects: expected those of at least 3 passages, got {len(effects)}; fewer say nothing of ranks")
        found = {line.name: line.value for line in self.ranked(by, heads=heads)}
        lost = {name: -number(f"effects[{name!r}]", effect) for name, effect in effects.items()}
        return rank_correlation(*([values[name] for name in self.spans.names] for values in (found, lost)))

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each head and passage, for ``regard.save(found, "x.csv")``."""
        yield ["layer", "head", "passage", "tokens", *STATISTICS]
        for at, layer in enumerate(self.layers):
            for head in range(self.mass.shape[1]):
                if math.isnan(self.mass[at, head, 0].item()):
                    continue
                for which, name in enumerate([*self.spans.names, "rest"]):
                    values = [float(getattr(self, statistic)[at, head, which]) for statistic in STATISTICS]
                    yield [layer, head, name, self.sizes[which], *values]

    def listing(self, heads: Mapping[Head, float] | None = None) -> str:
        """The passages as they are printed, ranked by lift, each beside what it says where its name does not.

        Args:
            heads: as for ``ranked``.

        Raises:
            OptionError: as ``ranked``.
        """
        ranked = self.ranked(heads=heads)
        mass = {line.name: line.value for line in self.ranked("mass", heads=heads)}
        bare = {line.name: line.value for line in self.ranked("lift_without_sinks", heads=heads)}
        values, counts = self._chosen("mass", heads)
        who = heads_text(len(values), chosen=heads is not None)
        rows = "1 row" if len(self.rows) == 1 else f"{len(self.rows)} rows"
        names = {name: _cut(visible(name), LONGEST_NAME) for name in self.spans.names}
        wide = max(12, *map(len, names.values())) + 2
        lines = [
            f"{rows} of the answer, {who}; lift is 1 where attention is spread evenly",
            f"{'passage':<{wide}}{'tokens':>8}{'lift':>8}{'no sinks':>10}{'mass':>8}  first in",
        ]
        for name, lift, first, tokens in ranked:
            numbers = f"{tokens:>8,}{lift:>8.2f}{bare[name]:>10.2f}{mass[name]:>8.3f}"
            lines.append(f"{names[name]:<{wide}}{numbers}  {f'{first} of {len(values)}':<12}{self._says(name)}".rstrip())
        rest = _means(values[:, -1:], counts)[0]
        lines.append(f"{'rest':<{wide}}{self.sizes[-1]:>8,}{'':>18}{rest:>8.3f}")
        return "\n".join(lines)

    def _says(self, name: str) -> str:
        """The text of a passage, cut; nothing where it has none, or its name is that text."""
        if self.text is None:
            return ""
        said = visible(running_text(self.text, self.spans.places[self.spans.names.index(name)]))
        own = "".join(visible(name).split()).casefold()
        return "" if "".join(said.split()).casefold() in own else _cut(said, LONGEST_TEXT)

    def __str__(self) -> str:
        return self.listing()

    __repr__ = __str__

    def figure(
        self,
        by: str = "lift",
        *,
        heads: Mapping[Head, float] | None = None,
        title: str | None = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The prompt from its first to its last token: each passage where it stands, as high as its value, with its name.

        Args:
            by: one of ``STATISTICS``.
            heads: as for ``ranked``.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: another statistic or theme, or a head that is not there.
        """
        from regard.analysis.passages.figure import passages_figure

        values, counts = self._chosen(by, heads)
        means = [0.0 if math.isnan(mean) else mean for mean in _means(values[:, :-1], counts)]
        who = heads_text(len(values), chosen=heads is not None)
        said = f"{by.replace('_', ' ')} of the prompt's passages, {who}" if title is None else title
        even = 1.0 if by.startswith("lift") else None
        return passages_figure(
            self.spans, means, self.keys, by.replace("_", " "), even, title=said, width=width, font=font, theme=theme, ax=ax
        )

    def _chosen(self, by: str, heads: Mapping[Head, float] | None) -> tuple[Tensor, Tensor]:
        """The values of some heads, (heads, passages and rest), and what each counts, (heads,)."""
        values: Tensor = getattr(self, one_of("by", by, STATISTICS))
        if heads is None:
            there = values[~self.mass[..., 0].isnan()]
            return there, torch.ones(len(there), dtype=torch.float64)
        if not isinstance(heads, Mapping) or not heads:
            raise OptionError(f"heads: expected what each counts, {{(layer, head): weight}}, got {in_short(heads)}")
        found, counts = [], []
        for place, weight in heads.items():
            if not isinstance(place, tuple) or len(place) != 2:
                raise DtypeError(f"heads: expected (layer, head) for each, got {in_short(place)}")
            layer = whole_number("heads", place[0], 0)
            head = whole_number("heads", place[1], 0)
            at = self.layers.index(layer) if layer in self.layers else -1
            if at < 0 or head >= values.shape[1] or bool(self.mass[at, head, 0].isnan()):
                raise OptionError(f"heads: expected heads of layers {', '.join(map(str, self.layers))}, got {place}")
            found.append(values[at, head])
            counts.append(number("heads", weight, least=0, advice="a weight of 0 or more"))
        if sum(counts) <= 0:
            raise OptionError("heads: expected at least one weight above 0, got none")
        return torch.stack(found), torch.tensor(counts, dtype=torch.float64)


@torch.no_grad()
def passages(
    recording: Any, spans: Spans | Parts, *, answer: str | Sequence[int], kind: str | None = None, sink: float = SINK
) -> Passages:
    """mass(S) = mean over rows t of the answer of Σ_{k∈S} w_tk, and lift(S) = mass(S) / mean over t of #(S ∩ V(t)) / #V(t).

    Which passage did this answer look at? Mass favours what is long, and what stands early in a causal text; lift takes both
    out, and is what passages are ranked by. One streaming pass over the rows of the answer, at any length.

    Sinks are found, not supposed: a key is one of a head where it takes ``sink`` of a row or more, and five times its even
    share, in the mean of up to 256 rows from the second half of those before the answer. What looks like a passage that was
    read may be the sink in it.

    Attention is not importance: hide the passages too, and see whether the two agree (``Passages.agreement``).

    Args:
        recording: a recording or maps of one sequence, prompt and answer in one pass.
        spans: the passages: ``Spans``, or texts as they stand in the prompt, or texts by name.
        answer: positions of its tokens, or its text. Of a decoder, the row t − 1 is read for the token at t; as many as the
            text has tokens is the one that comes next.
        kind: as in ``regard.mixture``.
        sink: from which mean mass on a key is one.

    Raises:
        OptionError: passages or an answer that are not there; ShapeError: several sequences, or spans beyond the map;
            DtypeError: ranges of positions that are no ``Spans``.

    Example:
        >>> import regard
        >>> recording = regard.translate("The cat sat on the mat.").recording
        >>> found = passages(recording, ["the cat", "on the mat"], answer="chat", kind="cross")
        >>> found.ranked()[0][0]
        'the cat'
    """
    layers = layers_of(recording, kind)
    number("sink", sink, above=0, most=1, advice="such as 0.05")
    first = layers[min(layers)]
    for layer, amap in layers.items():
        if amap.shape[0] != 1:
            raise ShapeError(f"recording: expected one sequence, got {amap.shape[0]}; take one: recording.sample(0)")
        if amap.shape[2:] != first.shape[2:]:
            raise ShapeError(
                f"recording: expected maps of one size, got {first.shape[2:]} and {amap.shape[2:]} in layer {layer}"
            )
    if not isinstance(spans, Spans):
        _check_texts(spans)
        spans = Spans.found(first.keys, spans)
    if not len(spans):
        raise OptionError("spans: expected at least one passage, got none")
    size = first.shape[3]
    if (beyond := max(at for one in spans.places for at in one)) >= size:
        raise ShapeError(f"spans: expected positions from 0 to {size - 1}, the map's, got {beyond}")
    rows = rows_of(first, answer)
    order = bar(sorted(layers), desc="reading the answer", unit="layer", delay=1, leave=False)
    found = [_of_layer(layers[layer], spans, rows, sink) for layer in order]
    heads = max(one[0].shape[0] for one in found)
    mass, lift, bare, bare_lift, sinks = (torch.stack([_widened(one[at], heads) for one in found]) for at in range(5))
    present = first.keys.present
    sizes = tuple(sum(present[at] for at in places) for places in [*spans.places, spans.rest(size)])
    density = mass / torch.tensor(sizes, dtype=torch.float64)
    names = tuple(sorted(layers))
    text = first.keys if first.keys.text is not None else None
    return Passages(spans, names, rows, size, mass, lift, bare, bare_lift, density, sinks.nan_to_num() > 0, sizes, text)


def _check_texts(spans: Parts) -> None:
    """Refuse ranges of positions, which texts by name are not."""
    given = spans.values() if isinstance(spans, Mapping) else spans
    if isinstance(given, Iterable) and any(isinstance(one, range) for one in given):
        raise DtypeError(
            f"spans: expected texts as they stand in the prompt, got {in_short(spans)}; of positions: "
            'regard.Spans(("rules", "letter"), (range(1, 90), range(90, 240)))'
        )


def _of_layer(amap: AttentionMap, spans: Spans, rows: tuple[int, ...], sink: float) -> tuple[Tensor, ...]:
    """Mass, lift and both without sinks, (heads, passages and rest) each, and which keys are sinks, (heads, keys)."""
    size, heads = amap.shape[3], amap.shape[1]
    belongs = torch.zeros(size, len(spans) + 1, dtype=torch.float64)
    for at, places in enumerate([*spans.places, spans.rest(size)]):
        belongs[list(places), at] = 1
    belongs *= torch.tensor(amap.keys.present)[:, None]  # padding is in no passage
    part = amap.select(queries=list(rows))
    sinks = sinks_of(amap, rows, sink)
    taken = torch.zeros(heads, size, dtype=torch.float64)  # by each key, from all rows of the answer
    for block in part.rows(progress=None):
        taken[block.heads, block.columns] += block.weights[0].double().cpu().sum(1)
    mass, in_sinks = (each @ belongs / len(rows) for each in (taken, taken * sinks))
    even, bare_even = _even(part, belongs, sinks)
    bare = mass - in_sinks
    total = bare.sum(-1, keepdim=True)
    bare = torch.where(total > 0, bare / total, 0)
    return mass, mass / even, bare, bare / bare_even, sinks.double()


def _even(part: AttentionMap, belongs: Tensor, sinks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over t of #(S ∩ V(t)) / #V(t), what even attention would give: with and without sinks, (heads, passages) each."""
    heads = len(sinks)
    some = sinks.any(0).nonzero()[:, 0]  # few keys, and each a sink of some heads only
    with_sinks, without = (torch.zeros(heads, belongs.shape[1], dtype=torch.float64) for _ in range(2))
    for _, seen in visible_keys(part):
        seen = seen.double()
        count = (seen @ belongs).expand(heads, -1, -1)  # (heads, rows, passages)
        with_sinks += (count / count.sum(-1, keepdim=True).clamp(min=1)).sum(1)
        count = count - (seen[..., some] * sinks[:, None, some]) @ belongs[some]
        without += (count / count.sum(-1, keepdim=True).clamp(min=1)).sum(1)
    return with_sinks / part.shape[2], without / part.shape[2]


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def _widened(values: Tensor, heads: int) -> Tensor:
    return torch.cat([values, values.new_full((heads - len(values), *values.shape[1:]), torch.nan)])


def _means(values: Tensor, counts: Tensor) -> list[float]:
    """Weighted means over heads, a number a passage; NaN where none of them may see it."""
    there = ~values.isnan()
    means: list[float] = ((counts[:, None] * values.nan_to_num()).sum(0) / (counts[:, None] * there).sum(0)).tolist()
    return means
