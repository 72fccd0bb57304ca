"""Several heads: cut, put together, and sharing their keys."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import BY_DIM, NO_SCALE, OUTPUT_BY_HEAD, OVER_QUERIES


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """Features x (batch, positions, features) to (batch, heads, positions, features // heads)."""
    batch, positions, features = x.shape
    x = x.reshape(batch, positions, heads, features // heads)
    return x.transpose(1, 2)


_CUT = "x.reshape(batch, positions, heads, features // heads)"


def _features(rng: random.Random) -> tuple[Tensor, int]:
    heads = rng.randint(1, 4)
    return drawn_by(rng, rng.randint(1, 3), rng.randint(1, 4), heads * rng.randint(1, 4)), heads


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
    draw=_features,
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
        "After that the heads stand behind the positions; the result has them before.",
        "By hand: in 0 1 2 3 | 4 5 6 7 | 8 9 10 11 the first of two heads has 0 1, 4 5 and 8 9.",
    ),
)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """Heads x (batch, heads, positions, dim) to (batch, positions, heads · dim)."""
    batch, heads, positions, dim = x.shape
    x = x.transpose(1, 2)
    return x.reshape(batch, positions, heads * dim)


_JOIN = "x.reshape(batch, positions, heads * dim)"


def _cut_into_heads(rng: random.Random) -> tuple[Tensor]:
    return (drawn_by(rng, *(rng.randint(1, 4) for _ in range(4))),)


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
    draw=_cut_into_heads,
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
        "A reshape joins axes that are next to each other. Which two have to be neighbours, and in which order?",
        "By hand: position 0 has the features of head 0 at position 0, then those of head 1 at position 0.",
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


def _groups(rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    shared, keys, dim = rng.randint(1, 3), rng.randint(1, 5), rng.choice((1, 2, 3, 5))
    query = drawn_by(rng, shared * rng.randint(1, 4), rng.randint(1, 4), dim)
    return query, drawn_by(rng, shared, keys, dim), drawn_by(rng, shared, keys, rng.randint(1, 4))


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
    draw=_groups,
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
        "How many query heads share one key head? Give each of them its own, and it is ordinary attention.",
        "Two ways to repeat 0 1: as 0 1 0 1, and as 0 0 1 1. Which is ⌊h / group⌋?",
        "torch has a function for each of the two; it is given the axis, and values are repeated like keys.",
    ),
)

EXERCISES = (SPLIT, MERGE, GROUPED)
