"""Witnesses of attention whose tokens choose, mask or outdo each other: loops over Python numbers, of one head where not said.

Written from the papers, without looking at the package.
"""

import math


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def softmax(scores):
    """Of a dictionary, by key."""
    highest = max(scores.values())
    total = math.fsum(math.exp(score - highest) for score in scores.values())
    return {j: math.exp(score - highest) / total for j, score in scores.items()}


def chosen_by_index(asked, weights, index_keys, count):
    """For each token t the tokens s <= t of largest index: asked[j][t], weights[j][t], index_keys[s]."""
    chosen = []
    for t in range(len(index_keys)):
        index = {
            s: math.fsum(weights[j][t] * max(dot(asked[j][t], index_keys[s]), 0.0) for j in range(len(asked)))
            for s in range(t + 1)
        }
        chosen.append(set(sorted(index, key=lambda s: -index[s])[:count]))
    return chosen


def chosen_by_blocks(q, k, block, count):
    """The own block, and the best of those before: by the mean of a block's keys."""
    chosen = []
    for t, query in enumerate(q):
        own, gates = t // block, {}
        for b in range(own):
            keys = k[b * block : (b + 1) * block]
            gates[b] = dot(query, [math.fsum(column) / block for column in zip(*keys, strict=True)])
        best = sorted(gates, key=lambda b: -gates[b])[: count - 1]
        chosen.append({s for s in range(t + 1) if s // block in (*best, own)})
    return chosen


def rows_over(q, k, chosen):
    """Softmax over the chosen keys of each row, as a matrix."""
    scale, rows = len(q[0]) ** -0.5, []
    for t, query in enumerate(q):
        weights = softmax({s: scale * dot(query, k[s]) for s in chosen[t]})
        rows.append([weights.get(s, 0.0) for s in range(len(k))])
    return rows


def selective(q, k, masking_q, masking_k):
    """softmax(S - F): walks down the rows, and adds up what each token has masked."""
    scale, rows, masked = len(q[0]) ** -0.5, [], [0.0] * len(k)
    for i, query in enumerate(q):
        weights = softmax({j: scale * dot(query, k[j]) - masked[j] for j in range(i + 1)})
        rows.append([weights.get(j, 0.0) for j in range(len(k))])
        for j in range(1, i):
            masked[j] += max(scale * dot(masking_q[i], masking_k[j]), 0.0)
    return rows


def stick_breaking(q, k):
    """From the nearest key on, each takes its share of what is left."""
    scale, rows = len(q[0]) ** -0.5, []
    for i, query in enumerate(q):
        left, row = 1.0, [0.0] * len(k)
        for j in reversed(range(i)):
            share = 1 / (1 + math.exp(-scale * dot(query, k[j])))
            row[j], left = left * share, left * (1 - share)
        rows.append(row)
    return rows


def scalable(q, k, strength):
    """n ** (s z) / sum of n ** (s z)."""
    scale, rows = len(q[0]) ** -0.5, []
    for i, query in enumerate(q):
        powers = [float(i + 1) ** (strength * scale * dot(query, k[j])) for j in range(i + 1)]
        rows.append([power / math.fsum(powers) for power in powers] + [0.0] * (len(k) - i - 1))
    return rows


def multi_token(q, k, kernel):
    """Each score as a sum over those around it: of earlier queries, of keys on both sides, nothing of the future."""
    scale, rows = len(q[0]) ** -0.5, []
    middle = len(kernel[0]) // 2

    def score(i, j):
        return scale * dot(q[i], k[j]) if 0 <= j <= i else 0.0

    for i in range(len(q)):
        heard = {
            j: math.fsum(
                theta * score(i - a, j + middle - b) for a, line in enumerate(kernel) for b, theta in enumerate(line) if i >= a
            )
            for j in range(i + 1)
        }
        weights = softmax(heard)
        rows.append([weights.get(j, 0.0) for j in range(len(k))])
    return rows


def product_of_factors(a, b):
    """(1 / rank) Σ_r a[r][h] b[r][d], as [h][d]."""
    return [[math.fsum(a[r][h] * b[r][d] for r in range(len(a))) / len(a) for d in range(len(b[0]))] for h in range(len(a[0]))]
