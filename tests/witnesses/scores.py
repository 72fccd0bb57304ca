"""Witnesses for score functions and positions, written without looking at the package: loops over Python numbers.

A score is a function of (head, i, j, q, k): i and j are the positions of query and key, q and k lists of numbers.
"""

import cmath
import math

import torch


def attend(score, query, key, value, mask=None, *, causal=False):
    """Output and weights, float64, of softmax(score) over query (B, H, Q, Dq), key (B, G, K, Dk) and value (B, G, K, Dv).

    The queries are the last Q of K positions. A boolean mask says who may attend, a float mask is added.
    """
    batches, heads, queries, _ = query.shape
    groups, keys = key.shape[1], key.shape[2]
    q, k, v = query.tolist(), key.tolist(), value.tolist()
    allowed = None if mask is None else mask.expand(batches, heads, queries, keys).tolist()
    weights = torch.zeros(batches, heads, queries, keys, dtype=torch.float64)
    output = torch.zeros(batches, heads, queries, value.shape[3], dtype=torch.float64)
    for b in range(batches):
        for h in range(heads):
            g = h * groups // heads
            for row in range(queries):
                i = row + keys - queries
                scores = {}
                for j in range(keys):
                    if causal and j > i:
                        continue
                    if allowed is not None and allowed[b][h][row][j] in (False, -math.inf):
                        continue
                    scores[j] = score(h, i, j, q[b][h][row], k[b][g][j])
                    if allowed is not None and allowed[b][h][row][j] is not True:
                        scores[j] += allowed[b][h][row][j]
                highest = max(scores.values(), default=0.0)
                total = math.fsum(math.exp(logit - highest) for logit in scores.values())
                for j, logit in scores.items():
                    weights[b, h, row, j] = math.exp(logit - highest) / total
                for d in range(value.shape[3]):
                    output[b, h, row, d] = math.fsum(float(weights[b, h, row, j]) * v[b][g][j][d] for j in scores)
    return output, weights


def product(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True))


def length(x):
    return math.sqrt(product(x, x))


def times(matrix, x):
    return [product(row, x) for row in matrix]


def additive(w, u, v):
    w, u, v = w.tolist(), u.tolist(), v.tolist()

    def score(_h, _i, _j, q, k):
        return product(v, [math.tanh(a + b) for a, b in zip(times(w, q), times(u, k), strict=True)])

    return score


def dot():
    return lambda _h, _i, _j, q, k: product(q, k)


def general(w):
    w = w.tolist()
    return lambda _h, _i, _j, q, k: product(q, times(w, k))


def concat(w, v):
    w, v = w.tolist(), v.tolist()
    return lambda _h, _i, _j, q, k: product(v, [math.tanh(a) for a in times(w, q + k)])


def location(w):
    w = w.tolist()
    return lambda _h, _i, j, q, _k: product(w[j], q)


def cosine(scale):
    scale = scale.tolist()
    return lambda h, _i, _j, q, k: scale[h] * product(q, k) / (length(q) * length(k))


def qk_norm(query_gain, key_gain, eps):
    query_gain, key_gain = query_gain.tolist(), key_gain.tolist()

    def norm(x, gain):
        return [g * a / math.sqrt(product(x, x) / len(x) + eps) for g, a in zip(gain, x, strict=True)]

    return lambda _h, _i, _j, q, k: product(norm(q, query_gain), norm(k, key_gain)) / math.sqrt(len(q))


def kernel_regression(bandwidth):
    return lambda _h, _i, _j, q, k: -(math.dist(q, k) ** 2) / (2 * bandwidth**2)


