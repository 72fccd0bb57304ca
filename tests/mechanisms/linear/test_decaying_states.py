"""Retention, gated linear attention and state spaces, beside the models that run them."""

import pytest
import torch
from torch.testing import assert_close
from transformers import Mamba2Config, MiniMaxConfig
from transformers.models.mamba2.modeling_mamba2 import (
    Mamba2Mixer,
    mamba2_chunk_scan,
    mamba2_selective_state_update,
    segment_sum,
)
from transformers.models.minimax.modeling_minimax import MiniMaxCache, MiniMaxLightningAttention

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.linear.gated_linear_attention import (
    gated_linear_chunked,
    gated_linear_parallel,
    gated_linear_recurrent,
)
from regard.mechanisms.linear.linear_attention import linear_attention_recurrent
from regard.mechanisms.linear.retention import retention_chunked, retention_decays, retention_parallel, retention_recurrent
from regard.mechanisms.linear.state_space_duality import (
    segment_sums,
    state_space_chunked,
    state_space_parallel,
    state_space_recurrent,
)

BATCH, HEADS, LENGTH, DIM, VALUE_DIM = 2, 3, 11, 5, 7
CPU_FLOAT32 = {"atol": 2e-5, "rtol": 2e-5}  # Transformers computes these in float32, whatever comes in


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def inputs(heads=HEADS):
    return [draw(BATCH, heads, LENGTH, size, seed=seed) for seed, size in enumerate((DIM, DIM, VALUE_DIM))]


def test_retention_decays_are_those_of_the_paper():
    assert retention_decays(4).tolist() == [1 - 1 / 32, 1 - 1 / 64, 1 - 1 / 128, 1 - 1 / 256]
    query, key, value = inputs()
    for form in (retention_parallel, retention_recurrent, retention_chunked):
        assert_close(form(query, key, value), form(query, key, value, retention_decays(HEADS)))


@pytest.mark.parametrize("form", [retention_parallel, retention_recurrent, retention_chunked])
@pytest.mark.parametrize("block_size", [4, 64])
def test_retention_is_what_minimax_runs(form, block_size):
    torch.manual_seed(0)
    config = MiniMaxConfig(
        hidden_size=24, num_attention_heads=3, head_dim=8, num_hidden_layers=2, block_size=block_size, hidden_act="silu"
    )
    layer = MiniMaxLightningAttention(config, layer_idx=0).double()
    words = draw(BATCH, LENGTH, 24)
    cache = MiniMaxCache()
    with torch.no_grad():
        theirs, their_state = layer(words, None, None, past_key_values=cache)
        parts = layer.act_fn(layer.qkv_proj(words)).unflatten(-1, (3, 24)).transpose(1, 2)  # (batch, heads, positions, 3 · dim)
        output, state = form(*parts.split(8, dim=-1), torch.exp(-layer.slope_rate.flatten()))
        mixed = layer.norm(output.transpose(1, 2).flatten(2))
        ours = layer.out_proj(torch.sigmoid(layer.output_gate(words)) * mixed)
    assert_close(ours, theirs, atol=1e-6, rtol=1e-6)  # their decays are rounded to float32
    if form is not retention_parallel:
        assert_close(state, their_state, atol=1e-6, rtol=1e-6)


def test_slow_heads_of_retention_forget_in_float32_too():
    """γ of head 31 is 1 − 2⁻³⁶, which float32 rounds to 1."""
    heads, length = 53, 401
    ones = torch.ones(heads, length, 1)
    forgotten = 1 - retention_parallel(ones, ones, ones)[1][:, -1, 0].double()
    expected = -torch.special.expm1((length - 1) * torch.log1p(-(2.0 ** (-5 - torch.arange(heads, dtype=torch.float64)))))
    assert_close(forgotten, expected, atol=6e-8, rtol=0)  # one rounding of γ^400
    assert forgotten[20] > 1e-5  # of the first head whose γ is 1 in float32


@pytest.mark.parametrize("form", [retention_parallel, retention_chunked])
def test_a_decay_near_one_keeps_its_digits(form):
    query = key = torch.ones(1, 1025, 1)
    value = torch.zeros(1, 1025, 1)
    value[:, 0] = 1
    slow = torch.tensor([1 - 2.0**-26], dtype=torch.float64)
    assert_close(float(1 - form(query, key, value, slow)[0][0, -1]), 2.0**-16, rtol=1e-2, atol=0)


def test_retention_that_forgets_nothing_is_linear_attention_without_its_denominator():
    query, key, value = (tensor.abs() for tensor in inputs())
    output, state = retention_recurrent(query, key, value, torch.ones(HEADS))
    shares, linear_state = linear_attention_recurrent(query, key, value, feature_map=lambda x: x)
    assert_close(state, linear_state.mixed)
    assert_close(output, shares * (query * key.cumsum(2)).sum(-1, keepdim=True))


