"""Measures of what a model puts out."""

import re

import pytest
import torch

from regard.errors import ShapeError
from regard.measures import changed_tokens, edits


@pytest.mark.parametrize(("before", "after", "truth"), [("", "", 0), ("abc", "", 3), ("abc", "abd", 1), ("flaw", "lawn", 2)])
def test_edits(before, after, truth):
    assert edits(before, after) == edits(after, before) == truth


def test_changed_tokens_refuses_other_batches():
    with pytest.raises(ShapeError, match=re.escape("expected sequences (1, length), got (2, 3)")):
        changed_tokens(torch.zeros(1, 3))(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="got str"):
        changed_tokens(torch.zeros(1, 3))("text")
