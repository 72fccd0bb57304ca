"""Attention in pieces: tile by tile, and token by token."""

import random

import torch
from torch import Tensor, nn

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import NO_SCALE


def add_tile(
    top: torch.Tensor, total: torch.Tensor, mixed: torch.Tensor, scores: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The new top (queries, 1), total (queries, 1) and mixed (queries, value_dim), after one more tile.

    top, total and mixed are what earlier tiles have left; scores (queries, tile) and values (tile, value_dim) are the new one.
    """
    new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
    correction = torch.exp(top - new_top)
    powers = torch.exp(scores - new_top)
    new_total = total * correction + powers.sum(dim=-1, keepdim=True)
    new_mixed = mixed * correction + powers @ values
    return new_top, new_total, new_mixed


def _seen(*shape: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a tile has left: its largest scores, its sums and its mixed values."""
    scores, values = drawn(*shape, seed=seed), drawn(shape[1], 2, seed=seed + 1)
    top = scores.amax(dim=-1, keepdim=True)
    powers = (scores - top).exp()
    return top, powers.sum(dim=-1, keepdim=True), powers @ values


_TOP, _TOTAL, _MIXED = "torch.maximum(top, scores.amax(dim=-1, keepdim=True))", "total * correction", "mixed * correction"


def _tile(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    queries, size, width = rng.randint(1, 4), rng.randint(1, 5), rng.randint(1, 4)
    spread = rng.choice((1, 1, 1000))
    first = torch.full((queries, 1), -torch.inf), torch.zeros(queries, 1), torch.zeros(queries, width)
    top = drawn_by(rng, queries, 1) * spread
    later = top, 1 + drawn_by(rng, queries, 1).abs(), drawn_by(rng, queries, width)
    return *rng.choice((first, later, later)), drawn_by(rng, queries, size) * spread, drawn_by(rng, size, width)


ONLINE = Exercise(
    name="online softmax",
    text=(
        "Take in one more tile of scores, without the earlier ones. Three things are kept: top, the largest score so far; "
        "total, the sum of exp(score − top); mixed, that sum with the values in it. At the end mixed / total is the output "
        "(Milakov & Gimelshein 2018; FlashAttention). At the start top is −inf, total and mixed are 0; "
        "the scores themselves are finite."
    ),
    formula=(
        "new_top   = max(top, max_j scores_j)\n"
        "new_total = total · exp(top − new_top) + Σ_j exp(scores_j − new_top)\n"
        "new_mixed = mixed · exp(top − new_top) + Σ_j exp(scores_j − new_top) values_j"
    ),
    returns=(Result("top", ("queries", "1")), Result("total", ("queries", "1")), Result("mixed", ("queries", "value_dim"))),
    answer=add_tile,
    cases=(
        Case(
            "a larger score comes",
            (
                torch.tensor([[1.0], [0.0]]),
                torch.tensor([[1.5], [2.0]]),
                torch.tensor([[2.0, 0.0], [1.0, 1.0]]),
                torch.tensor([[2.0, 0.0], [1.0, 0.5]]),
                torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
            ),
        ),
        Case("no larger score comes", (*_seen(2, 3, seed=1), drawn(2, 2, seed=3) - 3, drawn(2, 2, seed=4))),
        Case(
            "the first tile",
            (torch.full((2, 1), -torch.inf), torch.zeros(2, 1), torch.zeros(2, 3), drawn(2, 4, seed=5), drawn(4, 3, seed=6)),
        ),
        Case(
            "scores in the thousands",
            (
                torch.tensor([[2000.0], [1000.0]]),
                torch.tensor([[1.5], [2.0]]),
                torch.tensor([[2.0, 0.5], [1.0, 0.5]]),
                torch.tensor([[2001.0, 1999.5], [-1000.0, -1001.0]]),
                torch.tensor([[1.0, 3.0], [0.5, 2.0]]),
            ),
        ),
    ),
    draw=_tile,
    mistakes=(
        Mistake(
            "not rescaled",
            "What earlier tiles left is not rescaled: it was measured against the old top. Multiply total and mixed by "
            "exp(top − new_top).",
            {_TOTAL: "total", _MIXED: "mixed"},
        ),
        Mistake(
            "only the total rescaled",
            "Only total is rescaled: mixed was measured against the old top too. Multiply it by exp(top − new_top) as well.",
            {_MIXED: "mixed"},
        ),
        Mistake(
            "only the mixed values rescaled",
            "Only mixed is rescaled: total was measured against the old top too. Multiply it by exp(top − new_top) as well.",
            {_TOTAL: "total"},
        ),
        Mistake(
            "rescaled the wrong way",
            "The correction has the wrong sign: a larger top makes earlier terms smaller, exp(top − new_top).",
            {"top - new_top": "new_top - top"},
        ),
        Mistake(
            "top forgotten",
            "The new top is that of the new tile alone: it is the largest so far, maximum(top, that), or "
            "exp(top − new_top) may overflow.",
            {_TOP: "scores.amax(dim=-1, keepdim=True)"},
        ),
        Mistake(
            "measured against the tile",
            "The new terms are measured against the tile's own largest score: measure them against new_top.",
            {"scores - new_top": "scores - scores.amax(dim=-1, keepdim=True)"},
        ),
        Mistake(
            "not shifted",
            "The new terms are exp(score): take new_top from the score first.",
            {"scores - new_top": "scores"},
        ),
        Mistake(
            "earlier tiles lost",
            "What earlier tiles left is replaced: add the new terms to what is there.",
            {"total * correction + ": "", "mixed * correction + ": ""},
            {"total * correction + ": ""},
            {"mixed * correction + ": ""},
        ),
        Mistake(
            "divided already",
            "mixed is divided by the total: that comes once, at the end, or the next tile is added to a mean.",
            {"powers @ values": "powers @ values\n    new_mixed = new_mixed / new_total"},
        ),
        Mistake(
            "old top returned", "The old top is returned: the next tile needs the new one.", {"return new_top": "return top"}
        ),
    ),
    hints=(
        "exp(score − top) = exp(score − new_top) / exp(top − new_top). What does that say about the sums that are there?",
        "One factor a query corrects both sums. Is it above or below 1 when a larger score comes?",
        "By hand: top 1, total 1.5, and a score of 2 comes: the total is 1.5 · exp(−1) + 1 = 1.552.",
    ),
)


class Turn(nn.Module):
    """A rotary layer: turns the two halves of a vector by its position, each pair by less than the one before."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Features x (tokens, dim), turned by positions (tokens,)."""
        first, second = x.chunk(2, dim=-1)
        angles = positions[:, None].to(x) * 0.5 ** torch.arange(first.shape[-1])
        return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], dim=-1)


