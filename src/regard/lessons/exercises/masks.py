"""Who may look at whom: the past, a window of it."""

import random
import re

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, drawn, drawn_by
from regard.lessons.exercises.weights import OVER_QUERIES, WEIGHTS

AFTER_SOFTMAX = (
    "The mask comes after the softmax: hidden keys have taken their share, and rows no longer sum to 1. Put −inf into the "
    "scores, before the softmax."
)
TIMES_ZERO = (
    "Hidden scores are 0, and exp(0) = 1 is a weight like others. Put −inf there: scores.masked_fill(hidden, -torch.inf)."
)
INVERTED = (
    "The mask is inverted: what should be seen is hidden. In a boolean mask here True means visible; fill where it is False."
)
ZERO_TIMES_INFINITY = "0 times −inf is NaN: a mask of 0 and 1 cannot be multiplied with −inf. Use masked_fill or torch.where."
NO_MASK = "Nothing is hidden: put −inf into the scores of hidden keys, before the softmax."
TOO_SMALL = (
    "The number that stands for −∞ is too small: hidden keys get weight where scores are as low as it. Fill with -torch.inf "
    "(and give 0 to rows where everything is hidden)."
)
ZERO_IS_HIDDEN = (
    "A score that happens to be 0 is taken for a hidden one: fill by the mask, not by where the scores are 0 after "
    "multiplying with it."
)
TEN_THOUSAND = (
    "−10000 is not −∞: where scores are larger, hidden keys get weight. Fill with -torch.inf (and give 0 to rows where "
    "everything is hidden)."
)


def causal_weights(scores: torch.Tensor) -> torch.Tensor:
    """Scores (queries, keys) to weights (queries, keys); there are at least as many keys as queries."""
    queries, keys = scores.shape
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return torch.softmax(scores.masked_fill(~visible, -torch.inf), dim=-1)


_CAUSAL = "scores.masked_fill(~visible, -torch.inf)"
_ROWS_OF_NOTHING: tuple[dict[str, str], ...] = (
    {},
    {"dim=-1)": "dim=-1).nan_to_num(0.0)"},
    {"-torch.inf": "-1e9"},
    {_CAUSAL: "scores + (~visible) * -1e9"},
)


def _causal(rng: random.Random) -> tuple[Tensor]:
    queries = rng.randint(1, 4)
    scores = drawn_by(rng, queries, queries + rng.randint(0, 3)) * rng.choice((1, 1, 200, 2000, 15000))
    return (scores + rng.choice((0, 0, -100, -10000)),)


