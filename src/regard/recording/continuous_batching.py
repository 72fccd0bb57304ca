"""Continuous batching (``generate_batch``), which no block of recording can follow: what was asked of it is noticed and said.

It runs in a thread of its own, in batches that mix all requests, and on CUDA mostly as graphs that call no Python. The
attention of what it returns is that of one pass over each returned sequence, as ``regard.generate`` replays it.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from torch import nn

from regard.errors import RecordingError

PLACE = "transformers.generation.continuous_batching.continuous_api"

_lock = threading.Lock()
_watched: list[tuple[nn.Module, list[int]]] = []  # the models of the blocks that are open, and a place for what was asked
_original: list[Callable[..., Any]] = []


@contextmanager
def refusing_batches(model: nn.Module) -> Iterator[None]:
    """Requests to a manager of this model, or of one that it is part of, run as always, and are said when the block ends.

    Raises:
        RecordingError: there were such requests.
    """
    manager = getattr(sys.modules.get(PLACE), "ContinuousBatchingManager", None)
    if manager is None:  # then nobody asks it
        yield
        return
    asked: list[int] = []
    entry = (model, asked)
    with _lock:
        _watched.append(entry)
        if len(_watched) == 1:
            _original.append(manager.add_request)
            manager.add_request = _noticing(manager.add_request)
    try:
        yield
    finally:
        with _lock:
            _watched[:] = [one for one in _watched if one is not entry]
            if not _watched:
                manager.add_request = _original.pop()
    if asked:
        raise RecordingError(
            f"expected passes of {type(model).__name__} inside the block, got {len(asked)} requests to continuous batching, "
            "whose batches mix them and run elsewhere; call generate_batch outside of the block, and record one pass over each "
            "result: model(torch.tensor([result.prompt_ids + result.generated_tokens]))"
        )


def _noticing(add_request: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(add_request)
    def noticing(manager: Any, *args: Any, **kwargs: Any) -> Any:
        parts = set(map(id, manager.model.modules()))
        for model, asked in (*_watched,):
            if id(model) in parts or any(part is manager.model for part in model.modules()):
                asked.append(1)
        return add_request(manager, *args, **kwargs)

    return noticing
