"""What is refused before a map is made: tensors that are none, and sizes that do not fit each other."""

from collections.abc import Sequence

from torch import Tensor

from regard.arguments import dense_tensor, float_tensor
from regard.errors import DtypeError, ShapeError

AXES = ("batch", "heads", "queries", "keys")


def check_query_key(query: Tensor, key: Tensor) -> None:
    """Refuse queries and keys that have no product."""
    for name, tensor, axes in (
        ("query", query, "(batch, heads, queries, dim)"),
        ("key", key, "(batch, kv_heads, keys, dim)"),
    ):
        float_tensor(name, tensor)
        if tensor.ndim != 4:
            raise ShapeError(
                f"expected {name} {axes}, got {tuple(tensor.shape)}; add the missing axes, e.g. {name}.unsqueeze(0)"
            )
        if tensor.shape[3] == 0:
            raise ShapeError(f"expected {name} {axes} with dim of at least 1, got {tuple(tensor.shape)}")
    if query.dtype != key.dtype:
        raise DtypeError(f"expected query and key of one type, got {query.dtype} and {key.dtype}; convert one of them")
    if query.shape[0] != key.shape[0]:
        raise ShapeError(f"expected one batch size, got query {query.shape[0]} and key {key.shape[0]}; expand one of them")
    if query.shape[3] != key.shape[3]:
        raise ShapeError(
            f"expected query and key of one dim, got {query.shape[3]} and {key.shape[3]}; their product needs equal last axes"
        )
    if key.shape[1] == 0 or query.shape[1] % key.shape[1]:
        raise ShapeError(
            f"expected heads to be a multiple of kv_heads, got query heads={query.shape[1]} and key heads={key.shape[1]}"
            "; each key head is read by heads/kv_heads query heads"
        )


def check_broadcast(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    """Refuse a (…)-shaped tensor that does not stretch to (batch, heads, queries, keys)."""
    dense_tensor(name, tensor)
    if tensor.ndim > 4:
        raise ShapeError(f"expected {name} of at most 4 axes (batch, heads, queries, keys), got {tuple(tensor.shape)}")
    for axis in range(-tensor.ndim, 0):
        if tensor.shape[axis] not in (1, shape[axis]):
            sizes = ", ".join(f"{axis}={size}" for axis, size in zip(AXES, shape, strict=True))
            raise ShapeError(
                f"expected {name} to stretch to the map's ({sizes}), got {tuple(tensor.shape)}; "
                f"make axis {axis} ({AXES[axis]}) {shape[axis]} or 1 long"
            )
