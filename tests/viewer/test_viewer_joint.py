"""Queries and keys of a head in one plane (``answers/joint.py``); the cases of the front end hold both engines to its axes."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import regard
from regard.errors import OptionError
from regard.viewer.answers.joint import MOST_PLACES
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from support.viewer_driving import Opened, rounded


def asked(amap, **request):
    return unpack(document(amap).answer("joint", {"map": 0, "head": 0} | request))


def test_of_two_components_the_plane_has_all_of_the_score():
    query, key = torch.randn(2, 1, 1, 13, 2, generator=torch.Generator().manual_seed(0)).double()
    key = key[:, :, :11] + 3
    meta, found = asked(regard.AttentionMap(query, key, scale=0.7))
    assert (meta["queryPlaces"], meta["keyPlaces"]) == (list(range(13)), list(range(11)))
    scores = found["strength"] * (found["queries"] @ found["keys"].T)
    expected = 0.7 * query[0, 0] @ (key - key.mean(2, keepdim=True))[0, 0].T
    assert_allclose(scores, expected.numpy(), atol=1e-5)
    assert_allclose(found["share"].sum(), 1, atol=1e-6)


def test_more_components_have_their_share_elsewhere():
    """Queries and keys along one axis, and half as long along two others."""
    axes = torch.tensor([[4.0, 0, 0], [-4, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]])[None, None]
    _, found = asked(regard.AttentionMap(axes, axes, scale=1.0))
    assert_allclose(found["share"], [16 / 21, 4 / 21], atol=1e-6)
    assert_allclose(np.abs(found["keys"][:, 1]), [0, 0, 2 / 7**0.5, 2 / 7**0.5, 0, 0], atol=1e-6)


def test_of_many_some_are_placed_and_what_is_asked_for():
    query, key = torch.randn(2, 1, 2, 5 * MOST_PLACES, 8, generator=torch.Generator().manual_seed(1))
    amap = regard.AttentionMap(query, key)
    plain, found = asked(amap)
    assert len(plain["queryPlaces"]) == len(plain["keyPlaces"]) == MOST_PLACES
    meta, more = asked(amap, query=3, key=5 * MOST_PLACES - 1)
    assert set(meta["queryPlaces"]) - set(plain["queryPlaces"]) == {3}
    assert set(meta["keyPlaces"]) - set(plain["keyPlaces"]) == {5 * MOST_PLACES - 1}
    kept = [at for at, place in enumerate(meta["queryPlaces"]) if place != 3]
    assert_allclose(more["queries"][kept], found["queries"], atol=1e-6)  # one more turns no axis


def test_a_single_component_and_nothing_at_all_have_a_plane():
    _, one = asked(regard.AttentionMap(*torch.randn(2, 1, 1, 5, 1)))
    assert_allclose(one["keys"][:, 1], 0)
    assert_allclose(one["share"], [1, 0], atol=1e-6)
    _, none = asked(regard.AttentionMap(*torch.zeros(2, 1, 1, 5, 3)))
    assert_allclose(none["queries"], 0)


@pytest.mark.parametrize("request_", [{"head": 2}, {"query": 5}, {"key": -1}, {"row": 1}])
def test_what_is_not_there_is_refused(request_):
    with pytest.raises(OptionError, match="expected"):
        asked(regard.AttentionMap(*torch.randn(2, 1, 2, 5, 3)), **request_)


def test_weights_have_no_queries_and_keys():
    with pytest.raises(OptionError, match="expected one that is kept as queries and keys"):
        asked(torch.eye(4)[None, None])


@pytest.mark.browser
def test_a_page_places_them_and_says_what_the_plane_has_of_the_score(browser, tmp_path):
    query, key = torch.randn(2, 1, 2, 9, 2, generator=torch.Generator().manual_seed(2))
    amap = regard.AttentionMap(query, key, scale=0.5)
    amap.queries = amap.keys = list("abcdefghi")
    regard.page(amap, tmp_path / "x.html", view="steps", heads=1, query="c", key="f")
    opened = Opened(browser, (tmp_path / "x.html").as_uri())
    opened.page.get_by_text("Queries and keys in one plane").click()
    plane = opened.page.locator(".steps-joint svg")
    plane.wait_for()
    assert (plane.locator("circle").count(), plane.locator("rect").count()) == (9, 9)
    said = opened.page.locator(".steps-joint-said").text_content()
    assert "which have 100 % of it" in said
    score = 0.5 * query[0, 1, 2] @ (key[0, 1, 5] - key[0, 1].mean(0))
    assert rounded(re.search(r"“c” and “f” ([^,]+),", said)[1].replace("−", "-"), score)
    plane.locator("rect[data-at='7']").hover()
    assert "h" in plane.locator("text").all_text_contents()
    plane.locator("rect[data-at='7']").click()
    opened.rest()
    assert opened.address()["key"] == "7"
    opened.finish()
