"""Masks that follow from the positions alone."""

import functools
import operator

import torch

from regard.errors import OptionError
from regard.masks.mask import Mask, whole_number


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
