"""Two surveys beside each other: Welch's test against another's special functions, Holm's correction against its definition."""

import itertools
import math
import statistics
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import OptionError
from regard.surveying.comparison import compare, holm, two_sided
from support.surveys import drawn, survey_of


@pytest.mark.parametrize(
    ("t", "freedom"),
    [*itertools.product([0.0, 1e-9, 0.3, 1.0, -2.5, 7.0, 40.0], [1.0, 2.7, 31.0, 1234.5, 3e6]), (700.0, 1.0), (700.0, 31.0)],
)
def test_two_sided_p_values(t, freedom):
    with mpmath.workdps(60):
        square = mpmath.mpf(t) ** 2
        expected = mpmath.betainc(mpmath.mpf(freedom) / 2, 0.5, 0, freedom / (freedom + square), regularized=True)
    assert two_sided(t, freedom) == pytest.approx(float(expected), rel=1e-8, abs=1e-305)


def test_welch():
    one, other = drawn(13), drawn(29, shift=0.2, seed=1)
    found = compare(survey_of(one), survey_of(other), ["entropy"])
    assert {(row.layer, row.head, row.statistic) for row in found} == {(0, 0, "entropy"), (0, 1, "entropy")}
    assert found[0].head == 1  # the larger effect
    for row in found:
        a, b = one[:, row.head, 0], other[:, row.head, 0]
        shares = statistics.variance(a) / 13, statistics.variance(b) / 29
        freedom = sum(shares) ** 2 / (shares[0] ** 2 / 12 + shares[1] ** 2 / 28)
        t = (b.mean() - a.mean()) / math.sqrt(sum(shares))
        density = lambda x, v=freedom: (1 + x * x / v) ** (-(v + 1) / 2) / (mpmath.sqrt(v) * mpmath.beta(0.5, v / 2))  # noqa: E731
        assert row.p == pytest.approx(float(2 * mpmath.quad(density, [abs(t), mpmath.inf])), rel=1e-3)
        assert row.freedom == pytest.approx(freedom, rel=1e-3)
        assert row.difference == pytest.approx(b.mean() - a.mean(), abs=1e-6)
        assert row.standard_error == pytest.approx(math.sqrt(sum(shares)), rel=1e-4)
        pooled = math.sqrt((statistics.variance(a) + statistics.variance(b)) / 2)
        assert row.effect == pytest.approx((b.mean() - a.mean()) / pooled, rel=1e-3)
    assert found[0].adjusted == pytest.approx(2 * found[0].p)
    assert found[1].adjusted == pytest.approx(max(found[1].p, found[0].adjusted))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=11))
@settings(deadline=None)
def test_holm_is_the_closed_test_of_bonferroni(values):
    """Holm (1979): adjusted p of a hypothesis is the largest Bonferroni p of any set of hypotheses that has it."""
    adjusted = holm(values)
    for at in range(len(values)):
        sets = (
            chosen
            for size in range(1, len(values) + 1)
            for chosen in itertools.combinations(range(len(values)), size)
            if at in chosen
        )
        expected = max(min(1.0, len(chosen) * min(values[one] for one in chosen)) for chosen in sets)
        assert adjusted[at] == pytest.approx(expected)


def test_equal_models_differ_as_rarely_as_alpha_says():
    false = sum(
        any(row.adjusted < 0.1 for row in compare(survey_of(drawn(17, seed=seed)), survey_of(drawn(19, seed=seed + 1000))))
        for seed in range(300)
    )
    assert 5 <= false <= 45  # 30 expected at most, σ of 5; a test that never says "different" would be none


def test_values_without_spread():
    same, other = np.full((5, 2, 3), 0.25), np.full((7, 2, 3), 0.25)
    other[:, 1] = 0.5
    found = compare(survey_of(same), survey_of(other))
    assert [(row.head, row.p, row.effect) for row in found] == [(1, 0, math.inf), (1, 0, math.inf), (0, 1, 0), (0, 1, 0)]


def test_what_says_nothing_about_heads_is_left_out():
    found = compare(survey_of(drawn(5)), survey_of(drawn(5, seed=1)))
    assert {row.statistic for row in found} == {"entropy", "own"}
    assert {row.statistic for row in compare(survey_of(drawn(5)), survey_of(drawn(5)), ["offset"])} == {"offset"}


def test_only_what_both_have_is_compared():
    values = drawn(5)
    values[1:, 0, 0] = math.nan  # one text is no spread
    found = compare(survey_of(values), survey_of(drawn(5), heads=((0, 0), (1, 0))))
    assert [(row.layer, row.head, row.statistic) for row in found] == [(0, 0, "own")]
    with pytest.raises(OptionError, match="expected surveys with heads in common, got tiny and other"):
        compare(survey_of(values), survey_of(drawn(5), heads=((2, 0), (2, 1)), name="other"))
    with pytest.raises(OptionError, match="statistics: expected one of entropy, offset, own, got 'span'"):
        compare(survey_of(values), survey_of(values), ["span"])


def test_scipy_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r'expected scipy to compare surveys, got none; pip install "regard\[survey\]"'):
        two_sided(1.0, 7.0)
