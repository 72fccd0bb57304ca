"""Several heads: cut, put together, and sharing their keys."""

import torch

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn
from regard.lessons.exercises.weights import BY_DIM, NO_SCALE, OUTPUT_BY_HEAD, OVER_QUERIES


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """Features x (batch, positions, features) to (batch, heads, positions, features // heads)."""
    batch, positions, features = x.shape
    x = x.reshape(batch, positions, heads, features // heads)
    return x.transpose(1, 2)


_CUT = "x.reshape(batch, positions, heads, features // heads)"

SPLIT = Exercise(
    name="split heads",
    text=(
        "Cut the features of each position into heads: the first head gets the first features, and so on. Each head then has "
        "all positions, and a slice of the features."
    ),
    formula="y_bhpd = x_bpf, with f = h · (features / heads) + d",
    returns=(Result("heads", ("batch", "heads", "positions", "dim")),),
    answer=split_heads,
    cases=(
        Case("three positions, two heads", (torch.arange(12.0).reshape(1, 3, 4), 2)),
        Case("as many heads as positions", (torch.arange(12.0).reshape(1, 2, 6), 2)),
        Case("two sentences, three heads", (drawn(2, 5, 6, seed=1), 3)),
        Case("as many heads as features in each, and as positions", (drawn(2, 2, 4, seed=2), 2)),
    ),
    mistakes=(
        Mistake(
            "reshape without transpose",
            "Reshaping straight to (batch, heads, positions, dim) cuts the text into heads, not the features: a head gets all "
            "features of some positions. Reshape to (batch, positions, heads, dim), then transpose(1, 2).",
            {_CUT: "x.reshape(batch, heads, positions, features // heads)", "x.transpose(1, 2)": "x"},
        ),
        Mistake(
            "no transpose",
            "The features are cut, but the heads come after the positions: transpose(1, 2) is missing.",
            {"x.transpose(1, 2)": "x"},
        ),
        Mistake(
            "interleaved",
            "Neighbouring features go to different heads: a head takes a run of features, so heads come before dim in the "
            "reshape.",
            {_CUT: "x.reshape(batch, positions, features // heads, heads)", "x.transpose(1, 2)": "x.permute(0, 3, 1, 2)"},
        ),
        Mistake(
            "heads and dim swapped",
            "The reshape has dim and heads in each other's place: it is (batch, positions, heads, features // heads).",
            {_CUT: "x.reshape(batch, positions, features // heads, heads)"},
        ),
        Mistake(
            "positions last",
            "The positions come last: expected (batch, heads, positions, dim), which transpose(1, 2) gives.",
            {"x.transpose(1, 2)": "x.permute(0, 2, 3, 1)"},
        ),
        Mistake(
            "heads first",
            "The heads come before the batch: expected (batch, heads, positions, dim).",
            {"x.transpose(1, 2)": "x.permute(2, 0, 1, 3)"},
        ),
    ),
    hints=(
        "A reshape never moves a number in memory. Which axis can it cut in two without mixing positions?",
        "Reshape to (batch, positions, heads, dim) first; then two axes have to change places.",
    ),
)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """Heads x (batch, heads, positions, dim) to (batch, positions, heads · dim)."""
    batch, heads, positions, dim = x.shape
    x = x.transpose(1, 2)
    return x.reshape(batch, positions, heads * dim)


_JOIN = "x.reshape(batch, positions, heads * dim)"

MERGE = Exercise(
    name="merge heads",
    text="Put the heads together again: the features of a position are those of its first head, then of its second, and so on.",
    formula="y_bpf = x_bhpd, with f = h · dim + d",
    returns=(Result("merged", ("batch", "positions", "features")),),
    answer=merge_heads,
    cases=(
        Case("two heads, three positions", (torch.arange(12.0).reshape(1, 2, 3, 2),)),
        Case("as many heads as positions", (torch.arange(12.0).reshape(1, 2, 2, 3),)),
        Case("two sentences, three heads", (drawn(2, 3, 5, 2, seed=3),)),
    ),
    mistakes=(
        Mistake(
            "reshape without transpose",
            "Reshaping straight away mixes positions: a row gets one head's features of several positions. transpose(1, 2) "
            "first.",
            {"x.transpose(1, 2)": "x"},
        ),
        Mistake(
            "interleaved",
            "The heads take turns within the features: head by head is expected, (batch, positions, heads, dim) before the "
            "reshape.",
            {"x.transpose(1, 2)": "x.permute(0, 2, 3, 1)"},
        ),
        Mistake(
            "wrong axes transposed",
            "Positions and dim have changed places: the axes to be swapped are heads and positions, transpose(1, 2).",
            {"x.transpose(1, 2)": "x.transpose(2, 3)"},
        ),
        Mistake(
            "summed",
            "The heads are summed or averaged: they are put side by side, so that the output projection can tell them apart.",
            {_JOIN: "x.mean(dim=2)"},
            {_JOIN: "x.sum(dim=2)"},
        ),
        Mistake(
            "heads reversed",
            "The last head comes first: the features of head 0 are the first.",
            {"x.transpose(1, 2)": "x.flip(1).transpose(1, 2)"},
        ),
    ),
    hints=(
        "It is the way back from splitting: the steps in reverse order.",
        "transpose(1, 2) brings heads next to dim; then the two can become one axis.",
    ),
)


def grouped_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Attention whose query heads share key heads: output (heads, queries, value_dim).

    query is (heads, queries, dim), key (kv_heads, keys, dim) and value (kv_heads, keys, value_dim).
    """
    group = query.shape[0] // key.shape[0]
    shared_key = key.repeat_interleave(group, dim=0)
    shared_value = value.repeat_interleave(group, dim=0)
    scores = query @ shared_key.mT / query.shape[-1] ** 0.5
    return torch.softmax(scores, dim=-1) @ shared_value


_KEY, _VALUE = "key.repeat_interleave(group, dim=0)", "value.repeat_interleave(group, dim=0)"
_OUTPUT = "torch.softmax(scores, dim=-1) @ shared_value"

GROUPED = Exercise(
    name="grouped heads",
    text=(
        "Neighbouring query heads share one head of keys and values, which makes the cache smaller (Ainslie et al. 2023). With "
        "four query heads and two key heads, query heads 0 and 1 read key head 0, and 2 and 3 read key head 1."
    ),
    formula="output_h = softmax(q_h k_gᵀ / √dim) v_g, with g = ⌊h / group⌋ and group = heads / kv_heads",
    returns=(OUTPUT_BY_HEAD,),
    answer=grouped_attention,
    cases=(
        Case("four heads share two", (drawn(4, 2, 2, seed=4), drawn(2, 3, 2, seed=5), drawn(2, 3, 2, seed=6))),
        Case("six heads share two", (drawn(6, 3, 4, seed=7), drawn(2, 3, 4, seed=8), drawn(2, 3, 5, seed=9))),
        Case("all heads share one", (drawn(3, 2, 4, seed=10), drawn(1, 4, 4, seed=11), drawn(1, 4, 3, seed=12))),
        Case("each has its own", (drawn(2, 2, 3, seed=13), drawn(2, 4, 3, seed=14), drawn(2, 4, 2, seed=15))),
    ),
    mistakes=(
        Mistake(
            "tiled",
            "The key heads are tiled: query head h reads key head h % kv_heads. Neighbours share, h // group: use "
            "repeat_interleave, not repeat.",
            {_KEY: "key.repeat(group, 1, 1)", _VALUE: "value.repeat(group, 1, 1)"},
        ),
        Mistake(
            "keys tiled",
            "The keys are tiled while the values are repeated: a head's weights meet another head's values. Use "
            "repeat_interleave for both.",
            {_KEY: "key.repeat(group, 1, 1)"},
        ),
        Mistake(
            "values tiled",
            "The values are tiled while the keys are repeated: a head's weights meet another head's values. Use "
            "repeat_interleave for both.",
            {_VALUE: "value.repeat(group, 1, 1)"},
        ),
        Mistake(
            "first head for all",
            "All query heads read the first key head: head h reads h // group.",
            {_KEY: "key[:1]", _VALUE: "value[:1]"},
        ),
        Mistake(
            "averaged",
            "Keys and values are averaged over their heads: each group reads a head of its own.",
            {_KEY: "key.mean(dim=0)", _VALUE: "value.mean(dim=0)"},
        ),
        Mistake(
            "heads out of order",
            "The output's heads are out of order: those of one group belong next to each other, so heads are (kv_heads, group) "
            "and not (group, kv_heads).",
            {_OUTPUT: f"({_OUTPUT}).unflatten(0, (-1, group)).transpose(0, 1).flatten(0, 1)"},
        ),
        Mistake("no scale", NO_SCALE, {" / query.shape[-1] ** 0.5": ""}),
        Mistake("scaled by dim", BY_DIM, {"query.shape[-1] ** 0.5": "query.shape[-1]"}),
        Mistake("over queries", OVER_QUERIES, {"dim=-1)": "dim=-2)"}),
    ),
    hints=(
        "Give every query head a key head of its own by repeating; which order of repeats puts 0, 0, 1, 1?",
        "key.repeat_interleave(group, dim=0), and the same for the values; then it is ordinary attention.",
    ),
)

EXERCISES = (SPLIT, MERGE, GROUPED)
