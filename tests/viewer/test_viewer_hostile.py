"""Tokens are data: in every view, in what is saved, from a page, a widget and a server, all are seen and none runs."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

import regard
from regard.viewer.document.document import document
from support.hostile import SPRUNG, TOKENS, TRAP, unseen, written_out
from support.serving import served
from support.viewer_driving import SVG, Opened
from support.widget_host import widget_opened

pytestmark = pytest.mark.browser

TITLE = "</title><img src=x onerror=alert('title')>\u202e\ud800 \" onload=\"alert(9)"
PICTURE = {"image": np.zeros((6, 18, 3), np.uint8), "grid": (3, 9)}  # so that there is something to show in every view
DRAWN = {"svg", "title", "desc", "g", "rect", "text", "tspan", "line", "path", "polyline", "image", "clipPath", "defs"}
# All text of the viewer, that of attributes and of the shadow tree too; lone surrogates by their numbers.
READ = """() => {
  const found = [];
  const read = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.localName === "script" || node.localName === "style") continue;
      for (const { value } of node.attributes) found.push(value);
      for (const child of node.childNodes) if (child.nodeType === Node.TEXT_NODE) found.push(child.data);
      if (node.shadowRoot) read(node.shadowRoot);
    }
  };
  read(document);
  return found.map((text) => text.replace(/\\p{Surrogate}/gu, "SURROGATE"));
}"""
ELEMENTS = """() => {
  const names = new Set();
  const read = (root) => {
    for (const node of root.querySelectorAll("*")) {
      names.add(node.localName);
      if (node.shadowRoot) read(node.shadowRoot);
    }
  };
  read(document);
  return [...names];
}"""


@pytest.fixture(scope="module")
def amap():
    made = regard.AttentionMap(*torch.randn(2, 1, 2, len(TOKENS), 3, generator=torch.Generator().manual_seed(2)))
    made.queries = made.keys = TOKENS
    return made


@pytest.fixture(scope="module")
def address(amap, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "hostile.html"
    regard.page(amap, path, title=TITLE, **PICTURE)
    return path.as_uri()


def assert_nothing_ran(opened):
    assert opened.page.evaluate(SPRUNG) == []
    assert not {"img", "b", "x", "iframe", "object"} & set(opened.page.evaluate(ELEMENTS))


def assert_all_can_be_seen(opened):
    read = opened.page.evaluate(READ)
    isolates = str.maketrans("", "", "\u2068\u2069")  # ours: they keep a token's direction to itself
    for text in read:
        assert "SURROGATE" not in text
        assert unseen(text.translate(isolates).replace("\n", "")) == [], text[:200]


@pytest.fixture
def opened(browser, address):
    made = Opened(browser, address, TRAP)
    yield made
    assert_nothing_ran(made)
    made.finish()


def test_the_trap_would_be_sprung(browser, tmp_path):
    page = tmp_path / "careless.html"
    page.write_text(f"<p>{TOKENS[2]}</p>", encoding="utf-8")
    context = browser.new_context()
    context.add_init_script(TRAP)
    opened = context.new_page()
    opened.goto(page.as_uri())
    opened.wait_for_function(f"{SPRUNG}.length > 0")
    context.close()


def test_every_view_shows_them(opened):
    assert "img src=x onerror" in opened.page.get_by_role("heading", level=1).text_content()
    assert len(opened.views()) == opened.page.get_by_role("tab").count()
    for view in opened.views():
        opened.view(view)
        opened.page.locator(".panel").hover()
        opened.press("ArrowRight", "ArrowDown", "ArrowRight")
        opened.table()
        assert_all_can_be_seen(opened)
        assert_nothing_ran(opened)
        opened.close_table()


def test_the_running_text_is_complete(opened):
    opened.view("Text")
    opened.choose("units", "tokens")
    shown = opened.page.locator(".text-token").all_text_contents()
    for token, text in zip(TOKENS + TOKENS, shown, strict=True):  # as keys, and as queries
        expected = written_out(token)
        assert text == (expected[:199] + "…" if len(token) > 200 else expected)


def test_what_is_saved_is_well_formed_and_runs_nothing(opened, browser, tmp_path):
    for view in opened.views():
        opened.view(view)
        opened.page.locator(".panel").click()
        svg = opened.svg()
        root = ET.fromstring(svg)  # noqa: S314 - the viewer's own
        assert {one.tag.removeprefix(SVG) for one in root.iter()} <= DRAWN
        for one in root.iter():
            assert not [name for name in one.attrib if name.startswith("on")]
            assert all(text.startswith("data:image/png;base64,") for name, text in one.attrib.items() if name.endswith("href"))
            assert unseen((one.text or "").replace("\n", "").translate({0x2068: None, 0x2069: None})) == []
        assert min(opened.png().size) > 100
        (tmp_path / "saved.svg").write_text(svg, encoding="utf-8")
        context = browser.new_context()
        context.add_init_script(TRAP)
        page = context.new_page()
        page.goto((tmp_path / "saved.svg").as_uri())
        assert page.evaluate(SPRUNG) == []
        context.close()


def test_a_translation_of_a_hostile_text(browser, tmp_path):
    source = '</script><img src=x onerror=alert(1)> \u202e "the cat" \'&amp;'
    path = tmp_path / "translation.html"
    regard.save(regard.translate(source), path)
    opened = Opened(browser, path.as_uri(), TRAP)
    for view in opened.views():
        opened.view(view)
        opened.press("w")
        assert_all_can_be_seen(opened)
        assert_nothing_ran(opened)
    opened.finish()


def test_the_address_is_data_too(browser, address):
    opened = Opened(browser, f"{address}#view=<img src=x onerror=alert(1)>&sort=</script><script>alert(2)</script>", TRAP)
    opened.view("Map")
    assert_nothing_ran(opened)
    opened.finish()


def test_through_the_messages_of_a_widget(browser, amap, tmp_path):
    """The program and the Python side of the widget as they are; between them only what a notebook does."""
    opened = widget_opened(browser, document(amap, title=TITLE, **PICTURE), tmp_path, TRAP)
    for view in opened.views():
        opened.view(view)
        opened.press("ArrowRight", "ArrowDown")
        assert_all_can_be_seen(opened)
        assert_nothing_ran(opened)
    opened.view("Text")
    opened.choose("units", "tokens")
    assert opened.page.locator(".text-token").count() == 2 * len(TOKENS)
    opened.page.evaluate("cleanup()")
    assert opened.page.locator(".viewer").count() == 0
    opened.finish()


@pytest.mark.exhaustive
def test_from_a_server(browser, amap, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.safetensors"
    amap.save(path)
    with served(path) as server:
        opened = Opened(browser, server.address, TRAP, allowed=(f"http://{server.host}:{server.port}/", "data:", "blob:"))
        for view in opened.views():
            opened.view(view)
            opened.press("ArrowRight", "ArrowDown")
            assert_all_can_be_seen(opened)
            assert_nothing_ran(opened)
        opened.finish()
