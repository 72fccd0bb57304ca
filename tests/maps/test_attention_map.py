import math
import re

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from regard import AttentionMap, masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError, TooLargeError
from regard.maps.factors import Factors
from support.kinds_of_maps import BATCH, BIAS, BOOL_MASK, HEADS, KEYS, KINDS, PADDING, QUERIES, SINKS, factors, normal
from witnesses.attention import dense_attention

for kind in KINDS:
    globals()[f"Test{kind.__name__}"] = kind  # pytest collects it under this name


# -- rows that see nothing, sinks, poison


def test_a_row_that_sees_nothing_is_zero():
    amap = AttentionMap(*factors(), mask=BOOL_MASK)
    assert torch.equal(amap[1, :, 2], torch.zeros(HEADS, KEYS))
    assert torch.equal(amap.logsumexp()[1, :, 2], torch.full((HEADS,), -math.inf))
    assert torch.equal(amap.entropy()[1, :, 2], torch.zeros(HEADS))
    assert_close(amap.received().sum(-1), torch.tensor([[5.0] * 3, [4.0] * 3]))


def test_a_row_whose_weights_cancel_sees_something():
    amap = AttentionMap.from_dense(torch.tensor([[1.0, -1.0], [0.0, 0.0], [2.0, -1.0]]))
    assert amap.summary().masked_rows.tolist() == [[1]]


def test_no_row_sees_anything():
    amap = AttentionMap(*factors(), mask=torch.zeros(1, 1, dtype=torch.bool))
    assert torch.equal(amap.dense(), torch.zeros(BATCH, HEADS, QUERIES, KEYS))
    assert torch.equal(amap.received(), torch.zeros(BATCH, HEADS, KEYS))
    float_mask = AttentionMap(*factors(), mask=torch.full((1, 1), -math.inf))
    assert torch.equal(float_mask.dense(), amap.dense())


def test_rows_sum_to_one_and_with_sinks_to_less():
    assert_close(AttentionMap(*factors()).dense().sum(-1), torch.ones(BATCH, HEADS, QUERIES))
    amap = AttentionMap(*factors(), sinks=SINKS)
    left = torch.exp(SINKS[:, None] - amap.logsumexp())
    assert_close(amap.dense().sum(-1), 1 - left)
    assert float(left.min()) > 0.01
    assert "sinks" in repr(amap)


def test_a_sink_of_minus_infinity_is_none():
    sinks = torch.full((HEADS,), -math.inf)
    assert_close(AttentionMap(*factors(), sinks=sinks).dense(), AttentionMap(*factors()).dense())


def test_what_is_masked_may_be_poison():
    query, key = factors()
    clean = AttentionMap(query, key, PADDING[:1, None, None]).dense()
    poisoned = key.clone()
    poisoned[:, :, 5:] = math.nan
    assert torch.equal(AttentionMap(query, poisoned, PADDING[:1, None, None]).dense(), clean)


def test_large_scores_do_not_overflow():
    query, key = factors()
    weights = AttentionMap(query * 1e4, key * 1e4).dense()
    truth = (query.double() * 1e4 @ key.double().transpose(-1, -2) * 1e4).argmax(-1)
    assert torch.equal(weights.argmax(-1), truth)
    assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, QUERIES))


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (math.inf, "inf")])
def test_scores_that_are_no_numbers_are_named_with_their_place(value, said, monkeypatch):
    monkeypatch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 1)  # rows of later blocks count on
    bias = torch.zeros(BATCH, HEADS, QUERIES, KEYS)
    bias[1, 2, 3, 6] = value
    amap = AttentionMap(*factors(), bias=bias)
    for read in (lambda: amap[1, 2, 3, 0], amap.dense, amap.received, amap.entropy, amap.logsumexp):
        with pytest.raises(ScoreError, match=f"got {said} at batch 1, head 2, query 3, key 6; look for NaN"):
            read()


def test_a_nan_query_is_named():
    query, key = factors()
    query[1, 0, 4, 2] = math.nan
    with pytest.raises(ScoreError, match="nan at batch 1, head 0, query 4, key 0"):
        AttentionMap(query, key)[1, 0, 4]


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (math.inf, "inf")])
def test_a_sink_that_is_no_number_is_named(value, said):
    sinks = SINKS.clone()
    sinks[1] = value
    with pytest.raises(ScoreError, match=f"finite sinks, got {said} at head 1"):
        AttentionMap(*factors(), sinks=sinks)


