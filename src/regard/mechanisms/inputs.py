"""What attention accepts, and how it says no: what was expected, what came, what to do. Every mechanism calls these first."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from regard.arguments import dense_tensor, float_tensor
from regard.errors import DtypeError, ScoreError, ShapeError, in_short

MOST_FEATURES = 2**20
"""Features of a layer: its matrices have the square of that, and no machine has room for more."""

AXES = {
    "query": "(batch, heads, queries, dim)",
    "key": "(batch, kv_heads, keys, dim)",
    "value": "(batch, kv_heads, keys, value_dim)",
}


def check_attention(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Refuse queries, keys and values that do not fit each other.

    Example:
        >>> check_attention(torch.ones(2, 3), torch.ones(5, 4), torch.ones(5, 7))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected query and key of one dim, got 3 and 4; their product needs equal last axes
    """
    check_places(query, key, value)
    q, k = query.shape[-1], key.shape[-1]
    if q != k:
        raise ShapeError(f"expected query and key of one dim, got {q} and {k}; their product needs equal last axes")


def check_places(query: Tensor, key: Tensor, value: Tensor) -> None:
    """`check_attention` where queries and keys may differ in dim, since something learned stands between them."""
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_floats(name, tensor)
        check_axes(name, tensor)
    for one, other, names in ((query, key, ("query", "key")), (key, value, ("key", "value"))):
        said = " and ".join(names)
        if one.dtype != other.dtype:
            raise DtypeError(f"expected {said} of one type, got {one.dtype} and {other.dtype}; convert one of them")
        if one.ndim != other.ndim:
            raise ShapeError(f"expected {said} of as many axes, got {one.ndim} and {other.ndim}; add the missing with [None]")
        if widen(one).shape[0] != widen(other).shape[0]:
            raise ShapeError(
                f"expected one batch size, got {names[0]} {one.shape[0]} and {names[1]} {other.shape[0]}; expand one of them"
            )
    q, k, v = (widen(tensor).shape for tensor in (query, key, value))
    if k[2] != v[2]:
        raise ShapeError(f"expected one value for each key, got {k[2]} keys and {v[2]} values; cut or pad one of them")
    if k[1] != v[1]:
        raise ShapeError(f"expected key and value of as many heads, got {k[1]} and {v[1]}; expand one of them")
    if q[1] % k[1]:
        raise ShapeError(
            f"expected heads to be a multiple of kv_heads, got query heads={q[1]} and key heads={k[1]}; "
            "each key head is read by heads/kv_heads query heads"
        )


def check_axes(name: str, tensor: Tensor) -> None:
    """Refuse a query, key or value of other axes, or with a size of 0."""
    shape = tuple(tensor.shape)
    if tensor.ndim not in (2, 3, 4):
        advice = (
            f"add the missing axes, e.g. {name}.unsqueeze(0)" if tensor.ndim < 2 else f"{name}.flatten(0, 1) joins two axes"
        )
        raise ShapeError(f"expected {name} {AXES[name]}, or without batch, or batch and heads, got {shape}; {advice}")
    if 0 in shape:
        raise ShapeError(f"expected {name} {AXES[name]} with every size at least 1, got {shape}")


def check_scores_and_value(scores: Tensor, value: Tensor) -> None:
    """Refuse scores and values that do not fit each other.

    Example:
        >>> check_scores_and_value(torch.ones(2, 3), torch.ones(4, 5))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected batch=1 and keys=3 in scores and value, and value heads that divide heads=1, got ...
    """
    for name, tensor in (("scores", scores), ("value", value)):
        check_floats(name, tensor)
        if tensor.ndim not in (2, 3, 4) or 0 in tensor.shape or tensor.ndim != scores.ndim:
            raise ShapeError(
                "expected scores (batch, heads, queries, keys) and value (batch, kv_heads, keys, value_dim), or both without "
                f"their first axes, and every size at least 1, got {name} {tuple(tensor.shape)}"
            )
    check_computed("value", value)
    s, v = widen(scores).shape, widen(value).shape
    if s[0] != v[0] or s[1] % v[1] or s[3] != v[2]:
        raise ShapeError(
            f"expected batch={s[0]} and keys={s[3]} in scores and value, and value heads that divide heads={s[1]}, "
            f"got scores {tuple(scores.shape)} and value {tuple(value.shape)}"
        )


def check_floats(name: str, tensor: Tensor) -> None:
    """Refuse what is not a floating-point tensor.

    Example:
        >>> check_floats("query", torch.arange(3))
        Traceback (most recent call last):
        regard.errors.DtypeError: expected query of a floating type, got torch.int64; convert it with query.float()
    """
    float_tensor(name, tensor)


