"""What flows from an output token, edge by edge, and the pictures of it."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle
from torch.testing import assert_close

import regard
from regard import AttentionMap, flow_diagram, token_scores
from regard.analysis.flow import FlowEdges, attention_flow_edges, relevance_edges, rollout_edges
from regard.analysis.flow.figure import MOST_LAYERS, MOST_TOKENS
from regard.analysis.weighted.relevance import Relevance
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError, TooLargeError
from regard.figures.themes import THEMES
from support.tiny_models import tiny, tiny_inputs
from witnesses.flow import flow_by_networkx, rollout_matrix

pytestmark = pytest.mark.slow

WORDS = ["the", "black", "cat", "sat", "</s>"]


def stack(layers=3, batch=2, heads=3, size=5, causal=True):
    maps, weights = [], []
    for seed in range(layers):
        scores = torch.randn(batch, heads, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        if causal:
            scores = scores.masked_fill(torch.ones(size, size).triu(1).bool(), -torch.inf)
        weights.append(scores.softmax(-1))
        maps.append(AttentionMap.from_dense(weights[-1]))
    return maps, weights


# -- edges


@pytest.mark.parametrize("causal", [False, True])
def test_rollout_edges_hand_on_what_came(causal):
    maps, weights = stack(causal=causal)
    edges = rollout_edges(maps, token=3).weights
    assert edges.shape == (2, 3, 5, 5)
    for item in range(2):
        layers = [layer[item] for layer in weights]
        arriving = torch.eye(5, dtype=torch.float64)[3]
        for at in (2, 1, 0):
            mixed = 0.5 * layers[at].mean(0) + 0.5 * torch.eye(5, dtype=torch.float64)
            for query in range(5):
                for key in range(5):
                    assert edges[item, at, query, key] == pytest.approx(float(arriving[query] * mixed[query, key]))
            arriving = arriving @ mixed
        assert_close(edges[item, 0].sum(0), rollout_matrix(layers)[3])
    assert_close(edges[:, 0].sum(1), regard.rollout(maps, tokens=3)[:, 0])


def test_rollout_edges_of_chosen_heads_and_residual():
    maps, weights = stack()
    edges = rollout_edges(maps, token=-1, heads=[2, 0], residual=0.3).weights
    expected = rollout_matrix([layer[1, [2, 0]] for layer in weights], residual=0.3)[-1]
    assert_close(edges[1, 0].sum(0), expected)
    assert_close(edges.sum((2, 3)), torch.ones(2, 3, dtype=torch.float64))  # nothing is lost on the way


def test_relevance_edges_end_where_relevance_does():
    model = tiny("gpt2")
    inputs = tiny_inputs("gpt2")
    with regard.record(model, values=True) as recording:
        logits = model(**inputs).logits
    score, last = logits[:, 3, 7].sum(), 3
    edges = relevance_edges(recording, score, last).weights
    assert_close(edges[:, 0].sum(1), regard.relevance(recording, score, last).inputs)
    on_top = torch.zeros(edges.shape[0], edges.shape[2])
    on_top[:, last] = 1
    assert_close(edges[:, -1].sum(2) > 0, on_top > 0)
    for layer in range(edges.shape[1] - 1):
        handed_on = edges[:, layer].sum(2)  # what leaves each token downwards
        came = edges[:, layer + 1].sum(1)
        assert (handed_on >= came - 1e-6).all()  # it is kept, and more is added


def test_attention_flow_edges_are_a_flow():
    maps, weights = stack(batch=1, size=4)
    edges = attention_flow_edges(maps, token=3, key=1).weights[0]
    layers = [layer[0] for layer in weights]
    mixed = torch.stack([0.5 * layer.mean(0) + 0.5 * torch.eye(4, dtype=torch.float64) for layer in layers])
    assert (edges <= mixed + 1e-12).all()  # no pipe holds more than it can
    assert (edges >= 0).all()
    for layer in (2, 1):
        assert_close(edges[layer].sum(0), edges[layer - 1].sum(1))  # what comes to a token leaves it
    assert edges[2].sum() == pytest.approx(float(edges[2, 3].sum()))
    assert edges[0].sum() == pytest.approx(float(edges[0, :, 1].sum()))
    assert edges[0].sum() == pytest.approx(flow_by_networkx(layers, 3, 1))
    assert edges[0].sum() == pytest.approx(float(regard.attention_flow(maps, tokens=3)[0, 0, 1]))


def test_edges_of_a_batch_are_those_of_its_sequences():
    maps, weights = stack(layers=2)
    edges = attention_flow_edges(maps, token=4, key=0).weights
    for item in range(2):
        alone = [AttentionMap.from_dense(layer[item]) for layer in weights]
        assert_close(edges[item], attention_flow_edges(alone, token=4, key=0).weights[0])


def test_edges_refuse():
    maps, _ = stack()
    with pytest.raises(OptionError, match="token: expected a whole number from -5 to 4, got 5"):
        rollout_edges(maps, token=5)
    with pytest.raises(OptionError, match=r"token: expected a whole number from -5 to 4, got \[1, 2\]; an edge belongs to one"):
        rollout_edges(maps, token=[1, 2])
    with pytest.raises(OptionError, match="key: expected a whole number from -5 to 4, got None"):
        attention_flow_edges(maps, 1, None)
    with pytest.raises(OptionError, match="residual: expected a number of at least 0 and below 1, got 1"):
        rollout_edges(maps, token=0, residual=1)
    with pytest.raises(OptionError, match="residual: expected a number of at least 0 and below 1, got -0.1"):
        attention_flow_edges(maps, 1, 0, residual=-0.1)
    with pytest.raises(TooLargeError, match=r"expected at most 74 pipes, got 3 layers · 5² tokens = 75"):
        attention_flow_edges(maps, 1, 0, max_pipes=74)
    with pytest.raises(ShapeError, match="expected maps"):
        rollout_edges([AttentionMap.from_dense(torch.rand(3, 5))])
    long = torch.randn(2, 1, 1, 20_011, 2)
    with pytest.raises(TooLargeError, match=r"edges of 2 layers · 20011² tokens"):
        rollout_edges([AttentionMap(*long, causal=True)] * 2)


def test_relevance_edges_refuse_several_stacks():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    with regard.record(model, values=True) as recording:
        output = model(**inputs)
    with pytest.raises(OptionError, match="got 1 passes of cross, decoder, encoder maps; the tokens' relevance in an encoder"):
        relevance_edges(recording, output.logits.sum())


# -- bars over the text


def bars(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_bars_are_as_high_as_their_scores():
    scores = {"rollout": torch.tensor([0.1, 0.2, 0.4, 0.3, 0.0]), "relevance": np.array([8.0, 1.0, 0.0, 2.0, 4.0])}
    ax = token_scores(scores, WORDS).axes[0]
    heights = [bar.get_height() for bar in bars(ax)]
    assert len(heights) == 10
    tallest = max(heights)
    assert heights[:5] == pytest.approx([tallest * part / 0.4 for part in (0.1, 0.2, 0.4, 0.3, 0.0)])
    assert heights[5:] == pytest.approx([tallest * part / 8 for part in (8, 1, 0, 2, 4)])
    assert texts(ax) == ["rollout", "0 to 0.40", "relevance", "0 to 8.00", *WORDS]
    centres = {text.get_text(): text.get_position()[0] for text in ax.texts}
    for word, bar in zip(WORDS, bars(ax)[5:], strict=True):
        assert bar.get_x() + bar.get_width() / 2 == pytest.approx(centres[word])
    # A bar stands between the words and the bars of the method before.
    assert max(bar.get_y() + bar.get_height() for bar in bars(ax)[:5]) < min(bar.get_y() for bar in bars(ax)[5:])
    brightness = [sum(bar.get_facecolor()[:3]) for bar in bars(ax)[:5]]
    assert np.argsort(brightness).tolist() == np.argsort(heights[:5])[::-1].tolist()  # what is more is darker


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_marked_and_dimmed(theme):
    figure = token_scores([0.2, 0.1, 0.3, 0.3, 0.1], WORDS, token=-3, title="of the cat", theme=theme)
    ax, colours = figure.axes[0], THEMES[theme]
    looks = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert (looks["cat"], looks["black"], looks["</s>"]) == (colours.accent, colours.text, colours.dimmed)
    assert to_hex(figure.get_facecolor()) == colours.background
    assert ax.get_title() == "of the cat"
    other = token_scores([0.2, 0.1, 0.3, 0.3, 0.1], WORDS, special={"sat"}, theme=theme).axes[0]
    looks = {text.get_text(): to_hex(text.get_color()) for text in other.texts}
    assert (looks["sat"], looks["</s>"]) == (colours.dimmed, colours.text)


def test_a_long_text_is_wrapped_and_all_of_it_is_there():
    count = 211
    words = [f"word{at}" for at in range(count)]
    scores = torch.arange(count).float()
    figure = token_scores({"a": scores, "b": scores.flip(0)}, words)
    ax = figure.axes[0]
    shown = [text for text in ax.texts if text.get_text().startswith("word")]
    assert [text.get_text() for text in shown] == words
    lines = sorted({text.get_position()[1] for text in shown})
    assert len(lines) > 5
    assert figure.get_size_inches()[0] < 9.5
    # Bars of a line stand over its words, and not on those of the line above.
    for word, one, other in zip(shown, bars_of(ax, "a", count), bars_of(ax, "b", count), strict=True):
        x, y = word.get_position()
        above = max([line for line in lines if line < y], default=-np.inf)
        for bar in (one, other):
            assert bar.get_x() < x < bar.get_x() + bar.get_width()
            assert above < bar.get_y() <= bar.get_y() + bar.get_height() < y


def bars_of(ax, method, count):
    """The bars of one of two methods, which are drawn line by line, a method after the other."""
    rows = {}
    for bar in bars(ax):
        rows.setdefault(round(bar.get_y() + bar.get_height(), 3), []).append(bar)
    feet = sorted(rows)[0 if method == "a" else 1 :: 2]
    found = [bar for foot in feet for bar in rows[foot]]
    assert len(found) == count
    return found


def test_scores_without_words_or_size():
    ax = token_scores([0.0, 0.0, 0.0]).axes[0]
    assert texts(ax) == ["", "0 to 0.00", "0", "1", "2"]
    assert [bar.get_height() for bar in bars(ax)] == [0, 0, 0]
    assert "0 to 1,234" in texts(token_scores([1.0, 1234.4]).axes[0])


@pytest.mark.parametrize(
    ("scores", "words", "error", "message"),
    [
        ([0.1, -0.2], None, ScoreError, r"expected scores of at least 0, got -0.2 at 1"),
        ({"rollout": [0.1, float("nan")]}, None, ScoreError, "expected rollout of at least 0, got nan at 1"),
        ({"a": [1.0], "b": [1.0, 2.0]}, None, ShapeError, "expected scores of the same tokens, got 1 and 2"),
        ({}, None, ShapeError, "expected scores of the same tokens, got none"),
        ([], None, ShapeError, r"expected scores of 1 to 400 tokens, as one axis, got \(0,\)"),
        (torch.ones(401), None, ShapeError, r"expected scores of 1 to 400 tokens, as one axis, got \(401,\)"),
        (torch.ones(2, 3), None, ShapeError, r"as one axis, got \(2, 3\); take one output token"),
        ([1.0, 2.0], ["one"], ShapeError, "tokens: expected 2 labels"),
        ([1.0, 2.0], "ab", DtypeError, "tokens: expected a list of 2 labels"),
        ("ab", None, DtypeError, "expected weights"),
    ],
)
def test_scores_that_cannot_be_drawn(scores, words, error, message):
    with pytest.raises(error, match=message):
        token_scores(scores, words)


def test_options_of_scores():
    with pytest.raises(OptionError, match="token: expected a whole number from -2 to 1, got 2"):
        token_scores([1.0, 2.0], token=2)
    with pytest.raises(OptionError, match="theme: expected one of"):
        token_scores([1.0, 2.0], theme="grey")


# -- layers


EDGES = torch.tensor(
    [
        [[0.3, 0.0, 0.0], [0.1, 0.1, 0.0], [0.0, 0.25, 0.25]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.3, 0.2, 0.5]],
    ],
    dtype=torch.float64,
)


def curves(ax):
    return [patch for patch in ax.patches if isinstance(patch, PathPatch)]


def ends(curve):
    (x, y), (to, stop) = curve.get_path().vertices[[0, -1]]
    return round(x, 6), round(y, 6), round(to, 6), round(stop, 6)


def test_edges_are_as_wide_as_what_flows():
    ax = flow_diagram(EDGES, ["a", "b", "c"], least=0.0).axes[0]
    columns = [text.get_position()[0] for text in ax.texts if text.get_text() in "abc"][:3]
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    levels = sorted({y for curve in curves(ax) for y in ends(curve)[1::2]})
    assert len(levels) == 3
    assert heights["after layer 1"] < heights["after layer 0"] < heights["input"]  # y grows downwards
    found = {ends(curve): curve.get_linewidth() for curve in curves(ax)}
    expected = {}
    for layer, query, key in torch.nonzero(EDGES).tolist():
        place = (columns[query], levels[1 - layer], columns[key], levels[2 - layer])
        expected[tuple(round(one, 6) for one in place)] = float(EDGES[layer, query, key])
    assert found.keys() == expected.keys()
    widths = list(found.values())
    assert widths == sorted(widths)  # wide edges are drawn over narrow ones
    widest = max(widths)
    assert {place: width / widest for place, width in found.items()} == pytest.approx(
        {place: amount / 0.5 for place, amount in expected.items()}
    )


def test_dots_and_numbers_are_what_arrives():
    ax = flow_diagram(EDGES, ["a", "b", "c"]).axes[0]
    dots = [part for part in ax.collections if isinstance(part, PathCollection)]
    assert [len(part.get_offsets()) for part in dots] == [3, 3, 1]  # input, after layer 0, output
    sizes = dots[0].get_sizes()
    assert sizes / max(sizes) == pytest.approx([1, 0.35 / 0.4, 0.25 / 0.4])
    assert texts(ax) == ["input", "after layer 0", "after layer 1", "0.40", "a", "0.35", "b", "0.25", "c", "c"]
    output = ax.texts[-1]
    assert to_hex(output.get_color()) == THEMES["light"].accent
    assert output.get_position()[1] < dots[2].get_offsets()[0, 1]
    idle = [line for line in ax.lines if len(line.get_xdata())]
    assert [len(line.get_xdata()) for line in idle] == [2]


def test_words_of_no_text_are_dimmed():
    colours = THEMES["dark"]
    for special, dimmed in ((None, {"</s>"}), ({"cat"}, {"cat"})):
        ax = flow_diagram(EDGES, ["the", "cat", "</s>"], special=special, theme="dark").axes[0]
        below = {text.get_text(): to_hex(text.get_color()) for text in ax.texts if text.get_va() == "top"}
        assert below == {word: colours.dimmed if word in dimmed else colours.text for word in ("the", "cat", "</s>")}


def test_what_is_left_out_is_said():
    ax = flow_diagram(EDGES, least=0.3).axes[0]
    assert len(curves(ax)) == 6
    left_out = 0.1 + 0.1
    assert texts(ax)[-1] == f"not drawn: edges below 0.3 of the widest, {left_out / float(EDGES.sum()):.2g} of all that flows"
    assert not any("not drawn" in text for text in texts(flow_diagram(EDGES, least=0.0).axes[0]))


def test_edges_draw_themselves_with_the_words_of_their_maps(tmp_path):
    maps, _ = stack(layers=2, batch=1)
    for amap in maps:
        amap.keys = tuple(WORDS)
    edges = rollout_edges(maps, token=3)
    for found in (edges, attention_flow_edges(maps, token=3, key=0)):
        assert found.tokens == tuple(WORDS)
        drawn = texts(found.figure().axes[0])
        assert drawn == texts(flow_diagram(found).axes[0]) == texts(flow_diagram(found.weights, WORDS).axes[0])
        assert [text for text in drawn if text in WORDS] == [*WORDS, "sat"]
    plain = flow_diagram(edges.weights, ["a", "b", "c", "d", "e"], least=0.2, title="t", theme="dark", special={"b"})
    edges = FlowEdges(torch.cat([edges.weights.flip(2), edges.weights]), edges.tokens)
    own = {"tokens": list("abcde"), "batch": 1, "least": 0.2, "title": "t", "theme": "dark", "special": {"b"}}
    paths = [tmp_path / "own.svg", tmp_path / "plain.svg"]
    regard.save(edges, paths[0], **own)
    regard.save(plain, paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert rollout_edges(stack()[0]).tokens is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_numpy_reads_edges(dtype):
    edges = FlowEdges(EDGES.to(dtype, copy=True).requires_grad_())
    assert np.array_equal(np.asarray(edges, dtype="float64"), EDGES.to(dtype).double())


def test_one_sequence_of_a_batch_is_drawn():
    both = torch.stack([EDGES, EDGES.flip(1, 2)])
    numbers = [text for text in texts(flow_diagram(both, batch=1).axes[0]) if text.startswith("0.")]
    assert numbers == ["0.25", "0.35", "0.40"]
    with pytest.raises(OptionError, match="batch: expected a whole number from -2 to 1, got 2"):
        flow_diagram(both, batch=2)


def test_words_wider_than_columns_stand_upright():
    size = 31
    edges = torch.eye(size)[None] / size
    words = [f"rather long word {at}" for at in range(size)]
    ax = flow_diagram(edges, words).axes[0]
    below = [text for text in ax.texts if text.get_text() in words and text.get_va() == "top"]
    assert [text.get_text() for text in below] == words
    assert {text.get_rotation() for text in below} == {90}
    gaps = np.diff([text.get_position()[0] for text in below])
    assert (gaps > 10).all()
    assert {text.get_rotation() for text in flow_diagram(EDGES, ["a", "b", "c"]).axes[0].texts} == {0}


@pytest.mark.parametrize(
    ("edges", "error", "message"),
    [
        (torch.ones(2, 3), ShapeError, r"expected edges \(layers, queries, keys\) between the same tokens, got \(2, 3\)"),
        (torch.ones(2, 3, 5), ShapeError, r"got \(2, 3, 5\)"),
        (torch.ones(1, MOST_TOKENS + 1, MOST_TOKENS + 1), ShapeError, f"layers of {MOST_TOKENS} tokens.*got 1 of 61"),
        (torch.ones(MOST_LAYERS + 1, 2, 2), ShapeError, "token_scores draws longer texts"),
        (-EDGES, ScoreError, r"expected edges of at least 0, got -0.3 at \(0, 0, 0\)"),
        (torch.full((1, 2, 2), torch.inf), ScoreError, r"got inf at \(0, 0, 0\)"),
        (torch.zeros(1, 2, 2), ScoreError, "expected edges along which something flows, got none"),
    ],
)
def test_edges_that_cannot_be_drawn(edges, error, message):
    with pytest.raises(error, match=message):
        flow_diagram(edges)


@pytest.mark.parametrize("least", [-0.1, 1, True, "all"])
def test_least_is_a_share(least):
    with pytest.raises(OptionError, match="least: expected a number of at least 0 and below 1, got"):
        flow_diagram(EDGES, least=least)


# -- as a reader does it


def test_files_of_a_translation(tmp_path):
    recording = regard.translate("The black cat sat.").recording
    for draw in (
        lambda: flow_diagram(rollout_edges(recording.encoder, token=2), recording.keys, title="rollout"),
        lambda: token_scores(regard.rollout(recording.encoder, tokens=2)[0, 0], recording.keys, title="rollout"),
    ):
        paths = regard.save(draw(), tmp_path / "a.svg", tmp_path / "a.png", tmp_path / "a.pdf")
        text = paths[0].read_text(encoding="utf-8")
        ET.fromstring(text)  # noqa: S314
        for word in ("black", "rollout", "&lt;/s&gt;"):
            assert word in text
        first = paths[1].read_bytes()
        regard.save(draw(), paths[1])
        assert paths[1].read_bytes() == first


def test_nothing_is_cut_off():
    """All that is drawn lies within the figure."""
    for figure in (
        flow_diagram(EDGES, ["an unusually long word", "b", "c"], title="a title that is wider than the picture below it " * 2),
        token_scores([1.0, 2.0], ["a", "b"], title="a title that is wider than the picture below it " * 2),
        token_scores({"a method with a long name": [1.0, 2.0]}, ["a", "w" * 90]),
    ):
        figure.canvas.draw()
        box = figure.bbox
        for artist in (*figure.axes[0].texts, figure.axes[0].title):
            found = artist.get_window_extent()
            if artist.get_text():
                assert box.x0 - 1 <= found.x0 <= found.x1 <= box.x1 + 1, artist
                assert box.y0 - 1 <= found.y0 <= found.y1 <= box.y1 + 1, artist


def test_relevance_draws_one_sequence_of_its_inputs():
    found = Relevance(torch.tensor([[1.0, 2.0], [4.0, 1.0]]), None)
    for batch, top in ((0, "0 to 2.00"), (1, "0 to 4.00"), (-1, "0 to 4.00")):
        ax = found.figure(["the", "cat"], batch=batch, token=1, title="of the cat").axes[0]
        assert texts(ax) == ["", top, "the", "cat"]
        assert ax.get_title() == "of the cat"
    with pytest.raises(OptionError, match="batch: expected a whole number from -2 to 1, got 2"):
        found.figure(batch=2)
