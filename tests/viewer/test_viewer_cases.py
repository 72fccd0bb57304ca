"""The cases that the front end is held to: they are up to date, and the engine in torch answers them too."""

import base64
import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import viewer_cases
from regard.viewer.answers.packing import unpack
from witnesses.attention import dense_attention

FRESH = dict(viewer_cases.cases())
DOCUMENTS = dict(viewer_cases.documents())
EXACT = [name for name, (_, precision) in viewer_cases.MAPS.items() if precision is None]


def stored(name):
    return json.loads((viewer_cases.FOLDER / f"{name}.json").read_text(encoding="ascii"))


def numbers(values):
    return np.array([-math.inf if value is None else value for value in values])


def test_each_case_has_a_file():
    assert {path.stem for path in viewer_cases.FOLDER.glob("*.json")} == set(FRESH)


@pytest.mark.parametrize("name", FRESH)
def test_the_files_are_up_to_date(name):
    case, fresh = stored(name), json.loads(viewer_cases.text_of(FRESH[name]))
    assert case.keys() == fresh.keys()
    case["manifest"]["maps"][0]["error"] = pytest.approx(case["manifest"]["maps"][0]["error"], abs=1e-5)
    for info, other in zip(case["manifest"]["maps"], fresh["manifest"]["maps"], strict=True):
        own, theirs = info.pop("statistics"), other.pop("statistics")
        assert own.keys() == theirs.keys()
        for statistic, values in own.items():
            assert_allclose(values, theirs[statistic], rtol=1e-4, atol=1e-4)
    case["manifest"].pop("notes"), fresh["manifest"].pop("notes")  # they name the error
    assert case["manifest"] == fresh["manifest"]
    for pack, text in case["data"].items():
        (meta, arrays), (other_meta, others) = (unpack(base64.b64decode(one)) for one in (text, fresh["data"][pack]))
        for field, value in meta.items():
            assert value == (pytest.approx(other_meta[field], rel=1e-6) if isinstance(value, float) else other_meta[field])
        assert arrays.keys() == others.keys()
        for array, values in arrays.items():  # the last bit of an exponential differs from machine to machine
            assert_allclose(values, others[array], rtol=1e-4, atol=1e-5 if values.dtype == np.float32 else 1)
    for one, other in zip(case["questions"], fresh["questions"], strict=True):
        assert one["request"] == other["request"]
        for array, values in one["arrays"].items():
            assert_allclose(numbers(values), numbers(other["arrays"][array]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FRESH)
def test_the_engine_in_torch_gives_the_same_answers(name):
    rounding = 0 if name in EXACT else 2e-3
    for one in stored(name)["questions"]:
        meta, arrays = unpack(DOCUMENTS[name].answer(one["question"], one["request"]))
        assert {field: meta[field] for field in one["meta"]} == one["meta"]
        assert arrays.keys() == one["arrays"].keys()
        sums = one["question"] == "margins" or one["request"].get("renormalise") or one["request"].get("how") == "mass"
        tolerance = one["tolerance"] + rounding * (10 if sums else 1)
        for array, values in one["arrays"].items():
            assert_allclose(arrays[array].ravel(), numbers(values), atol=tolerance, rtol=1e-4)


@pytest.mark.parametrize("name", FRESH)
def test_the_answers_are_those_of_an_oracle(name):
    """The cases are computed from what stands in the page; here the page is held against the definition of attention."""
    amap = DOCUMENTS[name].maps[0].amap
    factors = amap.view.whole_factors
    if factors is None:
        exact = amap.view.source.values.double().numpy()
    else:
        allowed = None if factors.mask is None else factors.mask.dense(*factors.shape)
        exact = dense_attention(
            factors.query, factors.key, factors.key, allowed,
            scale=factors.scale, bias=factors.bias, softcap=factors.softcap, sinks=factors.sinks,
        ).weights.numpy()  # fmt: skip
    batch, heads, queries, keys = map(list, amap.view.ranges)
    exact = exact[np.ix_(batch, heads, queries, keys)][0]
    asked = next(one for one in stored(name)["questions"] if one["request"]["columns"]["count"] == exact.shape[2])
    [head] = asked["request"]["heads"]
    tolerance = 1e-5 if name in EXACT else 2e-3
    assert_allclose(numbers(asked["arrays"]["values"]), exact[head].ravel(), atol=tolerance, rtol=1e-5)
