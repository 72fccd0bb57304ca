"""One pass over texts that are known, as the model's own ``generate`` would have given it what it gave in steps."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel
from transformers.utils.generic import ModelOutput

from regard.errors import RecordingError
from regard.recording.stacks import FACTS

PER_TOKEN = ("token_type_ids", "mm_token_type_ids", "position_ids")
"""What generate gives for each token, and makes longer as it goes on."""


class Replay(NamedTuple):
    """What the model is given, and what its rows are.

    Attributes:
        arguments: of the model's forward.
        text: (batch, length) ids of which all but the last are consumed, and all but the first produced.
        before: positions before the text that have no ids: a prompt given as vectors.
        real: (batch, before + length): no padding, and nothing after the first end.
    """

    arguments: dict[str, Any]
    text: Tensor
    before: int
    real: Tensor


def inputs_of(model: PreTrainedModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments of ``generate`` that are inputs of the model: a replay needs them too."""
    takes = {*inspect.signature(model.forward).parameters, *FACTS}
    return {name: value for name, value in given.items() if name in takes and isinstance(value, Tensor)}


def batch_of(model: PreTrainedModel, inputs: Mapping[str, Any]) -> int:
    """How many sequences the inputs are."""
    names = ("input_ids", "inputs_embeds", model.main_input_name)
    return next((len(inputs[name]) for name in names if isinstance(inputs.get(name), Tensor)), 1)


