"""Shows an observer the attention calls of a block, and leaves the model and Transformers as they were found."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from regard.recording import transformers_models
from regard.recording.observer import Observer
from regard.recording.torch_modules import TorchCalls


@contextmanager
def observe(model: nn.Module, observer: Observer) -> Iterator[TorchCalls]:
    """Show an observer the attention calls of the block, whichever way the model makes them.

    Yields:
        The calls of torch functions: after the block, they know of softmaxes that came to nothing.

    Raises:
        RecordingError: the model runs on a kernel that cannot be recorded.
    """
    names = transformers_models.implementations(model)
    torch_calls = TorchCalls(observer)
    transformers_models.start(observer, names)
    hooks = observer.watch(model)
    try:
        with _uncompiled(), torch_calls:
            yield torch_calls
    finally:
        for hook in hooks:
            hook.remove()
        transformers_models.stop(observer)


def _uncompiled() -> AbstractContextManager[None]:
    """What was compiled runs as it was written: a compiled graph shows none of its calls, and would be compiled anew."""
    dynamo_is_there = "torch._dynamo" in sys.modules  # else nothing was compiled, and importing it takes a second
    return torch.compiler.set_stance("force_eager") if dynamo_is_there else nullcontext()
