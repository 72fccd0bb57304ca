"""Sub-words to words, for the three ways that tokenizers mark a beginning."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.analysis.words import words_of


@pytest.mark.parametrize(
    ("tokens", "texts", "places"),
    [
        (["▁The", "▁ma", "t", ".", "</s>"], ("The", "mat."), ((0,), (1, 2, 3))),
        (["The", "Ġcat", "Ġs", "at"], ("The", "cat", "sat"), ((0,), (1,), (2, 3))),
        (["[CLS]", "un", "##believ", "##able", "!", "[SEP]"], ("unbelievable", "!"), ((1, 2, 3), (4,))),
        (["<pad>", "▁Où", "▁", "?", "<pad>"], ("Où", "?"), ((1,), (2, 3))),
        (["▁a", "<unk>", "b"], ("a<unk>b",), ((0, 1, 2),)),
        (["▁one", "</s>", "▁two"], ("one", "two"), ((0,), (2,))),
        (["</s>", "▁"], (), ()),
        ([], (), ()),
    ],
    ids=["sentencepiece", "byte-level", "wordpiece", "lone marker", "unknown", "special between", "nothing", "empty"],
)
def test_tokens_group_into_words(tokens, texts, places):
    words = words_of(tokens)
    assert words.texts == texts
    assert words.tokens == places


@given(st.lists(st.text(alphabet="abc.'", min_size=1, max_size=5), min_size=1, max_size=7), st.data())
@settings(deadline=None, max_examples=50)
def test_any_segmentation_of_a_sentence_gives_its_words(sentence, data):
    tokens = []
    for word in sentence:
        cut = data.draw(st.integers(0, len(word)))
        tokens += [f"▁{word[:cut]}", word[cut:]] if cut < len(word) else [f"▁{word}"]
    words = words_of([*tokens, "</s>"])
    assert words.texts == tuple(sentence)
    assert [place for places in words.tokens for place in places] == list(range(len(tokens)))


def test_a_text_is_not_a_list_of_tokens():
    with pytest.raises(TypeError, match="expected a list of tokens, got the text"):
        words_of("The cat")
