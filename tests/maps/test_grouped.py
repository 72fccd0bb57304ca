"""A map between groups of positions: words, characters, spans; against sums and means of the dense weights."""

import pytest
import torch
from torch.testing import assert_close

import regard
import regard.tokens
from regard.axes import Axis, Line
from regard.errors import OptionError, ShapeError


def a_map():
    torch.manual_seed(3)
    amap = regard.AttentionMap(torch.randn(1, 2, 5, 7), torch.randn(1, 2, 6, 7))
    amap.queries = ("▁le", "▁ch", "at", ".", "</s>")
    amap.keys = ("▁the", "▁cat", "▁我爱", "北", "京", "</s>")
    amap.kind = "cross"
    return amap


def true(weights, rows, columns):
    summed = torch.stack([weights[..., list(group)].sum(-1) for group in columns], -1)
    return torch.stack([summed[:, :, list(group)].mean(2) for group in rows], 2)


@pytest.mark.parametrize(
    ("queries", "keys", "rows", "columns"),
    [
        ("words", None, ((0,), (1, 2, 3)), tuple((at,) for at in range(6))),
        (None, "words", tuple((at,) for at in range(5)), ((0,), (1,), (2, 3, 4))),
        ([range(2), [4]], [slice(0, 4), (4, 5)], ((0, 1), (4,)), ((0, 1, 2, 3), (4, 5))),
        (["le", "chat"], ["the", "cat", "我爱", "北京"], ((0,), (1, 2)), ((0,), (1,), (2,), (3, 4))),
    ],
    ids=["words of rows", "words of columns", "spans", "given words"],
)
def test_weights_are_summed_over_keys_and_averaged_over_queries(queries, keys, rows, columns):
    amap = a_map()
    found = amap.by(queries, keys)
    assert_close(found.dense(), true(amap.dense(), rows, columns))
    assert_close(found.received(), true(amap.dense(), rows, columns).sum(2))
    assert (found.kind, found.queries.text is None) == ("cross", False)
    assert len(found.queries) == len(rows)
    assert found.by([range(len(rows))]).shape[2] == 1  # once more


def test_units_of_an_axis_are_named():
    amap = a_map()
    line = amap.keys.line
    amap.keys = Axis((Line(6, text=line.text, group={"turns": ((0, 1), (2, 3, 4))}),))
    found = amap.by(keys="turns")
    assert found.keys == ("▁the ▁cat", "▁我爱 北 京")
    assert_close(found.dense(), true(amap.dense(), [(at,) for at in range(5)], ((0, 1), (2, 3, 4))))
    assert amap.by(keys="characters").shape[3] > amap.by(keys="words").shape[3]
    assert amap.by("words").queries == ("le", "chat.")


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ([range(3, 9)], OptionError, "queries: expected a whole number from 0 to 4, got 5"),
        ([5], OptionError, "queries: expected spans as ranges or lists of positions, got 5"),
        (regard.tokens.Words(("a",), ((7,),)), ShapeError, "queries: expected positions from 0 to 4, the map's, got 7"),
        (["quite", "another", "text"], OptionError, "expected the words of these tokens, got others"),
    ],
)
def test_groups_that_are_not_there(asked, error, words):
    with pytest.raises(error, match=words):
        a_map().by(asked)


def test_positions_without_texts_have_no_words():
    with pytest.raises(OptionError, match="expected positions with texts, got none; give labels"):
        regard.AttentionMap.from_dense(torch.eye(3)).by("words")


def test_rows_that_are_padding_are_in_no_mean():
    torch.manual_seed(5)
    amap = regard.AttentionMap(torch.randn(1, 3, 7, 5), torch.randn(1, 3, 7, 5))
    amap.queries = Axis((Line(7, present=(False,) * 2 + (True,) * 5),))
    found = amap.by([range(2), range(1, 4), range(3, 7)])
    keys = tuple((at,) for at in range(7))
    assert_close(found.dense()[:, :, 1:], true(amap.dense(), [(2, 3), (3, 4, 5, 6)], keys))
    assert found.queries.present == (False, True, True)  # a group of nothing but padding
    assert found.queries == ("0 1", "1 2 3", "3 4 5 6")
    assert_close(found.received(), found.dense()[:, :, 1:].sum(2))
