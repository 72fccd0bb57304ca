"""A mechanism as a picture: its weights on the textbook's example."""

from typing import Any

from matplotlib.figure import Figure

from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap
from regard.figures.matrices import checked_index
from regard.figures.unseen import hide
from regard.mechanisms.card import Card
from regard.mechanisms.catalogue import picture


def mechanism_figure(card: Card, *, head: int | None = None, **options: Any) -> Figure:
    """The weights of one head; the largest has the last colour, and what no key of a row may have is grey.

    Args:
        card: the mechanism.
        head: which head; the one that its card names if None.
        options: arguments of ``regard.heatmap``.
    """
    found = picture(card)
    index = checked_index("head", card.drawn if head is None else head, len(found.weights))
    title = f"{card.title}, head {index}" if index else card.title
    named: dict[str, Any] = {"title": title, "scale": "max"}
    ax = heatmap(found.weights[index], **named | options)
    if found.seen is not None:
        hide(ax, found.seen[index].numpy(), options.get("theme", "light"))
    return figure_of(ax)
