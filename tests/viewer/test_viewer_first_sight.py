"""What a stranger sees first: words, a word that is chosen and read, colours that show something."""

import numpy as np
import pytest
import torch

import regard
from support.viewer_driving import Opened, rounded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The old man told us a story about his daughter.")


@pytest.fixture
def first(browser, page_address):
    made = Opened(browser, page_address)
    yield made
    made.finish()


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    """A text of 2,000 tokens whose rows see what stands before them."""
    generator = torch.Generator().manual_seed(1)
    query, key = 1.2 * torch.randn(2, 1, 2, 2000, 16, generator=generator)
    amap = regard.AttentionMap(query, key, causal=True)
    amap.kind, amap.layer = "self", 0
    path = tmp_path_factory.mktemp("page") / "causal.html"
    regard.page(amap, path)
    return amap, path.as_uri()


def test_it_opens_in_words_with_one_of_them_read(first, translation):
    labels = first.page.locator(".ribbon-stage .label").all_text_contents()
    assert {"old", "raconté", "histoire"} <= set(labels)
    assert not any("▁" in label for label in labels)
    chosen = first.page.locator(".ribbon-stage .label[font-weight='700']").text_content()
    assert first.page.locator(".reader-partners h3").text_content().startswith(chosen)
    assert chosen.strip(".") in translation.text
    assert first.page.locator(".reader-partners li button").count() >= 3
    assert first.address() == {}  # it is no step of the reader
    sentence = first.page.locator(".meaning-said").text_content()
    assert sentence.startswith("A curve joins a French word that the model wrote to an English word that it looked at")
    first.view("Map")
    assert "Each row is a French word that the model wrote" in first.page.locator(".meaning-said").text_content()


def test_partners_walk_on(first):
    first.view("Map")
    mine = first.page.locator(".reader-partners h3").text_content()
    partner = first.page.locator(".reader-partners li button").first
    name, weight = (partner.locator(part).text_content() for part in (".partner-name", ".partner-weight"))
    partner.click()
    first.rest()
    assert first.page.locator(".reader-partners h3").text_content().startswith(name)
    back = first.page.locator(".reader-partners li button").first
    assert mine.startswith(back.locator(".partner-name").text_content())
    assert back.locator(".partner-weight").text_content() == weight
    back.click()
    first.rest()
    assert first.page.locator(".reader-partners h3").text_content() == mine


def test_the_pointer_reads_and_leaves_what_was_chosen(first):
    first.view("Map")
    mine = first.page.locator(".reader-partners h3").text_content()
    first.page.mouse.move(*first.point(first.drawing().box(0, 0)))
    first.rest()
    assert first.page.locator(".reader-partners h3").first.text_content() != mine
    first.page.mouse.move(1, 1)
    first.rest()
    assert first.page.locator(".reader-partners h3").all_text_contents() == [mine]


def test_a_head_is_told_in_numbers_with_what_they_mean(first, translation):
    layer, head = translation.reading().layer, translation.reading().head
    table = regard.heads(translation.recording)
    entropy = table[(table["kind"] == "cross") & (table["layer"] == layer) & (table["head"] == head)]["entropy"].iloc[0]
    said = first.page.locator(".reader-statistics dd").first
    assert rounded(said.text_content().split()[0], entropy, 1e-4)
    first.page.get_by_label("what entropy is").click()
    assert "0 for one key" in said.text_content()


def test_a_long_map_is_no_white_square(browser, causal):
    amap, address = causal
    opened = Opened(browser, address)
    opened.view("Map")
    pixels = opened.pixels()[150:500, 80:300].reshape(-1, 3)  # below the diagonal
    assert (pixels.sum(1) < 600).mean() > 0.05  # of these, many are dark enough to be seen
    assert "each cell is the largest of" in opened.told()
    assert "1 cell in 200" in opened.told()
    top = next(float(text[2:]) for text in opened.drawing_texts() if text.startswith("≥ "))
    assert top < float(amap[0, 0].max()) / 2
    opened.choose("colours", "in proportion")
    assert not any(text.startswith("≥ ") for text in opened.drawing_texts())
    opened.finish()


def test_what_a_row_may_not_see_is_no_weight_of_0(browser, tmp_path):
    generator = torch.Generator().manual_seed(2)
    query, key = torch.randn(2, 1, 1, 7, 5, generator=generator)
    for name, causal in (("causal", True), ("open", False)):
        regard.page(regard.AttentionMap(query, key, causal=causal), tmp_path / f"{name}.html")
        opened = Opened(browser, (tmp_path / f"{name}.html").as_uri())
        opened.view("Map")
        drawing = opened.drawing()
        hidden = drawing.colours[6]  # of row 0 and column 6
        if causal:
            assert hidden != (255, 255, 255)
            assert {drawing.colours[row * 7 + column] for row, column in zip(*np.triu_indices(7, 1), strict=True)} == {hidden}
            assert all(column <= row for row, column in drawing.values)
            assert "0" not in drawing.values.values()
        else:
            assert len(drawing.values) > 28
        opened.finish()


def test_the_ends_of_the_colour_bar_are_moved(first):
    first.view("Map")
    top = first.page.get_by_role("slider", name="weight of the strongest colour")
    box = top.bounding_box()
    before = first.drawing().colours
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    first.page.mouse.move(x, y)
    first.page.mouse.down()
    first.page.mouse.move(x, y + 110, steps=4)
    first.page.mouse.up()
    first.rest()
    low, high = map(float, first.address()["limits"].split(","))
    assert (low, high) == (0, pytest.approx(0.5, abs=0.03))
    assert "as chosen" in first.told()
    assert first.drawing().colours != before
    top.focus()
    first.press("ArrowUp")
    assert float(first.address()["limits"].split(",")[1]) == pytest.approx(1.25 * high, abs=0.002)
    first.press("Escape")
    assert "limits" not in first.address()
    assert first.drawing().colours == before


def test_a_ribbon_of_a_long_text_has_few_curves_a_token(browser, causal):
    _, address = causal
    opened = Opened(browser, f"{address}#view=ribbon&viewport=1000,1200,1000,1200")
    opened.rest()
    curves = opened.page.locator(".ribbon-stage path").count()
    assert 150 <= curves <= 3.2 * 240
    opened.finish()


def test_words_beside_the_map_are_explained(first):
    first.view("Map")
    terms = first.page.locator(".meaning-terms")
    assert terms.text_content().startswith("received ")
    first.page.get_by_label("what entropy is").first.click()
    assert terms.get_by_text("How widely a row spreads its weight, in nats").is_visible()
    first.view("Ribbon")
    assert first.page.locator(".meaning-terms span").count() == 0


def test_a_text_that_looks_at_itself_is_told_as_such(browser, causal):
    """2,000 positions without names: each is called by its position, once."""
    made = Opened(browser, causal[1])
    page = made.page
    assert page.locator(".reader-partners h3").text_content().isdecimal()
    assert page.locator(".reader-partners .partner-name small").count() == 0
    assert page.locator(".meaning-said").text_content().startswith("Each row is a token of the text; ")
    assert "at the token of that column" in page.locator(".meaning-said").text_content()
    made.view("Ribbon")
    said = page.locator(".meaning-said").text_content()
    assert said.startswith("A curve joins a token of the text to a token that it looked at")
    made.view("Heads")
    assert "those of the map, a token of the text each, and" in page.locator(".meaning-said").text_content()
    made.finish()
