"""Which pictures belong to which sequence of a batch: as many as its text has placeholders for, in their order."""

from collections.abc import Sequence
from dataclasses import replace

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch
from regard.maps.attention_map import AttentionMap
from regard.recording.places import named_patches


def pictures_of_texts(maps: Sequence[AttentionMap], count: int) -> list[int] | None:
    """How many pictures each of the texts has; None where no text has any, or it is not known.

    Args:
        maps: those of texts.
        count: how many texts there are.
    """
    for amap in maps:
        axis = amap.keys
        if len(axis.lines) == count and any(line.place for line in axis.lines):
            return [len(_images(line)) for line in axis.lines]
    return None


def shows_pictures(amap: AttentionMap, total: int) -> bool:
    """Whether the map of a tower is of so many pictures: one a sequence, or several in a single one."""
    axis = amap.keys
    if not any(_images(line) for line in axis.lines):
        return False
    if amap.shape[0] > 1:
        return amap.shape[0] == total and all(len(_images(line)) == 1 for line in axis.lines)
    return max(_images(axis.lines[0])) < total


def of_pictures(amap: AttentionMap, first: int, count: int) -> AttentionMap | None:
    """The part of a tower's map that is of some of its pictures, counted from 0 again; None where it has none of them."""
    if amap.shape[0] > 1:
        if not count:
            return None
        chosen = amap.select(batch=slice(first, first + count))
        chosen.queries, chosen.keys = (_counted(axis, range(count)) for axis in (chosen.queries, chosen.keys))
        return chosen
    wanted = range(first, first + count)
    sides = [
        [at for at, place in enumerate(axis.line.place or ()) if isinstance(place, Patch) and place.image in wanted]
        for axis in (amap.queries, amap.keys)
    ]
    if not sides[1]:
        return None
    rows = sides[0] if amap.queries.line.place else None
    whole = all(len(side) == len(axis) for side, axis in zip(sides, (amap.queries, amap.keys), strict=True))
    alone = whole or len(_images(amap.keys.line)) == 1  # what stands beside the patches is a single picture's
    chosen = amap.select() if alone else amap.select(queries=rows, keys=sides[1])
    chosen.queries, chosen.keys = (_moved(axis, -first) for axis in (chosen.queries, chosen.keys))
    return chosen


def _images(line: Line) -> set[int]:
    return {place.image for place in line.place or () if isinstance(place, Patch)}


def _counted(axis: Axis, images: range) -> Axis:
    """The same, where each sequence is one of the pictures of a text."""
    lines = axis.lines if len(axis.lines) > 1 else axis.lines * len(images)
    return replace(axis, lines=tuple(_with_image(line, image) for line, image in zip(lines, images, strict=True)))


def _with_image(line: Line, image: int) -> Line:
    if line.place is None:
        return line
    places = tuple(place._replace(image=image) if isinstance(place, Patch) else place for place in line.place)
    return named_patches(replace(line, place=places))


def _moved(axis: Axis, by: int) -> Axis:
    def moved(line: Line) -> Line:
        if line.place is None or by == 0:
            return line
        places = (place._replace(image=place.image + by) if isinstance(place, Patch) else place for place in line.place)
        return named_patches(replace(line, place=tuple(places)))

    return replace(axis, lines=tuple(map(moved, axis.lines)))
