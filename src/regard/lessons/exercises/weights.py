"""From queries, keys and values to weights and output."""

import random

import torch
from torch import Tensor, nn

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by

SCORES = Result("scores", ("queries", "keys"))
WEIGHTS = Result("weights", ("queries", "keys"))
OUTPUT_BY_HEAD = Result("output", ("heads", "queries", "value_dim"))
WEIGHTS_BY_HEAD = Result("weights", ("heads", "queries", "keys"))

NO_SCALE = "The scores are not scaled: they grow with dim, and softmax becomes one-hot. Divide them by √dim."
BY_DIM = "In all, the scores are divided by dim: that flattens the weights. Divide by its root, dim**0.5, once."
TIMES_ROOT = "The scores are multiplied by √dim, which makes large scores larger: divide by it."
OVER_QUERIES = "The softmax runs over the queries: each column sums to 1. Each query shares its weight among the keys, dim=-1."


def scaled_scores(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Query (queries, dim) and key (keys, dim) to scores (queries, keys)."""
    root: float = query.shape[-1] ** 0.5
    return query @ key.mT / root


def _tokens(rng: random.Random) -> tuple[Tensor, Tensor]:
    dim = rng.choice((1, 2, 3, 5, 8, 16))
    return drawn_by(rng, rng.randint(1, 5), dim), drawn_by(rng, rng.randint(1, 6), dim)


SCALE = Exercise(
    name="scale",
    text=(
        "Score every query against every key: the dot product, divided by the root of its length. The more numbers a dot "
        "product adds up, the larger it gets; the root takes that back (Vaswani et al. 2017, section 3.2.1)."
    ),
    formula="scores_ij = q_i · k_j / √dim",
    returns=(SCORES,),
    answer=scaled_scores,
    cases=(
        Case(
            "two queries, three keys",
            (
                torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 1.0]]),
                torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [1.0, 1.0, 1.0, 3.0]]),
            ),
        ),
        Case("as many queries as keys", (drawn(3, 7, seed=1), drawn(3, 7, seed=2))),
        Case("a dim of 2", (drawn(2, 2, seed=3), drawn(5, 2, seed=4))),
    ),
    draw=_tokens,
    mistakes=(
        Mistake("no scale", NO_SCALE, {" / root": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
        Mistake("scale multiplied", TIMES_ROOT, {"/ root": "* root"}),
        Mistake(
            "fourth root",
            "The scores are divided by ⁴√dim: that root is for query and key, each. Divide both by it, or the scores by √dim.",
            {"** 0.5": "** 0.25"},
        ),
        Mistake(
            "root of the length",
            "The root is that of the number of tokens: take the length of a query, query.shape[-1].",
            {"query.shape[-1]": "len(key)"},
            {"query.shape[-1]": "len(query)"},
        ),
        Mistake(
            "transposed",
            "Rows are keys and columns are queries: expected the queries first, query @ key.mT.",
            {"query @ key.mT": "key @ query.mT"},
        ),
        Mistake(
            "cosine",
            "The scores are divided by the lengths of query and key, which makes them cosines: a long key should count more. "
            "Divide by √dim only.",
            {"/ root": "/ query.norm(dim=-1)[:, None] / key.norm(dim=-1)"},
        ),
    ),
    hints=(
        "A dot product multiplies entry by entry and adds up. How many numbers does it add up here?",
        "A matrix product gives all dot products at once, if the keys stand in columns: which two axes of key change places?",
        "By hand: (1, 0, 2, 0) · (1, 1, 1, 3) = 3, and with a dim of 4 the score is 1.5. Which entry of the result is that?",
    ),
)


def softmax(scores: torch.Tensor) -> torch.Tensor:
    """Scores (queries, keys) to weights (queries, keys); each row sums to 1."""
    top = scores.amax(dim=-1, keepdim=True)
    powers = torch.exp(scores - top)
    return powers / powers.sum(dim=-1, keepdim=True)


def _rows(rng: random.Random) -> tuple[Tensor]:
    queries, keys = rng.randint(1, 4), rng.randint(1, 6)
    scores = drawn_by(rng, queries, keys) * rng.choice((1, 8, 1000))  # far apart within a row, too
    return (scores + drawn_by(rng, queries, 1) * rng.choice((0, 2000)),)


SOFTMAX = Exercise(
    name="softmax",
    text=(
        "Turn the scores of each query into weights that sum to 1, by hand: without torch.softmax, and without NaN where "
        "scores are in the thousands."
    ),
    formula="weights_ij = exp(scores_ij) / Σ_j exp(scores_ij)",
    returns=(WEIGHTS,),
    answer=softmax,
    without=("softmax", "softmin", "scaled_dot_product_attention"),
    cases=(
        Case("two queries, three keys", (torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.5, -1.0]]),)),
        Case("as many queries as keys", (drawn(3, 3, seed=5),)),
        Case("scores in the thousands", (torch.tensor([[2000.0, 2001.0, 1999.5], [2001.0, 1999.0, 2000.0]]),)),
        Case("a row with a wide range", (torch.tensor([[2000.0, 0.0, -2000.0], [-2000.0, 2000.0, 0.0]]),)),
        Case("rows far apart", (torch.tensor([[1.0, 0.0, 2.0], [-999.0, -1000.0, -1001.0], [2000.0, 1999.0, 1998.0]]),)),
    ),
    draw=_rows,
    mistakes=(
        Mistake(
            "overflow",
            "exp of a large score is infinite, and inf / inf is NaN. Take the largest score of the row from the row first: "
            "the weights stay the same.",
            {"scores - top": "scores"},
        ),
        Mistake(
            "not the largest",
            "What is taken from a row is not its largest score: exp of those far above it is infinite. Its mean, its smallest "
            "or its first will not do; take amax(dim=-1, keepdim=True).",
            {"scores.amax(dim=-1, keepdim=True)": "scores.mean(dim=-1, keepdim=True)"},
            {"scores.amax(dim=-1, keepdim=True)": "scores.amin(dim=-1, keepdim=True)"},
            {"scores.amax(dim=-1, keepdim=True)": "scores[:, :1]"},
            {"scores.amax(dim=-1, keepdim=True)": "scores[:, -1:]"},
            {"scores.amax(dim=-1, keepdim=True)": "scores.median(dim=-1, keepdim=True).values"},
        ),
        Mistake(
            "one top for all rows",
            "The largest of all scores is taken away from every row: where the rows are far apart, a low one becomes 0 / 0. "
            "Take from each row its own largest score, amax(dim=-1, keepdim=True).",
            {"scores.amax(dim=-1, keepdim=True)": "scores.amax()"},
        ),
        Mistake(
            "over queries",
            OVER_QUERIES,
            {"scores.amax(dim=-1": "scores.amax(dim=0", "powers.sum(dim=-1": "powers.sum(dim=0"},
            {"powers.sum(dim=-1": "powers.sum(dim=0"},
        ),
        Mistake(
            "over everything",
            "All weights together sum to 1: sum each row for itself, sum(dim=-1, keepdim=True).",
            {"scores.amax(dim=-1, keepdim=True)": "scores.amax()", "powers.sum(dim=-1, keepdim=True)": "powers.sum()"},
            {"powers.sum(dim=-1, keepdim=True)": "powers.sum()"},
        ),
        Mistake(
            "summed axis lost",
            "The sums lie along the wrong axis: without the summed axis they are broadcast over the columns. Keep it with "
            "keepdim=True.",
            {"powers.sum(dim=-1, keepdim=True)": "powers.sum(dim=-1)"},
            {
                "scores.amax(dim=-1, keepdim=True)": "scores.amax(dim=-1)",
                "powers.sum(dim=-1, keepdim=True)": "powers.sum(dim=-1)",
            },
        ),
        Mistake(
            "no exponential",
            "The scores themselves are divided by their sum: a negative score gives a negative weight. Take exp of them first.",
            {"torch.exp(scores - top)": "scores"},
        ),
        Mistake(
            "not divided",
            "The exponentials are not divided by their sum: each row should sum to 1.",
            {" / powers.sum(dim=-1, keepdim=True)": ""},
        ),
        Mistake(
            "logarithm",
            "These are the logarithms of the weights: log_softmax in place of softmax.",
            {
                "torch.exp(scores - top)": "scores - top",
                "powers / powers.sum(dim=-1, keepdim=True)": "powers - powers.logsumexp(dim=-1, keepdim=True)",
            },
        ),
        Mistake(
            "softmax twice",
            "The softmax is taken twice: the weights are nearly equal. Once is enough.",
            {
                "powers / powers.sum(dim=-1, keepdim=True)": "torch.softmax(torch.softmax(scores, dim=-1), dim=-1)",
            },
        ),
    ),
    hints=(
        "exp(a) / (exp(a) + exp(b)) does not change when you take the same number from a and from b.",
        "exp of a number up to 0 is never above 1. Which number, taken from a whole row, leaves none above 0?",
        "Largest, exponential, sum: two of the three run over the last axis, and keep it, so that rows fit each other again.",
    ),
)


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Several heads of attention: output (heads, queries, value_dim) and weights (heads, queries, keys).

    query is (heads, queries, dim), key (heads, keys, dim) and value (heads, keys, value_dim).
    """
    scores = query @ key.mT / query.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1)
    output = weights @ value
    return output, weights


