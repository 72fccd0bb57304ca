"""The offline page of a translation, opened from disk: its map shows the weights that torch computed, whatever is chosen."""

import io
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
import torch
from PIL import Image

import regard
from regard.analysis.alignment.word_maps import merge
from support.viewer_driving import Opened, assert_shows, colour_of, rounded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The unbelievable cat sat on the mat.")


@pytest.fixture
def opened(opened):
    """The map of the page, as it opens."""
    opened.view("Map")
    return opened


@pytest.fixture(scope="module")
def opening(translation):
    """Layer and head that the page opens with, and that head's weights."""
    reading = translation.reading()
    return reading.layer, reading.head, translation.recording.cross[reading.layer][0, reading.head]


def test_the_table_and_the_drawing_have_the_weights(opened, translation, opening):
    _, _, weights = opening
    assert_shows(opened.drawing(), weights)
    caption, columns, rows = opened.table()
    assert "all cells on screen" in caption
    assert columns == ["query", "tokens produced", "key", "source tokens", "weight"]
    assert len(rows) == weights.numel()
    for query, token, key, source, weight in rows:
        assert token == translation.target_tokens[int(query)]
        assert source == translation.source_tokens[int(key)]
        assert rounded(weight, weights[int(query), int(key)])


def test_colours_on_the_screen_are_those_of_the_weights(opened, opening):
    _, _, weights = opening
    drawing, pixels = opened.drawing(), opened.pixels()
    for row in range(drawing.rows):
        for column in range(drawing.columns):
            x, y, _, _ = drawing.box(row, column)
            expected = colour_of(weights[row, column])
            assert np.abs(pixels[round(y) + 3, round(x) + 3] - expected).max() <= 3, (row, column)
            assert np.abs(drawing.colours[row * drawing.columns + column] - expected).max() <= 3


def test_colours_by_logarithm_and_by_row(opened, opening):
    _, _, weights = opening
    opened.choose("colours", "each row by its largest")
    drawing = opened.drawing()
    for row in range(drawing.rows):
        expected = colour_of(weights[row, 1], top=float(weights[row].max()))
        assert np.abs(drawing.colours[row * drawing.columns + 1] - expected).max() <= 3
    opened.press("c", "c", "c")
    assert opened.said() == "colours by logarithm"
    drawing = opened.drawing()
    shares = 1 + np.log(weights.clamp(1e-6, 1).numpy()) / np.log(1e6)
    for place in np.ndindex(*shares.shape):
        at = place[0] * drawing.columns + place[1]
        assert np.abs(drawing.colours[at] - colour_of(shares[place])).max() <= 3


def test_a_weight_under_the_pointer_and_pinned(opened, translation, opening):
    _, _, weights = opening
    box = opened.drawing().box(2, 1)
    opened.page.mouse.move(*opened.point(box))
    assert {"query": "2", "key": "1"}.items() <= opened.address().items()
    opened.page.mouse.click(*opened.point(box))
    opened.page.mouse.move(1, 1)
    opened.rest()
    texts = opened.drawing().texts  # a pinned crosshair is part of what is saved
    [read] = [text for text in texts if text.startswith("weight ")]
    assert rounded(read.removeprefix("weight "), weights[2, 1])
    assert any(translation.target_tokens[2] in text and "(2)" in text for text in texts)
    opened.press("Escape")
    assert opened.address().get("pinned", "0") == "0"


def test_arrow_keys_say_tokens_and_weights(opened, translation, opening):
    _, _, weights = opening
    opened.page.locator(".map-canvas").focus()
    opened.press("ArrowDown", "ArrowDown", "ArrowRight")
    said = opened.said()
    assert f"tokens produced: {translation.target_tokens[1]}  (1)" in said
    assert f"tokens produced: {translation.target_tokens[1]}" in said
    assert f"source tokens: {translation.source_tokens[1]}  (1)" in said
    assert rounded(said.rpartition("weight ")[2], weights[1, 1])
    opened.press("Control+End")
    assert rounded(opened.said().rpartition("weight ")[2], weights[-1, -1])


def test_heads_one_and_several(opened, translation, opening):
    layer, _, _ = opening
    heads = translation.recording.cross[layer].dense()[0]
    opened.head(2)
    assert_shows(opened.drawing(), heads[2])
    opened.head(0, "Control")
    assert opened.address()["heads"] == "0,2"
    assert_shows(opened.drawing(), heads[[0, 2]].mean(0))
    assert "mean of 2 heads" in opened.told()
    opened.page.get_by_role("button", name="all", exact=True).click()
    opened.rest()
    assert_shows(opened.drawing(), heads.mean(0))
    opened.press("]")
    assert opened.said().endswith("head 0")
    assert_shows(opened.drawing(), heads[0])


