"""What the texts of a corpus add up to, for each statistic of each head: parts of a corpus merge in any order to the same.

Values are whole numbers of ``UNIT``, and so are their sums, which Python's integers keep exactly: the sum of floats would
depend on how the corpus was cut. Variances follow from exact sums of squares, without the cancellation that updates of a
running variance avoid (Chan, Golub & LeVeque 1983).

They are kept for texts of each length apart, too: a longer text has other entropies, whatever the heads do.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.errors import RecordingError
from regard.surveying.extremes import NOTHING, Extremes, Integers
from regard.surveying.moments import Moments
from regard.surveying.scales import UNIT
from regard.surveying.texts import Texts

Numbers = NDArray[np.float64]

LENGTH = "keys"
"""The statistic that says how long a text is for a head: how many tokens it could look at."""


class Head(NamedTuple):
    """Which head of the model."""

    kind: str | None  #: "encoder", "decoder", "cross" or "self"
    layer: int | None
    name: str | None  #: of the module
    head: int


class Passage(NamedTuple):
    """A text of the corpus as it is shown: its beginning."""

    text: str
    target: str | None

    @property
    def key(self) -> int:
        """Equal for equal texts, on every machine; whatever the target, for half of the heads see none."""
        return int.from_bytes(hashlib.blake2b(self.text.encode(), digest_size=8).digest(), "big", signed=True)


class Totals:
    """Sums, histograms and extreme examples. Cells are heads · statistics; the statistics of one head stand together.

    Args:
        heads: in the order of the values that will be added.
        edges: the values of a head by name, and where the bins of each begin and end.
        examples: how many extreme texts are kept at either end of each cell.
        per_text: whether the values of each text are kept.

    Attributes:
        all: counts and sums over all texts.
        strata: the same over texts of one length, or of nearly one, by the shortest that belongs there; none without lengths.
        texts: what was found on each text; None where it is not kept.
    """

    def __init__(
        self, heads: Sequence[Head], edges: Mapping[str, Sequence[float]], examples: int, *, per_text: bool = False
    ) -> None:
        self.heads, self.statistics, self.examples = tuple(heads), tuple(edges), examples
        self.edges = [np.array(bins) for bins in edges.values()]
        self.bins = max(map(len, self.edges)) - 1
        cells = len(self.heads) * len(self.statistics)
        self.all = Moments(cells)  # of whole numbers of UNIT
        self.strata: dict[int, Moments] = {}
        self.texts = Texts(cells) if per_text else None
        self.histogram: Integers = np.zeros((cells, self.bins), dtype=np.int64)
        self.highest = Extremes(cells, examples)
        self.lowest = Extremes(cells, examples)  # of values with their sign turned
        self.passages: dict[int, Passage] = {}  # those that are examples of something, by place

    @property
    def count(self) -> Integers:
        """Texts on which each cell has a value."""
        return self.all.count

    @property
    def sums(self) -> NDArray[Any]:
        """Of the values of each cell, whole numbers of UNIT."""
        return self.all.sums

    @property
    def squares(self) -> NDArray[Any]:
        """Sums of their squares, of UNIT²."""
        return self.all.squares

    def add(
        self, values: Numbers, places: Sequence[int], passages: Sequence[Passage], keys: Sequence[int] | None = None
    ) -> None:
        """Add some texts.

        Args:
            values: (texts, heads, statistics), NaN where a statistic has no meaning on a text.
            places: where each stands in the corpus; no two stand at one.
            passages: what is shown of each.
            keys: equal for equal texts, where values are kept of each; those of the passages where not given.
        """
        cells = values.reshape(len(values), -1)
        there = ~np.isnan(cells)
        whole = np.rint(np.where(there, cells, 0) / UNIT).astype(np.int64)  # of at most 40 bits: see LARGEST
        self.all.add(whole, there)
        self._add_to_strata(values, whole, there)
        if self.texts is not None:
            kept = np.where(there, whole * UNIT, np.nan).astype(np.float32)
            self.texts.add(places, [passage.key for passage in passages] if keys is None else keys, kept)
        self._add_to_histogram(whole, there)
        where, which = (np.array([given], dtype=np.int64) for given in (places, [passage.key for passage in passages]))
        self.highest.add(np.where(there, whole, NOTHING).T, where, which)
        self.lowest.add(np.where(there, -whole, NOTHING).T, where, which)
        self._keep(dict(zip(places, passages, strict=True)))

    def _add_to_strata(self, values: Numbers, whole: Integers, there: NDArray[np.bool_]) -> None:
        """Add values of (texts, cells) to those of texts of one length; the same text may have several, one a kind of heads."""
        if LENGTH not in self.statistics:
            return
        strata = stratum_of(values[..., self.statistics.index(LENGTH)])  # (texts, heads)
        for stratum in np.unique(strata[strata > 0]).tolist():
            here = strata == stratum
            some = here.any(1)
            chosen = there[some] & np.repeat(here[some], len(self.statistics), axis=1)
            self.strata.setdefault(stratum, Moments(len(self.count))).add(np.where(chosen, whole[some], 0), chosen)

    def _add_to_histogram(self, whole: Integers, there: NDArray[np.bool_]) -> None:
        """Count values of (texts, cells) in the bins of their statistic."""
        steps = len(self.statistics)
        counted = []
        for at, edges in enumerate(self.edges):
            inner = np.rint(edges[1:-1] / UNIT).astype(np.int64)
            bins = np.searchsorted(inner, whole[:, at::steps], side="right")
            cells = np.broadcast_to(np.arange(at, len(self.count), steps), bins.shape)
            counted.append((cells * self.bins + bins)[there[:, at::steps]])
        found = np.bincount(np.concatenate(counted), minlength=self.histogram.size)
        self.histogram += found.reshape(self.histogram.shape)

    def merge(self, other: "Totals") -> None:
        """Add what other texts of the same model add up to.

        Raises:
            RecordingError: those are of other heads or statistics.
        """
        for name in ("heads", "statistics", "examples"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                odd = sorted(map(str, {*mine} ^ {*theirs})) if isinstance(mine, tuple) else [mine, theirs]
                raise RecordingError(
                    f"expected {name} that are the same on every text, got others ({odd[:3]}); a survey is of one model, whose "
                    "every pass calls the same attention modules"
                )
        self.all.merge(other.all)
        for stratum, moments in other.strata.items():
            self.strata.setdefault(stratum, Moments(len(self.count))).merge(moments)
        if self.texts is not None and other.texts is not None:
            self.texts.merge(other.texts)
        self.histogram += other.histogram
        self.highest.merge(other.highest)
        self.lowest.merge(other.lowest)
        self._keep(other.passages)

    def _keep(self, passages: dict[int, Passage]) -> None:
        """Of all passages known, those that are still examples."""
        shown = set(np.unique(self.highest.places).tolist()) | set(np.unique(self.lowest.places).tolist())
        known = self.passages | passages
        self.passages = {place: known[place] for place in sorted(shown) if place in known}


def stratum_of(lengths: Numbers) -> Integers:
    """The shortest length of the stratum that each belongs to: itself below 32, and from there on its five leading bits.

    Example:
        >>> stratum_of(np.array([7.0, 31.0, 32.0, 35.0, 1000.0]))
        array([  7,  31,  32,  34, 992])
    """
    whole = np.rint(np.nan_to_num(lengths)).astype(np.int64)
    further = np.maximum(np.frexp(whole)[1].astype(np.int64) - 5, 0)  # bits behind the leading ones
    strata: Integers = whole >> further << further
    return strata
