import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close
from transformers.models.kimi_linear.modeling_kimi_linear import recurrent_kimi_delta_attention
from transformers.models.qwen3_next.modeling_qwen3_next import (
    torch_chunk_gated_delta_rule,
    torch_recurrent_gated_delta_rule,
)

from regard.errors import OptionError
from regard.mechanisms.linear.delta_rule import delta_rule_chunked, delta_rule_parallel, delta_rule_recurrent
from regard.mechanisms.linear.gated_delta_rule import gated_delta_chunked, gated_delta_parallel, gated_delta_recurrent
from regard.mechanisms.linear.retention import retention_recurrent
from regard.mechanisms.linear.state_space_duality import state_space_recurrent

BATCH, HEADS, LENGTH, DIM, VALUE_DIM = 2, 3, 11, 5, 7
THEIR_FLOAT32 = {"atol": 2e-6, "rtol": 1e-5}  # Transformers computes these in float32, whatever comes in
GATED = pytest.mark.parametrize("form", [gated_delta_parallel, gated_delta_recurrent, gated_delta_chunked])
DELTA = pytest.mark.parametrize("form", [delta_rule_parallel, delta_rule_recurrent, delta_rule_chunked])

DELTA_OF = {
    gated_delta_parallel: delta_rule_parallel,
    gated_delta_recurrent: delta_rule_recurrent,
    gated_delta_chunked: delta_rule_chunked,
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs():
    query, key, value = (draw(BATCH, HEADS, LENGTH, size, seed=seed) for seed, size in enumerate((DIM, DIM, VALUE_DIM)))
    beta, log_decay = draw(BATCH, HEADS, LENGTH, seed=3).sigmoid(), draw(BATCH, HEADS, LENGTH, seed=4).sigmoid().log()
    return query, normalize(key, dim=-1), value, beta, log_decay


def theirs(function, query, key, value, beta, log_decay, **options):
    """(batch, positions, heads, dim) there, and queries are divided by √dim."""
    laid_out = {"query": query * DIM**0.5, "key": key, "value": value, "g": log_decay, "beta": beta}
    output, state = function(**{name: x.transpose(1, 2) for name, x in laid_out.items()}, output_final_state=True, **options)
    return output.transpose(1, 2).double(), state.double()


@GATED
@pytest.mark.parametrize("function", [torch_recurrent_gated_delta_rule, torch_chunk_gated_delta_rule])
def test_the_gated_delta_rule_is_what_qwen_runs(form, function):
    options = {"chunk_size": 4} if function is torch_chunk_gated_delta_rule else {}
    expected, their_state = theirs(function, *inputs(), **options)
    output, second = form(*inputs())
    assert_close(output, expected, **THEIR_FLOAT32)
    if form is not gated_delta_parallel:
        assert_close(second, their_state, **THEIR_FLOAT32)


@pytest.mark.parametrize("form", [gated_delta_recurrent, gated_delta_chunked])
def test_it_goes_on_from_a_state_as_qwen_does(form):
    state = draw(BATCH, HEADS, DIM, VALUE_DIM, seed=5)
    expected, their_state = theirs(torch_recurrent_gated_delta_rule, *inputs(), initial_state=state)
    output, after = form(*inputs(), state=state)
    assert_close(output, expected, **THEIR_FLOAT32)
    assert_close(after, their_state, **THEIR_FLOAT32)


@GATED
def test_it_is_kimi_delta_attention_with_one_gate_for_all_channels(form):
    query, key, value, beta, log_decay = inputs()
    expected, _ = recurrent_kimi_delta_attention(
        *((query * DIM**0.5).transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)),
        log_decay.mT.unsqueeze(-1).expand(-1, -1, -1, DIM),
        beta.mT,
        initial_state=None,
        output_final_state=False,
    )
    assert_close(form(query, key, value, beta, log_decay)[0].transpose(1, 2), expected.double(), **THEIR_FLOAT32)


@DELTA
def test_the_delta_rule_is_what_qwen_runs_with_open_gates(form):
    query, key, value, beta, log_decay = inputs()
    expected, their_state = theirs(torch_recurrent_gated_delta_rule, query, key, value, beta, torch.zeros_like(log_decay))
    output, second = form(query, key, value, beta)
    assert_close(output, expected, **THEIR_FLOAT32)
    if form is not delta_rule_parallel:
        assert_close(second, their_state, **THEIR_FLOAT32)


