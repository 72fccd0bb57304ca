"""Tokens that are punctuation, and words without letters: where the two agree, and where they do not."""

import pytest

from regard.tokens.punctuation import has_no_letters, is_punctuation_token


@pytest.mark.parametrize(
    ("token", "is_mark"),
    [
        (",", True),
        ("▁«", True),
        ("Ġ—", True),
        ("##.", True),
        ("...", True),
        ("▁", False),
        ("$", False),
        ("l'", False),
        ("", False),
    ],
)
def test_tokens_of_punctuation(token, is_mark):
    assert is_punctuation_token(token) is is_mark


@pytest.mark.parametrize(
    ("word", "is_mark"),
    [("...", True), ("«", True), ("$", True), ("▁", True), ("no.", False), ("7", False), ("", False)],
)
def test_words_without_letters(word, is_mark):
    assert has_no_letters(word) is is_mark
