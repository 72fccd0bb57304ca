"""Prompts checked against a tokenizer before any model runs: partners as long, answers that stay whole, spans on borders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from torch import nn

from regard.arguments import text
from regard.errors import RegardError
from regard.interventions.prompt_corpus import prompt_corpus, prompts_of
from regard.interventions.reading import Reader
from regard.recording.pretrained import known_name, load_tokenizer, read_from
from regard.surveying.records import Refusal

FIRST = 20
"""How many prompts are named."""


@dataclass(frozen=True)
class Pairs:
    """What a file of prompts holds for a model.

    Attributes:
        prompts: that can be swept.
        partners: of these, with a partner.
        answers: with an answer.
        groups: how many groups there are; 0 where prompts stand alone.
        tokens: the fewest and the most of a prompt.
        differ: how many tokens partners differ in, at the fewest and at the most; None without partners.
        unfit: those that cannot be, and why, the first of them: "file:line: expected …".
        left_out: how many of them there are.
    """

    prompts: int
    partners: int
    answers: int
    groups: int
    tokens: tuple[int, int]
    differ: tuple[int, int] | None
    unfit: tuple[str, ...]
    left_out: int

    def __str__(self) -> str:
        lines = [f"{self.prompts:,} prompts of {self.tokens[0]} to {self.tokens[1]} tokens: {self.answers:,} with an answer"]
        if self.differ is not None:
            lines.append(
                f"{self.partners:,} with a partner of as many tokens, {self.differ[0]} to {self.differ[1]} of them others"
            )
        if self.groups:
            lines.append(f"{self.groups:,} groups")
        if self.left_out:
            lines += [f"{self.left_out:,} that cannot be swept:", *(f"  {one}" for one in self.unfit)]
        return "\n".join(lines)


def check_pairs(model: str, over: str | Sequence[str], columns: Mapping[str, str] | None = None) -> Pairs:
    """Read every prompt as ``regard.sweep`` would, without loading a weight.

    Args:
        model: folder or hub name, of which the tokenizer and the configuration are read.
        over: addresses of prompts.
        columns: where their parts stand.

    Raises:
        OSError: the model or the corpus cannot be found.
    """
    from transformers import AutoConfig

    name = known_name(text("model", model))
    with read_from(name, "a model of texts with its tokenizer"):
        config, tokenizer = AutoConfig.from_pretrained(name), load_tokenizer(name)
    reader = Reader(cast("nn.Module", SimpleNamespace(config=config)), tokenizer)
    unfit: list[str] = []
    tokens: list[int] = []
    differ: list[int] = []
    groups: set[str] = set()
    answers = left_out = 0
    for file, line, prompt in prompts_of(prompt_corpus(over, columns)):
        place = f"{file}:{line + 1}"
        try:
            if isinstance(prompt, Refusal):
                raise _UnfitError(f"{place}: {prompt.reason}, {prompt.what}")
            read = reader.read(prompt, place)
        except RegardError as error:
            left_out += 1
            unfit += [str(error)] if len(unfit) < FIRST else []
            continue
        tokens.append(read.tokens)
        answers += bool(read.answer)
        groups |= {read.group} - {""}
        pair: Any = (read.ids, read.other) if read.source is None else (read.source, read.other_source)
        if pair[1] is not None:
            differ.append(sum(one != two for one, two in zip(*pair, strict=True)))
    ends = (min(tokens, default=0), max(tokens, default=0))
    others = (min(differ), max(differ)) if differ else None
    return Pairs(len(tokens), len(differ), answers, len(groups), ends, others, tuple(unfit), left_out)


class _UnfitError(RegardError):
    """A record that is no prompt."""
