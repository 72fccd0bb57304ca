"""Maps in one file, as their factors: what stands in it, how it is written, and how it is checked when it is opened.

``docs/file_format.md`` says the same for those who read such a file without Regard.
"""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, cast

from torch import Tensor

from regard.axes.axis import Axis
from regard.axes.tokens import axis_of_labels
from regard.errors import FileFormatError, RegardError, ShapeError
from regard.files import as_path, checked_path
from regard.maps.factors import Factors, key_heads_read
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.source import DenseWeights, Ranges, Source
from regard.maps.storage.axis_file import axis_as_data, axis_from_data
from regard.maps.storage.budget import Budget
from regard.maps.storage.mask_file import as_data, from_data
from regard.maps.storage.tensor_file import (
    CODES,
    HIGHEST,
    TensorFile,
    TensorPart,
    table_of,
    too_large,
    whole,
    write_tensors,
)
from regard.maps.view import Cut, MapData, MapView
from regard.masks import Mask
from regard.masks.narrowing import narrowed
from regard.masks.tensors import unrepeated
from regard.positions import Positions
from regard.version import __version__

KEY, VERSION = "regard", 1
FACTORS = ("query", "key", "bias", "sinks")
Labels = tuple[str, ...]


class MapWriter:
    """Collects what goes into one file; what several maps share is there once."""

    def __init__(self) -> None:
        self._parts: dict[str, TensorPart] = {}
        self._names: dict[tuple[object, ...], str] = {}
        self._labels: dict[Labels, int] = {}
        self._axes: dict[str, int] = {}
        self._masks: dict[tuple[object, ...], Mask] = {}

    def labels(self, labels: Labels) -> int:
        """The number of these labels in the file's list of them."""
        return self._labels.setdefault(labels, len(self._labels))

    def tensor(self, name: str, part: TensorPart) -> str:
        """The name under which a tensor is written: this one, or that of a map which has the same."""
        found = self._names.setdefault(part.identity, name)
        self._parts.setdefault(found, part)
        return found

    def write(self, path: str | os.PathLike[str], maps: Sequence[MapData], recording: Mapping[str, Any] | None = None) -> None:
        """Write the maps; ``recording`` says in JSON what they have in common.

        Raises:
            OSError, DtypeError, TooLargeError: it cannot be written; what stood there before still does.
        """
        place = checked_path(path)  # before masks are read, which may take a while
        text: dict[str, Any] = {"format": "regard", "version": VERSION, "writer": __version__}
        text["maps"] = [self._entry(f"maps.{number}", data) for number, data in enumerate(maps)]
        if recording is not None:
            text["recording"] = dict(recording)
        text["labels"] = list(self._labels)
        text["axes"] = [json.loads(said) for said in self._axes]
        written = json.dumps(text)
        text = json.loads(written)  # tuples become lists: the checksum is of what a reader will see
        parts = dict(sorted(self._parts.items(), key=lambda item: -item[1].tensor.dtype.itemsize))
        budget = Budget(len(written) + sum(part.nbytes for part in parts.values()), too_large)
        budget.pay_for_text(written)
        budget.pay_for_header(text, parts)
        text["checksum"] = _checksum(text, table_of(parts))
        write_tensors(place, parts, {KEY: json.dumps(text)})

    def _entry(self, place: str, data: MapData) -> dict[str, Any]:
        source = data.view.source
        entry: dict[str, Any] = {"name": data.name, "kind": data.kind, "layer": data.layer}
        entry |= {name: number for name, number in (("call", data.call), ("step", data.step)) if number}
        for side, axis in (("queries", data.queries), ("keys", data.keys)):
            if axis is not None and (said := axis_as_data(axis, self.labels)) is not None:
                entry[f"{side}_axis"] = self._axes.setdefault(json.dumps(said), len(self._axes))
                if len(axis.lines) == 1 and axis.spelled is not None:
                    entry[f"{side}_labels"] = self.labels(axis.spelled)  # all that a Regard before axes reads
        if isinstance(source, DenseWeights):
            entry["weights"] = self.tensor(f"{place}.weights", TensorPart(source.values, data.view.ranges))
            entry["cut"] = _cut_as_data(data.view.shown)
        elif isinstance(source, SoftmaxWeights):
            entry |= self._factors(place, source.factors, data.view.ranges)
            entry["cut"] = _cut_as_data(replace(data.view.shown, columns=data.view.held.columns))
        else:
            raise FileFormatError(
                f"expected a map of factors or dense weights, got {source.describe()}; save amap.dense() as one"
            )
        return {name: value for name, value in entry.items() if value is not None}

    def _factors(self, place: str, factors: Factors, ranges: Ranges) -> dict[str, Any]:
        batch, heads, queries, columns = ranges
        keys = factors.shape[3]
        key_heads = key_heads_read(heads, factors.group)
        # Whole keys, whatever the view shows of them: the denominators run over all.
        parts = {
            "query": TensorPart(factors.query, (batch, heads, queries, range(factors.query.shape[3]))),
            "key": TensorPart(factors.key, (batch, key_heads, range(keys), range(factors.key.shape[3]))),
        }
        if factors.bias is not None:
            bias = unrepeated(factors.bias)
            axes: Ranges = (batch, heads, queries, range(keys))
            chosen = [at if size > 1 else range(size) for at, size in zip(axes, bias.shape, strict=True)]
            parts["bias"] = TensorPart(bias, tuple(chosen))
        if factors.sinks is not None:
            parts["sinks"] = TensorPart(factors.sinks, (heads,))
        entry: dict[str, Any] = {name: self.tensor(f"{place}.{name}", part) for name, part in parts.items()}
        entry["scale"] = float(factors.scale)
        entry["softcap"] = None if factors.softcap is None else float(factors.softcap)
        if factors.mask is not None:
            asked = id(factors.mask), batch, heads, queries, keys
            if asked not in self._masks:
                self._masks[asked] = narrowed(factors.mask, batch, heads, queries, keys, factors.device)
            number = count()

            def name_of(name: str, tensor: Tensor) -> str:
                return self.tensor(f"{place}.mask.{next(number)}.{name}", TensorPart.whole(tensor))

            entry["mask"] = as_data(self._masks[asked], name_of)
        if columns != range(keys):
            entry["columns"] = _positions_as_data(columns)
        return entry


