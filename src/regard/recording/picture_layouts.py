"""How families of models lay pictures out in their texts: each a function of the placeholders that wait."""

import math
import re
from collections.abc import Callable, Sequence

from torch import Tensor

from regard.arguments import with_all
from regard.axes.pictures import Picture, View
from regard.errors import OptionError, in_short
from regard.recording.joined_tiles import cut_ones, joined_tiles
from regard.recording.picture_facts import Facts, Tiles, Waiting, misfit
from regard.recording.places import table_of

_NAMED_TILE = re.compile(r"<row_(\d+)_col_(\d+)>")
_STAMP = re.compile(r"(\d+(?:\.\d+)?)\s*s(?:econds?)?\b")


def layout_of(facts: Facts, kind: str) -> Callable[[Waiting], list[Picture]]:
    """How the model lays pictures out."""
    config = facts.config
    family = str(getattr(config, "model_type", ""))
    if kind == "video":
        return _pooled_frames if family == "llava_onevision" else _merged_frames
    told = isinstance(getattr(facts.vision, "spatial_merge_size", None), int) and not hasattr(facts.vision, "image_size")
    if told or "image_grid_thw" in facts.inputs:  # nothing else says it of such a tower
        return _merged
    if getattr(config, "image_grid_pinpoints", None):
        return _joined_tiles
    if isinstance(getattr(config, "mm_tokens_per_image", None), int):
        return _pooled
    if getattr(config, "downsample_ratio", None) is not None:
        return _counted_tiles
    if isinstance(getattr(config, "scale_factor", None), int):
        return _named_tiles
    if family == "mistral3" or getattr(facts.vision, "model_type", "") == "pixtral":
        return _broken_rows
    return _square


def _merged(waiting: Waiting) -> list[Picture]:
    """Qwen2-VL and later: row by row, squares of patches merged to one position."""
    made = []
    while waiting.places:
        _, rows, columns = waiting.facts.thw("image")
        made.append(Picture((View(rows, columns, waiting.take(rows * columns)),)))
    return made


def _merged_frames(waiting: Waiting) -> list[Picture]:
    """Their videos, two frames a picture: Qwen2.5-VL is told how long these last, Qwen3-VL writes the time between them."""
    facts, made, before = waiting.facts, list[Picture](), -1
    lasting = facts.inputs.get("second_per_grid_ts")
    while waiting.places:
        video = facts.met["video"]
        times, rows, columns = facts.thw("video")
        for frame in range(times):
            taken = waiting.take(rows * columns)
            seconds = None
            if lasting is not None:
                each = float(lasting[video])
                seconds = frame * each, (frame + 1) * each
            elif facts.tokenizer is not None and taken[0] > before + 1:
                said = _STAMP.findall(_decoded(facts, waiting.ids[before + 1 : taken[0]]))
                seconds = (float(said[-1]), float(said[-1])) if said else None
            made.append(Picture((View(rows, columns, taken),), seconds=seconds))
            before = taken[-1]
    return made


def _pooled_frames(waiting: Waiting) -> list[Picture]:
    """Videos of OneVision: frames one after another, four patches pooled to one, and one end after the last."""
    facts = waiting.facts
    pixels = facts.inputs.get("pixel_values_videos")
    if not isinstance(pixels, Tensor) or pixels.ndim != 5:
        raise OptionError(
            "inputs: expected pixel_values_videos (videos, frames, 3, height, width) for placeholders of a video, got "
            f"{in_short(pixels)}; pass the processor's output"
        )
    rows, columns = (math.ceil(side / 2) for side in facts.sides())
    made = []
    while waiting.places:
        facts.next("video")
        for frame in range(pixels.shape[1]):
            view = View(rows, columns, waiting.take(rows * columns))
            made.append(Picture((view,), waiting.take(int(frame == pixels.shape[1] - 1))))
    return made


