"""Shows an observer the attention calls of a block, and leaves the model and Transformers as they were found."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from regard.errors import RecordingError
from regard.recording.compiled import uncompiled
from regard.recording.continuous_batching import batches
from regard.recording.diffusers_backends import backend_calls
from regard.recording.flash_direct import direct_calls
from regard.recording.observer import Observer
from regard.recording.torch_modules import TorchCalls


@contextmanager
def observe(model: nn.Module, observer: Observer) -> Iterator[TorchCalls]:
    """Show an observer the attention calls of the block, whichever way the model makes them, in this thread.

    Yields:
        The calls of torch functions: after the block, they know of softmaxes that came to nothing.

    Raises:
        RecordingError: the model runs on a kernel that cannot be recorded, or ran in another thread only. An error in
            looking at a call is raised when the block ends.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise RecordingError(
            f"expected a model that runs as Python, got a ScriptModule of {model.original_name}, which shows none of its "
            "calls; record the model before torch.jit.script or torch.jit.trace"
        )
    torch_calls = TorchCalls(observer)
    with ExitStack() as way_out:  # what fails on the way in leaves nothing behind
        _show_interface(model, observer, way_out)
        way_out.enter_context(backend_calls(observer))
        hooks: list[RemovableHandle] = []
        way_out.callback(_remove, hooks)
        hooks.extend(observer.watch(model))
        way_out.enter_context(uncompiled())
        way_out.enter_context(torch_calls)
        yield torch_calls
    if observer.error is not None:
        raise observer.error
    if observer.ran_elsewhere and not observer.passes:
        raise RecordingError(
            f"expected {type(model).__name__} to run in the thread of the with block, got another thread; "
            "open the block in the function that the other thread runs, as what a thread computes is its own"
        )


def _remove(hooks: Iterable[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()


def scripted_attention(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """The outermost ScriptModules in a model that compute attention, as far as their graphs tell, and why there is no map."""
    inside: set[int] = set()
    for part in model.modules():
        if isinstance(part, torch.jit.ScriptModule) and id(part) not in inside:
            inside.update(map(id, part.modules()))
            if re.search(r"aten::(_?softmax|scaled_dot_product)", str(part.inlined_graph)):
                yield part, "a ScriptModule, which shows none of its calls"


def _show_interface(model: nn.Module, observer: Observer, way_out: ExitStack) -> None:
    """Show the calls of Transformers' interface; without it, there are none, and recording needs no Transformers."""
    if "transformers.modeling_utils" in sys.modules:
        from regard.recording import transformers_models

        names = transformers_models.implementations(model)
        transformers_models.start(observer, names)
        way_out.callback(transformers_models.stop, observer)
        way_out.enter_context(direct_calls(model, observer))
        way_out.enter_context(batches(model, replay=observer.follows_replays))