# -- masks of every form


def test_a_mask_a_bool_tensor_and_a_float_tensor_agree():
    symbolic = AttentionMap(*factors(), masks.padding(PADDING)).dense()
    boolean = AttentionMap(*factors(), PADDING[:, None, None]).dense()
    added = AttentionMap(*factors(), torch.zeros(BATCH, 1, 1, KEYS).masked_fill(~PADDING[:, None, None], -math.inf)).dense()
    assert torch.equal(symbolic, boolean)
    assert torch.equal(symbolic, added)


def test_masks_are_met_by_causal_and_window():
    both = masks.Mask(lambda _b, _h, _q, k: k != 3, "not 3")
    amap = AttentionMap(*factors(), both, causal=True, window=3)
    mask = (torch.arange(KEYS) != 3)[None, None, None]
    truth = dense_attention(*factors(), factors()[1], mask, causal=True, window=3)
    assert_close(amap.dense().double(), truth.weights, atol=1e-6, rtol=0)
    assert "not 3" in repr(amap)


def test_a_mask_by_head():
    mask = normal(HEADS, QUERIES, KEYS, seed=9) > 0
    truth = dense_attention(*factors(), factors()[1], mask[None]).weights
    amap = AttentionMap(*factors(), mask)
    assert_close(amap.select(heads=[2, 0]).dense().double(), truth[:, [2, 0]], atol=1e-6, rtol=0)


def test_the_factors_are_not_touched():
    given = [*factors(), BIAS.clone(), SINKS.clone(), BOOL_MASK.clone()]
    before = [tensor.clone() for tensor in given]
    amap = AttentionMap(given[0], given[1], given[4], bias=given[2], sinks=given[3], softcap=1.5, causal=True)
    for _ in range(2):
        amap.dense(), amap.received(), amap.entropy()
    for now, then in zip(given, before, strict=True):
        assert torch.equal(now, then)


def test_what_is_read_may_be_written():
    amap = AttentionMap(*factors())
    before = amap.dense()
    for read in (amap.dense(), amap[:], amap.logsumexp(), amap.received(), amap.entropy()):
        read.zero_()
    assert torch.equal(amap.dense(), before)


def test_numpy_of_queries_that_want_gradients():
    query, key = factors()
    assert_close(np.asarray(AttentionMap(query.requires_grad_(), key)), AttentionMap(*factors()).dense().numpy())


# -- sizes at the edge


@pytest.mark.parametrize("axis", ["queries", "keys"])
def test_no_queries_or_no_keys(axis):
    amap = AttentionMap(*factors(**{axis: 0}), causal=True)
    assert amap.dense().shape == amap.shape
    assert torch.equal(amap.received(), torch.zeros(BATCH, HEADS, amap.shape[3]))
    assert torch.equal(amap.entropy(), torch.zeros(BATCH, HEADS, amap.shape[2]))
    assert torch.equal(amap.logsumexp(), torch.full(amap.shape[:3], -math.inf))


def test_one_of_each():
    amap = AttentionMap(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), causal=True, window=1)
    assert torch.equal(amap.dense(), torch.ones(1, 1, 1, 1))


def test_a_long_map_is_read_without_the_matrix():
    size = 2**17
    amap = AttentionMap(torch.zeros(1, 1, size, 1), torch.zeros(1, 1, size, 1), causal=True)
    with pytest.raises(TooLargeError, match=r"at most 1,073,741,824 bytes, got .* = 68,719,476,736 bytes"):
        amap.dense()
    assert amap.select(queries=[size - 1, 0, 5], keys=slice(1, None, 1000)).shape == (1, 1, 3, 132)
    assert amap.nbytes == 2 * size * 4


def test_only_the_rows_that_are_read_are_materialised(monkeypatch):
    amap = AttentionMap(*factors(queries=11, keys=13))
    amap.logsumexp()
    seen = []
    scores = Factors.scores

    def counted(factors, *positions, **options):
        seen.append(tuple(map(len, positions)))
        return scores(factors, *positions, **options)

    monkeypatch.setattr(Factors, "scores", counted)
    assert amap[1, 2, 3:5, -7:].shape == (2, 7)
    amap.select(queries=[5])[0, :, :, 2]
    assert seen == [(1, 1, 2, 7), (1, 3, 1, 1)]


# -- the denominators are computed once


