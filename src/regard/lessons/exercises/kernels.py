"""Attention as kernels compute it: forward tile by tile, and backward from what that keeps."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import BY_DIM, NO_SCALE

OUTPUT = Result("output", ("queries", "value_dim"))


def flash_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, tile: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The output (queries, value_dim) and the logsumexp (queries, 1) of the scores, from tiles of keys.

    query is (queries, dim), key (keys, dim), value (keys, value_dim); tile is how many keys are read at a time.
    """
    top = torch.full_like(query[:, :1], -torch.inf)
    total = torch.zeros_like(top)
    mixed = query.new_zeros(len(query), value.shape[1])
    for start in range(0, len(key), tile):
        scores = query @ key[start : start + tile].mT / query.shape[-1] ** 0.5
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        powers = torch.exp(scores - new_top)
        correction = torch.exp(top - new_top)
        total = total * correction + powers.sum(dim=-1, keepdim=True)
        mixed = mixed * correction + powers @ value[start : start + tile]
        top = new_top
    return mixed / total, top + torch.log(total)


_TOTAL, _MIXED, _LOG = "total * correction", "mixed * correction", "top + torch.log(total)"


def _tokens(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, int]:
    dim, keys = rng.choice((1, 2, 3, 5)), rng.randint(1, 7)
    query = drawn_by(rng, rng.randint(1, 4), dim) * rng.choice((1, 1, 500))
    return query, drawn_by(rng, keys, dim), drawn_by(rng, keys, rng.randint(1, 4)), rng.randint(1, 4)


