"""Arguments, checked: numbers, choices, truth values, texts, tensors. One sentence says what was expected, and what came."""

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, in_short

Choice = TypeVar("Choice", bound=str)
Known = TypeVar("Known")

MOST = 2**27
"""Entries of a list that are looked at one by one: no map has as many positions."""

MOST_WHOLE = 2**63 - 1
"""The largest number that a tensor, or an index, can hold."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def whole_number(
    name: str, value: Any, least: int | None = None, most: int | None = None, *, room: int = MOST_WHOLE, advice: str = ""
) -> int:
    """The value as an integer: an int or a whole number of numpy or torch, within the bounds; no truth value.

    Args:
        name: what the caller calls it.
        value: what came.
        least: the smallest that may be.
        most: the largest that may be.
        room: the largest that a machine has room for, which is told only where it is exceeded.
        advice: what to do about it, for the end of the sentence.

    Raises:
        OptionError: it is none.

    Example:
        >>> whole_number("window", 3, 1)
        3
        >>> whole_number("window", 0, 1, advice="leave it out to see everything")
        Traceback (most recent call last):
        regard.errors.OptionError: window: expected a whole number of at least 1, got 0; leave it out to see everything
    """
    try:
        number = None if _is_truth(value) or _is_truth_tensor(value) else operator.index(value)
    except (TypeError, RuntimeError, NotImplementedError):  # of torch, for tensors without numbers
        number = None
    if most is None and number is not None and number > room:
        most = room
    if number is None or (least is not None and number < least) or (most is not None and number > most):
        raise OptionError(_sentence(name, f"a whole number{_bounds(least, most)}", value, advice))
    return number


def number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    advice: str = "",
) -> float:
    """The value, if it is a finite number within the bounds; no truth value.

    Args:
        name: what the caller calls it.
        value: what came.
        least: the smallest that may be.
        above: what it must be larger than.
        most: the largest that may be.
        below: what it must be smaller than.
        advice: what to do about it, for the end of the sentence.

    Raises:
        OptionError: it is none.

    Example:
        >>> number("threshold", 1.5, least=0, below=1)
        Traceback (most recent call last):
        regard.errors.OptionError: threshold: expected a number of at least 0 and below 1, got 1.5
    """
    try:
        given = float(value) if isinstance(value, Real) and not _is_truth(value) else math.nan
    except OverflowError:  # a whole number of more digits than a float has
        given = math.inf
    fits = (
        math.isfinite(given)
        and (least is None or given >= least)
        and (above is None or given > above)
        and (most is None or given <= most)
        and (below is None or given < below)
    )
    if not fits:
        said = [("of at least", least), ("above", above), ("of at most", most), ("below", below)]
        bounds = " and ".join(f"{words} {bound:g}" for words, bound in said if bound is not None)
        raise OptionError(_sentence(name, f"a {'number ' + bounds if bounds else 'finite number'}", value, advice))
    return given


def one_of(name: str, value: Choice, known: Collection[Choice], *, advice: str = "") -> Choice:
    """The value, if it is one of the known texts.

    Raises:
        OptionError: it is none.

    Example:
        >>> one_of("how", "median", ("mean", "max"))
        Traceback (most recent call last):
        regard.errors.OptionError: how: expected one of mean, max, got 'median'
    """
    if not isinstance(value, str) or value not in known:
        raise OptionError(_sentence(name, f"one of {', '.join(known)}", value, advice))
    return value


def truth(name: str, value: Any, *, advice: str = "") -> bool:
    """The value, if it is True or False: "no" and 0 are taken for neither.

    Raises:
        DtypeError: it is neither.

    Example:
        >>> truth("causal", "no")
        Traceback (most recent call last):
        regard.errors.DtypeError: causal: expected True or False, got 'no'
    """
    if not _is_truth(value):
        raise DtypeError(_sentence(name, "True or False", value, advice))
    return bool(value)


def text(name: str, value: Any, *, advice: str = "") -> str:
    r"""The value, if it is a text: no bytes, and no half of a character, which no file and no tokenizer can hold.

    Raises:
        DtypeError: it is no text, or has the half of a surrogate pair.

    Example:
        >>> text("title", "a\ud800")
        Traceback (most recent call last):
        regard.errors.DtypeError: title: expected a text, got half of a character, '\ud800', at 1; leave it out
    """
    if not isinstance(value, str):
        raise DtypeError(_sentence(name, "a text", value, advice))
    if (half := _SURROGATE.search(value)) is not None:
        raise DtypeError(f"{name}: expected a text, got half of a character, {half[0]!r}, at {half.start()}; leave it out")
    return value


def several(name: str, value: Any, wanted: str, *, advice: str = "") -> list[Any]:
    """The entries of a list, a set, a range or a tensor of one axis: of no text, no mapping, and nothing without an end.

    Raises:
        DtypeError: it is none of these, or longer than anything that there is.

    Example:
        >>> several("heads", {0, 1}, "heads")
        [0, 1]
        >>> several("heads", 3, "heads", advice="for example heads=[0, 3]")
        Traceback (most recent call last):
        regard.errors.DtypeError: heads: expected a list of heads, got 3; for example heads=[0, 3]
    """
    if isinstance(value, Tensor):
        dense_tensor(name, value)
    listed = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping | type)
    if not listed or getattr(value, "ndim", 1) != 1 or _is_long(value):
        raise DtypeError(_sentence(name, f"a list of {wanted}", value, advice))
    return list(value)


def function(name: str, value: Any, *, advice: str = "") -> Callable[..., Any]:
    """The value, if it can be called.

    Raises:
        DtypeError: it cannot.

    Example:
        >>> function("measure", 3, advice="for example measure=len")
        Traceback (most recent call last):
        regard.errors.DtypeError: measure: expected a function, got 3; for example measure=len
    """
    if not callable(value):
        raise DtypeError(_sentence(name, "a function", value, advice))
    return cast("Callable[..., Any]", value)


def with_all(name: str, value: Known, wanted: str, attributes: Sequence[str], *, advice: str = "") -> Known:
    """The value, if it has these attributes: an object of a room that this one does not know.

    Raises:
        DtypeError: it has not.

    Example:
        >>> with_all("recording", [1], "a recording", ["maps"])
        Traceback (most recent call last):
        regard.errors.DtypeError: recording: expected a recording, got [1]
    """
    if isinstance(value, type) or not all(hasattr(value, one) for one in attributes):
        raise DtypeError(_sentence(name, wanted, value, advice))
    return value


def dense_tensor(name: str, value: Any) -> Tensor:
    """The value, if it is a tensor whose numbers can be read where they are: dense, on a device that holds numbers.

    Raises:
        DtypeError: it is none, or sparse, nested, quantised, in a layout of one library, or on the meta device.

    Example:
        >>> import torch
        >>> dense_tensor("query", torch.eye(2).to_sparse())
        Traceback (most recent call last):
        regard.errors.DtypeError: expected query as a dense tensor, got one of layout torch.sparse_coo; write query.to_dense()
    """
    if not isinstance(value, Tensor):
        raise DtypeError(f"expected {name} as a tensor, got {type(value).__name__}; convert it with torch.as_tensor({name})")
    if value.is_nested:
        raise DtypeError(f"expected {name} as a dense tensor, got a nested one; write {name}.to_padded_tensor(0.0), and a mask")
    if value.layout != torch.strided:
        raise DtypeError(f"expected {name} as a dense tensor, got one of layout {value.layout}; write {name}.to_dense()")
    if value.is_quantized:
        raise DtypeError(f"expected {name} as a dense tensor, got a quantised one, {value.dtype}; write {name}.dequantize()")
    if value.is_meta:
        raise DtypeError(f"expected {name} with numbers, got a tensor of the meta device; compute it on the CPU or a GPU")
    return value


def float_tensor(name: str, value: Any) -> Tensor:
    """`dense_tensor`, of floating-point numbers.

    Raises:
        DtypeError: it is none.

    Example:
        >>> import torch
        >>> float_tensor("query", torch.arange(3))
        Traceback (most recent call last):
        regard.errors.DtypeError: expected query of a floating type, got torch.int64; convert it with query.float()
    """
    found = dense_tensor(name, value)
    if not found.is_floating_point():
        raise DtypeError(f"expected {name} of a floating type, got {found.dtype}; convert it with {name}.float()")
    return found


def checked_device(device: torch.device | str) -> torch.device:
    """The device, as tensors on it say it.

    Raises:
        OptionError: there is no such device.

    Example:
        >>> checked_device("cpu")
        device(type='cpu')
    """
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError) as error:
        said = " ".join(str(error).split())[:200]
        raise OptionError(f"device: expected one that is there, got {in_short(device)} ({said}); for example cpu") from error
    if found.type == "meta":
        raise OptionError("device: expected one that holds numbers, got 'meta'; for example cpu")
    return found


def _is_long(value: Collection[Any]) -> bool:
    try:
        return len(value) > MOST
    except OverflowError:  # a range beyond any index
        return True


def _is_truth(value: Any) -> bool:
    """Whether it is True or False, of Python or numpy."""
    return isinstance(value, bool | np.bool_)


def _is_truth_tensor(value: Any) -> bool:
    """Whether it is a tensor or an array of truth values: one of a single one counts as 0 or 1 to Python."""
    return isinstance(value, Tensor | np.ndarray) and value.dtype in (torch.bool, np.bool_)


def _bounds(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    return f" of at least {least:,}" if least is not None else f" of at most {most:,}" if most is not None else ""


def _sentence(name: str, expected: str, value: Any, advice: str) -> str:
    return f"{name}: expected {expected}, got {in_short(value)}" + (f"; {advice}" if advice else "")
