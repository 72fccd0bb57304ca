"""Attention to tokens that are chosen: beside full attention, beside DeepSeek's own index, and what is refused."""

import re

import pytest
import torch
from torch.testing import assert_close
from transformers.models.deepseek_v32.configuration_deepseek_v32 import DeepseekV32Config
from transformers.models.deepseek_v32.modeling_deepseek_v32 import DeepseekV32Indexer

from regard.errors import OptionError, ShapeError
from regard.mechanisms.patterns.chosen_tokens import block_mixture, chosen_tokens, indexed_attention, lightning_index
from regard.mechanisms.softmax_attention import attention
from witnesses import competition as oracle

BATCH, HEADS, LENGTH, DIM, VALUE_DIM, INDEX_HEADS, INDEX_DIM = 2, 3, 13, 5, 7, 3, 6


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUERY, KEY, VALUE = (
    drawn(BATCH, HEADS, LENGTH, DIM, seed=1),
    drawn(BATCH, HEADS, LENGTH, DIM, seed=2),
    drawn(BATCH, HEADS, LENGTH, VALUE_DIM, seed=3),
)
INDEX = (
    drawn(BATCH, INDEX_HEADS, LENGTH, INDEX_DIM, seed=4),
    drawn(BATCH, LENGTH, INDEX_DIM, seed=5),
    drawn(BATCH, INDEX_HEADS, LENGTH, seed=6),
)


@pytest.mark.parametrize("selected", [1, 3, 12])
def test_the_index_chooses_what_the_loops_choose(selected):
    chosen = chosen_tokens(lightning_index(*INDEX), torch.arange(LENGTH), selected)
    for b in range(BATCH):
        expected = oracle.chosen_by_index(*(x[b].tolist() for x in (INDEX[0], INDEX[2], INDEX[1])), selected)
        assert [set(row.nonzero()[:, 0].tolist()) for row in chosen[b]] == expected


def test_all_tokens_chosen_is_causal_attention():
    whole = attention(QUERY, KEY, VALUE, causal=True)
    assert_close(indexed_attention(QUERY, KEY, VALUE, *INDEX, selected=LENGTH), whole)
    assert_close(block_mixture(QUERY, KEY, VALUE, block=4, selected=4), whole)


def test_the_last_queries_alone_choose_the_same():
    asked, keys, weight = INDEX
    whole = indexed_attention(QUERY, KEY, VALUE, *INDEX, selected=4)
    last = indexed_attention(QUERY[:, :, -3:], KEY, VALUE, asked[:, :, -3:], keys, weight[:, :, -3:], selected=4)
    assert_close(last, tuple(x[:, :, -3:] for x in whole))
    blocks = block_mixture(QUERY, KEY, VALUE, block=3, selected=2)
    assert_close(block_mixture(QUERY[:, :, -3:], KEY, VALUE, block=3, selected=2), tuple(x[:, :, -3:] for x in blocks))


def test_no_token_sees_more_than_were_chosen():
    weights = indexed_attention(QUERY, KEY, VALUE, *INDEX, selected=4)[1]
    assert ((weights > 0).sum(-1) == torch.arange(1, LENGTH + 1).clamp(max=4)).all()
    assert torch.equal(weights[:, :1] > 0, (weights > 0).all(1, keepdim=True))  # one choice for all heads


def test_grouped_heads_choose_blocks_for_themselves():
    """A query head reads its group's keys, and its own gate."""
    shared = KEY[:, :1], VALUE[:, :1]
    found = block_mixture(QUERY, *shared, block=3, selected=2)
    expected = block_mixture(QUERY, *(x.expand(-1, HEADS, -1, -1) for x in shared), block=3, selected=2)
    assert_close(found, expected)


def test_of_equal_numbers_the_earlier_are_taken():
    chosen = chosen_tokens(torch.zeros(1, 5), torch.tensor([4]), 2)
    assert chosen.tolist() == [[True, True, False, False, False]]


def test_the_index_is_that_of_deepseek():
    """Its projections, norm and rotation are theirs; what comes after is held against ours."""
    config = DeepseekV32Config(
        hidden_size=24, q_lora_rank=10, index_n_heads=INDEX_HEADS, index_head_dim=INDEX_DIM, index_topk=4, qk_rope_head_dim=4
    )
    torch.manual_seed(0)
    theirs = DeepseekV32Indexer(config, 0)
    x, resid = torch.randn(BATCH, LENGTH, 24), torch.randn(BATCH, LENGTH, 10)
    still = torch.ones(BATCH, LENGTH, 4), torch.zeros(BATCH, LENGTH, 4)  # a rotation by nothing
    causal = torch.full((LENGTH, LENGTH), -torch.inf).triu(1)[None]
    with torch.no_grad():
        places = theirs(x, resid, still, causal, None)
        asked = theirs.wq_b(resid).unflatten(2, (INDEX_HEADS, INDEX_DIM)).transpose(1, 2)
        keys, weight = theirs.k_norm(theirs.wk(x)), theirs.weights_proj(x).mT
    index = lightning_index(asked, keys, weight)
    chosen = chosen_tokens(index, torch.arange(LENGTH), 4)
    for b in range(BATCH):
        for t in range(4, LENGTH):  # before that all are chosen; of equal numbers theirs takes any
            assert_close(index[b, t, chosen[b, t]].sort().values, index[b, t, places[b, t]].sort().values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: lightning_index(INDEX[0], INDEX[1][..., 1:], INDEX[2]),
            "expected index_query (batch, index_heads, queries, index_dim)",
        ),
        (lambda: lightning_index(INDEX[0], INDEX[1], INDEX[2][:, :2]), "and index_weight (batch, index_heads, queries)"),
        (
            lambda: indexed_attention(QUERY, KEY[:, :, :-1], VALUE[:, :, :-1], *INDEX, selected=2),
            "expected the queries to be the last of the keys",
        ),
        (
            lambda: indexed_attention(QUERY[:, :, 1:], KEY, VALUE, *INDEX, selected=2),
            "expected an index of queries=12 and keys=13, got one of (2, 13, 13)",
        ),
        (lambda: block_mixture(QUERY, KEY, VALUE, block=0, selected=2), "block: expected a whole number from 1 to"),
        (
            lambda: block_mixture(QUERY, KEY, VALUE, block=2, selected=0),
            "selected: expected a whole number of at least 1, got 0",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises((OptionError, ShapeError), match=re.escape(message)):
        call()
