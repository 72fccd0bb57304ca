"""Continuous batching (``generate_batch``), which no block of recording can follow: its results are replayed, one by one.

It runs in a thread of its own, in batches that mix all requests, and on CUDA mostly as graphs that call no Python. The
attention of what it returns is that of one pass over each returned sequence, as ``regard.generate`` replays it. Requests to a
manager of one's own have no end inside a block: they are noticed, and said.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, cast

import torch
from torch import nn

from regard.errors import RecordingError
from regard.recording.owner import Owner
from regard.recording.stand_ins import StandIns
from regard.recording.way_out import WayOut

PLACE = "transformers.generation.continuous_batching.continuous_api"


@dataclass(eq=False)
class Batches:
    """What a block does about continuous batching.

    Attributes:
        model: that of the block.
        owner: whose the block is.
        replays: whether the model is run over each result of its ``generate_batch``; else, and for requests to a manager, it
            is an error.
        asked: how many requests were made for it whose results are not known.
        is_replayed: whether those that are made now are known later.
    """

    model: nn.Module
    owner: Owner
    replays: bool
    asked: int = 0
    is_replayed: bool = False

    def check(self) -> None:
        """The block is over: refuse it if there were requests whose results are not known."""
        if self.asked:
            raise RecordingError(
                f"expected passes of {type(self.model).__name__} inside the block, got {self.asked} requests to continuous "
                "batching, whose batches mix them and run elsewhere; call the model's own generate_batch inside regard.record, "
                "or record one pass over each result: model(torch.tensor([result.prompt_ids + result.generated_tokens]))"
            )


_stand_ins: StandIns[Batches] = StandIns()


def follow_batches(batches: Batches, way_out: WayOut) -> None:
    """Until the way out, continuous batching runs as always; each result for the model is a pass of the block."""
    manager = getattr(sys.modules.get(PLACE), "ContinuousBatchingManager", None)
    if manager is None:  # then nobody asks it
        return
    model = batches.model
    places: list[tuple[Any, Any, Callable[[Any], Any]]] = [(manager, "add_request", _noticing)]
    if batches.replays and hasattr(model, "generate_batch"):
        generate_batch = cast("Callable[..., Any]", model.generate_batch)
        places.append((vars(model), "generate_batch", lambda _: _replaying(generate_batch, model)))
    way_out.then(partial(_stand_ins.end, batches))
    _stand_ins.begin(batches, places)


def _replaying(generate_batch: Callable[..., Any], model: nn.Module) -> Callable[..., Any]:
    """``generate_batch``; for blocks of this thread, the model then runs once over each sequence that it has returned."""

    @wraps(generate_batch)
    def replaying(*args: Any, **kwargs: Any) -> Any:
        watching = [one for one in _stand_ins.listeners if one.replays and one.model is model and one.owner.is_here()]
        for one in watching:
            one.is_replayed = True
        try:
            results = generate_batch(*args, **kwargs)
        finally:
            for one in watching:
                one.is_replayed = False
        if watching:
            device = next(model.parameters()).device
            with torch.no_grad():
                for result in results.values():
                    ids = torch.tensor([[*result.prompt_ids, *result.generated_tokens]], device=device)
                    model(input_ids=ids, use_cache=False)
        return results

    return replaying


def _noticing(add_request: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(add_request)
    def noticing(manager: Any, *args: Any, **kwargs: Any) -> Any:
        parts = set(map(id, manager.model.modules()))
        for one in _stand_ins.listeners:
            is_meant = id(one.model) in parts or any(part is manager.model for part in one.model.modules())
            if is_meant and not one.is_replayed and one.owner.is_here():
                one.asked += 1
        return add_request(manager, *args, **kwargs)

    return noticing
