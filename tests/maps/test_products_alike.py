"""Products of queries and keys by the faster kernel: as fast however they lie in memory, and the same numbers."""

import pytest
import torch

from regard import AttentionMap
from regard.maps import products_alike


def interleaved(n, dim):
    """Of one head of four, as a model that splits what it projected has them."""
    return torch.randn(n, 4, dim)[:, 1]


LAID = {
    "heads between": interleaved,
    "transposed": lambda n, dim: torch.randn(dim, n).T,
    "every other number": lambda n, dim: torch.randn(n, 2 * dim)[:, ::2],
    "one key for all": lambda n, dim: torch.randn(1, dim).expand(n, dim),
}


@pytest.fixture
def multiplied(monkeypatch):
    """oneDNN multiplies, whether it is faster here or not; gives the list of what it was asked to."""
    seen, real = [], torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(products_alike, "_linear_is_better", lambda *_: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda *given: seen.append(given[:2]) or real(*given))
    return seen


@pytest.mark.parametrize("laid", LAID.values(), ids=LAID)
@pytest.mark.parametrize("into", [False, True])
def test_it_multiplies_what_lies_together(laid, into, multiplied):
    """Of other keys oneDNN takes a thousand times as long."""
    torch.manual_seed(0)
    query, key = laid(70, 16), laid(products_alike.COLUMNS + 100, 16)
    out = torch.empty(70, len(key)) if into else None
    made = products_alike.product(query, key, out)
    assert len(multiplied) == 1 + into
    assert all(one.is_contiguous() for pair in multiplied for one in pair)
    assert torch.equal(made, products_alike.product(query.contiguous(), key.contiguous()))
    torch.testing.assert_close(made, query @ key.T)


def test_a_map_of_what_a_model_made_is_read_as_fast(multiplied):
    torch.manual_seed(0)
    q, k = (torch.randn(1, 1200, 4, 16).transpose(1, 2) for _ in "qk")  # as Transformers splits heads
    received = AttentionMap(q, k, causal=True).received()
    assert multiplied
    assert all(key.is_contiguous() for _, key in multiplied)
    torch.testing.assert_close(received, AttentionMap(q.contiguous(), k.contiguous(), causal=True).received(), rtol=0, atol=0)
