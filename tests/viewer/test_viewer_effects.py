"""Effects in the viewer: each site with its error bar, its prompts one click away, and its head's map beside a recording."""

import json
import math

import numpy as np
import pytest
import torch
from test_viewer_access import AXE, FOUND

import regard
from regard.cli import main
from regard.errors import DtypeError, OptionError
from regard.interventions import Prompt, heads, zero
from regard.interventions.effects import Effects
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.notebook.still import Still, small_png
from support.effects import columns_of
from support.tiny_models import tiny
from support.viewer_driving import Opened

LAYERS, HEADS, PROMPTS = 2, 3, 19
MEAN = [[0.0, -3.0, 0.2], [1.5, 0.0, -0.4]]


@pytest.fixture(scope="module")
def found():
    return Effects.of(columns_of(PROMPTS, LAYERS, HEADS, mean=MEAN), {"model": "tiny", "replacement": "zero"})


@pytest.fixture(scope="module")
def recording():
    weights = torch.rand(LAYERS, 1, HEADS, 7, 7, generator=torch.Generator().manual_seed(0)).tril()
    return regard.Recording.of(list(weights / weights.sum(-1, keepdim=True)), kind="self")


@pytest.fixture(scope="module")
def swept():
    """Of a list of prompts, whose texts it knows."""
    prompts = [Prompt([at, 5, 7 + at], answer=[3], wrong=[4]) for at in range(5)]
    return regard.sweep(tiny("gpt2"), prompts, ["logit_difference", "kl"], replace=zero())


def matrix(shown, number):
    info = shown.manifest["maps"][number]
    cells = {
        name: {"start": 0, "stop": info[size], "count": info[size]} for name, size in (("rows", "queries"), ("columns", "keys"))
    }
    asked = {"map": number, "heads": [0], "how": "mean", "hideSpecial": False, "renormalise": False, "sample": 0} | cells
    return unpack(shown.answer("region", asked))[1]["values"]


# -- what there is to see


def test_each_measure_is_a_map_of_sites_by_prompts(found):
    shown = document(found)
    assert [info["name"] for info in shown.manifest["maps"]] == ["loss", "margin"]
    for number, measure in enumerate(found.measures):
        grid = found.grid(measure)
        np.testing.assert_allclose(matrix(shown, number), grid.values.T, rtol=1e-6)
        info = shown.manifest["maps"][number]
        assert shown.manifest["axes"][info["rowAxes"][0]]["tokens"] == [site.name for site in grid.sites]
        assert (info["kind"], info["probabilities"], info["statistics"]) == ("map", False, {})
    assert shown.manifest["title"] == "effects of tiny, zero"


def test_what_is_said_of_each_site_is_what_its_tests_say(found):
    said = document(found).manifest["effects"]
    assert [one["name"] for one in said["measures"]] == list(found.measures)
    for one in said["measures"]:
        rows = found.tests(one["name"]).rows
        assert [said["sites"][row["site"]]["name"] for row in one["rows"]] == [row.site for row in rows]
        for row, known in zip(one["rows"], rows, strict=True):
            numbers = (known.effect, known.standard_error, known.low, known.high, known.adjusted, known.other_sign)
            names = ("effect", "error", "low", "high", "adjusted", "otherSign")
            assert [row[name] for name in names] == pytest.approx(numbers, rel=1e-5)
    assert document(found).manifest["opening"] == {"view": "effects", "map": 0, "query": 1, "unit": "tokens"}


def test_prompts_without_an_effect_are_no_zeros(found):
    columns = columns_of(5, 1, 2)
    kept = [
        at for at, (site, line) in enumerate(zip(columns["site"], columns["line"], strict=True)) if (site, line) != ("0.1", 3)
    ]
    shown = document(Effects.of({name: [values[at] for at in kept] for name, values in columns.items()}))
    rows = {row["site"]: row for row in shown.manifest["effects"]["measures"][0]["rows"]}
    assert rows[1]["absent"] == [3]
    assert "absent" not in rows[0]
    assert "absent" not in document(found).manifest["effects"]["measures"][0]["rows"][0]


def test_one_prompt_has_no_error():
    shown = document(Effects.of(columns_of(1)))
    row = shown.manifest["effects"]["measures"][0]["rows"][0]
    assert (row["error"], row["low"], row["high"]) == (None, None, None)
    json.dumps(shown.manifest, allow_nan=False)


