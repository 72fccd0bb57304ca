"""The sides of maps as JSON, and back: what a file says of rows and columns, checked when it is read."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch, Place, Residue, Seconds
from regard.axes.roles import ROLES
from regard.errors import FileFormatError, RegardError
from regard.maps.storage.tensor_file import HIGHEST, whole
from regard.tokens.kinds import TOKENIZERS

Labels = tuple[str, ...]
Damaged = Callable[[str, str], FileFormatError]

_KINDS: dict[str, type[Place]] = {"patch": Patch, "seconds": Seconds, "residue": Residue}


def axis_as_data(axis: Axis, number_of: Callable[[Labels], int]) -> dict[str, Any] | None:
    """An axis in JSON; None where nothing is known of it.

    Args:
        axis: the axis.
        number_of: the number of a list of texts in the file.
    """
    beside = None if axis.beside is None else axis_as_data(axis.beside, number_of)
    lines = [_line_as_data(line, number_of) for line in axis.lines]
    if axis.role is None and beside is None and all(line.keys() == {"size"} for line in lines):
        return None
    return _known(role=axis.role, beside=beside, lines=lines)


def axis_from_data(said: Any, texts: Callable[[Any], Labels | None], damaged: Damaged) -> Axis:
    """An axis from JSON.

    Args:
        said: what ``axis_as_data`` gave, from a file.
        texts: the list of texts of a number.
        damaged: the error of a file that holds something else than it should.

    Raises:
        FileFormatError: it is no axis.
    """
    if not isinstance(said, dict) or not isinstance(said.get("lines"), list) or said.get("role") not in (None, *ROLES):
        raise damaged("an axis with lines", repr(said)[:80])
    beside = None
    if "beside" in said:
        if isinstance(said["beside"], dict) and "beside" in said["beside"]:
            raise damaged("one axis beside another", "a third one beside that")
        beside = axis_from_data(said["beside"], texts, damaged)
    try:
        return Axis(tuple(_line_from_data(line, texts, damaged) for line in said["lines"]), said.get("role"), beside)
    except FileFormatError:
        raise
    except RegardError as error:
        raise damaged("an axis whose parts fit each other", f"an error ({error})") from error


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _line_as_data(line: Line, number_of: Callable[[Labels], int]) -> dict[str, Any]:
    token = None if line.token is None or line.token == line.text else number_of(line.token)
    return _known(
        size=line.size,
        text=None if line.text is None else number_of(line.text),
        token=token,
        spelled=True if line.token is not None and token is None else None,  # as its text is
        id=None if line.id is None else list(line.id),
        present=None if line.present is None else _runs(line.present),
        special=None if line.special is None else _runs(line.special),
        place=None if line.place is None else [None if place is None else _place_as_data(place) for place in line.place],
        group={name: [list(one) for one in groups] for name, groups in line.group.items()} or None,
        kind=line.kind,
        cut=line.cut or None,
    )


def _line_from_data(said: Any, texts: Callable[[Any], Labels | None], damaged: Damaged) -> Line:
    if not isinstance(said, dict) or type(said.get("size")) is not int or not 0 <= said["size"] < HIGHEST:
        raise damaged("positions of an axis", repr(said)[:80])
    size, text = said["size"], texts(said.get("text"))
    if said.get("spelled") and text is None:
        raise damaged("texts of an axis whose tokens are spelled like them", "none")
    if "id" in said and not whole(said["id"]):
        raise damaged("ids as whole numbers", repr(said["id"])[:80])
    if said.get("kind") not in (None, *TOKENIZERS):
        raise damaged(f"a kind of tokenizer, {', '.join(TOKENIZERS)}", repr(said["kind"])[:80])
    group = said.get("group", {})
    if not isinstance(group, dict) or not all(isinstance(one, list) and all(map(whole, one)) for one in group.values()):
        raise damaged("groups of positions", repr(group)[:80])
    for columns in ("text", "token"):  # before anything of that size is built
        known = texts(said.get(columns))
        if known is not None and len(known) != size:
            raise damaged(f"{size} texts of an axis", str(len(known)))
    return Line(
        size,
        text=text,
        token=text if said.get("spelled") else texts(said.get("token")),
        id=tuple(said["id"]) if "id" in said else None,
        present=_from_runs(said["present"], size, damaged) if "present" in said else None,
        special=_from_runs(said["special"], size, damaged) if "special" in said else None,
        place=tuple(_place(one, damaged) for one in said["place"]) if "place" in said else None,
        group={str(name): tuple(map(tuple, groups)) for name, groups in group.items()},
        kind=said.get("kind"),
        cut=said.get("cut") is True,
    )


def _runs(marks: Sequence[bool]) -> list[list[int]]:
    """Where True stands, as [start, stop] of each run; and how many there are in all, as the last."""
    runs, at = [], 0
    for mark, run in groupby(marks):
        size = sum(1 for _ in run)
        if mark:
            runs.append([at, at + size])
        at += size
    return runs


def _from_runs(runs: Any, size: int, damaged: Damaged) -> tuple[bool, ...]:
    marks: list[bool] = []
    for run in runs if isinstance(runs, list) else [None]:
        if not isinstance(run, list) or not whole(run) or len(run) != 2 or not len(marks) <= run[0] <= run[1] <= size:
            raise damaged(f"rising runs among {size} positions", repr(runs)[:80])
        marks += [False] * (run[0] - len(marks)) + [True] * (run[1] - run[0])
    if len(marks) > size or size > 2**27:
        raise damaged("positions that a map can have", str(size))
    return tuple(marks + [False] * (size - len(marks)))


def _place_as_data(place: Place) -> list[Any]:
    name = next(name for name, kind in _KINDS.items() if isinstance(place, kind))
    numbers = place[:2] if isinstance(place, Seconds) and place.sound == 0 else place  # the first sound needs no number
    return [name, *numbers]


def _place(said: Any, damaged: Damaged) -> Place | None:
    match said:
        case None:
            return None
        case ["patch", int(image), int(row), int(column)]:
            return Patch(image, row, column)
        case ["seconds", int() | float() as start, int() | float() as stop]:
            return Seconds(start, stop)
        case ["seconds", int() | float() as start, int() | float() as stop, int(sound)]:
            return Seconds(start, stop, sound)
        case ["residue", int(number)]:
            return Residue(number)
    raise damaged("a place: patch, seconds or residue", repr(said)[:80])