def test_a_head_is_chosen_and_a_key_pressed_at_once(opened, translation, opening):
    """Before anything could be drawn: what is said is of the new head all the same."""
    layer, _, _ = opening
    head = opened.page.get_by_role("button", name="head 2", exact=True).element_handle()
    canvas = opened.page.locator(".map-canvas").element_handle()
    both = "([head, canvas]) => { head.click(); canvas.dispatchEvent(new KeyboardEvent('keydown', KEY)); }"
    opened.page.evaluate(both.replace("KEY", "{ key: 'ArrowDown', bubbles: true, composed: true }"), [head, canvas])
    opened.rest()
    assert rounded(opened.said().rpartition("weight ")[2], translation.recording.cross[layer][0, 2, 0, 0])


def test_other_layers_and_kinds(opened, translation, opening):
    _, head, _ = opening
    opened.choose("map", "encoder layer 1")
    assert_shows(opened.drawing(), translation.recording.encoder[1][0, head])
    opened.choose("map", "decoder layer 0")
    assert_shows(opened.drawing(), translation.recording.decoder[0][0, head])
    opened.page.locator(".map-canvas").focus()
    opened.press("Shift+}")
    assert_shows(opened.drawing(), translation.recording.decoder[1][0, head])
    assert "decoder layer 1" in opened.said()


def test_words_are_merged_by_mass(opened, translation, opening):
    layer, head, _ = opening
    opened.choose("row labels", "tokens produced")
    opened.choose("units", "words")
    drawing = opened.drawing()
    merged = merge(translation.recording.cross[layer])[0, head]
    assert len(merged) < len(translation.target_tokens)
    # The viewer shows </s> too, as a word of its own, where merge leaves it out.
    assert (drawing.rows, drawing.columns) == (len(merged) + 1, merged.shape[1] + 1)
    for row, column in np.ndindex(*merged.shape):
        assert drawing.says(row, column, merged[row, column]), (row, column)
    assert {"unbelievable", "sat"} <= set(drawing.texts)
    assert "the weight of a word on a word" in opened.told()


def test_special_tokens_hidden_and_renormalised(opened, opening):
    _, _, weights = opening
    opened.choose("special tokens", "hidden")
    kept = weights[:-1, :-1]  # </s> is the last of both texts
    assert_shows(opened.drawing(), kept)
    assert "</s>" not in opened.drawing().texts
    assert "renormalised" not in opened.told()
    opened.menu()
    opened.page.get_by_label("renormalise rows").check()
    opened.close_menu()
    opened.rest()
    assert_shows(opened.drawing(), kept / kept.sum(-1, keepdim=True))
    assert "rows renormalised over the other tokens" in opened.told()
    assert "each row is divided by what remains of it" in opened.notes()


def test_row_labels_are_what_was_produced_or_consumed(opened, translation):
    drawing = opened.drawing()
    assert set(translation.target_tokens) <= set(drawing.texts)
    assert translation.recording.consumed[0] not in drawing.texts
    opened.choose("row labels", "tokens consumed")
    drawing = opened.drawing()
    assert set(translation.recording.consumed) <= set(drawing.texts)


def test_margins_are_sums_of_the_whole_map(opened, opening):
    _, _, weights = opening
    texts = opened.drawing().texts
    at = texts.index("received")
    received = next(text for text in texts[at - 2 : at + 3] if text.startswith("≤"))
    assert rounded(received.split()[1], weights.sum(0).max())
    entropy = next(text for text in texts if text.endswith(" nats"))
    assert rounded(entropy.split()[1], torch.special.entr(weights).sum(-1).max())


def test_wheel_drag_double_click_and_keys(opened, opening):
    _, _, weights = opening
    whole = opened.drawing()
    x, y = opened.point(whole.box(3, 3))
    opened.wheel((x, y), -120)
    assert opened.address()["query"] == "3"  # what is under the pointer stays there, but at the map's edges
    near = opened.drawing()
    assert near.rows < whole.rows
    assert near.boxes[0][2] > whole.boxes[0][2]
    opened.wheel((x, y), -40)

    top, bottom, left, right = map(float, opened.address()["viewport"].split(","))
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 10, y - 60, steps=4)  # up; and to the right, as the last column is in sight
    opened.page.mouse.up()
    moved = list(map(float, opened.address()["viewport"].split(",")))
    assert moved[0] > top
    assert moved[2] < left
    assert moved[1] - moved[0] == pytest.approx(bottom - top, abs=2e-3)
    assert moved[3] - moved[2] == pytest.approx(right - left, abs=2e-3)
    drawing = opened.drawing()
    first, start = int(moved[0]), int(moved[2])
    assert_shows(drawing, weights[first : first + drawing.rows, start : start + drawing.columns])

    opened.page.mouse.dblclick(x, y)
    closer = list(map(float, opened.address()["viewport"].split(",")))
    assert closer[1] - closer[0] < moved[1] - moved[0]
    opened.page.get_by_role("button", name="whole map").click()
    assert "viewport" not in opened.address()
    opened.page.locator(".map-canvas").focus()
    opened.press("+")
    assert opened.said().startswith("rows, tokens produced, ")
    assert "viewport" in opened.address()
    opened.press("0")
    assert_shows(opened.drawing(), weights)


