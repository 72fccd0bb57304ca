"""The viewer by every means: forced colours, keys that are wanted, fingers, the wheel of a page around it, less motion."""

import re

import pytest

import regard
from regard.viewer.document.document import document
from support.viewer_driving import Opened
from support.widget_host import widget_opened

pytestmark = pytest.mark.browser

LOOK = "(one) => { const style = getComputedStyle(one); return [style.outlineStyle, style.outlineWidth]; }"
SMALL = """() => {
  const root = document.querySelector("div").shadowRoot;
  const all = [...root.querySelectorAll("button, select, summary, input, [role=tab], [role=slider]")];
  const reached = (one) => (one.matches("input[type=checkbox], input[type=radio]") ? one.closest("label") : one);
  return all.map(reached).filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()])
    .filter(([one, box]) => box.width < 44 || box.height < 44)
    .map(([one, box]) => `${one.className} ${one.textContent.slice(0, 20)} ${box.width} × ${box.height}`);
}"""
MOVING = """() => [...document.querySelector("div").shadowRoot.querySelectorAll("*")]
  .map((one) => getComputedStyle(one))
  .filter(({ transitionDuration, animationName, scrollBehavior }) =>
    transitionDuration !== "0s" || animationName !== "none" || scrollBehavior !== "auto").length"""


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The old man told us a story about his daughter.")


def test_what_is_chosen_is_seen_in_forced_colours(browser, address):
    opened = Opened(browser, address, forced_colors="active")
    bar = opened.page.locator(".bar")
    chosen, other = (bar.locator(f"[aria-pressed={state}]").first.evaluate(LOOK) for state in ("true", "false"))
    assert chosen == ["solid", "3px"]
    assert chosen != other
    tabs = [tab.evaluate(LOOK) for tab in opened.page.get_by_role("tab").all()]
    assert tabs.count(["solid", "3px"]) == 1
    opened.view("Steps")
    held = opened.page.locator(".steps-queries")
    assert held.locator("[aria-pressed=true]").evaluate(LOOK) == ["solid", "3px"]
    assert held.locator("[aria-pressed=false]").first.evaluate(LOOK) != ["solid", "3px"]
    opened.view("Text")
    opened.page.locator(".text-token[data-side=query]").first.click()
    shades = {one.evaluate("one => getComputedStyle(one).backgroundColor") for one in opened.page.locator(".text-token").all()}
    assert len(shades) > 2  # weights stay visible as colours
    opened.finish()


def test_letters_can_be_turned_off(opened):
    opened.view("Map")
    opened.menu()
    opened.page.get_by_label("shortcuts of one key").uncheck()
    opened.close_menu()
    opened.press("2")
    assert opened.address()["view"] == "map"
    opened.press("ArrowDown", "ArrowDown")
    assert opened.address()["query"] == "1"


def test_a_page_around_the_viewer_keeps_its_keys(browser, translation, tmp_path):
    opened = widget_opened(browser, document(translation), tmp_path)
    opened.page.evaluate("document.body.tabIndex = 0; document.body.focus({ preventScroll: true })")
    opened.press("1")
    shown = opened.page.locator("[role=tab][aria-selected=true]")
    assert shown.text_content() == "Ribbon"
    opened.page.locator(".title").click()  # anywhere in it
    opened.press("1")
    assert shown.text_content() == "Map"
    opened.finish()


@pytest.mark.parametrize("view", ["Map", "Ribbon", "Text", "Heads"])
def test_fingers_find_everything(browser, address, view):
    opened = Opened(browser, address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened.view(view)
    assert opened.page.evaluate(SMALL) == []
    opened.menu()
    assert opened.page.evaluate(SMALL) == []
    opened.close_menu()
    opened.page.get_by_role("button", name="more of the reader").click()
    assert opened.page.evaluate(SMALL) == []
    opened.finish()


def test_several_heads_by_touch(browser, address):
    opened = Opened(browser, address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened.view("Map")
    opened.page.locator(".fold-heads > button").tap()
    opened.page.get_by_role("button", name="head 0", exact=True).tap()
    opened.page.get_by_role("button", name="choose several heads").tap()
    opened.page.get_by_role("button", name="head 2", exact=True).tap()
    opened.rest()
    assert opened.address()["heads"] == "0,2"
    assert "mean of 2 heads" in opened.told()
    opened.finish()


def test_the_wheel_scrolls_the_page_around_until_the_map_is_clicked(browser, translation, tmp_path):
    opened = widget_opened(browser, document(translation), tmp_path, viewport={"width": 1000, "height": 800})
    opened.page.evaluate("document.body.style.height = '4000px'")
    opened.view("Map")
    opened.page.evaluate("document.body.tabIndex = 0; document.body.focus({ preventScroll: true })")
    box = opened.page.locator(".map-stage").bounding_box()
    point = box["x"] + 220, box["y"] + 240
    whole = opened.drawing().rows
    opened.page.mouse.move(*point)
    opened.page.mouse.wheel(0, 120)
    opened.page.get_by_text(re.compile("Ctrl . wheel zooms")).wait_for()
    opened.page.wait_for_function("scrollY > 50")
    opened.page.wait_for_timeout(600)  # pages scroll on for a while
    opened.page.evaluate("scrollTo(0, 0)")
    opened.rest()
    assert opened.drawing().rows == whole

    opened.page.evaluate("document.body.focus({ preventScroll: true })")
    opened.page.keyboard.down("Control")
    opened.wheel(point, -240)
    opened.page.keyboard.up("Control")
    near = opened.drawing().rows
    assert near < whole
    assert opened.page.evaluate("scrollY") < 20

    opened.page.mouse.click(*point)
    opened.press("Escape")
    opened.wheel(point, 240, 240, 240)
    assert opened.drawing().rows == whole
    assert opened.page.evaluate("scrollY") < 20
    opened.finish()


def test_nothing_moves_by_itself_where_less_motion_is_wanted(browser, address):
    opened = Opened(browser, address, reduced_motion="reduce")
    for view in opened.views():
        opened.view(view)
        assert opened.page.evaluate(MOVING) == 0, view
    opened.finish()
