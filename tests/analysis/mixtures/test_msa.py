"""An MSA Transformer's tied row attention, written as fair-esm writes it: heads on their own axis, and contacts from it."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import regard


class RowSelfAttention(nn.Module):
    """As fair-esm's axial_attention.RowSelfAttention: all rows of the alignment share their weights, (heads, batch, n, n)."""

    def __init__(self, dim=12, heads=3):
        super().__init__()
        self.num_heads, self.head_dim, self.attn_shape = heads, dim // heads, "hnij"
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.dropout_module = nn.Dropout(0.1)

    def forward(self, x):
        rows, columns, batch, dim = x.shape
        q, k, v = (
            made(x).view(rows, columns, batch, self.num_heads, self.head_dim)
            for made in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = q * self.head_dim**-0.5 / math.sqrt(rows)
        weights = torch.einsum(f"rinhd,rjnhd->{self.attn_shape}", q * 4, k * 4)
        self.kept = weights.softmax(-1)
        probabilities = self.dropout_module(self.kept)
        context = torch.einsum(f"{self.attn_shape},rjnhd->rinhd", probabilities, v)
        return self.out_proj(context.contiguous().view(rows, columns, batch, dim))


class ColumnSelfAttention(RowSelfAttention):
    """As fair-esm's: each column by itself, (heads, columns, batch, rows, rows)."""

    def forward(self, x):
        rows, columns, batch, dim = x.shape
        q, k, v = (
            made(x).view(rows, columns, batch, self.num_heads, self.head_dim)
            for made in (self.q_proj, self.k_proj, self.v_proj)
        )
        probabilities = torch.einsum("icnhd,jcnhd->hcnij", q * self.head_dim**-0.5, k).softmax(-1)
        context = torch.einsum("hcnij,jcnhd->icnhd", self.dropout_module(probabilities), v)
        return self.out_proj(context.contiguous().view(rows, columns, batch, dim))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.row_self_attention, self.column_self_attention = RowSelfAttention(), ColumnSelfAttention()

    def forward(self, x):
        x = x + self.row_self_attention(x)
        return x + self.column_self_attention(x)


class MSA(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(2))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def seen(batch):
    torch.manual_seed(0)
    model = MSA().eval()
    with torch.no_grad(), regard.record(model) as recording:
        model(torch.randn(5, 31, batch, 12))  # rows of the alignment, residues with both ends, alignments
    return recording, torch.stack([layer.row_self_attention.kept.transpose(0, 1) for layer in model.layers])


@pytest.mark.parametrize("batch", [1, 2])
def test_heads_of_tied_rows_stand_on_their_axis(batch):
    recording, kept = seen(batch)
    maps = [amap for amap in recording.maps if "row_self_attention" in amap.name]
    assert [(amap.layer, amap.shape) for amap in maps] == [(at, (batch, 3, 31, 31)) for at in range(2)]
    for amap, want in zip(maps, kept, strict=True):
        assert_close(amap.dense(), want, rtol=0, atol=0)
    columns = [call for call in recording.calls if "column_self_attention" in call.name]
    assert {call.layer for call in columns} == {None}  # no one map of queries by keys, and it says so
    assert all("5 axes" in call.kept for call in columns)


def test_contacts_are_those_of_the_rows():
    """As fair-esm's ContactPredictionHead: ends cut off, symmetrised, corrected by average product, logistic regression."""
    recording, kept = seen(2)
    weights, bias = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)) * 20, -1.5
    for item in (0, 1):
        inner = kept[:, item, :, 1:-1, 1:-1].double()
        summed = inner + inner.mT
        product = summed.sum(-1, keepdim=True) * summed.sum(-2, keepdim=True) / summed.sum((-1, -2), keepdim=True)
        want = (bias + (weights[..., None, None] * (summed - product)).sum((0, 1))).sigmoid()
        heads = {(layer, head): float(weights[layer, head]) for layer in range(2) for head in range(3)}
        rows = [amap.sample(item) for amap in recording.maps if "row_self_attention" in amap.name]
        found = regard.contacts(rows, heads, bias, residues=range(1, 30))
        assert_close(found.map.dense()[0, 0].double(), want, rtol=0, atol=1e-6)
        assert_close(found.map[0, 0, 3:9, 11:20].double(), want[3:9, 11:20], rtol=0, atol=1e-6)
        # precision at L, long range: the share of the L strongest pairs that touch
        truth = want > want.median()
        pairs = [(want[i, j].item(), bool(truth[i, j])) for i in range(29) for j in range(i + 24, 29)]
        best = sorted(pairs, reverse=True)[:29]
        assert found.precision(truth) == pytest.approx(sum(touch for _, touch in best) / len(best))
