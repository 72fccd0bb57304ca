"""Multi-head latent attention (MLA, DeepSeek-V2): all heads' keys and values are kept as one small vector for each token.

    latent  c = norm(W_down x)                what is kept of a token, with one rotary key r that all heads share
    key_h     = [W_uk,h c, r]                 rebuilt for each head; r tells the position
    value_h   = W_uv,h c

Two ways lead to the same numbers. *Expanded*: rebuild keys and values, and attend as always; best where a whole text is read
at once. *Absorbed*: since q · (W_uk c) = (W_ukᵀ q) · c, move the query into the latent space instead, attend to the latents
themselves, and rebuild values only of what comes out. Nothing of the text's length is rebuilt: best for decoding. It is
multi-query attention, with one wide key head that serves as value too.

Positions are why there is a rotary part at all: a rotation between W_uk and the query would keep them from being multiplied.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regard.arguments import number, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.positions.rotary import rotary_interleaved
from regard.mechanisms.softmax_attention import attention


class LatentCache(NamedTuple):
    """What decoding keeps of the tokens so far, whatever the number of heads.

    Attributes:
        latent: (batch, keys, latent_dim), normalised.
        rotary_key: (batch, keys, rotary_dim), turned to its position.
    """

    latent: Tensor
    rotary_key: Tensor


def expanded_attention(
    query: Tensor,
    rotary_query: Tensor,
    cache: LatentCache,
    key_up: Tensor,
    value_up: Tensor,
    mask: Tensor | Mask | None = None,
) -> tuple[Tensor, Tensor]:
    """Causal attention to keys and values that are rebuilt from latents (DeepSeek-AI 2024, DeepSeek-V2, section 2.1).

        output_h = softmax([q_h, r_h] · [c K_hᵀ, r]ᵀ / √(head_dim + rotary_dim)) c V_hᵀ

    Our head_dim is their d_h, rotary_dim their d_h^R, latent_dim their d_c, key_up and value_up their W^UK and W^UV.

    Args:
        query: (batch, heads, queries, head_dim), without position.
        rotary_query: (batch, heads, queries, rotary_dim), turned to its position.
        cache: latent (batch, keys, latent_dim) and rotary_key (batch, keys, rotary_dim); the queries are the last of the keys.
        key_up: (heads, head_dim, latent_dim).
        value_up: (heads, value_dim, latent_dim).

    Example:
        >>> cache = LatentCache(latent=torch.eye(2), rotary_key=torch.zeros(2, 2))
        >>> unit, zero = torch.eye(2)[None], torch.zeros(1, 2, 2)
        >>> expanded_attention(zero, zero, cache, key_up=unit, value_up=2 * unit)[0]
        tensor([[[2., 0.],
                 [1., 1.]]])
    """
    query, rotary_query, latent, rotary_key, key_up, value_up = _checked(query, rotary_query, cache, key_up, value_up)
    with torch.autocast(query.device.type, enabled=False):  # autocast would lower the precision of the products
        content = latent @ key_up.mT  # (batch, heads, keys, head_dim)
        value = latent @ value_up.mT  # (batch, heads, keys, value_dim)
        position = rotary_key.expand(*content.shape[:-1], -1)  # (batch, heads, keys, rotary_dim)
        q = torch.cat([query, rotary_query], dim=-1)  # (batch, heads, queries, head_dim + rotary_dim)
        k = torch.cat([content, position], dim=-1)  # (batch, heads, keys, head_dim + rotary_dim)
        output, weights = attention(q, k, value, mask, causal=True)  # (batch, heads, queries, value_dim)
    return output.to(cache.latent.dtype), weights


def absorbed_attention(
    query: Tensor,
    rotary_query: Tensor,
    cache: LatentCache,
    key_up: Tensor,
    value_up: Tensor,
    mask: Tensor | Mask | None = None,
) -> tuple[Tensor, Tensor]:
    """`expanded_attention` without rebuilding a key or a value: the same arguments, results and errors.

        output_h = (softmax([q_h K_h, r_h] · [c, r]ᵀ / √(head_dim + rotary_dim)) c) V_hᵀ

    Example:
        >>> cache = LatentCache(latent=torch.eye(2), rotary_key=torch.zeros(2, 2))
        >>> unit, zero = torch.eye(2)[None], torch.zeros(1, 2, 2)
        >>> absorbed_attention(zero, zero, cache, key_up=unit, value_up=2 * unit)[0]
        tensor([[[2., 0.],
                 [1., 1.]]])
    """
    query, rotary_query, latent, rotary_key, key_up, value_up = _checked(query, rotary_query, cache, key_up, value_up)
    scale = 1 / math.sqrt(query.shape[-1] + rotary_query.shape[-1])  # the size of keys that are never rebuilt
    with torch.autocast(query.device.type, enabled=False):
        q = torch.cat([query @ key_up, rotary_query], dim=-1)  # (batch, heads, queries, latent_dim + rotary_dim)
        k = torch.cat([latent, rotary_key], dim=-1)  # (batch, 1, keys, latent_dim + rotary_dim): one key head for all
        mixed, weights = attention(q, k, latent, mask, causal=True, scale=scale)  # (batch, heads, queries, latent_dim)
        output = mixed @ value_up.mT  # (batch, heads, queries, value_dim)
    return output.to(cache.latent.dtype), weights


class LatentAttention(nn.Module):
    """The layer of DeepSeek-V2 and V3: projections into latents, and attention to them (DeepSeek-AI 2024, section 2.1).

    `expanded` and `absorbed` give the same output; calling the layer is `expanded` over a whole text.

    Args:
        dim: features of every input and output vector.
        heads: how many heads, their n_h.
        head_dim: features of a head's query and key that say nothing of the position, their d_h.
        value_dim: features of a head's value; head_dim if None.
        latent_dim: features of what is kept for keys and values, their d_c.
        rotary_dim: features of the key that says where it stands, their d_h^R; even.
        query_latent_dim: queries too go through a latent of so many features, their d_c'; straight from x if None. It saves
            memory in training, and nothing in the cache.
        base: of the rotary angles.

    Example:
        >>> layer = LatentAttention(12, heads=3, head_dim=4, latent_dim=5, rotary_dim=2)
        >>> text = torch.randn(2, 7, 12)
        >>> output, weights = layer(text)
        >>> output.shape, weights.shape
        (torch.Size([2, 7, 12]), torch.Size([2, 3, 7, 7]))
        >>> cache = layer.compress(text[:, :6])  # then token by token
        >>> cache = layer.compress(text[:, 6:], cache)
        >>> torch.allclose(layer.absorbed(text[:, 6:], cache)[0], output[:, 6:], atol=1e-6)
        True
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        head_dim: int,
        latent_dim: int,
        rotary_dim: int,
        value_dim: int | None = None,
        query_latent_dim: int | None = None,
        base: float = 10000.0,
    ) -> None:
        super().__init__()
        value_dim = head_dim if value_dim is None else value_dim
        sizes = {"dim": dim, "heads": heads, "head_dim": head_dim, "value_dim": value_dim, "latent_dim": latent_dim}
        sizes |= {"rotary_dim": rotary_dim, "query_latent_dim": 1 if query_latent_dim is None else query_latent_dim}
        given = {name: whole_number(name, size, 1, room=inputs.MOST_FEATURES) for name, size in sizes.items()}
        dim, heads, head_dim, value_dim, latent_dim, rotary_dim = list(given.values())[:6]
        query_latent_dim = None if query_latent_dim is None else given["query_latent_dim"]
        if rotary_dim % 2:
            raise OptionError(f"rotary_dim: expected an even number, got {rotary_dim}; rotary positions turn pairs")
        base = number("base", base, above=0)
        self.heads, self.head_dim, self.value_dim = heads, head_dim, value_dim
        self.latent_dim, self.rotary_dim, self.base = latent_dim, rotary_dim, base

        self.query_down, self.query_norm = None, None
        if query_latent_dim is not None:
            self.query_down = nn.Linear(dim, query_latent_dim, bias=False)
            self.query_norm = nn.RMSNorm(query_latent_dim, eps=1e-6)
        self.query = nn.Linear(query_latent_dim or dim, heads * (head_dim + rotary_dim), bias=False)
        self.down = nn.Linear(dim, latent_dim + rotary_dim, bias=False)
        self.norm = nn.RMSNorm(latent_dim, eps=1e-6)
        self.key_up = nn.Linear(latent_dim, heads * head_dim, bias=False)
        self.value_up = nn.Linear(latent_dim, heads * value_dim, bias=False)
        self.output = nn.Linear(heads * value_dim, dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend from each position of x (batch, positions, dim) to those before it, and itself."""
        return self.expanded(x, self.compress(x), mask)

    def compress(self, x: Tensor, cache: LatentCache | None = None) -> LatentCache:
        """What is kept of x (batch, positions, dim), after what is in the cache of the tokens before it, if there are any."""
        inputs.check_vectors(self.down, x=x)
        if cache is not None:
            self._check_cache(x, cache)
        latent, rotary_key = self.down(x).split([self.latent_dim, self.rotary_dim], dim=-1)  # (batch, positions, features)
        latent = _normalised(self.norm, latent)
        start = 0 if cache is None else cache.latent.shape[-2]
        rotary_key = rotary_interleaved(rotary_key, start=start, base=self.base)
        if cache is None:
            return LatentCache(latent, rotary_key)
        return LatentCache(torch.cat([cache.latent, latent], dim=-2), torch.cat([cache.rotary_key, rotary_key], dim=-2))

    def expanded(self, x: Tensor, cache: LatentCache, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend with rebuilt keys and values (`expanded_attention`): for a text that is read at once.

        The cache is that of `compress`, with x (batch, queries, dim) at its end.
        """
        query, rotary_query, key_up, value_up = self._prepare(x, cache)
        mixed, weights = expanded_attention(query, rotary_query, cache, key_up, value_up, mask)
        return self.output(mixed.transpose(-3, -2).flatten(-2)), weights  # (batch, queries, dim)

    def absorbed(self, x: Tensor, cache: LatentCache, mask: Tensor | Mask | None = None) -> tuple[Tensor, Tensor]:
        """Attend to the latents themselves (`absorbed_attention`): for decoding. As `expanded`, to the last digits."""
        query, rotary_query, key_up, value_up = self._prepare(x, cache)
        mixed, weights = absorbed_attention(query, rotary_query, cache, key_up, value_up, mask)
        return self.output(mixed.transpose(-3, -2).flatten(-2)), weights  # (batch, queries, dim)

    def _prepare(self, x: Tensor, cache: LatentCache) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Both parts of the queries, (batch, heads, queries, features), and the matrices of each head."""
        inputs.check_vectors(self.down, x=x)
        self._check_cache(x, cache)
        queries, keys = x.shape[-2], cache.latent.shape[-2]
        if self.query_down is not None and self.query_norm is not None:
            x = _normalised(self.query_norm, self.query_down(x))  # (batch, queries, query_latent_dim)
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2)  # (batch, heads, queries, head_dim + rotary_dim)
        query, rotary_query = q.split([self.head_dim, self.rotary_dim], dim=-1)
        rotary_query = rotary_interleaved(rotary_query, start=keys - queries, base=self.base)
        key_up = self.key_up.weight.unflatten(0, (self.heads, -1))  # (heads, head_dim, latent_dim)
        value_up = self.value_up.weight.unflatten(0, (self.heads, -1))  # (heads, value_dim, latent_dim)
        return query, rotary_query, key_up, value_up

    def _check_cache(self, x: Tensor, cache: LatentCache) -> None:
        _check_is_cache(cache)
        for name, kept, features in zip(cache._fields, cache, (self.latent_dim, self.rotary_dim), strict=True):
            if kept.ndim != x.ndim or kept.shape[:-2] != x.shape[:-2] or kept.shape[-1] != features:
                raise ShapeError(
                    f"expected the cache's {name} of x's batch and {features} features, got {tuple(kept.shape)} for x "
                    f"{tuple(x.shape)}; take what compress returned for the tokens before"
                )
        latents, rotary_keys = cache.latent.shape[-2], cache.rotary_key.shape[-2]
        if latents != rotary_keys:
            raise ShapeError(
                f"expected as many rotary keys as latents in the cache, got {rotary_keys} and {latents}; keep both of a token"
            )


def _normalised(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    """Autocast makes x narrower than the weights of the norm, which wants both of one dtype."""
    normalised: Tensor = norm(x.to(norm.weight.dtype))
    return normalised.to(x.dtype)


def _check_is_cache(cache: LatentCache) -> None:
    if not isinstance(cache, LatentCache):
        raise DtypeError(
            f"cache: expected a LatentCache, got {type(cache).__name__}; write LatentCache(latent, rotary_key), "
            "or take what compress returned"
        )
    inputs.check_floats("latent", cache.latent)
    inputs.check_floats("rotary_key", cache.rotary_key)


def _checked(query: Tensor, rotary_query: Tensor, cache: LatentCache, key_up: Tensor, value_up: Tensor) -> tuple[Tensor, ...]:
    """All in float32 or float64, and fitting each other; latents and rotary keys as the one head that all share."""
    _check_is_cache(cache)
    named = {"query": query, "rotary_query": rotary_query, "latent": cache.latent, "rotary_key": cache.rotary_key}
    named |= {"key_up": key_up, "value_up": value_up}
    for name, tensor in named.items():
        inputs.check_floats(name, tensor)
        if tensor.dtype != query.dtype and not torch.is_autocast_enabled(tensor.device.type):
            raise DtypeError(
                f"expected query and {name} of one type, got {query.dtype} and {tensor.dtype}; convert one of them"
            )
    if query.ndim not in (3, 4) or cache.latent.ndim != query.ndim - 1:
        raise ShapeError(
            "expected query (batch, heads, queries, head_dim) and latent (batch, keys, latent_dim), or both without batch, got "
            f"{tuple(query.shape)} and {tuple(cache.latent.shape)}"
        )
    batch, (heads, queries, head_dim) = query.shape[:-3], query.shape[-3:]
    keys, latent_dim = cache.latent.shape[-2:]
    for name, axes, shape in (
        ("rotary_query", "(batch, heads, queries, rotary_dim)", (*batch, heads, queries, *rotary_query.shape[-1:])),
        ("latent", "(batch, keys, latent_dim)", (*batch, keys, latent_dim)),
        ("rotary_key", "(batch, keys, rotary_dim)", (*batch, keys, *rotary_query.shape[-1:])),
        ("key_up", "(heads, head_dim, latent_dim)", (heads, head_dim, latent_dim)),
        ("value_up", "(heads, value_dim, latent_dim)", (heads, *value_up.shape[1:2], latent_dim)),
    ):
        if named[name].shape != shape:
            raise ShapeError(f"expected {name} {axes}={shape}, got {tuple(named[name].shape)}")
    if queries > keys:
        raise ShapeError(
            f"expected the queries to be the last of the keys, got {queries} queries and {keys} keys in the cache; "
            "put them into the cache first, with cache = layer.compress(x, cache)"
        )
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    query, rotary_query, latent, rotary_key, key_up, value_up = (tensor.to(wide) for tensor in named.values())
    return query, rotary_query, latent.unsqueeze(-3), rotary_key.unsqueeze(-3), key_up, value_up
