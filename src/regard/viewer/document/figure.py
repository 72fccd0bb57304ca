"""A mechanism as a picture: its weights on the textbook's example."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap
from regard.figures.looks import POINTS, look_of
from regard.figures.matrices import checked_index
from regard.figures.unseen import hide
from regard.mechanisms.card import Card
from regard.mechanisms.catalogue import Picture, picture

SIZE = (4.4, 4.0)  # inches, of one of two pictures
ROOM = 8  # columns, what the labels and the colour bar of a picture take


def mechanism_figure(card: Card, *, head: int | None = None, **options: Any) -> Figure:
    """The weights of one head; the largest has the last colour, and what no key of a row may have is grey.

    A card with a second picture has it beside the first, unless ``ax`` gives room for one alone.

    Args:
        card: the mechanism.
        head: which head; the one that its card names if None.
        options: arguments of ``regard.heatmap``; ``width`` is that of both pictures together, ``keys`` name the weights' alone.
    """
    found = picture(card)
    index = checked_index("head", card.drawn if head is None else head, len(found.weights))
    title = f"{card.title}, head {index}" if index else card.title
    named: dict[str, Any] = {"title": title, "scale": "max"}
    wanted = named | options
    if found.beside is None or card.beside is None or options.get("ax") is not None:
        return figure_of(_weights(found, index, wanted))
    width = look_of(wanted.get("theme", "light"), wanted.pop("width", None), wanted.get("font"), None).width
    wide = [found.weights.shape[2] + ROOM, found.beside.shape[2] + ROOM]
    across = SIZE[0] * sum(wide) / wide[0]
    scale = 1 if width is None else width / POINTS / across
    figure = Figure(figsize=(scale * across, scale * SIZE[1]), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=wide)
    _weights(found, index, wanted | {"ax": left})
    wanted.pop("keys", None)  # of the weights alone
    rows = wanted.pop("tokens", None)
    if rows is not None:
        wanted["queries"] = rows
    sides = ((wanted.get("sides") or ("queries",))[0], card.beside.columns)
    heatmap(found.beside[index], **wanted | {"ax": right, "title": card.beside.title, "sides": sides})
    if len(figure.axes) > len((left, right)):  # colour bars
        figure.axes[-1].set_ylabel(card.beside.unit)
    return figure


def _weights(found: Picture, head: int, wanted: dict[str, Any]) -> Axes:
    ax = heatmap(found.weights[head], **wanted)
    if found.seen is not None:
        hide(ax, found.seen[head].numpy(), wanted.get("theme", "light"))
    return ax
