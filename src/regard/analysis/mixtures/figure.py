"""What mixtures say as pictures: contacts as a square, words as a way through the sound."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap


def contacts_figure(probabilities: Tensor, labels: Sequence[str], *, title: str, **look: Any) -> Figure:
    """Draws (residues, residues) from 0 to 1."""
    sides = ("residue", "residue")
    ax = heatmap(probabilities, labels, labels, title=title, sides=sides, vmin=0.0, vmax=1.0, annotate=False, **look)
    return _with_bar(ax, "probability of a contact")


def times_figure(
    weights: Tensor, texts: Sequence[str], frames: Sequence[str], path: tuple[Sequence[int], Sequence[int]], **look: Any
) -> Figure:
    """Draws (tokens, frames), and the way through them."""
    title = look.pop("title")
    ax = heatmap(weights, texts, frames, title=title, sides=("token", "time"), scale="max", annotate=False, **look)
    ax.plot(path[1], path[0], color="#d1495b", linewidth=1.5)
    return _with_bar(ax, "deviations from the mean over tokens")


def _with_bar(ax: Any, said: str) -> Figure:
    figure = figure_of(ax)
    for bar in figure.axes[1:]:
        bar.set_ylabel(said)
    return figure
