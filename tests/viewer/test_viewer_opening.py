"""What a viewer opens with when Python says it: checked, and the same in a page, in a notebook and in a file."""

import json
import re
from pathlib import Path

import pytest
import torch

import regard
from regard.errors import DtypeError, OptionError
from regard.viewer.document.document import document
from regard.viewer.document.opening import ASKED, UNITS, VIEWS, opening_of
from support.viewer_driving import Opened

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shown():
    """Two sequences with two layers each."""
    maps = []
    for layer in range(2):
        amap = regard.AttentionMap(*torch.randn(2, 2, 3, 5, 7, generator=torch.Generator().manual_seed(layer)))
        amap.name, amap.kind, amap.layer = f"h.{layer}.attn", "self", layer
        amap.queries = amap.keys = ["▁the", "▁old", "▁cat", "▁saw", "▁the"]
        maps.append(amap)
    return document(maps)


def manifest_in(html):
    return json.loads(re.search(r'id="regard-manifest">(.*?)</script>', html)[1])


def test_views_and_units_are_those_of_the_front_end():
    written = (ROOT / "frontend/src/views/index.ts").read_text()
    always = re.search(r"const always = \[(.*?)\]", written)[1]
    assert "[...always, finding]" in written
    assert set(VIEWS) == {*always.split(", "), "finding"}
    units = re.search(r"const names = \[(.*?), \.\.\.new Set\(spans\)\]", (ROOT / "frontend/src/shown.ts").read_text())[1]
    assert set(json.loads(f"[{units}]")) == set(UNITS)


@pytest.mark.parametrize(
    ("asked", "opening"),
    [
        ({"view": "text"}, {"view": "text"}),
        ({"map": 3}, {"map": 3}),
        ({"map": -1}, {"map": 3}),
        ({"map": "self layer 1"}, {"map": 1}),
        ({"map": "h.1.attn"}, {"map": 1}),
        ({"heads": 2}, {"heads": [2]}),
        ({"heads": [2, 0, 2]}, {"heads": [0, 2]}),
        ({"heads": torch.tensor([1])}, {"heads": [1]}),
        ({"heads": "all"}, {"heads": [0, 1, 2]}),
        ({"query": 3}, {"query": 3, "pinned": True}),
        ({"query": -1}, {"query": 4, "pinned": True}),
        ({"query": "cat"}, {"query": 2, "pinned": True}),
        ({"key": "▁saw"}, {"key": 3, "pinned": True, "direction": "to"}),
        ({"query": 1, "key": 0}, {"query": 1, "key": 0, "pinned": True}),
        ({"unit": "words"}, {"unit": "words"}),
        ({"view": "steps", "map": 2, "heads": -1}, {"view": "steps", "map": 2, "heads": [2]}),
    ],
)
def test_what_is_asked_for(shown, asked, opening):
    assert opening_of(shown.manifest, **asked) == {"unit": "words"} | opening


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"view": "Text"}, "view: expected one of map, heads, ribbon, text, steps, image, effects, finding, got 'Text'"),
        ({"view": "image"}, "got 'image': there is no picture; give it as image="),
        ({"map": 4}, "map: expected a whole number from -4 to 3, got 4; there are 4 maps, counted from 0"),
        ({"map": "self layer 7"}, "map: expected a number below 4 or one of self layer 0, self layer 1, got 'self layer 7'"),
        ({"heads": 3}, "heads: expected a whole number from -3 to 2, got 3; there are 3 heads"),
        ({"heads": []}, "heads: expected one of 3 heads or more, got none"),
        ({"heads": "most"}, "heads: expected one of all, got 'most'"),
        ({"heads": True}, "heads: expected a whole number"),
        ({"query": 5}, "query: expected a whole number from -5 to 4, got 5; there are 5"),
        ({"query": "dog"}, "query: expected a position below 5 or a word that is there, got 'dog'"),
        ({"query": "the"}, "query: expected a word that is there once, got 'the', which is at 0, 4; give one"),
        ({"unit": "letters"}, "unit: expected one of tokens, characters, words, sentences"),
        ({"unit": "characters"}, "unit: expected one that this map has, got 'characters'"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(shown, asked, said):
    with pytest.raises(OptionError) as raised:
        opening_of(shown.manifest, **asked)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_heads_at_all():
    with pytest.raises((DtypeError, OptionError), match="heads: expected"):
        document(torch.eye(3), heads={"a": 1})


def test_a_view_with_nothing_to_show_says_why():
    with pytest.raises(OptionError, match="got 'steps': this map is kept as weights"):
        document(torch.eye(3), view="steps")
    amap = regard.AttentionMap(*torch.randn(2, 1, 2, 5, 3))
    with pytest.raises(OptionError, match=r"got 'image': there is no picture; give it as image=; open map 0 as"):
        regard.page(amap, view="image")


def test_two_maps_of_one_name_are_told_apart_by_their_numbers():
    maps = [regard.AttentionMap.from_dense(torch.eye(3)) for _ in range(2)]
    for call, amap in enumerate(maps):  # one layer that ran twice
        amap.name, amap.kind, amap.layer = f"attn, call {call}", "self", 0
    with pytest.raises(OptionError, match="map: expected one map, got 'self layer 0', which 0, 1 are called; give its number"):
        document(maps, map="self layer 0")
    assert document(maps, map="attn, call 1").manifest["opening"]["map"] == 1


def test_the_same_in_a_page_and_in_a_file(tmp_path):
    translation = regard.translate("The cat sat on the mat.")
    asked = {"view": "map", "map": "cross layer 0", "heads": [0, 2], "query": "tapis", "unit": "words"}
    assert set(asked) < set(ASKED)
    opening = manifest_in(regard.page(translation, **asked))["opening"]
    assert (opening["view"], opening["heads"], opening["unit"], opening["pinned"]) == ("map", [0, 2], "words", True)
    manifest = document(translation).manifest
    info = manifest["maps"][opening["map"]]
    assert (info["kind"], info["layer"]) == ("cross", 0)
    assert "tapis" in manifest["axes"][info["rowAxes"][0]]["tokens"][opening["query"]]
    regard.save(translation, tmp_path / "x.html", **asked)
    assert manifest_in((tmp_path / "x.html").read_text())["opening"] == opening


def test_a_document_has_its_own(shown):
    with pytest.raises(OptionError, match="expected a Document alone, which has its own, got view"):
        regard.page(shown, view="map")


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_opens_so(browser, tmp_path):
    path = tmp_path / "opened.html"
    translation = regard.translate("The cat sat on the mat.")
    regard.page(translation, path, view="text", map="cross layer 1", heads=3, query="chat", unit="tokens")
    opened = Opened(browser, path.as_uri())
    opened.rest()
    assert opened.page.get_by_role("tab", name="Text").get_attribute("aria-selected") == "true"
    assert "chat" in opened.page.locator(".reader").text_content()
    assert opened.page.locator(".text-token.chosen").text_content().endswith("chat")
    opened.finish()
