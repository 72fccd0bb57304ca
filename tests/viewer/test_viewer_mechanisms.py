"""A mechanism to look at: on every host, for every card, step by step or as its weights."""

import json
import webbrowser

import pytest
import torch
from torch.testing import assert_close

import regard
from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.catalogue import card, catalogue, example
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.document.figure import mechanism_figure
from regard.viewer.page.page import json_in_html

CARDS = pytest.mark.parametrize("one", catalogue(), ids=lambda one: one.name)
FIRST = {one.family: one.name for one in reversed(catalogue())}  # of each family
ONE_OF_EACH_FAMILY = pytest.mark.parametrize(
    "one",
    [pytest.param(one, id=one.name, marks=[] if one.name in FIRST.values() else pytest.mark.exhaustive) for one in catalogue()],
)


def region(shown, head):
    info = shown.manifest["maps"][0]
    cells = {
        name: {"start": 0, "stop": info[size], "count": info[size]} for name, size in (("rows", "queries"), ("columns", "keys"))
    }
    asked = {"map": 0, "heads": [head], "how": "mean", "hideSpecial": False, "renormalise": False, "sample": 0} | cells
    return torch.from_numpy(unpack(shown.answer("region", asked))[1]["values"].copy())


@CARDS
def test_every_mechanism_can_be_shown(one):
    shown, factors, tensors = document(one), one.factors(*example()[:2]), example()
    attended = one.apply(*tensors)
    assert shown.manifest["title"] == shown.manifest["maps"][0]["name"] == one.title
    assert shown.manifest["notes"][:2] == [one.formula, one.paper]
    assert_close(region(shown, head=2), attended.weights[0, 2], atol=1e-6, rtol=1e-5)
    assert shown.manifest["maps"][0]["steps"] == (factors is not None)
    assert shown.manifest["opening"] == ({} if factors is None else {"view": "steps"}) | {"unit": "tokens"}
    if factors is not None:
        output = unpack(shown.answer("steps", {"map": 0, "head": 2}))[1]["output"]
        assert_close(torch.from_numpy(output.copy()), attended.output[0, 2])


@pytest.mark.slow
@ONE_OF_EACH_FAMILY  # in make test, which draws every mechanism for the documentation, too
def test_every_mechanism_is_a_page_and_a_picture(one, tmp_path):
    paths = regard.save(one, tmp_path / "a.html", tmp_path / "a.svg", tmp_path / "a.png")
    text = paths[0].read_text(encoding="utf-8")
    assert text == regard.page(one)
    assert json_in_html(one.formula) in text
    picture = paths[1].read_text(encoding="utf-8")
    assert one.title.replace("&", "&amp;").split()[0] in picture
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_shown_where_there_is_no_notebook(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    path = regard.show(card("rotary-half"), title="Turned")
    assert opened == [path.as_uri()]
    text = path.read_text(encoding="utf-8")
    path.unlink()
    assert "<title>Turned</title>" in text
    assert json.dumps({"view": "steps", "unit": "tokens"}, separators=(",", ":")) in text


def test_shown_in_a_notebook(monkeypatch):
    monkeypatch.setattr("regard.viewer.notebook.show._notebook", lambda: "marimo")
    assert regard.show(card("softcap")).document.manifest == document(card("softcap")).manifest


def test_a_page_has_the_factors_and_not_the_weights():
    shown = document(card("sinks"))
    assert isinstance(shown.maps[0].amap, AttentionMap)
    assert "sink takes part" in shown.manifest["notes"][-1]
    assert not any("sink" in note for note in document(card("softcap")).manifest["notes"][2:])


@pytest.mark.slow
def test_pictures_take_a_head_and_the_options_of_a_heatmap(tmp_path):
    one = card("alibi")
    path = tmp_path / "a.svg"
    options = ({}, {"head": 2}, {"theme": "dark"}, {"title": "Slopes"})
    made = [regard.save(one, path, **given)[0].read_bytes() for given in options]
    assert len(set(made)) == 4
    assert b"Slopes" in made[3]
    with pytest.raises(OptionError, match="head: expected a whole number from -4 to 3, got 4"):
        regard.save(one, tmp_path / "none.svg", head=4)
    assert not (tmp_path / "none.svg").exists()


def test_a_list_of_cards_is_refused():
    with pytest.raises(regard.errors.DtypeError, match="expected one mechanism's card, got a list with Card; look at each"):
        regard.page([card("alibi"), card("dot")])


def test_two_pictures_share_a_width_and_names_of_queries():
    names = [f"n{at}" for at in range(16)]
    figure = mechanism_figure(card("sinks"), width=5, queries=names, keys=names, sides=("rows", "columns"))
    assert figure.get_size_inches()[0] == pytest.approx(5)
    left, right = figure.axes[:2]
    for ax in (left, right):
        assert [label.get_text() for label in ax.get_yticklabels()] == names
        assert ax.get_ylabel() == "rows"
    assert [label.get_text() for label in left.get_xticklabels()] == names
    assert "n0" not in [label.get_text() for label in right.get_xticklabels()]
    both = mechanism_figure(card("sinks"), tokens=names)
    assert [label.get_text() for label in both.axes[1].get_yticklabels()] == names
    assert len(mechanism_figure(card("sinks"), ax=None, colorbar=False).axes) == 2
