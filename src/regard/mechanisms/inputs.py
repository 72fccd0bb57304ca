"""What attention accepts, and how it says no: expected with names and numbers, what came, what to do."""

import math
from numbers import Real

import torch
from torch import Tensor, nn

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError

AXES = {
    2: "(positions, dim)",
    3: "(heads, positions, dim)",
    4: "(batch, heads, positions, dim)",
}


def check_attention(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Refuse queries, keys and values that do not fit each other.

    Raises:
        ShapeError: axes or sizes differ.
        DtypeError: not floating-point tensors of one dtype.

    >>> check_attention(torch.ones(2, 3), torch.ones(5, 4), torch.ones(5, 7))
    Traceback (most recent call last):
    regard.errors.ShapeError: query has dim=3 but key has dim=4; expected the same, their dot product is the score
    """
    check_places(query, key, value)
    q, k = query.shape[-1], key.shape[-1]
    if q != k:
        raise ShapeError(f"query has dim={q} but key has dim={k}; expected the same, their dot product is the score")


def check_places(query: Tensor, key: Tensor, value: Tensor) -> None:
    """`check_attention` where queries and keys may differ in dim, since something learned stands between them.

    Raises:
        ShapeError: axes, batch, heads or positions differ.
        DtypeError: not floating-point tensors of one dtype.

    >>> check_places(torch.ones(2, 3), torch.ones(5, 4), torch.ones(6, 7))
    Traceback (most recent call last):
    regard.errors.ShapeError: key has 5 positions (keys=5) but value has 6; expected one value for each key
    """
    named = {"query": query, "key": key, "value": value}
    for name, tensor in named.items():
        check_floats(name, tensor)
        if tensor.ndim not in AXES:
            raise ShapeError(
                f"{name} has {_axes(tensor.ndim)}, {tuple(tensor.shape)}; expected 2, 3 or 4: {', '.join(AXES.values())}"
            )
        if 0 in tensor.shape:
            raise ShapeError(f"{name} is empty, {tuple(tensor.shape)}; expected every size of {AXES[tensor.ndim]} above 0")
    if not query.dtype == key.dtype == value.dtype:
        raise DtypeError(
            f"query is {query.dtype}, key is {key.dtype} and value is {value.dtype}; expected one dtype: "
            "convert with tensor.to(dtype)"
        )
    if not query.ndim == key.ndim == value.ndim:
        raise ShapeError(
            f"query has {_axes(query.ndim)}, key {key.ndim} and value {value.ndim}; expected as many in each: "
            "add the missing ones with tensor[None]"
        )

    q, k, v = (widen(tensor).shape for tensor in named.values())
    if not q[0] == k[0] == v[0]:
        raise ShapeError(
            f"query has batch={q[0]}, key has batch={k[0]} and value has batch={v[0]}; expected the same: "
            "repeat the smaller with tensor.expand"
        )
    if k[2] != v[2]:
        raise ShapeError(f"key has {k[2]} positions (keys={k[2]}) but value has {v[2]}; expected one value for each key")
    if k[1] != v[1]:
        raise ShapeError(f"key has {k[1]} heads (kv_heads={k[1]}) but value has {v[1]}; expected the same")
    if q[1] % k[1]:
        raise ShapeError(
            f"query has {q[1]} heads (heads={q[1]}) but key has {k[1]} (kv_heads={k[1]}); "
            "expected heads to be a multiple of kv_heads, so that each key head serves as many query heads"
        )


def check_scores_and_value(scores: Tensor, value: Tensor) -> None:
    """Refuse scores and values that do not fit each other.

    Raises:
        ShapeError: axes or sizes differ.
        DtypeError: not floating-point tensors.

    >>> check_scores_and_value(torch.ones(2, 3), torch.ones(4, 5))
    Traceback (most recent call last):
    regard.errors.ShapeError: scores are (2, 3) but value is (4, 5); expected batch=1 and keys=3 in both, and a number of ...
    """
    for name, tensor in (("scores", scores), ("value", value)):
        check_floats(name, tensor)
        if tensor.ndim not in (2, 3, 4) or 0 in tensor.shape or tensor.ndim != scores.ndim:
            raise ShapeError(
                f"{name} is {tuple(tensor.shape)}; expected scores (batch, heads, queries, keys) and value "
                "(batch, kv_heads, keys, value_dim), or both without their first axes, and no size of 0"
            )
    s, v = widen(scores).shape, widen(value).shape
    if s[0] != v[0] or s[1] % v[1] or s[3] != v[2]:
        raise ShapeError(
            f"scores are {tuple(scores.shape)} but value is {tuple(value.shape)}; expected batch={s[0]} and keys={s[3]} "
            f"in both, and a number of value heads that divides heads={s[1]}"
        )


def check_floats(name: str, tensor: Tensor) -> None:
    """Refuse what is not a floating-point tensor.

    Raises:
        DtypeError: with the conversion to write.

    >>> check_floats("query", torch.arange(3))
    Traceback (most recent call last):
    regard.errors.DtypeError: query is torch.int64; expected a floating-point tensor: write query.float()
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(
            f"{name} is a {type(tensor).__name__}; expected a floating-point tensor: write torch.as_tensor({name})"
        )
    if not tensor.is_floating_point():
        raise DtypeError(f"{name} is {tensor.dtype}; expected a floating-point tensor: write {name}.float()")


def check_mask(mask: Tensor, sizes: dict[str, int]) -> None:
    """Refuse masks that are neither boolean nor floating-point, or do not broadcast to the sizes.

    Raises:
        DtypeError: with the conversion to write.
        ShapeError: with the axis that does not fit.

    >>> check_mask(torch.ones(1, 1, 7, 11, dtype=torch.bool), {"batch": 2, "heads": 3, "queries": 7, "keys": 12})
    Traceback (most recent call last):
    regard.errors.ShapeError: key has 12 positions (keys=12) but the mask is (1, 1, 7, 11); expected the last axis ...
    """
    if isinstance(mask, Tensor) and mask.dtype != torch.bool and not mask.is_floating_point():
        raise DtypeError(
            f"mask is {mask.dtype}; expected torch.bool (True = may attend) or floating-point (added to the scores): "
            "write mask.bool() if 1 means may attend, mask == 0 if 1 means hidden"
        )
    check_broadcast("mask", mask, sizes)


def check_broadcast(name: str, tensor: Tensor, sizes: dict[str, int]) -> None:
    """Refuse a tensor that does not broadcast to the named sizes, counted from the last axis.

    Raises:
        DtypeError: if it is not a tensor.
        ShapeError: with the axis that does not fit.

    >>> check_broadcast("bias", torch.ones(5, 7, 7), {"batch": 2, "heads": 3, "queries": 7, "keys": 7})
    Traceback (most recent call last):
    regard.errors.ShapeError: query has 3 heads (heads=3) but the bias is (5, 7, 7); expected axis -3 to be 3 or 1
    """
    if not isinstance(tensor, Tensor):
        raise DtypeError(f"{name} is a {type(tensor).__name__}; expected a tensor: write torch.as_tensor({name})")
    shape = tuple(tensor.shape)
    if len(shape) > len(sizes):
        raise ShapeError(f"the {name} has {_axes(len(shape))}, {shape}; expected at most {len(sizes)}: ({', '.join(sizes)})")
    owners = {"keys": "key", "value_dim": "value"}
    things = {"keys": "positions", "queries": "positions", "heads": "heads", "batch": "sequences", "value_dim": "features"}
    for back, (axis, size) in enumerate(reversed(sizes.items()), start=1):
        if back > len(shape) or shape[-back] in (1, size):
            continue
        place = "the last axis" if back == 1 else f"axis -{back}"
        advice = ""
        if shape == (sizes.get("batch"), sizes.get("keys")):
            inner = ", ".join("None" for _ in range(len(sizes) - 2))
            advice = f". If it is (batch, keys), as padding is, write {name}[:, {inner}, :]"
        raise ShapeError(
            f"{owners.get(axis, 'query')} has {size} {things[axis]} ({axis}={size}) but the {name} is {shape}; "
            f"expected {place} to be {size} or 1{advice}"
        )


def check_sinks(sinks: Tensor, heads: int) -> None:
    """Refuse sinks that are not one number a head.

    Raises:
        DtypeError: not floating-point.
        ShapeError: not (heads,).
        ScoreError: NaN or +∞; −∞ is a head without a sink.

    >>> check_sinks(torch.zeros(2, 1), heads=2)
    Traceback (most recent call last):
    regard.errors.ShapeError: sinks is (2, 1); expected (heads,) = (2,), one logit for each query head
    """
    check_floats("sinks", sinks)
    if sinks.shape != (heads,):
        raise ShapeError(f"sinks is {tuple(sinks.shape)}; expected (heads,) = ({heads},), one logit for each query head")
    broken = sinks.isnan() | (sinks == math.inf)
    if bool(broken.any()):
        head = int(broken.nonzero()[0])
        raise ScoreError(f"the sink of head {head} is {sinks[head].item()}; expected a number below infinity, or -inf for none")


def check_positive(name: str, value: object) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        OptionError: with the value.

    >>> check_positive("softcap", -30.0)
    Traceback (most recent call last):
    regard.errors.OptionError: softcap is -30.0; expected a finite number above 0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise OptionError(f"{name} is {value!r}; expected a finite number above 0")


def check_finite(name: str, value: object) -> None:
    """Refuse what is not a finite number.

    Raises:
        OptionError: with the value.

    >>> check_finite("offset", math.nan)
    Traceback (most recent call last):
    regard.errors.OptionError: offset is nan; expected a finite number
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise OptionError(f"{name} is {value!r}; expected a finite number")


def check_float_dtype(name: str, dtype: torch.dtype) -> None:
    """Refuse a dtype that would cut numbers down to whole ones.

    Raises:
        DtypeError: with the dtype.

    >>> check_float_dtype("dtype", torch.int64)
    Traceback (most recent call last):
    regard.errors.DtypeError: dtype is torch.int64; expected a floating-point dtype, such as torch.float32
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise DtypeError(f"{name} is {dtype!r}; expected a floating-point dtype, such as torch.float32")


def check_scores(masked: Tensor, query_start: int = 0, key_start: int = 0) -> None:
    """Refuse scores that would make a whole row noise.

    Args:
        masked: (batch, heads, queries, keys), −∞ where hidden.
        query_start: position of the first row, where this is a tile.
        key_start: position of the first column.

    Raises:
        ScoreError: with the first place that is NaN or +∞.

    >>> check_scores(torch.tensor([[[[0.0, math.nan]]]]))
    Traceback (most recent call last):
    regard.errors.ScoreError: the score at batch 0, head 0, query 0, key 1 is nan; expected a number below infinity ...
    """
    broken = masked.isnan() | (masked == math.inf)
    if bool(broken.any()):
        batch, head, row, column = broken.nonzero()[0].tolist()
        raise ScoreError(
            f"the score at batch {batch}, head {head}, query {query_start + row}, key {key_start + column} is "
            f"{masked[batch, head, row, column].item()}; expected a number below infinity wherever a query may attend: "
            "look for NaN, inf or overflow in query, key, bias and mask there, or hide the place with a boolean mask"
        )


def check_vectors(layer: nn.Linear, **inputs: Tensor) -> None:
    """Refuse inputs that a layer cannot project, or whose batches differ; their numbers of positions may.

    Raises:
        ShapeError: not (batch, positions, features) or (positions, features) of the layer.
        DtypeError: another dtype than the layer's weights.

    >>> check_vectors(nn.Linear(4, 4), x=torch.ones(3, 5))
    Traceback (most recent call last):
    regard.errors.ShapeError: x is (3, 5); expected the last axis to be 4, the features this layer was made for
    """
    first_name, first = next(iter(inputs.items()))
    for name, x in inputs.items():
        check_floats(name, x)
        if x.dtype != layer.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise DtypeError(
                f"{name} is {x.dtype} but the layer is {layer.weight.dtype}; expected the same: "
                f"write {name}.to({layer.weight.dtype}), or convert the layer with layer.to({x.dtype})"
            )
        if x.ndim not in (2, 3):
            raise ShapeError(
                f"{name} has {_axes(x.ndim)}, {tuple(x.shape)}; expected 2 or 3: (positions, features), "
                "(batch, positions, features)"
            )
        if x.shape[-1] != layer.in_features:
            raise ShapeError(
                f"{name} is {tuple(x.shape)}; expected the last axis to be {layer.in_features}, "
                "the features this layer was made for"
            )
        if x.ndim != first.ndim or x.shape[:-2] != first.shape[:-2]:
            raise ShapeError(
                f"{first_name} is {tuple(first.shape)} but {name} is {tuple(x.shape)}; expected the same batch in both"
            )


def widen(tensor: Tensor) -> Tensor:
    """Add the axes that were left out: (batch, heads, positions, dim).

    >>> widen(torch.ones(3, 5)).shape
    torch.Size([1, 1, 3, 5])
    """
    return tensor[(None,) * (4 - tensor.ndim)]


def prepare(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`check_attention`, then all in float32 (or still in float64), of four axes, with a key head for each query head.

    Returns:
        query (batch, heads, queries, dim), key (batch, heads, keys, dim) and value (batch, heads, keys, value_dim).

    >>> q, k, v = prepare(torch.ones(6, 5, 2), torch.ones(3, 5, 2), torch.ones(3, 5, 7))
    >>> q.shape, k.shape, v.shape
    (torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 7]))
    """
    check_attention(query, key, value)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (widen(tensor).to(wide) for tensor in (query, key, value))
    group = q.shape[1] // k.shape[1]
    return q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)


def _axes(count: int) -> str:
    return f"{count} axis" if count == 1 else f"{count} axes"
