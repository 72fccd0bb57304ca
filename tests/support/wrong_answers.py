"""Wrong answers to the exercises, each with the name of its mistake; none is written like the package's own edits."""

# ruff: noqa: ARG001 - wrong answers do not use all that they are given

import math

import numpy as np
import torch
import torch.nn.functional as F

WRONG = []  # (exercise, names of its mistakes, function)


def wrong(exercise, *mistakes):
    def keep(function):
        WRONG.append((exercise, mistakes, function))
        return function

    return keep


def by_rule(scores, sees):
    """Softmax in loops over the keys that a query sees; zeros where it sees none."""
    weights = torch.zeros(scores.shape, dtype=torch.float64)
    for i, row in enumerate(scores.tolist()):
        seen = [j for j in range(len(row)) if sees(i, j)]
        powers = {j: math.exp(row[j] - max(row[k] for k in seen)) for j in seen}
        for j, power in powers.items():
            weights[i, j] = power / sum(powers.values())
    return weights


# scale


@wrong("scale", "no scale")
def _(query, key):
    return torch.einsum("id,jd->ij", query, key)


@wrong("scale", "scaled by dim")
def _(query, key):
    return torch.stack([torch.stack([(q * k).mean() for k in key]) for q in query])


@wrong("scale", "scale multiplied")
def _(query, key):
    return torch.from_numpy(np.inner(query.numpy(), key.numpy()) * math.sqrt(query.shape[1]))


@wrong("scale", "root of the length")
def _(query, key):
    return torch.inner(query, key) / np.sqrt(key.shape[0])


@wrong("scale", "transposed")
def _(query, key):
    return torch.einsum("id,jd->ji", query, key) / math.sqrt(query.shape[1])


@wrong("scale", "cosine")
def _(query, key):
    return F.cosine_similarity(query[:, None], key[None], dim=-1)


@wrong("scale", "fourth root")
def _(query, key):
    return (query / len(query[0]) ** 0.25) @ key.T


# softmax


@wrong("softmax", "overflow")
def _(scores):
    rows = [[math.exp(score) for score in row] for row in scores.tolist()]
    return torch.tensor([[power / sum(row) for power in row] for row in rows])


@wrong("softmax", "overflow")
def _(scores):
    with np.errstate(all="ignore"):
        powers = np.exp(scores.numpy())
        return torch.from_numpy(powers / powers.sum(1, keepdims=True))


@wrong("softmax", "one top for all rows")
def _(scores):
    return (scores - scores.max()).exp().div((scores - scores.max()).exp().sum(1, keepdim=True))


@wrong("softmax", "over queries")
def _(scores):
    return torch.stack([torch.softmax(column, 0) for column in scores.T], dim=1)


@wrong("softmax", "over everything")
def _(scores):
    return torch.softmax(scores.flatten(), 0).view_as(scores)


@wrong("softmax", "summed axis lost")
def _(scores):
    powers = torch.exp(scores - scores.max(1, keepdim=True)[0])
    return powers / powers.sum(1)


@wrong("softmax", "no exponential")
def _(scores):
    return torch.tensor([[score / sum(row) for score in row] for row in scores.tolist()])


@wrong("softmax", "not divided")
def _(scores):
    return torch.tensor([[math.exp(score - max(row)) for score in row] for row in scores.tolist()])


@wrong("softmax", "logarithm")
def _(scores):
    return scores - scores.logsumexp(1, keepdim=True)


@wrong("softmax", "softmax twice")
def _(scores):
    powers = scores.softmax(1).exp()
    return powers / powers.sum(1, keepdim=True)


# attention


@wrong("attention", "no scale")
def _(query, key, value):
    weights = torch.einsum("hid,hjd->hij", query, key).softmax(2)
    return F.scaled_dot_product_attention(query, key, value, scale=1.0), weights


@wrong("attention", "scaled by dim")
def _(query, key, value):
    weights = torch.stack(
        [
            torch.stack([by_rule((q * k).mean(1)[None], lambda *_: 1)[0] for q in head])
            for head, k in zip(query, key, strict=True)
        ]
    )
    return weights.float() @ value, weights


@wrong("attention", "scale multiplied")
def _(query, key, value):
    weights = torch.einsum("hid,hjd->hij", query * math.sqrt(query.shape[2]), key).softmax(2)
    return torch.bmm(weights, value), weights


