"""The widget in hosts that the test environment does not have: whoever has installed them runs them."""

import contextlib
import re

import nbformat
import pytest
from playwright.sync_api import TimeoutError as TooLate

import regard
from support.browser import Watched
from support.notebook_servers import TOKEN, free_port, jupyter, serving
from support.viewer_driving import rounded

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.exhaustive]

SENTENCE = "The cat sat on the mat."
CELL = f'import regard\nregard.show(regard.translate("{SENTENCE}"))'
MARIMO = f"""import marimo

app = marimo.App()


@app.cell
def _():
    import regard

    regard.show(regard.translate("{SENTENCE}"))
    return
"""


def looked_around_in(page, viewer):
    """Keys and clicks reach the viewer, and who computes answers with the weights of the recording."""
    translation = regard.translate(SENTENCE)
    viewer.get_by_text("tapis.").first.wait_for()
    viewer.get_by_role("tab", name="Map").click()
    page.keyboard.press("w")  # by tokens, as the recording has them
    canvas = viewer.locator(".map-canvas")
    canvas.focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowRight")
    said = viewer.locator(".reader .status").filter(has_text=re.compile(r"\(1\), weight"))
    reading = translation.reading()
    expected = translation.recording.cross[reading.layer][0, reading.head, 0, 1]
    assert rounded(said.text_content().rpartition("weight ")[2], expected)
    panel, box = (viewer.locator(name).bounding_box() for name in (".panel", ".body"))
    assert panel["width"] * panel["height"] > 0.6 * box["width"] * box["height"]


def test_in_notebook_7(browser, tmp_path):
    pytest.importorskip("notebook", minversion="7")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "look.ipynb")
    with jupyter("notebook", tmp_path) as address:
        watched = Watched(browser.new_context(viewport={"width": 1300, "height": 950}), (address, "ws:", "data:", "blob:"))
        page = watched.page
        page.set_default_timeout(60_000)
        page.goto(f"{address}/notebooks/look.ipynb?token={TOKEN}")
        for _ in range(5):  # what the page still has to load may take the first keys
            page.locator(".jp-Notebook .cm-content").first.click()
            page.keyboard.press("Control+Enter")
            with contextlib.suppress(TooLate):
                page.get_by_text(re.compile(r"^\[[*1]\]:$")).first.wait_for(timeout=8000)
                break
        looked_around_in(page, page.locator(".jp-OutputArea .viewer.widget"))
        page.screenshot(path=tmp_path / "notebook.png")
        assert ([one for one in watched.problems if "regard" in one.lower()], watched.requests) == ([], [])
        page.context.close()


def test_in_marimo(browser, tmp_path):
    pytest.importorskip("marimo")
    (tmp_path / "look.py").write_text(MARIMO, encoding="utf-8")
    port = free_port()
    options = ["run", "look.py", "--headless", "--no-token", "--port", str(port)]
    with serving("marimo", options, tmp_path, port) as address:
        watched = Watched(browser.new_context(viewport={"width": 1300, "height": 950}), (address, "ws:", "data:", "blob:"))
        page = watched.page
        page.set_default_timeout(60_000)
        page.goto(address)
        looked_around_in(page, page.locator(".viewer.widget"))
        page.screenshot(path=tmp_path / "marimo.png")
        assert ([one for one in watched.problems if "regard" in one.lower()], watched.requests) == ([], [])
        page.context.close()
