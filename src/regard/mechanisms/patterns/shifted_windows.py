"""Attention in the windows of an image, shifted from layer to layer (Swin, Liu et al. 2021).

An image of height · width patches is cut into windows of w · w patches, and each patch attends within its window:

    Attention = softmax(Q Kᵀ / √dim + B) V                                      equation 4, with B by relative place

which costs height · width · w² pairs instead of (height · width)². Nothing would ever cross the borders of windows, so
every second layer moves the grid of windows by half a window. At the edges of the image that leaves narrower windows:

    w = 2, shift 0        w = 2, shift 1
    ┌─────┬─────┐         ┌──┬─────┬──┐
    │ a b │ c d │         │ a│ b c │ d│      Rolled by one patch up and left, the pieces at the edges fill whole windows
    │ e f │ g h │         ├──┼─────┼──┤      again: four of them, as without a shift. A mask keeps the pieces apart that
    ├─────┼─────┤         │ e│ f g │ h│      came together by the roll. This is the paper's cyclic shift (section 3.2).
    │ i j │ k l │         │ i│ j k │ l│
    │ m n │ o p │         ├──┼─────┼──┤
    └─────┴─────┘         │ m│ n o │ p│
                          └──┴─────┴──┘
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import OptionError, ShapeError, in_short
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


def shifted_window_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    grid: tuple[int, int],
    window: int,
    shift: int = 0,
    bias_table: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Each patch attends to the patches of its window, on a grid of windows moved by ``shift`` (Liu et al. 2021, equation 4).

        output_i = Σ_j softmax_j(q_i · k_j / √dim + table[y_i − y_j + w − 1, x_i − x_j + w − 1]) v_j

    over the patches j of the window that (y_i, x_i) stands in. Only these pairs are computed; other weights are 0. Our window
    is the paper's M, its shift is ⌊M / 2⌋ in every second layer and 0 in the others, and our table is its B̂.

    Args:
        query: (batch, heads, height · width, dim), patches row by row, as keys and values are.
        grid: (height, width) of the image in patches, both multiples of the window.
        window: w, patches of a window's side.
        shift: how many patches down and right the windows begin; less than the window.
        bias_table: (heads, 2w − 1, 2w − 1), learned: what is added to a score by the rows and columns from key to query.
            Transformers' ``relative_position_bias_table`` is ``bias_table.flatten(1).T``. None adds nothing.

    Example:
        The patch in the middle of a 4 × 4 image, f in the picture above, sees f g j k:

        >>> output, weights = shifted_window_attention(*torch.randn(3, 16, 8), grid=(4, 4), window=2, shift=1)
        >>> (weights[5].view(4, 4) > 0).int()
        tensor([[0, 0, 0, 0],
                [0, 1, 1, 0],
                [0, 1, 1, 0],
                [0, 0, 0, 0]], dtype=torch.int32)
    """
    inputs.check_attention(query, key, value)
    own = window_ids(grid, window, shift).to(query.device)  # (positions,)
    positions = len(own)
    for name, tensor in (("query", query), ("key", key)):
        if tensor.shape[-2] != positions:
            raise ShapeError(
                f"expected {name} with {positions} positions, a patch each of the grid {grid[0]} · {grid[1]}, got "
                f"{tensor.shape[-2]}"
            )
    q, k, v = (inputs.widen(tensor) for tensor in (query, key, value))
    batch, heads, _, _ = q.shape
    if bias_table is not None:
        _check_table(bias_table, heads, window)

    # Which patches each window holds after the roll: (windows, area), with area = window².
    height, width = grid
    patches = torch.arange(positions, device=q.device).view(height, width).roll((-shift, -shift), (0, 1))
    rows_and_columns = patches.view(height // window, window, width // window, window)
    members = rows_and_columns.transpose(1, 2).reshape(-1, window * window)  # (windows, area)
    apart = own[members]  # (windows, area)
    mask = apart[:, None, :, None] == apart[:, None, None, :]  # (windows, 1, area, area)

    # Windows do not see each other: they stand beside the sequences, in the batch.
    q, k, v = (part[:, :, members].transpose(1, 2).flatten(0, 1) for part in (q, k, v))  # (batch · windows, heads, area, dim)
    bias = None if bias_table is None else _by_relative_place(bias_table, window)  # (heads, area, area)
    inside, seen = attention(q, k, v, mask.repeat(batch, 1, 1, 1), bias=bias)

    # Back to the image.
    inside, seen = (part.unflatten(0, (batch, -1)).transpose(1, 2) for part in (inside, seen))  # (batch, heads, windows, ...)
    output = inside.flatten(2, 3)[:, :, members.flatten().argsort()]  # (batch, heads, positions, value_dim)
    weights = seen.new_zeros(batch, heads, positions, positions)
    weights[:, :, members[:, :, None], members[:, None, :]] = seen
    missing = (0,) * (4 - query.ndim)
    return output[missing], weights[missing]


def window_ids(grid: tuple[int, int], window: int, shift: int = 0) -> Tensor:
    """Which window each patch of a grid stands in, narrower windows at the edges counted as windows of their own.

    ``masks.documents(window_ids(...)[None])`` is the mask of shifted windows: a window is a document that is no run.
    Arguments as in `shifted_window_attention`; the numbers are (height · width,).

    Example:
        >>> window_ids((4, 4), window=2, shift=1).view(4, 4)
        tensor([[0, 1, 1, 2],
                [3, 4, 4, 5],
                [3, 4, 4, 5],
                [6, 7, 7, 8]])
    """
    window, shift = whole_number("window", window, 1), whole_number("shift", shift, 0)
    if shift >= window:
        raise OptionError(f"shift: expected less than window={window}, got {shift}; take half of the window, or 0")
    if not isinstance(grid, Sequence) or len(grid) != 2:
        raise OptionError(f"grid: expected (height, width), two whole numbers, got {in_short(grid)}")
    height, width = whole_number("height", grid[0], 1), whole_number("width", grid[1], 1)
    if height % window or width % window:
        raise ShapeError(
            f"grid: expected whole windows of {window} · {window}, got {height} · {width} patches; "
            f"pad the image to {-(-height // window) * window} · {-(-width // window) * window} patches"
        )
    down, across = ((torch.arange(side) - shift) // window for side in (height, width))  # −1 for what stands before the shift
    first = -1 if shift else 0
    return ((down[:, None] - first) * (width // window - first) + across - first).flatten()  # (height · width,)


def _by_relative_place(table: Tensor, window: int) -> Tensor:
    """The bias of each pair in a window, from the table of rows and columns between them."""
    place = torch.arange(window * window, device=table.device)
    row, column = place // window, place % window
    down, across = (at[:, None] - at + window - 1 for at in (row, column))  # (area, area), 0 … 2w − 2
    return table[:, down, across]  # (heads, area, area)


def _check_table(table: Tensor, heads: int, window: int) -> None:
    inputs.check_floats("bias_table", table)
    side = 2 * window - 1
    if table.shape != (heads, side, side):
        raise ShapeError(
            f"expected bias_table (heads, 2 · window − 1, 2 · window − 1)=({heads}, {side}, {side}), got {tuple(table.shape)}"
        )
