"""Caches that keep less: a ring for a window, and latents from which keys are never made."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import BY_DIM, NO_SCALE, OUTPUT_BY_HEAD, OVER_QUERIES


def window_step(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, position: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One token more: its output (1, value_dim), and the new keys (window, dim) and values (window, value_dim).

    query, key (1, dim) and value (1, value_dim) are those of the token at position. Token t stands in row t % window of keys
    and values; rows that no token has taken yet are 0.
    """
    window = len(keys)
    here = torch.arange(window)[:, None] == position % window
    keys = torch.where(here, key, keys)
    values = torch.where(here, value, values)
    taken = torch.arange(window) <= position
    scores = query @ keys.mT / query.shape[-1] ** 0.5
    return torch.softmax(scores.masked_fill(~taken, -torch.inf), dim=-1) @ values, keys, values


_PUT_KEY, _PUT_VALUE = "keys = torch.where(here, key, keys)", "values = torch.where(here, value, values)"
_HIDDEN = "scores.masked_fill(~taken, -torch.inf)"


def _ring(window: int, dim: int, value_dim: int, position: int, seed: int) -> tuple[Tensor | int, ...]:
    taken = (torch.arange(window) < position)[:, None]
    new = drawn(1, dim, seed=seed), drawn(1, dim, seed=seed + 1), drawn(1, value_dim, seed=seed + 2)
    return *new, drawn(window, dim, seed=seed + 3) * taken, drawn(window, value_dim, seed=seed + 4) * taken, position


def _any_ring(rng: random.Random) -> tuple[Tensor | int, ...]:
    return _ring(rng.randint(1, 5), rng.choice((1, 2, 3, 5)), rng.randint(1, 4), rng.randint(0, 12), rng.randrange(2**31))


