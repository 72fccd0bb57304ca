"""Witnesses for normalisers, gates and latents, written without looking at the package: loops over Python numbers.

Slow on purpose: each line is a sentence of a definition, so a mistake here is not the mistake over there.
"""

import cmath
import itertools
import math

import torch
from torch import Tensor


def rows_of_scores(query, key, mask=None, *, causal=False, scale=None):
    """(b, h, i) and {j: score} of the keys that may be seen, for every query. Key heads are shared by neighbouring heads."""
    batches, heads, queries, dim = query.shape
    keys = key.shape[2]
    q, k = query.tolist(), key.tolist()
    may = None if mask is None else mask.expand(batches, heads, queries, keys).tolist()
    factor = dim**-0.5 if scale is None else scale
    for b, h, i in itertools.product(range(batches), range(heads), range(queries)):
        g = h * key.shape[1] // heads
        yield (
            (b, h, i),
            {
                j: factor * math.fsum(x * y for x, y in zip(q[b][h][i], k[b][g][j], strict=True))
                for j in range(keys)
                if (may is None or may[b][h][i][j]) and not (causal and j > i + keys - queries)
            },
        )


def attend_by_rows(normalise, query, key, value, mask=None, *, causal=False, scale=None):
    """Output and weights where ``normalise`` makes a list of weights of a list of scores, row by row; a mask is boolean."""
    weights = torch.zeros(*query.shape[:3], key.shape[2], dtype=torch.float64)
    for (b, h, i), scores in rows_of_scores(query, key, mask, causal=causal, scale=scale):
        for j, weight in zip(scores, normalise(list(scores.values())) if scores else [], strict=True):
            weights[b, h, i, j] = weight
    return mean_by_loops(weights, value), weights


def mean_by_loops(weights, value):
    """output_id = Σ_j weight_ij · value_jd, over the keys that have a weight."""
    output = torch.zeros(*weights.shape[:3], value.shape[3], dtype=torch.float64)
    for b, h, i, d in itertools.product(*(range(size) for size in output.shape)):
        g = h * value.shape[1] // weights.shape[1]
        row = weights[b, h, i].tolist()
        output[b, h, i, d] = math.fsum(row[j] * float(value[b, g, j, d]) for j in range(len(row)) if row[j] != 0)
    return output


def softmax_row(scores):
    total = math.fsum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def off_by_one_row(scores):
    total = 1 + math.fsum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def sparsemax_row(scores):
    """Of all supports, the one whose projection is a distribution and nearest to the scores."""
    best = None
    for size in range(1, len(scores) + 1):
        for support in itertools.combinations(range(len(scores)), size):
            shift = (1 - math.fsum(scores[j] for j in support)) / size  # projection on the plane Σ p = 1 of this support
            point = [scores[j] + shift if j in support else 0.0 for j in range(len(scores))]
            if min(point) < 0:
                continue
            distance = math.fsum((p - z) ** 2 for p, z in zip(point, scores, strict=True))
            if best is None or distance < best[0]:
                best = (distance, point)
    return best[1]


def entmax15_row(scores):
    """Of all supports, the one whose distribution maximises p·z + H(p), with H(p) = 4/3 · Σ (p − p^1.5)."""
    best = None
    for size in range(1, len(scores) + 1):
        for support in itertools.combinations(range(len(scores)), size):
            halves = [scores[j] / 2 for j in support]
            mean = math.fsum(halves) / size
            left = 1 - math.fsum((half - mean) ** 2 for half in halves)  # Σ (half − τ)² = 1, solved for τ
            if left < 0:
                continue
            threshold = mean - math.sqrt(left / size)
            if min(halves) < threshold:
                continue
            point = [(scores[j] / 2 - threshold) ** 2 if j in support else 0.0 for j in range(len(scores))]
            worth = math.fsum(p * z for p, z in zip(point, scores, strict=True))
            worth += 4 / 3 * math.fsum(p - p**1.5 for p in point)
            if best is None or worth > best[0]:
                best = (worth, point)
    return best[1]


