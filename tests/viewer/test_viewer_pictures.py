"""The picture beside an image model's maps: every way of giving it, how small it gets, and where its patches are."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from regard.errors import DtypeError, FileFormatError, OptionError, ShapeError
from regard.viewer.document.document import document
from regard.viewer.document.images import image_info


def gradient(height=40, width=60):
    down, across = np.mgrid[:height, :width]
    return np.stack([255 * down // height, 255 * across // width, 0 * down], 2).astype(np.uint8)


def opened(info):
    head, data = info["src"].split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "array", "floats", "pillow", "grey"])
def test_every_way_of_giving_it(tmp_path, kind):
    picture = Image.fromarray(gradient())
    picture.save(tmp_path / "a.png")
    given = {
        "path": tmp_path / "a.png",
        "text": str(tmp_path / "a.png"),
        "bytes": (tmp_path / "a.png").read_bytes(),
        "array": gradient(),
        "floats": gradient() / 255.0,
        "pillow": picture,
        "grey": picture.convert("L"),
    }[kind]
    info = image_info(given, 17)
    assert (info["width"], info["height"], info["rows"], info["columns"], info["first"]) == (60, 40, 4, 4, 1)
    back = np.asarray(opened(info).convert("RGB")).astype(int)
    expected = gradient() if kind != "grey" else np.repeat(np.asarray(picture.convert("L"))[..., None], 3, 2)
    assert np.abs(back - expected).max() <= 12  # JPEG


def test_large_pictures_become_smaller():
    info = image_info(gradient(1600, 800), 4)
    assert (info["width"], info["height"]) == (384, 768)
    assert opened(info).size == (384, 768)


def test_the_smaller_file_is_taken():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert image_info(noise, 4)["src"].startswith("data:image/jpeg")
    flat = np.zeros((64, 64, 3), np.uint8)
    assert image_info(flat, 4)["src"].startswith("data:image/png")


@pytest.mark.parametrize(
    ("keys", "grid", "expected"),
    [
        (196, None, (14, 14, 0)),
        (197, None, (14, 14, 1)),  # a class token
        (198, None, (14, 14, 2)),  # and one for distillation
        (261, None, (16, 16, 5)),  # four registers
        (1, None, (1, 1, 0)),
        (13, (3, 4), (3, 4, 1)),
    ],
)
def test_where_the_patches_are(keys, grid, expected):
    info = image_info(gradient(), keys, grid)
    assert (info["rows"], info["columns"], info["first"]) == expected


def test_tokens_that_make_no_square():
    with pytest.raises(OptionError, match=r"square number of patches, got 220.*grid="):
        image_info(gradient(), 220)


@pytest.mark.parametrize("grid", [(3, 5), (0, 3), (3,), 4, (2.0, 3), (True, 3)])
def test_grids_are_checked(grid):
    with pytest.raises(OptionError, match="grid: expected"):
        image_info(gradient(), 13, grid)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (3, DtypeError),
        (b"no picture", FileFormatError),
        ("nowhere.png", FileNotFoundError),
        (np.zeros((3, 40, 60)), ShapeError),
        (np.zeros((40, 60)), ShapeError),
        (np.zeros((40, 60, 3), np.int64), DtypeError),
        (np.full((40, 60, 3), 1.5), OptionError),
        (np.full((40, 60, 3), np.nan), OptionError),
    ],
)
def test_no_picture(image, error):
    with pytest.raises(error):
        image_info(image, 4)


def test_documents_have_one_a_sequence():
    shown = document(torch.rand(2, 3, 5, 5).softmax(-1), image=[gradient(), gradient(30, 30)])
    assert [(one["item"], one["height"]) for one in shown.manifest["images"]] == [(0, 40), (1, 30)]
    assert shown.manifest["images"][0]["first"] == 1
    assert shown.manifest["opening"] == {"view": "image"}
    with pytest.raises(OptionError, match="at most 1 pictures"):
        document(torch.eye(4), image=[gradient()] * 2)
