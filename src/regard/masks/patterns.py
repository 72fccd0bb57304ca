"""Masks that follow from the positions alone."""

import functools
import operator

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks.mask import Mask


def everything() -> Mask:
    """Everybody may look at everybody: the neutral element of ``&``.

    >>> print(everything().picture(2, 3))
    0 ■ ■ ■
    1 ■ ■ ■
    """
    return Mask(
        lambda _b, _h, _q, k: torch.ones((), dtype=torch.bool, device=k.device), "everything()", made=("everything", {})
    )


def causal(offset: int = 0) -> Mask:
    """Nobody looks ahead: ``key <= query + offset``.

    Args:
        offset: how many keys came before the first query. ``offset = keys - queries`` lets the last query see every
            key (bottom-right), which is what decoding with a cache needs.

    >>> print(causal().picture(5, 5))
    0 ■ ⬚ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ■ ■ ■ ■ ⬚
    4 ■ ■ ■ ■ ■
    >>> print(causal(offset=3).picture(2, 5))
    0 ■ ■ ■ ■ ⬚
    1 ■ ■ ■ ■ ■
    """
    offset = whole_number("offset", offset)
    return Mask(lambda _b, _h, q, k: k <= q + offset, f"causal({offset})", made=("causal", {"offset": offset}))


def window(width: int, offset: int = 0) -> Mask:
    """Looking back over ``width`` keys, the query's own included: ``query + offset - width < key <= query + offset``.

    Args:
        width: how many keys, at least 1. This is Mistral's ``sliding_window``.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1.

    >>> print(window(3).picture(5, 5))
    0 ■ ⬚ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ⬚ ■ ■ ■ ⬚
    4 ⬚ ⬚ ■ ■ ■
    """
    width, offset = whole_number("window", width, 1), whole_number("offset", offset)
    return Mask(
        lambda _b, _h, q, k: (k <= q + offset) & (k > q + offset - width),
        f"window({width}, offset={offset})" if offset else f"window({width})",
        made=("window", {"width": width, "offset": offset}),
    )


def centred_window(width: int, offset: int = 0) -> Mask:
    """Looking at ``width`` keys around the query, its own in the middle: ``|key - query - offset| <= width // 2``.

    Args:
        width: how many keys, odd.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the width is not a whole number of at least 1, or even.

    >>> print(centred_window(3).picture(5, 5))
    0 ■ ■ ⬚ ⬚ ⬚
    1 ■ ■ ■ ⬚ ⬚
    2 ⬚ ■ ■ ■ ⬚
    3 ⬚ ⬚ ■ ■ ■
    4 ⬚ ⬚ ⬚ ■ ■
    """
    width, offset = whole_number("window", width, 1), whole_number("offset", offset)
    if width % 2 == 0:
        raise OptionError(
            f"window is {width}; expected an odd number: a window of W keys around the query, its own included, has as "
            f"many keys before as after. Take {width - 1} or {width + 1}, or look back only, with causal=True"
        )
    return Mask(
        lambda _b, _h, q, k: (k - q - offset).abs() <= width // 2,
        f"centred_window({width}, offset={offset})" if offset else f"centred_window({width})",
        made=("centred_window", {"width": width, "offset": offset}),
    )


def prefix(length: int) -> Mask:
    """The first ``length`` keys are visible to everybody; join it to another mask with ``|``.

    Args:
        length: how many keys.

    Raises:
        OptionError: if the length is not a whole number of at least 0.

    >>> print((causal() | prefix(3)).picture(5, 5))
    0 ■ ■ ■ ⬚ ⬚
    1 ■ ■ ■ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚
    3 ■ ■ ■ ■ ⬚
    4 ■ ■ ■ ■ ■
    """
    length = whole_number("length", length, 0)
    return Mask(lambda _b, _h, _q, k: k < length, f"prefix({length})", made=("prefix", {"length": length}))


