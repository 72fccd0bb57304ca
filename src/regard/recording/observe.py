"""Shows an observer the attention calls of a block, and leaves the model and Transformers as they were found."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from regard.errors import RecordingError
from regard.recording.compiled import uncompiled
from regard.recording.continuous_batching import Batches, follow_batches
from regard.recording.diffusers_backends import show_backend_calls
from regard.recording.flash_direct import show_direct_calls
from regard.recording.observer import Observer
from regard.recording.torch_modules import TorchCalls
from regard.recording.way_out import WayOut


@contextmanager
def observe(model: nn.Module, observer: Observer) -> Iterator[TorchCalls]:
    """Show an observer the attention calls of the block, whichever way the model makes them, in this thread and task.

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
    batches = Batches(model, observer.owner, observer.follows_replays)
    way_out, gradients = WayOut(), torch.is_grad_enabled()
    try:
        way_out.then(observer.owner.leave)
        observer.owner.enter()
        _show_interface(model, observer, batches, way_out)
        show_backend_calls(observer, way_out)
        observer.watch(model, way_out)
        uncompiled(way_out)
        way_out.then(torch_calls.take_off)
        torch_calls.put_on()
        yield torch_calls
    except KeyboardInterrupt:
        # Under a mode the end of a torch.no_grad() is a call as any other: an interrupt there keeps it from its work.
        torch.set_grad_enabled(gradients)
        raise
    finally:
        try:
            way_out.leave()
        finally:
            way_out.leave()  # an interrupt may have come before it began
    batches.check()
    if observer.error is not None:
        raise observer.error
    if observer.ran_elsewhere and not observer.passes:
        raise RecordingError(
            f"expected {type(model).__name__} to run in the thread of the with block, got another thread; "
            "open the block in the function that the other thread runs, as what a thread computes is its own"
        )


def scripted_attention(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """The outermost ScriptModules in a model that compute attention, as far as their graphs tell, and why there is no map."""
    inside: set[int] = set()
    for part in model.modules():
        if isinstance(part, torch.jit.ScriptModule) and id(part) not in inside:
            inside.update(map(id, part.modules()))
            if re.search(r"aten::(_?softmax|scaled_dot_product)", str(part.inlined_graph)):
                yield part, "a ScriptModule, which shows none of its calls"


def _show_interface(model: nn.Module, observer: Observer, batches: Batches, way_out: WayOut) -> None:
    """Show the calls of Transformers' interface; without it, there are none, and recording needs no Transformers."""
    if "transformers.modeling_utils" in sys.modules:
        from regard.recording import transformers_models

        transformers_models.show_interface_calls(observer, transformers_models.implementations(model), way_out)
        show_direct_calls(model, observer, way_out)
        follow_batches(batches, way_out)
