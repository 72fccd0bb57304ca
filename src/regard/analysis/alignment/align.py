"""From soft attention to hard word alignment.

Cross-attention is read at one head: averaged over heads it says little (Garg et al. 2019, arXiv 1909.02074). The row of a
target token can be the query that *produced* it, or the one that *consumed* it a step later, when the token is known (Chen et
al. 2020, arXiv 2004.14837, "Shift-Att"); which of the two aligns better is a property of the head, and measured.
"""

import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import regex
from torch import Tensor

from regard.analysis.alignment.error_rates import Link
from regard.analysis.alignment.methods import Rule, links_of
from regard.analysis.alignment.word_maps import mean_of, merge
from regard.arguments import one_of, several, whole_number
from regard.axes.axis import Axis
from regard.axes.roles import ROLES
from regard.errors import OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured
from regard.tokens.words import Words, WordsAsked

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

ROW_NAMES = ("produced", "consumed")
SHOWN = 24
"""Characters of a word that is shown in a warning."""

HELD = 2**20
"""Bytes of a word map that is computed once; a larger one is read in blocks whenever it is needed."""

GivenWords = WordsAsked | Words | None

_NO_BLANKS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{8}")
"""Scripts without blanks, in a stretch that is longer than most words."""


class Reading(NamedTuple):
    """Where cross-attention is read: layer, head, and by the row that "produced" a token or the one that "consumed" it."""

    layer: int
    head: int
    rows: str


