"""The viewer from a server: a file, a long file of which a sample is read, and the playground, as they look in the browser."""

import re

import pytest
import torch

import regard
from regard.mechanisms.catalogue import card, example
from support.serving import served
from support.viewer_driving import Opened, assert_shows, rounded

pytestmark = pytest.mark.browser

LENGTH = 20_000


@pytest.fixture(scope="module")
def small():
    generator = torch.Generator().manual_seed(4)
    made = regard.AttentionMap(*torch.randn(2, 1, 3, 13, 5, generator=generator), causal=True)
    made.queries = made.keys = (*(f"▁word{at}" if at % 3 else f"piece{at}" for at in range(12)), "</s>")
    return made


@pytest.fixture(scope="module")
def long_map():
    query, key = torch.randn(2, 1, 2, LENGTH, 16, generator=torch.Generator().manual_seed(6))
    return regard.AttentionMap(query, key, causal=True)


@pytest.fixture(scope="module")
def files(small, long_map, tmp_path_factory):
    """A server of both files."""
    folder = tmp_path_factory.mktemp("served")
    small.save(folder / "small.safetensors")
    long_map.save(folder / "long.safetensors")
    with served(folder / "small.safetensors", folder / "long.safetensors", command="serve") as server:
        yield server


def looked_at(browser, server, fragment=""):
    own = f"http://{server.host}:{server.port}/"
    return Opened(browser, server.address + fragment, allowed=(own, "data:", "blob:"), viewport={"width": 1200, "height": 1300})


@pytest.fixture
def opened(browser, files):
    made = looked_at(browser, files, "#unit=tokens")
    yield made
    made.finish()


def test_weights_heads_words_and_special_tokens(opened, small):
    opened.view("Map")
    assert_shows(opened.drawing(), small[0, 0])
    opened.head(2)
    assert_shows(opened.drawing(), small[0, 2])
    opened.head(1, "Control")
    assert_shows(opened.drawing(), small[0, 1:].mean(0))
    opened.head(1)
    opened.choose("special tokens", "hidden")
    assert_shows(opened.drawing(), small[0, 1, :-1, :-1])
    opened.menu()
    opened.page.get_by_label("renormalise rows").check()
    opened.close_menu()
    opened.rest()
    kept = small[0, 1, :-1, :-1]
    assert_shows(opened.drawing(), kept / kept.sum(-1, keepdim=True))


def test_zoom_and_keys(opened, small):
    opened.view("Map")
    opened.wheel(opened.point(opened.drawing().box(5, 5)), -240, -240)
    top, _, left, _ = map(float, opened.address()["viewport"].split(","))
    drawing = opened.drawing()
    row, column = int(top), int(left)
    assert drawing.rows < 13
    expected = small[0, 0, row : row + drawing.rows, column : column + drawing.columns]
    assert_shows(drawing, expected)
    opened.page.locator(".map-canvas").focus()
    opened.press("Control+End")
    assert rounded(opened.said().rpartition("weight ")[2], small[0, 0, 12, 12])


def test_steps_are_those_of_trace(opened, small):
    opened.view("Steps")
    opened.page.get_by_role("button", name="All", exact=True).click()
    opened.page.get_by_role("toolbar", name="query").get_by_role("button").nth(7).click()
    opened.rest()
    factors = small.factors
    steps = regard.trace(factors.query, factors.key, torch.zeros(1, 3, 13, 2), causal=True)
    _, _, rows = opened.table()
    shown = {row[0].split(":")[0]: row[1:14] for row in rows}
    for name, values in {"q · k": steps.scores, "scale": steps.scaled, "softmax": steps.weights}.items():
        assert all(rounded(text, value, 2e-6) for text, value in zip(shown[name], values[0, 0, 7], strict=True)), name
    assert shown["mask"][8:] == ["−∞"] * 5


def test_a_long_map_is_read_as_a_sample_and_says_so(opened, long_map):
    opened.page.get_by_role("combobox", name="looking at").select_option("long")
    opened.page.get_by_role("button", name="head 2", exact=True).wait_for(state="detached")  # it has two heads, not three
    opened.view("Map")
    told = opened.told()
    found = re.search(r"each cell is the largest of (\d+) × \d+ weights · read from 1 query in (\d+)", told)
    assert found, told
    side, step = map(int, found.groups())
    assert 2 <= step <= side
    assert "margins estimated from at most" in told

    stage = opened.page.locator(".map-stage").bounding_box()
    point = stage["x"] + 240, stage["y"] + 330
    for _ in range(14):
        if "each cell is one weight" in opened.told():
            break
        opened.wheel(point, -240, -240)
    assert "read from" not in opened.told()
    _, _, rows = opened.table()
    opened.close_table()
    for query, _, key, _, weight in rows[:40]:
        assert rounded(weight, long_map[0, 0, int(query), int(key)]), (query, key)


