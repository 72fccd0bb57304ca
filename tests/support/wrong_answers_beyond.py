"""More wrong answers: positions, what surrounds the softmax, and attention in tiles."""

# ruff: noqa: ARG001, ARG005 - wrong answers do not use all that they are given

import math

import numpy as np
import torch
import torch.nn.functional as F

from support.wrong_answers import by_rule, wrong

# positions


def turn_in_loops(x, angle):
    """The halves of each token turned by angle(token, pair, pairs)."""
    y, half = x.clone(), x.shape[1] // 2
    for t in range(len(x)):
        for i in range(half):
            c, s = math.cos(angle(t, i, half)), math.sin(angle(t, i, half))
            y[t, i], y[t, i + half] = x[t, i] * c - x[t, i + half] * s, x[t, i + half] * c + x[t, i] * s
    return y


@wrong("rotary positions", "neighbours paired")
def _(x, positions):
    pairs = torch.view_as_complex(x.view(len(x), -1, 2))
    angles = positions[:, None] * 10000 ** (-torch.arange(0, x.shape[1], 2) / x.shape[1])
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(1)


@wrong("rotary positions", "other direction")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: -int(positions[t]) * 10000 ** (-i / half))


@wrong("rotary positions", "one angle for all")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]))


@wrong("rotary positions", "positions from 1")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: (1 + int(positions[t])) * 10000 ** (-i / half))


@wrong("rotary positions", "positions not read")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: t * 10000 ** (-i / half))


@wrong("rotary positions", "half the exponent")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 10000 ** (-i / x.shape[1]))


@wrong("rotary positions", "exponent's sign")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 10000 ** (i / half))


@wrong("rotary positions", "frequency from 1")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 10000 ** (-(i + 1) / half))


@wrong("rotary positions", "another base")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 500000 ** (-i / half))


def turned_as_in_transformers(x, positions, lay_out, turn_half):
    frequencies = 1.0 / (10000 ** (torch.arange(0, x.shape[-1], 2).float() / x.shape[-1]))
    angles = lay_out(torch.outer(positions.float(), frequencies))
    return x * angles.cos() + turn_half(*x.chunk(2, -1)) * angles.sin()


@wrong("rotary positions", "angles interleaved")
def _(x, positions):
    return turned_as_in_transformers(x, positions, lambda a: a.repeat_interleave(2, -1), lambda a, b: torch.cat([-b, a], -1))


@wrong("rotary positions", "sign missing")
def _(x, positions):
    return turned_as_in_transformers(x, positions, lambda a: torch.cat([a, a], -1), lambda a, b: torch.cat([b, a], -1))


@wrong("rotary positions", "cos and sin swapped")
def _(x, positions):
    angles = positions[:, None] * 10000 ** (-torch.arange(0, x.shape[1], 2) / x.shape[1])
    cos, sin = angles.sin().repeat(1, 2), angles.cos().repeat(1, 2)
    return x * cos + torch.cat([-x[:, x.shape[1] // 2 :], x[:, : x.shape[1] // 2]], 1) * sin


@wrong("rotary positions", "twice the exponent")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 10000 ** (-2 * i / half))


@wrong("rotary positions", "frequencies reversed")
def _(x, positions):
    return turn_in_loops(x, lambda t, i, half: int(positions[t]) * 10000 ** (-(half - 1 - i) / half))


@wrong("rotary positions", "neighbours paired", "other direction")
def _(x, positions):
    pairs = torch.view_as_complex(x.view(len(x), -1, 2))
    angles = positions[:, None] * 10000 ** (-torch.arange(0, x.shape[1], 2) / x.shape[1])
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles).conj()).flatten(1)


def alibi_in_loops(query, key, slope, bias=lambda scaled, penalty, _: scaled - penalty, sees=lambda own, j: j <= own):
    """slope(head from 0, heads); bias(scaled, slope · distance, √dim)."""
    heads, queries, dim = query.shape
    own = torch.arange(queries) + key.shape[1] - queries
    rows = []
    for h in range(heads):
        scores = torch.stack(
            [
                torch.stack([bias(q @ k / dim**0.5, slope(h, heads) * (p - j), dim**0.5) for j, k in enumerate(key[h])])
                for p, q in zip(own, query[h], strict=True)
            ]
        )
        rows.append(by_rule(scores, lambda i, j: sees(own[i], j)))
    return torch.stack(rows)


def right_slope(h, heads):
    return 2 ** (-8 * (h + 1) / heads)


