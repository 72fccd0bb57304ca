"""The picture of a mechanism that has no weights: which value went into which output, and how much of it."""

from collections.abc import Callable

import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms import inputs


def effective_weights(function: Callable[[Tensor], Tensor | tuple[Tensor, object]], value: Tensor) -> Tensor:
    """The matrix that takes values to outputs, read off by feeding the identity as values.

    This is exact, and no approximation, where outputs are linear in the values, output_i = Σ_j W_ij v_j: with V = I the
    output *is* W. Queries, keys and gates may enter in any way. Linear attention, retention, the delta rule and state
    spaces are linear in their values although none of them has a softmax, and so is attention itself. A function that is
    not linear (a norm after the sum, a bias, a state that was handed in) is refused: W does not give its outputs.

    Args:
        function: takes values (batch, kv_heads, keys, any) to outputs (batch, heads, queries, any), or to a tuple that
            begins with them. It is called twice: with identities, and with the value.
        value: (batch, kv_heads, keys, value_dim).

    Returns:
        (batch, heads, queries, keys), with the axes of the output, in float32, or float64 where the output is. Of an output
        in a half type they have no more digits than that.

    Example:
        >>> from regard.mechanisms.linear.retention import retention_recurrent
        >>> query, key, value = torch.ones(3, 1), torch.ones(3, 1), torch.randn(3, 5)
        >>> effective_weights(lambda v: retention_recurrent(query, key, v, torch.tensor([0.5])), value)
        tensor([[1.0000, 0.0000, 0.0000],
                [0.5000, 1.0000, 0.0000],
                [0.2500, 0.5000, 1.0000]])
    """
    if not callable(function):
        raise DtypeError(
            f"function: expected a function of values, got {type(function).__name__}; write lambda v: attention(query, key, v)"
        )
    inputs.check_computed("value", value)
    inputs.check_axes("value", value)
    keys = value.shape[-2]
    identity = torch.eye(keys, dtype=value.dtype, device=value.device).expand(*value.shape[:-2], keys, keys)
    weights = _output(function(identity))  # (batch, heads, queries, keys)
    output = _output(function(value))  # (batch, heads, queries, value_dim)
    heads_fit = value.ndim == 2 or (weights.ndim > 2 and weights.shape[-3] % value.shape[-3] == 0)
    if (
        weights.ndim != value.ndim
        or weights.shape[-1] != keys
        or output.shape != (*weights.shape[:-1], value.shape[-1])
        or weights.shape[:-3] != value.shape[:-3]
        or not heads_fit
    ):
        raise ShapeError(
            "expected the function to make (batch, heads, queries, value_dim) of (batch, kv_heads, keys, value_dim), or both "
            "without their first axes, whatever value_dim is, and heads a multiple of kv_heads, got "
            f"{tuple(weights.shape)} of {tuple(identity.shape)} and {tuple(output.shape)} of {tuple(value.shape)}"
        )

    rounding = torch.finfo(output.dtype).eps  # of W and of the output
    precise = torch.promote_types(output.dtype, torch.float32)
    weights, output, value = weights.to(precise), output.to(precise), value.to(precise)
    if value.ndim > 2:
        value = value.repeat_interleave(output.shape[-3] // value.shape[-3], dim=-3)  # (batch, heads, keys, value_dim)
    difference = (weights @ value - output).detach().norm()
    # Far above the rounding of what was summed, also where sums cancel, and far below a bias.
    allowed = max(2 * rounding, torch.finfo(precise).eps ** 0.5) * (weights.abs() @ value.abs()).detach().norm()
    if not bool(difference <= allowed):
        raise OptionError(
            "expected a function that is linear in the value, so that feeding the identity gives its weights, got W · value "
            f"off the output by {difference.item():.3g}, of {output.detach().norm().item():.3g}; leave out norms, biases and "
            "states"
        )
    return weights


def _output(result: Tensor | tuple[Tensor, object]) -> Tensor:
    output = result[0] if isinstance(result, tuple) and result else result
    if not isinstance(output, Tensor) or not output.is_floating_point():
        kind = output.dtype if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise DtypeError(
            "expected the function to return a tensor of a floating type, the output, or a tuple that begins with it, "
            f"got {kind}"
        )
    return output
