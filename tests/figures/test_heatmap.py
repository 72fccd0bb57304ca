"""Figures show the weights that they are given, with their tokens, and files of them are whole, lasting and always the same."""

import errno
import os
import re
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor
from torch.testing import assert_close

mpl.use("Agg")
import matplotlib.pyplot as plt

from regard import AttentionMap, heads_grid, heatmap, save
from regard.errors import DtypeError, FileFormatError, OptionError, RegardError, ScoreError, ShapeError
from regard.figures.matrices import MAX_TOKENS
from regard.figures.themes import THEMES

pytestmark = pytest.mark.slow

FRENCH = ["▁Le", "▁chat", "▁était", "▁assis", "▁sur", "▁tapis", "</s>"]
ENGLISH = ["▁The", "▁cat", "▁sat", "▁unbeliev", "ably", "▁on", "▁the", "▁mat", ".", "</s>", "<pad>"]


def weights(*shape: int, seed: int = 0) -> Tensor:
    return (2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).softmax(dim=-1)


def mesh_of(ax: Axes) -> QuadMesh:
    (mesh,) = [part for part in ax.collections if isinstance(part, QuadMesh)]
    return mesh


def drawn(ax: Axes) -> Tensor:
    return torch.from_numpy(np.asarray(mesh_of(ax).get_array()))


def words(labels: list[Text]) -> list[str]:
    return [label.get_text() for label in labels]


def colours(labels: list[Text]) -> list[str]:
    return [to_hex(label.get_color()) for label in labels]


def bars(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_ylabel().startswith("attention weight")]


def heads(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax not in bars(figure)]


def visible_boxes(ax: Axes) -> list[tuple[str, np.ndarray]]:
    """Every label of the figure, with its corners in pixels as it is drawn."""
    ax.figure.draw_without_rendering()
    texts = [
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
        ax.title,
        ax.xaxis.label,
        ax.yaxis.label,
        *bars(ax.figure)[0].get_yticklabels(),
    ]
    return [(text.get_text(), text.get_window_extent().get_points()) for text in texts if text.get_text()]


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    still_open = plt.get_fignums()
    plt.close("all")
    assert still_open == []


class Fake:
    """The least that reads like a map."""

    def __init__(self, values: Tensor, **attributes: object) -> None:
        self.values, self.shape = values, tuple(values.shape)
        self.__dict__.update(attributes)

    def dense(self) -> Tensor:
        return self.values