def test_texts_come_from_the_sweep_or_from_what_was_swept(found, swept):
    texts = [one["text"] for one in document(swept).manifest["effects"]["prompts"]]
    assert texts == [f"{at} 5 {7 + at} → 3" for at in range(5)]
    assert not any("texts" in note for note in document(swept).manifest["notes"])
    bare = document(found).manifest
    assert [one["text"] for one in bare["effects"]["prompts"]] == [""] * PROMPTS
    assert [one["name"] for one in bare["effects"]["prompts"]][:2] == ["prompt 0", "prompt 1"]
    assert any("give what was swept" in note for note in bare["notes"])
    given = document(found, prompts=[Prompt(f"text {at}") for at in range(PROMPTS)]).manifest
    assert given["effects"]["prompts"][2] == {"name": "prompt 2", "text": "text 2"}
    assert given["axes"]["axis-1"]["tokens"][2] == "text 2"


def test_texts_of_files_are_read_from_them(tmp_path):
    lines = [json.dumps({"question": f"w{at} ##x", "answer": " y"}) for at in range(4)]
    (tmp_path / "asked.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = Effects.of(columns_of(4, file="asked.jsonl"), {"columns": {"text": "question"}})
    prompts = document(found, prompts=str(tmp_path / "asked.jsonl")).manifest["effects"]["prompts"]
    assert prompts[1] == {"name": "asked.jsonl:2", "text": "w1 ##x → y"}  # as it is: no token of anything


def test_what_stays_without_a_program_says_that_these_are_effects(found, recording):
    still = Still(document(found))
    assert still.text == str(found)
    assert still.png == small_png(found.figure())
    assert Still(document(recording, effects=found, view="map", map=0)).text.startswith("self layer 0, head 0")
    assert "<caption>Effects on loss</caption>" in regard.page(found)


# -- beside a recording


def test_heads_lead_to_their_maps_and_have_their_numbers(found, recording):
    shown = document(recording, effects=found)
    manifest = shown.manifest
    assert [(site["map"], site["head"]) for site in manifest["effects"]["sites"]] == [
        (layer, head) for layer in range(LAYERS) for head in range(HEADS)
    ]
    assert [one["map"] for one in manifest["effects"]["measures"]] == [2, 3]
    assert manifest["opening"]["view"] == "effects"
    for layer in range(LAYERS):
        info = manifest["maps"][layer]
        assert next(iter(info["statistics"])) == "effect on loss"
        assert info["statistics"]["effect on loss"] == pytest.approx(found.differences[layer].tolist(), rel=1e-5)
        errors = [row.standard_error for row in found.summary("loss") if row.layer == layer]
        assert info["errors"]["effect on loss"] == pytest.approx(errors, rel=1e-2)
    assert "mean over prompts" in manifest["definitions"]["effect on loss"]["meaning"]
    assert document(recording, effects=found, view="map", map=0).manifest["opening"]["view"] == "map"


def test_estimates_say_so_everywhere(recording):
    found = Effects.of(columns_of(5, LAYERS, HEADS), {"estimated": True})
    manifest = document(recording, effects=found).manifest
    assert manifest["effects"]["estimated"]
    assert "estimated, not run" in manifest["definitions"]["effect on loss"]["meaning"]
    assert any("nothing was run" in note for note in manifest["notes"])


def test_a_site_that_is_no_head_has_no_map(recording):
    prompts = [Prompt([at, 5], answer=[3], wrong=[4]) for at in range(3)]
    what = {"both": heads((0, 0), (0, 1)), "one": heads((0, 1))}
    found = regard.sweep(tiny("gpt2"), prompts, "logit_difference", what=what)
    manifest = document(recording, effects=found).manifest
    assert {site["name"]: site["map"] for site in manifest["effects"]["sites"]} == {"both": None, "one": 0}
    assert all("effect on logit_difference" not in info["statistics"] for info in manifest["maps"])  # not of every head


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"effects": "x.parquet"}, DtypeError, "expected what regard.sweep gives, got 'x.parquet'; Effects.load"),
        ({"prompts": ["a"]}, OptionError, "prompts: expected effects beside them"),
        ({"view": "effects"}, OptionError, "got 'effects': nothing was replaced; give what regard.sweep found as effects="),
    ],
)
def test_what_is_no_effect_is_refused(recording, options, error, said):
    with pytest.raises(error, match=said):
        document(recording, **options)


def test_effects_of_another_model_are_refused(found):
    other = regard.Recording.of([torch.eye(3)[None, None]], kind="cross")
    with pytest.raises(OptionError, match="effects: expected those of heads that are there, got self 0.0 and others"):
        document(other, effects=found)


def test_effects_beside_effects_are_compared_elsewhere(found):
    for options in ({"effects": found}, {"against": found}, {"tokens": ["a"]}, {"names": ["a"]}):
        with pytest.raises(OptionError, match=r"expected effects by themselves.*found\.compare"):
            document(found, **options)
    with pytest.raises(OptionError, match="prompts: expected what was swept, with prompt 0, prompt 1, prompt 2, got other"):
        document(found, prompts="README.md")
    with pytest.raises(OptionError, match=r"effects: expected effects of some prompts.*left_out"):
        document(Effects.of([], {"measures": ["loss"]}))


