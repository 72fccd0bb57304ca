"""What a map is made of, from the tensors that the user gives."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.arguments import float_tensor, number
from regard.errors import DtypeError, ShapeError, in_short
from regard.maps.checks import check_broadcast, check_query_key
from regard.maps.factors import LEAVE_OUT, Factors
from regard.maps.source import DenseWeights, working_dtype
from regard.masks import Mask, from_tensor
from regard.masks.patterns import combined


def factors_from(
    query: Tensor,
    key: Tensor,
    mask: Mask | Tensor | None,
    *,
    causal: bool,
    window: int | None,
    scale: float | None,
    bias: Tensor | None,
    softcap: float | None,
    sinks: Tensor | None,
) -> Factors:
    """The factors of a map; the arguments are those of ``AttentionMap``."""
    query, key, mask, bias, sinks = map(_signed, (query, key, mask, bias, sinks))
    check_query_key(query, key)
    shape = (*query.shape[:-1], key.shape[-2])
    if bias is not None:
        float_tensor("bias", bias)
        check_broadcast("bias", bias, shape)
        bias = _four_axes(bias)
    allowed = mask if isinstance(mask, Mask) else None
    if mask is not None and allowed is None:
        if not isinstance(mask, Tensor) or not (mask.dtype == torch.bool or mask.is_floating_point()):
            raise DtypeError(
                "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got "
                f"{mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}; "
                "convert a 0/1 mask with torch.as_tensor(mask).bool()"
            )
        check_broadcast("the mask", mask, shape)
        if mask.dtype == torch.bool:
            allowed = from_tensor(_four_axes(mask))
        else:
            # Added after the bias, and nothing stands between the two: one tensor serves both.
            wide = working_dtype(query)
            bias = _four_axes(mask) if bias is None else mask.to(wide) + bias.to(wide)
    return Factors(
        query=query,
        key=key,
        scale=query.shape[-1] ** -0.5 if scale is None else number("scale", scale, above=0, advice=LEAVE_OUT),
        mask=combined(allowed, causal, window, shape[3] - shape[2]),
        bias=bias,
        softcap=None if softcap is None else number("softcap", softcap, above=0, advice=LEAVE_OUT),
        sinks=sinks,
    )


def dense_from(weights: Tensor | NDArray[np.floating[Any]]) -> DenseWeights:
    """Weights that exist already, with all four axes."""
    values = float_tensor("weights", _signed(_as_tensor(weights)))
    if not 2 <= values.ndim <= 4:
        raise ShapeError(f"expected weights (batch, heads, queries, keys), got {tuple(values.shape)}; 2 to 4 axes are read")
    return DenseWeights(_four_axes(values))


def _signed(value: Any) -> Any:
    """A tensor whose sign is done: that of a view may be noted alone (``z.conj().imag``), which numpy does not read."""
    return value.resolve_neg() if isinstance(value, Tensor) else value


def _as_tensor(weights: Any) -> Tensor:
    """Weights of torch as they are; an array or lists of numbers as a tensor of their own."""
    if isinstance(weights, Tensor):
        return weights
    if isinstance(weights, np.ndarray | list | tuple) or hasattr(weights, "__array__"):
        try:
            array = np.asarray(weights)
            if array.dtype.kind in "fiub":
                return torch.tensor(array)
        except (ValueError, TypeError, RuntimeError):  # ragged lists, types of numpy that torch does not have
            pass
    raise DtypeError(
        f"expected weights as a tensor or an array of numbers, got {in_short(weights)}; write torch.as_tensor(...)"
    )


def _four_axes(tensor: Tensor) -> Tensor:
    """The tensor with leading axes of size 1 added up to four."""
    return tensor[(None,) * (4 - tensor.ndim)] if tensor.ndim < 4 else tensor
