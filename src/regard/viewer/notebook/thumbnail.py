"""The picture of a translation, a recording, a map or a finding as the last line of a cell."""

import base64
import warnings
from typing import Any

from regard.analysis.alignment.ranking.rank_heads import Ranking
from regard.analysis.flow.edges import FlowEdges
from regard.analysis.weighted.relevance import Relevance
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

MOST_TEXT = 2000
"""Characters of the text beside a picture: a ranking of all heads has a hundred times as many."""


def thumbnail(thing: Any) -> dict[str, str]:
    """The thing as PNG, HTML and text; as text alone where it has no picture, or one that would take long."""
    text = repr(thing)
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]} …"
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
        return small_png(figure), _said(thing)


def _said(thing: Any) -> str:
    """What the picture shows, for who does not see it."""
    if isinstance(thing, Ranking):
        return f"error rates of {len(thing)} readings; the lowest is {thing[0].scores.aer:.3f}"
    if isinstance(thing, FlowEdges):
        _, layers, tokens, _ = thing.weights.shape
        return f"what flows through {layers} layers between {tokens} tokens"
    if isinstance(thing, Relevance):
        return f"how much a score depends on each of {thing.inputs.shape[1]} tokens"
    return str(thing)


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
