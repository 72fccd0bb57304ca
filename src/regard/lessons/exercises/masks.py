"""Who may look at whom: padding, the future, a window."""

import torch

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn
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
TEN_THOUSAND = (
    "−10000 is not −∞: where scores are larger, hidden keys get weight. Fill with -torch.inf (and give 0 to rows where "
    "everything is hidden)."
)


def padding_weights(scores: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Scores (batch, queries, keys) and keep (batch, keys), True for a token, to weights (batch, queries, keys)."""
    visible = keep[:, None, :]
    scores = scores.masked_fill(~visible, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights.masked_fill(~visible, 0.0)


_FILL, _ZERO = "scores.masked_fill(~visible, -torch.inf)", "weights.masked_fill(~visible, 0.0)"

PADDING = Exercise(
    name="padding mask",
    text=(
        "Sentences in a batch are padded to one length. Hide the padding from every query of its sentence, and turn scores "
        "into weights. A sentence of nothing but padding gets weights of 0, not NaN."
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
        Mistake("times zero", TIMES_ZERO, {_FILL: "scores * visible", _ZERO: "weights"}, {_FILL: "scores * visible"}),
        Mistake("mask after softmax", AFTER_SOFTMAX, {_FILL: "scores"}),
        Mistake("no mask", NO_MASK, {_FILL: "scores", _ZERO: "weights"}),
        Mistake(
            "zero times infinity",
            ZERO_TIMES_INFINITY,
            {_FILL: "scores + (~visible) * -torch.inf", _ZERO: "weights"},
            {_FILL: "scores + (~visible) * -torch.inf", _ZERO: "weights.nan_to_num(0.0)"},
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
            "one mask for all",
            "Every sentence is given the padding of the first: keep has one row a sentence, keep[:, None, :].",
            {"keep[:, None, :]": "keep[:1, None, :]"},
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=-2"}),
    ),
    hints=(
        "keep has one entry a key; the scores have an axis of queries between batch and keys.",
        "Fill with -torch.inf where keep[:, None, :] is False. What is softmax of a row of -inf, and what should it be?",
    ),
)


def causal_weights(scores: torch.Tensor) -> torch.Tensor:
    """Scores (queries, keys) to weights (queries, keys); there are at least as many keys as queries."""
    queries, keys = scores.shape
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return torch.softmax(scores.masked_fill(~visible, -torch.inf), dim=-1)


_CAUSAL = "scores.masked_fill(~visible, -torch.inf)"

CAUSAL = Exercise(
    name="causal mask",
    text=(
        "A query may look at itself and back, never forward. With fewer queries than keys the queries are the last ones: "
        "earlier keys come from a cache, and the last query sees every key. Hide the future and turn scores into weights."
    ),
    formula="weights_ij = softmax_j(scores_ij, −∞ where j > i + keys − queries)",
    returns=(WEIGHTS,),
    answer=causal_weights,
    cases=(
        Case("as many queries as keys", (torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]]),)),
        Case("two queries, four keys", (torch.tensor([[0.0, 1.0, -0.5, 2.0], [-0.5, 0.5, 0.0, -0.5]]),)),
        Case("scores of −20000", (torch.tensor([[-20000.0, -20001.0, 1.0], [-20001.0, -20000.0, -20002.0]]),)),
        Case("three queries, five keys", (drawn(3, 5, seed=4),)),
    ),
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
        Mistake("zero times infinity", ZERO_TIMES_INFINITY, {_CAUSAL: "scores + (~visible) * -torch.inf"}),
        Mistake(
            "shifted the other way",
            "The diagonal is shifted the other way: there are keys − queries keys before the first query, a number above 0.",
            {"keys - queries)": "queries - keys)"},
            {"keys - queries)": "queries - keys)", "dim=-1)": "dim=-1).nan_to_num(0.0)"},
            {"keys - queries)": "queries - keys)", "-torch.inf": "-1e9"},
        ),
        Mistake("−10000", TEN_THOUSAND, {"-torch.inf": "-1e4"}),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=0"}),
    ),
    hints=(
        "Query i stands at position i + keys − queries. Which keys stand after it?",
        "torch.ones(queries, keys, dtype=torch.bool).tril(shift) is True up to a diagonal. Which shift lets the last query see "
        "every key?",
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
        "With own = torch.arange(queries)[:, None] + keys - queries, the distance is own - torch.arange(keys). From which "
        "number to which may it go?",
    ),
)

EXERCISES = (PADDING, CAUSAL, WINDOW)
