"""Sparse attention to tokens that the model chooses: by a light index of its own (DeepSeek), or by blocks (MoBA).

    lightning index   I_ts = Σ_j w_tj · ReLU(q′_tj · k′_s), few and narrow heads of its own; the largest are looked at
    blocks            gate_tb = q_t · mean of the keys of block b; the best blocks are looked at, the own one always

What is chosen is looked at by ordinary attention, and what is not chosen has weight 0. The functions here compute every score
and hide, to be read: a kernel computes the chosen ones, and the result is the same.
"""

import torch
from torch import Tensor

from regard.arguments import MOST, dense_tensor, whole_number
from regard.errors import DtypeError, ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.patterns.selected_blocks import compress
from regard.mechanisms.softmax_attention import attention


def lightning_index(index_query: Tensor, index_key: Tensor, index_weight: Tensor) -> Tensor:
    """How much each query wants each token, from few narrow heads: I_ts = Σ_j w_tj ReLU(q_tj · k_s) (DeepSeek-AI 2025, eq. 1).

    There is no softmax: only the order of the numbers is asked for. All heads of the attention use one index.

    Args:
        index_query: (batch, index_heads, queries, index_dim), their q^I, or without batch.
        index_key: (batch, keys, index_dim), their k^I: one for all index heads.
        index_weight: (batch, index_heads, queries), their w^I.

    Returns:
        I (batch, queries, keys), in float32, or float64 where the input is.

    Example:
        >>> lightning_index(torch.tensor([[[1.0], [-1.0]]]), torch.tensor([[2.0], [-3.0]]), torch.ones(1, 2))
        tensor([[2., 0.],
                [0., 3.]])
    """
    for name, tensor in (("index_query", index_query), ("index_key", index_key), ("index_weight", index_weight)):
        inputs.check_floats(name, tensor)
    batch = index_query.shape[:-3]
    fits = index_query.ndim in (3, 4) and index_weight.shape == index_query.shape[:-1] and index_key.shape[:-2] == batch
    if not fits or index_key.ndim != index_query.ndim - 1 or index_key.shape[-1] != index_query.shape[-1]:
        raise ShapeError(
            "expected index_query (batch, index_heads, queries, index_dim), index_key (batch, keys, index_dim) and "
            "index_weight (batch, index_heads, queries), or all without batch, got "
            f"{tuple(index_query.shape)}, {tuple(index_key.shape)} and {tuple(index_weight.shape)}"
        )
    wide = torch.float64 if index_query.dtype == torch.float64 else torch.float32
    fit = torch.relu(index_query.to(wide) @ index_key.to(wide).unsqueeze(-3).mT)  # (batch, index_heads, queries, keys)
    return (index_weight.to(wide).unsqueeze(-1) * fit).sum(-3)


