"""Prompts of one shape as one batch, which nothing pads; and how a model is run on it."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from regard.errors import RecordingError
from regard.interventions.measures import Measure, Seen
from regard.interventions.reading import Read
from regard.recording.sweep import refuse_training


@dataclass(frozen=True)
class Batch:
    """Prompts of one shape.

    Attributes:
        numbers: which they are of those that were given.
        prompts: as they were read.
        device: of the model.
    """

    numbers: tuple[int, ...]
    prompts: tuple[Read, ...]
    device: torch.device

    @property
    def first(self) -> Read:
        """The others have its shape."""
        return self.prompts[0]

    @property
    def tokens(self) -> int:
        """Of each prompt, as a model goes through them."""
        return len(self.first.ids) + len(self.first.source or ())

    def alone(self) -> "Batch":
        """The first prompt by itself."""
        return replace(self, numbers=self.numbers[:1], prompts=self.prompts[:1])

    def ids(self, *, other: bool = False, copies: int = 1) -> Tensor:
        """What the model is given, or its decoder, (copies · prompts, positions)."""
        return (self._others if other else self._ids).repeat(copies, 1)

    @cached_property
    def _ids(self) -> Tensor:
        return self._tensor([one.ids for one in self.prompts])

    @cached_property
    def _others(self) -> Tensor:
        return self._tensor([one.other or one.ids for one in self.prompts])

    @cached_property
    def _answers(self) -> Tensor | None:
        return self._tensor([one.answer for one in self.prompts]) if self.first.answer else None

    @cached_property
    def _wrong(self) -> Tensor | None:
        return self._tensor([one.wrong[:1] for one in self.prompts])[:, 0] if self.first.wrong else None

    def source(self, *, other: bool = False, copies: int = 1) -> Tensor | None:
        """What an encoder is given, likewise."""
        if self.first.source is None:
            return None
        return self._tensor([(one.other_source if other else one.source) or () for one in self.prompts]).repeat(copies, 1)

    def answers(self, copies: int = 1) -> Tensor | None:
        """Ids of the answers, (copies · prompts, rows)."""
        return None if self._answers is None else self._answers.repeat(copies, 1)

    def wrong(self, copies: int = 1) -> Tensor | None:
        """The first ids of the wrong answers, (copies · prompts,)."""
        return None if self._wrong is None else self._wrong.repeat(copies)

    def _tensor(self, rows: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor([list(one) for one in rows], device=self.device)


def batches_of(prompts: Sequence[Read], batch_tokens: int, device: torch.device) -> Iterator[Batch]:
    """The prompts, those of one shape together, in their order."""
    shapes: dict[tuple[object, ...], list[int]] = {}
    for number, prompt in enumerate(prompts):
        shapes.setdefault(prompt.shape(), []).append(number)
    for numbers in shapes.values():
        first = prompts[numbers[0]]
        most = max(1, batch_tokens // (len(first.ids) + len(first.source or ())))
        for start in range(0, len(numbers), most):
            own = tuple(numbers[start : start + most])
            yield Batch(own, tuple(prompts[one] for one in own), device)


class Forward:
    """One pass of a model over a batch, and the logits that measures ask for.

    Args:
        model: a model of texts.
        measures: what is measured.

    Raises:
        OptionError: a part of the model in training.
    """

    def __init__(self, model: nn.Module, measures: Sequence[Measure]) -> None:
        refuse_training(model)
        self.model = model
        takes = inspect.signature(model.forward).parameters
        self.everywhere = any("text" in one.needs for one in measures)
        self._named = "input_ids" in takes
        self._options: dict[str, Any] = {"use_cache": False} if "use_cache" in takes else {}
        self._keeps = "logits_to_keep" in takes and not self.everywhere

    def __call__(self, batch: Batch, *, other: bool = False, copies: int = 1) -> Tensor:
        """The logits of the rows that write answers, (copies · prompts, rows, words); of all positions where one is needed."""
        rows, length = batch.first.rows, len(batch.first.ids)
        logits = _logits(self.output(batch, other=other, copies=copies))
        if self.everywhere or logits.shape[1] == len(rows) < length:
            return logits
        return logits[:, list(rows)]

    def output(self, batch: Batch, *, other: bool = False, copies: int = 1) -> Any:
        """What the model returns."""
        ids, rows = batch.ids(other=other, copies=copies), batch.first.rows
        source = batch.source(other=other, copies=copies)
        options = dict(self._options)
        at_end = rows == tuple(range(ids.shape[1] - len(rows), ids.shape[1]))
        if self._keeps and at_end:
            options["logits_to_keep"] = len(rows)
        if source is not None:
            return self.model(input_ids=source, decoder_input_ids=ids, **options)
        return self.model(input_ids=ids, **options) if self._named else self.model(ids, **options)

    def seen(self, batch: Batch, measure: Measure, logits: Tensor, unchanged: Tensor | None, other: Tensor | None) -> Seen:
        """What a measure is shown, of as many copies of the batch as the logits have."""
        copies = len(logits) // len(batch.prompts)
        rows = batch.first.rows

        def own(given: Tensor | None) -> Tensor | None:
            if given is None or not self.everywhere or "text" in measure.needs:
                return given
            return given[:, list(rows)]

        return Seen(
            batch.ids(copies=copies),
            rows,
            own(logits),  # type: ignore[arg-type]
            batch.answers(copies),
            batch.wrong(copies),
            [one.spans for one in batch.prompts] * copies,
            own(unchanged),
            own(other if other is None or len(other) == len(logits) else other.repeat(copies, 1, 1)),
        )


def _logits(output: Any) -> Tensor:
    """The logits of an output, (batch, positions, words).

    Raises:
        RecordingError: it has none.
    """
    found = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if found is None and isinstance(output, tuple) and output:
        found = output[0]
    if not isinstance(found, Tensor) or found.ndim != 3:
        raise RecordingError(
            f"expected logits (batch, positions, words) from the model, got {type(output).__name__}; load it with its head"
        )
    return found
