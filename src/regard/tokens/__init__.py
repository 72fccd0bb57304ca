"""What tokenizers write: special tokens, words, natural text. ``__all__`` is public."""

from regard.tokens.natural_text import natural_text
from regard.tokens.words import Words, words_of

__all__ = ["Words", "natural_text", "words_of"]
