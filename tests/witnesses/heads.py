"""What a head does, as loops over Python numbers, written from the definitions without looking at the package."""

import math

import torch


def head_numbers(weights, tokens=None, *, special=(), punctuation=(), windows=(8, 64), late=None, allowed=None):
    """Every statistic of one head: weights (queries, keys); row i stands at key i + late, by default the last keys.

    Which keys a row may see is said by allowed (queries, keys). Without it, rows and keys that have any weight see each other,
    in a lower triangle that ends at the last key if there is no weight above it.
    """
    w = weights.double().tolist()
    queries, keys = len(w), len(w[0])
    late = keys - queries if late is None else late
    rows = [i for i in range(queries) if sum(w[i]) > 0]

    if allowed is None:
        above = any(w[i][j] > 0 for i in range(queries) for j in range(keys) if j > i + keys - queries)
        allowed = [
            [sum(w[i]) > 0 and any(row[j] > 0 for row in w) and (above or j <= i + keys - queries) for j in range(keys)]
            for i in range(queries)
        ]
    sees = [[bool(x) for x in row] for row in allowed]
    received = [math.fsum(w[i][j] for i in range(queries)) for j in range(keys)]
    watched = [sum(sees[i][j] for i in range(queries)) for j in range(keys)]
    without_best = {
        j: math.fsum(sorted((w[i][j] for i in range(queries) if sees[i][j]), reverse=True)[1:]) / (watched[j] - 1)
        for j in range(keys)
        if watched[j] > 1 and 3 * watched[j] >= max(watched)
    }
    sink = max(without_best, key=lambda j: without_best[j], default=math.nan)

    def mean(values):
        values = list(values)
        return math.fsum(values) / len(values) if values else math.nan

    def at(step):
        """Mean weight of the key `step` after the own one, over the rows that have it."""
        return mean(w[i][i + late + step] for i in rows if 0 <= i + late + step < keys)

    def fewest(row):
        held, count = 0.0, 0
        for weight in sorted(row, reverse=True):
            if held >= 0.9 * math.fsum(row) * (1 - 1e-6):
                break
            held, count = held + weight, count + 1
        return count

    entropy = [-math.fsum(x * math.log(x) for x in w[i] if x > 0) for i in rows]
    mass = [math.fsum(w[i]) for i in rows]
    by_offset = {
        d: math.fsum(w[i][i + late + d] for i in rows if 0 <= i + late + d < keys)
        for d in range(-queries - late + 1, keys - late)
    }
    best = max(by_offset, key=lambda d: by_offset[d])
    found = {
        "rows": len(rows),
        "masked_rows": queries - len(rows),
        "keys": keys,
        "mass": mean(mass),
        "entropy": mean(entropy),
        "evenness": mean(
            (nats / total + math.log(total)) / math.log(sum(sees[i]))
            for i, nats, total in zip(rows, entropy, mass, strict=True)
            if sum(sees[i]) > 1
        ),
        "span": mean(math.exp(nats / total + math.log(total)) for nats, total in zip(entropy, mass, strict=True)),
        "span_90": mean(fewest(w[i]) for i in rows),
        "distance": mean(math.fsum(w[i][j] * abs(i + late - j) for j in range(keys)) for i in rows),
        "own": at(0),
        "previous": at(-1),
        "next": at(1),
        "offset": best,
        "offset_mass": by_offset[best] / len(rows),
        "first": mean(w[i][0] for i in rows),
        "sink": sink,
        "sink_mass": without_best.get(sink, math.nan),
        "received_gini": gini([math.fsum(w[i][j] for i in rows) for j in range(keys)]),
        "received_per_row_gini": gini([received[j] / watched[j] for j in range(keys) if watched[j]]),
        **{
            f"local_{window}": mean(math.fsum(w[i][j] for j in range(keys) if abs(i + late - j) < window) for i in rows)
            for window in windows
        },
    }
    if tokens is not None:
        again = {i: [j for j in range(i + late) if tokens[j] == tokens[i + late]] for i in rows}
        repeating = [i for i in rows if again[i]]
        found |= {
            "special": mean(math.fsum(w[i][j] for j in range(keys) if tokens[j] in special) for i in rows),
            "punctuation": mean(math.fsum(w[i][j] for j in range(keys) if tokens[j] in punctuation) for i in rows),
            "repeats": len(repeating) / len(rows),
            "duplicate": mean(math.fsum(w[i][j] for j in again[i]) for i in repeating),
            "induction": mean(math.fsum(w[i][j + 1] for j in again[i]) for i in repeating),
        }
    return found


def gini(amounts):
    """Half the mean difference of two, by the mean: Gini's own definition."""
    count, total = len(amounts), math.fsum(amounts)
    return math.fsum(abs(one - other) for one in amounts for other in amounts) / (2 * count * total)


def detected(weights, tokens, head):
    """What TransformerLens' documentation calls a head's score with error_measure="mul".

    The detection pattern is a lower triangular matrix of zeros and ones; the score is the share of the attention pattern that
    falls on its ones. Previous token: the diagonal below the main one. Duplicate token: earlier positions with the same token.
    Induction: those, one to the right.
    """
    w, n = weights.double().tolist(), len(tokens)
    hit = 0.0
    for i in range(n):
        for j in range(i + 1):
            pattern = {
                "previous_token_head": j == i - 1,
                "duplicate_token_head": j < i and tokens[j] == tokens[i],
                "induction_head": j > 0 and j - 1 < i and tokens[j - 1] == tokens[i],
            }[head]
            hit += w[i][j] * pattern
    return hit / math.fsum(map(math.fsum, w))


def one_hot(places, scale=1.0):
    """Vectors of length max + 1 that are `scale` at the given places, (1, 1, n, length): their products say who is who."""
    vectors = torch.zeros(1, 1, len(places), max(places) + 1, dtype=torch.float64)
    vectors[0, 0, torch.arange(len(places)), torch.tensor(places)] = scale
    return vectors
