"""Two surveys beside each other: tests against scipy, quadrature and loops, Holm's correction against its definition."""

import itertools
import math
import statistics
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regard.errors import OptionError
from regard.surveying.comparison import survey_diff
from regard.surveying.scales import UNIT
from regard.surveying.tests_of_means import holm, two_sided
from support.surveys import drawn, survey_of
from witnesses.comparison import within


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
    compared = survey_diff(survey_of(one), survey_of(other), ["entropy"])
    assert (compared.test, compared.texts, compared.equal, compared.without_spread) == ("means", (13, 29), 0, [])
    found = compared.differences
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


def test_what_differs_by_more_than_a_tolerance_and_what_is_not_shown_to_be_within_it():
    one, other = drawn(200), drawn(200, shift=0.2, seed=1)
    found = survey_diff(survey_of(one), survey_of(other), ["entropy"], test="means")
    first = found.differences[0]
    between = abs(first.difference) + 0.5 * first.standard_error  # the difference is within, its error is not
    for tolerance in (0.0, 0.05, 0.2, between, 0.5):
        certain = [row for row in found.differences if row.adjusted < 0.05 and abs(row.difference) > tolerance]
        assert found.above(tolerance) == certain
        shown = [
            row
            for row in found.differences
            if max(
                stats.t.sf((tolerance + row.difference) / row.standard_error, row.freedom),
                stats.t.sf((tolerance - row.difference) / row.standard_error, row.freedom),
            )
            < 0.05
        ]
        assert found.not_within(tolerance) == [row for row in found.differences if row not in shown]
    assert found.above(0.0)
    assert found.not_within(0.05)
    assert found.not_within(0.5) == []


def test_what_has_no_spread_is_judged_by_its_difference():
    same, other = np.full_like(drawn(5), 0.25), np.full_like(drawn(5), 0.5)
    found = survey_diff(survey_of(same), survey_of(other))
    assert found.without_spread
    assert found.above(0.2) == found.not_within(0.2) == found.without_spread
    assert found.above(0.25) == found.not_within(0.25) == []


def test_equal_models_differ_as_rarely_as_alpha_says():
    false = sum(
        any(
            row.adjusted < 0.1
            for row in survey_diff(survey_of(drawn(17, seed=seed)), survey_of(drawn(19, seed=seed + 1000))).differences
        )
        for seed in range(300)
    )
    assert 5 <= false <= 45  # 30 expected at most, σ of 5; a test that never says "different" would be none


def test_values_without_spread():
    """Two that are the same cannot differ, and are not counted; two that are not differ by no number of spreads."""
    same, other = np.full((5, 2, 3), 0.25), np.full((7, 2, 3), 0.25)
    other[:, 1] = 0.5
    found = survey_diff(survey_of(same), survey_of(other))
    assert (found.differences, found.equal) == ([], 2)
    assert [(row.head, row.mean, row.other_mean, row.difference) for row in found.without_spread] == [(1, 0.25, 0.5, 0.25)] * 2
    assert all(
        math.isnan(value) for row in found.without_spread for value in (row.effect, row.low, row.high, row.p, row.adjusted)
    )


def test_what_cannot_differ_does_not_count_in_the_correction():
    one, other = drawn(13), drawn(29, shift=0.2, seed=1)
    for made in (one, other):
        made[:, :, 2] = 1.0
    found = survey_diff(survey_of(one), survey_of(other))
    assert (len(found.differences), found.equal) == (2, 2)
    assert found.differences[0].adjusted == pytest.approx(2 * found.differences[0].p)


@pytest.mark.parametrize("values", [(1.0, 1.0 + UNIT), (0.0, UNIT)])
def test_rounding_is_no_spread_and_no_difference(values):
    one, other = np.full((50, 2, 3), values[0]), np.full((50, 2, 3), values[0])
    other[7] = values[1]
    found = survey_diff(survey_of(one), survey_of(other))
    assert (found.differences, found.without_spread, found.equal) == ([], [], 4)


