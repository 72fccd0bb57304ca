import math

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.cross.graph_attention import graph_attention, static_graph_attention
from witnesses.cross import graph_weights

BATCH, HEADS, NODES, FEATURES, DIM = 2, 3, 5, 7, 11


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EDGES = (normal(NODES, NODES, seed=9) > 0) | torch.eye(NODES, dtype=torch.bool)
EDGES[3] = False
H, LOOKING, SEEN = normal(BATCH, NODES, FEATURES), normal(HEADS, DIM, FEATURES, seed=1), normal(HEADS, DIM, FEATURES, seed=2)
VECTOR, OTHER = normal(HEADS, DIM, seed=3), normal(HEADS, DIM, seed=4)
QUERY, KEY = (torch.einsum("bnf,hdf->bhnd", H, weight) for weight in (LOOKING, SEEN))


@pytest.mark.parametrize("slope", [0.2, 0.7])
def test_the_second_form_equals_the_paper(slope):
    output, weights = graph_attention(QUERY, KEY, KEY, VECTOR, EDGES, slope=slope)
    for b in range(BATCH):
        for h in range(HEADS):
            both = torch.cat([LOOKING[h], SEEN[h]], dim=1)  # W on the pair
            assert_close(weights[b, h], graph_weights(H[b], both, VECTOR[h], EDGES, static=False, slope=slope))
    assert_close(output, weights @ KEY)


@pytest.mark.parametrize("slope", [0.2, 0.7])
def test_the_first_form_equals_the_paper(slope):
    output, weights = static_graph_attention(KEY, KEY, KEY, VECTOR, OTHER, EDGES, slope=slope)
    for b in range(BATCH):
        for h in range(HEADS):
            vector = torch.cat([VECTOR[h], OTHER[h]])
            assert_close(weights[b, h], graph_weights(H[b], SEEN[h], vector, EDGES, static=True, slope=slope))
    assert_close(output, weights @ KEY)


def test_only_the_second_form_ranks_by_who_is_looking():
    everyone = torch.tensor(True)
    rankings = static_graph_attention(QUERY, KEY, KEY, VECTOR, OTHER, everyone)[1].argsort(dim=-1)
    assert_close(rankings, rankings[:, :, :1].expand_as(rankings))
    rankings = graph_attention(QUERY, KEY, KEY, VECTOR, everyone)[1].argsort(dim=-1)
    assert (rankings != rankings[:, :, :1]).any()


@pytest.mark.parametrize(
    "attend",
    [
        lambda query, key, edges: graph_attention(query, key, key, VECTOR, edges),
        lambda query, key, edges: static_graph_attention(query, key, key, VECTOR, OTHER, edges),
    ],
)
def test_nodes_in_another_order_give_the_same_in_that_order(attend):
    order = torch.tensor([3, 0, 4, 1, 2])
    output, weights = attend(QUERY, KEY, EDGES)
    moved = attend(QUERY[:, :, order], KEY[:, :, order], EDGES[order][:, order])
    assert_close(moved, (output[:, :, order], weights[:, :, order][..., order]))
    with pytest.raises(AssertionError):
        assert_close(attend(QUERY[:, :, order], KEY[:, :, order], EDGES)[0], output[:, :, order])


def test_nodes_without_an_edge_to_them_are_not_seen():
    edges = EDGES.clone()
    edges[:, 1] = False
    poisoned = KEY.clone()
    poisoned[:, :, 1] = math.nan
    output, weights = graph_attention(QUERY, poisoned, poisoned, VECTOR, edges)
    assert_close((output, weights), graph_attention(QUERY, KEY, KEY, VECTOR, edges))
    assert (output[:, :, 3] == 0).all()
    assert_close(weights.sum(-1)[..., 3], torch.zeros(BATCH, HEADS, dtype=torch.float64))


def test_a_mask_may_be_the_graph_and_heads_may_be_shared():
    ring = masks.centred_window(3)
    dense = ring.dense(BATCH, HEADS, NODES, NODES)
    assert_close(graph_attention(QUERY, KEY, KEY, VECTOR, ring), graph_attention(QUERY, KEY, KEY, VECTOR, dense))
    shared = graph_attention(QUERY, KEY[:, :1], KEY[:, :1], VECTOR, EDGES)
    repeated = KEY[:, :1].expand(-1, HEADS, -1, -1)
    assert_close(shared, graph_attention(QUERY, repeated, repeated, VECTOR, EDGES))
    assert_close(
        graph_attention(QUERY[0, 0], KEY[0, 0], KEY[0, 0], VECTOR[:1], EDGES),
        tuple(full[0, 0] for full in graph_attention(QUERY, KEY, KEY, VECTOR, EDGES)),
    )


def test_halves_are_computed_in_float32():
    given = [tensor.bfloat16() for tensor in (QUERY, KEY, KEY, VECTOR)]
    output, weights = graph_attention(*given, EDGES)
    truth = graph_attention(*(tensor.double() for tensor in given), EDGES)
    assert (output.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    assert_close(weights.double(), truth[1], atol=1e-5, rtol=1e-4)  # scores reach 50, where float32 knows 2e-6


def test_gradients():
    tensors = [tensor.clone().requires_grad_() for tensor in (QUERY[:1], KEY[:1], KEY[:1], VECTOR, OTHER)]
    assert torch.autograd.gradcheck(lambda *given: graph_attention(*given[:4], EDGES), tensors, fast_mode=True)
    assert torch.autograd.gradcheck(lambda *given: static_graph_attention(*given, EDGES), tensors, fast_mode=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: graph_attention(QUERY, KEY, KEY, VECTOR[0], EDGES),
            ShapeError,
            "expected score_weight (heads=3, dim=11), got (11,)",
        ),
        (lambda: graph_attention(QUERY, KEY, KEY, VECTOR, EDGES.int()), DtypeError, "write matrix != 0"),
        (
            lambda: graph_attention(QUERY, KEY, KEY, VECTOR, EDGES[:3]),
            ShapeError,
            "expected mask to broadcast to (batch=2, heads=3, queries=5, keys=5), got (3, 5)",
        ),
        (
            lambda: graph_attention(QUERY, KEY[..., :3], KEY, VECTOR, EDGES),
            ShapeError,
            "expected query and key of one dim, got 11 and 3",
        ),
        (
            lambda: graph_attention(QUERY, KEY, KEY, VECTOR, EDGES, slope=0.0),
            OptionError,
            "slope: expected a number above 0, got 0.0",
        ),
        (
            lambda: static_graph_attention(QUERY, KEY, KEY, VECTOR, OTHER[:2], EDGES),
            ShapeError,
            "expected key_score (heads=3, dim=11), got (2, 11)",
        ),
        (
            lambda: static_graph_attention(QUERY, KEY, KEY, [1.0], OTHER, EDGES),
            DtypeError,
            "expected query_score as a tensor, got list",
        ),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
