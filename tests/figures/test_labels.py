"""Labels are drawn as they are read: joiners inside words kept, what is invisible written out, long ones cut."""

import re

import matplotlib as mpl
import numpy as np
import pytest
import torch

mpl.use("Agg")

from regard import AttentionMap, flow_diagram, generate, heads_grid, heatmap, save, token_scores
from regard.errors import ShapeError
from support.tiny_models import tiny

pytestmark = pytest.mark.slow

ADDRESS = "https://example.org/" + "x" * 150


@pytest.mark.filterwarnings("ignore:expected a font")
@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("\u200c", "⟨200C⟩"),
        ("a\nb", "a↵b"),
        ("12\u00a0000", "12⍽000"),
        ("a\u202eb", "a⟨202E⟩b"),  # it would turn the rest of the line around
        ("\x00", "⟨0000⟩"),
        ("$x$", "$x$"),
    ],
)
def test_labels_are_drawn_as_every_view_shows_them(label, drawn):
    assert heatmap(np.eye(2), [label, "b"]).get_yticklabels()[0].get_text() == drawn
    assert drawn in {text.get_text() for text in token_scores([1.0, 2.0], [label, "b"]).axes[0].texts}


def test_a_title_of_nothing_is_none():
    assert heatmap(np.eye(2), title="").get_title() == ""


def test_a_long_label_makes_no_picture_larger_than_its_cells_justify():
    plain = heatmap(np.eye(3), list("abc"), list("abc")).figure.get_size_inches()
    for labels in (
        {"queries": [ADDRESS, "b", "c"], "keys": list("abc")},
        {"queries": list("abc"), "keys": [ADDRESS, "b", "c"]},
    ):
        ax = heatmap(np.eye(3), **labels)
        assert max(ax.figure.get_size_inches() - plain) < 2
        [text] = [text for text in (*ax.get_xticklabels(), *ax.get_yticklabels()) if len(text.get_text()) > 1]
        assert re.fullmatch(r"https://exam.*…", text.get_text())
    assert max(heads_grid(np.eye(3)[None], [ADDRESS, "b", "c"]).get_size_inches()) < 8
    assert max(token_scores([1.0, 2.0], [ADDRESS, "b"]).get_size_inches()) < 8
    assert max(flow_diagram([[[0.0, 0.0], [0.3, 0.7]]], [ADDRESS, "b"]).get_size_inches()) < 8


def test_a_label_that_was_cut_is_whole_in_the_title_of_the_svg(tmp_path):
    whole = f"{ADDRESS}&<b>"
    ax = heatmap(np.eye(3), [whole, "b", "c"], list("abc"))
    [path] = save(ax, tmp_path / "x.svg")
    svg = path.read_text(encoding="utf-8")
    assert f"<title>{ADDRESS}&amp;&lt;b&gt;</title>" in svg
    assert svg.count("<title>") == 1
    assert save(ax, tmp_path / "y.svg")[0].read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore:expected a font")
def test_no_mark_is_cut_from_its_letter():
    word = "क्षि" * 40
    first, _ = (text.get_text() for text in heatmap(np.eye(2), [word, "b"]).get_yticklabels())
    assert first.endswith("…")
    assert not re.match("[\u0900-\u0903\u093a-\u094f]", word[len(first) - 1 :]), "the next character begins a letter"


@pytest.mark.parametrize(
    ("kind", "sides"),
    [
        ("cross", ("tokens produced", "source tokens")),
        ("decoder", ("tokens produced", "tokens consumed")),
        ("encoder", ("queries", "keys")),
        ("self", ("tokens", "tokens")),
        (None, ("queries", "keys")),
    ],
)
def test_a_picture_says_what_its_rows_and_columns_are(kind, sides):
    class Map:
        shape = (1, 1, 2, 2)
        queries, keys = ("a", "b"), ("c", "d")

        def dense(self):
            return np.eye(2)[None, None]

    Map.kind = kind
    ax = heatmap(Map())
    assert (ax.get_ylabel(), ax.get_xlabel()) == sides
    first, *_ = heads_grid([Map()]).axes
    assert (first.get_ylabel(), first.get_xlabel()) == sides
    ax = heatmap(Map(), ["e", "f"])
    assert ax.get_ylabel() == "queries", "of given labels nothing is known"
    ax = heatmap(Map(), ["e", "f"], sides=("tokens consumed", "source tokens"))
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("tokens consumed", "source tokens")


def test_tokens_of_a_generated_text_name_both_sides():
    """All of it, whose last token no row consumed; or what was consumed."""
    recording = generate(tiny("gpt2"), torch.tensor([[5, 6, 7, 8]]), max_new_tokens=3, do_sample=False)
    amap, text = recording.self[0], [f"t{at}" for at in range(7)]
    for tokens, rows, said in ((text, text[1:], "tokens produced"), (text[:-1], text[:-1], "tokens consumed")):
        ax = heatmap(amap, tokens=tokens, head=0)
        assert [label.get_text() for label in ax.get_yticklabels()] == rows
        assert [label.get_text() for label in ax.get_xticklabels()] == text[:-1]
        assert (ax.get_ylabel(), ax.get_xlabel()) == (said, "tokens consumed")
    with pytest.raises(
        ShapeError, match="tokens: expected 6 tokens, .*, or 7 where the last row's product is among them, got 3"
    ):
        heatmap(amap, tokens=text[:3], head=0)


def test_tokens_of_rows_behind_a_cache_are_the_last_ones():
    amap = AttentionMap(torch.randn(1, 1, 2, 5), torch.randn(1, 1, 7, 5), causal=True)
    with pytest.raises(ShapeError, match="got 7 for a map of 2 queries and 7 keys; give queries= and keys="):
        heatmap(amap, tokens=list("abcdefg"))  # nobody says that both sides are one text
    amap.kind = "self"
    ax = heatmap(amap, tokens=list("abcdefg"))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["f", "g"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list("abcdefg")
