"""What tokenizers write: special tokens, words, natural text. Everybody may use it."""
