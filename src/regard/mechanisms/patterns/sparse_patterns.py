"""Sparse patterns that are more than a mask: some tokens, or some heads, look at the sequence in a way of their own.

Most patterns are nothing but a mask (`regard.masks`), and attention with that mask:

    causal        attention(query, key, value, causal=True)
    window        attention(query, key, value, causal=True, window=W)
    prefix        attention(query, key, value, masks.causal() | masks.prefix(P))
    documents     attention(query, key, value, masks.causal() & masks.documents(ids))
    blocks        attention(query, key, value, masks.causal() & masks.blocks(size))

A kernel that skips what is hidden pays for the visible pairs only. The functions here compute every score and hide, to be
read: the result is the same.
"""

import functools
import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from regard import masks
from regard.arguments import truth, whole_number
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.masks import Mask
from regard.masks.sparse import BlockPairs
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


def global_local(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    global_query: Tensor,
    global_key: Tensor,
    global_value: Tensor,
    window: int,
    positions: Tensor,
) -> tuple[Tensor, Tensor]:
    """A window for most tokens, everything for a few, which have projections of their own (Longformer, Beltagy et al. 2020).

        ordinary row i   softmax over { j : |i − j| ≤ window // 2 } ∪ positions  of  q_i · k_j / √dim
        global row i     softmax over all j                                      of  global q_i · global k_j / √dim

    Section 3.1 of the paper; our window is their w, plus the query's own key. Ordinary rows read the ordinary keys and
    values of global tokens. Global rows read global keys and values, so output = weights · values holds within each kind.

    Args:
        global_query: as query, from the second set of projections, as global_key and global_value are; only the rows of global
            tokens are read.
        global_key: as key.
        global_value: as value.
        window: how many keys an ordinary token sees around it, its own included; odd.
        positions: (count,) whole numbers: which tokens of the sequence are global.

    Example:
        The first token sees all five and is seen by all five:

        >>> x = torch.randn(6, 5, 4)
        >>> output, weights = global_local(*x, window=1, positions=torch.tensor([0]))
        >>> (weights > 0).int()
        tensor([[1, 1, 1, 1, 1],
                [1, 1, 0, 0, 0],
                [1, 0, 1, 0, 0],
                [1, 0, 0, 1, 0],
                [1, 0, 0, 0, 1]], dtype=torch.int32)
    """
    length = _one_sequence(query, key, value)
    for name, one, other in (("query", query, global_query), ("key", key, global_key), ("value", value, global_value)):
        inputs.check_floats(f"global_{name}", other)
        if one.dtype != other.dtype:
            raise DtypeError(
                f"expected {name} and global_{name} of one type, got {one.dtype} and {other.dtype}; convert one of them"
            )
        if one.shape != other.shape:
            raise ShapeError(
                f"expected {name} and global_{name} of one shape, got {tuple(one.shape)} and {tuple(other.shape)}; "
                "both are projections of the same tokens"
            )
    mask = masks.centred_window(window) | masks.global_positions(positions)
    if len(positions) and int(positions.max()) >= length:
        raise OptionError(f"positions: expected places of tokens from 0 to {length - 1}, got {int(positions.max())}")

    output, weights = attention(query, key, value, mask)  # every token as an ordinary one
    if not len(positions):
        return output, weights
    rows = positions.to(query.device).unique()  # (count,)
    whole, over_all = attention(global_query.index_select(-2, rows), global_key, global_value)
    return output.index_copy(-2, rows, whole), weights.index_copy(-2, rows, over_all)


