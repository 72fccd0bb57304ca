"""The factors of a part of a map."""

from dataclasses import replace

from regard.maps.factors import Factors, key_heads_read
from regard.maps.softmax_weights import SoftmaxWeights
from regard.maps.source import DenseWeights
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


def alone(view: MapView) -> MapView:
    """A view that keeps no more than it shows, where it is one of factors or weights; with factors, all keys of these rows."""
    whole = view.ranges[:3] == tuple(map(range, view.source.shape[:3]))
    if whole or not isinstance(view.source, SoftmaxWeights | DenseWeights):
        return view
    factors = narrowed_factors(view)
    if factors is None:
        weights = view.source.weights(*view.ranges[:3], range(view.source.shape[3]))
        return replace(MapView.whole(DenseWeights(weights.clone())), keys=view.keys)
    tensors = {name: one.clone() for name in ("query", "key", "bias", "sinks") if (one := getattr(factors, name)) is not None}
    return replace(MapView.whole(SoftmaxWeights(replace(factors, **tensors))), keys=view.keys)
