"""Blocks inside each other: what they do to one call adds up, or is refused; nothing is undone in silence."""

from contextlib import ExitStack
from itertools import permutations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import regard
from regard.errors import OptionError
from regard.interventions import edges, heads, hide, zero

IDS = torch.tensor([[1, 2, 3, 4, 5, 6]])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"vocab_size": 11, "n_embd": 8, "n_layer": 2, "n_head": 2}
    return GPT2LMHeadModel(GPT2Config(initializer_range=0.5, bos_token_id=None, eos_token_id=None, **sizes)).eval()


def logits(model, *blocks):
    with torch.no_grad(), ExitStack() as stack:
        for block in blocks:
            stack.enter_context(block(model))
        return model(IDS).logits


OFF = lambda model: regard.ablate(model, [(0, 1)])  # noqa: E731
ZERO = lambda model: regard.intervene(model, {heads((0, 1)): zero()})  # noqa: E731
SPAN = lambda model: regard.ablate(model, keys=[1], queries=[3, 4])  # noqa: E731
OTHER_SPAN = lambda model: regard.ablate(model, keys=[2], queries=[5])  # noqa: E731
SAME_ROWS = lambda model: regard.ablate(model, keys=[2], queries=[4, 5])  # noqa: E731
EDGES = lambda model: regard.ablate(model, edges=[(0, 1, 3, 1), (0, 0, 4, 1)])  # noqa: E731
SITE = lambda model: regard.intervene(model, {edges(keys=[1], queries=[3, 4]): hide()})  # noqa: E731


@pytest.mark.parametrize("hiding", [SPAN, EDGES, SITE], ids=["span", "edges", "site"])
def test_a_head_that_is_off_stays_off(model, hiding):
    one, other = (logits(model, *blocks) for blocks in permutations([OFF, hiding]))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert (one - logits(model, hiding)).abs().max() > 0.1
    assert (one - logits(model, OFF)).abs().max() > 0.1


def test_rows_that_are_apart_add_up(model):
    together = regard.intervene
    both = {edges(keys=[1], queries=[3, 4]): hide(), edges(keys=[2], queries=[5]): hide()}
    wanted = logits(model, lambda model: together(model, both))
    for blocks in permutations([SPAN, OTHER_SPAN]):
        torch.testing.assert_close(logits(model, *blocks), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "blocks",
    [(SPAN, SAME_ROWS), (SAME_ROWS, SPAN), (SPAN, SITE), (SITE, SPAN), (EDGES, SPAN), (ZERO, SPAN)],
    ids=["spans", "spans, turned", "span and site", "site and span", "edges and span", "zero and span"],
)
def test_rows_that_two_blocks_change_are_refused(model, blocks):
    with pytest.raises(OptionError, match="say all that happens to it in one block"):
        logits(model, *blocks)
    assert torch.equal(logits(model), model(IDS).logits.detach())


def test_edges_and_a_span_of_one_block_are_refused_where_they_meet(model):
    with pytest.raises(OptionError, match="got row 4 of head 0 in self layer 0"):
        logits(model, lambda model: regard.ablate(model, edges=[(0, 0, 4, 1)], keys=[2]))


def test_what_is_replaced_last_stays(model):
    torch.testing.assert_close(logits(model, SPAN, ZERO), logits(model, SPAN, OFF), rtol=1e-5, atol=1e-5)
