"""Sparse patterns as their papers define them, in loops over Python numbers, written without looking at the package."""

import math

import torch
from torch import Tensor


def attend(query: list[float], keys: dict[int, list[float]], extra: dict[int, float] | None = None) -> dict[int, float]:
    """Softmax weights of one query over some keys, by position; ``extra`` is added to the scores."""
    scores = {j: math.fsum(x * y for x, y in zip(query, key, strict=True)) / math.sqrt(len(query)) for j, key in keys.items()}
    for j in scores:
        scores[j] += 0.0 if extra is None else extra[j]
    if not scores:
        return {}
    highest = max(scores.values())
    total = math.fsum(math.exp(score - highest) for score in scores.values())
    return {j: math.exp(score - highest) / total for j, score in scores.items()}


def mean(rows: list[list[float]]) -> list[float]:
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]


def by_rule(rule, heads: int, queries: int, keys: int) -> Tensor:
    """Who sees whom: rule(head, query, key), as bool (1, heads, queries, keys)."""
    rows = [[[[bool(rule(h, i, j)) for j in range(keys)] for i in range(queries)] for h in range(heads)]]
    return torch.tensor(rows)


def native_sparse(
    query: Tensor, key: Tensor, value: Tensor, gates: Tensor, block: int, selected: int, window: int
) -> tuple[Tensor, Tensor]:
    """Yuan et al. 2025 with blocks of one size, compressed to their means, and one set of keys and values.

    query (B, H, Q, D), the last Q of K positions; key (B, G, K, D); value (B, G, K, Dv); gates (B, H, Q, 3).
    """
    batches, heads, queries, _ = query.shape
    groups, keys, value_dim = value.shape[1:]
    q, k, v, g = query.tolist(), key.tolist(), value.tolist(), gates.tolist()
    output = torch.zeros(batches, heads, queries, value_dim, dtype=torch.float64)
    weights = torch.zeros(batches, heads, queries, keys, dtype=torch.float64)
    for b in range(batches):
        for group in range(groups):
            members = [h for h in range(heads) if h * groups // heads == group]
            for i in range(queries):
                t = i + keys - queries  # the query's own position
                complete = [n for n in range(keys) if (n + 1) * block <= t + 1]
                coarse = {n: mean(k[b][group][n * block : (n + 1) * block]) for n in complete}
                over_blocks = {h: attend(q[b][h][i], coarse) for h in members}
                importance = {n: math.fsum(over_blocks[h][n] for h in members) for n in complete}
                importance[t // block] = math.inf
                best = sorted(importance, key=lambda n: -importance[n])[:selected]
                near = {j: k[b][group][j] for j in range(t + 1) if t - j < window}
                close = {j: k[b][group][j] for j in range(t + 1) if j // block in best}
                for h in members:
                    for n, weight in over_blocks[h].items():
                        pooled = mean(v[b][group][n * block : (n + 1) * block])
                        for d in range(value_dim):
                            output[b, h, i, d] += g[b][h][i][0] * weight * pooled[d]
                        for j in range(n * block, (n + 1) * block):
                            weights[b, h, i, j] += g[b][h][i][0] * weight / block
                    for gate, seen in ((g[b][h][i][1], close), (g[b][h][i][2], near)):
                        for j, weight in attend(q[b][h][i], seen).items():
                            weights[b, h, i, j] += gate * weight
                            for d in range(value_dim):
                                output[b, h, i, d] += gate * weight * v[b][group][j][d]
    return output, weights


def shifted_windows(
    query: Tensor, key: Tensor, value: Tensor, grid: tuple[int, int], window: int, shift: int, table: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Liu et al. 2021 without the roll: windows whose corners stand at shift + m · window, cut off at the image's edges.

    query, key, value (B, H, height · width, D); table (H, 2 · window − 1, 2 · window − 1).
    """
    batches, heads, positions, _ = query.shape
    height, width = grid
    q, k, v = query.tolist(), key.tolist(), value.tolist()
    patches = [(y, x) for y in range(height) for x in range(width)]
    corners = [(top, left) for top in range(shift - window, height, window) for left in range(shift - window, width, window)]
    output = torch.zeros(batches, heads, positions, value.shape[3], dtype=torch.float64)
    weights = torch.zeros(batches, heads, positions, positions, dtype=torch.float64)
    for top, left in corners:
        inside = [(y, x) for y, x in patches if 0 <= y - top < window and 0 <= x - left < window]
        for b in range(batches):
            for h in range(heads):
                for y, x in inside:
                    i = y * width + x
                    seen = {yy * width + xx: k[b][h][yy * width + xx] for yy, xx in inside}
                    extra = None
                    if table is not None:
                        extra = {
                            yy * width + xx: float(table[h, y - yy + window - 1, x - xx + window - 1]) for yy, xx in inside
                        }
                    for j, weight in attend(q[b][h][i], seen, extra).items():
                        weights[b, h, i, j] = weight
                        for d in range(value.shape[3]):
                            output[b, h, i, d] += weight * v[b][h][j][d]
    return output, weights