def _heads(rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    heads, keys, dim = rng.randint(1, 3), rng.randint(1, 5), rng.choice((1, 2, 3, 5, 8))
    query = drawn_by(rng, heads, rng.randint(1, 4), dim)
    return query, drawn_by(rng, heads, keys, dim), drawn_by(rng, heads, keys, rng.randint(1, 4))


ATTENTION = Exercise(
    name="attention",
    text=(
        "Scores, weights, output: each query looks at all keys, and takes the mean of their values, weighted. Return the "
        "output and the weights (Vaswani et al. 2017, equation 1)."
    ),
    formula="output = softmax(q kᵀ / √dim) v",
    returns=(OUTPUT_BY_HEAD, WEIGHTS_BY_HEAD),
    answer=attention,
    cases=(
        Case(
            "one head, two queries, three keys",
            (
                torch.tensor([[[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 1.0]]]),
                torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [1.0, 1.0, 1.0, 3.0]]]),
                torch.tensor([[[1.0, 0.0], [2.0, 4.0], [3.0, -2.0]]]),
            ),
        ),
        Case("as many queries as keys", (drawn(2, 3, 3, seed=6), drawn(2, 3, 3, seed=7), drawn(2, 3, 3, seed=8))),
        Case("three heads", (drawn(3, 2, 5, seed=9), drawn(3, 4, 5, seed=10), drawn(3, 4, 2, seed=11))),
    ),
    draw=_heads,
    mistakes=(
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
        Mistake("scale multiplied", TIMES_ROOT, {"/ query.shape[-1] ** 0.5": "* query.shape[-1] ** 0.5"}),
        Mistake(
            "root of the length",
            "The root is that of another size: take the length of a query of one head, query.shape[-1].",
            {"query.shape[-1]": "value.shape[-1]"},
            {"query.shape[-1]": "key.shape[-2]"},
            {"query.shape[-1]": "query.shape[-2]"},
        ),
        Mistake(
            "root of all heads",
            "The root is that of all heads together: a dot product adds up the features of one head, query.shape[-1].",
            {"query.shape[-1]": "(query.shape[0] * query.shape[-1])"},
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=-2"}),
        Mistake(
            "over heads",
            "The softmax runs over the heads: the heads of one place sum to 1. Each head has weights of its own, dim=-1.",
            {"dim=-1": "dim=0"},
        ),
        Mistake(
            "scaled after softmax",
            "The weights are divided by √dim, and no longer sum to 1: divide the scores, before the softmax.",
            {" / query.shape[-1] ** 0.5": "", "dim=-1)": "dim=-1) / query.shape[-1] ** 0.5"},
        ),
        Mistake(
            "no softmax",
            "The scores are used as weights: send them through a softmax over the keys first.",
            {"torch.softmax(scores, dim=-1)": "scores"},
            {"weights @ value": "scores @ value"},
        ),
        Mistake(
            "keys look at queries",
            "Keys and queries have changed places: rows of the scores are queries, query @ key.mT.",
            {"query @ key.mT": "key @ query.mT"},
        ),
        Mistake(
            "transposed weights",
            "The weights are transposed before they meet the values: each query takes its own row, weights @ value.",
            {"weights @ value": "weights.mT @ value"},
        ),
        Mistake(
            "softmax twice",
            "The softmax is taken twice: the weights are nearly equal. Once is enough.",
            {"torch.softmax(scores, dim=-1)": "torch.softmax(torch.softmax(scores, dim=-1), dim=-1)"},
        ),
        Mistake("swapped", "The weights come first: return output, weights.", {"output, weights": "weights, output"}),
    ),
    hints=(
        "Three lines: scores, weights, output. The axis of the heads goes along by itself in a matrix product.",
        "Each query shares a weight of 1 among the keys: which axis of the scores must sum to 1?",
        "Shapes tell what meets what: (queries, dim) and (dim, keys), then (queries, keys) and (keys, value_dim).",
    ),
)


