"""What cards of this family run: functions with the parameters that they need besides queries, keys and values."""

import torch
from torch import Tensor

from regard.errors import OptionError
from regard.mechanisms.card import Cost, Kept, Sizes, learned
from regard.mechanisms.cross.graph_attention import graph_attention
from regard.mechanisms.cross.hard_attention import likeliest_attention
from regard.mechanisms.cross.latents_and_sets import induced_attention, read_into_latents
from regard.mechanisms.cross.monotonic_attention import mocha_attention, monotonic_attention
from regard.mechanisms.cross.pointing import copy_distribution, pointer
from regard.mechanisms.scores.score_functions import additive
from regard.mechanisms.softmax_attention import attention

LATENTS = 4
CHUNK = 4


def run_perceiver(_query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Four learned latents look; what asks afterwards are the latents, so the queries are not used."""
    latents = learned(key.shape[1], LATENTS, key.shape[3], like=key)
    return read_into_latents(latents, key, value)


def run_set_pooling(_query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """One seed: the set becomes a vector."""
    seed = learned(key.shape[1], 1, key.shape[3], like=key, seed=1)
    return read_into_latents(seed, key, value)


def run_induced_set(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The product of the two maps is formed to be looked at; `through_points` is what runs."""
    seen = induced_attention(query, _points(key), key, value)
    return seen.output, seen.write @ seen.read


def through_points(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Without the product of the two maps."""
    return induced_attention(query, _points(key), key, value).output


def _points(key: Tensor) -> Tensor:
    return learned(key.shape[1], LATENTS, key.shape[3], like=key, seed=2)


def run_pointer(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The weights are the answer; the output is the mean of the values under them."""
    weights = pointer(query, key, *_pointing(key))
    return weights @ value, weights


def pointing_at_values(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same without a mean of the keys, which `pointer` has no use for."""
    return additive(query, key, value, *_pointing(key))[0]


def _pointing(key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    dim = key.shape[3]
    return learned(dim, dim, like=key, seed=3), learned(dim, dim, like=key, seed=4), 4 * learned(dim, like=key, seed=5)


def run_copy(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The word of a key is the highest number of its value; the weights are the copied part, and the rest is generated."""
    context, attended = attention(query, key, value)
    state = torch.cat([query, context], dim=-1)  # (batch, heads, queries, dim + value_dim)
    generating = torch.sigmoid(state @ learned(state.shape[3], 1, like=key, seed=6))  # (batch, heads, queries, 1)
    vocabulary = torch.softmax(state @ learned(state.shape[3], value.shape[3], like=key, seed=7), dim=-1)
    tokens, words = value.argmax(dim=-1), value.shape[3]  # (batch, heads, keys)
    p, known, copied, source = (x.flatten(0, 1) for x in (generating.squeeze(-1), vocabulary, attended, tokens))
    mixed = copy_distribution(p, known, copied, source, words)  # (batch · heads, queries, words)
    return mixed.unflatten(0, key.shape[:2]), (1 - generating) * attended


def run_hard(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest place, as at test time, so that the answer is always the same; `hard_attention` draws one."""
    seen = likeliest_attention(query @ key.mT / key.shape[3] ** 0.5, value)
    return seen.output, seen.weights


def one_value(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The value that was chosen, fetched without weights."""
    place = (query @ key.mT).argmax(dim=-1, keepdim=True)  # (batch, heads, queries, 1)
    output: Tensor = value.gather(2, place.expand(-1, -1, -1, value.shape[3]))
    return output


def _stops(query: Tensor, key: Tensor) -> Tensor:
    """An offset of −1, as would be learned: the walk stops at about every fourth key of no interest."""
    scores: Tensor = query @ key.mT / key.shape[3] ** 0.5 - 1
    return scores


def run_monotonic(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Where the walk stops, on average over all walks."""
    return monotonic_attention(_stops(query, key), value)


def run_mocha(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of a chunk are of a projection of their own, so that they are not those of the walk."""
    dim = key.shape[3]
    chunk_scores = query @ learned(dim, dim, like=key, seed=8) @ key.mT / dim**0.5
    return mocha_attention(_stops(query, key), chunk_scores, value, CHUNK)


def refuse_a_walk(_query: Tensor, _key: Tensor, _value: Tensor, _kept: Kept) -> Tensor:
    """A walk draws where it stops; what it writes on average cannot be written token by token."""
    raise OptionError(
        "expected a mechanism whose tokens are decoded as `apply` computes them, got a walk, of which `apply` is the mean over "
        "all walks; decode with monotonic_decoding or mocha_decoding"
    )


def run_graph(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """A ring: each node sees itself and its two neighbours."""
    nodes = torch.arange(key.shape[2], device=key.device)
    apart = (nodes[:, None] - nodes) % len(nodes)  # (nodes, nodes)
    ring = (apart <= 1) | (apart == len(nodes) - 1)
    return graph_attention(query, key, value, learned(key.shape[1], key.shape[3], like=key, seed=9), ring)


def read_products(latents: int) -> Cost:
    """What a few learned latents cost that read all keys."""
    return Cost(
        f"2·heads·latents·keys·(dim + value_dim), here latents = {latents}",
        lambda s: 2 * s.heads * latents * s.keys * (s.dim + s.value_dim),
    )


def induced_products(s: Sizes) -> int:
    """Scores and means of both maps, and the keys' product with the first."""
    return 2 * s.heads * LATENTS * (s.keys * (2 * s.dim + s.value_dim) + s.queries * (s.dim + s.value_dim))
