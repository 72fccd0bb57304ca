"""A prompt: a text, what it is compared with, and the answers that are measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Text = str | Sequence[int] | Tensor
"""A text, or its ids."""

Span = tuple[int, int] | str
"""Where a named part of a text begins and ends: in characters, in tokens where ids were given; or the part itself."""


@dataclass(frozen=True)
class Prompt:
    """One prompt of a sweep.

    Attributes:
        text: what the model is given; an encoder reads it, a decoder goes on from it, a masked model is asked at its masks.
        other: its partner, for ``patch``: the same prompt but for what is asked about. As many tokens, position by position.
        answer: what should come next, as it stands in a text: " Mary", not "Mary". An encoder-decoder writes it.
        wrong: what should not.
        spans: names of parts of the text, for ``at=`` and ``edges``: (begin, end), or the part itself, which stands there once.
        group: prompts that are not independent of each other, as of one template, share one: errors are counted over groups.

    Example:
        >>> one = Prompt("John met Mary. John called", answer=" Mary", wrong=" John", spans={"names": "John met Mary"})
        >>> one.answer
        ' Mary'
    """

    text: Text
    other: Text | None = None
    answer: Text | None = None
    wrong: Text | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)
    group: str | None = None


def prompt_text(prompt: Prompt, tokenizer: Any = None) -> str:
    """A prompt as people read it: its text, and the answer that is measured.

    Args:
        prompt: with texts, or ids.
        tokenizer: decodes ids; they stay numbers without one that does.

    Example:
        >>> prompt_text(Prompt("John called", answer=" Mary")), prompt_text(Prompt([3, 5], answer=[7]))
        ('John called → Mary', '3 5 → 7')
    """

    def shown(text: Text) -> str:
        if isinstance(text, str):
            return text
        ids = [int(one) for one in text]
        decodes = hasattr(tokenizer, "decode") and not isinstance(tokenizer, bytes | bytearray)
        return str(tokenizer.decode(ids)) if decodes else " ".join(map(str, ids))

    return shown(prompt.text) if prompt.answer is None else f"{shown(prompt.text)} → {shown(prompt.answer).strip()}"


def texts_of(prompts: Iterable[Any], tokenizer: Any = None) -> dict[tuple[str, int], str]:
    """The texts of a list of prompts, by the file and the line that they have in a table of effects."""
    listed = (one if isinstance(one, Prompt) else Prompt(one) for one in prompts)
    return {("", line): prompt_text(one, tokenizer) for line, one in enumerate(listed)}
