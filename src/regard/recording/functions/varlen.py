"""PyTorch's own ``varlen_attn``: FlashAttention on sequences that are laid end to end, in (positions, heads, dim)."""

from typing import Any

from torch import Tensor, nn

from regard.maps.attention_map import AttentionMap
from regard.recording.copies import Copies
from regard.recording.functions.flash import FlashCall
from regard.recording.functions.flash_kernels import KernelCall
from regard.recording.functions.given import Given
from regard.recording.observer import AttentionCall, NoMapError

NAMES = (
    "query", "key", "value", "cu_seqlens_q", "cu_seqlens_k", "max_q", "max_k", "causal", "softmax_scale", "window_size",
    "enable_gqa", "seqused_k", "block_table", "num_splits",
)  # fmt: skip
"""What the operator behind it is given, in this order; window sides are inclusive, −1 where there is no end."""


def is_varlen(function: Any) -> bool:
    """Whether a torch function is the operator that ``varlen_attn`` comes down to."""
    return getattr(function, "__name__", "") == "_varlen_attn"


def varlen_call(module: nn.Module, args: tuple[Any, ...], result: Any) -> AttentionCall:
    """A call of it: one sequence, of which each document sees itself only."""
    output: Tensor = result[0] if isinstance(result, tuple) else result
    options = dict(zip(NAMES, args, strict=False))
    query, key, value = (options.pop(name) for name in NAMES[:3])
    given = Given(module, query, key, value, None, (), {})
    flash = FlashCall(given, output[None], [KernelCall("packed", (query, key, value), options, None, output)])

    def make_map(copies: Copies) -> AttentionMap:
        if options.get("block_table") is not None or options.get("seqused_k") is not None:
            raise NoMapError("varlen_attn with keys in pages, or fewer of them than stand there, which is not read")
        return flash.map(copies)

    return AttentionCall(
        module,
        "factors",
        (query, key),
        make_map,
        output,
        lambda tensor: flash.heads_first(tensor[None]),
        lambda: flash.laid_out.value,
        sizes=(query.shape[0], key.shape[0]),
    )
