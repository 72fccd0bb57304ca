"""Questions and their answers: requests are checked, numbers right, limits and memory kept, threads welcome."""

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from regard import AttentionMap
from regard.analysis.alignment.word_maps import merge
from regard.errors import OptionError
from regard.viewer.answers import regions
from regard.viewer.answers.cost import cost_of_weight
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import QUESTIONS, document
from regard.viewer.page.data import uncompressed
from support.forked import growth
from support.viewer_questions import long_map, region, span, values

# -- questions ----------------------------------------------------------------------------------------------------------


def test_the_manifest_is_an_answer():
    shown = document(torch.eye(3))
    told = unpack(shown.answer("manifest", {}))[0]
    assert told | {"axes": shown.manifest["axes"]} == shown.manifest


def test_what_two_axes_share_is_sent_once():
    amap = AttentionMap.from_dense(torch.rand(1, 1, 3, 3))
    amap.queries = amap.keys = ["▁a", "▁cat", "▁sat"]
    shown = document(amap)
    told = unpack(shown.answer("manifest", {}))[0]["axes"]
    assert told["axis-1"] == {"title": "keys", "like": "axis-0"}
    assert {**told["axis-0"], "title": "keys"} == shown.manifest["axes"]["axis-1"]
    amap.keys = ["▁a", "▁cat", "▁ran"]
    assert unpack(document(amap).answer("manifest", {}))[0]["axes"]["axis-1"]["tokens"] == ["▁a", "▁cat", "▁ran"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"map": 1},
        {"map": -1},
        {"map": True},
        {"map": 0.0},
        {"map": "0"},
        {"heads": []},
        {"heads": [0, 0]},
        {"heads": [2]},
        {"heads": 0},
        {"heads": [None]},
        {"how": "median"},
        {"how": None},
        {"how": ["mean"]},
        {"hideSpecial": 1},
        {"renormalise": "yes"},
        {"sample": -1},
        {"sample": 2**40},
        {"rows": span(0, 6, 5)},
        {"rows": span(3, 2, 1)},
        {"rows": span(0, 5, 0)},
        {"rows": span(0, 5, 2**21)},
        {"rows": span(-1, 5, 2)},
        {"rows": [0, 5]},
        {"rows": {"start": 0, "stop": 5}},
        {"rows": {"starts": [0, 1], "stops": [1]}},
        {"rows": {"starts": [2], "stops": [1]}},
        {"rows": {"starts": [], "stops": []}},
        {"rows": {"starts": [0.5], "stops": [1]}},
        {"rows": {"starts": "0", "stops": "1"}},
        {"rows": {"starts": [0] * 2**20, "stops": [5] * 2**20}, "columns": span(0, 7, 1)},
        {"rows": span(0, 5, 2**11), "columns": span(0, 7, 2**10)},
        {"colour": "red"},
        {"x" * 10_000: 1},
    ],
)
def test_requests_are_checked(change):
    shown = document(torch.rand(2, 5, 7))
    with pytest.raises(OptionError, match="expected") as caught:
        shown.answer("region", region(shown.manifest["maps"][0]) | change)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("question", ["", "Region", "tile", None, 3, ["region"], "x" * 10_000])
def test_other_questions(question):
    with pytest.raises(OptionError, match="expected a question of manifest"):
        document(torch.eye(2)).answer(question, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(["map", "heads", "rows", "columns", "how", "hideSpecial", "renormalise", "sample", "head"])
SHOWN = document(AttentionMap(torch.rand(1, 2, 5, 3), torch.rand(1, 2, 7, 3)))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(QUESTIONS), json_values | st.dictionaries(fields, json_values, max_size=8), st.booleans())
def test_whatever_is_asked_is_answered_or_refused(question, request, complete):
    if complete and isinstance(request, dict):
        request = region(SHOWN.manifest["maps"][0]) | request
    with contextlib.suppress(OptionError):  # anything else is a mistake
        unpack(SHOWN.answer(question, request))


def test_steps_of_what_has_none():
    with pytest.raises(OptionError, match="kept as queries and keys"):
        document(torch.eye(3)).answer("steps", {"map": 0, "head": 0})
    with pytest.raises(OptionError, match="query: expected one of a map of 131 × 151, got none"):
        document(long_map(1, 131, 151)).answer("steps", {"map": 0, "head": 0})


