"""Texts that prompts are resampled from: which one a prompt gets depends on its place, and on nothing that runs beside it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regard.arguments import several
from regard.errors import OptionError
from regard.interventions.prompts import Prompt
from regard.interventions.reading import Read, Reader


class Pool:
    """Texts by their length, and by their group where they have one: ids only, whatever their number.

    Args:
        reference: texts, their ids, or prompts, of which the text is taken.
        reader: of the model.

    Raises:
        OptionError: a text that cannot be read, with its place.
    """

    def __init__(self, reference: Any, reader: Reader) -> None:
        self._texts: dict[tuple[int, str], list[tuple[int, ...]]] = {}
        for at, one in enumerate(several("reference", reference, "texts")):
            text, group = (one.text, one.group or "") if isinstance(one, Prompt) else (one, "")
            ids = reader.ids(text, f"reference[{at}]")
            self._texts.setdefault((len(ids), group), []).append(ids)

    def partnered(self, prompt: Read, place: tuple[str, int], draw: int, seed: int) -> Read:
        """A prompt with one of the texts as its partner: of as many tokens, of its group where that has any, and another one.

        Raises:
            OptionError: there is none.
        """
        own = prompt.source if prompt.source is not None else prompt.ids[: prompt.text]
        found: Sequence[tuple[int, ...]] = self._texts.get((len(own), prompt.group)) or self._texts.get((len(own), "")) or ()
        others = [one for one in found if one != own]
        if not others:
            where = f"{place[0]}:{place[1] + 1}" if place[0] else f"over[{place[1]}]"
            raise OptionError(
                f"{where}: expected a reference text of {len(own)} tokens other than itself, got {len(found)}; give more"
            )
        digest = hashlib.blake2b(f"{seed} {draw} {place[0]} {place[1]}".encode(), digest_size=8).digest()
        chosen = others[int.from_bytes(digest, "big") % len(others)]
        if prompt.source is not None:
            return replace(prompt, other=prompt.ids, other_source=chosen)
        return replace(prompt, other=(*chosen, *prompt.ids[prompt.text :]))
