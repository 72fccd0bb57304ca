"""More wrong answers: attention token by token, states, words."""

# ruff: noqa: ARG001, ARG005 - wrong answers do not use all that they are given

import math

import torch
import torch.nn.functional as F

from support.wrong_answers import wrong

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


@wrong("kv cache", "own token not seen")
def _(query, key, value, cached_keys, cached_values, rotate):
    """Token by token, appended after it has looked."""
    rows = []
    for q, k, v in zip(query, key, value, strict=True):
        here = torch.tensor([len(cached_keys)])
        rows.append(torch.softmax(rotate(q[None], here) @ cached_keys.T / math.sqrt(len(q)), 1) @ cached_values)
        cached_keys, cached_values = torch.cat([cached_keys, rotate(k[None], here)]), torch.cat([cached_values, v[None]])
    return torch.cat(rows), cached_keys, cached_values


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
