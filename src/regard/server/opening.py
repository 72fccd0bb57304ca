"""Opening a browser at an address that nobody else may read."""

import contextlib
import shutil
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from html import escape
from pathlib import Path

SOON = 0.5
"""Seconds until the server listens."""


@contextlib.contextmanager
def opened_in_browser(address: str, *, secret: bool) -> Iterator[None]:
    """Open a browser soon.

    The list of programs and what they were called with can be read by every user of a machine. So a browser is not called
    with an address that has a token in it, but with a file that leads there, which only its owner can read.

    Args:
        address: where.
        secret: whether it has a token in it.
    """
    folder = None
    if secret:
        folder = Path(tempfile.mkdtemp(prefix="regard-"))  # 0700
        page = folder / "open.html"
        page.touch(0o600)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Regard</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(address)}">',
            encoding="utf-8",
        )
        address = page.as_uri()
    opening = threading.Timer(SOON, webbrowser.open, (address,))
    opening.daemon = True
    opening.start()
    try:
        yield
    finally:
        opening.cancel()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
