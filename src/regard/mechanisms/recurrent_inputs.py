"""What mechanisms with a state accept: one key for each query, gates for each position, and a state to go on from.

Earlier keys are not looked at again. Whatever they left is in the state, (batch, heads, dim, value_dim) however long the
text: so a text can be cut anywhere, and the second part goes on from the state of the first.
"""

import torch
from torch import Tensor

from regard.errors import OptionError, ShapeError
from regard.mechanisms import inputs


def prepare(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Check queries, keys and values, add the axes that were left out, and go over to float32 (or stay in float64).

    Returns:
        query (batch, heads, queries, dim), key (batch, heads, keys, dim) and value (batch, heads, keys, value_dim): key
        heads are repeated, so that each query head has one.

    Raises:
        ShapeError: sizes that do not fit each other.
        DtypeError: not floating-point tensors of one dtype.

    >>> q, k, v = prepare(torch.ones(6, 5, 2), torch.ones(3, 5, 2), torch.ones(3, 5, 7))
    >>> q.shape, k.shape, v.shape
    (torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 2]), torch.Size([1, 6, 5, 7]))
    """
    inputs.check_attention(query, key, value)
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (inputs.widen(tensor).to(wide) for tensor in (query, key, value))
    group = q.shape[1] // k.shape[1]
    return q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)


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


def starting_state(state: Tensor | None, batch: int, heads: int, rows: int, columns: int, like: Tensor) -> Tensor:
    """The state to go on from: zeros if None.

    Raises:
        DtypeError: not floating-point.
        ShapeError: not (batch, heads, rows, columns).

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


def check_log_decay(log_decay: Tensor) -> None:
    """Refuse logarithms of decays with which the state would grow, or be no number.

    Raises:
        OptionError: with the first.

    >>> check_log_decay(torch.tensor([-0.1, 0.5]))
    Traceback (most recent call last):
    regard.errors.OptionError: log_decay[1] is 0.5; expected a finite number of at most 0, the logarithm of the factor ...
    """
    broken = ~((log_decay <= 0) & log_decay.isfinite())
    if bool(broken.any()):
        place = broken.nonzero()[0].tolist()
        raise OptionError(
            f"log_decay{place} is {float(log_decay[tuple(place)])}; expected a finite number of at most 0, the logarithm of "
            "the factor that the state keeps at this step: write decay.log() if these are factors, and -100 for a factor of 0"
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
            f"beta{place} is {float(beta[tuple(place)])}; expected a number from 0 (write nothing) over 1 (replace) to 2 "
            "(reflect): write beta.sigmoid() if these are logits"
        )


def check_chunk(chunk: object) -> None:
    """Refuse what is no number of positions.

    Raises:
        OptionError: with the value.

    >>> check_chunk(0)
    Traceback (most recent call last):
    regard.errors.OptionError: chunk is 0; expected a whole number of at least 1
    """
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise OptionError(f"chunk is {chunk!r}; expected a whole number of at least 1")


def _check_fits(name: str, tensor: Tensor, sizes: tuple[int, ...], axes: str) -> None:
    missing = len(sizes) - tensor.ndim
    if missing < 0 or any(size not in (1, wanted) for size, wanted in zip(tensor.shape, sizes[missing:], strict=True)):
        raise ShapeError(f"{name} is {tuple(tensor.shape)}; expected what broadcasts to {axes} = {sizes}")
