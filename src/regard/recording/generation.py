"""Generation, then one replay of what came out.

Beams swap histories while they run, caches drop and overwrite keys, finished sequences leave the batch. None of that is in the
text that is returned, and its attention is that of one teacher-forced pass over it. So: generate as always, then run the model
once over the returned sequences and record that pass.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from regard.arguments import dense_tensor
from regard.axes.axis import Axis
from regard.axes.tokens import Tokenizer, axis_of_ids, axis_of_presence, joined
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError, in_short
from regard.recording.placeholders import refuse_written
from regard.recording.record import recorder_of
from regard.recording.recording import Recording
from regard.recording.replayed import Replay, batch_of, inputs_of, replayed


def generate(
    model: PreTrainedModel,
    inputs: Mapping[str, Any] | Tensor | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    device: torch.device | str | None = None,
    values: bool = False,
    **generate_kwargs: Any,
) -> Recording:
    """``model.generate`` with any decoding strategy, and the attention of the sequences that it returned.

    It is called as ``model.generate`` is: ``regard.generate(model, **processor(...), max_new_tokens=20)``, for texts, sound
    (Whisper), pictures (TrOCR, Donut), texts with pictures, and prompts that are vectors (``inputs_embeds``).

    Args:
        model: a Transformers model that can generate, on any attention that ``record`` reads.
        inputs: what the tokenizer or processor returns, or its main tensor alone, such as input_ids (batch, positions).
        tokenizer: names the tokens on the axes.
        layers: keep only these layers, counted from 0 within their kind.
        kinds: keep only these of "encoder", "decoder", "cross" and "self".
        device: where the copies go, as in ``record``.
        values: as in ``record``.
        **generate_kwargs: handed to ``model.generate``.

    Returns:
        A recording with ``sequences`` (batch · returned sequences, length). Row t of a decoder, cross or self map is the
        query that produced token t + 1 of the sequence; ``recording.sample(i)`` is one sequence without its padding.

    Raises:
        OptionError: ``return_dict_in_generate=False``, no inputs of the model, or a model that does not generate.
        DtypeError, ShapeError: input_ids that are no (batch, positions) tensor.
        RecordingError: the attention cannot be recorded, or sound so long that it is heard in pieces.

    Example:
        >>> import torch, regard
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> recording = regard.generate(model, torch.tensor([[1, 2, 3]]), max_new_tokens=4, do_sample=False)
        >>> recording.sequences.shape, recording.self[0].shape
        (torch.Size([1, 7]), (1, 2, 6, 6))
    """
    if not hasattr(model, "generate"):
        raise OptionError(
            f"expected a model that generates, got {type(model).__name__}; load it with AutoModelForCausalLM or "
            "AutoModelForSeq2SeqLM, or record one pass: with regard.record(model)"
        )
    if inputs is not None and not isinstance(inputs, Tensor | Mapping):
        raise DtypeError(
            f"expected inputs as a tensor or a mapping, got {type(inputs).__name__}; pass what the tokenizer returns"
        )
    if isinstance(inputs, Mapping) and (strange := [name for name in inputs if not isinstance(name, str)]):
        raise DtypeError(f"expected inputs by name, got the name {in_short(strange[0])}; pass what the tokenizer returns")
    main = model.main_input_name
    given = {main: inputs} if isinstance(inputs, Tensor) else dict(inputs or {})
    named = given | inputs_of(model, generate_kwargs)
    options = {name: value for name, value in generate_kwargs.items() if name not in named}
    known = dict.fromkeys(("input_ids", "inputs_embeds", main))
    takes = inspect.signature(model.forward).parameters
    if not any(named.get(name) is not None for name in {*known, *takes}):  # some write of a picture alone
        raise OptionError(f"expected inputs with {' or '.join(known)}, got {sorted(named)}; pass what the processor returns")
    ids = named.get("input_ids")
    if isinstance(ids, Tensor):
        dense_tensor("input_ids", ids)
    if ids is not None and (not isinstance(ids, Tensor) or ids.ndim != 2):
        raise ShapeError(
            "expected input_ids as a tensor (batch, positions), got "
            f"{tuple(ids.shape) if isinstance(ids, Tensor) else type(ids).__name__}; "
            "call the tokenizer with return_tensors='pt', and add a batch axis to a single sequence"
        )
    ends = _option("eos_token_id", model, options)
    if ids is not None and "attention_mask" in takes and named.get("attention_mask") is None:
        named["attention_mask"] = _guessed_mask(ids, _option("pad_token_id", model, options), ends)
    if not options.setdefault("return_dict_in_generate", True):
        raise OptionError("expected return_dict_in_generate=True, got False; the sequences are in recording.sequences")
    decode: Any = model.generate  # Transformers' own annotation of self fits no model class
    if "force_unique_generate_call" in inspect.signature(decode).parameters:
        _check_window(model, named)
        options.setdefault("force_unique_generate_call", True)  # Whisper's else cuts the start off
    sequences = getattr(decode(**named, **options), "sequences", None)
    if not isinstance(sequences, Tensor):
        raise RecordingError(
            f"expected sequences from one call of generate of {type(model).__name__}, got none; record a pass over what it "
            "returned: with regard.record(model): model(...)"
        )
    kept: dict[str, Any] = {"tokenizer": tokenizer, "layers": layers, "kinds": kinds, "device": device, "values": values}
    return replay(model, named, sequences, ends=ends, **kept)


def replay(
    model: PreTrainedModel,
    inputs: Mapping[str, Any],
    sequences: Tensor,
    *,
    ends: Sequence[int] | None = None,
    tokenizer: Tokenizer | None = None,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    device: torch.device | str | None = None,
    values: bool = False,
) -> Recording:
    """One recorded pass over sequences that are known: generated ones, or a translation that is given.

    Args:
        model: the model.
        inputs: its inputs, as ``generate`` takes them.
        sequences: (batch · n, length) ids, n to each batch item; for an encoder-decoder they begin with the start token, for
            a decoder with the prompt. Padding stands after the first end token.
        ends: ids that end a sequence; the model's own where not given.
        tokenizer: names the tokens on the axes.
        layers: as in ``record``.
        kinds: as in ``record``.
        device: as in ``record``.
        values: as in ``record``.

    Returns:
        A recording as that of ``generate``.

    Raises:
        ShapeError: sequences that do not fit the inputs.
        RecordingError: sequences without a generated token, with a generated placeholder of a picture or sound, or attention
            that cannot be recorded.

    Example:
        >>> import torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> recording = replay(model, {"input_ids": torch.tensor([[1, 2]])}, torch.tensor([[1, 2, 3, 4]]))
        >>> recording.self[0].shape
        (1, 2, 3, 3)
    """
    batch = batch_of(model, inputs)
    if sequences.ndim != 2 or sequences.shape[0] % batch:
        raise ShapeError(
            f"expected sequences ({batch} · n, length) for a batch of {batch}, got {tuple(sequences.shape)}; "
            "give the same number of sequences to each input"
        )
    least = 1 if "inputs_embeds" in inputs and not model.config.is_encoder_decoder else 2
    if sequences.shape[1] < least:
        raise RecordingError(f"expected at least one generated token, got sequences of length {sequences.shape[1]}")
    refuse_written(model, inputs, sequences)
    made = replayed(model, inputs, sequences, _option("eos_token_id", model, {}) if ends is None else ends)
    asked: dict[str, Any] = {"tokenizer": tokenizer, "device": device, "values": values}
    with torch.no_grad(), recorder_of(model, layers, kinds, **asked) as recorder:
        model(**made.arguments, use_cache=False)
    recording = recorder.recording
    recording.sequences = sequences
    _name_rows(recording, made, tokenizer)
    return recording


def _name_rows(recording: Recording, made: Replay, tokenizer: Tokenizer | None) -> None:
    """Say of the maps over the text, and of no tower's, which tokens their rows consumed and produced."""
    rows, before, text = made.real[:, 1:] & made.real[:, :-1], made.before, made.text
    size = rows.shape[1]
    read = _after(before, axis_of_ids(text[:, :-1], rows[:, before:], tokenizer, "consumed"), rows)
    written = axis_of_ids(text if before else text[:, 1:], rows[:, max(before - 1, 0) :], tokenizer, "produced")
    written = replace(_after(max(before - 1, 0), written, rows), beside=read)
    ids = read.lines[0].id
    for amap in recording.maps:
        own, more = amap.queries.lines[0], len(amap.queries) - size  # trained vectors may stand before all that is given
        is_text = own.id is not None and own.id[more:] == ids
        if (
            amap.kind == "encoder"
            or more < 0
            or not (is_text or (before and more == 0 and own.id is None and own.place is None))
        ):
            continue
        own_read = _after(more, read)
        if is_text:  # with places in pictures, where it has them
            both = zip(amap.queries.lines, own_read.lines, strict=True)
            lines = tuple(replace(line, present=known.present) for line, known in both)
            own_read = replace(amap.queries, lines=lines, role="consumed", beside=None)
        amap.queries = replace(_after(more, written), beside=own_read)
        amap.keys = amap.keys if amap.kind == "cross" else own_read


