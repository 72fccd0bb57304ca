"""Wrong answers to experiments and stretched positions, each with the name of its mistake."""

# ruff: noqa: ARG005 - switches take what some of them need

import math

import torch

from support.wrong_answers import wrong
from support.wrong_answers_layers import seeded


def angles(positions, dim, trained, length, *, place=lambda p, s, n: p / s, s=lambda n, m: max(1, n / m), base=False, step=2):
    stretch = s(length, trained)
    turns = [(10000 * (stretch if base else 1)) ** (-step * i / dim) for i in range(dim // 2)]
    return torch.outer(place(positions, stretch, trained), torch.tensor(turns))


seeded(
    "position interpolation",
    angles,
    not_stretched={"place": lambda p, s, n: p},
    stretched_the_other_way={"place": lambda p, s, n: p * s},
    short_texts_stretched={"s": lambda n, m: n / m},
    whole_positions={"place": lambda p, s, n: torch.floor(p / s)},
    whole_stretch={"s": lambda n, m: max(1, n // m)},
    cut_off={"place": lambda p, s, n: torch.clip(p, 0, n - 1)},
    begins_again={"place": lambda p, s, n: torch.fmod(p, n)},
    base_stretched={"base": True, "place": lambda p, s, n: p},
    exponent_halved={"step": 1},
)


def broad(weights, *, log=lambda w: torch.log(torch.clamp(w, min=1e-30)), sign=-1, axis=1, how="sum", after=lambda h, n: h):
    parts = weights * log(weights)
    return after(sign * (parts.sum(axis) if how == "sum" else parts.mean(axis)), weights.shape[1])


seeded(
    "entropy",
    broad,
    NaN_where_hidden={"log": torch.log},
    in_bits={"log": lambda w: torch.log2(torch.clamp(w, min=1e-30))},
    wrong_sign={"sign": 1},
    over_queries={"axis": 0},
    mean_over_keys={"how": "mean"},
    divided_by_the_largest={"after": lambda h, n: h / math.log(n)},
    number_of_keys={"after": lambda h, n: h.exp()},
)


@wrong("entropy", "logarithm of the mean")
def _(weights):
    return -torch.log(torch.einsum("qk,qk->q", weights, weights))


def induction(weights, tokens, *, shift=1, rows="some", which=slice(None), mean=False, turned=False, total=False):
    maps, scores = (weights.mT if turned else weights), []
    for i in range(len(tokens)):
        keys = [j + shift for j in range(i) if tokens[j] == tokens[i]]
        kept = [j for j in keys[which] if j >= 0]
        if not keys:
            scores += [torch.zeros(len(weights))] if rows == "all" else []
            continue
        if not kept:  # one before the first token is nowhere
            continue
        found = maps[:, i, kept]
        scores.append(found.mean(1) if mean else found.sum(1))
    return torch.stack(scores).sum(0) if total else torch.stack(scores).mean(0)


seeded(
    "induction score",
    induction,
    the_token_itself={"shift": 0},
    one_before={"shift": -1},
    all_rows={"rows": "all"},
    last_occurrence_only={"which": slice(-1, None)},
    first_occurrence_only={"which": slice(1)},
    mean_over_occurrences={"mean": True},
    over_queries={"turned": True},
    sum_over_rows={"total": True},
)


def beams(weights, indices, *, pick=lambda w, b, t: w[t, b[t]], ends=True):
    steps = [t for t in range(len(weights)) if not ends or indices[t] >= 0]
    return torch.stack([pick(weights, indices, t) for t in steps])


seeded(
    "beam rows",
    beams,
    always_beam_0={"pick": lambda w, b, t: w[t, 0]},
    last_beam_for_all={"pick": lambda w, b, t: w[t, b[b >= 0][-1]]},
    mean_of_the_beams={"pick": lambda w, b, t: w[t].mean(0)},
    sharpest_beam={"pick": lambda w, b, t: max(w[t], key=lambda row: float(row.max()))},
    ended_steps_kept={"ends": False},
    ended_steps_of_beam_0={"ends": False, "pick": lambda w, b, t: w[t, max(int(b[t]), 0)]},
    one_step_early={"pick": lambda w, b, t: w[t, b[max(t - 1, 0)]]},
)


def ablated(outputs, reference, present, head, *, mean="tokens", put="head"):
    tokens = reference.transpose(1, 2)[:, :, head]
    shown = tokens[present]
    value = {
        "tokens": lambda: shown.sum(0) / len(shown),
        "zero": lambda: torch.zeros(tokens.shape[-1]),
        "padded": lambda: tokens.reshape(-1, tokens.shape[-1]).mean(0),
        "counted": lambda: (tokens * present[:, :, None]).mean((0, 1)),
        "own": lambda: outputs[:, head].mean((0, 1)),
        "texts": lambda: torch.stack([t[p].mean(0) for t, p in zip(tokens, present, strict=True)]).mean(0),
        "number": lambda: shown.mean(),
    }[mean]()
    result = outputs.clone()
    if put == "all":
        result[:] = value
    elif put == "other":
        result[:, head - 1] = value
    elif put == "less":
        result[:, head] -= value
    else:
        result[:, head] = value
    return result


seeded(
    "mean ablation",
    ablated,
    zero={"mean": "zero"},
    padding_in_the_mean={"mean": "padded"},
    padding_counted={"mean": "counted"},
    its_own_mean={"mean": "own"},
    all_heads={"put": "all"},
    another_head={"put": "other"},
    mean_of_means={"mean": "texts"},
    mean_over_features={"mean": "number"},
    mean_taken_away={"put": "less"},
)
