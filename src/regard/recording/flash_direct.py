"""FlashAttention of model files that call ``_flash_attention_forward`` themselves: GPT-J, GPT-Neo, Falcon, Bark."""

import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from torch import Tensor, nn

from regard.recording.functions.flash import call_of
from regard.recording.functions.flash_kernels import listening
from regard.recording.functions.given import Given
from regard.recording.observer import Observer
from regard.recording.stand_ins import StandIns
from regard.recording.torch_modules import unseen
from regard.recording.way_out import WayOut

NAME = "_flash_attention_forward"

_stand_ins: StandIns[Observer] = StandIns()


def show_direct_calls(model: nn.Module, observer: Observer, way_out: WayOut) -> None:
    """Show these calls to the observer until the way out."""
    places = {type(part).__module__: sys.modules.get(type(part).__module__) for part in model.modules()}
    way_out.then(partial(_stand_ins.end, observer))
    _stand_ins.begin(observer, [(place, NAME, _shown) for place in places.values() if hasattr(place, NAME)])


def _shown(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(original)
    def forward(query: Tensor, key: Tensor, value: Tensor, *rest: Any, **options: Any) -> Tensor:
        watching = [(one, module) for one in _stand_ins.listeners if (module := one.running_here()) is not None]
        if not watching:  # of another model, or in another thread
            return original(query, key, value, *rest, **options)
        with unseen(), listening() as kernel_calls:
            output = original(query, key, value, *rest, **options)
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        for observer, module in watching:
            call = call_of(Given(module, query, key, value, None, rest, options), output, kernel_calls)
            observer.see(call)
            output = call.output
        return output

    return forward
