"""A mechanism as something to look at: its weights on the textbook's example, step by step where a map can keep its scores."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card, values_for
from regard.mechanisms.catalogue import example
from regard.viewer.document.subjects import Subject, read_subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def mechanism_subject(card: Card) -> Subject:
    """A map made of the card's factors, which opens step by step; of a card without, the (effective) weights.

    Example:
        >>> from regard.mechanisms.catalogue import card
        >>> mechanism_subject(card("softcap")).opening, mechanism_subject(card("sigmoid")).opening
        ({'view': 'steps'}, {})
    """
    query, key, value = example()
    factors = card.factors(query, key)
    with torch.no_grad():
        found = read_subject(AttentionMap(**factors) if factors else card.apply(query, key, value).weights)
    found.title = card.title
    found.notes = [card.formula, card.paper]
    found.maps[0].amap.name = card.title
    if factors:
        found.maps[0] = replace(found.maps[0], value=values_for(factors["key"], value)[0])  # so that steps go on to the output
        found.opening = {"view": "steps"}
    return found


@dataclass(frozen=True)
class MechanismPicture:
    """The picture of a mechanism, as ``regard.save`` writes it."""

    card: Card

    def figure(self, *, head: int = 0, **options: Any) -> "Figure":
        """The weights of one head on the textbook's example; the largest has the last colour.

        Args:
            head: which head.
            options: arguments of ``regard.heatmap``.
        """
        from regard.figures.figure_files import figure_of
        from regard.figures.heatmap import heatmap
        from regard.figures.matrices import checked_index

        with torch.no_grad():
            weights = self.card.apply(*example()).weights[0]  # (heads, queries, keys)
        own = weights[checked_index("head", head, len(weights))]
        named: dict[str, Any] = {"title": self.card.title, "vmax": float(own.abs().max()) or 1.0}
        return figure_of(heatmap(own, **named | options))
