"""Masks as data: the names of the functions that made them, and their arguments. A file never holds code."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from tqdm import tqdm

from regard.errors import OptionError, TooLargeError
from regard.maps.source import Positions, take
from regard.maps.storage.tensor_file import HIGHEST
from regard.masks import (
    Mask,
    block_pairs,
    blocks,
    causal,
    centred_window,
    dilated,
    documents,
    everything,
    from_tensor,
    global_positions,
    padding,
    prefix,
    spans,
    window,
)
from regard.masks.tensors import of_runs, unrepeated

Kind = type[int] | type[Tensor] | type[Mask]
MAKERS: dict[str, tuple[Callable[..., Mask], dict[str, Kind]]] = {
    "and": (operator.and_, {"left": Mask, "right": Mask}),
    "or": (operator.or_, {"left": Mask, "right": Mask}),
    "not": (operator.invert, {"mask": Mask}),
    "everything": (everything, {}),
    "causal": (causal, {"offset": int}),
    "window": (window, {"width": int, "offset": int}),
    "centred_window": (centred_window, {"width": int, "offset": int}),
    "prefix": (prefix, {"length": int}),
    "dilated": (dilated, {"step": int, "offset": int}),
    "blocks": (blocks, {"size": int, "neighbours": int, "offset": int}),
    "block_pairs": (block_pairs, {"table": Tensor, "size": int, "offset": int}),
    "global_positions": (global_positions, {"positions": Tensor, "offset": int}),
    "padding": (padding, {"keep": Tensor}),
    "documents": (documents, {"ids": Tensor}),
    "spans": (spans, {"starts": Tensor, "stops": Tensor, "keys": int}),
    "from_tensor": (from_tensor, {"tensor": Tensor}),
}
"""The functions that a file may name."""

MAX_DEPTH = 64
MAX_TENSOR_BYTES = 2**30
_BLOCK = 2**24  # truth values that are looked at together


def narrowed(
    mask: Mask, batch: Positions, heads: Positions, queries: Positions, keys: int, device: torch.device, depth: int = 0
) -> Mask:
    """The mask of these positions and the first ``keys`` keys, counted from 0 again, made by functions that a file may name.

    Raises:
        TooLargeError: it is somebody's own function, does not show each query one run of keys, and is too large as a tensor.
    """
    name, given = mask.made or ("", {})
    axes = batch, heads, queries

    def part(one: Any) -> Mask:
        return narrowed(one, batch, heads, queries, keys, device, depth + 1)

    def along(given: Any, *which: int) -> Tensor:
        tensor = cast("Tensor", given)
        for axis, positions in enumerate(which):
            tensor = tensor if tensor.shape[axis] == 1 else take(tensor, axis, axes[positions])
        return tensor

    run = isinstance(queries, range) and queries.step == 1
    if depth < MAX_DEPTH and queries:
        match name:
            case "and" | "or" | "not":
                return MAKERS[name][0](*map(part, given.values()))
            case "everything" | "prefix":
                return mask
            case "causal" | "window" | "centred_window" | "dilated" | "blocks" | "global_positions" if run:
                return MAKERS[name][0](**given | {"offset": cast("int", given["offset"]) + queries[0]})
            case "block_pairs" if run:
                size, offset = cast("int", given["size"]), cast("int", given["offset"])
                return block_pairs(along(given["table"], 1), size, offset + queries[0])
            case "causal" | "window" | "centred_window" | "blocks":
                return _runs_of_keys(name, cast("dict[str, int]", given), queries, keys)
            case "global_positions":
                positions, offset = cast("Tensor", given["positions"]).cpu(), cast("int", given["offset"])
                rows = torch.isin(torch.tensor(list(queries)) + offset, positions)
                return from_tensor(rows[:, None]) | padding(torch.isin(torch.arange(keys), positions)[None])
            case "padding":
                return padding(along(given["keep"], 0))
            case "documents" if run and queries[0] == 0:
                return documents(along(given["ids"], 0))
            case "spans":
                return spans(along(given["starts"], 0, 1, 2), along(given["stops"], 0, 1, 2), cast("int", given["keys"]))
            case "from_tensor":
                tensor = cast("Tensor", given["tensor"])
                return from_tensor(along(unrepeated(tensor[(None,) * (4 - tensor.ndim)]), 0, 1, 2))
    return _evaluated(mask, batch, heads, queries, keys, device)


def _runs_of_keys(name: str, given: dict[str, int], queries: Positions, keys: int) -> Mask:
    """What is left of a causal mask, a window or blocks where the queries are no run: for each, the keys that it sees."""
    middle = torch.tensor(list(queries), dtype=torch.long) + given["offset"]
    match name:
        case "blocks":
            block, beside = middle // given["size"], given["neighbours"]
            starts, stops = (block - beside) * given["size"], (block + beside + 1) * given["size"]
        case "centred_window":
            starts, stops = middle - given["width"] // 2, middle + given["width"] // 2 + 1
        case _:
            starts, stops = middle - given.get("width", HIGHEST) + 1, middle + 1
    return spans(starts.clamp(0, keys)[None, None], stops.clamp(0, keys)[None, None], keys)


def _evaluated(mask: Mask, batch: Positions, heads: Positions, queries: Positions, keys: int, device: torch.device) -> Mask:
    """What a mask answers, as the simplest mask of ours that answers the same."""
    if not (batch and heads and queries and keys):
        return everything()  # there is nobody to ask
    b, h, q = (torch.tensor(list(positions), device=device) for positions in (batch, heads, queries))
    k = torch.arange(keys, device=device)
    rows = max(1, _BLOCK // (len(batch) * len(heads) * keys))

    def blocks() -> Iterator[Tensor]:
        for some in tqdm(q.split(rows), desc="reading the mask", unit="block", delay=1, leave=False):
            block = unrepeated(mask(b[:, None, None, None], h[:, None, None], some[:, None], k))
            yield block
            if block.shape[2] < len(some):  # it does not ask for the query
                return

    if (found := of_runs(blocks(), keys)) is not None:
        return found
    first = next(blocks())
    height = len(queries) if len(first[0, 0]) == min(rows, len(queries)) else 1
    size = len(first) * len(first[0]) * height * keys
    if size > MAX_TENSOR_BYTES:
        raise TooLargeError(
            f"expected a mask of regard.masks, one with one run of keys a query, or one of at most {MAX_TENSOR_BYTES:,} truth "
            f"values, got {mask} with {size:,}; compose it of causal(), window(), documents() and spans() with & and |, or "
            "save fewer heads or queries: amap.select(heads=[0]).save(path)"
        )
    return from_tensor(torch.cat(list(blocks()), dim=2))


def as_data(mask: Mask, name_of: Callable[[str, Tensor], str]) -> dict[str, Any]:
    """A mask made by ``narrowed`` as JSON; ``name_of`` keeps a tensor and says under which name."""
    if mask.made is None:
        raise OptionError(f"expected a mask of regard.masks, got {mask}; narrow it first")
    name, given = mask.made
    data: dict[str, Any] = {"made": name}
    for argument, value in given.items():
        if isinstance(value, Mask):
            data[argument] = as_data(value, name_of)
        else:
            data[argument] = name_of(argument, value) if isinstance(value, Tensor) else int(value)
    return data


def from_data(data: object, tensor: Callable[[object], Tensor], depth: int = 0) -> Mask:
    """The mask that ``as_data`` wrote down; ``tensor`` finds one by its name.

    Raises:
        RegardError: it is no such mask.
    """
    if not isinstance(data, dict) or depth > MAX_DEPTH:
        raise OptionError(f"expected a mask of at most {MAX_DEPTH} levels, got {type(data).__name__} at level {depth}")
    name = data.get("made")
    if not isinstance(name, str) or name not in MAKERS:
        raise OptionError(f"expected a mask of {', '.join(MAKERS)}, got {name!r}")
    make, wanted = MAKERS[name]
    if data.keys() != wanted.keys() | {"made"}:
        raise OptionError(f"expected the mask {name} of {', '.join(wanted) or 'nothing'}, got {', '.join(sorted(data))}")
    values: list[int | Tensor | Mask] = []
    for argument, kind in wanted.items():
        value = data[argument]
        if kind is int and (type(value) is not int or abs(value) >= HIGHEST):
            raise OptionError(f"expected {argument} of {name} as a whole number, got {value!r}")
        values.append(value if kind is int else from_data(value, tensor, depth + 1) if kind is Mask else tensor(value))
    return make(*values)
