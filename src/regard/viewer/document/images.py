"""The picture that an image model looked at, small enough to travel, and where its patches stand among the tokens."""

import base64
import io
import math
import re
from collections.abc import Sequence
from typing import Any

from regard.arguments import whole_number
from regard.axes.axis import Axis
from regard.axes.places import Patch
from regard.errors import OptionError, in_short
from regard.figures.opened_pictures import opened
from regard.maps.attention_map import AttentionMap
from regard.viewer.document.subjects import ShownMap

LONGEST_SIDE = 768
MOST_LEADING = 16
"""Tokens that may stand before the patches: a class token, registers."""


def image_infos(images: Sequence[Any], maps: Sequence[ShownMap], grid: tuple[int, int] | None = None) -> list[dict[str, Any]]:
    """Pictures as data: URIs of at most 768 pixels a side, and where their patches stand along the sides of which maps.

    Args:
        images: those of the first sequence in their order, then those of the next: each a path, the bytes of a PNG or JPEG
            file, an array (height, width, 3) of bytes or of numbers from 0 to 1, or an image of Pillow's.
        maps: all that are shown.
        grid: patches down and across, for maps that do not know them.

    Raises:
        OptionError: maps that know nothing of patches, without a grid; a grid that does not fit them; more pictures than
            they are of.
        FileFormatError, ShapeError, DtypeError, OSError: no picture.
    """
    given = None if grid is None else _checked(grid)
    counts: dict[int, int] = {}
    for shown in maps:
        seen = {place.image for side in (shown.amap.queries, shown.amap.keys) for place in _patches(side)}
        counts[shown.item] = max(counts.get(shown.item, 1), max(seen, default=0) + 1)
    owners = [(item, image) for item, count in counts.items() for image in range(count)]
    if len(images) > len(owners):
        raise OptionError(f"image: expected at most {len(owners)} pictures, as many as the maps are of, got {len(images)}")
    made = []
    for (item, image), picture in zip(owners, images, strict=False):
        sides = _known(maps, item, image, given)
        note = "" if sides else "grid as given"
        sides = sides or _as_given(maps, item, given)
        places: list[dict[str, Any]] = []
        numbers = []
        for number, both in sides.items():
            for place in both:
                if place is not None and place not in places:
                    places.append(place)
            queries, keys = (None if place is None else places.index(place) for place in both)
            numbers.append({"map": number, "queries": queries, "keys": keys})
        made.append({"item": item, "note": note, **picture_info(picture), "places": places, "maps": numbers})
    return made


def name_patches(manifest: dict[str, Any]) -> None:
    """Gives axes that know nothing of patches the places of a given grid, so that every view calls them by row and column.

    Args:
        manifest: with its pictures; its axes are changed.
    """
    for image in manifest["images"]:
        for looks in image["maps"] if image["note"] else ():
            info = manifest["maps"][looks["map"]]
            sides = {"queries": info["rowAxes"], "keys": [info["columnAxis"]]}
            for side, names in sides.items():
                if looks[side] is None:
                    continue
                places = image["places"][looks[side]]
                at, columns = dict(zip(places["tokens"], places["patches"], strict=True)), places["columns"]
                for axis in (manifest["axes"][name] for name in names):
                    axis["patches"] = [
                        [0, at[token] // columns, at[token] % columns] if token in at else None
                        for token in range(len(axis["tokens"]))
                    ]
                    if axis["title"] in ("queries", "keys"):
                        axis["title"] = "patches"


def picture_info(image: Any) -> dict[str, Any]:
    """The picture, small enough to travel.

    Raises:
        FileFormatError, ShapeError, DtypeError, OptionError, OSError: no picture.
    """
    picture = opened(image).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    files = []
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 88})):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        files.append((buffer.getvalue(), kind))
    data, kind = min(files, key=lambda one: len(one[0]))
    src = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"src": src, "width": picture.width, "height": picture.height}


Sides = dict[int, tuple[dict[str, Any] | None, dict[str, Any] | None]]
"""By the number of a map, the patches among its queries and among its keys."""


