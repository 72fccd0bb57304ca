"""A mechanism as something to look at: its weights on the textbook's example, step by step where a map can keep its scores."""

from dataclasses import replace

import torch

from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card, values_for
from regard.mechanisms.catalogue import example
from regard.viewer.document.subjects import Subject, read_subject


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