class MapFile:
    """A file of maps, opened; factors stay on the disk until they are read.

    Raises:
        OSError: it cannot be opened.
        FileFormatError: it is no file of Regard's, a newer one, or a damaged one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.tensors = TensorFile(as_path(path))
        self._axes: dict[int, Axis] = {}
        self._labels: dict[int, Labels] = {}
        self._masks: dict[str, Mask] = {}
        self.path = self.tensors.path
        if KEY not in self.tensors.metadata:
            raise FileFormatError(
                f"{str(self.path)!r}: expected a file that Regard wrote, got a safetensors file without {KEY!r} in its "
                "metadata; open it with the safetensors package and build AttentionMap(query, key)"
            )
        self.tensors.budget.pay_for_text(self.tensors.metadata[KEY])
        try:
            self._text = self.fields(json.loads(self.tensors.metadata[KEY]), "the metadata")
            said = self._text.pop("checksum", None)
            found = _checksum(self._text, self._table())
        except (ValueError, RecursionError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.tensors.damaged("JSON in the metadata", f"{type(error).__name__}: {error}") from error
        version = self._text.get("version")
        if self._text.get("format") == "regard" and type(version) is int and version > VERSION:
            raise FileFormatError(
                f"{str(self.path)!r}: expected format version {VERSION}, got {version}, written by Regard "
                f"{self._text.get('writer')}; install that version of Regard or a newer one (this is {__version__})"
            )
        if (self._text.get("format"), version) != ("regard", VERSION):
            raise self.tensors.damaged(f"format regard, version {VERSION}", f"{self._text.get('format')}, {version}")
        if said != found:
            raise self.tensors.damaged(f"a header with checksum {said}", found)
        with self.tensors.sound():
            self.tensors.budget.pay_for_header(self._text, self.tensors.entries)
        #: what the maps of a recording have in common; None in the file of a single map
        self.recording = None if "recording" not in self._text else self.fields(self._text["recording"], "recording")

    def maps(self) -> list[MapData]:
        """The maps, checked as if they were made anew."""
        entries = self._text.get("maps")
        if not isinstance(entries, list):
            raise self.tensors.damaged("a list of maps", repr(entries)[:80])
        return [self._map(f"maps.{number}", self.fields(entry, f"maps.{number}")) for number, entry in enumerate(entries)]

    def fields(self, value: object, what: str) -> dict[str, Any]:
        """The value, if it is an object of JSON."""
        if not isinstance(value, dict):
            raise self.tensors.damaged(f"{what} as a JSON object", repr(value)[:80])
        return value

    def field(self, fields: Mapping[str, Any], name: str, *kinds: type) -> Any:
        """A value of one of these types, whole numbers within reason, or None where it is left out."""
        value = fields.get(name)
        if value is not None and (type(value) not in kinds or (type(value) is int and abs(value) >= HIGHEST)):
            raise self.tensors.damaged(f"{name} as {' or '.join(kind.__name__ for kind in kinds)}", repr(value)[:80])
        return value

    def tensor(self, name: object) -> Tensor:
        """A tensor of the file, as a view of it."""
        if not isinstance(name, str) or name not in self.tensors.entries:
            raise self.tensors.damaged("the name of a tensor", repr(name)[:80])
        return self.tensors[name]

    def labels(self, number: int | None) -> Labels | None:
        """The labels of this number."""
        if number is None:
            return None
        if type(number) is int and number in self._labels:
            return self._labels[number]
        lists = self._text.get("labels")
        if not isinstance(lists, list) or type(number) is not int or not 0 <= number < len(lists):
            raise self.tensors.damaged("the number of a list of labels", repr(number)[:80])
        labels = lists[number]
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise self.tensors.damaged("labels as a list of texts", repr(labels)[:80])
        return self._labels.setdefault(number, tuple(labels))

    def _map(self, what: str, entry: dict[str, Any]) -> MapData:
        try:
            source = self._source(entry)
        except RegardError as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.tensors.damaged(f"factors that fit each other as {what}", f"an error ({error})") from error
        batch, heads, queries, keys = source.shape
        columns = self._positions(entry.get("columns"), "columns", keys)
        layer, call, step = (self.field(entry, name, int) for name in ("layer", "call", "step"))
        if any(number is not None and number < 0 for number in (layer, call, step)):
            raise self.tensors.damaged(f"a layer, call and step of at least 0 as {what}", f"{layer}, {call}, {step}")
        axes = [self._axis(entry, side, what) for side in ("queries", "keys")]
        for side, axis, size in zip(("queries", "keys"), axes, (queries, len(columns)), strict=True):
            if axis is not None and (len(axis) != size or len(axis.lines) not in (1, batch)):
                raise self.tensors.damaged(f"{size} labels of {side} in {what}", repr(axis)[:80])
        return MapData(
            MapView(source, range(batch), range(heads), range(queries), columns, self._cut(entry, queries, keys)),
            self.field(entry, "name", str),
            self.field(entry, "kind", str),
            layer,
            axes[0],
            axes[1],
            call or 0,
            step or 0,
        )

    def _axis(self, entry: dict[str, Any], side: str, what: str) -> Axis | None:
        """One side of a map; of an older file only its labels."""
        number = self.field(entry, f"{side}_axis", int)
        if number is None:
            labels = self.labels(self.field(entry, f"{side}_labels", int))
            return None if labels is None else axis_of_labels(labels)
        if number not in self._axes:
            axes = self._text.get("axes")
            if not isinstance(axes, list) or not 0 <= number < len(axes):
                raise self.tensors.damaged(f"the number of an axis in {what}", repr(number)[:80])
            self._axes[number] = axis_from_data(axes[number], self.labels, self.tensors.damaged)
        return self._axes[number]

    def _source(self, entry: dict[str, Any]) -> Source:
        if "weights" in entry:
            weights = self.tensor(entry["weights"])
            if weights.ndim != 4 or not weights.is_floating_point():
                raise ShapeError(f"expected floating weights (batch, heads, queries, keys), got {tuple(weights.shape)}")
            return DenseWeights(weights, self.tensors.guard)
        tensors = {name: self.tensor(entry[name]) for name in FACTORS if name in entry}
        if missing := [name for name in ("query", "key", "scale") if entry.get(name) is None]:
            raise self.tensors.damaged("a map of weights, or of query, key and scale", f"one without {', '.join(missing)}")
        bias = tensors.get("bias")
        if bias is not None and (bias.ndim != 4 or not bias.is_floating_point()):
            raise ShapeError(f"expected a floating bias of 4 axes, got {bias.dtype} {tuple(bias.shape)}")
        factors = Factors(
            query=tensors["query"],
            key=tensors["key"],
            scale=cast("float", self.field(entry, "scale", float, int)),
            mask=self._mask(entry["mask"]) if "mask" in entry else None,
            bias=bias,
            softcap=self.field(entry, "softcap", float, int),
            sinks=tensors.get("sinks"),
            guard=self.tensors.guard,
        )
        return SoftmaxWeights(factors)

    def _mask(self, said: object) -> Mask:
        """A mask; those that say the same of the same tensors are one, as the layers of a model have them."""
        name = json.dumps(said, sort_keys=True)
        if name not in self._masks:
            self._masks[name] = from_data(said, self.tensor)
        return self._masks[name]

    def _cut(self, entry: dict[str, Any], queries: int, keys: int) -> Cut | None:
        """What the file holds of the map that was recorded."""
        said = entry.get("cut")
        if said is None:
            return None
        parts: list[tuple[Positions, int]] = []
        for side, size in (("rows", queries), ("columns", keys)):
            match said.get(side) if isinstance(said, dict) else said:
                case None:
                    parts.append((range(size), size))
                case {"of": int(of), **places} if 0 <= of < HIGHEST and len(at := self._positions(places, side, of)) == size:
                    parts.append((at, of))
                case other:
                    raise self.tensors.damaged(f"where {size} {side} stood", repr(other)[:80])
        (rows, of_rows), (columns, of_columns) = parts
        return Cut(rows, of_rows, columns, of_columns)

    def _positions(self, said: object, side: str, size: int) -> Positions:
        match said:
            case None:
                return range(size)
            case {"range": [start, stop, step], **rest} if step and not rest and whole((start, stop, step)):
                columns: Positions = range(start, stop, step)
                if len(columns) <= 1:  # whatever the step and the other end are
                    columns = range(columns[0], columns[0] + 1) if columns else range(0)
                ends = [*columns[:1], *columns[-1:]]
            case {"positions": [*ends], **rest} if not rest and whole(ends):
                columns = tuple(ends)
            case _:
                raise self.tensors.damaged(f"{side} as a range or positions", repr(said)[:80])
        if not all(0 <= place < size for place in ends):
            raise self.tensors.damaged(f"{side} among {size} {'keys' if side == 'columns' else 'queries'}", repr(said)[:80])
        return columns

    def _table(self) -> dict[str, dict[str, Any]]:
        entries = self.tensors.entries.items()
        return {
            name: {"dtype": CODES[one.dtype], "shape": list(one.shape), "data_offsets": [one.begin, one.end]}
            for name, one in entries
        }


def _positions_as_data(places: Positions) -> dict[str, list[int]]:
    if isinstance(places, range):
        return {"range": [places.start, places.stop, places.step]}
    return {"positions": list(places)}


def _cut_as_data(cut: Cut) -> dict[str, Any] | None:
    """Where rows and columns stood, each where some were left out; None where all are there."""
    sides = (("rows", cut.rows, cut.queries), ("columns", cut.columns, cut.keys))
    return {side: _positions_as_data(at) | {"of": of} for side, at, of in sides if at != range(of)} or None


def _checksum(text: Mapping[str, Any], table: Mapping[str, Mapping[str, Any]]) -> str:
    """Of everything that the header says: a byte that flips there changes no map in silence."""
    return f"{zlib.crc32(json.dumps([text, table], sort_keys=True).encode()):08x}"
