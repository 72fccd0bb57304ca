"""What mechanisms refuse, in one sentence: calls that would otherwise fail far from home, or silently go wrong."""

import math
import re

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, RegardError, ShapeError, in_short
from regard.mechanisms.attention_layers import MultiHeadAttention, SimpleAttention
from regard.mechanisms.catalogue import catalogue, example
from regard.mechanisms.cross import graph_attention as graphs
from regard.mechanisms.cross.latents_and_sets import InducedSetAttentionBlock
from regard.mechanisms.cross.perceiver import Perceiver, PerceiverLayer
from regard.mechanisms.heads.latent_attention import LatentAttention, LatentCache, expanded_attention
from regard.mechanisms.normalisers import dense_normalisers as normalisers
from regard.mechanisms.normalisers.gates import gated_attention
from regard.mechanisms.online_softmax import online_attention
from regard.mechanisms.patterns.selected_blocks import compress
from regard.mechanisms.patterns.shifted_windows import shifted_window_attention, window_ids
from regard.mechanisms.patterns.sparse_patterns import bigbird, dilated_heads, global_local
from regard.mechanisms.positions.rotary import rotary_half, rotary_interleaved
from regard.mechanisms.positions.score_biases import alibi_bias, alibi_slopes, t5_buckets
from regard.mechanisms.positions.sinusoids import sinusoids
from regard.mechanisms.scores import score_functions as scores

LATENT = {"head_dim": 4, "latent_dim": 5, "rotary_dim": 2}
X = torch.ones(2, 6, 4)  # (heads, positions, dim)


def refused(call, message, error=RegardError):
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: MultiHeadAttention(12, 2.0), ("heads", "2.0")),
        (lambda: MultiHeadAttention(12, heads=True), ("heads", "True")),
        (lambda: MultiHeadAttention(12.0, 2), ("dim", "12.0")),
        (lambda: MultiHeadAttention(12, 2, 1.0), ("kv_heads", "1.0")),
        (lambda: LatentAttention(12, heads=2.5, **LATENT), ("heads", "2.5")),
        (lambda: LatentAttention(12, heads=True, **LATENT), ("heads", "True")),
        (lambda: LatentAttention(12, heads=2, query_latent_dim=0, **LATENT), ("query_latent_dim", "0")),
        (lambda: PerceiverLayer(6.0, 2), ("dim", "6.0")),
        (lambda: PerceiverLayer(6, True), ("heads", "True")),
        (lambda: PerceiverLayer(6, 2, memory_dim=0), ("memory_dim", "0")),
        (lambda: Perceiver(5, 4, latents=3, latent_dim=6.0, heads=2, depth=1), ("latent_dim", "6.0")),
        (lambda: Perceiver(5.0, 4, latents=3, latent_dim=6, heads=2, depth=1), ("input_dim", "5.0")),
        (lambda: Perceiver(5, "4", latents=3, latent_dim=6, heads=2, depth=1), ("question_dim", "'4'")),
        (lambda: SimpleAttention(2.5), ("input_dim", "2.5")),
        (lambda: SimpleAttention(0), ("input_dim", "0")),
        (lambda: online_attention(X, X, X, tile=True), ("tile", "True")),
        (lambda: example(-1), ("length", "-1")),
        (lambda: example(16, heads=0), ("heads", "0")),
        (lambda: example(16, dim=2.5), ("dim", "2.5")),
        (lambda: compress(torch.ones(3, 2), block=0), ("block", "0")),
        (lambda: alibi_slopes(True), ("heads", "True")),
    ],
)
def test_sizes_are_whole_numbers(make, name):
    refused(make, f"{name[0]}: expected a whole number of at least 1, got {name[1]}", OptionError)


def test_rotary_angles_need_a_base():
    refused(lambda: LatentAttention(12, 2, **LATENT, base=0), "base: expected a number above 0, got 0", OptionError)


@pytest.mark.parametrize("grid", [16, (2, 2, 4), (16,), None, "4"])
def test_a_grid_has_two_sides(grid):
    message = f"grid: expected (height, width), two whole numbers, got {grid!r}"
    refused(lambda: window_ids(grid, 2), message, OptionError)
    refused(lambda: shifted_window_attention(X, X, X, grid, 2), message, OptionError)


