"""A map times a matrix, from either side, a block of rows at a time."""

from torch import Tensor

from regard.arguments import float_tensor
from regard.errors import ShapeError
from regard.maps.view import MapView


def times(view: MapView, values: Tensor) -> Tensor:
    """The weights times (keys, dim) or (batch, heads, keys, dim): (batch, heads, queries, dim)."""
    values = _factor(view, values, "keys")
    made = values.new_empty(*view.shape[:3], values.shape[-1])
    for rows in view.rows("multiplying"):
        made[rows.batch, rows.heads, rows.queries] = rows.weights @ values[rows.batch, rows.heads, rows.columns]
    return made


class TransposedMap:
    """``amap.T``: the same map, read from the keys' side."""

    def __init__(self, view: MapView) -> None:
        self._view = view

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, keys, queries)."""
        batch, heads, queries, keys = self._view.shape
        return batch, heads, keys, queries

    def __repr__(self) -> str:
        batch, heads, keys, queries = self.shape
        return f"TransposedMap(batch={batch}, heads={heads}, keys={keys}, queries={queries}; for products: amap.T @ x)"

    def __matmul__(self, values: Tensor) -> Tensor:
        """(queries, dim) or (batch, heads, queries, dim) summed over the queries, (batch, heads, keys, dim)."""
        values = _factor(self._view, values, "queries")
        made = values.new_zeros(*self.shape[:3], values.shape[-1])
        for rows in self._view.rows("multiplying"):
            part = rows.weights.transpose(2, 3) @ values[rows.batch, rows.heads, rows.queries]
            made[rows.batch, rows.heads, rows.columns] += part
        return made


def _factor(view: MapView, values: Tensor, axis: str) -> Tensor:
    """What the map is multiplied with, as (batch, heads, positions, dim) in the type and on the device of the weights."""
    float_tensor("the right side of @", values)
    batch, heads, queries, keys = view.shape
    positions = keys if axis == "keys" else queries
    shape = tuple(values.shape)
    wide = (1,) * (4 - len(shape)) + shape
    if not 2 <= len(shape) <= 4 or wide[2] != positions or wide[0] not in (1, batch) or wide[1] not in (1, heads):
        raise ShapeError(
            f"expected ({axis}, dim)=({positions}, dim) or (batch, heads, {axis}, dim)=({batch}, {heads}, {positions}, dim) "
            f"on the right of @, got {shape}; repeat grouped heads, or transpose"
        )
    return values.detach().to(view.source.device, view.source.dtype).expand(batch, heads, positions, shape[-1])