def test_one_side_without_spread_is_tested():
    one, other = np.full((50, 2, 3), 0.5), drawn(40)
    assert len(survey_diff(survey_of(one), survey_of(other)).differences) == 4


def test_what_says_nothing_about_heads_is_left_out():
    found = survey_diff(survey_of(drawn(5)), survey_of(drawn(5, seed=1)))
    assert {row.statistic for row in found.differences} == {"entropy", "own"}
    found = survey_diff(survey_of(drawn(5)), survey_of(drawn(5, seed=1)), ["offset"])
    assert {row.statistic for row in found.differences} == {"offset"}


def test_only_what_both_have_is_compared():
    values = drawn(5)
    values[1:, 0, 0] = math.nan  # one text is no spread
    found = survey_diff(survey_of(values), survey_of(drawn(5), heads=((0, 0), (1, 0))))
    assert [(row.layer, row.head, row.statistic) for row in found.differences] == [(0, 0, "own")]
    assert (found.lone, found.other_lone) == ([("self", 0, 1)], [("self", 1, 0)])
    same = survey_diff(survey_of(drawn(5)), survey_of(drawn(5, seed=1)))
    assert same.lone == same.other_lone == []
    with pytest.raises(OptionError, match="expected surveys with heads in common, got tiny and other"):
        survey_diff(survey_of(values), survey_of(drawn(5), heads=((2, 0), (2, 1)), name="other"))
    with pytest.raises(OptionError, match="statistics: expected one of entropy, offset, own, got 'span'"):
        survey_diff(survey_of(values), survey_of(values), ["span"])


# -- texts of like length

HEADS = tuple((layer, head) for layer in range(3) for head in range(4))
MEASURED = ("keys", "entropy", "own", "span")


def of_lengths(lengths, seed, heads=HEADS, moved=()):
    """A survey of heads that do the same whatever the corpus: what they show follows from the length, its spread too."""
    random = np.random.default_rng(seed)
    n = np.asarray(lengths, dtype=float)[:, None]
    kinds = np.random.default_rng(7).uniform(0.2, 1.0, len(heads))
    values = np.empty((len(lengths), len(heads), 4))
    values[..., 0] = n
    values[..., 1] = kinds * np.log(n) + random.normal(0, 0.3, (len(n), len(heads))) / np.sqrt(n)
    values[..., 2] = np.clip(kinds / n + random.exponential(0.5, (len(n), len(heads))) / n, 0, 1)
    values[..., 3] = n**kinds * np.exp(random.normal(0, 0.1, (len(n), len(heads))))
    for head in moved:
        values[:, head, 1] += 0.05
    return survey_of(values, heads=heads, statistics=MEASURED)


def short(texts, seed):
    return 3 + np.random.default_rng(seed).poisson(8, texts)


def long(texts, seed):
    return 3 + np.random.default_rng(seed + 10_000).poisson(17, texts)


def test_the_same_heads_on_texts_of_other_lengths_do_not_differ():
    """36 tests in each of 60 pairs of surveys: 5 % of all are below 0.05, and corrected, some in at most 5 % of the pairs."""
    small, any_false = 0, 0
    for seed in range(60):
        one, other = of_lengths(short(300, seed), seed), of_lengths(long(400, seed), 100 + seed)
        found = survey_diff(one, other)
        assert (found.test, len(found.differences)) == ("lengths", 36)
        small += sum(row.p < 0.05 for row in found.differences)
        any_false += any(row.adjusted < 0.05 for row in found.differences)
    assert 60 <= small <= 160  # 108 expected, σ of 10 if they were independent
    assert any_false <= 9  # 3 expected at most
    naive = survey_diff(one, other, test="means").differences
    assert sum(row.adjusted < 0.05 for row in naive) == 36  # length, reported as a difference of heads


