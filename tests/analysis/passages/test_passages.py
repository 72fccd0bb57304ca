"""Passages beside loops over the dense map, one weight at a time."""

import math

import pytest
import torch

import regard
from regard import masks
from regard.analysis.passages.answers import rows_of
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError

KEYS, HEADS = 61, 4
SPANS = Spans(("early", "long", "gaps"), (range(2, 7), range(11, 30), [31, 40, 41]))
ANSWER = (55, 57, 60)


def maps(**mask):
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(1, HEADS, KEYS, 5, generator=generator), torch.randn(1, 2, KEYS, 5, generator=generator) / 2
    q[..., 0], k[:, 0, :, 0] = 3, 0
    k[:, 0, 3, 0] = 4  # a sink of the first two heads, inside of a passage
    return regard.AttentionMap(q, k, **mask)


def by_hand(amap, seen, sinks):
    """Mass and lift of each head and passage, with and without sinks."""
    weights, rows = amap.dense()[0].double(), [at - 1 for at in ANSWER]
    found = []
    for bare in (False, True):
        mass = torch.zeros(HEADS, len(SPANS) + 1, dtype=torch.float64)
        even = torch.zeros_like(mass)
        for head in range(HEADS):
            counted = [key for key in range(KEYS) if not (bare and sinks[head, key])]
            whole = sum(weights[head, row, key].item() for row in rows for key in counted) / len(rows)
            for at, places in enumerate([*SPANS.places, SPANS.rest(KEYS)]):
                inside = [key for key in places if key in counted]
                total = sum(weights[head, row, key].item() for row in rows for key in inside) / len(rows)
                mass[head, at] = total / (whole if bare else 1)
                for row in rows:
                    even[head, at] += sum(seen(row, key) for key in inside) / sum(seen(row, key) for key in counted) / len(rows)
        found += [mass, mass / even]
    return found


@pytest.mark.parametrize(
    ("mask", "seen"),
    [
        ({"causal": True}, lambda row, key: key <= row),
        ({"causal": True, "window": 40}, lambda row, key: row - 40 < key <= row),
        ({"mask": masks.causal() & ~masks.window(3)}, lambda row, key: key <= row - 3),
    ],
    ids=["causal", "window", "all but the nearest"],
)
def test_every_number_is_that_of_a_loop(mask, seen):
    amap = maps(**mask)
    found = regard.passages(amap, SPANS, answer=ANSWER)
    mass, lift, bare, bare_lift = by_hand(amap, seen, found.sinks[0])
    torch.testing.assert_close(found.mass[0], mass, rtol=1e-5, atol=1e-7, equal_nan=True)
    torch.testing.assert_close(found.lift[0], lift, rtol=1e-5, atol=1e-7, equal_nan=True)
    torch.testing.assert_close(found.mass_without_sinks[0], bare, rtol=1e-5, atol=1e-7, equal_nan=True)
    torch.testing.assert_close(found.lift_without_sinks[0], bare_lift, rtol=1e-5, atol=1e-7, equal_nan=True)
    sizes = torch.tensor([5, 19, 3, KEYS - 27])
    torch.testing.assert_close(found.density[0], mass / sizes, rtol=1e-5, atol=1e-8)


