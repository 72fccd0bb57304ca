"""Arguments, checked: whole numbers, numbers, choices, truth values. One sentence says what was expected, and what came."""

import math
import operator
from collections.abc import Collection
from numbers import Real
from typing import Any, TypeVar

from regard.errors import DtypeError, OptionError

Choice = TypeVar("Choice", bound=str)


def whole_number(name: str, value: Any, least: int | None = None, most: int | None = None, *, advice: str = "") -> int:
    """The value as an integer: an int or a whole number of numpy or torch, within the bounds; no truth value.

    Args:
        name: what the caller calls it.
        value: what came.
        least: the smallest that may be.
        most: the largest that may be.
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
        number = None if isinstance(value, bool) else operator.index(value)
    except (TypeError, RuntimeError):
        number = None
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
    given = float(value) if isinstance(value, Real) and value is not True and value is not False else math.nan
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
    if not isinstance(value, bool):
        raise DtypeError(_sentence(name, "True or False", value, advice))
    return value


def in_short(value: Any) -> str:
    """What came, for the end of a sentence: it may be anything, and long.

    Example:
        >>> in_short("no"), in_short(range(3)), in_short([0.5] * 20)
        ("'no'", 'range(0, 3)', '20 entries')
    """
    text = f"{len(value)} entries" if isinstance(value, list | tuple | dict) and len(value) >= 16 else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _bounds(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    return f" of at least {least:,}" if least is not None else f" of at most {most:,}" if most is not None else ""


def _sentence(name: str, expected: str, value: Any, advice: str) -> str:
    return f"{name}: expected {expected}, got {in_short(value)}" + (f"; {advice}" if advice else "")
