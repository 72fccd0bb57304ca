"""What positions are called where a user says it, and whose map is whose where several models are shown."""

import json
import re

import pytest
import torch

import regard
from regard import AttentionMap, Recording
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.viewer.document.document import document
from regard.viewer.notebook.still import still_picture
from regard.viewer.notebook.widget import ViewerWidget
from support.tiny_models import recorded, tiny, tiny_inputs

WORDS = ["the", "cat", "sat", "on", "mat", "."]


def softmax(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).softmax(-1)


def attentions(layers=3, batch=1, size=6):
    return tuple(softmax(batch, 2, size, size, seed=layer) for layer in range(layers))


def axes(manifest, at=0):
    info = manifest["maps"][at]
    rows = [manifest["axes"][axis]["tokens"] for axis in info["rowAxes"]]
    return *rows, manifest["axes"][info["columnAxis"]]["tokens"]


def manifest_in(page):
    return json.loads(re.search(r'id="regard-manifest">(.*?)</script>', page, re.DOTALL)[1])


def translation():
    return regard.translate("The cat sat.")


# -- tokens, queries, keys ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [attentions(), torch.stack(attentions()), attentions()[0], attentions()[0][0, 0]])
def test_weights_and_tokens(given):
    for maps in (given, [AttentionMap.from_dense(layer) for layer in given] if isinstance(given, tuple) else given):
        manifest = document(maps, tokens=WORDS).manifest
        assert {axes(manifest, at)[0] == axes(manifest, at)[1] == WORDS for at in range(len(manifest["maps"]))} == {True}
    manifest = manifest_in(regard.page(given, queries=list("abcdef"), keys=WORDS))
    assert axes(manifest) == (list("abcdef"), WORDS)


def test_a_batch_has_its_own_tokens_and_ids_need_no_tokenizer():
    other = [word.upper() for word in WORDS]
    manifest = document(attentions(batch=2, layers=1), tokens=[WORDS, other]).manifest
    assert [axes(manifest, at)[1] for at in (0, 1)] == [WORDS, other]
    assert axes(document(attentions(), tokens=torch.tensor([[5, 7, 5, 7, 5, 9]])).manifest)[0] == list("575759")


def test_maps_that_are_given_stay_as_they_are():
    amap = AttentionMap.from_dense(softmax(3, 3))
    recording = recorded("bert")
    before = recording.self[0].keys
    document(amap, tokens=["a", "b", "c"])
    document(recording, tokens=["x"] * 7)
    assert amap.keys.text is None
    assert recording.self[0].keys is before


def test_tokens_of_a_recording_with_padding_and_without():
    recording = recorded("bert")
    whole, real = [str(at) for at in range(7)], ["w", "x", "y", "z"]
    manifest = document(recording, tokens=[whole, real]).manifest
    texts = {info["item"]: axes(manifest, at)[1] for at, info in enumerate(manifest["maps"])}
    assert texts == {0: whole, 1: real}


def test_names_for_a_translation():
    one = translation()
    source, target = [f"s{at}" for at in range(len(one.source_tokens))], [f"t{at}" for at in range(len(one.target_tokens))]
    manifest = document(one, keys=source, queries=target).manifest
    for at, info in enumerate(manifest["maps"]):
        found = axes(manifest, at)
        expected = {
            "encoder": (source, source),
            "cross": (target, source),
            "decoder": (target, list(one.recording.consumed)),
        }
        assert found == expected[info["kind"]]
    kinds = [info["kind"] for info in manifest["maps"]]
    only = document(one, tokens=source).manifest if len(source) != len(target) else None
    assert only is None or axes(only, kinds.index("encoder")) == (source, source)


def test_names_for_generated_text():
    inputs = {name: value[:1] for name, value in tiny_inputs("gpt2").items()}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    recording = regard.generate(tiny("gpt2"), inputs, max_new_tokens=4, do_sample=False, eos_token_id=None)
    whole = [f"w{at}" for at in range(11)]
    assert axes(document(recording, tokens=whole).manifest) == (whole[1:], whole[:-1], whole[:-1])
    assert axes(document(recording, tokens=whole[:-1]).manifest) == (whole[:-1], whole[:-1])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tokens": WORDS[:-1]}, ShapeError, "tokens: expected 6 texts, one for each position, got 5; special tokens such as"),
        ({"queries": WORDS[:-1]}, ShapeError, "queries: expected 6 texts"),
        ({"keys": [*WORDS, "x"]}, ShapeError, "keys: expected 6 texts, one for each position, got 7"),
        ({"tokens": WORDS, "keys": WORDS}, OptionError, "tokens: expected tokens, which name both sides, or queries and keys"),
        ({"tokens": "the cat"}, DtypeError, r"tokens: expected a list of .*, got the text 'the cat'; use text\.split\(\)"),
        ({"tokens": 6}, DtypeError, "tokens: expected a list of .*, got int"),
        (
            {"tokens": [WORDS] * 3},
            ShapeError,
            "tokens: expected one list of texts, got 3 lists",
        ),
        ({"tokens": [None] * 6}, DtypeError, "got NoneType in it"),
    ],
)
def test_names_that_do_not_fit(options, error, message, tmp_path):
    for call in (document, regard.page, lambda given, **said: regard.save(given, tmp_path / "x.html", **said), regard.show):
        with pytest.raises(error, match=message):
            call(attentions(), **options)
    assert list(tmp_path.iterdir()) == []


