"""The widget: what it answers, what stays in a saved notebook, and that it works in a real JupyterLab."""

import base64
import contextlib
import json
import re

import nbformat
import pytest
import torch
from playwright.sync_api import TimeoutError as TooLate

import regard
from regard.errors import OptionError
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.notebook import show as showing
from regard.viewer.notebook.still import still_picture
from regard.viewer.notebook.widget import ViewerWidget
from support.browser import Watched
from support.notebook_servers import jupyter
from support.viewer_driving import rounded

pytestmark = pytest.mark.slow

REGION = {
    "map": 0,
    "heads": [0],
    "rows": {"start": 0, "stop": 5, "count": 5},
    "columns": {"start": 0, "stop": 5, "count": 5},
    "how": "mean",
    "hideSpecial": False,
    "renormalise": False,
    "sample": 0,
}


@pytest.fixture
def asked(monkeypatch):
    """A widget, and a way to ask it as the page does."""
    torch.manual_seed(0)
    amap = regard.AttentionMap(*torch.randn(2, 1, 2, 5, 3))
    widget = ViewerWidget(document(amap))
    sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=None: sent.append((content, buffers)))

    def ask(content):
        sent.clear()
        widget._handle_custom_msg(content, [])
        return sent

    return amap, ask


def test_it_answers_by_number(asked):
    amap, ask = asked
    [(content, (packed,))] = ask({"id": 7, "question": "region", "request": REGION})
    assert content == {"id": 7}
    torch.testing.assert_close(torch.from_numpy(unpack(packed)[1]["values"].copy()), amap[0, 0])


@pytest.mark.parametrize(
    "content",
    [
        {"id": 1, "question": "region", "request": {**REGION, "map": 9}},
        {"id": 1, "question": "other", "request": {}},
        {"id": 1, "question": "region"},
        {"id": 1, "question": 5, "request": {}},
    ],
)
def test_it_says_what_is_wrong(asked, content):
    [(answer, buffers)] = asked[1](content)
    assert answer["id"] == 1
    assert "expected" in answer["error"]
    assert not buffers


def test_messages_of_others_are_left_alone(asked):
    assert asked[1]("hello") == []
    assert asked[1]({"event": "other"}) == []


@pytest.mark.parametrize("options", [{"height": 3}, {"height": "tall"}, {"theme": "blue"}])
def test_options(options):
    with pytest.raises(OptionError, match="expected"):
        ViewerWidget(document(torch.eye(3)), **options)
    with pytest.raises(OptionError, match="expected"):  # also where there is no notebook, and no widget
        regard.show(torch.eye(3), **options)


@pytest.mark.parametrize(
    "thing", [torch.eye(3), torch.eye(300)[None, None].expand(1, 2, 300, 300)], ids=["labelled", "from afar"]
)
def test_the_still_picture_is_an_image(thing):
    found = re.fullmatch(
        r'<div id="still"><img alt="([^"<]+)" src="data:image/png;base64,([^"]+)"></div>',
        still_picture(document(thing), "still"),
    )
    assert base64.b64decode(found[2]).startswith(b"\x89PNG")


def test_the_still_picture_of_hostile_tokens_is_an_image_all_the_same():
    amap = regard.AttentionMap.from_dense(torch.eye(2))
    amap.queries = amap.keys = ('"><script>alert(1)</script>', "\u202e")
    found = still_picture(document(amap, title='"><script>\ud800'), "still")
    assert "<script>" not in found
    assert found.isascii()


def test_the_still_picture_of_tokens_that_its_font_lacks_gives_no_warning():
    amap = regard.AttentionMap.from_dense(torch.eye(2))
    amap.queries = amap.keys = ("$\\frac{", "\U0001f4a5")
    assert "<img" in still_picture(document(amap), "still")


def test_the_still_picture_says_which_heads_it_shows():
    shown = document(torch.rand(5, 3, 3))
    assert "map 0, head 0 of " in still_picture(shown, "still")
    shown.manifest["opening"]["heads"] = [1, 4]
    assert "map 0, mean of heads 1, 4 of " in still_picture(shown, "still")


