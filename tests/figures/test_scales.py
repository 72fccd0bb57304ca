"""What a reader can see on the scale that is chosen, and what the colour bar says of it."""

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.colors import LogNorm, to_hex
from matplotlib.image import imread

mpl.use("Agg")

from regard import flow_diagram, heads_grid, heatmap, save, token_scores
from regard.errors import DtypeError, OptionError, ScoreError
from regard.figures.scales import scale_of
from regard.figures.themes import THEMES

pytestmark = pytest.mark.slow

LIGHT = THEMES["light"]


def flat(count=23):
    return np.full((count, count), 1 / count)


def sink(count=23, share=0.9):
    """A causal map whose first key takes most of every row."""
    weights = np.tril(np.random.default_rng(0).uniform(0.2, 1, (count, count)))
    weights = (1 - share) * weights / weights.sum(axis=1, keepdims=True)
    weights[:, 0] += share
    return weights


def sharp(count=23):
    """A map that looks at one key a row, and a little at all."""
    return 0.9 * np.eye(count) + 0.1 / count


def long_text(count=128):
    """A causal map without a favourite: the first row is sure of its one key, and the later a row, the thinner it is spread."""
    weights = np.tril(np.exp(np.random.default_rng(0).normal(size=(count, count))))
    return weights / weights.sum(axis=1, keepdims=True)


def mesh_of(ax):
    [mesh] = ax.collections
    return mesh


def note_of(ax):
    [bar] = [other for other in ax.figure.axes if other is not ax]
    return bar.get_ylabel()


@pytest.mark.parametrize("theme", THEMES)
def test_a_flat_map_a_sink_a_sharp_map_and_a_long_text_can_all_be_read(theme):
    """The cells that matter are told from the background, and from each other."""
    for weights in (flat(), sink(), sharp(), long_text(), long_text()[4:]):
        colours = mesh_of(heatmap(weights, theme=theme)).to_rgba(np.ma.masked_equal(weights, 0))[..., :3]
        background = np.array(mpl.colors.to_rgb(THEMES[theme].background))
        seen = weights >= np.quantile(weights[weights > 0], 0.96)
        assert np.abs(colours[seen] - background).max(axis=-1).min() > 0.5
    inner = np.tril(sink(), -1)[:, 1:]
    inner = inner[inner > 0]
    colours = mesh_of(heatmap(sink(), theme=theme)).to_rgba(inner)[:, :3]
    assert np.median(np.abs(colours - background).max(axis=-1)) > 0.25
    assert np.ptp(colours, axis=0).max() > 0.3


def test_the_bar_says_which_scale_was_chosen():
    assert note_of(heatmap(sharp())) == "attention weight"
    assert note_of(heatmap(flat())) == "attention weight\nup to the largest, 0.0435"
    for faint in (sink(), long_text(), long_text()[4:]):
        assert note_of(heatmap(faint)).startswith("attention weight\nlogarithmic, blank below 0.00")
    assert note_of(heatmap(long_text(16))) == "attention weight", "half of its rows have a weight of 1/5"
    assert note_of(heatmap(3 * sharp())).endswith("up to the largest, 2.71"), "weights that are no shares"
    assert note_of(heatmap(-flat())).endswith("the largest either way, 0.0435")


def test_scales_that_are_given():
    weights = sharp()
    assert mesh_of(heatmap(flat(), scale="linear")).get_clim() == (0, 1)
    assert mesh_of(heatmap(weights, scale="max")).get_clim() == (0, weights.max())
    norm = mesh_of(heatmap(weights, scale="log", vmin=1e-3, vmax=2)).norm
    assert isinstance(norm, LogNorm)
    assert (norm.vmin, norm.vmax) == (1e-3, 2)
    assert mesh_of(heatmap(flat(), vmax=0.5)).get_clim() == (0, 0.5), "an end is not overruled"
    assert mesh_of(heatmap(weights, vmin=None, vmax=None)).get_clim() == (0, 1)


def test_two_sides_only_where_there_are_negative_weights():
    for scale in (None, "linear", "max"):
        low, high = mesh_of(heatmap(flat(), scale=scale)).get_clim()
        assert low == 0 < high
        low, high = mesh_of(heatmap(np.linspace(-0.3, 0.2, 35).reshape(5, 7), scale=scale)).get_clim()
        assert low == -high < 0


def test_below_the_floor_of_a_logarithm_cells_are_blank_and_the_bar_has_an_arrow():
    mesh = mesh_of(heatmap(np.array([[1.0, 0.01, 1e-7, 0.0]]), scale="log"))
    assert [to_hex(colour) for colour in mesh.to_rgba(np.array([1e-7, 1e-30]))] == [LIGHT.background] * 2
    assert to_hex(mesh.cmap.get_bad()) == LIGHT.background
    assert mesh.colorbar.extend == "min"
    assert mesh.norm.vmin == pytest.approx(1e-4)
    nothing = mesh_of(heatmap(np.zeros((2, 3)), scale="log"))
    assert nothing.norm.vmin < nothing.norm.vmax


