"""``regard keys``, ``export`` and ``picture``: the weights of a file as numbers and as a picture."""

import argparse
import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regard
from regard.analysis.heads.strongest_keys import KeyStatistics, strongest_keys
from regard.arguments import number
from regard.cli.reports import check_layer_and_head, print_json
from regard.errors import FileFormatError, OptionError, TooLargeError
from regard.extras import require
from regard.figures.formats import checked_paths
from regard.figures.tables import write_table
from regard.files import checked_path, written_whole
from regard.maps.attention_map import AttentionMap
from regard.progress import bar

COLUMNS = ("map", "kind", "layer", "head", "query", "query_label", "key", "key_label", "weight")
ROWS = 2**16
"""Rows of a table that are written together."""

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
    write = {".csv": lambda lines: write_table(lines, [path]), ".parquet": lambda lines: _write_parquet(lines, path)}
    if path.suffix.lower() not in write:
        raise FileFormatError(f"--output: expected a file that ends in .csv or .parquet, got {str(path)!r}")
    write[path.suffix.lower()](_lines(_chosen(options), options.above))
    print(f"saved: {path}", file=sys.stderr)
    return 0


def _lines(maps: list[AttentionMap], above: float) -> Iterator[tuple[Any, ...]]:
    """The header, and a line for each weight above that."""
    most = sum(min(math.prod(amap.shape), math.prod(amap.shape[:3]) / above if above > 0 else math.inf) for amap in maps)
    if most > MOST:
        raise TooLargeError(
            f"expected at most {MOST:,} weights, got up to {most:,.0f}; say --layer and --head, or --above 0.01"
        )
    yield COLUMNS
    for amap in bar(maps, desc="writing weights", unit="map", delay=1, leave=False):
        queries, keys = amap.queries[:], amap.keys[:]
        for block in amap.rows(progress=None):
            weights = block.weights[0].cpu()  # (heads, rows, columns)
            for at in (weights > above).nonzero().tolist():
                head, row, column = block.heads.start + at[0], block.queries.start + at[1], block.columns.start + at[2]
                place = amap.name, amap.kind, amap.layer, amap.view.heads[head]
                yield *place, row, queries[row], column, keys[column], float(weights[tuple(at)])


def _write_parquet(lines: Iterator[tuple[Any, ...]], path: Path) -> None:
    require("to write .parquet", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    whole, text = pa.int64(), pa.string()
    types = (text, text, whole, whole, whole, text, whole, text, pa.float64())
    schema = pa.schema(list(zip(next(lines), types, strict=True)))
    with written_whole(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for rows in _runs(lines):
            columns = zip(*rows, strict=True)
            writer.write_table(pa.table([pa.array(one, of) for one, of in zip(columns, types, strict=True)], schema=schema))


def _runs(lines: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    run = []
    for line in lines:
        run.append(line)
        if len(run) == ROWS:
            yield run
            run = []
    if run:
        yield run


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
        check_layer_and_head(options)
    found = regard.load(options.file)
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
    if any(amap.shape[0] != 1 for amap in maps):
        raise OptionError("expected a file of one sequence, got a batch; take one in Python: recording.sample(0)")
    return maps if options.head is None else [amap.select(heads=[options.head]) for amap in maps]


def _of(amap: AttentionMap, name: str) -> Any:
    return (amap.kind or "self") if name == "kind" else amap.layer