def _after(count: int, axis: Axis, real: Tensor | None = None) -> Axis:
    """The positions after some that nothing names, of which the mask may say which are padding."""
    if not count:
        return axis
    unnamed = Axis.unknown(count) if real is None else axis_of_presence(real[:, :count])
    return joined([unnamed, replace(axis, beside=None)], axis.role)


def _option(name: str, model: PreTrainedModel, generate_kwargs: Mapping[str, Any]) -> list[int]:
    """Ids of a special token as ``generate`` would take them: its argument first, then its configuration, then the model's."""
    config = generate_kwargs.get("generation_config") or model.generation_config
    ids = generate_kwargs.get(name, getattr(config, name, None))
    return [] if ids is None else [int(one) for one in torch.as_tensor(ids).flatten()]


def _check_window(model: PreTrainedModel, inputs: Mapping[str, Any]) -> None:
    """Refuse sound that is longer than the encoder of Whisper hears at once, two frames a position: it is heard in pieces."""
    frames, heard = inputs.get("input_features"), 2 * model.config.max_source_positions
    if isinstance(frames, Tensor) and frames.shape[-1] > heard:
        raise RecordingError(
            f"expected sound of one window, {heard} frames ({heard / 100:g} seconds at 100 frames a second), got "
            f"{frames.shape[-1]} frames, which {type(model).__name__} hears in pieces, each with an attention of its own; cut "
            f"the sound before the processor, and generate from each piece: processor(sound[at : at + {heard * 160}], "
            "sampling_rate=16000, return_tensors='pt')"
        )


def _guessed_mask(ids: Tensor, padding: Sequence[int], ends: Sequence[int]) -> Tensor:
    """The mask that ``generate`` guesses where none is given: padding is hidden, unless the same token ends a text."""
    hidden = torch.isin(ids, torch.tensor([one for one in padding if one not in ends], dtype=ids.dtype, device=ids.device))
    return (~hidden).long()