def dilated(step: int, offset: int = 0) -> Mask:
    """Every ``step``-th key, counted from the query's own: ``(query + offset - key) % step == 0``.

    Joined to others, ``window(step * (W - 1) + 1) & dilated(step)`` are W keys, ``step`` apart: Longformer's dilated window
    (Beltagy et al. 2020, section 3.1). ``causal() & dilated(step)`` is the strided head of Sparse Transformers (Child et al.
    2019, section 4.3), whose other head is a window.

    Args:
        step: from one key to the next, at least 1.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the step is not a whole number of at least 1.

    >>> print((window(5) & dilated(2)).picture(6, 6))
    0 ■ ⬚ ⬚ ⬚ ⬚ ⬚
    1 ⬚ ■ ⬚ ⬚ ⬚ ⬚
    2 ■ ⬚ ■ ⬚ ⬚ ⬚
    3 ⬚ ■ ⬚ ■ ⬚ ⬚
    4 ■ ⬚ ■ ⬚ ■ ⬚
    5 ⬚ ■ ⬚ ■ ⬚ ■
    >>> print((causal() & (window(3) | dilated(3))).picture(7, 7))
    0 ■ ⬚ ⬚ ⬚ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚ ⬚ ⬚
    2 ■ ■ ■ ⬚ ⬚ ⬚ ⬚
    3 ■ ■ ■ ■ ⬚ ⬚ ⬚
    4 ⬚ ■ ■ ■ ■ ⬚ ⬚
    5 ⬚ ⬚ ■ ■ ■ ■ ⬚
    6 ■ ⬚ ⬚ ■ ■ ■ ■
    """
    step, offset = whole_number("step", step, 1), whole_number("offset", offset)
    return Mask(
        lambda _b, _h, q, k: (q + offset - k) % step == 0,
        f"dilated({step}, offset={offset})" if offset else f"dilated({step})",
        made=("dilated", {"step": step, "offset": offset}),
    )


