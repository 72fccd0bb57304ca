"""The viewer as a person uses it: what is clicked and typed, and what then stands on the screen and in the saved files."""

import io
import re
import urllib.parse
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

from regard.figures.themes import THEMES
from support.browser import Watched, new_context, shared_context

SVG = "{http://www.w3.org/2000/svg}"
NOT_WRITTEN = 0.0051
"""A weight that is less than this part of the strongest colour is not written."""

PATIENCE = 60  # seconds until what was asked for must have come, on a machine that does much else

WATCH = """(() => {
  let changes = 0, asked = 0;
  const changed = () => { changes += 1; };
  const roots = [document], soon = new Set();
  const watch = (root) => new MutationObserver(changed).observe(
    root, { attributes: true, characterData: true, childList: true, subtree: true });
  watch(document);
  document.addEventListener("scroll", changed, { capture: true, passive: true });
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (...given) {
    const root = attach.apply(this, given);
    roots.push(root);
    watch(root);
    return root;
  };
  const drawing = CanvasRenderingContext2D.prototype;
  for (const name of ["clearRect", "drawImage", "fill", "fillRect", "fillText", "putImageData", "stroke", "strokeRect"]) {
    const draw = drawing[name];
    drawing[name] = function (...given) { changed(); return draw.apply(this, given); };
  }
  const later = window.setTimeout.bind(window), never = window.clearTimeout.bind(window), fetched = window.fetch.bind(window);
  window.setTimeout = (run, after = 0, ...given) => {
    const timer = later(() => { soon.delete(timer); run(...given); }, after);
    if (after <= 1000) soon.add(timer);
    return timer;
  };
  window.clearTimeout = (timer) => { soon.delete(timer); never(timer); };
  window.fetch = async (...given) => {
    asked += 1;
    try { return await fetched(...given); } finally { asked -= 1; }
  };
  const frame = () => new Promise((done) => { requestAnimationFrame(done); later(done, 500); });
  const busy = () => asked || soon.size || roots.some((root) => root.querySelector("[data-reading]"));
  window.stillness = async (patience) => {
    const until = performance.now() + patience;
    for (let before = null; performance.now() < until;) {
      await frame();
      await frame();
      const now = busy() ? null : changes;
      if (now !== null && now === before) return true;
      before = now;
    }
    return false;
  };
})();"""
"""Counts what can change on a page: its elements, where they are scrolled to, and what is drawn; and knows what is still to
come: timers, requests, what a view reads. Photographs say the same, and take ten times as long to take and to compare."""


