"""Where in its pictures a model looked while it wrote each word."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from regard.amounts import heads_text
from regard.analysis.mixtures.mixture import Head, layers_of
from regard.analysis.passages.sinks import SINK, sinks_of
from regard.analysis.pictures.said import rows_of_words, weights_of_heads
from regard.analysis.pictures.through import composed
from regard.arguments import number, several, truth, whole_number
from regard.axes.axis import Axis
from regard.axes.pictures import Picture, check_placeholders, pictures_as_spans, pictures_of
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured
from regard.progress import bar

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


class Share(NamedTuple):
    """What a word's rows give to each picture, to what is no patch, and to sinks among both; pictures and text sum to a row."""

    word: str
    pictures: tuple[float, ...]
    text: float
    sinks: float


class Sink(NamedTuple):
    """A patch that takes much of all rows, and of how many heads it is a sink."""

    picture: int
    view: str
    row: int
    column: int
    heads: int


@dataclass(frozen=True, repr=False)
class Patches(Pictured):
    """Attention from the words of an answer to the patches of pictures.

    Attributes:
        words: their names.
        rows: of each word: the queries that produced its tokens.
        pictures: where their patches are among the keys; through a resampler, keys after the text's are its patches.
        heads: what each head counts, summing to 1; of all heads the same where none were chosen.
        weights: (words, keys), mean over a word's rows of Σ_lh w_lh · A_lh.
        bare: the same without what goes to sinks of each head.
        shares: (layers, heads, words, pictures and the rest) of each head, which sum to a row's mass; NaN where a layer has
            fewer heads.
        layers: which layers.
        sinks: whether a key is a sink of a head, (layers, heads, keys).
        chosen: whether heads were chosen.
    """

    words: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    pictures: tuple[Picture, ...]
    heads: Mapping[Head, float]
    weights: Tensor
    bare: Tensor
    shares: Tensor
    layers: tuple[int, ...]
    sinks: Tensor
    chosen: bool

    @property
    def spans(self) -> Spans:
        """The pictures as spans of the keys, "image 0" on, or "frame 0, 0 to 2 s"."""
        return pictures_as_spans(self.pictures)

    def share(self) -> list[Share]:
        """Of each word's attention, what goes to each picture, to the rest of the text, and to sinks in either."""
        found = []
        for word, row, bare in zip(self.words, self.weights, self.bare, strict=True):
            parts = self._parts(self.words.index(word))
            found.append(Share(word, tuple(parts[:-1]), parts[-1], float((row - bare).sum())))
        return found

    def heat(
        self,
        word: str | int,
        picture: int = 0,
        *,
        against: "Patches | str | None" = None,
        sinks: bool = True,
        shape: tuple[int, int] | None = None,
    ) -> Tensor:
        """The attention of a word laid on a picture, (down, across).

        Args:
            word: its name or number.
            picture: which.
            against: "words" subtracts the mean over all words of the answer, what every word looks at; the same pictures under
                a neutral prompt divide, weight / weight there (its mean over words): 1 where the question changed nothing.
            sinks: whether they count; without them, patches that are sinks of a head are 0 for that head.
            shape: cells down and across; those of the finest view where not given.

        Raises:
            OptionError: no such word or picture; other pictures under the neutral prompt.
        """
        at = self._word(word)
        which = whole_number("picture", picture, 0, len(self.pictures) - 1, advice="pictures are counted from 0")
        rows = self.weights if truth("sinks", sinks) else self.bare
        shown = self.pictures[which]
        own = shown.heat(rows[at], shape)
        if against is None:
            return own
        if isinstance(against, str) and against == "words":
            return own - shown.heat(rows.mean(0), shape)
        if not isinstance(against, Patches):
            raise OptionError(f'against: expected "words", or patches under a neutral prompt, got {in_short(against)}')
        if [[(view.rows, view.columns) for view in one.views] for one in against.pictures] != [
            [(view.rows, view.columns) for view in one.views] for one in self.pictures
        ]:
            raise OptionError("against: expected the same pictures under another prompt, got other ones")
        neutral = against.weights if sinks else against.bare
        return own / against.pictures[which].heat(neutral.mean(0), shape)

    def strongest(self, count: int = 5, *, sinks: bool = False) -> list[tuple[str, int, int, int, float]]:
        """The cells that each word looked at most: (word, picture, row, column, weight), sinks left out unless asked for.

        A cell that a word did not look at is not among them.

        Raises:
            OptionError: no such count.
        """
        whole_number("count", count, 1)
        found: list[tuple[str, int, int, int, float]] = []
        for at, word in enumerate(self.words):
            cells: list[tuple[float, int, int, int]] = []
            for which in range(len(self.pictures)):
                heat = self.heat(at, which, sinks=sinks)
                values, places = heat.flatten().topk(min(count, heat.numel()))
                across = heat.shape[1]
                pairs = zip(values.tolist(), places.tolist(), strict=True)
                cells += [(value, which, place // across, place % across) for value, place in pairs if value > 0]
            best = sorted(cells, reverse=True)[:count]
            found += [(word, which, row, column, value) for value, which, row, column in best]
        return found

    def named_sinks(self) -> list[Sink]:
        """The patches that are sinks of a head, those of most heads first."""
        counts = self.sinks.sum((0, 1)).tolist()
        found = [
            Sink(which, view.name, at // view.columns, at % view.columns, counts[place])
            for which, picture in enumerate(self.pictures)
            for view in picture.views
            for at, place in enumerate(view.positions)
            if place < len(counts) and counts[place]
        ]
        return sorted(found, key=lambda one: -one.heads)

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each word and cell of each picture, for ``regard.save(found, "x.csv")``."""
        yield ["word", "picture", "row", "column", "weight", "weight without sinks", "weight above the mean over words"]
        for at, word in enumerate(self.words):
            for which in range(len(self.pictures)):
                grids = [self.heat(at, which), self.heat(at, which, sinks=False), self.heat(at, which, against="words")]
                for row in range(grids[0].shape[0]):
                    for column in range(grids[0].shape[1]):
                        yield [word, which, row, column, *(float(grid[row, column]) for grid in grids)]

    def __str__(self) -> str:
        names = self.spans.names
        who = heads_text(len(self.heads), chosen=self.chosen) + ("" if self.chosen else ", a first look")
        lines = [
            f"{who}; shares of a row, sinks are among the others",
            f"{'word':<16}" + "".join(f"{one[:15]:>16}" for one in names),
        ]
        lines[-1] += f"{'text':>8}{'sinks':>8}  looks at"
        best = {word: f"{which}: {row},{column}" for word, which, row, column, _ in self.strongest(1)}
        for one in self.share():
            shares = "".join(f"{share:>16.3f}" for share in one.pictures)
            lines.append(f"{one.word[:15]:<16}{shares}{one.text:>8.3f}{one.sinks:>8.3f}  {best.get(one.word, 'none')}")
        if found := self.named_sinks():
            said = ", ".join(f"{one.picture}: {one.row},{one.column} ({one.heads})" for one in found[:6])
            lines.append(f"{len(found)} patches are sinks (picture: row,column, heads): {said}{' …' if found[6:] else ''}")
        return "\n".join(lines)

    __repr__ = __str__

    def figure(
        self,
        images: Sequence[Any] | None = None,
        *,
        words: Sequence[str | int] | None = None,
        pictures: Sequence[int] | None = None,
        against: "Patches | str | None" = None,
        sinks: bool = True,
        title: str | None = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """A row of pictures for each word, with what it looked at laid over them, and the shares of pictures and text.

        Args:
            images: the pictures themselves, one each: paths, bytes, arrays or images of Pillow's; blank where not given.
            words: which words; the first eight where not given.
            pictures: which pictures or frames; all where not given, of many some that are evenly chosen.
            against: as for ``heat``; what is less than there is blue.
            sinks: as for ``heat``.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: no such word, picture or theme; ShapeError: other images than there are pictures.
        """
        from regard.analysis.pictures.figure import patches_figure

        look: dict[str, Any] = {"width": width, "font": font, "theme": theme, "ax": ax}
        asked = range(min(8, len(self.words))) if words is None else several("words", words, "words or their numbers")
        chosen = [self._word(word) for word in asked]
        if not chosen:
            raise OptionError("words: expected at least one, got none; leave it out for the first eight")
        return patches_figure(self, images, chosen, self._pictures(pictures), against=against, sinks=sinks, title=title, **look)

    def _word(self, word: str | int) -> int:
        if isinstance(word, str):
            if word not in self.words:
                raise OptionError(f"word: expected one of {in_short(self.words)}, got {in_short(word)}")
            return self.words.index(word)
        return whole_number("word", word, 0, len(self.words) - 1, advice="words are counted from 0")

    def _pictures(self, asked: Sequence[int] | None) -> list[int]:
        count = len(self.pictures)
        if asked is None:
            most = 10
            return list(range(count)) if count <= most else [at * (count - 1) // (most - 1) for at in range(most)]
        chosen = [whole_number("pictures", one, 0, count - 1) for one in several("pictures", asked, "numbers of pictures")]
        if not chosen:
            raise OptionError("pictures: expected at least one, got none; leave it out for all")
        return chosen

    def _parts(self, word: int) -> list[float]:
        """What the chosen heads give to each picture and to the rest."""
        at = {layer: place for place, layer in enumerate(self.layers)}
        total = sum(weight * self.shares[at[layer], head, word] for (layer, head), weight in self.heads.items())
        parts: list[float] = total.tolist() if isinstance(total, Tensor) else []
        return parts


@torch.no_grad()
def patches(
    recording: Any,
    answer: str | Sequence[int] | Mapping[str, Any] | Spans,
    *,
    pictures: Sequence[Picture] | None = None,
    heads: Mapping[Head, float] | None = None,
    kind: str | None = None,
    through: AttentionMap | None = None,
    queries: Sequence[int] | None = None,
    sink: float = SINK,
) -> Patches:
    """weight(word, patch) = mean over the rows t of a word of Σ_lh w_lh · A_lh[t, patch], w summing to 1.

    Where in the picture did it look when it wrote "red"? At which picture, or did it look at all? One streaming pass over the
    rows of the answer; memory is that of words × keys.

    Most of what a language model looks at is text, and a few patches that it looks at for every word: sinks are found as in
    ``regard.passages`` and named, and ``heat(..., against=)`` takes away what is the same for all words, or under a neutral
    prompt. A patch at depth has mixed its neighbours: it is where the model read, and not all that it read there.

    Args:
        recording: a recording or maps of one sequence, prompt and answer in one pass; of a model with several towers, that of
            the text: ``recording.tower("language_model")``.
        answer: its text or positions, of which each word is one; or words by name, each a text or positions; or ``Spans``.
        pictures: where patches stand, ``regard.pictures(inputs, model.config)``; as the recording knows it where not given,
            where each tile is a picture by itself.
        heads: what each head counts, {(layer, head): weight}; the mean of all where not given, which is a first look.
        kind: as in ``regard.mixture``.
        through: of a model whose text has queries of a resampler in place of patches (BLIP-2): the resampler's own map from
            queries to patches, (pictures, 1, queries, patches), one head or a ``regard.mixture``. Attention to a query is
            handed on to its patches, A_text · A_resampler.
        queries: the positions of those queries in the text, in the order of the pictures.
        sink: from which mean mass on a key is one, as in ``regard.passages``.

    Raises:
        OptionError: an answer, heads or pictures that are not there; ShapeError: several sequences, positions beyond the map.

    Example:
        >>> import regard
        >>> from regard.axes import View
        >>> amap = regard.AttentionMap(torch.randn(1, 2, 9, 4), torch.randn(1, 2, 9, 4), causal=True)
        >>> found = patches(amap, {"red": [7], "fox": [8]}, pictures=[Picture((View(2, 2, range(1, 5)),))])
        >>> found.heat("red").shape, len(found.share()[0].pictures)
        (torch.Size([2, 2]), 1)
    """
    layers = layers_of(recording, kind)
    number("sink", sink, above=0, most=1, advice="such as 0.05")
    first = layers[min(layers)]
    if wrong := [amap.shape for amap in layers.values() if amap.shape[0] != 1 or amap.shape[2:] != first.shape[2:]]:
        raise ShapeError(
            f"recording: expected maps of one sequence and one size, got {wrong[0]} beside {first.shape}; take one sequence: "
            "recording.sample(0)"
        )
    size = first.shape[3]
    words = rows_of_words(first, answer)
    counted = weights_of_heads(layers, heads)
    if through is not None:
        shown, handed, own = composed(through, queries, pictures, size)
    else:
        if queries is not None:
            raise OptionError("queries: expected them beside through=, the map of a resampler, got them alone")
        shown = pictures_of(first.keys) if pictures is None else _checked(pictures, first.keys, size)
        handed, own = None, [one.positions for one in shown]
    belongs = torch.zeros(size, len(own) + 1, dtype=torch.float64)
    belongs[:, -1] = torch.tensor(first.keys.present, dtype=torch.float64)
    for at, places in enumerate(own):
        belongs[list(places), at], belongs[list(places), -1] = 1, 0
    order = sorted(layers)
    found = [
        _of_layer(layers[layer], words, belongs, {head: w for (one, head), w in counted.items() if one == layer}, sink)
        for layer in bar(order, desc="reading the answer", unit="layer", delay=1, leave=False)
    ]
    most = max(one.shares.shape[0] for one in found)
    weights, bare = sum(one.weights for one in found), sum(one.bare for one in found)
    if not isinstance(weights, Tensor) or not isinstance(bare, Tensor):
        raise OptionError("recording: expected at least one layer, got none")
    if handed is not None:
        weights, bare = (torch.cat([one, handed(one)], 1) for one in (weights, bare))
    shares = torch.stack([_widened(one.shares, most) for one in found])
    sinks = torch.stack([_widened(one.sinks.double(), most) for one in found]).nan_to_num() > 0
    names, rows = tuple(words), tuple(words.values())
    return Patches(names, rows, tuple(shown), counted, weights, bare, shares, tuple(order), sinks, heads is not None)


class _OfLayer(NamedTuple):
    weights: Tensor  # (words, keys)
    bare: Tensor
    shares: Tensor  # (heads, words, parts)
    sinks: Tensor  # (heads, keys)


def _of_layer(
    amap: AttentionMap, words: Mapping[str, tuple[int, ...]], belongs: Tensor, counted: Mapping[int, float], sink: float
) -> _OfLayer:
    """What one layer gives."""
    rows = sorted({row for own in words.values() for row in own})
    means = torch.zeros(len(words), len(rows), dtype=torch.float64)
    for at, own in enumerate(words.values()):
        means[at, [rows.index(row) for row in own]] = 1 / len(own)
    heads, size = amap.shape[1], amap.shape[3]
    factor = torch.tensor([counted.get(head, 0.0) for head in range(heads)], dtype=torch.float64)
    sinks = sinks_of(amap, tuple(rows), sink)
    weights, in_sinks = (torch.zeros(len(words), size, dtype=torch.float64) for _ in range(2))
    shares = torch.zeros(heads, len(words), belongs.shape[1], dtype=torch.float64)
    for block in amap.select(queries=rows).rows(progress=None):
        word, row = means[:, block.queries].nonzero(as_tuple=True)  # a word has few rows: no product of all with all
        part = block.weights[0].double().cpu()[:, row] * means[:, block.queries][word, row, None]
        mean = torch.zeros(len(part), len(words), part.shape[-1], dtype=torch.float64).index_add_(1, word, part)
        shares[block.heads] += mean @ belongs[block.columns]
        mean *= factor[block.heads, None, None]
        weights[:, block.columns] += mean.sum(0)
        taken = sinks[block.heads, None, block.columns]
        some = taken.any(0)[0].nonzero()[:, 0]
        in_sinks[:, block.columns] = in_sinks[:, block.columns].index_add(1, some, (mean[..., some] * taken[..., some]).sum(0))
    return _OfLayer(weights, weights - in_sinks, shares, sinks)


def _checked(pictures: Any, keys: Axis, size: int) -> tuple[Picture, ...]:
    made = tuple(several("pictures", pictures, "pictures, as regard.pictures gives them"))
    if not made or not all(isinstance(one, Picture) for one in made):
        raise DtypeError(f"pictures: expected what regard.pictures(inputs, config) gives, got {in_short(pictures)}")
    if (last := max(at for one in made for at in one.positions)) >= size:
        raise ShapeError(f"pictures: expected positions from 0 to {size - 1}, the map's, got {last}")
    if shared := [at for at, times in Counter(at for one in made for at in one.positions).items() if times > 1]:
        raise OptionError(
            f"pictures: expected positions of one picture each, got {shared[0]} in several; count what comes before"
        )
    check_placeholders(made, keys)
    return made


def _widened(values: Tensor, heads: int) -> Tensor:
    return torch.cat([values, values.new_full((heads - len(values), *values.shape[1:]), math.nan)])
