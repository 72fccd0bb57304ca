"""Attention calls of Transformers models, seen through Transformers' attention interface.

Every model that follows the interface asks ``AttentionInterface`` for the function behind its implementation's name, "sdpa"
say, and calls it. While a model is observed, a function of ours stands under that very name: it calls the one that was there,
and shows the call to the observers. The model keeps its name, its kernel and its masks; a name of our own would change all
three for the modules that look at it.
"""

from contextlib import nullcontext
from functools import partial
from typing import Any

import transformers
from torch import Tensor, nn

from regard.errors import RecordingError
from regard.recording.functions.eager import read_eager
from regard.recording.functions.given import AttentionFunction, Given
from regard.recording.functions.known import place_of, reader_of
from regard.recording.observer import Observer
from regard.recording.row_sums import RowSums
from regard.recording.stand_ins import StandIns
from regard.recording.torch_modules import unseen
from regard.recording.way_out import WayOut

try:
    from transformers import AttentionInterface, PreTrainedConfig

    _get_interface = AttentionInterface.get_interface
except (AttributeError, ImportError) as error:
    raise RecordingError(
        f"transformers: expected version 5.2 or newer, got {transformers.__version__}; call pip install 'transformers>=5.2,<6'"
    ) from error

_stand_ins: StandIns[Observer] = StandIns()


def implementations(model: nn.Module) -> set[str]:
    """The attention implementations that the parts of a model use.

    Raises:
        RecordingError: the function behind one of them cannot be read.
    """
    configs = (getattr(part, "config", None) for part in model.modules())
    names = {config._attn_implementation for config in configs if isinstance(config, PreTrainedConfig)} - {None}
    mapping = AttentionInterface._global_mapping
    for name in sorted(names & mapping.keys()):
        function = mapping[name]
        if not isinstance(function, Shown) and reader_of(function) is None:
            raise unread(name, function)
    return names


def unread(name: str, function: AttentionFunction) -> RecordingError:
    """The refusal of a function that no reader knows."""
    return RecordingError(
        f"expected an attention function that Regard can read, got {place_of(function)}, registered as {name!r}; "
        "call model.set_attn_implementation('sdpa') first, or, if it computes what a function of Transformers computes, "
        "decorate it with functools.wraps(that function): each of its calls is then held against its output"
    )


def show_interface_calls(observer: Observer, names: set[str], way_out: WayOut) -> None:
    """Show the calls of these implementations to the observer until the way out."""
    mapping = AttentionInterface._global_mapping
    registered = [(mapping, name, partial(Shown, name)) for name in names & mapping.keys()]
    way_out.then(partial(_stand_ins.end, observer))
    _stand_ins.begin(observer, [(AttentionInterface, "get_interface", lambda _: _shown_interface), *registered])


def _shown_interface(interface: AttentionInterface, name: str, default: AttentionFunction) -> AttentionFunction:
    """``get_interface``: the function behind a name, be it the eager one that a model's file has as its default."""
    function = _get_interface(interface, name, default)
    return function if isinstance(function, Shown) else Shown(name, function)


class Shown:
    """An attention function, each call of which is shown to those who observe the module that makes it."""

    def __init__(self, name: str, function: AttentionFunction) -> None:
        self.name, self.function = name, function

    def __call__(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, *rest: Any, **options: Any
    ) -> tuple[Tensor, Any]:
        """What the function returns; an error of its own goes on its way, one in reading it goes to the observers."""
        given = Given(module, query, key, value, attention_mask, rest, options)
        watching = [observer for observer in _stand_ins.listeners if observer.wants(module)]
        with unseen():  # what the function calls in turn is this call, not another one
            if not watching:
                return given.run(self.function)
            try:
                read = reader_of(self.function) or (read_eager if self.name in ("eager", None) else None)
                if read is None:
                    raise unread(self.name, self.function)
                sums = RowSums() if any(one.asks_sums for one in watching) else None
                with sums or nullcontext():
                    result, call = read(self.function, given)
                call.sums = sums
            except Exception as error:
                if given.began and given.result is None:
                    raise  # the function itself
                for observer in watching:
                    observer.fail(error)
                return given.result or given.run(self.function)
        for observer in watching:
            observer.see(call)
        return result if call.output is result[0] else (call.output, *result[1:])
