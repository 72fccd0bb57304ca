"""What the rows and columns of maps are: which positions are real, how they are called, what they are to the model."""

from types import SimpleNamespace

import pytest
import tokenizers
import torch
from torch.testing import assert_close
from transformers import PreTrainedTokenizerFast

import regard
from regard.axes import Axis, Line, Patch
from regard.axes.roles import COLUMN_ROLES, ROLES, ROW_ROLES, titles
from regard.axes.tokens import axis_of_ids, axis_of_labels, joined
from regard.errors import DtypeError, ShapeError
from regard.recording.kinds import ATTENTION_KINDS
from support.tiny_models import Tokenizer

IDS = torch.tensor([[3, 5, 7, 11, 13], [17, 19, 23, 0, 0], [0, 0, 29, 31, 37], [0, 0, 0, 0, 0], [2, 0, 3, 0, 5]])


def test_real_positions_are_those_that_the_mask_keeps():
    axis = axis_of_ids(IDS, (IDS != 0).long(), Tokenizer())
    assert [axis.real(item) for item in range(5)] == [range(5), range(3), range(2, 5), range(0), (0, 2, 4)]
    assert axis.sequence(2).text == ("<0>", "<0>", "<29>", "<31>", "<37>")
    assert axis.sequence(2).present == (False, False, True, True, True)
    assert axis.presence.sum() == 14
    assert axis_of_ids(IDS).presence is None


def test_an_axis_reads_as_its_texts():
    axis = axis_of_labels(["▁The", "▁cat", "</s>"])
    assert axis == ["▁The", "▁cat", "</s>"] == list(axis)
    assert (axis[1], axis[-2:], len(axis), "▁cat" in axis) == ("▁cat", ("▁cat", "</s>"), 3, True)
    assert axis.special == (False, False, True)
    assert Axis.unknown(3) == ("0", "1", "2")
    assert Axis.unknown(3).text is None
    assert axis != axis_of_labels(["▁The", "▁cat", "</s>"], "source")


def test_several_sequences_are_asked_one_by_one():
    axis = axis_of_ids(IDS, None, Tokenizer())
    for ask in (list, lambda it: it.text, lambda it: it[0], lambda it: it.present):
        with pytest.raises(ShapeError, match=r"expected the positions of one sequence, got those of 5; ask one"):
            ask(axis)
    assert axis.sequence(1)[0] == "<17>"


def test_groups_and_places_go_where_their_positions_go():
    line = Line(
        5, text=tuple("abcde"), place=(None, Patch(0, 0, 0), Patch(0, 0, 1), None, None), group={"words": ((0, 1), (2, 4))}
    )
    taken = line.take((4, 2, 0))
    assert (taken.text, taken.place) == (("e", "c", "a"), (None, Patch(0, 0, 1), None))
    assert taken.group == {"words": ((2,), (1, 0))}
    assert line.take(range(5)) is line


def test_axes_go_on():
    cached, new = Axis.unknown(2), axis_of_ids(IDS[:2, :3], None, Tokenizer(), "source")
    both = joined([cached, new], "source")
    assert len(both) == 5
    assert both.sequence(1).text == ("", "", "<17>", "<19>", "<23>")
    assert both.sequence(0).id == (-1, -1, 3, 5, 7)


def test_labels_of_a_user_are_kept():
    amap = regard.AttentionMap.from_dense(torch.rand(2, 3, 5, 7))
    amap.queries = list("abcde")
    amap.keys = [list("ABCDEFG"), list("1234567")]
    assert amap.queries == tuple("abcde")
    assert amap.sample(1).keys == tuple("1234567")
    assert amap.select(batch=0, keys=[6, 1], queries=slice(1, 3)).keys == ("G", "B")
    assert amap.select(heads=1, queries=slice(1, 3)).queries == ("b", "c")
    amap.queries = None
    assert amap.queries.text is None


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("abc", DtypeError, r"queries: expected a list of 3 labels, got the text 'abc'; use text\.split\(\)"),
        (3, DtypeError, "queries: expected a list of 3 labels, got int; make a list of it"),
        (b"abc", DtypeError, "queries: expected a list of 3 labels, got the text b'abc'"),
        (torch.ones(3, dtype=torch.bool), DtypeError, "got bool in it"),  # a mask
        (["a"] * 2, ShapeError, "queries: expected 3 labels, one a position, got 2"),
        ([["a"] * 3] * 4, ShapeError, "queries: expected one list of texts, or 2 lists, one for each sequence, got 4 lists"),
        (axis_of_labels(["a"] * 2), ShapeError, "queries: expected 3 labels, one a position, got 2"),
        (axis_of_ids(IDS[:, :3]), ShapeError, "queries: expected an axis of 1 or 2 sequences, got 5"),
    ],
)
def test_labels_that_do_not_fit(given, error, words):
    amap = regard.AttentionMap.from_dense(torch.rand(2, 1, 3, 5))
    with pytest.raises(error, match=words):
        amap.queries = given
    assert amap.queries.text is None


