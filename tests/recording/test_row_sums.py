"""What a kernel says of its rows, and rows that lose keys by it: beside the same kernel with a mask."""

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

import regard
from regard.interventions import edges, hide
from regard.recording import hiding
from regard.recording.row_sums import RowSums
from support.attention_modules import Fused
from support.tiny_models import tiny, tiny_inputs

BATCH, HEADS, ROWS, DIM = 2, 3, 29, 5


def tensors(dtype=torch.float32, kv_heads=HEADS):
    generator = torch.Generator().manual_seed(0)
    sizes = [(BATCH, HEADS, ROWS, DIM), *[(BATCH, kv_heads, ROWS, DIM)] * 2]
    return [torch.randn(size, generator=generator).to(dtype) for size in sizes]


@pytest.fixture
def recomputed(monkeypatch):
    """How many rows have been computed once more."""
    rows = []
    without = hiding._without

    def counted(amap, value, keys, some, heads):
        rows.append(len(some))
        return without(amap, value, keys, some, heads)

    monkeypatch.setattr(hiding, "_without", counted)
    return rows


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("mask", [None, torch.rand(ROWS, ROWS, generator=torch.Generator().manual_seed(1)) > 0.4])
def test_the_sums_of_a_kernel_are_those_of_the_scores_and_its_output_is_the_same(inference, mask):
    query, key, value = tensors()
    plain = functional.scaled_dot_product_attention(query, key, value, mask)
    with torch.inference_mode(inference), RowSums() as sums:
        output = functional.scaled_dot_product_attention(query, key, value, mask)
    assert torch.equal(output, plain)
    scores = query @ key.mT * DIM**-0.5
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    for of, heads_first in ((output, lambda one: one), (output.transpose(1, 2), lambda one: one.transpose(1, 2))):
        assert_close(sums.of(of, heads_first), scores.logsumexp(-1), atol=1e-5, rtol=1e-5)
    assert sums.of(output + 1, lambda one: one) is None  # somebody has changed it


def test_two_kernels_and_none_say_no_sums():
    query, key, value = tensors()
    with RowSums() as sums:
        functional.scaled_dot_product_attention(query, key, value)
        output = functional.scaled_dot_product_attention(query, key, value)
    assert sums.of(output, lambda one: one) is None
    with RowSums() as sums:
        output = (query @ key.mT).softmax(-1) @ value
    assert sums.of(output, lambda one: one) is None


@pytest.mark.parametrize("kv_heads", [HEADS, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_rows_without_a_span_are_those_of_a_mask_and_are_not_computed_again(kv_heads, dtype, tolerance, recomputed):
    query, key, value = tensors(dtype, kv_heads)
    query /= 4  # no row gives half of its weight to the span
    mask = torch.ones(ROWS, ROWS, dtype=torch.bool).tril()
    mask[11:, 4:7] = False
    wide = [one.double() for one in (query, key, value)]
    truth = functional.scaled_dot_product_attention(*wide, mask, enable_gqa=kv_heads == 1)
    with torch.no_grad(), regard.intervene(model := Fused(), {edges(range(4, 7), queries=range(11, ROWS)): hide()}):
        found = model(query, key, value, is_causal=True, enable_gqa=kv_heads == 1)
    plain = functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=kv_heads == 1)
    assert_close(found.double(), truth, atol=tolerance, rtol=tolerance)
    assert torch.equal(found[:, :, :11], plain[:, :, :11])
    assert not recomputed


def test_only_heads_and_rows_that_have_little_left_are_computed_again(recomputed):
    query, key, value = tensors()
    key[:, 1, 2] = 30 * query[:, 1, 17]
    mask = torch.ones(ROWS, ROWS, dtype=torch.bool).tril()
    mask[17:19, 2] = False
    with torch.no_grad(), regard.intervene(model := Fused(), {edges(2, queries=[17, 18]): hide()}):
        found = model(query, key, value, is_causal=True)
    assert recomputed
    assert sum(recomputed) <= 2
    assert_close(found, functional.scaled_dot_product_attention(query, key, value, mask), atol=1e-5, rtol=1e-5)


def test_a_kernel_whose_sums_are_others_is_not_believed(monkeypatch, recomputed):
    query, key, value = tensors()
    said = RowSums.of
    monkeypatch.setattr(RowSums, "of", lambda *given: said(*given) * 1.4427)  # to the base of 2, say
    with torch.no_grad(), regard.intervene(model := Fused(), {edges(2, queries=range(3, ROWS)): hide()}):
        found = model(query, key, value, is_causal=True)
    mask = torch.ones(ROWS, ROWS, dtype=torch.bool).tril()
    mask[3:, 2] = False
    assert recomputed
    assert_close(found, functional.scaled_dot_product_attention(query, key, value, mask), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_what_another_block_has_changed_is_not_what_the_kernel_said_its_sums_of():
    """The second block meets the output of the first one: without the sums, as before."""
    model, ids = tiny("gpt2"), tiny_inputs("gpt2")["input_ids"][:1]
    every = [(layer, head) for layer in range(3) for head in range(2)]
    with regard.ablate(model, edges=[(*head, row, 2) for head in every for row in (4, 5)]):
        truth = model(ids).logits
    with regard.ablate(model, every[1:2]), regard.ablate(model, keys=2, queries=[4, 5]):
        found = model(ids).logits
    assert not torch.equal(found[:, 4], truth[:, 4])
    with regard.ablate(model, keys=2, queries=[4]), regard.ablate(model, keys=2, queries=[5]):
        assert_close(model(ids).logits, truth, atol=1e-5, rtol=1e-4)
