"""One layer's attention in numbers: which keys its tokens see, what reading a text costs, and what decoding keeps of it.

    Full        token i sees i + 1 keys       keeps keys and values of all tokens
    Windowed    the last W                     of the last W tokens
    Chunked     those of its own block         of the block that is being written
    Latent      i + 1                          a latent and a rotary key of all tokens, for all heads together
    Recurrent   what a state of fixed size holds

Layers stand behind each other in a `Layout`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from regard import masks
from regard.arguments import one_of, whole_number
from regard.errors import OptionError
from regard.masks import Mask

Positions = Literal["rotary", "none"]


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """What all layers have.

    Attributes:
        heads: query heads.
        dim: channels of a query and a key.
        value_dim: channels of a value; dim if None.
        positions: "rotary", or "none" where the causal mask alone tells the order.
    """

    letter: ClassVar[str]
    heads: int
    dim: int
    value_dim: int | None = None
    positions: Positions = "rotary"

    def __post_init__(self) -> None:
        for name in ("heads", "dim"):
            whole_number(name, getattr(self, name), 1)
        if self.value_dim is not None:
            whole_number("value_dim", self.value_dim, 1)
        one_of("positions", self.positions, ("rotary", "none"))

    @property
    def values(self) -> int:
        """Channels of a value."""
        return self.dim if self.value_dim is None else self.value_dim

    @abstractmethod
    def kept(self, tokens: int, itemsize: int = 2) -> int:
        """Bytes that decoding holds after so many tokens of one text."""

    @abstractmethod
    def sees(self) -> Mask | None:
        """Which keys a token sees; None where it reads a state."""

    def visible(self, tokens: int) -> int:
        """Pairs of a query and a key that are looked at while a text is read: Σ of what each token sees."""
        tokens = whole_number("tokens", tokens, 0)
        return tokens * (tokens + 1) // 2

    def operations(self, tokens: int) -> int:
        """Operations of the products with keys and values while a text is read, two a multiply-add."""
        return 2 * self.heads * self.visible(tokens) * (self.dim + self.values)


@dataclass(frozen=True, kw_only=True)
class Full(Layer):
    """Causal attention to all of the text, with key heads that groups of query heads share.

    Attributes:
        kv_heads: key heads; heads is a multiple of it.

    Example:
        >>> layer = Full(heads=32, kv_heads=8, dim=128)
        >>> layer.kept(1), layer.visible(3), layer.sees()
        (4096, 6, causal(0))
    """

    letter: ClassVar[str] = "F"
    kv_heads: int

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("kv_heads", self.kv_heads, 1)
        if self.heads % self.kv_heads:
            raise OptionError(f"expected heads to be a multiple of kv_heads, got {self.heads} and {self.kv_heads}")

    def kept(self, tokens: int, itemsize: int = 2) -> int:
        """Keys and values of all tokens: kv_heads · (dim + value_dim) numbers each."""
        return self._held(tokens) * self.kv_heads * (self.dim + self.values) * whole_number("itemsize", itemsize, 1)

    def sees(self) -> Mask:
        """The past, and itself."""
        return masks.causal()

    def _held(self, tokens: int) -> int:
        return whole_number("tokens", tokens, 0)


@dataclass(frozen=True, kw_only=True)
class Windowed(Full):
    """Causal attention to the last ``window`` tokens.

    Attributes:
        window: how many, the token's own included.

    Example:
        >>> layer = Windowed(heads=8, kv_heads=4, dim=256, window=1024)
        >>> layer.kept(131_072) == layer.kept(1024), Windowed(heads=1, kv_heads=1, dim=1, window=2).visible(4)
        (True, 7)
    """

    letter: ClassVar[str] = "W"
    window: int

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("window", self.window, 1)

    def visible(self, tokens: int) -> int:
        """Σ min(window, i + 1)."""
        tokens = whole_number("tokens", tokens, 0)
        full = min(tokens, self.window)
        return full * (full + 1) // 2 + (tokens - full) * self.window

    def sees(self) -> Mask:
        """The last tokens."""
        return masks.causal() & masks.window(self.window)

    def _held(self, tokens: int) -> int:
        return min(super()._held(tokens), self.window)


@dataclass(frozen=True, kw_only=True)
class Chunked(Full):
    """Causal attention within blocks of ``chunk`` tokens, which do not see each other.

    Attributes:
        chunk: tokens of a block.

    Example:
        >>> Chunked(heads=1, kv_heads=1, dim=1, chunk=2).visible(5)
        7
    """

    letter: ClassVar[str] = "C"
    chunk: int

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("chunk", self.chunk, 1)

    def visible(self, tokens: int) -> int:
        """Σ (i mod chunk + 1)."""
        whole, rest = divmod(whole_number("tokens", tokens, 0), self.chunk)
        return whole * self.chunk * (self.chunk + 1) // 2 + rest * (rest + 1) // 2

    def sees(self) -> Mask:
        """The tokens of the own block so far."""
        return masks.causal() & masks.blocks(self.chunk)

    def _held(self, tokens: int) -> int:
        """At most; a block that has just begun holds less."""
        return min(super()._held(tokens), self.chunk)


@dataclass(frozen=True, kw_only=True)
class Latent(Layer):
    """Causal latent attention (MLA): one latent a token, and one rotary key, for all heads.

    Attributes:
        latent: numbers of the latent.
        rotary: numbers of the key that says where it stands; dim has them too.

    Example:
        >>> Latent(heads=128, dim=192, value_dim=128, latent=512, rotary=64).kept(1)
        1152
    """

    letter: ClassVar[str] = "L"
    latent: int
    rotary: int

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("latent", self.latent, 1)
        whole_number("rotary", self.rotary, 0)

    def kept(self, tokens: int, itemsize: int = 2) -> int:
        """A latent and a rotary key for each token."""
        return whole_number("tokens", tokens, 0) * (self.latent + self.rotary) * whole_number("itemsize", itemsize, 1)

    def sees(self) -> Mask:
        """The past, and itself."""
        return masks.causal()


@dataclass(frozen=True, kw_only=True)
class Recurrent(Layer):
    """A state of dim rows and value_dim columns a head, in float32, as the gated delta rule has; and short convolutions.

    Attributes:
        channels: channels that short convolutions read; 0 without them.
        reach: how many tokens such a convolution reads, the newest included.

    Example:
        >>> Recurrent(heads=32, dim=128).kept(1) == Recurrent(heads=32, dim=128).kept(10**6) == 32 * 128 * 128 * 4
        True
    """

    letter: ClassVar[str] = "R"
    channels: int = 0
    reach: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("channels", self.channels, 0)
        whole_number("reach", self.reach, 1)

    def kept(self, tokens: int, itemsize: int = 2) -> int:
        """The state, whatever the length, and the tokens that a convolution still needs."""
        if not whole_number("tokens", tokens, 0):
            return 0
        return 4 * self.heads * self.dim * self.values + self.channels * (self.reach - 1) * whole_number(
            "itemsize", itemsize, 1
        )

    def sees(self) -> None:
        """No keys: a state."""

    def visible(self, tokens: int) -> int:
        """None."""
        return 0 * whole_number("tokens", tokens, 0)

    def operations(self, tokens: int) -> int:
        """Each token reads the state with its key, writes the difference, and reads with its query: 6 · dim · value_dim."""
        return 6 * self.heads * whole_number("tokens", tokens, 0) * self.dim * self.values
