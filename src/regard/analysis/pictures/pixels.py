"""Which pixels belong to a word of the prompt, and at which steps: attention of models that make pictures from texts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from regard.analysis.pictures.denoisers import Sides, halves, looking_at_prompts, maps_of
from regard.arguments import several, text, whole_number
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.indexing import as_choice
from regard.pictured import Pictured
from regard.positions import positions_of
from regard.progress import bar

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


_FACTORS = range(1, 8193)
"""How many times finer than a grid may be what is drawn."""

Step: TypeAlias = int | str
"""A pass of the model, counted from 0; or a group of them by its name."""


@dataclass(frozen=True, repr=False)
class Pixels(Pictured):
    """Heat maps of words.

    Attributes:
        words: their names.
        steps: which passes of the model, counted from 0; or the names of groups of them (``by``).
        heats: (steps, words, down, across): mean over layers and heads.
        maps: how many maps each step has.
        given: whether the grid is as it was given, as the maps do not know it.
    """

    words: tuple[str, ...]
    steps: tuple[Step, ...]
    heats: Tensor
    maps: int
    given: bool = False

    def heat(self, word: str | int, steps: Step | Sequence[Step] | None = None) -> Tensor:
        """The heat map of a word, (down, across): the mean over steps, all where none are given.

        Raises:
            OptionError: no such word or step.
        """
        at = self._word(word)
        if steps is None:
            return self.heats[:, at].mean(0)
        asked = [steps] if isinstance(steps, int | str) else several("steps", steps, "steps that were kept")
        for step in asked:
            if step not in self.steps:
                raise OptionError(f"steps: expected some of {', '.join(map(str, self.steps))}, got {in_short(step)}")
        if not asked:
            raise OptionError("steps: expected at least one, got none; leave it out for all")
        return self.heats[[self.steps.index(step) for step in asked], at].mean(0)

    def by(self, steps: Spans) -> "Pixels":
        """The same with groups of steps in place of steps, each the mean of its own: early, middle and late.

        Args:
            steps: ``Spans.steps(found.steps)``; groups may overlap and leave gaps.

        Raises:
            OptionError: a step that is not among these.

        Example:
            >>> found = Pixels(("fox",), (0, 10, 20), torch.rand(3, 1, 2, 2), 1)
            >>> found.by(Spans.steps(found.steps)).heat("fox", "late").equal(found.heat("fox", 20))
            True
        """
        if not isinstance(steps, Spans) or not len(steps):
            raise DtypeError(f"steps: expected groups of steps, got {in_short(steps)}; give regard.Spans.steps(found.steps)")
        if strange := [step for one in steps.places for step in one if step not in self.steps]:
            said = ", ".join(map(str, self.steps))
            raise OptionError(
                f"steps: expected some of {said}, which were kept, got {strange[0]}; give regard.Spans.steps(found.steps)"
            )
        means = [self.heats[[self.steps.index(step) for step in one]].mean(0) for one in steps.places]
        return replace(self, steps=steps.names, heats=torch.stack(means))

    def _word(self, word: str | int) -> int:
        if isinstance(word, str):
            if word not in self.words:
                raise OptionError(f"word: expected one of {in_short(self.words)}, got {in_short(word)}")
            return self.words.index(word)
        return whole_number("word", word, 0, len(self.words) - 1, advice="words are counted from 0")

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each word, step and cell, for ``regard.save(found, "x.csv")``."""
        yield ["word", "step", "row", "column", "weight"]
        for at, word in enumerate(self.words):
            for step, heat in zip(self.steps, self.heats[:, at], strict=True):
                for row, line in enumerate(heat.tolist()):
                    yield from ([word, step, row, column, value] for column, value in enumerate(line))

    def __str__(self) -> str:
        down, across = self.heats.shape[-2:]
        grid = f"{down} × {across}{' as given' if self.given else ''}"
        named = "groups of steps" if any(isinstance(step, str) for step in self.steps) else "steps"
        lines = [f"{len(self.steps)} {named}, {self.maps} maps each, {grid}; mean of layers and heads, strongest cell"]
        for word in self.words:
            heat = self.heat(word)
            row, column = divmod(int(heat.argmax()), across)
            lines.append(f"{word[:24]:<24}{row},{column}  {float(heat.max()):.3g}, mean {float(heat.mean()):.3g}")
        return "\n".join(lines)

    __repr__ = __str__

    def figure(
        self,
        image: Any = None,
        *,
        words: Sequence[str | int] | None = None,
        steps: Sequence[Step] | None = None,
        title: str | None = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """A row for each word: its mean over steps laid on the result, and a strip of steps.

        Args:
            image: the result: a path, bytes, an array or an image of Pillow's; blank where not given.
            words: which; the first eight where not given.
            steps: of the strip; up to six, evenly chosen, where not given.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: no such word, step or theme.
        """
        from regard.analysis.pictures.figure import pixels_figure

        most, count = 6, len(self.steps)
        chosen = [self.steps[at * (count - 1) // max(1, min(most, count) - 1)] for at in range(min(most, count))]
        strip = chosen if steps is None else several("steps", steps, "steps that were kept")
        asked = range(min(8, len(self.words))) if words is None else several("words", words, "words or their numbers")
        rows = [(self.words[at], [self.heat(at), *(self.heat(at, step) for step in strip)]) for at in map(self._word, asked)]
        look: dict[str, Any] = {"title": title, "width": width, "font": font, "theme": theme, "ax": ax}
        return pixels_figure(rows, [step if isinstance(step, str) else f"step {step}" for step in strip], image, **look)


@torch.no_grad()
def pixels(
    recording: Any,
    words: Spans | Mapping[str, Sequence[int]],
    *,
    size: tuple[int, int] | None = None,
    half: str | None = None,
    item: int = 0,
    prompt: int | None = None,
    first: str | None = None,
) -> Pixels:
    """heat(word) = mean over steps, layers, heads and the word's tokens of max(0, bicubic(A[:, token])), (down, across).

    DAAM (Tang et al. 2023, "What the DAAM: Interpreting Stable Diffusion Using Cross Attention", section 3): which pixels a
    word of the prompt has to do with. Of each map only the columns of the words are computed.

    Keep the steps that are looked at, as a model takes many:
    ``regard.record(unet, kinds=["cross"], keep=lambda amap: amap if amap.step % 10 == 0 else None)``.

    Args:
        recording: of the denoiser, all passes, or maps of it: cross-attention to the prompt, or picture and prompt together.
        words: positions of each word's tokens in the prompt, by name; ``Spans.in_text(prompt, offsets, parts)`` finds them.
        size: of what is drawn, down and across: the latent's or a multiple of it. Where not given, the finest grid that maps
            know, as they do of models that were recorded with a latent (batch, channels, down, across), and of Flux with
            ``img_ids``. Of others it is asked for: the latent's, and the grid of each map is that, or it halved as often as it
            takes; down and across in the wrong order are then not noticed.
        half: which half of the batch where guidance ran both in one, "conditional" or "unconditional".
        item: which picture of the batch, or of its half.
        prompt: tokens of the prompt, padding included, where it attends together with the picture (SD3, Flux) and maps do not
            know it.
        first: "image" or "text", whichever stands first there; known of Stable Diffusion 3 and of Flux.

    Raises:
        OptionError: words that are not in the prompt, a size that is not the picture's, no map that fits it, no attention to a
        prompt, another prompt than the model was given, or a batch of which it is not said what it is.

    Example:
        >>> amap = AttentionMap(torch.randn(1, 2, 12, 4), torch.randn(1, 2, 5, 4))
        >>> amap.kind = "cross"
        >>> pixels([amap], {"fox": [2, 3]}, size=(6, 8)).heat("fox").shape
        torch.Size([6, 8])
    """
    named = _words(words)
    if size is not None and (not isinstance(size, tuple | list) or len(size) != 2):
        raise DtypeError(f"size: expected (down, across) of the latent, got {in_short(size)}")
    asked = None if size is None else (whole_number("size", size[0], 1, 8192), whole_number("size", size[1], 1, 8192))
    model = str(getattr(recording, "model", "") or "").split(" ")[0]
    read = looking_at_prompts(maps_of(recording), prompt, first, model)
    known = [sides.grid for _, sides in read if sides.grid is not None]
    shape = _shape(asked, known)
    finest = max(known, key=math.prod, default=shape)
    batches = sorted({amap.shape[0] for amap, _ in read})
    if len(batches) > 1:
        raise ShapeError(
            f"recording: expected maps of one batch, got batches of {' and '.join(map(str, batches))}; give those of one: "
            "recording.at(step)"
        )
    if half is None and batches[0] > 1:
        raise OptionError(
            f"half: expected which half of the batch where guidance ran both in one, got none for a batch of {batches[0]}; "
            'give half="conditional", or maps of one picture: [amap.select(batch=0) for amap in recording.maps]'
        )
    maps = [amap for amap, _ in read] if half is None else halves([amap for amap, _ in read], half)
    whole_number("item", item, 0, maps[0].shape[0] - 1, advice="pictures are counted from 0, in a half of guidance its own")
    sums: dict[int, Tensor] = {}
    counts: dict[int, int] = {}
    seen: dict[int, int] = {}
    pairs = list(zip(maps, [sides for _, sides in read], strict=True))
    for amap, sides in bar(pairs, desc="reading steps", unit="map", delay=1, leave=False):
        found = _of_map(amap.select(batch=item), sides, named, finest, shape)
        step = amap.step or 0
        sums[step] = sums.get(step, torch.zeros(())) + found.sum(0)
        counts[step] = counts.get(step, 0) + found.shape[0]
        seen[step] = seen.get(step, 0) + 1
    steps = tuple(sorted(sums))
    heats = torch.stack([sums[step] / counts[step] for step in steps])
    return Pixels(tuple(named), steps, heats, max(seen.values()), not known)


def _of_map(
    amap: AttentionMap,
    sides: Sides,
    words: Mapping[str, tuple[int, ...]],
    finest: tuple[int, int],
    shape: tuple[int, int],
) -> Tensor:
    """(heads, words, down, across)."""
    texts = sides.prompt
    if (last := max(at for places in words.values() for at in places)) >= len(texts):
        raise OptionError(f"words: expected positions from 0 to {len(texts) - 1}, those of the prompt, got {last}")
    grid = _grid(len(sides.picture), finest) if sides.grid is None else sides.grid
    columns = sorted({at for places in words.values() for at in places})
    part = amap.select(queries=as_choice(positions_of(sides.picture)), keys=[texts[at] for at in columns])
    weights = torch.stack([part.select(heads=head).dense()[0, 0] for head in range(part.shape[1])]).float()
    laid = interpolate(weights.mT.unflatten(-1, grid), shape, mode="bicubic").clamp(min=0)  # (heads, tokens, down, across)
    return torch.stack([laid[:, [columns.index(at) for at in places]].mean(1) for places in words.values()], 1)


def _shape(size: tuple[int, int] | None, known: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """What is drawn, down and across: what is asked for, held against what maps know."""
    if size is None:
        if not known:
            raise OptionError(
                "size: expected the latent's, (down, across), as the maps do not know where patches stand, got none; give the "
                "height and width of what the model made less noisy, such as size=(64, 96)"
            )
        return max(known, key=math.prod)
    for grid in sorted(set(known), reverse=True):
        if not any(all(own in (side // by, -(-side // by)) for own, side in zip(grid, size, strict=True)) for by in _FACTORS):
            raise OptionError(
                f"size: expected {max(known, key=math.prod)} or a multiple, as the model was given its picture, got {size}; "
                "leave it out"
            )
    return size


def _grid(count: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Patches down and across of so many: the latent, or it halved as often as it takes."""
    down, across = shape
    while down * across > count and max(down, across) > 1:
        down, across = (down + 1) // 2, (across + 1) // 2
    if down * across != count:
        raise OptionError(
            f"size: expected the latent's, of which a map's {count} positions are a half, a quarter or the like, got {shape}"
        )
    return down, across


def _positions(given: Any) -> tuple[int, ...]:
    asked = several("words", given, "positions of tokens")
    return tuple(whole_number("words", at, 0, advice="positions of tokens in the prompt") for at in asked)


def _words(words: Any) -> dict[str, tuple[int, ...]]:
    spans = words
    if not isinstance(spans, Spans):
        if not isinstance(words, Mapping) or not words:
            raise DtypeError(f"words: expected positions of each word's tokens by name, or Spans, got {in_short(words)}")
        names = [text("words", name, advice="name each word") for name in words]
        spans = Spans(tuple(names), tuple(map(_positions, words.values())))
    if not len(spans):
        raise OptionError("words: expected at least one, got none")
    return dict(zip(spans.names, spans.places, strict=True))
