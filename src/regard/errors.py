"""What can go wrong, in few words: each error is also the builtin that a caller would expect.

Every message says what was expected, what came, and what to do.
"""

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
