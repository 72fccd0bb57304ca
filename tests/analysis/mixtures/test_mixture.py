"""A mixture is the sum that it says, lazily, whatever is done to it."""

import pytest
import torch

import regard
from regard.errors import DtypeError, OptionError, ShapeError
from regard.maps.attention_map import AttentionMap


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    made = [AttentionMap(*torch.randn(2, 2, 3, 7, 4, generator=generator), causal=True) for _ in range(2)]
    for amap in made:
        amap.queries = amap.keys = list("abcdefg")
    return made


HEADS = {(0, 1): 0.25, (1, 0): -1.5, (1, 2): 2.0}


def by_hand(maps, heads):
    return sum(weight * maps[layer].dense()[:, head] for (layer, head), weight in heads.items())


def test_it_is_the_sum(maps):
    mixed = regard.mixture(maps, HEADS)
    torch.testing.assert_close(mixed.dense()[:, 0], by_hand(maps, HEADS))
    torch.testing.assert_close(mixed[1, 0, 2:5, 1:3], by_hand(maps, HEADS)[1, 2:5, 1:3])
    torch.testing.assert_close(mixed @ torch.eye(7), mixed.dense())
    assert list(mixed.queries) == list("abcdefg")


def test_the_order_of_heads_changes_nothing_but_rounding(maps):
    backwards = dict(reversed(HEADS.items()))
    torch.testing.assert_close(regard.mixture(maps, backwards).dense(), regard.mixture(maps, HEADS).dense())


def test_parts_of_it_are_parts_of_its_heads(maps):
    whole = regard.mixture(maps, HEADS)
    part = whole.select(batch=1, queries=[5, 2], keys=slice(1, 6))
    torch.testing.assert_close(part.dense(), whole.dense()[1:, :, [5, 2], 1:6])
    words = whole.sample(0).by(keys=[range(3), range(3, 7)])
    torch.testing.assert_close(words.dense()[0, 0].sum(-1), whole.dense()[0, 0].sum(-1))


def test_what_is_done_to_each_head_is_done_before(maps):
    squared = regard.mixture(maps, HEADS, each=lambda amap: AttentionMap.from_dense(amap.dense() ** 2))
    expected = sum(weight * maps[layer].dense()[:, head] ** 2 for (layer, head), weight in HEADS.items())
    torch.testing.assert_close(squared.dense()[:, 0], expected)


def test_shares_that_sum_to_one_keep_the_mass_of_rows(maps):
    mixed = regard.mixture(maps, {(0, 0): 0.5, (1, 1): 0.5})
    torch.testing.assert_close(mixed.dense().sum(-1), torch.ones(2, 1, 7))


@pytest.mark.parametrize(
    ("heads", "options", "error", "said"),
    [
        ({}, {}, OptionError, "expected at least one head"),
        ([(0, 1)], {}, DtypeError, "what each head counts"),
        ({(2, 0): 1.0}, {}, OptionError, "expected layers 0, 1, got 2"),
        ({(0, 3): 1.0}, {}, OptionError, "layer 0 has 3 heads"),
        ({0: 1.0}, {}, DtypeError, r"\(layer, head\) for each"),
        ({(0, 0): "much"}, {}, OptionError, "heads: expected a finite number"),
        ({(0, 0): 1.0}, {"kind": "cross"}, OptionError, "of kind 'cross', got none"),
        ({(0, 0): 1.0}, {"each": lambda amap: amap.dense()}, DtypeError, "each: expected a map"),
        ({(0, 0): 1.0}, {"each": lambda amap: amap.select(batch=0)}, ShapeError, "each: expected a map"),
    ],
)
def test_what_cannot_be_mixed_is_refused(maps, heads, options, error, said):
    with pytest.raises(error, match=said):
        regard.mixture(maps, heads, **options)


def test_a_recording_of_several_kinds_asks_for_one():
    recording = regard.translate("A cat.").recording
    with pytest.raises(OptionError, match="expected one of cross, decoder, encoder"):
        regard.mixture(recording, {(0, 0): 1.0})
    assert regard.mixture(recording, {(0, 0): 1.0}, kind="cross").keys[0] == recording.cross[0].keys[0]
