"""Numbers laid on pictures, patch by patch: rows of pictures with a bar of shares beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regard.errors import ShapeError
from regard.figures.canvas import canvas_for, width_for
from regard.figures.fonts import lettered, shortened, text_width
from regard.figures.looks import Look, look_of
from regard.figures.matrices import said, title_said
from regard.figures.opened_pictures import opened
from regard.figures.panels import EDGE, PAD, title_room, wrapped_title
from regard.figures.themes import Theme

MOST = 144
"""Pictures that are drawn at most."""

_WIDE, _NARROW, _LARGE = 620.0, 14.0, 130.0
_BLUE = {"light": "#2166ac", "dark": "#4393c3"}
_SHARES = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#e69f00", "#f0e442", "#d55e00")
_LAST = {"light": ("#b4bac2", "#dfe3e8"), "dark": ("#5d656e", "#353b43")}


@dataclass(frozen=True)
class Row:
    """A line of pictures.

    Attributes:
        name: beside it.
        heats: (down, across) of each picture; below 0 it is drawn in blue.
        note: below the name.
        shares: of each part of the bar beside it, in the order of their names; none without a bar.
    """

    name: str
    heats: Sequence[NDArray[Any]]
    note: str = ""
    shares: Sequence[float] = ()


def overlays(
    rows: Sequence[Row],
    columns: Sequence[str],
    pictures: Sequence[Any] | None = None,
    *,
    parts: Sequence[str] = (),
    note: str = "",
    title: str = "",
    width: float | None = None,
    font: float | None = None,
    theme: str = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draws a row of pictures for each thing that is said of them.

    A patch is as strongly coloured as its number is large, beside the largest of its row; patches stay patches, as smoothing
    would hide what they are. The picture below is grey, so that colour is attention alone.

    Args:
        rows: what is drawn.
        columns: names of the pictures.
        pictures: as ``opened`` takes them, one a column; blank ones where not given.
        parts: names of the shares; "text" and what follows it are of no picture.
        note: below all, what colour means.
        title: above.
        width: in inches, as in ``heatmap``.
        font: size of the letters in points, likewise.
        theme: "light" or "dark".
        ax: axes to draw in; a figure of its own where not given.

    Raises:
        ShapeError: other pictures than there are columns, or more than can be drawn.
    """
    look, title = look_of(theme, width, font, ax), title_said(title)
    if not rows or not columns or len(rows) * len(columns) > MOST:
        raise ShapeError(
            f"expected 1 to {MOST} pictures to draw, got {len(rows)} rows of {len(columns)}; choose some: words=, pictures="
        )
    below = None if pictures is None else [opened(one).convert("L") for one in pictures]
    if below is not None and len(below) != len(columns):
        raise ShapeError(f"images: expected {len(columns)}, one a picture, got {len(below)}")
    names, columns, parts = [said(row.name) for row in rows], [said(one) for one in columns], [said(one) for one in parts]
    with lettered([title, note, *names, *columns, *parts, *(row.note for row in rows)]):
        return _draw(rows, names, columns, below, parts, note, title, look, theme)


