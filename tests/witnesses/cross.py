"""Witnesses for attention to something else, written without looking at the package: definitions as loops over numbers.

Whatever has chance in it is played out in full: every outcome, times its probability.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def softmax(numbers: list[float]) -> list[float]:
    """exp(x) / Σ exp(x); numbers of −∞ get 0, and so do all where there is nothing else."""
    highest = max(numbers, default=-math.inf)
    if highest == -math.inf:
        return [0.0] * len(numbers)
    grown = [math.exp(number - highest) for number in numbers]
    return [one / math.fsum(grown) for one in grown]


def dot(one: list[float], other: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(one, other, strict=True))


def mixed(weights: list[float], rows: list[list[float]]) -> list[float]:
    return [math.fsum(w * row[d] for w, row in zip(weights, rows, strict=True)) for d in range(len(rows[0]))]


def induced(query: Tensor, points: Tensor, key: Tensor, value: Tensor, keep: Tensor) -> Tensor:
    """Queries (B, H, Q, D) look at summaries that points (H, M, D) made of keys (B, H, K, D) and values (B, H, K, Dv).

    Keys of sequence b are those of keep (B, K).
    """
    output = torch.zeros(*query.shape[:3], value.shape[3], dtype=torch.float64)
    scale = query.shape[3] ** -0.5
    for b, h in itertools.product(range(query.shape[0]), range(query.shape[1])):
        keys, values = key[b, h].tolist(), value[b, h].tolist()
        summary_keys, summary_values = [], []
        for point in points[h].tolist():
            weights = softmax([scale * dot(point, k) if keep[b, j] else -math.inf for j, k in enumerate(keys)])
            summary_keys.append(mixed(weights, keys))
            summary_values.append(mixed(weights, values))
        for i, q in enumerate(query[b, h].tolist()):
            weights = softmax([scale * dot(q, k) for k in summary_keys])
            output[b, h, i] = torch.tensor(mixed(weights, summary_values), dtype=torch.float64)
    return output


def pointed(query: Tensor, key: Tensor, query_weight: Tensor, key_weight: Tensor, vector: Tensor, may: Tensor) -> Tensor:
    """Probabilities (B, H, Q, K) of a pointer: softmax of v · tanh(W₁ k + W₂ q), where may (Q, K) allows."""
    result = torch.zeros(*query.shape[:3], key.shape[2], dtype=torch.float64)
    for b, h, i in itertools.product(*map(range, query.shape[:3])):
        projected = [dot(row, query[b, h, i].tolist()) for row in query_weight.tolist()]
        scores = []
        for j in range(key.shape[2]):
            other = [dot(row, key[b, h, j].tolist()) for row in key_weight.tolist()]
            bent = [math.tanh(x + y) for x, y in zip(projected, other, strict=True)]
            scores.append(dot(vector.tolist(), bent) if may[i, j] else -math.inf)
        result[b, h, i] = torch.tensor(softmax(scores), dtype=torch.float64)
    return result


def copied(generating: Tensor, vocabulary: Tensor, weights: Tensor, tokens: Tensor, words: int) -> Tensor:
    """P(word) of a pointer-generator: p P_vocab(word) + (1 − p) Σ weights of the places where the word stands."""
    batch, steps = generating.shape
    result = torch.zeros(batch, steps, words, dtype=torch.float64)
    for b, t, word in itertools.product(range(batch), range(steps), range(words)):
        p = float(generating[b, t])
        known = float(vocabulary[b, t, word]) if word < vocabulary.shape[2] else 0.0
        seen = math.fsum(float(weights[b, t, j]) for j in range(tokens.shape[1]) if int(tokens[b, j]) == word)
        result[b, t, word] = p * known + (1 - p) * seen
    return result


def choices(probabilities: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Every choice of one key for each row of (rows, keys), and how probable it is (as a tensor, to be differentiated)."""
    rows, keys = probabilities.shape
    for places in itertools.product(range(keys), repeat=rows):
        chance = torch.ones((), dtype=torch.float64)
        for row, place in enumerate(places):
            chance = chance * probabilities[row, place]
        yield torch.tensor(places), chance


def walk(stops: Callable[[int, int], bool], queries: int, keys: int) -> list[int | None]:
    """Where a walk stops for each query: from where it stopped before, the first key at which a coin says so."""
    place, found = 0, []
    for query in range(queries):
        while place < keys and not stops(query, place):
            place += 1
        found.append(place if place < keys else None)
    return found


def every_walk(probabilities: Tensor) -> Iterator[tuple[list[int | None], float]]:
    """The outcome of a walk for every table of coins (queries, keys), and how probable that table is."""
    queries, keys = probabilities.shape
    chances = probabilities.flatten().tolist()
    for coins in itertools.product((False, True), repeat=queries * keys):
        likely = math.prod(p if coin else 1 - p for p, coin in zip(chances, coins, strict=True))
        yield walk(lambda query, key, coins=coins: coins[query * keys + key], queries, keys), likely


