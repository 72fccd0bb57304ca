"""Figures that notebooks show by themselves, once each, although pyplot, which would keep them open, does not know them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.figures.alternative_text import alternative_text
from regard.figures.figure_files import figure_of, render

Png = tuple[bytes, dict[str, int | str]]

_waiting: list["NotebookFigure"] = []
"""Figures of the cell that runs, which it has not shown yet."""


class NotebookFigure(Figure):
    """A figure that is shown below the cell that made it: in a loop each, as the last value of the cell once.

    Attributes:
        exact: whether it is as wide as somebody asked for.
    """

    exact = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        shell = _notebook()
        if shell is not None:
            shell.display_formatter.formatters["image/png"].for_type(NotebookFigure, NotebookFigure._repr_png_)
            shell.events.register("post_execute", show_waiting)  # the same function is registered once
            _waiting.append(self)

    def _repr_png_(self) -> Png:
        """Two pixels for each that is shown: screens have them."""
        _waiting[:] = [figure for figure in _waiting if figure is not self]
        png = render(self, ".png", 2 * self.dpi)
        return png, {"width": int.from_bytes(png[16:20], "big") // 2, "alt": alternative_text(self)}


class NotebookAxes(Axes):
    """Axes of such a figure: as the last value of a cell, they show all of it."""

    def _repr_png_(self) -> Png | None:
        figure = figure_of(self)
        return figure._repr_png_() if isinstance(figure, NotebookFigure) else None


def show_waiting() -> None:
    """Show the figures that the cell has made and not shown: notebooks call it at the end of each."""
    figures, _waiting[:] = list(_waiting), []
    for figure in figures:
        sys.modules["IPython"].display.display(figure)


@contextmanager
def unseen() -> Iterator[None]:
    """Figures that are made in the block are for files: no cell shows them by itself."""
    before = len(_waiting)
    try:
        yield
    finally:
        del _waiting[before:]


def _notebook() -> Any:
    """The shell of a notebook's kernel, if this is one; terminals have nowhere to show figures."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell if hasattr(shell, "kernel") else None
