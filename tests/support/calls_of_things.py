"""What the calls of the battery are made on: small models, a recording, a translation, a survey, a map."""

import functools
from collections.abc import Callable
from typing import Any

import torch

import regard
from regard import AttentionMap
from support.surveys import drawn, survey_of
from support.tiny_models import Tokenizer, tiny, tiny_inputs
from support.wrong_calls import Call
from support.wrong_values import base

PICTURE = {"width": 5.0, "font": 8.0, "theme": "dark", "ax": None}
TOKENS = ["▁the", "▁cat", "▁s", "at", "</s>"]
TRUTHS = torch.tensor([[True, True, False], [True, False, True], [True, True, True]])


@functools.cache
def model(name: str = "gpt2") -> Any:
    return tiny(name).requires_grad_(requires_grad=False)


@functools.cache
def recording(name: str = "gpt2") -> Any:
    """Of one text, with values; the axes of a causal model are the same for queries and keys."""
    inputs = {key: value[:1, :5] for key, value in tiny_inputs(name).items()}
    with regard.record(model(name), tokenizer=Tokenizer(), values=True) as found, torch.no_grad():
        model(name)(**inputs)
    return found


@functools.cache
def translated() -> Any:
    return regard.translate("The cat sat.")


@functools.cache
def surveyed() -> Any:
    return survey_of(drawn(7))


@functools.cache
def swept() -> Any:
    return regard.sweep(model(), tiny_inputs("gpt2")["input_ids"][:1, :5], lambda out: float(out.logits[0, -1, 3]))


def amap() -> AttentionMap:
    made = AttentionMap(base(), base(), causal=True)
    made.queries = made.keys = ["the", "cat", "sat", "on", "it"]
    return made


def call(function: Callable[..., Any], /, paths: tuple[str, ...] = (), own: tuple[str, ...] = (), **given: Any) -> Call:
    """Arguments are values, or functions that make them: tensors and maps are made anew, so that none is changed for others."""
    make = lambda: {key: value() if callable(value) and key not in own else value for key, value in given.items()}  # noqa: E731
    return Call(function, make, paths, own)
