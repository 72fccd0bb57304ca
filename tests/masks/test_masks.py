# ruff: noqa: ARG005 - every rule takes (b, h, q, k), whichever of them it reads
import re
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from transformers.masking_utils import causal_mask_function, sliding_window_causal_mask_function

from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import (
    Mask,
    causal,
    centred_window,
    documents,
    everything,
    from_tensor,
    padding,
    prefix,
    recognised,
    spans,
    window,
)
from support.mask_rules import BATCH, HEADS, IDS, KEEP, KEYS, OFFSET, QUERIES, RULES, TABLE, by_hand


@pytest.mark.parametrize(("mask", "rule"), RULES, ids=[repr(mask) for mask, _ in RULES])
def test_dense_is_the_rule(mask, rule):
    dense = mask.dense(BATCH, HEADS, QUERIES, KEYS)
    assert dense.shape == (BATCH, HEADS, QUERIES, KEYS)
    assert_close(dense, by_hand(rule))


@pytest.mark.parametrize("mask", [mask for mask, _ in RULES], ids=repr)
def test_a_tile_is_a_piece_of_the_whole(mask):
    whole = mask.dense(BATCH, HEADS, QUERIES, KEYS)
    tile = mask.dense(BATCH, HEADS, 2, 3, query_start=3, key_start=4)
    assert_close(tile, whole[:, :, 3:5, 4:7])


def test_same_rule_as_transformers():
    grid = (torch.tensor(0), torch.tensor(0), torch.arange(11)[:, None], torch.arange(11))
    assert_close(causal()(*grid), causal_mask_function(*grid))
    assert_close(window(3)(*grid), sliding_window_causal_mask_function(3)(*grid))


def test_serves_as_a_vmapped_mask_function():
    mask = (causal() & padding(KEEP)) | from_tensor(TABLE)
    function = mask.__call__
    for axes in [(None, None, None, 0), (None, None, 0, None), (None, 0, None, None), (0, None, None, None)]:
        function = torch.vmap(function, in_dims=axes)
    dense = function(torch.arange(BATCH), torch.arange(HEADS), torch.arange(QUERIES), torch.arange(KEYS))
    assert_close(dense, mask.dense(BATCH, HEADS, QUERIES, KEYS))


@given(width=st.integers(1, 9), queries=st.integers(1, 13), extra=st.integers(0, 7))
@settings(deadline=None, max_examples=30)
def test_a_window_has_that_many_keys(width, queries, extra):
    keys = queries + extra
    counts = window(width, extra).dense(1, 1, queries, keys).sum(-1)[0, 0]
    assert_close(counts, torch.arange(1 + extra, keys + 1).clamp(max=width))


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_de_morgan(data):
    masks = st.sampled_from([mask for mask, _ in RULES])
    one, two = data.draw(masks), data.draw(masks)
    sizes = (BATCH, HEADS, QUERIES, KEYS)
    assert_close((~(one & two)).dense(*sizes), (~one | ~two).dense(*sizes))


def test_call_broadcasts_even_where_the_rule_ignores_an_axis():
    q, k = torch.arange(QUERIES)[:, None], torch.arange(KEYS)
    assert everything()(torch.tensor(0), torch.tensor(0), q, k).shape == (QUERIES, KEYS)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (causal() & window(3), "causal(0) & window(3)"),
        (
            causal(2) & window(3, 2) & centred_window(5, 2),
            "causal(2) & window(3, offset=2) & centred_window(5, offset=2)",
        ),
        ((causal() | prefix(2)) & everything(), "(causal(0) | prefix(2)) & everything()"),
        (causal() & prefix(2) | centred_window(1), "(causal(0) & prefix(2)) | centred_window(1)"),
        (~causal() & ~(prefix(1) | prefix(2)), "~causal(0) & (~(prefix(1) | prefix(2)))"),
        (documents(IDS), "documents(batch=2, positions=7)"),
        (padding(KEEP), "padding(batch=2, keys=7)"),
        (from_tensor(TABLE), "from_tensor(3 x 1 x 7)"),
        (Mask(lambda b, h, q, k: k == 0, "first"), "first"),
    ],
)
def test_repr(mask, text):
    assert repr(mask) == text


