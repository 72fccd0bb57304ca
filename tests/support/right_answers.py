"""Right answers to the exercises, in the styles in which people write: loops, einsum, NumPy inside, fused kernels, float64."""

import math

import numpy as np
import torch
import torch.nn.functional as F

RIGHT = []  # (exercise, function)


def right(exercise):
    def keep(function):
        RIGHT.append((exercise, function))
        return function

    return keep


@right("scale")
def scale_in_loops(query, key):
    dim = len(query[0])
    rows = [[sum(q[d] * k[d] for d in range(dim)) / math.sqrt(dim) for k in key.tolist()] for q in query.tolist()]
    return torch.tensor(rows)


@right("scale")
def scale_einsum(query, key):
    return torch.einsum("qd,kd->qk", query, key) * query.shape[1] ** -0.5


@right("scale")
def scale_both_in_double(query, key):
    root = query.size(-1) ** 0.25
    return (query.double() / root) @ (key.double() / root).T


@right("softmax")
def softmax_in_loops(scores):
    weights = torch.zeros_like(scores)
    for i, row in enumerate(scores.tolist()):
        powers = [math.exp(score - max(row)) for score in row]
        for j, power in enumerate(powers):
            weights[i, j] = power / sum(powers)
    return weights


@right("softmax")
def softmax_numpy(scores):
    array = scores.numpy().astype(np.float64)
    powers = np.exp(array - array.max(axis=1, keepdims=True))
    return torch.from_numpy(powers / powers.sum(axis=1, keepdims=True))


@right("softmax")
def softmax_by_logsumexp(scores):
    return (scores - scores.logsumexp(-1, keepdim=True)).exp()


@right("attention")
def attention_fused(query, key, value):
    output = F.scaled_dot_product_attention(query[None], key[None], value[None])[0]
    return output, F.softmax(query @ key.transpose(1, 2) / math.sqrt(query.shape[2]), dim=2)


@right("attention")
def attention_einsum(query, key, value):
    weights = torch.einsum("hqd,hkd->hqk", query, key).div(query.shape[-1] ** 0.5).softmax(-1)
    return [torch.einsum("hqk,hkd->hqd", weights, value), weights]


@right("attention")
def attention_head_by_head(query, key, value):
    weights = torch.stack([torch.softmax(q @ k.T / len(q[0]) ** 0.5, 1) for q, k in zip(query, key, strict=True)])
    return torch.bmm(weights, value), weights


@right("dropout")
def dropout_plain(query, key, value, drop):
    weights = F.softmax(query @ key.T / math.sqrt(query.shape[1]), dim=1)
    return drop(weights) @ value, weights


@right("dropout")
def dropout_einsum(query, key, value, drop):
    weights = torch.einsum("qd,kd->qk", query, key).mul(key.shape[1] ** -0.5).softmax(1)
    return torch.einsum("qk,kd->qd", drop(weights.clone()), value), weights


@right("dropout")
def dropout_in_loops(query, key, value, drop):
    rows = []
    for q in query.double():
        powers = torch.stack([(q @ k / len(q) ** 0.5).exp() for k in key.double()])
        rows.append(powers / powers.sum())
    weights = torch.stack(rows)
    kept = drop(weights)
    return torch.stack([sum(kept[i, j] * value[j] for j in range(len(key))) for i in range(len(query))]), weights


@right("padding mask")
def padding_in_loops(scores, keep):
    weights = torch.zeros(scores.shape)
    for b, sentence in enumerate(scores):
        real = keep[b].nonzero().flatten()
        for i, row in enumerate(sentence):
            if len(real):
                weights[b, i, real] = torch.softmax(row[real], 0)
    return weights


@right("padding mask")
def padding_additive(scores, keep):
    bias = torch.zeros(keep.shape).masked_fill(keep.logical_not(), float("-inf"))
    return torch.nan_to_num(F.softmax(scores + bias.unsqueeze(1), dim=2))


@right("padding mask")
def padding_where(scores, keep):
    low = torch.where(keep.unsqueeze(1), scores.double(), -1e30)
    powers = (low - low.amax(-1, keepdim=True)).exp() * keep.unsqueeze(1)
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)


