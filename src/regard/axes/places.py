"""Where a position stands in what a model was given: a patch of a picture, a moment of a sound, a residue of a chain."""

from typing import NamedTuple, TypeAlias


class Patch(NamedTuple):
    """A patch of a picture; pictures, rows and columns are counted from 0, rows from the top."""

    image: int
    row: int
    column: int


class Seconds(NamedTuple):
    """A stretch of a sound, in seconds from its beginning; of several in a text, sounds are counted from 0."""

    start: float
    stop: float
    sound: int = 0


class Residue(NamedTuple):
    """A residue of a chain, by its number in it, as biologists count: from 1."""

    number: int


Place: TypeAlias = Patch | Seconds | Residue
