"""NaN, infinities, and numbers near the end of a dtype: what is hidden stays hidden, and what is seen is said."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

from regard.mechanisms.normalisers import dense_normalisers as normalisers
from regard.mechanisms.scores import score_functions as scores
from regard.mechanisms.softmax_attention import attention, weigh

INF, NAN = math.inf, math.nan


@pytest.fixture
def factors():
    random = torch.Generator().manual_seed(11)
    return tuple(torch.randn(1, 2, 5, 3, dtype=torch.float64, generator=random) for _ in range(3))


@pytest.mark.parametrize("hiding", ["mask", "bias"])
@pytest.mark.parametrize("broken", [NAN, INF, -INF])
def test_minus_infinity_hides_a_value(factors, hiding, broken):
    query, key, value = factors
    hidden = torch.zeros(5, 5, dtype=torch.float64)
    hidden[:, 3] = -INF
    expected = attention(query, key, value, hidden)
    value = value.clone()
    value[:, :, 3] = broken
    assert_close(attention(query, key, value, **{hiding: hidden}), expected)


@pytest.mark.parametrize("hiding", ["mask", "bias"])
def test_minus_infinity_hides_a_key(factors, hiding):
    query, key, value = factors
    hidden = torch.zeros(5, 5, dtype=torch.float64)
    hidden[:, 3] = -INF
    expected = attention(query, key, value, hidden)
    key = key.clone()
    key[:, :, 3] = NAN
    assert_close(attention(query, key, value, **{hiding: hidden}), expected)


def test_minus_infinity_among_scores_hides_too():
    output, weights = weigh(torch.tensor([[0.0, -INF]]), torch.tensor([[1.0], [NAN]]))
    assert_close(output, torch.tensor([[1.0]]))
    assert_close(weights, torch.tensor([[1.0, 0.0]]))


def test_a_float_mask_may_open_what_causal_closes(factors):
    opening = torch.zeros(5, 5, dtype=torch.float64)
    opening[0, 4] = INF
    assert_close(attention(*factors, opening, causal=True), attention(*factors, causal=True))


def test_a_value_of_infinity_is_passed_on(factors):
    query, key, value = factors
    value = value.clone()
    value[:, :, 1, 0] = INF
    value[:, :, 2, 1] = -INF
    value[:, 0, 2, 0] = -INF  # against +∞: no number
    value[:, :, 3, 2] = NAN
    output, _ = attention(query, key, value)
    assert_close(output, scaled_dot_product_attention(query, key, value), equal_nan=True)
    assert output.isinf().any()


def test_negative_weights_turn_an_infinity(factors):
    query, key, value = factors
    value = value.clone()
    value[:, :, 1, 0] = INF
    output, weights = normalisers.attend(lambda s: s * 0 - 1, query, key, value)
    assert (weights == -1).all()
    assert (output[..., 0] == -INF).all()
    assert output[..., 1:].isfinite().all()


def test_a_weight_of_nothing_times_infinity_is_no_number():
    output, _ = weigh(torch.tensor([[0.0, -1e30]]), torch.tensor([[1.0], [INF]]))
    assert output.isnan().all()


def test_a_blind_row_is_nothing_whatever_normalises(factors):
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    for factor in factors:
        factor.requires_grad_()
    output, weights = normalisers.attend(lambda s: s.softmax(-1), *factors, mask)
    assert_close((output, weights), attention(*factors, mask))
    assert (output[:, :, 2] == 0).all()
    for gradient in torch.autograd.grad(output.square().sum(), factors):
        assert gradient.isfinite().all()


def test_a_normaliser_cannot_open_what_is_hidden(factors):
    _, weights = normalisers.attend(lambda s: torch.ones_like(s), *factors, causal=True)
    assert_close(weights, torch.ones_like(weights).tril())


@pytest.mark.parametrize("length", [3e-14, 1e20, 1e-30])
@pytest.mark.parametrize("score", [scores.cosine, scores.qk_norm])
def test_the_length_does_not_count(score, length):
    random = torch.Generator().manual_seed(2)
    query, key, value = torch.randn(3, 2, 5, 7, generator=random)
    learned = (torch.ones(2),) if score is scores.cosine else (torch.ones(7), torch.ones(7))
    eps = {} if score is scores.cosine else {"eps": 1e-30}
    if eps and length < 1e-10:
        pytest.skip("eps is there to count")
    assert_close(score(length * query, length * key, value, *learned, **eps), score(query, key, value, *learned, **eps))


@pytest.mark.parametrize("length", [0.0, 1e-3, 1.0, 1e3])
def test_qk_norm_is_its_formula_at_every_length(length):
    query, key, value = torch.randn(3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    query = length * query
    gains = torch.rand(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    q, k = (gain * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() for gain, x in zip(gains, (query, key), strict=True))
    assert_close(scores.qk_norm(query, key, value, *gains), attention(q, k, value))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_vector_of_length_0_has_a_small_gradient(dtype):
    query, key, value = torch.randn(3, 2, 5, 7, dtype=dtype, generator=torch.Generator().manual_seed(2))
    query[:, 1] = 0
    query.requires_grad_()
    output, weights = scores.cosine(query, key, value, torch.ones(2, dtype=dtype))
    assert_close(weights[:, 1], torch.full_like(weights[:, 1], 1 / 5))
    (gradient,) = torch.autograd.grad(output.square().sum(), query)
    assert gradient.abs().max() < 1e3


def test_cosine_gradients_are_those_of_its_formula():
    random = torch.Generator().manual_seed(2)
    factors = [torch.randn(2, 3, 5, dtype=torch.float64, generator=random).requires_grad_() for _ in range(3)]
    scale = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda q, k, v: scores.cosine(q, k, v, scale), factors)
    gains = torch.rand(2, 5, dtype=torch.float64, generator=random)
    assert torch.autograd.gradcheck(lambda q, k, v: scores.qk_norm(q, k, v, *gains), factors)
