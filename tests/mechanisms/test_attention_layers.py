import math

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.attention_layers import MultiHeadAttention, SimpleAttention
from regard.mechanisms.softmax_attention import attention

BATCH, QUERIES, KEYS, DIM = 2, 5, 7, 11


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_simple_attention_is_the_formula():
    layer = SimpleAttention(DIM)
    query, key, value = normal(QUERIES, DIM), normal(KEYS, DIM), normal(KEYS, DIM, seed=1)
    mask = normal(QUERIES, KEYS, seed=2) > -1
    scores = layer.query(query) @ layer.key(key).T / DIM**0.5
    expected = scores.masked_fill(~mask, -1e9).softmax(-1)
    output, weights = layer(query, key, value, mask)
    assert_close(weights, expected)
    assert_close(output, expected @ layer.value(value))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32])
@pytest.mark.parametrize("shape", [(BATCH, QUERIES, KEYS), (BATCH, 1, KEYS), (QUERIES, KEYS), (KEYS,), ()])
def test_simple_attention_takes_masks_of_0_and_1(dtype, shape):
    layer = SimpleAttention(DIM)
    query, key = normal(BATCH, QUERIES, DIM), normal(BATCH, KEYS, DIM)
    mask = normal(*shape, seed=4) > 0
    output, weights = layer(query, key, key, mask.to(dtype))
    q, k, v = layer.query(query), layer.key(key), layer.value(key)
    for b in range(BATCH):
        expected = attention(q[b], k[b], v[b], mask.expand(BATCH, QUERIES, KEYS)[b])
        assert_close((output[b], weights[b]), expected)


def test_simple_attention_takes_a_mask_object():
    layer, words = SimpleAttention(DIM), normal(BATCH, KEYS, DIM)
    assert_close(layer(words, words, words, masks.causal()), layer(words, words, words, torch.ones(KEYS, KEYS).tril()))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"mask": torch.tensor([0.0, -math.inf])},
            ShapeError,
            "expected mask to broadcast to (batch=2, queries=5, keys=7), got (2,)",
        ),
        (
            {"mask": torch.full((7,), 0.5)},
            OptionError,
            "mask: expected 0 (hidden) and 1 (may attend), got other values",
        ),
        ({"mask": torch.full((7,), -math.inf)}, OptionError, "write mask == 0 for a mask of 0 and -inf"),
        ({"mask": torch.ones(2, 7)}, ShapeError, "expected mask to broadcast to (batch=2, queries=5, keys=7), got (2, 7)"),
        (
            {"mask": torch.ones(2, 1, 5, 7)},
            ShapeError,
            "expected mask of at most 3 axes (batch, queries, keys), got (2, 1, 5, 7)",
        ),
        ({"mask": [1]}, DtypeError, "expected mask as a tensor, got list"),
        (
            {"query": torch.ones(2, 5, 3)},
            ShapeError,
            "expected query of 11 features, those this layer was made for, got (2, 5, 3)",
        ),
        ({"query": torch.ones(5, 11)}, ShapeError, "expected query and key of one batch, got (5, 11) and (2, 7, 11)"),
        ({"value": torch.ones(3, 7, 11)}, ShapeError, "expected query and value of one batch, got (2, 5, 11) and (3, 7, 11)"),
        ({"value": torch.ones(2, 3, 11)}, ShapeError, "expected one value for each key, got 7 keys and 3 values"),
        ({"key": torch.ones(11)}, ShapeError, "expected key (batch, positions, features) or (positions, features), got (11,)"),
        ({"key": torch.ones(2, 7, 11).int()}, DtypeError, "expected key of a floating type, got torch.int32"),
        (
            {"key": torch.ones(2, 7, 11).double()},
            DtypeError,
            "expected key of the layer's type, torch.float32, got torch.float64",
        ),
    ],
)
def test_mistakes_with_simple_attention_are_named(change, error, message):
    given = {"query": torch.ones(2, 5, 11), "key": torch.ones(2, 7, 11), "value": torch.ones(2, 7, 11)} | change
    with pytest.raises(error) as caught:
        SimpleAttention(DIM)(**given)
    assert message in str(caught.value)