def test_the_token_that_comes_next_is_read_in_the_last_row():
    amap = maps(causal=True)
    found = regard.passages(amap, SPANS, answer=[KEYS])
    assert found.rows == (KEYS - 1,)
    torch.testing.assert_close(found.mass[0, :, 0], amap[0, :, -1, 2:7].sum(-1).double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("given", [{"a": range(3, 9)}, [range(3, 9), range(9, 12)]])
def test_positions_are_given_as_spans(given):
    with pytest.raises(DtypeError, match=r"spans: expected texts as they stand in the prompt, got .*regard\.Spans\("):
        regard.passages(maps(causal=True), given, answer=ANSWER)


def test_a_sink_is_found_where_it_is_and_a_passage_without_it_loses_its_lead():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    assert found.sinks[0].nonzero().tolist() == [[0, 3], [1, 3]]
    assert found.lift[0, 0, 0] > 3
    assert found.lift_without_sinks[0, 0, 0] < 2


def test_in_a_long_text_a_sink_of_a_fourteenth_is_set_aside():
    """It stands alone among two thousand keys; a passage of 40 that is liked is none."""
    query, key = torch.randn(2, 1, 1, 2000, 16, generator=torch.Generator().manual_seed(0))
    query[..., 0] = 3
    key[..., 0] = torch.where(torch.arange(2000) == 0, 7.0, 0.0)
    key[:, :, 900:940, 0] += 1.2
    amap = regard.AttentionMap(query, key, causal=True)
    found = regard.passages(amap, Spans(("sink", "liked"), ([0], range(900, 940))), answer=range(1980, 2000))
    assert 0.05 < found.mass[0, 0, 0] < 0.15
    assert found.sinks[0].nonzero().tolist() == [[0, 0]]
    assert found.lift_without_sinks[0, 0, 1] > found.lift[0, 0, 1] > 1.5


def test_with_the_rest_a_partition_is_a_whole_row():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    torch.testing.assert_close(found.mass.sum(-1), torch.ones(1, HEADS, dtype=torch.float64), rtol=0, atol=1e-6)


def test_even_attention_lifts_nothing():
    found = regard.passages(
        regard.AttentionMap(torch.zeros(1, 1, KEYS, 4), torch.zeros(1, 1, KEYS, 4), causal=True), SPANS, answer=ANSWER
    )
    torch.testing.assert_close(found.lift, torch.ones_like(found.lift), rtol=1e-5, atol=0)
    torch.testing.assert_close(found.lift_without_sinks, torch.ones_like(found.lift), rtol=1e-5, atol=0)


def test_a_passage_cut_in_two_adds_up():
    halves = Spans(("a", "b"), (range(11, 20), range(20, 30)))
    one = regard.passages(maps(causal=True), SPANS, answer=ANSWER).mass[..., 1]
    torch.testing.assert_close(regard.passages(maps(causal=True), halves, answer=ANSWER).mass[..., :2].sum(-1), one)


def test_weights_that_exist_are_read_like_factors():
    lazy = maps(causal=True)
    dense = regard.AttentionMap.from_dense(lazy.dense())
    one, other = (regard.passages(amap, SPANS, answer=ANSWER) for amap in (lazy, dense))
    for name in ("mass", "lift", "lift_without_sinks"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-6)


def test_the_strongest_is_first_and_heads_can_be_chosen():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    means = found.lift[0, :, :3].mean(0).tolist()
    assert [line.name for line in found.ranked()] == [SPANS.names[at] for at in sorted(range(3), key=lambda at: -means[at])]
    assert sum(line.first for line in found.ranked()) == HEADS
    alone = {line.name: line.value for line in found.ranked(heads={(0, 2): 3.0})}
    assert alone == pytest.approx(dict(zip(SPANS.names, found.lift[0, 2].tolist(), strict=False)))


def test_what_a_question_adds():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    torch.testing.assert_close(found.contrast(found), torch.ones(1, HEADS, 3, dtype=torch.float64))


@pytest.mark.parametrize(("order", "rho"), [((3, 2, 1), 1.0), ((1, 2, 3), -1.0), ((2, 3, 1), 0.5), ((2, 2, 1), 0.8660254)])
def test_agreement_is_a_correlation_of_ranks(order, rho):
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    lost = dict(zip([line.name for line in found.ranked()], order, strict=True))
    assert found.agreement({name: -value for name, value in lost.items()}) == pytest.approx(rho)


# Rows of an answer


def test_rows_of_a_decoder_stand_one_before_its_tokens_and_an_encoders_do_not():
    assert rows_of(maps(causal=True), [5, 9]) == (4, 8)
    assert rows_of(maps(), [5, 9]) == (5, 9)
    assert rows_of(maps(causal=True).select(queries=slice(50, None)), [51, 60]) == (0, 9)


def test_rows_of_a_translation_are_those_that_produced_its_words():
    amap = regard.translate("The cat sat on the mat.").recording.cross[0]
    rows = rows_of(amap, "chat")
    assert "".join(amap.queries[row] for row in rows).strip("▁ ").lower() == "chat"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ([0], OptionError, "nothing stands before the first"),
        ([], OptionError, "at least one token"),
        ([KEYS + 1], OptionError, "from 0 to 61"),
        ("words", OptionError, "the map has no texts"),
    ],
)
def test_answers_that_are_not_there_are_refused(answer, error, message):
    with pytest.raises(error, match=message):
        regard.passages(maps(causal=True), SPANS, answer=answer)