# -- one map ----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 13), st.integers(1, 13), st.integers(0, 99))
@settings(deadline=None, max_examples=10)
def test_what_is_drawn_is_what_was_given(rows, columns, seed):
    given_weights = weights(rows, columns, seed=seed)
    assert_close(drawn(heatmap(given_weights)), given_weights.double(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "make", [lambda w: w, lambda w: w.numpy(), lambda w: w.tolist(), lambda w: list(w), lambda w: w.clone().requires_grad_()]
)
def test_tensors_arrays_and_lists_are_read_alike(make):
    given_weights = weights(5, 7)
    assert_close(drawn(heatmap(make(given_weights))), given_weights.double(), rtol=0, atol=0)


def test_half_precision_and_boolean_weights_are_read():
    given_weights = weights(5, 7).bfloat16()
    assert_close(drawn(heatmap(given_weights)), given_weights.double(), rtol=0, atol=0)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    assert_close(drawn(heatmap(mask)), mask.double(), rtol=0, atol=0)


def test_head_and_batch_choose():
    given_weights = weights(2, 3, 5, 7)
    assert_close(drawn(heatmap(given_weights, batch=1, head=2)), given_weights[1, 2].double())
    assert_close(drawn(heatmap(given_weights[0], head=-1)), given_weights[0, 2].double())
    assert_close(drawn(heatmap(given_weights[:, :1])), given_weights[0, 0].double())


def test_a_lazy_map_brings_its_labels_and_its_name():
    given_weights = weights(2, 3, 7, 11)
    ax = heatmap(Fake(given_weights, queries=FRENCH, keys=ENGLISH, name="decoder.0"), batch=1, head=2)
    assert_close(drawn(ax), given_weights[1, 2].double())
    assert words(ax.get_yticklabels()) == FRENCH
    assert words(ax.get_xticklabels()) == ENGLISH
    assert ax.get_title() == "decoder.0, head 2"
    assert heatmap(Fake(weights(1, 1, 2, 3), name="x"), title="").get_title() == ""
    assert words(heatmap(Fake(weights(1, 1, 2, 3), keys=["a", "b", "c"]), keys=["d", "e", "f"]).get_xticklabels()) == [
        "d",
        "e",
        "f",
    ]


def test_an_attention_map_is_narrowed_before_it_is_read(monkeypatch):
    given_weights = weights(2, 3, 7, 11)
    amap = AttentionMap.from_dense(given_weights)
    amap.queries = tuple(FRENCH)
    read = []
    dense = AttentionMap.dense
    monkeypatch.setattr(AttentionMap, "dense", lambda part: read.append(part.shape) or dense(part))
    ax = heatmap(amap, batch=1, head=2)
    assert_close(drawn(ax), given_weights[1, 2].double())
    assert words(ax.get_yticklabels()) == FRENCH
    assert read == [(1, 1, 7, 11)]


def test_labels_stand_in_order_at_their_cells():
    ax = heatmap(weights(7, 11), FRENCH, ENGLISH)
    assert words(ax.get_yticklabels()) == FRENCH
    assert words(ax.get_xticklabels()) == ENGLISH
    assert list(ax.get_yticks()) == list(range(7))
    assert list(ax.get_xticks()) == list(range(11))
    bottom, top = ax.get_ylim()
    assert (bottom, top) == (6.5, -0.5), "the first query is at the top"
    boxes = dict(visible_boxes(ax))
    assert boxes["▁Le"][0, 1] > boxes["▁tapis"][1, 1]
    assert boxes["▁The"][0, 1] > ax.get_window_extent().ymax, "keys are above"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_special_tokens_are_dimmed(theme):
    dim, plain = THEMES[theme].dimmed, THEMES[theme].text
    tokens = ["<s>", "[CLS]", "[", "s", "<pad>", "<|endoftext|>", "<unk>", "[SEP]", "</s>", "<5", "▁</s>"]
    expected = [dim, dim, plain, plain, dim, dim, plain, dim, dim, plain, plain]  # an unknown character is text
    ax = heatmap(weights(11, 11), tokens, tokens, theme=theme)
    assert colours(ax.get_xticklabels()) == expected
    assert colours(ax.get_yticklabels()) == expected
    ax = heatmap(weights(2, 2), ["</s>", "a"], ["</s>", "a"], special={"a"}, theme=theme)
    assert colours(ax.get_xticklabels()) == [plain, dim]


def test_labels_are_shown_as_they_are():
    tokens = ["$x$", "_a_", "Ġcat", "##ing", "a\nb", "\x00"]
    ax = heatmap(weights(6, 6), tokens, tokens, title="$y$")
    assert words(ax.get_xticklabels()) == ["$x$", "_a_", "Ġcat", "##ing", "a↵b", "⟨0000⟩"]
    assert not any(text.get_parse_math() for text in [ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()])


@pytest.mark.parametrize("count", [2, 5, 13, 60])
@pytest.mark.parametrize("title", ["", "a title that is wider than the smallest of these figures"])
def test_labels_are_readable_apart_and_inside(count, title):
    tokens = [f"▁token{i}"[: 3 + i % 7] for i in range(count)]
    ax = heatmap(weights(count, count), tokens, tokens, title=title)
    width, height = ax.figure.bbox.size
    for text, box in visible_boxes(ax):
        assert box[0].min() >= 0, text
        assert box[1, 0] <= width, text
        assert box[1, 1] <= height, text
    pitch = ax.get_window_extent().height / count * 72 / ax.figure.dpi
    assert pitch == pytest.approx(ax.get_window_extent().width / count * 72 / ax.figure.dpi), "cells are square"
    for label in [*ax.get_xticklabels(), *ax.get_yticklabels()]:
        assert 6 <= label.get_fontsize() <= 0.85 * pitch


def test_long_labels_are_turned_and_short_ones_are_not():
    def rotations(ax: Axes) -> set[float]:
        return {label.get_rotation() for label in ax.get_xticklabels()}

    assert rotations(heatmap(weights(5, 5), keys=list("abcde"))) == {0}
    assert rotations(heatmap(weights(5, 5), keys=["unbelievable", *"bcde"])) == {45}
    assert rotations(heatmap(weights(2, 60), keys=["unbelievable"] * 60)) == {90}


def test_positions_stand_where_there_are_no_labels():
    ax = heatmap(weights(3, 60))
    assert words(ax.get_yticklabels()) == ["0", "2"]
    assert words(ax.get_xticklabels())[:3] == ["0", "2", "4"]


def test_ends_of_the_scale_are_those_that_are_given():
    assert mesh_of(heatmap(weights(5, 7))).get_clim() == (0, 1)
    assert mesh_of(heatmap(weights(5, 7), vmin=0.25, vmax=0.5)).get_clim() == (0.25, 0.5)


def test_negative_weights_are_centred_on_0():
    signed = torch.linspace(-0.5, 0.8, 11 * 3).reshape(3, 11)
    for theme in THEMES:
        mesh = mesh_of(heatmap(signed, theme=theme))
        assert mesh.get_clim() == (-1, 1)
        assert to_hex(mesh.cmap(0.5)) == THEMES[theme].background
        red, _, blue = mesh.cmap(0.1)[:3]
        assert red > blue
        red, _, blue = mesh.cmap(0.9)[:3]
        assert blue > red
    assert mesh_of(heatmap(signed, vmax=0.75)).get_clim() == (-0.75, 0.75)
    assert mesh_of(heatmap(signed, vmin=-0.25)).get_clim() == (-0.25, 1)


@pytest.mark.parametrize(
    ("values", "limits", "arrows"),
    [
        ([[0.0, 1.0000001]], {}, "neither"),
        ([[0.0, 1.5]], {"vmax": 1.0}, "max"),
        ([[0.0, 0.5]], {"vmin": 0.1}, "min"),
        ([[-1.5, 1.5]], {"scale": "linear"}, "both"),
    ],
)
def test_the_colour_bar_tells_of_weights_beyond_it(values, limits, arrows):
    ax = heatmap(values, **limits)
    assert mesh_of(ax).colorbar.extend == arrows
    assert len(bars(ax.figure)) == 1
    assert bars(heatmap(values, colorbar=False, **limits).figure) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_start_at_the_background_and_are_readable_in_grey(theme):
    ax = heatmap(weights(5, 5), theme=theme)
    cmap = mesh_of(ax).cmap
    assert to_hex(cmap(0.0)) == to_hex(ax.figure.get_facecolor()) == THEMES[theme].background
    linear = np.asarray(cmap(np.linspace(0, 1, 101)))[:, :3] ** 2.2
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness) * (1 if theme == "dark" else -1)
    assert steps.min() > 0.3 * steps.mean()
    assert abs(lightness[-1] - lightness[0]) > 75
    grey = [np.dot(to_rgb(colour), [0.3, 0.6, 0.1]) for colour in (THEMES[theme].text, THEMES[theme].background)]
    assert abs(grey[0] - grey[1]) > 0.75


