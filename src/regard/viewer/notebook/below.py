"""Widgets are shown below the cell that made them, each once: as its last value, in a box, or else by themselves at its end."""

import sys
from typing import Any

from regard.viewer.notebook.widget import ViewerWidget

_waiting: list[ViewerWidget] = []
"""Widgets of the cell that runs."""


def shown_below(widget: ViewerWidget, shell: Any) -> None:
    """Show the widget when its cell has ended, if nothing has shown it by then."""
    shell.events.register("post_execute", show_waiting)  # the same function is registered once
    _waiting.append(widget)


def show_waiting() -> None:
    """Show the widgets that the cell has made and not placed: notebooks call it at the end of each."""
    widgets, _waiting[:] = list(_waiting), []
    for widget in widgets:
        if not widget.placed:
            sys.modules["IPython"].display.display(widget)
        elif not widget.displayed:
            widget.keep_picture()
