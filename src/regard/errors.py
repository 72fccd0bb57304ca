"""What can go wrong, in few words: each error is also the builtin that a caller would expect.

Every message says what was expected, what came, and what to do.
"""

from typing import Any

__all__ = [
    "DtypeError",
    "FileChangedError",
    "FileFormatError",
    "ModelError",
    "OptionError",
    "PlaceError",
    "RecordingError",
    "RegardError",
    "ScoreError",
    "ShapeError",
    "TooLargeError",
    "TooLongError",
]


class RegardError(Exception):
    """Base of everything that Regard raises on purpose."""


class ShapeError(RegardError, ValueError):
    """Tensors whose sizes do not fit each other."""


class DtypeError(RegardError, TypeError):
    """A tensor, or a value, of a type that has no meaning here."""


class OptionError(RegardError, ValueError):
    """An argument outside of the values that it may take."""


class PlaceError(OptionError, IndexError):
    """A position that the map does not have."""


class ScoreError(RegardError, ValueError):
    """Scores that are not numbers: attention over them would be noise."""


class TooLargeError(RegardError, MemoryError):
    """A dense matrix that was asked for and would not fit."""


class TooLongError(RegardError, ValueError):
    """A text with more tokens than the model has positions."""


class RecordingError(RegardError, RuntimeError):
    """Attention that cannot be recorded, or a recording that has none of what was asked for."""


class ModelError(RegardError, OSError):
    """A model that cannot be found or read."""


class FileFormatError(RegardError, ValueError):
    """A file of an unknown format, or one that is damaged."""


class FileChangedError(RegardError, OSError):
    """A file that was written into, or cut short, while it was open: what is read from it now is neither old nor new."""


def in_short(value: Any) -> str:
    """What came, for the end of a sentence: it may be anything, of many lines, and long.

    Example:
        >>> in_short("no"), in_short(range(3)), in_short([0.5] * 20)
        ("'no'", 'range(0, 3)', '20 entries')
        >>> import torch
        >>> in_short(torch.eye(3))
        'a Tensor (3, 3) of torch.float32'
    """
    if isinstance(value, list | tuple | dict) and len(value) >= 16:
        return f"{len(value)} entries"
    try:
        if getattr(value, "ndim", 0) and not isinstance(value, type):
            return f"a {type(value).__name__} {tuple(value.shape)} of {value.dtype}"
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - an object that cannot even say what it is
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]}…"