def test_numbers_are_written_where_there_is_room():
    ax = heatmap([[0.25, 0.75], [0.0, 1.0]])
    assert [(text.get_text(), text.get_position()) for text in ax.texts] == [
        *[("0.25", (0, 0)), ("0.75", (1, 0))],
        *[("0", (0, 1)), ("1.00", (1, 1))],
    ]
    for text, cell in zip(ax.texts, mesh_of(ax).to_rgba(np.array([0.25, 0.75, 0, 1])), strict=True):
        light, dark = sorted(
            np.dot(np.power(rgb[:3], 2.2), [0.2126, 0.7152, 0.0722]) for rgb in (cell, to_rgb(text.get_color()))
        )[::-1]
        assert (light + 0.05) / (dark + 0.05) > 4.5, "readable on its cell, as WCAG 2 measures contrast"
    assert words(heatmap([[-0.5, 0.5]]).texts) == ["−0.50", "0.50"]
    assert words(heatmap([[-0.004, 0.5]]).texts) == ["0.00", "0.50"]  # nothing is below nothing
    assert len(heatmap(weights(12, 12)).texts) == 144
    assert len(heatmap(weights(2, 13)).texts) == 0
    assert len(heatmap(weights(2, 13), annotate=True).texts) == 26
    assert len(heatmap(weights(2, 3), annotate=False).texts) == 0


