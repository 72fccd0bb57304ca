"""One rule says which tokens stand for no text: figures, pages, statistics and alignment ask it."""

import pytest
import torch

import regard
from regard.tokens.special import checked_special, is_special
from regard.viewer.document.document import document

SPECIAL = ("</s>", "[CLS]", "fra_Latn", "__fr__", ">>fra<<", "en_XX", "[INST]", "<extra_id_0>", "<｜begin▁of▁sentence｜>")
TEXT = ("<unk>", "[UNK]", "▁s", "s", "<5", "[", "▁</s>", "__", "en_xx")


@pytest.mark.parametrize("token", [*SPECIAL, *TEXT])
@pytest.mark.filterwarnings("ignore:expected a font with")  # a font without full-width bars still has colours
def test_figure_page_and_rule_say_the_same(token):
    tokens = [token, "plain"]
    ax = regard.heatmap(torch.eye(2), tokens, tokens)
    first, second = (label.get_color() for label in ax.get_xticklabels())
    amap = regard.AttentionMap.from_dense(torch.eye(2))
    amap.queries = amap.keys = tuple(tokens)
    page = [axis["special"] for axis in document(amap).manifest["axes"].values()]
    assert (first != second) == (token in SPECIAL) == is_special(token)
    assert all(listed == ([0] if token in SPECIAL else []) for listed in page)


def test_tokens_of_ones_own():
    assert is_special("a", {"a"})
    assert not is_special("</s>", {"a"})
    with pytest.raises(regard.errors.DtypeError, match="expected a set of tokens"):
        checked_special("</s>")
