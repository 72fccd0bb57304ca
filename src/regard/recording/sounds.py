"""When the positions of a sound are, in a stack that reads it and in a text: from strides, and how it was cut before."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from torch import Tensor, nn

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Place, Seconds
from regard.recording.placeholders import placeholder

HOP = 0.01
"""Seconds from one column of the spectra to the next, of the extractors that these models were trained with."""

RATE = 16_000
"""Samples in a second of the waves that these models were trained with."""

_SPECTRA = frozenset({"whisper", "speech_to_text", "qwen2_audio_encoder", "voxtral_encoder"})
_WAVES = frozenset({
    "wav2vec2", "wav2vec2-conformer", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio", "sew", "sew-d",
    "moonshine", "speecht5",
})  # fmt: skip


class Convolution(NamedTuple):
    """One along time."""

    kernel: int
    stride: int
    padding: int = 0

    def length(self, size: int) -> int:
        """How many positions it makes of so many."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


def axis_of_sound(module: nn.Module, given: Mapping[str, Any], batch: int, size: int, processor: Any = None) -> Axis | None:
    """The positions of a stack that reads sound; None where its facts do not give so many.

    Args:
        module: the stack.
        given: the arguments of its forward.
        batch: sequences of the call.
        size: positions of the call.
        processor: says how a sound was cut before; where there is none, as the model's family was trained.
    """
    sound, step = _steps(module, given, processor)
    if sound is None or step is None or len(sound) != batch:
        return None
    layers = _convolutions(module)
    lengths = {length: _through(layers, length) for length in (sound.shape[-1], sound.shape[1])}
    squeezed = int(getattr(getattr(module, "config", None), "squeeze_factor", 1) or 1)
    steps = next((length for length, made in lengths.items() if layers and made // squeezed == size), None)
    if steps is None:
        return None
    every = squeezed * step
    for layer in layers:
        every *= layer.stride
    ends = [round(at * every, 6) for at in range(size + 1)]
    places = tuple(Seconds(*between) for between in pairwise(ends))
    digits = 2 if abs(every * 100 - round(every * 100)) < 1e-6 else 3
    line = Line(size, text=tuple(f"{place.start:.{digits}f} s" for place in places), place=places)
    mask = given.get("attention_mask")
    if not isinstance(mask, Tensor) or mask.shape != (batch, steps) or bool(mask.bool().all()):
        return Axis((line,))
    real = [_through(layers, int(length)) // squeezed for length in mask.sum(-1).tolist()]
    return Axis(
        tuple(Line(size, text=line.text, place=places, present=tuple(at < length for at in range(size))) for length in real)
    )


def with_sounds(axis: Axis, ids: Tensor, config: Any) -> Axis:
    """The positions of a text, with seconds where they stand for a sound: each run of placeholders is a sound, from 0 s on.

    Qwen2-Audio puts two frames of 20 ms into a position, Voxtral as many as its projection takes together, four in what was
    published; others are not known.

    Args:
        axis: the positions of the text.
        ids: (batch, positions).
        config: of the model that puts the sounds in.
    """
    family, inner = getattr(config, "model_type", None), getattr(config, "audio_config", None)
    token = placeholder(config, "audio")
    grouped = {"qwen2_audio": 2}.get(str(family))
    if family == "voxtral" and inner is not None:
        grouped = inner.intermediate_size // inner.hidden_size
    if token is None or not grouped or not bool((ids == token).any()):
        return axis
    lines = [
        _line_with(axis.lines[at if len(axis.lines) > 1 else 0], (row == token).tolist(), 2 * HOP * grouped)
        for at, row in enumerate(ids)
    ]
    return replace(axis, lines=tuple(lines))


def _line_with(line: Line, stands: list[bool], every: float) -> Line:
    """The same positions; those that stand for a sound say when they are."""
    if not any(stands):
        return line
    places: list[Place | None] = list(line.place or [None] * line.size)
    runs = [[at for at, _ in run] for sounds, run in groupby(enumerate(stands), lambda one: one[1]) if sounds]
    for sound, run in enumerate(runs):
        for since, at in enumerate(run):
            places[at] = Seconds(round(since * every, 6), round((since + 1) * every, 6), sound)
    text = line.text
    if text is not None:
        pairs = zip(text, places, strict=True)
        text = tuple(_named(place, len(runs)) if isinstance(place, Seconds) else said for said, place in pairs)
    return replace(line, place=tuple(places), text=text)


def _named(place: Seconds, sounds: int) -> str:
    """When a position is, after the number of its sound where there are several."""
    return f"{place.sound}:{place.start:.2f} s" if sounds > 1 else f"{place.start:.2f} s"


def _steps(module: nn.Module, given: Mapping[str, Any], processor: Any) -> tuple[Tensor | None, float | None]:
    """What is given, and seconds from one of its steps to the next."""
    family = getattr(getattr(module, "config", None), "model_type", None)
    extractor = getattr(processor, "feature_extractor", processor)
    rate = getattr(extractor, "sampling_rate", None)
    if isinstance(spectra := given.get("input_features"), Tensor) and spectra.ndim == 3:
        hop = getattr(extractor, "hop_length", None)
        return spectra, hop / rate if hop and rate else HOP if family in _SPECTRA else None
    if isinstance(wave := given.get("input_values"), Tensor) and wave.ndim == 2:
        return wave, 1 / rate if rate else 1 / RATE if family in _WAVES else None
    return None, None


def _convolutions(module: nn.Module) -> list[Convolution]:
    """Those that a sound goes through before attention."""
    config = getattr(module, "config", None)
    kernels, strides = getattr(config, "conv_kernel", None), getattr(config, "conv_stride", None)
    if isinstance(kernels, list | tuple) and isinstance(strides, list | tuple):
        return [Convolution(kernel, stride) for kernel, stride in zip(kernels, strides, strict=True)]
    found = [part for part in module.children() if isinstance(part, nn.Conv1d)]
    found = found or [part for part in getattr(getattr(module, "conv", None), "conv_layers", ()) if isinstance(part, nn.Conv1d)]
    return [Convolution(part.kernel_size[0], part.stride[0], int(part.padding[0])) for part in found]


def _through(layers: list[Convolution], size: int) -> int:
    for layer in layers:
        size = layer.length(size)
    return size
