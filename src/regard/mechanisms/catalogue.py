"""Every mechanism of the textbook, one card each."""

import copyreg
import difflib
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.arguments import MOST, text, whole_number
from regard.errors import DtypeError, OptionError, in_short
from regard.mechanisms.caches import cards as caches
from regard.mechanisms.card import Card
from regard.mechanisms.cross import cards as cross
from regard.mechanisms.glossary import GLOSSARY, Term
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
    raise OptionError(not_a_card(name, "regard.catalogue() lists them"))


def not_a_card(name: object, lists: str) -> str:
    """What is said of a name that no card has: those that are near, else what lists them."""
    near = [one.name for one in find(name)[:3]] if isinstance(name, str) and "\ud800" not in repr(name) else []
    near = near or difflib.get_close_matches(str(name).lower(), [one.name for one in CARDS], n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else lists
    return f"expected the name of a mechanism, got {in_short(name)}; {hint}"


def find(words: str) -> list[Card]:
    """The cards that some words lead to, the nearest first: by name, other names, the glossary, and what cards say.

    Example:
        >>> [one.name for one in find("GQA")], [one.name for one in find("speculative decoding")]
        (['grouped-query'], ['tree'])
        >>> [one.name for one in find("KV cache")][:3]
        ['multi-head', 'grouped-query', 'multi-query']
    """
    asked = text("words", words).strip().casefold()
    if not asked:
        return []
    places = {
        0: [one for one in CARDS if asked in (one.name, one.title.casefold())],
        1: [one for one in CARDS if asked in map(str.casefold, one.also)],
        2: [card(name) for term in terms(words) for name in term.cards],
        3: [one for one in CARDS if any(asked in said.casefold() for said in (one.name, one.title, *one.also))],
    }
    found = [one for near in places.values() for one in near]
    if not found:
        found = [one for one in CARDS if any(asked in said.casefold() for said in (one.change, one.use, one.wins, one.paper))]
    return list(dict.fromkeys(found))


def terms(words: str) -> list[Term]:
    """The terms of the glossary that are called so, in whole.

    Example:
        >>> [term.name for term in terms("kv cache")], [term.name for term in terms("mask_mod")]
        (['KV cache'], ['FlexAttention'])
    """
    asked = text("words", words).strip().casefold()
    return [term for term in GLOSSARY if asked in map(str.casefold, (term.name, *term.also))]


LONGER = 1.6  # a key that comes again, in pictures of scores
NOTHING_FITS = -3.0  # the scaled scores of a query that finds nothing


class Picture(NamedTuple):
    """What is drawn of a card."""

    weights: Tensor  #: (heads, queries, keys)
    seen: Tensor | None  #: (heads, queries, keys), True where a key may have weight; None where all may
    beside: Tensor | None  #: (heads, queries, columns), what the card's second picture shows; None where it has none


def picture(one: Card) -> Picture:
    """A card's weights on the example that shows what its family is about.

    Patterns and caches are about who may look at whom. Their queries are a quarter as long, so that weight lies on all that is
    seen and not on the one key that fits: what is hidden then stands out. Of other causal cards the future is hidden. Scores
    are about what makes a key fit: keys that come again are longer. Normalisers whose rows may sum to less than 1 are about
    finding nothing: the second half of the queries does.

    Example:
        >>> picture(card("window")).seen[0].sum(-1)[:6]
        tensor([1, 2, 3, 4, 4, 4])
        >>> picture(card("multi-head")).seen is None
        True
    """
    if not isinstance(one, Card):
        raise DtypeError(f"expected a mechanism's card, got {in_short(one)}; write card('window'), for example")
    query, key, value = example()
    half = key.shape[2] // 2
    about_who = one.family in ("patterns", "caches")
    if about_who:
        query = query / 4
    elif one.family == "scores":
        key = torch.cat([key[:, :, :half], LONGER * key[:, :, half:]], dim=2)
    elif one.family == "normalisers" and one.rows == "at most one":
        query = torch.cat([query[:, :, :half], _fits_nothing(key[:, :, :half])], dim=2)
    with torch.no_grad():
        weights = one.apply(query, key, value).weights[0]
        beside = None if one.beside is None else one.beside.numbers(query, key, value)[0]
    if about_who or one.sparse:
        return Picture(weights, weights != 0, beside)
    if one.causal:
        seen = torch.ones_like(weights, dtype=torch.bool).tril(weights.shape[2] - weights.shape[1])
        return Picture(weights, seen, beside)
    return Picture(weights, None, beside)


def _fits_nothing(key: Tensor) -> Tensor:
    """Queries (batch, heads, keys, dim) whose scaled scores are NOTHING_FITS with each of as many keys as dim."""
    scores = torch.full_like(key[..., :1], NOTHING_FITS * key.shape[-1] ** 0.5)
    query: Tensor = torch.linalg.solve(key, scores).mT
    return query.expand_as(key)


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
