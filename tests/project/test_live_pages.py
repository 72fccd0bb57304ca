"""The viewer in the documentation's frames: its picture is there, in a window and on a phone, when it comes into sight."""

import re
from pathlib import Path

import pytest

import live_pages
import regard
from support.browser import Watched

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "course" / "look.md"

ADDRESS = "http://docs.test/"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def page_of_frames(tmp_path_factory):
    """The frames of the page of docs/ beside what they show, as the site puts them."""
    folder = tmp_path_factory.mktemp("live")
    live_pages.write_files(folder / "assets" / "live")
    page = folder / "look.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    live_pages.put_frames(page)
    frames = re.findall(r"<iframe.*?</iframe>", page.read_text(encoding="utf-8"))
    assert len(frames) == len(live_pages.SHOWN)
    style = (ROOT / "docs" / "assets" / "regard.css").read_text(encoding="utf-8")
    (folder / "course").mkdir()
    far = '<p style="height: 9000px">what stands between</p>'
    text = f"<!doctype html><title>Look</title><meta name=viewport content='width=device-width'><style>{style}</style>"
    text += f"<body class=md-typeset>{far.join(frames)}</body>"
    (folder / "course" / "look.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [1200, 390])
def test_the_pictures_are_there(browser, page_of_frames, width, tmp_path):
    context = browser.new_context(viewport={"width": width, "height": 844})
    watched = Watched(context, (ADDRESS, "data:", "blob:"))
    page = watched.page
    # From files Chromium loads all frames at once; where there is a network, those that come into sight.
    page.route(f"{ADDRESS}**", lambda route: route.fulfill(path=page_of_frames / route.request.url.removeprefix(ADDRESS)))
    page.goto(f"{ADDRESS}course/look.html")
    stages = {
        "translation": ".ribbon-stage svg path",
        "letters": ".text-token",
        "story": ".text-token",
        "vision": ".image-stage",
    }
    for name, shown in stages.items():
        frame = page.locator(f"iframe[src$='{name}.html']")
        if name != "translation":
            assert page.frame(url=re.compile(f"{name}.html")) is None  # far below, nothing is loaded
        frame.scroll_into_view_if_needed()
        inside = page.frame_locator(f"iframe[src$='{name}.html']")
        inside.locator(shown).first.wait_for(timeout=60_000)
        inside.locator(".reader-partners li button").first.wait_for(state="attached", timeout=60_000)
        page.wait_for_timeout(300)
        box = inside.locator(".viewer").bounding_box()
        assert box["width"] <= width
        assert inside.locator(".viewer").evaluate("viewer => viewer.scrollWidth <= viewer.clientWidth")
        page.screenshot(path=tmp_path / f"{name}-{width}.png")  # pytest --basetemp keeps it, for whoever looks
    assert (watched.problems, watched.requests) == ([], [])
    context.close()


def test_a_page_without_a_place_is_told(tmp_path):
    (tmp_path / "page.md").write_text("# Look around\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected the line <!-- the viewer: translation --> in page\.md, got none"):
        live_pages.put_frames(tmp_path / "page.md")


def test_what_is_kept_of_trained_models_shows_what_the_page_says():
    story, seen = regard.load(live_pages.WRITER), regard.load(live_pages.VISION)
    layer, head = live_pages.asking_head()
    words = list(story.self[layer].keys)
    asked = len(words) - 2
    found = int(story.self[layer][0, head, asked].argmax())
    assert words[asked] == words[found - 1] == "ada"  # it looks at what followed the first time
    assert [len(amap.queries) for amap in seen.self] == [26, 26]
    assert float(seen.self[0][0, live_pages.sure_head(seen), 0].max()) > 0.5


def test_the_small_transformer_looks_at_what_followed_the_same_letter():
    layer, head = live_pages.induction_head()
    amap = live_pages.letters().self[layer]
    weights = amap[0, head]
    assert layer == 1
    for row in range(20, 27):  # of the third time, 9 letters after the second
        assert int(weights[row].argmax()) % 9 == (row + 1) % 9, row
    assert isinstance(amap, regard.AttentionMap)