def test_retention_refuses_decays_that_do_not_fit():
    tensors = inputs()
    with pytest.raises(ShapeError, match=r"expected decay \(heads,\)=\(3,\), got \(2,\)"):
        retention_recurrent(*tensors, torch.ones(2))
    with pytest.raises(DtypeError, match="expected decay as a tensor, got float"):
        retention_recurrent(*tensors, 0.9)
    with pytest.raises(OptionError, match="heads: expected a whole number of at least 1, got 0"):
        retention_decays(0)


def test_segment_sums_refuse_what_has_no_steps():
    with pytest.raises(ShapeError, match=r"expected steps \(…, positions\), got \(\)"):
        segment_sums(torch.tensor(1.0))
    with pytest.raises(DtypeError, match="expected steps as a tensor, got int"):
        segment_sums(3)


def test_segment_sums_are_those_of_mamba():
    steps = draw(BATCH, HEADS, LENGTH)
    assert_close(segment_sums(steps), segment_sum(steps))
    loop = torch.full((LENGTH, LENGTH), -torch.inf, dtype=torch.float64)
    for i in range(LENGTH):
        for j in range(i + 1):
            loop[i, j] = sum(float(steps[1, 2, step]) for step in range(j + 1, i + 1))
    assert_close(segment_sums(steps)[1, 2], loop)


def test_segment_sums_do_not_lose_what_came_after_a_large_step():
    steps = torch.full((100,), -1e-4)
    steps[1] = -1e4
    assert_close(segment_sums(steps)[50, 40].item(), -1e-3, atol=0, rtol=1e-4)
    cumulative = steps.cumsum(0)
    assert abs((cumulative[50] - cumulative[40]).item() + 1e-3) > 1e-5  # what it would be otherwise


@pytest.mark.parametrize("form", [state_space_parallel, state_space_recurrent, state_space_chunked])
def test_state_spaces_are_what_mamba_scans(form):
    query, key, value = inputs()
    step = torch.nn.functional.softplus(draw(BATCH, LENGTH, HEADS, seed=5))
    decay = -torch.arange(1, HEADS + 1, dtype=torch.float64)
    theirs, their_state = mamba2_chunk_scan(
        *(value.transpose(1, 2), step, decay, key.transpose(1, 2), query.transpose(1, 2)),
        chunk_size=4,
        return_final_states=True,
    )
    size = step.mT  # (batch, heads, positions)
    output, second = form(query, key, size.unsqueeze(-1) * value, size * decay[:, None])
    assert_close(output.transpose(1, 2), theirs.double(), **CPU_FLOAT32)
    if form is not state_space_parallel:
        assert_close(second.mT, their_state.double(), **CPU_FLOAT32)  # theirs is (batch, heads, value_dim, dim)


def test_a_step_of_the_recurrence_is_a_step_of_mamba():
    query, key, value = inputs()
    step = torch.nn.functional.softplus(draw(BATCH, HEADS, seed=5))
    decay = -torch.arange(1, HEADS + 1, dtype=torch.float64)
    state = draw(BATCH, HEADS, DIM, VALUE_DIM, seed=6)
    their_state = state.mT.clone()
    theirs = mamba2_selective_state_update(
        their_state,
        value[:, :, 0],
        step[..., None].expand(-1, -1, VALUE_DIM),
        decay[:, None, None].expand(-1, VALUE_DIM, DIM),
        key[:, :, 0],
        query[:, :, 0],
    )
    now = slice(0, 1)
    output, after = state_space_recurrent(
        query[:, :, now],
        key[:, :, now],
        step[..., None, None] * value[:, :, now],
        (step * decay).unsqueeze(-1),
        state=state,
    )
    assert_close(output.squeeze(2), theirs, **CPU_FLOAT32)
    assert_close(after.mT, their_state, **CPU_FLOAT32)


@pytest.mark.parametrize("form", [state_space_parallel, state_space_recurrent, state_space_chunked])
def test_a_whole_mamba_layer(form):
    torch.manual_seed(0)
    config = Mamba2Config(hidden_size=12, expand=2, num_heads=3, head_dim=8, state_size=5, n_groups=1, chunk_size=4)
    layer = Mamba2Mixer(config, layer_idx=0).eval()
    words = draw(BATCH, LENGTH, 12, dtype=torch.float32)
    with torch.no_grad():
        gate, together, step = layer.in_proj(words).split([24, 34, 3], dim=-1)
        smooth = layer.act(layer.conv1d(together.mT)[..., :LENGTH]).mT
        x, b, c = smooth.split([24, 5, 5], dim=-1)
        value = x.unflatten(-1, (3, 8)).transpose(1, 2)  # (batch, heads, positions, 8)
        step = torch.nn.functional.softplus(step + layer.dt_bias).mT  # (batch, heads, positions)
        query, key = (tensor[:, None].expand(-1, 3, -1, -1) for tensor in (c, b))
        y = form(query, key, step.unsqueeze(-1) * value, step * -layer.A_log.exp()[:, None])[0]
        y = (y + layer.D[:, None, None] * value).transpose(1, 2).flatten(2)
        assert_close(layer.out_proj(layer.norm(y, gate)), layer(words), **CPU_FLOAT32)


