"""Ratios of means, resamples, and chance from hashes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from regard.errors import OptionError
from regard.interventions.statistics.bootstrap import bootstrap_interval, bootstrap_means
from regard.interventions.statistics.chance import halves, keys_of, numbers, poisson, signs
from regard.interventions.statistics.controls import random_groups
from regard.interventions.statistics.paired import paired_means
from regard.interventions.statistics.ratios import ratio_of_means

CHANCE = np.random.default_rng(11)
UNDER = CHANCE.normal(2, 1.5, 200)
OVER = 0.4 * UNDER + CHANCE.normal(0, 0.2, 200)


def test_fieller_are_the_ratios_that_are_not_refused():
    """The ends of the interval are where the paired test of over − r · under has p = 0.05."""
    found = ratio_of_means(OVER, UNDER)
    refused = lambda ratio: stats.ttest_1samp(OVER - ratio * UNDER, 0).pvalue - 0.05  # noqa: E731
    low = optimize.brentq(refused, found.ratio - 1, found.ratio, xtol=1e-14)
    high = optimize.brentq(refused, found.ratio, found.ratio + 1, xtol=1e-14)
    assert_allclose((found.low, found.high), (low, high), rtol=1e-11)
    assert found.ratio == pytest.approx(0.4, abs=0.02)


def test_fieller_of_groups_is_that_of_their_errors():
    groups = np.arange(200) // 8
    found = ratio_of_means(OVER, UNDER, groups)
    for end in (found.low, found.high):
        assert paired_means((OVER - end * UNDER)[:, None], groups).p()[0] == pytest.approx(0.05, abs=1e-9)


def test_a_denominator_that_may_be_0_is_refused():
    with pytest.raises(OptionError, match=r"unchanged − other: expected a mean that is surely not 0, got .* ± "):
        ratio_of_means(OVER[:20], UNDER[:20] - UNDER[:20].mean(), name="unchanged − other")
    with pytest.raises(OptionError, match="at least two prompts"):
        ratio_of_means(OVER[:1], UNDER[:1])


def test_poisson_weights_have_its_chances():
    weights = poisson(keys_of(map(str, range(500)), 0), range(400))
    expected = stats.poisson(1).pmf(np.arange(7))
    counted = np.bincount(weights.astype(int).ravel(), minlength=8)
    assert_allclose(counted[:7] / weights.size, expected, atol=5 * 0.5 / np.sqrt(weights.size))
    assert abs(np.corrcoef(weights[:200].ravel(), weights[200:].ravel())[0, 1]) < 0.02


def test_weights_are_the_prompts_own():
    """A resample of a chunk is that part of the resample of all."""
    keys = keys_of(map(str, range(101)), 5)
    assert np.array_equal(poisson(keys, range(3, 17))[:, 40:], poisson(keys[40:], range(3, 17)))
    assert np.array_equal(signs(keys, range(200))[70:133], signs(keys, range(70, 133)))
    assert set(signs(keys, range(64)).ravel().tolist()) == {-1.0, 1.0}


def test_the_bootstrap_is_about_as_wide_as_t():
    values, keys = CHANCE.normal(0.3, 1, (97, 3)), keys_of(map(str, range(97)), 0)
    low, high = bootstrap_interval(values, keys, replicates=4000)
    expected = paired_means(values).interval()
    assert_allclose(high - low, expected.high - expected.low, rtol=0.08)
    order = np.random.default_rng(0).permutation(97)
    assert_allclose(bootstrap_means(values[order], keys[order], 300), bootstrap_means(values, keys, 300), rtol=1e-10)


def test_too_few_prompts_for_a_bootstrap_are_refused():
    with pytest.raises(OptionError, match="at least 20 prompts or groups"):
        bootstrap_interval(np.ones((19, 1)), keys_of(map(str, range(19)), 0))


def test_halves_are_halves_and_say_nothing_of_signs():
    keys = keys_of(map(str, range(4001)), 0)
    first = halves(keys)
    assert abs(first.mean() - 0.5) < 0.03
    assert abs(signs(keys, range(1))[0][first].mean()) < 0.1
    assert np.array_equal(halves(keys[::-1]), first[::-1])
    assert abs(halves(keys_of(map(str, range(4001)), 1))[first].mean() - 0.5) < 0.04


def test_numbers_are_those_of_splitmix():
    """The reference implementation by Vigna, seeded with 1234567, gives these."""
    found = numbers(np.array([1234567], dtype=np.uint64), range(3))[:, 0]
    assert found.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_control_groups_have_the_sizes_of_the_group():
    group, heads = [(0, 1), (2, 0), (2, 3)], {0: 5, 1: 5, 2: 7}
    found = random_groups(group, heads, count=200)
    for one in found:
        assert [layer for layer, _ in one] == [0, 2, 2]
        assert len(set(one)) == 3
        assert all(0 <= head < heads[layer] for layer, head in one)
    drawn = np.bincount([head for one in found for layer, head in one if layer == 0], minlength=5)
    assert drawn.min() > 20
    with pytest.raises(OptionError, match=r"group: expected heads that there are, got \(1, 5\)"):
        random_groups([(1, 5)], heads)
