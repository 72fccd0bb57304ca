"""Attention inside a model: a layer with several heads, and a block of a decoder around it."""

import random

import torch
from torch import Tensor, nn

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by
from regard.lessons.exercises.weights import NO_SCALE, OVER_QUERIES

OUTPUT = Result("output", ("positions", "features"))


def multi_head_attention(
    x: torch.Tensor,
    memory: torch.Tensor,
    query_weight: torch.Tensor,
    key_weight: torch.Tensor,
    value_weight: torch.Tensor,
    output_weight: torch.Tensor,
    heads: int,
) -> torch.Tensor:
    """Positions x (positions, features) that look at memory (keys, features): output (positions, features).

    The weights are (features, features), laid out as in torch.nn.Linear: (out, in).
    """
    dim = x.shape[1] // heads
    query = (x @ query_weight.mT).reshape(-1, heads, dim).transpose(0, 1)
    key = (memory @ key_weight.mT).reshape(-1, heads, dim).transpose(0, 1)
    value = (memory @ value_weight.mT).reshape(-1, heads, dim).transpose(0, 1)
    weights = torch.softmax(query @ key.mT / dim**0.5, dim=-1)
    merged = (weights @ value).transpose(0, 1).reshape(len(x), heads * dim)
    return merged @ output_weight.mT


_CUT = ".reshape(-1, heads, dim).transpose(0, 1)"
_QUERY, _KEY, _VALUE = "(x @ query_weight.mT)", "(memory @ key_weight.mT)", "(memory @ value_weight.mT)"


def _layer(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, int]:
    heads, dim = rng.randint(1, 3), rng.randint(1, 4)
    features = heads * dim
    x, memory = drawn_by(rng, rng.randint(1, 5), features), drawn_by(rng, rng.randint(1, 5), features)
    query, key, value, output = (drawn_by(rng, features, features) for _ in range(4))
    return x, memory, query, key, value, output, heads


def _with_weights(positions: int, keys: int, features: int, heads: int, seed: int) -> tuple[Tensor | int, ...]:
    sides = drawn(positions, features, seed=seed), drawn(keys, features, seed=seed + 1)
    return *sides, *(drawn(features, features, seed=seed + 2 + number) for number in range(4)), heads


