"""Kinds of tokenizers, seen from their tokens and from themselves."""

from types import SimpleNamespace

import pytest
from transformers import ByT5Tokenizer, CanineTokenizer, PreTrainedTokenizerFast

from regard.tokens import kind_of_tokenizer
from regard.tokens.kinds import kind_of
from support.tiny_tokenizers import TEXTS, tokenizer

KINDS = {
    "byte-level": "byte-level",
    "unigram": "sentencepiece",
    "metaspace": "sentencepiece",
    "byte-fallback": "sentencepiece",
    "wordpiece": "wordpiece",
    "word-ends": "word-ends",
    "clip": "word-ends",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_tokenizer_tells_its_kind(name):
    made = tokenizer(name)
    assert kind_of_tokenizer(made) == KINDS[name]
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made)
    assert kind_of_tokenizer(wrapped) == KINDS[name]
    assert kind_of_tokenizer(SimpleNamespace(tokenizer=wrapped)) == KINDS[name]  # a processor


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("name", KINDS)
def test_the_tokens_of_a_sentence_tell_it_too(name, language):
    tokens = tokenizer(name).encode(TEXTS[language], add_special_tokens=False).tokens
    assert kind_of(tokens) == KINDS[name]


@pytest.mark.parametrize("kind", [ByT5Tokenizer, CanineTokenizer])
def test_characters(kind):
    made = kind()
    assert kind_of_tokenizer(made) == "characters"
    assert kind_of(made.tokenize("é à")) == "characters"


@pytest.mark.parametrize(
    ("vocabulary", "kind"),
    [
        (["a", "▁the", "▁cat"], "sentencepiece"),
        (["a", "Ġthe"], "byte-level"),
        (["a", "##the"], "wordpiece"),
        (["a", "the</w>"], "word-ends"),
        (["a", "the@@"], "goes-on"),
        ([b"a", b" the"], "plain"),
        (["a", " the"], "plain"),
        (["a", "the"], None),
        ([], None),
    ],
)
def test_a_vocabulary_tells_it_where_nothing_else_does(vocabulary, kind):
    assert kind_of_tokenizer(SimpleNamespace(get_vocab=lambda: dict.fromkeys(vocabulary))) == kind


def test_tiktoken_and_what_is_no_tokenizer():
    assert kind_of_tokenizer(SimpleNamespace(decode_single_token_bytes=bytes)) == "plain"
    assert kind_of_tokenizer(None) is None
    assert kind_of_tokenizer(object()) is None


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [
        (["Ã©"], "byte-level"),
        (["ä½ł"], "byte-level"),
        (["café"], "wordpiece"),
        (["Çık"], "wordpiece"),
        (["«PERÚ»"], "wordpiece"),
        (["The", " cat"], "plain"),
        (["b'a'"], "plain"),
        (["b'a'", "x"], "wordpiece"),
        ([b"a"], "plain"),
        (["é", " "], "characters"),
        ([], "wordpiece"),
    ],
)
def test_short_texts(tokens, kind):
    assert kind_of(tokens) == kind