@dataclass(frozen=True, eq=False)
class Alignment(Pictured):
    """Which source word each target word looked at.

    Attributes:
        links: pairs (source word, target word), counted from 0.
        word_map: the weights, as a map (1, 1, target words, source words) that computes what is read when it is read.
        source_words: the words of the source, split at blanks where none were given.
        target_words: the words of the target.
        readings: the layers, heads and rows that were read, and averaged where there are several.
        rule: the method, threshold and sinks that made links of weights.

    Example:
        >>> import regard
        >>> found = regard.translate("No.").alignment
        >>> sorted(found.links), found.source_words, found.target_words
        ([(0, 0)], ('No.',), ('Non.',))
    """

    links: frozenset[Link]
    word_map: AttentionMap
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    readings: tuple[Reading, ...]
    rule: Rule

    @property
    def reading(self) -> Reading:
        """The first of the readings: the one to look at."""
        return self.readings[0]

    @property
    def weights(self) -> Tensor:
        """(target words, source words); attention summed over the tokens of a source word and averaged over a target word's.

        Special tokens are left out, so a row sums to 1 less what it spent on them.

        Raises:
            TooLargeError: more than 1 GiB; read regions and statistics of ``word_map`` instead.
        """
        return self.word_map.dense()[0, 0]

    def table(self) -> Iterator[Sequence[object]]:
        """The weights as a table, for ``regard.save(alignment, "x.csv")``: source words in the header, a line a target word."""
        yield ["target word", *self.source_words]
        for word, weights in zip(self.target_words, self.weights.tolist(), strict=True):
            yield [word, *weights]

    def figure(
        self,
        sure: Collection[Link] | None = None,
        possible: Collection[Link] = (),
        *,
        kind: str = "matrix",
        title: str = "",
        scale: str | None = "linear",
        cmap: Any = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The links as a picture, and the gold ones beside them where they are given.

        In the matrix, a cell is the weight that a target word (row) gave a source word (column); a dot is a link that was
        found. A frame is a gold link, dashed where it is only possible; a cross instead of a dot is a link that gold does not
        have. A ribbon is a link, as wide as its weight; gold links that were not found are dashed lines.

        Args:
            sure: gold links that all annotators drew; no gold is drawn where they are left out.
            possible: gold links that are not wrong.
            kind: "matrix" or "ribbon".
            title: above the picture.
            scale: of the matrix: "linear", "max" or "log", as in ``regard.heatmap``.
            cmap: of the matrix, likewise.
            width: in inches, likewise.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Returns:
            The figure; a notebook shows it, and ``regard.save`` writes it.

        Raises:
            OptionError: another kind or theme; ShapeError: no words, too many, or gold links of words that are not there.

        Example:
            >>> import regard
            >>> figure = regard.translate("The cat sat on the mat.").alignment.figure(kind="ribbon")
            >>> [text.get_text() for text in figure.axes[0].texts][:2]
            ['The', 'cat']
        """
        from regard.analysis.alignment.figure import alignment_figure

        drawn = (self.links, self.weights, self.source_words, self.target_words, sure, possible)
        named = {reading.rows for reading in self.readings}
        rows = f"target words, as {ROLES[named.pop()]}" if len(named) == 1 else "target words"
        look: dict[str, Any] = {"scale": scale, "cmap": cmap, "width": width, "font": font, "theme": theme, "ax": ax}
        return alignment_figure(*drawn, kind=kind, title=title, rows=rows, **look)


def align(
    cross: Sequence[AttentionMap],
    layer: int | None = None,
    head: int | None = None,
    *,
    rows: str | None = None,
    readings: Sequence[Reading] | None = None,
    threshold: float = 0.0,
    method: str = "argmax",
    sinks: str = "ignore",
    reverse: Alignment | None = None,
    source_words: GivenWords = None,
    target_words: GivenWords = None,
) -> Alignment:
    """Word alignment from the cross-attention of one sentence pair.

    Every target word is linked to the source word that it gave the most weight, if that is more than ``threshold``; or another
    ``method`` makes links of weights. All of them stream: memory is that of the words, not of their pairs.

    Args:
        cross: ``recording.cross`` of one sequence, with token labels; or the recording itself.
        layer: which layer; without ``layer`` and ``head``, what ``guess_reading`` takes.
        head: which head.
        rows: read the query that "produced" a token (where not given), or the one that "consumed" it.
        readings: several (layer, head, rows) instead, whose weights are averaged; one that stands there twice counts twice.
        threshold: least weight of a link, from 0 to 1.
        method: "argmax": the source word with the most weight, for every target word. "mutual": pairs that are each other's
            best. "itermax": these, then once more among what is left (Jalili Sabet et al. 2020, arXiv 2004.08728, algorithm 1
            with two rounds). "threshold": every pair with more weight than ``threshold``, several a word if need be.
        sinks: "ignore": what a word gave to special tokens (``</s>``) is left out. "special": where it gave them more than any
            word, it has no link, for that is how heads say that nothing fits. "punctuation": likewise, and where a word that is
            no punctuation mark looked most at one.
        reverse: for "mutual", the alignment of the other direction: its argmax links say which target word is the best of a
            source word. Without it, the columns of the same map say so.
        source_words: the source's words where they should not be its text split at blanks: "characters", for Chinese, Japanese
            or Thai; a list of words, or a text; or a function that cuts a text into words. They are matched with the tokens by
            characters (``words_of``).
        target_words: the target's, likewise.

    Raises:
        OptionError: no such layer, head, rows, method or sinks; ShapeError: several sequences, or no labels.

    Example:
        >>> import torch
        >>> amap = AttentionMap.from_dense(torch.tensor([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.2, 0.1, 0.7]]))
        >>> amap.queries, amap.keys = ("▁chat", "▁noir", "</s>"), ("▁black", "▁cat", "</s>")
        >>> sorted(align([amap]).links)
        [(0, 1), (1, 0)]
    """
    maps = _checked_maps(cross)
    if rows is not None:
        one_of("rows", rows, ROW_NAMES)
    rule = Rule(method, threshold, sinks)
    if reverse is not None and (method != "mutual" or not isinstance(reverse, Alignment)):
        raise OptionError(
            f"reverse: expected an Alignment, and method='mutual' beside it, got {type(reverse).__name__} and "
            f"{in_short(method)}; align the other direction first"
        )
    chosen = checked_readings(maps, layer, head, rows, readings)
    amap = maps[chosen[0].layer]
    source = read_words(amap.keys, source_words, "source_words")
    target = read_words(amap.queries, target_words, "target_words")
    with_sink = map_of_words(maps, chosen, source, target)
    forward = rule if reverse is None else Rule("argmax", threshold, sinks)
    links = links_of(with_sink, forward, source.texts, target.texts)
    if reverse is not None:
        sizes = (len(source.texts), len(target.texts)), (len(reverse.target_words), len(reverse.source_words))
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"expected the reverse of {sizes[0][0]} source and {sizes[0][1]} target words, got {sizes[1][0]} and "
                f"{sizes[1][1]}; give both directions the same source_words= and target_words="
            )
        links &= {(target_word, source_word) for source_word, target_word in reverse.links}
    words = with_sink.select(keys=slice(0, len(source.texts)))
    return Alignment(frozenset(links), words, source.texts, target.texts, chosen, rule)


def _checked_maps(cross: object) -> Sequence[AttentionMap]:
    """Cross-attention maps of one sequence, labelled."""
    maps = getattr(cross, "cross", cross)
    if not isinstance(maps, list | tuple) or not maps or not all(isinstance(amap, AttentionMap) for amap in maps):
        raise OptionError("expected cross-attention maps by layer, such as recording.cross, got none or something else")
    for amap in maps:
        if amap.shape[0] != 1:
            raise ShapeError(f"expected the maps of one sequence, got a batch of {amap.shape[0]}; take recording.sample(0)")
        if amap.queries.spelled is None or amap.keys.spelled is None:
            raise ShapeError("expected maps with token labels, got none; give record or generate a tokenizer=")
    return maps


def checked_readings(
    maps: Sequence[AttentionMap],
    layer: int | None,
    head: int | None,
    rows: str | None,
    readings: Sequence[Reading] | None,
) -> tuple[Reading, ...]:
    """What to read, in layers and heads that there are."""
    if (layer is None) != (head is None):
        raise OptionError(f"expected layer and head together or neither, got layer={layer} and head={head}")
    if readings is not None:
        if layer is not None or rows is not None:
            raise OptionError("expected readings= or layer, head and rows, got both; leave one out")
        readings = several("readings", readings, "(layer, head, rows)")
        if not readings or not all(isinstance(one, tuple) and len(one) == 3 for one in readings):
            raise OptionError(f"expected readings as a list of (layer, head, rows), got {in_short(readings)}")
        chosen = tuple(Reading(*one) for one in readings)
    elif layer is None or head is None:
        guessed = guess_reading(maps)
        chosen = (guessed if rows is None else guessed._replace(rows=rows),)
    else:
        chosen = (Reading(layer, head, rows or ROW_NAMES[0]),)
    for one in chosen:
        one_of("rows", one.rows, ROW_NAMES)
        whole_number("layer", one.layer, 0, len(maps) - 1)
        whole_number("head", one.head, 0, maps[one.layer].shape[1] - 1)
    return chosen


def read_words(axis: Axis, given: GivenWords = None, name: str = "words") -> Words:
    """The words of the tokens of one side: as they stand between blanks, or as they are asked for.

    Where nothing is asked for and a word is a sentence, for its script writes no blanks, a warning says how to ask.
    """
    if isinstance(given, Words):
        return given
    words = axis.units(given)
    if given is None and (long := next(filter(_NO_BLANKS.search, words.texts), None)):
        shown = long if len(long) <= SHOWN else f"{long[:SHOWN]}…"
        warnings.warn(
            f"{name}: {shown!r} is one word between blanks; say {name}='characters' to regard.align, or give it the words, "
            "or what cuts a text into words",
            stacklevel=3,
        )
    return words


def map_of_words(maps: Sequence[AttentionMap], readings: Sequence[Reading], source: Words, target: Words) -> AttentionMap:
    """The map between words, (1, 1, target words, source words + 1): the last column is what special tokens got."""
    merged = mean_of([_read(maps[one.layer], one, source, target) for one in readings])
    if merged.dense_nbytes > HELD:
        return merged
    held = AttentionMap.from_dense(merged.dense())
    held.name, held.kind, held.layer, held.queries, held.keys = (
        merged.name,
        merged.kind,
        merged.layer,
        merged.queries,
        merged.keys,
    )
    return held


def _read(amap: AttentionMap, reading: Reading, source: Words, target: Words) -> AttentionMap:
    """One reading's map between words, with the column of the special tokens."""
    taken = {place for places in source.tokens for place in places}
    special = tuple(at for at, out in enumerate(amap.keys.special) if at not in taken and out)
    last = amap.shape[2] - 1
    if reading.rows == "consumed":
        # Row t consumed what row t - 1 produced; no row consumed the last token, which reads its own.
        target = Words(target.texts, tuple(tuple(min(place + 1, last) for place in places) for places in target.tokens))
    columns = Words((*source.texts, "special tokens"), (*source.tokens, special))
    return merge(amap.select(batch=0, heads=reading.head), target, columns)


