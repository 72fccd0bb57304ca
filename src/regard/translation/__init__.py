"""Text to text, with the attention beside it."""