def talking_heads(query, key, value, mix_scores, mix_weights, mask=None, *, causal=False):
    """Scores of each head given to all heads, softmax, weights of each head given to all heads; a mask is the same for all."""
    batches, heads, queries, _ = query.shape
    scores = dict(rows_of_scores(query, key, mask, causal=causal))
    weights = torch.zeros(batches, heads, queries, key.shape[2], dtype=torch.float64)
    for b, i in itertools.product(range(batches), range(queries)):
        before = {}
        for to in range(heads):
            row = {j: math.fsum(float(mix_scores[h, to]) * scores[b, h, i][j] for h in range(heads)) for j in scores[b, to, i]}
            before[to] = dict(zip(row, softmax_row(list(row.values())), strict=True))
        for to in range(heads):
            for j in before[to]:
                weights[b, to, i, j] = math.fsum(float(mix_weights[h, to]) * before[h][j] for h in range(heads))
    return mean_by_loops(weights, value), weights


def forgetting(query, key, value, log_forget):
    """Causal; each gate between a key and a query, the query's own included, multiplies exp(score)."""
    batches, heads, queries, _ = query.shape
    keys = key.shape[2]
    gates = log_forget.expand(batches, heads, keys).exp().tolist()
    weights = torch.zeros(batches, heads, queries, keys, dtype=torch.float64)
    for (b, h, i), scores in rows_of_scores(query, key, causal=True):
        own = i + keys - queries
        kept = {j: math.exp(score) * math.prod(gates[b][h][j + 1 : own + 1]) for j, score in scores.items()}
        for j, number in kept.items():
            weights[b, h, i, j] = number / math.fsum(kept.values())
    return mean_by_loops(weights, value), weights


def latent_attention(layer, x: Tensor, memory: Tensor | None = None):
    """The layer's weights applied with complex numbers and loops: output before the last projection, and weights.

    Everything is rebuilt for each head; rotary pairs are (0, 1), (2, 3) ... Latents are made of ``memory``, or of x as well.
    """
    memory = x if memory is None else memory
    weight = {name: tensor.detach() for name, tensor in layer.state_dict().items()}
    heads = layer.heads
    batches, length, _ = x.shape
    head_dim, value_dim = weight["key_up.weight"].shape[0] // heads, weight["value_up.weight"].shape[0] // heads
    latent_dim = weight["norm.weight"].shape[0]
    rotary_dim = weight["down.weight"].shape[0] - latent_dim

    def turned(vector, position):
        turned = []
        for pair in range(rotary_dim // 2):
            angle = position * layer.base ** (-2 * pair / rotary_dim)
            number = complex(float(vector[2 * pair]), float(vector[2 * pair + 1])) * cmath.exp(1j * angle)
            turned += [number.real, number.imag]
        return turned

    def normalised(vector, gain):
        return vector / math.sqrt(float((vector**2).mean()) + 1e-6) * gain

    output = torch.zeros(batches, length, heads * value_dim, dtype=torch.float64)
    weights = torch.zeros(batches, heads, length, length, dtype=torch.float64)
    for b in range(batches):
        latents, shared, queries = [], [], []
        for t in range(length):
            compressed = weight["down.weight"] @ memory[b, t]
            latents.append(normalised(compressed[:latent_dim], weight["norm.weight"]))
            shared.append(turned(compressed[latent_dim:], t))
            asks = x[b, t]
            if "query_down.weight" in weight:
                asks = normalised(weight["query_down.weight"] @ asks, weight["query_norm.weight"])
            queries.append(weight["query.weight"] @ asks)
        for h in range(heads):
            up_key = weight["key_up.weight"][h * head_dim : (h + 1) * head_dim]
            up_value = weight["value_up.weight"][h * value_dim : (h + 1) * value_dim]
            width = head_dim + rotary_dim
            for i in range(length):
                own = queries[i][h * width : (h + 1) * width]
                question = own[:head_dim].tolist() + turned(own[head_dim:], i)
                scores = [
                    math.fsum(a * c for a, c in zip(question, (up_key @ latents[j]).tolist() + shared[j], strict=True))
                    / math.sqrt(width)
                    for j in range(i + 1)
                ]
                for j, share in enumerate(softmax_row(scores)):
                    weights[b, h, i, j] = share
                    output[b, i, h * value_dim : (h + 1) * value_dim] += share * (up_value @ latents[j])
    return output, weights