def test_narrowed_maps_share_the_denominators(monkeypatch):
    amap = AttentionMap(*factors())
    amap.logsumexp()
    monkeypatch.setattr("regard.maps.softmax_weights.denominators_of", lambda *_: pytest.fail("computed twice"))
    assert amap.select(queries=slice(2), keys=[1, 3]).received().shape == (BATCH, HEADS, 2)
    assert amap[0, :, 1:, 2:4].shape == (HEADS, QUERIES - 1, 2)


# -- from_dense


@pytest.mark.parametrize(("axes", "shape"), [(2, (1, 1, 5, 7)), (3, (1, 3, 5, 7)), (4, (2, 3, 5, 7))])
def test_dense_weights_of_two_to_four_axes(axes, shape):
    weights = normal(*shape[4 - axes :]).softmax(-1)
    assert AttentionMap.from_dense(weights).shape == shape
    assert torch.equal(AttentionMap.from_dense(weights.numpy()).dense(), weights.view(shape))


def test_dense_weights_of_numpy_that_cannot_be_written():
    assert AttentionMap.from_dense(np.broadcast_to(np.ones(3), (3, 3))).dtype == torch.float64


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        (torch.ones(3, 3, dtype=torch.int64), DtypeError, "weights of a floating type, got torch.int64"),
        (np.ones((3, 3), dtype=bool), DtypeError, "got torch.bool"),
        (torch.ones(3), ShapeError, r"got \(3,\)"),
        (torch.ones(1, 1, 1, 3, 3), ShapeError, r"got \(1, 1, 1, 3, 3\); 2 to 4 axes"),
    ],
)
def test_bad_dense_weights(weights, error, text):
    with pytest.raises(error, match=text):
        AttentionMap.from_dense(weights)


# -- bad input: one clear error


