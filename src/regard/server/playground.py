"""What can be made on the page: a translation with its attention, and a mechanism on a small example."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regard.errors import OptionError, in_short
from regard.mechanisms.catalogue import card as card_named
from regard.mechanisms.catalogue import catalogue, example
from regard.translation.translator import Translation, load_translator, translate
from regard.viewer.document.document import Document, document

LONGEST = 2000
"""Characters of a text that is translated here: a minute of work at most."""

CARD_TEXTS = ("name", "title", "family", "formula", "paper", "change", "use", "wins", "loses")


class Playground:
    """Makes documents on demand.

    Args:
        model: hub name or folder of the translator; the embedded one where left out. It is loaded when it is first needed.
    """

    def __init__(self, model: str | Path | None = None) -> None:
        self.model = model

    def offer(self) -> dict[str, Any]:
        """What can be asked for: the mechanisms with what their cards say, and the limits."""
        query, key, _ = example()
        cards = [
            {name: getattr(card, name) for name in CARD_TEXTS} | {"steps": card.factors(query, key) is not None}
            for card in catalogue()
        ]
        return {
            "translator": "English to French, the embedded model" if self.model is None else str(self.model),
            "longest": LONGEST,
            "mechanisms": cards,
        }

    def play(self, what: str, asked: Mapping[str, Any]) -> Document:
        """Make a document: what="translate" of {"text", "target"?}, or what="mechanism" of {"name"}.

        Raises:
            RegardError: another wish, or one that cannot be fulfilled.
        """
        if what == "translate":
            text, target = asked.get("text"), asked.get("target") or None
            for name, given in (("text", text), ("target", target or "none")):
                if not isinstance(given, str) or len(given) > LONGEST:
                    came = f"{len(given):,}" if isinstance(given, str) else in_short(given)
                    raise OptionError(f"{name}: expected at most {LONGEST:,} characters of text, got {came}; shorten it")
            return document(self._translated(str(text), target))
        if what == "mechanism":
            return document(card_named(str(asked.get("name"))))
        raise OptionError(f"expected to translate or to see a mechanism, got {what[:40]!r}")

    def _translated(self, text: str, target: str | None) -> Translation:
        load_translator(self.model)
        if target is None:
            return translate(text, self.model)
        return translate(text, self.model, target=target)