@right("causal mask")
def causal_in_loops(scores):
    queries, keys = scores.shape
    weights = torch.zeros(queries, keys, dtype=torch.float64)
    for i in range(queries):
        seen = keys - queries + i + 1
        weights[i, :seen] = torch.softmax(scores[i, :seen].double(), 0)
    return weights


@right("causal mask")
def causal_triu(scores):
    future = torch.ones_like(scores).triu(1 + scores.shape[1] - scores.shape[0]).bool()
    return scores.masked_fill(future, torch.finfo(scores.dtype).min).softmax(-1)


@right("causal mask")
def causal_fused(scores):
    """The scores as a bias, values that show the weights; earlier queries make the square that is_causal needs."""
    queries, keys = scores.shape
    bias = torch.cat([torch.zeros(keys - queries, keys), scores])
    bias += torch.full((keys, keys), -math.inf).triu(1)
    nothing = torch.zeros(1, keys, 1)
    return F.scaled_dot_product_attention(nothing, nothing, torch.eye(keys)[None], bias[None])[0, -queries:]


@right("window")
def window_in_loops(scores, width):
    queries, keys = scores.shape
    weights = torch.zeros_like(scores)
    for i in range(queries):
        last = i + keys - queries
        first = max(0, last - width + 1)
        weights[i, first : last + 1] = torch.softmax(scores[i, first : last + 1], 0)
    return weights


@right("window")
def window_of_bands(scores, width):
    shift = scores.size(1) - scores.size(0)
    band = torch.ones(scores.shape).tril(shift).triu(shift - width + 1)
    return torch.softmax(torch.where(band == 1, scores, -math.inf), -1)


@right("window")
def window_numpy(scores, width):
    queries, keys = scores.shape
    after = np.arange(keys)[None, :] - (np.arange(queries)[:, None] + keys - queries)
    powers = np.exp(scores.numpy()) * ((after <= 0) & (after > -width))
    return torch.from_numpy(powers / powers.sum(1, keepdims=True))


@right("split heads")
def split_by_chunks(x, heads):
    return torch.stack(x.chunk(heads, dim=-1), dim=1)


@right("split heads")
def split_unflatten(x, heads):
    return x.unflatten(-1, (heads, -1)).movedim(2, 1)


@right("split heads")
def split_in_loops(x, heads):
    batch, positions, features = x.shape
    size = features // heads
    y = torch.empty(batch, heads, positions, size)
    for h in range(heads):
        for p in range(positions):
            y[:, h, p] = x[:, p, h * size : (h + 1) * size]
    return y


@right("merge heads")
def merge_by_cat(x):
    return torch.cat(list(x.unbind(1)), dim=-1)


@right("merge heads")
def merge_permute(x):
    return x.permute(0, 2, 1, 3).contiguous().view(x.size(0), x.size(2), -1)


@right("merge heads")
def merge_numpy(x):
    return torch.from_numpy(np.concatenate([x.numpy()[:, h] for h in range(x.shape[1])], axis=2))


@right("grouped heads")
def grouped_fused(query, key, value):
    return F.scaled_dot_product_attention(query[None], key[None], value[None], enable_gqa=True)[0]


