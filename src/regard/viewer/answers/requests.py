"""Questions of the front end, checked: whatever comes over a wire is either one of these or an error that says why not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regard.arguments import one_of, whole_number
from regard.errors import OptionError, in_short

MOST_CELLS = 2**20
MOST_STEPS = 2**14
"""Weights of a head whose steps are told for all queries at once."""

MOST_MEMBERS = 4
"""How many times each position may be in the cells of an axis, on average: cells overlap where words share a token."""

How = Literal["mean", "max", "mass"]
HOWS: tuple[How, ...] = ("mean", "max", "mass")


@dataclass(frozen=True)
class Cells:
    """Cells of an axis: cell i has the positions from starts[i] up to stops[i]."""

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of_span(cls, start: int, stop: int, count: int) -> "Cells":
        """[start, stop) in ``count`` parts that differ by one position at most."""
        ends = start + np.arange(count + 1, dtype=np.int64) * (stop - start) // max(count, 1)
        return cls(ends[:-1], ends[1:])


@dataclass(frozen=True)
class RegionRequest:
    """A part of a map, as cells of weights; ``contract.ts`` has what the fields mean."""

    map: int
    heads: tuple[int, ...]
    rows: Cells
    columns: Cells
    how: How
    hide_special: bool
    row_axis: int
    renormalise: bool
    sample: int
    quick: bool


@dataclass(frozen=True)
class MarginsRequest:
    """The margins of a map: what each key receives, and the entropy of each query."""

    map: int
    heads: tuple[int, ...]
    rows: Cells
    columns: Cells
    hide_special: bool
    row_axis: int


def region_request(request: object, maps: Sequence[Mapping[str, Any]]) -> RegionRequest:
    """The request, checked against the maps of the manifest."""
    names = ("map", "heads", "rows", "columns", "how", "hideSpecial", "renormalise", "sample")
    given = _fields(request, names, ("rowAxis", "quick"))
    number, info = _map(given["map"], maps)
    rows, columns = _cells("rows", given["rows"], info["queries"]), _cells("columns", given["columns"], info["keys"])
    if len(rows) * len(columns) > MOST_CELLS:
        raise OptionError(f"expected at most {MOST_CELLS:,} cells, got {len(rows)} × {len(columns)}; ask for larger cells")
    return RegionRequest(
        number,
        _heads(given["heads"], info["heads"]),
        rows,
        columns,
        one_of("how", given["how"], HOWS),
        _truth("hideSpecial", given["hideSpecial"]),
        _row_axis(given, info),
        _truth("renormalise", given["renormalise"]),
        whole_number("sample", given["sample"], 0, 2**31),
        _truth("quick", given.get("quick", False)),
    )


def margins_request(request: object, maps: Sequence[Mapping[str, Any]]) -> MarginsRequest:
    """The request, checked against the maps of the manifest."""
    given = _fields(request, ("map", "heads", "rows", "columns", "hideSpecial"), ("rowAxis",))
    number, info = _map(given["map"], maps)
    rows, columns = _cells("rows", given["rows"], info["queries"]), _cells("columns", given["columns"], info["keys"])
    if len(rows) + len(columns) > MOST_CELLS:
        raise OptionError(f"expected at most {MOST_CELLS:,} cells, got {len(rows)} and {len(columns)}; ask for larger cells")
    heads, hidden = _heads(given["heads"], info["heads"]), _truth("hideSpecial", given["hideSpecial"])
    return MarginsRequest(number, heads, rows, columns, hidden, _row_axis(given, info))


def overview_request(request: object, maps: Sequence[Mapping[str, Any]]) -> int:
    """The number of the map."""
    return _map(_fields(request, ("map",))["map"], maps)[0]


@dataclass(frozen=True)
class StepsRequest:
    """The computation of a head: of all queries and keys, or of one query, with the keys that it gives most to.

    Attributes:
        map: number of the map.
        head: which of its heads.
        query: which query; None for all.
        key: a key that is told whatever it gets; None for none.
    """

    map: int
    head: int
    query: int | None = None
    key: int | None = None


def steps_request(request: object, maps: Sequence[Mapping[str, Any]]) -> StepsRequest:
    """A question about the steps of a head, checked.

    Raises:
        OptionError: all queries of a map with too many weights for that; a query or key that is not there.
    """
    asked = joint_request(request, maps)
    info = maps[asked.map]
    if asked.query is None and info["queries"] * info["keys"] > MOST_STEPS:
        raise OptionError(
            f"query: expected one of a map of {info['queries']} × {info['keys']}, got none; all at once are told of up to "
            f"{MOST_STEPS:,} weights"
        )
    return asked


def joint_request(request: object, maps: Sequence[Mapping[str, Any]]) -> StepsRequest:
    """A question about a head, and perhaps a query and a key of it, checked.

    Raises:
        OptionError: a map, a head, a query or a key that is not there.
    """
    given = _fields(request, ("map", "head"), ("query", "key"))
    number, info = _map(given["map"], maps)
    places = [
        None if (place := given.get(name)) is None else whole_number(name, place, 0, info[side] - 1)
        for name, side in (("query", "queries"), ("key", "keys"))
    ]
    return StepsRequest(number, whole_number("head", given["head"], 0, info["heads"] - 1), *places)


def _fields(request: object, names: Collection[str], optional: Collection[str] = ()) -> Mapping[str, Any]:
    if not isinstance(request, Mapping):
        raise OptionError(f"expected an object with {', '.join(names)}, got {in_short(request)}")
    if set(request) - set(optional) != set(names):
        raise OptionError(f"expected exactly {', '.join(names)}, got {in_short(', '.join(map(str, request)) or 'nothing')}")
    return request


def _map(value: object, maps: Sequence[Mapping[str, Any]]) -> tuple[int, Mapping[str, Any]]:
    number = whole_number("map", value, 0, len(maps) - 1)
    return number, maps[number]


def _row_axis(given: Mapping[str, Any], info: Mapping[str, Any]) -> int:
    """Which row axis says what is special among the rows: the usual one where that is left open."""
    return whole_number("rowAxis", given.get("rowAxis", 0), 0, len(info["rowAxes"]) - 1)


def _heads(value: object, heads: int) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= heads:
        raise OptionError(f"heads: expected a list of 1 to {heads} heads, got {in_short(value)}")
    chosen = tuple(whole_number("heads", one, 0, heads - 1) for one in value)
    if len(set(chosen)) < len(chosen):
        raise OptionError(f"heads: expected each head once, got {in_short(value)}")
    return chosen


def _cells(name: str, value: object, size: int) -> Cells:
    if not isinstance(value, Mapping):
        raise OptionError(f"{name}: expected {{start, stop, count}} or {{starts, stops}}, got {in_short(value)}")
    if set(value) == {"start", "stop", "count"}:
        start = whole_number(f"{name}.start", value["start"], 0, size)
        stop = whole_number(f"{name}.stop", value["stop"], start, size)
        return Cells.of_span(start, stop, whole_number(f"{name}.count", value["count"], 1, MOST_CELLS))
    if set(value) != {"starts", "stops"}:
        raise OptionError(f"{name}: expected {{start, stop, count}} or {{starts, stops}}, got {in_short(sorted(value))}")
    starts, stops = (_places(f"{name}.{end}", value[end], size) for end in ("starts", "stops"))
    if len(starts) != len(stops) or not (starts <= stops).all():
        raise OptionError(f"{name}: expected as many stops as starts, none before its start; got {len(starts)}, {len(stops)}")
    if int((stops - starts).sum()) > MOST_MEMBERS * size:
        raise OptionError(
            f"{name}: expected at most {MOST_MEMBERS * size:,} positions in all cells, {MOST_MEMBERS} times those that there "
            f"are, got {(stops - starts).sum():,}"
        )
    return Cells(starts, stops)


def _places(name: str, value: object, size: int) -> NDArray[np.int64]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_CELLS:
        raise OptionError(f"{name}: expected a list of 1 to {MOST_CELLS:,} positions, got {in_short(value)}")
    for one in value:
        whole_number(name, one, 0, size)
    return np.array(value, np.int64)


def _truth(name: str, value: object) -> bool:
    # Not `arguments.truth`: what is wrong with a question is an OptionError, in the words of JSON.
    if not isinstance(value, bool):
        raise OptionError(f"{name}: expected true or false, got {in_short(value)}")
    return value
