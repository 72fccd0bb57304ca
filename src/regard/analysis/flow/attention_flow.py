"""Attention flow: attention through all layers, as water through pipes as wide as the weights."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regard.analysis.flow.max_flow import Network, max_flow
from regard.analysis.flow.stacks import check_residual, is_padded, positions, stack_of, text_by_text
from regard.arguments import whole_number
from regard.errors import TooLargeError
from regard.maps.attention_map import AttentionMap
from regard.progress import bar

MAX_PIPES = 100_000


def attention_flow(
    maps: Any,
    tokens: int | Sequence[int] | None = None,
    *,
    heads: Sequence[int] | None = None,
    residual: float = 0.5,
    max_pipes: int = MAX_PIPES,
) -> Tensor:
    """The most that can flow from an output token to each input token, where a weight of ½A + ½I is a pipe's capacity.

    Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers" (arXiv 2005.00928), section 3. Unlike rollout's,
    the results of one token need not sum to 1: each input token has the network to itself.

    It needs one maximum flow for each pair of tokens, over layers · tokens² pipes, and the dense maps: it is for sentences.
    ``rollout`` answers a similar question at any length.

    Args:
        maps: a recording with one stack of layers, or the maps of one: ``recording.encoder``.
        tokens: output positions, one or several; all where not given. They are counted in the text, without its padding.
        heads: read only the mean of these heads, the same in every layer; all where not given.
        residual: share of the residual connection, ½ in the paper.
        max_pipes: most pipes of one network, layers · tokens².

    Returns:
        (batch, tokens, keys) in float64; 0 where there is padding.

    Raises:
        OptionError: no such tokens or heads, or the maps of several stacks; ShapeError: maps that are not square;
        TooLargeError: more than ``max_pipes``.

    Example:
        >>> from regard import AttentionMap
        >>> looks_back = AttentionMap.from_dense(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
        >>> attention_flow([looks_back, looks_back], tokens=2)
        tensor([[[0.5000, 1.0000, 0.5000]]], dtype=torch.float64)
    """
    layers = stack_of(maps)
    check_residual(residual)
    if is_padded(layers):
        options: dict[str, Any] = {"heads": heads, "residual": residual, "max_pipes": max_pipes}
        axes = (1, 2) if tokens is None else (2,)
        return text_by_text(layers, lambda text: attention_flow(text, tokens, **options), axes)
    batch, _, size, _ = layers[0].shape
    rows = positions("tokens", tokens, size)
    if (pipes := len(layers) * size**2) > whole_number("max_pipes", max_pipes, 0):
        raise TooLargeError(
            f"expected at most {max_pipes:,} pipes, got {len(layers)} layers · {size}² tokens = {pipes:,}; "
            "rollout works at any length, or cut the text, or raise max_pipes= and wait"
        )
    flows = torch.zeros(batch, len(rows), size, dtype=torch.float64)
    with bar(total=flows.numel(), desc="maximum flows", unit="pair", delay=1, leave=False) as shown:
        for item in range(batch):
            network = flow_network(layers, item, heads, residual)
            for at, row in enumerate(rows):
                for key in range(size):
                    flows[item, at, key] = max_flow(network, len(layers) * size + row, key)
                    shown.update()
    return flows


def flow_network(layers: list[AttentionMap], item: int, heads: Sequence[int] | None, residual: float) -> Network:
    """Node layer · tokens + i is token i above that many layers; 0 to tokens − 1 are the inputs."""
    size = layers[0].shape[2]
    network = Network((len(layers) + 1) * size)
    for layer, amap in enumerate(layers):
        chosen = None if heads is None else positions("heads", heads, amap.shape[1])
        mean = amap.select(batch=item, heads=chosen).dense()[0].double().mean(dim=0)  # (queries, keys)
        mixed = residual * torch.eye(size, dtype=mean.dtype, device=mean.device) + (1 - residual) * mean
        for query, row in enumerate(mixed.tolist()):
            for key, weight in enumerate(row):
                if weight > 0:
                    network.add((layer + 1) * size + query, layer * size + key, weight)
    return network
