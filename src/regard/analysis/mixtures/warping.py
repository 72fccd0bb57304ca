"""Dynamic time warping: the cheapest way through a matrix from its first cell to its last, each step down, right, or both."""

import numpy as np
from numpy.typing import NDArray


def warping_path(costs: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows and the columns of the cheapest way, in order.

    D(i, j) = costs(i, j) + min(D(i−1, j−1), D(i−1, j), D(i, j−1)) (Sakoe and Chiba 1978, "Dynamic programming algorithm
    optimization for spoken word recognition", symmetric steps of weight 1). Sums are kept in float32, as in Whisper's own code.
    Of ways that cost the same the one along the row is taken; Whisper's takes it also where two others tie below it.

    Args:
        costs: (rows, columns).

    Example:
        >>> rows, columns = warping_path(np.array([[0.0, 9.0, 9.0], [9.0, 0.0, 0.0]]))
        >>> rows.tolist(), columns.tolist()
        ([0, 1, 1], [0, 1, 2])
    """
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf, dtype=np.float32)
    came = np.full((rows + 1, columns + 1), 2, dtype=np.int8)  # 0: down and right, 1: down, 2: right
    total[0, 0], came[1:, 0] = 0, 1
    for sum_of_places in range(2, rows + columns + 1):  # cells of one anti-diagonal do not need one another
        i = np.arange(max(1, sum_of_places - columns), min(rows, sum_of_places - 1) + 1)
        j = sum_of_places - i
        both, down, right = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
        step = np.where((right <= both) & (right <= down), 2, np.where(both <= down, 0, 1))
        total[i, j] = costs[i - 1, j - 1] + np.choose(step, (both, down, right))
        came[i, j] = step
    i, j, path = rows, columns, []
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step = came[i, j]
        i, j = i - (step < 2), j - (step != 1)
    found = np.array(path[::-1])
    return found[:, 0], found[:, 1]