CAUSAL = Exercise(
    name="causal mask",
    text=(
        "A query may look at itself and back, never forward. With fewer queries than keys the queries are the last ones: "
        "earlier keys come from a cache, and the last query sees every key. Hide the future and turn scores into weights. "
        "Scores may be in the thousands."
    ),
    formula="weights_ij = softmax_j(scores_ij, −∞ where j > i + keys − queries)",
    returns=(WEIGHTS,),
    answer=causal_weights,
    cases=(
        Case("as many queries as keys", (torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]]),)),
        Case("two queries, four keys", (torch.tensor([[0.0, 1.0, -0.5, 2.0], [-0.5, 0.5, 0.0, -0.5]]),)),
        Case("scores of −20000", (torch.tensor([[-20000.0, -20001.0, 1.0], [-20001.0, -20000.0, -20002.0]]),)),
        Case("hidden scores far above the others", (torch.tensor([[1.0, 5000.0, 300.0], [0.0, 2.0, 98.0], [0.0, 1.0, 0.5]]),)),
        Case("three queries, five keys", (drawn(3, 5, seed=4),)),
    ),
    draw=_causal,
    mistakes=(
        Mistake(
            "top left",
            "The mask starts at the top left. The last query sees every key, also with fewer queries than keys: shift the "
            "diagonal by keys − queries, as in tril(keys - queries).",
            {"tril(keys - queries)": "tril()"},
        ),
        Mistake(
            "own token hidden",
            "The query does not see its own token: hide what comes after it, so that the diagonal stays visible.",
            {"keys - queries)": "keys - queries - 1)"},
            {"keys - queries)": "keys - queries - 1)", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"keys - queries)": "keys - queries - 1)", "-torch.inf": "-1e9"},
        ),
        Mistake(
            "one ahead",
            "The query sees one token too many, the next one: that is the one it should predict. The diagonal is the last "
            "that is visible.",
            {"keys - queries)": "keys - queries + 1)"},
        ),
        Mistake(
            "inverted",
            "The mask is inverted: queries see the future and not the past. Hide where the key comes after the query.",
            {"~visible": "visible"},
            {"~visible": "visible", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"~visible": "visible", "-torch.inf": "-1e9"},
            {".tril(": ".triu("},
        ),
        Mistake("no mask", NO_MASK, {_CAUSAL: "scores"}),
        Mistake(
            "mask after softmax",
            AFTER_SOFTMAX,
            {f"torch.softmax({_CAUSAL}, dim=-1)": "torch.softmax(scores, dim=-1) * visible"},
        ),
        Mistake("times zero", TIMES_ZERO, {_CAUSAL: "scores * visible"}),
        Mistake("zero times infinity", ZERO_TIMES_INFINITY, {_CAUSAL: "scores + (~visible) * -float('inf')"}),
        Mistake(
            "shifted the other way",
            "The diagonal is shifted the other way: there are keys − queries keys before the first query, a number above 0.",
            {"keys - queries)": "queries - keys)"},
            {"keys - queries)": "queries - keys)", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"keys - queries)": "queries - keys)", "-torch.inf": "-1e9"},
        ),
        Mistake("−10000", TEN_THOUSAND, {"-torch.inf": "-1e4"}, {_CAUSAL: "scores + (~visible) * -1e4"}),
        Mistake(
            "too small a number",
            TOO_SMALL,
            *({"-torch.inf": number} for number in ("-50.0", "-100.0", "-1000.0")),
            *({_CAUSAL: f"scores + (~visible) * {number}"} for number in ("-50.0", "-100.0", "-1000.0")),
        ),
        Mistake(
            "score of 0 hidden",
            ZERO_IS_HIDDEN,
            {_CAUSAL: "(scores * visible).masked_fill(scores * visible == 0, -torch.inf)"},
            {
                _CAUSAL: "(scores * visible).masked_fill(scores * visible == 0, -torch.inf)",
                "dim=-1)": "dim=-1).nan_to_num(0.0)",
            },
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=0"}),
    ),
    together=(
        *((("top left", "own token hidden"), {"tril(keys - queries)": "tril(-1)"} | rest) for rest in _ROWS_OF_NOTHING),
        (("top left", "one ahead"), {"tril(keys - queries)": "tril(1)"}),
        *(
            (("top left", "inverted"), {"tril(keys - queries)": "tril()", "~visible": "visible"} | rest)
            for rest in _ROWS_OF_NOTHING
        ),
    ),
    hints=(
        "Query i stands at position i + keys − queries. Which keys stand after it?",
        "A matrix of True below and on a diagonal, False above it: torch has a function for that, and the diagonal "
        "can be shifted.",
        "By hand, two queries and four keys: the first sees three, the second all four. Try your mask alone, before "
        "the softmax.",
    ),
)


def window_weights(scores: torch.Tensor, width: int) -> torch.Tensor:
    """Scores (queries, keys) to weights (queries, keys); each query sees `width` keys, its own and those before it."""
    queries, keys = scores.shape
    own = torch.arange(queries)[:, None] + keys - queries
    key = torch.arange(keys)
    visible = (key <= own) & (own - key < width)
    return torch.softmax(scores.masked_fill(~visible, -torch.inf), dim=-1)


_BOTH, _HIDE = "(key <= own) & (own - key < width)", "scores.masked_fill(~visible, -torch.inf)"


def _windowed(rng: random.Random) -> tuple[Tensor, int]:
    queries = rng.randint(1, 5)
    keys = queries + rng.randint(0, 3)
    return drawn_by(rng, queries, keys), rng.randint(1, keys + 1)


