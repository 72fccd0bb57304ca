"""The error rates of heads as a picture: every number at its place, the lowest framed, and what cannot be drawn refused."""

from itertools import product

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

import regard
from regard.analysis.alignment import Pair, Ranked, Ranking, Reading, Rule, Scores, rank_heads
from regard.errors import OptionError
from regard.figures.themes import THEMES

pytestmark = pytest.mark.slow

LAYERS, HEADS, METHODS, ROWS = 2, 3, ("argmax", "mutual", "itermax", "threshold", "tea leaves"), ("consumed", "produced")


class Method:
    """A rule of any name."""

    def __init__(self, method):
        self.method = method


def ranked(layers=LAYERS, heads=HEADS, methods=METHODS, rows=ROWS):
    """Rates that are all different, shuffled."""
    places = list(product(rows, methods, range(layers), range(heads)))
    rates = np.random.default_rng(0).permutation(len(places)) / (len(places) + 1) + 0.001
    return Ranking(
        Ranked((Reading(layer, head, by),), Method(method), Scores(0.5, 0.5, float(rate), 7, 11))
        for (by, method, layer, head), rate in zip(places, rates, strict=True)
    )


def panels(figure):
    """The values of each panel by its title."""
    return {ax.get_title(loc="left"): np.asarray(ax.collections[0].get_array()) for ax in figure.axes[:-1]}


def frames(figure):
    """The middles of framed cells, as (title, layer, head)."""
    found = []
    for ax in figure.axes[:-1]:
        for frame in ax.patches:
            x, y = frame.get_xy()
            found.append((ax.get_title(loc="left"), y + 0.5, x + 0.5))
    return found


def test_every_rate_is_in_its_cell_and_the_lowest_is_framed():
    given = ranked()
    figure = Ranking(given[::-1]).figure()
    drawn = panels(figure)
    assert list(drawn) == [f"{method}, {rows} rows" for rows in ROWS for method in METHODS]
    assert {values.shape for values in drawn.values()} == {(LAYERS, HEADS)}
    for one in given:
        (reading,) = one.readings
        assert drawn[f"{one.rule.method}, {reading.rows} rows"][reading.layer, reading.head] == one.scores.aer
    (reading,), rule, _ = min(given, key=lambda one: one.scores.aer)
    assert frames(figure) == [(f"{rule.method}, {reading.rows} rows", reading.layer, reading.head)]


def test_numbers_are_those_of_the_cells():
    ax = ranked().figure().axes[0]
    values = ax.collections[0].get_array()
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in ax.texts}
    assert written == {place: f"{values[place]:.2f}" for place in np.ndindex(LAYERS, HEADS)}


def test_a_rate_of_nothing_is_the_strongest_colour_and_stands_at_the_top_of_the_bar():
    for theme in THEMES:
        figure = ranked().figure(theme=theme)
        mesh, bar = figure.axes[0].collections[0], figure.axes[-1]
        assert mesh.get_clim() == (0, 1)
        assert [to_hex(mesh.to_rgba(value)) for value in (0.0, 1.0)] == [
            THEMES[theme].positive[-1],
            THEMES[theme].background,
        ]
        bottom, top = bar.get_ylim()
        assert (bottom, top) == (1, 0)
        assert bar.get_ylabel() == "alignment error rate"


def test_what_rank_heads_gives():
    random = torch.Generator().manual_seed(0)
    maps = [regard.AttentionMap(*torch.randn(2, 1, HEADS, 5, 7, generator=random)) for _ in range(LAYERS)]
    for amap in maps:
        amap.queries, amap.keys = ("▁a", "▁b", "▁c", "▁d", "</s>"), ("▁e", "▁f", "▁g", "▁h", "</s>")
    found = rank_heads([Pair(maps, {(0, 0), (1, 2)}, {(3, 3)})], [Rule("argmax"), Rule("threshold", 0.25)])
    drawn = panels(found.figure())
    assert len(drawn) == 4
    for one in found:
        (reading,) = one.readings
        assert drawn[f"{one.rule.method}, {reading.rows} rows"][reading.layer, reading.head] == one.scores.aer


def test_panels_of_one_method_stand_side_by_side():
    figure = ranked(methods=("mutual",)).figure(title="heads")
    left, right = (ax.get_position() for ax in figure.axes[:2])
    assert left.y0 == pytest.approx(right.y0)
    assert left.x1 < right.x0
    assert [text.get_text() for text in figure.texts] == ["heads"]


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (6, 8), (12, 16), (31, 37)])
def test_any_model_fits_a_page(layers, heads):
    figure = ranked(layers, heads).figure(title="every head of a model")
    across, down = figure.get_size_inches()
    assert across < 16
    assert down < 16
    boxes = [ax.get_position() for ax in figure.axes]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    for one, other in product(boxes[:-1], boxes[:-1]):
        assert one is other or one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0


def test_files_are_the_same_every_time(tmp_path):
    paths = [tmp_path / name for name in ("a.svg", "b.svg", "c.png", "d.pdf")]
    regard.save(ranked(), *paths, dpi=80, theme="dark")
    regard.save(ranked(), paths[1], dpi=80, theme="dark")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    text = paths[0].read_text(encoding="utf-8")
    for words in ("itermax, consumed rows", "alignment error rate", THEMES["dark"].background):
        assert words in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "expected at least one head, got none"),
        (ranked()[1:], "expected a rate for every cell, got none for argmax, consumed rows, layer 0, head 0"),
        ([*ranked(), ranked()[0]], "expected one rule a method, got two for argmax of layer 0, head 0, consumed rows"),
        (
            [Ranked((Reading(0, 0, "produced"),) * 2, Rule(), Scores(1, 1, 0, 1, 1))],
            "expected rates of single heads, got one of 2",
        ),
    ],
)
def test_what_is_refused(given, words):
    with pytest.raises(OptionError, match=words):
        Ranking(given).figure()


def test_another_theme_is_refused():
    with pytest.raises(OptionError, match="theme"):
        ranked().figure(theme="sepia")
