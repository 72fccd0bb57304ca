"""Who is no token at all: the padding of a batch."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.masks import (
    AFTER_SOFTMAX,
    INVERTED,
    NO_MASK,
    TEN_THOUSAND,
    TIMES_ZERO,
    TOO_SMALL,
    ZERO_IS_HIDDEN,
    ZERO_TIMES_INFINITY,
)
from regard.lessons.exercises.weights import OVER_QUERIES


def padding_weights(scores: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Scores (batch, queries, keys) and keep (batch, keys), True for a token, to weights (batch, queries, keys)."""
    visible = keep[:, None, :]
    scores = scores.masked_fill(~visible, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights.masked_fill(~visible, 0.0)


_FILL, _ZERO = "scores.masked_fill(~visible, -torch.inf)", "weights.masked_fill(~visible, 0.0)"
_DIVIDED = (
    "powers / powers.sum(dim=-1, keepdim=True)",
    "(powers / powers.sum(dim=-1, keepdim=True)).nan_to_num(0.0)",
    *(f"powers / powers.sum(dim=-1, keepdim=True).clamp(min={least})" for least in ("1e-9", "1e-12", "1e-30")),
    *(f"powers / (powers.sum(dim=-1, keepdim=True) + {least})" for least in ("1e-6", "1e-8", "1e-9", "1e-12")),
)


def _after_exp(divided: str) -> dict[str, str]:
    """Edits that hide by a product after exp, with a largest score that was looked for everywhere."""
    powers = "powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True)) * visible"
    return {f"scores = {_FILL}": powers, "torch.softmax(scores, dim=-1)": divided, _ZERO: "weights"}


def _padded(rng: random.Random) -> tuple[Tensor, Tensor]:
    """Sizes and places of scores at which −100, −10000 or no −∞ at all would be seen."""
    batch, queries, keys = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 5)
    scores = drawn_by(rng, batch, queries, keys) * rng.choice((1, 200, 2000, 15000))
    scores += rng.choice((0, 0, -100, -10000))
    keep = torch.tensor([[rng.random() < 0.6 for _ in range(keys)] for _ in range(batch)])
    return scores, keep


