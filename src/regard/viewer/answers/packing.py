"""Numbers on their way to the front end: ``RGD1``, the length of a JSON text, that text, and arrays, all little-endian.

The text is ``{"meta": …, "arrays": [{"name", "dtype", "shape", "offset"}]}``; offsets count from the start of the data, which
begins at a multiple of 8, as each array does. Codes of 12 and 16 bits are stored as planes, most significant bits first, for
these compress better than codes one after another.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import FileFormatError

MAGIC = b"RGD1"
PLAIN = {"float32": "<f4", "float64": "<f8", "uint8": "u1", "uint16": "<u2", "int32": "<i4"}
PLANES = {"int12p": 2048, "int16p": 32768}
"""What is added to a signed code before its bits are parted."""


def pack(meta: Any, arrays: Mapping[str, NDArray[Any]], planes: Mapping[str, str] | None = None) -> bytes:
    """Packed bytes.

    Args:
        meta: what JSON can say, without NaN and infinities.
        arrays: by name, of a type in ``PLAIN``; or signed codes.
        planes: which of them are codes, and whether as "int12p" or "int16p".

    Example:
        >>> unpack(pack({"rows": 1}, {"codes": np.array([-5, 7])}, {"codes": "int12p"}))
        ({'rows': 1}, {'codes': array([-5,  7], dtype=int16)})
    """
    table, parts, offset = [], list[bytes](), 0
    for name, array in arrays.items():
        dtype = (planes or {}).get(name) or array.dtype.name
        data = as_planes(array, dtype) if dtype in PLANES else np.ascontiguousarray(array, PLAIN[dtype]).tobytes()
        table.append({"name": name, "dtype": dtype, "shape": list(array.shape), "offset": offset})
        parts += [data, bytes(-len(data) % 8)]
        offset += len(data) + -len(data) % 8
    text = json.dumps({"meta": meta, "arrays": table}, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *parts])


def unpack(data: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """What was packed: the meta and the arrays; codes as int16.

    Raises:
        FileFormatError: other bytes.
    """
    if data[:4] != MAGIC:
        raise FileFormatError(f"expected packed bytes that begin with {MAGIC!r}, got {data[:4]!r}")
    (length,) = struct.unpack_from("<I", data, 4)
    text = json.loads(data[8 : 8 + length])
    arrays = {}
    for entry in text["arrays"]:
        start, count = 8 + length + entry["offset"], int(np.prod(entry["shape"], dtype=np.int64))
        flat = (
            from_planes(data[start:], entry["dtype"], count)
            if entry["dtype"] in PLANES
            else np.frombuffer(data, PLAIN[entry["dtype"]], count, start)
        )
        arrays[entry["name"]] = flat.reshape(entry["shape"])
    return text["meta"], arrays


def as_planes(codes: NDArray[Any], dtype: str) -> bytes:
    """Signed codes as planes of bits: of 16, high and low bytes; of 12, the high 8 bits, then low nibbles, two a byte."""
    raised = (codes.astype(np.int32).ravel() + PLANES[dtype]).astype(np.uint16)
    if dtype == "int16p":
        return (raised >> 8).astype(np.uint8).tobytes() + (raised & 255).astype(np.uint8).tobytes()
    low = np.append(raised & 15, np.zeros(len(raised) % 2, np.uint16)).astype(np.uint8)
    return (raised >> 4).astype(np.uint8).tobytes() + (low[::2] | low[1::2] << 4).tobytes()


def from_planes(data: bytes, dtype: str, count: int) -> NDArray[np.int16]:
    """The signed codes of these planes, (count,)."""
    high = np.frombuffer(data, np.uint8, count).astype(np.int32)
    if dtype == "int16p":
        return ((high << 8 | np.frombuffer(data, np.uint8, count, count)) - PLANES[dtype]).astype(np.int16)
    pairs = np.frombuffer(data, np.uint8, -(-count // 2), count)
    low = np.stack([pairs & 15, pairs >> 4], 1).ravel()[:count]
    return ((high << 4 | low) - PLANES[dtype]).astype(np.int16)
