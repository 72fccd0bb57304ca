"""Where the patches of pictures stand among the positions of a stack: from the model's configuration and what it was given.

Nothing is read off a number of positions. Where the facts give more or fewer than there are, the places stay unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch
from regard.recording.joined_tiles import cut_ones, joined_tiles

_NAMED = {
    "cls_token": "[CLS]", "class_token": "[CLS]", "class_embedding": "[CLS]", "distillation_token": "[DIST]",
    "register_tokens": "register", "detection_tokens": "detection", "dist_token": "[DIST]", "reg_token": "register",
}  # fmt: skip
"""Positions that towers add to the patches, by the parameter that holds them; in the order in which they stand."""

_CLASS_LAST = frozenset({"llama4_vision_model"})
"""Towers whose class token stands after the patches."""


class Grid(NamedTuple):
    """The patches of a picture.

    Attributes:
        rows: patches down.
        columns: patches across.
        leading: positions before them that are no patches: a class token, registers.
    """

    rows: int
    columns: int
    leading: int = 0

    def places(self, image: int = 0) -> "Places":
        """Row by row; None where a position is no patch."""
        patches = (Patch(image, row, column) for row in range(self.rows) for column in range(self.columns))
        return [*[None] * self.leading, *patches]


Places = list[Patch | None]
"""Where positions that follow one another stand."""


# -- towers ------------------------------------------------------------------------------------------------------------


def grids_of(module: nn.Module, given: Mapping[str, Any]) -> tuple[tuple[Grid, ...], ...] | None:
    """The pictures that each sequence of a tower holds, in their order; None where nothing says it.

    Args:
        module: the tower.
        given: the arguments of its forward.
    """
    config, sides = getattr(module, "config", None), patch_sides(module)
    grids = table_of(given, ("grid_thw", "image_grid_thw", "video_grid_thw"), 3)
    if grids is not None:
        return (tuple(Grid(down, across) for times, down, across in grids for _ in range(times)),)
    if (shapes := table_of(given, ("spatial_shapes",), 2)) is not None:
        return tuple((Grid(down, across),) for down, across in shapes)
    pixels = next(
        (given[name] for name in ("pixel_values", "pixel_values_videos") if isinstance(given.get(name), Tensor)), None
    )
    if sides is None or pixels is None:
        return None
    down, across = sides
    if (sizes := table_of(given, ("image_sizes",), 2)) is not None:  # all pictures in one sequence
        return (tuple(Grid(height // down, width // across) for height, width in sizes),)
    grid = Grid(pixels.shape[-2] // down, pixels.shape[-1] // across)
    if pixels.ndim == 4:
        return ((grid,),) * len(pixels)
    if pixels.ndim == 5 and (tubelet := getattr(config, "tubelet_size", None)):
        frames = tubelet if isinstance(tubelet, int) else tubelet[0]
        return ((grid,) * (pixels.shape[1] // frames),) * len(pixels)
    return None


def axis_of_pictures(
    module: nn.Module, given: Mapping[str, Any], batch: int, size: int, part: tuple[int, int] | None = None
) -> Axis | None:
    """The positions of a tower; None where its facts do not give these numbers of sequences and positions.

    Args:
        module: the tower.
        given: the arguments of its forward.
        batch: sequences of the call.
        size: positions of the call.
        part: where they begin and end among those of the tower, in a call for one picture or window alone.
    """
    grids = grids_of(module, given)
    if grids is None or len(grids) != batch:
        return None
    first, last = _beside(module)
    padded = "spatial_shapes" in given
    lines: list[Line] = []
    for pictures in grids:
        places: Places = [place for image, grid in enumerate(pictures) for place in grid.places(image)]
        if _packs(given):
            ordered = _as_merged(module, pictures)
            if ordered is None:
                return None
            places = ordered
        rest = size - len(first) - len(places) - len(last)
        if part is not None:
            places = places[slice(*part)]
            first, last, rest = [], [], size - len(places)
        if rest < 0 or (rest > 0 and not padded):
            return None
        several = len({place.image for place in places if place is not None}) > 1
        texts = [*first, *(patch_text(place, several=several) for place in places), *last, *([""] * rest)]
        special = [True] * len(first) + [False] * len(places) + [True] * (len(last) + rest)
        lines.append(
            Line(
                size,
                text=tuple(texts),
                special=tuple(special),
                place=(*([None] * len(first)), *places, *([None] * (len(last) + rest))),
                present=(True,) * (size - rest) + (False,) * rest if padded else _seen(given, len(lines), size),
            )
        )
    return Axis(tuple(lines))


def patch_text(place: Patch | None, *, several: bool = False) -> str:
    """A patch as its row and column, after the number of its picture where there are several.

    Example:
        >>> patch_text(Patch(1, 0, 3)), patch_text(Patch(1, 0, 3), several=True)
        ('0,3', '1:0,3')
    """
    if place is None:
        return ""
    return f"{place.image}:{place.row},{place.column}" if several else f"{place.row},{place.column}"


def leading_of(module: nn.Module) -> int:
    """How many positions a tower puts before its patches."""
    return len(_beside(module)[0])


def pixels_of(module: nn.Module, positional: tuple[Any, ...]) -> dict[str, Any]:
    """What timm's towers are given, and those of DINO's own code: pixels without a name, and a module that cuts them."""
    first = positional[0] if positional else None
    cuts = hasattr(getattr(module, "patch_embed", None), "patch_size") and not hasattr(module, "config")
    return {"pixel_values": first} if cuts and isinstance(first, Tensor) and first.ndim == 4 else {}


def patch_sides(module: nn.Module) -> tuple[int, int] | None:
    """Height and width of a patch in pixels."""
    said = getattr(getattr(module, "config", None), "patch_size", None)
    said = getattr(getattr(module, "patch_embed", None), "patch_size", None) if said is None else said
    if isinstance(said, int):
        return said, said
    if isinstance(said, list | tuple) and len(said) == 2:
        return int(said[0]), int(said[1])
    return None


def _packs(given: Mapping[str, Any]) -> bool:
    """Whether a tower goes through all pictures as one sequence, which it is told as times, rows and columns."""
    return table_of(given, ("grid_thw", "image_grid_thw", "video_grid_thw"), 3) is not None


def _as_merged(module: nn.Module, grids: Sequence[Grid]) -> Places | None:
    """The patches in the order of a tower that merges squares of them: square by square, and window by window."""
    side = getattr(module, "spatial_merge_size", None)  # only a tower that merges by itself has them in this order
    if not isinstance(side, int) or any(grid.rows % side or grid.columns % side for grid in grids):
        return None
    config = getattr(module, "config", None)
    pixels, sides = getattr(config, "window_size", None), patch_sides(module)
    windows = getattr(config, "fullatt_block_indexes", None) is not None and isinstance(pixels, int) and sides is not None
    places: Places = []
    for image, (rows, columns, *_) in enumerate(grids):
        squares = [(row, column) for row in range(0, rows, side) for column in range(0, columns, side)]
        if windows and isinstance(pixels, int) and sides is not None:
            many = pixels // side // sides[0] * side
            squares.sort(key=lambda square: (square[0] // many, square[1] // many))
        inside = [(down, across) for down in range(side) for across in range(side)]
        places += [Patch(image, row + down, column + across) for row, column in squares for down, across in inside]
    return places


def _beside(module: nn.Module) -> tuple[list[str], list[str]]:
    """Names of the positions before and after the patches."""
    config = getattr(module, "config", None)
    names = [name.rsplit(".", 1)[-1] for name, _ in module.named_parameters()]
    first: list[str] = []
    last: list[str] = []
    for name, text in _NAMED.items():
        if name not in names:
            continue
        held = next(one for at, one in module.named_parameters() if at.rsplit(".", 1)[-1] == name)
        count = held.numel() // held.shape[-1]
        texts = [text] if count == 1 and text.startswith("[") else [f"{text} {at}" for at in range(1, count + 1)]
        after = text == "detection" or getattr(config, "model_type", None) in _CLASS_LAST
        (last if after else first).extend(texts)
    return first, last


def _seen(given: Mapping[str, Any], item: int, size: int) -> tuple[bool, ...] | None:
    """Which patches a picture that was padded to a common size really has."""
    mask = given.get("patch_attention_mask")
    if not isinstance(mask, Tensor) or mask.ndim != 3 or mask[0].numel() != size or item >= len(mask) or bool(mask.all()):
        return None
    return tuple(map(bool, mask[item].flatten().tolist()))


def table_of(given: Mapping[str, Any], names: Sequence[str], width: int) -> list[list[int]] | None:
    """Whole numbers, so many a picture, that an argument of one of these names holds."""
    for name in names:
        found = given.get(name)
        if found is not None and not isinstance(found, Tensor):
            found = torch.as_tensor(found)
        if isinstance(found, Tensor) and found.ndim == 2 and found.shape[1] == width:
            table: list[list[int]] = found.long().tolist()
            return table
    return None


# -- texts with pictures in them ---------------------------------------------------------------------------------------


def with_pictures(axis: Axis, ids: Tensor, config: Any, given: Mapping[str, Any], towers: Sequence[Grid]) -> Axis:
    """The positions of a text, with places where they stand for patches.

    Args:
        axis: the positions of the text.
        ids: (batch, positions), with placeholders in the order of the pictures and of their patches.
        config: of the model that puts the pictures in.
        given: the arguments of its forward.
        towers: the pictures as its tower has them, in their order.

    Returns:
        The same axis, where the facts do not give as many positions as there are placeholders.
    """
    found: list[dict[int, Patch | None]] = [{} for _ in ids]
    for pictures, placeholder in _pictures_in_text(config, given, towers):
        if not _put(found, ids, placeholder, pictures):
            return axis
    if not any(found):
        return axis
    lines = [axis.lines[at if len(axis.lines) > 1 else 0] for at in range(len(found))]
    return replace(axis, lines=tuple(_line_with(line, own) for line, own in zip(lines, found, strict=True)))


def _line_with(line: Line, places: Mapping[int, Patch | None]) -> Line:
    """The same positions, and where they stand in pictures, which are counted in the order of the text."""
    if not places:
        return line
    numbers: dict[int, int] = {}
    for at in sorted(places):
        if (place := places[at]) is not None:
            numbers.setdefault(place.image, len(numbers))
    found: Places = [None] * line.size
    for at, place in places.items():
        found[at] = None if place is None else place._replace(image=numbers[place.image])
    return named_patches(replace(line, place=tuple(found)))


def named_patches(line: Line) -> Line:
    """The same positions; where they have texts, those of patches say where they stand."""
    if line.text is None or line.place is None:
        return line
    several = len({place.image for place in line.place if isinstance(place, Patch)}) > 1
    texts = zip(line.text, line.place, strict=True)
    return replace(
        line, text=tuple(patch_text(place, several=several) if isinstance(place, Patch) else text for text, place in texts)
    )


def _put(found: list[dict[int, Patch | None]], ids: Tensor, placeholder: int, pictures: Sequence[Places]) -> bool:
    """Give each placeholder of each sequence its place; False where they are not as many as the pictures have."""
    waiting = list(pictures)
    for own, row in zip(found, ids.tolist(), strict=True):
        at = [position for position, one in enumerate(row) if one == placeholder]
        while at:
            if not waiting or len(at) < len(waiting[0]):
                return False
            places = waiting.pop(0)
            own |= dict(zip(at, places, strict=False))
            at = at[len(places) :]
    return not waiting


def _pictures_in_text(config: Any, given: Mapping[str, Any], towers: Sequence[Grid]) -> list[tuple[list[Places], int]]:
    """The pictures of all texts, each under numbers of its own, and the id of their placeholders, for each kind of them."""
    made: list[tuple[list[Places], int]] = []
    count = 0
    for name, placeholder in (("image_grid_thw", "image_token_id"), ("video_grid_thw", "video_token_id")):
        table, token = table_of(given, (name,), 3), getattr(config, placeholder, None)
        side = getattr(getattr(config, "vision_config", None), "spatial_merge_size", None)
        if table is not None and isinstance(token, int) and isinstance(side, int):
            grids = [Grid(down // side, across // side) for times, down, across in table for _ in range(times)]
            made.append(([grid.places(count + at) for at, grid in enumerate(grids)], token))
            count += len(grids)
    token = getattr(config, "image_token_id", None)
    if made or not towers or not isinstance(token, int):
        return made
    if any(getattr(config, name, None) is not None for name in ("qformer_config", "perceiver_config")):
        return []  # what stands in the text are no patches
    whole = getattr(config, "vision_feature_select_strategy", None) == "full"
    merged = [_merged(grid._replace(leading=grid.leading * whole), config) for grid in towers]
    kept = [grid for grid in merged if grid is not None]
    if len(kept) < len(towers):
        return []
    if getattr(config, "image_grid_pinpoints", None) and (sizes := table_of(given, ("image_sizes",), 2)) is not None:
        return [(_tiled(kept, sizes, config, given), token)]
    return [([grid.places(at) for at, grid in enumerate(kept)], token)]


def _merged(grid: Grid, config: Any) -> Grid | None:
    """What is left of a picture's patches where a model merges squares of them before the text."""
    pooled = getattr(config, "mm_tokens_per_image", None)
    vision = getattr(config, "vision_config", None)
    shrunk = getattr(config, "downsample_ratio", None) or getattr(vision, "pixel_shuffle_ratio", None)
    if isinstance(pooled, int):
        side = grid.rows // int(pooled**0.5)  # the model's own rule, for square pictures
    elif isinstance(shrunk, float):
        side = round(1 / shrunk)
    else:
        said = getattr(config, "scale_factor", None) or getattr(config, "spatial_merge_size", None)
        side = said if isinstance(said, int) else 1
    if side < 1 or grid.rows % side or grid.columns % side:
        return None
    return grid._replace(rows=grid.rows // side, columns=grid.columns // side)


def _tiled(towers: Sequence[Grid], sizes: Sequence[Sequence[int]], config: Any, given: Mapping[str, Any]) -> list[Places]:
    """Pictures that are seen twice: whole, then as tiles joined, without the border that fills them, a break after each row.

    The whole picture and each of its tiles are pictures of their own, as they are to the tower; but tiles that are made
    smaller together are one, as no position is a patch of a tile any more.
    """
    made: list[Places] = []
    seen = 0
    for (height, width), cut in zip(sizes, cut_ones(given, len(sizes)), strict=True):
        if seen >= len(towers):
            return []
        base = towers[seen]
        places = base.places(seen)
        if not cut:
            made.append([*places, None])
            seen += 1
            continue
        joined = joined_tiles(height, width, config, base.rows)
        down, across = joined.tiles
        if seen + 1 + down * across > len(towers):
            return []
        rows, columns = joined.shrunk or (joined.rows, joined.columns)
        for row in range(rows):
            for column in range(columns):
                if joined.shrunk:
                    places.append(Patch(seen + 1, row, column))
                    continue
                at_row, at_column = row + joined.above, column + joined.left
                tile = seen + 1 + at_row // base.rows * across + at_column // base.columns
                places.append(Patch(tile, at_row % base.rows, at_column % base.columns))
            places.append(None)
        made.append(places)
        seen += 1 + down * across
    return made
