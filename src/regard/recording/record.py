"""``with regard.record(model) as recording``: every attention call of the block, as lazy maps."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from regard.arguments import one_of, several, truth, whole_number
from regard.axes.tokens import Tokenizer
from regard.errors import DtypeError, RecordingError
from regard.recording.block import once
from regard.recording.copies import Copies
from regard.recording.kinds import ATTENTION_KINDS
from regard.recording.observe import observe, scripted_attention
from regard.recording.recorder import Keep, Recorder
from regard.recording.recording import Recording

HELD_AS = ("unet", "transformer", "model")
"""Where pipelines hold the model that attends."""


@once
def record(
    model: nn.Module,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    values: bool = False,
    device: torch.device | str | None = None,
    keep: Keep = None,
) -> Iterator[Recording]:
    """Keep the attention of everything that the model computes inside the block.

    The model runs on its own kernel, and its output is the same to the bit as without recording. For each attention call
    its queries and keys are copied, which is all that a map needs; weights that a model computes itself are copied as they are.
    Two things run otherwise inside the block: a compiled model runs as it was written, and PyTorch's inference path of
    ``nn.TransformerEncoder``, which has no queries to show, gives way to the ordinary one.

    Args:
        model: a Transformers model on SDPA, eager, FlashAttention or flex attention, a diffusers model on any backend, or any
            torch module that calls fused attention or computes softmax by hand.
        layers: keep only these layers: ``layers.3`` of a model is layer 3, whether or not all before it ran or have attention;
            two towers have a layer 0 each.
        kinds: keep only these of "encoder", "decoder", "cross" (encoder-decoder models) and "self" (all others).
        tokenizer: names the tokens of ``input_ids`` on the axes.
        values: also keep what each map is multiplied with, and what comes of it, as ``recording.values``: for
            ``norm_weighted`` and ``relevance``. Where gradients are on, the graph of the pass lives as long as the recording,
            on the model's device: for ``relevance`` alone, which asks it. Under ``torch.no_grad()`` there is none.
        device: where the copies go at each call; "cpu" keeps the memory of a GPU free. Where the model has them, for None.
        keep: how many passes: ``keep=3`` has the last three when the block ends, and at any time no more. Or a function of a
            map, called as each is made: it returns the map, a part of it (``amap.select(queries=-1)``, whose other rows are
            let go), or None, after it has taken from the map what it wants.

    Yields:
        The Recording; complete when the block ends.

    Warns:
        UserWarning: ids seem to be padded, and no ``attention_mask`` says where.

    Raises:
        RecordingError: the model's attention cannot be recorded, or the model ran and no attention call was seen.
        OptionError: kinds that no model has; layers that this one has not, which is known when the block ends; a device that is
            not there.
        DtypeError: the model is not a torch module.

    Example:
        >>> import torch, regard
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> model = BertModel(config).eval()
        >>> with regard.record(model) as recording:
        ...     output = model(input_ids=torch.arange(5)[None])
        >>> recording.self[1].shape
        (1, 2, 5, 5)
    """
    asked = recorder_of(model, layers, kinds, tokenizer=tokenizer, values=values, device=device, keep=keep)
    with asked as recorder:
        yield recorder.recording
    if recorder.stacks.doubt:
        warnings.warn(recorder.stacks.doubt, stacklevel=4)  # 4: two context managers stand between


@once
def recorder_of(
    model: nn.Module,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    values: bool = False,
    device: torch.device | str | None = None,
    keep: Keep = None,
) -> Iterator[Recorder]:
    """As ``record``, for those who know more of the texts than the model is given: nothing is said of padding."""
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {type(model).__name__}{_held_in(model)}")
    if layers is not None:
        layers = several("layers", layers, "layers", advice="for example layers=[0, 3]")
        layers = [whole_number("layers", layer, 0, advice="they are counted from 0") for layer in layers]
    if kinds is not None:
        kinds = several("kinds", kinds, "kinds", advice="for example kinds=['cross']")
        kinds = [one_of("kinds", kind, ATTENTION_KINDS) for kind in kinds]
    values = truth("values", values)
    recording = Recording()
    recording.model = _name_of(model)
    if keep is not None and not callable(keep):
        keep = whole_number("keep", keep, 1, advice="it is how many passes; or a function of a map")
    copies = Copies(device)
    recorder = Recorder(model, recording, layers, kinds, values=values, tokenizer=tokenizer, copies=copies, keep=keep)
    with observe(model, recorder) as torch_calls:
        yield recorder
    if recording.passes:
        for module, reason in (*torch_calls.missed(), *scripted_attention(model)):
            recorder.miss(module, reason)
        for module in recorder.ran_apart():
            recorder.miss(module, "it ran in another thread, whose calls are not in the recording of this one")
    recorder.check_layers()
    _check_calls(model, recording)


def _held_in(pipeline: object) -> str:
    """Where the model is that attends, in what is no model itself."""
    parts = [name for name in HELD_AS if isinstance(getattr(pipeline, name, None), nn.Module)]
    return f"; record its .{parts[0]}" if parts else ""


def _name_of(model: nn.Module) -> str:
    """The model's class, and its name on the hub; of a folder only the last part, for a file may travel."""
    name = str(getattr(model, "name_or_path", None) or "")
    place = Path(name)
    return f"{type(model).__name__} {place.name if place.is_absolute() or place.exists() else name}".rstrip()


def _check_calls(model: nn.Module, recording: Recording) -> None:
    """Refuse a recording without maps whose reader would not know why."""
    if not recording.passes or any(call.layer is not None for call in recording.calls):
        return
    name = type(model).__name__
    if recording.calls:
        reasons = sorted({f"{call.name}: {call.kept}" for call in recording.calls})
        raise RecordingError(
            f"expected attention of {name} that has a map of queries by keys, got none: {reasons[0]}"
            f"{f' (and {len(reasons) - 1} more)' if len(reasons) > 1 else ''}; "
            "see whether its own output_attentions=True has something else"
        )
    raise RecordingError(
        f"expected attention in {name}, which ran, got none: no call of Transformers' attention interface, none of "
        "F.scaled_dot_product_attention, and no softmax over keys that multiplies values; check that there is attention in it, "
        "and that it ran in this thread"
    )
