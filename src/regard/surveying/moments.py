"""Counts, sums and sums of squares of whole numbers of UNIT, exactly: merged in any order to the same."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.surveying.extremes import Integers
from regard.surveying.scales import UNIT


class Moments:
    """Of the values of cells; a mean and a variance follow from them without any rounding.

    Args:
        cells: how many numbers are summed.

    Attributes:
        count: values of each cell.
        sums: of them, whole numbers of any size.
        squares: sums of their squares.

    Example:
        >>> found = Moments(1)
        >>> found.add(np.array([[2**40], [3]]), np.array([[True], [True]]))
        >>> found.count[0], found.sums[0] == 2**40 + 3, found.squares[0] == 2**80 + 9
        (np.int64(2), True, True)
    """

    def __init__(self, cells: int) -> None:
        self.count: Integers = np.zeros(cells, dtype=np.int64)
        self.sums: NDArray[Any] = np.full(cells, 0, dtype=object)
        self.squares: NDArray[Any] = np.full(cells, 0, dtype=object)

    def add(self, whole: Integers, there: NDArray[np.bool_]) -> None:
        """Add values of (texts, cells), of at most 40 bits and 0 where there is none."""
        self.count += there.sum(0)
        self.sums += whole.sum(0).astype(object)
        high, low = np.divmod(whole, 2**20)  # the squares of the halves fit 64 bits; the square of the whole does not
        for part, shift in ((high * high, 40), (high * low, 21), (low * low, 0)):
            self.squares += part.sum(0).astype(object) * 2**shift

    def described(self, cell: int) -> tuple[int, float, float]:
        """How many values a cell has, their mean and their variance; NaN of none, or of but one."""
        count, total, squares = int(self.count[cell]), self.sums[cell], self.squares[cell]
        variance = (squares * count - total**2) * UNIT**2 / (count * (count - 1)) if count > 1 else math.nan
        return count, total * UNIT / count if count else math.nan, variance

    def merge(self, other: "Moments") -> None:
        """Add those of other values."""
        self.count += other.count
        self.sums += other.sums
        self.squares += other.squares
