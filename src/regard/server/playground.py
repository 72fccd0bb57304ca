"""What can be made on the page: a translation with its attention, and a mechanism on a small example."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import regard
from regard import masks
from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card, learned
from regard.mechanisms.catalogue import card as card_named
from regard.mechanisms.catalogue import catalogue, example
from regard.mechanisms.patterns import cards as patterns
from regard.mechanisms.positions.rotary import rotary_half, rotary_interleaved
from regard.mechanisms.positions.score_biases import alibi_bias, t5_bias
from regard.mechanisms.positions.sinusoids import sinusoids
from regard.translation.translator import Translation, load_translator
from regard.viewer.document.document import Document, document

LONGEST = 2000
"""Characters of a text that is translated here: a minute of work at most."""

LENGTH = 16
"""Positions of the example."""

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
        cards = [{name: getattr(card, name) for name in CARD_TEXTS} | {"steps": card.name in STEPS} for card in catalogue()]
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
                    raise OptionError(f"expected a {name} of at most {LONGEST:,} characters")
            return document(self._translated(str(text), target))
        if what == "mechanism":
            return mechanism_document(card_named(str(asked.get("name"))))
        raise OptionError(f"expected to translate or to see a mechanism, got {what[:40]!r}")

    def _translated(self, text: str, target: str | None) -> Translation:
        load_translator(self.model)
        if target is None:
            return regard.translate(text, self.model)
        return regard.translate(text, self.model, target=target)


def mechanism_document(card: Card) -> Document:
    """A mechanism's weights on the textbook's example; with all its steps where they are those of one softmax."""
    query, key, value = example(LENGTH)
    with torch.no_grad():
        if card.name in STEPS:
            shown: AttentionMap | Tensor = STEPS[card.name](query, key)
        else:
            shown = card.apply(query, key, value).weights
    made = document(shown, title=card.title)
    made.manifest["notes"] = [card.formula, card.paper, *made.manifest["notes"]]
    made.manifest["maps"][0]["name"] = card.title
    if isinstance(shown, AttentionMap):
        group = value.shape[1] // KEY_HEADS.get(card.name, value.shape[1])
        made.maps[0] = replace(made.maps[0], value=value[0, ::group])  # so that the steps go on to the output
        made.manifest["opening"] = {**made.manifest["opening"], "view": "steps"}
    return made


def _alibi(query: Tensor, key: Tensor) -> AttentionMap:
    bias = alibi_bias(query.shape[1], query.shape[2], key.shape[2])
    return AttentionMap(query, key, bias=bias, causal=True)


def _t5(query: Tensor, key: Tensor) -> AttentionMap:
    table = 9 * learned(32, query.shape[1], like=query)
    return AttentionMap(query, key, bias=t5_bias(table, query.shape[2], key.shape[2]), scale=1.0)


def _sinusoidal(query: Tensor, key: Tensor) -> AttentionMap:
    table = sinusoids(key.shape[2], key.shape[3], dtype=key.dtype)
    return AttentionMap(query + table, key + table)


KEY_HEADS = {"multi-query": 1, "grouped-query": 2}
"""Mechanisms with fewer heads of keys than the example has."""

STEPS: dict[str, Callable[[Tensor, Tensor], AttentionMap]] = {
    "dot": lambda query, key: AttentionMap(query, key, scale=1.0),
    "scaled-dot": AttentionMap,
    "multi-head": AttentionMap,
    "multi-query": lambda query, key: AttentionMap(query, key[:, :1]),
    "grouped-query": lambda query, key: AttentionMap(query, key[:, ::2]),
    "no-position": lambda query, key: AttentionMap(query, key, causal=True),
    "sinusoidal": _sinusoidal,
    "t5-bias": _t5,
    "alibi": _alibi,
    "rotary-half": lambda query, key: AttentionMap(rotary_half(query), rotary_half(key)),
    "rotary-interleaved": lambda query, key: AttentionMap(rotary_interleaved(query), rotary_interleaved(key)),
    "causal": lambda query, key: AttentionMap(query, key, causal=True),
    "window": lambda query, key: AttentionMap(query, key, causal=True, window=patterns.WINDOW),
    "prefix": lambda query, key: AttentionMap(query, key, masks.causal() | masks.prefix(patterns.PREFIX)),
    "block": lambda query, key: AttentionMap(query, key, masks.causal() & masks.blocks(patterns.BLOCK)),
    "softcap": lambda query, key: AttentionMap(query, key, softcap=2.0),
    "sinks": lambda query, key: AttentionMap(query, key, sinks=2 * learned(query.shape[1], like=query)),
}
"""Mechanisms whose weights are a softmax over scores that a map can keep. A test holds each to its card."""