@wrong("attention", "root of the length")
def _(query, key, value):
    scale = value.shape[2] ** -0.5
    weights = torch.einsum("hid,hjd->hij", query * scale, key).softmax(2)
    return F.scaled_dot_product_attention(query, key, value, scale=scale), weights


@wrong("attention", "root of all heads")
def _(query, key, value):
    scale = query.transpose(0, 1).flatten(1).shape[1] ** -0.5
    weights = torch.einsum("hid,hjd->hij", query * scale, key).softmax(2)
    return F.scaled_dot_product_attention(query, key, value, scale=scale), weights


@wrong("attention", "over queries")
def _(query, key, value):
    weights = F.softmax(torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[2]), dim=1)
    return torch.einsum("hij,hjd->hid", weights, value), weights


@wrong("attention", "over heads")
def _(query, key, value):
    powers = (torch.einsum("hid,hjd->hij", query, key) / query.shape[2] ** 0.5).exp()
    weights = powers / powers.sum(0)
    return weights @ value, weights


@wrong("attention", "scaled after softmax")
def _(query, key, value):
    weights = torch.einsum("hid,hjd->hij", query, key).softmax(2) * query.shape[2] ** -0.5
    return torch.bmm(weights, value), weights


@wrong("attention", "no softmax")
def _(query, key, value):
    weights = torch.einsum("hid,hjd->hij", query, key) / math.sqrt(query.shape[2])
    return torch.einsum("hij,hjd->hid", weights, value), weights


@wrong("attention", "transposed weights")
def _(query, key, value):
    weights = (torch.einsum("hid,hjd->hij", query, key) / math.sqrt(query.shape[2])).softmax(2)
    return torch.stack([w.T @ v for w, v in zip(weights, value, strict=True)]), weights


@wrong("attention", "keys look at queries")
def _(query, key, value):
    weights = (torch.einsum("hid,hjd->hji", query, key) / math.sqrt(query.shape[2])).softmax(2)
    return torch.bmm(weights, value), weights


@wrong("attention", "softmax twice")
def _(query, key, value):
    weights = (torch.einsum("hid,hjd->hij", query, key) / math.sqrt(query.shape[2])).softmax(2)
    powers = weights.exp()
    weights = torch.einsum("hij,hi->hij", powers, 1 / powers.sum(2))
    return torch.einsum("hij,hjd->hid", weights, value), weights


@wrong("attention", "swapped")
def _(query, key, value):
    weights = (torch.einsum("hid,hjd->hij", query, key) / math.sqrt(query.shape[2])).softmax(2)
    return weights, F.scaled_dot_product_attention(query, key, value)


@wrong("attention", "no scale", "over queries")
def _(query, key, value):
    weights = torch.einsum("hid,hjd->hij", query, key).softmax(1)
    return torch.einsum("hij,hjd->hid", weights, value), weights


# dropout


@wrong("dropout", "weights after dropout")
def _(query, key, value, drop):
    kept = drop(F.softmax(torch.einsum("id,jd->ij", query, key) / math.sqrt(query.shape[1]), dim=1))
    return torch.einsum("ij,jd->id", kept, value), kept


@wrong("dropout", "scores dropped")
def _(query, key, value, drop):
    weights = F.softmax(drop(torch.einsum("id,jd->ij", query, key)) / math.sqrt(query.shape[1]), dim=1)
    return weights.mm(value), weights


@wrong("dropout", "output dropped")
def _(query, key, value, drop):
    weights = F.softmax(query.mm(key.T) / math.sqrt(query.shape[1]), dim=1)
    return drop(F.scaled_dot_product_attention(query[None], key[None], value[None])[0]), weights


@wrong("dropout", "no dropout")
def _(query, key, value, drop):
    weights = F.softmax(query.mm(key.T) / math.sqrt(query.shape[1]), dim=1)
    return F.scaled_dot_product_attention(query[None], key[None], value[None])[0], weights


@wrong("dropout", "values dropped")
def _(query, key, value, drop):
    weights = F.softmax(query.mm(key.T) / math.sqrt(query.shape[1]), dim=1)
    return torch.einsum("ij,jd->id", weights, drop(value)), weights


@wrong("dropout", "no scale")
def _(query, key, value, drop):
    weights = by_rule(torch.einsum("id,jd->ij", query, key), lambda *_: True).float()
    return drop(weights).mm(value), weights


