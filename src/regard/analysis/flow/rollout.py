"""Attention rollout: attention through all layers, as if every layer only mixed its inputs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regard.analysis.flow.stacks import check_residual, is_padded, positions, stack_of, text_by_text
from regard.arguments import whole_number
from regard.errors import TooLargeError


def rollout(
    maps: Any,
    tokens: int | Sequence[int] | None = None,
    *,
    heads: Sequence[int] | None = None,
    residual: float = 0.5,
    max_bytes: int = 2**30,
) -> Tensor:
    """How much of each input token an output token holds, if layers only mix: Ã_L ··· Ã_1 with Ã = ½A + ½I.

    Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers" (arXiv 2005.00928), section 3. A is the mean of a
    layer's heads, the identity stands for the residual connection. Rows sum to 1 where the rows of the maps do; what a row
    gives to sinks is lost on the way.

    Only the rows that are asked for are carried through the layers, each as a vector: the memory of one is O(n), and the
    maps stay lazy. All rows of n tokens are n vectors.

    Args:
        maps: a recording with one stack of layers, or the maps of one: ``recording.encoder``.
        tokens: output positions, one or several; all where not given. They are counted in the text, without its padding.
        heads: read only these heads, the same in every layer.
        residual: share of the residual connection, ½ in the paper.
        max_bytes: most memory that the vectors may take.

    Returns:
        (batch, tokens, keys), in the type of the maps; 0 where there is padding.

    Raises:
        OptionError: no such tokens or heads, or the maps of several stacks; ShapeError: maps that are not square;
        TooLargeError: the vectors take more than ``max_bytes``.

    Example:
        >>> from regard import AttentionMap
        >>> looks_back = AttentionMap.from_dense(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
        >>> rollout([looks_back, looks_back], tokens=2)
        tensor([[[0.2500, 0.5000, 0.2500]]])
    """
    layers = stack_of(maps)
    check_residual(residual)
    if is_padded(layers):
        options: dict[str, Any] = {"heads": heads, "residual": residual, "max_bytes": max_bytes}
        axes = (1, 2) if tokens is None else (2,)
        return text_by_text(layers, lambda text: rollout(text, tokens, **options), axes)
    batch, _, size, _ = layers[0].shape
    rows = positions("tokens", tokens, size)
    chosen = [None if heads is None else positions("heads", heads, amap.shape[1]) for amap in layers]
    most_heads = max(amap.shape[1] if some is None else len(some) for amap, some in zip(layers, chosen, strict=True))
    needed = batch * most_heads * size * len(rows) * layers[0].dtype.itemsize
    if needed > whole_number("max_bytes", max_bytes, 0):
        raise TooLargeError(
            f"expected at most {max_bytes:,} bytes, got {len(rows)} rows of {size} through {most_heads} heads = "
            f"{needed:,} bytes; name fewer with tokens=, or raise max_bytes="
        )
    # Columns here are rows there: (row · A)ᵀ = Aᵀ · rowᵀ.
    carried = torch.zeros(batch, 1, size, len(rows), dtype=layers[0].dtype)
    carried[:, :, rows, range(len(rows))] = 1
    for amap, some in zip(reversed(layers), reversed(chosen), strict=True):
        through = (amap.select(heads=some).T @ carried).mean(dim=1, keepdim=True)  # (batch, 1, keys, rows)
        carried = residual * carried.to(through) + (1 - residual) * through
    return carried[:, 0].mT.contiguous()