def average_alignment(probabilities: Tensor) -> Tensor:
    """How probable it is that query i stops at key j (queries, keys), over every table of coins."""
    result = torch.zeros_like(probabilities)
    for places, likely in every_walk(probabilities):
        for query, place in enumerate(places):
            if place is not None:
                result[query, place] += likely
    return result


def expected_stops(probabilities: list[list[float]]) -> list[list[float]]:
    """The same as a sum over the place k where the walk stopped before (Raffel et al. 2017), for more keys."""
    before, rows = [1.0] + [0.0] * (len(probabilities[0]) - 1), []
    for row in probabilities:
        before = [
            p * math.fsum(before[k] * math.prod(1 - row[passed] for passed in range(k, j)) for k in range(j + 1))
            for j, p in enumerate(row)
        ]
        rows.append(before)
    return rows


def shared_chunks(stops: list[list[float]], scores: list[list[float]], width: int) -> list[list[float]]:
    """Each stop's probability, shared among the width keys that end there (Chiu and Raffel 2017)."""
    rows = []
    for stop, score in zip(stops, scores, strict=True):
        row = [0.0] * len(score)
        for k, probability in enumerate(stop):
            chunk = range(max(0, k - width + 1), k + 1)
            total = math.fsum(math.exp(score[inside]) for inside in chunk)
            for j in chunk:
                row[j] += probability * math.exp(score[j]) / total
        rows.append(row)
    return rows


def chunk_weights(place: int | None, scores: list[float], width: int) -> list[float]:
    """Softmax of scores over the width keys that end at a place."""
    if place is None:
        return [0.0] * len(scores)
    return softmax([score if place - width < key <= place else -math.inf for key, score in enumerate(scores)])


def average_chunks(probabilities: Tensor, scores: Tensor, width: int) -> Tensor:
    """Weights (queries, keys) of softmax over the chunk where a walk stops, over every table of coins."""
    result = torch.zeros_like(probabilities)
    for places, likely in every_walk(probabilities):
        for query, place in enumerate(places):
            result[query] += likely * torch.tensor(chunk_weights(place, scores[query].tolist(), width), dtype=torch.float64)
    return result


def graph_weights(nodes: Tensor, weight: Tensor, vector: Tensor, edges: Tensor, *, static: bool, slope: float) -> Tensor:
    """Weights (N, N) of one head of graph attention for nodes (N, F), from the papers: W on each node, or on each pair.

    static: a · [W h_i ; W h_j] bent, with weight (D, F) and vector (2 D). Otherwise a · bent(W [h_i ; h_j]), with weight
    (D, 2 F) and vector (D).
    """

    def bent(number: float) -> float:
        return number if number >= 0 else slope * number

    features, count = nodes.tolist(), len(nodes)
    result = torch.zeros(count, count, dtype=torch.float64)
    for i in range(count):
        scores = []
        for j in range(count):
            if not edges[i, j]:
                scores.append(-math.inf)
            elif static:
                pair = [dot(row, node) for node in (features[i], features[j]) for row in weight.tolist()]
                scores.append(bent(dot(vector.tolist(), pair)))
            else:
                scores.append(dot(vector.tolist(), [bent(dot(row, features[i] + features[j])) for row in weight.tolist()]))
        result[i] = torch.tensor(softmax(scores), dtype=torch.float64)
    return result


def layer_norm(row: list[float]) -> list[float]:
    mean = math.fsum(row) / len(row)
    spread = math.fsum((x - mean) ** 2 for x in row) / len(row)
    return [(x - mean) / math.sqrt(spread + 1e-5) for x in row]


def attention_block(x: Tensor, y: Tensor, layers: dict[str, tuple[Tensor, Tensor]], heads: int) -> Tensor:
    """MAB of the Set Transformer for x (Q, D) and y (K, D); norms without gain. layers: weight and bias, by name."""

    def linear(name: str, row: list[float]) -> list[float]:
        weight, bias = layers[name]
        return [dot(out, row) + b for out, b in zip(weight.tolist(), bias.tolist(), strict=True)]

    size = x.shape[1] // heads
    keys = [linear("key", row) for row in y.tolist()]
    values = [linear("value", row) for row in y.tolist()]
    rows = []
    for row in x.tolist():
        query, heads_output = linear("query", row), []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            weights = softmax([dot(query[part], key[part]) / math.sqrt(size) for key in keys])
            heads_output += mixed(weights, [value[part] for value in values])
        attended = layer_norm([one + other for one, other in zip(row, linear("output", heads_output), strict=True)])
        network = [max(0.0, one) for one in linear("row_wise", attended)]
        rows.append(layer_norm([one + other for one, other in zip(attended, network, strict=True)]))
    return torch.tensor(rows, dtype=torch.float64)
