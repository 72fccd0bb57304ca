"""PyTorch's varlen_attn, whose operator has no kernel on a CPU: one of the same name stands in for it."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

import regard
from support.flash_stand_in import one_sequence

varlen = pytest.importorskip("torch.nn.attention.varlen")  # older PyTorch has none
ROWS, COLUMNS = torch.tensor([0, 2, 5], dtype=torch.int32), torch.tensor([0, 3, 7], dtype=torch.int32)
HEADS, DIM = 6, 3


# ruff: noqa: ARG001 - the operator is given more than the stand-in reads


@torch.library.custom_op("stand_in::_varlen_attn", mutates_args=())
def _varlen_attn(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor, cu_seq_k: torch.Tensor, max_q: int,
    max_k: int, is_causal: bool, scale: float | None, window: list[int], enable_gqa: bool = False,
    seqused_k: torch.Tensor | None = None, block_table: torch.Tensor | None = None, num_splits: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    rows, columns = cu_seq_q.tolist(), cu_seq_k.tolist()
    made = [
        one_sequence(query[a:b], key[c:d], value[c:d], scale, is_causal, window, None, None)
        for a, b, c, d in zip(rows[:-1], rows[1:], columns[:-1], columns[1:], strict=True)
    ]
    return torch.cat(made), query.new_empty(0), query.new_empty(1)


class Packed(nn.Module):
    """Two documents in one sequence, and a call of fused attention beside them where it is asked for."""

    def __init__(self, beside=False, **options):
        super().__init__()
        self.beside, self.options = beside, options

    def forward(self, query, key, value):
        if self.beside:
            functional.scaled_dot_product_attention(query, query, query)
        return varlen.varlen_attn(query, key, value, ROWS, COLUMNS, 3, 4, **self.options)


@pytest.fixture
def factors(monkeypatch):
    monkeypatch.setattr(torch.ops.torch_attn, "_varlen_attn", torch.ops.stand_in._varlen_attn)
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(*size, DIM, generator=draw) for size in ((5, HEADS), (7, 2), (7, 2))]


@pytest.mark.parametrize("window", [(-1, -1), (-1, 0), (1, 0), (1, 1)])
def test_documents_see_themselves_as_the_kernel_lets_them(factors, window):
    model = Packed(window_size=window, enable_gqa=True, scale=0.4)
    plain = model(*factors)
    with regard.record(model, values=True) as recording:
        assert torch.equal(model(*factors), plain)
    [amap] = recording.maps
    query, key, _ = factors
    expected = torch.zeros(HEADS, 5, 7)
    for (a, b), (c, d) in (((0, 2), (0, 3)), ((2, 5), (3, 7))):
        scores = 0.4 * torch.einsum("qhd,khd->hqk", query[a:b], key[c:d].repeat_interleave(3, 1))
        off = torch.arange(d - c) - (torch.arange(b - a)[:, None] + (d - c) - (b - a))
        left, right = window
        hidden = (off < -left) & (left >= 0) | (off > right) & (right >= 0)
        expected[:, a:b, c:d] = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    assert_close(amap.dense()[0], expected, rtol=0, atol=1e-6)
    assert not recording.check().wrong


def test_pages_are_said(factors):
    model = Packed(beside=True, enable_gqa=True, seqused_k=torch.tensor([3, 4], dtype=torch.int32))
    with regard.record(model) as recording:
        model(*factors)
    assert len(recording.maps) == 1
    assert any("keys in pages" in call.kept for call in recording.calls)


def test_a_head_is_off(factors):
    model = Packed(enable_gqa=True)
    expected = model(*factors)
    expected[:, 1] = 0
    with regard.ablate(model, heads=[(0, 1)]):
        assert torch.equal(model(*factors), expected)
