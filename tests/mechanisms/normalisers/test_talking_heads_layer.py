"""The talking-heads layer beside loops over Python numbers, and where it is multi-head attention."""

import math

import pytest
import torch
from torch.testing import assert_close

from regard.errors import OptionError, ShapeError
from regard.mechanisms.attention_layers import MultiHeadAttention
from regard.mechanisms.normalisers.talking_heads_layer import TalkingHeadsAttention

BATCH, LENGTH, KEYS, HEADS, DIM = 2, 5, 7, 3, 12
SIZE = DIM // HEADS


def by_loops(layer, x, memory, last=None):
    """One sequence; query i sees keys to last + i, or all."""
    weight = {name: value.tolist() for name, value in layer.state_dict().items()}

    def projected(name, vector):
        bias = weight.get(f"{name}.bias", [0.0] * len(weight[f"{name}.weight"]))
        rows = zip(weight[f"{name}.weight"], bias, strict=True)
        return [math.fsum(a * b for a, b in zip(row, vector, strict=True)) + added for row, added in rows]

    keys, values = ([projected(name, vector) for vector in memory] for name in ("key", "value"))
    outputs, maps = [], []
    for i, vector in enumerate(x):
        q, seen = projected("query", vector), range(len(memory) if last is None else last + i + 1)
        said = [  # what heads say of each key, then what each of them hears
            projected(
                "mix_scores",
                [math.fsum(q[c] * keys[j][c] for c in range(h * SIZE, (h + 1) * SIZE)) / math.sqrt(SIZE) for h in range(HEADS)],
            )
            for j in seen
        ]
        sums = [math.fsum(math.exp(one[h]) for one in said) for h in range(HEADS)]
        rows = [projected("mix_weights", [math.exp(one[h]) / sums[h] for h in range(HEADS)]) for one in said]
        joined = [math.fsum(row[c // SIZE] * values[j][c] for j, row in zip(seen, rows, strict=True)) for c in range(DIM)]
        outputs.append(projected("output", joined))
        maps.append([[row[h] for row in rows] + [0.0] * (len(memory) - len(seen)) for h in range(HEADS)])
    return torch.tensor(outputs, dtype=torch.float64), torch.tensor(maps, dtype=torch.float64).transpose(0, 1)


def made(*, bias):
    torch.manual_seed(0)
    return TalkingHeadsAttention(DIM, HEADS, bias=bias).double().requires_grad_(requires_grad=False)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_equals_the_loops(bias, causal):
    layer = made(bias=bias)
    x, memory = (torch.randn(BATCH, length, DIM, dtype=torch.float64) for length in (LENGTH, KEYS))
    last = KEYS - LENGTH if causal else None
    expected = [by_loops(layer, one.tolist(), other.tolist(), last) for one, other in zip(x, memory, strict=True)]
    output, weights = layer(x, memory, causal=causal)
    assert_close(output, torch.stack([one[0] for one in expected]))
    assert_close(weights, torch.stack([one[1] for one in expected]))


def test_softmax_does_not_see_the_bias_of_mixed_scores_and_weights_do_theirs():
    layer, x = made(bias=True), torch.randn(BATCH, LENGTH, DIM, dtype=torch.float64)
    before = layer(x)[1]
    layer.mix_scores.bias.add_(1.5)
    assert_close(layer(x)[1], before)
    layer.mix_weights.bias.add_(0.25)
    assert_close(layer(x)[1], before + 0.25)


def test_heads_that_do_not_talk_are_multi_head_attention():
    layer, plain = made(bias=False), MultiHeadAttention(DIM, HEADS, bias=False).double()
    one = torch.eye(HEADS, dtype=torch.float64)
    layer.load_state_dict(plain.state_dict() | {"mix_scores.weight": one, "mix_weights.weight": one})
    x = torch.randn(BATCH, LENGTH, DIM, dtype=torch.float64)
    assert_close(layer(x, causal=True), plain(x, causal=True))


def test_both_mixings_are_learned():
    layer = TalkingHeadsAttention(DIM, HEADS)
    layer(torch.randn(BATCH, LENGTH, DIM))[0].square().sum().backward()
    for matrix in (layer.mix_scores.weight, layer.mix_weights.weight):
        assert matrix.grad.abs().sum() > 0


def test_what_is_refused():
    with pytest.raises(OptionError, match=r"expected dim to be a multiple of heads, got dim=10 and heads=3"):
        TalkingHeadsAttention(10, 3)
    with pytest.raises(ShapeError, match="expected x of 12 features"):
        made(bias=False)(torch.ones(3, 5, dtype=torch.float64))
