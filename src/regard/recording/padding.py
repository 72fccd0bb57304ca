"""Which positions are padding, as far as a mask says it; and whether ids look padded where none does."""

from typing import Any

from torch import Tensor

LARGEST = 2**24
"""Numbers of a mask of four axes that are looked at."""


def padding_mask(given: Any, queries: int = 0) -> Tensor | None:
    """What a mask says of padding, (batch, positions), True where a position is real; None where it says nothing.

    A mask of four axes says it where it is the same for all of several queries; a single query need not see all that is real.

    Args:
        given: what a module was given as a mask.
        queries: how many queries there are, if it is known.

    Example:
        >>> import torch
        >>> padding_mask(torch.tensor([[[[0.0, -1e9]]]]))
        tensor([[ True, False]])
    """
    if not isinstance(given, Tensor) or given.ndim not in (2, 4):
        return None
    if given.ndim == 2:
        return given
    if queries == 1 or given.shape[1] != 1 or 0 in given.shape or given.numel() > LARGEST:
        return None
    if not bool((given == given[:, :, :1]).all()):
        return None  # who may attend to what, and no padding
    keys = given[:, 0, 0]
    return keys > -1 if keys.is_floating_point() and bool((keys < 0).any()) else keys.bool()


def looks_padded(ids: Tensor, role: str, pad: int | None) -> int | None:
    """The pad token, where a row of ids ends or begins in it as if it were padded."""
    if pad is None or ids.shape[1] < 2:
        return None
    padding = ids == pad
    ends = padding[:, -1] if len(ids) > 1 else padding[:, -2:].all(1)
    # A decoder's text may begin with it, and a text of one sequence end in it once.
    begins = padding[:, :2].all(1) if len(ids) == 1 or role == "consumed" else padding[:, 0]
    return pad if bool((ends | begins).any()) and not bool(padding.all()) else None
