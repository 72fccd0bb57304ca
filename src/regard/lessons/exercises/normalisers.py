"""Around the softmax: scores that are capped before it, sinks that take weight within it."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, drawn, drawn_by
from regard.lessons.exercises.masks import AFTER_SOFTMAX, INVERTED, NO_MASK, TIMES_ZERO
from regard.lessons.exercises.weights import OVER_QUERIES, WEIGHTS, WEIGHTS_BY_HEAD


def capped_weights(scores: torch.Tensor, cap: float, mask: torch.Tensor) -> torch.Tensor:
    """Scores (queries, keys) and mask (queries, keys), True = may attend, to weights (queries, keys)."""
    capped = cap * torch.tanh(scores / cap)
    masked = capped.masked_fill(~mask, -torch.inf)
    return torch.softmax(masked, dim=-1)


_CAPPED, _MASKED = "cap * torch.tanh(scores / cap)", "capped.masked_fill(~mask, -torch.inf)"


def _masked(rng: random.Random) -> tuple[Tensor, float, Tensor]:
    queries, keys = rng.randint(1, 4), rng.randint(1, 5)
    mask = torch.tensor([[rng.random() < 0.6 for _ in range(keys)] for _ in range(queries)])
    mask[torch.arange(queries), [rng.randrange(keys) for _ in range(queries)]] = True
    return drawn_by(rng, queries, keys) * rng.choice((1, 8)), rng.choice((0.5, 1.0, 3.0, 5.0)), mask


SOFTCAP = Exercise(
    name="softcap",
    text=(
        "Bend the scores so that none exceeds the cap, hide what may not be seen, and turn them into weights (Gemma 2, 2024). "
        "The scores are scaled already, and every query sees at least one key."
    ),
    formula="weights_ij = softmax_j(cap · tanh(scores_ij / cap), −∞ where mask_ij is False)",
    returns=(WEIGHTS,),
    answer=capped_weights,
    cases=(
        Case(
            "two queries, three keys, a cap of 2",
            (
                torch.tensor([[4.0, 1.0, 0.0], [0.5, -3.0, 2.0]]),
                2.0,
                torch.tensor([[True, True, False], [False, True, True]]),
            ),
        ),
        Case(
            "as many queries as keys, a cap of 3",
            (drawn(3, 3, seed=1) * 4, 3.0, torch.tensor([[True, False, True], [True, True, False], [False, True, True]])),
        ),
        Case("a cap of 0.5", (drawn(2, 4, seed=2), 0.5, torch.tensor([[True, False, True, True], [False, True, False, True]]))),
    ),
    draw=_masked,
    mistakes=(
        Mistake(
            "softcap after mask",
            "The mask comes before the cap: cap · tanh(−∞) is −cap, and hidden keys get weight. Cap first, then mask.",
            {_CAPPED: "cap * torch.tanh(scores.masked_fill(~mask, -torch.inf) / cap)", _MASKED: "capped"},
        ),
        Mistake("no softcap", "The scores are not capped: take cap · tanh(scores / cap).", {_CAPPED: "scores"}),
        Mistake(
            "clamped",
            "The scores are clamped: what is above the cap gets no gradient. Bend them with tanh.",
            {_CAPPED: "scores.clamp(-cap, cap)"},
        ),
        Mistake(
            "not divided",
            "tanh gets the scores undivided, and is flat for nearly all of them: tanh(scores / cap).",
            {"scores / cap": "scores"},
        ),
        Mistake(
            "not multiplied",
            "The scores end between −1 and 1: multiply what tanh gives by the cap.",
            {"cap * torch.tanh": "torch.tanh"},
        ),
        Mistake(
            "weights capped",
            "The weights are capped, not the scores: the cap comes before mask and softmax.",
            {_CAPPED: "scores", "torch.softmax(masked, dim=-1)": "cap * torch.tanh(torch.softmax(masked, dim=-1) / cap)"},
        ),
        Mistake("no mask", NO_MASK, {_MASKED: "capped"}),
        Mistake("inverted", INVERTED, {"~mask": "mask"}),
        Mistake("mask after softmax", AFTER_SOFTMAX, {_MASKED: "capped", "(masked, dim=-1)": "(masked, dim=-1) * mask"}),
        Mistake("times zero", TIMES_ZERO, {_MASKED: "capped * mask"}),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=0"}),
    ),
    hints=(
        "tanh lies between −1 and 1. What becomes of −∞ in it?",
        "Small scores should stay what they are: with what must a score be divided before, and multiplied after?",
        "Three steps in this order: cap, hide, softmax. By hand: a score of 4 with a cap of 2 becomes 1.928.",
    ),
)


def sink_weights(scores: torch.Tensor, sinks: torch.Tensor) -> torch.Tensor:
    """Scores (heads, queries, keys) and sinks (heads,) to weights (heads, queries, keys); rows sum to less than 1."""
    heads, queries, keys = scores.shape
    column = sinks[:, None, None].expand(heads, queries, 1)
    weights = torch.softmax(torch.cat([scores, column], dim=-1), dim=-1)
    return weights[:, :, :keys]


_SINKS, _SOFTMAX, _DROPPED = (
    "sinks[:, None, None]",
    "torch.softmax(torch.cat([scores, column], dim=-1), dim=-1)",
    "[:, :, :keys]",
)
_EXP, _SHIFTED = "scores.exp()", "(scores - scores.amax(dim=-1, keepdim=True)).exp()"


def _with_sinks(rng: random.Random) -> tuple[Tensor, Tensor]:
    heads, size = rng.randint(1, 3), rng.choice((1, 1, 8, 1000))
    scores = drawn_by(rng, heads, rng.randint(1, 4), rng.randint(1, 5)) * size
    return scores, drawn_by(rng, heads) * rng.choice((1, size))


SINKS = Exercise(
    name="sinks",
    text=(
        "Give each head a number that enters the denominator and nothing else: weight can go there and look at nothing "
        "(gpt-oss 2025; with sinks of 0 it is softmax-off-by-one). Scores may be in the thousands."
    ),
    formula="weights_hij = exp(scores_hij) / (exp(sink_h) + Σ_j exp(scores_hij))",
    returns=(WEIGHTS_BY_HEAD,),
    answer=sink_weights,
    cases=(
        Case(
            "two heads, two queries, three keys",
            (
                torch.tensor([[[1.0, 0.0, 2.0], [0.0, 0.5, 0.0]], [[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]]),
                torch.tensor([0.5, 2.0]),
            ),
        ),
        Case("three heads, as many queries as keys", (drawn(3, 4, 4, seed=3), torch.tensor([-1.0, 1.5, 0.25]))),
        Case("scores in the thousands", (torch.tensor([[[2000.0, 2001.0], [1999.0, 1998.0]]]), torch.tensor([2000.0]))),
    ),
    draw=_with_sinks,
    mistakes=(
        Mistake(
            "sink kept",
            "The sink's own weight is still in the row: drop that column after the softmax, [:, :, :keys].",
            {_DROPPED: ""},
        ),
        Mistake(
            "rows sum to 1",
            "Rows sum to 1, as if there were no sinks: a sink takes weight away. Do not divide by the sum again, and do not "
            "add the sink to the scores, which changes nothing.",
            {_SOFTMAX: "torch.softmax(scores, dim=-1)"},
        ),
        Mistake(
            "wrong column dropped",
            "The wrong column is dropped: the sink's weight stands where the sink was put, and a key's weight is gone.",
            {_DROPPED: "[:, :, 1:]"},
            {"[scores, column]": "[column, scores]"},
        ),
        Mistake(
            "off by one",
            "1 is added to the denominator, whatever the sink: it is exp(sink), and 1 only for a sink of 0.",
            {_SINKS: "torch.zeros(heads, 1, 1)"},
            {_SOFTMAX: f"{_SHIFTED} / (1 + {_SHIFTED}.sum(dim=-1, keepdim=True))"},
            {_SOFTMAX: f"{_EXP} / (1 + {_EXP}.sum(dim=-1, keepdim=True))"},
        ),
        Mistake(
            "sink without exp",
            "The sink enters the denominator as it is: it is a score like others, exp(sink).",
            {_SOFTMAX: f"{_EXP} / ({_EXP}.sum(dim=-1, keepdim=True) + {_SINKS})"},
            {_SOFTMAX: f"{_SHIFTED} / ({_SHIFTED}.sum(dim=-1, keepdim=True) + {_SINKS})"},
        ),
        Mistake(
            "sink not shifted",
            "The largest score is taken from the scores but not from the sink: take it from both, or the sink weighs too much "
            "or too little.",
            {_SOFTMAX: f"{_SHIFTED} / ({_SHIFTED}.sum(dim=-1, keepdim=True) + {_SINKS}.exp())"},
        ),
        Mistake(
            "overflow",
            "exp of a large score is infinite, and inf / inf is NaN: take the largest of them from all of them first.",
            {_SOFTMAX: f"{_EXP} / ({_EXP}.sum(dim=-1, keepdim=True) + {_SINKS}.exp())"},
        ),
        Mistake(
            "not the largest",
            "What is taken from a row is not the largest of its scores and the sink: exp of those far above it is infinite. "
            "Its mean, its smallest or its first will not do.",
            *(
                {
                    _SOFTMAX: f"(scores - {taken}).exp() / "
                    f"((scores - {taken}).exp().sum(dim=-1, keepdim=True) + ({_SINKS} - {taken}).exp())"
                }
                for taken in (
                    "scores.mean(dim=-1, keepdim=True)",
                    "scores.amin(dim=-1, keepdim=True)",
                    "scores[:, :, :1]",
                    _SINKS,
                )
            ),
        ),
        Mistake(
            "one sink for all",
            "All heads have the first head's sink: sinks has one a head, sinks[:, None, None].",
            {_SINKS: "sinks[0]"},
        ),
        Mistake(
            "sink subtracted",
            "exp(sink) is taken from the denominator: add it, so that rows sum to less than 1.",
            {_SOFTMAX: f"{_EXP} / ({_EXP}.sum(dim=-1, keepdim=True) - {_SINKS}.exp())"},
        ),
    ),
    hints=(
        "A sink is the score of one more key, whose weight is not looked at.",
        "The sinks have one number a head: what shape must they have to stand beside (heads, queries, keys)?",
        "A softmax over keys and sink divides by the right sum, also in the thousands; then leave out what belongs to "
        "the sink.",
    ),
)

EXERCISES = (SOFTCAP, SINKS)
