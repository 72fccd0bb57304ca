"""The differential layer beside DiffLlama's own, whose heads stand in another order."""

import pytest
import torch
from torch.testing import assert_close
from transformers import DiffLlamaConfig
from transformers.models.diffllama.modeling_diffllama import DiffLlamaAttention, DiffLlamaRotaryEmbedding

from regard.errors import OptionError, ShapeError
from regard.mechanisms.normalisers.differential_layer import DifferentialAttention

BATCH, LENGTH, HEADS, HALF = 2, 11, 3, 6  # a head has two maps of HALF channels
DIM = 2 * HEADS * HALF


@pytest.mark.parametrize("layer", [1, 4])
def test_it_is_what_diffllama_runs(layer):
    config = DiffLlamaConfig(
        hidden_size=DIM, num_attention_heads=2 * HEADS, num_key_value_heads=2 * HEADS, head_dim=HALF, rms_norm_eps=1e-5
    )
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    theirs = DiffLlamaAttention(config, layer_idx=layer - 1).double().eval()
    ours = DifferentialAttention(DIM, HEADS, layer=layer).double()
    order = torch.tensor([head + part * HEADS for head in range(HEADS) for part in range(2)])  # head h and h + heads are a pair
    rows = (order[:, None] * HALF + torch.arange(HALF)).flatten()
    with torch.no_grad():
        for mine, other in ((ours.query, theirs.q_proj), (ours.key, theirs.k_proj), (ours.value, theirs.v_proj)):
            mine.weight.copy_(other.weight[rows])
        ours.output.weight.copy_(theirs.o_proj.weight)
        for mine, other in (("query1", "q1"), ("key1", "k1"), ("query2", "q2"), ("key2", "k2")):
            getattr(ours, mine).copy_(getattr(theirs, f"lambda_{other}") * 3)
            getattr(theirs, f"lambda_{other}").mul_(3)
        x = torch.randn(BATCH, LENGTH, DIM, dtype=torch.float64)
        turns = DiffLlamaRotaryEmbedding(config)(x, torch.arange(LENGTH)[None])
        causal = torch.full((LENGTH, LENGTH), -torch.inf, dtype=torch.float64).triu(1)[None, None]
        expected = theirs(x, turns, causal)[0]
        assert_close(ours(x)[0], expected, atol=1e-5, rtol=1e-4)  # their angles are float32


def test_rows_sum_to_what_is_not_taken_away():
    layer = DifferentialAttention(DIM, HEADS, layer=2)
    with torch.no_grad():
        for name in ("query1", "key1", "query2", "key2"):
            getattr(layer, name).zero_()
    weights = layer(torch.randn(BATCH, LENGTH, DIM))[1]
    assert_close(weights.sum(-1), torch.full((BATCH, HEADS, LENGTH), 1 - layer.lambda_init))


def test_lambda_follows_the_layer():
    found = [DifferentialAttention(DIM, HEADS, layer=number).lambda_init for number in (1, 2, 12)]
    assert found == pytest.approx([0.2, 0.35550907, 0.77787010])


def test_what_is_refused():
    with pytest.raises(OptionError, match=r"expected dim to be a multiple of 4·heads, got dim=10 and heads=2"):
        DifferentialAttention(10, 2)
    with pytest.raises(OptionError, match="layer: expected a whole number of at least 1, got 0"):
        DifferentialAttention(8, 2, layer=0)
    with pytest.raises(ShapeError, match="expected x of 8 features"):
        DifferentialAttention(8, 2)(torch.ones(3, 5))
