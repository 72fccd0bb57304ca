"""Figures as bytes, in notebooks and in files: the same figure gives the same bytes; a file is whole or not there."""

import errno
import io
import secrets
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Figure  # for findings too: see below

from regard.errors import OptionError
from regard.figures.formats import FORMATS
from regard.files import refusal

Png = tuple[bytes, dict[str, int]]

# Findings say by `Figure` what they return, without matplotlib, which only their figure.py knows. It is no NotebookFigure: a
# translation draws into axes of the reader's own (`ax=`), too, whose figure is any of matplotlib's.


class NotebookFigure(Figure):
    """A figure that notebooks show although pyplot, which would keep it open, does not know it."""

    def _repr_png_(self) -> Png:
        return _sharp_png(self)


class NotebookAxes(Axes):
    """Axes of such a figure: as the last value of a cell, they show all of it."""

    def _repr_png_(self) -> Png:
        return _sharp_png(figure_of(self))


def figure_of(axes: Axes | None) -> Figure:
    """The whole figure that the axes are in, however deep."""
    figure = axes.get_figure(root=True) if axes is not None else None
    if figure is None:
        raise OptionError("expected axes in a figure, got axes that were removed from theirs")
    return figure


def write_figure(figure: Figure, paths: Sequence[Path], dpi: float) -> None:
    """Writes the figure; a path has all of it, or what it had before."""
    pictures = {suffix: render(figure, suffix, dpi) for suffix in {path.suffix.lower() for path in paths}}
    written: list[tuple[Path, Path]] = []
    path = paths[0]
    try:
        for path in paths:
            target = path.resolve()  # through a symbolic link, not over it
            part = target.with_name(f".{secrets.token_hex(8)}.part")
            written.append((part, target))
            part.write_bytes(pictures[path.suffix.lower()])
        for part, path in written:
            part.replace(path)
    except OSError as error:
        advice = f"{error.strerror or error}; check the permissions and the space there, or choose another folder"
        raise refusal("write", error.errno or errno.EIO, path, advice) from error
    finally:
        for part, _ in written:
            part.unlink(missing_ok=True)


def render(figure: Figure, suffix: str, dpi: float) -> bytes:
    """The figure as a file of this format. SVG keeps text as text, for search and for editing."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "regard", "pdf.fonttype": 42}):
        figure.savefig(
            buffer,
            format=suffix[1:],
            dpi=dpi,
            bbox_inches="tight",
            metadata=FORMATS[suffix],
            facecolor=figure.get_facecolor(),
        )
    return buffer.getvalue()


def _sharp_png(figure: Figure) -> Png:
    """Two pixels for each that is shown: screens have them."""
    png = render(figure, ".png", 2 * figure.dpi)
    return png, {"width": int.from_bytes(png[16:20], "big") // 2}