@right("grouped heads")
def grouped_in_loops(query, key, value):
    share = len(query) // len(key)
    heads = [torch.softmax(q @ key[h // share].T / q.shape[1] ** 0.5, 1) @ value[h // share] for h, q in enumerate(query)]
    return torch.stack(heads)


@right("grouped heads")
def grouped_einsum(query, key, value):
    q = query.reshape(key.shape[0], -1, *query.shape[1:])
    weights = torch.einsum("gsqd,gkd->gsqk", q, key).mul(query.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("gsqk,gkd->gsqd", weights, value).flatten(0, 1)


@right("rotary positions")
def rotary_as_in_transformers(x, positions):
    frequencies = 1.0 / (10000 ** (torch.arange(0, x.shape[-1], 2).float() / x.shape[-1]))
    angles = torch.cat([torch.outer(positions.float(), frequencies)] * 2, dim=-1)
    half = torch.cat([-x[:, x.shape[-1] // 2 :], x[:, : x.shape[-1] // 2]], dim=-1)
    return x * angles.cos() + half * angles.sin()


@right("rotary positions")
def rotary_complex(x, positions):
    pairs = torch.complex(*x.double().chunk(2, dim=-1))
    exponents = torch.arange(pairs.shape[-1], dtype=torch.float64) / pairs.shape[-1]
    turned = pairs * torch.exp(1j * positions[:, None] * 10000**-exponents)
    return torch.cat([turned.real, turned.imag], dim=-1)


@right("rotary positions")
def rotary_in_loops(x, positions):
    y, dim = x.clone(), x.shape[1]
    for t, p in enumerate(positions.tolist()):
        for i in range(dim // 2):
            angle = p * 10000 ** (-2 * i / dim)
            a, b = float(x[t, i]), float(x[t, i + dim // 2])
            y[t, i] = a * math.cos(angle) - b * math.sin(angle)
            y[t, i + dim // 2] = b * math.cos(angle) + a * math.sin(angle)
    return y


@right("alibi")
def alibi_as_in_bloom(query, key):
    """The bias is slope · key: the same after softmax."""
    heads, queries, dim = query.shape
    slopes = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    scores = torch.baddbmm(slopes[:, None, None] * torch.arange(key.shape[1]), query, key.mT, alpha=dim**-0.5)
    future = torch.ones(queries, key.shape[1]).triu(key.shape[1] - queries + 1).bool()
    return scores.masked_fill(future, -1e9).softmax(-1)


@right("alibi")
def alibi_in_loops(query, key):
    heads, queries, dim = query.shape
    keys = key.shape[1]
    weights = torch.zeros(heads, queries, keys)
    for h in range(heads):
        for i in range(queries):
            own = i + keys - queries
            row = [float(query[h, i] @ key[h, j]) / dim**0.5 - 2 ** (-8 * (h + 1) / heads) * (own - j) for j in range(own + 1)]
            weights[h, i, : own + 1] = torch.softmax(torch.tensor(row), 0)
    return weights


@right("alibi")
def alibi_fused(query, key):
    heads, queries, _ = query.shape
    keys = key.shape[1]
    after = torch.arange(keys) - torch.arange(keys - queries, keys)[:, None]
    bias = torch.logspace(-8 / heads, -8, heads, base=2)[:, None, None] * torch.where(after > 0, -torch.inf, after)
    return F.scaled_dot_product_attention(query, key, torch.eye(keys).expand(heads, -1, -1), bias)


@right("softcap")
def softcap_where(scores, cap, mask):
    return torch.where(mask, (scores / cap).tanh() * cap, -math.inf).softmax(dim=1)


@right("softcap")
def softcap_in_loops(scores, cap, mask):
    weights = torch.zeros(scores.shape, dtype=torch.float64)
    for i in range(scores.shape[0]):
        powers = {j: math.exp(cap * math.tanh(float(scores[i, j]) / cap)) for j in range(scores.shape[1]) if mask[i, j]}
        for j, power in powers.items():
            weights[i, j] = power / sum(powers.values())
    return weights


@right("softcap")
def softcap_additive(scores, cap, mask):
    return torch.softmax(scores.div(cap).tanh().mul(cap) + torch.log(mask.float()), -1)


@right("sinks")
def sinks_by_denominator(scores, sinks):
    s = sinks.view(-1, 1, 1)
    top = torch.maximum(scores.amax(-1, keepdim=True), s)
    powers = (scores - top).exp()
    return powers / (powers.sum(-1, keepdim=True) + (s - top).exp())


@right("sinks")
def sinks_by_logsumexp(scores, sinks):
    lse = torch.logaddexp(scores.double().logsumexp(-1), sinks[:, None].double())
    return torch.exp(scores - lse[..., None])


@right("sinks")
def sinks_by_gate(scores, sinks):
    """softmax, times how much is left: σ(logsumexp − sink)."""
    return scores.softmax(-1) * torch.sigmoid(scores.logsumexp(-1) - sinks[:, None]).unsqueeze(-1)
