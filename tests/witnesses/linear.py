"""Mechanisms with a state, written out as loops over Python numbers, without looking at the package.

Each oracle is of one head: q and k are lists of rows of dim numbers, v of value_dim numbers. Where the package carries a state
these sum over all pairs, and where it multiplies matrices these go step by step. `each_head` runs one on whole tensors.
"""

import math

import torch
from torch import Tensor


def each_head(oracle, query: Tensor, key: Tensor, value: Tensor, *gates: Tensor) -> Tensor:
    """Run an oracle on every batch and head of (B, H, N, D) tensors; gates are (B, H, …). Returns (B, H, N, Dv) float64."""
    return torch.stack(
        [
            torch.stack(
                [
                    torch.tensor(
                        oracle(*(tensor[b, h].tolist() for tensor in (query, key, value, *gates))), dtype=torch.float64
                    )
                    for h in range(query.shape[1])
                ]
            )
            for b in range(query.shape[0])
        ]
    )


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def mix(weights, rows):
    return [math.fsum(w * row[e] for w, row in zip(weights, rows, strict=False)) for e in range(len(rows[0]))]


def linear(q, k, v, causal=True, feature=lambda x: x + 1 if x > 0 else math.exp(x)):
    outputs = []
    for i, q_i in enumerate(q):
        phi_q = [feature(x) for x in q_i]
        seen = k[: i + 1] if causal else k
        scores = [dot(phi_q, [feature(x) for x in k_j]) for k_j in seen]
        outputs.append(mix([score / math.fsum(scores) for score in scores], v))
    return outputs


def performer(q, k, v, projection, scale, causal=True):
    def features(x):
        squares = scale * dot(x, x)
        return [math.exp(math.sqrt(scale) * dot(row, x) - squares / 2) / math.sqrt(len(projection)) for row in projection]

    outputs = []
    for i, q_i in enumerate(q):
        scores = [dot(features(q_i), features(k_j)) for k_j in (k[: i + 1] if causal else k)]
        outputs.append(mix([score / math.fsum(scores) for score in scores], v))
    return outputs


def retention(q, k, v, gamma):
    return [mix([gamma ** (i - j) * dot(q_i, k[j]) for j in range(i + 1)], v) for i, q_i in enumerate(q)]


def gated_linear(q, k, v, gates):
    """gates[l][d] is the factor itself."""
    outputs = []
    for i, q_i in enumerate(q):
        weights = []
        for j in range(i + 1):
            kept = [math.prod(gates[step][d] for step in range(j + 1, i + 1)) for d in range(len(q_i))]
            weights.append(math.fsum(q_i[d] * k[j][d] * kept[d] for d in range(len(q_i))))
        outputs.append(mix(weights, v))
    return outputs


def state_space(c, b, x, a):
    return [mix([dot(c[i], b[j]) * math.prod(a[j + 1 : i + 1]) for j in range(i + 1)], x) for i in range(len(x))]


def gated_delta(q, k, v, beta, gates):
    """S_t = α_t (I − β_t k_t k_tᵀ) S_{t−1} + β_t k_t v_tᵀ, the matrix in brackets written out."""
    dim, value_dim = len(k[0]), len(v[0])
    state = [[0.0] * value_dim for _ in range(dim)]
    outputs = []
    for q_t, k_t, v_t, beta_t, gate_t in zip(q, k, v, beta, gates, strict=True):
        keeps = [[gate_t * ((r == c) - beta_t * k_t[r] * k_t[c]) for c in range(dim)] for r in range(dim)]
        state = [
            [math.fsum(keeps[r][c] * state[c][e] for c in range(dim)) + beta_t * k_t[r] * v_t[e] for e in range(value_dim)]
            for r in range(dim)
        ]
        outputs.append([math.fsum(q_t[r] * state[r][e] for r in range(dim)) for e in range(value_dim)])
    return outputs


def delta(q, k, v, beta):
    return gated_delta(q, k, v, beta, [1.0] * len(q))


def kimi_delta(q, k, v, beta, gates):
    """S_t = (I − β_t k_t k_tᵀ) diag(α_t) S_{t−1} + β_t k_t v_tᵀ: gates[t][c] is the factor of row c."""
    dim, value_dim = len(k[0]), len(v[0])
    state = [[0.0] * value_dim for _ in range(dim)]
    outputs = []
    for q_t, k_t, v_t, beta_t, gate_t in zip(q, k, v, beta, gates, strict=True):
        state = [
            [
                math.fsum(((r == c) - beta_t * k_t[r] * k_t[c]) * gate_t[c] * state[c][e] for c in range(dim))
                + beta_t * k_t[r] * v_t[e]
                for e in range(value_dim)
            ]
            for r in range(dim)
        ]
        outputs.append([math.fsum(q_t[r] * state[r][e] for r in range(dim)) for e in range(value_dim)])
    return outputs


def by_rule(q, k, v, gates, beta, state, *, scale):
    """One head of the four rules: gates of 1 forget nothing, beta of None piles up. Returns outputs and the last state."""
    dim, value_dim = len(k[0]), len(v[0])
    outputs = []
    for t in range(len(k)):
        state = [[gates[t][c] * state[c][e] for e in range(value_dim)] for c in range(dim)]
        held = [math.fsum(k[t][c] * state[c][e] for c in range(dim)) for e in range(value_dim)]
        new = v[t] if beta is None else [beta[t] * (v[t][e] - held[e]) for e in range(value_dim)]
        state = [[state[c][e] + k[t][c] * new[e] for e in range(value_dim)] for c in range(dim)]
        outputs.append([scale * math.fsum(q[t][c] * state[c][e] for c in range(dim)) for e in range(value_dim)])
    return outputs, state