def test_names_that_fit_both_texts():
    maps = [AttentionMap.from_dense(softmax(2, 3, 3)) for _ in range(3)]
    for amap, kind in zip(maps, ("encoder", "decoder", "cross"), strict=True):
        amap.kind = kind
    with pytest.raises(
        OptionError, match="tokens: expected texts of one side, got 3 of them, which fit the source and what is"
    ):
        document(maps, tokens=["a", "b", "c"])


def test_the_second_argument_of_other_tools():
    with pytest.raises(DtypeError, match=r"path: expected where to write the page, got a list of 6; .* are tokens=\[\.\.\.\]"):
        regard.page(attentions(), WORDS)


def test_a_mechanism_has_its_own_tokens():
    [card, *_] = regard.catalogue()
    with pytest.raises(OptionError, match="expected no tokens, queries or keys with a mechanism"):
        document(card, tokens=WORDS)


def test_pictures_and_pages_take_the_same_names(tmp_path):
    places = regard.save(attentions()[0][0, 0], tmp_path / "x.svg", tmp_path / "x.html", tokens=WORDS, title="Mine")
    assert all(word in place.read_text() for place in places for word in (*WORDS, "Mine"))
    with pytest.raises(
        OptionError, match="expected tokens, queries, keys, title alone for pictures and pages at once, got head"
    ):
        regard.save(attentions()[0], tmp_path / "y.svg", tmp_path / "y.html", head=0)


def test_heads_take_the_same_names():
    repeats = list("abcabc")
    for options in ({"tokens": repeats}, {"keys": repeats}, {"tokens": [3, 5, 7, 3, 5, 7]}):
        table = regard.heads(attentions(), **options)
        assert table["repeats"].tolist() == [0.5] * 6


# -- labels that were set on the maps of a recording ---------------------------------------------------------------------


def labelled():
    recording = recorded("gpt2")
    for amap in recording.maps:
        amap.queries = amap.keys = list("MKLVAGE")
    return recording


def test_labels_of_a_recording_are_shown_everywhere(tmp_path):
    recording = labelled()
    path = tmp_path / "residues.safetensors"
    recording.save(path)
    for subject in (recording, regard.load(path), recording.self, recording.sample(0)):
        assert axes(document(subject).manifest) == (list("MKLVAGE"), list("MKLVAGE"))
    assert axes(manifest_in(regard.page(recording)))[1] == list("MKLVAGE")
    assert axes(ViewerWidget(document(recording)).document.manifest)[1] == list("MKLVAGE")
    ticks = regard.heatmap(recording.self[0], head=0).get_xticklabels()
    assert [tick.get_text() for tick in ticks] == list("MKLVAGE")
    assert recording.sample(0).keys == tuple("MKLVAGE")


# -- several recordings -------------------------------------------------------------------------------------------------


def test_recordings_by_name():
    base, tuned = recorded("bert"), recorded("bert")
    manifest = document({"base": base, "tuned": tuned}).manifest
    assert manifest["title"] == "base, tuned"
    assert [name.split(":")[0] for name in manifest["items"]] == ["base", "base", "tuned", "tuned"]
    assert [info["of"] for info in manifest["maps"]] == ["base"] * 6 + ["tuned"] * 6
    assert [info["item"] for info in manifest["maps"]] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    shown = document({"base": base.sample(0), "tuned": tuned.sample(0)})
    assert "base: self layer 0" in still_picture(shown, "x")
    page = regard.page({"base": base.sample(0), "tuned": tuned.sample(0)})
    assert "base: " in re.search("<caption>(.*?)</caption>", page)[1]


def test_recordings_in_a_list_are_told_apart():
    base = recorded("bert")
    assert [name.split(":")[0] for name in document([base.sample(0)] * 2).manifest["items"]] == ["recording 1", "recording 2"]
    names = document([base.sample(0), recorded("gpt2").sample(0)]).manifest["title"]
    assert names == "BertModel, GPT2LMHeadModel"
    twice = document([*base.sample(0).self, *base.sample(0).self]).manifest
    assert [info["of"] for info in twice["maps"]] == ["part 1"] * 3 + ["part 2"] * 3
    assert document([base.sample(0)] * 5).manifest["title"] == "5 recordings"
    assert {info["of"] for info in document(base).manifest["maps"]} == {None}


def test_weights_maps_and_translations_by_name():
    one = translation()
    given = {"mine": attentions(), "map": AttentionMap.from_dense(softmax(6, 6)), "translated": one}
    manifest = document(given).manifest
    assert manifest["items"] == ["mine", "map", f"translated: {one.source}"]
    assert axes(document({"a": attentions(), "b": attentions()}, tokens=WORDS).manifest, 4)[1] == WORDS


def test_recordings_that_cannot_be_shown_together():
    with pytest.raises(RecordingError, match="expected recordings with maps, got none in 'recording 1'"):
        document([Recording(), Recording()])
    with pytest.raises(RecordingError, match="got none in 'tuned'"):
        document({"base": recorded("bert"), "tuned": Recording()})
    with pytest.raises(DtypeError, match="expected recordings alone in the list, got AttentionMap beside them; name each part"):
        document([recorded("bert"), AttentionMap.from_dense(softmax(3, 3))])
    with pytest.raises(DtypeError, match="expected attention weights"):
        document({})