PADDING = Exercise(
    name="padding mask",
    text=(
        "Sentences in a batch are padded to one length. Hide the padding from every query of its sentence, and turn scores "
        "into weights. A sentence of nothing but padding gets weights of 0, not NaN. Scores may be in the "
        "thousands, hidden ones too."
    ),
    formula="weights_bij = softmax_j(scores_bij, −∞ where keep_bj is False); 0 where every keep_bj is False",
    returns=(Result("weights", ("batch", "queries", "keys")),),
    answer=padding_weights,
    cases=(
        Case(
            "two sentences, the second is padded",
            (
                torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]], [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0]]]),
                torch.tensor([[True, True, True], [True, True, False]]),
            ),
        ),
        Case(
            "as many queries as keys, padding on the left",
            (drawn(2, 3, 3, seed=1), torch.tensor([[False, True, True], [True, True, False]])),
        ),
        Case(
            "a hidden score far above the others",
            (
                torch.tensor([[[300.0, 0.0, 1.0]], [[0.0, 2.0, 250.0]]]),
                torch.tensor([[False, True, True], [True, True, False]]),
            ),
        ),
        Case(
            "scores of ±20000",
            (
                torch.tensor([[[-20000.0, -20001.0, 1.0], [0.0, 1.0, 20000.0]]]),
                torch.tensor([[True, True, False]]),
            ),
        ),
        Case(
            "nothing but padding",
            (drawn(2, 2, 3, seed=2), torch.tensor([[True, False, True], [False, False, False]])),
        ),
    ),
    draw=_padded,
    mistakes=(
        Mistake(
            "inverted",
            INVERTED,
            {_FILL: "scores.masked_fill(visible, -torch.inf)", _ZERO: "weights.masked_fill(visible, 0.0)"},
            {_FILL: "scores.masked_fill(visible, -torch.inf)", _ZERO: "weights"},
            {_FILL: "scores.masked_fill(visible, -1e9)", _ZERO: "weights"},
        ),
        Mistake(
            "NaN where all is hidden",
            "softmax over nothing but −inf is NaN: give weight 0 to rows where everything is hidden, as with "
            "weights.masked_fill(hidden, 0).",
            {_ZERO: "weights"},
        ),
        Mistake(
            "large negative number",
            "A large negative number stands for −∞: where everything is hidden, weights are spread over the padding. Fill "
            "with -torch.inf, and give weight 0 to such rows.",
            {"-torch.inf": "-1e9", _ZERO: "weights"},
            {_FILL: "scores.double() + (~visible) * -1e9", _ZERO: "weights"},
        ),
        Mistake(
            "−10000",
            TEN_THOUSAND,
            {"-torch.inf": "-1e4", _ZERO: "weights"},
            {"-torch.inf": "-1e4"},
            {_FILL: "scores + (~visible) * -1e4", _ZERO: "weights"},
            {_FILL: "scores + (~visible) * -1e4"},
        ),
        Mistake(
            "too small a number",
            TOO_SMALL,
            *(
                {"-torch.inf": number, _ZERO: after}
                for number in ("-50.0", "-100.0", "-1000.0")
                for after in ("weights", "weights.masked_fill(scores.isinf(), 0.0)")
            ),
            *({_FILL: f"scores + (~visible) * {number}"} for number in ("-50.0", "-100.0", "-1000.0")),
        ),
        Mistake(
            "largest of the hidden",
            "The largest score is looked for among hidden keys too: where a hidden one is far above the others, exp of the "
            "others is 0, and so is their sum. Hide first, then take the largest.",
            *(_after_exp(divided) for divided in _DIVIDED),
        ),
        Mistake("times zero", TIMES_ZERO, {_FILL: "scores * visible", _ZERO: "weights"}, {_FILL: "scores * visible"}),
        Mistake(
            "score of 0 hidden",
            ZERO_IS_HIDDEN,
            {_FILL: "(scores * visible).masked_fill(scores * visible == 0, -torch.inf)", _ZERO: "weights.nan_to_num(0.0)"},
            {_FILL: "(scores * visible).masked_fill(scores * visible == 0, -torch.inf)", _ZERO: "weights"},
            {_FILL: "(scores * visible).masked_fill(scores * visible == 0, -1e9)", _ZERO: "weights"},
        ),
        Mistake("mask after softmax", AFTER_SOFTMAX, {_FILL: "scores", _ZERO: "weights * visible"}),
        Mistake("no mask", NO_MASK, {_FILL: "scores", _ZERO: "weights"}),
        Mistake(
            "zero times infinity",
            ZERO_TIMES_INFINITY,
            {_FILL: "scores + (~visible) * -float('inf')", _ZERO: "weights"},
            {_FILL: "scores + (~visible) * -float('inf')", _ZERO: "weights.nan_to_num(0.0)"},
        ),
        Mistake(
            "true adds one",
            "The mask is added to the scores as 0 and 1: that is for masks of 0 and −inf. Use masked_fill.",
            {_FILL: "scores + visible", _ZERO: "weights"},
        ),
        Mistake(
            "hidden queries",
            "The padding is hidden along the queries: it should be hidden as a key, in the last axis, keep[:, None, :].",
            {"keep[:, None, :]": "keep[:, :, None]"},
            {"keep[:, None, :]": "keep[:, :, None]", _ZERO: "weights"},
            {"keep[:, None, :]": "keep[:, :, None]", "-torch.inf": "-1e9", _ZERO: "weights"},
        ),
        Mistake(
            "rows and columns",
            "Padding is hidden along both axes: only as a key is it to be hidden, keep[:, None, :]. The rows of padding are "
            "never read, and weights of 0 there are NaN in other people's code.",
            {"keep[:, None, :]": "(keep[:, None, :] & keep[:, :, None])"},
            {"keep[:, None, :]": "(keep[:, None, :] & keep[:, :, None])", _ZERO: "weights"},
            {"keep[:, None, :]": "(keep[:, None, :] & keep[:, :, None])", "-torch.inf": "-1e9", _ZERO: "weights"},
        ),
        Mistake(
            "axis of queries missing",
            "keep is used as (batch, keys), and its batch is broadcast along the queries: give it an axis for them, "
            "keep[:, None, :].",
            {"keep[:, None, :]": "keep"},
            {"keep[:, None, :]": "keep", _ZERO: "weights"},
            {"keep[:, None, :]": "keep", "-torch.inf": "-1e9", _ZERO: "weights"},
        ),
        Mistake(
            "one mask for all",
            "Every sentence is given the padding of the first: keep has one row a sentence, keep[:, None, :].",
            {"keep[:, None, :]": "keep[:1, None, :]"},
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=-2"}),
    ),
    hints=(
        "keep has one entry a key; the scores have an axis of queries between batch and keys.",
        "Which score has an exponential of 0, however large the others are? It has to stand there before the softmax.",
        "What is the softmax of a row that is hidden whole, and what should it be? One more step after the softmax mends it.",
    ),
)

EXERCISES = (PADDING,)
