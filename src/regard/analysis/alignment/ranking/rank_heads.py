"""Which head aligns best: every layer, head, rows and rule on sentence pairs whose links are known."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from regard.analysis.alignment.align import ROW_NAMES, GivenWords, Reading, checked_readings, map_of_words, read_words
from regard.analysis.alignment.error_rates import Link, Scores, scores
from regard.analysis.alignment.methods import Rule, links_of
from regard.arguments import several
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured
from regard.progress import bar

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


class Pair(NamedTuple):
    """A sentence pair with known links."""

    cross: Sequence[AttentionMap]  #: of one sequence, labelled, by layer
    sure: Collection[Link]
    possible: Collection[Link]
    source_words: GivenWords = None  #: as for ``align``
    target_words: GivenWords = None


Readings = tuple[Reading, ...]


class Ranked(NamedTuple):
    """Readings and a rule, and how far their links are from the known ones."""

    readings: Readings  #: one, or several whose weights are averaged
    rule: Rule
    scores: Scores


class Ranking(Pictured, list[Ranked]):
    """Readings and rules, best first: a list that draws itself."""

    def table(self) -> Iterator[Sequence[object]]:
        """The ranking as a table, for ``regard.save(ranking, "x.csv")``: a line for each readings and rule, best first."""
        yield ["layer", "head", "rows", "method", "threshold", "sinks", "precision", "recall", "aer", "found", "sure"]
        for readings, rule, found in self:
            read = ["+".join(str(part) for part in parts) for parts in zip(*readings, strict=True)]
            measured = [found.precision, found.recall, found.aer, found.found, found.sure]
            yield [*read, rule.method, rule.threshold, rule.sinks, *measured]

    def figure(
        self,
        *,
        title: str = "",
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The alignment error rate of every head: a panel for each method and rows, in it layers by heads.

        The stronger the colour of a cell, the nearer are the head's links to gold; a bar says which colour is which rate. The
        lowest rate of the picture has a frame.

        Args:
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Returns:
            The figure; a notebook shows it, and ``regard.save`` writes it. Its first axes are the panels, line by line: a line
            for consumed rows and one for produced ones, a column for each method; of one method, all in a line.

        Raises:
            OptionError: no heads, heads averaged with others, two rules for one cell, a cell without any, another theme.

        Example:
            >>> import torch
            >>> amap = AttentionMap.from_dense(torch.stack([torch.eye(2), torch.eye(2).flip(0)])[None])
            >>> amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
            >>> figure = rank_heads([Pair([amap], {(0, 0), (1, 1)}, set())]).figure()
            >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
            ['argmax, consumed rows', 'argmax, produced rows']
        """
        from regard.analysis.alignment.ranking.figure import error_rates_figure

        rates: dict[tuple[str, str], dict[tuple[int, int], float]] = {}
        for readings, rule, found in self:
            if len(readings) != 1:
                raise OptionError(f"expected rates of single heads, got one of {len(readings)} together; leave it out")
            layer, head, rows = readings[0]
            panel = rates.setdefault((rows, rule.method), {})
            if (layer, head) in panel:
                raise OptionError(
                    f"expected one rule a method, got two for {rule.method} of layer {layer}, head {head}, {rows} rows; "
                    "choose one of its thresholds and sinks"
                )
            panel[layer, head] = found.aer
        return error_rates_figure(rates, title=title, width=width, font=font, theme=theme, ax=ax)


def rank_heads(
    pairs: Iterable[Pair], rules: Sequence[Rule] = (Rule(),), *, readings: Sequence[Readings] | None = None
) -> Ranking:
    """The readings of a model and the rules, best first, by alignment error rate over the whole collection.

    Args:
        pairs: sentence pairs, taken one after another: a generator keeps one recording at a time.
        rules: what makes links of weights.
        readings: which ones, each a tuple of those that are averaged; every layer, head and rows by itself where not given.

    Raises:
        OptionError: no pairs or no rules; ShapeError: words that the links do not fit.

    Example:
        >>> import torch
        >>> amap = AttentionMap.from_dense(torch.stack([torch.eye(2), torch.eye(2).flip(0)])[None])
        >>> amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
        >>> best = rank_heads([Pair([amap], {(0, 0), (1, 1)}, set())])[0]
        >>> best.readings, best.scores.aer
        ((Reading(layer=0, head=0, rows='produced'),), 0.0)
    """
    found: dict[tuple[Readings, Rule], list[set[Link]]] = {}
    gold: list[tuple[set[Link], set[Link]]] = []
    rules = several("rules", rules, "rules", advice="for example [Rule('argmax')]")
    if not rules or not all(isinstance(rule, Rule) for rule in rules):
        raise OptionError(f"expected at least one rule, got {in_short(rules) if rules else 'none'}; for example Rule('argmax')")
    asked = None if readings is None else several("readings", readings, "tuples of (layer, head, rows)")
    if isinstance(pairs, str | bytes | Mapping | type | Tensor) or not isinstance(pairs, Iterable):
        raise DtypeError(f"pairs: expected sentence pairs, got {in_short(pairs)}; make each with Pair(cross, sure, possible)")
    for number, pair in enumerate(bar(pairs, desc="ranking heads", unit="pair", delay=1, leave=False)):
        if not isinstance(pair, Pair):
            raise DtypeError(
                f"pairs: expected sentence pairs, got {in_short(pair)}; make each with Pair(cross, sure, possible)"
            )
        known = set(pair.sure) | set(pair.possible)
        every = _all_readings(pair.cross) if asked is None else asked
        chosen = [checked_readings(pair.cross, None, None, None, together) for together in every]
        source = read_words(pair.cross[0].keys, pair.source_words, "source_words")
        target = read_words(pair.cross[0].queries, pair.target_words, "target_words")
        for side, words, place in (("source", source, 0), ("target", target, 1)):
            if known and max(link[place] for link in known) >= len(words.texts):
                raise ShapeError(
                    f"expected links of {len(words.texts)} {side} words in pair {number}, got word "
                    f"{max(link[place] for link in known)}; give {side}_words=, as the links count them"
                )
        gold.append((set(pair.sure), set(pair.possible)))
        for together in chosen:
            weights = map_of_words(pair.cross, together, source, target)
            for rule in rules:
                found.setdefault((together, rule), []).append(links_of(weights, rule, source.texts, target.texts))
    if not gold:
        raise OptionError("expected at least one sentence pair, got none")
    sure, possible = (list(side) for side in zip(*gold, strict=True))
    ranked = [Ranked(together, rule, scores(links, sure, possible)) for (together, rule), links in found.items()]
    return Ranking(sorted(ranked, key=lambda one: one.scores.aer))


def _all_readings(cross: Sequence[AttentionMap]) -> list[Readings]:
    places = [(layer, head) for layer, amap in enumerate(cross) for head in range(amap.shape[1])]
    return [(Reading(layer, head, rows),) for (layer, head), rows in product(places, ROW_NAMES)]
