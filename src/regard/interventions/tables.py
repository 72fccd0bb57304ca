"""What interventions measured, as arrays: each distinct site, measure, file and group once, and for each row which it is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.interventions.records import COLUMNS, Records
from regard.interventions.statistics.chance import Floats

Whole = NDArray[np.int64]

NUMBERS = ("unchanged", "other", "changed")
"""Columns of real numbers; the others are texts and whole numbers."""

TEXTS = ("site", "kind", "measure", "file", "group")

MOST_HEADS = 2**20
"""Layers times heads: a hundred times those of the largest models."""


class Coded(NamedTuple):
    """A column of texts that repeat: each once, and for each row which it is."""

    values: Sequence[str]
    codes: Whole

    def __len__(self) -> int:  # of rows, as of any other column
        return len(self.codes)


class Site(NamedTuple):
    """What was changed."""

    kind: str
    layer: int
    head: int
    name: str

    @property
    def is_head(self) -> bool:
        """Whether it is one head of one layer."""
        return self.layer >= 0 and self.head >= 0


class Grid(NamedTuple):
    """One measure: a row for each prompt, a column for each site.

    Attributes:
        sites: of the columns.
        places: file and line of each prompt.
        units: for each prompt what it shares with those that depend on it: its group, or its place.
        clusters: a number for each prompt, equal in a group; None where all stand alone.
        values: (prompts, sites), NaN where a prompt has none.
    """

    sites: tuple[Site, ...]
    places: list[tuple[str, int]]
    units: list[str]
    clusters: Whole | None
    values: Floats


@dataclass(frozen=True, eq=False)
class Table:
    """Rows in order: by file, line, site, measure and draw.

    Attributes:
        sites: in the order of kinds, layers, heads and names.
        measures: in the order in which they were asked for.
        files: in their order in the corpus.
        groups: by name; "" for prompts that stand alone.
        site: of each row, as the following; a number that counts ``sites``.
        measure: counts ``measures``.
        file: counts ``files``.
        line: of the file, or of the list.
        group: counts ``groups``.
        draw: of the replacement.
        tokens: of the prompt.
        unchanged: the measure of the model as it is.
        other: of the prompt's partner, or NaN.
        changed: of the model with the site replaced.
    """

    sites: tuple[Site, ...]
    measures: tuple[str, ...]
    files: tuple[str, ...]
    groups: tuple[str, ...]
    site: Whole
    measure: Whole
    file: Whole
    line: Whole
    group: Whole
    draw: Whole
    tokens: Whole
    unchanged: Floats
    other: Floats
    changed: Floats

    def __len__(self) -> int:
        return len(self.site)

    @classmethod
    def of(
        cls,
        blocks: "Records | Mapping[str, Any] | Iterable[Records | Mapping[str, Any]]",
        about: Mapping[str, Any] = MappingProxyType({}),
    ) -> "Table":
        """The rows of blocks of columns, in any order; what is known of them says in which order measures and files stand.

        Raises:
            DtypeError: no columns, or of other types; ShapeError: columns of different lengths; OptionError: a row twice.
        """
        builder = _Builder()
        for name, known in (("measure", about.get("measures")), ("file", about.get("corpus"))):
            for one in known or ():
                builder.names[name].setdefault(str(one["name"] if isinstance(one, Mapping) else one), len(builder.names[name]))
        for block in [blocks] if isinstance(blocks, Records | Mapping) else _listed(blocks):
            builder.add(block.columns() if isinstance(block, Records) else block)
        return builder.table()

    def cells(self) -> int:
        """How many values a grid of all prompts and sites has."""
        return len(np.unique(np.stack([self.file, self.line]), axis=1).T) * len(self.sites)

    def columns(self, rows: slice | Whole = slice(None)) -> dict[str, Any]:
        """Some rows as the columns of ``Records``: arrays of numbers, and lists of texts."""
        sites = [self.sites[at] for at in self.site[rows].tolist()]
        named = {
            name: [getattr(self, f"{name}s")[at] for at in getattr(self, name)[rows].tolist()] for name in ("measure", "file")
        }
        return {
            "site": [site.name for site in sites],
            "kind": [site.kind for site in sites],
            "layer": np.array([site.layer for site in sites], dtype=np.int64),
            "head": np.array([site.head for site in sites], dtype=np.int64),
            "measure": named["measure"],
            "file": named["file"],
            "line": self.line[rows],
            "group": [self.groups[at] for at in self.group[rows].tolist()],
            "draw": self.draw[rows],
            **{name: getattr(self, name)[rows] for name in (*NUMBERS, "tokens")},
        }

    def lines(self) -> Iterator[Sequence[object]]:
        """The rows as a table of texts and numbers, the header first."""
        yield COLUMNS
        for start in range(0, len(self), 4096):
            columns = self.columns(slice(start, start + 4096))
            yield from zip(*(list(columns[name]) if name in TEXTS else columns[name].tolist() for name in COLUMNS), strict=True)

    def grid(self, measure: str, column: str = "effect") -> Grid:
        """One measure, the mean over draws for each prompt and site.

        Args:
            measure: its name.
            column: "effect", which is changed − unchanged; or one of ``NUMBERS``.
        """
        rows = np.flatnonzero(self.measure == self.measures.index(measure))
        values = self.changed[rows] - self.unchanged[rows] if column == "effect" else getattr(self, column)[rows]
        present, at = np.unique(np.stack([self.file[rows], self.line[rows]]), axis=1, return_inverse=True)
        first = np.zeros(present.shape[1], dtype=np.int64)
        first[at[::-1]] = rows[::-1]
        cells, there = at * len(self.sites) + self.site[rows], ~np.isnan(values)
        size = present.shape[1] * len(self.sites)
        counts = np.bincount(cells[there], minlength=size)
        sums = np.bincount(cells[there], weights=values[there], minlength=size)
        with np.errstate(invalid="ignore"):
            means = (sums / counts).reshape(-1, len(self.sites))
        kept = [number for number in range(len(self.sites)) if counts.reshape(-1, len(self.sites))[:, number].any()]
        places = [(self.files[file], line) for file, line in present.T.tolist()]
        groups = [self.groups[number] for number in self.group[first].tolist()]
        units = [f"group {group}" if group else f"{file}:{line}" for group, (file, line) in zip(groups, places, strict=True)]
        clusters = np.unique(units, return_inverse=True)[1].astype(np.int64) if any(groups) else None
        return Grid(tuple(self.sites[number] for number in kept), places, units, clusters, means[:, kept])


def _listed(blocks: Any) -> Iterable[Any]:
    if not isinstance(blocks, Iterable) or isinstance(blocks, str | bytes) or hasattr(blocks, "ndim"):
        raise DtypeError(f"columns: expected blocks of columns, got {in_short(blocks)}; regard.sweep makes them")
    return blocks


class _Builder:
    """Takes blocks as they come."""

    def __init__(self) -> None:
        self.sites: dict[Site, int] = {}
        self.names: dict[str, dict[str, int]] = {name: {} for name in ("measure", "file", "group")}
        self.parts: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS if name not in ("kind", "layer", "head")}

    def add(self, block: Any) -> None:
        if not isinstance(block, Mapping) or (missing := [name for name in COLUMNS if name not in block]):
            got = f"one without {', '.join(missing)}" if isinstance(block, Mapping) else in_short(block)
            raise DtypeError(f"columns: expected a block with {', '.join(COLUMNS)}, got {got}; regard.sweep makes them")
        lengths = {name: len(block[name]) for name in COLUMNS}
        if len(set(lengths.values())) > 1:
            raise ShapeError(
                f"columns: expected columns of one length, got {', '.join(f'{name} {n}' for name, n in lengths.items())}"
            )
        whole = {name: self._whole(name, block[name]) for name in ("layer", "head", "line", "draw", "tokens")}
        texts = {name: _coded(block[name]) for name in TEXTS}
        places = np.stack([texts["kind"].codes, whole["layer"], whole["head"], texts["site"].codes])
        there, codes = _distinct(places)
        sites = [
            Site(texts["kind"].values[kind], layer, head, texts["site"].values[name])
            for kind, layer, head, name in there.T.tolist()
        ]
        self.parts["site"].append(_numbered(self.sites, sites)[codes])
        for name, known in self.names.items():
            self.parts[name].append(_numbered(known, texts[name].values)[texts[name].codes])
        for name in ("line", "draw", "tokens"):
            self.parts[name].append(whole[name])
        for name in NUMBERS:
            self.parts[name].append(np.asarray(block[name], dtype=np.float64))

    @staticmethod
    def _whole(name: str, values: Any) -> Whole:
        array = np.asarray(values)
        if len(array) and array.dtype.kind not in "iu":
            raise DtypeError(f"columns: expected whole numbers as {name}, got {in_short(values)}; regard.sweep makes them")
        return array.astype(np.int64)

    def table(self) -> Table:
        """What came, in order."""
        found: dict[str, Any] = {}
        for name in list(self.parts):
            parts = self.parts.pop(name)  # each column once in memory, not all of them twice
            found[name] = np.concatenate(parts) if parts else np.zeros(0, np.float64 if name in NUMBERS else np.int64)
        sites, groups = sorted(self.sites), sorted(self.names["group"])
        layer, head = (max((getattr(site, name) for site in sites), default=0) for name in ("layer", "head"))
        if (1 + layer) * (1 + head) > MOST_HEADS:  # they are drawn, and handed out, as a square
            raise OptionError(f"columns: expected the layers and heads of a model, got layer {layer:,} and head {head:,}")
        for name in ("measure", "file"):  # those that were announced, and have no row
            there = np.bincount(found[name], minlength=len(self.names[name])) > 0
            kept = [one for one, is_there in zip(self.names[name], there.tolist(), strict=True) if is_there]
            found[name] = (np.cumsum(there) - 1)[found[name]]
            self.names[name] = {one: at for at, one in enumerate(kept)}
        found["site"] = _renumbered(self.sites, sites)[found["site"]]
        found["group"] = _renumbered(self.names["group"], groups)[found["group"]]
        keys = [found[name] for name in ("draw", "measure", "site", "line", "file")]
        if not _rise(keys):  # as those of a file do
            order = np.lexsort(keys)
            if (twice := _repeats([one[order] for one in keys])) is not None:
                draw, measure, site, line, file = (int(one[order[twice]]) for one in keys)
                named = list(self.names["measure"])[measure]
                raise OptionError(
                    f"columns: expected each row once, got {in_short(sites[site].name)} of {in_short(named)} twice: "
                    f"{in_short(list(self.names['file'])[file])}, line {line}, draw {draw}; give prompts lines of their own"
                )
            found = {name: values[order] for name, values in found.items()}
        return Table(tuple(sites), tuple(self.names["measure"]), tuple(self.names["file"]), tuple(groups), **found)


def _rise(keys: Sequence[Whole]) -> bool:
    """Whether each row is behind the one before it, by the last key first."""
    behind, level = np.zeros(max(0, len(keys[0]) - 1), dtype=bool), np.ones(max(0, len(keys[0]) - 1), dtype=bool)
    for key in reversed(keys):
        behind |= level & (key[1:] > key[:-1])
        level &= key[1:] == key[:-1]
    return bool(behind.all())


def _repeats(keys: Sequence[Whole]) -> int | None:
    """The first row, of rows in order, that the next one repeats."""
    same = np.ones(max(0, len(keys[0]) - 1), dtype=bool)
    for key in keys:
        same &= key[1:] == key[:-1]
    return int(same.argmax()) if same.any() else None


def _coded(column: Any) -> Coded:
    if isinstance(column, Coded):
        return column
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(str(value), len(known)) for value in column), dtype=np.int64)
    return Coded(list(known), codes)


def _distinct(rows: Whole) -> tuple[Whole, Whole]:
    """The columns that differ, in order of their first, and for each which of them it is."""
    codes = np.zeros(rows.shape[1], dtype=np.int64)
    for row in rows:  # one after the other: pairs of numbers fit 64 bits, where four together may not
        numbers = np.unique(row, return_inverse=True)[1]
        codes = np.unique(codes * (numbers.max(initial=0) + 1) + numbers, return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]
    return rows[:, first], codes


def _numbered(known: dict[Any, int], values: Sequence[Any]) -> Whole:
    """For each value its number; new ones get the next."""
    return np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int64)


def _renumbered(known: Mapping[Any, int], wanted: Sequence[Any]) -> Whole:
    """From numbers in order of arrival to numbers in the wanted order."""
    new = np.zeros(len(known), dtype=np.int64)
    for number, value in enumerate(wanted):
        new[known[value]] = number
    return new
