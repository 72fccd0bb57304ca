"""What is taken away or printed is the picture, whole: not the window, and not what is scrolled away."""

import csv
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

import regard
from support.viewer_driving import Opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SVG = "{http://www.w3.org/2000/svg}"
LAYERS, HEADS = 7, 5


@pytest.fixture(scope="module")
def recording():
    """More heads than a window shows."""
    generator = torch.Generator().manual_seed(0)
    return regard.Recording.of([torch.rand(1, HEADS, 11, 11, generator=generator).softmax(-1) for _ in range(LAYERS)])


@pytest.fixture
def low(browser, recording, tmp_path):
    """A page in a window that is too low for its pictures."""
    regard.page(recording, tmp_path / "x.html")
    opened = Opened(browser, (tmp_path / "x.html").as_uri(), viewport={"width": 900, "height": 360})
    yield opened
    opened.finish()


def parts(svg, name):
    return list(ET.fromstring(svg).iter(f"{SVG}{name}"))  # noqa: S314 - our own


def texts(svg):
    return ["".join(one.itertext()) for one in parts(svg, "text")]


def size(svg):
    [root] = parts(svg, "svg")[:1]
    return float(root.get("width")), float(root.get("height"))


def printed(opened):
    """The sheet as it is printed: its drawing, and what stands on paper beside it."""
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    root = opened.page.locator(".viewer")
    seen = [name for name in ("header", ".bar", ".body", ".sheet") if root.locator(f"> {name}").is_visible()]
    drawing = root.locator(".sheet > svg")
    found = (seen, drawing.evaluate("svg => new XMLSerializer().serializeToString(svg)"), drawing.bounding_box())
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    opened.page.emulate_media(media="screen")
    assert not root.locator(".sheet").is_visible()
    return found


def test_all_heads_after_scrolling(low):
    low.view("Heads")
    low.page.locator(".heads-scroll").evaluate("scroll => scroll.scrollTo(0, 5000)")
    low.rest()
    svg = low.svg()
    said = texts(svg)
    assert [said.count(f"L{layer}") for layer in range(LAYERS)] == [1] * LAYERS
    assert len(parts(svg, "image")) == LAYERS * HEADS
    assert [said.count(str(head)) for head in range(HEADS)] == [LAYERS] * HEADS
    assert said[0].startswith("35 heads of")
    tops = {float(one.get("y")) for one in parts(svg, "text")}
    assert max(tops) < size(svg)[1]
    assert abs(low.png().size[1] - 2 * size(svg)[1]) <= 2


def test_a_map_is_as_large_as_it_needs_and_says_which_part_it_is(low):
    low.view("Map")
    whole = low.svg()
    assert sum(text.startswith("0.") for text in texts(whole)) >= 11 * 11  # every cell has its number
    width, height = size(whole)
    assert height > 400  # than the window
    rects = parts(whole, "rect")[1:]
    right = max(float(one.get("x")) + float(one.get("width")) for one in rects if one.get("width") != str(width))
    assert width - right < 80  # cropped to what there is
    low.page.locator(".map-canvas").focus()
    low.press("+", "+", "ArrowRight", "ArrowDown", "Enter")
    part = texts(low.svg())
    assert any(text.startswith("part of the map: ") for text in part)
    boxes = [one for one in parts(low.svg(), "rect") if one.get("fill") == "rgb(255 255 255)"]
    assert len(boxes) <= 40  # grounds only: nothing lies over the cells


def test_copied_and_saved_numbers_have_all_digits(low, recording, tmp_path):
    low.view("Map")
    low.menu()
    with low.page.expect_download() as found:
        low.page.get_by_role("button", name="CSV", exact=True).click()
    found.value.save_as(tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    weights = np.zeros((11, 11))
    for row in rows:
        weights[int(row["query"]), int(row["key"])] = float(row["weight"])
    np.testing.assert_array_equal(weights.astype(np.float32), recording.maps[0][0, 0].numpy())


@pytest.mark.parametrize("view", ["Map", "Heads", "Ribbon", "Text"])
def test_paper_has_the_picture_and_no_button(low, view):
    low.view(view)
    seen, svg, box = printed(low)
    assert seen == [".sheet"]
    width, height = size(svg)
    assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02)  # in its own proportions
    assert box["x"] + box["width"] <= 900
    assert len(texts(svg)) > 10
    assert low.page.pdf().startswith(b"%PDF")
    low.rest()
    assert low.page.get_by_role("tab", name=view).is_visible()


def test_paper_is_light_and_the_screen_stays_dark(browser, recording, tmp_path):
    regard.page(recording, tmp_path / "x.html")
    opened = Opened(browser, (tmp_path / "x.html").as_uri(), color_scheme="dark")
    opened.view("Map")
    ground = "getComputedStyle(document.querySelector('body > div').shadowRoot.querySelector('.viewer')).backgroundColor"
    dark = opened.page.evaluate(ground)
    _, svg, _ = printed(opened)
    fills = [one.get("fill") for one in parts(svg, "rect")]
    assert fills[0] in ("#ffffff", "#fff", "rgb(255 255 255)", "white")
    assert opened.page.evaluate(ground) == dark
    opened.finish()


FRAMES = {
    "allow-scripts allow-same-origin": "this frame forbids downloads",
    "allow-scripts": "saved, if the frame around this page allows downloads",
}


@pytest.mark.parametrize("sandbox", FRAMES)
def test_a_frame_that_forbids_downloads_is_told(browser, recording, tmp_path, sandbox):
    regard.page(recording, tmp_path / "x.html")
    host = tmp_path / "host.html"
    host.write_text(f'<!doctype html><iframe src="x.html" sandbox="{sandbox}" width=900 height=600></iframe>', encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.route("http://frames.test/**", lambda route: route.fulfill(path=tmp_path / route.request.url.rsplit("/", 1)[1]))
    page.goto("http://frames.test/host.html")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="menu").click()
    frame.get_by_role("button", name="SVG", exact=True).click()
    frame.locator(".reader .status").get_by_text(FRAMES[sandbox]).wait_for(timeout=10_000)
    context.close()
