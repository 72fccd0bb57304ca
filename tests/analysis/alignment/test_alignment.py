"""Soft to hard alignment, and the error rate, with numbers that can be checked by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from regard import AttentionMap, aer, align
from regard.analysis.alignment import (
    METHODS,
    SINKS,
    Pair,
    Reading,
    Rule,
    from_pharaoh,
    guess_reading,
    rank_heads,
    scores,
    symmetrised,
    to_pharaoh,
)
from regard.analysis.alignment.methods import links_of
from regard.errors import FileFormatError, OptionError, ShapeError, TooLargeError
from regard.maps.reading import parts
from regard.tokens.punctuation import has_no_letters
from witnesses import alignment as oracles_alignment

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
    alignment = align([labelled(WEIGHTS[:1], queries=("</s>",))], 0, 0)
    assert alignment.links == frozenset()
    assert alignment.weights.shape == (0, 3)


def test_words_that_were_split_elsewhere():
    alignment = align([labelled()], 0, 0, source_words="the blackcat", target_words=["le", "chat", "no", "ir"])
    assert alignment.source_words == ("the", "blackcat")
    assert alignment.target_words == ("le", "chat", "no", "ir")
    assert_close(alignment.weights, torch.tensor([[0.75, 0.25], [0.0, 1.0], [0.0, 0.75], [0.0, 1.0]]))


CHINESE = ("▁我", "爱", "北京", "的天安门", "</s>")


@pytest.mark.parametrize(
    ("asked", "words", "links"),
    [
        ("characters", tuple("我爱北京的天安门"), {(0, 0), (1, 1), (1, 2), (1, 3)}),
        (["我", "爱", "北京", "的", "天安门"], ("我", "爱", "北京", "的", "天安门"), {(0, 0), (1, 1), (1, 2)}),
        (lambda text: [text[:1], text[1:2], text[2:]], ("我", "爱", "北京的天安门"), {(0, 0), (1, 1), (1, 2)}),
    ],
    ids=["characters", "words", "a segmenter"],
)
def test_a_target_without_blanks(asked, words, links):
    weights = torch.zeros(5, 5)
    weights[0, 0] = weights[1, 2] = weights[2, 2] = 0.9
    weights[3, 4] = weights[4, 4] = 1.0
    found = align([labelled(weights, queries=CHINESE)], 0, 0, target_words=asked)
    assert found.target_words == words
    assert found.links == links


def test_a_sentence_that_is_one_word_is_told():
    with pytest.warns(
        UserWarning, match=r"target_words: .我爱北京的天安门. is one word .* say target_words=.characters."
    ) as told:
        assert align([labelled(queries=CHINESE)], 0, 0).target_words == ("我爱北京的天安门",)
    assert len(told) == 1
    assert align([labelled(queries=CHINESE)], 0, 0, target_words="words").target_words == ("我爱北京的天安门",)


def test_readings_are_averaged():
    other = torch.rand(5, 5, generator=torch.Generator().manual_seed(7)).softmax(-1)
    maps = [labelled(other), labelled()]
    alone = [align(maps, layer, 0).weights for layer in (0, 1)]
    both = align(maps, readings=[Reading(1, 0, "produced"), (0, 0, "produced"), (1, 0, "produced")])
    assert_close(both.weights, (alone[0] + 2 * alone[1]) / 3)
    assert both.reading == Reading(1, 0, "produced")
    assert len(both.readings) == 3
    for wrong, words in (
        ({"readings": []}, r"expected readings as a list of \(layer, head, rows\), got \[\]"),
        ({"readings": [(0, 0)]}, "expected readings as a list"),
        ({"readings": [(0, 3, "produced")]}, "head: expected a whole number from 0 to 0, got 3"),
        ({"readings": [(0, 0, "later")]}, "rows: expected one of produced, consumed, got 'later'"),
        ({"layer": 0, "head": 0, "readings": [(0, 0, "produced")]}, "expected readings= or layer, head and rows, got both"),
    ):
        with pytest.raises(OptionError, match=words):
            align(maps, **wrong)


# -- rules ---------------------------------------------------------------------------------------------------------

ORACLES = {name: getattr(oracles_alignment, f"{name}_links") for name in METHODS}


def rule_map(weights, sinks=None):
    """A map between words, its last column being what the special tokens got."""
    sinks = torch.zeros(len(weights)) if sinks is None else sinks
    return AttentionMap.from_dense(torch.cat([weights, sinks[:, None]], 1))


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.25]))
@settings(deadline=None, max_examples=60)
def test_rules_are_their_definitions(targets, sources, seed, threshold):
    generator = torch.Generator().manual_seed(seed)
    weights = (2 * torch.randn(targets, sources + 1, generator=generator, dtype=torch.float64)).softmax(-1)
    words, sink = weights[:, :-1], weights[:, -1]
    names = [",."[seed % 2] if at % 3 == 1 else f"w{at}" for at in range(max(sources, targets))]
    unlinked = {t for t in range(targets) if sink[t] > words[t].max()}
    at_marks = {t for t in range(targets) if has_no_letters(names[int(words[t].argmax())]) and not has_no_letters(names[t])}
    free = {"ignore": set(), "special": unlinked, "punctuation": unlinked | at_marks}
    for method in METHODS:
        for sinks in SINKS:
            rule = Rule(method, threshold or (0.2 if method == "threshold" else 0.0), sinks)
            found = links_of(rule_map(words, sink), rule, names[:sources], names[:targets])
            assert found == ORACLES[method](words.tolist(), rule.threshold, free[sinks]), (method, sinks)


def test_rules_read_in_blocks_what_they_read_at_once(monkeypatch):
    generator = torch.Generator().manual_seed(5)
    words, sink = torch.rand(23, 17, generator=generator).softmax(-1), torch.rand(23, generator=generator) / 5
    names = [f"w{at}" for at in range(23)]
    rules = [Rule(method, 0.07 if method == "threshold" else 0.0, "special") for method in METHODS]
    whole = [links_of(rule_map(words, sink), rule, names[:17], names) for rule in rules]
    monkeypatch.setattr(parts, "BLOCK_BYTES", 5 * 18 * 8)  # five rows
    assert [links_of(rule_map(words, sink), rule, names[:17], names) for rule in rules] == whole
    assert all(whole)


def test_two_rounds_find_what_one_leaves():
    weights = torch.tensor([[0.8, 0.1, 0.05, 0.05], [0.6, 0.3, 0.05, 0.05], [0.1, 0.1, 0.7, 0.1]])
    names = list("abcd")
    assert links_of(rule_map(weights), Rule("mutual"), names, names[:3]) == {(0, 0), (2, 2)}
    # Row 1: 0.6 counts 0.54, its column has a link; the column's best is this row, for row 0 and it are both linked.
    assert links_of(rule_map(weights), Rule("itermax"), names, names[:3]) == {(0, 0), (2, 2), (0, 1)}


def test_special_tokens_and_marks_may_leave_a_word_without_link():
    weights = torch.tensor(
        [[0.3, 0.1, 0.1, 0.1, 0.4], [0.1, 0.2, 0.4, 0.2, 0.1], [0.1, 0.1, 0.2, 0.5, 0.1], [0, 0, 0.1, 0.8, 0.1]]
    )
    amap = labelled(weights, ("▁un", "▁deux", "▁trois", "▁."), ("▁one", "▁two", "▁thr", "▁.", "</s>"))
    assert align([amap], 0, 0).links == {(0, 0), (2, 1), (3, 2), (3, 3)}
    assert align([amap], 0, 0, sinks="special").links == {(2, 1), (3, 2), (3, 3)}
    assert align([amap], 0, 0, sinks="punctuation").links == {(2, 1), (3, 3)}
    assert_close(align([amap], 0, 0, sinks="special").weights, weights[:, :4])


def test_both_directions_must_agree():
    forward = labelled()
    back = labelled(torch.eye(5)[[0, 2, 2, 1, 4]], queries=SOURCE, keys=TARGET)  # the-le, black-noir, cat-chat
    reverse = align([back], 0, 0)
    assert reverse.links == {(0, 0), (2, 1), (1, 2)}
    assert align([forward], 0, 0, method="mutual", reverse=reverse).links == {(0, 0), (1, 2), (2, 1)}
    wrong = align([labelled(torch.eye(5)[[3, 2, 2, 1, 4]], queries=SOURCE, keys=TARGET)], 0, 0)
    assert align([forward], 0, 0, method="mutual", reverse=wrong).links == {(1, 2), (2, 1)}
    with pytest.raises(ShapeError, match="expected the reverse of 3 source and 3 target words, got 3 and 2"):
        align(
            [forward],
            0,
            0,
            method="mutual",
            reverse=align([back], 0, 0, source_words="le chatnoir", target_words="the black cat"),
        )
    with pytest.raises(OptionError, match="reverse: expected an Alignment, and method='mutual' beside it, got"):
        align([forward], 0, 0, reverse=reverse)


def test_a_long_alignment_keeps_no_matrix(monkeypatch):
    monkeypatch.setattr("regard.analysis.alignment.align.HELD", 0)
    lazy = align([labelled()], 0, 0, method="itermax")
    assert "words of a map of 5 and 5 tokens" in repr(lazy.word_map)
    monkeypatch.undo()
    held = align([labelled()], 0, 0, method="itermax")
    assert "dense weights" in repr(held.word_map)
    assert lazy.links == held.links
    assert_close(lazy.weights, held.weights)
    with pytest.raises(TooLargeError):
        lazy.word_map.dense(max_bytes=8)


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
        ({"layer": 1, "head": 0}, OptionError, "layer: expected a whole number from 0 to 0, got 1"),
        ({"layer": 0, "head": -1}, OptionError, "head: expected a whole number from 0 to 0, got -1"),
        ({"rows": "later"}, OptionError, "rows: expected one of produced, consumed, got 'later'"),
        ({"threshold": 1.0}, OptionError, "threshold: expected a number of at least 0 and below 1, got 1.0"),
        ({"method": "best"}, OptionError, "method: expected one of argmax, itermax, threshold, mutual, got 'best'"),
        ({"sinks": True}, OptionError, "sinks: expected one of ignore, special, punctuation, got True"),
        ({"method": "threshold"}, OptionError, "threshold: expected a number above 0 for method='threshold', got 0"),
        ({"source_words": ["quite", "another"]}, OptionError, "expected the words of these tokens"),
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


def test_precision_and_recall_by_hand():
    found = scores({(0, 0), (1, 1), (2, 0), (3, 3)}, {(0, 0), (2, 2), (3, 3)}, {(1, 1)})
    assert (found.precision, found.recall) == (pytest.approx(3 / 4), pytest.approx(2 / 3))
    assert (found.aer, found.found, found.sure) == (pytest.approx(1 - 5 / 7), 4, 3)
    nothing = scores(set(), {(0, 0)}, set())
    assert (nothing.precision, nothing.recall, nothing.aer) == (1.0, 0.0, 1.0)


links = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=12)


@given(links, links)
@settings(deadline=None, max_examples=60)
def test_symmetrisation(forward, reverse):
    assert symmetrised(forward, reverse, "intersection") == forward & reverse
    assert symmetrised(forward, reverse, "union") == forward | reverse
    assert symmetrised(forward, reverse) == oracles_alignment.grow_diag_final_and(forward, reverse)


def test_symmetrisation_by_hand():
    forward, reverse = {(0, 0), (1, 1), (1, 2), (4, 4), (6, 0)}, {(0, 0), (1, 1), (2, 2), (5, 4)}
    expected = {(0, 0), (1, 1), (1, 2), (2, 2), (4, 4)}
    assert symmetrised(forward, reverse) == oracles_alignment.grow_diag_final_and(forward, reverse) == expected
    with pytest.raises(OptionError, match="how: expected one of intersection, union, grow-diag-final-and, got 'gdfa'"):
        symmetrised(forward, reverse, "gdfa")


@given(links, links)
def test_pharaoh_there_and_back(sure, possible):
    read = from_pharaoh(to_pharaoh(sure, possible))
    assert (read.sure, read.possible) == (sure, sure | possible)


def test_pharaoh_as_others_write_it():
    assert from_pharaoh("1-0 2p1 3?1", swap=True) == ({(0, 1)}, {(0, 1), (1, 2), (1, 3)})
    assert from_pharaoh("0-0:0.93 1-2:1e-3\n").sure == {(0, 0), (1, 2)}
    assert from_pharaoh("1-1 2-3", first=1).sure == {(0, 0), (1, 2)}
    assert from_pharaoh("  ") == (set(), set())
    for wrong in ("1", "1-", "a-b", "1-2,3-4", "-1-2"):
        with pytest.raises(FileFormatError, match=f"expected links such as 3-4 .* got '{wrong}'"):
            from_pharaoh(f"0-0 {wrong}")
    with pytest.raises(FileFormatError, match="expected words counted from 1, got '0-1'"):
        from_pharaoh("0-1", first=1)


def test_the_head_that_aligns_is_found():
    flat = torch.full((5, 5), 0.2)
    shifted = torch.cat([flat[:1], WEIGHTS[:-1]])
    gold = {(0, 0), (2, 1), (1, 2)}
    maps = [labelled(torch.stack([flat, flat])[None]), labelled(torch.stack([shifted, flat])[None])]
    ranked = rank_heads([Pair(maps, gold, set())], [Rule(), Rule("argmax", 0.7)])
    assert ranked[0].readings == (Reading(1, 0, "consumed"),)
    assert ranked[0].rule == Rule()
    assert ranked[0].scores == scores(gold, gold, set())
    assert len(ranked) == 2 * 2 * 2 * 2
    assert [one.scores.aer for one in ranked] == sorted(one.scores.aer for one in ranked)
    for one in ranked:  # the table says what align says
        found = align(maps, readings=one.readings, threshold=one.rule.threshold)
        assert one.scores == scores(set(found.links), gold, set())
    asked = [(Reading(0, 1, "produced"), Reading(1, 0, "consumed"))]
    assert [one.readings for one in rank_heads([Pair(maps, gold, set())], readings=asked)] == asked
    with pytest.raises(ShapeError, match="expected links of 3 source words in pair 0, got word 3"):
        rank_heads([Pair(maps, {(3, 0)}, set())])
    with pytest.raises(OptionError, match="expected at least one sentence pair, got none"):
        rank_heads([])
    with pytest.raises(OptionError, match="expected at least one rule, got none"):
        rank_heads([Pair(maps, gold, set())], [])