MULTI_HEAD = Exercise(
    name="multi head attention",
    text=(
        "A whole layer: project, cut into heads, attend in each, put the heads together, project once more (Vaswani et al. "
        "2017, section 3.2.2). The queries come from x, keys and values from memory; where both are the same, it is "
        "self-attention."
    ),
    formula=(
        "q_h, k_h, v_h = head h of x W_Qᵀ, memory W_Kᵀ, memory W_Vᵀ\n"
        "output = [softmax(q_1 k_1ᵀ / √dim) v_1; …] W_Oᵀ,  dim = features / heads"
    ),
    returns=(OUTPUT,),
    answer=multi_head_attention,
    cases=(
        Case("two positions, three keys, two heads", _with_weights(2, 3, 4, 2, seed=60)),
        Case("as many keys as positions, three heads", _with_weights(4, 4, 6, 3, seed=70)),
        Case("as many keys as positions, as many heads as features in each", _with_weights(3, 3, 4, 2, seed=80)),
        Case("one head", _with_weights(3, 2, 3, 1, seed=90)),
    ),
    draw=_layer,
    mistakes=(
        Mistake(
            "weights not transposed",
            "The projections are x W: weights of torch.nn.Linear are (out, in), and the layer computes x Wᵀ, x @ weight.mT.",
            {f"{name}_weight.mT": f"{name}_weight" for name in ("query", "key", "value", "output")},
        ),
        Mistake(
            "no output projection",
            "The heads are put together and returned: W_O, which mixes them, is missing.",
            {"merged @ output_weight.mT": "merged"},
        ),
        Mistake(
            "keys and values from x",
            "Keys and values are projections of x: they come from memory, and only queries from x.",
            {_KEY: "(x @ key_weight.mT)", _VALUE: "(x @ value_weight.mT)"},
        ),
        Mistake(
            "keys from x",
            "The keys are projections of x: they come from memory, as the values do.",
            {_KEY: "(x @ key_weight.mT)"},
        ),
        Mistake(
            "scaled by all features",
            "The scores are divided by the root of all features: a head's dot product adds up dim = features / heads of them.",
            {"dim**0.5": "x.shape[1] ** 0.5"},
        ),
        Mistake("no scale", NO_SCALE, {" / dim**0.5": ""}),
        Mistake(
            "reshape without transpose",
            "Reshaping straight to (heads, positions, dim) cuts the text into heads, not the features. Reshape to (positions, "
            "heads, dim), then transpose.",
            {f"{one}{_CUT}": f"{one}.reshape(heads, -1, dim)" for one in (_QUERY, _KEY, _VALUE)},
        ),
        Mistake(
            "merged without transpose",
            "The heads are reshaped straight to (positions, features): a row gets one head's features of several positions. "
            "transpose(0, 1) first.",
            {"(weights @ value).transpose(0, 1)": "(weights @ value)"},
        ),
        Mistake(
            "one head",
            "All features are one head: cut them, so that each head has weights of its own.",
            {
                f"{_QUERY}{_CUT}": f"{_QUERY}[None]",
                f"{_KEY}{_CUT}": f"{_KEY}[None]",
                f"{_VALUE}{_CUT}": f"{_VALUE}[None]",
                "dim**0.5": "x.shape[1] ** 0.5",
            },
        ),
        Mistake("over queries", OVER_QUERIES, {"dim=-1": "dim=-2"}),
        Mistake(
            "over heads",
            "The softmax runs over the heads: within a head, each query shares its weight among the keys, dim=-1.",
            {"dim=-1": "dim=0"},
        ),
    ),
    hints=(
        "Four products with weights, of which three come before the heads are cut and one after they are put together.",
        "Which of x and memory gives the queries, and which the keys? Look at the shape of the weights that you need.",
        "The exercises split heads and merge heads are two lines of this one, without their batch axis.",
    ),
)


def decoder_block(
    x: torch.Tensor,
    memory: torch.Tensor,
    norm: torch.nn.Module,
    attend: torch.nn.Module,
    feed_forward: torch.nn.Module,
) -> torch.Tensor:
    """Positions x (positions, features) and an encoder's memory (keys, features) to output (positions, features).

    attend(queries, keys, causal) is what the queries read from the keys; all three functions keep the shape of their first.
    """
    here = norm(x)
    x = x + attend(here, here, True)
    x = x + attend(norm(x), memory, False)
    output: torch.Tensor = x + feed_forward(norm(x))
    return output


_SELF, _CROSS, _FEED = "x + attend(here, here, True)", "x + attend(norm(x), memory, False)", "x + feed_forward(norm(x))"


class _Norm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        around = x - x.mean(dim=-1, keepdim=True)
        return around / torch.sqrt(x.var(dim=-1, keepdim=True, correction=0) + 0.01)


class _Attend(nn.Module):
    def forward(self, queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
        scores = queries @ keys.mT
        hidden = torch.ones_like(scores, dtype=torch.bool).triu(len(keys) - len(queries) + 1) & causal
        hidden[:, 0] = False
        return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1) @ keys


class _FeedForward(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.roll(1, dims=-1) - 0.25).relu()


def _block(positions: int, keys: int, features: int, seed: int) -> tuple[Tensor, Tensor, nn.Module, nn.Module, nn.Module]:
    sides = drawn(positions, features, seed=seed), drawn(keys, features, seed=seed + 1)
    return *sides, _Norm(), _Attend(), _FeedForward()


def _any_block(rng: random.Random) -> tuple[Tensor, Tensor, nn.Module, nn.Module, nn.Module]:
    return _block(rng.randint(1, 5), rng.randint(1, 5), rng.randint(2, 5), rng.randrange(2**31))


