"""What tokenizers write: special tokens, texts, words, characters, natural text. ``__all__`` is public."""

from regard.tokens.kinds import kind_of_tokenizer
from regard.tokens.natural_text import natural_text
from regard.tokens.texts import texts_of
from regard.tokens.words import Words, characters_of, words_of

__all__ = ["Words", "characters_of", "kind_of_tokenizer", "natural_text", "texts_of", "words_of"]
