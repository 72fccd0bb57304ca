"""xPos beside complex numbers, its distances, its place in retention, and positions that are too far."""

import cmath

import pytest
import torch
from torch.testing import assert_close

from regard.errors import OptionError, ShapeError
from regard.mechanisms.linear.retention import retention_parallel
from regard.mechanisms.positions.rotary import rotary_interleaved
from regard.mechanisms.positions.xpos import xpos, xpos_decays

HEADS, LENGTH, DIM, SPAN = 3, 11, 10, 7.0


@pytest.fixture
def tensors():
    random = torch.Generator().manual_seed(5)
    return [torch.randn(2, HEADS, LENGTH, DIM, dtype=torch.float64, generator=random) for _ in range(3)]


def test_scores_are_sums_of_fading_turning_pairs(tensors):
    """Re Σ_c (ζ_c e^(iθ_c span))^((n−m)/span) q_c k̄_c, as in the paper, with a complex number a pair."""
    query, key, _ = tensors
    found = (xpos(query, "query", span=SPAN) @ xpos(key, "key", span=SPAN).mT)[1, 2]
    for n in range(LENGTH):
        for m in range(n + 1):
            score = 0.0
            for c in range(DIM // 2):
                q, k = (complex(*x[2 * c : 2 * c + 2].tolist()) for x in (query[1, 2, n], key[1, 2, m]))
                zeta = (c / (DIM / 2) + 0.4) / (1 + 0.4)
                score += (zeta ** ((n - m) / SPAN) * cmath.exp(1j * (n - m) * 10000 ** (-2 * c / DIM)) * q * k.conjugate()).real
            assert found[n, m].item() == pytest.approx(score)


def test_any_place_may_be_the_first(tensors):
    query, key, _ = tensors
    expected = xpos(query, "query", span=SPAN) @ xpos(key, "key", span=SPAN).mT
    for start in (-LENGTH // 2, 30):
        assert_close(xpos(query, "query", start=start, span=SPAN) @ xpos(key, "key", start=start, span=SPAN).mT, expected)


def test_without_decay_it_is_rotary(tensors):
    none = torch.ones(DIM // 2, dtype=torch.float64)
    assert_close(xpos(tensors[0], "key", start=3, decays=none), rotary_interleaved(tensors[0], start=3))


def test_retention_is_xpos_of_one_decay_for_all_channels(tensors):
    """RetNet's own simplification: what xPos fades in queries and keys stands in the matrix D."""
    query, key, value = tensors
    gamma = 0.9
    one = torch.full((DIM // 2,), gamma, dtype=torch.float64)
    scores = xpos(query, "query", span=1, decays=one) @ xpos(key, "key", span=1, decays=one).mT
    turned = rotary_interleaved(query), rotary_interleaved(key)
    _, weights = retention_parallel(*turned, value, torch.full((HEADS,), gamma, dtype=torch.float64))
    assert_close(scores.tril(), weights)


def test_what_is_far_is_less_than_with_rotary_positions():
    """One vector everywhere: the fast pairs' swing is gone after some spans."""
    x = torch.ones(1, 1, 200, DIM, dtype=torch.float64)
    fading = (xpos(x, "query", span=SPAN) @ xpos(x, "key", span=SPAN).mT)[0, 0, -1]
    turning = (rotary_interleaved(x) @ rotary_interleaved(x).mT)[0, 0, -1]
    assert fading[:100].abs().max() < turning[:100].abs().max() / 10
    assert_close(fading[-1], turning[-1])


def test_half_precision_is_computed_wide():
    x = torch.randn(LENGTH, DIM, generator=torch.Generator().manual_seed(1)).half()
    assert_close(xpos(x, "key", span=SPAN), xpos(x.double(), "key", span=SPAN).half())


def test_decays_are_those_of_the_paper():
    assert xpos_decays(8).tolist() == pytest.approx([0.4 / 1.4, 0.65 / 1.4, 0.9 / 1.4, 1.15 / 1.4])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: xpos(x, "value"), OptionError, "part: expected"),
        (lambda x: xpos(x, "key", decays=torch.ones(3)), ShapeError, r"expected decays \(dim/2,\)=\(5,\), got \(3,\)"),
        (lambda x: xpos(x, "key", decays=torch.zeros(5)), OptionError, "decays: expected factors above 0 and at most 1"),
        (lambda x: xpos(x, "key", start=40_000), OptionError, "count queries and keys from the middle of the text"),
        (lambda x: xpos(x, "query", start=-40_000), OptionError, "count queries and keys from the middle of the text"),
        (lambda _: xpos_decays(7), OptionError, "dim: expected an even number, got 7"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, DIM))
