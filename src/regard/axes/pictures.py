"""Where the patches of a picture stand among positions, and which part of the picture each of them covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from regard.arguments import float_tensor, number, several, text, whole_number
from regard.axes.axis import Axis
from regard.axes.places import Patch
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short

FIRST = {"SD3Transformer2DModel": "image", "FluxTransformer2DModel": "text"}
"""What stands first where a picture that is made and its prompt attend together, by the class of the model."""


class Box(NamedTuple):
    """A part of a picture, in shares of its height and width from the upper left corner."""

    top: float = 0.0
    left: float = 0.0
    bottom: float = 1.0
    right: float = 1.0


WHOLE = Box()


@dataclass(frozen=True)
class View:
    """A picture, or a part of it, as a grid of patches.

    Attributes:
        rows: patches down.
        columns: patches across.
        positions: of the patches among the keys, row by row.
        box: what of the picture it shows; beyond 0 and 1 where a border was added.
        name: "whole" or "tiles".
    """

    rows: int
    columns: int
    positions: tuple[int, ...]
    box: Box = WHOLE
    name: str = "whole"

    def __post_init__(self) -> None:
        rows, columns = (whole_number(name, getattr(self, name), 1) for name in ("rows", "columns"))
        places = tuple(whole_number("positions", at, 0) for at in several("positions", self.positions, "whole numbers"))
        if len(places) != rows * columns:
            raise ShapeError(f"positions: expected {rows} × {columns} of them, got {len(places)}; give one a patch, row by row")
        if len(set(places)) < len(places):
            raise OptionError("positions: expected each once, got one twice")
        if not isinstance(self.box, tuple | list) or len(self.box) != 4:
            raise DtypeError(f"box: expected (top, left, bottom, right), got {in_short(self.box)}")
        box = Box(*(number("box", side) for side in self.box))
        if not (box.top < box.bottom and box.left < box.right):
            raise OptionError(f"box: expected (top, left, bottom, right) with a height and a width, got {in_short(tuple(box))}")
        text("name", self.name)
        for name, value in {"rows": rows, "columns": columns, "positions": places, "box": box}.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Picture:
    """A picture, or a frame of a video, among the positions of a text or of a tower.

    Attributes:
        views: as often as the model sees it: whole, in tiles that were joined, or both.
        ends: positions that are of this picture and of no patch: ends of rows, a class token.
        seconds: from when to when a frame lasts; None where it is no frame, or not known.

    Example:
        >>> picture = Picture((View(2, 3, tuple(range(4, 10))),))
        >>> picture.heat(torch.arange(12.0)).tolist()
        [[4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    """

    views: tuple[View, ...]
    ends: tuple[int, ...] = ()
    seconds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        views = tuple(several("views", self.views, "views"))
        if not views or not all(isinstance(one, View) for one in views):
            raise DtypeError(f"views: expected at least one View, got {in_short(self.views)}")
        if sum(len(view.positions) for view in views) != len({at for view in views for at in view.positions}):
            raise OptionError("views: expected positions of one view each, got one in several")
        ends = tuple(whole_number("ends", at, 0) for at in several("ends", self.ends, "whole numbers"))
        object.__setattr__(self, "views", views)
        object.__setattr__(self, "ends", ends)

    @property
    def positions(self) -> tuple[int, ...]:
        """Of its patches, in ascending order."""
        return tuple(sorted({at for view in self.views for at in view.positions}))

    @property
    def shape(self) -> tuple[int, int]:
        """Cells down and across of the finest view."""
        fine = [((view.box.bottom - view.box.top), (view.box.right - view.box.left), view) for view in self.views]
        return max(round(view.rows / high) for high, _, view in fine), max(round(view.columns / wide) for _, wide, view in fine)

    def heat(self, weights: Tensor, shape: tuple[int, int] | None = None) -> Tensor:
        """The weights of its patches laid on the picture: a cell has the share of each patch that lies in it, Σ w · overlap.

        Where the picture is seen several times, views add up; so no weight is lost, whatever the views are.

        Args:
            weights: (…, positions).
            shape: cells down and across; those of the finest view where not given.

        Returns:
            (…, down, across).

        Raises:
            ShapeError: fewer positions than the picture has.
        """
        weights = float_tensor("weights", weights)
        weights = weights if weights.dtype == torch.float64 else weights.float()
        size = weights.shape[-1] if weights.ndim else 0
        if max(self.positions) >= size:
            raise ShapeError(f"weights: expected at least {max(self.positions) + 1} positions, got {size}")
        down, across = self._shape(shape)
        total = weights.new_zeros(*weights.shape[:-1], down, across)
        for view in self.views:
            grid = weights[..., list(view.positions)].unflatten(-1, (view.rows, view.columns))
            rows = _shares(view.rows, view.box.top, view.box.bottom, down).to(grid)
            columns = _shares(view.columns, view.box.left, view.box.right, across).to(grid)
            total = total + rows @ grid @ columns.mT
        return total

    def spans(self) -> Spans:
        """Its patches as spans, "row,column" each; of several views, with the view's name before it."""
        named = [
            (f"{view.name} {at // view.columns},{at % view.columns}" if len(self.views) > 1 else
             f"{at // view.columns},{at % view.columns}", place)
            for view in self.views for at, place in enumerate(view.positions)
        ]  # fmt: skip
        return Spans(tuple(name for name, _ in named), tuple((place,) for _, place in named))

    def _shape(self, shape: tuple[int, int] | None) -> tuple[int, int]:
        if shape is None:
            return self.shape
        if not isinstance(shape, tuple | list) or len(shape) != 2:
            raise DtypeError(f"shape: expected (cells down, cells across), got {in_short(shape)}")
        down, across = (whole_number("shape", side, 1) for side in shape)
        return down, across


def pictures_of(axis: Axis) -> tuple[Picture, ...]:
    """The pictures of which an axis knows the patches, each tile of a picture by itself, as its tower saw them.

    Raises:
        OptionError: it knows none, or some patches of a picture are missing.
    """
    if not isinstance(axis, Axis):
        raise DtypeError(f"axis: expected a side of a map, as amap.keys, got {in_short(axis)}")
    found: dict[int, dict[tuple[int, int], int]] = {}
    for at, place in enumerate(axis.place or ()):
        if isinstance(place, Patch):
            found.setdefault(place.image, {})[place.row, place.column] = at
    if not found:
        raise OptionError(
            "axis: expected positions that are patches of pictures, got none; give "
            "pictures=regard.pictures(inputs, model.config)"
        )
    made = []
    for image in sorted(found):
        rows, columns = (1 + max(patch[side] for patch in found[image]) for side in (0, 1))
        first = min(patch[0] for patch in found[image]), min(patch[1] for patch in found[image])
        if len(found[image]) != (rows - first[0]) * (columns - first[1]) or axis.line.cut:
            raise OptionError(
                f"axis: expected all patches of picture {image}, got {len(found[image])} of {rows} × {columns}; "
                "take the whole map"
            )
        order = [found[image][row, column] for row in range(first[0], rows) for column in range(first[1], columns)]
        made.append(Picture((View(rows - first[0], columns - first[1], tuple(order)),)))
    return tuple(made)


def check_placeholders(pictures: Sequence[Picture], axis: Axis) -> None:
    """Every position of a picture has the same token, where tokens are known: its placeholder.

    Positions of a padded batch are others once padding is left out, and would be drawn on the wrong patches.

    Raises:
        OptionError: a picture at positions of other tokens.
    """
    ids = axis.lines[0].id if len(axis.lines) == 1 else None
    for at, picture in enumerate(pictures):
        if ids is not None and len({ids[place] for place in picture.positions if place < len(ids)}) > 1:
            raise OptionError(
                f"pictures: expected placeholders where picture {at} stands, got several tokens from position "
                f"{min(picture.positions)} to {max(picture.positions)}; give those of this very sequence, which "
                "recording.sample leaves without its padding, or as the map knows them: regard.pictures(amap.keys)"
            )


def pictures_as_spans(pictures: Sequence[Picture], *, ends: bool = False) -> Spans:
    """Pictures as spans, "image 0" on, or "frame 0, 0 to 2 s"; with the ends of their rows or without."""
    names = []
    for at, one in enumerate(pictures):
        when = "" if one.seconds is None else f", {one.seconds[0]:g} to {one.seconds[1]:g} s"
        names.append(f"{'image' if one.seconds is None else 'frame'} {at}{when}")
    return Spans(tuple(names), tuple((*one.positions, *(one.ends if ends else ())) for one in pictures))


def _shares(count: int, start: float, stop: float, cells: int) -> Tensor:
    """(cells, count): which share of each of so many strips between start and stop lies in each cell between 0 and 1.

    What was a border lies beyond: what such a strip has belongs to the part of it that is inside, or to the nearest cell.
    """
    ends = torch.linspace(start, stop, count + 1, dtype=torch.float64).clamp(0, 1)
    cuts = torch.linspace(0, 1, cells + 1, dtype=torch.float64)
    over = torch.minimum(ends[1:], cuts[1:, None]) - torch.maximum(ends[:-1], cuts[:-1, None])
    over = over.clamp(min=0)
    outside = over.sum(0) == 0
    over[0, outside & (ends[1:] <= 0)] = 1
    over[-1, outside & (ends[1:] > 0)] = 1
    return over / over.sum(0, keepdim=True).clamp(min=1e-12)
