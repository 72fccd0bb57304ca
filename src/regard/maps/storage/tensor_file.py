"""Tensors in one safetensors file, larger than memory if need be: written piece by piece, and read through a memory map.

The safetensors package writes from whole tensors and opens a file in one private mapping, which the system refuses for files
larger than its memory. So the format, which is small, is spoken here; any safetensors reader can read what this one writes.
"""

import json
import math
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from regard.errors import DtypeError, FileChangedError, FileFormatError, RegardError, TooLargeError
from regard.files import opened, refusal, written_whole
from regard.maps.mapped_tensor import MappedTensor
from regard.maps.storage.budget import Budget
from regard.maps.storage.open_file import OpenFile
from regard.positions import Positions, take
from regard.progress import bar

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
CODES = {dtype: code for code, dtype in DTYPES.items()}
PIECE_BYTES = 2**24
MAPPED_BYTES = 2**30
COPIED_BYTES = 2**26
"""Files up to here are read as a whole when they are opened: what becomes of them afterwards is then no matter."""

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
HIGHEST = 2**53  # whole numbers beyond are no sizes, and not the same in every reader of JSON


def whole(values: object) -> bool:
    """Whether these are whole numbers of a file: a list, or a tuple, of them, each within ``HIGHEST``."""
    return isinstance(values, list | tuple) and all(type(one) is int and abs(one) < HIGHEST for one in values)


