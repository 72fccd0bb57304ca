"""Flex attention, as Transformers calls it and as a module of one's own does: compiled or not, as outside of the block."""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from traceback import walk_stack
from typing import Any

import torch
from torch import Tensor, nn

from regard.maps.attention_map import AttentionMap
from regard.masks import Mask
from regard.recording.compiled import as_outside, is_compiled_outside
from regard.recording.copies import Copies
from regard.recording.functions.evidence import explained
from regard.recording.functions.flex_masks import BlockList, mask_of_blocks
from regard.recording.functions.flex_scores import score_reading
from regard.recording.functions.given import AttentionFunction, Given, called
from regard.recording.functions.looked_up import looked_up
from regard.recording.functions.source import plain
from regard.recording.observer import AttentionCall


def read_flex(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """Transformers' ``flex_attention_forward``: a BlockMask hides; a mask of numbers is added, a boolean one as 0 and 1."""
    with as_outside():
        result = given.run(function)

    def make_map(copies: Copies) -> AttentionMap:
        query, key, options = given.query, given.key, given.options
        shape = *query.shape[:3], key.shape[2]
        bias, sinks = options.get("position_bias"), options.get("s_aux")
        if isinstance(given.mask, Tensor):
            table = given.mask[:, :1, :, : key.shape[2]]  # the first head's serves all of them
            mask: Any = copies.shared((table,), "added", lambda: table.detach().to(torch.float32).clone())
        else:
            mask = given.mask and _mask(copies, given.mask, shape, listed=is_compiled_outside())
        return AttentionMap(
            copies.own(query),
            copies.own(key),
            mask=mask,
            scale=options.get("scaling"),
            bias=None if bias is None else copies.bias(bias),
            softcap=options.get("softcap"),
            sinks=None if sinks is None else copies.own(sinks),
        )

    call = called(given, result, make_map, dropout=0.0)  # with dropout, the function raises
    if plain(function) is not function:
        call.make_map = partial(explained, given, call, make_map, ("what wraps it",))
    return result, call


def is_flex(function: Any) -> bool:
    """Whether a torch function is what flex attention comes down to."""
    return getattr(function, "__name__", "") == "flex_attention" and type(function).__name__ == "FlexAttentionHOP"


def read_operator(
    operator: Callable[..., Any], module: nn.Module, args: tuple[Any, ...]
) -> tuple[tuple[Any, ...], AttentionCall]:
    """A call of flex attention from anywhere: (query, key, value, score_mod, blocks, scale, kernel options)."""
    query, key, value, score_mod, blocks, scale = args[:6]
    result: tuple[Any, ...] | None = None
    if is_compiled_outside() and _was_compiled():
        with as_outside(), suppress(Exception):  # what the compiler cannot do, or where there is none: the operator can
            # What the functions look up is found again when it is compiled.
            result = tuple(query.new_empty(0) if one is None else one for one in _compiled(operator)(*args[:7]))
    compiled = result is not None
    result = result or operator(*args)

    def make_map(copies: Copies) -> AttentionMap:
        shape = *query.shape[:3], key.shape[2]
        reading = score_reading(score_mod, shape, query.device)
        call.kept = reading.kept
        return reading.map(query, key, _mask(copies, blocks, shape, listed=compiled), scale, copies)

    call = AttentionCall(module, "factors", (query, key), make_map, result[0], lambda output: output, lambda: value)
    return result, call


def _mask(copies: Copies, blocks: Any, shape: tuple[int, int, int, int], *, listed: bool) -> Any:
    given = BlockList.of(blocks)

    def read() -> Mask | None:
        return mask_of_blocks(given, shape, listed=listed)

    if (held := looked_up(given.mask_mod)) is None:
        return copies.shared((object(),), "flex", read)  # asked anew in each call
    tensors = tuple(one for one in held if isinstance(one, Tensor))
    others = tuple(one for one in held if not isinstance(one, Tensor))
    return copies.shared((*given.some, *(given.every or ()), *tensors), ("flex", shape, listed, others), read)


def _was_compiled() -> bool:
    """Whether flex attention was called through ``torch.compile``, which the block has switched off."""
    callers = [frame.f_code for frame, _ in walk_stack(sys._getframe())]
    inside = next((at for at, code in enumerate(callers) if code.co_name == "flex_attention"), len(callers))
    return any(code.co_filename.endswith("_dynamo/eval_frame.py") for code in callers[inside:])


@cache
def _compiled(operator: Callable[..., Any]) -> Callable[..., Any]:
    """The operator as a kernel, which computes the statistics of its rows only where they are asked for."""

    def flex(*args: Any) -> Any:
        output, *statistics = operator(*args)
        asked = (args[6].get(name) for name in ("OUTPUT_LOGSUMEXP", "OUTPUT_MAX"))
        return output, *(one if wanted else None for one, wanted in zip(statistics, asked, strict=True))

    return torch.compile(flex, fullgraph=True)