def test_numbers_that_are_not_written_are_not_measured(monkeypatch):
    """Of a large picture that would take most of the time."""
    monkeypatch.setattr("regard.figures.heatmap.number_size", lambda *_: pytest.fail("measured"))
    heatmap(weights(2, 3), annotate=False)
    with pytest.raises(pytest.fail.Exception, match="measured"):
        heatmap(weights(2, 3))


def test_axes_of_the_user_are_drawn_on():
    figure, (first, second) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    given_weights = weights(7, 11)
    assert heatmap(given_weights, FRENCH, ENGLISH, ax=second, theme="dark") is second
    assert_close(drawn(second), given_weights.double())
    assert words(second.get_yticklabels()) == FRENCH
    assert len(bars(figure)) == 1
    assert list(first.collections) == []
    assert to_hex(figure.get_facecolor()) == THEMES["dark"].background
    plt.close(figure)


def test_tokens_in_axes_too_small_are_thinned_not_overlapped():
    figure, ax = plt.subplots(figsize=(3, 3))
    heatmap(weights(60, 60), [str(i) for i in range(60)], ax=ax)
    shown = [int(word) for word in words(ax.get_yticklabels())]
    assert shown == list(ax.get_yticks())
    assert 5 < len(shown) < 60
    plt.close(figure)


def test_notebooks_show_figures_that_pyplot_does_not_know():
    for thing in (heatmap(weights(2, 3)), heads_grid(weights(2, 3, 5))):
        png, size = thing._repr_png_()
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert size["width"] > 100


# -- all heads --------------------------------------------------------------------------------------------------------


def test_a_grid_shows_each_head_on_one_scale():
    given_weights = weights(2, 3, 7, 11)
    figure = heads_grid(given_weights, FRENCH, ENGLISH, batch=1)
    assert [ax.get_title() for ax in heads(figure)] == ["head 0", "head 1", "head 2"]
    for head, ax in enumerate(heads(figure)):
        assert_close(drawn(ax), given_weights[1, head].double())
        assert mesh_of(ax).get_clim() == (0, 1)
        assert words(ax.get_yticklabels()) == (FRENCH if head == 0 else [])
        assert words(ax.get_xticklabels()) == ENGLISH
    assert len(bars(figure)) == 1


def test_layers_are_rows_and_heads_are_columns():
    layers = [weights(1, 3, 5, 7), Fake(weights(1, 3, 5, 7, seed=1)), weights(3, 5, 7, seed=2).numpy()]
    figure = heads_grid(layers)
    panels = heads(figure)
    assert [ax.get_title() for ax in panels] == [f"layer {i}, head {j}" for i in range(3) for j in range(3)]
    assert_close(drawn(panels[3]), layers[1].values[0, 0].double())
    assert_close(drawn(panels[8]), torch.from_numpy(layers[2][2]).double())
    boxes = [ax.get_position() for ax in panels]
    assert boxes[0].y0 > boxes[3].y1
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[0].x0 == boxes[3].x0


def test_layers_are_numbered_as_the_maps_know_themselves():
    titles = [
        ax.get_title() for ax in heads(heads_grid([Fake(weights(1, 1, 2, 3), layer=i) for i in (5, 3)], highlight=(3, 0)))
    ]
    assert titles == ["layer 5, head 0", "layer 3, head 0"]
    titles = [ax.get_title() for ax in heads(heads_grid([Fake(weights(1, 1, 2, 3), layer=0) for _ in range(2)]))]
    assert titles == ["map 0, head 0", "map 1, head 0"]


@pytest.mark.parametrize(("count", "columns", "lines"), [(7, 3, 3), (7, 11, 1), (8, None, 2), (13, None, 4), (2, None, 1)])
def test_heads_are_wrapped(count, columns, lines):
    panels = heads(heads_grid(weights(count, 2, 3), columns=columns))
    assert len(panels) == count
    assert len({round(ax.get_position().y0, 6) for ax in panels}) == lines


