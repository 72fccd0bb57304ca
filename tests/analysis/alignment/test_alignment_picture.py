"""Pictures of alignments show the links that they are given, beside the gold ones."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

import regard
from regard.analysis.alignment import Rule
from regard.analysis.alignment.figure import MOST_RIBBONS
from regard.errors import OptionError, ShapeError
from regard.figures.themes import THEMES

pytestmark = pytest.mark.slow

LINKS = frozenset({(0, 0), (1, 1), (2, 1)})
SURE, POSSIBLE = {(0, 0), (1, 2)}, {(0, 0), (1, 1)}


def alignment(links, weights, source_words, target_words):
    amap = regard.AttentionMap.from_dense(weights)
    return regard.Alignment(links, amap, source_words, target_words, readings=(), rule=Rule())


@pytest.fixture
def aligned():
    weights = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.3, 0.1]])
    return alignment(LINKS, weights, ("the", "black", "cat"), ("le", "chat", "noir"))


def marks(ax, marker):
    return {(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in ax.lines if line.get_marker() == marker}


def frames(ax, dashed):
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    chosen = [box for box in boxes if (box.get_linestyle() not in ("-", "solid")) == dashed]
    return {(round(box.get_x() + box.get_width() / 2), round(box.get_y() + box.get_height() / 2)) for box in chosen}


def test_the_matrix_has_weights_links_and_gold(aligned):
    figure = aligned.figure(SURE, POSSIBLE)
    ax = figure.axes[0]
    (mesh,) = [part for part in ax.collections if isinstance(part, QuadMesh)]
    np.testing.assert_allclose(np.asarray(mesh.get_array()), aligned.weights.numpy(), rtol=1e-6)
    assert marks(ax, "o") == {(0, 0), (1, 1)}
    assert marks(ax, "X") == {(2, 1)}
    assert frames(ax, dashed=False) == SURE
    assert frames(ax, dashed=True) == POSSIBLE - SURE
    assert [label.get_text() for label in ax.get_yticklabels()] == ["le", "chat", "noir"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "black", "cat"]


def test_without_gold_no_link_is_wrong(aligned):
    ax = aligned.figure().axes[0]
    assert marks(ax, "o") == LINKS
    assert not marks(ax, "X")
    assert not frames(ax, dashed=False)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ribbons_are_links_and_dashes_are_missed(aligned, theme):
    figure = aligned.figure(SURE, POSSIBLE, kind="ribbon", title="Le chat", theme=theme)
    ax, colours = figure.axes[0], THEMES[theme]
    curves = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    filled = [to_hex(curve.get_facecolor()) for curve in curves if curve.get_fill()]
    assert filled.count(colours.positive[6]) == 2
    assert filled.count(colours.negative[5]) == 1
    (missed,) = [curve for curve in curves if not curve.get_fill()]
    centres = {text.get_text(): text.get_position()[0] for text in ax.texts}
    start, stop = missed.get_path().vertices[[0, -1], 0]
    assert (start, stop) == pytest.approx((centres["black"], centres["noir"]))
    assert to_hex(figure.get_facecolor()) == colours.background
    assert ax.get_title() == "Le chat"


def test_a_ribbon_is_as_wide_as_its_weight(aligned):
    ax = aligned.figure(kind="ribbon").axes[0]
    widths = sorted(float(np.ptp(patch.get_path().vertices[[0, -2], 0])) for patch in ax.patches)
    assert widths == pytest.approx([8 * weight for weight in (0.4, 0.5, 0.7)])


@pytest.mark.parametrize("kind", ["matrix", "ribbon"])
def test_files(aligned, kind, tmp_path):
    paths = regard.save(aligned, tmp_path / "a.svg", tmp_path / "a.png", sure=SURE, possible=POSSIBLE, kind=kind)
    text = paths[0].read_text(encoding="utf-8")
    ET.fromstring(text)  # noqa: S314
    for word in ("black", "noir", "found, not in gold"):
        assert word in text
    first = paths[1].read_bytes()
    regard.save(aligned.figure(SURE, POSSIBLE, kind=kind), paths[1])
    assert paths[1].read_bytes() == first


def test_a_translation_is_drawn():
    found = regard.translate("The cat sat on the mat.").alignment
    for kind in ("matrix", "ribbon"):
        words = {text for ax in found.figure(kind=kind).axes for text in texts_of(ax)}
        assert {*found.source_words, *found.target_words} <= words


def texts_of(ax):
    return [text.get_text() for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels())]


def test_what_cannot_be_drawn(aligned):
    with pytest.raises(OptionError, match="kind: expected one of matrix, ribbon, got 'chord'"):
        aligned.figure(kind="chord")
    with pytest.raises(ShapeError, match=r"expected gold links of 3 source and 3 target words, got \(3, 0\)"):
        aligned.figure({(3, 0)})
    empty = alignment(frozenset(), torch.zeros(0, 2), ("a", "b"), ())
    with pytest.raises(ShapeError, match="expected words on both sides, got 2 source and 0 target words"):
        empty.figure()
    many = MOST_RIBBONS + 1
    names = tuple("a" for _ in range(many))
    wide = alignment(frozenset(), torch.zeros(many, many), names, names)
    with pytest.raises(ShapeError, match=f"expected at most {MOST_RIBBONS} words a side for ribbons, got {many} and {many}"):
        wide.figure(kind="ribbon")