def decode(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cached_keys: torch.Tensor,
    cached_values: torch.Tensor,
    rotate: torch.nn.Module,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Output (new, value_dim) and the caches with the new tokens in them: (past + new, dim) and (past + new, value_dim).

    query and key are (new, dim), value (new, value_dim), not rotated yet; cached_keys (past, dim) are rotated already, and
    cached_values are (past, value_dim). rotate(x, positions) turns x (tokens, dim) by positions (tokens,).
    """
    past, new = len(cached_keys), len(query)
    positions = torch.arange(past, past + new)
    turned = rotate(key, positions)
    keys = torch.cat([cached_keys, turned])
    values = torch.cat([cached_values, value])
    visible = torch.ones(new, past + new, dtype=torch.bool).tril(past)
    scores = rotate(query, positions) @ keys.mT / query.shape[-1] ** 0.5
    weights = torch.softmax(scores.masked_fill(~visible, -torch.inf), dim=-1)
    return weights @ values, keys, values


def _step(past: int, new: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, nn.Module]:
    query, key, value = drawn(new, 4, seed=seed), drawn(new, 4, seed=seed + 1), drawn(new, 3, seed=seed + 2)
    return query, key, value, drawn(past, 4, seed=seed + 3), drawn(past, 3, seed=seed + 4), Turn()


_KEYS, _VALUES, _POSITIONS = (
    "torch.cat([cached_keys, turned])",
    "torch.cat([cached_values, value])",
    "torch.arange(past, past + new)",
)
_HIDDEN = "scores.masked_fill(~visible, -torch.inf)"


def _any_step(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, nn.Module]:
    past, new, dim, width = rng.randint(0, 5), rng.randint(1, 4), 2 * rng.randint(1, 3), rng.randint(1, 4)
    new_ones = drawn_by(rng, new, dim), drawn_by(rng, new, dim), drawn_by(rng, new, width)
    return *new_ones, drawn_by(rng, past, dim), drawn_by(rng, past, width), Turn()


CACHE = Exercise(
    name="kv cache",
    text=(
        "Read one or more new tokens after those that a cache remembers: turn the new queries and keys by their positions, "
        "append keys and values to the cache, and attend causally. Decoding so must give what one pass over the text gives."
    ),
    formula=(
        "positions = past, past + 1, …, past + new − 1\n"
        "keys = cached keys, then rotate(key, positions);  values = cached values, then value\n"
        "output_i = Σ_j softmax_j(rotate(query, positions)_i · keys_j / √dim) values_j over j ≤ past + i"
    ),
    returns=(
        Result("output", ("new", "value_dim")),
        Result("keys", ("positions", "dim")),
        Result("values", ("positions", "value_dim")),
    ),
    answer=decode,
    cases=(
        Case("one new token after three", _step(3, 1, seed=1)),
        Case("two new tokens after two", _step(2, 2, seed=10)),
        Case("three tokens and an empty cache", _step(0, 3, seed=20)),
    ),
    draw=_any_step,
    mistakes=(
        Mistake(
            "positions from 0",
            "The new tokens are turned by positions from 0: they stand after the cache, at past, past + 1, …",
            {_POSITIONS: "torch.arange(new)"},
        ),
        Mistake(
            "positions off by one",
            "The positions are one off: the first new token stands at past, the number of cached keys.",
            {_POSITIONS: "torch.arange(past + 1, past + new + 1)"},
            {_POSITIONS: "torch.arange(past - 1, past + new - 1)"},
        ),
        Mistake(
            "prepended",
            "The new keys are put before the cached ones: they come after, torch.cat([cached, new]).",
            {_KEYS: "torch.cat([turned, cached_keys])", _VALUES: "torch.cat([value, cached_values])"},
        ),
        Mistake(
            "keys and values in different orders",
            "Keys and values are appended in different orders, and weights meet the wrong values: new ones come last in both.",
            {_KEYS: "torch.cat([turned, cached_keys])"},
            {_VALUES: "torch.cat([value, cached_values])"},
        ),
        Mistake(
            "query not rotated",
            "The query is not rotated: the dot product depends on the distance only if both are.",
            {"rotate(query, positions) @": "query @"},
        ),
        Mistake(
            "key not rotated",
            "The new keys are not rotated: the cache remembers rotated keys, rotate(key, positions).",
            {"rotate(key, positions)": "key"},
        ),
        Mistake(
            "nothing rotated",
            "Nothing is rotated: turn the new queries and keys by their positions.",
            {"rotate(key, positions)": "key", "rotate(query, positions) @": "query @"},
        ),
        Mistake(
            "unrotated keys cached",
            "The keys that are handed back are not rotated, though those of the scores are: the next step takes what the cache "
            "remembers as it is. Hand back the rotated ones.",
            {"@ values, keys, values": "@ values, torch.cat([cached_keys, key]), values"},
        ),
        Mistake(
            "cache rotated again",
            "Cached keys are rotated a second time: they were, when they came. Rotate the new ones only.",
            {
                "rotate(key, positions)": "key",
                _KEYS: "rotate(torch.cat([cached_keys, turned]), torch.arange(past + new))",
            },
            {
                "rotate(key, positions)": "key",
                "@ keys.mT": "@ rotate(keys, torch.arange(past + new)).mT",
            },
        ),
        Mistake(
            "top left",
            "The mask starts at the top left: a new token sees all of the cache and the new ones up to itself, tril(past).",
            {"tril(past)": "tril()"},
        ),
        Mistake(
            "no mask",
            "New tokens see each other's future: with more than one, hide what comes after each.",
            {_HIDDEN: "scores"},
        ),
        Mistake(
            "own token not seen",
            "A new token does not see itself: the diagonal is one too low. It is tril(past); where tokens come one by one, "
            "append key and value before attending.",
            {"tril(past)": "tril(past - 1)"},
            {"tril(past)": "tril(past - 1)", "dim=-1)\n": "dim=-1).nan_to_num(0.0)\n"},
        ),
        Mistake(
            "new tokens not seen",
            "The new tokens see the cache only: append their keys and values before attending, and let each see the new ones "
            "up to itself.",
            {_HIDDEN: "scores[:, :past]", "weights @ values": "weights @ values[:past]"},
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
    ),
    hints=(
        "How many keys are there before the first new token? That is its position.",
        "Queries and keys are turned, values are not; cached keys were turned when they came. What comes after what "
        "in the cache?",
        "The first new token sees all of the cache and itself: which shift of the diagonal is that? Try three tokens "
        "on an empty cache.",
    ),
)

EXERCISES = (ONLINE, CACHE)