def guess_reading(maps: Sequence[AttentionMap]) -> Reading:
    """A reading for a model whose heads were not measured: the head that looks most at one real source token a row.

    Rows: in the lower half of the decoder a query still encodes the token that it consumed, in the upper half it already
    prepares the one that it produces (Chen et al. 2020, section 3).

    Example:
        >>> import regard
        >>> guess_reading(regard.translate("No.").recording.cross)
        Reading(layer=1, head=0, rows='produced')
    """
    best: dict[tuple[int, int], float] = {}
    for layer, amap in enumerate(_checked_maps(maps)):
        rows = [i for i, out in enumerate(amap.queries.special) if not out]
        columns = [i for i, out in enumerate(amap.keys.special) if not out]
        if rows and columns:
            strongest = amap.select(queries=rows, keys=columns).topk(1).values[0, :, :, 0].mean(dim=-1)
            best |= {(layer, head): float(score) for head, score in enumerate(strongest)}
    layer, head = max(best, key=lambda place: best[place], default=(0, 0))
    return Reading(layer, head, "consumed" if 2 * (layer + 1) <= len(maps) else "produced")


def agreeing_reading(maps: Sequence[AttentionMap], alignment: Alignment, rows: str) -> Reading:
    """The head that, read by these rows, gives the most weight to the words that an alignment has linked.

    Without links, the one that looks most at one token a row.

    Args:
        maps: cross-attention maps by layer, of the sentence pair that was aligned, with the words that its tokens show.
        alignment: the links.
        rows: "produced" or "consumed".
    """
    if not alignment.links:
        return guess_reading(maps)._replace(rows=rows)
    source, target = read_words(maps[0].keys), read_words(maps[0].queries)
    places = [Reading(layer, head, rows) for layer, amap in enumerate(maps) for head in range(amap.shape[1])]

    def agreement(place: Reading) -> float:
        weights = map_of_words(maps, [place], source, target)
        return sum(float(weights[0, 0, target_word, source_word]) for source_word, target_word in alignment.links)

    return max(places, key=agreement)
