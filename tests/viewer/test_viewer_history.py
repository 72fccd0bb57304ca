"""Back and Forward: the browser's own on a page, and within the viewer where the page belongs to somebody else."""

import pytest
import torch

import regard
from support.viewer_driving import Opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    generator = torch.Generator().manual_seed(0)
    amap = regard.AttentionMap(*torch.randn(2, 1, 3, 13, 5, generator=generator), causal=True)
    path = tmp_path_factory.mktemp("history") / "it.html"
    regard.page(amap, path)
    return path.as_uri()


def until(page, part):
    """The address says it."""
    for _ in range(200):
        if part in page.evaluate("location.hash"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"expected {part} in the address, got {page.url}")


def test_back_and_forward_lead_through_views_heads_and_zooms(browser, address):
    opened = Opened(browser, address)
    page = opened.page
    opened.view("Text")
    until(page, "view=text")
    opened.view("Map")
    page.wait_for_timeout(500)  # two changes that follow at once are one place
    opened.head(2)
    until(page, "heads=2")
    opened.wheel(opened.point(opened.drawing().box(5, 5)), -240)
    until(page, "viewport")
    # The pointer leads nowhere.
    page.mouse.move(*opened.point(opened.drawing().box(3, 3)))
    until(page, "query")
    page.go_back()
    opened.rest()
    assert "viewport" not in opened.address()
    assert opened.address()["heads"] == "2"
    page.go_back()
    page.go_back()
    until(page, "view=text")
    opened.rest()
    assert page.get_by_role("tab", name="Text").get_attribute("aria-selected") == "true"
    page.go_forward()
    page.go_forward()
    until(page, "heads=2")
    opened.rest()
    assert opened.drawing().rows == 13
    assert page.evaluate("history.length") == 6  # the blank page, the first look, Text, the map, its head 2, the zoom
    opened.finish()


def test_a_frame_leaves_the_history_of_its_page_alone(browser, address, tmp_path):
    (tmp_path / "host.html").write_text(f'<iframe src="{address}" sandbox="allow-scripts" width="1000" height="700"></iframe>')
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    page.goto((tmp_path / "host.html").as_uri())
    frame = page.frame_locator("iframe")
    before = page.evaluate("history.length")
    chosen = frame.get_by_role("tab", name="Text", exact=True)
    chosen.click()
    page.wait_for_timeout(600)
    frame.get_by_role("tab", name="Heads", exact=True).click()
    page.wait_for_timeout(600)
    assert page.evaluate("history.length") == before
    page.keyboard.press("Alt+ArrowLeft")
    page.wait_for_timeout(300)
    assert chosen.get_attribute("aria-selected") == "true"
    assert page.url.endswith("host.html")
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_timeout(300)
    assert frame.get_by_role("tab", name="Heads", exact=True).get_attribute("aria-selected") == "true"
    frame.get_by_role("button", name="menu").click()
    frame.get_by_role("button", name="← Back").click()
    page.wait_for_timeout(300)
    assert chosen.get_attribute("aria-selected") == "true"
    assert frame.get_by_role("button", name="← Back").is_enabled()
    frame.get_by_role("button", name="← Back").click()
    page.wait_for_timeout(300)
    assert frame.get_by_role("button", name="← Back").is_disabled()
    context.close()
