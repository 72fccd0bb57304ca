"""Tokens that mask, outdo and hear each other; heads that are clipped: beside others' formulas and what each promises."""

import math
import re

import pytest
import torch
from torch.testing import assert_close

from regard.errors import OptionError, ShapeError
from regard.mechanisms.normalisers.competing_tokens import (
    masking,
    multi_token_attention,
    scaled_by_length,
    selective_attention,
    stick_breaking_attention,
)
from regard.mechanisms.normalisers.query_key_clip import clip_factors, clipped_projections
from regard.mechanisms.softmax_attention import attention

BATCH, HEADS, LENGTH, DIM, VALUE_DIM = 2, 3, 11, 5, 7


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUERY, KEY, VALUE = (
    drawn(BATCH, HEADS, LENGTH, DIM, seed=1),
    drawn(BATCH, HEADS, LENGTH, DIM, seed=2),
    drawn(BATCH, HEADS, LENGTH, VALUE_DIM, seed=3),
)


def test_nothing_is_masked_where_no_score_is_positive():
    negative = -KEY.abs(), QUERY.abs()
    assert_close(selective_attention(negative[1], negative[0], VALUE), attention(negative[1], negative[0], VALUE, causal=True))


def test_a_token_masks_for_good_and_in_all_heads():
    """The third token masks the second with a score of 40: from the fourth row on nobody sees it."""
    query, key = torch.zeros(2, 6, 1), torch.zeros(2, 6, 1)
    query[0, 2], key[0, 1] = 40.0, 1.0
    weights = selective_attention(query, key, torch.eye(6).expand(2, 6, 6), scale=1.0)[1]
    assert (weights[:, 3:, 1] < 1e-15).all()
    assert (weights[1, :3, 1] > 0).tolist() == [False, True, True]
    assert masking(query, key, scale=1.0)[0, 2].tolist() == [0, 40, 0, 0, 0, 0]


def test_the_first_token_is_never_masked():
    one = torch.full((1, 7, 1), 3.0)
    assert (selective_attention(one, one, one, scale=1.0)[1][0, :, 0] > 0.1).all()


def test_sticks_are_broken_by_the_nearest_first():
    weights = stick_breaking_attention(QUERY, KEY, VALUE)[1]
    shares = torch.sigmoid(QUERY @ KEY.mT / DIM**0.5)
    expected = torch.zeros_like(weights)
    for i in range(LENGTH):
        for j in range(i):
            expected[:, :, i, j] = shares[:, :, i, j] * (1 - shares[:, :, i, j + 1 : i]).prod(-1)
    assert_close(weights, expected)
    assert (weights[:, :, 0] == 0).all()
    assert (weights.sum(-1) < 1).all()


def test_sticks_survive_large_scores():
    one = torch.full((1, 5, 1), 100.0)
    weights = stick_breaking_attention(one, one, torch.eye(5)[None], scale=1.0)[1]
    assert_close(weights[0], torch.eye(5).roll(-1, 1).tril(-1))
    assert stick_breaking_attention(-one, one, one, scale=1.0)[0].abs().max() == 0


def test_the_largest_weight_does_not_fade_with_the_length():
    """One key scores 2 and n − 1 keys score 0: with s = 1 its weight is n² / (n² + n − 1), and tends to 1."""
    for n in (10, 100, 1000):
        query, key = torch.ones(n, 1, dtype=torch.float64), torch.zeros(n, 1, dtype=torch.float64)
        key[0] = 2.0
        weight = attention(scaled_by_length(query, n), key, key, causal=True, scale=1.0)[1][-1, 0]
        assert weight.item() == pytest.approx(n**2 / (n**2 + n - 1))
        assert attention(query, key, key, causal=True, scale=1.0)[1][-1, 0] < math.e**2 / (n - 1)


