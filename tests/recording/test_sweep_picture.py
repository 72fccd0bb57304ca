"""A sweep draws itself: each difference in its cell, and nothing where a layer has no such head."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

import regard
from regard.errors import OptionError, ScoreError
from regard.figures.themes import THEMES

MEASURED = torch.tensor([[3.0, 2.5, 1.0], [1.75, 2.0, torch.nan]], dtype=torch.float64)


def swept(measured=MEASURED):
    return regard.Sweep("cross", 2.0, measured)


def cells(figure):
    [mesh] = figure.axes[0].collections
    return mesh, np.ma.filled(mesh.get_array(), np.nan)


@pytest.mark.parametrize("theme", THEMES)
def test_differences_are_in_their_cells_on_one_scale(theme):
    found = swept()
    figure = found.figure(title="loss", theme=theme)
    mesh, drawn = cells(figure)
    np.testing.assert_array_equal(drawn, found.differences.numpy())
    assert mesh.get_clim() == (-1.0, 1.0)  # there are negative ones: 0 is the colour in the middle
    [ax] = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("head", "layer", "loss")
    written = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
    assert written == {(0, 0): "1.00", (0, 1): "0.50", (0, 2): "−1.00", (1, 0): "−0.25", (1, 1): "0"}
    assert to_hex(figure.get_facecolor()) == THEMES[theme].background


def test_its_title_says_which_heads():
    assert swept().figure().axes[0].get_title() == "cross heads, what the measure gains without each"


def test_heads_that_change_nothing_are_drawn():
    mesh, drawn = cells(swept(torch.full((2, 3), 2.0)).figure())
    assert mesh.get_clim() == (0.0, 1.0)
    assert not drawn.any()


def test_colours_have_their_meaning_written_where_numbers_have_no_room():
    measured = torch.linspace(1.5, 3.0, 13 * 17).reshape(13, 17)
    ax = swept(measured).figure().axes[0]
    assert not ax.texts
    assert ax.get_xlabel() == "head; colours from −1 to 1"


def test_a_sweep_that_cannot_be_drawn():
    with pytest.raises(ScoreError, match="expected finite weights, got inf at head 0, query 0, key 1"):
        swept(torch.tensor([[1.0, torch.inf]])).figure()
    with pytest.raises(OptionError, match="theme"):
        swept().figure(theme="grey")