def _known(maps: Sequence[ShownMap], item: int, image: int, given: tuple[int, int] | None) -> Sides:
    """What maps themselves know of a picture's patches.

    Raises:
        OptionError: some of its patches are missing, or another grid is given.
    """
    own = {number: shown.amap for number, shown in enumerate(maps) if shown.item == item}
    stacks: dict[str, set[Patch]] = {}  # windows of one picture are maps of one stack, and only together all of it
    modules: dict[str, set[Patch]] = {}  # but those of a UNet have grids of their own, each whole by itself
    cut: set[str] = set()  # stacks with sides that were narrowed to some patches: these do not say the grid
    for amap in own.values():
        for side in (amap.queries, amap.keys):
            patches = {place for place in _patches(side) if place.image == image}
            for seen, name in ((stacks, _stack(amap)), (modules, amap.name or "")):
                seen.setdefault(name, set()).update(() if side.line.cut else patches)
            cut |= {_stack(amap)} if side.line.cut and patches else set()
    if any(not stacks[stack] for stack in cut):
        raise OptionError("image: expected all patches of a picture, got some of them; show maps of all")
    grids = {stack: _grid(patches) for stack, patches in stacks.items() if patches}
    for stack, (rows, columns) in grids.items():
        if len(stacks[stack]) < rows * columns:
            raise OptionError(
                f"image: expected all patches of a picture, got {len(stacks[stack])} of {rows} × {columns}; show maps of all"
            )
    windowed = {_stack(amap) for amap in own.values() if amap.call}
    found_of = {}
    for number, amap in own.items():
        patches = modules[amap.name or ""]
        alone = bool(patches) and math.prod(_grid(patches)) == len(patches) and _stack(amap) not in windowed
        found_of[number] = _grid(patches) if alone else grids.get(_stack(amap))
    if grids and given is not None and given not in found_of.values():
        known = " or ".join(f"({rows}, {columns})" for rows, columns in sorted(set(filter(None, found_of.values()))))
        raise OptionError(f"grid: expected {known}, the model's own, got {given}; leave it out")
    made: Sides = {}
    for number, amap in own.items():
        found = found_of[number]
        both = [None if found is None else _places(side, image, found) for side in (amap.queries, amap.keys)]
        if any(both):
            made[number] = both[0], both[1]
    return made


def _places(side: Axis, image: int, grid: tuple[int, int]) -> dict[str, Any] | None:
    at = [(position, place) for position, place in enumerate(side.place or ()) if isinstance(place, Patch)]
    found = [(position, place.row * grid[1] + place.column) for position, place in at if place.image == image]
    return _info(grid, [position for position, _ in found], [patch for _, patch in found]) if found else None


def _as_given(maps: Sequence[ShownMap], item: int, grid: tuple[int, int] | None) -> Sides:
    """The patches as a grid that is given has them, after what stands before them: along the side that has just as many."""
    own = {number: shown.amap for number, shown in enumerate(maps) if shown.item == item}
    queries, keys = next(iter(own.values())).shape[2:]
    if grid is None:
        raise OptionError(
            f"grid: expected maps that know their patches, or a grid, got {queries} queries and {keys} keys that know nothing "
            "of a picture; say grid=(patches down, patches across)"
        )
    count = grid[0] * grid[1]
    made: Sides = {}
    for number, amap in own.items():
        sizes = amap.shape[2:]
        fits = [size == count for size in sizes]
        if not any(fits) or sizes[0] == sizes[1]:
            fits = [0 <= size - count <= MOST_LEADING for size in sizes]
            fits = [fits[0] and (not fits[1] or sizes[0] == sizes[1]), fits[1]]
        if any(fits):
            both = [_info(grid, range(n - count, n), range(count)) if fit else None for n, fit in zip(sizes, fits, strict=True)]
            made[number] = both[0], both[1]
    if not made:
        raise OptionError(
            f"grid: expected as many patches as queries or keys, of which there are {queries} and {keys}, at most "
            f"{MOST_LEADING} tokens before them, got {grid[0]} × {grid[1]}"
        )
    return made


def _info(grid: tuple[int, int], tokens: Sequence[int], patches: Sequence[int]) -> dict[str, Any]:
    return {"rows": grid[0], "columns": grid[1], "tokens": list(tokens), "patches": list(patches)}


def _patches(side: Axis) -> list[Patch]:
    return [place for place in side.place or () if isinstance(place, Patch)]


def _grid(patches: set[Patch]) -> tuple[int, int]:
    return 1 + max(patch.row for patch in patches), 1 + max(patch.column for patch in patches)


def _stack(amap: AttentionMap) -> str:
    return re.sub("[0-9]+", "*", amap.name or "")


def _checked(grid: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(grid, tuple | list) or len(grid) != 2:
        raise OptionError(f"grid: expected (patches down, patches across), got {in_short(grid)}; for example grid=(14, 14)")
    rows, columns = (whole_number("grid", side, 1, advice="for example grid=(14, 14)") for side in grid)
    return rows, columns
