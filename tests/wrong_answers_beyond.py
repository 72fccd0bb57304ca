"""More wrong answers: positions, what surrounds the softmax, attention in pieces, states, words."""

# ruff: noqa: ARG001, ARG005 - wrong answers do not use all that they are given

import math

import numpy as np
import torch
import torch.nn.functional as F
from wrong_answers import by_rule, wrong

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


# kv cache


def cache_by_kernel(
    query, key, value, cached_keys, cached_values, rotate, first=None, order=(False, False), turn=(True, True), sees=None
):
    past, new = len(cached_keys), len(query)
    positions = torch.arange(new) + (past if first is None else first)
    q = rotate(query, positions) if turn[0] else query
    k = rotate(key, positions) if turn[1] else key
    keys = torch.cat([k, cached_keys] if order[0] else [cached_keys, k])
    values = torch.cat([value, cached_values] if order[1] else [cached_values, value])
    mask = torch.tensor([[(sees or (lambda i, j: j <= i + past))(i, j) for j in range(past + new)] for i in range(new)])
    return F.scaled_dot_product_attention(q[None], keys[None], values[None], mask)[0], keys, values


@wrong("kv cache", "positions from 0")
def _(*given):
    return cache_by_kernel(*given, first=0)


@wrong("kv cache", "positions off by one")
def _(*given):
    return cache_by_kernel(*given, first=len(given[3]) + 1)


@wrong("kv cache", "prepended")
def _(*given):
    return cache_by_kernel(*given, order=(True, True))


@wrong("kv cache", "keys and values in different orders")
def _(*given):
    return cache_by_kernel(*given, order=(False, True))


@wrong("kv cache", "query not rotated")
def _(*given):
    return cache_by_kernel(*given, turn=(False, True))


@wrong("kv cache", "key not rotated")
def _(*given):
    return cache_by_kernel(*given, turn=(True, False))


@wrong("kv cache", "top left")
def _(query, key, value, cached_keys, cached_values, rotate):
    positions = len(cached_keys) + torch.arange(len(query))
    keys, values = torch.vstack([cached_keys, rotate(key, positions)]), torch.vstack([cached_values, value])
    turned = rotate(query, positions)
    return F.scaled_dot_product_attention(turned[None], keys[None], values[None], is_causal=True)[0], keys, values


@wrong("kv cache", "no mask")
def _(*given):
    return cache_by_kernel(*given, sees=lambda i, j: True)


@wrong("kv cache", "own token not seen")
def _(*given):
    return cache_by_kernel(*given, sees=lambda i, j: j < i + len(given[3]))


@wrong("kv cache", "cache rotated again")
def _(query, key, value, cached_keys, cached_values, rotate):
    past = len(cached_keys)
    keys = torch.vstack([cached_keys, key])
    keys, values = rotate(keys, torch.arange(len(keys))), torch.vstack([cached_values, value])
    mask = torch.ones(len(query), len(keys)).tril(past) == 1
    turned = rotate(query, past + torch.arange(len(query)))
    return F.scaled_dot_product_attention(turned[None], keys[None], values[None], mask)[0], keys, values


@wrong("kv cache", "nothing rotated")
def _(*given):
    return cache_by_kernel(*given, turn=(False, False))


@wrong("kv cache", "new tokens not seen")
def _(*given):
    output, keys, values = cache_by_kernel(*given, sees=lambda i, j: j < len(given[3]))
    return output, keys, values


@wrong("kv cache", "no scale")
def _(query, *others):
    return cache_by_kernel(query * query.shape[1] ** 0.5, *others)


# recurrences


@wrong("linear attention", "read before update")
def _(query, key, value):
    scores = (query @ key.T).tril(-1)
    return scores @ value / scores.sum(1, keepdim=True)


@wrong("linear attention", "no normaliser")
def _(query, key, value):
    return (query @ key.T).tril() @ value


@wrong("linear attention", "not causal")
def _(query, key, value):
    return F.normalize(query @ key.T, p=1, dim=1) @ value


@wrong("linear attention", "divided by the count")
def _(query, key, value):
    return torch.stack([sum(q @ key[j] * value[j] for j in range(i + 1)) / (i + 1) for i, q in enumerate(query)])


@wrong("linear attention", "total not causal")
def _(query, key, value):
    return torch.einsum("ij,jd,i->id", (query @ key.T).tril(), value, 1 / (query @ key.T).sum(1))


@wrong("linear attention", "state replaced")
def _(query, key, value):
    return torch.einsum("td,td,te->te", query, key, value) / (query * key).sum(1, keepdim=True)


@wrong("linear attention", "state read before update")
def _(query, key, value):
    scores = query @ key.T
    return scores.tril(-1) @ value / scores.tril().sum(1, keepdim=True)


@wrong("linear attention", "total read before update")
def _(query, key, value):
    scores = query @ key.T
    return torch.einsum("ij,jd->id", scores.tril(), value) / scores.tril(-1).sum(1, keepdim=True)


@wrong("linear attention", "divided by the sum of keys")
def _(query, key, value):
    return (query @ key.T).tril() @ value / key.cumsum(0).sum(1, keepdim=True)


