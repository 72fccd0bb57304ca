"""Which positions of an axis are real, how they are called, and what they are to the model."""

import pytest
import torch

from regard.recording.axes import COLUMN_ROLES, ROLES, ROW_ROLES, Tokens, titles, tokens_of, tokens_of_inputs
from regard.recording.kinds import ATTENTION_KINDS
from support.tiny_models import Tokenizer

IDS = torch.tensor([[3, 5, 7, 11, 13], [17, 19, 23, 0, 0], [0, 0, 29, 31, 37], [0, 0, 0, 0, 0]])


def test_real_positions_are_those_from_the_first_to_the_last_that_the_mask_keeps():
    tokens = tokens_of(IDS, (IDS != 0).long(), Tokenizer())
    assert tokens.spans == (range(5), range(3), range(2, 5), range(0))
    assert tokens.real(1) == ("<17>", "<19>", "<23>")
    assert tokens.real(2) == ("<29>", "<31>", "<37>")
    assert tokens.real(3) == ()
    assert tokens.labels[2] == ("<0>", "<0>", "<29>", "<31>", "<37>")


@pytest.mark.parametrize("mask", [None, torch.zeros(4, 7)], ids=["none", "of another length"])
def test_without_a_mask_that_fits_all_positions_are_real(mask):
    assert tokens_of(IDS, mask, None) == Tokens((range(5),) * 4, None)
    assert tokens_of(IDS, mask, None).real(0) is None


def test_a_decoders_input_is_consumed_only_where_there_is_an_encoder():
    inputs = {"input_ids": IDS, "attention_mask": (IDS != 0), "decoder_input_ids": IDS[:, :2]}
    assert tokens_of_inputs(inputs, None, False).keys() == {"source"}
    found = tokens_of_inputs(inputs, None, True)
    assert list(found) == ["source", "consumed"]
    assert found["source"].spans[2] == range(2, 5)
    assert found["consumed"].spans[2] == range(2)
    assert tokens_of_inputs({"inputs_embeds": IDS}, None, True) == {}


def test_every_kind_has_roles_and_titles():
    assert ROW_ROLES.keys() == COLUMN_ROLES.keys() == set(ATTENTION_KINDS)
    assert {role for roles in (*ROW_ROLES.values(), *COLUMN_ROLES.values()) for role in roles} == ROLES.keys()
    assert titles("encoder") == ("source tokens", "source tokens")
    assert titles("decoder") == ("tokens produced", "tokens consumed")
    assert titles("cross") == ("tokens produced", "source tokens")
    assert titles("self") == ("tokens", "tokens")
    assert titles(None) == titles("other") == ("queries", "keys")