@pytest.mark.parametrize("steps", [2, (step for step in (1, 2)), torch.tensor([1, 2]), None])
def test_steps_are_a_list(steps):
    refused(lambda: dilated_heads(X, X, X, 3, steps), "expected a list of whole numbers, one a head", OptionError)


@pytest.mark.parametrize("wrong", [1.5, True, "1", None])
def test_each_step_is_a_whole_number(wrong):
    refused(
        lambda: dilated_heads(X, X, X, 3, [1, wrong]),
        f"step: expected a whole number of at least 1, got {wrong!r}",
        OptionError,
    )


def test_global_tensors_are_of_the_same_dtype():
    wide = X.double()
    call = lambda: global_local(X, X, X, wide, wide, wide, 3, torch.tensor([0]))  # noqa: E731
    refused(call, "expected query and global_query of one type, got torch.float32 and torch.float64", DtypeError)


def test_random_blocks_are_those_of_the_sequence():
    drawn = masks.random_blocks(count=1, size=3, blocks=8)
    for mask in (drawn, masks.causal() & drawn, masks.everything() & ~drawn):
        refused(lambda mask=mask: bigbird(X, X, X, mask, 2), "random: expected blocks of size=2, got blocks of 3", OptionError)
    longer = masks.random_blocks(count=1, size=2, blocks=4)
    refused(lambda: bigbird(X, X, X, longer, 2), "random: expected 3 · 3 blocks as in the sequence, got 4 · 4", ShapeError)


@pytest.mark.parametrize("graph", [None, torch.eye(6), torch.eye(6).long(), [[1]]])
def test_a_graph_is_boolean(graph):
    given = graph.dtype if isinstance(graph, torch.Tensor) else type(graph).__name__
    message = f"graph: expected torch.bool (True at [i, j] = i looks at j) or a regard.Mask, got {given}"
    ones = torch.ones(2, 4)
    refused(lambda: graphs.graph_attention(X, X, X, ones, graph), message, DtypeError)
    refused(lambda: graphs.static_graph_attention(X, X, X, ones, ones, graph), message, DtypeError)


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64, torch.float32])
def test_distances_are_whole_numbers(dtype):
    refused(
        lambda: t5_buckets(torch.ones(3, dtype=dtype)), f"relative: expected a tensor of whole numbers, got {dtype}", DtypeError
    )


def test_narrow_distances_do_not_wrap():
    expected = t5_buckets(torch.tensor([-128, 127]))
    assert_close(t5_buckets(torch.tensor([-128, 127], dtype=torch.int8)), expected)
    far = torch.tensor([0, 3, 200])
    for causal in (False, True):
        narrow = t5_buckets(far.to(torch.uint8), causal=causal)
        assert_close(narrow, t5_buckets(far, causal=causal))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, None, "float32"])
def test_tables_are_floating_point(dtype):
    message = f"dtype: expected a floating type, got {dtype!r}"
    refused(lambda: sinusoids(3, 4, dtype=dtype), message, DtypeError)
    refused(lambda: alibi_bias(2, 3, 3, dtype=dtype), message, DtypeError)


@pytest.mark.parametrize("start", [0.5, None, math.nan, "0", torch.ones(2)])
def test_a_start_is_a_whole_number(start):
    for call in (
        lambda: sinusoids(3, 4, start=start),
        lambda: rotary_half(X, start=start),
        lambda: rotary_interleaved(X, start=start),
    ):
        refused(call, f"start: expected a whole number, got {in_short(start)}", OptionError)


def test_a_normaliser_is_a_function_of_scores():
    def attend(normalise):
        return lambda: normalisers.attend(normalise, X, X, X)

    refused(attend(None), "normalise: expected a function of scores, got None", OptionError)
    refused(
        attend(lambda s: s[..., :1]),
        "normalise: expected a weight for each of the scores (1, 2, 6, 6), got (1, 2, 6, 1)",
        ShapeError,
    )
    refused(attend(lambda s: s.tolist()), "expected weights as a tensor, got list", DtypeError)
    refused(attend(lambda s: s > 0), "expected weights of a floating type, got torch.bool", DtypeError)


