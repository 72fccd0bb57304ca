"""What is measured of each prompt: a number a prompt, in double precision from the logits."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regard.arguments import function, several, text, truth
from regard.errors import DtypeError, OptionError, ShapeError, in_short

NEEDS = ("answer", "wrong", "next", "text", "unchanged", "other")


@dataclass(frozen=True)
class Seen:
    """What a measure sees: prompts of one shape, after one run of the model.

    Attributes:
        ids: what the model, or its decoder, was given, (batch, positions).
        rows: the positions that write the answer; the last one of the text where there is none.
        logits: of the changed run, (batch, rows, words); of all positions instead of the rows where it needs "text".
        answer: ids, (batch, rows); None without answers.
        wrong: the first id of each wrong answer, (batch,); None likewise.
        spans: of each prompt, named positions.
        unchanged: the logits of the run without a change, as ``logits``; None unless they are needed.
        other: those of the partner's run, likewise.
    """

    ids: Tensor
    rows: tuple[int, ...]
    logits: Tensor
    answer: Tensor | None = None
    wrong: Tensor | None = None
    spans: Sequence[Mapping[str, range]] = ()
    unchanged: Tensor | None = None
    other: Tensor | None = None


@dataclass(frozen=True)
class Measure:
    """A measure of your own.

    Attributes:
        name: as tables call it.
        function: of what is seen, to a number for each prompt, (batch,).
        higher_is_better: whether a model that does its task well has a higher one.
        needs: of "answer", "wrong", "next" (a second token) and "span NAME" (behind the first token): prompts without one are
            refused. "text": logits of all positions, which take memory. "unchanged", "other": the logits of those runs.

    Example:
        >>> sure = Measure("largest", lambda seen: seen.logits[:, 0].softmax(-1).amax(-1), higher_is_better=True)
        >>> sure(Seen(torch.tensor([[1]]), (0,), torch.zeros(1, 1, 4))).item()
        0.25
    """

    name: str
    function: Callable[[Seen], Tensor]
    higher_is_better: bool
    needs: Collection[str] = ()

    def __post_init__(self) -> None:
        text("name", self.name)
        function("function", self.function, advice="of what is seen, to a number for each prompt")
        truth("higher_is_better", self.higher_is_better)
        for need in several("needs", self.needs, "needs", advice="for example needs=['answer']"):
            if need not in NEEDS and not (isinstance(need, str) and need.startswith("span ")):
                raise OptionError(f"needs: expected some of {', '.join(NEEDS)}, span NAME, got {in_short(need)}")

    def __call__(self, seen: Seen) -> Tensor:
        """A number for each prompt, (batch,), in double precision.

        Raises:
            ShapeError: the function has given something else.
        """
        made = self.function(seen)
        if not isinstance(made, Tensor):
            raise DtypeError(f"{self.name}: expected a tensor (batch,), got {type(made).__name__}")
        if made.shape != seen.ids.shape[:1]:
            raise ShapeError(f"{self.name}: expected a number for each of {len(seen.ids)} prompts, got {tuple(made.shape)}")
        return _wide(made.detach())


def loss(tokens: str = "text") -> Measure:
    """−log p of the tokens that really come next, their mean in nats.

    Args:
        tokens: "text" for all but the first of the text; "answer"; or the name of a span.

    Raises:
        OptionError: a prompt without such a span, when it is measured.
    """
    text("tokens", tokens, advice="'text', 'answer' or the name of a span")
    if tokens == "answer":
        return Measure("answer_loss", lambda seen: -_of_answer(seen).mean(1), False, ("answer",))

    def measure(seen: Seen) -> Tensor:
        made = []
        for item, ids in enumerate(seen.ids):
            written = range(1, len(ids)) if tokens == "text" else _span(seen, item, tokens)
            chances = _wide(seen.logits[item, written.start - 1 : written.stop - 1]).log_softmax(-1)
            made.append(-chances.gather(-1, ids[written.start : written.stop, None]).mean())
        return torch.stack(made)

    name, need = ("loss", "next") if tokens == "text" else (f"loss of {tokens}", f"span {tokens}")
    return Measure(name, measure, False, ("text", need))


def _span(seen: Seen, item: int, name: str) -> range:
    spans = seen.spans[item] if item < len(seen.spans) else {}
    if name not in spans or spans[name].start < 1:
        raise OptionError(
            f"tokens: expected a span {name!r} behind the first token in each prompt, got {in_short(dict(spans))}"
        )
    return spans[name]


def _logit_difference(seen: Seen) -> Tensor:
    first = _wide(seen.logits[:, 0])  # (batch, words)
    right, wrong = _needed(seen.answer)[:, :1], _needed(seen.wrong)[:, None]
    return (first.gather(1, right) - first.gather(1, wrong)).squeeze(1)


def _margin(seen: Seen) -> Tensor:
    first = _wide(seen.logits[:, 0])
    right = first.gather(1, _needed(seen.answer)[:, :1]).squeeze(1)
    return right - (first.sum(1) - right) / (first.shape[1] - 1)


def _kl(seen: Seen) -> Tensor:
    before, after = (_wide(one).log_softmax(-1) for one in (_needed(seen.unchanged), seen.logits))
    return (before.exp() * (before - after)).sum(-1).mean(1)


def _rank(seen: Seen) -> Tensor:
    first = seen.logits[:, 0]
    return 1 + (first > first.gather(1, _needed(seen.answer)[:, :1])).sum(1)


def _accuracy(seen: Seen) -> Tensor:
    return (seen.logits.argmax(-1) == _needed(seen.answer)).all(1)


def _of_answer(seen: Seen) -> Tensor:
    """The log-probability of each token of the answers, (batch, rows)."""
    return _wide(seen.logits).log_softmax(-1).gather(-1, _needed(seen.answer)[..., None]).squeeze(-1)


MEASURES = {
    one.name: one
    for one in (
        Measure("accuracy", _accuracy, True, ("answer",)),
        Measure("kl", _kl, False, ("unchanged",)),
        Measure("log_probability", lambda seen: _of_answer(seen).sum(1), True, ("answer",)),
        Measure("logit_difference", _logit_difference, True, ("answer", "wrong")),
        loss(),
        Measure("margin", _margin, True, ("answer",)),
        Measure("probability", lambda seen: _of_answer(seen).sum(1).exp(), True, ("answer",)),
        Measure("rank", _rank, False, ("answer",)),
    )
}
"""By name.