def test_one_scale_for_all_heads():
    figure = heads_grid(np.stack([sink(), sink(), sharp()]))
    norms = [ax.collections[0].norm for ax in figure.axes[:3]]
    assert all(isinstance(norm, LogNorm) for norm in norms)
    assert len({(norm.vmin, norm.vmax) for norm in norms}) == 1
    assert not isinstance(heads_grid(np.stack([sink(), sharp(), sharp()])).axes[0].collections[0].norm, LogNorm)


def test_small_maps_have_no_sinks():
    weights = np.full((7, 7), 0.01)
    weights[:, 0] = 0.94
    assert scale_of([weights], LIGHT).note == ""


def test_colour_maps():
    assert mesh_of(heatmap(sharp(), cmap="viridis")).cmap.name == "viridis"
    own = mpl.colors.ListedColormap(["white", "black"])
    assert mesh_of(heatmap(sharp(), cmap=own)).cmap is own
    assert mesh_of(heads_grid(sharp()[None], cmap="Greys").axes[0]).cmap.name == "Greys"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scale": "sqrt"}, OptionError, r"scale: expected one of linear, log, max, got 'sqrt'"),
        ({"cmap": "virids"}, OptionError, r"cmap: expected a colour map of matplotlib, got 'virids'; such as viridis"),
        ({"cmap": 3}, DtypeError, r"cmap: expected a colour map of matplotlib or its name, got int"),
        ({"vmin": 0.5, "vmax": 0.25}, OptionError, r"vmin below vmax, got vmin=0.5 and vmax=0.25"),
        ({"vmin": 2}, OptionError, r"vmin below vmax, got vmin=2 and vmax=1"),
        ({"scale": "log", "vmin": 0}, OptionError, r"0 < vmin < vmax for a logarithmic scale, got vmin=0 and vmax="),
        ({"vmin": -1e308, "vmax": 1e308}, OptionError, r"whose difference is a number, got vmin=-1e\+308 and vmax=1e\+308"),
        ({"vmax": float("inf")}, OptionError, r"vmax: expected a finite number, got inf"),
        ({"width": 0}, OptionError, r"width: expected a number above 0 and of at most 100, got 0; it counts inches"),
        ({"width": -3.3}, OptionError, r"width: expected .*, got -3.3"),
        ({"font": 0}, OptionError, r"font: expected .*, got 0; it is the size of letters in points"),
        ({"theme": "paper"}, OptionError, r"theme: expected one of light, dark, got 'paper'"),
        ({"sides": "rows"}, OptionError, r"sides: expected what rows are and what columns are, got 'rows'"),
    ],
)
@pytest.mark.parametrize("draw", [heatmap, heads_grid])
def test_what_no_picture_can_be_told(draw, options, error, message):
    with pytest.raises(error, match=message):
        draw(sharp(), **options)


@pytest.mark.parametrize("title", [None, 3, ["a"], torch.eye(3), b"a"])
def test_a_title_is_a_text(title):
    if title is not None:  # which leaves the map's own
        with pytest.raises(DtypeError, match=r"title: expected a text, got .*; write str\(\) around it"):
            heatmap(sharp(), title=title)
        with pytest.raises(DtypeError, match="titles: expected a text, got"):
            heads_grid([sharp()], titles=[title])
    with pytest.raises(DtypeError, match="title: expected a text, got"):
        token_scores([0.5, 0.25], ["a", "b"], title=title)
    with pytest.raises(DtypeError, match="title: expected a text, got"):
        flow_diagram(torch.rand(1, 3, 3), ["a", "b", "c"], title=title)


@pytest.mark.parametrize("draw", [heatmap, heads_grid])
@pytest.mark.parametrize("size", [1e-30, 1e-9, 1e-5, 1.0, 1e5, 1e9, 1e30, 1e300])
@pytest.mark.parametrize("scale", ["max", "log"])
def test_a_bar_has_room_for_numbers_of_any_size(draw, size, scale, tmp_path):
    """They are not written out: a power of ten stands above the bar."""
    [wide], [usual] = (save(draw(sharp() * one, scale=scale), tmp_path / f"{one}.png", dpi=50) for one in (size, 1.0))
    assert abs(imread(wide).shape[1] - imread(usual).shape[1]) < 40


def test_a_logarithm_of_negative_weights_is_refused():
    with pytest.raises(ScoreError, match=r"at least 0 for a logarithmic scale, got -0.5; take scale='max'"):
        heatmap([[0.5, -0.5]], scale="log")


def test_the_mean_of_heads():
    weights = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ax = heatmap(weights, batch=1, head="mean")
    torch.testing.assert_close(torch.from_numpy(np.asarray(mesh_of(ax).get_array())), weights[1].mean(0))
    assert ax.get_title() == "mean of 3 heads"