@GATED
@pytest.mark.parametrize("factor", [0.5, 1.01, 2.5])
def test_keys_that_have_not_length_one_are_refused(form, factor):
    """With β ‖k‖² above 2 each correction makes the error larger: 64 keys from a normal distribution reach 1e20."""
    query, key, *rest = inputs()
    key[1, 0, 7] *= factor
    cure = rf"vectors of length 1, got {factor} at \[1, 0, 7\]; write torch.nn.functional.normalize\(key, dim=-1\)"
    with pytest.raises(OptionError, match=cure):
        form(query, key, *rest)
    plain = DELTA_OF[form]
    with pytest.raises(OptionError, match=cure):
        plain(query, key, *rest[:2])
    assert_close(form(query, normalize(key, dim=-1), *rest), form(*inputs()))
    key[1, 0, 7] = 0  # normalising leaves a key of 0 as it is, and it writes nothing
    assert form(query, key, *rest)[0].isfinite().all()


def test_with_open_gates_the_gated_rule_is_the_delta_rule():
    *tensors, log_decay = inputs()
    for gated, plain in DELTA_OF.items():
        assert_close(gated(*tensors, torch.zeros_like(log_decay)), plain(*tensors))


def test_with_orthogonal_keys_there_is_nothing_to_correct():
    """The first DIM keys are axes: then the gated delta rule is a state space that writes β v."""
    query, _, value, beta, log_decay = (tensor[:, :, :DIM] for tensor in inputs())
    key = torch.eye(DIM, dtype=torch.float64).expand_as(query)
    expected = state_space_recurrent(query, key, beta.unsqueeze(-1) * value, log_decay)
    assert_close(gated_delta_recurrent(query, key, value, beta, log_decay), expected)


def test_a_write_is_a_step_down_the_gradient_of_the_error():
    _, key, value, beta, _ = inputs()
    state = draw(BATCH, HEADS, DIM, VALUE_DIM, seed=5).requires_grad_()
    now = slice(0, 1)
    error = (key[:, :, now] @ state - value[:, :, now]).square().sum() / 2
    expected = state - beta[:, :, now, None] * torch.autograd.grad(error, state)[0]
    after = delta_rule_recurrent(*(tensor[:, :, now] for tensor in (key, key, value, beta)), state=state)[1]
    assert_close(after, expected)


def test_nothing_is_written_with_a_strength_of_zero():
    query, key, value, beta, log_decay = inputs()
    state = draw(BATCH, HEADS, DIM, VALUE_DIM, seed=5)
    assert_close(delta_rule_chunked(query, key, value, torch.zeros_like(beta), state=state)[1], state, atol=0, rtol=0)
    faded = state * log_decay.sum(-1).exp()[..., None, None]
    assert_close(gated_delta_chunked(query, key, value, torch.zeros_like(beta), log_decay, state=state)[1], faded)


def test_associative_recall_a_key_with_a_new_value():
    """Write (k, old), other keys, then (k, new), and ask for k: the delta rule has the new value, a plain sum has both."""
    key = torch.eye(DIM, dtype=torch.float64)[[0, 1, 2, 0]]
    value = draw(4, VALUE_DIM)
    ones = torch.ones(4, dtype=torch.float64)
    assert_close(delta_rule_recurrent(key, key, value, ones)[0][-1], value[3])
    assert_close(retention_recurrent(key, key, value, torch.ones(1))[0][-1], value[0] + value[3])


def test_associative_recall_keys_that_overlap():
    """As many pairs as the state has rows, shown again and again: the delta rule learns them, a sum mixes them for good."""
    key = normalize(torch.eye(DIM, dtype=torch.float64) + 0.3, dim=-1)
    value = draw(DIM, VALUE_DIM)
    shown = key.repeat(50, 1), key.repeat(50, 1), value.repeat(50, 1)
    _, state = delta_rule_chunked(*shown, torch.ones(50 * DIM, dtype=torch.float64))
    assert_close(key @ state[0, 0], value)
    _, total = retention_recurrent(*shown, torch.ones(1))
    mixed = key @ total[0, 0] / 50
    assert_close(mixed, key @ key.T @ value)
    assert (mixed - value).norm() > 0.5 * value.norm()


def test_a_strength_of_two_reflects_the_state():
    """β = 2 turns the part of the state along k around, and takes nothing away: I − 2 k kᵀ is orthogonal."""
    _, key, value, _, _ = inputs()
    state = draw(BATCH, HEADS, DIM, VALUE_DIM, seed=5)
    two = torch.full((LENGTH,), 2.0, dtype=torch.float64)
    after = delta_rule_chunked(key, key, torch.zeros_like(value), two, state=state, chunk=4)[1]
    assert_close(after.norm(dim=(-2, -1)), state.norm(dim=(-2, -1)))
