"""Width in inches, letters in points, axes of one's own: for every picture."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from matplotlib.text import Text

mpl.use("Agg")
import matplotlib.pyplot as plt

import regard
from regard.analysis.alignment import Pair, Rule, rank_heads
from regard.analysis.flow.edges import FlowEdges
from regard.analysis.heads.figure import heads_table
from regard.analysis.weighted.relevance import Relevance
from regard.errors import DtypeError, OptionError

pytestmark = pytest.mark.slow

WORDS = ["The", "black", "cat", "sat", "on", "unbelievable", "mats", "."]


def weights(*shape, seed=0):
    return (2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).softmax(dim=-1)


def alignment():
    amap = regard.AttentionMap.from_dense(weights(7, 8))
    return regard.Alignment(frozenset({(0, 0), (2, 1)}), amap, tuple(WORDS), tuple(WORDS[:7]), readings=(), rule=Rule())


def ranking():
    maps = []
    for layer in range(2):
        amap = regard.AttentionMap.from_dense(weights(1, 3, 2, 2, seed=layer))
        amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
        maps.append(amap)
    return rank_heads([Pair(maps, {(0, 0), (1, 1)}, set())], [Rule("argmax"), Rule("mutual")])


def table():
    rows = [(layer, head) for layer in range(3) for head in range(5)]
    return [{"layer": layer, "head": head, "previous": 0.1 * head, "entropy": 1.0 + layer} for layer, head in rows]


PICTURES = {
    "heatmap": lambda **look: regard.heatmap(weights(7, 8), WORDS[:7], WORDS, title="a title", **look),
    "heads_grid": lambda **look: regard.heads_grid(weights(4, 8, 8), WORDS, WORDS, **look),
    "token_scores": lambda **look: regard.token_scores({"rollout": weights(8)}, WORDS, title="a title", **look),
    "flow": lambda **look: FlowEdges(weights(1, 2, 8, 8), tuple(WORDS)).figure(title="a title", **look),
    "relevance": lambda **look: Relevance(weights(1, 8), None).figure(WORDS, **look),
    "alignment": lambda **look: alignment().figure({(0, 0), (1, 1)}, title="a title", **look),
    "ribbons": lambda **look: alignment().figure({(0, 0), (1, 1)}, kind="ribbon", title="a title", **look),
    "ranking": lambda **look: ranking().figure(title="a title", **look),
    "sweep": lambda **look: regard.Sweep("self", 1.0, weights(3, 5).double()).figure(**look),
    "heads": lambda **look: heads_table(table(), **look),
}


def figure_of(thing):
    return thing if isinstance(thing, mpl.figure.Figure) else thing.get_figure(root=True)


def texts_of(figure):
    """What is drawn: axes without a frame have numbers that are not."""
    figure.draw_without_rendering()
    hidden = set()
    for ax in figure.findobj(mpl.axes.Axes):
        if not ax.axison:
            hidden.update(*(map(id, axis.findobj(Text)) for axis in (ax.xaxis, ax.yaxis)))
    found = figure.findobj(Text)
    return [text for text in found if text.get_text().strip() and text.get_visible() and id(text) not in hidden]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_of_a_column_is_that_wide_and_nothing_is_smaller_or_cut(name, theme, tmp_path):
    figure = figure_of(PICTURES[name](width=3.3, font=8, theme=theme))
    assert figure.get_size_inches()[0] == pytest.approx(3.3)
    for text in texts_of(figure):
        assert 7.2 <= text.get_fontsize() <= 8.9, text
        box = text.get_window_extent().get_points()
        shown = text.get_text()
        assert box.min() >= -1, shown
        assert (box[1] <= figure.bbox.size + 1).all(), shown
    [path] = regard.save(figure, tmp_path / "x.png", dpi=100)
    assert imread(path).shape[1] == 330, "borders are not trimmed"


@pytest.mark.parametrize("name", PICTURES)
def test_letters_are_as_large_as_asked_for_and_the_figure_grows_with_them(name):
    small, large = (figure_of(PICTURES[name](font=font)) for font in (6, 18))
    assert (large.get_size_inches() > small.get_size_inches()).all()
    assert min(text.get_fontsize() for text in texts_of(large)) >= 0.89 * 18


@pytest.mark.parametrize("name", PICTURES)
def test_what_rc_params_say_is_taken_where_nothing_is_said(name):
    with mpl.rc_context({"figure.figsize": (4.5, 3), "font.size": 7, "font.family": ["DejaVu Serif"]}):
        figure = figure_of(PICTURES[name]())
        assert figure.get_size_inches()[0] == pytest.approx(4.5)
        found = texts_of(figure)
        assert {text.get_fontfamily()[0] for text in found} == {"DejaVu Serif"}
        assert {round(text.get_fontsize()) for text in found} <= {7, 8}
        assert figure_of(PICTURES[name](width=5)).get_size_inches()[0] == pytest.approx(5)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_every_picture_is_drawn_into_axes_that_are_given(name, layout):
    figure, (first, second) = plt.subplots(1, 2, figsize=(11, 5), layout=layout)
    try:
        assert figure_of(PICTURES[name](ax=second, font=8)) is figure
        figure.draw_without_rendering()
        assert not first.collections
        assert not first.child_axes
        meshes = [ax for ax in (second, *second.child_axes) if any(hasattr(part, "get_coordinates") for part in ax.collections)]
        for ax in meshes:
            if ax.get_aspect() == "auto":
                continue  # a colour bar
            ax.apply_aspect()
            box, (left, right), (bottom, top) = ax.get_window_extent(), ax.get_xlim(), ax.get_ylim()
            assert box.width / abs(right - left) == pytest.approx(box.height / abs(bottom - top), rel=0.02), "cells are square"
        inside = second.get_position(original=True)
        for ax in second.child_axes:
            assert ax.get_position().x0 >= inside.x0 - 0.05
            assert ax.get_position().x1 <= inside.x1 + 0.05
        assert len(meshes) + len(second.patches) + sum(len(ax.patches) for ax in second.child_axes) > 0
    finally:
        plt.close(figure)


def test_a_bar_beside_given_axes_is_as_tall_as_the_cells():
    figure, (ax, _) = plt.subplots(1, 2, figsize=(9, 6))
    regard.heatmap(weights(5, 5), ax=ax)
    figure.draw_without_rendering()
    [bar] = [other for other in figure.axes if other.get_ylabel().startswith("attention weight")]
    cells, beside = ax.get_position(), bar.get_position()
    plt.close(figure)
    assert (cells.y0, cells.y1) == pytest.approx((beside.y0, beside.y1))
    assert cells.x1 < beside.x0 < cells.x1 + 0.1


@pytest.mark.parametrize("count", [1, 2, 13, 60, 131])
def test_labels_that_have_no_room_are_left_out_and_the_rest_keep_their_size(count):
    ax = regard.heatmap(weights(count, count), [f"token{i}" for i in range(count)], width=3.3, font=8)
    shown = [text for text in ax.get_yticklabels() if text.get_text()]
    ax.figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in shown)
    assert {text.get_fontsize() for text in shown} == {8}
    assert all(below[1] <= above[0] + 2 for below, above in pairwise(boxes)), "no label is over another"
    assert len(shown) >= min(count, 6)


def test_a_figure_is_not_made_where_it_cannot_be():
    with pytest.raises(OptionError, match="width: expected none beside ax="):
        regard.heatmap(np.eye(2), ax=mpl.figure.Figure().add_subplot(), width=3)
    for draw in PICTURES.values():
        with pytest.raises(DtypeError, match="ax: expected matplotlib axes, got str"):
            draw(ax="left")
        with pytest.raises(OptionError, match="width: expected a number above 0"):
            draw(width=-1)
    ax = regard.heatmap(np.eye(2))
    ax.remove()
    with pytest.raises(OptionError, match="axes that were removed"):
        regard.heatmap(np.eye(2), ax=ax)
