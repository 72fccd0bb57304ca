"""Words that stand apart, put together as people write them."""

import re
from collections.abc import Sequence

from regard.errors import DtypeError, in_short
from regard.tokens.spelling import checked_tokens


def natural_text(words: Sequence[str], language: str = "en") -> str:
    """Words and marks, as tokenized corpora have them, with the blanks that people would write.

    Blanks before closing marks and clitics go, and those after opening marks and elided words: a translator that has learnt
    from untokenized text reads it better so, and ``words_of(..., words=)`` finds the words again.

    Args:
        words: the words and marks.
        language: in French, "fr", the high marks ``? ! ; :`` keep their blank, and elided words (l') lose theirs.

    Example:
        >>> natural_text("It 's the ass , is n't it ?".split())
        "It's the ass, isn't it?"
        >>> natural_text("Qu' y a -t -il ?".split(), "fr")
        "Qu'y a-t-il ?"
    """
    if isinstance(words, str) or not all(isinstance(word, str) for word in checked_tokens(words)):
        raise DtypeError(f"words: expected a list of texts, got {in_short(words)}; for example text.split()")
    if not isinstance(language, str):
        raise DtypeError(f"language: expected a text such as 'fr', got {in_short(language)}")
    french = language == "fr"
    closing = _CLOSING if french else _CLOSING | _HIGH
    text, glued, open_quotes = "", True, set[str]()
    for word in words:
        closes = word in closing or word in open_quotes or _CLITIC.fullmatch(word) is not None
        text += word if glued or closes else f" {word}"
        glued = word in _OPENING or (word in _QUOTES and word not in open_quotes)
        glued = glued or (french and len(word) > 1 and word.endswith(_APOSTROPHES))
        if word in _QUOTES:
            open_quotes ^= {word}
    return text


_APOSTROPHES = ("'", "’")
_CLOSING = frozenset([*".,)]}…%", "...", "’", "”"])
_HIGH = frozenset(";:!?")
_OPENING = frozenset("([{“‘")
_QUOTES = frozenset("\"'")
_CLITIC = re.compile(
    r"['’](s|t|d|m|re|ve|ll)|n['’]t|-(t|même|mêmes)|-(t-)?(ils?|elles?|on|je|tu|nous|vous|ce|moi|toi|le|la|les|lui|leur|en|y|là|ci)",
    re.IGNORECASE,
)
