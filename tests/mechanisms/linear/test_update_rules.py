"""Four rules of writing beside loops, beside the cards that they are, and Kimi's delta rule beside Transformers' own."""

import re

import pytest
import torch
from torch.nn.functional import logsigmoid, normalize
from torch.testing import assert_close
from transformers.models.kimi_linear.modeling_kimi_linear import chunk_kimi_delta_attention, recurrent_kimi_delta_attention

from regard.errors import OptionError, ShapeError
from regard.mechanisms.linear.delta_rule import delta_rule_recurrent
from regard.mechanisms.linear.gated_delta_rule import gated_delta_recurrent
from regard.mechanisms.linear.gated_linear_attention import gated_linear_recurrent
from regard.mechanisms.linear.kimi_delta import kimi_delta_chunked, kimi_delta_parallel, kimi_delta_recurrent
from regard.mechanisms.linear.update_rules import updated_state
from witnesses import linear as oracles

BATCH, HEADS, KV_HEADS, LENGTH, DIM, VALUE_DIM = 2, 6, 3, 11, 5, 7
RULES = pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated delta"])


def drawn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUERY, KEY = drawn(BATCH, HEADS, LENGTH, DIM, seed=1), normalize(drawn(BATCH, KV_HEADS, LENGTH, DIM, seed=2), dim=-1)
VALUE, STATE = drawn(BATCH, KV_HEADS, LENGTH, VALUE_DIM, seed=3), drawn(BATCH, KV_HEADS, DIM, VALUE_DIM, seed=4)
BETA = drawn(BATCH, KV_HEADS, LENGTH, seed=5).sigmoid() * 1.5
BY_STEP, BY_CHANNEL = (
    logsigmoid(drawn(BATCH, KV_HEADS, LENGTH, seed=6)),
    logsigmoid(drawn(BATCH, KV_HEADS, LENGTH, DIM, seed=7)),
)


def options(rule, *, by_channel=False):
    decay = BY_CHANNEL if by_channel else BY_STEP
    return ({"log_decay": decay} if "gated" in rule else {}) | ({"beta": BETA} if "delta" in rule else {})


@RULES
@pytest.mark.parametrize("by_channel", [False, True], ids=["steps", "channels"])
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("state", [None, STATE], ids=["fresh", "going on"])
def test_equals_the_loops(rule, by_channel, scale, state):
    given = options(rule, by_channel=by_channel)
    output, last = updated_state(QUERY, KEY, VALUE, rule, scale=scale, state=state, **given)
    assert output.shape == (BATCH, HEADS, LENGTH, VALUE_DIM)
    for b in range(BATCH):
        for h in range(HEADS):
            g = h // 2
            gates = torch.ones(LENGTH, DIM, dtype=torch.float64)
            if "gated" in rule:
                gates = (BY_CHANNEL[b, g] if by_channel else BY_STEP[b, g, :, None].expand(LENGTH, DIM)).exp()
            start = torch.zeros(DIM, VALUE_DIM) if state is None else state[b, g]
            expected, after = oracles.by_rule(
                *(x.tolist() for x in (QUERY[b, h], KEY[b, g], VALUE[b, g], gates)),
                BETA[b, g].tolist() if "delta" in rule else None,
                start.tolist(),
                scale=DIM**-0.5 if scale is None else scale,
            )
            assert_close(output[b, h], torch.tensor(expected, dtype=torch.float64), atol=1e-12, rtol=1e-12)
            assert_close(last[b, g], torch.tensor(after, dtype=torch.float64), atol=1e-12, rtol=1e-12)


@RULES
def test_a_text_can_be_cut_anywhere(rule):
    given = options(rule)
    whole, last = updated_state(QUERY, KEY, VALUE, rule, **given)
    first = {name: tensor[:, :, :4] for name, tensor in given.items()}
    second = {name: tensor[:, :, 4:] for name, tensor in given.items()}
    before, state = updated_state(QUERY[:, :, :4], KEY[:, :, :4], VALUE[:, :, :4], rule, **first)
    after, end = updated_state(QUERY[:, :, 4:], KEY[:, :, 4:], VALUE[:, :, 4:], rule, state=state, **second)
    assert_close(torch.cat([before, after], dim=2), whole)
    assert_close(end, last)