def bigbird(query: Tensor, key: Tensor, value: Tensor, random: Mask, size: int) -> tuple[Tensor, Tensor]:
    """Neighbouring blocks, the first and the last block, and a few blocks at random (Zaheer et al. 2020, section 2).

        block a sees block b  if  |a − b| ≤ 1,  or a or b is the first or the last,  or random says so

    A window carries what is near, global blocks pass news from anywhere to anywhere in two steps, and random blocks make
    the graph of who sees whom one of short paths. This is the paper's ITC: the global tokens are those of the text.

    Args:
        random: which blocks see which besides: `masks.random_blocks`, or `masks.block_pairs` of a draw that you have.
        size: positions of a block; the sequence is a whole number of blocks.

    Example:
        >>> output, weights = bigbird(*torch.randn(3, 7, 4), masks.random_blocks(count=1, size=1, blocks=7), size=1)
        >>> (weights > 0).int()
        tensor([[1, 1, 1, 1, 1, 1, 1],
                [1, 1, 1, 0, 1, 0, 1],
                [1, 1, 1, 1, 0, 1, 1],
                [1, 0, 1, 1, 1, 1, 1],
                [1, 1, 0, 1, 1, 1, 1],
                [1, 0, 1, 0, 1, 1, 1],
                [1, 1, 1, 1, 1, 1, 1]], dtype=torch.int32)
    """
    length = _one_sequence(query, key, value)
    if not isinstance(random, Mask):
        raise DtypeError(f"random: expected a mask, got {type(random).__name__}; use masks.random_blocks or masks.block_pairs")
    near = masks.blocks(size, neighbours=1)
    if length % size:
        raise ShapeError(
            f"expected whole blocks, got {length} positions and size={size}; pad to {-(-length // size) * size} positions, "
            f"or take a size that divides {length}"
        )
    for drawn in random.pattern.leaves():
        if not isinstance(drawn, BlockPairs):
            continue
        table = drawn.table
        if drawn.size != size:
            raise OptionError(f"random: expected blocks of size={size}, got blocks of {drawn.size}; draw it with that size")
        if table.shape[1:] != (length // size, length // size):
            raise ShapeError(
                f"random: expected {length // size} · {length // size} blocks as in the sequence, got {table.shape[1]} · "
                f"{table.shape[2]}; draw it for as many, since the last block sees everything, wherever it is"
            )
    ends = torch.cat([torch.arange(size), torch.arange(length - size, length)])
    return attention(query, key, value, near | masks.global_positions(ends) | random)


def dilated_heads(
    query: Tensor, key: Tensor, value: Tensor, window: int, steps: Sequence[int], *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """A window for every head, with gaps of the head's own: ``window`` keys, ``steps[h]`` apart (Beltagy et al. 2020).

        head h, row i   softmax over { i − steps[h]·m : 0 ≤ m < window }  if causal, { |m| ≤ window // 2 } if not

    Section 3.1 of the paper, whose dilation d is our step. Some heads stay close, others reach ``steps[h]`` times as far for
    the same cost.

    Args:
        window: how many keys a query sees, its own included: looking back with causal, else centred, and odd.
        steps: one a head, from one of these keys to the next; 1 is an ordinary window.

    Example:
        >>> output, weights = dilated_heads(*torch.randn(3, 2, 5, 4), window=2, steps=[1, 3], causal=True)
        >>> (weights[1] > 0).int()
        tensor([[1, 0, 0, 0, 0],
                [0, 1, 0, 0, 0],
                [0, 0, 1, 0, 0],
                [1, 0, 0, 1, 0],
                [0, 1, 0, 0, 1]], dtype=torch.int32)
    """
    inputs.check_attention(query, key, value)
    heads = query.shape[-3] if query.ndim > 2 else 1
    if not isinstance(steps, Sequence):
        raise OptionError(f"steps: expected a list of whole numbers, one a head, got {in_short(steps)}; write list(steps)")
    steps = [whole_number("step", step, 1) for step in steps]
    if len(steps) != heads:
        raise ShapeError(f"expected one step a head, got {len(steps)} steps and heads={heads}")
    around = masks.window if truth("causal", causal) else masks.centred_window
    window = whole_number("window", window, 1)
    around(window)  # refuses what is no window, before it is stretched
    offset = key.shape[-2] - query.shape[-2]

    def stretched(step: int) -> Mask:
        gaps = masks.dilated(step, offset)
        mine = torch.tensor([own == step for own in steps])  # (heads,)
        return around(step * (window - 1) + 1, offset) & gaps & masks.from_tensor(mine[:, None, None])

    return attention(query, key, value, functools.reduce(operator.or_, map(stretched, sorted(set(steps)))))


def _one_sequence(query: Tensor, key: Tensor, value: Tensor) -> int:
    """How many tokens look at themselves."""
    inputs.check_attention(query, key, value)
    if query.shape[-2] != key.shape[-2]:
        raise ShapeError(
            f"expected as many queries as keys, got {query.shape[-2]} and {key.shape[-2]}; the pattern is one of a sequence "
            "that looks at itself"
        )
    return query.shape[-2]
