"""A layout: the layers of a model in their order, what they cost together, and how far the text reaches through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from regard.arguments import several, whole_number
from regard.errors import OptionError
from regard.mechanisms.layouts.layers import Chunked, Layer, Windowed

MOST_LAYERS = 2**12


@dataclass(frozen=True)
class Layout:
    """Layers, the first that runs first.

    Attributes:
        layers: what each of them is.

    Example:
        Gemma 3's five windows for each layer that sees all:

        >>> from regard.mechanisms.layouts.layers import Full, Windowed
        >>> sizes = {"heads": 8, "kv_heads": 4, "dim": 256}
        >>> layout = Layout.repeated([Windowed(window=1024, **sizes)] * 5 + [Full(**sizes)], layers=34)
        >>> str(layout)
        '5 × (5W F) 4W'
        >>> layout.kept(131_072) / Layout.repeated([Full(**sizes)], layers=34).kept(131_072)
        0.15372...
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layers, tuple) or not self.layers or not all(isinstance(one, Layer) for one in self.layers):
            raise OptionError(f"layers: expected a tuple of layers, at least one, got {type(self.layers).__name__}")

    @classmethod
    def repeated(cls, pattern: Sequence[Layer], layers: int) -> "Layout":
        """A pattern again and again, cut where the layers end.

        Args:
            pattern: layers, at least one.
            layers: how many there are in all.
        """
        layers, given = whole_number("layers", layers, 1, MOST_LAYERS), several("pattern", pattern, "layers")
        if not given:
            raise OptionError("pattern: expected at least one layer, got none")
        return cls(tuple(given[i % len(given)] for i in range(layers)))

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        """Runs of like layers, by letter; a period that comes again is written once."""
        letters = "".join(one.letter for one in self.layers)
        for size in range(2, len(letters) // 2 + 1):
            period, times = letters[:size], 1
            while letters.startswith(period, size * times):
                times += 1
            if len(set(period)) > 1 and times > 1 and 2 * size * times > len(letters):
                return f"{times} × ({_runs(period)}) {_runs(letters[size * times :])}".rstrip()
        return _runs(letters)

    def kept(self, tokens: int, itemsize: int = 2) -> int:
        """Bytes that decoding holds after so many tokens of one text, in all layers.

        Args:
            tokens: how many.
            itemsize: bytes of a number; states are float32 whatever it is.
        """
        return sum(one.kept(tokens, itemsize) for one in self.layers)

    def kept_by_next_token(self, tokens: int, itemsize: int = 2) -> int:
        """Bytes that one more token adds after so many: windows that are full and states add nothing.

        Args:
            tokens: how many there are already.
            itemsize: bytes of a number.
        """
        tokens = whole_number("tokens", tokens, 0)
        return self.kept(tokens + 1, itemsize) - self.kept(tokens, itemsize)

    def operations(self, tokens: int) -> int:
        """Operations of the products with keys, values and states while a text is read, two a multiply-add."""
        return sum(one.operations(tokens) for one in self.layers)

    def reach(self) -> int | None:
        """How many tokens back news can come from if only windows and blocks carry it: None where some layer sees all.

        L windows of W keys reach L · (W − 1) tokens back. Blocks alone hand nothing over their borders.

        Example:
            >>> from regard.mechanisms.layouts.layers import Windowed
            >>> Layout.repeated([Windowed(heads=1, kv_heads=1, dim=1, window=4096)], layers=32).reach()
            131040
        """
        spans = [_span(one) for one in self.layers]
        if None in spans:
            return None
        known = [span for span in spans if span is not None]
        return max(known) - 1 if all(isinstance(one, Chunked) for one in self.layers) else sum(known) - len(known)


def _span(layer: Layer) -> int | None:
    """How many tokens a layer's token sees at most, itself included."""
    if isinstance(layer, Windowed):
        return layer.window
    return layer.chunk if isinstance(layer, Chunked) else None


def _runs(letters: str) -> str:
    counted = ((letter, len(list(run))) for letter, run in groupby(letters))
    return " ".join(f"{count}{letter}" if count > 1 else letter for letter, count in counted)