def test_an_answer_of_an_earlier_pass_is_refused():
    with pytest.raises(OptionError, match="in an earlier pass"):
        rows_of(maps(causal=True).select(queries=slice(50, None)), [50])


# What people get


def test_a_table_and_a_text():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    rows = list(found.table())
    assert len(rows) == 1 + HEADS * (len(SPANS) + 1)
    assert rows[1][:4] == [0, 0, "early", 5]
    assert rows[4][2:4] == ["rest", KEYS - 27]
    assert "mean of all 4 heads" in str(found)
    assert f"{found.ranked()[0].value:.2f}" in str(found)


def test_what_no_head_may_see_is_first_in_none():
    amap = maps(causal=True)
    found = regard.passages(amap, Spans(("later",), ([58],)), answer=[20])
    [line] = found.ranked()
    assert math.isnan(line.value)
    assert line.first == 0
    assert "0 of 4" in str(found)
    assert str(found).startswith("1 row of the answer")


def test_passages_stand_beside_what_they_say():
    """By names of their own, beside the running text, cut; a name that is the text stands alone."""
    amap = maps(causal=True)
    amap.queries = amap.keys = ["<s>", *(f"▁w{at}" for at in range(1, KEYS - 1)), "</s>"]
    lines = regard.passages(amap, SPANS, answer=ANSWER).listing({(0, 1): 1.0, (0, 3): 2.0}).splitlines()
    assert "mean of 2 chosen heads" in lines[0]
    said = {line.split()[0]: line.split("of 2")[-1].strip() for line in lines[2:]}
    assert said["early"] == "w2 w3 w4 w5 w6"
    assert said["gaps"] == "w31 … w40 w41"
    assert said["long"].startswith("w11 w12")
    assert said["long"].endswith("…")
    assert len(said["long"]) <= 48
    named = regard.passages(amap, ["w4 w5", "w20"], answer=ANSWER)
    assert all(line.endswith("of 4") for line in str(named).splitlines()[2:4])
    odd = regard.passages(amap, Spans(("a\nb\x1b[2J", "x"), ([0], [4])), answer=ANSWER)
    assert str(odd).splitlines()[2].count("↵") + str(odd).splitlines()[3].count("↵") == 1
    assert "\x1b" not in str(odd)


@pytest.mark.parametrize("width", [None, 3.3])
def test_all_of_a_picture_is_on_it(width):
    figure = regard.passages(maps(causal=True), SPANS, answer=ANSWER).figure(width=width)
    figure.draw_without_rendering()
    drawn, (across, down) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= 0, drawn
    assert drawn.x1 <= across, drawn
    assert drawn.y1 <= down, drawn


def test_bars_stand_where_passages_do():
    found = regard.passages(maps(causal=True), SPANS, answer=ANSWER)
    bars = {(bar.get_x(), bar.get_width()): bar.get_height() for bar in found.figure().axes[0].patches}
    means = found.lift[0].mean(0).tolist()
    assert bars == pytest.approx({(2, 5): means[0], (11, 19): means[1], (31, 1): means[2], (40, 2): means[2]})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda found: found.ranked("weight"), OptionError, "by: expected"),
        (lambda found: found.ranked(heads={(0, 9): 1}), OptionError, "heads of layers 0"),
        (lambda found: found.ranked(heads={(0, 0): 0}), OptionError, "above 0"),
        (lambda found: found.ranked(heads={}), OptionError, "what each counts"),
        (lambda found: found.agreement({"early": 1}), OptionError, "effects"),
        (lambda _: regard.passages(maps(causal=True), Spans((), ()), answer=ANSWER), OptionError, "at least one passage"),
        (
            lambda _: regard.passages(maps(causal=True), Spans(("a",), ([KEYS],)), answer=ANSWER),
            ShapeError,
            "positions from 0 to 60",
        ),
        (lambda _: regard.passages(maps(causal=True), ["a"], answer=ANSWER), OptionError, "positions with texts"),
        (lambda _: regard.passages(maps(causal=True), SPANS, answer=ANSWER, sink=0), Exception, "sink"),
    ],
)
def test_what_has_no_answer_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(regard.passages(maps(causal=True), SPANS, answer=ANSWER))


