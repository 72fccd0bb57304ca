"""Soft to hard alignment, and the error rate, with numbers that can be checked by hand."""

import pytest
import torch
from torch.testing import assert_close

from regard import AttentionMap, aer, align
from regard.analysis.alignment import Reading, guess_reading, word_weights
from regard.analysis.words import Words
from regard.errors import OptionError, ShapeError

SOURCE = ("▁the", "▁bla", "ck", "▁cat", "</s>")
TARGET = ("▁le", "▁chat", "▁no", "ir", "</s>")
WEIGHTS = torch.tensor(
    [
        [0.75, 0.0, 0.0, 0.25, 0.0],
        [0.0, 0.0, 0.25, 0.75, 0.0],
        [0.0, 0.25, 0.25, 0.25, 0.25],
        [0.0, 0.5, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)


def labelled(weights=WEIGHTS, queries=TARGET, keys=SOURCE):
    amap = AttentionMap.from_dense(weights)
    amap.queries, amap.keys = queries, keys
    return amap


def test_weights_are_summed_over_source_tokens_and_averaged_over_target_tokens():
    alignment = align([labelled()], 0, 0)
    expected = torch.tensor([[0.75, 0.0, 0.25], [0.0, 0.25, 0.75], [0.0, 0.75, 0.125]])
    assert_close(alignment.weights, expected)
    assert alignment.links == {(0, 0), (2, 1), (1, 2)}
    assert alignment.source_words == ("the", "black", "cat")
    assert alignment.target_words == ("le", "chat", "noir")
    assert alignment.reading == (0, 0, "produced")


def test_consumed_rows_are_one_later():
    shifted = torch.cat([torch.full((1, 5), 0.2), WEIGHTS[:-1]])
    alignment = align([labelled(shifted)], 0, 0, rows="consumed")
    assert_close(alignment.weights, align([labelled()], 0, 0).weights)
    assert alignment.links == {(0, 0), (2, 1), (1, 2)}
    assert align([labelled(shifted)], 0, 0).links != alignment.links


def test_threshold_leaves_weak_links_out():
    weak = WEIGHTS.clone()
    weak[0] = torch.tensor([0.25, 0.2, 0.2, 0.2, 0.15])
    assert (1, 0) in align([labelled(weak)], 0, 0).links
    assert align([labelled(weak)], 0, 0, threshold=0.5).links == {(2, 1), (1, 2)}


def test_a_source_of_special_tokens_has_no_links():
    alignment = align([labelled(WEIGHTS[:, :1], keys=("</s>",))], 0, 0)
    assert alignment.links == frozenset()
    assert alignment.weights.shape == (3, 0)


def test_no_target_words():
    assert word_weights(WEIGHTS, Words(("a",), ((0,),)), Words((), ())).shape == (0, 1)


def test_the_guess_takes_the_sharpest_head_and_its_layers_rows():
    flat = torch.full((5, 5), 0.2)
    end = torch.zeros(5, 5)
    end[:, -1] = 1.0  # perfectly sharp, on </s>: not what is looked for
    lower = labelled(torch.stack([flat, end, WEIGHTS])[None])
    upper = labelled(torch.stack([flat, end, flat])[None])
    assert guess_reading([lower, upper]) == Reading(0, 2, "consumed")
    assert guess_reading([upper, lower]) == Reading(1, 2, "produced")
    assert align([upper, lower]).reading == Reading(1, 2, "produced")
    assert align([upper, lower], rows="consumed").reading == Reading(1, 2, "consumed")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layer": 0}, OptionError, "expected layer and head together or neither, got layer=0 and head=None"),
        ({"layer": 1, "head": 0}, OptionError, "expected a layer from 0 to 0, got 1"),
        ({"layer": 0, "head": -1}, OptionError, "expected a head from 0 to 0, got -1"),
        ({"rows": "later"}, OptionError, "expected rows of produced or consumed, got 'later'"),
        ({"threshold": 1.0}, OptionError, "expected a threshold from 0 to below 1, got 1.0"),
    ],
)
def test_bad_readings(arguments, error, words):
    with pytest.raises(error, match=words):
        align([labelled()], **arguments)


def test_maps_that_cannot_be_aligned():
    with pytest.raises(ShapeError, match="got a batch of 2"):
        align([labelled(torch.rand(2, 1, 5, 5))])
    for nothing in ([], "maps", [WEIGHTS], labelled()):
        with pytest.raises(OptionError, match="expected cross-attention maps by layer, such as recording.cross"):
            align(nothing)
    with pytest.raises(ShapeError, match="expected maps with token labels"):
        align([AttentionMap.from_dense(WEIGHTS)])


def test_error_rate_by_hand():
    # |A| = 3, |S| = 2, |A∩S| = 1, |A∩P| = 2 (one sure, one possible): 1 - 3/5
    found, sure, possible = {(0, 0), (1, 1), (2, 0)}, {(0, 0), (2, 2)}, {(1, 1)}
    assert aer(found, sure, possible) == pytest.approx(0.4)
    assert aer(found, sure, possible | sure) == pytest.approx(0.4)
    assert aer(sure, sure, set()) == 0.0
    assert aer({(5, 5)}, sure, possible) == 1.0


def test_error_rate_of_a_corpus_counts_links_not_sentences():
    found = [{(0, 0), (1, 1), (2, 0)}, {(0, 0)}]
    sure = [{(0, 0), (2, 2)}, {(0, 0)}]
    possible = [{(1, 1)}, set()]
    assert aer(found, sure, possible) == pytest.approx(1 - 5 / 7)


def test_bad_links():
    with pytest.raises(ShapeError, match="expected the same number of sentence pairs, got links 1, sure 2, possible 1"):
        aer([{(0, 0)}], [{(0, 0)}, set()], [set()])
    with pytest.raises(OptionError, match="expected links as a set of"):
        aer([(0, 0)], {(0, 0)}, set())
    with pytest.raises(OptionError, match="expected possible as a set of .* got 3"):
        aer({(0, 0)}, {(0, 0)}, 3)
    with pytest.raises(OptionError, match="expected at least one link"):
        aer(set(), set(), {(0, 1)})