DECODER_BLOCK = Exercise(
    name="decoder block",
    text=(
        "One block of a decoder, its norms first, as nearly all models have them now: look at the text so far, then at what "
        "the encoder has read, then think. Each step reads x through a norm and adds what it finds to x, which runs through "
        "untouched. The memory comes normalised."
    ),
    formula=("x ← x + attend(norm(x), norm(x), causal)\nx ← x + attend(norm(x), memory)\noutput = x + feed_forward(norm(x))"),
    returns=(OUTPUT,),
    answer=decoder_block,
    cases=(
        Case("three positions, two keys", _block(3, 2, 4, seed=100)),
        Case("as many keys as positions", _block(4, 4, 3, seed=110)),
        Case("more keys than positions", _block(2, 5, 6, seed=120)),
    ),
    draw=_any_block,
    mistakes=(
        Mistake(
            "no residual",
            "What a step finds takes the place of x: add it to x.",
            {_SELF: "attend(here, here, True)", _CROSS: "attend(norm(x), memory, False)", _FEED: "feed_forward(norm(x))"},
            {_SELF: "attend(here, here, True)"},
            {_CROSS: "attend(norm(x), memory, False)"},
            {_FEED: "feed_forward(norm(x))"},
        ),
        Mistake(
            "norms after",
            "The norms come after each sum, as in 2017: here each step reads norm(x), and the sum is left as it is.",
            {
                "here = norm(x)": "here = x",
                _SELF: "norm(x + attend(here, here, True))",
                _CROSS: "norm(x + attend(x, memory, False))",
                _FEED: "norm(x + feed_forward(x))",
            },
        ),
        Mistake(
            "no norm",
            "The steps read x as it is: each reads norm(x).",
            {
                "here = norm(x)": "here = x",
                "attend(norm(x), memory": "attend(x, memory",
                "feed_forward(norm(x))": "feed_forward(x)",
            },
            {"here = norm(x)": "here = x"},
            {"attend(norm(x), memory": "attend(x, memory"},
            {"feed_forward(norm(x))": "feed_forward(x)"},
        ),
        Mistake(
            "keys not normed",
            "The text looks with norm(x), but at x: both sides of the first step are norm(x).",
            {"attend(here, here": "attend(here, x"},
        ),
        Mistake(
            "residual normed",
            "x itself is replaced by its norm: only what the steps read is normalised, x runs through.",
            {"here = norm(x)": "here = x = norm(x)"},
        ),
        Mistake(
            "not causal",
            "The text looks at itself without a mask, also at what comes: causal is True there.",
            {"here, True": "here, False"},
        ),
        Mistake(
            "memory causal",
            "The encoder's memory is read under a causal mask: all of it has been read before, causal is False.",
            {"memory, False": "memory, True"},
        ),
        Mistake(
            "memory normed again",
            "The memory goes through the norm: it comes normalised.",
            {"memory, False": "norm(memory), False"},
        ),
        Mistake(
            "looks at itself twice",
            "The second step looks at the text again: its keys are the memory.",
            {"attend(norm(x), memory, False)": "attend(norm(x), norm(x), False)"},
        ),
        Mistake(
            "memory first",
            "The encoder is read before the text: first the text so far, then the memory.",
            {
                f"here = norm(x)\n    x = {_SELF}\n    x = {_CROSS}": f"x = {_CROSS}\n    here = norm(x)\n    x = {_SELF}",
            },
        ),
        Mistake(
            "old norm",
            "The second step reads the norm of x as it was before the first: x has changed, take norm(x) anew.",
            {"attend(norm(x), memory": "attend(here, memory"},
        ),
    ),
    hints=(
        "Three steps, and each has the same form: something is added to x.",
        "What a step reads is normalised; what it adds to is not. After each step the norm has to be taken of something new.",
        "In the first step queries and keys are the same; in the second they are not, and nothing is hidden.",
    ),
)

EXERCISES = (MULTI_HEAD, DECODER_BLOCK)
