"""A sweep as a picture: what switching each head off adds to the measure, layers by heads."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from regard.figures.figure_files import figure_of
from regard.figures.heatmap import heatmap


def sweep_figure(differences: Tensor, *, title: str, **look: Any) -> Figure:
    """Draws (layers, heads): from 0 to the largest difference, to both sides where there are negative ones.

    Heads that a layer does not have, NaN, stay empty. Where there are too many heads for numbers, the axis says what the
    colours mean.
    """
    values, missing = differences.masked_fill(differences.isnan(), 0), differences.isnan().cpu().numpy()
    ax = heatmap(values, scale="max", colorbar=False, title=title, sides=("layer", "head"), **look)
    [mesh] = ax.collections
    low, high = mesh.get_clim()
    if not ax.texts:
        ax.set_xlabel(f"head; colours from {low:.3g} to {high:.3g}".replace("-", "−"))
    if missing.any():
        mesh.set_array(np.ma.array(values.cpu().numpy(), mask=missing))
        for text in list(ax.texts):
            head, layer = (int(at) for at in text.get_position())
            if missing[layer, head]:
                text.remove()
    return figure_of(ax)
