"""A long map in one offline page: from all of it to single weights, as exact as the page says, at every step of the zoom."""

import re

import pytest
import torch

import regard
from support.viewer_driving import assert_shows, rounded

pytestmark = [pytest.mark.browser, pytest.mark.long]

HEADS, LENGTH, DIM = 3, 8192, 64
MOST_BYTES, MOST_ERROR = 9_000_000, 2e-3
HEAD = 2


@pytest.fixture(scope="module")
def long_map():
    generator = torch.Generator().manual_seed(5)
    query, key = 1.5 * torch.randn(2, 1, HEADS, LENGTH, DIM, generator=generator)
    return regard.AttentionMap(query, key, causal=True)


@pytest.fixture(scope="module")
def address(long_map, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "long.html"
    page = regard.page(long_map, path, title="A long map", statistics=False)
    assert len(page) < MOST_BYTES
    return path.as_uri()


@pytest.fixture
def opened(once_opened):
    """The whole map of one head, in the page that stays open: building it anew would cost more than the test."""
    once_opened.page.evaluate(f"location.hash = 'view=map&heads={HEAD}&how=mean'")
    once_opened.rest()
    return once_opened


def error_told(opened):
    """By how much a weight differs at most, as the page says."""
    return float(re.search(r"differs from the recorded one by at most ([0-9.e-]*[0-9])", opened.notes())[1])


def span(text):
    """The positions of "512–543" or of "7", as a slice."""
    first, _, last = text.partition("–")
    return slice(int(first), int(last or first) + 1)


def part_drawn(drawing):
    """The rows and columns of a saved picture, as it says: it has a shape of its own, and may show more than the window."""
    said = next(text for text in drawing.texts if text.startswith("part of the map: ")).replace(",", "")
    return [slice(int(first), int(last) + 1) for first, last in re.findall(r"(\d+) to (\d+)", said)]


def block(long_map, row):
    """The weights of the cell that a row of the table tells of."""
    return long_map[0, HEAD, span(row[0]), span(row[2])]


def check(opened, long_map, reduce=torch.mean, count=60):
    """The first rows of the table against the map; returns how many weights a cell has along a side."""
    _, _, rows = opened.table()
    opened.close_table()
    error = error_told(opened)
    assert len(rows) >= 100
    for row in rows[:count]:
        weights = block(long_map, row)
        assert rounded(row[4], reduce(weights), error), row
    return len(block(long_map, rows[0]))


def test_the_error_is_told_and_small(opened):
    assert 0 < error_told(opened) <= MOST_ERROR


def test_from_the_whole_map_to_single_weights(opened, long_map):
    sides = [check(opened, long_map)]
    assert f"each cell is the mean of {sides[0]} × {sides[0]} weights" in opened.told()
    stage = opened.page.locator(".map-stage").bounding_box()
    point = stage["x"] + 240, stage["y"] + 330
    for _ in range(12):
        if "each cell is one weight" in opened.told():
            break
        opened.wheel(point, -240, -240)
        sides.append(check(opened, long_map))
    assert sides[0] >= 16
    assert sides[-1] == 1
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) >= 4

    while not (drawing := opened.drawing()).values:
        opened.wheel(point, -240)
    rows, columns = part_drawn(drawing)
    top, _, left, _ = map(float, opened.address()["viewport"].split(","))
    assert int(top) in range(LENGTH)[rows]
    assert int(left) in range(LENGTH)[columns]
    weights = long_map[0, HEAD, rows, columns]
    error = error_told(opened)
    assert_shows(drawing, weights, error)
    # A map of noise has no two rows alike: another place's weights would not do.
    with pytest.raises(AssertionError):
        assert_shows(drawing, weights.flip(0), error)

    opened.page.locator(".map-canvas").focus()
    opened.press("ArrowDown", "ArrowRight")
    places = [int(found.replace(",", "")) for found in re.findall(r"\(([\d,]+)\)", opened.said())]
    assert rounded(opened.said().rpartition("weight ")[2], long_map[0, HEAD, places[0], places[1]], error)
    opened.press("0")
    assert check(opened, long_map) == sides[0]


def test_the_largest_instead_of_the_mean(opened, long_map):
    opened.choose("a cell shows", "the largest")
    assert "the largest of" in opened.told()
    check(opened, long_map, torch.max)


def test_a_weight_under_the_pointer_is_read_exactly_from_afar(opened, long_map):
    stage = opened.page.locator(".map-stage").bounding_box()
    opened.page.mouse.click(stage["x"] + 150, stage["y"] + 300)
    opened.page.mouse.move(1, 1)
    opened.page.wait_for_timeout(400)  # the crosshair has to rest
    opened.rest()
    texts = re.findall(r">weight ([^<]+)<", opened.svg())
    state = opened.address()
    assert rounded(texts[0], long_map[0, HEAD, int(state["query"]), int(state["key"])], error_told(opened))


def test_margins_are_of_the_whole_map(opened, long_map):
    side = int(re.search(r"mean of (\d+) ×", opened.told())[1])
    received, entropy = (sums[0, HEAD].view(-1, side).mean(-1).max() for sums in (long_map.received(), long_map.entropy()))
    texts = re.findall(r">≤ ([0-9.]+)(| nats)<", opened.svg())
    assert len(texts) == 2
    for text, unit in texts:
        assert rounded(text, entropy if unit else received, 2e-4 * float(text))


def test_two_heads_are_averaged(opened, long_map):
    opened.page.evaluate(f"location.hash = 'view=map&heads={HEAD}&how=mean&viewport=5000,6000,3000,4000'")  # all of it is read
    opened.rest()
    opened.head(1, "Control")
    _, _, rows = opened.table()
    for row in rows[:20]:
        expected = (block(long_map, row) + long_map[0, 1, span(row[0]), span(row[2])]).mean() / 2
        assert rounded(row[4], expected, error_told(opened))
