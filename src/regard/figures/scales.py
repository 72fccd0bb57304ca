"""Which colour a weight gets: in proportion, up to the largest, or by its logarithm."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, LogNorm, Normalize
from numpy.typing import NDArray

from regard.arguments import number, one_of
from regard.errors import DtypeError, OptionError, ScoreError, in_short
from regard.figures.themes import Theme

SCALES = ("linear", "log", "max")

_DEEPEST = 1e-4  # of the largest weight: where a logarithmic scale ends at the latest
_FLAT = 0.5  # a map whose weights are all below it is pale on a scale up to 1
_SINK, _REST, _FEWEST = 0.5, 0.2, 8
"""Of everything, of the highest colour, and rows and keys from which on a logarithmic scale is chosen."""


@dataclass(frozen=True)
class Scale:
    """Which colour a weight gets, and what the colour bar says of it."""

    colours: Colormap
    norm: Normalize
    lowest: float  # of the weights drawn
    highest: float
    note: str  # below the name of what is drawn

    @property
    def extend(self) -> str:
        """Arrows on the colour bar, where weights lie beyond its ends: nothing is cut off in silence."""
        names = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
        low, high = float(self.norm.vmin or 0), float(self.norm.vmax or 1)
        slack = 1e-5 * (high - low)  # a row of float32 may sum to 1.0000001
        return names[self.lowest < low - slack, self.highest > high + slack]


def scale_of(
    matrices: Sequence[NDArray[np.float64]],
    theme: Theme,
    *,
    scale: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str | Colormap | None = None,
) -> Scale:
    """One scale for all of these weights, (queries, keys) each.

    Where no scale is given, and no ends of one, it is what a reader can see something on: "max" where no weight reaches 1/2 or
    one is above 1, "linear" otherwise; but "log" where most rows would show less than 1/5 of the highest colour, beside keys
    that take more than half of everything (sinks). Where weights are negative, zero is in the middle.

    Raises:
        OptionError: another scale, ends in the wrong order, a colour map that does not exist.
        ScoreError: a logarithm of negative weights.
    """
    for name, value in (("vmin", vmin), ("vmax", vmax)):
        if value is not None:
            number(name, value)
    if scale is not None:
        one_of("scale", scale, SCALES)
    own = _colour_map(cmap)
    lowest, highest = (float(pick([pick(part) for part in matrices])) for pick in (np.min, np.max))
    largest = max(highest, -lowest)
    if scale is None:
        scale = _readable(matrices, lowest, largest) if vmin is None and vmax is None else "linear"
    if scale == "log":
        return _logarithmic(matrices, own or theme.sequential(), lowest, highest, vmin, vmax)
    top = vmax if vmax is not None else largest or 1.0 if scale == "max" else 1.0
    signed = not vmin and lowest < 0
    low = -top if signed else vmin or 0.0
    if not low < top:
        raise OptionError(f"expected vmin below vmax, got vmin={low:g} and vmax={top:g}")
    if top - low == math.inf:
        raise OptionError(
            f"expected vmin and vmax whose difference is a number, got vmin={low:g} and vmax={top:g}; divide the weights"
        )
    note = f"up to the largest, {top:.3g}" if scale == "max" and vmax is None else ""
    if signed and note:
        note = f"the largest either way, {top:.3g}"
    colours = own or (theme.diverging() if signed else theme.sequential())
    return Scale(colours, Normalize(low, top), lowest, highest, note)


def _logarithmic(
    matrices: Sequence[NDArray[np.float64]],
    colours: Colormap,
    lowest: float,
    highest: float,
    vmin: float | None,
    vmax: float | None,
) -> Scale:
    if lowest < 0:
        raise ScoreError(f"expected weights of at least 0 for a logarithmic scale, got {lowest:g}; take scale='max'")
    top = vmax if vmax is not None else highest or 1.0
    if vmin is None:
        seen = [part[part > 0] for part in matrices]
        floor = min((float(np.quantile(part, 0.02)) for part in seen if part.size), default=top / 10)
        vmin = float(10.0 ** np.floor(np.log10(min(max(floor, _DEEPEST * top), top / 10))))
    if not 0 < vmin < top:
        raise OptionError(f"expected 0 < vmin < vmax for a logarithmic scale, got vmin={vmin:g} and vmax={top:g}")
    colours = colours.with_extremes(under=colours(0.0), bad=colours(0.0))
    return Scale(colours, LogNorm(vmin, top), lowest, highest, f"logarithmic, blank below {vmin:.3g}")


def _readable(matrices: Sequence[NDArray[np.float64]], lowest: float, largest: float) -> str:
    """The scale on which there is something to see."""
    if largest > 1 + 1e-5:
        return "max"
    top, plain = (largest, "max") if largest < _FLAT else (1.0, "linear")
    faint = sum(_is_faint(weights, _REST * top) for weights in matrices) if lowest >= 0 else 0
    return "log" if 2 * faint > len(matrices) else plain


def _is_faint(weights: NDArray[np.float64], least: float) -> bool:
    """Whether most rows show nothing of at least this, beside keys that take more than half of everything."""
    if min(weights.shape) < _FEWEST:
        return False
    received = weights.mean(axis=0)
    sinks = received > _SINK / 2
    if sinks.all():
        return False
    others = weights[:, ~sinks] if received[sinks].sum() > _SINK else weights
    return 0 < float(np.median(others.max(axis=1))) < least


def _colour_map(given: str | Colormap | None) -> Colormap | None:
    if given is None or isinstance(given, Colormap):
        return given
    if not isinstance(given, str):
        raise DtypeError(f"cmap: expected a colour map of matplotlib or its name, got {type(given).__name__}")
    if given not in mpl.colormaps:
        near = difflib.get_close_matches(given, list(mpl.colormaps), 3) or ["viridis", "cividis", "Greys"]
        raise OptionError(f"cmap: expected a colour map of matplotlib, got {in_short(given)}; such as {', '.join(near)}")
    return mpl.colormaps[given]
