"""What has been surveyed so far: totals, the lines that were left out, and which parts of the corpus are done."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from regard.surveying.totals import Totals

FIRST = 5
"""How many lines are named for each reason why lines were left out."""


@dataclass
class LeftOut:
    """The lines that were left out for one reason."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)  #: the earliest of them: place, and what was wrong there

    def merge(self, other: Self) -> None:
        """Add lines of other parts of the corpus."""
        self.count += other.count
        self.first = sorted([*self.first, *other.first])[:FIRST]


@dataclass
class Tally:
    """What some parts of a corpus add up to; merged in any order to the same."""

    totals: Totals | None = None  #: None where no text was surveyed
    texts: int = 0
    tokens: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)  #: by reason
    digests: dict[int, int] = field(default_factory=dict)  #: by file: of what was read there, chunk by chunk, in any order

    def leave_out(self, reason: str, place: int, what: str) -> None:
        """Count a line that is not surveyed."""
        self.left_out.setdefault(reason, LeftOut()).merge(LeftOut(1, [(place, what)]))

    @property
    def lines(self) -> int:
        """All lines that were read."""
        return self.texts + sum(found.count for found in self.left_out.values())

    def merge(self, other: Self) -> None:
        """Add what another part of the corpus adds up to; that one may change with this one afterwards.

        Raises:
            RecordingError: it is of another model.
        """
        if self.totals is None:
            self.totals = other.totals
        elif other.totals is not None:
            self.totals.merge(other.totals)
        self.texts += other.texts
        self.tokens += other.tokens
        for reason, found in other.left_out.items():
            self.left_out.setdefault(reason, LeftOut()).merge(found)
        for file, digest in other.digests.items():
            self.digests[file] = (self.digests.get(file, 0) + digest) % 2**64


class ReadChunk(NamedTuple):
    """What one chunk of the corpus adds up to."""

    file: int
    number: int  #: of the chunk in its file
    bytes: int  #: of the file, as it is stored
    tally: Tally


class Done:
    """Which chunks of each file are done, as runs: as small as the corpus is long.

    Example:
        >>> done = Done()
        >>> for chunk in (0, 1, 4, 3):
        ...     done.add(0, chunk)
        >>> done.runs, (0, 1) in done, (0, 2) in done, len(done)
        ({0: [[0, 2], [3, 5]]}, True, False, 4)
    """

    def __init__(self, runs: Mapping[Any, Sequence[Sequence[int]]] | None = None) -> None:
        self.runs = {int(file): [list(run) for run in found] for file, found in (runs or {}).items()}  # file: [start, stop) ...

    def __len__(self) -> int:
        return sum(stop - start for runs in self.runs.values() for start, stop in runs)

    def __contains__(self, chunk: tuple[int, int]) -> bool:
        file, number = chunk
        runs = self.runs.get(file, [])
        at = bisect_right(runs, number, key=lambda run: run[0]) - 1
        return at >= 0 and number < runs[at][1]

    def add(self, file: int, number: int) -> None:
        """A chunk is done that was not before."""
        runs = self.runs.setdefault(file, [])
        at = bisect_right(runs, number, key=lambda run: run[0])
        runs.insert(at, [number, number + 1])
        if at + 1 < len(runs) and runs[at + 1][0] == number + 1:
            runs[at][1] = runs.pop(at + 1)[1]
        if at and runs[at - 1][1] == number:
            runs[at - 1][1] = runs.pop(at)[1]