FLASH = Exercise(
    name="flash attention",
    text=(
        "Attention in one pass over tiles of keys, as kernels do it: the exercise online softmax in its loop. Beside the "
        "output they keep the logsumexp of each row's scores, one number, from which every weight can be computed again "
        "(Dao et al. 2022). The last tile may be shorter; scores may be in the thousands."
    ),
    formula="output = softmax(q kᵀ / √dim) v,  logsumexp_i = log Σ_j exp(q_i · k_j / √dim)",
    returns=(OUTPUT, Result("logsumexp", ("queries", "1"))),
    answer=flash_attention,
    without=("softmax", "logsumexp", "scaled_dot_product_attention"),
    cases=(
        Case("two queries, four keys, tiles of two", (drawn(2, 2, seed=200), drawn(4, 2, seed=201), drawn(4, 2, seed=202), 2)),
        Case("a last tile that is shorter", (drawn(3, 4, seed=203), drawn(5, 4, seed=204), drawn(5, 3, seed=205), 2)),
        Case("one tile", (drawn(2, 3, seed=206), drawn(3, 3, seed=207), drawn(3, 2, seed=208), 3)),
        Case(
            "scores in the thousands",
            (drawn(2, 4, seed=209) * 1000, drawn(4, 4, seed=210), drawn(4, 2, seed=211), 2),
        ),
    ),
    draw=_tokens,
    mistakes=(
        Mistake(
            "not rescaled",
            "What earlier tiles left is not rescaled: it was measured against the old top. Multiply total and mixed by "
            "exp(top − new_top).",
            {_TOTAL: "total", _MIXED: "mixed"},
        ),
        Mistake(
            "only the total rescaled",
            "Only the total is rescaled: the mixed values were measured against the old top too.",
            {_MIXED: "mixed"},
        ),
        Mistake(
            "only the mixed values rescaled",
            "Only the mixed values are rescaled: the total was measured against the old top too.",
            {_TOTAL: "total"},
        ),
        Mistake(
            "last tile left out",
            "The last keys are not read where they do not fill a tile: the loop runs to the last key.",
            {"range(0, len(key), tile)": "range(0, len(key) - tile + 1, tile)"},
        ),
        Mistake(
            "divided in each tile",
            "The weights of each tile are made to sum to 1: sum up first, divide once, at the end.",
            {
                "powers @ value": "powers / powers.sum(dim=-1, keepdim=True) @ value",
                "mixed / total": "mixed / -(-len(key) // tile)",
                _MIXED: "mixed",
            },
            {"powers @ value": "powers / powers.sum(dim=-1, keepdim=True) @ value", "mixed / total": "mixed", _MIXED: "mixed"},
        ),
        Mistake("not divided", "The output is not divided by the sum of its powers.", {"mixed / total": "mixed"}),
        Mistake(
            "logsumexp without the top",
            "The logsumexp is that of the scores less their top: add the top again.",
            {_LOG: "torch.log(total)"},
        ),
        Mistake("no logarithm", "The total is added to the top as it is: take its logarithm.", {_LOG: "top + total"}),
        Mistake(
            "overflow",
            "exp of a large score is infinite: take the top from the scores first.",
            {"torch.maximum(top, scores.amax(dim=-1, keepdim=True))": "torch.zeros_like(top)"},
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
    ),
    hints=(
        "Three things are carried from tile to tile: the largest score, the sum of the powers, the values mixed by them.",
        "Before the first tile there is no score at all: which number is below all others, and what is exp of it?",
        "log Σ exp(s) = top + log Σ exp(s − top), and the sum on the right is what is carried.",
    ),
)


def flash_backward(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    output: torch.Tensor,
    logsumexp: torch.Tensor,
    grad: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradients grad_query (queries, dim), grad_key (keys, dim) and grad_value (keys, value_dim).

    output (queries, value_dim) and logsumexp (queries, 1) are what the way forward kept; grad is the gradient of the output.
    """
    scale = query.shape[-1] ** -0.5
    weights = torch.exp(query @ key.mT * scale - logsumexp)
    grad_weights = grad @ value.mT
    common = (grad * output).sum(dim=-1, keepdim=True)
    grad_scores = weights * (grad_weights - common)
    return grad_scores @ key * scale, grad_scores.mT @ query * scale, weights.mT @ grad


def _forward(query: Tensor, key: Tensor, value: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """With what the way forward keeps."""
    scores = query @ key.mT * query.shape[-1] ** -0.5
    return query, key, value, torch.softmax(scores, dim=-1) @ value, scores.logsumexp(dim=-1, keepdim=True), grad


def _kept(queries: int, keys: int, dim: int, value_dim: int, seed: int) -> tuple[Tensor, ...]:
    sides = drawn(queries, dim, seed=seed), drawn(keys, dim, seed=seed + 1), drawn(keys, value_dim, seed=seed + 2)
    return _forward(*sides, drawn(queries, value_dim, seed=seed + 3))


def _any_kept(rng: random.Random) -> tuple[Tensor, ...]:
    return _kept(rng.randint(1, 4), rng.randint(1, 5), rng.choice((2, 3, 5)), rng.randint(1, 4), rng.randrange(2**31))


_QUERY, _KEY = "grad_scores @ key * scale", "grad_scores.mT @ query * scale"

BACKWARD = Exercise(
    name="flash backward",
    text=(
        "The way back of attention, without the weights having been kept: from queries, keys and the logsumexp they are "
        "computed again (Dao et al. 2022). The derivative of a softmax takes the row's own mean from each entry; that mean "
        "is grad · output, so nothing of the row has to be added up again."
    ),
    formula=(
        "P = exp(q kᵀ / √dim − logsumexp),  D_i = grad_i · output_i\n"
        "grad_scores = P ∘ (grad vᵀ − D)\n"
        "grad_query = grad_scores k / √dim,  grad_key = grad_scoresᵀ q / √dim,  grad_value = Pᵀ grad"
    ),
    returns=(
        Result("grad_query", ("queries", "dim")),
        Result("grad_key", ("keys", "dim")),
        Result("grad_value", ("keys", "value_dim")),
    ),
    answer=flash_backward,
    cases=(
        Case("two queries, three keys", _kept(2, 3, 2, 2, seed=220)),
        Case("as many queries as keys", _kept(4, 4, 4, 3, seed=230)),
        Case("dim and value_dim alike", _kept(3, 5, 3, 3, seed=240)),
    ),
    draw=_any_kept,
    mistakes=(
        Mistake(
            "no mean taken",
            "The row's mean D is not taken from the gradients of the weights: that is the derivative of exp, not of softmax.",
            {" - common": ""},
        ),
        Mistake(
            "mean over the entries",
            "D is a mean over the entries of grad · output: it is their sum, the mean being that over the keys.",
            {"(grad * output).sum(dim": "(grad * output).mean(dim"},
        ),
        Mistake(
            "mean without weights",
            "What is taken from a row is its plain mean over the keys: it has to be weighted by P, which is grad · output.",
            {"(grad * output).sum(dim": "grad_weights.mean(dim"},
        ),
        Mistake(
            "no scale on the way back",
            "Neither grad_query nor grad_key is divided by √dim: the scale of the scores is a factor of both.",
            {_QUERY: "grad_scores @ key", _KEY: "grad_scores.mT @ query"},
        ),
        Mistake("query not scaled", "grad_query is not divided by √dim.", {_QUERY: "grad_scores @ key"}),
        Mistake("key not scaled", "grad_key is not divided by √dim.", {_KEY: "grad_scores.mT @ query"}),
        Mistake(
            "not normalised",
            "The weights are exp(scores), without the logsumexp that makes rows sum to 1.",
            {" - logsumexp": ""},
        ),
        Mistake(
            "weights without scale",
            "The weights are computed from scores that are not scaled, unlike those of the way forward.",
            {"query @ key.mT * scale": "query @ key.mT"},
        ),
        Mistake(
            "weights left out",
            "The gradient of the scores lacks the factor P: P ∘ (grad vᵀ − D).",
            {"weights * (grad_weights - common)": "grad_weights - common"},
        ),
        Mistake(
            "wrong sign",
            "The gradient of the scores has the wrong sign: it is grad vᵀ less D.",
            {"grad_weights - common": "common - grad_weights"},
        ),
    ),
    hints=(
        "Begin with what is simplest: output = P v. What is the gradient of v, and what that of P?",
        "A softmax does not care for a constant that is added to a row, so each row of grad_scores sums to 0. Does yours?",
        "Scores are q kᵀ times a number. That number is a factor of both gradients, and kᵀ of one of them.",
    ),
)

EXERCISES = (FLASH, BACKWARD)
