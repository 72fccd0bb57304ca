"""The picture beside an image model's maps: every way of giving it, how small it gets, and where its patches are."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

import regard
from regard.axes import Axis, Line, Patch
from regard.errors import DtypeError, FileFormatError, OptionError, ShapeError
from regard.viewer.document.document import document
from regard.viewer.document.images import picture_info


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
    info = picture_info(given)
    assert (info["width"], info["height"]) == (60, 40)
    back = np.asarray(opened(info).convert("RGB")).astype(int)
    expected = gradient() if kind != "grey" else np.repeat(np.asarray(picture.convert("L"))[..., None], 3, 2)
    assert np.abs(back - expected).max() <= 12  # JPEG


def test_each_scale_of_a_denoiser_lies_on_all_of_the_picture():
    """Modules of one stack may have grids of their own: a coarse one is no window of a fine one."""
    maps = []
    for at, (down, across) in enumerate([(4, 6), (2, 3)]):
        amap = regard.AttentionMap.from_dense(torch.rand(1, 1, down * across, 5).softmax(-1))
        places = tuple(Patch(0, row, column) for row in range(down) for column in range(across))
        amap.queries, amap.name, amap.layer = Axis((Line(len(places), place=places),)), f"blocks.{at}.attn", at
        maps.append(amap)
    info = document(maps, image=gradient()).manifest["images"][0]
    looks = {one["map"]: info["places"][one["queries"]] for one in info["maps"]}
    assert {at: (one["rows"], one["columns"]) for at, one in looks.items()} == {0: (4, 6), 1: (2, 3)}
    assert looks[1]["patches"] == list(range(6))


def test_large_pictures_become_smaller():
    info = picture_info(gradient(1600, 800))
    assert (info["width"], info["height"]) == (384, 768)
    assert opened(info).size == (384, 768)


def test_the_smaller_file_is_taken():
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert picture_info(noise)["src"].startswith("data:image/jpeg")
    flat = np.zeros((64, 64, 3), np.uint8)
    assert picture_info(flat)["src"].startswith("data:image/png")


def shown_with(subject, **given):
    return document(subject, **{"image": gradient()} | given).manifest


def sides(manifest, number=0, picture=0):
    """Tokens and patches along the queries and the keys of a map."""
    info = manifest["images"][picture]
    own = next(one for one in info["maps"] if one["map"] == number)
    return tuple(None if own[side] is None else info["places"][own[side]] for side in ("queries", "keys"))


def weights(queries, keys):
    return torch.rand(2, queries, keys, generator=torch.Generator().manual_seed(0)).softmax(-1)


def located(queries, keys, places):
    """A map whose keys have places."""
    amap = regard.AttentionMap.from_dense(weights(queries, keys))
    amap.keys = Axis((Line(keys, place=tuple(places)),))
    return amap


@pytest.mark.parametrize(
    ("queries", "keys", "grid", "expected"),
    [
        (13, 13, (3, 4), (range(1, 13), range(1, 13))),  # a class token
        (64, 7, (8, 8), (range(64), None)),  # pixels that look at words
        (20, 15, (3, 5), (None, range(15))),
        (20, 17, (3, 5), (None, range(2, 17))),
    ],
)
def test_a_grid_that_is_given_lies_along_the_side_that_it_fits_and_is_said(queries, keys, grid, expected):
    manifest = shown_with(weights(queries, keys), grid=grid)
    assert manifest["images"][0]["note"] == "grid as given"
    for side, tokens in zip(sides(manifest), expected, strict=True):
        if tokens is None:
            assert side is None
        else:
            assert (side["rows"], side["columns"], side["tokens"]) == (*grid, list(tokens))
            assert side["patches"] == list(range(grid[0] * grid[1]))
    info = manifest["maps"][0]
    for name, tokens in zip((info["rowAxes"][0], info["columnAxis"]), expected, strict=True):  # and every view calls them so
        patches = manifest["axes"][name].get("patches")
        if tokens is None:
            assert patches is None
        else:
            assert patches[tokens[-1]] == [0, grid[0] - 1, grid[1] - 1]
            assert [at for at, patch in enumerate(patches) if patch is not None] == list(tokens)


@pytest.mark.parametrize("keys", [16, 17, 36, 37, 220])
def test_no_grid_is_guessed(keys):
    with pytest.raises(
        OptionError, match=rf"^grid: expected maps that know their patches, .* {keys} keys .*; say grid=\(.*\)$"
    ):
        shown_with(weights(keys, keys))


@pytest.mark.parametrize("grid", [(3, 5), (0, 3), (3,), 4, (2.0, 3), (True, 3)])
def test_grids_are_checked(grid):
    with pytest.raises(OptionError, match="grid: expected"):
        shown_with(weights(13, 13), grid=grid)


def test_places_of_the_axis_are_where_the_patches_are():
    """Of two pictures in a prompt, the second of another shape."""
    one = [Patch(0, row, column) for row in range(2) for column in range(3)]
    two = [Patch(1, row, column) for row in range(3) for column in range(1)]
    manifest = shown_with(located(4, 13, [None, *one, None, *two, None, None]), image=[gradient(), gradient(30, 30)])
    assert [info["note"] for info in manifest["images"]] == ["", ""]
    queries, keys = sides(manifest)
    assert queries is None
    assert keys == {"rows": 2, "columns": 3, "tokens": [1, 2, 3, 4, 5, 6], "patches": [0, 1, 2, 3, 4, 5]}
    assert sides(manifest, picture=1)[1] == {"rows": 3, "columns": 1, "tokens": [8, 9, 10], "patches": [0, 1, 2]}


def test_an_axis_says_which_of_its_positions_are_patches():
    mixed = [None, Patch(0, 0, 0), Patch(0, 0, 1), Patch(1, 0, 0)]
    manifest = document(located(2, 4, mixed)).manifest
    axis = manifest["axes"][manifest["maps"][0]["columnAxis"]]
    assert axis["patches"] == [None, [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert axis["title"] != "patches", "there is a word among them"
    alone = document(located(2, 3, mixed[1:])).manifest
    axis = alone["axes"][alone["maps"][0]["columnAxis"]]
    assert (axis["title"], axis["words"]) == ("patches", None)
    assert "patches" not in alone["axes"][alone["maps"][0]["rowAxes"][0]]


def test_windows_are_parts_of_one_picture():
    left = located(2, 4, [Patch(0, row, column) for row in (0, 1) for column in (0, 1)])
    right = located(2, 2, [Patch(0, row, 2) for row in (0, 1)])
    manifest = shown_with([left, right])
    assert sides(manifest, 0)[1]["patches"] == [0, 1, 3, 4]
    assert sides(manifest, 1)[1] == {"rows": 2, "columns": 3, "tokens": [0, 1], "patches": [2, 5]}


def test_what_disagrees_with_the_axis_is_refused():
    amap = located(3, 6, [Patch(0, row, column) for row in range(2) for column in range(3)])
    assert shown_with(amap, grid=(2, 3))["images"][0]["note"] == ""
    with pytest.raises(OptionError, match=r"grid: expected \(2, 3\), the model's own, got \(3, 2\)"):
        shown_with(amap, grid=(3, 2))
    with pytest.raises(OptionError, match="expected all patches of a picture, got some of them"):
        shown_with(amap.select(keys=[0, 1, 2, 5]))
    with pytest.raises(OptionError, match="at most 1 pictures"):
        shown_with(amap, image=[gradient()] * 2)


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
        picture_info(image)


def test_documents_have_one_a_sequence():
    shown = document(torch.rand(2, 3, 5, 5).softmax(-1), image=[gradient(), gradient(30, 30)], grid=(2, 2))
    assert [(one["item"], one["height"]) for one in shown.manifest["images"]] == [(0, 40), (1, 30)]
    assert sides(shown.manifest)[1]["tokens"] == [1, 2, 3, 4]
    assert shown.manifest["opening"] == {"view": "image", "unit": "tokens"}
    with pytest.raises(OptionError, match="at most 1 pictures"):
        document(torch.eye(4), image=[gradient()] * 2, grid=(2, 2))
