"""What all caches have in common, the cache that keeps all, and a text that is run through one."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature
from itertools import pairwise

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import DtypeError, ShapeError, in_short
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


class Cache(ABC):
    """Keys and values of the tokens so far, or of some of them. A policy says what `_let_go` drops."""

    def __init__(self) -> None:
        self.seen = 0  #: how many tokens the text has had
        self._keys: Tensor | None = None
        self._values: Tensor | None = None
        self._places: Tensor | None = None

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take the next tokens, attend to what is held and to these, then let go.

        Args:
            query: (batch, heads, new, dim).
            key: (batch, heads, new, dim).
            value: (batch, heads, new, value_dim).

        Returns:
            output (batch, heads, new, value_dim), and weights (batch, heads, new, held) over what there was before letting go:
            what was held, then the new tokens. New tokens do not see those after them.
        """
        self._check(query, key, value)
        before = self.held() if self.seen else (key[:, :, :0], value[:, :, :0])
        keys, values = (torch.cat(parts, dim=2) for parts in zip(before, (key, value), strict=True))
        output, weights = attention(query, keys, values, causal=True)  # first: what it refuses is not kept
        new = torch.arange(self.seen, self.seen + key.shape[2], device=key.device).expand(*key.shape[:3])
        self._keep(key, value, new)
        self.seen += key.shape[2]
        self._let_go(weights)
        return output, weights

    def take(self, key: Tensor, value: Tensor, *, seen: int) -> None:
        """Fill an empty cache with what another one of its kind held after so many tokens, in that order.

        Args:
            key: (batch, heads, held, dim).
            value: (batch, heads, held, value_dim).
            seen: how many tokens the text has had; what is held counts as its last ones.
        """
        self._check(key, key, value)
        if self.seen:
            raise ShapeError(f"expected an empty cache, got one of {self.seen} tokens; make a new one")
        seen = whole_number("seen", seen, key.shape[2], room=2**62)
        places = torch.arange(seen - key.shape[2], seen, device=key.device)
        self._keep(key, value, places.expand(*key.shape[:3]))
        self.seen = seen

    def held(self) -> tuple[Tensor, Tensor]:
        """The keys (batch, heads, held, dim) and values (batch, heads, held, value_dim) that attention reads."""
        if self._keys is None or self._values is None:
            raise ShapeError("expected a cache with tokens, got an empty one; call attend first")
        return self._keys, self._values

    @property
    def positions(self) -> Tensor:
        """Which tokens are held, (batch, heads, held), counted from 0."""
        if self._places is None:
            raise ShapeError("expected a cache with tokens, got an empty one; call attend first")
        return self._places

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values that are held."""
        return sum(tensor.numel() * tensor.itemsize for tensor in self.held())

    @abstractmethod
    def _let_go(self, weights: Tensor) -> None:
        """Drop what the policy drops, after weights (batch, heads, new, held)."""

    def _keep(self, key: Tensor, value: Tensor, places: Tensor) -> None:
        if self._keys is None or self._values is None or self._places is None:
            self._keys, self._values, self._places = key, value, places
            return
        self._keys = torch.cat([self._keys, key], dim=2)
        self._values = torch.cat([self._values, value], dim=2)
        self._places = torch.cat([self._places, places], dim=2)

    def _only(self, kept: Tensor) -> None:
        """Hold these entries alone, (batch, heads, kept), in the order in which they came."""
        keys, values = self.held()
        order = kept.sort(dim=-1).values
        self._keys, self._values = (x.gather(2, order.unsqueeze(-1).expand(*order.shape, x.shape[3])) for x in (keys, values))
        self._places = self.positions.gather(2, order)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        inputs.check_attention(query, key, value)
        if query.ndim != 4 or query.shape[:3] != key.shape[:3]:
            raise ShapeError(
                "expected query and key (batch, heads, new, dim), one of each for each new token and head, got "
                f"{tuple(query.shape)} and {tuple(key.shape)}"
            )
        if self.seen:
            for name, one, new in zip(("key", "value"), self.held(), (key, value), strict=True):
                if one.shape[:2] != new.shape[:2] or one.shape[3] != new.shape[3] or one.dtype != new.dtype:
                    raise ShapeError(
                        f"expected {name} like those held, {one.dtype} (batch, heads, new, features) of "
                        f"{(*one.shape[:2], 'new', one.shape[3])}, got {new.dtype} {tuple(new.shape)}"
                    )


class FullCache(Cache):
    """All keys and values: `attention` with ``causal=True``, whatever pieces the text comes in.

    Example:
        >>> query, key, value = torch.randn(3, 1, 2, 7, 4)
        >>> cache = FullCache()
        >>> first, _ = cache.attend(*(x[:, :, :4] for x in (query, key, value)))
        >>> second, _ = cache.attend(*(x[:, :, 4:] for x in (query, key, value)))
        >>> torch.testing.assert_close(torch.cat([first, second], 2), attention(query, key, value, causal=True)[0])
        >>> cache.nbytes == 2 * 1 * 2 * 7 * 4 * 4
        True
    """

    def _let_go(self, _weights: Tensor) -> None:
        """Nothing."""


def decode(
    make: Callable[[], Cache], query: Tensor, key: Tensor, value: Tensor, *, prompt: int = 1
) -> tuple[Tensor, Tensor, Cache]:
    """A text through a cache: a prompt at once, then token by token.

    Args:
        make: an empty cache, or what makes one without arguments.
        prompt: how many tokens are read at once, 1 or more.

    Returns:
        output (batch, heads, positions, value_dim), weights (batch, heads, positions, positions), 0 where a token was let go,
        and the cache after the last token.

    Example:
        >>> from regard.mechanisms.caches.evicting import StreamingCache
        >>> query, key, value = torch.randn(3, 1, 1, 6, 4)
        >>> _, weights, cache = decode(lambda: StreamingCache(sinks=1, window=2), query, key, value)
        >>> (weights[0, 0] > 0).int()
        tensor([[1, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0],
                [1, 0, 1, 1, 0, 0],
                [1, 0, 0, 1, 1, 0],
                [1, 0, 0, 0, 1, 1]], dtype=torch.int32)
        >>> cache.positions.flatten()
        tensor([0, 5])
    """
    cache = _made(make)
    if cache.seen:
        raise ShapeError(f"make: expected an empty cache, got one of {cache.seen} tokens; call its attend, or make a new one")
    cache._check(query, key, value)
    length = key.shape[-2]
    cuts = [0, *range(whole_number("prompt", prompt, 1, length), length + 1)]
    outputs, rows = [], []
    for begin, end in pairwise(cuts):
        before = cache.positions if cache.seen else None
        output, weights = cache.attend(*(x[:, :, begin:end] for x in (query, key, value)))
        new = torch.arange(begin, end, device=key.device).expand(*weights.shape[:2], end - begin)
        places = new if before is None else torch.cat([before, new], dim=2)  # (batch, heads, held)
        whole = weights.new_zeros(*weights.shape[:3], length)
        rows.append(whole.scatter(3, places.unsqueeze(2).expand_as(weights), weights))
        outputs.append(output)
    return torch.cat(outputs, dim=2), torch.cat(rows, dim=2), cache


def _made(make: object) -> Cache:
    """A cache, or what a function makes that needs no arguments."""
    if callable(make):
        try:
            signature(make).bind()
        except TypeError as error:
            raise DtypeError(
                f"make: expected what makes a cache without arguments, got {in_short(make)} ({error}); "
                "write lambda: StreamingCache(sinks=1, window=8), for example"
            ) from error
        except ValueError:  # a function of C whose arguments nobody knows
            pass
        make = make()
    if not isinstance(make, Cache):
        raise DtypeError(f"make: expected a cache or a function that makes one, got {type(make).__name__}; write FullCache")
    return make
