"""``regard keys``, ``export`` and ``picture``: the weights of a file as numbers and as a picture."""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regard
from regard.analysis.heads.strongest_keys import KeyStatistics, strongest_keys
from regard.arguments import number
from regard.cli.loading import loaded
from regard.cli.reports import print_json
from regard.errors import FileFormatError, OptionError
from regard.extras import require
from regard.figures.formats import checked_paths
from regard.figures.tables import write_table
from regard.files import checked_path, written_whole
from regard.maps.attention_map import AttentionMap
from regard.maps.long_table import COLUMNS, long_table

MOST = 2**26
"""Rows that a table may have."""


def run(options: argparse.Namespace) -> int:
    """Do what one of the three commands says."""
    return {"keys": _keys, "export": _export, "picture": _picture}[options.shown](options)


def _keys(options: argparse.Namespace) -> int:
    maps = _chosen(options)
    found = strongest_keys(maps, last=options.last)
    heads = sum(amap.shape[1] for amap in maps)
    rows = [one._asdict() for one in found[: options.top]]
    if options.json:
        print_json({"heads": heads, "last": options.last, "keys": rows})
    elif options.csv:
        table = csv.DictWriter(sys.stdout, KeyStatistics._fields, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    else:
        who = "1 head" if heads == 1 else f"the mean of {heads} heads"
        print(f"{who}; received: mean weight from the rows that may see a key; last: from the last {options.last}")
        print(f"{'key':>7}  {'text':<20}{'received':>10}{'last':>10}  first in")
        for one in found[: options.top]:
            print(f"{one.key:>7,}  {one.text[:19]:<20}{one.received:>10.4f}{one.last:>10.4f}  {one.first_in} of {heads}")
    sys.stdout.flush()
    return 0


def _export(options: argparse.Namespace) -> int:
    path = checked_path(options.output)
    number("--above", options.above, least=0, most=1, advice="weights are shares of a row")
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise FileFormatError(f"--output: expected a file that ends in .csv or .parquet, got {str(path)!r}")
    parts = long_table(_chosen(options), options.above, MOST, "say --layer and --head, or --above 0.01")
    if path.suffix.lower() == ".csv":
        write_table(_lines(parts), [path])
    else:
        _write_parquet(parts, path)
    print(f"saved: {path}", file=sys.stderr)
    return 0


def _lines(parts: Iterator[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The header, and a line for each weight."""
    yield COLUMNS
    for part in parts:
        yield from zip(*(column.tolist() for column in part.values()), strict=True)


def _write_parquet(parts: Iterator[dict[str, Any]], path: Path) -> None:
    require("to write .parquet", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    whole, text = pa.int64(), pa.string()
    types = (text, text, whole, whole, whole, whole, text, whole, text, pa.float64())
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    with written_whole(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for part in parts:
            columns = [pa.array(part[name], of) for name, of in zip(COLUMNS, types, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def _picture(options: argparse.Namespace) -> int:
    checked_paths(options.save)  # before the maps are read
    maps = _chosen(options)
    if len(maps) > 1:
        layers = ", ".join(f"{amap.kind or 'self'} {amap.layer}" for amap in maps)
        raise OptionError(f"--layer: expected one of the maps of this file, {layers}, got none; say --layer, and --kind")
    one = maps[0].shape[1] == 1
    drawn = regard.heatmap(maps[0], head=0, theme=options.theme) if one else regard.heads_grid(maps[0], theme=options.theme)
    paths = regard.save(drawn, *options.save)
    print(f"saved: {', '.join(map(str, paths))}", file=sys.stderr)
    return 0


def _chosen(options: argparse.Namespace) -> list[AttentionMap]:
    """The maps of a file that are asked for, of the one head that is."""
    if options.head is not None and options.layer is None:
        raise OptionError("--layer: expected the layer of --head, got none; heads count from 0 in each layer")
    found = loaded(options.file, options.item)
    maps: list[AttentionMap] = list(getattr(found, "maps", [found]))
    for name in ("kind", "layer"):
        asked = getattr(options, name)
        there = sorted({str(_of(amap, name)) for amap in maps})
        maps = [amap for amap in maps if asked is None or _of(amap, name) == asked]
        if not maps:
            raise OptionError(f"--{name}: expected one of {', '.join(there)}, which this file has, got {asked!r}")
    if options.kind is None and len(kinds := sorted({str(_of(amap, "kind")) for amap in maps})) > 1:
        raise OptionError(f"--kind: expected one of {', '.join(kinds)}, which this file has, got none")
    if len({amap.step for amap in maps}) > 1:
        raise OptionError("expected a file of one pass, got several; take one in Python: recording.at(0)")
    return maps if options.head is None else [amap.select(heads=[options.head]) for amap in maps]


def _of(amap: AttentionMap, name: str) -> Any:
    return (amap.kind or "self") if name == "kind" else amap.layer