class Opened:
    """A page of the viewer in a window of its own; `finish` says whether anything went wrong on it.

    Playwright's locators look into open shadow roots, so that texts and roles are found as a person finds them.

    Args:
        script: what runs before the page does.
        allowed: what the addresses of requests may begin with.
        host: where the page is not the viewer's own: what its function ``kernel`` calls, a function that brings the viewer onto
            the page, and the argument of that.
        **options: of the browser's context; of the page, ``viewport`` and ``color_scheme``.
    """

    def __init__(self, browser, address, script=None, allowed=("file:", "data:", "blob:"), host=None, **options):
        size, scheme = options.pop("viewport", {"width": 1200, "height": 800}), options.pop("color_scheme", "light")
        self.shared = address.startswith("file:")  # a server's pages keep its secret in a cookie
        made = shared_context if self.shared else new_context
        self.context = made(browser, WATCH, *([script] if script else []), accept_downloads=True, **options)
        self.watched = Watched(self.context, allowed)
        self.page = self.watched.page
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_default_timeout(PATIENCE * 1000)
        if host:
            self.page.expose_function("kernel", host[0])
        self._go(address, host)

    def again(self, address):
        """The page as it opens, in the same window: a new one takes a second of its own."""
        self.page.emulate_media(color_scheme="light")
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self._go(address)

    def check(self):
        """Nothing went wrong since the last time; what did is told once."""
        found = list(self.watched.problems), list(self.watched.requests)
        self.watched.problems.clear()
        self.watched.requests.clear()
        assert found == ([], [])

    def finish(self):
        try:
            self.check()
        finally:
            (self.page if self.shared else self.context).close()

    def _go(self, address, host=None):
        self.page.goto(address)
        if host:
            self.page.evaluate(host[1], host[2])
        self.page.locator("[role=tab]").first.wait_for(state="attached")
        self.rest()

    # -- what is done ------------------------------------------------------------------------------------------------------

    def view(self, name):
        self._unfold("fold-views")
        self.page.get_by_role("tab", name=name).click()
        self.rest()

    def choose(self, label, value):
        inside = label not in ("map", "sequence", "sorted by", "ranked by")
        if inside:
            self.menu()
        self.page.get_by_role("combobox", name=label, exact=True).select_option(label=value)
        if inside:
            self.close_menu()
        self.rest()

    def menu(self):
        """Opens the menu: settings, the table, pictures, help."""
        self._unfold("menu")

    def close_menu(self):
        if self.page.locator(".fold.menu").get_attribute("data-open") is not None:
            self.page.locator(".fold.menu > button").click()

    def press_in_menu(self, name):
        self.menu()
        self.page.get_by_role("button", name=name, exact=True).click()

    def _unfold(self, name):
        """Shows what is behind a button of the bar, where it is."""
        fold = self.page.locator(f".fold.{name}")
        if fold.locator("> button").is_visible() and fold.get_attribute("data-open") is None:
            fold.locator("> button").click()

    def head(self, number, *modifiers):
        self._unfold("fold-heads")
        self.page.get_by_role("button", name=f"head {number}", exact=True).click(modifiers=list(modifiers))
        self.rest()

    def wheel(self, point, *turns):
        self.page.mouse.move(*point)
        for turn in turns:
            self.page.mouse.wheel(0, turn)
            self.page.wait_for_timeout(100)  # the call returns before the page hears of it
        self.rest()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.rest()

    def rest(self):
        """Waits until nothing is being read and the picture stands still."""
        self.page.wait_for_timeout(10)  # what was pressed is heard
        still = self.page.evaluate("patience => stillness(patience)", PATIENCE * 1000)
        assert still, f"expected the picture to stand still within {PATIENCE} s, it did not"

    # -- what is seen ------------------------------------------------------------------------------------------------------

    def views(self):
        """The names of the views that have something to show, in their order."""
        return self.page.locator("[role=tab]:not([hidden])").all_text_contents()

    def said(self):
        """In the reader, without the marks that keep texts of two directions apart."""
        return self.page.locator(".reader .status").text_content().translate({0x2068: None, 0x2069: None})

    def told(self):
        """In the reader: what the picture shows, and how exactly."""
        return self.page.locator(".reader .described").text_content()

    def notes(self):
        return self.page.locator(".reader .notes").text_content()

    def address(self):
        """What the address says of the state, once it has been written."""
        # By the clock of the page, whose shorter timer writes it: ours runs ahead of a page that is busy.
        found = self.page.evaluate("() => new Promise((done) => { setTimeout(() => done(location.href), 400); })")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(found).fragment, keep_blank_values=True))

    def table(self):
        """Caption, names of columns and rows of the table of what is shown, as it stands on the page."""
        self.menu()
        switch = self.page.get_by_role("button", name="Table", exact=True)
        if switch.get_attribute("aria-expanded") == "true":
            self.page.get_by_role("button", name="Close table").click()
            self.rest()
            self.menu()
        # A table that was open before must not be taken for the one that is asked for now.
        holder = self.page.locator(".table-holder")
        holder.evaluate("holder => holder.replaceChildren()")
        switch.click()
        holder.locator("caption").wait_for()
        self.rest()
        read = "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        rows = holder.locator("table").evaluate(read)
        return holder.locator("caption").text_content(), rows[0], rows[1:]

    def close_table(self):
        self.page.get_by_role("button", name="Close table").click()
        self.rest()

    def saved(self, button):
        """Name and bytes of what a button saves."""
        with self.page.expect_download() as coming:
            self.press_in_menu(button)
        return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()

    def svg(self):
        return self.saved("SVG")[1].decode()

    def png(self):
        return Image.open(io.BytesIO(self.saved("PNG")[1]))

    def drawing(self):
        return Drawing(self.svg())

    def drawing_texts(self):
        """All that is written in the picture, whether its cells are drawn one by one or not."""
        root = ET.fromstring(self.svg())  # noqa: S314 - the viewer's own
        return ["".join(found.itertext()) for found in root.iter(f"{SVG}text")]

    def pixels(self, locator=".map-stage"):
        """What is on screen there, (height, width, 3), with the pointer out of the way."""
        self.page.mouse.move(1, 1)
        self.rest()
        return np.asarray(Image.open(io.BytesIO(self.page.locator(locator).screenshot())).convert("RGB")).astype(int)

    def point(self, box, share=0.5):
        """Where a box of the drawing is on the page."""
        stage = self.page.locator(".map-stage").bounding_box()
        return stage["x"] + box[0] + share * box[2], stage["y"] + box[1] + share * box[3]


