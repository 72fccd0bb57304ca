"""Independent numbers: other libraries' code, and loops written without looking at the package. WITNESS has one a card.

A witness of a card is told what the card draws in place of learned parameters (`drawn`, with its seed) and the sizes that it
chose. The formula it has from the paper.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace

import entmax
import torch
from torch import Tensor, nn
from torch.nn import functional

from regard import masks
from regard.mechanisms.card import learned
from regard.mechanisms.linear.random_features import orthogonal_projection
from witnesses import caches, competition, cross, linear, normalisers, patterns, scores
from witnesses.attention import dense_attention

Witness = Callable[[Tensor, Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]
"""Of query, key and value (batch, 4, 16, 8) in float64: the output, or output and weights."""

HEADS, LENGTH, DIM = 4, 16, 8


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """What a card draws in place of learned parameters."""
    return learned(*shape, like=torch.ones((), dtype=torch.float64), seed=seed)


def by_score(score, *, causal: bool = False) -> Witness:
    """Softmax of a score of (head, i, j, q, k), in loops."""
    return lambda query, key, value: scores.attend(score, query, key, value, causal=causal)


def dense(**options) -> Witness:
    """Softmax attention, in loops."""
    return lambda query, key, value: dense_attention(query, key, value, **options)[:2]


def seen_where(rule) -> Witness:
    """Softmax attention where rule(head, query, key) allows, in loops."""
    return dense(mask=patterns.by_rule(rule, HEADS, LENGTH, LENGTH))


def of_scores(normalise: Callable[[Tensor], Tensor]) -> Witness:
    """Weights that other libraries' code makes of scaled dot products."""

    def witness(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        weights = normalise(query @ key.mT / math.sqrt(DIM))
        return weights @ value, weights

    return witness


def by_rows(normalise: Callable[[list[float]], list[float]]) -> Witness:
    """Weights of each row of scaled dot products, in loops."""
    return lambda query, key, value: normalisers.attend_by_rows(normalise, query, key, value)


def hidden(heads: Tensor) -> Tensor:
    """The heads of a token side by side, which stand for its hidden state."""
    return torch.cat(list(heads.unbind(1)), dim=-1)


def torch_multi_head(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """PyTorch's layer, whose projections are left out."""
    layer = nn.MultiheadAttention(HEADS * DIM, HEADS, bias=False, batch_first=True, dtype=torch.float64)
    one = torch.eye(HEADS * DIM, dtype=torch.float64)
    layer.load_state_dict({"in_proj_weight": one.repeat(3, 1), "out_proj.weight": one})
    with torch.no_grad():
        output, weights = layer(hidden(query), hidden(key), hidden(value), average_attn_weights=False)
    return output.unflatten(2, (HEADS, DIM)).transpose(1, 2), weights


def latent(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A latent of four heads and rotary keys of half a head; the last projection comes after the loops."""
    shapes = {
        "query.weight": (HEADS * (DIM + 4), HEADS * DIM),
        "down.weight": (4 * DIM + 4, HEADS * DIM),
        "norm.weight": (4 * DIM,),
        "key_up.weight": (HEADS * DIM, 4 * DIM),
        "value_up.weight": (HEADS * DIM, 4 * DIM),
        "output.weight": (HEADS * DIM, HEADS * DIM),
    }
    weight = {name: drawn(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}
    weight["norm.weight"] = torch.ones(4 * DIM, dtype=torch.float64)
    layer = SimpleNamespace(heads=HEADS, base=10000.0, state_dict=lambda: weight)
    output, weights = normalisers.latent_attention(layer, hidden(query), hidden(key + value))
    return (output @ weight["output.weight"].mT).unflatten(2, (HEADS, DIM)).transpose(1, 2), weights


def sinusoidal(_h: int, i: int, j: int, q: list[float], k: list[float]) -> float:
    placed = ([a + b for a, b in zip(x, scores.sinusoid(at, DIM), strict=True)] for x, at in ((q, i), (k, j)))
    return scores.product(*placed) / math.sqrt(DIM)


def time_height_width(p: int) -> tuple[int, int, int]:
    """Three words, the patches of two rows and four columns, and words that go on after the last column."""
    if p < 3:
        return p, p, p
    if p < 11:
        return 3, 3 + (p - 3) // 4, 3 + (p - 3) % 4
    return p - 4, p - 4, p - 4


def paths(i: int) -> set[int]:
    """Token i of the tree and those above it: ten tokens after a text of six, each written with its parent."""
    parent = {8: 6, 9: 6, 10: 7, 11: 8, 12: 8, 13: 9, 14: 10, 15: 10}
    above = {i}
    while i in parent:
        i = parent[i]
        above.add(i)
    return above


DOCUMENTS = [number for number, size in enumerate((3, 5, 3, 5)) for _ in range(size)]


def global_local(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Two keys on each side and the first; the first token looks at all, with projections of its own."""
    near = patterns.by_rule(lambda _h, i, j: abs(i - j) <= 2 or j == 0, HEADS, LENGTH, LENGTH)
    output, weights, _ = dense_attention(query, key, value, near)
    projected = (x @ drawn(DIM, DIM, seed=seed) for seed, x in enumerate((query, key, value)))
    of_all = dense_attention(*projected)
    output[:, :, 0], weights[:, :, 0] = of_all.output[:, :, 0], of_all.weights[:, :, 0]
    return output, weights


def bigbird(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks of two. Which blocks are seen by chance is a draw, and given."""
    chance = masks.random_blocks(1, 2, LENGTH // 2, heads=HEADS).dense(1, HEADS, LENGTH, LENGTH).tolist()[0]

    def sees(h: int, i: int, j: int) -> bool:
        a, b, last = i // 2, j // 2, LENGTH // 2 - 1
        return abs(a - b) <= 1 or a in (0, last) or b in (0, last) or chance[h][i][j]

    return seen_where(sees)(query, key, value)


def native_sparse(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    return patterns.native_sparse(query, key, value, torch.sigmoid(query @ drawn(DIM, 3)), block=4, selected=2, window=4)


def differential(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    query1, key1, query2, key2 = ((0.1 * drawn(DIM // 2, seed=seed)).tolist() for seed in range(4))
    lam = math.exp(scores.product(query1, key1)) - math.exp(scores.product(query2, key2)) + 0.556
    half = DIM // 2
    first = dense_attention(query[..., :half], key[..., :half], value)
    second = dense_attention(query[..., half:], key[..., half:], value)
    return first.output - lam * second.output, first.weights - lam * second.weights


def gated(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Attention by PyTorch, and a gate for each feature of each head, from the hidden state that asks."""
    gate = torch.sigmoid(hidden(query) @ drawn(HEADS * DIM, HEADS * DIM))
    output = hidden(functional.scaled_dot_product_attention(query, key, value)) * gate
    return output.unflatten(2, (HEADS, DIM)).transpose(1, 2), dense_attention(query, key, value).weights


def forgetting(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    gates = torch.sigmoid(hidden(key) @ drawn(HEADS * DIM, HEADS) + 2)  # (batch, keys, heads)
    return normalisers.forgetting(query, key, value, gates.mT.log())


def performer(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The 64 directions are a draw, and given."""
    directions = orthogonal_projection(64, DIM).tolist()
    return linear.each_head(lambda q, k, v: linear.performer(q, k, v, directions, DIM**-0.5), query, key, value)


def retention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The first head keeps 31 of 32 parts a step, each next one forgets half as fast."""
    paces = torch.tensor([1 - 1 / 2 ** (5 + h) for h in range(HEADS)], dtype=torch.float64).expand(len(query), HEADS)
    return linear.each_head(linear.retention, query, key, value, paces)


def gated_linear(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return linear.each_head(linear.gated_linear, query, key, value, torch.sigmoid(key * drawn(1, DIM) + 2))


def step_gates(key: Tensor) -> Tensor:
    """Mamba-2's a = exp(−Δ · A): a step size of the key, and the rates 1, 2, 3, 4 of the heads."""
    sizes = torch.log1p(torch.exp(key @ drawn(DIM) - 3))  # (batch, heads, positions)
    return torch.stack([torch.exp(-rate * sizes[:, head]) for head, rate in enumerate((1, 2, 3, 4))], dim=1)


def state_space(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return linear.each_head(linear.state_space, query, key, value, step_gates(key))


def of_length_one(x: Tensor) -> Tensor:
    return x / x.square().sum(-1, keepdim=True).sqrt()


def delta_rule(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    strength = torch.sigmoid(key @ drawn(DIM, seed=1))
    return linear.each_head(linear.delta, of_length_one(query), of_length_one(key), value, strength)


def gated_delta(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    gates = torch.sigmoid(key @ drawn(DIM, seed=1)), step_gates(key)
    return linear.each_head(linear.gated_delta, of_length_one(query), of_length_one(key), value, *gates)


def kimi_delta(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    gates = torch.sigmoid(key @ drawn(DIM, seed=1)), torch.sigmoid(key * drawn(1, DIM) + 2)
    return linear.each_head(linear.kimi_delta, of_length_one(query), of_length_one(key), value, *gates)


def by_heads(rows_of) -> Witness:
    """Weights of rows_of(head, queries, keys), a head at a time, and their mean of the values."""

    def witness(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        q, k = query.tolist(), key.tolist()
        rows = [[rows_of(h, q[b][h], k[b][h]) for h in range(HEADS)] for b in range(len(q))]
        weights = torch.tensor(rows, dtype=torch.float64)
        return normalisers.mean_by_loops(weights, value), weights

    return witness


def lightning_indexer(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """An index of two heads of four channels, made of hidden states; all heads look at its four best tokens."""
    asked = (hidden(query) @ drawn(HEADS * DIM, 8, seed=2)).unflatten(2, (2, 4)).transpose(1, 2).tolist()
    weights = (hidden(query) @ drawn(HEADS * DIM, 2, seed=3)).mT.tolist()
    keys = (hidden(key) @ drawn(HEADS * DIM, 4, seed=1)).tolist()
    rows = []
    for b in range(len(query)):
        chosen = competition.chosen_by_index(asked[b], weights[b], keys[b], 4)
        rows.append([competition.rows_over(query[b, h].tolist(), key[b, h].tolist(), chosen) for h in range(HEADS)])
    found = torch.tensor(rows, dtype=torch.float64)
    return normalisers.mean_by_loops(found, value), found


def gated_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    gate = torch.sigmoid(hidden(query) @ drawn(HEADS * DIM, HEADS)).mT[..., None]  # (batch, heads, queries, 1)
    output, weights, _ = dense_attention(query, key, value)
    return gate * output, gate * weights


def selective(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The first head masks for all."""
    q, k = query.tolist(), key.tolist()
    rows = [[competition.selective(q[b][h], k[b][h], q[b][0], k[b][0]) for h in range(HEADS)] for b in range(len(q))]
    weights = torch.tensor(rows, dtype=torch.float64)
    return normalisers.mean_by_loops(weights, value), weights


def multi_token_kernel() -> list:
    kernel = 0.5 * drawn(HEADS, 2, 3)
    kernel[:, 0, 1] += 1
    return kernel.tolist()


def tensor_product(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Three products for queries and two for keys and values, of hidden states; channels of queries and keys are turned."""

    def heads_of(states: Tensor, rank: int, seed: int, *, turn: bool) -> Tensor:
        a = (states @ drawn(HEADS * DIM, rank * HEADS, seed=seed)).unflatten(2, (rank, HEADS)).tolist()
        b = (states @ drawn(HEADS * DIM, rank * DIM, seed=seed + 1)).unflatten(2, (rank, DIM)).tolist()
        made = []
        for one_a, one_b in zip(a, b, strict=True):
            tokens = []
            for place, (over_heads, over_channels) in enumerate(zip(one_a, one_b, strict=True)):
                if turn:
                    over_channels = [scores.turned(row, place, scores.halves(DIM)) for row in over_channels]
                tokens.append(competition.product_of_factors(over_heads, over_channels))
            made.append(tokens)
        return torch.tensor(made, dtype=torch.float64).transpose(1, 2)  # (batch, heads, positions, dim)

    held = hidden(key + value)
    q, k = heads_of(hidden(query), 3, 1, turn=True), heads_of(held, 2, 3, turn=True)
    return dense_attention(q, k, heads_of(held, 2, 5, turn=False), causal=True)[:2]


def last_weights(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Five tokens are held, the same in all heads."""
    rows = [caches.last_weights(q, k, 5) for q, k in zip(query.tolist(), key.tolist(), strict=True)]
    weights = torch.tensor(rows, dtype=torch.float64)
    return normalisers.mean_by_loops(weights, value), weights


def quantised_cache(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Two bits, and groups of four tokens."""
    heads = [
        [caches.quantised(*(x[b, h].tolist() for x in (query, key, value)), bits=2, group=4) for h in range(HEADS)]
        for b in range(len(key))
    ]
    output, weights = (torch.tensor([[one[part] for one in text] for text in heads], dtype=torch.float64) for part in (0, 1))
    return output, weights


def learned_queries(queries: Tensor) -> Witness:
    """Learned vectors (heads, number, dim) ask, in the queries' place."""
    return lambda _query, key, value: dense_attention(queries.expand(len(key), *queries.shape), key, value)[:2]


def induced_set(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Fed with the identity, it says its weights."""
    points, keep = drawn(HEADS, 4, DIM, seed=2), torch.ones(len(key), LENGTH, dtype=torch.bool)
    identity = torch.eye(LENGTH, dtype=torch.float64).expand(len(key), HEADS, LENGTH, LENGTH)
    return cross.induced(query, points, key, value, keep), cross.induced(query, points, key, identity, keep)


def pointer(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    parameters = drawn(DIM, DIM, seed=3), drawn(DIM, DIM, seed=4), 4 * drawn(DIM, seed=5)
    weights = cross.pointed(query, key, *parameters, torch.ones(LENGTH, LENGTH, dtype=torch.bool))
    return normalisers.mean_by_loops(weights, value), weights


def copy(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A key's word is the highest number of its value; generated from the query and what it has read."""
    read, attended, _ = dense_attention(query, key, value)
    state = torch.cat([query, read], dim=-1)
    p = torch.sigmoid(state @ drawn(2 * DIM, 1, seed=6)[:, 0])
    vocabulary = torch.softmax(state @ drawn(2 * DIM, DIM, seed=7), dim=-1)
    output = [cross.copied(p[:, h], vocabulary[:, h], attended[:, h], value[:, h].argmax(-1), DIM) for h in range(HEADS)]
    return torch.stack(output, dim=1), (1 - p)[..., None] * attended


def hard(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The value of the likeliest key, and nothing of the others."""
    places = (query @ key.mT).argmax(-1)  # (batch, heads, queries)
    output = torch.stack([torch.stack([value[b, h, places[b, h]] for h in range(HEADS)]) for b in range(len(key))])
    return output, functional.one_hot(places, LENGTH).double()


def monotonic(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    stops = torch.sigmoid(query @ key.mT / math.sqrt(DIM) - 1)
    weights = torch.tensor([[cross.expected_stops(head) for head in one] for one in stops.tolist()], dtype=torch.float64)
    return normalisers.mean_by_loops(weights, value), weights


def mocha(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Where the walk stops as in `monotonic`; chunks of four, with scores by a matrix of their own."""
    stops = monotonic(query, key, value)[1]
    inside = query @ drawn(DIM, DIM, seed=8) @ key.mT / math.sqrt(DIM)
    heads = zip(stops.flatten(0, 1).tolist(), inside.flatten(0, 1).tolist(), strict=True)
    weights = torch.tensor([cross.shared_chunks(*head, 4) for head in heads], dtype=torch.float64).view_as(stops)
    return normalisers.mean_by_loops(weights, value), weights


def graph(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A ring. A node's features are its query and its key, of which the first is taken of i and the second of j."""
    one, none = torch.eye(DIM, dtype=torch.float64), torch.zeros(DIM, DIM, dtype=torch.float64)
    takes, vectors = torch.cat([one, none, none, one], dim=1), drawn(HEADS, DIM, seed=9)
    ring = torch.tensor([[(i - j) % LENGTH in (0, 1, LENGTH - 1) for j in range(LENGTH)] for i in range(LENGTH)])
    nodes = torch.cat([query, key], dim=-1)
    weights = [
        [cross.graph_weights(nodes[b, h], takes, vectors[h], ring, static=False, slope=0.2) for h in range(HEADS)]
        for b in range(len(nodes))
    ]
    weights = torch.stack([torch.stack(heads) for heads in weights])
    return normalisers.mean_by_loops(weights, value), weights


WITNESS: dict[str, Witness] = {
    # scores
    "additive": by_score(scores.additive(drawn(DIM, DIM, seed=1), drawn(DIM, DIM, seed=2), 3 * drawn(DIM, seed=3))),
    "dot": by_score(scores.dot()),
    "general": by_score(scores.general(drawn(DIM, DIM))),
    "concat": by_score(scores.concat(drawn(DIM, 2 * DIM, seed=1), 3 * drawn(DIM, seed=2))),
    "location": by_score(scores.location(3 * drawn(LENGTH, DIM))),
    "scaled-dot": dense(),
    "cosine": by_score(scores.cosine(torch.full((HEADS,), 10.0))),
    "qk-norm": by_score(scores.qk_norm(1 + 0.3 * drawn(DIM, seed=1), 1 + 0.3 * drawn(DIM, seed=2), eps=1e-6)),
    "kernel-regression": by_score(scores.kernel_regression(bandwidth=1.0)),
    # heads
    "multi-head": torch_multi_head,
    "multi-query": lambda query, key, value: dense_attention(query, key[:, :1], value[:, :1])[:2],
    "grouped-query": lambda query, key, value: dense_attention(query, key[:, [0, 2]], value[:, [0, 2]])[:2],
    "latent": latent,
    "tensor-product": tensor_product,
    # positions
    "no-position": dense(causal=True),
    "sinusoidal": by_score(sinusoidal),
    "shaw": by_score(scores.shaw(3 * drawn(2 * 4 + 1, DIM))),
    "transformer-xl": by_score(
        scores.transformer_xl(drawn(HEADS, DIM, seed=1), drawn(HEADS, DIM, seed=2), drawn(HEADS, DIM, DIM, seed=3)), causal=True
    ),
    "t5-bias": by_score(scores.t5(9 * drawn(32, HEADS), max_distance=128, causal=False)),
    "alibi": by_score(scores.alibi(HEADS), causal=True),
    "rotary-half": by_score(scores.rotary(scores.halves)),
    "rotary-interleaved": by_score(scores.rotary(scores.neighbours)),
    "xpos": by_score(scores.xpos(4), causal=True),
    "position-interpolation": by_score(scores.rotary_by(scores.interpolated(4))),
    "ntk-aware": by_score(scores.rotary_by(scores.ntk_aware(4))),
    "yarn": by_score(scores.rotary_by(scores.yarn(4, trained=256), scale=(0.1 * math.log(4) + 1) ** 2)),
    "partial-rotary": by_score(scores.rotary_by(scores.first_channels(4))),
    "axial-rotary": by_score(scores.rotary_by(scores.row_and_column(4, base=100))),
    "multimodal-rotary": by_score(scores.rotary_by(scores.sections(time_height_width, (2, 1, 1)))),
    # patterns
    "causal": lambda query, key, value: functional.scaled_dot_product_attention(query, key, value, is_causal=True),
    "window": dense(causal=True, window=4),
    "dilated": seen_where(lambda h, i, j: i - j in (0, h + 1, 2 * (h + 1), 3 * (h + 1))),
    "prefix": seen_where(lambda _h, i, j: j <= i or j < 12),
    "document": seen_where(lambda _h, i, j: j <= i and DOCUMENTS[i] == DOCUMENTS[j]),
    "block": seen_where(lambda _h, i, j: j <= i and i // 4 == j // 4),
    "global-local": global_local,
    "bigbird": bigbird,
    "swin-window": lambda query, key, value: patterns.shifted_windows(query, key, value, (4, 4), 2, 1, drawn(HEADS, 3, 3)),
    "native-sparse": native_sparse,
    "lightning-indexer": lightning_indexer,
    "tree": seen_where(lambda _h, i, j: j <= i if j < 6 else j in paths(i)),
    "moba": by_heads(lambda _h, q, k: competition.rows_over(q, k, competition.chosen_by_blocks(q, k, 4, 2))),
    # normalisers
    "softcap": dense(softcap=2.0),
    "sinks": dense(sinks=2 * drawn(HEADS)),
    "off-by-one": by_rows(normalisers.off_by_one_row),
    "sparsemax": of_scores(lambda logits: entmax.sparsemax(logits, dim=-1)),
    "entmax": of_scores(lambda logits: entmax.entmax15(logits, dim=-1)),
    "sigmoid": by_rows(lambda row: [1 / (1 + len(row) * math.exp(-score)) for score in row]),
    "differential": differential,
    "talking-heads": lambda query, key, value: normalisers.talking_heads(
        query, key, value, drawn(HEADS, HEADS, seed=0), drawn(HEADS, HEADS, seed=1)
    ),
    "gated": gated,
    "forgetting": forgetting,
    "gated-heads": gated_heads,
    "selective": selective,
    "stick-breaking": by_heads(lambda _h, q, k: competition.stick_breaking(q, k)),
    "scalable-softmax": by_heads(lambda h, q, k: competition.scalable(q, k, float(1 + 0.3 * drawn(HEADS)[h]))),
    "multi-token": by_heads(lambda h, q, k: competition.multi_token(q, k, multi_token_kernel()[h])),
    # linear
    "linear": lambda query, key, value: linear.each_head(linear.linear, query, key, value),
    "performer": performer,
    "retention": retention,
    "gated-linear": gated_linear,
    "state-space-duality": state_space,
    "delta-rule": delta_rule,
    "gated-delta": gated_delta,
    "kimi-delta": kimi_delta,
    # caches
    "streaming": seen_where(lambda _h, i, j: j <= i and (j < 2 or i - j < 4)),
    "heavy-hitters": by_heads(lambda _h, q, k: caches.heavy_hitters(q, k, heavy=3, recent=2)),
    "last-weights": last_weights,
    "snapkv": by_heads(lambda _h, q, k: caches.snapkv(q, k, prompt=8, budget=2, window=2, kernel=3)),
    "quantised-cache": quantised_cache,
    "paged-cache": lambda query, key, value: functional.scaled_dot_product_attention(query, key, value, is_causal=True),
    # cross
    "cross": functional.scaled_dot_product_attention,
    "perceiver": learned_queries(drawn(HEADS, 4, DIM)),
    "induced-set": induced_set,
    "set-pooling": learned_queries(drawn(HEADS, 1, DIM, seed=1)),
    "pointer": pointer,
    "copy": copy,
    "hard": hard,
    "monotonic": monotonic,
    "mocha": mocha,
    "graph": graph,
}
