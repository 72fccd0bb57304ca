"""Trees of drafted tokens: each path is read as if it were alone."""

import re

import pytest
import torch
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.patterns.trees import ancestors, tree_mask, tree_positions
from regard.mechanisms.positions.rotary import turned
from regard.mechanisms.positions.stretched_rotary import rotary_frequencies
from regard.mechanisms.softmax_attention import attention

PARENTS = torch.tensor([-1, -1, 0, 0, 1, 2, 4, 4, 5])
BEFORE, DIM, VALUE_DIM = 5, 6, 7


def path(token):
    """From the text to a token of the tree."""
    found = []
    while token >= 0:
        found.append(token)
        token = int(PARENTS[token])
    return found[::-1]


def test_each_path_is_read_as_if_it_were_alone():
    """With rotary positions: a token stands where its path says, and not where it stands in the row."""
    length = BEFORE + len(PARENTS)
    query, key, value = (torch.randn(2, length, size, dtype=torch.float64) for size in (DIM, DIM, VALUE_DIM))
    places = torch.cat([torch.arange(BEFORE), tree_positions(PARENTS, BEFORE)])
    angles = places.double()[:, None] * rotary_frequencies(DIM)
    output, weights = attention(turned(query, angles), turned(key, angles), value, tree_mask(PARENTS, BEFORE))
    for token in range(len(PARENTS)):
        rows = torch.tensor([*range(BEFORE), *(BEFORE + one for one in path(token))])
        line = torch.arange(len(rows)).double()[:, None] * rotary_frequencies(DIM)
        alone, _ = attention(turned(query[:, rows], line), turned(key[:, rows], line), value[:, rows], causal=True)
        assert_close(output[:, BEFORE + token], alone[:, -1])
        others = [j for j in range(length) if j not in rows.tolist()]
        assert (weights[:, BEFORE + token, others] == 0).all()


def test_positions_are_the_depth():
    assert tree_positions(PARENTS, BEFORE).tolist() == [BEFORE + len(path(token)) - 1 for token in range(len(PARENTS))]


def test_a_line_is_a_text():
    assert torch.equal(tree_mask(torch.arange(-1, 4), 3).dense(1, 1, 8, 8)[0, 0], torch.ones(8, 8, dtype=torch.bool).tril())


@pytest.mark.parametrize(
    ("parents", "error", "message"),
    [
        (torch.tensor([0]), OptionError, "parents: expected a place before token 0, or −1, got 0; order parents first"),
        (torch.tensor([-1, 2, 0]), OptionError, "expected a place before token 1"),
        (torch.tensor([-2]), OptionError, "got -2"),
        (torch.tensor([]).long(), ShapeError, "expected parents (tokens,), from 1 to 32,768 of them, got (0,)"),
        (torch.full((2**17,), -1), ShapeError, "from 1 to 32,768 of them, got (131072,)"),
        (torch.tensor([-1, 0]).to("meta"), DtypeError, "expected parents with numbers, got a tensor of the meta device"),
        (torch.ones(2), DtypeError, "parents: expected a tensor of whole numbers, got torch.float32"),
        ([-1, 0], DtypeError, "got list"),
    ],
)
def test_what_is_no_tree(parents, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ancestors(parents)


def test_a_text_and_its_tree_have_room_together():
    with pytest.raises(OptionError, match="before: expected at most 32,766 tokens before this tree, got 32,767"):
        tree_mask(torch.tensor([-1, 0]), 2**15 - 1)
