"""What mechanisms with a state accept: one key for each query, gates for each position, and a state to go on from.

Earlier keys are not looked at again. Whatever they left is in the state, (batch, heads, dim, value_dim) however long the
text: so a text can be cut anywhere, and the second part goes on from the state of the first.
"""

import torch
from torch import Tensor

from regard.arguments import MOST, whole_number
from regard.errors import OptionError, ScoreError, ShapeError
from regard.mechanisms import inputs


def prepare(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`inputs.prepare`, and refuse what is no number: a state would keep it for good."""
    q, k, v = inputs.prepare(query, key, value)
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_finite(name, tensor)
    return q, k, v


def prepare_steps(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`prepare` for what goes forward step by step: as many queries as keys.

    Example:
        >>> prepare_steps(torch.ones(1, 2), torch.ones(5, 2), torch.ones(5, 7))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected as many queries as keys, got 1 and 5; earlier keys are in the state that ...
    """
    q, k, v = prepare(query, key, value)
    if q.shape[2] != k.shape[2]:
        raise ShapeError(
            f"expected as many queries as keys, got {q.shape[2]} and {k.shape[2]}; earlier keys are in the state that the "
            "recurrent form returned: pass it as state="
        )
    return q, k, v


def restore(computed: Tensor, query: Tensor, dtype: torch.dtype) -> Tensor:
    """Go back to the axes of the query and to a dtype.

    Example:
        >>> restore(torch.ones(1, 1, 5, 7), torch.ones(5, 2), torch.float16).shape
        torch.Size([5, 7])
    """
    return computed.to(dtype)[(0,) * (4 - query.ndim)]


def check_finite(name: str, tensor: Tensor) -> None:
    """Refuse NaN and infinite numbers: a sum over the past would keep them for good.

    Example:
        >>> check_finite("key", torch.tensor([[1.0, torch.nan]]))
        Traceback (most recent call last):
        regard.errors.ScoreError: key: expected finite numbers, got nan at [0, 1]; a state keeps what it reads for good, ...
    """
    inputs.check_computed(name, tensor)
    broken = ~tensor.isfinite()
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise ScoreError(
            f"{name}: expected finite numbers, got {tensor[tuple(place)].item()} at {place}; a state keeps what it reads for "
            "good, so look for NaN or overflow where it was computed, and leave padding out"
        )


def starting_state(state: Tensor | None, batch: int, heads: int, rows: int, columns: int, like: Tensor) -> Tensor:
    """The state to go on from, (batch, heads, rows, columns): zeros if None."""
    if state is None:
        return like.new_zeros(batch, heads, rows, columns)
    inputs.check_floats("state", state)
    if state.shape != (batch, heads, rows, columns):
        raise ShapeError(
            f"expected state {(batch, heads, rows, columns)}, got {tuple(state.shape)}; give it as it was returned for as many "
            "sequences and heads"
        )
    check_finite("state", state)
    return state.to(like)


def for_each_step(name: str, numbers: Tensor, q: Tensor) -> Tensor:
    """One number a head and position, such as a gate, as a column: (batch, heads, positions, 1), in the dtype of q.

    Example:
        >>> for_each_step("beta", torch.ones(7), torch.ones(2, 3, 5, 1))
        Traceback (most recent call last):
        regard.errors.ShapeError: expected beta to broadcast to (batch=2, heads=3, positions=5), got (7,); axis ...
    """
    inputs.check_floats(name, numbers)
    inputs.check_broadcast(name, numbers, dict(zip(("batch", "heads", "positions"), q.shape[:3], strict=True)))
    return numbers.to(q).expand(q.shape[:3]).unsqueeze(-1)


def for_each_channel(name: str, numbers: Tensor, k: Tensor) -> Tensor:
    """One number a head, position and channel of the key: (batch, heads, positions, dim), in the dtype of k."""
    inputs.check_floats(name, numbers)
    inputs.check_broadcast(name, numbers, dict(zip(("batch", "heads", "positions", "dim"), k.shape, strict=True)))
    return numbers.to(k).expand(k.shape)


def decay_of_steps(log_decay: Tensor, q: Tensor) -> Tensor:
    """Logarithms of decays as `for_each_step`; refused where the state would grow, or be no number.

    Example:
        >>> decay_of_steps(torch.tensor([-0.1, 0.5]), torch.ones(2, 3, 2, 1))
        Traceback (most recent call last):
        regard.errors.OptionError: log_decay: expected finite numbers of at most 0, got 0.5 at [1]; write decay.log() if ...
    """
    decay = for_each_step("log_decay", log_decay, q)
    _check_log_decay(log_decay)
    return decay


def decay_of_channels(log_decay: Tensor, k: Tensor) -> Tensor:
    """`decay_of_steps` for a decay of each channel of the key, as `for_each_channel`."""
    decay = for_each_channel("log_decay", log_decay, k)
    _check_log_decay(log_decay)
    return decay


def _check_log_decay(log_decay: Tensor) -> None:
    inputs.check_computed("log_decay", log_decay)
    broken = ~((log_decay <= 0) & log_decay.isfinite())
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"log_decay: expected finite numbers of at most 0, got {log_decay[tuple(place)].item():.6g} at {place}; write "
            "decay.log() if these are factors that the state keeps at a step, and -100 for a factor of 0"
        )


def check_beta(beta: Tensor) -> None:
    """Refuse strengths of writing with which the delta rule would not settle: outside of 0 to 2."""
    broken = ~((beta >= 0) & (beta <= 2))
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            "beta: expected numbers from 0 (write nothing) over 1 (replace) to 2 (reflect), "
            f"got {beta[tuple(place)].item():.6g} at {place}; write beta.sigmoid() if these are logits"
        )


def check_unit_keys(key: Tensor) -> None:
    """Refuse keys with which the delta rule would not settle: β ‖k‖² above 2 turns each correction into a larger error.

    Lengths may be off 1 by the rounding of half types, whatever the dtype. A key of 0, which is what is left of 0 by
    normalising, writes nothing, and is accepted.
    """
    length = torch.linalg.vector_norm(key.detach().to(torch.promote_types(key.dtype, torch.float32)), dim=-1)
    broken = ((length - 1).abs() > 5e-3) & (length > 0)  # (…, positions); bfloat16 rounds lengths off by up to 4e-3
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"key: expected vectors of length 1, got {length[tuple(place)].item():.4g} at {place}; "
            "write torch.nn.functional.normalize(key, dim=-1)"
        )


def check_chunk(chunk: int) -> int:
    """How many positions meet in a matrix: 1 or more."""
    return min(whole_number("chunk", chunk, 1), MOST)
