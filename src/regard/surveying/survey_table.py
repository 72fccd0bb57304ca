"""The table of a survey's file: what is written of its sums, and how a survey is read from it, of other versions too."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regard.errors import FileFormatError
from regard.surveying.corpus import FILE_BITS
from regard.surveying.extremes import Extremes
from regard.surveying.moments import Moments
from regard.surveying.scales import UNIT
from regard.surveying.tally import Done, LeftOut, Tally
from regard.surveying.texts import Texts
from regard.surveying.totals import Head, Passage, Totals

VERSION = 1
METADATA = b"regard.survey"
RENAMED = {"unseeing": "masked_rows"}  # statistics that earlier files have under another name


def about_of(table: Any, place: Path) -> dict[str, Any]:
    """The metadata of a survey's table."""
    text = (table.schema.metadata or {}).get(METADATA)
    if text is None:
        raise FileFormatError(
            f"expected a survey, got {str(place)!r}, a Parquet file of something else; see regard survey --help"
        )
    try:
        about: dict[str, Any] = json.loads(text)
        if not isinstance(about, dict):
            raise ValueError(f"{type(about).__name__} in place of an object")
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"expected a whole survey, got {str(place)!r}, whose metadata is damaged: {error}") from error
    if about.get("version") != VERSION:
        raise FileFormatError(
            f"expected a survey of version {VERSION}, got version {about.get('version')} in {str(place)!r}; read it with the "
            "release of Regard that wrote it"
        )
    return about


def parts_of(table: Any, about: dict[str, Any], pay: Callable[[int], None]) -> tuple[dict[str, Any], Tally, Done]:
    """A survey's parts from its table; what grows with the product of its sizes is paid for before it is made."""
    counts, done = about.pop("counts"), Done(about.pop("done"))
    digests = {int(at): int(digest, 16) for at, digest in about.pop("digests", {}).items()}
    del about["version"]
    tally = Tally(texts=counts["texts"], tokens=counts["tokens"], digests=digests)
    for reason, found in counts["left_out"].items():
        tally.left_out[reason] = LeftOut(found["count"], [(first["at"], first["what"]) for first in found["first"]])
    plain = table.drop_columns([name for name in ("values", "texts") if name in table.column_names])
    rows = [row | {"statistic": RENAMED.get(row["statistic"], row["statistic"])} for row in plain.to_pylist()]
    if rows:
        tally.totals = _totals(rows, about, pay)
        if "values" in table.column_names:
            tally.totals.texts = _texts(table, len(rows), _files(about))
    return about, tally, done


def _files(about: dict[str, Any]) -> dict[str, int]:
    return {source["name"]: at for at, source in enumerate(about["corpus"])}


def _place(files: dict[str, int], file: str, line: int) -> int:
    if not 1 <= line <= 1 << FILE_BITS:
        raise ValueError(f"line {line} of {file}")
    return (files[file] << FILE_BITS) + line - 1


def _texts(table: Any, cells: int, files: dict[str, int]) -> Texts:
    """What is kept of each text: their places on the first row, and a list of values on each."""
    kept, texts = Texts(cells), table["texts"].combine_chunks().flatten()
    places = [
        _place(files, name, line)
        for name, line in zip(texts.field("file").to_pylist(), texts.field("line").to_pylist(), strict=True)
    ]
    values = table["values"].combine_chunks().flatten().to_numpy().reshape(cells, len(places)).T
    kept.add(places, texts.field("key").to_numpy(), values)
    return kept


def _totals(rows: Sequence[dict[str, Any]], about: dict[str, Any], pay: Callable[[int], None]) -> Totals:
    heads = list(dict.fromkeys(Head(row["kind"], row["layer"], row["module"], row["head"]) for row in rows))
    edges = {row["statistic"]: row["edges"] for row in rows[: len(rows) // len(heads)]}
    examples = about["settings"]["examples"]
    pay(len(rows) * (8 * max(map(len, edges.values())) + 48 * max(0, examples)))
    totals = Totals(heads, edges, examples)
    if len(rows) != len(totals.count):
        raise ValueError(f"{len(rows)} rows for {len(heads)} heads and {len(edges)} statistics")
    files = _files(about)
    for cell, row in enumerate(rows):
        bins = edges[row["statistic"]]  # the file's own: another version of Regard may count in others
        if row["statistic"] != totals.statistics[cell % len(edges)]:
            raise ValueError(f"row {cell} is of {row['statistic']}")
        if row["edges"] != bins or len(row["histogram"]) != len(bins) - 1 or any(np.diff(bins) <= 0):
            raise ValueError(f"row {cell} has other bins of {row['statistic']}")
        _put(totals.all, cell, row)
        for one in row.get("lengths") or ():  # files of earlier versions have none
            if one["length"] not in totals.strata:
                pay(24 * len(rows))
                totals.strata[one["length"]] = Moments(len(rows))
            _put(totals.strata[one["length"]], cell, one)
        totals.histogram[cell, : len(bins) - 1] = row["histogram"]
        for side, sign in (("highest", 1), ("lowest", -1)):
            extremes: Extremes = getattr(totals, side)
            for at, one in enumerate(row[side]):
                place, passage = _place(files, one["file"], one["line"]), Passage(one["text"], one["target"])
                extremes.values[cell, at] = round(sign * one["value"] / UNIT)
                extremes.places[cell, at], extremes.keys[cell, at] = place, passage.key
                totals.passages[place] = passage
    return totals


def sums_of(moments: Moments, cell: int) -> dict[str, str]:
    """The sums of a cell as a file has them."""
    return {"sum": str(moments.sums[cell]), "sum_of_squares": str(moments.squares[cell])}


def lengths_of(totals: Totals, cell: int) -> list[dict[str, Any]]:
    """The sums of a cell over texts of each length, the shortest first."""
    strata = [(length, moments) for length, moments in sorted(totals.strata.items()) if moments.count[cell]]
    return [{"length": length, "count": int(moments.count[cell]), **sums_of(moments, cell)} for length, moments in strata]


def _put(moments: Moments, cell: int, row: dict[str, Any]) -> None:
    """The sums of a cell from a file."""
    moments.count[cell], moments.sums[cell], moments.squares[cell] = row["count"], int(row["sum"]), int(row["sum_of_squares"])
