"""The layout: one bar, the picture first, the reader beside it or below; at the sizes of notebooks, phones and frames."""

import numpy as np
import pytest

import regard
from regard.viewer.document.document import document
from support.viewer_driving import Opened
from support.widget_host import widget_opened

pytestmark = pytest.mark.browser

SENTENCE = "The old man told us a story about his daughter."
SIZES = {
    "desktop": (1400, 900),
    "tablet": (768, 1024),
    "phone": (390, 844),
    "notebook": (1000, 560),
    "narrow notebook": (768, 560),
    "frame": (690, 500),
    "zoomed to 200 %": (700, 450),
}
PICTURES = {"Map": ".map-stage", "Heads": ".heads-scroll", "Ribbon": ".ribbon-stage", "Text": ".text-stage"}
LEAST = 0.6  # of the viewer, for the picture


@pytest.fixture(scope="module")
def translation():
    return regard.translate(SENTENCE)


def area(opened, selector):
    box = opened.page.locator(selector).bounding_box()
    return box["width"] * box["height"]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_picture_has_most_of_the_viewer(browser, address, size):
    opened = Opened(browser, address, viewport=dict(zip(("width", "height"), size, strict=True)))
    assert opened.page.locator(".bar").bounding_box()["height"] == 40
    for view, picture in PICTURES.items():
        opened.view(view)
        share = area(opened, picture) / area(opened, ".viewer")
        assert share >= LEAST, (view, share)
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    reader = opened.page.locator(".reader").bounding_box()
    below = reader["y"] > opened.page.locator(".panel").bounding_box()["y"] + 100
    assert below == (size[0] < 700 or size[1] < 480)
    opened.finish()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_word_of_a_sentence_has_its_label(browser, address, translation, size):
    opened = Opened(browser, f"{address}", viewport=dict(zip(("width", "height"), size, strict=True)))
    opened.view("Map")
    texts = opened.drawing().texts
    for token in (*translation.source_tokens, *translation.target_tokens):
        assert token in texts, token
    opened.finish()


def test_a_picture_of_a_sentence_scrolls_where_its_labels_would_be_left_out(browser, tmp_path):
    words = [f"word{at}" for at in range(41)]
    regard.page(np.full((41, 41), 1 / 41, np.float32), tmp_path / "long.html", tokens=words)
    opened = Opened(browser, (tmp_path / "long.html").as_uri(), viewport={"width": 690, "height": 500})
    opened.view("Map")
    assert set(words) <= set(opened.drawing().texts)
    stage = "const stage = document.querySelector('div').shadowRoot.querySelector('.map-stage');"
    assert opened.page.evaluate(f"() => {{ {stage} return stage.scrollHeight > stage.clientHeight; }}")
    box = opened.page.locator(".map-stage").bounding_box()
    opened.page.mouse.move(box["x"] + 300, box["y"] + 250)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 300, box["y"] + 150, steps=4)
    opened.page.mouse.up()
    assert opened.page.evaluate(f"() => {{ {stage} return stage.scrollTop; }}") > 50
    opened.finish()


def test_a_drawer_is_opened_and_closed(browser, address):
    opened = Opened(browser, address, viewport={"width": 390, "height": 844})
    low = opened.page.locator(".reader").bounding_box()["height"]
    assert low <= 90
    opened.page.get_by_role("button", name="more of the reader").click()
    assert opened.page.locator(".reader").bounding_box()["height"] > 2 * low
    opened.page.get_by_role("button", name="less of the reader").click()
    assert opened.page.locator(".reader").bounding_box()["height"] == low
    opened.finish()


def test_what_the_bar_has_no_room_for_is_behind_buttons(browser, address):
    opened = Opened(browser, address, viewport={"width": 390, "height": 844})
    assert opened.page.get_by_role("tab", name="Heads").count() == 0
    opened.view("Heads")
    assert opened.address()["view"] == "heads"
    assert opened.page.locator(".fold-views > button").text_content() == "Heads ▾"
    opened.head(3)
    assert opened.address()["heads"] == "3"
    opened.press("Escape")
    assert not opened.page.get_by_role("button", name="head 3", exact=True).is_visible()
    opened.finish()


def test_settings_are_there_where_they_act(browser, address):
    opened = Opened(browser, address)

    def offered(view):
        opened.view(view)
        opened.menu()
        found = opened.page.locator(".settings label:not([hidden]) span").all_text_contents()
        opened.close_menu()
        return set(found)

    assert offered("Map") == {"units", "special tokens", "row labels", "colours"}  # no cell has several weights
    assert offered("Heads") == {"colours", "a cell shows"}
    assert offered("Steps") == {"special tokens", "row labels"}
    opened.finish()


@pytest.mark.parametrize("view", ["Map", "Ribbon", "Text"])
def test_a_widget_is_as_high_as_its_picture(browser, tmp_path, view):
    shown = document(regard.translate("The dog sleeps."))
    opened = widget_opened(browser, shown, tmp_path, height=900, viewport={"width": 1000, "height": 1000})
    opened.view(view)
    height = opened.page.locator(".viewer").bounding_box()["height"]
    assert 484 <= height < 860
    opened.page.locator(".viewer").evaluate("viewer => { viewer.style.height = '777px'; }")  # as its corner is dragged
    opened.view("Heads")
    assert opened.page.locator(".viewer").bounding_box()["height"] == 777
    opened.finish()


def test_a_widget_is_no_higher_than_asked_for(browser, translation, tmp_path):
    opened = widget_opened(browser, document(translation), tmp_path, height=500, viewport={"width": 1000, "height": 1000})
    opened.view("Map")
    assert opened.page.locator(".viewer").bounding_box()["height"] == 500
    opened.finish()
