"""What holds for every mechanism with a state: three forms, one function of queries, keys and values."""

from dataclasses import dataclass

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.effective_weights import effective_weights
from regard.mechanisms.linear import (
    delta_rule,
    gated_delta_rule,
    gated_linear_attention,
    kimi_delta,
    linear_attention,
    random_features,
    retention,
    state_space_duality,
)
from witnesses import linear as oracles

BATCH, HEADS, LENGTH, DIM, VALUE_DIM = 2, 3, 11, 5, 7


@dataclass(frozen=True)
class Mechanism:
    name: str
    recurrent: object
    chunked: object
    parallel: object
    gates: tuple  # of "step", "channel", "beta": what goes in beside queries, keys and values
    oracle: object
    unit_keys: bool = False


MECHANISMS = [
    Mechanism(
        "linear",
        linear_attention.linear_attention_recurrent,
        linear_attention.linear_attention_chunked,
        lambda *x: linear_attention.linear_attention_parallel(*x, causal=True),
        (),
        oracles.linear,
    ),
    Mechanism(
        "performer",
        random_features.performer_recurrent,
        random_features.performer_chunked,
        lambda *x: random_features.performer_parallel(*x, causal=True),
        ("projection",),
        lambda q, k, v, projection: oracles.performer(q, k, v, projection, DIM**-0.5),
    ),
    Mechanism(
        "retention",
        retention.retention_recurrent,
        retention.retention_chunked,
        retention.retention_parallel,
        ("head",),
        oracles.retention,
    ),
    Mechanism(
        "gated-linear",
        gated_linear_attention.gated_linear_recurrent,
        gated_linear_attention.gated_linear_chunked,
        gated_linear_attention.gated_linear_parallel,
        ("channel",),
        oracles.gated_linear,
    ),
    Mechanism(
        "state-space-duality",
        state_space_duality.state_space_recurrent,
        state_space_duality.state_space_chunked,
        state_space_duality.state_space_parallel,
        ("step",),
        oracles.state_space,
    ),
    Mechanism(
        "delta-rule",
        delta_rule.delta_rule_recurrent,
        delta_rule.delta_rule_chunked,
        delta_rule.delta_rule_parallel,
        ("beta",),
        oracles.delta,
        unit_keys=True,
    ),
    Mechanism(
        "gated-delta",
        gated_delta_rule.gated_delta_recurrent,
        gated_delta_rule.gated_delta_chunked,
        gated_delta_rule.gated_delta_parallel,
        ("beta", "step"),
        oracles.gated_delta,
        unit_keys=True,
    ),
    Mechanism(
        "kimi-delta",
        kimi_delta.kimi_delta_recurrent,
        kimi_delta.kimi_delta_chunked,
        kimi_delta.kimi_delta_parallel,
        ("beta", "channel"),
        oracles.kimi_delta,
        unit_keys=True,
    ),
]
EACH = pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda one: one.name)
FORMS = pytest.mark.parametrize("form", ["recurrent", "chunked", "parallel"])


def inputs(mechanism, length=LENGTH, kv_heads=HEADS, dtype=torch.float64, dim=DIM, heads=HEADS, batch=BATCH, seed=0):
    chance = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    query, key = draw(batch, heads, length, dim), draw(batch, kv_heads, length, dim)
    value = draw(batch, kv_heads, length, VALUE_DIM)
    if mechanism.unit_keys:
        key = normalize(key, dim=-1)
    made = {
        "projection": draw(13, dim),
        "head": draw(heads).sigmoid(),
        "channel": torch.nn.functional.logsigmoid(draw(batch, heads, length, dim) + 1),
        "step": torch.nn.functional.logsigmoid(draw(batch, heads, length) + 1),
        "beta": draw(batch, heads, length).sigmoid() * 1.5,
    }
    return [tensor.to(dtype) for tensor in (query, key, value, *(made[kind] for kind in mechanism.gates))]


def cut(mechanism, tensors, positions):
    """The same inputs at some positions only."""
    where = {"projection": None, "head": None, "channel": -2, "step": -1, "beta": -1}
    axes = [-2, -2, -2, *(where[kind] for kind in mechanism.gates)]
    return [
        tensor if axis is None else tensor[..., positions, :] if axis == -2 else tensor[..., positions]
        for tensor, axis in zip(tensors, axes, strict=True)
    ]


def split_state(state):
    return tuple(state) if isinstance(state, tuple) else (state,)