def test_one_negative_head_sets_the_scale_of_all():
    both = torch.stack([weights(5, 7), -weights(5, 7)])
    assert {mesh_of(ax).get_clim() for ax in heads(heads_grid(both))} == {(-1, 1)}


def test_the_grid_frames_the_highlighted_head():
    figure = heads_grid([weights(3, 5, 7)] * 2, highlight=(1, 2))
    framed = [ax.get_title() for ax in heads(figure) if any(isinstance(part, Rectangle) for part in ax.patches)]
    assert framed == ["layer 1, head 2"]


def test_the_grid_writes_tokens_only_where_they_can_be_read():
    panels = heads(heads_grid(weights(2, 60, 60), [f"▁{i}" for i in range(60)]))
    assert words(panels[0].get_yticklabels()) == ["0", "10", "20", "30", "40", "50"]
    own = heads(heads_grid([Fake(weights(1, 2, 2, 3), keys=keys) for keys in (["a", "b", "c"], ["d", "e", "f"])]))
    assert words(own[0].get_xticklabels()) == ["a", "b", "c"]
    assert words(own[2].get_xticklabels()) == ["d", "e", "f"]
    unlike = heads(heads_grid([weights(1, 2, 3), weights(1, 2, 5), weights(1, 2, 5)]))
    assert [len(ax.get_xticklabels()) for ax in unlike] == [3, 5, 0]


def test_titles_of_the_user():
    assert [ax.get_title() for ax in heads(heads_grid(weights(2, 3, 5), titles=["a", "$b$"]))] == ["a", "$b$"]


# -- refusals ---------------------------------------------------------------------------------------------------------

NAN = weights(3, 5, 7)
NAN[1, 2, 3] = float("nan")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((weights(3, 5, 7),), {}, OptionError, r"one head, got 3 heads.*head=0 to head=2.*heads_grid"),
        ((weights(3, 5, 7),), {"head": 3}, OptionError, r"head: expected a whole number from -3 to 2, got 3"),
        ((weights(3, 5, 7),), {"head": "max"}, OptionError, r"head: expected a number of a head or 'mean', got 'max'"),
        ((weights(2, 1, 5, 7),), {"batch": 2}, OptionError, r"batch: expected a whole number from -2 to 1, got 2"),
        ((weights(5),), {}, ShapeError, r"2 axes .* got 1: \(5,\)"),
        ((weights(2, 2, 2, 2, 2),), {}, ShapeError, r"got 5: \(2, 2, 2, 2, 2\)"),
        ((torch.zeros(0, 5),), {}, ShapeError, r"\(0, 5\).*nothing to draw"),
        (([[0.1, 0.2], [0.3]],), {}, ShapeError, r"ragged"),
        ((NAN,), {"head": 1}, ScoreError, r"nan at head 1, query 2, key 3 \(1 of 35"),
        ((torch.tensor([[0.5, float("inf")]]),), {}, ScoreError, r"inf at head 0, query 0, key 1"),
        ((weights(5, 7), FRENCH), {}, ShapeError, r"queries: expected 5 labels.* got 7"),
        ((weights(7, 5), FRENCH, ENGLISH), {}, ShapeError, r"keys: expected 5 labels.* got 11"),
        ((Fake(weights(1, 1, 2, 3), keys=["a"]),), {}, ShapeError, r"keys: expected 3 labels.* got 1"),
        ((weights(3, 3), "the cat sat"), {}, DtypeError, r"got the text 'the cat sat'.*split"),
        ((weights(3, 3), iter("abc")), {}, DtypeError, r"expected a list of 3 labels, got str"),
        ((weights(2, MAX_TOKENS + 1),), {}, ShapeError, rf"at most {MAX_TOKENS} .*got 2 and {MAX_TOKENS + 1}; select a region"),
        ((weights(2, 2),), {"theme": "blue"}, OptionError, r"theme: expected one of light, dark, got 'blue'"),
        ((weights(2, 2),), {"vmin": 1.0}, OptionError, r"vmin below vmax, got vmin=1 and vmax=1"),
        ((weights(2, 2),), {"vmax": float("nan")}, OptionError, r"vmax: expected a finite number, got nan"),
        ((weights(2, 2),), {"vmax": "1"}, OptionError, r"vmax: expected a finite number, got '1'"),
        ((weights(2, 2),), {"special": "</s>"}, DtypeError, r"special: expected a set"),
        ((weights(2, 2),), {"ax": "left"}, DtypeError, r"ax: expected matplotlib axes, got str"),
        ((torch.zeros(2, 2, dtype=torch.complex64),), {}, DtypeError, r"real weights"),
        (("weights",), {}, DtypeError, r"expected weights.*got str"),
        ((object(),), {}, DtypeError, r"expected weights.*got object"),
        (([AttentionMap.from_dense(weights(2, 2))],), {}, OptionError, r"a list of 1; choose one.*heads_grid"),
    ],
)
def test_a_heatmap_refuses(arguments, options, error, message):
    with pytest.raises(error, match=message) as caught:
        heatmap(*arguments, **options)
    assert isinstance(caught.value, RegardError)


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (weights(3, 5, 7), {"columns": 0}, OptionError, r"columns: expected a whole number of at least 1, got 0"),
        (weights(3, 5, 7), {"titles": ["a"]}, OptionError, r"titles: expected a list of 3"),
        (weights(3, 5, 7), {"highlight": (0, 3)}, OptionError, r"highlight: .*\(0, 0\) to \(0, 2\), got \(0, 3\)"),
        (weights(3, 5, 7), {"highlight": 1}, OptionError, r"highlight: .*got 1"),
        (weights(3, 5, 7), {"theme": "blue"}, OptionError, r"theme"),
        (NAN, {}, ScoreError, r"nan at head 1, query 2, key 3 \(1 of 105"),
        ([weights(3, 5, 7), weights(3, 2, 7)], {"queries": list("abcde")}, ShapeError, r"expected 2 labels.* got 5"),
        ([], {}, ShapeError, r"got 1: \(0,\)"),
    ],
)
def test_a_grid_refuses(source, options, error, message):
    with pytest.raises(error, match=message):
        heads_grid(source, **options)


