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

from regard.axes.tokens import Tokenizer, axis_of_ids
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.recording.record import recorder_of
from regard.recording.recording import Recording


def generate(
    model: PreTrainedModel,
    inputs: Mapping[str, Tensor] | Tensor,
    *,
    tokenizer: Tokenizer | None = None,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
    **generate_kwargs: Any,
) -> Recording:
    """``model.generate`` with any decoding strategy, and the attention of the sequences that it returned.

    Args:
        model: a Transformers model that can generate, on SDPA or eager attention.
        inputs: what the tokenizer returns, or input_ids (batch, positions).
        tokenizer: names the tokens on the axes.
        layers: keep only these layers, counted from 0 within their kind.
        kinds: keep only these of "encoder", "decoder", "cross" and "self".
        **generate_kwargs: handed to ``model.generate``.

    Returns:
        A recording with ``sequences`` (batch · returned sequences, length). Row t of a decoder, cross or self map is the
        query that produced token t + 1 of the sequence; ``recording.sample(i)`` is one sequence without its padding.

    Raises:
        OptionError: ``return_dict_in_generate=False``, inputs without input_ids, or a model that does not generate.
        DtypeError, ShapeError: input_ids that are no (batch, positions) tensor.
        RecordingError: the attention cannot be recorded.

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
    if not isinstance(inputs, Tensor | Mapping):
        raise DtypeError(
            f"expected inputs as a tensor or a mapping, got {type(inputs).__name__}; pass what the tokenizer returns"
        )
    named: dict[str, Any] = {"input_ids": inputs} if isinstance(inputs, Tensor) else dict(inputs)
    if "input_ids" not in named:
        raise OptionError(f"expected inputs with input_ids, got {sorted(named)}; pass what the tokenizer returns")
    ids = named["input_ids"]
    if not isinstance(ids, Tensor) or ids.ndim != 2:
        raise ShapeError(
            "expected input_ids as a tensor (batch, positions), got "
            f"{tuple(ids.shape) if isinstance(ids, Tensor) else type(ids).__name__}; "
            "call the tokenizer with return_tensors='pt', and add a batch axis to a single sequence"
        )
    # The replay needs every input of the model, those that stand among the options included.
    takes = inspect.signature(model.forward).parameters
    named |= {name: generate_kwargs.pop(name) for name in takes if isinstance(generate_kwargs.get(name), Tensor)}
    ends = _option("eos_token_id", model, generate_kwargs)
    if "attention_mask" in takes and named.get("attention_mask") is None:
        named["attention_mask"] = _guessed_mask(ids, _option("pad_token_id", model, generate_kwargs), ends)
    if not generate_kwargs.setdefault("return_dict_in_generate", True):
        raise OptionError("expected return_dict_in_generate=True, got False; the sequences are in recording.sequences")
    decode: Any = model.generate  # Transformers' own annotation of self fits no model class
    sequences = decode(**named, **generate_kwargs).sequences
    return replay(model, named, sequences, ends=ends, tokenizer=tokenizer, layers=layers, kinds=kinds)


def replay(
    model: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    sequences: Tensor,
    *,
    ends: Sequence[int] | None = None,
    tokenizer: Tokenizer | None = None,
    layers: Sequence[int] | None = None,
    kinds: Sequence[str] | None = None,
) -> Recording:
    """One recorded pass over sequences that are known: generated ones, or a translation that is given.

    Args:
        model: the model.
        inputs: its inputs, (batch, positions) each.
        sequences: (batch · n, length) ids, n to each batch item; for an encoder-decoder they begin with the start token, for
            a decoder with the prompt. Padding stands after the first end token.
        ends: ids that end a sequence; the model's own where not given.
        tokenizer: names the tokens on the axes.
        layers: as in ``record``.
        kinds: as in ``record``.

    Returns:
        A recording as that of ``generate``.

    Raises:
        ShapeError: sequences that do not fit the inputs.
        RecordingError: sequences without a generated token, or attention that cannot be recorded.

    Example:
        >>> import torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> recording = replay(model, {"input_ids": torch.tensor([[1, 2]])}, torch.tensor([[1, 2, 3, 4]]))
        >>> recording.self[0].shape
        (1, 2, 3, 3)
    """
    batch = inputs["input_ids"].shape[0]
    if sequences.ndim != 2 or sequences.shape[0] % batch:
        raise ShapeError(
            f"expected sequences ({batch} · n, length) for a batch of {batch}, got {tuple(sequences.shape)}; "
            "give the same number of sequences to each input"
        )
    if sequences.shape[1] < 2:
        raise RecordingError(f"expected at least one generated token, got sequences of length {sequences.shape[1]}")
    copies = sequences.shape[0] // batch
    repeated = {name: value.repeat_interleave(copies, 0) for name, value in inputs.items() if isinstance(value, Tensor)}
    encoder_decoder = bool(model.config.is_encoder_decoder)
    consumed, produced = sequences[:, :-1], sequences[:, 1:]
    prompt = 1 if encoder_decoder else inputs["input_ids"].shape[1]
    real = _until_end(sequences, prompt, _option("eos_token_id", model, {}) if ends is None else ends)
    if encoder_decoder:
        arguments = repeated | {"decoder_input_ids": consumed}
    else:
        if "attention_mask" in repeated:
            real[:, :prompt] = repeated["attention_mask"].bool()
        mask = real[:, :-1].long()
        arguments = repeated | {"input_ids": consumed, "attention_mask": mask}
        if "position_ids" in inspect.signature(model.forward).parameters:
            # generate counts positions from the first real token; a plain forward would count the padding on the left too.
            arguments["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad(), recorder_of(model, layers, kinds, tokenizer=tokenizer) as recorder:
        model(**arguments, use_cache=False)
    recording = recorder.recording
    rows = real[:, 1:] & real[:, :-1]
    recording.sequences = sequences
    read = axis_of_ids(consumed, rows, tokenizer, "consumed")
    written = replace(axis_of_ids(produced, rows, tokenizer, "produced"), beside=read)
    for amap in recording.maps:
        if amap.kind != "encoder" and amap.queries.lines[0].id == read.lines[0].id:  # the decoder's, no other tower's
            amap.queries = written
            amap.keys = amap.keys if amap.kind == "cross" else read
    return recording


def _option(name: str, model: PreTrainedModel, generate_kwargs: Mapping[str, Any]) -> list[int]:
    """Ids of a special token as ``generate`` would take them: its argument first, then its configuration, then the model's."""
    config = generate_kwargs.get("generation_config") or model.generation_config
    ids = generate_kwargs.get(name, getattr(config, name, None))
    return [] if ids is None else [int(one) for one in torch.as_tensor(ids).flatten()]


def _guessed_mask(ids: Tensor, padding: Sequence[int], ends: Sequence[int]) -> Tensor:
    """The mask that ``generate`` guesses where none is given: padding is hidden, unless the same token ends a text."""
    hidden = torch.isin(ids, torch.tensor([one for one in padding if one not in ends], dtype=ids.dtype, device=ids.device))
    return (~hidden).long()


def _until_end(sequences: Tensor, prompt: int, ends: Sequence[int]) -> Tensor:
    """True up to the first end token after the prompt, that token included; what follows is padding."""
    is_end = torch.isin(sequences, torch.tensor(list(ends), dtype=sequences.dtype, device=sequences.device))
    is_end[:, :prompt] = False
    ended_before = is_end.cumsum(1) - is_end.long()
    return ended_before == 0