def sinusoid(position, dim, base=10000.0):
    """The vector of one position, a channel at a time."""
    vector = []
    for channel in range(dim):
        angle = position / base ** (2 * (channel // 2) / dim)
        vector.append(math.sin(angle) if channel % 2 == 0 else math.cos(angle))
    return vector


def shaw(table):
    table = table.tolist()
    clip = (len(table) - 1) // 2

    def score(_h, i, j, q, k):
        offset = table[min(max(j - i, -clip), clip) + clip]
        return product(q, [a + b for a, b in zip(k, offset, strict=True)]) / math.sqrt(len(q))

    return score


def transformer_xl(content_bias, position_bias, position_weight):
    u, v, w = content_bias.tolist(), position_bias.tolist(), position_weight.tolist()

    def score(h, i, j, q, k):
        read = times(w[h], sinusoid(i - j, len(w[h][0])))
        content = product([a + b for a, b in zip(q, u[h], strict=True)], k)
        return (content + product([a + b for a, b in zip(q, v[h], strict=True)], read)) / math.sqrt(len(q))

    return score


def t5_bucket(relative, buckets, max_distance, causal):
    """The bucket of one distance in whole numbers: large bucket t begins where n/small = (max/small)^(t / larges)."""
    first = 0
    if causal:
        n = max(-relative, 0)
    else:
        buckets //= 2
        first = buckets if relative > 0 else 0
        n = abs(relative)
    small = buckets // 2
    if n < small:
        return first + n
    larges = buckets - small
    begun = [t for t in range(larges) if n**larges * small**t >= small**larges * max_distance**t]
    return first + small + max(begun)


def t5(table, max_distance, causal):
    buckets, table = len(table), table.tolist()

    def score(h, i, j, q, k):
        return product(q, k) + table[t5_bucket(j - i, buckets, max_distance, causal)][h]

    return score


def slopes(heads):
    """As the authors of ALiBi have it: a geometric series, or that of the power below and every second one of twice it."""
    if math.log2(heads).is_integer():
        ratio = 2 ** -(2 ** -(math.log2(heads) - 3))
        return [ratio * ratio**head for head in range(heads)]
    below = 2 ** math.floor(math.log2(heads))
    return slopes(below) + slopes(2 * below)[0::2][: heads - below]


def alibi(heads):
    steep = slopes(heads)
    return lambda h, i, j, q, k: product(q, k) / math.sqrt(len(q)) - steep[h] * abs(i - j)


def turned(x, position, pairs, base=10000.0):
    """Each pair of channels as one complex number, times e^(i · angle)."""
    result = list(x)
    for number, (a, b) in enumerate(pairs):
        turn = complex(x[a], x[b]) * cmath.exp(1j * position * base ** (-2 * number / len(x)))
        result[a], result[b] = turn.real, turn.imag
    return result


def halves(dim):
    return [(a, a + dim // 2) for a in range(dim // 2)]


def neighbours(dim):
    return [(a, a + 1) for a in range(0, dim, 2)]


def rotary(pairs):
    def score(_h, i, j, q, k):
        return product(turned(q, i, pairs(len(q))), turned(k, j, pairs(len(k)))) / math.sqrt(len(q))

    return score


def xpos(span):
    """Neighbouring channels as one complex number a pair, which fades and turns with the distance."""

    def score(_h, i, j, q, k):
        total = 0.0
        for c in range(len(q) // 2):
            zeta = (c / (len(q) / 2) + 0.4) / 1.4
            both = complex(q[2 * c], q[2 * c + 1]) * complex(k[2 * c], -k[2 * c + 1])
            total += (both * zeta ** ((i - j) / span) * cmath.exp(1j * (i - j) * 10000.0 ** (-2 * c / len(q)))).real
        return total / math.sqrt(len(q))

    return score


def turned_at(x, by):
    """Channels (a, a + len(by)) as one complex number each, times e^(i · by); what is beyond stays."""
    result = list(x)
    for number, angle in enumerate(by):
        turn = complex(x[number], x[number + len(by)]) * cmath.exp(1j * angle)
        result[number], result[number + len(by)] = turn.real, turn.imag
    return result


def rotary_by(angles, scale=1.0):
    """angles(position, dim) is a list, an angle a pair."""

    def score(_h, i, j, q, k):
        return scale * product(turned_at(q, angles(i, len(q))), turned_at(k, angles(j, len(k)))) / math.sqrt(len(q))

    return score


def interpolated(factor, base=10000.0):
    return lambda p, dim: [p / factor / base ** (2 * c / dim) for c in range(dim // 2)]


def ntk_aware(factor, base=10000.0):
    return lambda p, dim: [p / (base * factor ** (dim / (dim - 2))) ** (2 * c / dim) for c in range(dim // 2)]


def yarn(factor, trained, slow=1.0, fast=32.0, base=10000.0):
    """The ramp from the last pair that is fast enough to the first that is slow enough, found by trying."""

    def angles(p, dim):
        def channel(turns):  # a number of a pair, also between two of them: base^(2c/dim) = trained / (2 pi turns)
            return dim / 2 * math.log(trained / (turns * 2 * math.pi), base)

        begin, end = max(math.floor(channel(fast)), 0), min(math.ceil(channel(slow)), dim - 1)
        result = []
        for c in range(dim // 2):
            omega = base ** (-2 * c / dim)
            slowed = min(max((c - begin) / (end - begin), 0), 1)
            result.append(p * (slowed * omega / factor + (1 - slowed) * omega))
        return result

    return angles


def first_channels(count, base=10000.0):
    return lambda p, _dim: [p * base ** (-2 * c / count) for c in range(count // 2)]


def row_and_column(side, base):
    def angles(p, dim):
        row, column = divmod(p, side)
        return [place * base ** (-4 * c / dim) for place in (row, column) for c in range(dim // 4)]

    return angles


def sections(places, counts, base=10000.0):
    """places(position) is a number for each section, which has counts of the pairs."""

    def angles(p, dim):
        numbers = [place for place, count in zip(places(p), counts, strict=True) for _ in range(count)]
        return [number * base ** (-2 * c / dim) for c, number in enumerate(numbers)]

    return angles