| name | formula, a = answer, w = wrong, z = logits where the answer is written |
|---|---|
| accuracy | 1 where every token of a is the likeliest, else 0 |
| kl | KL(unchanged ‖ changed), mean over the rows of the answer |
| log_probability | log p(a), the sum over its tokens |
| logit_difference | z_a − z_w, of their first tokens (Wang et al. 2022, arXiv 2211.00593) |
| loss | −log p of the next token, mean over the text |
| margin | z_a − the mean of all other logits, of the first token |
| probability | p(a) |
| rank | 1 + how many words have a higher logit than the first token of a |
"""


def measures_of(given: Any) -> tuple[Measure, ...]:
    """The measures that were asked for, by name or as they are.

    Raises:
        OptionError: no such measure, or two of one name.

    Example:
        >>> [one.name for one in measures_of(["kl", loss("answer")])]
        ['kl', 'answer_loss']
    """
    listed = (
        [given] if isinstance(given, str | Measure) else several("measures", given, "measures", advice="for example ['kl']")
    )
    found: list[Measure] = []
    for one in listed:
        if not isinstance(one, Measure) and (not isinstance(one, str) or one not in MEASURES):
            raise OptionError(f"measures: expected some of {', '.join(MEASURES)}, or a Measure, got {in_short(one)}")
        found.append(one if isinstance(one, Measure) else MEASURES[one])
    names = [one.name for one in found]
    if not names or len(set(names)) < len(names):
        raise OptionError(f"measures: expected one or more, each with a name of its own, got {in_short(names)}")
    return tuple(found)


def _needed(given: Tensor | None) -> Tensor:
    if given is None:
        raise OptionError("measures: expected what the measure needs, got none; say it in needs=")
    return given


def _wide(given: Tensor) -> Tensor:
    return given.to(torch.float32 if given.device.type == "mps" else torch.float64)
