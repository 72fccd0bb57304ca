import pytest
import torch
from torch.nn.functional import elu
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.rwkv.modeling_rwkv import rwkv_linear_attention_cpu

from regard.errors import DtypeError, ScoreError, ShapeError
from regard.mechanisms.linear.linear_attention import (
    elu_plus_one,
    linear_attention_chunked,
    linear_attention_noncausal,
    linear_attention_parallel,
    linear_attention_recurrent,
)
from witnesses import linear as oracles

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 7, 11, 5, 13


def inputs(queries=QUERIES, keys=KEYS, dim=DIM, value_dim=VALUE_DIM):
    chance = torch.Generator().manual_seed(0)
    shapes = (queries, dim), (keys, dim), (keys, value_dim)
    return tuple(torch.randn(BATCH, HEADS, *shape, generator=chance, dtype=torch.float64) for shape in shapes)


def test_elu_plus_one_is_elu_plus_one():
    x = torch.linspace(-9, 9, 101, dtype=torch.float64)
    assert_close(elu_plus_one(x), elu(x) + 1)
    assert torch.autograd.gradcheck(elu_plus_one, x.requires_grad_())


def test_elu_plus_one_keeps_what_is_small():
    x = torch.tensor([-30.0])
    assert elu(x) + 1 == 0
    assert_close(elu_plus_one(x).double(), x.double().exp(), atol=0, rtol=1e-6)


def test_without_a_mask_it_equals_the_oracle():
    query, key, value = inputs()
    expected = oracles.each_head(lambda q, k, v: oracles.linear(q, k, v, causal=False), query, key, value)
    assert_close(linear_attention_parallel(query, key, value)[0], expected)
    assert_close(linear_attention_noncausal(query, key, value)[0], expected)


def test_the_sum_over_all_keys_is_the_state_of_the_recurrence():
    query, key, value = inputs(queries=KEYS)
    assert_close(linear_attention_noncausal(query, key, value)[1], linear_attention_recurrent(query, key, value)[1])


@pytest.mark.parametrize("form", [linear_attention_recurrent, linear_attention_chunked])
def test_with_the_exponential_for_each_channel_it_is_rwkv_without_decay(form):
    """RWKV-4 weighs each channel by exp(k): φ = exp with one feature a head, and queries of 0."""
    key, value = (torch.randn(BATCH, KEYS, HEADS, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    never, nothing = torch.full((HEADS,), -torch.inf), torch.zeros(HEADS)
    expected, _ = rwkv_linear_attention_cpu(never, nothing, key, value)  # (batch, positions, channels)
    as_heads = [tensor.mT.unsqueeze(-1) for tensor in (torch.zeros_like(key), key, value)]  # (batch, channels, positions, 1)
    output, state = form(*as_heads, feature_map=torch.exp)
    assert_close(output.squeeze(-1).mT, expected)
    assert_close(state.mass.flatten(1), key.exp().sum(1))
    assert_close(state.mixed.flatten(1), (key.exp() * value).sum(1))


FORMS = pytest.mark.parametrize(
    "form", [linear_attention_parallel, linear_attention_noncausal, linear_attention_recurrent, linear_attention_chunked]
)


@FORMS
@pytest.mark.parametrize("low", [-60.0, -70.0])
def test_features_that_are_all_small_still_share(form, low):
    """φ(q)·φ(k) = 3 · exp(−120) is 0 in float32; the shares are 1 / keys, whatever the features."""
    query = key = torch.full((KEYS, 3), low)
    value = torch.randn(KEYS, VALUE_DIM, generator=torch.Generator().manual_seed(0))
    assert_close(form(query, key, value)[0][-1], value.mean(0))


@FORMS
@pytest.mark.parametrize(("low_query", "low_key"), [(-90.0, 0.0), (0.0, -90.0), (-200.0, -200.0)])
def test_features_too_small_to_share_are_refused(form, low_query, low_key):
    query, key = torch.zeros(KEYS, 3), torch.full((KEYS, 3), low_key)
    query[4] = low_query
    row = 0 if low_query == 0 else 4
    with pytest.raises(
        ScoreError, match=rf"torch.float32 loses digits, got .*e-3\d at batch 0, head 0, query {row}; normalise"
    ):
        form(query, key, torch.ones(KEYS, 2))


@FORMS
def test_features_that_are_no_numbers_are_refused(form):
    query, key, value = inputs(queries=KEYS)
    with pytest.raises(
        ScoreError,
        match=r"feature_map: expected finite features of at least 0, got inf at \[0, 0, ",
    ):
        form(query, key, value, feature_map=lambda x: x.abs() / 0)
    with pytest.raises(ScoreError, match="feature_map: expected finite features of at least 0, got nan at"):
        form(query, key, value, feature_map=torch.log)


@pytest.mark.parametrize("causal", [False, True])
def test_weights_are_shares(causal):
    query, key, value = inputs()
    output, weights = linear_attention_parallel(query, key, value, causal=causal)
    assert (weights >= 0).all()
    assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, QUERIES, dtype=torch.float64))
    assert_close(output, weights @ value)
    hidden = torch.ones(QUERIES, KEYS, dtype=torch.bool).triu(KEYS - QUERIES + 1)
    assert bool((weights[..., hidden] == 0).all()) == causal


