"""Figures as bytes and in files: the same figure gives the same bytes; a file is whole or not there."""

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.axes import Axes as Axes  # for findings too: see below
from matplotlib.figure import Figure as Figure
from matplotlib.text import Text

from regard.errors import OptionError
from regard.figures.formats import FORMATS
from regard.files import write_together

# Findings say by `Figure` what they return and by `Axes` where they draw, without matplotlib, which only their figure.py knows.


MOST_PIXELS = 2**28
"""Of a picture: 1 GiB while it is drawn."""

drawing = threading.RLock()
"""Held while something is drawn or rendered: matplotlib's settings belong to the process, and so do its fonts."""


def figure_of(axes: Axes | None) -> Figure:
    """The whole figure that the axes are in, however deep."""
    figure = axes.get_figure(root=True) if axes is not None else None
    if figure is None:
        raise OptionError("expected axes in a figure, got axes that were removed from theirs")
    return figure


def write_figure(figure: Figure, paths: Sequence[Path], dpi: float) -> None:
    """Writes the figure; a path has all of it, or what it had before."""
    pictures = {suffix: render(figure, suffix, dpi) for suffix in {path.suffix.lower() for path in paths}}
    write_together((path, pictures[path.suffix.lower()]) for path in paths)


def render(figure: Figure, suffix: str, dpi: float) -> bytes:
    """The figure as a file of this format. SVG keeps text as text, for search and for editing, and whole where it was cut.

    Borders are trimmed, but of figures whose width somebody asked for, which are ``exact``.

    Raises:
        OptionError: as ``check_pixels``; in .svg and .pdf too, where small cells are an image.
    """
    check_pixels(figure, dpi)
    buffer = io.BytesIO()
    cut = _named_by_number(figure) if suffix == ".svg" else {}
    same: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "regard", "pdf.fonttype": 42, "savefig.bbox": "standard"}
    with drawing, mpl.rc_context(same):
        figure.savefig(
            buffer,
            format=suffix[1:],
            dpi=dpi,
            bbox_inches=None if getattr(figure, "exact", False) else "tight",
            metadata=FORMATS[suffix],
            facecolor=figure.get_facecolor(),
        )
    return _with_titles(buffer.getvalue(), cut)


def check_pixels(figure: Figure, dpi: float) -> None:
    """Refuse a picture that would have no pixels, or more than there is room for.

    Raises:
        OptionError: its size in inches and this many pixels an inch.
    """
    wide, high = (float(inches) for inches in figure.get_size_inches())
    pixels = wide * dpi * high * dpi
    if not (min(wide, high) * dpi >= 1 and pixels <= MOST_PIXELS):
        raise OptionError(
            f"dpi: expected pixels an inch for a picture of 1 to {MOST_PIXELS:,} pixels, got {dpi:.6g} for one of "
            f"{wide:.3g} by {high:.3g} inches, {pixels:.3g} pixels; 200 is usual, and letters in .svg and .pdf are sharp at any"
        )


def _named_by_number(figure: Figure) -> dict[str, str]:
    """What was cut in the picture, by an id that its text gets in the file."""
    found = {}
    for number, text in enumerate(text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_label()):
        text.set_gid(f"cut-{number}")
        found[f"cut-{number}"] = str(text.get_label())
    return found


def _with_titles(svg: bytes, cut: dict[str, str]) -> bytes:
    """The picture, where a title of each text that was cut says all of it."""
    for name, whole in cut.items():
        start = f'<g id="{name}">'.encode()
        svg = svg.replace(start, start + f"<title>{escape(whole)}</title>".encode(), 1)
    return svg
