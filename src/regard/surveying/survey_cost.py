"""What opening a survey's file may take: counted from the headers of its pages before they are decoded.

Parquet writes a value that repeats a thousand times once, so a small file may hold very much. A survey may take, beside what
any file may, as many times its size as honest ones do.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from regard.errors import FileFormatError
from regard.files import opened, refusal
from regard.maps.storage.budget import FREE_BYTES, Budget
from regard.surveying.parquet_pages import pages

TIMES = 128
"""Bytes of memory for each of the file's."""

MOST_FOOTER = 2**24
"""Bytes of what stands behind the tables."""

MOST_COLUMNS = 256
FREE_PAGES, BYTES_A_PAGE = 4096, 1024

_VALUE = 64  # a number of Python's, in a list of it
_NUMBER = 16  # in an array, and once more while it is read
_TEXT = 64  # a text of Python's, beside its letters
_DECODED = 4  # times that a letter of a page is in memory, as a page, in Arrow, and in Python


class Made(NamedTuple):
    """What a file should be, what makes it, and how, in errors."""

    what: str
    by: str
    how: str


SURVEY = Made("a survey", "regard survey", "regard survey MODEL --text CORPUS -o FILE")


def read_table(place: Path, metadata: bytes, made: Made = SURVEY, *, whole: bool = True) -> tuple[Any, "Cost"]:
    """The table of a survey's file, or of another that is made as one, and what its parts are paid with.

    Args:
        place: where it is.
        metadata: the name of the text in it that says that it is a survey.
        made: what it should be instead.
        whole: whether texts that repeat are wanted as texts; else they stay where they are, and are not paid for as texts.

    Raises:
        FileFormatError: it is no Parquet file, a damaged one, or takes more than it may.
        OSError: it cannot be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        there = opened(place)
    except FileNotFoundError as error:
        raise refusal("read", errno.ENOENT, place, f"there is no such file; {made.how} makes one") from error
    except OSError as error:
        raise refusal("read", error.errno or errno.EIO, place, f"{error.strerror}; name another file") from error
    with there as file:
        size = os.fstat(file.fileno()).st_size
        _check_footer(file, size, place, made)
        try:
            cost = Cost(size, place, made)
            table = parquet.ParquetFile(file)
            about = (table.metadata.metadata or {}).get(metadata)
            if about is not None:
                cost.pay_for_text(about)
                cost.pay_for_pages(file, table.metadata, _VALUE if whole else _NUMBER)
                file.seek(0)
                texts = _columns_of_texts(table.schema_arrow)
                # A text that repeats stays where it is, until it is known how long all of them are.
                found = parquet.ParquetFile(file, read_dictionary=texts).read()
                if whole:
                    cost.pay_for_texts(found)
                return found, cost
            return table.schema_arrow.empty_table().replace_schema_metadata(table.metadata.metadata), cost
        except FileFormatError:
            raise
        except (
            pa.ArrowException,
            OSError,
            ArithmeticError,
            LookupError,
            MemoryError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise _unreadable(place, made, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def _check_footer(file: BinaryIO, size: int, place: Path, made: Made) -> None:
    file.seek(max(0, size - 8))
    last = file.read(8)
    length = int.from_bytes(last[:4], "little")
    if size < 12 or last[4:] != b"PAR1" or length > size - 12:
        raise _unreadable(place, made, "it does not end as one")
    if length > MOST_FOOTER:
        raise FileFormatError(
            f"expected {made.what}, got {str(place)!r} with {length:,} bytes behind its tables, {MOST_FOOTER:,} at most"
        )
    file.seek(0)


def _unreadable(place: Path, made: Made, why: str) -> FileFormatError:
    return FileFormatError(f"expected {made.what}, got {str(place)!r}, which is no readable Parquet: {why}")


class Cost:
    """Memory, paid for before it is taken."""

    def __init__(self, size: int, place: Path, made: Made = SURVEY) -> None:
        self._allowed = self._left = FREE_BYTES + TIMES * size
        self._pages = FREE_PAGES + size // BYTES_A_PAGE
        self._size, self._place, self._made = size, place, made

    def pay_for_text(self, text: bytes) -> None:
        """What JSON becomes."""
        Budget(TIMES * self._size, self._refuse).pay_for_text(text)

    def pay_for_pages(self, file: BinaryIO, metadata: Any, each: int = _VALUE) -> None:
        """What the tables become: their values, and their letters where each is written."""
        if metadata.num_columns > MOST_COLUMNS:
            raise self._refuse(f"at most {MOST_COLUMNS} columns", f"{metadata.num_columns:,}")
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for column in range(metadata.num_columns):
                chunk = group.column(column)
                self.pay(chunk.num_values * each)
                for page in pages(file, chunk):
                    self._pages -= 1
                    if self._pages < 0:
                        raise self._refuse("a few pages, as it is small", "more")
                    self.pay(page.values * each + page.nbytes * _DECODED)

    def pay_for_texts(self, table: Any) -> None:
        """What texts become that are written once and stand in many places."""
        import pyarrow.compute as pc

        for column in table.columns:
            for chunk in column.chunks:
                for texts in _dictionaries(chunk):
                    lengths = pc.cast(pc.binary_length(texts.dictionary), "int64").take(texts.indices)
                    self.pay((pc.sum(lengths).as_py() or 0) + len(texts) * _TEXT)

    def pay(self, cost: int) -> None:
        """So many bytes.

        Raises:
            FileFormatError: they are more than are left.
        """
        self._left -= cost
        if self._left < 0:
            raise self._refuse(f"one that takes at most {self._allowed:,} bytes of memory, as it is small", "more")

    def _refuse(self, expected: str, got: str) -> FileFormatError:
        return FileFormatError(
            f"expected {self._made.what}, {expected}, got {got} in {str(self._place)!r} of {self._size:,} bytes; it was not "
            f"made by {self._made.by}, or is damaged: copy it again"
        )


def _columns_of_texts(schema: Any) -> list[str]:
    """The paths of the columns of texts, as Parquet calls them."""
    import pyarrow as pa

    def inside(path: str, kind: Any) -> Iterator[str]:
        if pa.types.is_string(kind) or pa.types.is_binary(kind):
            yield path
        elif pa.types.is_struct(kind):
            for at in range(kind.num_fields):
                yield from inside(f"{path}.{kind.field(at).name}", kind.field(at).type)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            yield from inside(f"{path}.list.{kind.value_field.name}", kind.value_type)

    return [path for field in schema for path in inside(field.name, field.type)]


def _dictionaries(array: Any) -> Iterator[Any]:
    """The arrays of texts in an array, however deep."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        yield array
    elif pa.types.is_struct(array.type):
        for at in range(array.type.num_fields):
            yield from _dictionaries(array.field(at))
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        yield from _dictionaries(array.values)
