"""The offline page: what stands in it, that tokens stay data, that its numbers are close enough, and that it stays small."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import regard
from regard import AttentionMap, masks
from regard.analysis.alignment.word_maps import merge
from regard.errors import FileFormatError, OptionError, TooLargeError
from regard.tokens.texts import visible
from regard.viewer import front_end as programs
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.page.data import page_data, uncompressed
from regard.viewer.page.factors import MOST_ERROR
from regard.viewer.page.page import json_in_html, page_of
from support.tiny_models import tiny, tiny_inputs

pytestmark = pytest.mark.slow

BUNDLE = "export const built = 1;"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\ud800",
    "a\udfffb",
    "\u202eright to left\u2066",
    "\u200b",
    "\u2028\u2029",
    "é" * 10_000,
    "'\"&<>\\",
    "\x00\x07",
    "👩‍👩‍👧",
)


class Scripts(HTMLParser):
    """The scripts of a page with their attributes, the policy, and every other element that is there."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.scripts, self.elements, self.policy, self.text, self.inside = [], [], "", "", None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        given = dict(attributes)
        if tag == "script":
            self.scripts.append((given, ""))
        elif given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        self.elements.append((tag, given))

    def handle_endtag(self, _tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        else:
            self.text += data

    def of(self, **attributes):
        return next(text for given, text in self.scripts if attributes.items() <= given.items())


def built(subject, **options):
    return Scripts(page_of(document(subject, **options), bundle=BUNDLE))


def pack_of(page, name):
    return unpack(gzip.decompress(base64.b64decode(page.of(**{"data-regard": name}))))


@pytest.fixture
def nothing_kept(monkeypatch):
    """Pages that round the map that they open with, too."""
    monkeypatch.setattr("regard.viewer.page.data.KEPT_FOR_STEPS", 0)


def large_map(heads=4, kv_heads=2, n=701, dim=64, spread=1.0, **options):
    """More than what stays in float32."""
    generator = torch.Generator().manual_seed(3)
    query = spread * torch.randn(1, heads, n, dim, generator=generator)
    return AttentionMap(query, spread * torch.randn(1, kv_heads, n, dim, generator=generator), **options)


def decoded(meta, arrays, head):
    """The weights of a head, in float64, from what stands in a page; nothing masked."""
    query, key = (
        arrays[name].astype(np.float64) * (arrays[f"{name}_step"][..., None] if f"{name}_step" in arrays else 1)
        for name in ("query", "key")
    )
    scores = query[head] @ key[head * meta["kvHeads"] // meta["heads"]].T * meta["scale"]
    return np.exp(scores - arrays["logsumexp"][head][:, None])


def test_what_stands_in_a_page():
    page = built(regard.translate("The cat sat on the mat."))
    names = [given.get("data-regard") for given, _ in page.scripts]
    assert names == [None, "overviews", *(f"map-{at}" for at in range(8)), "program", None]
    assert gzip.decompress(base64.b64decode(page.of(**{"data-regard": "program"}))).decode() == BUNDLE
    assert page.scripts[-1][0] == {"type": "module"}
    manifest = json.loads(page.of(id="regard-manifest"))
    assert manifest["title"].startswith("The cat sat on the mat. → Le chat")
    assert all(info["error"] == 0 and info["steps"] for info in manifest["maps"])
    assert page.elements[0] == ("html", {"lang": "en"})
    assert "tokens produced" in str(manifest["axes"])
    assert "The–Le" in page.text  # without JavaScript, the alignment can be read


def test_the_policy_lets_the_program_run_and_what_opens_it_and_nothing_else():
    page = built(torch.eye(3))
    scripts = page.of(type="module"), BUNDLE
    hashes = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts)
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == " ".join(f"'sha256-{one}'" for one in hashes)
    assert policy["worker-src"] == "blob:"
    assert policy["img-src"] == "data: blob:"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert not [given for _, given in page.elements if {"src", "href"} & given.keys()]


def test_hostile_tokens_and_titles_stay_data():
    amap = AttentionMap.from_dense(torch.eye(len(HOSTILE)))
    amap.queries = amap.keys = HOSTILE
    text = page_of(document(amap, title=HOSTILE[0]), bundle=BUNDLE)
    page = Scripts(text)
    assert text.isascii()
    manifest = json.loads(page.of(id="regard-manifest"))
    assert tuple(manifest["axes"]["axis-0"]["tokens"]) == tuple(map(visible, HOSTILE))
    assert manifest["title"] == HOSTILE[0]
    assert [tag for tag, _ in page.elements if tag == "script"] == [
        "script"
    ] * 5  # manifest, overviews, a map, the program and what opens it
    assert not re.search(r"<script>|alert\(1\)</", text)


def test_json_never_closes_its_script():
    assert not set("<>&\u2028") & set(json_in_html({"<": ["&", ">", "\u2028", "</script>"]}))


def test_a_page_is_the_same_each_time():
    assert page_of(document(large_map()), bundle=BUNDLE) == page_of(document(large_map()), bundle=BUNDLE)


def test_a_page_carries_as_much_of_the_program_as_it_needs():
    found = regard.cache(AttentionMap(*torch.randn(2, 1, 2, 31, 8), causal=True), budgets=[5], prompt=19)
    for shown, program in ((document(torch.eye(2)), programs.page_program()), (document(found), programs.front_end())):
        for _ in range(2):
            page = Scripts(page_of(shown))
            assert gzip.decompress(base64.b64decode(page.of(**{"data-regard": "program"}))).decode() == program
    assert "finding-line" in programs.front_end()
    assert "finding-line" not in programs.page_program()


def test_the_table_for_readers_without_javascript():
    amap = AttentionMap.from_dense(torch.tensor([[0.25, 0.75]]))
    amap.queries, amap.keys = ("<b>",), ("k", "j")
    page = built(amap)
    assert "0.25" in page.text
    assert "<b>" in page.text
    assert "b" not in {tag for tag, _ in page.elements}


@pytest.mark.parametrize("bundle", ["x = '</script>'", "x = '<!--'", "é"])
def test_a_program_of_any_text_stays_one_script(bundle):
    page = Scripts(page_of(document(torch.eye(2)), bundle=bundle))
    assert gzip.decompress(base64.b64decode(page.of(**{"data-regard": "program"}))).decode() == bundle
    assert [tag for tag, _ in page.elements if tag == "script"] == ["script"] * 5


# -- numbers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spread", "precision"), [(1.0, "int12p"), (4.0, "int16p")])
@pytest.mark.usefixtures("nothing_kept")
def test_factors_are_rounded_as_far_as_weights_allow(spread, precision):
    amap = large_map(spread=spread)
    manifest, packs = uncompressed(document(amap))
    assert f'"{precision}"'.encode() in packs["map-0"]
    meta, arrays = unpack(packs["map-0"])
    assert (meta["heads"], meta["kvHeads"]) == (4, 2)
    worst = max(np.abs(decoded(meta, arrays, head) - amap[0, head].double().numpy()).max() for head in range(4))
    [info] = manifest["maps"]
    assert 1e-7 < worst <= MOST_ERROR
    assert info["error"] == pytest.approx(worst, rel=0.02)
    [said] = re.findall(r"by at most ([0-9.e-]+)\.$", manifest["notes"][-1])
    assert info["error"] <= float(said) <= 1.1 * info["error"]
    assert not info["steps"]


@pytest.mark.usefixtures("nothing_kept")
def test_scores_too_large_for_any_rounding_stay_float32():
    manifest, packs = uncompressed(document(large_map(spread=80.0)))
    assert b'"int1' not in packs["map-0"]
    assert manifest["maps"][0]["error"] <= MOST_ERROR


def test_channels_of_unlike_sizes_are_balanced():
    amap = large_map()
    factors = amap.factors
    scale = torch.logspace(-3, 3, 64)
    lopsided = AttentionMap(factors.query * scale, factors.key / scale)
    error = uncompressed(document(lopsided))[0]["maps"][0]["error"]
    assert error <= 2 * uncompressed(document(amap))[0]["maps"][0]["error"]


@pytest.mark.usefixtures("nothing_kept")
def test_keys_that_share_a_large_offset_lose_nothing():
    factors = large_map().factors
    shifted = AttentionMap(factors.query, factors.key + 300 * torch.randn(64, generator=torch.Generator().manual_seed(1)))
    _, packs = uncompressed(document(shifted))
    assert b'"int12p"' in packs["map-0"]


@pytest.mark.parametrize("options", [{"sinks": torch.tensor([3.0, 1.0, 0.0, -1.0])}, {"softcap": 5.0}])
@pytest.mark.usefixtures("nothing_kept")
def test_offsets_of_keys_are_kept_where_they_count(options):
    factors = large_map().factors
    shifted = AttentionMap(factors.query, factors.key + 2, **options)
    assert uncompressed(document(shifted))[0]["maps"][0]["error"] <= MOST_ERROR


@pytest.mark.usefixtures("nothing_kept")
def test_margins_are_exact_but_for_their_last_bits():
    amap = large_map(causal=True)
    _, arrays = unpack(uncompressed(document(amap))[1]["map-0"])
    assert_allclose(arrays["received"], amap.received()[0], rtol=2e-4)
    assert_allclose(arrays["entropy"], amap.entropy()[0], rtol=2e-4)


def test_small_maps_keep_their_numbers():
    amap = large_map(heads=2, n=17)
    meta, arrays = unpack(uncompressed(document(amap))[1]["map-0"])
    assert_allclose(arrays["query"], amap.factors.query[0])
    assert_allclose(arrays["key"], amap.factors.key[0])
    assert meta["softcap"] is None


def test_values_of_small_maps_are_there():
    model = tiny("llama")
    with regard.record(model, values=True) as recording:
        model(**tiny_inputs("llama"))
    _, arrays = unpack(uncompressed(document(recording))[1]["map-0"])
    assert_allclose(arrays["value"], recording.values[0].value[0], rtol=1e-6)


def test_overviews_are_a_byte_a_cell():
    amap = large_map(causal=True)
    _, packs = uncompressed(document(amap))
    _, arrays = unpack(packs["overviews"])
    for at, how in enumerate(("mean", "max")):
        codes, scale = arrays[f"{how}.0"], arrays["scale.0"][:, at]
        assert codes.dtype == np.uint8
        exact = amap.pool(256, 256, how)[0].numpy()
        assert_allclose((codes / 255.0) ** 2 * scale[:, None, None], exact, atol=float(scale.max()) / 240)


def test_masks_are_kept_as_runs_and_shared():
    meta, arrays = unpack(uncompressed(document(large_map(causal=True)))[1]["map-0"])
    assert arrays["runs_of_head"].tolist() == [0] * 4
    assert_allclose(arrays["runs.0.ends"], [[0, row + 1] for row in range(701)])
    table = torch.ones(4, 71, 71, dtype=torch.bool).tril()
    table[3] = table[3].T.clone()
    blocks = masks.block_pairs(table, size=10)
    meta, arrays = unpack(uncompressed(document(large_map(mask=blocks)))[1]["map-0"])
    assert arrays["runs_of_head"].tolist() == [0, 0, 0, 1]
    assert meta["kind"] == "factors"


@pytest.mark.usefixtures("nothing_kept")
def test_a_mask_that_is_a_function_of_its_own():
    mask = masks.Mask(lambda _b, h, q, k: (q + k + h) % 3 != 0, "thirds")
    amap = large_map(n=131, dim=68, mask=mask, heads=16, kv_heads=16)
    meta, arrays = unpack(uncompressed(document(amap))[1]["map-0"])
    assert meta["kind"] == "dense"  # its runs and factors together would be larger
    weights = meta["low"] + meta["step"] * arrays["weights"].astype(np.float64)
    assert_allclose(weights, amap.dense()[0], atol=1e-5)


def test_a_bias_of_distances_is_kept_by_distance():
    by_distance = torch.randn(4, 2 * 701 - 1, generator=torch.Generator().manual_seed(2))
    places = torch.arange(701) - torch.arange(701)[:, None] + 700
    _, arrays = unpack(uncompressed(document(large_map(bias=by_distance[:, places][None])))[1]["map-0"])
    assert_allclose(arrays["bias_relative"], by_distance)
    assert "bias" not in arrays


def test_maps_that_are_no_softmax_are_codes_of_their_weights():
    amap = large_map()
    amap.queries = amap.keys = tuple(f"{'▁' if at % 3 else ''}t{at}" for at in range(701))
    merged = merge(amap)
    manifest, packs = uncompressed(document([merged, large_map()]))
    meta, arrays = unpack(packs["map-0"])
    assert (meta["kind"], arrays["weights"].dtype) == ("dense", np.uint16)
    assert_allclose(meta["low"] + meta["step"] * arrays["weights"].astype(np.float64), merged.dense()[0], atol=1e-5)
    assert manifest["maps"][0]["error"] < 1e-5


@pytest.mark.usefixtures("nothing_kept")
def test_short_maps_of_many_heads_are_smaller_as_weights():
    meta, _ = unpack(uncompressed(document(large_map(heads=64, kv_heads=64, n=41)))[1]["map-0"])
    assert meta["kind"] == "dense"


# -- steps --------------------------------------------------------------------------------------------------------------


def shapes_of_gpt2(tokens):
    """Two layers of its heads: from 16 tokens on, weights are smaller than queries and keys."""
    maps = [AttentionMap(*torch.randn(2, 1, 12, tokens, 64, generator=torch.Generator().manual_seed(at))) for at in range(7)]
    for layer, amap in enumerate(maps):
        amap.kind, amap.layer = "self", layer
    return maps


@pytest.mark.parametrize("tokens", [12, 16, 30])
@pytest.mark.parametrize("opening", [0, 3])
def test_the_map_that_a_page_opens_with_keeps_its_queries_and_keys(tokens, opening):
    maps = shapes_of_gpt2(tokens)
    shown = document(maps, map=opening, view="steps")
    manifest, packs = uncompressed(shown)
    info = manifest["maps"][opening]
    assert (info["steps"], info["withoutSteps"], info["error"]) == (True, None, 0.0)
    _, arrays = unpack(packs[f"map-{opening}"])
    assert_array_equal(arrays["query"], maps[opening].factors.query[0].numpy())
    others = [one for at, one in enumerate(manifest["maps"]) if at != opening]
    assert all(one["steps"] or "open the recording with regard view" in one["withoutSteps"] for one in others)


def test_a_page_keeps_no_more_for_steps_than_it_says():
    maps = shapes_of_gpt2(1009)[:1]
    manifest, _ = uncompressed(document(maps))
    assert not manifest["maps"][0]["steps"]
    with pytest.raises(OptionError, match=r"keys of at most 4\.0 MiB in a page, got 5\.9 MiB; select heads"):
        page_of(document(maps, view="steps"), bundle=BUNDLE)
    few, _ = uncompressed(document(maps[0].select(heads=[0, 5]), view="steps"))
    assert few["maps"][0]["steps"]


# -- size ---------------------------------------------------------------------------------------------------------------


def test_the_size_of_a_page_is_limited():
    shown = document(large_map())
    size = len(page_of(shown, bundle=BUNDLE))
    assert len(page_of(shown, bundle=BUNDLE, max_bytes=size)) == size
    with pytest.raises(TooLargeError, match=r"regard view FILE"):
        page_of(shown, bundle=BUNDLE, max_bytes=size - 1)


def test_a_page_that_is_sure_to_be_too_large_is_refused_before_anything_is_computed():
    amap = AttentionMap(torch.zeros(1, 8, 131_072, 64).expand(1, 8, -1, -1), torch.zeros(1, 8, 131_072, 64))
    with pytest.raises(TooLargeError, match=r"at least 192\.0 MiB"):
        page_data(document(amap), 2**26)
    assert amap.view.source.known(*amap.view.ranges[:3]).isnan().all()


@pytest.mark.parametrize(("spread", "limit"), [(1.0, 19_000_000), (1.5, 19_750_000)])
def test_twelve_layers_of_twelve_heads_at_512_tokens_fit_20_mb(spread, limit):
    """Numbers as evenly spread as these compress worst; the front end takes what is left."""
    generator = torch.Generator().manual_seed(3)
    maps = []
    for layer in range(12):
        query, key = spread * torch.randn(2, 1, 12, 512, 64, generator=generator)
        maps.append(AttentionMap(query, key))
        maps[-1].layer = layer
    shown = document(maps)
    assert len(page_of(shown, bundle=BUNDLE)) < limit


def test_max_bytes_is_a_number():
    for wrong in (0, True, 1.5, "1"):
        with pytest.raises(OptionError, match="max_bytes"):
            page_of(document(torch.eye(2)), bundle=BUNDLE, max_bytes=wrong)


# -- regard.page and regard.save ------------------------------------------------------------------------------------------


@pytest.fixture
def front_end(monkeypatch):
    monkeypatch.setattr("regard.viewer.page.page.page_program", lambda: BUNDLE)


@pytest.mark.usefixtures("front_end")
def test_page_writes_what_it_returns(tmp_path):
    text = regard.page(torch.eye(3), tmp_path / "eye.html", title="Only <themselves>")
    assert (tmp_path / "eye.html").read_text(encoding="ascii") == text
    assert "<title>Only &lt;themselves&gt;</title>" in text
    assert regard.page(document(torch.eye(3), title="Only <themselves>")) == text
    with pytest.raises(OptionError, match="expected a Document alone, .* got title; give"):
        regard.page(document(torch.eye(3)), title="other")
    with pytest.raises(FileNotFoundError):
        regard.page(torch.eye(3), tmp_path / "nowhere" / "eye.html")


@pytest.mark.usefixtures("front_end")
def test_save_knows_pages_and_pictures_by_their_names(tmp_path):
    translation = regard.translate("No.")
    paths = regard.save(translation, tmp_path / "a.png", tmp_path / "b.HTML", tmp_path / "c.htm")
    assert [path.name for path in paths] == ["a.png", "b.HTML", "c.htm"]
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "b.HTML").read_text().startswith("<!doctype html>")
    regard.save(translation.recording, tmp_path / "d.html", title="Said twice")
    assert "<title>Said twice</title>" in (tmp_path / "d.html").read_text()
    with pytest.raises(FileFormatError, match=r"\.html, \.htm, \.png, \.svg, \.pdf, \.csv, got '.*\.gif'"):
        regard.save(translation, tmp_path / "e.html", tmp_path / "e.gif")
    with pytest.raises(FileNotFoundError):
        regard.save(translation, tmp_path / "f.png", tmp_path / "nowhere" / "f.html")
    assert not list(tmp_path.glob("[ef].*"))