WINDOW = Exercise(
    name="window",
    text=(
        "Let each query see the last `width` keys, its own included, as in Mistral's sliding window. The queries are the last "
        "ones of the keys, as for the causal mask."
    ),
    formula="weights_ij = softmax_j(scores_ij, −∞ unless 0 ≤ p − j < width), with p = i + keys − queries",
    returns=(WEIGHTS,),
    answer=window_weights,
    cases=(
        Case(
            "four tokens, a window of 2",
            (torch.tensor([[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 2.0], [0.5, 0.0, 1.0, 0.0], [0.0, 1.0, 0.5, 1.0]]), 2),
        ),
        Case("two queries, five keys, a window of 3", (drawn(2, 5, seed=5), 3)),
        Case("six tokens, a window of 3", (drawn(6, 6, seed=6), 3)),
        Case("a window wider than the text", (drawn(3, 3, seed=7), 7)),
    ),
    draw=_windowed,
    mistakes=(
        Mistake(
            "one too many",
            "The window is one key too wide: width counts the query's own key, so the distance is at most width − 1.",
            {"own - key < width": "own - key <= width"},
        ),
        Mistake(
            "one too few",
            "The window is one key too narrow: width keys are visible, the query's own included.",
            {"own - key < width": "own - key < width - 1"},
        ),
        Mistake(
            "own token hidden",
            "The query does not see its own key: it is the last one of its window.",
            {"key <= own": "key < own"},
            {"key <= own": "key < own", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"key <= own": "key < own", "-torch.inf": "-1e9"},
            {"key <= own": "key < own", "own - key < width": "own - key <= width"},
            {
                "key <= own": "key < own",
                "own - key < width": "own - key <= width",
                "dim=-1)": "dim=-1).nan_to_num(0.0)",
            },
            {"key <= own": "key < own", "own - key < width": "own - key <= width", "-torch.inf": "-1e9"},
        ),
        Mistake(
            "future seen",
            "The window is open to the future: hide the keys after the query as well, key <= own.",
            {_BOTH: "(own - key).abs() < width"},
            {_BOTH: "own - key < width"},
        ),
        Mistake(
            "or for and",
            "The two conditions are joined by or, and together they hide nothing: a key must be both not after the query and "
            "near enough, &.",
            {_BOTH: "(key <= own) | (own - key < width)"},
            source=lambda source: "|" in source or re.search(r"\bor\b", source) is not None,
        ),
        Mistake(
            "centred",
            "The window has the query in its middle: it should be the last of its window.",
            {_BOTH: "(own - key).abs() <= width // 2"},
        ),
        Mistake(
            "looks ahead",
            "The window looks ahead: it should look back from the query.",
            {_BOTH: "(key >= own) & (key - own < width)"},
        ),
        Mistake(
            "no window",
            "Only the future is hidden: hide the keys that are width or more before the query as well.",
            {" & (own - key < width)": ""},
        ),
        Mistake(
            "top left",
            "Positions are counted from the top left: query i stands at i + keys − queries, so that the last one sees the last "
            "key.",
            {" + keys - queries": ""},
        ),
        Mistake(
            "inverted",
            "The mask is inverted: queries see what is outside of their window.",
            {"~visible": "visible"},
            {"~visible": "visible", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"~visible": "visible", "-torch.inf": "-1e9"},
        ),
        Mistake(
            "mask after softmax",
            AFTER_SOFTMAX,
            {f"torch.softmax({_HIDE}, dim=-1)": "torch.softmax(scores, dim=-1) * visible"},
        ),
        Mistake("times zero", TIMES_ZERO, {_HIDE: "scores * visible"}),
    ),
    hints=(
        "Two conditions: the key is not after the query, and it is not too far before it.",
        "Write the distance from query to key as a matrix: positions of the queries in a column, less those of the "
        "keys in a row.",
        "By hand, a window of 2 over four tokens: the last query sees keys 2 and 3. Between which numbers do their "
        "distances lie?",
    ),
)

EXERCISES = (CAUSAL, WINDOW)
