"""Text to text, with the attention beside it. ``__all__`` is public, as ``regard.translate`` is."""

from regard.translation.translator import EMBEDDED, Translator, load_translator

__all__ = ["EMBEDDED", "Translator", "load_translator"]
