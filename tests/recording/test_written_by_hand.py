"""A hundred ways in which people write attention, each held against the weights that the module itself has computed."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

import regard
from support.written_by_hand import BATCH, TOKENS, WEIGHTS, WIDTH, Hand, averaged_over_heads, merged
from support.written_by_hand_heads import HEADS_OF_THEIRS
from support.written_by_hand_products import (
    PRODUCTS,
    mapped_over_heads,
    online,
    summed_by_the_values,
    tensordot,
    weighted_sum,
    windows_on_five_axes,
)

DIVIDED_ELSEWHERE = "exponentials of scores, of which it was not seen what divides them"
NO_PRODUCT = "a softmax that multiplies no values in a matrix product"
SAID = {
    averaged_over_heads: NO_PRODUCT,
    weighted_sum: NO_PRODUCT,
    tensordot: NO_PRODUCT,
    online: DIVIDED_ELSEWHERE,
    summed_by_the_values: DIVIDED_ELSEWHERE,
    windows_on_five_axes: "a softmax of 5 axes",
    mapped_over_heads: "a softmax inside of torch.vmap",
}
"""What has no map, and why."""


def of_weights(weights):
    """Attention with these weights, and nothing special besides."""

    def way(self, x):
        scores, values = self.scores(x)
        made = weights(self, scores)
        self.saw(made)
        return merged(made @ values)

    return way


WAYS = {way: of_weights(way) for way in WEIGHTS} | {way: way for way in (*PRODUCTS, *HEADS_OF_THEIRS)}


def model_of(way):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Hand(WAYS[way]).eval(), torch.randn(BATCH, TOKENS, WIDTH)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in SAID], ids=lambda way: way.__name__)
def test_what_is_recorded_is_what_the_module_has_computed(way):
    model, x = model_of(way)
    with torch.no_grad():
        plain = model(x)
        model.seen.clear()
        with regard.record(model, values=True) as recording:
            output = model(x)
    assert torch.equal(output, plain)
    assert len(recording.maps) == len(model.seen) > 0
    for amap, weights in zip(recording.maps, model.seen, strict=True):
        assert_close(amap.dense(), weights, rtol=0, atol=1e-6, equal_nan=True, check_dtype=False)
    assert {call.kept for call in recording.calls if call.layer is not None} <= {"dense", "factors"}
    assert not recording.check().wrong


@pytest.mark.parametrize("way", SAID, ids=lambda way: way.__name__)
def test_what_is_not_recorded_is_said(way):
    class Beside(nn.Module):
        """With a call that is seen, so that the recording is not empty."""

        def __init__(self, hand):
            super().__init__()
            self.hand = hand

        def forward(self, x):
            return self.hand(x) + functional.scaled_dot_product_attention(x, x, x)

    model, x = model_of(way)
    with torch.no_grad():
        plain = Beside(model)(x)
        with regard.record(beside := Beside(model)) as recording:
            output = beside(x)
    assert torch.equal(output, plain)
    assert [amap.shape for amap in recording.maps] == [(BATCH, 1, TOKENS, TOKENS)]
    assert any(call.name == "hand" and call.kept.startswith(SAID[way]) for call in recording.calls)