def indexed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    index_query: Tensor,
    index_key: Tensor,
    index_weight: Tensor,
    *,
    selected: int,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Causal attention to the tokens of largest index (DSA; DeepSeek-AI 2025, DeepSeek-V3.2).

        token t sees the ``selected`` tokens s ≤ t of largest I_ts, all of them while there are not more

    In DeepSeek-V3.2 what is looked at are latents (`latent_attention`), 2,048 of them; the index is trained to follow the
    weights of full attention before any choice is made by it. No gradient goes through the choice.

    Args:
        query: the last of the keys; there may be fewer.
        index_query: as in `lightning_index`, as the next two.
        index_key: as many keys.
        index_weight: as many queries.
        selected: how many tokens are looked at, 1 or more.

    Example:
        >>> query, key, value = torch.randn(3, 1, 4, 2)
        >>> index_query, index_weight = torch.ones(1, 4, 1), torch.ones(1, 4)
        >>> index_key = torch.tensor([[3.0], [1.0], [2.0], [4.0]])  # the second token is the least wanted
        >>> output, weights = indexed_attention(query, key, value, index_query, index_key, index_weight, selected=2)
        >>> (weights[0] > 0).int()
        tensor([[1, 0, 0, 0],
                [1, 1, 0, 0],
                [1, 0, 1, 0],
                [1, 0, 0, 1]], dtype=torch.int32)
    """
    own = _own_places(query, key, value)
    index = lightning_index(index_query, index_key, index_weight)
    if index.shape != (*query.shape[:-3], query.shape[-2], key.shape[-2]):
        raise ShapeError(
            f"expected an index of queries={query.shape[-2]} and keys={key.shape[-2]}, got one of {tuple(index.shape)}; make "
            "it of the same tokens"
        )
    chosen = chosen_tokens(index, own, selected)  # (batch, queries, keys)
    return attention(query, key, value, chosen.unsqueeze(-3), scale=scale)


def chosen_tokens(index: Tensor, own: Tensor, selected: int) -> Tensor:
    """Where the largest numbers of each row stand, among those up to the row's own place: True there, shaped as index.

    Of equal numbers the earlier ones are taken: an index is 0 where no head of it fits.

    Args:
        index: (..., queries, keys), as `lightning_index` gives it.
        own: (queries,), the place of each query among the keys.
        selected: how many, 1 or more.

    Example:
        >>> chosen_tokens(torch.tensor([[5.0, 1.0, 2.0]]), torch.tensor([2]), selected=2)
        tensor([[ True, False,  True]])
    """
    inputs.check_floats("index", index)
    places = whole_places("own", own)
    if index.ndim < 2 or places.shape != index.shape[-2:-1]:
        raise ShapeError(
            f"expected index (..., queries, keys) and own (queries,), got {tuple(index.shape)} and {tuple(places.shape)}"
        )
    selected = min(whole_number("selected", selected, 1), index.shape[-1])
    seen = torch.arange(index.shape[-1], device=index.device) <= places.to(index.device)[:, None]  # (queries, keys)
    numbers = index.detach().to(torch.float64)  # types of 8 bits cannot be sorted
    ranked = numbers.masked_fill(~seen, -torch.inf).sort(dim=-1, descending=True, stable=True).indices
    return torch.zeros_like(index, dtype=torch.bool).scatter(-1, ranked[..., :selected], value=True) & seen


def block_mixture(
    query: Tensor, key: Tensor, value: Tensor, *, block: int, selected: int, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """Mixture of block attention: each query looks at its own block and at the best of those before (MoBA, Lu et al. 2025).

        gate_tb = q_t · mean of the keys of block b;  token t sees the tokens s ≤ t of its own block and of the selected − 1
        blocks before it with the largest gate

    The gate has no parameters, so a trained model can be switched over, and back. Each query head chooses for itself.

    Args:
        query: the last of the keys; there may be fewer.
        block: tokens of a block.
        selected: how many blocks are looked at, the own one included, 1 or more.

    Example:
        The last token looks at the first block, whose mean fits, and not at the second:

        >>> key = torch.tensor([[4.0], [2.0], [-1.0], [1.0], [0.0]])
        >>> block_mixture(torch.ones(5, 1), key, key, block=2, selected=2)[1][4] > 0
        tensor([ True,  True, False, False,  True])
    """
    own = _own_places(query, key, value)
    selected, block = whole_number("selected", selected, 1), whole_number("block", block, 1, MOST)
    q, k, _ = inputs.prepare(query, key, value)  # (batch, heads, positions, dim)
    gate = q.detach() @ compress(k.detach(), block).mT  # (batch, heads, queries, blocks)
    places = torch.arange(gate.shape[-1], device=q.device)
    mine = (own // block)[:, None]
    gate = gate.masked_fill(places == mine, torch.inf).masked_fill(places > mine, -torch.inf)
    best = gate.topk(min(selected, len(places)), dim=-1).indices
    blocks = torch.zeros_like(gate, dtype=torch.bool).scatter(-1, best, value=True)  # (batch, heads, queries, blocks)
    tokens = torch.arange(k.shape[2], device=q.device)
    seen = blocks[..., tokens // block] & (tokens <= own[:, None])  # (batch, heads, queries, keys)
    return attention(query, key, value, seen[(0,) * (4 - query.ndim)], scale=scale)


def whole_places(name: str, places: Tensor) -> Tensor:
    """The places, if they are a tensor of whole numbers.

    Example:
        >>> whole_places("own", torch.ones(2))
        Traceback (most recent call last):
        regard.errors.DtypeError: own: expected a tensor of whole numbers, got torch.float32; write torch.as_tensor(own).long()
    """
    dense_tensor(name, places)
    if places.dtype == torch.bool or places.is_floating_point() or places.is_complex():
        raise DtypeError(
            f"{name}: expected a tensor of whole numbers, got {places.dtype}; write torch.as_tensor({name}).long()"
        )
    return places.long()


def _own_places(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The place of each query among the keys, (queries,)."""
    inputs.check_attention(query, key, value)
    queries, keys = query.shape[-2], key.shape[-2]
    if queries > keys:
        raise ShapeError(
            f"expected the queries to be the last of the keys, got {queries} queries and {keys} keys; give all keys"
        )
    return torch.arange(keys - queries, keys, device=query.device)