def test_another_document_stands_beside_the_first(opened):
    opened.view("Map")
    opened.page.get_by_role("combobox", name="beside it").select_option("long")
    opened.rest()
    label = opened.page.locator(".compare-pane .map-canvas[aria-label*='long: ']").get_attribute("aria-label")
    assert "each cell is the largest of" in label
    opened.page.locator(".compare-pane .map-canvas").focus()
    opened.press("ArrowDown", "Home", "ArrowDown")
    opened.page.get_by_role("combobox", name="beside it").select_option("")
    opened.page.locator(".compare-pane .map-canvas").wait_for(state="detached")
    opened.rest()
    assert opened.page.locator(".map-canvas").count() == 1


def test_a_link_leads_to_both_documents(browser, files):
    opened = looked_at(browser, files)
    assert "?" not in opened.page.url
    opened.view("Map")
    opened.page.get_by_role("combobox", name="beside it").select_option("long")
    opened.rest()
    opened.page.get_by_role("combobox", name="its head").select_option(label="head 1")
    opened.rest()
    assert "beside=" in opened.page.url
    opened.page.reload()
    opened.rest()
    label = opened.page.locator(".compare-pane .map-canvas[aria-label*='long: ']").get_attribute("aria-label")
    assert ", head 1:" in label
    opened.page.get_by_role("combobox", name="looking at").select_option("long")
    opened.rest()
    assert "document=" in opened.page.url
    assert "beside=" not in opened.page.url
    opened.page.goto(opened.page.url.partition("?")[0] + "?document=gone")
    opened.page.get_by_text("what this link leads to is not here any more").wait_for()
    opened.finish()


def test_what_it_was_told_is_in_the_address_and_loads_again(browser, files, small):
    opened = looked_at(browser, files, "#view=map&heads=2&special=hidden&unit=tokens")
    assert_shows(opened.drawing(), small[0, 2, :-1, :-1])
    opened.finish()


@pytest.fixture(scope="module")
def playground(browser):
    with served(command="serve") as server:
        opened = looked_at(browser, server)
        yield opened
        opened.finish()


class TestPlayground:
    def test_a_sentence_is_translated(self, playground):
        page = playground.page
        page.get_by_role("textbox").first.fill("The dog sleeps.")
        page.get_by_role("button", name="Translate").click()
        page.get_by_role("heading", name="The dog sleeps.").wait_for()
        playground.rest()
        translation = regard.translate("The dog sleeps.")
        reading = translation.reading()
        playground.view("Map")
        playground.choose("units", "tokens")
        assert_shows(playground.drawing(), translation.recording.cross[reading.layer][0, reading.head])
        assert set(translation.source_tokens) <= set(playground.drawing().texts)

    def test_a_translation_that_is_given(self, playground):
        page = playground.page
        page.get_by_role("textbox").first.fill("The dog sleeps.")
        page.get_by_role("textbox").nth(1).fill("Le chien dort bien.")
        page.get_by_role("button", name="Translate").click()
        page.locator(".ribbon-stage").get_by_text("bien.", exact=True).wait_for()
        assert page.get_by_role("combobox", name="looking at").locator("option").count() >= 2

    def test_a_mechanism_step_by_step(self, playground):
        page = playground.page
        chosen = card("softcap")
        page.get_by_role("combobox", name="a mechanism on a small example").select_option("softcap")
        page.locator(".formula", has_text=chosen.formula).wait_for()
        playground.rest()
        query, key, value = example(16)
        expected = chosen.apply(query, key, value).weights.detach()
        playground.view("Map")
        assert_shows(playground.drawing(), expected[0, 0])
        playground.view("Steps")
        page.get_by_role("button", name="All", exact=True).click()
        _, _, rows = playground.table()
        assert [row[0].split(":")[0] for row in rows][:3] == ["q · k", "scale", "softcap"]
        playground.close_table()

    def test_what_cannot_be_done_is_told(self, playground):
        page = playground.page
        page.get_by_role("textbox").nth(1).fill("")
        page.get_by_role("textbox").first.fill("   ")
        page.get_by_role("button", name="Translate").click()
        said = page.locator(".said.wrong")
        said.wait_for()
        assert "words" in said.text_content() or "expected" in said.text_content()
        # The browser's console tells of the refused request too.
        playground.watched.problems = [one for one in playground.watched.problems if "400" not in one]
