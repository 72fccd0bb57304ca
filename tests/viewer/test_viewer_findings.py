"""Answers in the user's own units, in the viewer: passages, words in a sound, contacts, caches, pictures in a row, steps."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_viewer_access import AXE, FOUND

import regard
from regard.axes.pictures import Picture, View
from regard.axes.places import Patch
from regard.cli import main
from regard.errors import DtypeError, OptionError, ShapeError
from regard.surveying.survey_file import Survey
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.notebook.still import Still, small_png
from support.viewer_driving import Opened

ROOT = Path(__file__).parents[2]

PARTS = {
    "the light": "The lighthouse stands on a rock. It was built by masons.",
    "the harbour": "The harbour is dry at low water.",
    "the keeper": "Anna Wren kept the lamp for years.",
}
TEXT = f"Read this. {' '.join(PARTS.values())} Who kept it? Anna Wren."
TOKENS = [f"▁{word}" for word in TEXT.split()]
SIZE = len(TOKENS)


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def text_maps(layers=2, heads=3):
    made = []
    for layer in range(layers):
        amap = regard.AttentionMap(random(layer, 1, heads, SIZE, 8), random(layer + 7, 1, heads, SIZE, 8), causal=True)
        amap.queries = amap.keys = TOKENS
        amap.name, amap.kind, amap.layer = f"h.{layer}.attn", "self", layer
        made.append(amap)
    return made


@pytest.fixture(scope="module")
def passages():
    return regard.passages(text_maps(), PARTS, answer=range(SIZE - 2, SIZE))


@pytest.fixture(scope="module")
def times():
    said = torch.full((5, 23), 0.01)
    for row, (start, stop) in enumerate([(0, 4), (4, 9), (9, 11), (11, 17), (17, 23)]):
        said[row, start:stop] = 1
    amap = regard.Recording.of([(said / said.sum(-1, keepdim=True))[None, None]], kind="cross").cross[0]
    amap.queries = ["▁Ask", "▁what", "▁you", "▁can", "▁do."]
    return regard.word_times([amap], [(0, 0)], prompt=0, seconds=0.1, median=1)


@pytest.fixture(scope="module")
def contacts():
    states = random(3, 1, 2, 19, 6)
    return regard.contacts([regard.AttentionMap(states, states)], {(0, 0): 30.0, (0, 1): -3.0}, -3.0, residues=range(19))


@pytest.fixture(scope="module")
def truth():
    near = random(5, 19, 19) > 1
    return near | near.T


@pytest.fixture(scope="module")
def cached():
    maps = [regard.AttentionMap(random(at, 1, 4, 53, 8), random(at + 9, 1, 2, 53, 8), causal=True) for at in range(2)]
    for layer, amap in enumerate(maps):
        amap.layer, amap.kind = layer, "self"
    return regard.cache(maps, ["streaming", "tova", "snapkv"], [5, 17, 31], prompt=41, window=8)


def whole(shown, number, heads):
    info = shown.manifest["maps"][number]
    cells = [{"start": 0, "stop": info[size], "count": info[size]} for size in ("queries", "keys")]
    asked = {"map": number, "heads": heads, "rows": cells[0], "columns": cells[1], "how": "mean", "sample": 0}
    return unpack(shown.answer("region", {**asked, "hideSpecial": False, "renormalise": False}))[1]["values"].copy()


# -- what a document says


def test_passages_are_maps_of_statistics_by_passages(passages):
    shown = document(passages)
    found = shown.manifest["finding"]
    every = whole(shown, 0, list(range(6)))
    for row, name in enumerate(found["statistics"]):
        means = {line.name: line.value for line in passages.ranked(name)}
        np.testing.assert_allclose(every[row, :-1], [means[one["name"]] for one in found["passages"]], rtol=1e-5)
    np.testing.assert_allclose(whole(shown, 2, [1])[2, -1], passages.mass[1, 1, -1], rtol=1e-6)
    assert shown.manifest["opening"] == {"view": "finding", "map": 0, "heads": list(range(6)), "query": 0, "unit": "tokens"}
    axis = shown.manifest["axes"][found["axis"]]
    runs = [one["runs"] for one in found["passages"]]
    assert [" ".join(axis["tokens"][slice(*run[0])]).replace("▁", "") for run in runs] == list(PARTS.values())
    assert axis["bands"][0] == {"name": "passages", "spans": [run[0] for run in runs], "texts": list(PARTS)}
    json.dumps(shown.manifest, allow_nan=False)


def test_effects_stand_beside_passages_with_their_agreement(passages):
    effects = {"the light": -0.5, "the harbour": 0.25, "the keeper": -2.0}
    found = document(passages, effects=effects).manifest["finding"]
    assert found["effects"] == [effects[one["name"]] for one in found["passages"]]
    assert found["agreement"]["lift"] == pytest.approx(passages.agreement(effects), abs=1e-3)
    with pytest.raises(OptionError, match="effects: expected one by name for"):
        document(passages, effects={"the light": 1.0})


def test_a_recording_is_zoomed_along_its_passages(passages):
    maps = text_maps()
    manifest = document(maps, finding=passages, view="map", unit="passages").manifest
    assert (manifest["opening"]["unit"], manifest["opening"].get("map", 0)) == ("passages", 0)
    axes = {name: axis["bands"][0]["texts"] for name, axis in manifest["axes"].items() if "bands" in axis}
    assert list(axes.values()) == [list(PARTS)]
    assert manifest["finding"]["maps"] == [2, 3, 4]
    assert document(maps, finding=passages).manifest["opening"]["view"] == "finding"
    plain = document(maps, spans=passages.spans, unit="passages").manifest
    assert "finding" not in plain
    several = document(maps, spans={"turns": passages.spans, "parts": passages.spans}).manifest
    assert [one["name"] for one in several["axes"]["axis-0"]["bands"]] == ["turns", "parts"]


@pytest.mark.parametrize(
    ("places", "reason"),
    [((range(9), range(5, 12)), "some overlap"), (([0, 1, 4], range(5, 12)), "some are in several pieces")],
)
def test_a_map_says_that_it_cannot_be_zoomed_by_spans_that_are_no_runs(places, reason):
    spans = regard.Spans(("first", "second"), places)
    manifest = document(text_maps(1), spans=spans).manifest
    assert manifest["notes"] == [f"The map cannot be zoomed by passages: {reason}."]
    assert all("bands" not in axis for axis in manifest["axes"].values())
    apart = regard.Spans(("first", "second"), (range(5), range(5, 12)))
    assert document(text_maps(1), spans=apart).manifest["notes"] == []


def test_rows_called_by_what_they_produced_have_their_spans_one_earlier():
    maps = text_maps(1)
    maps[0].queries = [*TOKENS[1:], "▁?"]
    spans = regard.Spans(("first", "second"), (range(4), range(4, 9)))
    manifest = document(maps, spans=spans).manifest
    info = manifest["maps"][0]
    assert manifest["axes"][info["columnAxis"]]["bands"][0]["spans"] == [[0, 4], [4, 9]]
    assert manifest["axes"][info["rowAxes"][0]]["bands"][0]["spans"] == [[0, 3], [3, 8]]


def test_sentences_are_units_where_there_are_several():
    manifest = document(text_maps(1)).manifest
    axis = manifest["axes"]["axis-0"]
    starts = [at for at, token in enumerate(axis["tokens"]) if at == 0 or axis["tokens"][at - 1][-1] in ".?"]
    assert axis["sentences"] == starts
    assert document(text_maps(1), unit="sentences").manifest["opening"]["unit"] == "sentences"
    alone = regard.AttentionMap.from_dense(torch.eye(3)[None, None])
    alone.queries = alone.keys = ["▁one", "▁sentence", "."]
    with pytest.raises(OptionError, match="got 'sentences': its text is one sentence"):
        document(alone, unit="sentences")


def test_words_stand_under_the_peaks_of_their_sound(times):
    sound = np.linspace(-1, 0.5, 9600)
    found = document(times, sound=(sound, 4000)).manifest["finding"]
    assert [word for word, _, _ in found["words"]] == ["Ask", "what", "you", "can", "do."]
    assert [start for _, start, _ in found["words"]] == pytest.approx([one.start for one in times.words])
    peaks = found["sound"]
    assert (len(peaks["low"]), peaks["seconds"]) == (1600, 2.4)
    assert (peaks["low"][0], peaks["high"][-1]) == (-100, 50)
    np.testing.assert_allclose(whole(document(times), 0, [0]), times.weights, rtol=1e-6)


def test_contacts_have_the_structure_above_the_diagonal(contacts, truth):
    shown = document(contacts, truth=truth)
    values = torch.from_numpy(whole(shown, 0, [0]))
    torch.testing.assert_close(values.tril(), contacts.map.dense()[0, 0].tril())
    torch.testing.assert_close(values.triu(1), truth.float().triu(1))
    found = shown.manifest["finding"]
    assert found["known"] == [bool(truth[first, second]) for first, second, _ in found["pairs"]]
    assert shown.manifest["opening"]["view"] == "map"
    torch.testing.assert_close(torch.from_numpy(whole(document(contacts), 0, [0])), contacts.map.dense()[0, 0])


def test_caches_are_maps_of_policies_by_budgets(cached):
    shown = document(cached)
    np.testing.assert_allclose(whole(shown, 0, list(range(8))), cached.retained.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(whole(shown, 2, [3]), cached.retained[:, 1, 3], rtol=1e-6)
    enough = [[math.nan if one is None else one for one in line] for line in shown.manifest["finding"]["enough"]]
    np.testing.assert_array_equal(enough, cached.budget(0.95).flatten(1))


@pytest.fixture(scope="module")
def surveyed():
    return Survey.load(ROOT / "docs" / "survey" / "tatoeba.parquet")


def test_surveys_are_maps_of_layers_by_heads(surveyed):
    shown = document(surveyed)
    found = shown.manifest["finding"]
    number, told = next((at, one) for at, one in enumerate(found["statistics"]) if one["name"] == "previous")
    layers = shown.manifest["axes"][shown.manifest["maps"][number]["rowAxes"][0]]["tokens"]
    row = surveyed.row("encoder", 0, 1, "previous")
    layer = layers.index("encoder 0")
    assert whole(shown, number, [0])[layer, 1] == pytest.approx(row.mean, rel=1e-6)
    own = next(one for one in told["heads"] if one[:2] == [layer, 1])
    assert own[2:5] == [pytest.approx(row.mean, rel=1e-5), pytest.approx(row.standard_error, rel=1e-5), row.count]
    assert own[5].index(100) == row.histogram.index(max(row.histogram))
    assert [found["texts"][at][1] for _, at in own[7]] == [f"{one.text} → {one.target}" for one in row.lowest]
    assert found["statistics"][shown.manifest["opening"]["map"]]["name"] == "entropy"
    with pytest.raises(OptionError, match="expected a survey by itself"):
        document(surveyed, tokens=["a"])
    still = Still(shown)
    assert still.text == str(surveyed)


def test_the_command_shows_a_survey(surveyed, tmp_path, capsys):
    file = ROOT / "docs" / "survey" / "tatoeba.parquet"
    assert main(["view", str(file), "--save", str(tmp_path / "survey.html")]) == 0
    assert (tmp_path / "survey.html").read_text(encoding="utf-8") == regard.page(surveyed)
    capsys.readouterr()


def test_what_stays_without_a_program_is_the_own_picture(passages, tmp_path):
    still = Still(document(passages))
    assert (still.text, still.png) == (str(passages), small_png(passages.figure()))
    regard.save(passages, tmp_path / "found.html")
    assert '"kind":"passages"' in (tmp_path / "found.html").read_text(encoding="utf-8")


def test_passes_of_the_model_are_steps():
    made = regard.Recording()
    for step in range(3):
        amap = regard.AttentionMap(random(step, 1, 1, 5, 4), random(step, 1, 1, 7, 4))
        amap.name, amap.kind, amap.layer, amap.step = "down.attn2", "cross", 0, step
        made.maps.append(amap)
    made.passes = 3
    assert [info.get("step", 0) for info in document(made).manifest["maps"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"finding": 3}, DtypeError, "finding: expected what regard.passages, word_times, contacts or cache gives, got 3"),
        ({"sound": ([0.0], 5)}, OptionError, "expected sound and truth beside what they belong to, got no finding"),
        ({"spans": ["a"]}, DtypeError, r"spans: expected regard.Spans, or several by what they are called, got \['a'\]"),
        ({"spans": {"x": 3}}, DtypeError, "spans: expected regard.Spans for each name, got 3 for 'x'"),
        ({"spans": {"words": regard.Spans(("a",), ((0,),))}}, OptionError, "spans: expected names other than tokens"),
        ({"spans": regard.Spans(("a",), ((99,),))}, ShapeError, "spans: expected positions from 0 to .*, got 99 of passages"),
        ({"view": "finding"}, OptionError, "nothing was measured; give what regard.passages or its like found as finding="),
    ],
)
def test_what_is_no_finding_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        document(text_maps(1), **options)


def test_what_belongs_to_another_finding_is_refused(passages, times, contacts, truth):
    for found, options, error, said in (
        (passages, {"sound": ([0.0], 5)}, OptionError, "sound: expected it beside WordTimes, got Passages; leave it out"),
        (passages, {"finding": passages}, OptionError, "expected a finding by itself"),
        (times, {"truth": truth}, OptionError, "truth: expected it beside Contacts, got WordTimes"),
        (times, {"sound": [0.0, 1.0, 2.0]}, DtypeError, r"sound: expected \(samples, samples a second\)"),
        (times, {"sound": ([[0.0], [1.0]], 5)}, ShapeError, r"got \(2, 1\); take one channel"),
        (contacts, {"truth": truth[1:]}, ShapeError, r"truth: expected \(residues, residues\)=\(19, 19\), got \(18, 19\)"),
    ):
        with pytest.raises(error, match=said):
            document(found, **options)


# -- words on pictures


@pytest.fixture(scope="module")
def looked():
    pictures = [Picture((View(2, 3, range(1, 7)),)), Picture((View(4, 2, range(7, 15)),))]
    amap = regard.AttentionMap(random(1, 1, 3, 19, 8), random(2, 1, 3, 19, 8), causal=True)
    return regard.patches(amap, {"red": [16], "fox": [17, 18]}, pictures=pictures)


@pytest.fixture(scope="module")
def painted():
    maps = []
    for step in range(3):
        amap = regard.AttentionMap(random(step, 1, 2, 20, 8), random(step + 5, 1, 2, 7, 8))
        amap.kind, amap.layer, amap.step = "cross", 0, step
        maps.append(amap)
    return regard.pixels(maps, {"red": [2], "fox": [3, 4]}, size=(4, 5))


def test_words_on_patches_are_rows_over_the_cells_of_all_pictures(looked):
    shown = document(looked)
    cells = torch.from_numpy(whole(shown, 0, [0]))
    torch.testing.assert_close(cells[1, :6].view(2, 3), looked.heat("fox", 0).float())
    torch.testing.assert_close(cells[1, 6:].view(4, 2), looked.heat("fox", 1).float())
    assert [(one["places"][0]["rows"], one["places"][0]["columns"]) for one in shown.manifest["images"]] == [(2, 3), (4, 2)]
    assert {name: shown.manifest["opening"][name] for name in ("view", "query")} == {"view": "image", "query": 0}


def test_pixels_look_at_words_and_have_a_map_a_step(painted):
    shown = document(painted, image=np.zeros((8, 10, 3), np.uint8))
    for step in range(3):
        cells = torch.from_numpy(whole(shown, step, [0]))
        torch.testing.assert_close(cells[:, 0].view(4, 5), painted.heat("red", step))
    assert [info.get("step", 0) for info in shown.manifest["maps"]] == [0, 1, 2]
    assert (shown.manifest["opening"]["direction"], shown.manifest["opening"]["key"]) == ("to", 0)
    with pytest.raises(OptionError, match="expected words on pictures by themselves"):
        document(painted, tokens=["a"])


# -- on the page


@pytest.fixture(scope="module")
def addresses(passages, times, contacts, cached, surveyed, truth, looked, painted, tmp_path_factory):
    """A page of each."""
    folder = tmp_path_factory.mktemp("findings")
    regard.page(passages, folder / "passages.html", effects={"the light": -0.5, "the harbour": 0.25, "the keeper": -2.0})
    regard.page(text_maps(), folder / "zoom.html", finding=passages, view="map", unit="passages", heads=0)
    sound = np.sin(np.arange(9200) / 7) * np.linspace(0.2, 1, 9200)
    regard.page(times, folder / "times.html", sound=(sound, 4000))
    regard.page(contacts, folder / "contacts.html", truth=truth, view="finding")
    regard.page(cached, folder / "cache.html")
    regard.page(surveyed, folder / "survey.html")
    regard.page(looked, folder / "patches.html")
    regard.page(painted, folder / "pixels.html", image=np.full((40, 50, 3), 90, np.uint8))
    return {path.stem: path.as_uri() for path in folder.iterdir()}


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("name", ["passages", "times", "contacts", "cache", "survey", "zoom", "patches", "pixels"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1200, "light")])
def test_axe_finds_nothing_and_nothing_is_cut(browser, addresses, name, width, scheme):
    opened = Opened(browser, addresses[name], viewport={"width": width, "height": 780}, color_scheme=scheme, bypass_csp=True)
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    assert opened.page.evaluate(FOUND) == []
    for view in opened.page.locator(".finding").all():
        assert view.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_a_reader_ranks_passages_and_finds_them_in_the_text(browser, addresses, passages):
    opened = Opened(browser, addresses["passages"])
    page = opened.page
    names, chosen = page.locator(".finding-line .finding-name"), page.locator("mark[data-chosen]")
    assert names.all_inner_texts() == [line.name for line in passages.ranked()]
    opened.choose("ranked by", "mass")
    assert names.all_inner_texts() == [line.name for line in passages.ranked("mass")]
    page.locator(".finding-line").first.click()
    first = passages.ranked("mass")[0].name
    assert chosen.all_inner_texts() == [PARTS[first]]
    opened.press("ArrowDown")
    assert chosen.all_inner_texts() == [PARTS[passages.ranked("mass")[1].name]]
    page.get_by_role("button", name="head 2", exact=True).click()
    opened.rest()
    assert names.all_inner_texts() == [line.name for line in passages.ranked("mass", heads={(0, 2): 1.0})]
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_the_map_is_zoomed_from_a_passage_to_its_tokens(browser, addresses):
    opened = Opened(browser, addresses["zoom"])
    page = opened.page
    levels = page.locator(".levels button")
    assert levels.all_inner_texts() == ["passages", "sentences", "words", "tokens"]
    page.locator(".map-stage, .panel [tabindex='0']").first.focus()
    opened.press("Home", "ArrowRight")
    chosen = opened.address()
    opened.press(".")
    assert opened.address()["unit"] == "sentences"
    assert page.locator(".levels [aria-pressed=true]").inner_text() == "sentences"
    top, bottom, left, right = map(float, opened.address()["viewport"].split(","))
    assert (right - left, bottom - top) != (0, 0)
    assert "key" in chosen
    page.get_by_role("button", name="passages", exact=True).click()
    opened.rest()
    assert "viewport" not in opened.address()
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_words_are_walked_through_under_their_sound(browser, addresses, times):
    opened = Opened(browser, addresses["times"])
    page = opened.page
    words = page.locator(".finding-words button")
    assert words.all_inner_texts() == [one.text for one in times.words]
    boxes = [word.bounding_box() for word in words.all()]
    for box, one in zip(boxes, times.words, strict=True):
        stage = page.locator(".finding-stage").bounding_box()
        assert box["x"] - stage["x"] == pytest.approx(stage["width"] * one.start / 2.3, abs=1.5)
    words.first.focus()
    opened.press("ArrowRight")
    assert words.nth(1).get_attribute("aria-pressed") == "true"
    assert "what: 0.40 s to 0.90 s" in page.locator(".reader .status").inner_text()
    assert page.locator(".finding-stage polygon").count() == 1
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_a_contact_leads_to_its_place_in_the_map(browser, addresses, contacts):
    opened = Opened(browser, addresses["contacts"])
    first = contacts.strongest()[0]
    opened.page.locator(".finding-line").first.click()
    opened.rest()
    address = opened.address()
    assert (int(address["query"]), int(address["key"])) == (first.second, first.first)
    assert "above it those that touch in the known structure" in opened.page.locator(".meaning-said").inner_text()
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_a_line_of_a_cache_is_chosen_and_printed(browser, addresses):
    opened = Opened(browser, addresses["cache"], forced_colors="active")
    page = opened.page
    assert page.locator(".finding-chart polyline").count() == 3
    page.locator(".finding-line").nth(1).click()
    widths = page.locator(".finding-chart polyline").evaluate_all("all => all.map((one) => one.getAttribute('stroke-width'))")
    assert widths == ["2", "4", "2"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    drawing = page.locator(".sheet > svg")
    drawing.wait_for(state="attached")
    assert drawing.locator("polyline").count() == 3
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_heads_of_a_survey_are_sorted_and_opened(browser, addresses, surveyed):
    opened = Opened(browser, addresses["survey"])
    page = opened.page
    opened.choose("sorted by", "previous")
    rows = sorted((row for row in surveyed.rows() if row.statistic == "previous"), key=lambda row: -row.mean)
    names = page.locator(".finding-head .finding-name")
    assert names.all_inner_texts() == [f"{row.kind} {row.layer}.{row.head}" for row in rows if math.isfinite(row.mean)]
    page.locator(".finding-head").nth(1).click()
    assert page.locator(".finding-told").count() == 1
    assert rows[1].highest[0].text in page.locator(".finding-told").inner_text()
    opened.press("r")
    assert page.get_by_label("sorted by").evaluate("one => one.selectedOptions[0].text") != "previous"
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_pictures_in_a_row_have_each_its_overlay_and_share(browser, tmp_path):
    """Three pictures of 2 × 3 patches and a word after them, which looks at one patch of each."""
    places = [*(Patch(image, at // 3, at % 3) for image in range(3) for at in range(6)), None]
    looks = torch.zeros(1, 1, 19, 19)
    looks[..., 0] = 1
    looks[0, 0, 18] = 0
    for image, (at, weight) in enumerate([(1, 0.5), (4, 0.3), (2, 0.2)]):
        looks[0, 0, 18, 6 * image + at] = weight
    amap = regard.AttentionMap.from_dense(looks)
    amap.queries = amap.keys = [*["<image>"] * 18, "word"]
    axis = amap.keys
    amap.queries = amap.keys = replace(axis, lines=(replace(axis.lines[0], place=tuple(places)),))
    pictures = [np.full((40, 60, 3), shade) for shade in (0.2, 0.5, 0.8)]
    regard.page(amap, tmp_path / "frames.html", image=pictures, query=18)
    opened = Opened(browser, (tmp_path / "frames.html").as_uri(), viewport={"width": 390, "height": 780})
    page = opened.page
    assert page.locator(".image-strip button").all_inner_texts() == ["1: 0.50", "2: 0.30", "3: 0.20"]
    page.get_by_role("button", name="picture 2: 0.30 of the weight").click()
    opened.rest()
    assert "0.30 of its weight is on picture 2 of 3" in page.locator(".image-status").inner_text()
    canvas = opened.pixels(".image-strip button:nth-child(1) canvas")[..., :3].astype(int)
    coloured = np.abs(canvas - canvas[-5, 5]).max(-1) > 20
    across = canvas.shape[1]
    assert coloured[12, across // 2]
    assert not coloured[12, across - 9]
    page.locator(".image-canvas").focus()
    opened.press("PageDown")
    assert "picture 3 of 3" in page.locator(".image-status").inner_text()
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_steps_of_a_model_have_a_slider(browser, tmp_path, width):
    made = regard.Recording()
    for step in range(4):
        for layer in range(2):
            looks = torch.zeros(1, 1, 3, 5)
            looks[..., step] = 1
            amap = regard.AttentionMap.from_dense(looks)
            amap.name, amap.kind, amap.layer, amap.step = f"down.{layer}.attn2", "cross", layer, step
            made.maps.append(amap)
    made.passes = 4
    regard.page(made, tmp_path / "steps.html")
    opened = Opened(browser, (tmp_path / "steps.html").as_uri(), viewport={"width": width, "height": 780})
    page = opened.page
    slider = page.get_by_role("slider", name="pass of the model, or step")
    said = page.locator(".step-choice").inner_text().split()
    assert said == (["1", "of", "4"] if width == 390 else ["step", "1", "of", "4"])
    assert page.get_by_role("slider", name="pass of the model").get_attribute("aria-valuetext") == "step 1 of 4"
    assert page.get_by_role("combobox", name="map").locator("option").count() == 2
    slider.focus()
    opened.press("ArrowRight", "ArrowRight")
    assert int(opened.address()["map"]) == 4
    assert slider.get_attribute("aria-valuetext") == "step 3 of 4"
    page.get_by_role("combobox", name="map").select_option(label="cross layer 1")
    opened.rest()
    assert int(opened.address()["map"]) == 5
    page.locator(".panel [tabindex='0']").first.focus()
    opened.press("(")
    assert int(opened.address()["map"]) == 3
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_one_head_has_no_button_for_heads_on_a_telephone(browser, tmp_path):
    regard.page(torch.eye(5), tmp_path / "one.html")
    regard.page(torch.eye(5)[None, None].repeat(1, 2, 1, 1), tmp_path / "two.html")
    for name, seen in (("one", False), ("two", True)):
        opened = Opened(browser, (tmp_path / f"{name}.html").as_uri(), viewport={"width": 390, "height": 780})
        assert opened.page.locator(".fold-heads > button").is_visible() == seen
        opened.finish()
