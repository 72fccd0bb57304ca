"""What reaches the kernels of FlashAttention, whichever package or hub repository they come from.

Transformers drops, casts and rewrites arguments on the way from its attention interface to the kernel: a window that hides
nothing, sinks that a kernel does not know, rows of padding. So the kernel's own arguments are what counts. Transformers asks
``lazy_import_flash_attention`` for the kernels anew in each call; while somebody listens, a function of the same name hands out
the same kernels, each of which first notes what it is given.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

from torch import Tensor

from regard.recording.stand_ins import StandIns

PLACE = "transformers.modeling_flash_attention_utils"
KERNELS = ("plain", "packed", "paged")
"""What the functions that Transformers imports together are: ``flash_attn_func``, ``…_varlen_func``, ``…_with_kvcache``."""


class Unpadded(NamedTuple):
    """Padding that is taken out of a batch before the kernel sees it."""

    query: Tensor  #: (batch, queries, heads, dim), padding included
    key: Tensor  #: (batch, keys, kv_heads, dim), as many keys as the mask knows
    value: Tensor
    mask: Tensor  #: (batch, keys), true for real tokens
    query_places: Tensor  #: places in batch · queries of the rows that the kernel gets
    key_places: Tensor  #: places in batch · keys, likewise


class KernelCall(NamedTuple):
    """The arguments of one call of a kernel; positions stand before heads."""

    kernel: str  #: one of KERNELS
    tensors: tuple[Tensor, ...]  #: q, k and v; of a paged kernel q, the caches of k and v, and the new k and v
    options: dict[str, Any]
    unpadded: Unpadded | None
    output: Tensor  #: what the kernel made of it, as it has laid out its queries


class _Listening(threading.local):
    """Who listens in this thread."""

    def __init__(self) -> None:
        self.calls: list[KernelCall] | None = None
        self.unpadded: Unpadded | None = None


_here = _Listening()
_stand_ins: StandIns[object] = StandIns()


@contextmanager
def listening() -> Iterator[list[KernelCall]]:
    """Note each call of a kernel that Transformers makes in this thread.

    Yields:
        The calls, in their order; the tensors are those of the model, not copies.
    """
    before = _here.calls, _here.unpadded
    calls: list[KernelCall] = []
    block, place = object(), sys.modules[PLACE]
    try:
        _stand_ins.begin(block, [(place, "lazy_import_flash_attention", _handing_out), (place, "_upad_input", _unpadding)])
        _here.calls, _here.unpadded = calls, None
        yield calls
    finally:
        _here.calls, _here.unpadded = before
        if before[0] is not None:
            before[0].extend(calls)  # one listens around another
        _stand_ins.end(block)


def _handing_out(lazy_import: Callable[..., Any]) -> Callable[..., Any]:
    """The function that hands out the kernels, which then note what they are given."""

    @wraps(lazy_import)
    def handing_out(*args: Any, **kwargs: Any) -> Any:
        functions, processes = lazy_import(*args, **kwargs)
        paged = len(functions) > 4  # before the kernels with a cache there were two, and the functions for padding
        kernels = functions[: 3 if paged else 2]
        noting = (_noting(name, one) for name, one in zip(KERNELS, kernels, strict=False))
        return (*noting, *functions[len(kernels) :]), processes

    return handing_out


def _noting(name: str, kernel: Callable[..., Any] | None) -> Callable[..., Any] | None:
    if kernel is None:
        return None

    @wraps(kernel)  # signatures are read to know what a kernel supports
    def noting(*tensors: Tensor, **options: Any) -> Any:
        result = kernel(*tensors, **options)
        if _here.calls is not None:
            output = result[0] if isinstance(result, tuple) else result
            _here.calls.append(KernelCall(name, tensors, options, _here.unpadded, output))
            _here.unpadded = None
        return result

    return noting


def _unpadding(unpad: Callable[..., Any]) -> Callable[..., Any]:
    """The function that takes the padding out, which then notes where it was."""

    @wraps(unpad)
    def unpadding(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, *rest: Any, **more: Any) -> Any:
        result = unpad(query, key, value, mask, *rest, **more)
        if _here.calls is not None:
            known = mask.shape[-1]
            key_places = mask.flatten().nonzero().flatten()
            _here.unpadded = Unpadded(query, key[:, :known], value[:, :known], mask, result[3], key_places)
        return result

    return unpadding
