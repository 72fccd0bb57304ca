"""Labels are drawn as they are read: joiners inside words kept, what is invisible written out, long ones cut."""

import re

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from regard import flow_diagram, heads_grid, heatmap, save, token_scores

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
