"""Continuous batching (``generate_batch``), which no block of recording can follow: its results are replayed, one by one.

It runs in a thread of its own, in batches that mix all requests, and on CUDA mostly as graphs that call no Python. The
attention of what it returns is that of one pass over each returned sequence, as ``regard.generate`` replays it. Requests to a
manager of one's own have no end inside a block: they are noticed, and said.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import torch
from torch import nn

from regard.errors import RecordingError

PLACE = "transformers.generation.continuous_batching.continuous_api"


@dataclass(eq=False)
class Watched:
    """The model of a block that is open: how many requests were made for it, and whether their results are replayed."""

    model: nn.Module
    asked: int = 0
    is_replayed: bool = False


_lock = threading.Lock()
_watched: list[Watched] = []
_original: list[Callable[..., Any]] = []


@contextmanager
def batches(model: nn.Module, *, replay: bool) -> Iterator[None]:
    """What continuous batching does for this model in a block runs as always; each of its results is a pass of the block.

    Args:
        model: that of the block.
        replay: run the model over each result of its ``generate_batch``; else, and for requests to a manager, it is an error.

    Raises:
        RecordingError: there were requests whose results are not known.
    """
    manager = getattr(sys.modules.get(PLACE), "ContinuousBatchingManager", None)
    if manager is None:  # then nobody asks it
        yield
        return
    watched = Watched(model)
    with _lock:
        _watched.append(watched)
        if len(_watched) == 1:
            _original.append(manager.add_request)
            manager.add_request = _noticing(manager.add_request)
    before = vars(model).get("generate_batch")
    if replay and hasattr(model, "generate_batch"):
        vars(model)["generate_batch"] = _replaying(cast("Callable[..., Any]", model.generate_batch), watched)
    try:
        yield
    finally:
        vars(model).pop("generate_batch", None)
        if before is not None:
            vars(model)["generate_batch"] = before
        with _lock:
            _watched[:] = [one for one in _watched if one is not watched]
            if not _watched:
                manager.add_request = _original.pop()
    if watched.asked:
        raise RecordingError(
            f"expected passes of {type(model).__name__} inside the block, got {watched.asked} requests to continuous batching, "
            "whose batches mix them and run elsewhere; call the model's own generate_batch inside regard.record, or record one "
            "pass over each result: model(torch.tensor([result.prompt_ids + result.generated_tokens]))"
        )


def _replaying(generate_batch: Callable[..., Any], watched: Watched) -> Callable[..., Any]:
    """``generate_batch``, after which the model runs once over each sequence that it has returned."""
    thread = threading.get_ident()

    @wraps(generate_batch)
    def replaying(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return generate_batch(*args, **kwargs)
        watched.is_replayed = True
        try:
            results = generate_batch(*args, **kwargs)
        finally:
            watched.is_replayed = False
        with torch.no_grad():
            for result in results.values():
                device = next(watched.model.parameters()).device
                ids = torch.tensor([[*result.prompt_ids, *result.generated_tokens]], device=device)
                watched.model(input_ids=ids, use_cache=False)
        return results

    return replaying


def _noticing(add_request: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(add_request)
    def noticing(manager: Any, *args: Any, **kwargs: Any) -> Any:
        parts = set(map(id, manager.model.modules()))
        for one in (*_watched,):
            if not one.is_replayed and (id(one.model) in parts or any(part is manager.model for part in one.model.modules())):
                one.asked += 1
        return add_request(manager, *args, **kwargs)

    return noticing
