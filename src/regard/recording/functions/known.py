"""The reader of an attention function: decided by the function itself, as hub kernels register it under any name."""

from regard.recording.functions.eager import read_eager
from regard.recording.functions.flash import read_flash
from regard.recording.functions.flex import read_flex
from regard.recording.functions.given import AttentionFunction, Reader
from regard.recording.functions.sdpa import read_sdpa
from regard.recording.functions.source import plain

READERS: dict[str, Reader] = {
    "transformers.integrations.flex_attention.flex_attention_forward": read_flex,
    "transformers.integrations.flash_attention.flash_attention_forward": read_flash,
    "transformers.integrations.sdpa_attention.sdpa_attention_forward": read_sdpa,
}
"""By the place where the function is written: nothing has to be imported to know it."""


def reader_of(function: AttentionFunction) -> Reader | None:
    """How calls of this function are read, also where it is wrapped or partly applied; None where it is not known."""
    written = plain(function)
    name = getattr(written, "__qualname__", "")
    if name.endswith("eager_attention_forward"):  # each model's file has one of its own
        return read_eager
    return READERS.get(f"{getattr(written, '__module__', '')}.{name}")


def place_of(function: AttentionFunction) -> str:
    """What the function is called, and where it stands."""
    written = plain(function)
    named = written if hasattr(written, "__qualname__") else type(written)
    code = getattr(written, "__code__", None)
    line = f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""
    return f"{named.__module__}.{named.__qualname__}{line}"