@pytest.mark.parametrize("lam", [math.nan, math.inf, torch.tensor([0.1, math.nan]), "much", None])
def test_what_is_taken_away_is_a_number(lam):
    refused(lambda: normalisers.differential_attention(X, X, X, lam), "lam: expected", OptionError)


def test_a_norm_is_of_numbers():
    refused(lambda: normalisers.differential_norm(X, 0.5, eps=-1), "eps: expected a number above 0, got -1", OptionError)
    refused(lambda: normalisers.differential_norm(X, math.nan), "lambda_init: expected a finite number, got nan", OptionError)
    vector = torch.ones(2)
    call = lambda: normalisers.differential_lambda(vector, vector, vector, vector, math.inf)  # noqa: E731
    refused(call, "lambda_init: expected a finite number, got inf", OptionError)


def test_half_precision_does_not_overflow_what_is_taken_away():
    long = torch.full((2,), 3.0, dtype=torch.float16)
    lam = normalisers.differential_lambda(long, long, long * 0, long * 0, 0.2)
    assert lam.dtype == torch.float32
    assert_close(lam, torch.tensor(math.exp(18) - 0.8))


def test_a_gate_of_another_size():
    refused(
        lambda: gated_attention(X, X, X, torch.ones(3)),
        "expected gate to broadcast to (heads=2, queries=6, value_dim=4), got (3,)",
        ShapeError,
    )


def test_a_cache_is_a_latent_cache():
    layer = LatentAttention(12, heads=2, **LATENT)
    x = torch.ones(3, 12)
    latent, rotary_key = layer.compress(x)
    wanted = "cache: expected a LatentCache, got tuple"
    refused(lambda: layer.compress(x, (latent, rotary_key)), wanted, DtypeError)
    refused(lambda: layer.absorbed(x, (latent, rotary_key)), wanted, DtypeError)
    up = torch.ones(2, 4, 5)
    refused(lambda: expanded_attention(X[:, :3], X[:, :3, :2], (latent, rotary_key), up, up), wanted, DtypeError)
    refused(
        lambda: layer.compress(x, LatentCache(latent, rotary_key[:2])),
        "expected as many rotary keys as latents in the cache, got 2 and 3",
        ShapeError,
    )


@pytest.mark.parametrize("x", [3, torch.ones(3), torch.ones(3, 2).long()])
def test_only_sequences_are_compressed(x):
    refused(lambda: compress(x, block=2), "expected x ")


@pytest.mark.parametrize("layer", [InducedSetAttentionBlock(6, 2, 3), MultiHeadAttention(6, 2), PerceiverLayer(6, 2)])
@pytest.mark.parametrize("x", [None, 3])
def test_layers_want_tensors(layer, x):
    refused(lambda: layer(x), f"expected x as a tensor, got {type(x).__name__}", DtypeError)


def test_a_message_names_the_shape_that_came():
    odd = torch.ones(1, 3, 6, 4)
    refused(lambda: scores.general(odd[0, 0, 0], X, X, torch.eye(4)), "(4,)", ShapeError)
    refused(lambda: scores.general(odd[:, :, :0], X[None], X[None], torch.eye(4)), "(1, 3, 0, 4)", ShapeError)


@pytest.mark.parametrize("sizes", [{"length": 36, "heads": 2, "dim": 4}, {"length": 4}, {"length": 64, "dim": 12}])
def test_cards_run_on_the_examples_that_are_promised(sizes):
    for one in catalogue():
        output, _ = one.apply(*example(**sizes))
        assert output.isfinite().all(), one.name


@pytest.mark.parametrize(("causal", "begins"), [(False, 91), (True, 113)])
def test_the_last_bucket_begins_where_the_page_says(causal, begins):
    buckets = t5_buckets(-torch.arange(300), causal=causal)
    assert int((buckets == buckets.max()).nonzero()[0]) == begins