@dataclass(frozen=True)
class TensorPart:
    """Of each axis of a tensor, the positions that are written, in order; nothing is copied before it is written."""

    tensor: Tensor
    chosen: tuple[Positions, ...]

    @classmethod
    def whole(cls, tensor: Tensor) -> "TensorPart":
        """All of a tensor."""
        return cls(tensor, tuple(map(range, tensor.shape)))

    @property
    def shape(self) -> tuple[int, ...]:
        """What will stand in the file."""
        return tuple(len(positions) for positions in self.chosen)

    @property
    def nbytes(self) -> int:
        """How much that is."""
        return math.prod(self.shape) * self.tensor.dtype.itemsize

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for parts that are the same memory: several maps may share a tensor, and it is written once."""
        tensor = self.tensor
        return tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), self.chosen

    def pieces(self) -> Iterator[memoryview]:
        """The bytes in row-major order, a few at a time."""
        return _pieces(self.tensor.detach(), self.chosen)


def _pieces(tensor: Tensor, chosen: tuple[Positions, ...]) -> Iterator[memoryview]:
    row = math.prod(len(positions) for positions in chosen[1:]) * tensor.dtype.itemsize
    if chosen and row > PIECE_BYTES:
        for place in chosen[0]:
            yield from _pieces(tensor[place], chosen[1:])
        return
    step = PIECE_BYTES // max(1, row)
    for start in range(0, len(chosen[0]) if chosen else 1, step):
        piece = tensor
        for axis, positions in enumerate(chosen):
            piece = take(piece, axis, positions[start : start + step] if axis == 0 else positions)
        # Flattened by strides: one number alone may keep any stride when it is flattened, and has then no bytes to view.
        yield piece.cpu().contiguous().as_strided((piece.numel(),), (1,)).view(torch.uint8).numpy().data


def write_tensors(path: Path, parts: Mapping[str, TensorPart], metadata: Mapping[str, str]) -> None:
    """Write tensors in this order, with texts of metadata; a bar shows where it takes longer than a second.

    Wide types should come first: each tensor then begins at a multiple of its item size, and can be read where it lies.

    Raises:
        OSError: the file cannot be written; what stood there before still does.
        DtypeError: a tensor of a type that the format does not have.
        TooLargeError: more metadata than the format allows.
    """
    header = json.dumps({"__metadata__": dict(metadata)} | table_of(parts)).encode()
    header += b" " * (-len(header) % 8)
    total = sum(part.nbytes for part in parts.values())
    if len(header) > MAX_HEADER_BYTES:
        raise too_large(f"at most {MAX_HEADER_BYTES:,} bytes", f"{len(header):,}")
    Budget(len(header) + total, too_large).pay_for_text(header)
    with (
        written_whole(path) as file,
        bar(total=total, desc=f"writing {path.name}", unit="B", unit_scale=True, delay=1, leave=False) as shown,
    ):
        file.write(len(header).to_bytes(8, "little") + header)
        for part in parts.values():
            for piece in part.pieces():
                file.write(piece)
                shown.update(len(piece))


def too_large(expected: str, got: str) -> TooLargeError:
    """The error of what would make a file that no reader opens."""
    return TooLargeError(
        f"expected names, labels and views that a file can hold, {expected}, got {got}; save fewer maps, or drop labels "
        "(amap.queries = None)"
    )


def table_of(parts: Mapping[str, TensorPart]) -> dict[str, dict[str, Any]]:
    """Type, shape and place of tensors that follow each other."""
    table, begin = {}, 0
    for name, part in parts.items():
        if part.tensor.dtype not in CODES:
            raise DtypeError(f"expected tensors of {', '.join(CODES.values())}, got {part.tensor.dtype} as {name}; convert it")
        end = begin + part.nbytes
        table[name] = {"dtype": CODES[part.tensor.dtype], "shape": list(part.shape), "data_offsets": [begin, end]}
        begin = end
    return table


class Entry(NamedTuple):
    """A tensor of a file: what it is, and where it lies."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorFile:
    """A safetensors file, as tensors that cost what is read of them; writing into one leaves the file alone.

    Small files are copied into memory, larger ones are mapped.

    Raises:
        OSError: the file cannot be opened, or is no file.
        FileFormatError: it is no safetensors file, or a damaged one.
        FileChangedError: it is written into at this moment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with opened(path) as file:
                size = file.seek(0, 2)
                file.seek(0)
                length = int.from_bytes(file.read(8), "little")
                if size < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                    raise FileFormatError(
                        f"expected a safetensors file, which begins with the length of its header, got {str(path)!r} of "
                        f"{size:,} bytes that begins with {length:,}: it is another kind of file, or a piece: copy it again"
                    )
                #: what opening it may cost
                self.budget = Budget(size, self.damaged)
                #: text by key, as safetensors files carry it
                with self.sound():
                    self.metadata, self.entries = self._read_header(file.read(length), size - 8 - length)
                #: what stands around each read of a tensor: with guard(): ...
                self.guard: Callable[[], AbstractContextManager[None]] = nullcontext
                if size <= COPIED_BYTES:
                    self._maps = self._copied(file, size - 8 - length)
                else:
                    self.guard = OpenFile(path, file)
                    self._maps = dict(self._mapped(file.fileno(), 8 + length))
        except FileChangedError:
            raise
        except OSError as error:
            advice = f"{error.strerror or error}; check the path, its permissions and the free memory"
            raise refusal("read", error.errno or 0, path, advice) from error

    def _copied(self, file: BinaryIO, size: int) -> dict[str, tuple[bytearray | mmap.mmap, int]]:
        memory = bytearray(size)
        if file.readinto(memory) != size:  # type: ignore[attr-defined]  # BinaryIO does not say so, and buffered files have it
            raise FileChangedError(f"{str(self.path)!r}: expected {size:,} bytes of tensors, got fewer: it is being written")
        return {name: (memory, entry.begin) for name, entry in self.entries.items() if entry.end > entry.begin}

    def _read_header(self, text: bytes, size: int) -> tuple[dict[str, str], dict[str, Entry]]:
        self.budget.pay_for_text(text)
        try:
            header = json.loads(text.decode())
        except (ValueError, RecursionError) as error:
            raise self.damaged("a header of JSON", f"{type(error).__name__}: {error}") from error
        if not isinstance(header, dict):
            raise self.damaged("a header with tensors", type(header).__name__)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise self.damaged("metadata of texts", repr(metadata)[:80])
        entries = {name: self._entry(name, said) for name, said in header.items()}
        end = 0
        for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
            if entry.begin != end:
                raise self.damaged(f"tensor {name!r} at byte {end:,}, where the one before it ends", f"{entry.begin:,}")
            end = entry.end
        if end != size:
            raise self.damaged(f"{end:,} bytes of tensors", f"{size:,}")
        return metadata, entries

    def _entry(self, name: str, said: object) -> Entry:
        match said:
            case {"dtype": str(code), "shape": [*shape], "data_offsets": [begin, end]} if code in DTYPES and all(
                type(number) is int and 0 <= number < HIGHEST for number in (*shape, begin, end)
            ):
                dtype = DTYPES[code]
            case _:
                raise self.damaged(f"tensor {name!r} with dtype, shape and data_offsets", repr(said)[:120])
        there = math.prod(size for size in shape if size)  # a tensor of nothing has strides, too
        fits = len(shape) <= 8 and math.prod(shape) * dtype.itemsize == end - begin and there < HIGHEST
        if not fits or begin % dtype.itemsize:
            raise self.damaged(f"tensor {name!r} of {code} {shape} in as many bytes", f"bytes {begin:,} to {end:,}")
        return Entry(dtype, tuple(shape), begin, end)

    def _mapped(self, file: int, start: int) -> Iterator[tuple[str, tuple[bytearray | mmap.mmap, int]]]:
        """For each tensor, the piece of memory that it lies in, and where.

        One mapping a file would be refused where the file is larger than memory, one a tensor would hold a file descriptor
        each. So neighbours share a mapping as long as it stays small.
        """
        names = [name for name, entry in sorted(self.entries.items(), key=lambda item: item[1][2:]) if entry.end > entry.begin]
        at = 0
        while at < len(names):
            first = start + self.entries[names[at]].begin
            first -= first % mmap.ALLOCATIONGRANULARITY
            stop = at + 1
            while stop < len(names) and start + self.entries[names[stop]].end <= first + MAPPED_BYTES:
                stop += 1
            # Copy on write: a tensor of torch cannot be read-only, and what is written into it must not reach the file.
            last = start + self.entries[names[stop - 1]].end
            memory = mmap.mmap(file, last - first, access=mmap.ACCESS_COPY, offset=first)
            for name in names[at:stop]:
                yield name, (memory, start + self.entries[name].begin - first)
            at = stop

    def __getitem__(self, name: str) -> Tensor:
        """A tensor, as a view of the file."""
        entry = self.entries[name]
        if name not in self._maps:
            return torch.empty(entry.shape, dtype=entry.dtype)
        memory, offset = self._maps[name]
        found = torch.frombuffer(memory, dtype=entry.dtype, count=math.prod(entry.shape), offset=offset).view(entry.shape)
        return found if self.guard is nullcontext else MappedTensor.of(found, self.guard)

    @contextmanager
    def sound(self) -> Iterator[None]:
        """What is made of the file in this block is sound, or refused in our own words: no header may raise anything else.

        Raises:
            FileFormatError: something else went wrong.
        """
        try:
            yield
        except RegardError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise self.damaged("a header that makes sense", f"{type(error).__name__}: {str(error)[:160]}") from error

    def damaged(self, expected: str, got: str) -> FileFormatError:
        """The error of a file that holds something else than it should."""
        return FileFormatError(f"{str(self.path)!r}: expected {expected}, got {got}; the file is damaged: copy it again")