def test_queries_of_a_cache_are_scaled_as_all_were():
    strength = torch.tensor([0.5, 1.0, 2.0])
    whole = scaled_by_length(QUERY, LENGTH, strength)
    assert_close(scaled_by_length(QUERY[:, :, -2:], LENGTH, strength), whole[:, :, -2:])
    assert_close(whole[:, 2], 4 * scaled_by_length(QUERY, LENGTH, 0.5)[:, 2])


def test_convolved_scores_are_those_of_torch():
    kernel = drawn(HEADS, 4, 5, seed=7)
    scores = (QUERY @ KEY.mT / DIM**0.5).tril()
    room = torch.nn.functional.pad(scores, (2, 2, 3, 0))
    turned = kernel.flip(1).flip(2)[:, None]  # their convolution is a correlation
    expected = torch.nn.functional.conv2d(room, turned, groups=HEADS)
    weights = multi_token_attention(QUERY, KEY, VALUE, kernel)[1]
    hidden = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
    assert_close(weights, expected.masked_fill(hidden, -math.inf).softmax(-1))


def test_clipped_projections_bring_the_largest_score_to_the_threshold():
    x = drawn(LENGTH, 9, seed=4)
    query_weight, key_weight = 6 * drawn(4, DIM, 9, seed=5), drawn(2, DIM, 9, seed=6)

    def largest(q, k):
        queries, keys = (torch.einsum("hdf,nf->hnd", weight, x) for weight in (q, k))
        return (queries @ keys.repeat_interleave(2, 0).mT / DIM**0.5).amax((1, 2))

    before = largest(query_weight, key_weight)
    threshold = float(before.sort().values[1:3].mean())  # between the heads
    factors = clip_factors(before, threshold)
    after = largest(*clipped_projections(query_weight, key_weight, factors))
    assert_close(after, before.clamp(max=threshold))
    assert (factors < 1).sum() == 2


def test_a_head_below_the_threshold_is_left_alone():
    query_weight, key_weight = drawn(2, DIM, 3, seed=1), drawn(2, DIM, 3, seed=2)
    found = clipped_projections(query_weight, key_weight, clip_factors(torch.tensor([3.0, -1.0]), 5))
    assert torch.equal(found[0], query_weight)
    assert torch.equal(found[1], key_weight)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: selective_attention(QUERY[:, :, 1:], KEY, VALUE),
            ShapeError,
            "expected as many queries as keys, got 10 and 11",
        ),
        (
            lambda: selective_attention(QUERY, KEY, VALUE, masking_head=3),
            OptionError,
            "masking_head: expected a whole number from 0 to 2, got 3",
        ),
        (
            lambda: stick_breaking_attention(QUERY, KEY[:, :, 1:], VALUE[:, :, 1:]),
            ShapeError,
            "expected the queries to be the last",
        ),
        (lambda: stick_breaking_attention(QUERY, KEY, VALUE, scale=0), OptionError, "scale: expected a number above 0, got 0"),
        (lambda: scaled_by_length(QUERY, 3), OptionError, "keys: expected a whole number from 11 to"),
        (
            lambda: scaled_by_length(QUERY, 11, torch.ones(2)),
            ShapeError,
            "expected strength as one number or (heads,)=(3,), got (2,)",
        ),
        (lambda: multi_token_attention(QUERY, KEY, VALUE, torch.ones(3, 2, 4)), ShapeError, "with c_k odd, got (3, 2, 4)"),
        (lambda: multi_token_attention(QUERY[:, :, 1:], KEY, VALUE, torch.ones(3, 2, 3)), ShapeError, "got 10 and 11"),
        (lambda: clip_factors(torch.ones(2, 2), 1), ShapeError, "expected largest (heads,), got (2, 2)"),
        (lambda: clip_factors(torch.ones(2), 0), OptionError, "threshold: expected a number above 0, got 0"),
        (
            lambda: clipped_projections(torch.ones(3, 2, 2), torch.ones(2, 2, 2), torch.ones(3)),
            ShapeError,
            "multiple of kv_heads, got 3 and 2",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