def test_blocks_below_the_diagonal_have_the_rank_of_the_state():
    query, key, value = inputs()
    log_decay = torch.nn.functional.logsigmoid(draw(BATCH, HEADS, LENGTH, seed=3))
    mask = segment_sums(log_decay).exp()
    assert (torch.linalg.matrix_rank(mask[:, :, 6:, :6]) == 1).all()
    few = slice(2)
    weights = state_space_parallel(query[..., few], key[..., few], value, log_decay)[1]
    assert (torch.linalg.matrix_rank(weights[:, :, 6:, :6]) == 2).all()


def test_with_a_constant_decay_a_state_space_is_retention():
    query, key, value = inputs()
    decay = torch.tensor([0.5, 0.9, 1.0], dtype=torch.float64)
    for space, retained in (
        (state_space_parallel, retention_parallel),
        (state_space_recurrent, retention_recurrent),
        (state_space_chunked, retention_chunked),
    ):
        assert_close(space(query, key, value, decay.log()[:, None]), retained(query, key, value, decay))


def test_with_one_gate_for_all_channels_gated_linear_attention_is_a_state_space():
    query, key, value = inputs()
    log_decay = torch.nn.functional.logsigmoid(draw(BATCH, HEADS, LENGTH, seed=3))
    for gated, space in (
        (gated_linear_parallel, state_space_parallel),
        (gated_linear_recurrent, state_space_recurrent),
        (gated_linear_chunked, state_space_chunked),
    ):
        assert_close(gated(query, key, value, log_decay.unsqueeze(-1)), space(query, key, value, log_decay))


@pytest.mark.parametrize("form", [gated_linear_parallel, gated_linear_recurrent, gated_linear_chunked])
def test_gated_linear_attention_is_a_mamba_for_each_channel(form):
    """Each channel of the key has a gate of its own: a head of Mamba with a state of one row, and their outputs add up."""
    query, key, value = inputs(heads=1)
    log_decay = torch.nn.functional.logsigmoid(draw(BATCH, 1, LENGTH, DIM, seed=3))
    expected = mamba2_chunk_scan(
        value.transpose(1, 2) / -log_decay.squeeze(1).unsqueeze(-1),  # their step size multiplies both
        -log_decay.squeeze(1),
        -torch.ones(DIM, dtype=torch.float64),
        key.squeeze(1).unsqueeze(-1),
        query.squeeze(1).unsqueeze(-1),
        chunk_size=4,
    )  # (batch, positions, channels, value_dim)
    assert_close(form(query, key, value, log_decay)[0].squeeze(1), expected.sum(2).double(), **CPU_FLOAT32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("clearing", [-20.0, -1e4, -1e6, -1e30])
def test_a_gate_that_clears_leaves_its_neighbours_their_digits(clearing, dtype):
    """One gate of many clears some channels: what fades by little after it must not be the rounding of a large sum."""
    query, key, value = (tensor.to(dtype) for tensor in inputs())
    log_decay = (-0.1 * draw(BATCH, HEADS, LENGTH, DIM, seed=3).abs()).to(dtype)
    log_decay[:, :, 2::4, ::2] = clearing
    exact, exact_state = gated_linear_recurrent(*(tensor.double() for tensor in (query, key, value, log_decay)))
    rounding = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-12, "rtol": 1e-12}
    for chunk in (2, 4, 64):
        output, state = gated_linear_chunked(query, key, value, log_decay, chunk=chunk)
        assert_close(output.double(), exact, **rounding)
        assert_close(state.double(), exact_state, **rounding)
    steps = log_decay[..., 0]
    exact, exact_state = state_space_recurrent(*(tensor.double() for tensor in (query, key, value, steps)))
    output, state = state_space_chunked(query, key, value, steps, chunk=4)
    assert_close(output.double(), exact, **rounding)
    assert_close(state.double(), exact_state, **rounding)


def test_gates_that_clear_everything_leave_the_last_key():
    query, key, value = inputs()
    alone = (query * key).sum(-1, keepdim=True) * value
    for output in (
        gated_linear_recurrent(query, key, value, torch.full((1,), -800.0, dtype=torch.float64))[0],
        gated_linear_chunked(query, key, value, torch.full((1,), -800.0, dtype=torch.float64), chunk=4)[0],
        gated_linear_parallel(query, key, value, torch.full((1,), -800.0, dtype=torch.float64))[0],
        state_space_chunked(query, key, value, torch.full((1,), -800.0, dtype=torch.float64), chunk=4)[0],
    ):
        assert_close(output, alone)