def test_a_true_difference_is_found_whatever_the_lengths():
    for seed in range(5):
        one = of_lengths(short(500, seed), seed)
        other = of_lengths(long(600, seed), 100 + seed, moved=(5,))
        certain = [row for row in survey_diff(one, other).differences if row.adjusted < 0.01]
        assert [(row.layer, row.head, row.statistic) for row in certain] == [(1, 1, "entropy")]
        assert certain[0].difference == pytest.approx(0.05, abs=0.03)
        assert certain[0].low < certain[0].effect < certain[0].high


def test_long_texts_of_nearly_one_length():
    """From 32 tokens on a stratum holds several lengths: what is left of length in it is too small to be seen."""
    small = 0
    for seed in range(20):
        lengths = [np.random.default_rng(seed + step).integers(low, 512, 600) for step, low in ((0, 64), (50, 200))]
        one, other = (of_lengths(n, seed + step) for n, step in zip(lengths, (0, 100), strict=True))
        small += sum(row.p < 0.05 for row in survey_diff(one, other).differences)
    assert small <= 60  # 36 of 720 expected


def test_within_lengths_is_the_formula():
    lengths = np.array([5, 5, 5, 6, 6, 9, 9, 9, 9, 40, 41, 13])
    others = np.array([5, 5, 6, 6, 6, 6, 9, 9, 41, 40, 40, 17])
    one, other = of_lengths(lengths, 1), of_lengths(others, 2)
    [*found] = survey_diff(one, other, ["entropy"]).differences
    assert {(row.texts, row.other_texts) for row in found} == {(11, 11)}  # not those of 13 and 17 tokens
    for row in found:
        at = HEADS.index((row.layer, row.head))
        shown = within(exact(lengths, 1)[:, at], two_by_two(lengths), exact(others, 2)[:, at], two_by_two(others))
        assert (row.difference, row.standard_error, row.freedom, row.effect) == pytest.approx(shown, rel=1e-3)


