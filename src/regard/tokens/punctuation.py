"""Which tokens and words are punctuation: two questions with two answers, for measured numbers depend on both."""

import unicodedata


def is_punctuation_token(token: str) -> bool:
    """Whether a token is nothing but Unicode's punctuation, beside its tokenizer's marks of words; a symbol is none.

    Example:
        >>> [is_punctuation_token(token) for token in ("▁«", "##.", "l'", "$")]
        [True, True, False, False]
    """
    text = token.removeprefix("##").removesuffix("</w>").strip("▁Ġ ")
    return bool(text) and all(unicodedata.category(character).startswith("P") for character in text)


def has_no_letters(word: str) -> bool:
    """Whether a word has neither letters nor digits: punctuation or symbols, which align with their like.

    Example:
        >>> [has_no_letters(word) for word in ("...", "no.", "«", "$")]
        [True, False, True, True]
    """
    return bool(word) and not any(letter.isalnum() for letter in word)
