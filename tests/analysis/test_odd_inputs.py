"""Answers in users' units where an input is odd: padding, rows that see nothing, what cannot be seen, what overlaps."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import regard
from regard import Spans
from regard.axes import Axis, Line, Picture, View
from regard.errors import OptionError, RegardError, ScoreError, ShapeError

SIZE = 31


def amap(**mask):
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, heads, SIZE, 5, generator=generator) for heads in (4, 2))
    return regard.AttentionMap(query, key, **({"causal": True} | mask))


def blind(row):
    """A causal map of which one row sees nothing."""
    mask = torch.ones(SIZE, SIZE).tril().bool()
    mask[row] = False
    return amap(mask=mask, causal=False)


def crossed(weights):
    made = regard.AttentionMap.from_dense(weights)
    made.kind = "cross"
    return made


def picture(first):
    return Picture((View(2, 3, range(first, first + 6)),))


def test_padding_is_no_token_of_a_passage():
    padded = amap()
    padded.queries = padded.keys = Axis((Line(SIZE, present=(False,) * 3 + (True,) * (SIZE - 3)),))
    found = regard.passages(padded, Spans(("half padding", "text", "padding"), (range(5), range(5, 9), [0])), answer=[20])
    assert found.sizes == (2, 4, 0, SIZE - 3 - 6)
    assert {line.name: line.tokens for line in found.ranked()} == {"half padding": 2, "text": 4, "padding": 0}
    assert_close(found.density[..., :2], found.mass[..., :2] / torch.tensor([2.0, 4.0]).double())
    assert found.ranked()[-1].name == "padding"


def test_nested_and_overlapping_spans_count_twice_and_the_rest_once():
    whole = amap().dense()[0, :, 19].double()
    found = regard.passages(amap(), Spans(("all", "part", "across"), (range(10), range(3, 5), range(8, 14))), answer=[20])
    want = torch.stack([whole[:, :10].sum(1), whole[:, 3:5].sum(1), whole[:, 8:14].sum(1), whole[:, 14:].sum(1)], 1)
    assert_close(found.mass[0], want, rtol=0, atol=1e-6)


def test_a_row_that_sees_nothing_loses_nothing_to_a_cache():
    report = regard.cache(blind(25), ["streaming", "observed"], [20], prompt=20)
    assert_close(report.retained, torch.ones_like(report.retained))
    assert not report.budget().isnan().any()


def test_a_passage_of_which_nothing_is_seen_has_no_lift():
    found = regard.passages(blind(19), Spans(("x", "y", "z"), ([1], [2], [3])), answer=[20])
    assert all(math.isnan(line.value) and line.first == 0 for line in found.ranked())
    assert "nan" in str(found)


def test_there_is_no_rank_correlation_with_what_cannot_be_seen():
    found = regard.passages(amap(), Spans(("x", "later", "z"), ([1], [29], [2])), answer=[9])
    effects = {"x": 1.0, "later": 0.0, "z": -1.0}
    assert math.isnan(found.agreement(effects))
    assert math.isfinite(found.agreement(effects, "mass"))


def test_where_no_patch_was_looked_at_none_is_the_strongest():
    found = regard.patches(amap(), {"early": [3], "late": [28]}, pictures=[picture(10)])
    assert {line[0] for line in found.strongest()} == {"late"}
    assert str(found).splitlines()[2].endswith("none")


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_heads_that_share_keys_are_heads(kv_heads):
    query, key = torch.randn(1, 4, SIZE, 5), torch.randn(1, kv_heads, SIZE, 5)
    made = regard.AttentionMap(query, key, causal=True)
    dense = made.dense()[0].double()
    found = regard.patches(made, {"word": [26, 28]}, pictures=[picture(5)])
    assert_close(found.heat("word"), dense.mean(0)[[25, 27]].mean(0)[5:11].view(2, 3), rtol=0, atol=1e-6)
    kept = regard.cache(made, ["streaming"], [7], prompt=20, sinks=3).retained[0, 0, :, 0]
    chosen = [0, 1, 2, 16, 17, 18, 19, *range(20, SIZE)]
    assert_close(kept, dense[:, 20:, chosen].sum(-1).mean(-1), rtol=0, atol=1e-6)


def test_parts_are_found_whatever_their_letters():
    made = amap().select(queries=range(9), keys=range(9))
    texts = ["▁Straße", "▁ÉCO", "LE", "▁ﬁn", "▁你好", "👨\u200d👩\u200d👧", "▁İstanbul", "▁नमस्ते", "."]
    made.queries = made.keys = texts
    parts = ["strasse", "e\u0301cole", "fin", "你好", "👨\u200d👩\u200d👧", "istanbul", "नमस्ते"]
    assert Spans.found(made.keys, parts).places == ((0,), (1, 2), (3,), (4,), (5,), (6,), (7,))


def not_a_number():
    query = torch.randn(1, 2, SIZE, 5)
    query[0, 0, 25, 3] = torch.nan
    return regard.AttentionMap(query, torch.randn(1, 2, SIZE, 5), causal=True)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (OptionError, "nothing stands before the first", lambda: regard.passages(amap(), Spans(("x",), ([0],)), answer=[0])),
        (ScoreError, "query 25", lambda: regard.passages(not_a_number(), Spans(("x",), ([0],)), answer=[26])),
        (ScoreError, "query 25", lambda: regard.cache(not_a_number(), ["observed"], [3], prompt=20)),
        (ScoreError, "query 25", lambda: regard.patches(not_a_number(), {"w": [26]}, pictures=[picture(5)])),
        (OptionError, "each once", lambda: Spans.in_text("a b", [(0, 1), (2, 3)], ["a", "a"])),
        (
            OptionError,
            "pictures: expected positions of one picture each, got 12 in several",
            lambda: regard.patches(amap(), {"w": [28]}, pictures=[picture(10), picture(12)]),
        ),
        (OptionError, "views: expected positions of one view", lambda: Picture((View(1, 2, (1, 2)), View(1, 2, (2, 3))))),
        (
            OptionError,
            "residues: expected positions along the chain",
            lambda: regard.contacts(amap(), {(0, 0): 1.0}, residues=[5, 1, 2]),
        ),
        (
            OptionError,
            "seconds: expected a number above 0",
            lambda: regard.word_times([crossed(torch.full((1, 1, 3, 4), 0.25))], [(0, 0)], prompt=0, seconds=0),
        ),
        (
            ScoreError,
            "shown: expected finite scores, got NaN",
            lambda: regard.overlay(torch.full((6,), torch.nan), picture=picture(0)),
        ),
        (ShapeError, "shown: expected scores", lambda: regard.overlay(torch.rand(2, 6), picture=picture(0))),
        (
            OptionError,
            "words: expected a whole number",
            lambda: regard.pixels([crossed(torch.full((1, 1, 12, 4), 0.25))], {"a": [-1]}, size=(3, 4)),
        ),
        (
            ShapeError,
            "an even batch, .* got 3 in a map; leave half= out",
            lambda: regard.pixels([crossed(torch.full((3, 1, 12, 4), 0.25))], {"a": [1]}, size=(3, 4), half="conditional"),
        ),
        (
            OptionError,
            "half: expected which half of the batch .* got none for a batch of 2",
            lambda: regard.pixels([crossed(torch.full((2, 1, 12, 4), 0.25))], {"a": [1]}, size=(3, 4)),
        ),
    ],
)
def test_what_has_no_answer_is_refused(error: type[RegardError], message, call):
    with pytest.raises(error, match=message):
        call()


def test_signs_that_are_noted_alone():
    """Views such as ``z.conj().imag`` say their sign without doing it, and numpy reads none of them."""

    def noted(tensor):
        return torch.complex(torch.zeros_like(tensor), -tensor).conj().imag

    query, key, bias, sinks = torch.randn(1, 2, 7, 4), torch.randn(1, 2, 5, 4), torch.randn(7, 5), torch.randn(2)
    weights = torch.softmax(query @ key.mT, -1)
    assert noted(query).is_neg()
    plain = regard.AttentionMap(query, key, bias=bias, sinks=sinks), regard.AttentionMap.from_dense(weights)
    same = (
        regard.AttentionMap(noted(query), noted(key), bias=noted(bias), sinks=noted(sinks)),
        regard.AttentionMap.from_dense(noted(weights)),
    )
    for one, other in zip(plain, same, strict=True):
        assert regard.page(other) == regard.page(one)
        assert regard.heads(other).equals(regard.heads(one))
        assert_close(torch.from_numpy(np.asarray(other)), one.dense(), rtol=0, atol=0)
