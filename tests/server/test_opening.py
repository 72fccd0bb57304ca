"""The browser gets to the page by a file that only its owner can read, and keeps a strict cookie."""

import time

import pytest
import torch

import regard
from regard.server.opening import opened_in_browser
from support.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_browser_gets_there_by_the_file(tmp_path, monkeypatch, browser):
    regard.AttentionMap(*torch.randn(2, 1, 2, 5, 4)).save(tmp_path / "map.safetensors")
    called = []
    monkeypatch.setattr("webbrowser.open", called.append)
    with served(tmp_path / "map.safetensors") as server, opened_in_browser(server.address, secret=True):
        while not called:
            time.sleep(0.05)
        assert called[0].startswith("file://")
        assert server.token not in called[0]
        page = browser.new_page()
        page.goto(called[0])
        clean = f"http://127.0.0.1:{server.port}/"
        page.wait_for_url(lambda address: address.startswith(clean) and server.token not in address)
        page.get_by_role("button").first.wait_for()  # the program asked for the document, and got it
        (cookie,) = page.context.cookies()
        assert (cookie["name"], cookie["sameSite"], cookie["httpOnly"]) == (f"regard_token_{server.port}", "Strict", True)
