"""The stream that layers add to, from the embedding to the last norm: seen while a model runs, and refused where it is none."""

from contextlib import ExitStack
from typing import Any, NamedTuple, NoReturn, Self

import torch
from torch import Tensor, nn

from regard.errors import RecordingError
from regard.recording.recording import Recording

_ROUNDINGS = 256
"""How many roundings of the largest number a sum may be from what it should be."""


class Reader(NamedTuple):
    """What the last norm and the unembedding make of the stream, the norm's scale kept: x · along / σ, and a constant.

    Attributes:
        along: (batch, features), float64.
        scale: 1 / σ of each row, (batch, rows).
    """

    along: Tensor
    scale: Tensor


class _Inside(NamedTuple):
    """A layer that runs."""

    given: Tensor | None
    calls: int  #: of attention before it
    came: list[Tensor]  #: what the modules inside of it have returned


class Stream:
    """Inside the block, looks at the layers of a model, its last norm and its unembedding.

    A layer returns the stream with what it adds, or what it adds alone.

    Args:
        model: that runs once.
        recording: of the same pass, with values.
    """

    def __init__(self, model: nn.Module, recording: Recording) -> None:
        self._model, self._recording = model, recording
        weights = ((getattr(part, "weight", None), part) for part in model.modules())
        # A recording has weights without their biases.
        self._owners = {weight.data_ptr(): part for weight, part in weights if isinstance(weight, Tensor)}
        self._way_out = ExitStack()
        self._layers: list[_Inside] = []
        self._stream: Tensor | None = None  # after the last layer with attention that has run
        self._norm: tuple[nn.Module, Tensor, Tensor] | None = None  # the last one: given, and came out
        self._last: tuple[nn.Linear, Tensor, Tensor] | None = None  # the last linear one after the layers, likewise
        self._trouble: str | None = None

    def __enter__(self) -> Self:
        for part in self._model.modules():
            if isinstance(part, nn.ModuleList):
                for layer in part:
                    self._way_out.callback(layer.register_forward_pre_hook(self._enters, with_kwargs=True).remove)
                    self._way_out.callback(layer.register_forward_hook(self._leaves).remove)
        for part in self._model.modules():
            self._way_out.callback(part.register_forward_hook(self._ran).remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._way_out.close()

    def _enters(self, _layer: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = positional[0] if positional else named.get("hidden_states")
        given = first if isinstance(first, Tensor) else None
        self._layers.append(_Inside(given, len(self._recording.values), []))

    def _ran(self, module: nn.Module, given: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        if not isinstance(first, Tensor):
            return
        if self._layers:
            self._layers[-1].came.append(first)
        elif "norm" in type(module).__name__.lower():
            self._norm = module, given[0], first
        elif isinstance(module, nn.Linear):
            self._last = module, given[0], first

    def _leaves(self, layer: nn.Module, _given: Any, output: Any) -> None:
        inside = self._layers.pop()
        calls = self._recording.values[inside.calls :]
        out = output[0] if isinstance(output, tuple) else output
        if not calls or self._trouble:
            return
        if inside.given is None or inside.given.shape != out.shape:
            self._trouble = f"a {type(layer).__name__} that is given no stream"
            return
        written = torch.zeros_like(out, dtype=torch.float64)
        for call in calls:
            if call.projection is None or call.heads_first is None or call.output is None:
                self._trouble = f"a {type(layer).__name__} whose output projection was not seen"
                return
            heads = call.heads_first(call.output).transpose(1, 2).flatten(2).double()
            bias = getattr(self._owners.get(call.projection.data_ptr()), "bias", None)
            written = written + heads @ call.projection.double() + (0 if bias is None else bias.double())
        if self._stream is not None and float((self._stream - inside.given).abs().max()) > _tolerance(out):
            self._trouble = f"a {type(layer).__name__} that is given something else than the layer before it returned"
        elif float((out.double() - written).abs().max()) <= _tolerance(out):
            self._stream = inside.given + out
        else:
            left = out.double() - inside.given.double() - written
            added = [left, *(left - one.reshape(left.shape).double() for one in inside.came if one.numel() == left.numel())]
            if min(float(one.abs().max()) for one in added) > _tolerance(out):
                self._trouble = f"a {type(layer).__name__}, which does something to the heads' output before it adds it"
            self._stream = out

    def unembedding(self, logits: Tensor) -> nn.Linear:
        """What has computed the logits.

        Raises:
            RecordingError: it is not the last linear module.
        """
        if self._last is None or self._last[2].shape != logits.shape or not torch.equal(self._last[2], logits):
            self._refuse("logits that are not as a linear unembedding computed them: it scales or caps them, or has none")
        return self._last[0]

    def reader(self, direction: Tensor) -> Reader:
        """How a direction of the unembedding, (batch, features), reads the stream.

        Raises:
            RecordingError: the layers do not add to a stream, or no LayerNorm or RMSNorm reads it at the end.
        """
        read = None if self._last is None else self._last[1]
        if self._trouble is not None or self._stream is None:
            self._refuse(self._trouble or "no layers with attention in a ModuleList")
        if read is None:
            self._refuse("no unembedding that ran")
        if _same(read, self._stream):
            return Reader(direction, torch.ones_like(self._stream[..., 0], dtype=torch.float64))
        if self._norm is None or not _same(self._norm[1], self._stream) or not _same(self._norm[2], read):
            self._refuse("something between the last layer and the unembedding that is no norm")
        norm, given, came = self._norm
        weight = getattr(norm, "weight", None)
        gamma = torch.ones(given.shape[-1]) if weight is None else weight
        beta = getattr(norm, "bias", None)
        eps = next((float(getattr(norm, name)) for name in ("eps", "variance_epsilon", "epsilon") if hasattr(norm, name)), 0.0)
        x = given.double()
        for centred in (False, True):
            y = x - x.mean(dim=-1, keepdim=True) if centred else x
            scale = (y.square().mean(dim=-1) + eps).rsqrt()
            for factor in (gamma.double(), 1 + gamma.double()):  # Gemma keeps its weights less 1
                expected = y * scale.unsqueeze(-1) * factor + (0 if beta is None else beta.double())
                if float((expected - came.double()).abs().max()) <= _tolerance(came):
                    along = direction * factor
                    return Reader(along - along.mean(dim=-1, keepdim=True) if centred else along, scale)
        return self._refuse(f"a last norm, {type(norm).__name__}, that is neither LayerNorm nor RMSNorm")

    def _refuse(self, got: str) -> NoReturn:
        raise RecordingError(
            f"expected layers that add to a stream, which one norm reads at the end, got {type(self._model).__name__} with "
            f"{got}; run it with heads switched off instead: regard.sweep"
        )


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) <= _tolerance(other)


def _tolerance(values: Tensor) -> float:
    coarser = max(torch.finfo(values.dtype).eps, torch.finfo(torch.float32).eps)  # norms compute in float32, whatever comes
    return _ROUNDINGS * coarser * float(values.abs().max())
