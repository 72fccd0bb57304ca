"""Labels are drawn as they are read: joiners inside words kept, what is invisible written out, long ones cut."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

mpl.use("Agg")

from regard import flow_diagram, heads_grid, heatmap, save, token_scores
from regard.figures.labels import visible

ADDRESS = "https://example.org/" + "x" * 150

ZWNJ, ZWJ, SHY, NBSP = "\u200c", "\u200d", "\u00ad", "\u00a0"


@pytest.mark.parametrize(
    "word",
    [
        f"می{ZWNJ}خواهم",
        f"क्{ZWJ}ष",
        f"👩{ZWJ}👩{ZWJ}👧",
        f"co{SHY}op",
        f"12{NBSP}000",
        "12\u202f000",
        "ab\u200bcd",
        "🏴\U000e0067\U000e007f",
    ],
)
def test_joiners_inside_a_word_are_drawn_as_they_are(word):
    assert visible(word) == word
    assert visible(f"▁{word}") == f"▁{word}"


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        (ZWNJ, r"\u200c"),
        (f"{ZWJ}a", r"\u200da"),
        (f"a{SHY}", r"a\xad"),
        (NBSP, r"\xa0"),
        ("\n", r"\n"),
        ("a\tb", r"a\tb"),
        ("a\u202eb", r"a\u202eb"),  # it would turn the rest of the line around
        ("\U000e0067", r"\U000e0067"),
        ("\ud800", r"\ud800"),
        (" ", " "),
        ("", ""),
    ],
)
def test_what_would_be_invisible_is_written_out(label, drawn):
    assert visible(label) == drawn


@given(st.text())
def test_nothing_that_is_drawn_breaks_a_file(label):
    assert not re.search("[\x00-\x1f\x7f\ud800-\udfff]", visible(label))
    if label.isprintable():
        assert visible(label) == label


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
        ("encoder", ("source tokens", "source tokens")),
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