def check_computed(name: str, tensor: Tensor) -> None:
    """Refuse what is not a floating-point tensor, and numbers of 8 bits, which are kept and not computed with.

    Example:
        >>> check_computed("value", torch.ones(2).to(torch.float8_e4m3fn))
        Traceback (most recent call last):
        regard.errors.DtypeError: expected value of a type to compute in, got torch.float8_e4m3fn; convert it with value.float()
    """
    check_floats(name, tensor)
    if tensor.dtype.itemsize == 1:
        raise DtypeError(f"expected {name} of a type to compute in, got {tensor.dtype}; convert it with {name}.float()")


def check_shape(name: str, tensor: Tensor, axes: Mapping[str, int | None], advice: str = "") -> None:
    """Refuse what is not a floating-point tensor of these axes; one of None may have any size but 0.

    Example:
        >>> check_shape("weight", torch.ones(2, 3), {"hidden": None, "dim": 4})
        Traceback (most recent call last):
        regard.errors.ShapeError: expected weight (hidden, dim=4), got (2, 3)
    """
    check_floats(name, tensor)
    fits = tensor.ndim == len(axes) and all(
        size == given or (size is None and given) for size, given in zip(axes.values(), tensor.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(axis if size is None else f"{axis}={size}" for axis, size in axes.items())
        got = f"got {tuple(tensor.shape)}" + (f"; {advice}" if advice else "")
        raise ShapeError(f"expected {name} ({wanted}{',' * (len(axes) == 1)}), {got}")


def check_mask(mask: Tensor, sizes: dict[str, int]) -> None:
    """Refuse masks that are neither boolean nor floating-point, or do not broadcast to the sizes."""
    if not isinstance(mask, Tensor) or not (mask.dtype == torch.bool or mask.is_floating_point() or mask.is_quantized):
        raise DtypeError(
            "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got "
            f"{mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}; "
            "convert a 0/1 mask with torch.as_tensor(mask).bool()"
        )
    check_broadcast("mask", mask, sizes)


def check_broadcast(name: str, tensor: Tensor, sizes: dict[str, int]) -> None:
    """Refuse a tensor that does not broadcast to the named sizes, counted from the last axis.

    Example:
        >>> check_broadcast("bias", torch.ones(5, 7, 7), {"batch": 2, "heads": 3, "queries": 7, "keys": 7})
        Traceback (most recent call last):
        regard.errors.ShapeError: expected bias to broadcast to (batch=2, heads=3, queries=7, keys=7), got (5, 7, 7); axis ...
    """
    dense_tensor(name, tensor)
    shape, said = tuple(tensor.shape), ", ".join(f"{axis}={size}" for axis, size in sizes.items())
    if len(shape) > len(sizes):
        raise ShapeError(f"expected {name} of at most {len(sizes)} axes ({', '.join(sizes)}), got {shape}")
    for back, (axis, size) in enumerate(reversed(sizes.items()), start=1):
        if back > len(shape) or shape[-back] in (1, size):
            continue
        advice = ""
        if shape == (sizes.get("batch"), sizes.get("keys")):
            inner = ", ".join("None" for _ in range(len(sizes) - 2))
            advice = f"; if it is (batch, keys), as padding is, write {name}[:, {inner}, :]"
        raise ShapeError(
            f"expected {name} to broadcast to ({said}), got {shape}; axis -{back} ({axis}) must be {size} or 1{advice}"
        )


def check_sinks(sinks: Tensor, heads: int) -> None:
    """Refuse sinks that are not one number a head, below +∞: −∞ is a head without a sink.

    Example:
        >>> check_sinks(torch.zeros(2, 1), heads=2)
        Traceback (most recent call last):
        regard.errors.ShapeError: expected sinks (heads,)=(2,), got (2, 1); give one number a head
    """
    check_floats("sinks", sinks)
    if sinks.shape != (heads,):
        raise ShapeError(f"expected sinks (heads,)=({heads},), got {tuple(sinks.shape)}; give one number a head")
    broken = sinks.isnan() | (sinks == math.inf)
    if bool(broken.any()):
        head = int(broken.nonzero()[0])
        raise ScoreError(f"expected finite sinks, got {sinks[head].item()} at head {head}; −inf is a head without one")


def check_float_dtype(name: str, dtype: torch.dtype) -> None:
    """Refuse a dtype that would cut numbers down to whole ones.

    Example:
        >>> check_float_dtype("dtype", torch.int64)
        Traceback (most recent call last):
        regard.errors.DtypeError: dtype: expected a floating type, got torch.int64; write torch.float32
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise DtypeError(f"{name}: expected a floating type, got {in_short(dtype)}; write torch.float32")


def check_scores(masked: Tensor, query_start: int = 0, key_start: int = 0) -> None:
    """Refuse scores that would make a whole row noise.

    Args:
        masked: (batch, heads, queries, keys), −∞ where hidden.
        query_start: position of the first row, where this is a tile.
        key_start: position of the first column.

    Example:
        >>> check_scores(torch.tensor([[[[0.0, math.nan]]]]))
        Traceback (most recent call last):
        regard.errors.ScoreError: expected finite scores, got nan at batch 0, head 0, query 0, key 1; look for NaN ...
    """
    if masked.numel() and not bool(masked.detach().amax() < math.inf):  # the largest of all is NaN where one is
        broken = masked.isnan() | (masked == math.inf)
        batch, head, row, column = broken.nonzero()[0].tolist()
        raise ScoreError(
            f"expected finite scores, got {masked[batch, head, row, column].item()} at batch {batch}, head {head}, query "
            f"{query_start + row}, key {key_start + column}; look for NaN or overflow in query, key, bias and mask there, or "
            "hide the place with a boolean mask"
        )


def check_vectors(layer: nn.Linear, **inputs: Tensor) -> None:
    """Refuse inputs that a layer cannot project, or whose batches differ; their numbers of positions may.

    Example:
        >>> check_vectors(nn.Linear(4, 4), x=torch.ones(3, 5))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected x of 4 features, those this layer was made for, got (3, 5)
    """
    for name, x in inputs.items():
        check_floats(name, x)
        if x.dtype != layer.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise DtypeError(
                f"expected {name} of the layer's type, {layer.weight.dtype}, got {x.dtype}; "
                f"write {name}.to({layer.weight.dtype}), or convert the layer with layer.to({x.dtype})"
            )
    check_features(layer.in_features, **inputs)


def check_features(features: int, **inputs: Tensor) -> None:
    """Refuse inputs of another number of features, or whose batches differ; their numbers of positions may.

    Example:
        >>> check_features(4, query=torch.ones(3, 4), key=torch.ones(1, 3, 4))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected query and key of one batch, got (3, 4) and (1, 3, 4)
    """
    for name, x in inputs.items():
        check_floats(name, x)
        shape = tuple(x.shape)
        if x.ndim not in (2, 3):
            raise ShapeError(f"expected {name} (batch, positions, features) or (positions, features), got {shape}")
        if x.shape[-1] != features:
            raise ShapeError(f"expected {name} of {features} features, those this layer was made for, got {shape}")
    (first_name, first), *others = inputs.items()
    for name, x in others:
        if x.shape[:-2] != first.shape[:-2]:
            raise ShapeError(f"expected {first_name} and {name} of one batch, got {tuple(first.shape)} and {tuple(x.shape)}")


def check_query_key_value(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Refuse values that are not one a key, of the same batch, and inputs of several types; `check_features` has seen the rest.

    Example:
        >>> check_query_key_value(torch.ones(3, 4), torch.ones(5, 4), torch.ones(2, 7))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected one value for each key, got 5 keys and 2 values; cut or pad one of them
    """
    check_floats("value", value)
    if value.shape[:-2] != query.shape[:-2] or value.ndim != query.ndim:
        raise ShapeError(f"expected query and value of one batch, got {tuple(query.shape)} and {tuple(value.shape)}")
    if value.shape[-2] != key.shape[-2]:
        raise ShapeError(
            f"expected one value for each key, got {key.shape[-2]} keys and {value.shape[-2]} values; cut or pad one of them"
        )
    for name, x in (("key", key), ("value", value)):
        if x.dtype != query.dtype:
            raise DtypeError(f"expected query and {name} of one type, got {query.dtype} and {x.dtype}; convert one of them")


def widen(tensor: Tensor) -> Tensor:
    """Add the axes that were left out: (batch, heads, positions, dim).

    Example:
        >>> widen(torch.ones(3, 5)).shape
        torch.Size([1, 1, 3, 5])
    """
    return tensor[(None,) * (4 - tensor.ndim)]


def prepare(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`check_attention`, then all in float32 (or still in float64), of four axes, with a key head for each query head.

    Returns:
        query (batch, heads, queries, dim), key (batch, heads, keys, dim) and value (batch, heads, keys, value_dim).

    Example:
        >>> q, k, v = prepare(torch.ones(6, 5, 2), torch.ones(3, 5, 2), torch.ones(3, 5, 7))
        >>> q.shape, k.shape, v.shape
        (torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 7]))
    """
    check_attention(query, key, value)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (widen(tensor).to(wide) for tensor in (query, key, value))
    group = q.shape[1] // k.shape[1]
    return q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