def test_picture_shows_one_head_and_lines_up_beyond_ten_rows():
    drawn = padding(KEEP).picture(11, KEYS, batch=1).split("\n")
    assert drawn[0] == " 0 ⬚ ⬚ ■ ■ ■ ■ ■"
    assert drawn[10] == "10 ⬚ ⬚ ■ ■ ■ ■ ■"
    assert from_tensor(TABLE).picture(1, KEYS, head=2) == "0 " + " ".join("■" if x else "⬚" for x in TABLE[2, 0])


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (
            lambda: centred_window(4),
            OptionError,
            "window: expected an odd number, which has as many keys before the query as after it, got 4; take 3 or 5",
        ),
        (lambda: centred_window(4), OptionError, "take 3 or 5, or look back only, with causal=True"),
        (lambda: centred_window(0), OptionError, "window: expected a whole number of at least 1, got 0"),
        (lambda: window(0), OptionError, "window: expected a whole number of at least 1, got 0"),
        (lambda: window(2.5), OptionError, "window: expected a whole number of at least 1, got 2.5"),
        (lambda: window(True), OptionError, "window: expected a whole number of at least 1, got True"),
        (lambda: causal("2"), OptionError, "offset: expected a whole number, got '2'"),
        (lambda: prefix(-1), OptionError, "length: expected a whole number of at least 0, got -1"),
        (lambda: documents(IDS[0]), ShapeError, "ids: expected 2 axes (batch, positions), got (7,)"),
        (lambda: documents([[1, 2]]), DtypeError, "expected ids as a tensor, got list; convert it with torch.as_tensor(ids)"),
        (lambda: padding(KEEP[None]), ShapeError, "keep: expected 2 axes (batch, keys), got (1, 2, 7)"),
        (
            lambda: padding(KEEP - 1),
            OptionError,
            "keep: expected 1 (or True) for a token and 0 for padding, got other values too; write keep != 0",
        ),
        (
            lambda: from_tensor(KEEP),
            DtypeError,
            "tensor: expected torch.bool, True = may attend, got torch.int64; write tensor.bool()",
        ),
        (lambda: from_tensor([True]), DtypeError, "expected tensor as a tensor, got list"),
        (
            lambda: from_tensor(TABLE[None, None]),
            ShapeError,
            "tensor: expected at most 4 axes (batch, heads, queries, keys), got 5: (1, 1, 3, 1, 7)",
        ),
        (
            lambda: (causal() & padding(KEEP)).dense(2, 3, 5, 8),
            ShapeError,
            "causal(0) & padding(batch=2, keys=7): expected keys=7 or less, got keys=8; make the mask from a tensor",
        ),
        (lambda: padding(KEEP).dense(3, 1, 5, 7), ShapeError, "expected batch=2 or less, got batch=3"),
        (lambda: from_tensor(TABLE).dense(1, 5, 5, 7), ShapeError, "expected heads=3 or less, got heads=5"),
        (
            lambda: documents(IDS).dense(2, 1, 3, 7, query_start=5),
            ShapeError,
            "expected queries=7 or less, got queries=8",
        ),
        (lambda: (padding(KEEP) | padding(KEEP[:, :5])).picture(1, 6), ShapeError, "expected keys=5 or less, got keys=6"),
        (lambda: (~padding(KEEP)).picture(1, 8), ShapeError, "expected keys=7 or less, got keys=8"),
        (lambda: padding(KEEP).picture(1, 7, batch=2), ShapeError, "expected batch=2 or less, got batch=3"),
        (
            lambda: causal().dense(1, 1, 2, 2, key_start=-1),
            OptionError,
            "key_start: expected a whole number of at least 0, got -1",
        ),
        (lambda: causal() & TABLE, TypeError, "unsupported operand"),
        (lambda: causal() | 1, TypeError, "unsupported operand"),
    ],
)
def test_mistakes_are_named(mistake, error, message):
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)


# -- the simplest mask that equals a tensor


