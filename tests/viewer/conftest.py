"""The page of a translation in a browser. A file with another sentence gives a ``translation`` of its own."""

import pytest

import regard
from support.viewer_driving import Opened


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The cat sat on the mat.")


@pytest.fixture(scope="module")
def page_address(translation, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "cat.html"
    regard.save(translation, path)
    return path.as_uri()


@pytest.fixture(scope="module")
def address(page_address):
    """The page by tokens, whose weights are those of the recording."""
    return f"{page_address}#unit=tokens"


@pytest.fixture(scope="module")
def once_opened(browser, address):
    made = Opened(browser, address)
    yield made
    made.finish()


@pytest.fixture
def opened(once_opened, address):
    """The page as it opens; all tests of a file have one window."""
    once_opened.again(address)
    yield once_opened
    once_opened.check()
