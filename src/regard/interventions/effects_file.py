"""Effects in a Parquet file: a row for each site, measure, prompt and draw, in one order: all engines write the same bytes."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regard.errors import FileFormatError
from regard.files import as_path, checked_path, written_whole
from regard.interventions.records import COLUMNS
from regard.interventions.tables import TEXTS, Coded, Table
from regard.surveying.corpus import require_pyarrow
from regard.surveying.survey_cost import Made, read_table

METADATA = b"regard.effects"
VERSION = 1
ROWS = 2**16
"""Rows of a group in the file: as many are in memory while it is written."""

EFFECTS = Made("effects", "regard.sweep", "regard sweep MODEL --over FILE -o FILE")
CELL = 16
"""Bytes of a prompt at a site: statistics are of all of them, and few rows may name thousands of prompts and of sites."""

_WHOLE = {"layer": "int32", "head": "int32", "line": "int64", "draw": "int32", "tokens": "int32"}


def schema_of(about: Mapping[str, Any]) -> Any:
    """The columns of the file, and in its metadata what is known of all rows."""
    import pyarrow as pa

    kinds = {name: "string" if name in TEXTS else _WHOLE.get(name, "float64") for name in COLUMNS}
    said = json.dumps({"version": VERSION, **about}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in kinds.items()], metadata={METADATA: said})


def arrow_of(table: Table, schema: Any) -> Iterator[Any]:
    """The rows as tables of Arrow, some at a time."""
    import pyarrow as pa

    for start in range(0, len(table), ROWS):
        columns = table.columns(slice(start, start + ROWS))
        yield pa.table({name: pa.array(columns[name], schema.field(name).type) for name in COLUMNS}, schema=schema)


def write_rows(path: Path, parts: Iterable[Any], schema: Any) -> None:
    """Write tables of Arrow one after the other, in groups of equal size, whole or not at all."""
    import pyarrow as pa
    from pyarrow import parquet

    with written_whole(path) as file, parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=True) as writer:
        waiting = schema.empty_table()
        for part in parts:
            waiting = pa.concat_tables([waiting, part.cast(schema)])
            while len(waiting) >= ROWS:
                writer.write_table(waiting.slice(0, ROWS).combine_chunks())
                waiting = waiting.slice(ROWS)
        if len(waiting):
            writer.write_table(waiting.combine_chunks())


def save_table(table: Table, about: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """What ``Effects.save`` does."""
    require_pyarrow("to write effects")
    schema = schema_of(about)
    write_rows(checked_path(path), arrow_of(table, schema), schema)


def load_table(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Table]:
    """What ``Effects.load`` does."""
    require_pyarrow("to read effects")
    import pyarrow as pa

    place = as_path(path)
    found, cost = read_table(place, METADATA, EFFECTS, whole=False)
    about = about_of(found.schema.metadata, place)
    try:
        table = Table.of((columns_of(pa.Table.from_batches([one])) for one in found.to_batches()), about)
        cost.pay(CELL * table.cells())
        return about, table
    except FileFormatError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:  # of Arrow too
        raise FileFormatError(f"expected whole effects, got {str(place)!r}, which is damaged: {error}") from error


def about_of(metadata: Mapping[bytes, bytes] | None, place: Path) -> dict[str, Any]:
    """What is known of all rows of a file.

    Raises:
        FileFormatError: it holds something else, or was made by a newer version.
    """
    said = (metadata or {}).get(METADATA)
    if said is None:
        raise FileFormatError(
            f"expected effects, got {str(place)!r}, a Parquet file of something else; see regard sweep --help"
        )
    try:
        about = json.loads(said)
        if not isinstance(about, dict):
            raise ValueError(f"{type(about).__name__} in place of an object")
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"expected whole effects, got {str(place)!r}, whose metadata is damaged: {error}") from error
    if about.pop("version", None) != VERSION:
        raise FileFormatError(
            f"expected effects of version {VERSION}, got others in {str(place)!r}; update Regard to read them"
        )
    return about


def columns_of(table: Any) -> dict[str, Any]:
    """The columns of a table of Arrow whose texts are dictionaries."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    whole = table.unify_dictionaries().combine_chunks()
    for name in COLUMNS:
        column = whole.column(name)
        array = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        if array.null_count:
            raise ValueError(f"a row without {name}")
        if pa.types.is_dictionary(array.type):
            found[name] = Coded(array.dictionary.to_pylist(), array.indices.to_numpy(zero_copy_only=False).astype(np.int64))
        else:
            found[name] = array.to_pylist() if name in TEXTS else array.to_numpy(zero_copy_only=False)
    return found
