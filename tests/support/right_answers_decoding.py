"""More right answers: attention in pieces, states, words."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from support.right_answers import right


@right("online softmax")
def online_in_rows(top, total, mixed, scores, values):
    tops, totals, mixes = [], [], []
    for i in range(len(scores)):
        new = max(float(top[i]), float(scores[i].max()))
        old = math.exp(float(top[i]) - new)
        powers = [math.exp(float(score) - new) for score in scores[i]]
        tops.append([new])
        totals.append([float(total[i]) * old + sum(powers)])
        mixes.append(mixed[i] * old + sum(power * value for power, value in zip(powers, values, strict=True)))
    return torch.tensor(tops), torch.tensor(totals), torch.stack(mixes)


@right("online softmax")
def online_two_corrections(top, total, mixed, scores, values):
    """Sum the tile for itself, then bring both to the common top."""
    own = scores.max(1, keepdim=True).values
    powers = (scores - own).exp()
    new = torch.max(top, own)
    a, b = (top - new).exp(), (own - new).exp()
    return new, a * total + b * powers.sum(1, keepdim=True), a * mixed + b * (powers @ values)


@right("online softmax")
def online_by_cat(top, total, mixed, scores, values):
    """Old sums as one more column, in float64."""
    column = torch.cat([top, scores], 1).double()
    new = column.amax(1, keepdim=True)
    powers = (column - new).exp()
    total = powers[:, :1] * total + powers[:, 1:].sum(1, keepdim=True)
    return new, total, powers[:, :1] * mixed + torch.einsum("qt,td->qd", powers[:, 1:], values.double())


@right("kv cache")
def cache_fused(query, key, value, cached_keys, cached_values, rotate):
    past = cached_keys.shape[0]
    positions = past + torch.arange(query.shape[0])
    keys, values = torch.vstack([cached_keys, rotate(key, positions)]), torch.vstack([cached_values, value])
    mask = torch.arange(len(keys)) <= positions[:, None]
    output = F.scaled_dot_product_attention(rotate(query, positions)[None], keys[None], values[None], mask)[0]
    return output, keys, values


@right("kv cache")
def cache_token_by_token(query, key, value, cached_keys, cached_values, rotate):
    keys, values, rows = cached_keys, cached_values, []
    for q, k, v in zip(query, key, value, strict=True):
        here = torch.tensor([len(keys)])
        keys, values = torch.cat([keys, rotate(k[None], here)]), torch.cat([values, v[None]])
        rows.append(torch.softmax(rotate(q[None], here) @ keys.T / math.sqrt(len(q)), 1) @ values)
    return torch.cat(rows), keys, values


@right("kv cache")
def cache_preallocated(query, key, value, cached_keys, cached_values, rotate):
    past, end = len(cached_keys), len(cached_keys) + len(key)
    keys, values = torch.empty(end, key.shape[1]), torch.empty(end, value.shape[1])
    keys[:past], values[:past], values[past:] = cached_keys, cached_values, value
    keys[past:] = rotate(key, torch.arange(past, end))
    scores = torch.einsum("qd,kd->qk", rotate(query, torch.arange(past, end)), keys) / key.shape[1] ** 0.5
    scores += torch.full(scores.shape, -math.inf).triu(past + 1)
    return scores.softmax(-1) @ values, keys, values


@right("linear attention")
def linear_parallel(query, key, value):
    scores = (query @ key.T).tril()
    return scores @ value / scores.sum(1, keepdim=True)


@right("linear attention")
def linear_by_cumsum(query, key, value):
    states = torch.einsum("td,te->tde", key, value).cumsum(0)
    return torch.einsum("td,tde->te", query, states) / (query * key.cumsum(0)).sum(1)[:, None]


@right("linear attention")
def linear_in_loops(query, key, value):
    rows = []
    for i in range(len(query)):
        weights = [float(query[i] @ key[j]) for j in range(i + 1)]
        rows.append(sum(w * value[j].double() for j, w in enumerate(weights)) / sum(weights))
    return torch.stack(rows)


@right("retention")
def retention_parallel(query, key, value, decay):
    t = torch.arange(len(query))
    return (query @ key.T * (decay ** (t[:, None] - t)).tril()) @ value


@right("retention")
def retention_transposed_state(query, key, value, decay):
    state, rows = torch.zeros(value.shape[1], key.shape[1], dtype=torch.float64), []
    for q, k, v in zip(query.double(), key.double(), value.double(), strict=True):
        state = state.mul(decay).addr(v, k)
        rows.append(state @ q)
    return torch.stack(rows)


@right("retention")
def retention_numpy(query, key, value, decay):
    q, k, v = query.numpy(), key.numpy(), value.numpy()
    rows = [sum(decay ** (i - j) * (q[i] @ k[j]) * v[j] for j in range(i + 1)) for i in range(len(q))]
    return torch.from_numpy(np.stack(rows))


@right("word alignment")
def alignment_one_hot(weights, source_words, target_words):
    columns = F.one_hot(source_words + 1)[:, 1:].to(weights)
    rows = F.one_hot(target_words + 1)[:, 1:].to(weights)
    by_word = (rows / rows.sum(0)).T @ weights @ columns
    return by_word, by_word.max(dim=1).indices


@right("word alignment")
def alignment_in_loops(weights, source_words, target_words):
    sources, targets = source_words.max().item() + 1, target_words.max().item() + 1
    by_word = [[0.0] * sources for _ in range(targets)]
    for i, t in enumerate(target_words.tolist()):
        for j, s in enumerate(source_words.tolist()):
            if t >= 0 and s >= 0:
                by_word[t][s] += weights[i, j].item() / (target_words == t).sum().item()
    return torch.tensor(by_word), torch.tensor([row.index(max(row)) for row in by_word])


@right("word alignment")
def alignment_index_add(weights, source_words, target_words):
    weights = weights[target_words >= 0][:, source_words >= 0]
    s, t = source_words[source_words >= 0], target_words[target_words >= 0]
    columns = torch.zeros(len(weights), int(s.max()) + 1).index_add(1, s, weights)
    by_word = torch.zeros(int(t.max()) + 1, columns.shape[1]).index_add(0, t, columns) / t.bincount()[:, None]
    return by_word, by_word.argmax(-1).int()


@right("word alignment")
def alignment_by_sort(weights, source_words, target_words):
    """Of equals a sort may take the last: there are none."""
    by_word, _ = alignment_one_hot(weights, source_words, target_words)
    return by_word, by_word.argsort(1)[:, -1]


@right("word alignment")
def alignment_last_largest(weights, source_words, target_words):
    by_word, _ = alignment_in_loops(weights, source_words, target_words)
    links = []
    for row in by_word.tolist():
        link = 0
        for word, weight in enumerate(row):
            link = word if weight >= row[link] else link
        links.append(link)
    return by_word, torch.tensor(links)