@wrong("linear attention", "state transposed")
def _(query, key, value):
    states = torch.einsum("td,te->ted", key, value).cumsum(0)
    return torch.einsum("td,tde->te", query, states) / (query * key.cumsum(0)).sum(1, keepdim=True)


def faded(query, key, value, power):
    """Retention in loops, power(i, j) in place of decay^(i − j) for j ≤ i."""
    return torch.stack(
        [sum(power(i, j) * (q @ key[j]) * value[j] for j in range(len(key))) for i, q in enumerate(query.double().float())]
    )


@wrong("retention", "read before update")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: decay ** (i - 1 - j) if j < i else 0.0)


@wrong("retention", "decay on the new token")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: decay ** (i - j + 1) if j <= i else 0.0)


@wrong("retention", "no decay")
def _(query, key, value, decay):
    return (query @ key.T).tril() @ value


@wrong("retention", "moving average")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: (1 - decay) * decay ** (i - j) if j <= i else 0.0)


@wrong("retention", "not causal")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: decay ** abs(i - j))


@wrong("retention", "grows")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: decay ** (j - i) if j <= i else 0.0)


@wrong("retention", "decay on the new token only")
def _(query, key, value, decay):
    return decay * (query @ key.T).tril() @ value


@wrong("retention", "counted from the start")
def _(query, key, value, decay):
    return faded(query, key, value, lambda i, j: decay**j if j <= i else 0.0)


@wrong("retention", "normalised")
def _(query, key, value, decay):
    t = torch.arange(len(query))
    scores = query @ key.T * (decay ** (t[:, None] - t)).tril()
    return scores @ value / scores.sum(1, keepdim=True)


@wrong("retention", "state transposed")
def _(query, key, value, decay):
    state, rows = torch.zeros(value.shape[1], key.shape[1]), []
    for q, k, v in zip(query, key, value, strict=True):
        state = (decay * state).addr(v, k)
        rows.append(q @ state)
    return torch.stack(rows)


@wrong("retention", "state replaced")
def _(query, key, value, decay):
    return (query * key).sum(1, keepdim=True) * value


# word alignment


def tables(weights, source_words, target_words, over_source=sum, over_target=None):
    """Weights by word in loops over Python numbers."""
    sources, targets = int(source_words.max()) + 1, int(target_words.max()) + 1
    by_word = torch.zeros(targets, sources)
    for t in range(targets):
        for s in range(sources):
            cells = [
                over_source([float(weights[i, j]) for j in range(weights.shape[1]) if source_words[j] == s])
                for i in range(weights.shape[0])
                if target_words[i] == t
            ]
            by_word[t, s] = over_target(cells) if over_target else sum(cells) / len(cells)
    return by_word


@wrong("word alignment", "−1 is an index")
def _(weights, source_words, target_words):
    by_word = torch.zeros(int(target_words.max()) + 1, int(source_words.max()) + 1)
    for i, t in enumerate(target_words.tolist()):
        for j, s in enumerate(source_words.tolist()):
            if t >= 0:
                by_word[t, s] += weights[i, j] / (target_words == t).sum()
    return by_word, by_word.argmax(1)


@wrong("word alignment", "</s> may win")
def _(weights, source_words, target_words):
    by_word = tables(weights, source_words, target_words)
    means = [weights[target_words == t].mean(0) for t in range(len(by_word))]
    return by_word, torch.tensor([int(source_words[mean.argmax()]) for mean in means])


@wrong("word alignment", "best source token taken")
def _(*given):
    by_word = tables(*given, over_source=max)
    return by_word, by_word.argmax(1)


@wrong("word alignment", "source tokens averaged")
def _(*given):
    by_word = tables(*given, over_source=lambda cells: sum(cells) / len(cells))
    return by_word, by_word.argmax(1)


@wrong("word alignment", "first source token only")
def _(*given):
    by_word = tables(*given, over_source=lambda cells: cells[0])
    return by_word, by_word.argmax(1)


@wrong("word alignment", "target tokens summed")
def _(*given):
    by_word = tables(*given, over_target=sum)
    return by_word, by_word.argmax(1)


@wrong("word alignment", "one target token only")
def _(*given):
    by_word = tables(*given, over_target=lambda cells: cells[-1])
    return by_word, by_word.argmax(1)


@wrong("word alignment", "asked the other way")
def _(*given):
    by_word = tables(*given)
    return by_word, torch.tensor([max(range(len(by_word)), key=lambda t: by_word[t, s]) for s in range(by_word.shape[1])])


@wrong("word alignment", "made to sum to 1")
def _(*given):
    by_word = F.normalize(tables(*given), p=1, dim=1)
    return by_word, by_word.argmax(1)


@wrong("word alignment", "best token")
def _(weights, source_words, target_words):
    by_word = tables(weights, source_words, target_words)
    real = [j for j, s in enumerate(source_words.tolist()) if s >= 0]
    means = [weights[target_words == t].mean(0).tolist() for t in range(len(by_word))]
    return by_word, torch.tensor([int(source_words[max(real, key=mean.__getitem__)]) for mean in means])


@wrong("word alignment", "transposed")
def _(*given):
    by_word = tables(*given)
    return by_word.T, by_word.argmax(1)


@wrong("word alignment", "least weight")
def _(*given):
    by_word = tables(*given)
    return by_word, by_word.sort(dim=1).indices[:, 0]
