"""When each word was said: the way of a speech model's cross-attention through the sound."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from regard.analysis.mixtures.mixture import Head, maps_of_heads
from regard.analysis.mixtures.warping import warping_path
from regard.arguments import number, several, whole_number
from regard.axes.places import Seconds
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


class TokenTime(NamedTuple):
    """A token or a word, and when it was said, in seconds."""

    text: str
    start: float
    stop: float


@dataclass(frozen=True)
class WordTimes:
    """When the words of a text were said.

    Attributes:
        tokens: each token that the heads were read for, with the first moment of its frames and that of the next token's.
        words: the same by words, where the texts of the tokens are known; else as ``tokens``.
        entropy: of each token's row, over the heads' mean, in nats: a row that looks everywhere says no time.
        weights: (tokens, frames): what the way was sought in, standardised and smoothed.
        path: the tokens and the frames of the way.
        seconds: how long a frame is.
    """

    tokens: tuple[TokenTime, ...]
    words: tuple[TokenTime, ...]
    entropy: Tensor
    weights: Tensor
    path: tuple[tuple[int, ...], tuple[int, ...]]
    seconds: float

    def table(self) -> Iterator[Sequence[object]]:
        """The words as a table, for ``regard.save(times, "x.csv")``."""
        yield list(TokenTime._fields)
        yield from self.words

    def __str__(self) -> str:
        return "\n".join(f"{one.start:7.2f} {one.stop:7.2f}  {one.text}" for one in self.words)

    def figure(
        self,
        *,
        title: str | None = None,
        cmap: Any = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """Tokens by frames, with the way through them.

        Args:
            title: above the picture.
            cmap: a colour map of matplotlib, as in ``regard.heatmap``.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            TooLargeError: more frames than a picture may have: ask for fewer with ``frames=``.
        """
        from regard.analysis.mixtures.figure import times_figure

        frames = [f"{at * self.seconds:.2f} s" for at in range(self.weights.shape[1])]
        looks: dict[str, Any] = {"cmap": cmap, "width": width, "font": font, "theme": theme, "ax": ax}
        said = "when each token was said" if title is None else title
        return times_figure(self.weights, [one.text for one in self.tokens], frames, self.path, title=said, **looks)


def word_times(
    recording: Any,
    heads: Collection[Head],
    *,
    prompt: int | None = None,
    frames: int | None = None,
    seconds: float | None = None,
    median: int = 7,
) -> WordTimes:
    """When each token was said: dynamic time warping through the mean of standardised, smoothed heads.

    z = (a − mean over tokens) / (deviation over tokens) for each frame of each head; a median over ``median`` frames; the mean
    of the heads; the way with the largest sum. A token's time is its first frame. As Whisper's own token times are found
    (Radford et al. 2022, arXiv 2212.04356, and ``generate(return_token_timestamps=True)`` of Transformers, to which this is
    equal), from one recorded pass on any kernel, after any decoding.

    Which heads tell times is measured: ``model.generation_config.alignment_heads`` of released models; a fine-tuned model has
    others. Times are as good as the heads: ``entropy`` says where a row looked everywhere.

    Args:
        recording: of one sequence, with cross-attention: ``regard.generate(model, **inputs)``, of a batch ``.sample(i)``.
        heads: (layer, head) pairs of cross-attention.
        prompt: how many tokens the decoder was given before it wrote, which were not said; the special ones that it begins with
            where not given.
        frames: how many positions of the encoder the sound takes, the rest being silence that fills the window; all where
            not given.
        seconds: how long a position is; where not given, as the recording knows it.
        median: frames that are smoothed over, an odd number.

    Raises:
        OptionError: heads that are not there, an unknown prompt or an unknown length of a position; DtypeError: heads that are
        no pairs; ShapeError: several sequences.

    Example:
        >>> import regard
        >>> said = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.1, 0.8, 0.1, 0.0], [0.0, 0.0, 0.1, 0.9]])
        >>> amap = regard.Recording.of([said[None, None]], kind="cross").cross[0]
        >>> [one.start for one in word_times([amap], [(0, 0)], prompt=0, seconds=0.02, median=1).tokens]
        [0.0, 0.02, 0.04]
    """
    asked = several("heads", heads, "(layer, head)", advice="as in model.generation_config.alignment_heads")
    pairs = [tuple(one) if isinstance(one, list) else one for one in asked]  # as configurations have them
    if strange := [one for one in pairs if not isinstance(one, tuple)]:
        raise DtypeError(f"heads: expected (layer, head) for each, got {in_short(strange[0])}")
    chosen = maps_of_heads(recording, dict.fromkeys(map(_whole, pairs), 1.0), "cross")
    first = chosen[0][0]
    if first.shape[0] != 1:
        raise ShapeError(f"recording: expected one sequence, got {first.shape[0]}; take one: recording.sample(0)")
    if whole_number("median", median, 1) % 2 == 0:
        raise OptionError(f"median: expected an odd number of frames, got {median}")
    texts, start = _tokens(first, prompt)
    count = first.shape[3] if frames is None else whole_number("frames", frames, 1, first.shape[3])
    step = _seconds(first) if seconds is None else number("seconds", seconds, above=0, advice="for Whisper 0.02")
    weights = torch.stack([amap[0, 0, start:, :count].double() for amap, _ in chosen])  # (heads, tokens, frames)
    found = _smoothed(_standardised(weights), median).mean(0)
    rows, columns = warping_path(-found.cpu().numpy())
    begins = columns[np.flatnonzero(np.diff(rows, prepend=-1))].tolist()
    ends = [*begins[1:], count]
    tokens = tuple(TokenTime(text, a * step, b * step) for text, a, b in zip(texts[start:], begins, ends, strict=True))
    mean = weights.mean(0)
    entropy = torch.special.entr(mean / mean.sum(-1, keepdim=True).clamp(min=torch.finfo(mean.dtype).tiny)).sum(-1)
    path = tuple(rows.tolist()), tuple(columns.tolist())
    return WordTimes(tokens, _words(first, tokens, start), entropy.float(), found.float(), path, step)


def _whole(pair: tuple[Any, ...]) -> Head:
    if len(pair) != 2:
        raise DtypeError(f"heads: expected (layer, head) for each, got {in_short(pair)}")
    layer, head = (whole_number("heads", one, 0, advice="give (layer, head), counted from 0") for one in pair)
    return layer, head


def _standardised(weights: Tensor) -> Tensor:
    """Each frame of each head over its tokens; 0, not 0/0, where all tokens look at a frame alike."""
    away = weights - weights.mean(1, keepdim=True)
    deviation = weights.std(1, keepdim=True, unbiased=False)
    return torch.where(deviation > 0, away / deviation, 0)


def _smoothed(weights: Tensor, median: int) -> Tensor:
    """The median of the frames around each, those at the ends mirrored; too few frames stay as they are."""
    wide = median // 2
    if weights.shape[-1] <= wide or not wide:
        return weights
    mirrored = torch.nn.functional.pad(weights, (wide, wide), mode="reflect")
    return mirrored.unfold(-1, median, 1).sort().values[..., wide]


def _tokens(amap: AttentionMap, prompt: int | None) -> tuple[list[str], int]:
    """The texts of the tokens that rows consumed, and where what was said begins."""
    axis = amap.queries.beside if amap.queries.role == "produced" and amap.queries.beside is not None else amap.queries
    size = amap.shape[2]
    texts = [axis[at] for at in range(size)]
    if prompt is not None:
        return texts, whole_number("prompt", prompt, 0, size - 1)
    special = axis.special
    if axis.spelled is None or not special[0]:
        raise OptionError(
            "prompt: expected to know how many tokens the decoder was given before it wrote, got tokens without names; give "
            "prompt=, for Whisper usually 4 (start, language, task, no timestamps)"
        )
    return texts, next((at for at, one in enumerate(special) if not one), size - 1)


def _words(amap: AttentionMap, tokens: tuple[TokenTime, ...], start: int) -> tuple[TokenTime, ...]:
    """Tokens put together to words, each from the first moment of its first token to the last of its last."""
    axis = amap.queries.beside if amap.queries.role == "produced" and amap.queries.beside is not None else amap.queries
    if axis.spelled is None:
        return tokens
    units = axis.units("words")
    found = []
    for text, places in zip(units.texts, units.tokens, strict=True):
        said = [tokens[at - start] for at in places if at >= start]
        if said:
            found.append(TokenTime(text, said[0].start, said[-1].stop))
    return tuple(found)


def _seconds(amap: AttentionMap) -> float:
    places = amap.keys.line.place
    if places and isinstance(places[0], Seconds):
        return places[0].stop - places[0].start
    raise OptionError(
        "seconds: expected to know how long a position of the sound is, got positions without times; give seconds=, for "
        "Whisper 0.02"
    )
