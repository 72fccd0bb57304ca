"""``regard lessons``: the exercises, what was tried of them, and what is wrong with an answer."""

import argparse
import errno
import importlib.machinery
import importlib.util
import sys
import traceback
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard import lessons
from regard.cli.reports import complain, print_json
from regard.errors import OptionError, RegardError
from regard.files import as_path, opened, refusal
from regard.lessons import Exercise, Report
from regard.lessons.report import listed
from regard.lessons.tries import Record, Tries, begin
from regard.tokens.texts import visible

RECORD = Path("lessons.json")


def run(options: argparse.Namespace) -> int:
    """Do what is asked for: list, task, begin, hint, solution, check or class."""
    status = 0
    if options.action == "list":
        _list(begin(options.record or RECORD, None))
    elif options.action == "check":
        status = _check(options)
    elif options.action == "class":
        _class(options)
    else:
        print(_told(options))
    sys.stdout.flush()
    return status


def _told(options: argparse.Namespace) -> str:
    name = " ".join(options.name)
    if options.action == "task":
        exercise = lessons.named(name)
        name = exercise.name
        return (
            f"{exercise.told}\n\nregard lessons begin {name} > FILE writes that, and regard lessons check FILE tries it.\n"
            f"A hint: regard lessons hint {name}"
        )
    if options.action == "begin":
        return f"import torch\n\n\n{lessons.start(name)}"
    if options.action == "hint":
        return lessons.hint(name, options.number)
    exercise = lessons.named(name)
    tried = begin(options.record or RECORD, None).exercises.get(exercise.name, Tries())
    if not (tried.passed or options.give_up):
        raise OptionError(
            f"expected a right answer to {exercise.name} first, got none in {tried.tries} tries; "
            f"regard lessons hint {exercise.name}, or --give-up"
        )
    return exercise.solution


def _list(record: Record) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "exercise", "function"):
        table.add_column(column, no_wrap=True)
    table.add_column("tries", justify="right")
    for exercise in lessons.exercises():
        tried = record.exercises.get(exercise.name, Tries())
        mark = "✓" if tried.passed else "✗" if tried.tries else "·"
        table.add_row(mark, exercise.name, exercise.answer.__name__, str(tried.tries or ""))
    console = Console(highlight=False)
    console.print(table)
    passed = sum(tried.passed for tried in record.exercises.values())
    console.print(Text(f"{passed} of {len(lessons.exercises())} right; regard lessons task NAME tells what to do", style="dim"))


def _check(options: argparse.Namespace) -> int:
    answers = _answers(options.file, _module(options.file), options.only)
    record = options.record or RECORD
    keeps = True
    right = True
    for exercise, function in answers:
        try:
            report = lessons.check(exercise.name, function, student=options.student, record=record if keeps else None)
        except OSError as error:  # a folder that cannot be written to: the answer is checked all the same
            complain(error)
            keeps = False
            report = lessons.check(exercise.name, function, student=options.student)
        right &= report.passed
        if options.json:
            print_json(_data(report))
        else:
            closing = "" if report.passed else f"A hint: regard lessons hint {exercise.name}\n"
            print(f"{report.text}\n{closing}")
    if keeps:
        print(f"kept in {visible(str(record))}", file=sys.stderr)
    return 0 if right else 1


def _data(report: Report) -> dict[str, Any]:
    return {"exercise": report.exercise, "passed": report.passed, "mistakes": list(report.mistakes), "says": report.message}


def _answers(path: Path, module: ModuleType, only: str | None) -> list[tuple[Exercise, Any]]:
    """The functions in a file that have the names of exercises' functions, in the order of the course."""
    known = lessons.exercises() if only is None else [lessons.named(only)]
    found = [(one, getattr(module, one.answer.__name__)) for one in known if hasattr(module, one.answer.__name__)]
    if not found:
        wanted = listed([one.answer.__name__ for one in known], "or")
        raise OptionError(f"expected a function {wanted} in {str(path)!r}, got none of them; regard lessons lists the names")
    return found


def _module(path: Path) -> ModuleType:
    """The file, run.

    Raises:
        OptionError: it is no Python, or raises; with the line.
        OSError: it cannot be read.
    """
    try:
        opened(as_path(path)).close()
    except OSError as error:
        advice = f"{error.strerror or error}; regard lessons begin NAME > FILE writes one to start from"
        raise refusal("read", error.errno or errno.EIO, path, advice) from error
    spec = importlib.util.spec_from_loader("answers", _AsItStands("answers", str(path)))
    if spec is None or spec.loader is None:
        raise OptionError(f"expected a Python file, got {str(path)!r}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except RegardError:
        raise
    except (Exception, SystemExit) as error:
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        said = traceback.format_exception_only(error)[-1].strip()
        raise OptionError(f"expected {str(path)!r} to run, got {said} in line {line}; try it with python {path}") from error
    return module


class _AsItStands(importlib.machinery.SourceFileLoader):
    """Runs what stands in the file now, and leaves no bytecode beside it, by whose time of day an edit can be missed."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _line(error: BaseException, path: Path) -> int | None:
    """The last line of the file that was run."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return lines[-1] if lines else None


def _class(options: argparse.Namespace) -> None:
    rows = lessons.class_report(options.files)
    if options.json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("student", "exercise"):
        table.add_column(column, no_wrap=True)
    table.add_column("tries", justify="right")
    table.add_column("right at", justify="right")
    table.add_column("mistakes", overflow="fold")
    for row in rows:
        named = [f"{name} × {count}" if count > 1 else name for name, count in row["mistakes"].items()]
        named += [f"{row['unnamed']} not recognised"] * bool(row["unnamed"])
        table.add_row(Text(row["student"]), row["exercise"], str(row["tries"]), str(row["passed_at"] or "–"), ", ".join(named))
    Console(highlight=False).print(table)