def _draw(
    rows: Sequence[Row],
    names: list[str],
    columns: list[str],
    below: list[Any] | None,
    parts: list[str],
    note: str,
    title: str,
    look: Look,
    theme: str,
) -> Figure:
    sizes = [one.size for one in below] if below else [(heat.shape[1], heat.shape[0]) for heat in rows[0].heats]
    proportions = [max(0.2, min(5.0, down / across)) for across, down in sizes]
    page = max(width_for(look, _WIDE * look.unit), 24 * look.small)
    notes = [row.note for row in rows]
    left = min(
        0.28 * page,
        max(text_width(one, size) for size, ones in ((look.font, names), (look.small, notes)) for one in ones) + PAD,
    )
    right = 0.24 * page if parts else 0.0
    room = page - 2 * EDGE - left - right - (PAD if parts else 0)
    each = min(_LARGE * look.unit, max(_NARROW * look.unit, (room - PAD * (len(columns) - 1)) / len(columns)))
    tall = each * min(1.0, max(proportions))
    head = 1.5 * look.small
    across = 2 * EDGE + left + len(columns) * each + (len(columns) - 1) * PAD + (right + PAD if parts else 0)
    title = wrapped_title(title, look.title, across - 2 * EDGE)
    legend = _legend_lines(parts, look, across - 2 * EDGE)
    foot = wrapped_title(note, look.small, across - 2 * EDGE) if note else ""
    top = EDGE + title_room(title, look) + head
    bottom = EDGE + 1.5 * look.small * len(legend) + 1.35 * look.small * (1 + foot.count("\n") if foot else 0) + PAD
    plain = parts.index("text") if "text" in parts else len(parts)
    canvas = canvas_for(across, top + len(rows) * (tall + PAD) + bottom, look)
    colours = look.theme
    style: dict[str, Any] = {"color": colours.text, "va": "center"}
    if title:
        canvas.write(EDGE, EDGE + title_room(title, look) / 2, title, ha="left", fontsize=look.title, **style)
    for at, name in enumerate(columns):
        x = EDGE + left + at * (each + PAD) + each / 2
        canvas.write(x, top - head / 2, shortened(name, look.small, each + PAD), ha="center", fontsize=look.small, **style)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + number * (tall + PAD)
        lift = 0.7 * look.small if row.note else 0
        canvas.write(EDGE, y + tall / 2 - lift, shortened(name, look.font, left - PAD), ha="left", fontsize=look.font, **style)
        if row.note:
            dim = style | {"color": colours.dimmed}
            canvas.write(
                EDGE, y + tall / 2 + lift, shortened(row.note, look.small, left - PAD), ha="left", fontsize=look.small, **dim
            )
        most = max(float(np.abs(heat).max()) for heat in row.heats) or 1.0
        for at, heat in enumerate(row.heats):
            picture_ax = canvas.axes(EDGE + left + at * (each + PAD), y, each, tall)
            _lay(picture_ax, heat / most, None if below is None else below[at], colours, theme)
        if parts:
            _bar(
                canvas.axes(across - EDGE - right, y + tall / 2 - 0.6 * look.font, right, 1.2 * look.font),
                row.shares,
                plain,
                theme,
            )
    at_y = top + len(rows) * (tall + PAD)
    for line in legend:
        x = EDGE
        for which in line:
            mark = canvas.axes(x, at_y + 0.35 * look.small, 0.8 * look.small, 0.8 * look.small)
            mark.set(xticks=[], yticks=[], facecolor=_colour(which, plain, theme))
            mark.spines[:].set_visible(False)
            text = shortened(parts[which], look.small, 14 * look.small)
            canvas.write(x + 1.2 * look.small, at_y + 0.75 * look.small, text, ha="left", fontsize=look.small, **style)
            x += 2.4 * look.small + text_width(text, look.small)
        at_y += 1.5 * look.small
    if foot:
        canvas.write(EDGE, at_y, foot, ha="left", va="top", color=colours.dimmed, fontsize=look.small)
    return canvas.figure


def _lay(ax: Axes, heat: NDArray[Any], picture: Any, colours: Theme, theme: str) -> None:
    """A picture in grey, and over it a colour whose strength is the number."""
    across, down = picture.size if picture is not None else (heat.shape[1], heat.shape[0])
    where = (0, across, down, 0)
    if picture is not None:
        ax.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255, extent=where, interpolation="antialiased")
    laid = np.zeros((*heat.shape, 4))
    laid[..., :3] = np.where(heat[..., None] < 0, to_rgb(_BLUE[theme]), to_rgb(colours.accent))
    laid[..., 3] = np.abs(heat) * (0.85 if picture is not None else 1.0)
    ax.imshow(laid, extent=where, interpolation="nearest", resample=False)
    ax.set(xticks=[], yticks=[], xlim=(0, across), ylim=(down, 0), facecolor=colours.background, aspect="equal")
    for spine in ax.spines.values():
        spine.set(color=colours.frame, linewidth=0.6)


def _bar(ax: Axes, shares: Sequence[float], plain: int, theme: str) -> None:
    """The shares of a row, one beside the other."""
    start = 0.0
    for at, share in enumerate(shares):
        ax.barh(0, share, left=start, height=1, color=_colour(at, plain, theme), linewidth=0)
        start += share
    ax.set(xlim=(0, max(1.0, start)), ylim=(-0.5, 0.5))
    ax.axis("off")


def _colour(at: int, plain: int, theme: str) -> str:
    """Of a part; from the first that is no picture on they are grey."""
    return _LAST[theme][(at - plain) % 2] if at >= plain else _SHARES[at % len(_SHARES)]


def _legend_lines(parts: list[str], look: Look, room: float) -> list[list[int]]:
    """Which parts are named on which line."""
    lines: list[list[int]] = []
    used = room + 1
    for at, name in enumerate(parts):
        wide = 2.4 * look.small + text_width(shortened(name, look.small, 14 * look.small), look.small)
        if used + wide > room:
            lines.append([])
            used = 0.0
        lines[-1].append(at)
        used += wide
    return lines