def ones(*shape, dtype=torch.float32):
    return torch.ones(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("query", "key", "error", "text"),
    [
        (ones(3, 5, 11), ones(2, 3, 7, 11), ShapeError, "expected query (batch, heads, queries, dim), got (3, 5, 11)"),
        (ones(2, 3, 5, 11), ones(7, 11), ShapeError, "expected key (batch, kv_heads, keys, dim), got (7, 11)"),
        (ones(2, 3, 5, 11, dtype=torch.int64), ones(2, 3, 7, 11), DtypeError, "query of a floating type, got torch.int64"),
        (ones(2, 3, 5, 11), ones(2, 3, 7, 11, dtype=torch.bool), DtypeError, "key of a floating type, got torch.bool"),
        (ones(2, 3, 5, 11), ones(2, 3, 7, 11).bfloat16(), DtypeError, "got torch.float32 and torch.bfloat16"),
        (ones(2, 3, 5, 11), ones(1, 3, 7, 11), ShapeError, "one batch size, got query 2 and key 1"),
        (ones(2, 3, 5, 11), ones(2, 3, 7, 13), ShapeError, "one dim, got 11 and 13"),
        (ones(2, 3, 5, 11), ones(2, 2, 7, 11), ShapeError, "got query heads=3 and key heads=2"),
        (ones(2, 3, 5, 11), ones(2, 6, 7, 11), ShapeError, "got query heads=3 and key heads=6"),
        (ones(2, 3, 5, 11), ones(2, 0, 7, 11), ShapeError, "got query heads=3 and key heads=0"),
        (ones(2, 3, 5, 0), ones(2, 3, 7, 0), ShapeError, "dim of at least 1, got (2, 3, 5, 0)"),
        (np.ones((2, 3, 5, 11)), ones(2, 3, 7, 11), DtypeError, "query as a tensor, got ndarray"),
        (ones(2, 3, 5, 11), [[[[1.0]]]], DtypeError, "key as a tensor, got list"),
        (None, None, DtypeError, "query as a tensor, got NoneType"),
    ],
)
def test_queries_and_keys_that_do_not_fit(query, key, error, text):
    with pytest.raises(error, match=re.escape(text)):
        AttentionMap(query, key)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"mask": ones(5, 5, dtype=torch.bool)},
            ShapeError,
            "expected the mask to stretch to the map's (batch=2, heads=3, queries=5, keys=7), got (5, 5); make axis -1",
        ),
        ({"mask": ones(5, 5)}, ShapeError, "got (5, 5); make axis -1 (keys) 7 or 1 long"),
        ({"mask": ones(2, 7, dtype=torch.bool)}, ShapeError, "make axis -2 (queries) 5 or 1 long"),
        ({"mask": ones(2, 5, 7, dtype=torch.bool)}, ShapeError, "make axis -3 (heads) 3 or 1 long"),
        ({"mask": ones(1, 2, 3, 5, 7, dtype=torch.bool)}, ShapeError, "the mask of at most 4 axes"),
        ({"mask": ones(5, 7, dtype=torch.int64)}, DtypeError, "as mask, got torch.int64; convert a 0/1 mask"),
        ({"mask": np.ones((5, 7), dtype=bool)}, DtypeError, "as mask, got ndarray"),
        ({"mask": [[True]]}, DtypeError, "as mask, got list"),
        ({"mask": True}, DtypeError, "as mask, got bool"),
        ({"mask": masks.padding(ones(2, 5))}, ShapeError, "expected keys=5 or less, got keys=7"),
        ({"bias": ones(3, 7, 7)}, ShapeError, "got (3, 7, 7); make axis -2 (queries) 5 or 1 long"),
        ({"bias": ones(3, 3, 5, 7)}, ShapeError, "make axis -4 (batch) 2 or 1 long"),
        ({"bias": ones(5, 7, dtype=torch.bool)}, DtypeError, "bias of a floating type, got torch.bool"),
        ({"bias": 1.0}, DtypeError, "bias as a tensor, got float"),
        ({"bias": ones(6, 7), "mask": ones(5, 7)}, ShapeError, "expected bias to stretch"),
        ({"sinks": ones(2)}, ShapeError, "expected sinks (heads,)=(3,), got (2,)"),
        ({"sinks": ones(3, 1)}, ShapeError, "got (3, 1)"),
        ({"sinks": [0.0, 0.0, 0.0]}, DtypeError, "sinks as a tensor, got list"),
        ({"sinks": ones(3, dtype=torch.int64)}, DtypeError, "sinks of a floating type"),
        ({"scale": 0.0}, OptionError, "scale: expected a number above 0, got 0.0"),
        ({"scale": -1.0}, OptionError, "got -1.0"),
        ({"scale": math.nan}, OptionError, "got nan"),
        ({"scale": "1"}, OptionError, "got '1'"),
        ({"softcap": 0.0}, OptionError, "softcap: expected a number above 0, got 0.0"),
        ({"softcap": math.inf}, OptionError, "got inf"),
        ({"window": 0, "causal": True}, OptionError, "window: expected a whole number of at least 1, got 0"),
        ({"window": 4}, OptionError, "expected an odd number"),
        ({"window": 2.0, "causal": True}, OptionError, "window: expected a whole number of at least 1, got 2.0"),
    ],
)
def test_options_that_do_not_fit(options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        AttentionMap(*factors(), **options)


# -- two statistics from fused calls alone, which never hold a tile: independent arithmetic


def fused(query, key, value, causal):
    """Output and denominators of PyTorch's own fused kernel, default scale."""
    assert query.shape[-1] == key.shape[-1] == value.shape[-1]
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal, scale=1.0)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_statistics_follow_from_fused_calls_alone(causal):
    query, key = (torch.randn(2, 3, 37, 16, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    amap = AttentionMap(query, key, causal=causal, scale=1.0)
    seen, lse = fused(query, key, key, causal)
    assert_close(amap.logsumexp(), lse, rtol=0, atol=1e-5)
    # H = lse − E[score], and the expected score is q·(A k): attention with the keys as values.
    assert_close(amap.entropy(), lse - (query * seen).sum(-1), rtol=0, atol=2e-5)
    # Σᵢ exp(qᵢ·kⱼ − lseᵢ) is the denominator of attention from the keys, extended by 1, to the queries, extended by −lse.
    asking, asked = torch.cat([key, torch.ones_like(lse)[..., None]], -1), torch.cat([query, -lse[..., None]], -1)
    if causal:  # key j is seen by the queries from j on: turned round, that is causal again
        asking, asked = asking.flip(2), asked.flip(2)
    received = fused(asking, asked, asked, causal)[1].exp()
    assert_close(amap.received(), received.flip(2) if causal else received, rtol=1e-5, atol=1e-6)
    mean = torch.ones(37, 1) / 37
    assert_close((amap.T @ mean)[..., 0] * 37, amap.received(), rtol=1e-5, atol=1e-6)


def test_sparse_weights_are_refused():
    with pytest.raises(DtypeError, match="to_dense"):
        AttentionMap.from_dense(torch.eye(3).to_sparse())
