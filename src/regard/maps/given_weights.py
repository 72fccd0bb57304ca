"""Attention weights that one already has, as maps: what models return with ``output_attentions``, caches of other tools."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regard.arguments import one_of
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.errors import DtypeError, OptionError, RecordingError, ScoreError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.generated_steps import REPLAY, together

FIELDS = {"attentions": "self", "encoder_attentions": "encoder", "decoder_attentions": "decoder", "cross_attentions": "cross"}
"""What the outputs of Transformers' models call the weights of each kind."""

KINDS = ("encoder", "decoder", "cross", "self")

EXPECTED = (
    "expected attention weights: a tensor (batch, heads, queries, keys) a layer in a tuple, as of output_attentions=True, the "
    "tuples of generate, the model's output, or a mapping of names to tensors"
)

_LAYER = re.compile(r"(?<![^._/\[])(\d+)(?![^._/\]])")


@dataclass(frozen=True)
class _Part:
    """Weights of one layer as they are given: the steps of a generation, or one tensor."""

    name: str
    weights: tuple[Tensor, ...]
    layer: int | None = None
    kind: str | None = None
    generated: bool = False


def given_maps(given: Any, kind: str | None = None) -> list[AttentionMap]:
    """The maps of weights that one already has: ``regard.Recording.of`` says which.

    Args:
        given: the weights.
        kind: what they are, where they do not say it themselves: "encoder", "decoder", "cross" or "self".

    Returns:
        One map a layer, with ``kind`` and ``layer`` as far as they are known. A row of a generation is the query that produced
        a token.

    Raises:
        DtypeError, ShapeError, ScoreError, RecordingError, OptionError: as ``regard.Recording.of``.

    Example:
        >>> [(amap.name, amap.layer, amap.shape) for amap in given_maps((torch.eye(3)[None, None],) * 2)]
        [('layer 0', 0, (1, 1, 3, 3)), ('layer 1', 1, (1, 1, 3, 3))]
    """
    if kind is not None:
        one_of("kind", kind, KINDS)
    if isinstance(given, AttentionMap):
        given = [given]
    if isinstance(given, list | tuple) and given and all(isinstance(part, AttentionMap) for part in given):
        return list(given)
    parts = list(_parts(given))
    if not parts:
        raise RecordingError(
            "expected attention weights, got none; models return them on eager attention only: "
            "from_pretrained(..., attn_implementation='eager'), or leave the model as it is: with regard.record(model)"
        )
    said = {part.kind for part in parts} - {None}
    if kind is not None and said - {kind}:
        raise OptionError(
            f"kind: expected none, as the names say {', '.join(sorted(map(str, said)))}, got {in_short(kind)}; "
            "give one of them alone"
        )
    return [_map_of(replace(part, kind=part.kind or kind)) for part in parts]


def is_mapping(given: Any) -> bool:
    """Whether it has names: a dict, an output of Transformers, or the cache of another tool."""
    return isinstance(given, Mapping) or all(callable(getattr(given, name, None)) for name in ("keys", "items", "__getitem__"))


def are_named_weights(given: Any) -> bool:
    """Whether a mapping is of one model: an output with attention in it, or names of modules and their weights."""
    return is_mapping(given) and (
        any(name in FIELDS for name in given.keys())  # noqa: SIM118  # the caches of other tools have no __contains__ of names
        or all(isinstance(value, Tensor | np.ndarray) for _, value in given.items())
    )


# -- what is given -----------------------------------------------------------------------------------------------------


def _parts(given: Any) -> Iterator[_Part]:
    if is_mapping(given):
        yield from _named_parts(given)
    elif isinstance(given, Tensor | np.ndarray):
        if given.ndim == 5:  # (layers, batch, heads, queries, keys)
            yield from _layers(tuple(given), None, None)
        else:
            yield _Part("", (_tensor(given, "weights"),))
    elif isinstance(given, list | tuple):
        yield from _layers(given, None, None)
    else:
        raise DtypeError(f"{EXPECTED}, got {type(given).__name__}{opening(given)}")


def opening(given: Any) -> str:
    """What to do with the path of a file where what is in it is expected; nothing is said of anything else."""
    return "; open the file first: regard.load(path)" if isinstance(given, str | os.PathLike) else ""


