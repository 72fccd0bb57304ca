"""Every head of a model switched off by itself, and what a measure of its output becomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError, RecordingError, in_short
from regard.pictured import Pictured
from regard.progress import bar
from regard.recording.ablation import Head, HeadSwitch, Replacement, ablate
from regard.recording.observe import observe

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


@dataclass(frozen=True)
class Sweep(Pictured):
    """What a measure says of a model without each of its heads.

    Attributes:
        kind: "encoder", "decoder", "cross" or "self".
        baseline: the measure with every head on.
        measured: the measure without head h of layer l, (layers, heads); NaN where a layer has fewer heads.

    Example:
        >>> import torch
        >>> found = Sweep("self", 1.0, torch.tensor([[1.5, 1.0], [0.75, 3.0]]))
        >>> found.differences.tolist(), found.strongest(1)
        ([[0.5, 0.0], [-0.25, 2.0]], [(1, 1)])
    """

    kind: str
    baseline: float
    measured: Tensor

    @property
    def differences(self) -> Tensor:
        """What switching a head off adds to the measure, (layers, heads)."""
        return self.measured - self.baseline

    def strongest(self, count: int = 1) -> list[Head]:
        """The heads that change the measure most, in either direction, as (layer, head)."""
        sizes = self.differences.abs().nan_to_num(nan=-1.0)
        order = sizes.flatten().sort(descending=True, stable=True).indices[: whole_number("count", count, 0)].tolist()
        heads = self.measured.shape[1]
        return [(at // heads, at % heads) for at in order if sizes[at // heads, at % heads] >= 0]

    def table(self) -> Iterator[Sequence[object]]:
        """The sweep as a table, for ``regard.save(sweep, "x.csv")``: a line for each head that there is."""
        yield ["kind", "layer", "head", "measured", "difference"]
        for layer, (measured, differences) in enumerate(zip(self.measured.tolist(), self.differences.tolist(), strict=True)):
            for head, (value, difference) in enumerate(zip(measured, differences, strict=True)):
                if value == value:
                    yield [self.kind, layer, head, value, difference]

    def figure(
        self,
        *,
        title: str | None = None,
        cmap: Any = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The differences as a picture: a row for each layer, a column for each head.

        Args:
            title: above the picture; where not given, of which heads it is.
            cmap: a colour map of matplotlib, as in ``regard.heatmap``.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Returns:
            The figure; a notebook shows it, and ``regard.save`` writes it.

        Raises:
            OptionError: another theme; ScoreError: a difference that is infinite.

        Example:
            >>> figure = Sweep("self", 1.0, torch.tensor([[1.5, 0.75], [1.0, torch.nan]])).figure()
            >>> [text.get_text() for text in figure.axes[0].texts]
            ['0.50', '−0.25', '0']
        """
        from regard.recording.figure import sweep_figure

        told = f"{self.kind} heads, what the measure gains without each" if title is None else title
        return sweep_figure(self.differences, title=told, cmap=cmap, width=width, font=font, theme=theme, ax=ax)

    def __str__(self) -> str:
        lines = [f"{self.kind} heads, difference to {self.baseline:.4g}"]
        lines.append("layer " + " ".join(f"{f'h{head}':>9}" for head in range(self.measured.shape[1])))
        for layer, row in enumerate(self.differences.tolist()):
            lines.append(f"{layer:>5} " + " ".join(f"{value:>+9.3g}" if value == value else " " * 9 for value in row))
        return "\n".join(line.rstrip() for line in lines)


def sweep(
    model: nn.Module,
    inputs: Mapping[str, Any] | Tensor,
    measure: Callable[[Any], float | Tensor],
    *,
    kind: str | None = None,
    how: Replacement = "zero",
    run: Callable[[Any, Any], Any] | None = None,
) -> Sweep:
    """Switch off one head after the other, and measure what the model's output becomes.

    Args:
        model: in evaluation mode, with all of its parts.
        inputs: its inputs by name, or the first one.
        measure: a number from the model's output; ``regard.measures`` has some: ``loss``, ``logit_difference``,
            ``changed_tokens``.
        kind: which heads, as in ``ablate``.
        how: as in ``ablate``.
        run: how the model is run on the inputs, such as ``lambda model, inputs: model.generate(**inputs)``; one pass where not
            given.

    Returns:
        A Sweep: ``differences`` is a table (layers, heads), and ``figure`` draws it.

    Raises:
        OptionError: as ``ablate``, or a model with a part in training; DtypeError: a measure that is no number.

    Example:
        >>> from regard.measures import logit_difference
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> found = sweep(model, torch.tensor([[1, 2, 3, 4]]), logit_difference(right=5, wrong=6))
        >>> found.differences.shape
        torch.Size([2, 2])
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    for name, function in (("measure", measure), ("run", run)):
        if not callable(function) and not (name == "run" and function is None):
            raise DtypeError(f"{name}: expected a function, got {in_short(function)}; regard.measures has some of the output")
    refuse_training(model)
    if run is None:
        run = _one_pass
        if isinstance(inputs, Mapping) and (strange := [name for name in inputs if not isinstance(name, str)]):
            raise DtypeError(f"inputs: expected inputs by name, got the name {in_short(strange[0])}; or a tensor of ids")
    counting = HeadSwitch(model, kind=kind, how=how)
    with torch.no_grad(), observe(model, counting):
        baseline = _number(measure(run(model, inputs)))
    counts = counting.heads
    if not counts:
        raise RecordingError(
            f"expected {counting.kind} attention, got none in this run; name another kind=, or run more of the model"
        )
    measured = torch.full((max(counts) + 1, max(counts.values())), torch.nan, dtype=torch.float64)
    heads = [(layer, head) for layer in sorted(counts) for head in range(counts[layer])]
    for layer, head in bar(heads, desc="switching heads off", unit="head", delay=1, leave=False):
        with torch.no_grad(), ablate(model, [(layer, head)], kind=counting.kind, how=how):
            measured[layer, head] = _number(measure(run(model, inputs)))
    return Sweep(counting.kind, baseline, measured)


def refuse_training(model: nn.Module) -> None:
    """Refuse a model of which a part is in training.

    Raises:
        OptionError: one is.
    """
    if training := [name or type(part).__name__ for name, part in model.named_modules() if part.training]:
        raise OptionError(
            f"model: expected all of it in evaluation mode, got {training[0]} in training, where it may drop out at random; "
            "call model.eval()"
        )


def _one_pass(model: Any, inputs: Any) -> Any:
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)


def _number(measured: Any) -> float:
    try:
        return float(measured)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DtypeError(f"expected a number from the measure, got {type(measured).__name__}; average or sum it") from error
