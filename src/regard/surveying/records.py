"""Files of texts as records: lines of text or JSON, rows of Parquet or of Arrow as the datasets library saves it.

What cannot be read becomes a record that says why: it is counted, and reading goes on.
"""

import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from regard.errors import DtypeError

LONGEST_LINE = 2**24
"""Bytes of a line that is still read: longer ones are told by their length, and cost no memory."""

ROWS = 256
"""Rows of a table that are decoded together."""


@dataclass(frozen=True)
class Refusal:
    """A line that is not surveyed."""

    reason: str
    what: str


Item = tuple[str, str | None] | Refusal
"""A text with its target, where it has one; or why there is none."""


@dataclass(frozen=True)
class Columns:
    """Where texts stand in rows that have names; dots lead into rows within rows: "translation.en"."""

    text: str = "text"
    target: str | None = None
    pairs: bool = False  #: a line of text is a text and its target, with a tab between


def format_of(name: str) -> str | None:
    """What a file is by its name, compressed or not; None where that says nothing.

    Example:
        >>> format_of("a.jsonl.gz"), format_of("b.tsv"), format_of("c.bin")
        ('json', 'text', None)
    """
    suffixes = [
        part for part in name.lower().rsplit("/", 1)[-1].split(".")[1:] if part not in ("gz", "bz2", "xz", "zst", "zip")
    ]
    known = {"txt": "text", "tsv": "text", "parquet": "parquet", "arrow": "arrow"}
    known |= dict.fromkeys(("jsonl", "ndjson", "json"), "json")  # many corpora of JSON lines are called .json
    return known.get(suffixes[-1]) if suffixes else None


def read_records(file: BinaryIO, kind: str, columns: Columns) -> Iterator[Item]:
    """The records of an open file; a damaged file ends with a refusal."""
    readers: dict[str, Callable[[BinaryIO, Columns], Iterator[Item]]] = {
        "text": _text_lines,
        "json": _json_lines,
        "parquet": _parquet_rows,
        "arrow": _arrow_rows,
    }
    try:
        yield from readers[kind](file, columns)
    except MissingColumnError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:  # of every decompressor, and of Arrow
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or the network, which may be there again tomorrow: the data may be well
        yield Refusal("damaged file", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


class MissingColumnError(DtypeError):
    """A table without the column that was asked for: a mistake of the one who asks, not of the data."""


def _lines(file: BinaryIO) -> Iterator[bytes | Refusal]:
    while line := file.readline(LONGEST_LINE):
        size = len(line)
        while not line.endswith(b"\n") and (rest := file.readline(LONGEST_LINE)):
            size, line = size + len(rest), rest
        yield line.rstrip(b"\r\n") if size <= LONGEST_LINE else Refusal("too long", f"a line of {size:,} bytes")


def _text_lines(file: BinaryIO, columns: Columns) -> Iterator[Item]:
    for line in _lines(file):
        if isinstance(line, Refusal):
            yield line
            continue
        text = _decoded(line)
        if isinstance(text, str) and columns.pairs and "\t" in text:
            source, target = text.split("\t")[:2]  # what follows, as in Tatoeba's own exports, says where they are from
            yield source, target
        else:
            yield text if isinstance(text, Refusal) else (text, None)


def _json_lines(file: BinaryIO, columns: Columns) -> Iterator[Item]:
    for line in _lines(file):
        if isinstance(line, Refusal):
            yield line
            continue
        text = _decoded(line)
        if isinstance(text, Refusal) or not text.strip():
            yield text if isinstance(text, Refusal) else Refusal("empty", "an empty line")
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield Refusal("not JSON", f"{error}: {text[:40]!r}")
            continue
        yield _item(row, columns)


def _parquet_rows(file: BinaryIO, columns: Columns) -> Iterator[Item]:
    from pyarrow import parquet

    table = parquet.ParquetFile(file)
    wanted = _present(table.schema_arrow.names, columns)
    for group in range(table.num_row_groups):  # one after another: that is the memory that is needed
        for batch in table.iter_batches(ROWS, row_groups=[group], columns=wanted):
            yield from _rows(batch, columns)


def _arrow_rows(file: BinaryIO, columns: Columns) -> Iterator[Item]:
    from pyarrow import ipc

    start = file.read(6)
    file.seek(0)
    if start == b"ARROW1":
        table = ipc.open_file(file)
        batches = (table.get_batch(at) for at in range(table.num_record_batches))
    else:
        table = ipc.open_stream(file)
        batches = iter(table)
    wanted = _present(table.schema.names, columns)
    for batch in batches:
        for start_row in range(0, batch.num_rows, ROWS):
            yield from _rows(batch.select(wanted).slice(start_row, ROWS), columns)


def _present(names: list[str], columns: Columns) -> list[str]:
    """The columns of a table that are read."""
    wanted = [column.split(".")[0] for column in (columns.text, columns.target) if column is not None]
    for name in wanted:
        if name not in names:
            raise MissingColumnError(
                f"expected a column {name!r}, got a table with {', '.join(names)}; say which has the text: column='...', "
                "or --column on the command line"
            )
    return list(dict.fromkeys(wanted))


def _rows(batch: Any, columns: Columns) -> Iterator[Item]:
    """Rows of a record batch; text stays bytes until it is known to be UTF-8, which Arrow does not check."""
    for row in _as_bytes(batch).to_pylist():
        yield _item(row, columns)


def _as_bytes(batch: Any) -> Any:
    """The batch with its texts as bytes, at any depth."""
    import pyarrow as pa

    def plain(kind: Any) -> Any:
        if pa.types.is_dictionary(kind):
            return plain(kind.value_type)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            return pa.large_binary()
        if pa.types.is_struct(kind):
            return pa.struct([pa.field(kind.field(at).name, plain(kind.field(at).type)) for at in range(kind.num_fields)])
        return kind

    return batch.cast(pa.schema([pa.field(field.name, plain(field.type)) for field in batch.schema]))


def _item(row: Any, columns: Columns) -> Item:
    """The text of a row and its target."""
    found: list[str | None] = []
    for column in (columns.text, columns.target):
        if column is None:
            found.append(None)
            continue
        value = row
        for name in column.split("."):
            if not isinstance(value, Mapping) or name not in value:
                got = ", ".join(map(str, value))[:80] if isinstance(value, Mapping) else type(value).__name__
                return Refusal("missing field", f"no {column!r} in {got or 'an empty row'}")
            value = value[name]
        if value is None:
            return Refusal("missing field", f"{column!r} is null")
        text = _decoded(value) if isinstance(value, bytes) else value
        if isinstance(text, Refusal):
            return text
        if not isinstance(text, str):
            return Refusal("not text", f"{column!r} is of type {type(text).__name__}")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            return Refusal("not UTF-8", f"half of a surrogate pair in {column!r}")
        found.append(text)
    return found[0] or "", found[1]


def _decoded(line: bytes) -> str | Refusal:
    try:
        return line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8")
    except UnicodeDecodeError as error:
        return Refusal("not UTF-8", f"byte 0x{line[error.start]:02x} at {error.start}")
