"""Means of paired differences: how large, how sure, how large beside their spread, and whether as good as nothing."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.interventions.statistics.chance import Floats
from regard.surveying.tests_of_means import special_functions

_ROUNDING = 8 * np.finfo(np.float64).eps
_WHY = "for intervals and p of effects"


class Interval(NamedTuple):
    """Where a number lies, (sites,) each."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class PairedMeans:
    """Mean differences of each site, (sites,) each.

    Where nothing varies no test can say how sure a difference is: p is 1 where the mean is 0, NaN elsewhere.

    Attributes:
        count: units that have one.
        clusters: groups of units; units themselves where they have no groups.
        mean: Σx / n.
        spread: standard deviation, √(Σ(x − mean)² / (n − 1)).
        error: standard error of the mean: with G clusters, √(G / (G − 1) · Σ_g (Σ_{i in g} (x_i − mean))² / n²) (Liang & Zeger
            1986), which is spread / √n where each unit is one.
    """

    count: NDArray[np.int64]
    clusters: NDArray[np.int64]
    mean: Floats
    spread: Floats
    error: Floats

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom of Student's t: G − 1."""
        found: Floats = np.maximum(self.clusters - 1.0, 0)
        return found

    @property
    def t(self) -> Floats:
        """Mean / error; NaN where nothing varies."""
        return np.divide(self.mean, self.error, out=np.full_like(self.mean, np.nan), where=self.error > 0)

    @property
    def effect(self) -> Floats:
        """Cohen's d of paired differences, d_z = mean / spread; NaN where nothing varies."""
        return np.divide(self.mean, self.spread, out=np.full_like(self.mean, np.nan), where=self.spread > 0)

    def p(self) -> Floats:
        """The chance, were the mean 0, of a t as far from 0."""
        found = 2 * special_functions(_WHY).stdtr(self.freedom, -np.abs(self.t))
        return np.where(self._is_nothing(), 1.0, found)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Mean ± t_{G−1} · error: Student's."""
        special = special_functions(_WHY)
        around = special.stdtrit(np.maximum(self.freedom, 1), (1 + confidence) / 2) * self.error
        return Interval(self.mean - around, self.mean + around)

    def effect_interval(self, confidence: float = 0.95) -> Interval:
        """Of d_z: the noncentral t distributions of which the t that was found is at either end (Steiger & Fouladi 1997)."""
        special, t = special_functions(_WHY), self.t
        scale = np.divide(self.error, self.spread, out=np.full_like(t, np.nan), where=self.spread > 0)
        ends = [
            special.nctdtrinc(np.maximum(self.freedom, 1), share, t) for share in ((1 + confidence) / 2, (1 - confidence) / 2)
        ]
        return Interval(*(np.where(np.isnan(t), np.nan, end) * scale for end in ends))

    def equivalent(self, margin: float) -> Floats:
        """P of two one-sided tests (Schuirmann 1987): small where the mean is surely between −margin and margin.

        Where nothing varies it is 0 within the margin, and 1 outside of it.
        """
        special = special_functions(_WHY)
        room = np.stack([margin + self.mean, margin - self.mean])
        shares = np.divide(room, self.error, out=np.full_like(room, np.nan), where=self.error > 0)
        found = special.stdtr(self.freedom, -shares).max(axis=0)
        still = (self.error == 0) & (self.count > 1)
        return np.where(still, np.where(np.abs(self.mean) < margin, 0.0, 1.0), found)

    def _is_nothing(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.mean == 0) & (self.error == 0) & (self.count > 1)
        return found


def paired_means(values: Floats, clusters: NDArray[Any] | None = None) -> PairedMeans:
    """The means of differences, (units, sites).

    Args:
        values: NaN where a unit has none.
        clusters: (units,): units with equal ones depend on each other; each stands alone where not given.

    Example:
        >>> found = paired_means(np.array([[1.0, 0.0], [2.0, 0.0], [6.0, 0.0]]))
        >>> found.mean, found.p().round(4), found.effect.round(3)
        (array([3., 0.]), array([0.1885, 1.    ]), array([1.134,   nan]))
    """
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    kept = np.where(there, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, kept.sum(axis=0) / count, np.nan)
        apart = np.where(there, values - mean, 0.0)
        largest = np.abs(kept).max(axis=0, initial=0.0)
        lowest, highest = (np.where(there, values, at).reshape(-1, values.shape[1]) for at in (np.inf, -np.inf))
        still = highest.max(axis=0, initial=-np.inf) - lowest.min(axis=0, initial=np.inf) <= _ROUNDING * largest
        apart = np.where(still, 0.0, apart)
        spread = np.where(count > 1, np.sqrt((apart**2).sum(axis=0) / (count - 1)), np.nan)
        sums, groups = (apart, count) if clusters is None else _of_clusters(apart, there, clusters)
        error = np.where(groups > 1, np.sqrt(groups / (groups - 1) * (sums**2).sum(axis=0)) / count, np.nan)
    return PairedMeans(count, groups, mean, spread, error)


def _of_clusters(apart: Floats, there: NDArray[np.bool_], clusters: NDArray[Any]) -> tuple[Floats, NDArray[np.int64]]:
    """Sums of each cluster, (clusters, sites), and how many each site has."""
    _, at = np.unique(clusters, return_inverse=True)
    sums, counts = np.zeros((at.max(initial=-1) + 1, apart.shape[1])), np.zeros((at.max(initial=-1) + 1, apart.shape[1]))
    np.add.at(sums, at, apart)
    np.add.at(counts, at, there.astype(np.float64))
    return sums, (counts > 0).sum(axis=0)
