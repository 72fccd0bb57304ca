"""How attention is cut into tiles and devices: gradients, tiles, rings and FlexAttention give what attention gives."""

import re

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.flash_backward import flash_backward, tile_table
from regard.mechanisms.online_softmax import online_attention
from regard.mechanisms.ring_attention import Ring, merged, ring_attention
from regard.mechanisms.softmax_attention import attention

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 6, 7, 11, 5, 3


def drawn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("kv_heads", [6, 2, 1])
@pytest.mark.parametrize("tile", [1, 3, 4, 128])
def test_gradients_by_tiles_are_those_of_autograd(causal, kv_heads, tile):
    query = drawn(BATCH, HEADS, QUERIES, DIM, seed=1).requires_grad_()
    key = drawn(BATCH, kv_heads, KEYS, DIM, seed=2).requires_grad_()
    value = drawn(BATCH, kv_heads, KEYS, VALUE_DIM, seed=3).requires_grad_()
    gradient = drawn(BATCH, HEADS, QUERIES, VALUE_DIM, seed=4)
    expected = torch.autograd.grad(attention(query, key, value, causal=causal)[0], (query, key, value), gradient)
    with torch.no_grad():
        output, logsumexp = online_attention(query, key, value, causal=causal, tile=tile)
    found = flash_backward(query, key, value, output, logsumexp, gradient, causal=causal, tile=tile)
    assert_close(found, expected, atol=1e-12, rtol=1e-10)


def test_rows_that_see_nothing_have_no_gradient():
    """More queries than keys: the first see nothing, and their logsumexp is −∞."""
    query, key, value = (drawn(5, 4, seed=1), drawn(3, 4, seed=2), drawn(3, 2, seed=3))
    output, logsumexp = online_attention(query, key, value, causal=True)
    d_query, d_key, _ = flash_backward(query, key, value, output, logsumexp, torch.ones(5, 2).double(), causal=True)
    assert (d_query[:2] == 0).all()
    assert d_key.isfinite().all()