def two_by_two(lengths):
    """Which lengths are one: of 32 to 63, the two with the same half."""
    return [int(n) if n < 32 else int(n) // 2 * 2 for n in lengths]


def exact(lengths, seed):
    """The entropies of ``of_lengths``."""
    random, n = np.random.default_rng(seed), np.asarray(lengths, dtype=float)[:, None]
    kinds = np.random.default_rng(7).uniform(0.2, 1.0, len(HEADS))
    return kinds * np.log(n) + random.normal(0, 0.3, (len(n), len(HEADS))) / np.sqrt(n)


def test_texts_of_no_like_length_are_refused():
    one, other = of_lengths(np.full(7, 5), 1), of_lengths(np.full(7, 90), 2)
    with pytest.raises(OptionError, match=r"two of each survey, got 5 to 5 tokens and 88 to 88 tokens; .* test='means'"):
        survey_diff(one, other)
    assert survey_diff(one, other, test="means").differences


def test_surveys_without_lengths_are_compared_by_their_means():
    one, other = of_lengths(short(50, 1), 1), of_lengths(short(60, 2), 2)
    other.tally.totals.strata.clear()  # as a file of an earlier version
    assert survey_diff(one, other).test == "means"
    with pytest.raises(OptionError, match="expected surveys with lengths, got tiny of an earlier version, without"):
        survey_diff(one, other, test="lengths")
    with pytest.raises(OptionError, match="test: expected one of paired, lengths, means, got 'welch'"):
        survey_diff(one, other, test="welch")
    with pytest.raises(OptionError, match="confidence: expected a number above 0 and below 1, got 95"):
        survey_diff(one, other, confidence=95)


# -- the same texts in two models


def kept(values, keys, heads=((0, 0), (0, 1))):
    return survey_of(values, heads=heads, keys=keys)


def test_the_same_texts_are_compared_one_by_one():
    random = np.random.default_rng(0)
    keys = [key // 2 for key in range(31)]  # most texts stand twice in the corpus
    text = random.normal(0, 1, (16, 1, 1))[keys]  # what a text does to every head, whatever the model
    one, other = (text + random.normal(0, 0.1, (31, 2, 3)) for _ in range(2))
    other[:, 1, 0] += 0.2
    one[3, 0, 2] = math.nan
    order = random.permutation(31)
    found = survey_diff(kept(one, keys), kept(other[order], [keys[at] for at in order]))
    assert found.test == "paired"
    assert found.texts == (31, 31)
    matched = other[order][[place(keys, order, at) for at in range(31)]]
    for row in found.differences:
        at = ("entropy", "offset", "own").index(row.statistic)
        first, second = one[:, row.head, at], matched[:, row.head, at]
        there = ~np.isnan(first)
        expected = stats.ttest_rel(second[there], first[there])
        assert row.p == pytest.approx(expected.pvalue, rel=1e-3)
        assert row.freedom == there.sum() - 1 == row.texts - 1
        assert row.difference == pytest.approx((second - first)[there].mean(), abs=1e-6)
    certain = [row for row in found.differences if row.adjusted < 0.01]
    assert [(row.head, row.statistic) for row in certain] == [(1, "entropy")]
    unpaired = survey_diff(kept(one, keys), kept(other, keys), test="means").differences
    assert min(row.adjusted for row in unpaired) > 0.05  # texts differ more than models


def place(keys, order, at):
    """Where the text of row ``at`` stands in another order: of equal texts, the first that is left."""
    before = keys[:at].count(keys[at])
    return [row for row, was in enumerate(order) if keys[was] == keys[at]][before]


def test_texts_that_few_have_in_common_are_not_paired():
    one, other = kept(drawn(20), range(20)), kept(drawn(20, seed=1), range(12, 32))
    assert survey_diff(one, other).test == "means"
    assert survey_diff(one, other, test="paired").texts == (8, 8)
    with pytest.raises(OptionError, match="expected surveys of the same texts, got tiny and tiny with less than two in common"):
        survey_diff(one, kept(drawn(20), range(50, 70)), test="paired")
    with pytest.raises(OptionError, match="expected a survey that kept the values of its texts"):
        survey_diff(one, survey_of(drawn(20)), test="paired")


def test_a_model_beside_itself_cannot_differ():
    one = kept(drawn(20), range(20))
    found = survey_diff(one, kept(drawn(20), range(20)))
    assert (found.test, found.differences, found.without_spread, found.equal) == ("paired", [], [], 4)


# -- intervals of effects


@pytest.mark.parametrize("test", ["means", "lengths", "paired"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_hold_the_true_effect_as_often_as_they_say(test, confidence):
    """Unequal variances and numbers of texts: the true effect is 0.4 in each of 300 surveys."""
    sizes = (40, 40) if test == "paired" else (40, 70)
    scales = 1.0, 1.5
    spread = math.sqrt((scales[0] ** 2 + scales[1] ** 2) / 2)
    held, counted = 0, 0
    for seed in range(75):
        random = np.random.default_rng(seed)
        both = [random.normal(0, 1, (size, 4, 2)) for size in sizes]
        if test == "paired":
            both[1] = 0.6 * both[0] + 0.8 * both[1]
        values = [part * scale + shift for part, scale, shift in zip(both, scales, (0, 0.4 * spread), strict=True)]
        for part in values:
            part[..., 0] = np.arange(len(part))[:, None] % 2 + 6  # texts of 6 and of 7 tokens
        heads = [(0, head) for head in range(4)]
        one, other = (
            survey_of(part, heads=heads, statistics=("keys", "entropy"), keys=range(len(part)) if test == "paired" else None)
            for part in values
        )
        for row in survey_diff(one, other, ["entropy"], test=test, confidence=confidence).differences:
            held += row.low < 0.4 < row.high
            counted += 1
    assert counted == 300
    error = math.sqrt(confidence * (1 - confidence) / 300)
    assert abs(held / counted - confidence) < 4 * error


def test_scipy_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"expected scipy to compare surveys, got none; pip install scipy"):
        two_sided(1.0, 7.0)
