"""What mechanisms with a state accept: one key for each query, gates for each position, and a state to go on from.

Earlier keys are not looked at again. Whatever they left is in the state, (batch, heads, dim, value_dim) however long the
text: so a text can be cut anywhere, and the second part goes on from the state of the first.
"""

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import OptionError, ScoreError, ShapeError
from regard.mechanisms import inputs


def prepare(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`inputs.prepare`, and refuse what is no number: a state would keep it for good.

    Returns:
        query (batch, heads, queries, dim), key (batch, heads, keys, dim) and value (batch, heads, keys, value_dim): key
        heads are repeated, so that each query head has one.

    Raises:
        ShapeError: sizes that do not fit each other.
        DtypeError: not floating-point tensors of one dtype.
        ScoreError: NaN or infinite numbers.

    >>> q, k, v = prepare(torch.ones(6, 5, 2), torch.ones(3, 5, 2), torch.ones(3, 5, 7))
    >>> q.shape, k.shape, v.shape
    (torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 7]))
    """
    q, k, v = inputs.prepare(query, key, value)
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_finite(name, tensor)
    return q, k, v


def prepare_steps(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`prepare` for what goes forward step by step: as many queries as keys.

    Raises:
        ShapeError: also where there are more or fewer queries than keys.

    >>> prepare_steps(torch.ones(1, 2), torch.ones(5, 2), torch.ones(5, 7))
    Traceback (most recent call last):
    regard.errors.ShapeError: query has 1 positions but key has 5; expected as many, a step reads one of each: ...
    """
    q, k, v = prepare(query, key, value)
    if q.shape[2] != k.shape[2]:
        raise ShapeError(
            f"query has {q.shape[2]} positions but key has {k.shape[2]}; expected as many, a step reads one of each: "
            "earlier keys are in the state that the recurrent form returned; pass it as state="
        )
    return q, k, v


def restore(computed: Tensor, query: Tensor, dtype: torch.dtype) -> Tensor:
    """Go back to the axes of the query and to a dtype.

    >>> restore(torch.ones(1, 1, 5, 7), torch.ones(5, 2), torch.float16).shape
    torch.Size([5, 7])
    """
    return computed.to(dtype)[(0,) * (4 - query.ndim)]


def check_finite(name: str, tensor: Tensor) -> None:
    """Refuse NaN and infinite numbers: a sum over the past would keep them for good.

    Raises:
        ScoreError: with the first.

    >>> check_finite("key", torch.tensor([[1.0, torch.nan]]))
    Traceback (most recent call last):
    regard.errors.ScoreError: key[0, 1] is nan; expected finite numbers, because a state keeps what it reads for good: ...
    """
    broken = ~tensor.isfinite()
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise ScoreError(
            f"{name}{place} is {tensor[tuple(place)].item()}; expected finite numbers, because a state keeps what it reads for "
            "good: look for NaN or overflow where it was computed, and leave padding out"
        )


def starting_state(state: Tensor | None, batch: int, heads: int, rows: int, columns: int, like: Tensor) -> Tensor:
    """The state to go on from: zeros if None.

    Raises:
        DtypeError: not floating-point.
        ShapeError: not (batch, heads, rows, columns).
        ScoreError: NaN or infinite numbers.

    >>> starting_state(torch.ones(2, 3), 1, 4, 2, 3, like=torch.ones(1))
    Traceback (most recent call last):
    regard.errors.ShapeError: state is (2, 3); expected (1, 4, 2, 3), as it was returned for as many sequences and heads
    """
    if state is None:
        return like.new_zeros(batch, heads, rows, columns)
    inputs.check_floats("state", state)
    if state.shape != (batch, heads, rows, columns):
        raise ShapeError(
            f"state is {tuple(state.shape)}; expected {(batch, heads, rows, columns)}, "
            "as it was returned for as many sequences and heads"
        )
    check_finite("state", state)
    return state.to(like)


def for_each_step(name: str, numbers: Tensor, q: Tensor) -> Tensor:
    """One number a head and position, such as a gate, as a column.

    Args:
        name: what the caller calls it.
        numbers: broadcastable to (batch, heads, positions).
        q: (batch, heads, positions, dim).

    Returns:
        (batch, heads, positions, 1), in the dtype of q.

    Raises:
        DtypeError: not floating-point.
        ShapeError: other sizes.

    >>> for_each_step("beta", torch.ones(7), torch.ones(2, 3, 5, 1))
    Traceback (most recent call last):
    regard.errors.ShapeError: beta is (7,); expected what broadcasts to (batch, heads, positions) = (2, 3, 5)
    """
    inputs.check_floats(name, numbers)
    _check_fits(name, numbers, tuple(q.shape[:3]), "(batch, heads, positions)")
    return numbers.to(q).expand(q.shape[:3]).unsqueeze(-1)


