"""Totals merge in any order to the same, exactly; and they are what a plain computation says."""

import copy
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.analysis.heads.registry import in_table
from regard.errors import RecordingError
from regard.surveying.extremes import NOTHING, Extremes
from regard.surveying.scales import UNIT
from regard.surveying.tally import Done, Tally
from regard.surveying.totals import Head, Passage, Totals

HEADS = [Head("self", 0, "a", 0), Head("self", 0, "a", 1), Head("self", 1, "b", 0)]
KNOWN = in_table((8, 64))
STATISTICS = {name: KNOWN[name].quantity.edges for name in ("keys", "previous")}
NUMBERS = st.one_of(st.just(math.nan), st.sampled_from([0.0, 0.05, 0.5, 1.0]), st.floats(0, 2**20), st.floats(-3, 3))
TEXTS = st.lists(st.tuples(st.lists(NUMBERS, min_size=6, max_size=6), st.sampled_from("abcdefg")), min_size=1, max_size=13)


def totals_of(texts, places):
    totals = Totals(HEADS, STATISTICS, examples=2, per_text=True)
    if texts:
        values = np.array([numbers for numbers, _ in texts]).reshape(len(texts), 3, 2)
        totals.add(values, places, [Passage(text, None) for _, text in texts])
    return totals


def merged(*parts):
    whole = Totals(HEADS, STATISTICS, examples=2, per_text=True)
    for part in parts:
        whole.merge(copy.deepcopy(part))  # merging may change what it is merged into, never what is merged
    return whole


def plain(totals):
    """Everything that it holds, to be compared to the bit."""
    strata = {at: [part.count, part.sums, part.squares] for at, part in sorted(totals.strata.items())}
    kept = totals.texts.kept()
    arrays = [*itertools.chain(*strata.values()), kept.places, kept.keys, np.nan_to_num(kept.values, nan=-9)]
    arrays += [totals.count, totals.sums, totals.squares, totals.histogram, *totals.highest, *totals.lowest]
    return [array.tolist() for array in arrays], list(strata), totals.passages


@given(TEXTS, st.data())
@settings(max_examples=60, deadline=None)
def test_the_cut_of_a_corpus_does_not_matter(texts, data):
    places = list(range(len(texts)))
    whole = totals_of(texts, places)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    pieces = [totals_of(texts[start:stop], places[start:stop]) for start, stop in itertools.pairwise([0, *cuts, len(texts)])]
    order = data.draw(st.permutations(pieces))
    assert plain(merged(*order)) == plain(whole)


@pytest.mark.slow
@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_merging_is_associative_and_commutative_and_has_a_zero(first, second, third):
    starts = itertools.accumulate((len(first), len(second)), initial=0)
    a, b, c = (totals_of(part, range(at, at + len(part))) for part, at in zip((first, second, third), starts, strict=True))
    assert plain(merged(merged(a, b), c)) == plain(merged(a, merged(b, c)))
    assert plain(merged(a, b)) == plain(merged(b, a))
    assert plain(merged(a, totals_of([], []))) == plain(a)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_totals_are_what_fractions_say(texts):
    totals = totals_of(texts, range(len(texts)))
    for cell in range(6):
        column = [numbers[cell] for numbers, _ in texts if not math.isnan(numbers[cell])]
        exact = [Fraction(round(Fraction(value) / Fraction(UNIT))) for value in column]
        assert totals.count[cell] == len(column)
        assert totals.sums[cell] == sum(exact)
        assert totals.squares[cell] == sum(value * value for value in exact)
        edges = list(STATISTICS.values())[cell % 2]
        bins = [0] * (len(edges) - 1)
        for value in exact:
            inside = [at for at, edge in enumerate(edges[:-1]) if value >= round(edge / UNIT)]
            bins[inside[-1] if inside else 0] += 1
        assert totals.histogram[cell, : len(bins)].tolist() == bins
        assert not totals.histogram[cell, len(bins) :].any()


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1)), min_size=1, max_size=17))
@settings(deadline=None)
def test_strata_are_the_texts_of_one_length(texts):
    """Below 32 tokens a stratum is one length; from there on its lengths have five leading bits in common."""
    values = np.empty((len(texts), 3, 2))
    for at, (length, value) in enumerate(texts):
        values[at, :, 0], values[at, :, 1] = (length, length, 7), value  # the third head looks at something else
    totals = Totals(HEADS, STATISTICS, examples=0)
    totals.add(values, range(len(texts)), [Passage("", None)] * len(texts))
    expected = {}
    for length, value in texts:
        expected.setdefault(bin(length)[2:7] + "0" * (len(bin(length)) - 7), []).append(round(Fraction(value) / Fraction(UNIT)))
    for name, wholes in expected.items():
        part = totals.strata[int(name, 2)]
        assert part.count[[1, 3]].tolist() == [len(wholes)] * 2
        assert part.sums[[1, 3]].tolist() == [sum(wholes)] * 2
        assert part.squares[[1, 3]].tolist() == [sum(whole * whole for whole in wholes)] * 2
    assert totals.strata[7].count[5] == len(texts)
    assert set(totals.strata) == {7, *(int(name, 2) for name in expected)}


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_examples_are_the_extremes_of_different_texts(texts):
    totals = totals_of(texts, range(len(texts)))
    for cell, (sign, found) in itertools.product(range(6), ((1, totals.highest), (-1, totals.lowest))):
        best = {}
        for place, (numbers, text) in enumerate(texts):
            if not math.isnan(numbers[cell]):
                key = (sign * round(numbers[cell] / UNIT), -place)
                best[text] = max(best.get(text, key), key)
        expected = sorted(best.values(), reverse=True)[:2]
        kept = [(value, -place) for value, place in zip(found.values[cell], found.places[cell], strict=True) if value > NOTHING]
        assert kept == expected
        assert all(totals.passages[-place].text == texts[-place][1] for _, place in kept)


