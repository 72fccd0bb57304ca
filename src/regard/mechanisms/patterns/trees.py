"""Trees of drafted tokens: several guesses of what comes next, read at once (speculative decoding).

A small model drafts a tree: each token continues its parent. The large model reads the text and the whole tree in one pass,
where a token sees the text, its ancestors and itself: each path of the tree is read as if it were alone.
"""

import torch
from torch import Tensor

from regard import masks
from regard.arguments import dense_tensor, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask

MOST_TOKENS = 2**15  # the mask of a text has a truth value for each pair of its tokens


def ancestors(parents: Tensor) -> Tensor:
    """Who is above whom: (tokens, tokens), True where column j is i itself, its parent, its parent's parent and so on.

    Args:
        parents: (tokens,) whole numbers: the place of each token's parent in the tree, before its own; −1 for those that
            continue the text itself.

    Example:
        Two guesses, and two that continue the first:

        >>> ancestors(torch.tensor([-1, -1, 0, 0])).int()
        tensor([[1, 0, 0, 0],
                [0, 1, 0, 0],
                [1, 0, 1, 0],
                [1, 0, 0, 1]], dtype=torch.int32)
    """
    if not isinstance(parents, Tensor) or parents.is_floating_point() or parents.is_complex() or parents.dtype == torch.bool:
        got = getattr(parents, "dtype", type(parents).__name__)
        raise DtypeError(f"parents: expected a tensor of whole numbers, got {got}; write torch.as_tensor(parents).long()")
    dense_tensor("parents", parents)
    if parents.ndim != 1 or not 0 < len(parents) <= MOST_TOKENS:
        raise ShapeError(f"expected parents (tokens,), from 1 to {MOST_TOKENS:,} of them, got {tuple(parents.shape)}")
    above = torch.eye(len(parents), dtype=torch.bool)
    for token, parent in enumerate(parents.tolist()):
        if not -1 <= parent < token:
            raise OptionError(f"parents: expected a place before token {token}, or −1, got {parent}; order parents first")
        if parent >= 0:
            above[token] |= above[parent]
    return above


def tree_mask(parents: Tensor, before: int) -> Mask:
    """A text, and a tree after it: tokens of the text are causal, those of the tree see the text and their ancestors.

    Miao et al. 2023 (SpecInfer, tree-based parallel decoding); Cai et al. 2024 (Medusa, tree attention). The position of a
    token of the tree is that of the text's end plus its depth: `tree_positions`.

    Args:
        parents: as in `ancestors`.
        before: tokens of the text, 0 or more.

    Example:
        >>> print(tree_mask(torch.tensor([-1, -1, 0, 0]), before=2).picture(6, 6))
        0 ■ ⬚ ⬚ ⬚ ⬚ ⬚
        1 ■ ■ ⬚ ⬚ ⬚ ⬚
        2 ■ ■ ■ ⬚ ⬚ ⬚
        3 ■ ■ ⬚ ■ ⬚ ⬚
        4 ■ ■ ■ ⬚ ■ ⬚
        5 ■ ■ ■ ⬚ ⬚ ■
    """
    above, before = ancestors(parents), whole_number("before", before, 0, MOST_TOKENS)
    length = before + len(above)
    if length > MOST_TOKENS:
        raise OptionError(f"before: expected at most {MOST_TOKENS - len(above):,} tokens before this tree, got {before:,}")
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    seen[before:, before:] = above
    return masks.from_tensor(seen)


def tree_positions(parents: Tensor, before: int) -> Tensor:
    """Where tokens of a tree stand in the text that they would continue: before + depth, (tokens,) whole numbers.

    Args:
        parents: as in `ancestors`.
        before: as in `tree_mask`.

    Example:
        >>> tree_positions(torch.tensor([-1, -1, 0, 0]), before=2)
        tensor([2, 2, 3, 3])
    """
    return whole_number("before", before, 0, 2**62) + ancestors(parents).sum(-1) - 1
