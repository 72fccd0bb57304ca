"""What stands in a Parquet file, counted from the headers of its pages: nothing is decoded for it.

A page says in some twenty bytes how many values it holds and how large it becomes. The footer says so too, but readers go by
the pages, and so may who means ill. Headers are Thrift's compact protocol (parquet.thrift: PageHeader), of which a few
fields are looked at, and the others are stepped over.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from regard.errors import FileFormatError

MOST_OF_A_HEADER = 2**24
"""Bytes; it may have the smallest and the largest value of its page."""

DEEPEST = 16
"""Structures within structures of a header: there are three."""

_FIRST_READ = 2**12
_SIZES = {3: 1, 7: 8}  # of numbers by their type: bytes of a fixed size; the others are variable
_TRUE, _FALSE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 8, 9, 10, 12
_DATA, _DICTIONARY, _DATA_2 = 5, 7, 8  # fields of a page's header that say how many values there are


class Page(NamedTuple):
    """A page of a column, as its header says."""

    values: int  #: rows of a flat column, elements of a nested one; of a dictionary its entries
    nbytes: int  #: when it is decompressed
    is_dictionary: bool


def pages(file: BinaryIO, chunk: Any) -> Iterator[Page]:
    """The pages of one column of one row group, in order.

    Args:
        file: open, and at any place.
        chunk: ``ParquetFile.metadata.row_group(i).column(j)``.

    Raises:
        FileFormatError: something else stands there.
    """
    if not chunk.num_values and not chunk.data_page_offset:
        return  # a column of nothing may have no page
    at = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    while at < end:
        fields, length = _header(file, at)
        values = [
            found[1] for name in (_DATA, _DICTIONARY, _DATA_2) if isinstance(found := fields.get(name), dict) and 1 in found
        ]
        sizes = [fields.get(2), fields.get(3), *values]  # of the page, of it as it is stored
        if not all(type(size) is int and 0 <= size < 2**31 for size in sizes):
            raise FileFormatError(f"expected the header of a page at byte {at:,}, got sizes of {sizes}")
        yield Page(sum(values), fields[2], _DICTIONARY in fields)
        at += length + fields[3]


def _header(file: BinaryIO, at: int) -> tuple[dict[int, Any], int]:
    """The fields of the header at this byte, by number, and how long it is."""
    size = _FIRST_READ
    while True:
        file.seek(at)
        reader = _Reader(file.read(size))
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(reader.data) < size or size >= MOST_OF_A_HEADER:
                raise FileFormatError(f"expected the header of a page at byte {at:,}, got something else") from None
            size *= 16


class _Reader:
    """Thrift's compact protocol, as far as headers of pages need it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Whole numbers and structures by the numbers of their fields; of others only that they are there."""
        if depth > DEEPEST:
            raise IndexError
        found: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._signed()
            found[number] = self._value(kind, depth, within=False)
        return found

    def _value(self, kind: int, depth: int, *, within: bool) -> Any:
        """A value; true and false are a byte where they stand ``within`` a list."""
        if kind in (_TRUE, _FALSE):
            self._skip(1 if within else 0)
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        elif kind in (4, 5, 6):
            return self._signed()
        elif kind == _BINARY:
            self._skip(self._unsigned())
        elif kind in (_LIST, _SET):
            sizes = self._byte()
            for _ in range(self._unsigned() if sizes >> 4 == 15 else sizes >> 4):
                self._value(sizes & 15, depth + 1, within=True)
        elif kind == _STRUCT:
            return self.struct(depth + 1)
        else:  # maps, which no header has, and what is no type
            raise IndexError
        return None

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise IndexError

    def _unsigned(self) -> int:
        found = shift = 0
        while shift < 70:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
        raise IndexError

    def _signed(self) -> int:
        found = self._unsigned()
        return found >> 1 ^ -(found & 1)