# Heads that copy


def test_a_head_that_copies_is_found_among_others():
    weights = torch.full((1, 3, 8, 8), 0.01).tril()
    weights[..., 0] = 0.5
    tokens = ["<s>", "k", "e", "y", "x", "k", "e", "y"]
    weights[0, 1, [4, 5, 6], [1, 2, 3]] = 1  # looks at what comes next, where it stood the first time
    weights[0, 2, [4, 5], [1, 3]] = 1  # the second is another letter
    amap = regard.AttentionMap.from_dense(weights / weights.sum(-1, keepdim=True))
    amap.queries = amap.keys = tokens
    found = regard.retrieval_heads(amap, [1, 2, 3], answer=[5, 6, 7])
    assert list(found.items()) == [((0, 1), 1.0), ((0, 2), pytest.approx(1 / 3)), ((0, 0), 0.0)]
    assert regard.retrieval_heads(amap, [2], answer=[5, 6, 7])[0, 1] == 1.0
    assert math.isclose(regard.retrieval_heads(amap, [0, 1, 2, 3], answer=[5, 6, 7])[0, 1], 0.75)


def test_a_token_that_the_needle_has_twice_counts_once():
    weights = torch.zeros(1, 1, 6, 6)
    weights[..., 0] = 0.4
    weights[0, 0, 3, 1] = weights[0, 0, 4, 2] = 0.6  # both of the needle's "a", as "a" is written twice
    amap = regard.AttentionMap.from_dense(weights)
    amap.queries = amap.keys = ["<s>", "a", "a", "b", "a", "a"]
    assert regard.retrieval_heads(amap, [1, 2, 3], answer=[4, 5]) == {(0, 0): 0.5}


def test_maps_without_tokens_and_of_a_translation_cannot_be_asked_for_copies():
    with pytest.raises(OptionError, match="maps without tokens"):
        regard.retrieval_heads(maps(causal=True), [1], answer=[3])
    with pytest.raises(OptionError, match="cross-attention"):
        regard.retrieval_heads(regard.translate("The cat.").recording, [1], answer=[2], kind="cross")


def test_the_last_token_that_was_written_has_a_row_and_no_key():
    """As after regard.generate: its position is one beyond what was read."""
    amap = maps(causal=True)
    assert rows_of(amap, [KEYS]) == (KEYS - 1,)
    found = regard.passages(amap, SPANS, answer=[KEYS])
    torch.testing.assert_close(found.mass[0, :, 0], amap.dense()[0, :, -1, 2:7].double().sum(-1), rtol=1e-5, atol=1e-7)
    with pytest.raises(OptionError, match="answer"):
        regard.passages(amap, SPANS, answer=[KEYS + 1])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Bob", "answer: expected what stands in the text, got 'Bob', which does not stand there; copy it from there"),
        ("anna", r"answer: .* once, got 'anna', which stands there several times; give more of it, or its positions: range"),
        (" ", "answer: expected what stands in the text, got ' '"),
    ],
)
def test_an_answer_that_is_not_found_is_called_one(answer, message):
    amap = regard.AttentionMap(torch.zeros(1, 1, 7, 4), torch.zeros(1, 1, 7, 4), causal=True)
    amap.queries = amap.keys = [f"▁{word}" for word in ["Anna", "kept", "the", "lamp", ".", "Anna", "left"]]
    assert rows_of(amap, "the lamp") == (1, 2)
    with pytest.raises(OptionError, match=message):
        rows_of(amap, answer)
