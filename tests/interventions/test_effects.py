"""Effects from columns: means, tests, shares, comparisons, whatever order and blocks the columns come in."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats

from regard.errors import DtypeError, OptionError, ShapeError
from regard.interventions.effects import Effects
from regard.interventions.records import COLUMNS, Records
from support.effects import columns_of, cut, shuffled

MEAN = [[0.0, 2.0, -0.7], [0.1, 0.0, 0.4]]
MEASURES = {"measures": ["loss", "kl", "margin"]}  # of which one has no rows
COLUMNS_OF_ONE = columns_of(mean=MEAN)


def rows_of(found):
    """Every row as text: NaN is like itself there."""
    return [str(row) for row in found.table()]


def by_hand(columns, measure, site):
    """Changed − unchanged of each prompt, the mean of its draws."""
    found = {}
    for at in range(len(columns["site"])):
        if columns["measure"][at] == measure and columns["site"][at] == site:
            place = columns["file"][at], columns["line"][at]
            found.setdefault(place, []).append(columns["changed"][at] - columns["unchanged"][at])
    return [float(np.mean(values)) for _, values in sorted(found.items())]


@pytest.mark.parametrize("measure", ["loss", "margin"])
def test_tests_are_those_of_scipy_on_each_prompt(measure):
    found = Effects.of(COLUMNS_OF_ONE).tests(measure)
    assert len(found) == 6
    for row in found:
        values = by_hand(COLUMNS_OF_ONE, measure, row.site)
        expected = stats.ttest_1samp(values, 0)
        assert_allclose((row.effect, row.p), (np.mean(values), expected.pvalue), rtol=1e-12)
        assert_allclose((row.low, row.high), expected.confidence_interval(0.95), rtol=1e-11)
        assert row.prompts == row.groups == 11
        assert row.lowest.value == min(values)
        assert row.highest.line == int(np.argmax(values))
        assert row.other_sign == np.mean(np.sign(values) == -np.sign(np.mean(values)))
        assert_allclose(row.changed - row.unchanged, row.effect, rtol=1e-12)
    assert found.rows[0].site == "0.1"
    sizes = [abs(row.effect) for row in found]
    assert sizes == sorted(sizes, reverse=True)


def test_order_and_blocks_of_columns_do_not_matter():
    one = Effects.of(COLUMNS_OF_ONE, MEASURES)
    other = Effects.of(cut(shuffled(COLUMNS_OF_ONE), 7, 7, 40), MEASURES)
    assert rows_of(one) == rows_of(other)
    assert one.measures == other.measures == ("loss", "margin")
    assert one.tests("margin", "max") == other.tests("margin", "max")


def test_records_are_columns():
    block = Records(**{name: COLUMNS_OF_ONE[name] for name in COLUMNS})
    assert rows_of(Effects.of(block)) == rows_of(Effects.of([block])) == rows_of(Effects.of(COLUMNS_OF_ONE))


def test_draws_of_a_prompt_count_once():
    columns = columns_of(7, draws=5, seed=3)
    found = Effects.of(columns).tests("loss")
    for row in found:
        assert row.prompts == 7
        assert_allclose(row.p, stats.ttest_1samp(by_hand(columns, "loss", row.site), 0).pvalue, rtol=1e-12)


def test_prompts_of_a_group_count_once():
    columns = columns_of(21, groups=4, mean=MEAN)
    found = Effects.of(columns).tests("loss")
    assert {(row.prompts, row.groups) for row in found} == {(21, 4)}
    values = np.array(by_hand(columns, "loss", "0.1"))
    sums = [(values[at::4] - values.mean()).sum() for at in range(4)]
    assert_allclose(next(row.standard_error for row in found if row.site == "0.1"), np.sqrt(4 / 3 * np.square(sums).sum()) / 21)


def test_the_table_of_heads_is_as_a_sweep_had_it():
    found = Effects.of(COLUMNS_OF_ONE)
    assert found.measured.shape == found.differences.shape == (2, 3)
    assert_allclose(found.differences[0, 1].item(), np.mean(by_hand(COLUMNS_OF_ONE, "loss", "0.1")), rtol=1e-12)
    torch.testing.assert_close(found.measured - found.baseline, found.differences)
    assert found.strongest(2, "loss")[0] == (0, 1)
    assert len(found.strongest(99)) == 6
    assert found.strongest(0) == []


def test_layers_with_fewer_heads_have_nan():
    rows = [at for at in range(len(COLUMNS_OF_ONE["site"])) if COLUMNS_OF_ONE["site"][at] != "1.2"]
    found = Effects.of({name: [values[at] for at in rows] for name, values in COLUMNS_OF_ONE.items()})
    assert found.differences.isnan().tolist() == [[False] * 3, [False, False, True]]


def test_a_site_of_several_layers_is_named():
    columns = columns_of(5, 1, 2) | {"layer": [-1] * 20, "head": [-1] * 20}
    found = Effects.of(columns)
    assert set(found.strongest(2)) == {"0.0", "0.1"}
    with pytest.raises(OptionError, match="one effect for each"):
        _ = found.differences


def test_one_half_chooses_and_the_other_tests():
    columns = columns_of(80, mean=MEAN, seed=5)
    found = Effects.of(columns).tests("loss", split=2)
    assert len(found) == 2
    assert "0.1" in [row.site for row in found]
    assert 25 < found.rows[0].prompts < 55
    assert found.chosen == 6
    assert "chosen among 6 by the other half" in str(found)
    assert Effects.of(shuffled(columns)).tests("loss", split=2) == found


@pytest.mark.slow
def test_what_half_of_the_prompts_chose_is_not_inflated():
    """Of 30 sites that do nothing, the strongest: as often below 0.05 as by chance, where all prompts would say so mostly."""
    honest = greedy = 0
    for seed in range(60):
        found = Effects.of(columns_of(30, 3, 10, measures=("loss",), seed=seed))
        honest += found.tests(split=1).rows[0].p < 0.05
        greedy += min(row.p for row in found.tests()) < 0.05
    assert honest <= 9  # 3 expected; P(more than 9) is below 0.002
    assert greedy >= 30


def test_a_site_is_as_good_as_not_there_within_a_margin():
    found = Effects.of(columns_of(400, 1, 2, mean=[[0.0, 2.0]])).tests("loss", margin=0.3)
    assert {row.site: row.adjusted < 0.05 for row in found} == {"0.0": True, "0.1": False}
    assert "not within ±0.3" in str(found)


def test_shares_are_ratios_of_means():
    columns = columns_of(50, other=True)
    for at in range(len(columns["site"])):
        if columns["site"][at] == "0.1":
            columns["changed"][at] = columns["other"][at] + 0.4 * (columns["unchanged"][at] - columns["other"][at])
    found = {share.site: share for share in Effects.of(columns).shares("loss")}
    assert_allclose(found["0.1"][5:], [0.4, 0.4, 0.4], rtol=1e-9)
    assert found["0.0"].low < 1 < found["0.0"].high
    with pytest.raises(OptionError, match=r"expected 'loss' of partners too, got none; give prompts other="):
        Effects.of(COLUMNS_OF_ONE).shares()


def test_two_sweeps_are_compared_prompt_by_prompt():
    one, other = columns_of(13, seed=1), columns_of(13, seed=1)
    chance = np.random.default_rng(8)
    shift = {line: 0.5 + 0.1 * chance.normal() for line in range(13)}
    for at in range(len(other["site"])):
        if other["site"][at] == "1.0":
            other["changed"][at] += shift[other["line"][at]]
    found = Effects.of(one).compare(Effects.of(shuffled(other)), "margin")
    assert found.rows[0].site == "1.0"
    assert_allclose(found.rows[0].p, stats.ttest_1samp(list(shift.values()), 0).pvalue, rtol=1e-6)
    assert [(row.effect, row.p) for row in found.rows[1:]] == [(0, 1)] * 5
    assert "effect of the other − effect" in str(found)


def test_only_prompts_of_both_are_compared():
    found = Effects.of(columns_of(13, seed=1)).compare(Effects.of(columns_of(7, seed=2)))
    assert {row.prompts for row in found} == {7}
    with pytest.raises(OptionError, match="6 sites and 0 prompts; sweep the same sites over the same prompts"):
        Effects.of(columns_of(13)).compare(Effects.of(columns_of(13, file="b")))


def test_a_summary_is_in_the_order_of_the_model():
    rows = Effects.of(COLUMNS_OF_ONE).summary("margin")
    assert [(row.layer, row.head) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert all(row.d_low < row.d < row.d_high for row in rows)


def test_one_prompt_has_no_errors():
    """As a measure of a whole batch has it."""
    found = Effects.of(columns_of(1))
    assert found.differences.isfinite().all()
    assert all(np.isnan([row.standard_error, row.p, row.adjusted, row.low, row.d]).all() for row in found.tests())
    assert "–" in str(found.tests())


def test_what_prints_says_what_it_is_of():
    said = str(Effects.of(COLUMNS_OF_ONE, {"model": "tiny", "replacement": "zero"}))
    assert said.startswith("tiny zero: effects of 6 sites on 11 prompts, loss, margin\nloss, ")
    assert "0.1 +" in said
    assert str(Effects.of(COLUMNS_OF_ONE, {"estimated": True})).startswith("estimated effects of 6 sites")


def test_a_frame_has_every_row():
    pandas = pytest.importorskip("pandas")
    frame = Effects.of(COLUMNS_OF_ONE).to_pandas()
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 132
    mean = (frame.changed - frame.unchanged)[frame.measure == "loss"].groupby(frame.site).mean()
    assert isinstance(frame, pandas.DataFrame)
    assert_allclose(mean["1.2"], Effects.of(COLUMNS_OF_ONE).differences[1, 2].item())


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"changed": None}, DtypeError, "expected a block with site, kind, .*, got one without changed"),
        ({"line": [0]}, ShapeError, "expected columns of one length, got .* line 1"),
        ({"line": [0] * 132}, OptionError, "expected each row once, got '0.0' of 'loss' twice"),
        ({"layer": [0.5] * 132}, DtypeError, "expected whole numbers as layer"),
    ],
)
def test_columns_that_are_none_are_refused(change, error, said):
    columns = {name: values for name, values in (COLUMNS_OF_ONE | change).items() if values is not None}
    with pytest.raises(error, match=said):
        Effects.of(columns)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "kl"}, "measure: expected one of loss, margin, got 'kl'"),
        ({"adjust": "none"}, "adjust: expected one of holm, max, bh, got 'none'"),
        ({"margin": -1}, "margin: expected a number above 0, got -1"),
        ({"margin": 1, "adjust": "max"}, "expected 'holm' or 'bh' with a margin"),
        ({"split": 7}, "split: expected a whole number from 1 to 6"),
        ({"interval": "bootstrap"}, "at least 20 prompts or groups for a bootstrap, got 11"),
        ({"confidence": 1}, "confidence: expected"),
    ],
)
def test_options_outside_of_their_values_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        Effects.of(COLUMNS_OF_ONE).tests(**options)


def test_effects_of_nothing_say_so():
    found = Effects.of([])
    assert "effects of 0 sites on 0 prompts" in str(found)
    with pytest.raises(OptionError, match="no prompt was left"):
        found.tests()
