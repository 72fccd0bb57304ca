"""Packed bytes: what stands where, and that nothing is lost."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import FileFormatError
from regard.viewer.answers.packing import pack, unpack


def test_the_layout_by_hand():
    data = pack({"a": 1}, {"x": np.array([1.5, -np.inf], np.float32), "y": np.array([[3, 260]], np.uint16)})
    assert data[:4] == b"RGD1"
    (length,) = struct.unpack("<I", data[4:8])
    assert (8 + length) % 8 == 0
    text = json.loads(data[8 : 8 + length].decode("ascii"))
    assert text["meta"] == {"a": 1}
    assert [entry["offset"] for entry in text["arrays"]] == [0, 8]
    assert text["arrays"][1] == {"name": "y", "dtype": "uint16", "shape": [1, 2], "offset": 8}
    assert data[8 + length :] == struct.pack("<ff", 1.5, -np.inf) + struct.pack("<HH", 3, 260) + bytes(4)


def test_planes_by_hand():
    codes = np.array([-2047, 0, 1])  # 1, 2048, 2049 = 0x001, 0x800, 0x801
    assert pack(None, {"c": codes}, {"c": "int12p"})[-8:] == bytes([0x00, 0x80, 0x80, 0x01, 0x01, 0, 0, 0])
    codes = np.array([-32767, 258])  # 0x0001, 0x8102
    assert pack(None, {"c": codes}, {"c": "int16p"})[-8:] == bytes([0x00, 0x81, 0x01, 0x02, 0, 0, 0, 0])


@given(st.lists(st.integers(-2047, 2047), max_size=13), st.sampled_from(["int12p", "int16p"]))
def test_codes_come_back(codes, dtype):
    given = np.array(codes, np.int16)
    _, found = unpack(pack(None, {"c": given, "after": np.arange(3, dtype=np.int32)}, {"c": dtype}))
    np.testing.assert_array_equal(found["c"], given)
    np.testing.assert_array_equal(found["after"], [0, 1, 2])


def test_arrays_come_back_in_their_shape():
    given = {"a": np.arange(24, dtype=np.float32).reshape(2, 3, 4)[:, ::-1], "b": np.zeros((0, 5), np.uint8)}
    meta, found = unpack(pack([1, "é"], given))
    assert meta == [1, "é"]
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_what_json_cannot_say_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        pack({"a": float("nan")}, {})


def test_other_bytes():
    with pytest.raises(FileFormatError, match="RGD1"):
        unpack(b"PK\x03\x04" + bytes(20))