def replayed(model: PreTrainedModel, inputs: Mapping[str, Any], sequences: Tensor, ends: Sequence[int]) -> Replay:
    """The pass over these sequences, n to each of the inputs."""
    repeated = _repeated(model, inputs, len(sequences) // batch_of(model, inputs))
    if model.config.is_encoder_decoder:
        return _of_decoder(repeated, sequences, ends)
    if "inputs_embeds" in repeated:
        return _of_vectors(model, repeated, sequences, ends)
    ids = repeated.get("input_ids")
    prompt = 1 if ids is None else ids.shape[1]  # without any ids, generate begins with one token of its own
    real = until_end(sequences, prompt, ends)
    if (mask := repeated.get("attention_mask")) is not None and mask.shape == (len(sequences), prompt):
        real[:, :prompt] = mask.bool()
    arguments = repeated | {"input_ids": sequences[:, :-1]}
    return Replay(_positioned(model, arguments, real[:, :-1].long(), prompt), sequences, 0, real)


def until_end(sequences: Tensor, prompt: int, ends: Sequence[int]) -> Tensor:
    """True up to the first end token after the prompt, that token included; what follows is padding."""
    is_end = torch.isin(sequences, torch.tensor(list(ends), dtype=sequences.dtype, device=sequences.device))
    is_end[:, :prompt] = False
    ended_before = is_end.cumsum(1) - is_end.long()
    return ended_before == 0


def _repeated(model: PreTrainedModel, inputs: Mapping[str, Any], copies: int) -> dict[str, Any]:
    """The inputs of each sequence: a text may have several pictures, whose patches follow one another in one tensor."""
    tensors = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
    if copies == 1:
        return tensors
    batch = batch_of(model, inputs)
    made = {}
    for name, given in tensors.items():
        parts = _parts(model, name, tensors, batch)
        if parts is None:
            raise RecordingError(
                f"{name}: expected as many as there are texts, {batch}, or pictures whose text is known, got {len(given)}, for "
                f"{copies} sequences of each text; generate from one text at a time"
            )
        made[name] = torch.cat([part for part in given.split(parts) for _ in range(copies)])
    return made


def _parts(model: PreTrainedModel, name: str, tensors: Mapping[str, Tensor], batch: int) -> list[int] | None:
    """How many of the first axis of an input belong to each text; None where nothing tells it."""
    given, ids = tensors[name], tensors.get("input_ids")
    table, token = next((known for known in PACKED if name in known.names), Packed((), "")).of(model, tensors)
    if batch == 1 or (len(given) == batch and table is None):
        return [len(given) // batch] * batch
    side = getattr(getattr(model.config, "vision_config", None), "spatial_merge_size", None)
    if table is None or token is None or ids is None or side is None:
        return None
    rows = table.prod(1).tolist()
    waiting, parts = list(rows), []
    for count in (ids == token).sum(1).tolist():
        own: list[int] = []
        while sum(own) < count * side**2 and waiting:
            own.append(waiting.pop(0))
        parts.append(sum(own) if len(given) == sum(rows) else len(own))
    return parts if sum(parts) == len(given) else None


class Packed(NamedTuple):
    """Inputs of all pictures, one after another: the first name is that of the table of their times, rows and columns."""

    names: tuple[str, ...]
    token: str

    def of(self, model: PreTrainedModel, tensors: Mapping[str, Tensor]) -> tuple[Tensor | None, int | None]:
        """The table, and the id that stands for a patch in a text."""
        table = tensors.get(self.names[0]) if self.names else None
        return table, getattr(model.config, self.token, None) if table is not None else None


PACKED = (
    Packed(("image_grid_thw", "pixel_values"), "image_token_id"),
    Packed(("video_grid_thw", "pixel_values_videos", "second_per_grid_ts"), "video_token_id"),
)


def _of_decoder(repeated: dict[str, Any], sequences: Tensor, ends: Sequence[int]) -> Replay:
    """An encoder reads the inputs; the sequences begin with the start of the decoder's text."""
    given = repeated.pop("decoder_input_ids", None)
    prompt = 1 if given is None else given.shape[1] + (not torch.equal(given, sequences[:, : given.shape[1]]))
    real = until_end(sequences, prompt, ends)
    arguments = repeated | {"decoder_input_ids": sequences[:, :-1]}
    if (mask := repeated.get("decoder_attention_mask")) is not None:
        real[:, prompt - mask.shape[1] : prompt] = mask.bool()
        arguments["decoder_attention_mask"] = real[:, :-1].to(mask.dtype)
    return Replay(arguments, sequences, 0, real)


def _of_vectors(model: PreTrainedModel, repeated: dict[str, Any], sequences: Tensor, ends: Sequence[int]) -> Replay:
    """A decoder whose prompt was given as vectors; the sequences have its ids only where they were given too."""
    ids, vectors = repeated.pop("input_ids", None), repeated["inputs_embeds"]
    known = 0 if ids is None else ids.shape[1]
    written = sequences[:, known:]
    before = vectors.shape[1]
    real = torch.cat([torch.ones_like(vectors[..., 0], dtype=torch.bool), until_end(written, 0, ends)], 1)
    if (mask := repeated.get("attention_mask")) is not None:
        real[:, :before] = mask.bool()
    words = model.get_input_embeddings()(written[:, :-1])
    arguments = repeated | {"inputs_embeds": torch.cat([vectors, words.to(vectors.dtype)], 1)}
    arguments = _positioned(model, arguments, real[:, :-1].long(), before)
    return Replay(arguments, sequences, 0, real) if known == before else Replay(arguments, written, before, real)


def _positioned(model: PreTrainedModel, arguments: dict[str, Any], mask: Tensor, prompt: int) -> dict[str, Any]:
    """With mask, positions and types of all tokens, where they were given for those of the prompt; as generate goes on."""
    takes = inspect.signature(model.forward).parameters
    made = arguments | {"attention_mask": mask}
    grown = {name: arguments[name] for name in PER_TOKEN if arguments.get(name) is not None}
    if grown and hasattr(model, "_update_model_kwargs_for_generation"):
        for _ in range(mask.shape[1] - prompt):  # PaliGemma, say, calls what it writes by another type than what it was given
            grown = cast("Any", model)._update_model_kwargs_for_generation(ModelOutput(), grown)
    made |= grown
    if "position_ids" in grown:
        return made
    if "position_ids" in takes:
        own = getattr(type(model), "_prepare_position_ids_for_generation", None)
        if own in (None, GenerationMixin._prepare_position_ids_for_generation) or "input_ids" not in made:
            # generate counts positions from the first real token; a plain forward would count the padding on the left too.
            made["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
        else:  # positions in pictures are three numbers each
            others = {name: value for name, value in made.items() if name != "input_ids"}
            made["position_ids"] = own(model, made["input_ids"], others)
    return made