def _named_parts(given: Any) -> Iterator[_Part]:
    if isinstance(given, type):
        raise DtypeError(f"{EXPECTED}, got the class {given.__name__}; make one of it")
    items = {str(name): value for name, value in given.items() if value is not None}
    fields = [name for name in FIELDS if name in items]
    if fields:
        if items.get("beam_indices") is not None or "Beam" in type(given).__name__:
            raise RecordingError(f"expected a generation without beams, got one with: they swap their histories; {REPLAY}")
        if wrong := [name for name in items if "global_attentions" in name]:
            raise RecordingError(
                f"expected weights over all keys, got windows of them beside {wrong[0]}; regard.record(model) has all"
            )
        for name in fields:
            yield from _layers(items[name], name, FIELDS[name])
        return
    names = [name for name in items if "pattern" in name]
    if not names and not any("hook_" in name for name in items):
        names = [name for name, value in items.items() if isinstance(value, Tensor | np.ndarray) and value.ndim == 4]
    if not names:
        got = ", ".join(list(items)[:6]) or "no names"
        raise DtypeError(f"{EXPECTED}, got {type(given).__name__} of {got}")
    both = any(_of(name, "decoder") for name in names) and any(_of(name, "encoder") for name in names)
    kind: str | None
    for name in names:
        number = _LAYER.search(name)
        if "cross" in name.lower():
            kind = "cross"
        elif both and (_of(name, "encoder") or _of(name, "decoder")):
            kind = "encoder" if _of(name, "encoder") else "decoder"
        else:
            kind = "self" if "hook_pattern" in name else None
        yield _Part(name, (_tensor(items[name], name),), None if number is None else int(number[1]), kind)


def _of(name: str, part: str) -> bool:
    return part in re.split(r"[._/]", name.lower())


def _layers(given: Any, field: str | None, kind: str | None) -> Iterator[_Part]:
    """The layers of a tuple, or of the tuples of a generation's steps."""
    if not isinstance(given, list | tuple):
        given = tuple(given) if isinstance(given, Tensor | np.ndarray) and given.ndim == 5 else (given,)
    label = f"{field}[{{}}]" if field else "layer {}"
    if given and all(_is_weights(one) or one is None for one in given):
        for layer, weights in enumerate(given):
            if weights is not None:
                name = label.format(layer)
                yield _Part(name, (_tensor(weights, name),), layer, kind)
    elif given and all(
        isinstance(step, list | tuple) and all(_is_weights(one) or one is None for one in step) for step in given
    ):
        counts = {len(step) for step in given}
        if len(counts) > 1:
            raise ShapeError(f"{field or 'attentions'}: expected as many layers in every step, got {sorted(counts)}")
        for layer, steps in enumerate(zip(*given, strict=True)):
            if any(weights is None for weights in steps):
                continue
            name = label.format(layer)
            yield _Part(name, tuple(_tensor(weights, name) for weights in steps), layer, kind, generated=True)
    elif given:
        yield _Part("", (_numbers(given),), None, kind)


def _is_weights(one: Any) -> bool:
    return isinstance(one, Tensor | np.ndarray) and one.ndim >= 2


def _numbers(given: Sequence[Any]) -> Tensor:
    """Weights as nested lists of numbers."""
    others = dict.fromkeys(type(one).__name__ for one in given if not isinstance(one, _NUMBERS))
    if others:
        raise DtypeError(f"{EXPECTED}, got a {type(given).__name__} with {' and '.join(others)}")
    try:
        return torch.from_numpy(np.asarray(given, np.float64))
    except (ValueError, TypeError) as error:
        raise ShapeError(f"{EXPECTED}, got a ragged list: pad or cut its rows") from error


_NUMBERS = (int, float, np.number, np.ndarray, Tensor, list, tuple)
"""What a list of numbers may have in it."""


def _tensor(given: Any, name: str) -> Tensor:
    if not isinstance(given, Tensor | np.ndarray):
        raise DtypeError(f"{name}: expected a tensor of weights, got {type(given).__name__}")
    if isinstance(given, Tensor):
        return given.detach()
    if given.dtype.kind not in "fiub":
        raise DtypeError(f"{name}: expected weights that are numbers, got an array of {given.dtype}")
    return torch.from_numpy(np.ascontiguousarray(given))


# -- maps --------------------------------------------------------------------------------------------------------------


def _map_of(part: _Part) -> AttentionMap:
    weights, kind = together(part.weights, part.name, part.kind) if part.generated else (part.weights[0], part.kind)
    made = AttentionMap.from_dense(weights)
    made.name, made.layer, made.kind = part.name or None, part.layer, kind
    if 0 in made.shape:
        raise ShapeError(f"{part.name or 'weights'}: expected weights with rows and columns, got {tuple(made.shape)}")
    if not all(bool(made[:, head].isfinite().all()) for head in range(made.shape[1])):
        at = f"{part.name}: " if part.name else ""
        raise ScoreError(f"{at}expected finite weights, got NaN or infinite ones; set rows that see nothing to 0")
    if kind is not None:
        data = made.to_data()
        rows, columns = _axes(kind, made.shape, generated=part.generated)
        made = AttentionMap.from_data(replace(data, queries=rows, keys=columns))
    return made


def _axes(kind: str, shape: Sequence[int], *, generated: bool) -> tuple[Axis, Axis]:
    """What tokens are to the model, before they have names."""
    read = "source" if kind in ("encoder", "self") and not generated else "consumed"
    rows = Axis((Line(shape[2]),), read)
    if generated and kind != "encoder":
        rows = Axis((Line(shape[2]),), "produced", beside=rows)
    return rows, Axis((Line(shape[3]),), "source" if kind == "cross" else read)
