"""``regard.show``: the widget where there is a notebook, a page in the browser where there is none."""

import sys
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.extras import require
from regard.interventions.effects import Effects
from regard.viewer.document.document import Document, document
from regard.viewer.document.findings import Finding
from regard.viewer.document.named_spans import NamedSpans
from regard.viewer.document.subjects import Viewable
from regard.viewer.notebook.look import checked_look
from regard.viewer.page.page import page_of

if TYPE_CHECKING:
    from regard.viewer.notebook.widget import ViewerWidget

WIDGET_WORK = 4 * 10**9
"""Multiply-adds of one answer: about 0.1 s on two cores. Beyond, the viewer reads a sample of the queries, and says so."""


def show(
    subject: Viewable,
    tokens: Any = None,
    *,
    queries: Any = None,
    keys: Any = None,
    title: str | None = None,
    image: Any = None,
    grid: tuple[int, int] | None = None,
    view: str | None = None,
    map: int | str | None = None,  # noqa: A002 - what the viewer calls it
    heads: int | str | Sequence[int] | None = None,
    query: int | str | None = None,
    key: int | str | None = None,
    unit: str | None = None,
    against: Any = None,
    names: Sequence[str] | None = None,
    effects: Effects | Mapping[str, float] | None = None,
    prompts: Any = None,
    finding: Finding | None = None,
    spans: NamedSpans | None = None,
    sound: Any = None,
    truth: Any = None,
    height: int = 560,
    theme: str = "auto",
) -> "ViewerWidget | Path | None":
    """Look at attention here and now.

    In a notebook this is the widget, whose kernel reads what is looked at; a still picture of it stays in the saved notebook.
    It is shown below its cell, wherever in the cell it was made, unless it was put into a box. What is looked at follows the
    reader and can be set: ``widget.heads = [3]``, ``widget.observe(heard, "query")``. Elsewhere a page that works offline is
    written to the folder for temporary files and opened in the browser.

    Args:
        subject: a translation, a recording, an attention map, weights, a list of these, or several recordings by name, as in
            ``regard.page``; or a mechanism, a card of ``regard.catalogue``; or what ``regard.sweep``
            or ``regard.passages`` and its like found.
        tokens: the texts of the positions; see ``regard.page``.
        queries: of the rows alone.
        keys: of the columns alone.
        title: what it is called.
        image: the picture that an image model looked at; see ``regard.page``.
        grid: patches of the image down and across, where they are not as many down as across.
        view: what it opens with; see ``regard.page`` for it and for the next five.
        map: which map.
        heads: which heads of it.
        query: which row is held.
        key: which column is held.
        unit: "tokens", "words", "characters", "sentences", or spans that it has.
        against: what opens beside it in a second picture: another recording, translation or map.
        names: of the things in a list, or of the two.
        effects: what replacing parts of the model did; see ``regard.page`` for it and for the next.
        prompts: what was swept.
        finding: what was measured of the subject; see ``regard.page`` for it and for the next three.
        spans: named parts of its text.
        sound: of words in a sound.
        truth: of contacts.
        height: of the widget, in pixels.
        theme: "light", "dark", or "auto" for the notebook's own.

    Returns:
        The widget in a notebook of Jupyter's kind and in marimo; the page's path elsewhere.

    Raises:
        OptionError, DtypeError, ShapeError: what cannot be shown.
        TooLargeError: outside of a notebook, a recording whose page would be too large; ``regard view FILE`` serves it.
    """
    height, theme = checked_look(height, theme)
    kind = _notebook()
    options = {"tokens": tokens, "queries": queries, "keys": keys, "title": title, "image": image, "grid": grid}
    options |= {"view": view, "map": map, "heads": heads, "query": query, "key": key, "unit": unit}
    options |= {"against": against, "names": names, "effects": effects, "prompts": prompts}
    options |= {"finding": finding, "spans": spans, "sound": sound, "truth": truth}
    if kind is None:
        return _open(document(subject, **options))
    require("to show a viewer in a notebook", "anywidget")
    from regard.viewer.notebook.widget import ViewerWidget

    shown = document(subject, **options, max_work=WIDGET_WORK)
    widget = ViewerWidget(shown, height=height, theme=theme, shared=kind == "jupyter")
    if kind == "jupyter":
        from regard.viewer.notebook.below import shown_below

        shown_below(widget, sys.modules["IPython"].get_ipython())
    return widget


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
