"""The page inside the pages of others: in frames with the sandbox that each host gives them; the hosts are emulated."""

import html
import re

import pytest

import regard
from support.browser import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STREAMLIT = (
    "allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-same-origin allow-scripts allow-downloads"
)
COLAB = (
    "allow-downloads allow-forms allow-pointer-lock allow-popups allow-popups-to-escape-sandbox allow-same-origin "
    "allow-scripts allow-storage-access-by-user-activation"
)
VSCODE = "allow-scripts allow-same-origin allow-forms allow-pointer-lock allow-downloads"

HOSTS = {
    "streamlit": ("srcdoc", 690, 500, f'sandbox="{STREAMLIT}"'),  # st.components.v1.html(page, height=500)
    "gradio": ("srcdoc", 760, 560, ""),  # gr.HTML of a frame
    "colab": ("elsewhere", 1000, 600, f'sandbox="{COLAB}"'),  # an output's frame, of another origin
    "vs code": ("srcdoc", 800, 600, f'sandbox="{VSCODE}"'),  # a webview
    "a book": ("same", 640, 480, 'loading="lazy" style="border:0"'),  # Quarto, MyST: an iframe on a page
    "a locked frame": ("srcdoc", 700, 500, 'sandbox="allow-scripts"'),
}
ORIGIN, OTHER = "http://host.test", "http://frame.test"


@pytest.fixture(scope="module")
def page_text():
    return regard.page(regard.translate("The old man told us a story about his daughter."))


@pytest.mark.parametrize("host", HOSTS)
def test_the_picture_is_there_and_can_be_looked_around_in(browser, page_text, host, tmp_path):
    kind, width, height, attributes = HOSTS[host]
    source = {
        "srcdoc": f'srcdoc="{html.escape(page_text)}"',
        "same": f'src="{ORIGIN}/x.html"',
        "elsewhere": f'src="{OTHER}/x.html"',
    }[kind]
    frame = f"<iframe {source} width={width} height={height} {attributes}></iframe>"
    around = f"<!doctype html><title>{host}</title><h1>{host}</h1>{frame}"
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    watched = Watched(context, (ORIGIN, OTHER, "data:", "blob:", "about:"))
    page = watched.page

    def answer(route):
        name = route.request.url.rsplit("/", 1)[1]
        found = {"": around, "x.html": page_text}.get(name)
        route.fulfill(body=found or "", content_type="text/html" if found else "text/plain")

    page.route("http://*.test/**", answer)
    page.goto(f"{ORIGIN}/")
    frame = page.frame_locator("iframe")
    frame.locator(".ribbon-stage svg").wait_for(timeout=60_000)
    box = frame.locator(".ribbon-stage svg").bounding_box()
    assert box["width"] > 0.4 * width or box["height"] > 0.4 * height
    frame.locator(".ribbon-stage").focus()
    page.keyboard.press("1")  # keys reach the viewer that has the focus
    frame.locator(".map-canvas").wait_for(timeout=60_000)
    frame.locator(".map-canvas").focus()
    page.keyboard.press("ArrowRight")
    frame.get_by_text(re.compile("weight ")).first.wait_for(timeout=60_000)
    assert len(page.workers) == 1, "what it computes, it computes beside the page"
    page.wait_for_timeout(300)
    page.screenshot(path=tmp_path / f"{host}.png")  # pytest --basetemp keeps it, for whoever looks
    problems = [one for one in watched.problems if "can escape its sandboxing" not in one]  # said of the host
    assert (problems, watched.requests) == ([], [])
    context.close()
