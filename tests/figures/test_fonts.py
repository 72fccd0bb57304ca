"""Fonts are chosen by what they have; a script without one is said once; right-to-left is drawn from right to left."""

import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager

mpl.use("Agg")

from regard import heads_grid, heatmap, save
from regard.figures import fonts
from regard.figures.fonts import lettered, shortened, text_width

pytestmark = pytest.mark.slow

CHINESE, HINDI, THAI = ["我", "爱", "北京", "天安门"], ["नमस्ते", "दुनिया", "यह", "है"], ["ฉัน", "รัก", "แมว", "."]


@pytest.fixture(autouse=True)
def nothing_was_told(monkeypatch):
    monkeypatch.setattr(fonts, "_told", set())


@pytest.fixture
def font(tmp_path):
    """Installs a font of boxes that has these characters, for the time of a test."""
    installed = list(fontManager.ttflist)

    def install(name, text):
        characters = dict.fromkeys(text)
        pen = TTGlyphPen(None)
        for step, place in enumerate([(100, 0), (100, 700), (800, 700), (800, 0)]):
            (pen.lineTo if step else pen.moveTo)(place)
        pen.closePath()
        names = [".notdef", *(f"u{ord(character):X}" for character in characters)]
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(names)
        builder.setupCharacterMap({ord(character): f"u{ord(character):X}" for character in characters})
        builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
        builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
        builder.setupPost()
        path = tmp_path / f"{name}.ttf"
        builder.save(path)
        fontManager.addfont(path)

    yield install
    fontManager.ttflist[:] = installed


def families_of(ax):
    return {tuple(label.get_fontfamily()) for label in ax.get_yticklabels()}


def heard_in(draw):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        draw()
    return [str(one.message) for one in heard]


def test_a_font_is_chosen_by_the_characters_that_it_has(font):
    font("Few", "我爱")
    font("Many", "我爱北京天安门")
    font("Thai", "ฉันรักแมว")
    ax = heatmap(np.eye(4), CHINESE, THAI)
    [families] = families_of(ax)
    assert families[0] == mpl.rcParams["font.family"][0]
    assert sorted(families[1:]) == ["Many", "Thai"]
    assert mpl.rcParams["font.family"] == mpl.rcParamsDefault["font.family"], "for this figure only"


def test_what_the_best_font_lacks_another_has(font):
    font("Most", "我北京天安门")
    font("Rest", "爱我")
    [families] = families_of(heatmap(np.eye(4), CHINESE))
    assert families == (*mpl.rcParams["font.family"], "Most", "Rest")


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_in_any_script_is_written_without_a_warning_where_there_is_a_font(font, tmp_path, ending):
    font("Chinese", "我爱北京天安门")
    assert heard_in(lambda: save(np.eye(4), tmp_path / f"x.{ending}", queries=CHINESE, keys=CHINESE, title="北京")) == []
    assert heard_in(lambda: save(heads_grid(np.eye(4)[None], CHINESE, titles=["天安门"]), tmp_path / f"y.{ending}")) == []


@pytest.mark.parametrize(
    ("words", "letters", "advice"),
    [
        (CHINESE, "Chinese or Japanese characters", "Noto Sans CJK"),
        (HINDI, "Devanagari letters", "Noto Sans Devanagari"),
        (THAI, "Thai letters", "Noto Sans Thai"),
        (["한국어", "a", "b", "c"], "Korean letters", "Noto Sans CJK KR"),
        (["👩\u200d👩\u200d👧", "a", "b", "c"], "some emoji", "Noto Emoji"),
        (["<｜end｜>", "a", "b", "c"], "Chinese or Japanese characters", "Noto Sans CJK"),
    ],
)
def test_one_warning_says_which_script_has_no_font_and_what_to_install(monkeypatch, tmp_path, words, letters, advice):
    monkeypatch.setattr(
        fontManager, "ttflist", [font for font in fontManager.ttflist if font.name.startswith(("DejaVu", "Last"))]
    )
    heard = heard_in(lambda: save(np.eye(4), tmp_path / "x.png", tmp_path / "x.pdf", queries=words, keys=words))
    assert len(heard) == 1
    assert f"expected a font with {letters} (" in heard[0]
    assert f"install {advice}, or name a font" in heard[0]


def test_it_is_said_once_in_a_program_however_many_figures_are_drawn(tmp_path):
    program = f"""
import matplotlib; matplotlib.use("Agg")
from matplotlib.font_manager import fontManager
fontManager.ttflist = [font for font in fontManager.ttflist if font.name.startswith(("DejaVu", "Last"))]
import regard
for _ in range(3):
    regard.save([[1.0, 0.0], [0.5, 0.5]], {str(tmp_path / "x.png")!r}, queries=["我", "爱"])
    regard.heatmap([[1.0]], ["我爱"]).figure.savefig({str(tmp_path / "x.png")!r})
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert told.count("expected a font with Chinese or Japanese characters (") == 1
    assert "Glyph" not in told


def test_joiners_and_blanks_need_no_font():
    assert heard_in(lambda: heatmap(np.eye(2), ["می\u200cخواهم", "12\u00a0000"], ["co\u00adop", "❤\ufe0f"])) == []


@pytest.mark.parametrize("word", ["שלום", "مرحبا"])
def test_the_first_letter_of_a_right_to_left_word_stands_on_the_right(word):
    """What a reader sees: matplotlib before 3.11 drew the letters in the order of memory."""

    def columns(text):
        figure = Figure(figsize=(4, 1), dpi=100)
        figure.text(0.5, 0.4, text, fontsize=30, ha="center")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., 0] < 128

    left_to_right = columns("\u202d" + word + "\u202c")
    drawn = columns(word)
    assert (drawn != left_to_right).any(), "it is not the order of memory"
    first = heatmap(np.eye(2), [word, "b"]).get_yticklabels()[0]
    assert first.get_text() == word, "the text is in the order of memory, for search and for copying"


def test_a_text_is_cut_to_its_room():
    assert shortened("cat", 10, 100) == "cat"
    cut = shortened("unbelievable" * 9, 10, 100)
    assert cut.startswith("unbelievable")
    assert text_width(cut, 10) <= 100 < text_width(cut[:-1] + "xx…", 10)
    assert shortened("unbelievable", 10, 1) == "u…"


def test_fonts_of_the_user_come_first():
    with mpl.rc_context({"font.family": ["DejaVu Serif"]}):
        ax = heatmap(np.eye(2), ["a", "b"])
        with lettered(["a"]):
            assert FontProperties().get_family() == ["DejaVu Serif"]
    assert families_of(ax) == {("DejaVu Serif",)}