class Drawing:
    """The map as it was saved: where its cells are, their colours, and the texts in them and around them."""

    def __init__(self, text):
        root = ET.fromstring(text)  # noqa: S314 - the viewer's own
        self.size = int(root.get("width")), int(root.get("height"))
        self.texts = ["".join(found.itertext()) for found in root.iter(f"{SVG}text")]
        plot = next(group for group in root.iter(f"{SVG}g") if group.get("clip-path"))
        rects = list(plot.iter(f"{SVG}rect"))
        self.boxes = [tuple(float(one.get(name)) for name in ("x", "y", "width", "height")) for one in rects]
        self.colours = [tuple(map(int, re.findall(r"\d+", one.get("fill")))) for one in rects]
        self.rows = len({box[1] for box in self.boxes})
        self.columns = len({box[0] for box in self.boxes})
        clip = next(one for one in root.iter(f"{SVG}clipPath") if f"url(#{one.get('id')})" == plot.get("clip-path"))
        self.plot = tuple(float(clip[0].get(name)) for name in ("x", "y", "width", "height"))
        self.values = {self._cell_at(one): "".join(one.itertext()) for one in plot.iter(f"{SVG}text")}

    def box(self, row, column):
        return self.boxes[row * self.columns + column]

    def says(self, row, column, weight, error=0.0):
        """Whether the cell says its weight: it is written in it, or too small beside the strongest colour to be."""
        text = self.values.get((row, column))
        return abs(float(weight)) < NOT_WRITTEN + error if text is None else rounded(text, weight, error)

    def whole(self):
        """The cells that are all on the plot, as (row, column)."""
        x, y, width, height = self.plot
        return {
            divmod(at, self.columns)
            for at, (left, top, across, down) in enumerate(self.boxes)
            if left > x - 0.5 and top > y - 0.5 and left + across < x + width + 0.5 and top + down < y + height + 0.5
        }

    def _cell_at(self, text):
        x, y = float(text.get("x")), float(text.get("y"))
        at = next(at for at, box in enumerate(self.boxes) if 0 < x - box[0] < box[2] and 0 < y - box[1] < box[3])
        return divmod(at, self.columns)


def assert_shows(drawing, weights, error=0.0):
    """The cells are those of the weights, and every cell that is all on the plot says its weight."""
    assert (drawing.rows, drawing.columns) == tuple(weights.shape)
    assert drawing.values
    assert drawing.values.keys() <= drawing.whole()
    for place in drawing.whole():
        assert drawing.says(*place, weights[place], error), place


def rounded(text, weight, error=0.0):
    """Whether a number on the screen is this weight, to the last of its digits."""
    shown = Decimal(text.replace("−", "-"))
    half = 0.5 * 10.0 ** shown.as_tuple().exponent if shown else 0.0
    return abs(float(shown) - float(weight)) <= 1.001 * half + 1e-7 + error


def colour_of(weight, theme="light", top=1.0):
    """The colour of a weight: anchors of the theme at equal distances, and what lies between in proportion."""
    anchors = np.array([[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in THEMES[theme].positive])
    place = min(abs(float(weight)) / top, 1.0) * (len(anchors) - 1)
    return np.array([np.interp(place, range(len(anchors)), anchors[:, channel]) for channel in range(3)])