def test_steps_of_one_query_of_a_long_map():
    amap = long_map(2, 131, 151)
    [row] = amap[0, 1, 97:98].double()
    meta, arrays = unpack(document(amap).answer("steps", {"map": 0, "head": 1, "query": 97, "key": 150}))
    most = set(row.argsort(descending=True)[:24].tolist()) | {150}
    assert meta["positions"] == sorted(most)
    assert_allclose(arrays["weights"][0], row[meta["positions"]].numpy(), atol=1e-6)
    assert meta["rest"] == pytest.approx(float(row.sum() - row[meta["positions"]].sum()), abs=1e-6)
    factors = amap.factors
    group = factors.query.shape[1] // factors.key.shape[1]
    scores = factors.query[0, 1, 97] @ factors.key[0, 1 // group].T
    assert_allclose(arrays["scores"][0], scores[meta["positions"]].numpy(), rtol=1e-5, atol=1e-5)
    with pytest.raises(OptionError, match="query: expected a whole number from 0 to 130, got 131"):
        document(amap).answer("steps", {"map": 0, "head": 1, "query": 131})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["mean", "max", "mass"])
@pytest.mark.parametrize("options", [{}, {"causal": True, "window": 401}, {"softcap": 2.0, "sinks": torch.tensor([0.5, 1.0])}])
def test_regions_of_long_rows(how, options):
    amap = long_map(**options)
    dense = amap.dense()[0].double().numpy()
    shown = document(amap, statistics=False)
    cells = {"rows": span(3, 1300, 7), "columns": span(11, 1409, 5)}
    for heads in ([0], [1, 0]):
        found = values(shown, heads=heads, how=how, **cells)[1]["values"]
        mean = dense[heads].mean(0)
        for i in range(7):
            for j in range(5):
                inside = mean[3 + i * 1297 // 7 : 3 + (i + 1) * 1297 // 7, 11 + j * 1398 // 5 : 11 + (j + 1) * 1398 // 5]
                expected = {"mean": inside.mean(), "max": inside.max(), "mass": inside.sum(1).mean()}[how]
                assert found[i, j] == pytest.approx(expected, rel=1e-4, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [span(0, 2**15 + 3, 7), span(301, 2**15, 11), span(0, 60, 5)])
@pytest.mark.parametrize("how", ["mean", "max"])
def test_rows_so_long_that_they_are_pooled_in_chunks(columns, how):
    amap = long_map(2, 31, 2**15 + 3, causal=True)
    rows = span(1, 31, 3)
    found = values(document(amap), heads=[0, 1], how=how, rows=rows, columns=columns, sample=2)[1]["values"]
    one = values(document(amap), heads=[1], how=how, rows=rows, columns=columns, sample=2)[1]["values"]
    read = [[1 + i * 10 + (2 * j + 1) * 10 // 4 for j in range(2)] for i in range(3)]
    size, start = columns["stop"] - columns["start"], columns["start"]
    for cells, heads in ((found, [0, 1]), (one, [1])):
        mean = amap[0, heads[0] : heads[-1] + 1].double().mean(0).numpy()
        for i in range(3):
            for j in range(columns["count"]):
                ends = (start + k * size // columns["count"] for k in (j, j + 1))
                inside = mean[read[i], slice(*ends)]
                assert cells[i, j] == pytest.approx(getattr(inside, how)(), rel=1e-4, abs=1e-9)


def test_margins_and_overviews_are_those_of_the_map():
    amap = long_map(3, 300, 307, causal=True)
    shown = document(amap)
    meta, found = unpack(shown.answer("overview", {"map": 0}))
    assert meta == {"heads": 3, "rows": 256, "columns": 256, "sampled": 0}
    assert_allclose(found["max"], amap.pool(256, 256, "max")[0], atol=1e-6)
    request = {"map": 0, "heads": [2], "rows": span(0, 300, 300), "columns": span(0, 307, 307), "hideSpecial": False}
    meta, found = unpack(shown.answer("margins", request))
    assert meta == {"sampled": 0}
    assert_allclose(found["received"], amap.received()[0, 2], rtol=1e-4)
    assert_allclose(found["entropy"], amap.entropy()[0, 2], rtol=1e-4, atol=1e-5)


def test_entropy_of_several_heads_is_that_of_their_mean_where_the_map_is_small(monkeypatch):
    amap = long_map(2, 29, 31)
    request = {"map": 0, "heads": [0, 1], "rows": span(0, 29, 29), "columns": span(0, 31, 1), "hideSpecial": False}
    together = unpack(document(amap).answer("margins", request))[1]["entropy"]
    assert_allclose(together, torch.special.entr(amap.dense()[0].mean(0)).sum(-1), rtol=1e-5)
    monkeypatch.setattr("regard.viewer.document.document.AVERAGED_ENTROPY", 2 * 29 * 31 - 1)
    apart = unpack(document(amap).answer("margins", request))[1]["entropy"]
    assert_allclose(apart, amap.entropy()[0].mean(0), rtol=1e-5)
    assert (apart < together).all()


@pytest.mark.parametrize("subject", [torch.rand(2, 5, 7), AttentionMap(torch.rand(1, 2, 5, 3), torch.rand(1, 2, 7, 3))])
@pytest.mark.parametrize(
    "change", [{"rows": span(2, 2, 3)}, {"columns": span(4, 4, 3)}, {"rows": {"starts": [5], "stops": [5]}}]
)
@pytest.mark.parametrize("heads", [[1], [0, 1]])
@pytest.mark.parametrize("how", ["mean", "max", "mass"])
def test_cells_of_nothing_are_zero(subject, change, heads, how):
    for renormalise in (False, True):
        meta, found = values(document(subject), heads=heads, how=how, renormalise=renormalise, **change)
        assert found["values"].shape == (meta["rows"], meta["columns"])
        assert not found["values"].any()


def test_rows_and_columns_of_special_tokens_alone():
    amap = long_map(2, 5, 7)
    amap.queries, amap.keys = ("</s>",) * 5, ("</s>", "a", "b", "c", "d", "e", "f")
    assert not values(document(amap), hideSpecial=True)[1]["values"].any()


@pytest.mark.parametrize("how", ["mean", "max"])
def test_the_largest_of_weights_below_zero(how):
    weights = -torch.rand(2, 11, 13) - 0.5
    found = unpack(document(weights).answer("overview", {"map": 0}))[1]
    assert_allclose(found[how], weights)
    cells = values(document(weights), heads=[1], how=how, rows=span(0, 11, 1), columns=span(0, 13, 1))[1]["values"]
    assert_allclose(cells, getattr(weights[1], how)().reshape(1, 1), rtol=1e-6)


def test_words_of_a_map_are_answered_lazily():
    amap = AttentionMap.from_dense(torch.rand(1, 2, 3, 3).softmax(-1))
    amap.queries = amap.keys = ("▁a", "b", "▁c")
    assert_allclose(values(document(merge(amap)), heads=[1])[1]["values"], merge(amap)[0, 1], atol=1e-6)


# -- limits -------------------------------------------------------------------------------------------------------------


def test_a_host_with_a_limit_reads_as_much_as_it_pays_for():
    amap = long_map(1, 1301, 1409)
    row = 1409 * cost_of_weight(amap)
    rows = span(0, 1301, 10)
    unlimited = values(document(amap, statistics=False), rows=rows)
    assert unlimited[0]["sampled"] == 0
    limited = values(document(amap, statistics=False, max_work=30 * row), rows=rows)
    assert limited[0]["sampled"] == 3
    assert_allclose(limited[1]["values"], values(document(amap), rows=rows, sample=3)[1]["values"])
    assert values(document(amap, max_work=30 * row), rows=rows, sample=2)[0]["sampled"] == 2
    assert values(document(amap, max_work=1), rows=rows)[0]["sampled"] == 1
    assert values(document(amap, max_work=1301 * row), rows=rows)[0]["sampled"] == 0


def test_a_quick_answer_reads_fewer_rows_of_cells_and_says_so(monkeypatch):
    amap = long_map(1, 1301, 1409)
    monkeypatch.setattr(regions, "QUICK_WORK", 67 * 1409 * cost_of_weight(amap))
    asked = {"rows": span(0, 1301, 211), "columns": span(0, 1409, 19), "sample": 1}
    meta, quick = values(document(amap, statistics=False), **asked, quick=True)
    assert (meta["every"], meta["sampled"]) == (4, 1)  # 53 rows, as 71 would be too many
    assert int((~amap.view.source.known(*amap.view.ranges[:3]).isnan()).sum()) == 53
    meta, whole = values(document(amap, statistics=False), **asked)
    assert meta["every"] == 1
    assert_allclose(quick["values"], whole["values"][::4].repeat(4, axis=0)[:211], rtol=1e-5)
    assert np.abs(quick["values"] - whole["values"]).max() > 1e-5


def test_a_quick_answer_is_whole_where_denominators_are_known_or_soon_found(monkeypatch):
    amap = long_map(1, 1301, 1409)
    row = 1409 * cost_of_weight(amap)
    asked = {"rows": span(0, 1301, 211), "columns": span(0, 19, 19), "sample": 1, "quick": True}
    monkeypatch.setattr(regions, "QUICK_WORK", 211 * row)
    assert values(document(amap, statistics=False), **asked)[0]["every"] == 1
    monkeypatch.setattr(regions, "QUICK_WORK", 67 * row)
    assert values(document(amap, statistics=False), **asked)[0]["every"] == 1  # known by now, and narrow
    assert values(document(amap, statistics=False), **asked | {"columns": span(0, 1409, 19)})[0]["every"] == 4  # but not narrow


def test_a_region_is_prepared_in_parts(monkeypatch):
    amap = long_map(2, 701, 4099)
    monkeypatch.setattr(regions, "QUICK_WORK", 2 * 11 * 4099 * cost_of_weight(amap))
    shown = document(amap, statistics=False)
    asked = region(shown.manifest["maps"][0], rows=span(0, 701, 23), columns=span(0, 1409, 19), heads=[1], sample=1)
    parts = 0
    while shown.prepare(asked):
        parts += 1
        assert int((~amap.view.source.known(*amap.view.ranges[:3]).isnan()).sum()) == min(23, 11 * parts)
    assert parts == 3
    fresh = document(long_map(2, 701, 4099), statistics=False)
    assert_allclose(
        unpack(shown.answer("region", asked))[1]["values"], unpack(fresh.answer("region", asked))[1]["values"], rtol=1e-5
    )
    assert not fresh.prepare(asked | {"columns": span(0, 4099, 19)})  # of most keys: found on the way


def test_only_the_rows_that_are_read_have_denominators():
    amap = long_map(2, 1301, 1409)
    shown = document(amap, statistics=False, max_work=10**6)
    values(shown, rows=span(0, 1301, 16), columns=span(0, 1409, 16))
    assert int((~amap.view.source.known(*amap.view.ranges[:3]).isnan()).sum()) <= 64


def test_overviews_and_margins_within_a_limit():
    amap = long_map(4, 1301, 1409)
    shown = document(amap, statistics=False, max_work=4 * 64 * 1409 * cost_of_weight(amap))
    meta, found = unpack(shown.answer("overview", {"map": 0}))
    assert (meta["rows"], meta["columns"], meta["sampled"]) == (64, 256, 1)
    assert_allclose(found["mean"].sum(2).mean(), 256 / 1409, rtol=0.05)
    request = {"map": 0, "heads": [1], "rows": span(0, 1301, 13), "columns": span(0, 1409, 1), "hideSpecial": False}
    meta, found = unpack(shown.answer("margins", request))
    assert meta["sampled"] == 19
    assert_allclose(found["received"], [1301 / 1409], rtol=1e-3)  # an estimate, whose sum is exact
    exact = unpack(document(amap, statistics=False).answer("margins", request))[1]
    assert_allclose(found["entropy"], exact["entropy"], rtol=0.05)


def test_answers_from_many_threads_are_the_same():
    amap = long_map(2, 401, 1409, causal=True)
    requests = [("overview", {"map": 0}), ("steps", {"map": 1, "head": 0})]
    small = long_map(2, 7, 11)
    shown = document([amap, small])
    info = shown.manifest["maps"][0]
    for heads in ([0], [1], [0, 1]):
        requests.append(("region", region(info, heads=heads, rows=span(0, 401, 13), columns=span(0, 1409, 17))))
        margins = {"map": 0, "heads": heads, "rows": span(0, 401, 13), "columns": span(0, 1409, 17), "hideSpecial": True}
        requests.append(("margins", margins))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: shown.answer(*one), requests * 4))
    again = document([long_map(2, 401, 1409, causal=True), small])
    for (question, request), answer in zip(requests * 4, found, strict=True):
        (meta, arrays), (expected_meta, expected) = unpack(answer), unpack(again.answer(question, request))
        assert meta == expected_meta
        for name, array in arrays.items():
            assert_allclose(array, expected[name], rtol=1e-4, atol=1e-6)


PROGRAM = """
import torch
from regard import AttentionMap
from regard.viewer.document.document import document

torch.set_num_threads(1)
query, key = (torch.randn(1, 4, 4096, 16) for _ in range(2))
fixed = dict(heads=[0, 1], how=HOW, hideSpecial=False, renormalise=True, sample=0)
region = lambda n: dict(fixed, map=0, rows=dict(start=0, stop=n, count=64), columns=dict(start=0, stop=n, count=64))
small = document(AttentionMap(query[:, :, :1100], key[:, :, :1100]), statistics=False)
small.answer("region", region(1100)), small.answer("overview", {"map": 0})
shown = document(AttentionMap(query, key), statistics=False)
before = peak()
shown.answer("region", region(4096)), shown.answer("overview", {"map": 0})
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
@pytest.mark.parametrize("how", ["mean", "max"])
def test_the_matrix_is_never_there(how):
    assert growth(PROGRAM.replace("HOW", repr(how))) < 4 * 4096 * 4096 * 4 / 3


OVERLAPPING = """
import torch
from regard import AttentionMap
from regard.viewer.document.document import document

torch.set_num_threads(1)
shown = document(AttentionMap(torch.randn(1, 1, 1301, 4), torch.randn(1, 1, 1301, 4)), statistics=False)
rows = dict(start=0, stop=1301, count=1)
fixed = dict(map=0, heads=[0], rows=rows, how="mean", hideSpecial=False, renormalise=True, sample=64)
region = lambda n: fixed | dict(columns=dict(starts=list(range(n)), stops=[min(at + 4, 1301) for at in range(n)]))
shown.answer("region", region(1))
before = peak()
shown.answer("region", region(1301))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
def test_cells_that_overlap_take_no_more_memory():
    assert growth(OVERLAPPING) < 4 * 64 * 1301 * 1301 / 3


def test_cells_that_overlap_are_paid_for():
    amap = long_map(1, 101, 103)
    shown = document(amap, statistics=False, max_work=101 * 103 * cost_of_weight(amap))
    whole = {"rows": span(0, 101, 1), "columns": span(0, 103, 1)}
    assert values(shown, **whole)[0]["sampled"] == 0
    assert values(shown, **whole | {"columns": {"starts": [0] * 4, "stops": [103] * 4}})[0]["sampled"] == 101 // 4
    with pytest.raises(OptionError, match="columns: expected at most 412 positions in all cells, 4 times those that there are"):
        values(shown, **whole | {"columns": {"starts": [0] * 10, "stops": [103] * 10}})


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_maps_on_a_device_are_answered_as_on_the_processor():
    options = {"causal": True, "softcap": 4.0}
    here = long_map(2, 1301, 1409, **options, sinks=torch.ones(2), bias=torch.rand(1, 2, 1, 1409))
    kept = here.factors
    there = AttentionMap(kept.query.cuda(), kept.key.cuda(), **options, sinks=torch.ones(2).cuda(), bias=kept.bias.cuda())
    request = {"map": 0, "heads": [0, 1], "rows": span(0, 1301, 13), "columns": span(0, 1409, 17), "hideSpecial": False}
    region = request | {"how": "max", "renormalise": True, "sample": 1}
    questions = [("overview", {"map": 0}), ("margins", request), ("region", region)]
    for question, fields_given in questions:
        one, other = (unpack(document(amap, max_work=10**9).answer(question, fields_given))[1] for amap in (here, there))
        for name, array in one.items():
            assert_allclose(array, other[name], rtol=1e-4, atol=1e-6)
    _, arrays = unpack(uncompressed(document(there.select(queries=slice(3, 700))))[1]["map-0"])
    assert arrays["logsumexp"].shape == (2, 697)