@EACH
def test_equals_the_oracle(mechanism):
    tensors = inputs(mechanism)
    gates = []
    for kind, gate in zip(mechanism.gates, tensors[3:], strict=True):
        if kind == "projection":
            gate = gate.expand(BATCH, HEADS, *gate.shape)
        if kind == "head":
            gate = gate.expand(BATCH, HEADS)
        gates.append(gate.exp() if kind in ("channel", "step") else gate)
    expected = oracles.each_head(mechanism.oracle, *tensors[:3], *gates)
    assert_close(mechanism.recurrent(*tensors)[0], expected, atol=1e-10, rtol=1e-10)
    assert_close(mechanism.chunked(*tensors, chunk=4)[0], expected, atol=1e-10, rtol=1e-10)
    assert_close(mechanism.parallel(*tensors)[0], expected, atol=1e-10, rtol=1e-10)


@EACH
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 10, 11, 12, 64])
def test_chunks_of_any_size_are_the_recurrence(mechanism, chunk):
    tensors = inputs(mechanism)
    output, state = mechanism.chunked(*tensors, chunk=chunk)
    expected_output, expected_state = mechanism.recurrent(*tensors)
    assert_close(output, expected_output, atol=1e-10, rtol=1e-10)
    assert_close(split_state(state), split_state(expected_state), atol=1e-10, rtol=1e-10)


@EACH
@pytest.mark.parametrize("where", range(1, LENGTH))
def test_a_text_can_be_cut_anywhere(mechanism, where):
    tensors = inputs(mechanism)
    whole, end = mechanism.recurrent(*tensors)
    first, second = (cut(mechanism, tensors, positions) for positions in (slice(where), slice(where, None)))
    for before in (mechanism.recurrent(*first), mechanism.chunked(*first, chunk=3)):
        copies = [part.clone() for part in split_state(before[1])]
        for after in (mechanism.recurrent(*second, state=before[1]), mechanism.chunked(*second, state=before[1], chunk=3)):
            assert_close(torch.cat([before[0], after[0]], dim=2), whole, atol=1e-10, rtol=1e-10)
            assert_close(split_state(after[1]), split_state(end), atol=1e-10, rtol=1e-10)
        assert_close(split_state(before[1]), tuple(copies), atol=0, rtol=0)  # what was handed in is left alone


@EACH
def test_weights_take_values_to_outputs(mechanism):
    query, key, value, *gates = inputs(mechanism)
    output, weights = mechanism.parallel(query, key, value, *gates)
    assert weights.shape == (BATCH, HEADS, LENGTH, LENGTH)
    assert_close(weights @ value, output)
    assert_close(weights, weights.tril(), atol=0, rtol=0)


@EACH
@FORMS
def test_the_effective_weights_of_every_form_are_those_of_the_parallel_one(mechanism, form):
    query, key, value, *gates = inputs(mechanism)
    read = effective_weights(lambda values: getattr(mechanism, form)(query, key, values, *gates), value)
    assert_close(read, mechanism.parallel(query, key, value, *gates)[1], atol=1e-10, rtol=1e-10)


