"""Witnesses of what flows through layers: dense float64 matrices, written from the papers without looking at the package."""

import networkx as nx
import torch


def rollout_matrix(layers, residual=0.5):
    """Abnar & Zuidema 2020, section 3: Ã(l_i) = Â(l_i) Ã(l_{i−1}), Â = 0.5 W + 0.5 I, W a mean of heads (H, n, n)."""
    joint = None
    for weights in layers:
        mixed = (1 - residual) * weights.double().mean(0) + residual * torch.eye(weights.shape[-1], dtype=torch.float64)
        joint = mixed if joint is None else mixed @ joint
    return joint


def flow_by_networkx(layers, row, key, residual=0.5):
    """The same paper: maximum flow from the top node of a row to the input node of a key."""
    graph = nx.DiGraph()
    graph.add_node((len(layers), row))
    graph.add_node((0, key))
    for layer, weights in enumerate(layers):
        mixed = (1 - residual) * weights.double().mean(0) + residual * torch.eye(weights.shape[-1], dtype=torch.float64)
        for i, line in enumerate(mixed.tolist()):
            for j, capacity in enumerate(line):
                if capacity > 0:
                    graph.add_edge((layer + 1, i), (layer, j), capacity=capacity)
    return nx.maximum_flow_value(graph, (len(layers), row), (0, key))


def average(weights, gradient):
    """Chefer et al. 2021, eq. 5: Ā = E_h((∇A ⊙ A)⁺), of (H, q, k)."""
    return (weights * gradient).clamp(min=0).mean(0)


def normalised(relevance):
    """Eqs. 8 and 9: R̂ = R − I, its rows divided by their sums, plus I."""
    size = relevance.shape[0]
    residual = relevance - torch.eye(size, dtype=torch.float64)
    sums = residual.sum(1, keepdim=True)
    return torch.where(sums > 0, residual / sums.clamp(min=1e-300), 0) + torch.eye(size, dtype=torch.float64)


def chefer_self(averages):
    """Eq. 6 for one stack: R = R + Ā·R from R = I."""
    relevance = torch.eye(averages[0].shape[0], dtype=torch.float64)
    for average_ in averages:
        relevance = relevance + average_ @ relevance
    return relevance


def chefer_encoder_decoder(encoder, decoder, cross):
    """Section 3 for an encoder-decoder: (R of the target by the source, R of the target by itself)."""
    source = chefer_self(encoder)
    target = torch.eye(decoder[0].shape[0], dtype=torch.float64)
    both = torch.zeros(decoder[0].shape[0], source.shape[0], dtype=torch.float64)
    for own, crossing in zip(decoder, cross, strict=True):
        both = both + own @ both  # eq. 7
        target = target + own @ target  # eq. 6
        both = both + normalised(target).T @ crossing @ normalised(source)  # eq. 10
    return both, target


def contributions(weights, value_inputs, value_weight, value_bias, output_weight):
    """Kobayashi et al. 2020, eq. 4: α^h_ij (x_j W_V^h + b_V^h) W_O^h, (H, q, k, features), from a layer's inputs.

    weights (H, q, k); value_inputs (k, features); value_weight (features, H·d); output_weight (H·d, features).
    """
    heads, queries, keys = weights.shape
    dim = value_weight.shape[1] // heads
    made = torch.zeros(heads, queries, keys, output_weight.shape[1], dtype=torch.float64)
    for h in range(heads):
        part = slice(h * dim, (h + 1) * dim)
        for j in range(keys):
            carried = (value_inputs[j] @ value_weight[:, part] + value_bias[part]) @ output_weight[part]
            for i in range(queries):
                made[h, i, j] = weights[h, i, j] * carried
    return made
