"""The picture of a translation, a recording, a map or a finding as the last line of a cell."""

import base64
import warnings
from typing import Any

from regard.errors import RegardError
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card
from regard.recording.recording import Recording
from regard.viewer.document.document import document
from regard.viewer.notebook.still import Still, small_png
from regard.viewer.page.page import escaped

WORK = 10**9
"""Multiply-adds of a picture; beyond, some rows are read for it."""

MOST_PAIRS = 2**40
"""Queries times keys of a map, beyond which even some of its rows take longer than a cell should: such a map is a text."""


def thumbnail(thing: Any) -> dict[str, str]:
    """The thing as PNG, HTML and text; as text alone where it has no picture, or one that would take long."""
    text = repr(thing)
    try:
        found = _png(thing)
    except RegardError:
        found = None
    if found is None:
        return {"text/plain": text}
    png, said = found
    encoded = base64.b64encode(png).decode()
    html = f'<img alt="{escaped(said)}" src="data:image/png;base64,{encoded}">'
    return {"text/html": html, "image/png": encoded, "text/plain": text}


def _png(thing: Any) -> tuple[bytes, str] | None:
    """The picture, and what it shows."""
    if isinstance(thing, AttentionMap | Recording):
        return _png_of_map(thing)
    from regard.figures.notebook import unseen
    from regard.viewer.document.figure import mechanism_figure

    with unseen(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "expected a font", UserWarning)
        figure = mechanism_figure(thing) if isinstance(thing, Card) else thing.figure()
        return small_png(figure), str(thing)


def _png_of_map(thing: AttentionMap | Recording) -> tuple[bytes, str] | None:
    """One head of one map, from afar where it is large: a recording is known by its first."""
    maps = [thing] if isinstance(thing, AttentionMap) else thing.maps
    if not maps or 0 in maps[0].shape or maps[0].shape[2] * maps[0].shape[3] > MOST_PAIRS:
        return None
    first = maps[0].sample(0).select(heads=[0])
    first.name, first.kind, first.layer = maps[0].name, maps[0].kind, maps[0].layer
    title = thing.model if isinstance(thing, Recording) else None
    still = Still(document(first, title=title, words=False, statistics=False, max_work=WORK))
    return still.png, still.text