@EACH
@FORMS
def test_outputs_are_linear_in_the_values(mechanism, form):
    run = getattr(mechanism, form)
    query, key, value, *gates = inputs(mechanism)
    other = torch.randn(value.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    together = run(query, key, 2 * value - 3 * other, *gates)[0]
    apart = 2 * run(query, key, value, *gates)[0] - 3 * run(query, key, other, *gates)[0]
    assert_close(together, apart)


@EACH
@FORMS
def test_the_future_does_not_matter(mechanism, form):
    run = getattr(mechanism, form)
    before = inputs(mechanism)
    after = inputs(mechanism, seed=1)
    for now, then, kind in zip(before, after, ("query", "key", "value", *mechanism.gates), strict=True):
        same = ... if kind in ("projection", "head") else (slice(None), slice(None), slice(6))
        then[same] = now[same]
    outputs = run(*before)[0], run(*after)[0]
    assert_close(outputs[0][:, :, :6], outputs[1][:, :, :6], atol=1e-12, rtol=1e-12)
    assert (outputs[0][:, :, 6:] - outputs[1][:, :, 6:]).abs().min() > 1e-9


@EACH
@FORMS
@pytest.mark.parametrize("poisoned", [0, 1, 2], ids=["query", "key", "value"])
def test_what_is_no_number_is_refused(mechanism, form, poisoned):
    name = ["query", "key", "value"][poisoned]
    for poison in (torch.nan, torch.inf, -torch.inf):
        tensors = inputs(mechanism)
        tensors[poisoned][1, 2, 6, 3] = poison
        with pytest.raises(
            ScoreError, match=rf"{name}: expected finite numbers, got {poison} at \[1, 2, 6, 3\]; a state keeps"
        ):
            getattr(mechanism, form)(*tensors)


@EACH
@pytest.mark.parametrize("form", ["recurrent", "chunked"])
def test_a_state_that_is_no_number_is_refused(mechanism, form):
    tensors = inputs(mechanism)
    state = getattr(mechanism, form)(*tensors)[1]
    for place in range(len(split_state(state))):
        parts = [part.clone() for part in split_state(state)]
        parts[place][1, 0, 2, 0] = torch.nan
        broken = type(state)(*parts) if isinstance(state, tuple) else parts[0]
        with pytest.raises(ScoreError, match=r"state: expected finite numbers, got nan at \[1, 0, 2, 0\]"):
            getattr(mechanism, form)(*tensors, state=broken)
    with pytest.raises(
        DtypeError, match="expected state as a tensor, got (int|str)|state: expected the LinearState .*, got (int|str)"
    ):
        getattr(mechanism, form)(*tensors, state=7)


@pytest.mark.slow
@EACH
@FORMS
def test_gradients(mechanism, form):
    tensors = [tensor.requires_grad_() for tensor in inputs(mechanism, length=3, dim=2, heads=2, kv_heads=2, batch=1)]
    options = {"chunk": 2} if form == "chunked" else {}
    assert torch.autograd.gradcheck(lambda *x: getattr(mechanism, form)(*x, **options)[0], tensors)


@pytest.mark.slow
@EACH
@FORMS
def test_gradients_of_the_state(mechanism, form):
    tensors = [tensor.requires_grad_() for tensor in inputs(mechanism, length=3, dim=2, heads=2, kv_heads=2, batch=1)]
    if form == "parallel":
        assert torch.autograd.gradcheck(lambda *x: mechanism.parallel(*x)[1], tensors)
        return
    run = getattr(mechanism, form)
    first, second = (cut(mechanism, tensors, positions) for positions in (slice(2), slice(2, None)))
    whole = torch.autograd.grad(run(*tensors)[0][:, :, 2:].square().sum(), tensors)
    in_two = torch.autograd.grad(run(*second, state=run(*first)[1])[0].square().sum(), tensors)
    assert_close(in_two, whole)


@EACH
@FORMS
def test_shared_key_heads_are_repeated_ones(mechanism, form):
    tensors = inputs(mechanism, heads=6, kv_heads=3)
    repeated = [tensors[0], *(tensor.repeat_interleave(2, dim=1) for tensor in tensors[1:3]), *tensors[3:]]
    assert_close(getattr(mechanism, form)(*tensors), getattr(mechanism, form)(*repeated))


@EACH
@FORMS
def test_axes_may_be_left_out(mechanism, form):
    run = getattr(mechanism, form)
    tensors = inputs(mechanism, batch=1, heads=1, kv_heads=1)
    output, second = run(*tensors)
    for missing in (1, 2):
        gates = [
            gate if kind in ("projection", "head") else gate[(0,) * missing]
            for kind, gate in zip(mechanism.gates, tensors[3:], strict=True)
        ]
        short_output, short_second = run(*(tensor[(0,) * missing] for tensor in tensors[:3]), *gates)
        assert_close(short_output, output[(0,) * missing])
        if form == "parallel":
            assert_close(short_second, second[(0,) * missing])
        else:
            assert_close(split_state(short_second), split_state(second))


@EACH
@FORMS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(mechanism, form, dtype):
    tensors = inputs(mechanism, dtype=dtype)
    output, second = getattr(mechanism, form)(*tensors)
    exact, exact_second = getattr(mechanism, form)(*(tensor.float() for tensor in tensors))
    assert output.dtype == dtype
    assert_close(output, exact.to(dtype), atol=0, rtol=0)
    for part, expected in zip(split_state(second), split_state(exact_second), strict=True):
        assert part.dtype == torch.float32
        assert_close(part, expected, atol=0, rtol=0)


@EACH
@FORMS
def test_autocast_does_not_lower_the_precision(mechanism, form):
    tensors = inputs(mechanism, dtype=torch.float32)
    expected = getattr(mechanism, form)(*tensors)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(getattr(mechanism, form)(*tensors)[0], expected, atol=0, rtol=0)


@EACH
def test_long_texts_stay_near_float64(mechanism):
    tensors = inputs(mechanism, length=509, batch=1, dtype=torch.float32)
    exact = mechanism.recurrent(*(tensor.double() for tensor in tensors))[0]
    for output in (mechanism.recurrent(*tensors)[0], mechanism.chunked(*tensors)[0], mechanism.parallel(*tensors)[0]):
        # a few hundred float32 roundings, of sums as large as the largest output
        assert_close(output.double(), exact, atol=1e-5 * float(exact.abs().max()), rtol=0)


@EACH
@FORMS
def test_as_many_queries_as_keys(mechanism, form):
    query, *rest = inputs(mechanism)
    if mechanism.name in ("linear", "performer") and form == "parallel":
        output, weights = mechanism.parallel(query[:, :, -2:], *rest)
        assert_close(output, mechanism.parallel(query, *rest)[0][:, :, -2:])  # the last query stands at the last key
        assert weights.shape[2:] == (2, LENGTH)
        return
    with pytest.raises(ShapeError, match="expected as many queries as keys, got 2 and 11"):
        getattr(mechanism, form)(query[:, :, -2:], *rest)


@EACH
@pytest.mark.parametrize("form", ["recurrent", "chunked"])
def test_a_state_of_other_sizes_is_refused(mechanism, form):
    tensors = inputs(mechanism)
    state = getattr(mechanism, form)(*tensors)[1]
    others = type(state)(*(part[:1] for part in state)) if isinstance(state, tuple) else state[:1]
    with pytest.raises(ShapeError, match=r"expected state \(2, 3, .*, got \(1, 3, .*; give it as it was returned"):
        getattr(mechanism, form)(*tensors, state=others)


@EACH
@pytest.mark.parametrize("chunk", [0, -1, 2.0, True])
def test_chunks_that_are_no_sizes_are_refused(mechanism, chunk):
    with pytest.raises(OptionError, match="chunk: expected a whole number of at least 1, got .*"):
        mechanism.chunked(*inputs(mechanism), chunk=chunk)


@EACH
@FORMS
def test_sizes_and_types_that_do_not_fit_are_refused(mechanism, form):
    query, key, value, *gates = inputs(mechanism)
    with pytest.raises(ShapeError, match="expected one value for each key, got 11 keys and 10 values"):
        getattr(mechanism, form)(query, key, value[:, :, 1:], *gates)
    with pytest.raises(DtypeError, match="expected query of a floating type, got torch.int64"):
        getattr(mechanism, form)(query.long(), key, value, *gates)
    for place in range(len(gates)):
        whole = [gate.long() if place == other else gate for other, gate in enumerate(gates)]
        with pytest.raises(DtypeError, match="as a tensor, got|of a floating type, got"):
            getattr(mechanism, form)(query, key, value, *whole)
        wrong = [gate[..., 1:] if place == other else gate for other, gate in enumerate(gates)]
        with pytest.raises(ShapeError, match="expected"):
            getattr(mechanism, form)(query, key, value, *wrong)


BROKEN_GATES = [
    ("step", 0.5, r"log_decay: expected finite numbers of at most 0, got 0\.5 at"),
    ("step", -torch.inf, "log_decay: expected finite numbers of at most 0, got -inf at .*-100 for a factor of 0"),
    ("channel", torch.nan, r"log_decay: expected finite numbers of at most 0, got nan at"),
    (
        "beta",
        -0.5,
        r"beta: expected numbers from 0 \(write nothing\) over 1 \(replace\) to 2 \(reflect\), got -0\.5 at",
    ),
    ("beta", torch.nan, "beta: expected numbers from 0 .*, got nan at"),
    ("head", 0.0, r"decay: expected factors above 0 and at most 1, what the state keeps at each step, got 0\.0 at head 1"),
    ("head", 1.5, "decay: expected factors above 0 and at most 1, .*, got 1.5 at head 1"),
]


@EACH
@FORMS
def test_gates_out_of_range_are_refused(mechanism, form):
    for kind, number, message in BROKEN_GATES:
        if kind not in mechanism.gates:
            continue
        tensors = inputs(mechanism)
        gate = tensors[3 + mechanism.gates.index(kind)]
        gate[(0,) * (gate.ndim - 1) + (1,)] = number
        with pytest.raises(OptionError, match=message):
            getattr(mechanism, form)(*tensors)
