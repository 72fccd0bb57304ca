"""Corrections for many sites: against scipy, every sign flip there is, and simulated nulls."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from regard.interventions.statistics.chance import keys_of
from regard.interventions.statistics.families import benjamini_hochberg, holm, largest_t
from regard.interventions.statistics.paired import paired_means


@given(st.lists(st.floats(0, 1), min_size=1, max_size=13))
@settings(deadline=None)
def test_benjamini_and_hochberg_are_those_of_scipy(values):
    assert_allclose(benjamini_hochberg(np.array(values)), stats.false_discovery_control(values), rtol=1e-12)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_cannot_be_tested_counts_among_the_tests(adjust):
    some = adjust(np.array([0.01, np.nan, 0.02]))
    assert_allclose(some[[0, 2]], adjust(np.array([0.01, 1.0, 0.02]))[[0, 2]])
    assert np.isnan(some[1])


def every_flip(values):
    """The exact p of the largest |t|: over all sign flips that there are."""
    own = np.abs(stats.ttest_1samp(values, 0).statistic)
    largest = [
        np.abs(stats.ttest_1samp(values * np.array(flip)[:, None], 0).statistic).max()
        for flip in itertools.product([-1, 1], repeat=len(values))
    ]
    return (np.array(largest)[:, None] >= own * (1 - 1e-9)).mean(axis=0)


@pytest.mark.slow
def test_the_largest_t_is_that_of_all_sign_flips():
    values = np.random.default_rng(7).normal(0.4, 1, (11, 3))
    values[:, 2] += values[:, 1]
    found = largest_t(values, keys_of(map(str, range(11)), 0), flips=20_000)
    assert_allclose(found, every_flip(values), atol=0.012)  # 3 standard errors of a share of 20,000


def test_groups_flip_together():
    """Copies of a prompt in its group: as the prompt once, by the same flips."""
    values = np.random.default_rng(7).normal(0.4, 1, (11, 3))
    keys = keys_of(map(str, range(11)), 0)
    once = largest_t(values, keys, flips=999)
    copies = largest_t(np.repeat(values, 4, axis=0), np.repeat(keys, 4), np.repeat(np.arange(11), 4), flips=999)
    assert_allclose(copies, once, rtol=1e-12)


def test_order_does_not_change_it():
    values, keys = np.random.default_rng(9).normal(0.4, 1, (13, 3)), keys_of(map(str, range(13)), 0)
    order = np.random.default_rng(1).permutation(13)
    assert largest_t(values[order], keys[order], flips=500).tolist() == largest_t(values, keys, flips=500).tolist()


def test_sites_that_do_nothing_are_never_found():
    values = np.zeros((17, 2))
    values[:, 1] = np.random.default_rng(2).normal(3, 1, 17)
    found = largest_t(values, keys_of(map(str, range(17)), 0), flips=500)
    assert found[0] == 1
    assert found[1] == 1 / 501


def test_a_difference_that_is_always_the_same_is_as_rare_as_signs_that_are_all_equal():
    found = largest_t(np.full((5, 1), 0.3), keys_of("abcde", 0), flips=20_000)
    assert found[0] == pytest.approx(2**-4, abs=0.006)


@pytest.mark.slow
def test_nothing_is_found_as_often_as_alpha_says_and_more_is_than_by_holm():
    """64 sites that move together, 4 of them real, 40 prompts: both hold the family, and the largest t finds more."""
    chance, false, power = np.random.default_rng(0), {"holm": 0, "max": 0}, {"holm": 0.0, "max": 0.0}
    for trial in range(100):
        shared = chance.normal(size=(40, 1))
        values = 0.9 * shared + 0.44 * chance.normal(size=(40, 64))
        values[:, :4] += 0.5
        keys = keys_of((f"{trial} {at}" for at in range(40)), 0)
        for name, adjusted in (("holm", holm(paired_means(values).p())), ("max", largest_t(values, keys, flips=300))):
            false[name] += bool((adjusted[4:] < 0.05).any())
            power[name] += float((adjusted[:4] < 0.05).mean()) / 100
    assert max(false.values()) <= 12  # 5 expected; P(more than 12) is below 0.002
    assert power["max"] > power["holm"] + 0.1


@pytest.mark.slow
def test_p_of_nothing_is_even():
    values = np.random.default_rng(4).normal(size=(19, 2000))
    assert stats.kstest(paired_means(values).p(), "uniform").pvalue > 1e-3
