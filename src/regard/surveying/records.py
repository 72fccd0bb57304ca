"""Files of texts as records: lines of text or JSON, rows of Parquet or of Arrow as the datasets library saves it.

What cannot be read becomes a record that says why: it is counted, and reading goes on.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
from fsspec.implementations.local import LocalFileSystem

from regard.arguments import text as checked_text
from regard.errors import DtypeError, FileFormatError
from regard.surveying.extremes import Integers
from regard.surveying.parquet_pages import pages

DAMAGED = "damaged file"
"""Why the rest of a file is left out that is cut short, or otherwise than it was written."""

LONGEST_LINE = 2**24
"""Bytes of a line that is still read: longer ones are told by their length, and cost no memory."""

ROWS = 256
"""Rows of a table that are decoded together, where they are not long."""

LARGEST_PAGE = 2**28
"""Bytes of a page of Parquet: writers make them a few MiB large."""


@dataclass(frozen=True)
class Refusal:
    """A line that is not surveyed."""

    reason: str
    what: str


Item = tuple[str | None, ...] | Refusal
"""What a record says, column by column: a text, and its target where it has one; or why there is none."""


@dataclass(frozen=True)
class Columns:
    """Where texts stand in rows that have names; dots lead into rows within rows: "translation.en"."""

    text: str = "text"
    target: str | None = None
    pairs: bool = False  #: a line of text is a text and its target, with a tab between

    def __post_init__(self) -> None:
        checked_text("column", self.text)
        if self.target is not None:
            checked_text("target_column", self.target)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of a table that are read."""
        return (self.text,) if self.target is None else (self.text, self.target)

    @property
    def needed(self) -> tuple[str, ...]:
        """Those without which a table is refused."""
        return self.texts

    def of_line(self, line: str) -> Item:
        """What a line of text says."""
        if self.pairs and "\t" in line:
            source, target = line.split("\t")[:2]  # what follows, as in Tatoeba's own exports, says where they are from
            return source, target
        return line, None

    def of_row(self, row: Any) -> Item:
        """What a row of a table, or an object of JSON, says."""
        found: list[str | None] = []
        for column in (self.text, self.target):
            text = None if column is None else text_at(row, column)
            if isinstance(text, Refusal):
                return text
            found.append(text)
        return found[0] or "", found[1]


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


def read_records(plain: Callable[[], BinaryIO], kind: str, columns: Columns) -> Iterator[Item]:
    """The records of a file, which ``plain`` decompresses; a damaged file ends with a refusal."""
    readers: dict[str, Callable[[BinaryIO, Columns], Iterator[Item]]] = {
        "text": _text_lines,
        "json": _json_lines,
        "parquet": _parquet_rows,
        "arrow": _arrow_rows,
    }
    try:
        yield from readers[kind](plain(), columns)
    except MissingColumnError:
        raise
    except Exception as error:  # of any decompressor, and of Arrow: each has its own
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or the network, which may be there again tomorrow: the data may be well
        yield Refusal(DAMAGED, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


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
        yield text if isinstance(text, Refusal) else columns.of_line(text)


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
        yield columns.of_row(row)


def _parquet_rows(file: BinaryIO, columns: Columns) -> Iterator[Item]:
    from pyarrow import parquet

    table = parquet.ParquetFile(file)
    wanted = _present(table.schema_arrow.names, columns)
    # A text that repeats is written once, however long it is: it stays so until it is known how long a row becomes.
    leaves = {table.schema.column(at).path for at in range(len(table.schema))}
    texts = [column for column in columns.texts if column in leaves]
    table = parquet.ParquetFile(file, metadata=table.metadata, read_dictionary=texts)
    for group in range(table.num_row_groups):  # one after another: that is the memory that is needed
        if isinstance(getattr(file, "fs", None), LocalFileSystem):  # elsewhere each header would be a request
            _check_pages(file, table.metadata.row_group(group), wanted)
        for batch in table.iter_batches(ROWS, row_groups=[group], columns=wanted):
            yield from _rows(batch, columns)


def _check_pages(file: BinaryIO, group: Any, wanted: Sequence[str]) -> None:
    """Refuse pages that would take very much memory: a page is read as a whole."""
    for number in range(group.num_columns):
        chunk = group.column(number)
        if chunk.path_in_schema.split(".")[0] in wanted:
            for page in pages(file, chunk):
                if page.nbytes > LARGEST_PAGE:
                    raise FileFormatError(f"expected pages of at most {LARGEST_PAGE:,} bytes, got one of {page.nbytes:,}")


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
    for name in (column.split(".")[0] for column in columns.needed):
        if name not in names:
            raise MissingColumnError(
                f"expected a column {name!r}, got a table with {', '.join(names)}; say which has the text: column='...', "
                "or --column on the command line"
            )
    wanted = (column.split(".")[0] for column in columns.texts)
    return [name for name in dict.fromkeys(wanted) if name in names]


def _rows(batch: Any, columns: Columns) -> Iterator[Item]:
    """Rows of a record batch; text stays bytes until it is known to be UTF-8, which Arrow does not check."""
    sizes = [_sizes(batch.column(at)) for at in range(batch.num_columns)]
    if not sizes or sum(int(found.sum()) for found in sizes) <= LONGEST_LINE:
        for row in _as_bytes(batch).to_pylist():
            yield columns.of_row(row)
        return
    for at, size in enumerate(np.sum(sizes, 0).tolist()):
        if size > LONGEST_LINE:
            yield Refusal("too long", f"a row of {size:,} bytes")
        else:
            yield columns.of_row(_as_bytes(batch.slice(at, 1)).to_pylist()[0])


def _sizes(array: Any) -> Integers:
    """How many bytes each row of an array becomes, in a list of Python's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        inside = _sizes(array.dictionary)
        return (
            inside[array.indices.fill_null(0).to_numpy(zero_copy_only=False)] if len(inside) else np.zeros(len(array), np.int64)
        )
    if pa.types.is_struct(kind):
        found = np.zeros(len(array), np.int64)
        for at in range(kind.num_fields):
            found += _sizes(array.field(at))
        return found
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        ends = np.concatenate([[0], np.cumsum(_sizes(array.values))])
        offsets = array.offsets.to_numpy()
        return cast("Integers", np.diff(ends[offsets]))
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return cast("Integers", pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))
    return np.full(len(array), kind.byte_width if pa.types.is_fixed_size_binary(kind) else 8, np.int64)


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


def text_at(row: Any, column: str) -> str | Refusal:
    """The text of a row in a column; dots lead into rows within rows."""
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
    return text


def _decoded(line: bytes) -> str | Refusal:
    try:
        return line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8")
    except UnicodeDecodeError as error:
        return Refusal("not UTF-8", f"byte 0x{line[error.start]:02x} at {error.start}")