def test_shift_and_drag_zoom_to_a_box(opened, opening):
    _, _, weights = opening
    drawing = opened.drawing()
    opened.page.keyboard.down("Shift")
    opened.page.mouse.move(*opened.point(drawing.box(2, 1), 0.4))
    opened.page.mouse.down()
    opened.page.mouse.move(*opened.point(drawing.box(5, 5), 0.6), steps=3)
    opened.page.mouse.up()
    opened.page.keyboard.up("Shift")
    top, bottom, left, right = map(float, opened.address()["viewport"].split(","))
    assert top <= 2.4 + 1e-3
    assert bottom >= 5.6 - 1e-3
    assert left <= 1.4 + 1e-3
    assert right >= 5.6 - 1e-3
    assert bottom - top < len(weights)


def test_the_place_is_kept_in_the_address(opened, browser):
    opened.head(3)
    opened.wheel(opened.point(opened.drawing().box(4, 2)), -240)
    opened.page.mouse.click(*opened.point(opened.drawing().box(1, 1)))
    opened.rest()
    before, state = opened.drawing(), opened.address()
    other = Opened(browser, opened.page.url)
    assert other.address() == state
    assert other.drawing().texts == before.texts
    other.finish()


def test_the_place_is_kept_when_the_view_changes(opened):
    opened.page.mouse.click(*opened.point(opened.drawing().box(4, 2)))
    before = opened.drawing().texts
    for name in ("Ribbon", "Text", "Steps", "Heads", "Map"):
        opened.view(name)
        assert {"query": "4", "key": "2"}.items() <= opened.address().items(), name
    assert opened.drawing().texts == before


@pytest.mark.parametrize("wrong", ["map=99&heads=77", "view=<img>", "viewport=9,1,2,NaN", "query=-1&key=1e9", "%E0%A4%A"])
def test_an_address_that_makes_no_sense_is_left_out(browser, address, wrong):
    made = Opened(browser, f"{address}&{wrong}")
    made.view("Map")
    assert made.drawing().rows > 0
    made.finish()


def test_saved_pictures(opened, translation, opening):
    layer, head, _ = opening
    name, data = opened.saved("SVG")
    assert name.startswith("The-unbelievable-cat-sat-on-the-mat")
    assert name.endswith(f"_cross-layer-{layer}-head-{head}_map.svg")
    text = data.decode()
    assert set(translation.source_tokens) <= set(opened.drawing().texts)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")  # it stands by itself
    width, height = opened.drawing().size
    name, data = opened.saved("PNG")
    assert name.endswith("_map.png")
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (2 * width, 2 * height)
    assert len(picture.convert("RGB").getcolors(2**24)) > 50


def test_copied_as_a_table(opened, opening):
    _, _, weights = opening
    opened.press_in_menu("Copy table")
    opened.page.get_by_text("copied:").wait_for()
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))")
    opened.page.locator("#paste").focus()
    opened.page.keyboard.press("Control+v")
    lines = opened.page.locator("#paste").input_value().split("\n")
    assert lines[0].split("\t") == ["query", "tokens produced", "key", "source tokens", "weight"]
    assert len(lines) == 1 + weights.numel()
    # All digits of a page, which computes in double precision; float32 products differ from processor to processor.
    assert rounded(lines[1].split("\t")[-1], weights[0, 0], error=4e-7)


def test_numbers_are_computed_by_a_worker_that_the_program_of_the_page_is(opened):
    assert [one.url.partition("/")[0] for one in opened.page.workers] == ["blob:null"]  # it would be gone if it had failed


def test_a_page_whose_program_was_cut_short_says_so(browser, page_address, tmp_path):
    text = Path(url2pathname(urlsplit(page_address).path)).read_text()
    before, mark, after = text.partition('data-regard="program">')
    (tmp_path / "cut.html").write_text(before + mark + after[:400] + after[after.index("</script>") :])
    page = browser.new_page()
    page.goto((tmp_path / "cut.html").as_uri())
    page.get_by_text("The program of this page cannot be opened").wait_for()
    page.close()