class FixedDropout(nn.Dropout):
    """Dropout that goes by the numbers, not by chance or by their places, so that answers of any style can be compared."""

    def forward(self, x: Tensor) -> Tensor:
        """Zero what has an odd first decimal, and make up for it."""
        kept = (x.abs() * 10).floor() % 2 == 0
        return x * kept / (1 - self.p) if self.training else x


def attention_in_training(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, drop: torch.nn.Module
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention with dropout: output (queries, value_dim), and weights (queries, keys) that sum to 1.

    query is (queries, dim), key (keys, dim), value (keys, value_dim); drop is a torch.nn.Dropout.
    """
    scores = query @ key.mT / query.shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1)
    output = drop(weights) @ value
    return output, weights


def _in_training(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, nn.Module]:
    """Weights that stay clear of where a rounding error would decide what is dropped."""
    while True:
        keys, dim = rng.randint(2, 5), rng.choice((1, 2, 3, 4))
        query, key, value = (
            drawn_by(rng, rng.randint(1, 4), dim),
            drawn_by(rng, keys, dim),
            drawn_by(rng, keys, rng.randint(1, 4)),
        )
        tenths = 10 * attention_in_training(query, key, value, nn.Identity())[1]
        if bool(((tenths - tenths.round()).abs() > 0.01).all()):
            return query, key, value, FixedDropout()


DROPOUT = Exercise(
    name="dropout",
    text=(
        "In training some weights are dropped and the others made larger, before they meet the values. Return the output of "
        "that, and the weights that one may look at: from before the dropout, where each row still sums to 1. "
        "drop(x) is a dropout layer. The one that checks your answer is not random: it drops the numbers whose first decimal "
        "is odd, so give it the weights themselves; with F.dropout others are dropped each time."
    ),
    formula="weights = softmax(q kᵀ / √dim),  output = drop(weights) v",
    returns=(Result("output", ("queries", "value_dim")), WEIGHTS),
    answer=attention_in_training,
    cases=(
        Case("two queries, three keys", (drawn(2, 4, seed=26), drawn(3, 4, seed=27), drawn(3, 2, seed=28), FixedDropout())),
        Case("as many queries as keys", (drawn(4, 2, seed=32), drawn(4, 2, seed=33), drawn(4, 4, seed=34), FixedDropout())),
    ),
    draw=_in_training,
    mistakes=(
        Mistake(
            "weights after dropout",
            "The weights are those after dropout: rows do not sum to 1, and single weights may exceed it. Drop a copy for the "
            "output, and return the weights from before.",
            {"dim=-1)": "dim=-1)\n    weights = drop(weights)", "drop(weights) @ value": "weights @ value"},
        ),
        Mistake(
            "no dropout",
            "Nothing is dropped: the output is made of drop(weights).",
            {"drop(weights) @ value": "weights @ value"},
        ),
        Mistake(
            "scores dropped",
            "The scores are dropped: a score of 0 still gets weight. Drop weights, after the softmax.",
            {"torch.softmax(scores": "torch.softmax(drop(scores)", "drop(weights)": "weights"},
            {"query @ key.mT": "drop(query @ key.mT)", "drop(weights)": "weights"},
        ),
        Mistake(
            "output dropped",
            "The output is dropped, not the weights: drop(weights) @ value.",
            {"drop(weights) @ value": "drop(weights @ value)"},
        ),
        Mistake(
            "values dropped",
            "The values are dropped, and thus the same for all queries: drop(weights) @ value.",
            {"drop(weights) @ value": "weights @ drop(value)"},
        ),
        Mistake(
            "divided again",
            "The dropped weights are made to sum to 1 again: dropout has made up for what it took, on average. Use them as "
            "they are.",
            {"drop(weights) @ value": "drop(weights) / drop(weights).sum(dim=-1, keepdim=True) @ value"},
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
    ),
    hints=(
        "Two things come of the weights: what is returned, and what meets the values.",
        "Where in softmax(q kᵀ / √dim) v does the formula put the dropout: at the scores, the weights, the values or "
        "the output?",
        "The layer gives new numbers and leaves the old ones alone: you can have both, under two names.",
    ),
)

EXERCISES = (SCALE, SOFTMAX, ATTENTION, DROPOUT)
