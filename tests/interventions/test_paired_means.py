"""Intervals and tests of paired differences, held against scipy.stats and against loops written from the formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy import special, stats

from regard.interventions.statistics.paired import paired_means

DRAWN = np.random.default_rng(3).normal(0.3, 1.7, (23, 5))
MATRICES = arrays(np.float64, (11, 3), elements=st.floats(-100, 100))


def test_p_and_interval_are_those_of_scipy():
    found = paired_means(DRAWN)
    for at in range(5):
        expected = stats.ttest_1samp(DRAWN[:, at], 0)
        interval = expected.confidence_interval(0.9)
        assert_allclose(found.t[at], expected.statistic, rtol=1e-12)
        assert_allclose(found.p()[at], expected.pvalue, rtol=1e-12)
        low, high = found.interval(0.9)
        assert_allclose((low[at], high[at]), interval, rtol=1e-12, atol=1e-13)


def test_it_is_the_paired_test_of_both_sides():
    before = np.random.default_rng(5).normal(size=(23, 5))
    expected = stats.ttest_rel(before + DRAWN, before)
    assert_allclose(paired_means(DRAWN).p(), expected.pvalue, rtol=1e-10)


def test_equivalence_is_two_one_sided_tests():
    found = paired_means(DRAWN).equivalent(0.8)
    for at in range(5):
        sides = [
            stats.ttest_1samp(DRAWN[:, at], -0.8, alternative="greater").pvalue,
            stats.ttest_1samp(DRAWN[:, at], 0.8, alternative="less").pvalue,
        ]
        assert_allclose(found[at], max(sides), rtol=1e-12)


def test_statsmodels_agrees():
    api = pytest.importorskip("statsmodels.api")
    from statsmodels.stats.weightstats import DescrStatsW

    groups = np.arange(23) // 3
    found = paired_means(DRAWN, groups)
    for at in range(5):
        fitted = api.OLS(DRAWN[:, at], np.ones(23)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        assert_allclose((found.error[at], found.p()[at]), (fitted.bse[0], fitted.pvalues[0]), rtol=1e-12)
        expected = DescrStatsW(DRAWN[:, at]).ttost_mean(-0.8, 0.8)[0]
        assert_allclose(paired_means(DRAWN).equivalent(0.8)[at], expected, rtol=1e-12)


def test_clustered_errors_are_the_sandwich():
    groups = np.array([f"g{at % 7}" for at in range(23)])
    found = paired_means(DRAWN, groups)
    for at in range(5):
        mean = sum(DRAWN[:, at]) / 23
        meat = 0.0
        for name in set(groups.tolist()):
            meat += sum(x - mean for x, one in zip(DRAWN[:, at], groups, strict=True) if one == name) ** 2
        assert_allclose(found.error[at], math.sqrt(7 / 6 * meat) / 23, rtol=1e-12)
    assert found.freedom.tolist() == [6] * 5


def test_groups_of_one_prompt_are_prompts():
    alone, grouped = paired_means(DRAWN), paired_means(DRAWN, np.arange(23)[::-1])
    for name in ("count", "clusters", "mean", "spread", "error"):
        assert_allclose(getattr(grouped, name), getattr(alone, name), rtol=1e-13)


def test_prompts_that_come_in_copies_are_no_more_sure():
    """Each prompt five times, as one group: the same interval as once, where without groups it would be narrower."""
    copies = np.repeat(DRAWN, 5, axis=0)
    found, once = paired_means(copies, np.arange(len(copies)) // 5), paired_means(DRAWN)
    assert_allclose(found.p(), once.p(), rtol=1e-10)
    assert (paired_means(copies).error < 0.5 * once.error).all()


def test_intervals_of_d_are_those_whose_t_is_at_either_end():
    found = paired_means(DRAWN)
    low, high = found.effect_interval(0.95)
    assert_allclose(found.effect, DRAWN.mean(0) / DRAWN.std(0, ddof=1), rtol=1e-12)
    assert_allclose(special.nctdtr(22, low * math.sqrt(23), found.t), 0.975, atol=1e-5)
    assert_allclose(special.nctdtr(22, high * math.sqrt(23), found.t), 0.025, atol=1e-5)


def test_sites_that_do_nothing_have_p_1_and_no_effect_size():
    found = paired_means(np.zeros((7, 2)))
    assert found.mean.tolist() == [0, 0]
    assert found.p().tolist() == [1, 1]
    assert np.isnan(found.effect).all()
    assert found.interval() == pytest.approx(np.zeros((2, 2)))
    assert found.equivalent(0.1).tolist() == [0, 0]


@pytest.mark.parametrize("value", [0.1, -3e7, 1e-300])
def test_a_difference_that_is_always_the_same_is_not_tested(value):
    found = paired_means(np.full((7, 1), value))
    assert found.mean[0] == pytest.approx(value)
    assert np.isnan([found.p()[0], found.t[0], found.effect[0], *(end[0] for end in found.effect_interval())]).all()


def test_one_prompt_has_a_mean_and_no_error():
    found = paired_means(np.array([[0.25]]))
    assert found.mean[0] == 0.25
    assert np.isnan([found.error[0], found.p()[0], found.interval().low[0], found.equivalent(1)[0]]).all()


def test_prompts_that_have_none_are_in_no_mean():
    some = DRAWN.copy()
    some[::3, 1] = np.nan
    found = paired_means(some)
    expected = stats.ttest_1samp(some[:, 1], 0, nan_policy="omit")
    assert found.count.tolist() == [23, 15, 23, 23, 23]
    assert_allclose(found.p()[1], expected.pvalue, rtol=1e-12)
    assert np.isnan(paired_means(np.full((3, 1), np.nan)).mean[0])


@given(MATRICES, st.floats(0.1, 10))
@settings(deadline=None, max_examples=30)
def test_units_of_measurement_do_not_matter(values, unit):
    found, scaled = paired_means(values), paired_means(values * unit)
    varies = found.error > 1e-9
    assert_allclose(scaled.p()[varies], found.p()[varies], rtol=1e-6, atol=1e-12)


@given(MATRICES, st.permutations(range(11)))
@settings(deadline=None, max_examples=30)
def test_order_does_not_matter(values, order):
    found, other = paired_means(values), paired_means(values[list(order)])
    assert_allclose(other.mean, found.mean, rtol=1e-9, atol=1e-9)
    assert_allclose(other.error, found.error, rtol=1e-6, atol=1e-9)
