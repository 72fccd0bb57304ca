"""Caches that keep all tokens in another form: in fewer bits, in pages that texts share, once for several layers."""

import torch
from torch import Tensor

from regard.arguments import float_tensor, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.caches.cache import Cache, FullCache

MOST_PAGES = 2**20


class QuantizedCache(Cache):
    """Keys in few bits by channel, values in few bits by token, and the newest tokens as they came (KIVI, Liu et al. 2024).

        code = round((x − least) / step), step = (largest − least) / (2^bits − 1)

    Keys have channels that are large for all tokens, so least and step are of a channel over a group of tokens; values have no
    such channels, and theirs are of a token. A group is written when it is full; until then its tokens stay exact.

    Args:
        bits: of a number, 1 to 8.
        group: tokens that are written together, 1 or more.
    """

    def __init__(self, bits: int = 4, group: int = 32) -> None:
        super().__init__()
        self.bits, self.group = whole_number("bits", bits, 1, 8), whole_number("group", group, 1)
        self.written = 0  #: how many tokens are in few bits

    def _let_go(self, _weights: Tensor) -> None:
        keys, values = self.held()
        full = keys.shape[2] // self.group * self.group
        if full == self.written:
            return
        fresh = slice(self.written, full)
        grouped = keys[:, :, fresh].unflatten(2, (-1, self.group))  # (batch, heads, groups, group, dim)
        rough_keys = rounded(grouped, self.bits, axis=3).flatten(2, 3)
        rough_values = rounded(values[:, :, fresh], self.bits, axis=3)
        self._keys = torch.cat([keys[:, :, : self.written], rough_keys, keys[:, :, full:]], dim=2)
        self._values = torch.cat([values[:, :, : self.written], rough_values, values[:, :, full:]], dim=2)
        self.written = full

    @property
    def nbytes(self) -> int:
        """Bytes of codes packed, of two half-precision numbers for each of their ranges, and of what is still exact."""
        keys, values = self.held()
        batch, heads, held, dim = keys.shape
        codes = batch * heads * self.written * (dim + values.shape[3]) * self.bits
        ranges = batch * heads * (self.written // self.group * dim + self.written) * 2 * 16
        exact = batch * heads * (held - self.written) * (dim + values.shape[3]) * keys.itemsize
        return -(-codes // 8) + ranges // 8 + exact


def rounded(x: Tensor, bits: int, axis: int) -> Tensor:
    """Numbers at the nearest of 2^bits even steps between the least and the largest along an axis: in the dtype of x.

    Args:
        x: any shape.
        bits: 1 to 8.
        axis: along which there is one range.

    Example:
        >>> rounded(torch.tensor([0.0, 0.9, 2.2, 3.0]), bits=2, axis=0)
        tensor([0., 1., 2., 3.])
    """
    float_tensor("x", x)
    if not x.ndim or 0 in x.shape or x.dtype.itemsize == 1:
        raise ShapeError(f"expected x of one axis or more, every size at least 1, got {x.dtype} {tuple(x.shape)}")
    bits, axis = whole_number("bits", bits, 1, 8), whole_number("axis", axis, -x.ndim, x.ndim - 1)
    least, most = x.amin(axis, keepdim=True), x.amax(axis, keepdim=True)
    step = (most - least) / (2**bits - 1)
    code = torch.where(step > 0, (x - least) / step, torch.zeros_like(x)).round()
    nearest: Tensor = least + code * step
    return nearest


class Pages:
    """Memory in pages of so many tokens, which caches of several texts take and share (PagedAttention, Kwon et al. 2023).

    Args:
        size: tokens of a page, 1 or more.
        pages: how many there are.
    """

    def __init__(self, size: int, pages: int) -> None:
        self.size = whole_number("size", size, 1)
        self.free = list(range(whole_number("pages", pages, 1, MOST_PAGES)))  #: pages that nobody uses
        self.users = [0] * len(self.free)  #: how many caches use each page
        self.stored: dict[int, list[tuple[Tensor, Tensor]]] = {}  #: keys and values of the tokens of each page

    def take(self) -> int:
        """A page that nobody uses.

        Raises:
            OptionError: none is left.
        """
        if not self.free:
            raise OptionError(f"expected a page that is free, got none of {len(self.users)}; drop a cache, or make more pages")
        page = self.free.pop(0)
        self.users[page], self.stored[page] = 1, []
        return page

    def drop(self, page: int) -> None:
        """One user less; a page that nobody uses is free again.

        Raises:
            OptionError: there is no such page, or nobody uses it.
        """
        page = whole_number("page", page, 0, len(self.users) - 1)
        if not self.users[page]:
            raise OptionError(f"page: expected one in use, got {page}, which is free; drop a page once for each take")
        self.users[page] -= 1
        if not self.users[page]:
            del self.stored[page]
            self.free.append(page)


class PagedCache(Cache):
    """All keys and values, in pages that need not lie beside each other, and that texts with one beginning share.

    What attention reads is what `FullCache` reads; a page costs memory only when it is begun. `fork` is a second text with the
    same beginning: its pages are the same ones, until one of both writes into the last of them, which is then copied.

    Args:
        pages: where pages are taken from.

    Example:
        >>> pages = Pages(size=4, pages=5)
        >>> first = PagedCache(pages)
        >>> _ = first.attend(*torch.randn(3, 1, 1, 6, 2))
        >>> second = first.fork()
        >>> _ = second.attend(*torch.randn(3, 1, 1, 1, 2))
        >>> first.table, second.table, len(pages.free)
        ([0, 1], [0, 2], 2)
    """

    def __init__(self, pages: Pages) -> None:
        super().__init__()
        if not isinstance(pages, Pages):
            raise DtypeError(f"pages: expected Pages, got {type(pages).__name__}; write Pages(size=16, pages=64)")
        self.pages, self.table = pages, []  # type: tuple[Pages, list[int]]

    def fork(self) -> "PagedCache":
        """Another text that begins as this one: it uses the same pages."""
        other = PagedCache(self.pages)
        other.seen, other.table = self.seen, list(self.table)
        for page in other.table:
            self.pages.users[page] += 1
        return other

    def drop(self) -> None:
        """Give all pages back."""
        for page in self.table:
            self.pages.drop(page)
        self.table, self.seen = [], 0

    def held(self) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens, gathered from their pages."""
        tokens = [token for page in self.table for token in self.pages.stored[page]]
        if not tokens:
            raise ShapeError("expected a cache with tokens, got an empty one; call attend first")
        keys, values = (torch.cat(part, dim=2) for part in zip(*tokens, strict=True))
        return keys, values

    @property
    def positions(self) -> Tensor:
        """All tokens so far, (batch, heads, held)."""
        keys, _ = self.held()
        batch, heads, held, _ = keys.shape
        return torch.arange(self.seen - held, self.seen, device=keys.device).expand(batch, heads, -1)

    @property
    def nbytes(self) -> int:
        """Bytes of the pages that this text uses, also of what is not yet written in the last of them."""
        keys, values = self.held()
        a_token = (keys[:, :, :1].numel() + values[:, :, :1].numel()) * keys.itemsize
        return len(self.table) * self.pages.size * a_token

    def _keep(self, key: Tensor, value: Tensor, _places: Tensor) -> None:
        if (wanted := self._pages_for(key.shape[2])) > len(self.pages.free):
            raise OptionError(
                f"expected {wanted} free pages for {key.shape[2]} tokens, got {len(self.pages.free)} of "
                f"{len(self.pages.users)}; drop a cache, or make more pages"
            )
        for k, v in zip(key.split(1, dim=2), value.split(1, dim=2), strict=True):
            stored = self.pages.stored
            if not self.table or len(stored[self.table[-1]]) == self.pages.size:
                self.table.append(self.pages.take())
            elif self.pages.users[self.table[-1]] > 1:  # copy on write
                shared = self.table[-1]
                self.table[-1] = self.pages.take()
                stored[self.table[-1]] = list(stored[shared])
                self.pages.drop(shared)
            stored[self.table[-1]].append((k, v))

    def _pages_for(self, tokens: int) -> int:
        """How many pages so many more tokens take: those that they begin, and a copy of a last page that is shared."""
        room = self.pages.size - len(self.pages.stored[self.table[-1]]) if self.table else 0
        copied = room > 0 and self.pages.users[self.table[-1]] > 1
        return copied + max(0, -(-(tokens - room) // self.pages.size))

    def _let_go(self, _weights: Tensor) -> None:
        """Nothing."""


class SharedLayers:
    """One cache for several layers that follow each other: the first writes, the others read (CLA, Brandon et al. 2024).

    Layers without keys and values of their own need no projections for them either. In YOCO (Sun et al. 2024) all layers of the
    upper half read what one layer wrote.

    Args:
        layers: how many there are.
        group: how many share a cache, 1 or more.

    Example:
        >>> caches = SharedLayers(layers=6, group=2)
        >>> caches.writes(0), caches.writes(1), caches.of(1) is caches.of(0), len({id(caches.of(i)) for i in range(6)})
        (True, False, True, 3)
    """

    def __init__(self, layers: int, group: int) -> None:
        self.layers, self.group = whole_number("layers", layers, 1, 2**16), whole_number("group", group, 1)
        self._caches = [FullCache() for _ in range(-(-self.layers // self.group))]

    def writes(self, layer: int) -> bool:
        """Whether this layer has keys and values of its own."""
        return whole_number("layer", layer, 0, self.layers - 1) % self.group == 0

    def of(self, layer: int) -> FullCache:
        """The cache that this layer reads."""
        return self._caches[whole_number("layer", layer, 0, self.layers - 1) // self.group]

    @property
    def nbytes(self) -> int:
        """Bytes of all caches."""
        return sum(cache.nbytes for cache in self._caches if cache.seen)