# -- on every host


def test_saved_as_a_page_and_served_by_the_command(found, tmp_path, capsys):
    regard.save(found, tmp_path / "found.html")
    assert '"estimated":false' in (tmp_path / "found.html").read_text(encoding="utf-8")
    found.save(tmp_path / "found.parquet")
    assert main(["view", str(tmp_path / "found.parquet"), "--save", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == (tmp_path / "found.html").read_text(encoding="utf-8")
    lines = "\n".join(json.dumps({"text": f"text {at}"}) for at in range(PROMPTS))
    (tmp_path / "asked.jsonl").write_text(lines, encoding="utf-8")
    Effects.of(columns_of(PROMPTS, file="asked.jsonl")).save(tmp_path / "filed.parquet")
    asked = ["--prompts", str(tmp_path / "asked.jsonl"), "--save", str(tmp_path / "filed.html")]
    assert main(["view", str(tmp_path / "filed.parquet"), *asked]) == 0
    assert "text 18" in (tmp_path / "filed.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["view", str(tmp_path / "asked.jsonl"), "--save", str(tmp_path / "no.html")]) != 0
    assert "expected" in capsys.readouterr().err


def test_the_command_shows_them_beside_a_recording(found, recording, tmp_path):
    recording.save(tmp_path / "seen.safetensors")
    found.save(tmp_path / "found.parquet")
    asked = ["--effects", str(tmp_path / "found.parquet"), "--save", str(tmp_path / "both.html")]
    assert main(["view", str(tmp_path / "seen.safetensors"), *asked]) == 0
    assert "effect on loss" in (tmp_path / "both.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(found, recording, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "both.html"
    prompts = [
        Prompt(f"The text of number {at}, which is long enough to be cut in two on a telephone") for at in range(PROMPTS)
    ]
    regard.page(recording, path, effects=found, prompts=prompts)
    return path.as_uri()


def shown_numbers(opened):
    said = opened.page.locator(".effects-prompts .effects-number").all_inner_texts()
    return [float(one.replace("−", "-")) for one in said]


@pytest.mark.browser
@pytest.mark.slow
def test_a_reader_opens_prompts_and_the_map(browser, address, found):
    opened = Opened(browser, address)
    page = opened.page
    rows = found.tests("loss").rows
    sites = page.locator(".effects-sites > li")
    assert sites.count() == len(rows)
    assert page.get_by_role("button", name=f"{rows[0].site}: −").first.get_attribute("aria-expanded") == "true"
    page.locator(".effects-toggle").nth(1).click()
    column = [site.name for site in found.grid("loss").sites].index(rows[1].site)
    values = sorted(found.grid("loss").values[:, column], reverse=rows[1].effect > 0)
    page.get_by_role("button", name="more").click()
    assert shown_numbers(opened) == pytest.approx(values, abs=0.005)
    assert "The text of number" in page.locator(".effects-text").first.inner_text()
    page.keyboard.press("r")
    assert shown_numbers(opened) == pytest.approx(values[::-1], abs=0.005)
    page.get_by_role("button", name=f"{rows[1].site}: open its map").click()
    assert opened.address()["view"] == "map"
    assert int(opened.address()["map"]) == rows[1].layer
    opened.view("Effects")
    assert page.get_by_role("button", name=f"{rows[0].site}: −").first.get_attribute("aria-expanded") == "true"
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(390, 780), (560, 480), (1200, 700)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut(browser, address, width, height, scheme):
    opened = Opened(browser, address, viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True)
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    opened.page.locator(".effects-prompts li").first.wait_for()
    assert opened.page.evaluate(FOUND) == []
    view = opened.page.locator(".effects-view")
    assert view.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    for number in opened.page.locator(".effects-toggle .effects-number").all():
        assert number.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    opened.finish()


@pytest.mark.browser
@pytest.mark.slow
def test_keys_paper_and_forced_colours(browser, address):
    opened = Opened(browser, address, forced_colors="active")
    page = opened.page
    sure, unsure = page.locator(".effects-dot.sure").first, page.locator(".effects-dot:not(.sure)").first
    ground = "one => getComputedStyle(one).backgroundColor"
    assert sure.evaluate(ground) != unsure.evaluate(ground)
    page.locator(".effects-toggle").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.locator(".effects-sites > li").last.locator(".effects-prompts").wait_for()
    assert page.locator(".effects-prompts").count() == 1
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    drawing = page.locator(".sheet > svg")
    drawing.wait_for(state="attached")
    texts = drawing.evaluate("svg => [...svg.querySelectorAll('text')].map(({ textContent }) => textContent)")
    assert [one for one in texts if " ± " in one] != []
    assert math.isclose(drawing.evaluate("svg => svg.querySelectorAll('circle').length"), LAYERS * HEADS)
    opened.finish()