def test_a_query_that_sees_or_matches_nothing_gets_nothing():
    query, key, value = inputs(queries=KEYS, keys=QUERIES)
    output, weights = linear_attention_parallel(query, key, value, causal=True)  # four queries before the first key
    assert_close(output[:, :, :4], torch.zeros_like(output[:, :, :4]), atol=0, rtol=0)
    assert_close(weights.sum(-1)[:, :, 4:], torch.ones(BATCH, HEADS, QUERIES, dtype=torch.float64))

    query, key, value = (tensor.requires_grad_() for tensor in inputs(queries=KEYS))
    lost = -query.detach().abs()  # relu leaves no feature
    for result in (
        linear_attention_parallel(lost, key, value, feature_map=torch.relu)[0],
        linear_attention_noncausal(lost, key, value, feature_map=torch.relu)[0],
        linear_attention_recurrent(lost, key, value, feature_map=torch.relu)[0],
        linear_attention_chunked(lost, key, value, feature_map=torch.relu, chunk=3)[0],
    ):
        assert_close(result, torch.zeros_like(result), atol=0, rtol=0)
        gradients = torch.autograd.grad(result.sum(), (key, value))
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_order_of_the_keys_does_not_matter_without_a_mask():
    query, key, value = inputs()
    order = torch.randperm(KEYS, generator=torch.Generator().manual_seed(0))
    before, after = (
        linear_attention_noncausal(query, *pair)[0] for pair in ((key, value), (key[:, :, order], value[:, :, order]))
    )
    assert_close(before, after)


@pytest.mark.parametrize(
    ("form", "growth"), [(linear_attention_noncausal, 2), (linear_attention_recurrent, 2), (linear_attention_parallel, 4)]
)
def test_twice_the_text_costs_twice_and_not_four_times(form, growth):
    counts = []
    for length in (32, 64):
        with FlopCounterMode(display=False) as counter:
            form(*inputs(length, length))
        counts.append(counter.get_total_flops())
    assert counts[1] == growth * counts[0]


def test_features_below_zero_are_refused():
    query, key, value = inputs()
    with pytest.raises(
        ScoreError,
        match=r"feature_map: expected finite features of at least 0, got -2\.310411800234176 at \[0, 0, ",
    ):
        linear_attention_parallel(query, key, value, feature_map=lambda x: x)


def test_gradients_without_a_mask():
    tensors = [tensor[:1, :2, :3].clone().requires_grad_() for tensor in inputs(dim=2, value_dim=2)]
    assert torch.autograd.gradcheck(lambda *x: linear_attention_noncausal(*x)[0], tensors)
    assert torch.autograd.gradcheck(linear_attention_parallel, tensors)


def test_a_state_with_other_features_is_refused():
    query, key, value = inputs(queries=KEYS)
    _, state = linear_attention_recurrent(query, key, value)
    with pytest.raises(ShapeError, match=r"expected state \(2, 3, 5, 12\), got \(2, 3, 5, 13\)"):
        linear_attention_recurrent(query, key, value[..., 1:], state=state)
    with pytest.raises(DtypeError, match="state: expected the LinearState that an earlier call returned, got Tensor"):
        linear_attention_recurrent(query, key, value, state=state.mixed)