# -- files ------------------------------------------------------------------------------------------------------------


def test_all_formats_are_written_and_can_be_read(tmp_path):
    paths = [tmp_path / "map.png", str(tmp_path / "map.svg"), tmp_path / "map.PDF"]
    written = save(weights(3, 7, 11), *paths, head=1, queries=FRENCH, keys=ENGLISH, dpi=50)
    assert written == [Path(path) for path in paths]
    assert imread(written[0]).ndim == 3
    texts = {"".join(node.itertext()) for node in ET.parse(written[1]).iter("{http://www.w3.org/2000/svg}text")}  # noqa: S314
    assert texts >= {*FRENCH, *ENGLISH, "attention weight"}
    pdf = written[2].read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.PDF", "map.png", "map.svg"]


def test_dpi_sets_the_size(tmp_path):
    small, large = (save(weights(2, 2), tmp_path / f"{dpi}.png", dpi=dpi)[0] for dpi in (100, 200))
    assert imread(large).shape[1] == pytest.approx(2 * imread(small).shape[1], abs=5)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    ax = heatmap(weights(7, 11), FRENCH, ENGLISH)
    paths = [tmp_path / f"{name}.{suffix}" for name in "abc"]
    save(ax, paths[0])
    save(ax, paths[1])
    save(weights(7, 11), paths[2], queries=FRENCH, keys=ENGLISH)
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[1] == contents[2]
    assert re.search(rb"dc:date|CreationDate", contents[0]) is None


class Translated:
    def figure(self, theme="light"):
        return heads_grid(weights(2, 3, 5), theme=theme)


with warnings.catch_warnings(action="ignore"):  # torch says that nested tensors may change
    NESTED = torch.nested.nested_tensor([torch.ones(5, 4), torch.ones(3, 4)])


class Broken:
    def figure(self):
        return "a figure"