def test_elsewhere_a_page_is_opened(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(showing.webbrowser, "open", lambda address: opened.append(address) or False)
    path = regard.show(torch.eye(3))
    try:
        assert opened == [path.as_uri()]
        assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert str(path) in capsys.readouterr().err
    finally:
        path.unlink()


CELL = """import regard
translation = regard.translate("The cat sat on the mat.")
regard.show(translation)"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab over a folder with one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "look.ipynb")
    options = {"LabApp.news_url": "", "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate"}
    with jupyter("jupyterlab", folder, **options) as address:
        yield folder, address


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.exhaustive
def test_in_jupyterlab(lab, browser):
    folder, address = lab
    translation = regard.translate("The cat sat on the mat.")
    reading = translation.reading()
    watched = Watched(browser.new_context(viewport={"width": 1300, "height": 1000}), (address, "ws:", "data:", "blob:"))
    page = watched.page
    page.set_default_timeout(60_000)
    page.goto(f"{address}/lab/tree/look.ipynb?token=regard-test")
    page.get_by_text("Kernel status: Idle").first.wait_for(state="attached")
    for _ in range(5):  # what the laboratory still has to tell may take the first keys
        page.locator(".jp-Notebook .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(TooLate):
            page.get_by_text(re.compile(r"^\[[*1]\]:$")).first.wait_for(timeout=8000)
            break
    viewer = page.locator(".jp-OutputArea .viewer.widget")
    viewer.get_by_text("tapis.").first.wait_for()
    assert not page.locator("[id^=regard-still]").is_visible()

    # Keys and clicks are the viewer's, not the notebook's, and the kernel answers.
    viewer.get_by_role("tab", name="Map").click()
    page.keyboard.press("w")  # by tokens, as the recording has them
    canvas = viewer.locator(".map-canvas")
    canvas.focus()
    page.keyboard.press("Control+Home")
    said = viewer.locator(".reader .status")
    said.filter(has_text="weight ").wait_for()
    assert rounded(
        said.text_content().rpartition("weight ")[2], translation.recording.cross[reading.layer][0, reading.head, 0, 0]
    )
    for key in ("d", "d", "a", "x"):  # deletes, inserts or cuts cells where the notebook hears it
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == 1
    viewer.get_by_role("button", name="head 2", exact=True).click()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    viewer.get_by_text(re.compile(r"\(1\), weight")).wait_for()
    assert "▁cat" in said.text_content()
    assert rounded(said.text_content().rpartition("weight ")[2], translation.recording.cross[reading.layer][0, 2, 0, 1])

    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Control+s")
    saved = folder / "look.ipynb"
    for _ in range(40):
        if "regard-still" in saved.read_text(encoding="utf-8"):
            break
        page.wait_for_timeout(250)
    problems = [one for one in watched.problems if "regard" in one.lower()]
    assert (problems, watched.requests) == ([], [])

    # Without the kernel that answered, the picture stands for it.
    for kernel in json.loads(page.request.get(f"{address}/api/kernels").text()):
        page.request.delete(f"{address}/api/kernels/{kernel['id']}", headers={"Authorization": "token regard-test"})
    later = Watched(browser.new_context(viewport={"width": 1300, "height": 1000})).page
    later.goto(f"{address}/lab/workspaces/later/tree/look.ipynb?token=regard-test")
    later.locator("[id^=regard-still] img").wait_for(timeout=60_000)
    assert later.locator(".viewer.widget").count() == 0
    outputs = [one["data"] for one in json.loads(saved.read_text(encoding="utf-8"))["cells"][0]["outputs"] if "data" in one]
    [still] = [one for one in outputs if "regard-still" in "".join(one.get("text/html", ""))]
    assert "data:image/png" in "".join(still["text/html"])
    assert base64.b64decode("".join(still["image/png"])).startswith(b"\x89PNG")
    assert "cross layer" in "".join(still["text/plain"])
    assert any("application/vnd.jupyter.widget-view+json" in one for one in outputs)


LOOKS = (
    "import regard, ipywidgets; w = regard.show(regard.translate('The cat sat on the mat.'), view='map')",
    "w.view = 'text'; w.heads = [2]; w.query = 'tapis'; print('told')",
    "print('looked at', w.view, w.heads, w.query)",
    "ipywidgets.HBox([regard.show(regard.translate('The cat sat.'), view='heads', height=300), w])",
)


@pytest.mark.browser
@pytest.mark.long
def test_python_and_back_in_jupyterlab(lab, browser):
    folder, address = lab
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in LOOKS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "looks.ipynb")
    page = Watched(browser.new_context(viewport={"width": 1300, "height": 1500}), (address, "ws:", "data:", "blob:")).page
    page.set_default_timeout(60_000)
    page.goto(f"{address}/lab/workspaces/looks/tree/looks.ipynb?token=regard-test")
    page.get_by_text("Kernel status: Idle").first.wait_for(state="attached")
    cells = page.locator(".jp-Notebook .jp-CodeCell")

    def run(number):
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")

    viewer = cells.nth(0).locator(".viewer.widget")
    for _ in range(5):  # what the laboratory still has to tell may take the first keys
        run(0)
        with contextlib.suppress(TooLate):
            viewer.get_by_role("tab", name="Map", selected=True).wait_for(timeout=15_000)
            break
    run(1)
    viewer.get_by_role("tab", name="Text", selected=True).wait_for()
    viewer.get_by_text(re.compile("tapis.* attends to ")).first.wait_for()
    assert viewer.get_by_role("button", name="head 2", exact=True).get_attribute("aria-pressed") == "true"
    viewer.get_by_role("button", name="head 3", exact=True).click()
    viewer.get_by_role("tab", name="Map").click()
    page.wait_for_timeout(600)
    run(2)
    cells.nth(2).get_by_text(re.compile(r"looked at map \[3\] \d")).wait_for()

    # Two in a box, and nothing twice: neither beside its box nor below its cell.
    run(3)
    box = cells.nth(3).locator(".viewer.widget")
    box.nth(1).wait_for()
    assert [box.nth(at).locator("[role=tab][aria-selected=true]").text_content() for at in range(2)] == ["Heads", "Map"]
    assert cells.nth(3).locator("[id^=regard-still]").count() == 0
    assert [cells.nth(at).locator(".viewer").count() for at in range(4)] == [1, 0, 0, 2]
