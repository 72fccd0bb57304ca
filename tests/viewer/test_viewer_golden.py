"""The viewer looks as it did when somebody looked: in a notebook, on a phone, on paper, saved, forced, dark, long."""

import os

import pytest

import viewer_golden as golden
from install_chromium import found
from support.browser import FLAGS

pytestmark = pytest.mark.browser

OTHER_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><cachedir>{folder}</cachedir>
<match target="pattern"><edit name="family" mode="assign" binding="strong"><string>DejaVu Sans Condensed</string></edit></match>
</fontconfig>"""

CUT = """share => {
  for (const { shadowRoot } of document.querySelectorAll("*"))
    for (const one of shadowRoot?.querySelectorAll(".map-canvas") ?? []) one.style.clipPath = `inset(0 0 ${share}% 0)`;
}"""
"""Cuts off the lower part of the picture, as a box that is too low for it does."""


@pytest.fixture(scope="module")
def sights(tmp_path_factory):
    return golden.Sights(tmp_path_factory.mktemp("golden"))


def test_each_scene_has_a_small_picture():
    assert {path.stem for path in golden.FOLDER.glob("*.png")} == set(golden.SCENES)
    assert all(path.stat().st_size < 2**14 for path in golden.FOLDER.glob("*.png"))


@pytest.mark.parametrize("name", golden.SCENES)
def test_it_looks_as_it_did(browser, sights, name):
    share = golden.difference(sights.photograph(browser, name), golden.kept(name))
    assert share <= golden.MOST, (
        f"{share:.1%} of {name} differ: look at it; if it is meant, call recipes/tests/viewer_golden.py"
    )


def test_it_looks_so_in_other_letters_too(browser, sights, tmp_path):
    (tmp_path / "fonts.conf").write_text(OTHER_FONTS.format(folder=tmp_path))
    env = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    other = browser.browser_type.launch(executable_path=found(), args=FLAGS, chromium_sandbox=False, env=env)
    for name in ("forced", "print", "phone"):
        assert golden.difference(sights.photograph(other, name), golden.kept(name)) <= golden.MOST, name
    other.close()


@pytest.mark.parametrize(("name", "share"), [("widget", 30), ("dark", 30), ("long", 30), ("phone", 60)])
def test_a_picture_that_is_cut_off_does_not_look_so(browser, sights, name, share):
    cut = sights.photograph(browser, name, lambda opened: opened.page.evaluate(CUT, share))
    assert golden.difference(cut, golden.kept(name)) > golden.MOST


def test_pictures_of_other_sizes_differ():
    picture = golden.kept("phone")
    assert golden.difference(picture, picture) == 0
    assert golden.difference(picture[:-9], picture) == 1
