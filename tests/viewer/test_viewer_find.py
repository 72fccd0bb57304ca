"""Find, pins and pairs of sentences in the page, as a person uses them: typed, clicked, and brought back by a link."""

import dataclasses

import pytest
import torch

import regard
from regard.viewer.document.document import document
from support.viewer_driving import Opened, rounded
from support.widget_host import widget_opened

pytestmark = pytest.mark.browser

WORDS = ["[CLS]", "the", "cat", "sat", "on", "the", "mat", "[SEP]", "it", "slept", "there", "all", "day", "[SEP]"]


@pytest.fixture(scope="module")
def amap():
    generator = torch.Generator().manual_seed(3)
    made = regard.AttentionMap(*torch.randn(2, 1, 2, len(WORDS), 7, generator=generator))
    made.queries = made.keys = WORDS
    groups = {"segments": (tuple(range(8)), tuple(range(8, 14)))}
    named = dataclasses.replace(made.queries, lines=(dataclasses.replace(made.queries.lines[0], group=groups),))
    made.queries = made.keys = named
    return made


@pytest.fixture(scope="module")
def address(amap, tmp_path_factory):
    path = tmp_path_factory.mktemp("find") / "it.html"
    regard.page(amap, path)
    return path.as_uri()


@pytest.fixture(scope="module")
def window(browser, address):
    made = Opened(browser, address)
    yield made
    made.finish()


@pytest.fixture
def opened(window, address):
    window.again(address + "#view=map&unit=tokens")
    yield window
    window.check()


def count(opened):
    opened.rest()
    return opened.page.locator(".find-count").text_content()


def find(opened, text):
    opened.page.keyboard.press("/")
    opened.page.keyboard.type(text)
    opened.page.wait_for_timeout(250)


def test_a_word_is_found_chosen_and_left_for_the_next(opened):
    find(opened, "THE")
    assert count(opened) == "3 found"
    opened.press("Enter")
    assert count(opened) == "1 of 3"
    assert opened.address()["query"] == "1"
    opened.press("Escape")
    assert opened.page.evaluate("document.activeElement.shadowRoot?.activeElement?.className ?? ''") == "map-canvas"
    assert "find" not in opened.address()
    find(opened, "the")
    opened.press("Enter", "Enter")
    assert opened.address()["query"] == "5"
    opened.page.locator(".map-canvas").focus()
    opened.press("n")
    assert opened.address()["query"] == "10"  # "there"
    opened.press("n", "N")
    assert opened.address()["query"] == "10"


def test_what_is_not_there_is_said_and_a_number_is_a_position(opened):
    find(opened, "dog")
    assert count(opened) == "no such text"
    opened.page.get_by_role("searchbox", name="find a word or a position").fill("99")
    opened.page.wait_for_timeout(250)
    assert count(opened) == "no such position: there are 14 rows and 14 columns"
    opened.page.get_by_role("searchbox", name="find a word or a position").fill("12")
    opened.press("Enter")
    assert opened.address()["query"] == "12"


def test_places_that_are_found_are_marked_on_the_axes_and_in_the_saved_picture(opened):
    before = opened.svg()
    find(opened, "cat")
    count(opened)
    opened.page.locator(".map-canvas").focus()
    accent = opened.page.locator(".viewer").evaluate("viewer => getComputedStyle(viewer).getPropertyValue('--accent').trim()")
    assert opened.svg().count(accent) == before.count(accent) + 2  # on each axis


def test_a_pair_is_pinned_listed_with_its_weight_and_let_go(opened, amap):
    page = opened.page
    drawing = opened.drawing()
    page.mouse.move(*opened.point(drawing.box(3, 10)))
    opened.press("p")
    pinned = page.locator(".reader-pins")
    assert pinned.locator("li").count() == 1
    assert rounded(pinned.locator(".pin-weight").text_content(), amap[0, 0, 3, 10])
    opened.head(1)
    assert rounded(pinned.locator(".pin-weight").text_content(), amap[0, 1, 3, 10])
    assert opened.address()["pins"] == "0.3-10"
    page.mouse.click(*opened.point(drawing.box(6, 6)))
    opened.rest()
    pinned.get_by_role("button", name="sat → there").first.click()
    opened.rest()
    assert (opened.address()["query"], opened.address()["key"]) == ("3", "10")
    pinned.get_by_role("button", name="unpin sat → there").click()
    opened.rest()
    assert "pins" not in opened.address()
    assert pinned.locator("li").count() == 0


def test_named_spans_are_bands_and_named_in_the_titles(opened):
    texts = opened.drawing().texts
    assert "keys: sentence A | sentence B →" in texts
    assert "← queries: sentence A | sentence B" in texts


def test_shift_and_enter_pin_what_is_found(opened):
    find(opened, "slept")
    opened.press("Shift+Enter")
    assert opened.address()["pins"] == "0.9-"
    assert opened.page.locator(".reader-pins .pin-go").text_content().strip("\u2068\u2069") == "slept"


def test_a_link_brings_back_what_was_found_and_pinned(window, address):
    window.again(address + "#view=map&unit=tokens&find=the&pins=0.3-10,0.-2")
    assert count(window) == "3 found"
    assert window.page.locator(".reader-pins li").count() == 2
    assert window.address()["pins"] == "0.3-10,0.-2"
    window.check()


def test_one_sentence_of_a_pair_looks_at_the_other(opened, amap):
    opened.page.get_by_role("button", name="menu").click()
    opened.choose("sentences", "A looks at B")
    drawing = opened.drawing()
    assert (drawing.rows, drawing.columns) == (8, 6)
    assert drawing.says(3, 2, amap[0, 0, 3, 10])
    assert "rows of sentence A, columns of sentence B" in opened.told()
    assert opened.address()["pair"] == "a-b"


def test_the_text_shows_what_was_found_and_pinned(window, address):
    window.again(address + "#view=text&unit=tokens&find=the&pins=0.3-10")
    texts = {name: window.page.locator(f".text-token.{name}").all_text_contents() for name in ("found", "pinned")}
    assert texts == {"found": ["the", "the", "there"] * 2, "pinned": ["there", "sat"]}  # keys, then queries
    find(window, "slept")
    window.press("Enter")
    assert window.page.locator(".text-token.found").all_text_contents() == ["slept"] * 2
    assert window.page.locator(".text-token.chosen").text_content() == "slept"
    window.check()


def test_in_a_notebook_it_is_found_pinned_and_compared_too(browser, amap, tmp_path):
    opened = widget_opened(
        browser, document(amap, view="map", unit="tokens"), tmp_path, viewport={"width": 1000, "height": 620}
    )
    page = opened.page
    before = page.evaluate("[history.length, location.href]")
    page.locator(".map-canvas").focus()
    find(opened, "slept")
    opened.press("Shift+Enter")
    assert page.locator(".reader-pins .pin-go").text_content().strip("\u2068\u2069") == "slept"
    page.locator(".map-canvas").focus()
    opened.press("v")
    assert page.locator(".map-canvas").count() == 2
    page.wait_for_timeout(400)
    opened.press("Alt+ArrowLeft")
    assert page.locator(".map-canvas").count() == 1
    assert page.evaluate("[history.length, location.href]") == before
    opened.finish()
