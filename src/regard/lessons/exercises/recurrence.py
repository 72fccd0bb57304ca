"""Attention without a softmax, as a state that is carried from token to token."""

import random
import re

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn, drawn_by

OUTPUT = Result("output", ("positions", "value_dim"))
BEFORE_UPDATE = "The output is read before the token's own key and value are in the state: update first, then read."
STATE_TRANSPOSED = (
    "The state is transposed: it is (dim, value_dim), the outer product of key and value, and the query comes first."
)


def linear_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Query and key (positions, dim), all above 0, and value (positions, value_dim) to output (positions, value_dim)."""
    state = torch.zeros(key.shape[1], value.shape[1], dtype=value.dtype)
    total = torch.zeros(key.shape[1], dtype=key.dtype)
    output = torch.zeros_like(value)
    for t in range(len(query)):
        state = state + torch.outer(key[t], value[t])
        total = total + key[t]
        output[t] = query[t] @ state / (query[t] @ total)
    return output


_STATE, _TOTAL = "state = state + torch.outer(key[t], value[t])", "total = total + key[t]"
_READ, _LOOP = "output[t] = query[t] @ state / (query[t] @ total)", "\n        "


def _features(rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    positions, dim = rng.randint(1, 6), rng.randint(1, 4)
    query, key = drawn_by(rng, positions, dim).exp(), drawn_by(rng, positions, dim).exp()
    return query, key, drawn_by(rng, positions, rng.randint(1, 4))


LINEAR = Exercise(
    name="linear attention",
    text=(
        "With q · k in place of exp(q · k), the sums over earlier tokens can be carried along: S of keys times values, and z "
        "of keys. Each token costs the same, however many came before (Katharopoulos et al. 2020). query and key have been "
        "through the feature map, and are above 0."
    ),
    formula="S_t = S_{t−1} + k_t v_tᵀ,  z_t = z_{t−1} + k_t,  output_t = q_tᵀ S_t / (q_tᵀ z_t)",
    returns=(OUTPUT,),
    answer=linear_attention,
    cases=(
        Case(
            "three tokens",
            (
                torch.tensor([[1.0, 0.5], [0.5, 2.0], [1.0, 1.0]]),
                torch.tensor([[1.0, 1.0], [0.5, 1.5], [2.0, 0.5]]),
                torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]),
            ),
        ),
        Case("five tokens, a value_dim of 3", (drawn(5, 4, seed=1).exp(), drawn(5, 4, seed=2).exp(), drawn(5, 3, seed=3))),
    ),
    draw=_features,
    mistakes=(
        Mistake(
            "read before update",
            BEFORE_UPDATE,
            {
                _STATE: f"{_READ}{_LOOP}{_STATE}",
                f"{_LOOP}output[t] = query[t] @ state / (query[t] @ total)\n    return": "\n    return",
            },
            {
                _STATE: f"{_READ}{_LOOP}output[t] = output[t].nan_to_num(0.0){_LOOP}{_STATE}",
                f"{_LOOP}output[t] = query[t] @ state / (query[t] @ total)\n    return": "\n    return",
            },
        ),
        Mistake(
            "state read before update",
            "S is read before the token's own key and value are in it, z after: update both, then read.",
            {_STATE: f"before = state{_LOOP}{_STATE}", "query[t] @ state": "query[t] @ before"},
        ),
        Mistake(
            "total read before update",
            "z is read before the token's own key is in it, S after: update both, then read.",
            {_TOTAL: f"before = total{_LOOP}{_TOTAL}", "query[t] @ total": "query[t] @ before"},
            {
                _TOTAL: f"before = total{_LOOP}{_TOTAL}",
                "query[t] @ state / (query[t] @ total)": "(query[t] @ state / (query[t] @ before)).nan_to_num(0.0, 0.0, 0.0)",
            },
        ),
        Mistake(
            "no normaliser",
            "The output is not divided by qᵀz: it grows with the number of tokens.",
            {" / (query[t] @ total)": ""},
        ),
        Mistake(
            "divided by the count",
            "The output is divided by the number of tokens: that is no weighted mean. Divide by qᵀz.",
            {"(query[t] @ total)": "(t + 1)"},
        ),
        Mistake(
            "divided by the sum of keys",
            "The output is divided by the sum of z: the query belongs in the denominator too, qᵀz.",
            {"(query[t] @ total)": "total.sum()"},
        ),
        Mistake(
            "not causal",
            "Every token sees all keys: the sums run over the tokens up to its own.",
            {_STATE: "state = key.mT @ value", _TOTAL: "total = key.sum(dim=0)"},
        ),
        Mistake(
            "one state in all places",
            "The sums are added to in place, and what was put away for each token is one and the same tensor, which in the end "
            "holds all of them: make a new one, state = state + …, or put a clone away.",
            {_STATE: "state = key.mT @ value", _TOTAL: "total = key.sum(dim=0)"},
            {_STATE: "state = key.mT @ value"},
            source=lambda source: (
                re.search(r"\+=|\badd_\(", source) is not None
                and re.search(r"append|\[[^\]]*\bfor\b|\w\[[^\]]+\] *= *\(?\w+\b *[,)\n]", source) is not None
            ),
        ),
        Mistake(
            "state not causal",
            "The numerator sums over all keys, the denominator over those so far: S runs up to the token too.",
            {_STATE: "state = key.mT @ value"},
        ),
        Mistake(
            "total not causal",
            "The denominator sums over all keys, the numerator over those so far: z runs up to the token too.",
            {_TOTAL: "total = key.sum(dim=0)"},
        ),
        Mistake(
            "state replaced",
            "The state is replaced by each token: add to what is there.",
            {"state + torch.outer": "torch.outer", "total + key[t]": "key[t]"},
            {"state + torch.outer": "torch.outer"},
            {"total + key[t]": "key[t]"},
        ),
        Mistake("state transposed", STATE_TRANSPOSED, {"query[t] @ state": "state @ query[t]"}),
    ),
    hints=(
        "An outer product of key and value is (dim, value_dim); a query times it is a value, weighted by q · k.",
        "A loop over the tokens with two sums. The token itself counts: is it added before or after reading?",
        "By hand: the first output is the first value, whatever query and key are.",
    ),
)


def retention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, decay: float) -> torch.Tensor:
    """Query and key (positions, dim), value (positions, value_dim) and a decay below 1 to output (positions, value_dim)."""
    state = torch.zeros(key.shape[1], value.shape[1], dtype=value.dtype)
    output = torch.zeros_like(value)
    for t in range(len(query)):
        state = decay * state + torch.outer(key[t], value[t])
        output[t] = query[t] @ state
    return output


_FADED, _DIVIDED = "output[t] = query[t] @ key.mT * decay**away @ value", "output[t] = row / row.sum() @ value[: t + 1]"
_SCORES = "query[t] @ key[: t + 1].mT"
_SOFT_ROWS = (
    f"torch.softmax({_SCORES}, -1) * decay**away",
    f"(torch.softmax({_SCORES} * decay**away, -1))",
    f"(torch.softmax({_SCORES} / key.shape[1] ** 0.5, -1) * decay**away)",
    f"torch.softmax({_SCORES}, -1)",
)
_UPDATE, _OUT = "state = decay * state + torch.outer(key[t], value[t])", "output[t] = query[t] @ state"


def _decaying(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, float]:
    positions, dim = rng.randint(1, 6), rng.randint(1, 4)
    query, key = drawn_by(rng, positions, dim), drawn_by(rng, positions, dim)
    return query, key, drawn_by(rng, positions, rng.randint(1, 4)), rng.choice((0.25, 0.5, 0.75, 0.875))


RETENTION = Exercise(
    name="retention",
    text=(
        "A state that forgets: what is there fades by a factor, what comes is added whole (Sun et al. 2023, without scale, "
        "rotation and norm). There is no denominator. Any form is right: as a loop, or as (q kᵀ ⊙ decay^(i − j)) v."
    ),
    formula="S_t = decay · S_{t−1} + k_t v_tᵀ,  output_t = q_tᵀ S_t",
    returns=(OUTPUT,),
    answer=retention,
    cases=(
        Case(
            "three tokens, a decay of 0.5",
            (
                torch.tensor([[1.0, 0.0], [0.5, 2.0], [1.0, -1.0]]),
                torch.tensor([[1.0, 1.0], [0.0, 1.0], [2.0, 0.5]]),
                torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]),
                0.5,
            ),
        ),
        Case("five tokens, a decay of 0.75", (drawn(5, 4, seed=4), drawn(5, 4, seed=5), drawn(5, 3, seed=6), 0.75)),
    ),
    draw=_decaying,
    mistakes=(
        Mistake(
            "read before update",
            BEFORE_UPDATE,
            {_UPDATE: f"{_OUT}{_LOOP}{_UPDATE}", f"{_LOOP}{_OUT}\n    return": "\n    return"},
        ),
        Mistake(
            "decay on the new token",
            "The new token fades along with the old ones: decay what is there, add the new one whole.",
            {"decay * state + torch.outer(key[t], value[t])": "decay * (state + torch.outer(key[t], value[t]))"},
        ),
        Mistake(
            "decay on the new token only",
            "The decay is on the new token in place of the state: old ones should fade.",
            {"decay * state + torch.outer": "state + decay * torch.outer"},
        ),
        Mistake("no decay", "Nothing fades: multiply the state by the decay before adding.", {"decay * state": "state"}),
        Mistake(
            "moving average",
            "The new token is multiplied by 1 − decay, as in a moving average: it is added whole.",
            {"+ torch.outer": "+ (1 - decay) * torch.outer"},
        ),
        Mistake(
            "grows",
            "The past grows: it is divided by the decay, or the exponent is j − i. It is decay^(i − j), less with distance.",
            {"decay * state": "state / decay"},
        ),
        Mistake(
            "not causal",
            "The future is seen: entries with j > i are 0 in the decay matrix, not decay^(j − i).",
            {_OUT: f"away = (torch.arange(len(key)) - t).abs(){_LOOP}{_FADED}"},
            {_OUT: f"away = t - torch.arange(len(key)){_LOOP}{_FADED}"},
        ),
        Mistake(
            "counted from the start",
            "The decay counts from the start of the text: it is that of the distance, decay^(i − j).",
            {"decay * state + torch.outer": "state + decay ** t * torch.outer"},
            {"decay * state + torch.outer": "state + torch.outer", "query[t] @ state": "decay ** t * query[t] @ state"},
        ),
        Mistake(
            "normalised",
            "The rows are divided by their sum: retention has no denominator here.",
            {_OUT: f"row = query[t] @ key[: t + 1].mT * decay ** torch.arange(t, -1, -1){_LOOP}{_DIVIDED}"},
        ),
        Mistake(
            "softmax",
            "A softmax is taken of the scores: retention has none, its weights are the products as they are, faded.",
            *({_OUT: f"away = torch.arange(t, -1, -1){_LOOP}output[t] = {row} @ value[: t + 1]"} for row in _SOFT_ROWS),
        ),
        Mistake("state transposed", STATE_TRANSPOSED, {"query[t] @ state": "state @ query[t]"}),
        Mistake(
            "state replaced",
            "The state is replaced by each token: add to what is there.",
            {"decay * state + torch.outer": "torch.outer"},
        ),
    ),
    hints=(
        "Write S_2 in terms of the two outer products. Which of them has a factor?",
        "A loop over the tokens with one sum: it fades, then the new one is added, then the query reads.",
        "By hand, with a decay of 0.5: what came two tokens ago counts a quarter.",
    ),
)


def delta_rule(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """Query and key (positions, dim), value (positions, value_dim) and beta (positions,) to output (positions, value_dim).

    Each key has length 1.
    """
    state = torch.zeros(key.shape[1], value.shape[1], dtype=value.dtype)
    output = torch.zeros_like(value)
    for t in range(len(query)):
        found = key[t] @ state
        state = state + beta[t] * torch.outer(key[t], value[t] - found)
        output[t] = query[t] @ state
    return output


_WRITE, _ANSWER = "state = state + beta[t] * torch.outer(key[t], value[t] - found)", "output[t] = query[t] @ state"


def _writes(rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    positions, dim = rng.randint(1, 6), rng.randint(1, 4)
    key = drawn_by(rng, positions, dim) + 0.0625  # none is all 0
    beta = torch.tensor([rng.choice((0.25, 0.5, 0.75, 1.0)) for _ in range(positions)])
    return drawn_by(rng, positions, dim), key / key.norm(dim=1, keepdim=True), drawn_by(rng, positions, rng.randint(1, 4)), beta


_TWICE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0]])

DELTA = Exercise(
    name="delta rule",
    text=(
        "A state that only adds up never forgets: two values for one key end as their sum. The delta rule looks first at what "
        "the state gives for the key, and writes the difference (Schlag et al. 2021; DeltaNet 2024). With a beta of 1 the "
        "old value is gone and the new one is there; with 0 nothing is written."
    ),
    formula="S_t = S_{t−1} + β_t k_t (v_t − S_{t−1}ᵀ k_t)ᵀ,  output_t = S_tᵀ q_t",
    returns=(OUTPUT,),
    answer=delta_rule,
    cases=(
        Case(
            "one key written twice",
            (_TWICE, _TWICE, torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]]), torch.tensor([1.0, 0.5, 1.0])),
        ),
        Case(
            "four tokens, a value_dim of 3",
            (
                drawn(4, 3, seed=31),
                torch.nn.functional.normalize(drawn(4, 3, seed=32), dim=1),
                drawn(4, 3, seed=33),
                torch.tensor([0.5, 1.0, 0.25, 0.75]),
            ),
        ),
        Case(
            "five tokens, half written",
            (
                drawn(5, 2, seed=34),
                torch.nn.functional.normalize(drawn(5, 2, seed=35), dim=1),
                drawn(5, 2, seed=36),
                torch.full((5,), 0.5),
            ),
        ),
    ),
    draw=_writes,
    mistakes=(
        Mistake(
            "nothing taken away",
            "What the state had for the key stays: write the difference, v less what was found.",
            {"value[t] - found": "value[t]"},
        ),
        Mistake(
            "beta on the value only",
            "beta stands before the new value alone: it says how much of the difference is written.",
            {"beta[t] * torch.outer(key[t], value[t] - found)": "torch.outer(key[t], beta[t] * value[t] - found)"},
        ),
        Mistake("no beta", "The difference is written whole: times beta.", {"beta[t] * torch.outer": "torch.outer"}),
        Mistake(
            "found by the query",
            "What the state gives for the query is taken away: look for the key, which is what is written to.",
            {"found = key[t]": "found = query[t]"},
        ),
        Mistake(
            "all fades",
            "The whole state fades by beta: only what it had for this key is replaced.",
            {_WRITE: "state = (1 - beta[t]) * state + beta[t] * torch.outer(key[t], value[t])"},
        ),
        Mistake(
            "added once more",
            "What was found is added: it is taken away.",
            {"value[t] - found": "value[t] + found"},
        ),
        Mistake(
            "read before update",
            BEFORE_UPDATE,
            {
                _WRITE: f"{_ANSWER}{_LOOP}{_WRITE}",
                f"{_LOOP}{_ANSWER}\n    return": "\n    return",
            },
        ),
        Mistake("state transposed", STATE_TRANSPOSED, {"query[t] @ state": "state @ query[t]"}),
        Mistake(
            "state replaced",
            "The state is replaced by each token: add to what is there.",
            {"state + beta[t]": "beta[t]"},
        ),
    ),
    hints=(
        "What does the state give for this key, before anything is written? It is a value.",
        "What is written is an outer product, as in linear attention, but not of the value itself.",
        "By hand: with beta 1 and a key of length 1, the state gives exactly the new value for that key afterwards.",
    ),
)

EXERCISES = (LINEAR, RETENTION, DELTA)