@wrong("alibi", "slopes reversed")
def _(query, key):
    return alibi_in_loops(query, key, lambda h, heads: right_slope(heads - 1 - h, heads))


@wrong("alibi", "sign flipped")
def _(query, key):
    return alibi_in_loops(query, key, right_slope, lambda scaled, penalty, _: scaled + penalty)


@wrong("alibi", "slopes from 0")
def _(query, key):
    return alibi_in_loops(query, key, lambda h, heads: 2 ** (-8 * h / heads))


@wrong("alibi", "slopes for eight heads")
def _(query, key):
    return alibi_in_loops(query, key, lambda h, heads: 0.5 ** (h + 1))


@wrong("alibi", "one slope for all")
def _(query, key):
    return alibi_in_loops(query, key, lambda h, heads: 2 ** (-8 / heads))


@wrong("alibi", "bias before scale")
def _(query, key):
    return alibi_in_loops(query, key, right_slope, lambda scaled, penalty, root: scaled - penalty / root)


@wrong("alibi", "no scale")
def _(query, key):
    return alibi_in_loops(query, key, right_slope, lambda scaled, penalty, root: scaled * root - penalty)


@wrong("alibi", "future seen")
def _(query, key):
    return alibi_in_loops(query, key, right_slope, sees=lambda own, j: True)


@wrong("alibi", "top left")
def _(query, key):
    return alibi_in_loops(query, key, right_slope, sees=lambda own, j: j <= own - key.shape[1] + query.shape[1])


@wrong("alibi", "no bias")
def _(query, key):
    return alibi_in_loops(query, key, lambda h, heads: 0)


@wrong("alibi", "squared distance")
def _(query, key):
    keys, past = key.shape[1], key.shape[1] - query.shape[1]
    away = (torch.arange(past, keys)[:, None] - torch.arange(keys)).double()
    slopes = torch.tensor([right_slope(h, len(query)) for h in range(len(query))])
    bias = torch.einsum("h,ij->hij", slopes, -away.square()).masked_fill(away < 0, -math.inf).float()
    return F.scaled_dot_product_attention(query, key, torch.eye(keys).expand(len(query), -1, -1), bias)


# softcap and sinks


@wrong("softcap", "softcap after mask")
def _(scores, cap, mask):
    return F.softmax((torch.where(mask, scores, -math.inf) / cap).tanh().mul(cap), 1)


@wrong("softcap", "no softcap")
def _(scores, cap, mask):
    return by_rule(scores, lambda i, j: mask[i, j])


@wrong("softcap", "clamped")
def _(scores, cap, mask):
    return by_rule(scores.clip(-cap, cap), lambda i, j: mask[i, j])


@wrong("softcap", "not divided")
def _(scores, cap, mask):
    return by_rule(torch.from_numpy(cap * np.tanh(scores.numpy())), lambda i, j: mask[i, j])


@wrong("softcap", "not multiplied")
def _(scores, cap, mask):
    return by_rule(torch.from_numpy(np.tanh(scores.numpy() / cap)), lambda i, j: mask[i, j])


@wrong("softcap", "mask after softmax")
def _(scores, cap, mask):
    return torch.where(mask, by_rule(cap * (scores / cap).tanh(), lambda *_: True), 0.0)


@wrong("softcap", "inverted")
def _(scores, cap, mask):
    return by_rule(cap * (scores / cap).tanh(), lambda i, j: not mask[i, j])


@wrong("softcap", "weights capped")
def _(scores, cap, mask):
    return torch.tanh(by_rule(scores, lambda i, j: mask[i, j]) / cap).mul(cap)


@wrong("softcap", "no mask")
def _(scores, cap, mask):
    return by_rule(cap * (scores / cap).tanh(), lambda *_: True)


@wrong("softcap", "times zero")
def _(scores, cap, mask):
    return F.softmax((scores.masked_fill(~mask, 0) / cap).tanh().mul(cap), 1)


@wrong("softcap", "over queries")
def _(scores, cap, mask):
    return by_rule((cap * (scores / cap).tanh()).T, lambda j, i: mask[i, j]).T


@wrong("sinks", "sink kept")
def _(scores, sinks):
    return torch.stack([F.softmax(F.pad(s, (0, 1), value=float(sink)), 1) for s, sink in zip(scores, sinks, strict=True)])


@wrong("sinks", "rows sum to 1")
def _(scores, sinks):
    return torch.stack([F.softmax(s + sink, 1) for s, sink in zip(scores, sinks, strict=True)])


