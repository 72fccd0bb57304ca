"""FlashAttention of model files that call ``_flash_attention_forward`` themselves: GPT-J, GPT-Neo, Falcon, Bark."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from torch import Tensor, nn

from regard.recording.functions.flash import call_of
from regard.recording.functions.flash_kernels import listening
from regard.recording.functions.given import Given
from regard.recording.observer import Observer
from regard.recording.torch_modules import unseen

NAME = "_flash_attention_forward"


@contextmanager
def direct_calls(model: nn.Module, observer: Observer) -> Iterator[None]:
    """Show the calls of the block to the observer."""
    places = {type(part).__module__: sys.modules.get(type(part).__module__) for part in model.modules()}
    found = {place: getattr(place, NAME) for place in places.values() if hasattr(place, NAME)}
    for place, original in found.items():
        setattr(place, NAME, _shown(original, observer))
    try:
        yield
    finally:
        for place, original in found.items():
            setattr(place, NAME, original)


def _shown(original: Callable[..., Tensor], observer: Observer) -> Callable[..., Tensor]:
    @wraps(original)
    def forward(query: Tensor, key: Tensor, value: Tensor, *rest: Any, **options: Any) -> Tensor:
        module = observer.running()
        if module is None:  # of another model
            return original(query, key, value, *rest, **options)
        with unseen(), listening() as kernel_calls:
            output = original(query, key, value, *rest, **options)
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        given = Given(module, query, key, value, None, rest, options)
        call = call_of(given, output, kernel_calls)
        observer.see(call)
        return call.output

    return forward
