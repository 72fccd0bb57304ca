"""``regard.show``: the widget where there is a notebook, a page in the browser where there is none."""

import base64
import io
import secrets
import sys
import tempfile
import warnings
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.errors import OptionError
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import Document, document
from regard.viewer.document.manifest import heads_text
from regard.viewer.document.subjects import Viewable
from regard.viewer.page.page import escaped, page_of

if TYPE_CHECKING:
    from regard.viewer.notebook.widget import ViewerWidget

WORK = 4 * 10**9
"""Multiply-adds of one answer: about 0.1 s on two cores. Beyond, the viewer reads a sample of the queries, and says so."""

SHORTEST, TALLEST = 200, 4000
THEMES = ("auto", "light", "dark")

TWIN_CELLS = 256  # along a side of the still picture
NAMED_CELLS = 48  # and up to so many, with its labels


def show(
    subject: Viewable,
    *,
    title: str | None = None,
    image: Any = None,
    grid: tuple[int, int] | None = None,
    height: int = 560,
    theme: str = "auto",
) -> "ViewerWidget | Path | None":
    """Look at attention here and now.

    In a notebook this shows the widget, whose kernel reads what is looked at; a still picture of it stays in the saved
    notebook. Elsewhere a page that works offline is written to the folder for temporary files and opened in the browser.

    Args:
        subject: a translation, a recording, an attention map, weights, or a list of these.
        title: what it is called.
        image: the picture that an image model looked at; see ``regard.page``.
        grid: patches of the image down and across, where they are not as many down as across.
        height: of the widget, in pixels.
        theme: "light", "dark", or "auto" for the notebook's own.

    Returns:
        None in a notebook of Jupyter's kind, where it is on display already; the widget in marimo; the page's path elsewhere.

    Raises:
        OptionError, DtypeError, ShapeError: what cannot be shown.
        TooLargeError: outside of a notebook, a recording whose page would be too large; ``regard view FILE`` serves it.
    """
    check_look(height, theme)
    kind = _notebook()
    if kind is None:
        return _open(document(subject, title=title, image=image, grid=grid))
    from regard.viewer.notebook.widget import ViewerWidget

    shown = document(subject, title=title, image=image, grid=grid, max_work=WORK)
    if kind == "marimo":
        return ViewerWidget(shown, height=height, theme=theme)
    from IPython.display import HTML, display

    name = f"regard-twin-{secrets.token_hex(6)}"
    widget = ViewerWidget(shown, height=height, theme=theme, twin=name)
    display(HTML(_twin(shown, name)), widget)  # type: ignore[no-untyped-call]
    return None


def check_look(height: int, theme: str) -> None:
    """Refuse another theme, or a height that no screen has."""
    if isinstance(height, bool) or not isinstance(height, int) or not SHORTEST <= height <= TALLEST:
        raise OptionError(f"height: expected {SHORTEST} to {TALLEST} pixels, got {height!r}")
    if theme not in THEMES:
        raise OptionError(f"theme: expected one of {', '.join(THEMES)}, got {theme!r}")


def _notebook() -> str | None:
    """Which kind of notebook this runs in: "jupyter", "marimo", or None."""
    marimo = sys.modules.get("marimo")
    if marimo is not None and marimo.running_in_notebook():
        return "marimo"
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return "jupyter" if shell is not None and getattr(shell, "kernel", None) is not None else None


def _open(shown: Document) -> Path:
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="regard-", delete=False, encoding="utf-8") as file:
        file.write(page_of(shown))
    path = Path(file.name)
    if not webbrowser.open(path.as_uri()):
        print(f"open {path} in a browser", file=sys.stderr)
    return path


def _twin(shown: Document, name: str) -> str:
    """A still picture of what the viewer opens with, as HTML."""
    from regard.figures.heatmap import heatmap

    opening, info = _first(shown)
    heads = opening.get("heads", [0])
    rows, columns = min(info["queries"], TWIN_CELLS), min(info["keys"], TWIN_CELLS)
    asked: dict[str, Any] = {
        "map": opening.get("map", 0),
        "heads": heads,
        "rows": {"start": 0, "stop": info["queries"], "count": rows},
        "columns": {"start": 0, "stop": info["keys"], "count": columns},
        "how": "mean",
        "hideSpecial": False,
        "renormalise": False,
        "sample": 0,
    }
    weights = unpack(shown.answer("region", asked))[1]["values"]
    layer = info["name"] if info["layer"] is None else f"{info['kind']}, layer {info['layer']}"
    title = f"{layer}, {heads_text(heads)}" if info["heads"] > 1 else layer
    named: dict[str, Any] = {}
    if max(info["queries"], info["keys"]) <= NAMED_CELLS:
        axis = info["rowAxes"][opening.get("rowAxis", 0)]
        named = {
            "queries": shown.manifest["axes"][axis]["tokens"],
            "keys": shown.manifest["axes"][info["columnAxis"]]["tokens"],
        }
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the widget beside it shows every token
        figure = heatmap(np.asarray(weights), title=title, **named).get_figure()
        figure.savefig(file, format="png", dpi=96)  # type: ignore[union-attr]
    text = escaped(f"{title} of {shown.manifest['title']}")
    return f'<div id="{name}"><img alt="{text}" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"></div>'


def _first(shown: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    opening: dict[str, Any] = shown.manifest["opening"]
    info: dict[str, Any] = shown.manifest["maps"][opening.get("map", 0)]
    return opening, info
