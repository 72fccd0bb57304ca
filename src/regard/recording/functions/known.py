"""The reader of an attention function: decided by the function itself, as hub kernels register it under any name."""

import inspect
from functools import partial

from regard.recording.functions.dense_masks import read_eager, read_sdpa
from regard.recording.functions.given import AttentionFunction, Reader

READERS: dict[str, Reader] = {
    "transformers.integrations.sdpa_attention.sdpa_attention_forward": read_sdpa,
}
"""By the place where the function is written: nothing has to be imported to know it."""


def reader_of(function: AttentionFunction) -> Reader | None:
    """How calls of this function are read; None where it is not known."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    name = getattr(function, "__qualname__", "")
    if name == "eager_attention_forward":  # each model's file has one of its own
        return read_eager
    return READERS.get(f"{getattr(function, '__module__', '')}.{name}")