def as_torch(layer):
    """The same layer as torch.nn.MultiheadAttention, which keeps the three projections in one matrix."""
    theirs = torch.nn.MultiheadAttention(layer.query.in_features, layer.heads, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([layer.query.bias, layer.key.bias, layer.value.bias]))
    theirs.out_proj.load_state_dict(layer.output.state_dict())
    return theirs


@pytest.mark.parametrize("batch", [(BATCH,), ()])
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_equals_torch(batch, cross, masked):
    layer = MultiHeadAttention(6, heads=3)
    x = normal(*batch, QUERIES, 6)
    memory = normal(*batch, KEYS, 6, seed=1) if cross else x
    mask = normal(QUERIES, memory.shape[-2], seed=3) > -1 if masked else None
    expected = as_torch(layer)(x, memory, memory, attn_mask=~mask if masked else None, average_attn_weights=False)
    assert_close(layer(x, memory if cross else None, mask), expected)


def test_multi_head_attention_causal_equals_torch():
    layer, x = MultiHeadAttention(6, heads=3), normal(BATCH, KEYS, 6)
    future = torch.ones(KEYS, KEYS, dtype=torch.bool).triu(1)
    assert_close(layer(x, causal=True), as_torch(layer)(x, x, x, attn_mask=future, average_attn_weights=False))


@pytest.mark.parametrize("kv_heads", [1, 2, 3])
def test_grouped_heads_equal_full_heads_with_repeated_weights(kv_heads):
    layer, full = MultiHeadAttention(12, heads=6, kv_heads=kv_heads), MultiHeadAttention(12, heads=6)
    full.load_state_dict(
        layer.state_dict()
        | {
            f"{name}.{part}": getattr(getattr(layer, name), part)
            .unflatten(0, (kv_heads, 2))
            .repeat_interleave(6 // kv_heads, dim=0)
            .flatten(0, 1)
            for name in ("key", "value")
            for part in ("weight", "bias")
        }
    )
    x = normal(BATCH, KEYS, 12)
    assert layer.key.weight.shape == (2 * kv_heads, 12)
    assert_close(layer(x, causal=True), full(x, causal=True))


def test_multi_head_attention_without_bias():
    layer = MultiHeadAttention(6, heads=2, bias=False)
    assert sorted(dict(layer.named_parameters())) == ["key.weight", "output.weight", "query.weight", "value.weight"]
    assert_close(layer(torch.zeros(3, 6))[0], torch.zeros(3, 6))


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: MultiHeadAttention(7, 2), OptionError, "expected dim to be a multiple of heads, got dim=7 and heads=2"),
        (lambda: MultiHeadAttention(6, 0), OptionError, "heads: expected a whole number of at least 1, got 0"),
        (
            lambda: MultiHeadAttention(6, 3, 2),
            OptionError,
            "expected heads to be a multiple of kv_heads, got heads=3 and kv_heads=2",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(5, 7)),
            ShapeError,
            "expected x of 6 features, those this layer was made for, got (5, 7)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), torch.ones(3, 7, 6)),
            ShapeError,
            "expected x and memory of one batch, got (2, 5, 6) and (3, 7, 6)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), torch.ones(2, 7, 5)),
            ShapeError,
            "expected memory of 6 features, those this layer was made for, got (2, 7, 5)",
        ),
        (
            lambda: MultiHeadAttention(6, 2)(torch.ones(2, 5, 6), mask=torch.ones(2, 3, 5, 5)),
            ShapeError,
            "expected mask to broadcast to (batch=2, heads=2, queries=5, keys=5), got (2, 3, 5, 5)",
        ),
    ],
)
def test_mistakes_with_multi_head_attention_are_named(mistake, error, message):
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)


def test_layers_run_under_autocast():
    words = torch.ones(2, 5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert MultiHeadAttention(6, 2)(words.bfloat16())[1].dtype == torch.float32
