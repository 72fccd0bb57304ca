"""Two pictures beside each other, and one taken from the other, as a person sees them."""

import pytest
import torch

import regard
from support.viewer_driving import Opened, rounded

pytestmark = pytest.mark.browser

WORDS = ["the", "old", "man", "told", "us", "a", "story"]
OTHERS = ["a", "story", "told", "the", "man"]


def map_of(words, seed):
    generator = torch.Generator().manual_seed(seed)
    made = regard.AttentionMap(*torch.randn(2, 1, 3, len(words), 5, generator=generator), causal=True)
    made.queries = made.keys = words
    made.kind, made.layer = "self", 0
    return made


@pytest.fixture(scope="module")
def maps():
    return {"base": map_of(WORDS, 0), "tuned": map_of(WORDS, 1), "short": map_of(OTHERS, 2)}


@pytest.fixture(scope="module")
def address(maps, tmp_path_factory):
    path = tmp_path_factory.mktemp("compare") / "it.html"
    regard.page(list(maps.values()), path, names=list(maps), unit="tokens", view="map")
    return path.as_uri()


@pytest.fixture(scope="module")
def window(browser, address):
    made = Opened(browser, address, viewport={"width": 1400, "height": 800})
    yield made
    made.finish()


@pytest.fixture
def opened(window, address):
    window.again(address)
    yield window
    window.check()


def weight_in_pane(opened, *keys):
    """What is said of the place to which keys bring the crosshair of the second picture."""
    opened.page.locator(".compare-pane .map-canvas").focus()
    opened.press(*keys)
    return opened.said().rpartition("weight ")[2]


def choose(opened, name, value):
    opened.page.get_by_role("combobox", name=name).select_option(label=value)
    opened.rest()


def test_a_second_picture_has_a_map_and_a_head_of_its_own_and_the_place_of_the_first(opened, maps):
    page = opened.page
    page.get_by_role("button", name="compare").click()
    opened.rest()
    assert page.locator(".map-canvas").count() == 2
    assert opened.address()["with"] == "0.1"  # the next head
    choose(opened, "the second picture's map", "tuned: self layer 0")
    choose(opened, "its head", "head 2")
    assert opened.address()["with"] == "1.2"
    label = page.locator(".compare-pane .map-canvas").get_attribute("aria-label")
    assert "tuned: self layer 0, head 2" in label
    assert rounded(
        weight_in_pane(opened, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"), maps["tuned"][0, 2, 3, 1]
    )
    assert (opened.address()["query"], opened.address()["key"]) == ("3", "1")
    page.locator(".picture .map-canvas").focus()
    opened.press("ArrowDown")
    assert rounded(opened.said().rpartition("weight ")[2], maps["base"][0, 0, 4, 1])
    page.get_by_role("button", name="compare").click()
    opened.rest()
    assert page.locator(".map-canvas").count() == 1
    assert "with" not in opened.address()


def test_one_is_taken_from_the_other_in_colours_of_both_signs(window, address, maps):
    window.again(address + "#heads=1&with=1.2&compare=difference")
    expected = maps["base"][0, 1] - maps["tuned"][0, 2]
    assert rounded(weight_in_pane(window, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"), expected[2, 1])
    assert rounded(weight_in_pane(window, "Home", "ArrowDown"), expected[3, 0])
    assert expected.min() < -0.1
    assert (
        window.page.locator(".compare-said").text_content().startswith("weights of A less those of B · each cell is one weight")
    )
    window.head(0)
    assert rounded(weight_in_pane(window, "ArrowDown"), (maps["base"][0, 0] - maps["tuned"][0, 2])[4, 0])
    window.check()


def test_maps_of_other_sizes_are_looked_at_beside_each_other_at_the_same_words(opened, maps):
    opened.page.get_by_role("button", name="compare").click()
    choose(opened, "the second picture's map", "short: self layer 0")
    choose(opened, "beside the first, or taken from it", "A − B")
    assert "as many rows and columns" in opened.page.locator(".compare-said").text_content()
    choose(opened, "beside the first, or taken from it", "beside")
    opened.page.locator(".picture .map-canvas").focus()
    opened.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")  # told, the
    said = weight_in_pane(opened, "ArrowRight", "ArrowLeft")
    assert rounded(said, maps["short"][0, 1, 2, 3])
    assert (opened.address()["query"], opened.address()["key"]) == ("3", "0")


def test_both_pictures_have_one_scale_of_colours(browser, tmp_path):
    generator = torch.Generator().manual_seed(5)
    query, key = torch.randn(2, 1, 2, 11, 5, generator=generator)
    amap = regard.AttentionMap(query * torch.tensor([0.2, 3.0])[:, None, None], key)  # one head nearly even, one sharp
    regard.page(amap, tmp_path / "it.html", view="map")
    opened = Opened(browser, (tmp_path / "it.html").as_uri(), viewport={"width": 1400, "height": 800})

    def end():
        """The last of the numbers beside the colours of the first picture."""
        return float(opened.drawing().texts[-1])

    assert end() < 0.5 < amap[0, 1].max()
    opened.page.get_by_role("button", name="compare").click()
    opened.rest()
    assert end() >= amap[0, 1].max()
    opened.page.get_by_role("button", name="compare").click()
    opened.rest()
    assert end() < 0.5
    opened.finish()


def test_what_is_saved_and_printed_has_both_pictures(window, address):
    window.again(address + "#heads=1&with=1.2")
    svg = window.svg()
    for said in ("base: self layer 0, head 1", "tuned: self layer 0, head 2", ">A</text>", ">B</text>"):
        assert said in svg
    width, height = window.png().size
    assert width > 1.8 * height / 1.2  # two squares beside each other
    window.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    sheet = window.page.locator(".sheet > svg > svg")
    sheet.nth(1).wait_for(state="attached")
    assert sheet.count() == 2
    window.page.evaluate("dispatchEvent(new Event('afterprint'))")
    window.check()


def test_on_a_phone_they_stand_one_below_the_other(browser, address):
    opened = Opened(browser, address + "#with=1.1", viewport={"width": 390, "height": 844})
    boxes = [locator.bounding_box() for locator in opened.page.locator(".map-stage").all()]
    assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    assert min(box["width"] for box in boxes) > 380
    opened.finish()


def test_heads_in_colours_of_their_own_say_whose_is_which(window, address, maps):
    window.again(address + "#heads=0,2&several=colours")
    assert "2 heads, a colour each" in window.told()
    drawing = window.drawing()
    assert "head 0" in drawing.texts
    assert "head 2" in drawing.texts
    assert drawing.values == {}  # a number would be of one of them
    ground, first = drawing.colours[1], drawing.colours[drawing.columns]
    assert ground == (255, 255, 255)  # the future
    assert first != ground
    mean = (maps["base"][0, 0] + maps["base"][0, 2]) / 2
    window.page.get_by_role("button", name="menu").click()
    choose(window, "several heads", "their mean")
    assert window.drawing().says(6, 2, mean[6, 2])
    window.check()
