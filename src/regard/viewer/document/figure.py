"""A mechanism as a picture: its weights on the textbook's example."""

from typing import Any

import torch
from matplotlib.figure import Figure

from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap
from regard.figures.matrices import checked_index
from regard.mechanisms.card import Card
from regard.mechanisms.catalogue import example


def mechanism_figure(card: Card, *, head: int = 0, **options: Any) -> Figure:
    """The weights of one head; the largest has the last colour.

    Args:
        card: the mechanism.
        head: which head.
        options: arguments of ``regard.heatmap``.
    """
    with torch.no_grad():
        weights = card.apply(*example()).weights[0]  # (heads, queries, keys)
    own = weights[checked_index("head", head, len(weights))]
    named: dict[str, Any] = {"title": card.title, "scale": "max"}
    return figure_of(heatmap(own, **named | options))
