"""RetNet's layer beside loops over Python numbers."""

import cmath
import math

import pytest
import torch
from torch.testing import assert_close

from regard.errors import OptionError
from regard.mechanisms.linear.retention_layer import MultiScaleRetention

BATCH, LENGTH, HEADS, DIM, FACTOR = 2, 7, 3, 12, 2


def by_loops(layer, x):
    """One sequence: projections, turned pairs, sums over the past, each head to one size, the gate, the last projection."""
    weight = {name: value.tolist() for name, value in layer.state_dict().items()}

    def projected(name, vector):
        return [math.fsum(a * b for a, b in zip(row, vector, strict=True)) for row in weight[f"{name}.weight"]]

    def turned(part, place):
        pairs = [
            complex(part[c], part[c + 1]) * cmath.exp(1j * place * 10000 ** (-c / len(part))) for c in range(0, len(part), 2)
        ]
        return [number for pair in pairs for number in (pair.real, pair.imag)]

    size, wide, outputs = DIM // HEADS, FACTOR * DIM // HEADS, []
    states = [{name: projected(name, vector) for name in ("query", "key", "value", "gate")} for vector in x]
    for i in range(len(x)):
        joined = []
        for h in range(HEADS):
            gamma = 1 - 2 ** (-5 - h)
            q = turned(states[i]["query"][h * size : (h + 1) * size], i)
            head = [0.0] * wide
            for j in range(i + 1):
                k = turned(states[j]["key"][h * size : (h + 1) * size], j)
                score = gamma ** (i - j) * math.fsum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(size)
                for d in range(wide):
                    head[d] += score * states[j]["value"][h * wide + d]
            root = math.sqrt(math.fsum(a * a for a in head) / wide + layer.eps)
            joined += [a / root for a in head]
        gated = [g / (1 + math.exp(-g)) * a for g, a in zip(states[i]["gate"], joined, strict=True)]
        outputs.append(projected("output", gated))
    return torch.tensor(outputs, dtype=torch.float64)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return MultiScaleRetention(DIM, HEADS, value_factor=FACTOR).double().requires_grad_(requires_grad=False)


def test_equals_the_loops(layer):
    x = torch.randn(BATCH, LENGTH, DIM, dtype=torch.float64)
    expected = torch.stack([by_loops(layer, one.tolist()) for one in x])
    assert_close(layer(x)[0], expected)
    assert_close(layer.recurrent(x)[0], expected)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_text_can_be_cut_anywhere(layer, cut):
    x = torch.randn(BATCH, LENGTH, DIM, dtype=torch.float64)
    first, state = layer.recurrent(x[:, :cut])
    second, _ = layer.recurrent(x[:, cut:], state, start=cut)
    assert_close(torch.cat([first, second], dim=1), layer(x)[0])


def test_divisors_before_the_norm_change_nothing(layer):
    """The paper divides each row by a number for the sake of half precision."""
    x = torch.randn(1, LENGTH, DIM, dtype=torch.float64)
    layer.eps = 1e-30
    before = layer(x)[0]
    layer.value.weight.mul_(1e-3)
    assert_close(layer(x)[0], before)


def test_what_is_refused():
    with pytest.raises(OptionError, match=r"expected dim to be a multiple of 2·heads, got dim=9 and heads=3"):
        MultiScaleRetention(9, 3)
    with pytest.raises(OptionError, match="value_factor: expected a whole number from 1 to 87,381, got 0"):
        MultiScaleRetention(12, 3, value_factor=0)
    with pytest.raises(OptionError, match="start: expected a whole number of at least 0, got -1"):
        MultiScaleRetention(12, 3).recurrent(torch.ones(1, 2, 12), start=-1)
