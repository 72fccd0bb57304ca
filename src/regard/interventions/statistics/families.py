"""Many sites at once: p-values that hold for all of them together."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.interventions.statistics.chance import Floats, Keys, signs
from regard.surveying import tests_of_means

_TOGETHER = 512
"""Replicates whose signs stand in memory at once."""


def holm(p: Floats) -> Floats:
    """Adjusted by Holm (1979): below α, the chance of a single false one is below α, however the tests depend on each other.

    NaN counts as a test that was made, and stays NaN.
    """
    return _of_tested(p, tests_of_means.holm)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted by Benjamini & Hochberg (1995): of those below q, a share of q is false on average. For exploring.

    Example:
        >>> benjamini_hochberg(np.array([0.04, 0.01, 0.03])).tolist()
        [0.04, 0.03, 0.04]
    """

    def adjusted(values: list[float]) -> list[float]:
        order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
        found, least = [0.0] * len(values), 1.0
        for rank, at in zip(range(len(values), 0, -1), order, strict=True):
            least = min(least, values[at] * len(values) / rank)
            found[at] = least
        return found

    return _of_tested(p, adjusted)


def _of_tested(p: Floats, adjusted: Callable[[list[float]], list[float]]) -> Floats:
    found = np.array(adjusted(np.where(np.isnan(p), 1.0, p).tolist()), dtype=np.float64)
    return np.where(np.isnan(p), np.nan, found)


def largest_t(values: Floats, keys: Keys, clusters: NDArray[Any] | None = None, flips: int = 10_000) -> Floats:
    """Adjusted by the largest |t| of all sites under sign flips that they share (Westfall & Young 1993, single step).

    A unit's differences change their sign together, so that what sites have in common stays: p is the share of flips whose
    largest |t| reaches the site's own, the unflipped one among them. It asks for differences that are symmetric about 0 where
    a site does nothing.

    Args:
        values: (units, sites), NaN where a unit has none.
        keys: (units,), from ``keys_of``: equal ones flip together.
        clusters: as in ``paired_means``; of each, the units have equal keys.
        flips: how many; p is at least 1 / (flips + 1).
    """
    there = ~np.isnan(values)
    kept = np.where(there, values, 0.0)
    if clusters is None:
        sums, counts = kept, there.astype(np.float64)
    else:
        _, first, at = np.unique(clusters, return_index=True, return_inverse=True)
        sums, counts = np.zeros((len(first), values.shape[1])), np.zeros((len(first), values.shape[1]))
        np.add.at(sums, at, kept)
        np.add.at(counts, at, there.astype(np.float64))
        keys = keys[first]
    own = np.abs(_t(sums.sum(axis=0), sums, counts, (sums * counts).sum(axis=0)))
    reached = np.ones(values.shape[1])
    for start in range(0, flips, _TOGETHER):
        flipped = signs(keys, range(start, min(start + _TOGETHER, flips)))
        largest = np.abs(_t(flipped @ sums, sums, counts, flipped @ (sums * counts))).max(axis=1, initial=0.0)
        reached += (largest[:, None] >= own * (1 - 1e-12)).sum(axis=0)
    return np.where((counts > 0).sum(axis=0) > 1, reached / (flips + 1), np.nan)


def _t(total: Floats, sums: Floats, counts: Floats, weighted: Floats) -> Floats:
    """T of flipped clusters: from Σ s·S, and Σ s·S·n. Flips change the mean, not the squares; 0 where all is 0."""
    n, groups = counts.sum(axis=0), (counts > 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        squares = (sums**2).sum(axis=0) - 2 * mean * weighted + mean**2 * (counts**2).sum(axis=0)
        # Flips that leave nothing but the mean have an infinite t; what rounding leaves of the squares is nothing.
        squares = np.where(squares <= 1e-14 * (sums**2).sum(axis=0), 0.0, squares)
        t = total / np.sqrt(groups / (groups - 1) * squares)
    return np.where(total == 0, 0.0, np.where(np.isnan(t), 0.0, t))