@pytest.mark.parametrize("mask", [mask for mask, _ in RULES], ids=repr)
def test_what_is_recognised_equals_the_tensor(mask):
    dense = mask.dense(BATCH, HEADS, QUERIES, KEYS)
    for tensor in (dense, dense.clone(), dense.clone().transpose(0, 1).contiguous().transpose(0, 1)):
        assert_close(recognised(tensor).dense(BATCH, HEADS, QUERIES, KEYS), dense)


@pytest.mark.parametrize(
    ("mask", "name"),
    [
        (everything(), "everything()"),
        (causal(), "causal(0)"),
        (causal(OFFSET), "causal(2)"),
        (causal(-2), "causal(-2)"),
        (window(3), "window(3)"),
        (window(3, OFFSET), "window(3, offset=2)"),
        (window(1), "window(1)"),
        (causal() & padding(KEEP), "spans(2 x 1 x 5, keys=7)"),
        (documents(IDS), "spans(2 x 1 x 5, keys=7)"),
        (centred_window(3), "window(3, offset=1)"),
        (prefix(2), "spans(1 x 1 x 5, keys=7)"),
        (documents(IDS[1:]), "spans(1 x 1 x 5, keys=7)"),
        (~window(2), "from_tensor(1 x 1 x 5 x 7)"),
        (prefix(0), "spans(1 x 1 x 5, keys=7)"),
    ],
    ids=repr,
)
def test_patterns_are_recognised_by_name(mask, name):
    dense = mask.dense(BATCH, 1, QUERIES, KEYS)
    assert repr(recognised(dense.clone())).replace("from_tensor(2 x", "from_tensor(1 x") == name


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(0, 9), st.integers(0, 9))
def test_any_tensor_is_recognised_exactly(seed, batch, queries, keys):
    tensor = torch.rand(batch, 2, queries, keys, generator=torch.Generator().manual_seed(seed)) > 0.3
    assert_close(recognised(tensor).dense(batch, 2, queries, keys), tensor)


def test_what_is_recognised_does_not_follow_the_tensor():
    tensor = torch.tensor([[True, False, True], [False, True, True]])
    before, found = tensor.clone(), recognised(tensor)
    tensor[:] = False
    assert_close(found.dense(1, 1, 2, 3)[0, 0], before)


def test_a_long_mask_is_read_in_blocks():
    with mock.patch("regard.masks.recognition._BLOCK", 40):
        assert repr(recognised(window(5).dense(2, 3, 37, 37))) == "window(5)"
        assert repr(recognised(padding(KEEP).dense(2, 1, 37, 7))) == "spans(2 x 1 x 1, keys=7)"


@pytest.mark.parametrize(
    ("starts", "stops", "error", "text"),
    [
        ([[[0.0]]], [[[1.0]]], DtypeError, "starts: expected whole numbers, got torch.float32; write starts.long()"),
        ([[[0]]], [[[True]]], DtypeError, "stops: expected whole numbers, got torch.bool"),
        ([[0]], [[1]], ShapeError, "starts: expected starts and stops of one shape (batch, heads, queries), got (1, 1)"),
        ([[[0]]], [[[1, 2]]], ShapeError, "one shape (batch, heads, queries), got (1, 1, 2)"),
        ([[[-1]]], [[[1]]], OptionError, "starts: expected places from 0 to 3, the keys, got -1 to -1"),
        ([[[0]]], [[[4]]], OptionError, "stops: expected places from 0 to 3, the keys, got 4 to 4"),
    ],
)
def test_spans_that_are_none(starts, stops, error, text):
    with pytest.raises(error, match=re.escape(text)):
        spans(torch.tensor(starts), torch.tensor(stops), 3)


def test_a_mask_is_made_of_patterns():
    mask = ~(causal(2) & padding(KEEP)) | prefix(1)
    assert mask.pattern.name == "or"
    assert mask.pattern.right.arguments() == {"length": 1}
    both = mask.pattern.left.mask
    assert both.left.arguments() == {"offset": 2}
    assert_close(both.right.keep, KEEP.bool())
    assert [leaf.name for leaf in mask.pattern.leaves()] == ["causal", "padding", "prefix"]
    own = Mask(lambda b, h, q, k: k == q, "mine").pattern
    assert own.arguments() == {}
    assert list((mask & Mask.of(own)).pattern.leaves())[-1] is own