@wrong("dropout", "divided again")
def _(query, key, value, drop):
    weights = F.softmax(query.mm(key.T) / math.sqrt(query.shape[1]), dim=1)
    return F.normalize(drop(weights), p=1, dim=1) @ value, weights


# heads


@wrong("split heads", "reshape without transpose")
def _(x, heads):
    return x.contiguous().view(len(x), heads, -1, x.shape[2] // heads)


@wrong("split heads", "no transpose")
def _(x, heads):
    return torch.stack(x.chunk(heads, dim=2), dim=2)


@wrong("split heads", "interleaved")
def _(x, heads):
    return torch.stack([x[:, :, h::heads] for h in range(heads)], dim=1)


@wrong("split heads", "positions last")
def _(x, heads):
    return torch.stack(x.mT.chunk(heads, dim=1), dim=1)


@wrong("split heads", "heads and dim swapped")
def _(x, heads):
    return torch.stack(x.chunk(x.shape[2] // heads, dim=2), dim=1)


@wrong("split heads", "heads first")
def _(x, heads):
    return torch.stack(x.chunk(heads, dim=2))


@wrong("merge heads", "reshape without transpose")
def _(x):
    return x.flatten().view(x.shape[0], x.shape[2], -1)


@wrong("merge heads", "interleaved")
def _(x):
    return torch.einsum("bhpd->bpdh", x).flatten(2)


@wrong("merge heads", "wrong axes transposed")
def _(x):
    return torch.einsum("bhpd->bhdp", x).reshape(x.shape[0], x.shape[2], -1)


@wrong("merge heads", "summed")
def _(x):
    return sum(x[:, h] for h in range(x.shape[1]))


@wrong("merge heads", "heads reversed")
def _(x):
    return torch.cat([x[:, -1 - h] for h in range(x.shape[1])], dim=2)


def heads_in_loops(query, key, value, key_of, value_of, scale):
    return torch.stack([torch.softmax(q @ key[key_of(h)].T * scale, 1) @ value[value_of(h)] for h, q in enumerate(query)])


@wrong("grouped heads", "tiled")
def _(query, key, value):
    return heads_in_loops(query, key, value, lambda h: h % len(key), lambda h: h % len(key), query.shape[2] ** -0.5)


@wrong("grouped heads", "keys tiled")
def _(query, key, value):
    group = len(query) // len(key)
    return heads_in_loops(query, key, value, lambda h: h % len(key), lambda h: h // group, query.shape[2] ** -0.5)


@wrong("grouped heads", "values tiled")
def _(query, key, value):
    group = len(query) // len(key)
    return heads_in_loops(query, key, value, lambda h: h // group, lambda h: h % len(key), query.shape[2] ** -0.5)


@wrong("grouped heads", "first head for all")
def _(query, key, value):
    return F.scaled_dot_product_attention(query, key[0].expand(len(query), -1, -1), value[0].expand(len(query), -1, -1))


@wrong("grouped heads", "no scale")
def _(query, key, value):
    return F.scaled_dot_product_attention(query[None], key[None], value[None], scale=1.0, enable_gqa=True)[0]


@wrong("grouped heads", "heads out of order")
def _(query, key, value):
    grouped = query.reshape(len(key), -1, *query.shape[1:])
    weights = (torch.einsum("gsid,gjd->gsij", grouped, key) / math.sqrt(query.shape[2])).softmax(3)
    return torch.einsum("gsij,gjd->sgid", weights, value).flatten(0, 1)


@wrong("grouped heads", "averaged")
def _(query, key, value):
    shape = (len(query), -1, -1)
    return F.scaled_dot_product_attention(query, key.mean(0).expand(shape), value.mean(0).expand(shape))


@wrong("grouped heads", "scaled by dim")
def _(query, key, value):
    scale = 1 / query.shape[2]
    return F.scaled_dot_product_attention(query[None], key[None], value[None], scale=scale, enable_gqa=True)[0]


@wrong("grouped heads", "over queries")
def _(query, key, value):
    group = len(query) // len(key)
    heads = [F.softmax(q @ key[h // group].T / q.shape[1] ** 0.5, 0) @ value[h // group] for h, q in enumerate(query)]
    return torch.stack(heads)


@wrong("grouped heads", "tiled", "no scale")
def _(query, key, value):
    return heads_in_loops(query, key, value, lambda h: h % len(key), lambda h: h % len(key), 1.0)