RING = Exercise(
    name="ring cache",
    text=(
        "Where each token sees the last window tokens only, a cache needs no more rows than that: a new token takes the row of "
        "the one that falls out of sight. Write the token into its row, then let it look, its own key included. Which row is "
        "which does not matter to a softmax; rows that are empty do."
    ),
    formula="row of token t = t mod window,  output = softmax(q keysᵀ / √dim, −∞ where no token is) values",
    returns=(
        Result("output", ("1", "value_dim")),
        Result("keys", ("window", "dim")),
        Result("values", ("window", "value_dim")),
    ),
    answer=window_step,
    cases=(
        Case("a full ring of three", _ring(3, 2, 2, 4, seed=250)),
        Case("two of four rows are empty", _ring(4, 3, 2, 1, seed=260)),
        Case("the first token", _ring(3, 2, 3, 0, seed=270)),
        Case("the last empty row", _ring(4, 4, 3, 3, seed=280)),
        Case("long after", _ring(4, 3, 3, 1002, seed=290)),
    ),
    draw=_any_ring,
    mistakes=(
        Mistake(
            "moved along",
            "All rows move one up, and the new token takes the last: right, but a copy of the whole cache for each token. Here "
            "token t takes row t % window, and the others stay where they are.",
            {_PUT_KEY: "keys = torch.cat([keys[1:], key])", _PUT_VALUE: "values = torch.cat([values[1:], value])"},
            {
                _PUT_KEY: "keys = torch.cat([keys[1:], key])",
                _PUT_VALUE: "values = torch.cat([values[1:], value])",
                "torch.arange(window) <= position": "torch.arange(window) >= window - 1 - position",
            },
        ),
        Mistake(
            "always the last row",
            "Once the ring is full every token takes its last row: token t takes row t % window.",
            {"position % window": "min(position, window - 1)"},
        ),
        Mistake(
            "row off by one",
            "The token takes the row after its own: counted from 0, token t takes row t % window.",
            {"position % window": "(position + 1) % window"},
        ),
        Mistake(
            "empty rows seen",
            "Empty rows get weight: their score is 0, not −∞. Hide the rows that no token has taken yet.",
            {_HIDDEN: "scores"},
        ),
        Mistake(
            "own key hidden",
            "The token does not see its own row until the ring is full: rows up to its own, position included, are taken.",
            {"<= position": "< max(position, 1)"},
            {"<= position": "< position"},
        ),
        Mistake(
            "read before writing",
            "The token looks before its own key and value are in the ring: write first.",
            {
                "scores = query @ keys.mT / query.shape[-1] ** 0.5": "scores = query @ old[0].mT / query.shape[-1] ** 0.5",
                "dim=-1) @ values,": "dim=-1) @ old[1],",
                "window = len(keys)": "window, old = len(keys), (keys, values)",
            },
        ),
        Mistake(
            "value not written", "The new key is in the ring, the new value is not.", {_PUT_VALUE: "values = values.clone()"}
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
    ),
    hints=(
        "With a window of 4, tokens 0, 4 and 8 take the same row. What do 4 and 8 leave when they are divided by 4?",
        "What is given must stay as it is: make new keys, whose rows are the old ones but for one.",
        "Before the ring is full, which rows have a token in them, and is the new token's own among them?",
    ),
)


def absorbed_attention(query: torch.Tensor, latent: torch.Tensor, up_key: torch.Tensor, up_value: torch.Tensor) -> torch.Tensor:
    """Query (heads, queries, dim) and what is cached, latent (keys, rank), to output (heads, queries, value_dim).

    The keys of a head would be latent up_keyᵀ, its values latent up_valueᵀ: up_key is (heads, dim, rank), up_value (heads,
    value_dim, rank).
    """
    absorbed = query @ up_key
    scores = absorbed @ latent.mT / query.shape[-1] ** 0.5
    mixed = torch.softmax(scores, dim=-1) @ latent
    return mixed @ up_value.mT


def _latents(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    heads, dim, rank = rng.randint(1, 3), rng.choice((2, 3, 5)), rng.choice((1, 4, 6))
    query, latent = drawn_by(rng, heads, rng.randint(1, 4), dim), drawn_by(rng, rng.randint(1, 5), rank)
    return query, latent, drawn_by(rng, heads, dim, rank), drawn_by(rng, heads, rng.randint(1, 4), rank)


ABSORBED = Exercise(
    name="absorbed latent",
    text=(
        "Multi-head latent attention keeps one small latent for each token, and makes the keys and values of all heads from it "
        "(DeepSeek-V2 2024). When tokens are generated one by one, they need not be made at all: q · (U c) = (Uᵀ q) · c, so "
        "the query absorbs the matrix, and looks at the latents themselves. The values' matrix is applied once, to what was "
        "mixed."
    ),
    formula="scores = (q U_K) cᵀ / √dim,  output = (softmax(scores) c) U_Vᵀ",
    returns=(OUTPUT_BY_HEAD,),
    answer=absorbed_attention,
    cases=(
        Case(
            "two heads, a rank of 3",
            (drawn(2, 2, 2, seed=300), drawn(3, 3, seed=301), drawn(2, 2, 3, seed=302), drawn(2, 2, 3, seed=303)),
        ),
        Case(
            "dim, value_dim and rank differ",
            (drawn(3, 2, 4, seed=304), drawn(5, 6, seed=305), drawn(3, 4, 6, seed=306), drawn(3, 3, 6, seed=307)),
        ),
        Case(
            "all of one size",
            (drawn(2, 3, 3, seed=308), drawn(3, 3, seed=309), drawn(2, 3, 3, seed=310), drawn(2, 3, 3, seed=311)),
        ),
    ),
    draw=_latents,
    mistakes=(
        Mistake(
            "scaled by the rank",
            "The scores are divided by the root of the rank: absorbing does not change them, and dim is still that of a query.",
            {"query.shape[-1]": "latent.shape[-1]"},
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
        Mistake(
            "keys for values",
            "What was mixed goes through the matrix of the keys: the values have their own, up_value.",
            {"up_value.mT": "up_key.mT"},
        ),
        Mistake(
            "values for keys",
            "The query absorbs the matrix of the values: the keys have their own, up_key.",
            {"query @ up_key": "query @ up_value"},
        ),
        Mistake(
            "first head for all",
            "All heads use the first head's matrices: each has its own.",
            {"query @ up_key": "query @ up_key[0]", "up_value.mT": "up_value[0].mT"},
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=-2"}),
        Mistake(
            "latents not brought up",
            "What was mixed are latents: U_V, which makes values of them, comes last.",
            {"mixed @ up_value.mT": "mixed[..., : up_value.shape[1]]"},
        ),
    ),
    hints=(
        "The product of three matrices may be computed from either side: which side has few rows when one token is generated?",
        "A query of a head is (dim,), a latent (rank,), and the matrix between them (dim, rank): no axis has to be turned.",
        "The weighted mean of U c_j is U times the weighted mean of c_j.",
    ),
)

EXERCISES = (RING, ABSORBED)