def for_each_channel(name: str, numbers: Tensor, k: Tensor) -> Tensor:
    """One number a head, position and channel of the key.

    Args:
        name: what the caller calls it.
        numbers: broadcastable to (batch, heads, positions, dim).
        k: (batch, heads, positions, dim).

    Returns:
        (batch, heads, positions, dim), in the dtype of k.

    Raises:
        DtypeError: not floating-point.
        ShapeError: other sizes.

    >>> for_each_channel("log_decay", torch.ones(5, 2), torch.ones(2, 3, 5, 7))
    Traceback (most recent call last):
    regard.errors.ShapeError: log_decay is (5, 2); expected what broadcasts to (batch, heads, positions, dim) = (2, 3, 5, 7)
    """
    inputs.check_floats(name, numbers)
    _check_fits(name, numbers, tuple(k.shape), "(batch, heads, positions, dim)")
    return numbers.to(k).expand(k.shape)


def decay_of_steps(log_decay: Tensor, q: Tensor) -> Tensor:
    """Logarithms of decays as `for_each_step`; refused where the state would grow, or be no number.

    Raises:
        DtypeError, ShapeError: as `for_each_step`.
        OptionError: with the first that is above 0 or not finite.

    >>> decay_of_steps(torch.tensor([-0.1, 0.5]), torch.ones(2, 3, 2, 1))
    Traceback (most recent call last):
    regard.errors.OptionError: log_decay[1] is 0.5; expected a finite number of at most 0, the logarithm of the factor ...
    """
    decay = for_each_step("log_decay", log_decay, q)
    _check_log_decay(log_decay)
    return decay


def decay_of_channels(log_decay: Tensor, k: Tensor) -> Tensor:
    """`decay_of_steps` for a decay of each channel of the key, as `for_each_channel`.

    >>> decay_of_channels(torch.full((5, 1), -0.1), torch.ones(2, 3, 5, 7)).shape
    torch.Size([2, 3, 5, 7])
    """
    decay = for_each_channel("log_decay", log_decay, k)
    _check_log_decay(log_decay)
    return decay


def _check_log_decay(log_decay: Tensor) -> None:
    broken = ~((log_decay <= 0) & log_decay.isfinite())
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"log_decay{place} is {log_decay[tuple(place)].item():.6g}; expected a finite number of at most 0, the logarithm "
            "of the factor that the state keeps at a step: write decay.log() if these are factors, and -100 for a factor of 0"
        )


def check_beta(beta: Tensor) -> None:
    """Refuse strengths of writing with which the delta rule would not settle.

    Raises:
        OptionError: with the first that is not from 0 to 2.

    >>> check_beta(torch.tensor([0.1, 2.5]))
    Traceback (most recent call last):
    regard.errors.OptionError: beta[1] is 2.5; expected a number from 0 (write nothing) over 1 (replace) to 2 (reflect): ...
    """
    broken = ~((beta >= 0) & (beta <= 2))
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"beta{place} is {beta[tuple(place)].item():.6g}; expected a number from 0 (write nothing) over 1 (replace) to 2 "
            "(reflect): write beta.sigmoid() if these are logits"
        )


def check_unit_keys(key: Tensor) -> None:
    """Refuse keys with which the delta rule would not settle: β ‖k‖² above 2 turns each correction into a larger error.

    A key of 0, which is what is left of 0 by normalising, writes nothing, and is accepted.

    Raises:
        OptionError: with the first whose length is not 1, to the rounding of half types, whatever the dtype.

    >>> check_unit_keys(torch.tensor([[0.6, 0.8], [3.0, 4.0]]))
    Traceback (most recent call last):
    regard.errors.OptionError: key[1] has length 5; expected length 1: write torch.nn.functional.normalize(key, dim=-1)
    """
    length = torch.linalg.vector_norm(key.detach().to(torch.promote_types(key.dtype, torch.float32)), dim=-1)
    broken = ((length - 1).abs() > 5e-3) & (length > 0)  # (…, positions); bfloat16 rounds lengths off by up to 4e-3
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"key{place} has length {length[tuple(place)].item():.4g}; expected length 1: "
            "write torch.nn.functional.normalize(key, dim=-1)"
        )


def check_chunk(chunk: int) -> int:
    """Refuse what is no number of positions.

    Raises:
        OptionError: with the value.

    >>> check_chunk(0)
    Traceback (most recent call last):
    regard.errors.OptionError: chunk is 0; expected a whole number of at least 1
    """
    return whole_number("chunk", chunk, 1)


def _check_fits(name: str, tensor: Tensor, sizes: tuple[int, ...], axes: str) -> None:
    missing = len(sizes) - tensor.ndim
    if missing < 0 or any(size not in (1, wanted) for size, wanted in zip(tensor.shape, sizes[missing:], strict=True)):
        raise ShapeError(f"{name} is {tuple(tensor.shape)}; expected what broadcasts to {axes} = {sizes}")