@wrong("sinks", "wrong column dropped")
def _(scores, sinks):
    return torch.stack(
        [F.softmax(F.pad(s, (1, 0), value=float(sink)), 1)[:, :-1] for s, sink in zip(scores, sinks, strict=True)]
    )


@wrong("sinks", "off by one")
def _(scores, sinks):
    return (scores - torch.logaddexp(scores.logsumexp(2, keepdim=True), torch.zeros(1))).exp()


@wrong("sinks", "sink without exp")
def _(scores, sinks):
    powers = np.exp(scores.double().numpy() - scores.double().amax(2, keepdim=True).numpy())
    return torch.from_numpy(powers / (powers.sum(2, keepdims=True) + sinks.numpy()[:, None, None]))


@wrong("sinks", "sink not shifted")
def _(scores, sinks):
    powers = torch.exp(scores - scores.max(2, keepdim=True)[0])
    return torch.einsum("hij,hi->hij", powers, 1 / (powers.sum(2) + sinks.exp()[:, None]))


@wrong("sinks", "one sink for all")
def _(scores, sinks):
    return F.softmax(F.pad(scores, (0, 1), value=float(sinks[0])), 2)[..., :-1]


@wrong("sinks", "overflow")
def _(scores, sinks):
    rows = torch.zeros(scores.shape)
    for h, sink in enumerate(sinks.tolist()):
        for i, row in enumerate(scores[h].tolist()):
            total = math.exp(sink) + sum(math.exp(score) for score in row)
            rows[h, i] = torch.tensor([math.exp(score) / total for score in row])
    return rows


@wrong("sinks", "sink subtracted")
def _(scores, sinks):
    totals = scores.exp().sum(2) - sinks.exp()[:, None]
    return torch.einsum("hij,hi->hij", scores.exp(), 1 / totals)


# online softmax


def tile_in_rows(top, total, mixed, scores, values, new_top=max, shift=None, old=None):
    """One row after another; old(top, new) gives the corrections of total and mixed, shift(row, new) what is taken away."""
    tops, totals, mixes = [], [], []
    for t, s, m, row in zip(top.flatten().tolist(), total.flatten().tolist(), mixed.double(), scores.double(), strict=True):
        new = new_top(t, row.max().item())
        powers = (row - (shift(row, new) if shift else new)).exp()
        fix_total, fix_mixed = old(t, new) if old else (math.exp(t - new),) * 2
        tops.append(new)
        totals.append(s * fix_total + powers.sum())
        mixes.append(m * fix_mixed + powers @ values.double())
    return torch.tensor(tops)[:, None], torch.stack(totals)[:, None], torch.stack(mixes)


@wrong("online softmax", "not rescaled")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total, mixed, scores, values, old=lambda t, new: (1, 1))


@wrong("online softmax", "only the total rescaled")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total, mixed, scores, values, old=lambda t, new: (math.exp(t - new), 1))


@wrong("online softmax", "only the mixed values rescaled")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total, mixed, scores, values, old=lambda t, new: (1, math.exp(t - new)))


@wrong("online softmax", "rescaled the wrong way")
def _(top, total, mixed, scores, values):
    own = torch.cat([top, scores], 1).max(1, keepdim=True)[0]
    factor, powers = (own - top).exp(), (scores - own).exp()
    return own, factor * total + powers.sum(1, keepdim=True), factor * mixed + powers.mm(values)


@wrong("online softmax", "top forgotten")
def _(top, total, mixed, scores, values):
    own = scores.max(1, keepdim=True).values
    powers = torch.softmax(scores, 1) * (scores - own).exp().sum(1, keepdim=True)
    return own, (top - own).exp() * total + powers.sum(1, keepdim=True), (top - own).exp() * mixed + powers.mm(values)


@wrong("online softmax", "measured against the tile")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total, mixed, scores, values, shift=lambda row, new: row.max())


@wrong("online softmax", "not shifted")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total, mixed, scores, values, shift=lambda row, new: 0)


@wrong("online softmax", "earlier tiles lost")
def _(top, total, mixed, scores, values):
    return tile_in_rows(top, total * 0, mixed * 0, scores, values)


@wrong("online softmax", "divided already")
def _(*given):
    top, total, mixed = tile_in_rows(*given)
    return top, total, mixed / total


@wrong("online softmax", "old top returned")
def _(*given):
    return given[0], *tile_in_rows(*given)[1:]
