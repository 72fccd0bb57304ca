"""From weights between words to links: four rules, each one or two streaming passes over the map.

Of each row and each column only the largest weight is kept, so a rule needs memory for the words and not for their pairs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.analysis.alignment.error_rates import Link
from regard.arguments import number, one_of
from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.tokens.punctuation import has_no_letters

METHODS = ("argmax", "itermax", "threshold", "mutual")
SINKS = ("ignore", "special", "punctuation")

DISCOUNT = 0.9
"""What a weight counts in the second round of itermax, where its row or its column has a link (Jalili Sabet et al. 2020)."""


@dataclass(frozen=True)
class Rule:
    """How weights become links.

    Attributes:
        method: one of METHODS.
        threshold: every link has more weight than this.
        sinks: one of SINKS.
    """

    method: str = "argmax"
    threshold: float = 0.0
    sinks: str = "ignore"

    def __post_init__(self) -> None:
        one_of("method", self.method, METHODS)
        one_of("sinks", self.sinks, SINKS)
        number("threshold", self.threshold, least=0, below=1)
        if self.method == "threshold" and self.threshold == 0:
            raise OptionError(
                "threshold: expected a number above 0 for method='threshold', got 0: all would be linked; try 0.25"
            )


def links_of(words: AttentionMap, rule: Rule, sources: Sequence[str], targets: Sequence[str]) -> set[Link]:
    """The links (source word, target word) of a map (1, 1, target words, source words + 1).

    Args:
        words: the map; its last column is what the special tokens got.
        rule: how weights become links.
        sources: the source words.
        targets: the target words.
    """
    if not sources or not targets:
        return set()
    free = _free(rule, sources, targets)
    first = _Strongest(words, rule, free)
    match rule.method:
        case "threshold":
            return first.above
        case "argmax":
            return {(s, t) for t, s in enumerate(first.of_row.tolist()) if first.row_best[t] > rule.threshold}
        case "mutual":
            return first.mutual(rule.threshold)
    links = first.mutual(rule.threshold)
    rows, columns = (len({link[side] for link in links}) for side in (1, 0))
    if not links or min(len(sources), len(targets)) <= 2 or rows == len(targets) or columns == len(sources):
        return links
    second = _Strongest(words, rule, free, links)
    return links | second.mutual(0.0)


class _Strongest:
    """The best of each row and each column, and all pairs above the threshold where the rule is that."""

    def __init__(self, words: AttentionMap, rule: Rule, free: "Free", links: Collection[Link] = ()) -> None:
        targets, sources = words.shape[2], words.shape[3] - 1
        self.row_best, self.of_row = torch.full((targets,), -1.0, dtype=words.dtype), torch.zeros(targets, dtype=torch.long)
        self.column_best, self.of_column = (
            torch.full((sources,), -1.0, dtype=words.dtype),
            torch.zeros(sources, dtype=torch.long),
        )
        self.above: set[Link] = set()
        linked = torch.zeros(targets, dtype=torch.bool), torch.zeros(sources, dtype=torch.bool)
        for source, target in links:
            linked[0][target] = linked[1][source] = True
        for rows in words.rows(progress="aligning"):
            block = torch.zeros(rows.weights.shape[2], words.shape[3], dtype=words.dtype)
            block[:, rows.columns] = rows.weights[0, 0].cpu()  # (targets of the block, sources and sink)
            at = rows.queries
            weights = free(at, block[:, :sources], block[:, sources])
            if links:
                # Weights count as they are where neither word has a link, less where one has, not at all where both have.
                known = linked[0][at, None].long() + linked[1]
                small = weights <= rule.threshold
                weights = (weights * weights.new_tensor([1.0, DISCOUNT, 0.0])[known]).masked_fill(small, 0)
            self.row_best[at], self.of_row[at] = weights.max(1)
            best, where = weights.max(0)
            better = best > self.column_best
            self.column_best[better], self.of_column[better] = best[better], where[better] + at.start
            if rule.method == "threshold":
                found = (weights > rule.threshold).nonzero()
                self.above |= {(int(source), int(target) + at.start) for target, source in found}

    def mutual(self, threshold: float) -> set[Link]:
        """Pairs that are the best of their row and of their column."""
        return {
            (source, target)
            for target, source in enumerate(self.of_row.tolist())
            if self.of_column[source] == target and self.row_best[target] > threshold
        }


Free = Callable[[slice, Tensor, Tensor], Tensor]
"""Rows, their weights, what the sinks got: the weights, 0 in the rows of words that stay without a link."""


def _free(rule: Rule, sources: Sequence[str], targets: Sequence[str]) -> Free:
    """Which words stay without a link: those whose sink got most."""
    if rule.sinks == "ignore":
        return lambda _, weights, __: weights
    marks = rule.sinks == "punctuation"
    source_marks, target_marks = (
        torch.tensor([marks and has_no_letters(word) for word in side]) for side in (sources, targets)
    )

    def free(rows: slice, weights: Tensor, sink: Tensor) -> Tensor:
        best, of_row = weights.max(1)
        lost = sink > best
        lost |= source_marks[of_row] & ~target_marks[rows]  # a mark belongs to a mark
        return weights.masked_fill(lost[:, None], 0)

    return free
