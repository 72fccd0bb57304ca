"""The factors of a part of a map."""

from regard.maps.factors import Factors, key_heads_read
from regard.maps.view import MapView
from regard.masks.narrowing import narrowed
from regard.positions import take


def narrowed_factors(view: MapView) -> Factors | None:
    """Those of the view's sequences, heads and queries, and of all keys; None where there are none.

    Raises:
        TooLargeError: the mask is a function of the user's own, no run of keys for each query, and too large as a tensor.
    """
    whole, (batch, heads, queries) = view.whole_factors, view.ranges[:3]
    if whole is None or (batch, heads, queries) == tuple(map(range, whole.shape[:3])):
        return whole
    mask, bias, keys = whole.mask, whole.bias, whole.shape[3]
    if bias is not None:
        for axis, positions in enumerate((batch, heads, queries)):
            bias = bias if bias.shape[axis] == 1 else take(bias, axis, positions)
    return Factors(
        query=take(take(take(whole.query, 0, batch), 1, heads), 2, queries),
        key=take(take(whole.key, 0, batch), 1, key_heads_read(heads, whole.group)),
        scale=whole.scale,
        mask=None if mask is None else narrowed(mask, batch, heads, queries, keys, whole.device),
        bias=bias,
        softcap=whole.softcap,
        sinks=None if whole.sinks is None else take(whole.sinks, 0, heads),
        guard=whole.guard,
    )
