"""The viewer for everybody: axe finds nothing serious in any view, all is told as text, and the theme is the reader's."""

import re
from pathlib import Path

import numpy as np
import pytest

import regard
from regard.figures.themes import THEMES
from support.viewer_driving import Opened, colour_of

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
VIEWER_PAGE = ROOT / "docs" / "viewer.md"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """axe.run().then(({violations}) => violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({html}) => html.slice(0, 120)).join(" ")}`))"""


def background(opened):
    """Of the map, as it is on the screen."""
    return opened.pixels()[-3, -3]


def colour(text):
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)])


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """A page whose view of a picture has something to show."""
    path = tmp_path_factory.mktemp("page") / "picture.html"
    regard.page(np.full((15, 15), 1 / 15, np.float32), path, image=np.zeros((30, 50, 3), np.uint8), grid=(3, 5))
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, address, scheme):
    opened = Opened(browser, address, color_scheme=scheme, bypass_csp=True)
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    assert opened.page.evaluate("document.body.append(document.createElement('button'))") is None
    assert any("button-name" in one for one in opened.page.evaluate(FOUND))  # it would find something
    opened.page.evaluate("document.body.lastElementChild.remove()")
    for name in opened.views():
        opened.view(name)
        opened.menu()
        assert opened.page.evaluate(FOUND) == [], name
    opened.view("Steps")
    opened.page.locator(".steps-queries button").first.focus()
    opened.press("t", "?")
    assert opened.page.evaluate(FOUND) == []
    opened.finish()


def test_axe_finds_nothing_serious_around_a_picture(browser, pictured):
    opened = Opened(browser, pictured, bypass_csp=True)
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    opened.view("Image")
    assert opened.page.evaluate(FOUND) == []
    opened.finish()


@pytest.mark.parametrize("width", [390, 1200])
def test_axe_at_other_sizes(browser, address, width):
    opened = Opened(browser, address, viewport={"width": width, "height": 780}, bypass_csp=True)
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    opened.view("Map")
    assert opened.page.evaluate(FOUND) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.finish()


def test_what_is_shown_is_told_in_every_view(opened, translation):
    layer, head = translation.reading().layer, translation.reading().head
    name = f"cross layer {layer}, head {head}"
    opened.page.get_by_text(translation.target_tokens[1], exact=True).first.click()  # the text view tells of a token
    for view in opened.views():
        opened.view(view)
        caption, columns, rows = opened.table()
        assert (name if view != "Heads" else "heads of The cat sat") in caption
        assert rows
        assert all(len(row) == len(columns) for row in rows)
        opened.close_table()
    opened.view("Map")
    told = opened.page.locator(".map-canvas").get_attribute("aria-label")
    assert told.startswith(f"attention map, {name}: rows, tokens produced, 0 to ")
    assert "each cell is one weight" in told


def test_everything_can_be_reached_by_the_tab_key(opened):
    opened.view("Map")
    opened.menu()
    reached = set()
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        read = (
            "() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
        )
        name = opened.page.evaluate(
            read + " return at ? `${at.className} ${at.getAttribute('aria-label')} ${at.textContent.slice(0, 30)}` : ''; }"
        )
        reached.add(name.strip())
    text = " | ".join(reached)
    for part in (
        "map-canvas",
        "menu",
        "whole map",
        "Table",
        "Copy table",
        "PNG",
        "SVG",
        "Theme: auto",
        "Help",
        "reader-parts",
        "what entropy is",
    ):
        assert part in text, part


def test_views_are_chosen_by_number_and_by_arrows(opened):
    opened.page.get_by_role("tab", name="Ribbon").focus()
    opened.press("ArrowRight", "Enter")
    assert opened.address()["view"] == "text"
    opened.press("1")
    assert opened.address()["view"] == "map"
    opened.press("6")
    assert opened.said() == "Image: this recording has no picture"
    assert opened.address()["view"] == "map"


def test_every_view_has_its_section_in_the_documentation(opened):
    views = VIEWER_PAGE.read_text(encoding="utf-8").partition("\n## Views\n")[2].partition("\n## ")[0]
    tabs = opened.page.locator("[role=tab]").all_text_contents()
    assert re.findall("^### (.*)$", views, re.MULTILINE) == [*tabs, "Finding"]  # whose tab is where a finding is


def test_the_help(opened):
    opened.view("Map")
    opened.press_in_menu("Help")
    dialog = opened.page.get_by_role("dialog")
    assert dialog.is_visible()
    text = dialog.text_content()
    for part in ("Keys everywhere", "double click", "Shift + drag", "previous or next layer"):
        assert part in text
    # The views are explained before any key is.
    for view in opened.page.locator("[role=tab]").all_text_contents():
        assert text.index(f"{view}: ") < text.index("Keys of Map"), view
    opened.press("w")  # keys are the dialog's while it is open
    assert opened.address()["unit"] == "tokens"
    opened.press("Escape")
    assert not dialog.is_visible()
    opened.press("?")
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_the_theme_follows_the_reader_unless_it_is_chosen(opened):
    opened.view("Map")
    light, dark = (colour(THEMES[name].background) for name in ("light", "dark"))
    assert (background(opened) == light).all()
    opened.page.emulate_media(color_scheme="dark")
    assert (background(opened) == dark).all()
    opened.press_in_menu("Theme: auto")
    opened.close_menu()
    assert (background(opened) == light).all()
    opened.press_in_menu("Theme: light")
    opened.close_menu()
    opened.page.emulate_media(color_scheme="light")
    assert (background(opened) == dark).all()


def test_weights_have_the_colours_of_the_dark_theme(browser, address, translation):
    opened = Opened(browser, address, color_scheme="dark")
    opened.view("Map")
    weights = translation.recording.cross[translation.reading().layer][0, translation.reading().head]
    drawing, pixels = opened.drawing(), opened.pixels()
    for row, column in np.ndindex(*weights.shape):
        x, y, _, _ = drawing.box(row, column)
        assert np.abs(pixels[round(y) + 3, round(x) + 3] - colour_of(weights[row, column], "dark")).max() <= 3
    opened.finish()


def test_without_javascript_the_alignment_can_be_read(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert "The–Le" in page.inner_text("body")
    context.close()
