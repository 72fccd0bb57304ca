"""More wrong answers: those that were once praised, or told of a mistake that they had not made."""

import math

import torch
import torch.nn.functional as F

from support.wrong_answers import wrong

# What must survive large scores


@wrong("softmax", "not the largest")
def softmax_less_the_mean(scores):
    powers = (scores - scores.mean(1, keepdim=True)).exp()
    return powers / powers.sum(1, keepdim=True)


@wrong("softmax", "not the largest")
def softmax_less_the_first(scores):
    rows = [
        [math.exp(min(score - row[0], 709)) if score - row[0] < 88 else math.inf for score in row] for row in scores.tolist()
    ]
    powers = torch.tensor(rows)
    return powers / powers.sum(1, keepdim=True)


@wrong("softmax", "not the largest")
def softmax_less_the_smallest(scores):
    powers = torch.exp(scores - scores.min(dim=-1, keepdim=True)[0])
    return powers / powers.sum(-1, keepdim=True)


@wrong("sinks", "not the largest")
def sinks_less_the_mean(scores, sinks):
    middle = scores.mean(-1, keepdim=True)
    powers, sink = (scores - middle).exp(), (sinks.view(-1, 1, 1) - middle).exp()
    return powers / (sink + powers.sum(2, keepdim=True))


# padding mask


@wrong("padding mask", "largest of the hidden")
def hidden_after_exp(scores, keep):
    powers = (scores - scores.amax(-1, keepdim=True)).exp() * keep[:, None]
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)


@wrong("padding mask", "largest of the hidden")
def hidden_after_exp_with_a_little_more(scores, keep):
    powers = torch.exp(scores - scores.max(2, keepdim=True).values)
    powers = torch.where(keep.unsqueeze(1), powers, 0.0)
    return powers / (powers.sum(2, keepdim=True) + 1e-9)


@wrong("padding mask", "too small a number")
def filled_with_a_hundred(scores, keep):
    return F.softmax(scores.masked_fill(~keep[:, None], -100), -1)


@wrong("padding mask", "score of 0 hidden")
def padding_by_zeros(scores, keep):
    seen = scores * keep[:, None]
    seen[seen == 0] = -math.inf
    return F.softmax(seen, 2)


@wrong("padding mask", "rows and columns")
def padding_on_both_sides(scores, keep):
    both = torch.einsum("bi,bj->bij", keep.int(), keep.int()).bool()
    return torch.where(both, scores, -math.inf).softmax(2).nan_to_num(0)


@wrong("padding mask", "axis of queries missing")
def padding_without_an_axis(scores, keep):
    return torch.where(keep, scores, -math.inf).softmax(2).nan_to_num(0)


# causal mask


@wrong("causal mask", "top left", "own token hidden")
def triu_without_its_diagonal(scores):
    return scores.masked_fill(torch.ones_like(scores).triu().bool(), -math.inf).softmax(-1)


@wrong("causal mask", "top left", "own token hidden")
def triu_without_its_diagonal_in_numbers(scores):
    return F.softmax(scores + torch.triu(torch.ones(scores.shape)) * -1e9, dim=-1)


@wrong("causal mask", "top left", "one ahead")
def triu_of_two(scores):
    return scores.masked_fill(torch.ones_like(scores).triu(2).bool(), -math.inf).softmax(-1)


@wrong("causal mask", "top left", "inverted")
def tril_filled(scores):
    return scores.masked_fill(torch.ones_like(scores).tril().bool(), -math.inf).softmax(-1)


@wrong("causal mask", "too small a number")
def causal_with_a_thousand(scores):
    queries, keys = scores.shape
    return (scores - 1000 * torch.ones(queries, keys).triu(keys - queries + 1)).where(scores > -math.inf, scores).softmax(1)


@wrong("causal mask", "score of 0 hidden")
def causal_by_zeros(scores):
    seen = torch.tril(scores, scores.shape[1] - scores.shape[0])
    return seen.where(seen != 0, -math.inf).softmax(1)


@wrong("window", "or for and")
def window_joined_by_or(scores, width):
    queries, keys = scores.shape
    back = torch.arange(queries)[:, None] + keys - queries - torch.arange(keys)
    hidden = ~((back >= 0) | (back < width))
    return scores.masked_fill(hidden, -math.inf).softmax(1)


# Positions, caches, states


@wrong("rotary positions", "first half overwritten")
def turned_in_place(x, positions):
    y = x.clone()
    half = x.shape[1] // 2
    angles = positions[:, None] / 10000 ** (torch.arange(half) / half)
    first, second = y[:, :half], y[:, half:]
    y[:, :half] = first * angles.cos() - second * angles.sin()
    y[:, half:] = second * angles.cos() + first * angles.sin()
    return y


@wrong("rotary positions", "integer division")
def turned_by_whole_numbers(x, positions):
    half = x.shape[1] // 2
    angles = positions[:, None] * torch.tensor(10000.0) ** (-2 * torch.arange(half) // x.shape[1])
    first, second = x.chunk(2, dim=1)
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], 1)


@wrong("kv cache", "unrotated keys cached")
def caches_keys_as_they_come(query, key, value, cached_keys, cached_values, rotate):
    past, new = cached_keys.shape[0], query.shape[0]
    places = past + torch.arange(new)
    seen, values = torch.cat((cached_keys, rotate(key, places))), torch.cat((cached_values, value))
    hidden = torch.ones(new, past + new).triu(past + 1) > 0
    scores = (rotate(query, places) @ seen.T / query.shape[1] ** 0.5).masked_fill(hidden, -math.inf)
    return scores.softmax(1) @ values, torch.cat((cached_keys, key)), values


@wrong("linear attention", "one state in all places")
def the_same_sums_put_away(query, key, value):
    state, total, states = torch.zeros(key.shape[1], value.shape[1]), torch.zeros(key.shape[1]), []
    for k, v in zip(key, value, strict=True):
        state += torch.outer(k, v)
        total += k
        states.append((state, total))
    return torch.stack([q @ s / (q @ z) for q, (s, z) in zip(query, states, strict=True)])


@wrong("linear attention", "not causal")
def sums_over_everything(query, key, value):
    return query @ (key.T @ value) / (query @ key.sum(0))[:, None]


@wrong("linear attention", "state not causal")
def numerator_over_everything(query, key, value):
    return query @ (key.T @ value) / (query * key.cumsum(0)).sum(1, keepdim=True)


@wrong("retention", "softmax")
def retention_of_a_softmax(query, key, value, decay):
    away = torch.arange(len(query))[:, None] - torch.arange(len(key))
    weights = (query @ key.T).masked_fill(away < 0, -math.inf).softmax(1)
    return weights * decay ** away.clamp(min=0) @ value


@wrong("scale", "scaled by dim")
def both_divided_by_the_root(query, key):
    return (query / query.shape[1] ** 0.5) @ (key / key.shape[1] ** 0.5).T
