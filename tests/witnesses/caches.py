"""Which tokens a cache keeps, one step at a time, in loops over Python numbers: written without looking at the package."""

import math


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def softmax(scores):
    """Of a dictionary, by key."""
    highest = max(scores.values())
    total = math.fsum(math.exp(score - highest) for score in scores.values())
    return {j: math.exp(score - highest) / total for j, score in scores.items()}


def weights_over(query, keys, held):
    return softmax({j: dot(query, keys[j]) / math.sqrt(len(query)) for j in held})


def matrix(rows, length):
    return [[row.get(j, 0.0) for j in range(length)] for row in rows]


def heavy_hitters(q, k, heavy, recent):
    """One head. Before a token is read at most heavy + recent are held; the lightest that is not recent has gone."""
    held, received, rows = [], {}, []
    for i in range(len(q)):
        held.append(i)
        row = weights_over(q[i], k, held)
        rows.append(row)
        for j, weight in row.items():
            received[j] = received.get(j, 0.0) + weight
        while len(held) > heavy + recent:
            lightest = min(held[:-recent], key=lambda j: (received[j], -j))
            held.remove(lightest)
    return matrix(rows, len(k))


def last_weights(q, k, budget):
    """All heads of a text, q[h][i]: the token that the newest one looks at least, on average over the heads, has gone."""
    held, rows = [], [[] for _ in q]
    for i in range(len(q[0])):
        held.append(i)
        now = [weights_over(q[h][i], k[h], held) for h in range(len(q))]
        for h, row in enumerate(now):
            rows[h].append(row)
        while len(held) > budget:
            mean = {j: math.fsum(row[j] for row in now) for j in held}
            held.remove(min(held, key=lambda j: (mean[j], -j)))
    return [matrix(head, len(k[0])) for head in rows]


def snapkv(q, k, prompt, budget, window, kernel):
    """One head: the prompt sees all of itself; what comes after it sees what stays of it, and what came since."""
    kept = after_prompt(q[:prompt], k[:prompt], budget, window, kernel)
    held = [range(i + 1) if i < prompt else [*kept, *range(prompt, i + 1)] for i in range(len(q))]
    return matrix([weights_over(q[i], k, held[i]) for i in range(len(q))], len(k))


def nearest(x, numbers, bits):
    """The nearest of 2^bits even steps between the least and the largest of some numbers."""
    step = (max(numbers) - min(numbers)) / (2**bits - 1)
    return min((min(numbers) + code * step for code in range(2**bits)), key=lambda level: abs(level - x))


def quantised(q, k, v, bits, group):
    """One head: a token is read by all before its group is full, and roughly from then on."""
    outputs, rows = [], []
    for i in range(len(q)):
        full = i // group * group  # before token i is read
        keys, values = [list(row) for row in k], [list(row) for row in v]
        for j in range(full):
            begin = j // group * group
            keys[j] = [nearest(x, [k[t][c] for t in range(begin, begin + group)], bits) for c, x in enumerate(k[j])]
            values[j] = [nearest(x, v[j], bits) for x in v[j]]
        row = weights_over(q[i], keys, range(i + 1))
        rows.append(row)
        outputs.append([math.fsum(weight * values[j][c] for j, weight in row.items()) for c in range(len(v[0]))])
    return outputs, matrix(rows, len(k))


def after_prompt(q, k, budget, window, kernel):
    """One head: which tokens of the prompt stay, of those before its last ``window``, by what these looked at."""
    length = len(k)
    early = length - window
    looked = [0.0] * early
    for i in range(early, length):
        row = weights_over(q[i], k, range(i + 1))
        for j in range(early):
            looked[j] += row[j]
    half = kernel // 2
    smooth = [math.fsum(looked[max(j - half, 0) : j + half + 1]) / kernel for j in range(early)]
    best = sorted(range(early), key=lambda j: (-smooth[j], j))[:budget]
    return [*sorted(best), *range(early, length)]