def _joined_tiles(waiting: Waiting) -> list[Picture]:
    """LLaVA-NeXT and OneVision: the whole picture, then its tiles joined, without their border, an end after each row."""
    facts, made = waiting.facts, []
    given = table_of(facts.inputs, ("image_sizes",), 2)
    if given is None:
        raise OptionError("inputs: expected image_sizes (pictures, 2), got none; pass the processor's output")
    side, cut = facts.sides()[0], cut_ones(facts.inputs, len(given))
    while waiting.places:
        at = facts.next()
        if at >= len(given):
            raise OptionError(f"inputs: expected image_sizes of each picture, got {len(given)} and more placeholders")
        whole = View(side, side, waiting.take(side * side))
        if not cut[at]:
            made.append(Picture((whole,), waiting.take(1)))
            continue
        height, width = given[at]
        joined = joined_tiles(height, width, facts.config, side)
        rows, columns = joined.shrunk or (joined.rows, joined.columns)
        taken = waiting.take(rows * (columns + 1))
        patches = tuple(place for at, place in enumerate(taken) if at % (columns + 1) != columns)
        made.append(Picture((whole, View(rows, columns, patches, joined.box, "tiles")), taken[columns :: columns + 1]))
    return made


def _counted_tiles(waiting: Waiting) -> list[Picture]:
    """InternVL: tiles row by row, then the whole picture; how they lie is in nothing that the model is given."""
    facts, made = waiting.facts, []
    down, across = (round(side * float(facts.config.downsample_ratio)) for side in facts.sides())
    for run in waiting.runs:
        count, left = divmod(len(run), down * across)
        if left:
            raise misfit(len(run), f"{down} × {across} a tile")
        tiles = [run[start : start + down * across] for start in range(0, len(run), down * across)]
        made.append(_tiled(tiles, _arranged(facts, facts.next(), count), down, across))
    return made


def _arranged(facts: Facts, at: int, count: int) -> Tiles:
    """How the tiles of a picture lie, which has so many squares with the whole."""
    if count == 1:
        return 1, 1
    if facts.tiles is not None:
        said = facts.tiles[at] if at < len(facts.tiles) else (0, 0)
        if math.prod(said) != count - 1:
            raise OptionError(f"tiles: expected (down, across) of {count - 1} tiles for picture {at}, got {said}")
        return said
    if facts.sizes is not None and at < len(facts.sizes):
        pixels = facts.inputs.get("pixel_values")
        square = pixels.shape[-2] * pixels.shape[-1] if isinstance(pixels, Tensor) else 0
        return _nearest_proportion(count - 1, *facts.sizes[at], square)
    raise OptionError(
        f"tiles: expected how the {count - 1} tiles of picture {at} lie, which the inputs do not say, got none; give "
        "tiles=[(down, across)] or sizes=[(height, width)], one a picture"
    )


