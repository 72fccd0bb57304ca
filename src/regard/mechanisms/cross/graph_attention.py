"""Attention of a graph's nodes to their neighbours: the mask is the graph.

    first form    score = LeakyReLU(a · [W h_i ; W h_j])       a sum of what i and j are worth: all nodes rank the others alike
    second form   score = a · LeakyReLU(W [h_i ; h_j])         the bend comes before a: each node has a ranking of its own

Queries are projected nodes that look, keys projected nodes that are looked at, and the keys are the values too: where shapes
say queries or keys, these are the nodes.
"""

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from regard.arguments import number
from regard.errors import DtypeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import weigh


def graph_attention(
    query: Tensor, key: Tensor, value: Tensor, score_weight: Tensor, graph: Tensor | Mask, *, slope: float = 0.2
) -> tuple[Tensor, Tensor]:
    """GATv2: score_ij = a · LeakyReLU(q_i + k_j) for neighbours j of i, softmax over them (Brody et al. 2021, section 3).

    With q = W_l h and k = W_r h the sum is W [h_i ; h_j]; value is k in the paper. It is additive attention with another
    bend in the place of tanh, and a mask. A node that should see itself needs an edge to itself; one without edges gets 0.

    Args:
        score_weight: a (heads, dim).
        graph: boolean, broadcastable to (batch, heads, nodes, nodes): True at [i, j] = i looks at j. Or a `regard.Mask`.
        slope: of LeakyReLU below 0; itself above 0.

    Example:
        >>> nodes = torch.tensor([[1.0], [2.0], [4.0]])
        >>> edges = torch.tensor([[True, True, False], [True, True, True], [False, False, True]])
        >>> graph_attention(nodes, nodes, nodes, torch.zeros(1, 1), edges)[0].flatten()
        tensor([1.5000, 2.3333, 4.0000])
    """
    q, k = _nodes(query, key, value, graph, slope)  # (batch, heads, nodes, dim)
    a = _column("score_weight", score_weight, q)  # (heads, dim, 1)
    with torch.autocast(q.device.type, enabled=False):
        bent = leaky_relu(q[:, :, :, None] + k[:, :, None], float(slope))  # (batch, heads, nodes, nodes, dim)
        scores = (bent @ a[:, None])[..., 0]  # (batch, heads, nodes, nodes)
    return weigh(scores[(0,) * (4 - query.ndim)], value, graph)


def static_graph_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_score: Tensor,
    key_score: Tensor,
    graph: Tensor | Mask,
    *,
    slope: float = 0.2,
) -> tuple[Tensor, Tensor]:
    """GAT: score_ij = LeakyReLU(a · [q_i ; k_j]) for neighbours j of i (Veličković et al. 2017, equation 3).

    a · [q ; k] = a_q · q + a_k · k, and LeakyReLU keeps the order: whatever the node, the neighbour with the highest
    a_k · k gets the most. `graph_attention` was made to lift that. In the paper q and k are both W h, and so is value.

    Args:
        query_score: a_q (heads, dim), the first half of a.
        key_score: a_k (heads, dim), the second.

    Example:
        >>> nodes = torch.tensor([[0.0], [1.0]])
        >>> static_graph_attention(nodes, nodes, nodes, torch.ones(1, 1), torch.ones(1, 1), torch.tensor(True))[1]
        tensor([[0.2689, 0.7311],
                [0.2689, 0.7311]])
    """
    q, k = _nodes(query, key, value, graph, slope)  # (batch, heads, nodes, dim)
    with torch.autocast(q.device.type, enabled=False):
        looks = q @ _column("query_score", query_score, q)  # (batch, heads, nodes, 1)
        seen = k @ _column("key_score", key_score, q)  # (batch, heads, nodes, 1)
        scores = leaky_relu(looks + seen.mT, float(slope))  # (batch, heads, nodes, nodes)
    return weigh(scores[(0,) * (4 - query.ndim)], value, graph)


def _nodes(query: Tensor, key: Tensor, value: Tensor, graph: Tensor | Mask, slope: float) -> tuple[Tensor, Tensor]:
    """Queries, and keys of as many heads, in the dtype that scores are computed in: (batch, heads, nodes, dim)."""
    inputs.check_attention(query, key, value)
    slope = number("slope", slope, above=0)
    if not isinstance(graph, Mask) and getattr(graph, "dtype", None) != torch.bool:  # numbers would be added to the scores
        given = graph.dtype if isinstance(graph, Tensor) else type(graph).__name__
        raise DtypeError(
            f"graph: expected torch.bool (True at [i, j] = i looks at j) or a regard.Mask, got {given}; "
            "write matrix != 0, or masks.everything() where all nodes are neighbours"
        )
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k = (inputs.widen(tensor).to(wide) for tensor in (query, key))
    return q, k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)


def _column(name: str, per_head: Tensor, q: Tensor) -> Tensor:
    """What each head learned, as a column to multiply with: (heads, dim, 1)."""
    inputs.check_shape(name, per_head, {"heads": q.shape[1], "dim": q.shape[3]}, advice="give a vector for each head")
    return per_head.to(q)[:, :, None]