def padded_map(real=3, size=7, side="right"):
    """A map of two sequences, the second of which is real in ``real`` positions, and that one alone."""
    torch.manual_seed(5)
    query, key = torch.randn(2, 2, 3, size, 11)
    at = slice(0, real) if side == "right" else slice(size - real, size)
    present = torch.ones(2, size, dtype=torch.bool)
    present[1] = False
    present[1, at] = True
    amap = regard.AttentionMap(query, key, present[:, None, None])
    amap.queries = amap.keys = axis_of_ids(torch.arange(2 * size).view(2, size), present, Tokenizer())
    alone = regard.AttentionMap(query[1:, :, at], key[1:, :, at])
    return amap, alone, at


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_is_in_no_statistic(side):
    amap, alone, at = padded_map(side=side)
    assert_close(amap.received()[1:, :, at], alone.received())
    assert_close(amap.received()[1].sum(-1), alone.received()[0].sum(-1))
    assert_close(amap.entropy()[1:, :, at], alone.entropy())
    assert_close(amap.entropy()[1].sum(-1), alone.entropy()[0].sum(-1))
    for how in ("mean", "max", ("mean", "max")):
        found, true = amap.summary(pool=(3, 2), how=how).pool, alone.summary(pool=(3, 2), how=how).pool
        for one, other in zip(*((found, true) if isinstance(how, tuple) else ((found,), (true,))), strict=True):
            assert_close(one[1:], other)
    best, true = amap.topk(2), alone.topk(2)
    assert_close(best.values[1:, :, at], true.values)
    assert torch.equal(best.keys[1:, :, at], true.keys + at.start)
    assert amap.topk(5).values[1, 0, at].count_nonzero() == 3 * 3
    assert_close(amap.summary().masked_rows, torch.zeros(2, 3, dtype=torch.int64))
    assert amap.sample(1).shape == (1, 3, 3, 3)
    assert_close(amap.sample(1).dense(), alone.dense())


def test_every_kind_has_roles_and_titles():
    assert ROW_ROLES.keys() == COLUMN_ROLES.keys() == set(ATTENTION_KINDS)
    assert {role for roles in (*ROW_ROLES.values(), *COLUMN_ROLES.values()) for role in roles} == ROLES.keys()
    assert titles("encoder") == ("source tokens", "source tokens")
    assert titles("decoder") == ("tokens produced", "tokens consumed")
    assert titles("cross") == ("tokens produced", "source tokens")
    assert titles("self") == ("tokens", "tokens")
    assert titles(None) == titles("other") == ("queries", "keys")


def byte_level_tokenizer():
    """A byte-level tokenizer of every byte and few merges, as GPT-2's is made."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<|endoftext|>", "[THE END]"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(["the cat sat", "cat д д"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=["<|endoftext|>", "[THE END]"])


def test_texts_are_what_people_read_and_tokens_what_the_tokenizer_spells():
    tokenizer = byte_level_tokenizer()
    axis = axis_of_ids(tokenizer("the cat д\né[THE END]", return_tensors="pt").input_ids, None, tokenizer)
    assert axis == ("the", "▁cat", "▁д", "↵", "⟨C3⟩", "⟨A9⟩", "[THE END]")
    assert axis.token[:4] == ("the", "Ġcat", "ĠÐ´", "Ċ")
    assert axis.special == (False,) * 6 + (True,)  # as its tokenizer says, whatever its name


def test_ids_that_the_tokenizer_has_no_name_for_are_numbers():
    """A model may have more ids than its tokenizer, and pictures stand in a text as ids below 0."""
    tokenizer = byte_level_tokenizer()
    known = tokenizer.convert_tokens_to_ids("cat")
    axis = axis_of_ids(torch.tensor([[known, len(tokenizer) + 11, -200]]), None, tokenizer)
    assert axis == ("cat", f"<id {len(tokenizer) + 11}>", "<id -200>")
    assert axis.special == (False, True, True)


def test_a_processor_names_ids_by_its_tokenizer():
    processor = SimpleNamespace(tokenizer=byte_level_tokenizer())
    assert axis_of_ids(torch.tensor([[1]]), None, processor) == ["[THE END]"]
    with pytest.raises(DtypeError, match="tokenizer: expected one with convert_ids_to_tokens, got str"):
        axis_of_ids(torch.tensor([[1]]), None, "gpt2")
