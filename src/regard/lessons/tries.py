"""What was tried: a file for each student, and the files of a class as one table."""

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from regard import arguments
from regard.errors import FileFormatError, OptionError, in_short
from regard.files import as_path, checked_path, opened, refusal, written_whole
from regard.lessons.report import Report

FORMAT = "regard.lessons/1"
MOST_BYTES = 2**20
"""A file of tries takes some kilobytes; what is far larger is something else."""


@dataclass
class Tries:
    """What came of one exercise.

    Attributes:
        tries: how many answers were checked.
        passed_at: the number of the first that was right, counted from 1; None while there is none.
        mistakes: how often each was named.
        unnamed: wrong answers whose mistake was not recognised.
    """

    tries: int = 0
    passed_at: int | None = None
    mistakes: dict[str, int] = field(default_factory=dict)
    unnamed: int = 0

    @property
    def passed(self) -> bool:
        """Whether a right answer was among them."""
        return self.passed_at is not None

    def add(self, report: Report) -> None:
        """Count one more."""
        self.tries += 1
        if report.passed:
            self.passed_at = self.passed_at or self.tries
        for name in report.mistakes:
            self.mistakes[name] = self.mistakes.get(name, 0) + 1
        self.unnamed += not report.passed and not report.mistakes


@dataclass
class Record:
    """The tries of one student, by the name of the exercise, in the order in which they were begun."""

    student: str = ""
    exercises: dict[str, Tries] = field(default_factory=dict)

    def table(self) -> list[dict[str, Any]]:
        """One row an exercise that was tried: student, exercise, tries, passed, passed_at, mistakes, unnamed."""
        return [
            {"student": self.student, "exercise": name, "passed": one.passed, **asdict(one)}
            for name, one in self.exercises.items()
        ]


def read(path: str | os.PathLike[str]) -> Record:
    """The tries in a file.

    Raises:
        FileFormatError: it is no file of tries.
        OSError: it cannot be read.
    """
    place = as_path(path)
    try:
        with opened(place) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise refusal("read", error.errno or errno.EIO, place, error.strerror or "it is no file") from error
    if len(data) > MOST_BYTES:
        raise FileFormatError(f"{str(place)!r}: expected a file of tries, some kilobytes, got more than {MOST_BYTES} bytes")
    try:
        return _record(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{str(place)!r}: expected a file of tries, as lessons.check(..., record=...) writes it, got something else "
            f"({in_short(error)}); choose another name"
        ) from error


def begin(path: str | os.PathLike[str], student: str | None) -> Record:
    """The tries so far; none where there is no file yet.

    Raises:
        FileFormatError: what stands there is no file of tries.
        OptionError: it is another student's.
        OSError: it cannot be read, or none can be written there.
    """
    place = checked_path(path)
    record = read(place) if place.exists() else Record()
    if student is not None and student != record.student:
        if record.student:
            told = f"expected tries of {student!r} in {str(place)!r}, got those of {record.student!r}"
            raise OptionError(f"{told}; take a file for each student")
        record.student = student
    return record


def note(path: str | os.PathLike[str], student: str | None, report: Report) -> None:
    """Add a try to a file, which is made where there is none; raises what ``begin`` raises."""
    record = begin(path, student)
    record.exercises.setdefault(report.exercise, Tries()).add(report)
    text = {
        "format": FORMAT,
        "student": record.student,
        "exercises": {name: asdict(one) for name, one in record.exercises.items()},
    }
    with written_whole(as_path(path)) as file:
        file.write(json.dumps(text, ensure_ascii=False, indent=1).encode() + b"\n")


def class_report(paths: Iterable[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """The tries of a class: one row a student and exercise, to be written as JSON or made a table of.

    Args:
        paths: a file for each student, as ``check(..., record=...)`` and ``regard lessons check`` write them.

    Returns:
        Rows with ``student`` (where there is no name, the file's), ``exercise``, ``passed``, ``tries``, ``passed_at`` (which
        try was right, from 1, or None), ``mistakes`` (how often each was named) and ``unnamed`` (wrong, and not recognised).

    Raises:
        FileFormatError: a file is no file of tries.
        OSError: it cannot be read.

    Example:
        >>> import tempfile, pathlib
        >>> from regard import lessons
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ada = pathlib.Path(folder, "ada.json")
        ...     for answer in (lambda q, k: q @ k.mT, lambda q, k: q @ k.mT / q.shape[-1] ** 0.5):
        ...         _ = lessons.check("scale", answer, record=ada, student="Ada")
        ...     [row] = lessons.class_report([ada])
        >>> row["student"], row["exercise"], row["tries"], row["passed"], row["mistakes"]
        ('Ada', 'scale', 2, True, {'no scale': 1})
    """
    rows = []
    for path in arguments.several("paths", paths, "files"):
        record = read(path)
        record.student = record.student or as_path(path).stem
        rows += record.table()
    return rows


def _record(data: Any) -> Record:
    """What JSON holds, if it is what we write."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {in_short(data['format'])}")
    record = Record(arguments.text("student", data["student"]))
    for name, one in data["exercises"].items():
        tries = arguments.whole_number("tries", one["tries"], 1)
        passed_at = (
            one["passed_at"] if one["passed_at"] is None else arguments.whole_number("passed_at", one["passed_at"], 1, tries)
        )
        mistakes = {
            arguments.text("mistake", mistake): arguments.whole_number("count", count, 1)
            for mistake, count in one["mistakes"].items()
        }
        unnamed = arguments.whole_number("unnamed", one["unnamed"], 0, tries)
        record.exercises[arguments.text("exercise", name)] = Tries(tries, passed_at, mistakes, unnamed)
    return record