def test_only_examples_keep_their_texts():
    totals = totals_of([], [])
    for place in range(0, 700, 7):
        numbers = np.full((7, 3, 2), 0.5)
        totals.add(numbers, range(place, place + 7), [Passage(str(at), None) for at in range(place, place + 7)])
    assert sorted(totals.passages) == [0, 1]  # of equal values, the earliest


def test_sums_are_exact_where_floats_are_not():
    totals = Totals(HEADS[:1], {"rows": KNOWN["rows"].quantity.edges}, 0)
    values = np.full((1024, 1, 1), 2.0**20)
    for step in range(31):
        totals.add(values - UNIT * step, range(1024), [Passage("", None)] * 1024)
    exact = [2**40 - step for step in range(31)]
    assert totals.squares[0] == 1024 * sum(value * value for value in exact)  # beyond 64 and beyond 100 bits
    assert totals.squares[0] > 2**90


@pytest.mark.parametrize(
    "other",
    [Totals(HEADS[:2], STATISTICS, 2), Totals(HEADS, {"keys": STATISTICS["keys"]}, 2), Totals(HEADS, STATISTICS, 3)],
)
def test_totals_of_other_models_do_not_merge(other):
    with pytest.raises(RecordingError, match="expected (heads|statistics|examples) that are the same on every text"):
        totals_of([], []).merge(other)


def test_no_examples_are_no_trouble():
    nothing = Extremes(3, 0)
    nothing.add(np.ones((3, 2), dtype=np.int64), np.array([[0, 1]]), np.array([[5, 6]]))
    assert nothing.values.shape == (3, 0)


def test_every_statistic_has_rising_edges():
    for name, known in KNOWN.items():
        assert list(known.quantity.edges) == sorted(set(known.quantity.edges)), name
    assert len(KNOWN) == 26


def lines_left_out(*lines):
    tally = Tally()
    for reason, place in lines:
        tally.leave_out(reason, place, f"at {place}")
    return tally


@given(st.lists(st.tuples(st.sampled_from(["empty", "too long"]), st.integers(0, 99)), unique=True), st.integers(0, 9))
def test_what_is_left_out_is_counted_in_any_order(lines, cut):
    one, other = lines_left_out(*lines[:cut]), lines_left_out(*lines[cut:])
    other.merge(one)
    assert other.left_out == lines_left_out(*lines).left_out
    assert other.lines == len(lines)
    for reason, found in other.left_out.items():
        assert [place for place, _ in found.first] == sorted(place for why, place in lines if why == reason)[:5]


@given(st.permutations(range(17)), st.integers(0, 17))
def test_what_is_done_is_kept_as_runs(order, count):
    done = Done()
    for chunk in order[:count]:
        done.add(3, chunk)
    again = Done({str(file): runs for file, runs in done.runs.items()})  # as JSON has it
    for chunk in range(17):
        assert ((3, chunk) in again) == (chunk in order[:count])
        assert (2, chunk) not in again
    runs = done.runs.get(3, [])
    assert all(stop < start for (_, stop), (start, _) in itertools.pairwise(runs))
