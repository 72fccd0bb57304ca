"""Every mechanism of the textbook, one card each."""

import copyreg
import difflib
from typing import Any

import torch
from torch import Tensor

from regard.arguments import MOST, whole_number
from regard.errors import OptionError, in_short
from regard.mechanisms.caches import cards as caches
from regard.mechanisms.card import Card
from regard.mechanisms.cross import cards as cross
from regard.mechanisms.heads import cards as heads
from regard.mechanisms.linear import cards as linear
from regard.mechanisms.normalisers import cards as normalisers
from regard.mechanisms.patterns import cards as patterns
from regard.mechanisms.positions import cards as positions
from regard.mechanisms.scores import cards as scores

FAMILIES = (scores, heads, positions, patterns, normalisers, linear, caches, cross)
CARDS: tuple[Card, ...] = tuple(one for family in FAMILIES for one in family.CARDS)


def catalogue() -> list[Card]:
    """One card a mechanism, in the order in which they are best read.

    A card has ``name``, ``formula``, ``paper``, ``year``, ``use`` and more as text, and ``apply(query, key, value)``.

    Example:
        >>> [one.name for one in catalogue()][:3]
        ['additive', 'dot', 'general']
    """
    return list(CARDS)


def card(name: str) -> Card:
    """The card of this name.

    Raises:
        OptionError: with the names that are near.

    Example:
        >>> found = card("grouped-query")
        >>> found.year, found.formula
        (2023, 'output_h = softmax(Q_h K_gᵀ / √dim) V_g, with g = ⌊h / group⌋')
        >>> found.apply(*example()).weights.shape
        torch.Size([1, 4, 16, 16])
    """
    named = {one.name: one for one in CARDS}
    if isinstance(name, str) and name in named:
        return named[name]
    near = difflib.get_close_matches(str(name).lower(), named, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "regard.catalogue() lists them"
    raise OptionError(f"expected the name of a mechanism, got {in_short(name)}; {hint}")


def _pickled(one: Card) -> Any:
    """A card of the catalogue by its name: it holds functions that have none."""
    return (card, (one.name,)) if any(one is known for known in CARDS) else object.__reduce_ex__(one, 4)


copyreg.pickle(Card, _pickled)


def example(length: int = 16, heads: int = 4, dim: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values on which cards can be run and drawn: (1, heads, length, dim) each, always the same.

    Keys repeat after half of the length, and a query looks for its own key: maps show a diagonal, and its echo.

    Every card runs on lengths of 4, 16, 36, 64 ..., the squares of even numbers, with an even number of heads and an even dim.
    Few need that: the length fills a square image in ``swin-window`` and blocks of two in ``bigbird``, the heads make pairs in
    ``grouped-query``, and dim has two halves in ``differential``, ``latent`` and where positions are sines and rotations.

    Raises:
        OptionError: sizes that are no whole numbers above 0.
    """
    length, heads, dim = (whole_number(name, size, 1) for name, size in (("length", length), ("heads", heads), ("dim", dim)))
    if length * heads * dim > MOST:
        raise OptionError(f"expected an example of at most {MOST:,} numbers, got {length} · {heads} · {dim}; make it shorter")
    random = torch.Generator().manual_seed(7)
    half = torch.randn(1, heads, -(-length // 2), dim, generator=random)
    key = torch.cat([half, half], dim=2)[:, :, :length]
    query = 1.5 * key + 0.3 * torch.randn(1, heads, length, dim, generator=random)
    return query, key, torch.randn(1, heads, length, dim, generator=random)
