"""``regard record``: a model reads or writes a text, and its attention goes into a file."""

import argparse
import inspect
import sys
from typing import Any

import torch

import regard
from regard.amounts import bytes_text
from regard.arguments import one_of, whole_number
from regard.arguments import text as checked_text
from regard.errors import DtypeError, OptionError, RecordingError, TooLongError
from regard.files import checked_path, text_in
from regard.recording.generation import replay
from regard.recording.kinds import ATTENTION_KINDS
from regard.recording.pretrained import DTYPES, load_text_model, told_unknown
from regard.recording.recording import Recording

NEW_TOKENS = 512  # of an encoder-decoder that is not told how far to go


def run(options: argparse.Namespace) -> int:
    """Record, save, and say what was kept."""
    path = checked_path(options.output)  # before the model runs, not after
    recording = recorded(options)
    check = recording.check() if options.check else None
    recording.values = []  # they were for the check
    recording.save(path)
    print(recording)
    if check is not None:
        print(f"check: {check}")
    print(f"saved: {path} ({bytes_text(path.stat().st_size)})")
    print(f"next:  regard info {path}")
    return 1 if check is not None and check.wrong else 0


def recorded(options: argparse.Namespace) -> Recording:
    """What the model attended to, on the text and with the options of the command line."""
    _check(options)
    text = read_text(options)
    model, tokenizer = load_text_model(
        options.model, generates=options.generate is not None, dtype=options.dtype, device=options.device
    )
    recording = _record(options, model, tokenizer, text)
    if not recording.maps:
        there = ", ".join(f"{kind} {len(layers)}" for kind, layers in _layers(recording).items())
        raise RecordingError(
            f"expected maps of --layers {options.layers} and --kinds {options.kinds}, got none; the model has layers: {there}"
        )
    return recording


def read_text(options: argparse.Namespace) -> str:
    """The text of --text, or of --text-file."""
    text = checked_text("--text", options.text) if options.text is not None else _read(options)
    if not text.strip():
        raise OptionError("expected a text with words, got an empty one")
    return str(text)


def _layers(recording: Recording) -> dict[str, set[int | None]]:
    """The layers that ran, by kind."""
    return {kind: found for kind in ATTENTION_KINDS if (found := {call.layer for call in recording.calls if call.kind == kind})}


def _check(options: argparse.Namespace) -> None:
    one_of("--dtype", options.dtype, DTYPES)
    for kind in options.kinds or ():
        one_of("--kinds", kind, ATTENTION_KINDS)
    for name in ("generate", "beams"):
        value = getattr(options, name)
        if value is not None:
            whole_number(f"--{name}", value, 1)
    if options.target is not None and options.generate is not None:
        raise OptionError("expected --target or --generate, got both; a known answer is read, not written")


def _read(options: argparse.Namespace) -> str:
    try:
        return text_in(options.text_file)
    except UnicodeDecodeError as error:
        raise DtypeError(f"expected {options.text_file} as UTF-8 text, got other bytes ({error}); convert it first") from error


def _record(options: argparse.Namespace, model: Any, tokenizer: Any, text: str) -> Recording:
    inputs = dict(tokenizer(text, return_tensors="pt", verbose=False).to(model.device))
    if (unknown := told_unknown(tokenizer, inputs["input_ids"][0].tolist())) is not None:
        print(f"regard: {unknown}", file=sys.stderr)
    kept: dict[str, Any] = {"tokenizer": tokenizer, "layers": options.layers, "kinds": options.kinds}
    kept["values"] = getattr(options, "check", False)  # regard view has no such option
    answers = bool(model.config.is_encoder_decoder)
    if options.target is not None and not answers:
        raise OptionError(f"expected an encoder-decoder for --target, got {type(model).__name__}; put all into --text")
    length = inputs["input_ids"].shape[1]
    _check_length("a text", length + (0 if answers else options.generate or 0), model)
    if options.target is not None:
        target: list[int] = tokenizer(text_target=options.target, verbose=False).input_ids
        _check_length("a target", len(target), model)
        start = model.config.decoder_start_token_id
        return replay(model, inputs, torch.tensor([[start, *target]], device=model.device), **kept)
    if answers or options.generate is not None:
        given = 1 if answers else length  # an answer begins with a start token
        most = given + (options.generate or NEW_TOKENS)
        most = min(most, _positions(model) or most)
        return regard.generate(model, inputs, max_length=most, num_beams=options.beams, do_sample=False, **kept)
    takes = inspect.signature(model.forward).parameters
    # The logits are not read, and for a long text they are larger than all the rest; nor is the cache.
    spared = {name: value for name, value in (("logits_to_keep", 1), ("use_cache", False)) if name in takes}
    inputs = {name: value for name, value in inputs.items() if name in takes}
    with torch.no_grad(), regard.record(model, **kept) as recording:
        model(**inputs, **spared)
    return recording


def _positions(model: Any) -> int | None:
    """How many tokens the model has positions for, where it says so."""
    return getattr(model.config, "max_position_embeddings", None)


def _check_length(what: str, length: int, model: Any) -> None:
    most = _positions(model)
    if most is not None and length > most:
        raise TooLongError(f"expected {what} of at most {most} tokens, what is written included, got {length}; shorten it")