MASKS = {
    "causal": masks.causal(),
    "window": masks.causal() & masks.window(5),
    "documents": masks.causal() & masks.documents(torch.arange(23)[None] // 7),
    "prefix": masks.causal() | masks.prefix(6),
    "blocks": masks.blocks(4),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("tile", [1, 4, 5, 23, 64])
def test_tiles_are_what_the_dense_mask_shows(name, tile):
    seen, table = MASKS[name].dense(1, 1, 23, 23)[0, 0], tile_table(MASKS[name], 23, 23, tile)
    for r, rows in enumerate(seen.split(tile)):
        for c, part in enumerate(rows.split(tile, dim=1)):
            assert int(table[r, c]) == (2 if part.all() else 1 if part.any() else 0)


EAGERLY = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


@pytest.mark.slow
@EAGERLY
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_a_mask_mod_of_flex_attention(name):
    query, key, value = (drawn(1, 2, 23, 8, seed=seed).float() for seed in (1, 2, 3))
    block_mask = create_block_mask(MASKS[name], None, None, 23, 23, device="cpu", BLOCK_SIZE=4)
    assert_close(flex_attention(query, key, value, block_mask=block_mask), attention(query, key, value, MASKS[name])[0])
    table = tile_table(MASKS[name], 23, 23, 4)
    assert torch.equal(block_mask.to_dense()[0, 0] > 0, table > 0)


@EAGERLY
def test_a_score_mod_is_a_bias_or_a_softcap_of_attention():
    query, key, value = (drawn(1, 2, 11, 8, seed=seed).float() for seed in (1, 2, 3))
    slopes = torch.tensor([0.5, 0.25])
    places = torch.arange(11)
    bias = -slopes[:, None, None] * (places[:, None] - places).abs()

    def alibi(score, _b, h, q, k):
        return 3 * torch.tanh(score / 3) - slopes[h] * (q - k).abs()

    expected = attention(query, key, value, softcap=3.0, bias=bias)[0]
    assert_close(flex_attention(query, key, value, score_mod=alibi), expected)


@pytest.mark.parametrize("zigzag", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_a_ring_gives_what_attention_gives(devices, causal, zigzag):
    query, key, value = (drawn(BATCH, HEADS, 12, size, seed=size) for size in (DIM, DIM, VALUE_DIM))
    output, logsumexp = ring_attention(query, key, value, Ring(devices, 12, zigzag), causal=causal)
    expected = online_attention(query, key, value, causal=causal)
    assert_close(output, expected[0])
    assert_close(logsumexp, expected[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("devices", [1, 3])
def test_a_ring_of_narrow_numbers_is_rounded_once(devices, dtype):
    query, key, value = (drawn(1, 2, 12, size, seed=size).to(dtype) for size in (DIM, DIM, VALUE_DIM))
    output, logsumexp = ring_attention(query, key, value, Ring(devices, 12), causal=True)
    expected = online_attention(query, key, value, causal=True)
    assert (output.dtype, logsumexp.dtype) == (dtype, torch.float32)
    assert_close(output, expected[0])
    assert_close(logsumexp, expected[1])


def test_what_a_device_holds_costs_what_it_holds():
    assert Ring(2**27, 2**27).holds(5).tolist() == [5]
    assert Ring(2**20, 2**21, zigzag=True).holds(1).tolist() == [1, 2**21 - 2]


@pytest.mark.parametrize("zigzag", [False, True])
def test_each_pair_is_computed_once(zigzag):
    ring = Ring(3, 12, zigzag)
    held = torch.cat([ring.holds(device) for device in range(3)])
    assert held.sort().values.tolist() == list(range(12))
    assert int(ring.work(masks.causal()).sum()) == 12 * 13 // 2
    assert sorted(ring.meets(1, step) for step in range(3)) == [0, 1, 2]


def test_zigzag_makes_all_devices_alike():
    waits = {zigzag: Ring(4, 32, zigzag).work(masks.causal()).amax(0).sum().item() for zigzag in (False, True)}
    assert Ring(4, 32, zigzag=True).work(masks.causal()).sum(1).unique().numel() == 1
    assert waits[True] < 0.65 * waits[False]


def test_parts_of_nothing_are_merged():
    nothing = torch.zeros(1, 2), torch.full((1,), -torch.inf)
    found = torch.ones(1, 2), torch.zeros(1)
    assert_close(merged(*nothing, *found), found)
    assert_close(merged(*nothing, *nothing), nothing)


X = torch.ones(1, 1, 4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: flash_backward(X, X, X, X[:, :, 1:], X[..., 0], X),
            ShapeError,
            "expected output (1, 1, 4, 2), got (1, 1, 3, 2)",
        ),
        (
            lambda: flash_backward(X, X, X, X, X[..., 0], X, tile=0),
            OptionError,
            "tile: expected a whole number of at least 1, got 0",
        ),
        (lambda: flash_backward(X, X, X, X, X[..., 0], X, causal="no"), DtypeError, "causal: expected True or False, got 'no'"),
        (
            lambda: flash_backward(X * torch.nan, X, X, X, X[..., 0], X),
            ScoreError,
            "expected finite scores, got nan at batch 0, head 0, query 0, key 0",
        ),
        (lambda: tile_table(torch.ones(2, 2), 2, 2), DtypeError, "mask: expected a regard.Mask, got Tensor"),
        (lambda: Ring(3, 10), OptionError, "expected length to be a multiple of 3, the pieces of all devices, got 10; pad it"),
        (lambda: Ring(2, 6, zigzag=True), OptionError, "multiple of 4"),
        (lambda: Ring(2, 6).holds(2), OptionError, "device: expected a whole number from 0 to 1, got 2"),
        (lambda: Ring(2, 6).tile("causal", 0, 0), DtypeError, "mask: expected a regard.Mask, got str"),
        (lambda: Ring(1, 2**27).tile(masks.causal(), 0, 0), OptionError, "expected at most 32,768 positions on a device"),
        (lambda: Ring(2, 2**27).work(masks.causal()), OptionError, "expected at most 32,768 positions and 256 devices"),
        (lambda: Ring(2**10, 2**10).work(masks.causal()), OptionError, "got 1,024 and 1,024"),
        (lambda: ring_attention(X, X, X, Ring(2, 6)), ShapeError, "(batch, heads, 6, dim), the ring's length"),
        (lambda: ring_attention(X, X, X, 2), OptionError, "ring: expected a Ring, got int"),
        (lambda: merged(X, X[..., 0], X, X), ShapeError, "expected outputs (..., queries, value_dim)"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
