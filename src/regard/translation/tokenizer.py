"""The embedded model's tokenizer: Transformers' own, which reads Moses' rules of punctuation when somebody asks for them."""

from typing import Any

from transformers import MarianTokenizer as Marian


class MarianTokenizer(Marian):  # and so it is called in files that it saves
    """Transformers compiles the rules for ``normalize`` at once, a third of a second that no translation needs.

    Example:
        >>> from regard.translation import load_translator
        >>> load_translator().tokenizer.normalize("« Oui »")
        '" Oui "'
    """

    def _setup_normalizer(self) -> None:
        self.punc_normalizer: Any = self._normalized

    def _normalized(self, text: str) -> Any:
        super()._setup_normalizer()  # type: ignore[no-untyped-call]
        return self.punc_normalizer(text)
