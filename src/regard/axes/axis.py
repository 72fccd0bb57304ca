"""One side of a map: what its positions are, for each sequence of the batch. It travels with the map wherever that goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from regard.axes.given_texts import GivenTexts, check_sequences, given_texts
from regard.axes.line import Groups, Line
from regard.axes.places import Place
from regard.axes.roles import ROLES
from regard.errors import DtypeError, ShapeError, in_short
from regard.positions import Positions
from regard.tokens.words import Words, WordsAsked

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Axis(Sequence[str]):
    """The rows or the columns of a map. It reads as a sequence of texts, and knows more of each position.

    What is not known is None; texts that are not known read as the positions' numbers.

    Attributes:
        lines: the positions of each sequence of the batch, or one line that holds for all of them.
        role: "source", "consumed" or "produced": what the tokens are to the model.
        beside: the same positions read in another way: beside the tokens that rows produced, those that they consumed.

    Example:
        >>> import torch, regard
        >>> amap = regard.AttentionMap.from_dense(torch.eye(3))
        >>> amap.queries = ["a", "b", "c"]
        >>> amap.queries, amap.queries[1], amap.keys.text
        (Axis('a', 'b', 'c'), 'b', None)
    """

    lines: tuple[Line, ...]
    role: str | None = None
    beside: "Axis | None" = None

    def __post_init__(self) -> None:
        if not isinstance(self.lines, tuple | list) or not all(isinstance(line, Line) for line in self.lines):
            raise DtypeError(f"lines: expected a tuple of Line, one a sequence, got {in_short(self.lines)}")
        sizes = {line.size for line in self.lines}
        if len(sizes) != 1:
            raise ShapeError(f"expected sequences of one length, padding included, got {sorted(sizes) or 'none'}")
        if self.role is not None and (not isinstance(self.role, str) or self.role not in ROLES):
            raise ShapeError(f"role: expected one of {', '.join(ROLES)}, got {in_short(self.role)}")
        if not isinstance(self.beside, Axis | None):
            raise DtypeError(f"beside: expected another Axis, got {in_short(self.beside)}")
        if self.beside is not None and len(self.beside) != len(self):
            raise ShapeError(f"beside: expected {len(self)} positions, got {len(self.beside)}")

    @classmethod
    def unknown(cls, size: int) -> "Axis":
        """Positions of which nothing is known."""
        return cls((Line(size),))

    # -- one sequence ----------------------------------------------------------------------------------------------

    @property
    def line(self) -> Line:
        """The only sequence.

        Raises:
            ShapeError: there are several.
        """
        if len(self.lines) > 1:
            raise ShapeError(
                f"expected the positions of one sequence, got those of {len(self.lines)}; ask one of them: amap.sample(0), "
                "recording.sample(0) or axis.sequence(0)"
            )
        return self.lines[0]

    @property
    def text(self) -> tuple[str, ...] | None:
        """What a person reads at each position."""
        return self.line.text

    @property
    def token(self) -> tuple[str, ...] | None:
        """The tokenizer's own spelling."""
        return self.line.token

    @property
    def id(self) -> tuple[int, ...] | None:
        """The tokenizer's number."""
        return self.line.id

    @property
    def present(self) -> tuple[bool, ...]:
        """False where a position is padding."""
        return self.line.present or (True,) * len(self)

    @property
    def special(self) -> tuple[bool, ...]:
        """True where a token stands for no text."""
        return self.line.specials

    @property
    def place(self) -> tuple[Place | None, ...] | None:
        """Where a position stands in a picture, a sound or a chain."""
        return self.line.place

    @property
    def group(self) -> dict[str, Groups]:
        """How positions combine, by the name of the unit."""
        return dict(self.line.group)

    @property
    def spelled(self) -> tuple[str, ...] | None:
        """The tokens, or the texts where there are none: what words are made of."""
        return self.line.spelled

    @property
    def title(self) -> str | None:
        """What a picture says of the side."""
        return None if self.role is None else ROLES[self.role]

    def units(self, asked: WordsAsked | str | None = None) -> Words:
        """Words between blanks, "characters", a unit of ``group``, or words that are given, each with its positions.

        Raises:
            OptionError: the positions have no texts, or words of another text; ShapeError: several sequences.

        Example:
            >>> Axis.unknown(3).with_text(["▁ma", "t", "."]).units()
            Words(texts=('mat.',), tokens=((0, 1, 2),))
        """
        return self.line.units(asked)

    # -- a sequence of texts ---------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.lines[0].size

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: int | slice) -> str | tuple[str, ...]:
        text = self.text
        if text is not None:
            return text[at]
        numbers = range(len(self))[at]
        return str(numbers) if isinstance(numbers, int) else tuple(map(str, numbers))

    def __iter__(self) -> Iterator[str]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Axis):
            return (self.lines, self.role, self.beside) == (other.lines, other.role, other.beside)
        if isinstance(other, list | tuple):
            return len(self.lines) == 1 and self[:] == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it equals lists of its texts, which have none

    def __repr__(self) -> str:
        said = []
        if len(self.lines) > 1:
            said.append(f"{len(self.lines)} sequences of {len(self)}")
        elif self.text is None:
            said.append(f"{len(self)} positions")
        else:
            said += [repr(text) for text in self.text[:8]]
            said += [f"… {len(self)} of them"] if len(self) > 8 else []
        if padding := sum(line.size - len(line.real) for line in self.lines):
            said.append(f"padding={padding}")
        if self.role is not None:
            said.append(f"role={self.role!r}")
        return f"Axis({', '.join(said)})"

    # -- some of it ------------------------------------------------------------------------------------------------

    def sequence(self, item: int) -> "Axis":
        """The positions of one sequence of the batch, padding included."""
        return self.select(batch=range(item, item + 1)) if len(self.lines) > 1 else self

    def select(self, *, batch: Positions | None = None, places: Positions | None = None) -> "Axis":
        """Some sequences of the batch, and some of their positions."""
        lines = self.lines
        if batch is not None and len(lines) > 1:
            lines = tuple(lines[item] for item in batch) or lines[:1]
        if places is not None:
            lines = tuple(line.take(places) for line in lines)
        beside = None if self.beside is None else self.beside.select(batch=batch, places=places)
        return Axis(lines, self.role, beside)

    def real(self, item: int) -> Positions:
        """The positions of one sequence that are no padding."""
        return self.lines[item if len(self.lines) > 1 else 0].real

    @property
    def presence(self) -> Tensor | None:
        """(lines, positions), False where there is padding; None where there is none, as far as is known."""
        if not self.is_padded:
            return None
        return torch.tensor([line.present or (True,) * line.size for line in self.lines])

    @property
    def is_padded(self) -> bool:
        """Whether some position is known to be padding."""
        return any(line.present is not None and not all(line.present) for line in self.lines)

    # -- made otherwise --------------------------------------------------------------------------------------------

    def with_text(self, given: Any, name: str = "labels", batch: int = 1) -> "Axis":
        """The same positions under the names that a user gives: one list for all sequences, or a list of lists, one for each.

        Raises:
            ShapeError: more or fewer names than positions; DtypeError: no list.

        Example:
            >>> Axis.unknown(2).with_text(["a", "b"])
            Axis('a', 'b')
        """
        if given is None:
            return replace(self, lines=tuple(line.with_text(None) for line in self.lines), beside=None)
        read = given_texts(name, given, f"{len(self)} labels")
        check_sequences(name, read, batch)
        if (made := self.renamed(read)) is None:
            got = next(len(row) for row in read.rows if len(row) != len(self))
            raise ShapeError(f"{name}: expected {len(self)} labels, one a position, got {got}; special tokens have one too")
        return made

    def renamed(self, given: GivenTexts) -> "Axis | None":
        """The same positions under other names, one for each or for each that is no padding; None where they do not fit."""
        lines = []
        for item in range(max(len(self.lines), len(given.rows))):
            line = self.lines[item if len(self.lines) > 1 else 0]
            at = item if len(given.rows) > 1 else 0
            texts = _spread(given.rows[at], line, "")
            if texts is None:
                return None
            named = line.with_text(texts)
            ids = None if given.ids is None else _spread(given.ids[at], line, -1)
            lines.append(named if ids is None else replace(named, id=ids))
        return self if tuple(lines) == self.lines else replace(self, lines=tuple(lines), beside=None)


def _spread(row: tuple[T, ...], line: Line, padding: T) -> tuple[T, ...] | None:
    """One value for each position, of values that may leave out the padding."""
    if len(row) == line.size:
        return row
    if len(row) != len(line.real):
        return None
    there = dict(zip(line.real, row, strict=True))
    return tuple(there.get(at, padding) for at in range(line.size))


def checked_axis(name: str, given: Any, own: Axis, batch: int) -> Axis:
    """The axis of one side of a map: one that is given, or the own one under names that are given.

    Raises:
        ShapeError: it has another length than the own one, or sequences of another batch; DtypeError: no axis and no list.
    """
    if not isinstance(given, Axis):
        return own.with_text(given, name, batch)
    if len(given) != len(own):
        raise ShapeError(f"{name}: expected {len(own)} labels, one a position, got {len(given)}")
    if len(given.lines) not in (1, batch):
        raise ShapeError(f"{name}: expected an axis of 1 or {batch} sequences, got {len(given.lines)}")
    return given