def test_figures_axes_and_things_with_a_figure_are_written(tmp_path):
    figure, ax = plt.subplots()
    plt.close(figure)
    for index, thing in enumerate(
        [figure, ax, heads_grid(weights(2, 3, 5)), Translated(), AttentionMap.from_dense(weights(2, 3))]
    ):
        (path,) = save(thing, tmp_path / f"{index}.png", dpi=30)
        assert imread(path).size > 0
    (path,) = save(Translated(), tmp_path / "dark.png", dpi=30, theme="dark")
    assert imread(path)[0, 0, :3].max() < 0.2


@pytest.mark.parametrize("name", ["map.gif", "map", "map.png.txt"])
def test_unknown_formats_are_refused_before_anything_is_drawn(tmp_path, name):
    class Undrawn:
        def figure(self):
            raise AssertionError("drawn")

    with pytest.raises(FileFormatError, match=r"\.png, \.svg, \.pdf, \.csv, got '.*map") as caught:
        save(Undrawn(), tmp_path / "good.png", tmp_path / name)
    assert isinstance(caught.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_impossible_paths_are_refused_before_anything_is_written(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(FileNotFoundError, match=r"missing.*make it first"):
        save(weights(2, 2), tmp_path / "good.png", tmp_path / "missing" / "map.png")
    with pytest.raises(IsADirectoryError, match=r"folder\.png.*it is a folder; add a file name"):
        save(weights(2, 2), tmp_path / "good.png", tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("step", [(os, "fsync"), (Path, "replace")])
@pytest.mark.parametrize(("code", "kind"), [(errno.EACCES, PermissionError), (errno.ENOSPC, OSError)])
def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch, step, code, kind):
    old = tmp_path / "map.png"
    old.write_bytes(b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*step, fail)
    with pytest.raises(kind, match=rf"cannot write '.*map\.png'.*{os.strerror(code)}.*choose another folder"):
        save(weights(2, 2), old, tmp_path / "map.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["map.png"]
    assert old.read_bytes() == b"old"


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "map.png"
    link.symlink_to(tmp_path / "real" / "map.png")
    save(weights(2, 2), link, dpi=30)
    assert link.is_symlink()
    assert imread(tmp_path / "real" / "map.png").size > 0


@pytest.mark.parametrize(
    ("thing", "paths", "options", "error", "message"),
    [
        (weights(2, 2), [], {}, OptionError, r"at least one path"),
        (weights(2, 2), [3], {}, DtypeError, r"path as text or pathlib.Path, got int: 3"),
        (weights(2, 2), ["x.png"], {"dpi": 0}, OptionError, r"dpi: expected a number above 0, got 0; it counts"),
        (weights(2, 2), ["x.png"], {"dpi": "high"}, OptionError, r"dpi: .*got 'high'"),
        (
            weights(2, 2),
            ["x.png"],
            {"dpi": 2**31},
            OptionError,
            r"of 1 to 268,435,456 pixels, got 2\.147\d+e\+09",
        ),
        (weights(2, 2), ["x.svg"], {"dpi": 1e300}, OptionError, r"dpi: expected .* got 1e\+300"),
        (weights(2, 2), ["x.pdf"], {"dpi": 1e-3}, OptionError, r"dpi: expected .* got 0\.001 for one of .* inches"),
        (Figure((1e4, 1e4)), ["x.png"], {}, OptionError, r"one of 1e\+04 by 1e\+04 inches, 4e\+12 pixels"),
        (NESTED, ["x.png"], {}, DtypeError, r"expected weights as a dense tensor, got a nested one"),
        (NESTED, ["x.csv"], {}, DtypeError, r"expected weights as a dense tensor, got a nested one"),
        ([NESTED, NESTED], ["x.svg"], {}, DtypeError, r"expected weights as a dense tensor, got a nested one"),
        (Figure(), ["x.png"], {"theme": "dark"}, OptionError, r"no options .* got theme"),
        (Broken(), ["x.png"], {}, DtypeError, r"figure of Broken\.figure\(\), got str"),
        (weights(3, 2, 2), ["x.png"], {}, OptionError, r"3 heads"),
    ],
)
def test_save_refuses(tmp_path, monkeypatch, thing, paths, options, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        save(thing, *paths, **options)
    assert list(tmp_path.iterdir()) == []
