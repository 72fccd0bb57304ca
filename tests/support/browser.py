"""Chromium, for tests of what is seen: no page may ask anybody for anything, or complain.

A start takes most of a second of both processors, a context a third of one. So files that follow each other have one browser
(the fixture ``browser``), and pages of one file that differ in nothing else have one context.
"""

import contextlib
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes" / "site"))
from install_chromium import found

FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


@contextlib.contextmanager
def chromium():
    """A headless browser; without one the test fails, since make installs one."""
    place = found()
    if place is None:
        pytest.fail("expected a Chromium, got none; call python recipes/site/install_chromium.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=FLAGS, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


_kept = contextlib.ExitStack()
_browsers, _contexts = [], {}


def kept():
    """The browser of this process: started where it is asked for first, until `leave`."""
    if not _browsers:
        _browsers.append(_kept.enter_context(chromium()))
    return _browsers[0]


def close_windows():
    """Closes whatever a file has open in it."""
    _contexts.clear()
    for context in kept().contexts:
        context.close()


def leave():
    """Ends the browser, if there is one."""
    _browsers.clear()
    _kept.close()


def shared_context(browser, *scripts, **options):
    """One context for all pages of a file of tests that ask for the same: for pages that keep nothing there."""
    key = browser, scripts, tuple(sorted(options.items()))
    if key not in _contexts:
        _contexts[key] = new_context(browser, *scripts, **options)
    return _contexts[key]


def new_context(browser, *scripts, **options):
    """A context with these scripts before each page."""
    context = browser.new_context(**options)
    for script in scripts:
        context.add_init_script(script)
    return context


class Watched:
    """A page and what went wrong on it: errors, warnings of the console, and requests that leave the place it came from."""

    def __init__(self, context, allowed=("file:", "data:", "blob:")):
        self.page = context.new_page()
        self.problems, self.requests = [], []
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: None if request.url.startswith(allowed) else self.requests.append(request.url))

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")