def _nearest_proportion(count: int, height: int, width: int, square: int) -> Tiles:
    """The tiles of so many that are most like the picture; of two alike the wider one if the picture is large enough."""
    best, least = (count, 1), math.inf
    for across in (one for one in range(1, count + 1) if count % one == 0):
        apart = abs(width / height - across / (count // across))
        if apart < least or (apart == least and width * height > 0.5 * square * count):
            best, least = (count // across, across), apart
    return best


def _named_tiles(waiting: Waiting) -> list[Picture]:
    """Idefics3 and SmolVLM: each tile after its name, <row_1_col_2>, then the whole picture."""
    facts, made = waiting.facts, []
    down, across = (side // int(facts.config.scale_factor) for side in facts.sides())
    tiles, last, before = list[Sequence[int]](), (1, 1), 0
    while waiting.places:
        tiles.append(waiting.take(down * across))
        if facts.tiles is not None:
            at = facts.met["image"]
            last = facts.tiles[at] if at < len(facts.tiles) else (1, 1)
            whole = len(tiles) == (1 if math.prod(last) == 1 else math.prod(last) + 1)
        else:
            name = _NAMED_TILE.search(_decoded(facts, waiting.ids[before : tiles[-1][0]]))
            whole = name is None
            last = last if name is None else (int(name[1]), int(name[2]))
        before = tiles[-1][-1] + 1
        if whole:
            facts.next()
            if len(tiles) > 1 and math.prod(last) != len(tiles) - 1:
                raise OptionError(f"inputs: expected tiles up to row {last[0]}, column {last[1]}, got {len(tiles) - 1}")
            made.append(_tiled(tiles, last, down, across))
            tiles, last = [], (1, 1)
    if tiles:
        raise OptionError(f"inputs: expected the whole picture after its tiles, got {len(tiles)} tiles; give the whole prompt")
    return made


def _decoded(facts: Facts, ids: list[int]) -> str:
    """What stands before a tile or a frame."""
    if facts.tokenizer is None:
        raise OptionError(
            "tokenizer: expected one, as the names of tiles say how they lie, got none; give it, or tiles=[(down, across)]"
        )
    said: str = with_all("tokenizer", facts.tokenizer, "a tokenizer that decodes", ("decode",)).decode(ids)
    return said


def _tiled(squares: Sequence[Sequence[int]], arranged: Tiles, down: int, across: int) -> Picture:
    """Tiles that lie beside each other as one grid, and the whole picture after them."""
    whole = View(down, across, tuple(squares[-1]))
    if len(squares) == 1:
        return Picture((whole,))
    tall, wide = arranged
    order = [
        squares[row // down * wide + column // across][row % down * across + column % across]
        for row in range(tall * down)
        for column in range(wide * across)
    ]
    return Picture((View(tall * down, wide * across, tuple(order), name="tiles"), whole))


def _broken_rows(waiting: Waiting) -> list[Picture]:
    """Pixtral and Mistral 3: a token after each row, another one after the last; so many rows as image_sizes say, if given."""
    facts, made, rows = waiting.facts, [], list[list[int]]()
    sizes = table_of(facts.inputs, ("image_sizes",), 2) or []
    side = int(facts.vision.patch_size) * int(getattr(facts.config, "spatial_merge_size", None) or 1)
    for run, following in zip(waiting.runs, [*waiting.runs[1:], []], strict=True):
        rows.append(run)
        breaks = {waiting.ids[row[-1] + 1] for row in rows if row[-1] + 1 < len(waiting.ids)}
        at = facts.met["image"]
        goes_on = bool(following) and following[0] == run[-1] + 2 and len(following) == len(run) and len(breaks) == 1
        if len(rows) < sizes[at][0] // side if at < len(sizes) else goes_on:
            continue
        facts.next()
        ends = tuple(row[-1] + 1 for row in rows if row[-1] + 1 < len(waiting.ids))
        made.append(Picture((View(len(rows), len(run), tuple(at for row in rows for at in row)),), ends))
        rows = []
    return made


def _pooled(waiting: Waiting) -> list[Picture]:
    """Gemma 3: a square of so many positions, each a mean of patches."""
    side = math.isqrt(waiting.facts.config.mm_tokens_per_image)
    return _squares(waiting, side, side)


def _square(waiting: Waiting) -> list[Picture]:
    """LLaVA 1.5 and those like it: row by row; after the class token where the model keeps it."""
    rows, columns = waiting.facts.sides()
    full = getattr(waiting.facts.config, "vision_feature_select_strategy", None) == "full"
    return _squares(waiting, rows, columns, int(full and len(waiting.places) % (rows * columns) != 0))


def _squares(waiting: Waiting, rows: int, columns: int, leading: int = 0) -> list[Picture]:
    made = []
    while waiting.places:
        waiting.facts.next()
        ends = waiting.take(leading)
        made.append(Picture((View(rows, columns, waiting.take(rows * columns)),), ends))
    return made