@pytest.mark.parametrize(
    ("rule", "card", "by_channel"),
    [
        ("gated", lambda q, k, v: gated_linear_recurrent(q, k, v, grouped(BY_CHANNEL)), True),
        ("delta", lambda q, k, v: delta_rule_recurrent(q, k, v, grouped(BETA)), False),
        ("gated delta", lambda q, k, v: gated_delta_recurrent(q, k, v, grouped(BETA), grouped(BY_STEP)), False),
        ("gated delta", lambda q, k, v: kimi_delta_recurrent(q, k, v, grouped(BETA), grouped(BY_CHANNEL)), True),
    ],
    ids=["gated-linear", "delta-rule", "gated-delta", "kimi-delta"],
)
def test_rules_are_those_of_the_cards(rule, card, by_channel):
    found, state = updated_state(QUERY, KEY, VALUE, rule, scale=1.0, **options(rule, by_channel=by_channel))
    expected, states = card(QUERY, KEY, VALUE)
    assert_close(found, expected)
    assert_close(grouped(state), states)


def grouped(x):
    """Once for each query head."""
    return x.repeat_interleave(HEADS // KV_HEADS, dim=1)


@pytest.mark.parametrize("form", [kimi_delta_recurrent, kimi_delta_chunked, kimi_delta_parallel], ids=lambda one: one.__name__)
@pytest.mark.parametrize("theirs", [recurrent_kimi_delta_attention, chunk_kimi_delta_attention], ids=lambda one: one.__name__)
def test_kimi_delta_is_what_kimi_linear_runs(form, theirs):
    """In float32, (batch, positions, heads, dim), and with the scale inside."""
    q, k, v = (x.float() for x in (QUERY, grouped(KEY), grouped(VALUE)))
    beta, decay = grouped(BETA).float(), grouped(BY_CHANNEL).float()
    turned = [x.transpose(1, 2) for x in (q, k, v, decay, beta)]
    options = {"chunk_size": 4} if theirs is chunk_kimi_delta_attention else {}
    expected, state = theirs(*turned, initial_state=None, output_final_state=True, **options)
    output, ours = form(q / DIM**0.5, k, v, beta, decay)
    assert_close(output, expected.transpose(1, 2), atol=1e-5, rtol=1e-4)
    if form is not kimi_delta_parallel:
        assert_close(ours, state.float(), atol=1e-5, rtol=1e-4)


def test_one_gate_for_all_channels_is_the_gated_delta_rule():
    q, k, v, beta, decay = QUERY, grouped(KEY), grouped(VALUE), grouped(BETA), grouped(BY_STEP)
    expected = gated_delta_recurrent(q, k, v, beta, decay)
    assert_close(kimi_delta_recurrent(q, k, v, beta, decay[..., None].expand(*decay.shape, DIM)), expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: updated_state(QUERY, KEY, VALUE, "kda"),
            OptionError,
            "rule: expected one of linear, gated, delta, gated delta, got 'kda'",
        ),
        (lambda: updated_state(QUERY, KEY, VALUE, "delta"), OptionError, "got the rule 'delta' without beta"),
        (
            lambda: updated_state(QUERY, KEY, VALUE, "linear", log_decay=BY_STEP),
            OptionError,
            "got the rule 'linear' with log_decay",
        ),
        (lambda: updated_state(QUERY, KEY, VALUE, "linear", scale=0), OptionError, "scale: expected a number above 0, got 0"),
        (lambda: updated_state(QUERY, KEY * 2, VALUE, "delta", beta=BETA), OptionError, "key: expected vectors of length 1"),
        (lambda: updated_state(QUERY, KEY, VALUE, "delta", beta=BETA + 2), OptionError, "beta: expected numbers from 0"),
        (lambda: updated_state(QUERY, KEY, VALUE, "linear", state=grouped(STATE)), ShapeError, "expected state (2, 3, 5, 7)"),
        (
            lambda: updated_state(QUERY, KEY, VALUE, "gated", log_decay=grouped(BY_STEP)),
            ShapeError,
            "expected log_decay to broadcast",
        ),
        (lambda: kimi_delta_recurrent(QUERY, KEY, VALUE, BETA[:, :1], -BY_CHANNEL[:, :1]), OptionError, "log_decay: expected"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
