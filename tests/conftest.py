"""How all tests run: one thread each, as several run beside each other, and the long ones first."""

import gc
import os
import sys
from collections.abc import Generator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the programs that tests start, too

import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

torch.set_num_threads(1)
sys.modules["rfc3987_syntax"] = None  # jsonschema, which nbformat imports, would check IRIs with it: its grammars take seconds

ORDER = ("long", "browser", "slow")
"""What is begun first. What is begun last should be short, as the other workers wait for it. The long ones are begun among
those of a browser, which wait for half of their time."""

APART = "tests/project/test_notebooks.py::test_runs_and_shows_what_is_committed"
"""Minutes for each notebook: they need not wait for each other."""


def together(nodeid: str) -> str:
    """What one worker runs in its order: a file, but each test of those apart."""
    return nodeid if nodeid.startswith(APART) else nodeid.split("::", 1)[0]


class FilesTogether(LoadFileScheduling):
    """xdist's `loadfile`, with tests apart."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return FilesTogether(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: looking for garbage among it, then and in every test, takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:  # a module that cannot be collected ends it, too
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return min((at for at, name in enumerate(ORDER) if item.get_closest_marker(name)), default=len(ORDER))

    ranks: dict[str, int] = {}
    for item in items:
        ranks[together(item.nodeid)] = min(rank(item), ranks.get(together(item.nodeid), len(ORDER)))
    places: dict[str, float] = {file: its for file, its in ranks.items() if its >= ORDER.index("slow")}
    for one in range(ORDER.index("slow")):
        files = [file for file, its in ranks.items() if its == one]
        places |= {file: at / len(files) for at, file in enumerate(files)}
    items.sort(key=lambda item: places[together(item.nodeid)])  # which keeps the order of the rest


@pytest.fixture(scope="module")
def browser() -> Generator[object]:
    """A headless browser, without a window of the file before."""
    from support.browser import close_windows, kept  # which loads what only these tests need

    yield kept()
    close_windows()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """The browser stays open for a file that begins with a test of it; where it is, nothing else may run an event loop."""
    try:
        return (yield)
    finally:
        if nextitem is None or not (nextitem.path == item.path or nextitem.get_closest_marker("browser")):
            open_browsers = sys.modules.get("support.browser")
            if open_browsers is not None:
                open_browsers.leave()