def blocks(size: int, neighbours: int = 0, offset: int = 0) -> Mask:
    """The query's own block, and blocks beside it: ``|⌊(query + offset) / size⌋ - ⌊key / size⌋| <= neighbours``.

    ``causal() & blocks(size)`` is chunked attention (Llama 4), ``blocks(size, neighbours=1)`` BigBird's window of blocks.

    Args:
        size: keys of a block, at least 1. The first block begins at key 0.
        neighbours: how many blocks on either side are visible too.
        offset: how many keys came before the first query.

    Raises:
        OptionError: if the size is not a whole number of at least 1, or neighbours not one of at least 0.

    >>> print(blocks(2).picture(5, 5))
    0 ■ ■ ⬚ ⬚ ⬚
    1 ■ ■ ⬚ ⬚ ⬚
    2 ⬚ ⬚ ■ ■ ⬚
    3 ⬚ ⬚ ■ ■ ⬚
    4 ⬚ ⬚ ⬚ ⬚ ■
    """
    size, neighbours = whole_number("size", size, 1), whole_number("neighbours", neighbours, 0)
    offset = whole_number("offset", offset)
    beside = f", neighbours={neighbours}" if neighbours else ""
    before = f", offset={offset}" if offset else ""
    return Mask(
        lambda _b, _h, q, k: ((q + offset) // size - k // size).abs() <= neighbours,
        f"blocks({size}{beside}{before})",
        made=("blocks", {"size": size, "neighbours": neighbours, "offset": offset}),
    )


def global_positions(positions: Tensor, offset: int = 0) -> Mask:
    """Whoever stands here sees everybody and is seen by everybody; join it to another mask with ``|``.

    Longformer's global attention (Beltagy et al. 2020, section 3.1): a whole row and a whole column for each position.

    Args:
        positions: (count,) whole numbers of at least 0: places of the keys, in any order.
        offset: how many keys came before the first query.

    Raises:
        DtypeError: if positions is no tensor of whole numbers.
        ShapeError: if positions does not have one axis.
        OptionError: if a position is below 0.

    >>> print((centred_window(3) | global_positions(torch.tensor([0, 4]))).picture(7, 7))
    0 ■ ■ ■ ■ ■ ■ ■
    1 ■ ■ ■ ⬚ ■ ⬚ ⬚
    2 ■ ■ ■ ■ ■ ⬚ ⬚
    3 ■ ⬚ ■ ■ ■ ⬚ ⬚
    4 ■ ■ ■ ■ ■ ■ ■
    5 ■ ⬚ ⬚ ⬚ ■ ■ ■
    6 ■ ⬚ ⬚ ⬚ ■ ■ ■
    """
    check_tensor("positions", positions)
    if positions.is_floating_point() or positions.dtype == torch.bool:
        raise DtypeError(f"positions is {positions.dtype}; expected whole numbers: of 0 and 1, take positions.nonzero()[:, 0]")
    if positions.ndim != 1:
        raise ShapeError(f"positions is {tuple(positions.shape)}; expected (count,), the same for every sequence and head")
    offset = whole_number("offset", offset)
    least, last = (int(positions.min()), int(positions.max())) if len(positions) else (0, -1)
    if least < 0:
        raise OptionError(f"positions go down to {least}; expected places of at least 0: count from the first key")
    table = torch.zeros(last + 3, dtype=torch.bool)  # one more at either end, where everybody else is looked up
    table[positions.cpu() + 1] = True
    positions = positions.clone()  # what the table was made of, whatever becomes of the tensor

    def seen(_b: Tensor, _h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        here = table.to(k.device)
        row, column = (here[(place + 1).clamp(0, last + 2)] for place in (q + offset, k))
        return row | column

    name = f"global_positions({len(positions)} of {last + 1}{f', offset={offset}' if offset else ''})"
    return Mask(seen, name, made=("global_positions", {"positions": positions, "offset": offset}))


def block_pairs(table: Tensor, size: int, offset: int = 0) -> Mask:
    """Which blocks see which, from a table: ``table[head, ⌊(query + offset) / size⌋, ⌊key / size⌋]``.

    Args:
        table: (heads, query blocks, key blocks), bool, True = may attend. A single head serves all.
        size: positions of a block, at least 1.
        offset: how many keys came before the first query.

    Raises:
        DtypeError: if table is no boolean tensor.
        ShapeError: if table does not have three axes.
        OptionError: if the size is not a whole number of at least 1, or the offset not one of at least 0.

    >>> print(block_pairs(torch.tensor([[[True, False], [True, True]]]), size=2).picture(4, 4))
    0 ■ ■ ⬚ ⬚
    1 ■ ■ ⬚ ⬚
    2 ■ ■ ■ ■
    3 ■ ■ ■ ■
    """
    check_tensor("table", table)
    if table.dtype != torch.bool:
        raise DtypeError(f"table is {table.dtype}; expected torch.bool, True = may attend: write table.bool() if 1 means so")
    if table.ndim != 3:
        raise ShapeError(f"table is {tuple(table.shape)}; expected 3 axes: (heads, query blocks, key blocks)")
    size, offset = whole_number("size", size, 1), whole_number("offset", offset, 0)
    heads, rows, columns = table.shape

    def look_up(_b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        head = torch.zeros_like(h) if heads == 1 else h
        return table.to(k.device)[head, (q + offset) // size, k // size]

    before = f", offset={offset}" if offset else ""
    return Mask(
        look_up,
        f"block_pairs({heads} x {rows} x {columns}, size={size}{before})",
        (None, None if heads == 1 else heads, max(0, rows * size - offset), columns * size),
        ("block_pairs", {"table": table, "size": size, "offset": offset}),
    )


def random_blocks(count: int, size: int, blocks: int, heads: int = 1, seed: int = 0) -> Mask:
    """Each block of queries sees ``count`` blocks of keys, drawn once (BigBird, Zaheer et al. 2020, section 2).

    Drawn among the blocks that BigBird does not show anyway: neither the own one and its neighbours, nor the first and the
    last. Fewer where there are no more. What comes out is a `block_pairs` mask: files keep the draw, not the seed.

    Args:
        count: how many blocks of keys, at least 1.
        size: positions of a block, at least 1.
        blocks: how many blocks the sequence has, at least 1.
        heads: how many heads draw for themselves; a single draw serves all.
        seed: the same seed draws the same blocks.

    Raises:
        OptionError: if a number is not whole, or too small.

    >>> print(random_blocks(count=1, size=1, blocks=7).picture(7, 7))
    0 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
    1 ⬚ ⬚ ⬚ ⬚ ■ ⬚ ⬚
    2 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
    3 ⬚ ⬚ ⬚ ⬚ ⬚ ■ ⬚
    4 ⬚ ■ ⬚ ⬚ ⬚ ⬚ ⬚
    5 ⬚ ⬚ ■ ⬚ ⬚ ⬚ ⬚
    6 ⬚ ⬚ ⬚ ⬚ ■ ⬚ ⬚
    """
    count, blocks, heads = (
        whole_number(name, number, 1) for name, number in (("count", count), ("blocks", blocks), ("heads", heads))
    )
    place = torch.arange(blocks)
    free = ((place[:, None] - place).abs() > 1) & (place > 0) & (place < blocks - 1)  # (query blocks, key blocks)
    luck = torch.rand(heads, blocks, blocks, generator=torch.Generator().manual_seed(whole_number("seed", seed)))
    rank = luck.masked_fill(~free, -1).argsort(-1, descending=True).argsort(-1)  # 0 for the luckiest
    return block_pairs(free & (rank < count), size)


def combined(allowed: Mask | None, causally: bool, width: int | None, offset: int) -> Mask | None:
    """The one mask that a mask, ``causal=`` and ``window=`` make together; None where everything is visible.

    Args:
        allowed: a mask that is there already.
        causally: nobody looks ahead; a window then looks back, and is centred otherwise.
        width: of the window, if there is one.
        offset: keys − queries, so that the last query sees every key (bottom-right).
    """
    parts = [] if allowed is None else [allowed]
    if causally:
        parts.append(causal(offset))
    if width is not None:
        parts.append(window(width, offset) if causally else centred_window(width, offset))
    return functools.reduce(operator.and_, parts) if parts else None


def check_tensor(name: str, tensor: Tensor) -> None:
    """Refuse what is not a tensor."""
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"{name} is a {type(tensor).__name__}; expected a tensor: write torch.as_tensor({name})")
