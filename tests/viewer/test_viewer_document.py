"""What there is to see: subjects, axes, words, statistics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import regard
from regard import AttentionMap
from regard.analysis.heads.statistics import head_statistics
from regard.errors import DtypeError, OptionError, RecordingError, ScoreError, ShapeError
from regard.tokens import characters_of, texts_of, words_of
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.document.manifest import axis_info, unit_runs
from regard.viewer.document.subjects import ShownAxis
from support.tiny_models import Tokenizer, tiny
from support.viewer_questions import long_map, values

# -- subjects -----------------------------------------------------------------------------------------------------------


def test_a_translation():
    translation = regard.translate("The cat sat on the mat.")
    shown = document(translation)
    manifest, recording = shown.manifest, translation.recording
    assert manifest["title"] == f"{translation.source} → {translation.text}"
    assert manifest["items"] == [translation.source]
    assert [info["kind"] for info in manifest["maps"]] == [amap.kind for amap in recording.maps]
    opening = manifest["opening"]
    reading = translation.reading()
    info = manifest["maps"][opening["map"]]
    assert (opening["view"], info["kind"], info["layer"]) == ("ribbon", "cross", reading.layer)
    assert opening["heads"] == [reading.head]
    rows = [manifest["axes"][axis] for axis in info["rowAxes"]]
    assert [axis["title"] for axis in rows] == ["tokens produced", "tokens consumed"]
    assert rows[0]["tokens"] == list(translation.target_tokens)
    assert rows[1]["tokens"] == list(recording.consumed)
    assert rows[opening["rowAxis"]]["title"] == f"tokens {reading.rows}"
    source = manifest["axes"][info["columnAxis"]]
    assert source["tokens"] == list(translation.source_tokens)
    assert [source["tokens"][at] for at in source["special"]] == ["</s>"]
    assert source["wordTexts"] == [*translation.alignment.source_words, "</s>"]
    assert len(manifest["axes"]) == 3  # what axes share is there once
    [alignment] = manifest["alignments"]
    assert {tuple(link) for link in alignment["links"]} == set(translation.alignment.links)
    assert alignment["targetWords"] == list(translation.alignment.target_words)
    assert rows[opening["rowAxis"]]["title"] == "tokens produced"
    linked = translation.alignment.reading
    assert f"Words are linked by layer {linked.layer}, head {linked.head}, read by the tokens consumed" in manifest["notes"][0]
    found = values(shown, map=opening["map"], heads=[reading.head])[1]["values"]
    assert_allclose(found, recording.cross[reading.layer][0, reading.head].numpy(), atol=1e-6)


def test_translations_are_items():
    translations = regard.translate(["A cat.", "The dog sleeps on the mat."])
    manifest = document(translations).manifest
    assert manifest["items"] == ["A cat.", "The dog sleeps on the mat."]
    assert [one["item"] for one in manifest["alignments"]] == [0, 1]
    sizes = {info["item"]: info["keys"] for info in manifest["maps"] if info["kind"] == "encoder"}
    assert sizes == {item: len(one.source_tokens) for item, one in enumerate(translations)}


def test_a_batch_is_shown_without_its_padding_and_with_its_values():
    model = tiny("llama")
    ids = torch.randint(3, 40, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, :3] = 0
    with regard.record(model, values=True) as recording:
        model(input_ids=ids, attention_mask=mask)
    shown = document(recording, statistics=False)
    layers = len(recording.maps)
    assert [(info["item"], info["queries"], info["keys"]) for info in shown.manifest["maps"]] == (
        [(0, 7, 7)] * layers + [(1, 4, 4)] * layers
    )
    assert shown.manifest["items"] == ["sequence 1", "sequence 2"]
    assert_allclose(values(shown, map=layers, heads=[1])[1]["values"], recording.maps[0][1, 1, 3:, 3:].numpy(), atol=1e-6)
    meta, steps = unpack(shown.answer("steps", {"map": layers, "head": 1}))
    value = recording.values[0].value[1, 1 * recording.values[0].value.shape[1] // recording.maps[0].shape[1], 3:]
    assert_allclose(steps["value"], value.numpy(), atol=1e-6)
    assert_allclose(steps["output"], (recording.maps[0][1, 1, 3:, 3:] @ value).numpy(), atol=1e-5)
    assert meta["valueDim"] == value.shape[1]


def test_tokens_of_a_decoder_that_was_not_generated_with():
    model = tiny("marian")
    ids = torch.randint(3, 40, (1, 5), generator=torch.Generator().manual_seed(1))
    with regard.record(model) as recording:
        model(input_ids=ids, decoder_input_ids=ids[:, :3])
    manifest = document(recording).manifest
    cross = next(info for info in manifest["maps"] if info["kind"] == "cross")
    assert manifest["axes"][cross["columnAxis"]]["tokens"] == list("01234")  # they have no names
    assert manifest["axes"][cross["columnAxis"]]["words"] is None
    assert manifest["axes"][cross["rowAxes"][0]]["tokens"] == list("012")


def test_tokens_of_a_model_that_writes_nothing_are_no_source():
    """In its recording, as maps by themselves, and by name."""
    with regard.record(model := tiny("gpt2"), tokenizer=Tokenizer()) as recording:
        model(torch.arange(3, 9)[None])
    for subject in (recording, recording.self[0], list(recording.self), {"base": recording}, {"base": list(recording.self)}):
        assert {axis["title"] for axis in document(subject).manifest["axes"].values()} == {"tokens"}


@pytest.mark.parametrize("name", ["llama", "marian"])
def test_what_was_generated_has_two_names_a_row(name):
    ids = torch.randint(3, 40, (2, 5), generator=torch.Generator().manual_seed(1))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    recording = regard.generate(tiny(name), inputs, tokenizer=Tokenizer(), max_new_tokens=4, do_sample=False)
    manifest = document(recording).manifest
    assert len(manifest["items"]) == 2
    for info in manifest["maps"]:
        axes = [manifest["axes"][axis] for axis in (*info["rowAxes"], info["columnAxis"])]
        sample = recording.sample(info["item"])
        if info["kind"] == "encoder":
            assert [axis["title"] for axis in axes] == ["source tokens"] * 2
            continue
        assert [axis["title"] for axis in axes[:2]] == ["tokens produced", "tokens consumed"]
        assert [tuple(axis["tokens"]) for axis in axes[:2]] == [sample.queries, sample.consumed]
        assert tuple(axes[2]["tokens"]) == (sample.keys if info["kind"] == "cross" else sample.consumed)


def test_several_passes_are_several_maps():
    model = tiny("llama")
    with regard.record(model) as recording:
        model(input_ids=torch.tensor([[3, 4, 5, 6, 7]]))
        model(input_ids=torch.tensor([[3, 4, 5]]))
    sizes = [info["keys"] for info in document(recording).manifest["maps"]]
    assert sorted(sizes) == [3] * (len(sizes) // 2) + [5] * (len(sizes) // 2)


@pytest.mark.parametrize("weights", [torch.eye(3), np.eye(3), [[1, 0, 0], [0, 1, 0], [0, 0, 1]], torch.eye(3)[None, None]])
def test_weights_of_any_make(weights):
    shown = document(weights)
    assert shown.manifest["maps"][0]["kind"] == "map"
    assert_allclose(values(shown)[1]["values"], np.eye(3))


def test_lists_of_weights_are_layers_and_batches_are_items():
    shown = document([torch.rand(2, 3, 5, 7), torch.rand(2, 11, 5, 7)])
    assert [(info["item"], info["heads"]) for info in shown.manifest["maps"]] == [(0, 3), (0, 11), (1, 3), (1, 11)]


@pytest.mark.parametrize(
    ("subject", "error"),
    [
        ("text", DtypeError),
        (None, DtypeError),
        ([], RecordingError),
        ((), RecordingError),
        ([torch.eye(2), "text"], DtypeError),
        ([regard.Recording(), regard.Recording()], RecordingError),
        ([[1, 2], [3]], ShapeError),
        (torch.zeros(2, 0, 3), ShapeError),
        (torch.zeros(3), ShapeError),
        (torch.full((2, 2), torch.nan), ScoreError),
        (regard.Recording(), RecordingError),
    ],
)
def test_nothing_to_see(subject, error):
    with pytest.raises(error, match="expected"):
        document(subject)


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ([torch.eye(2), "text", None], "got a list with str and NoneType"),
        ((regard.Recording(), torch.eye(2)), "got Tensor beside them"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(subject, said):
    with pytest.raises(DtypeError, match=said):
        document(subject)


def test_labels_that_do_not_fit():
    amap = AttentionMap.from_dense(torch.eye(3))
    with pytest.raises(ShapeError, match="queries: expected 3 labels, one a position, got 2"):
        amap.queries = ("a", "b")
    assert document(amap).manifest["axes"]["axis-0"]["tokens"] == ["0", "1", "2"]


@pytest.mark.parametrize("option", [{"words": "esperanto"}, {"statistics": 3}, {"title": 5}, {"grid": (1, 2)}, {"max_work": 0}])
def test_options_are_checked(option):
    with pytest.raises(OptionError, match="expected"):
        document(torch.eye(3), **option)


# -- the manifest -------------------------------------------------------------------------------------------------------


def test_words_are_a_partition():
    tokens = ["<s>", "▁the", "▁c", "at", "▁", "▁sat", "</s>", "▁on"]
    starts, texts = unit_runs(tokens, words_of(tokens), " ")
    assert dict(zip(starts, texts, strict=True)) == {0: "<s>", 1: "the", 2: "cat", 4: "sat", 6: "</s>", 7: "on"}


def test_a_token_with_characters_of_two_words_goes_to_the_first():
    tokens = ["▁a▁b", "c", "▁d▁e▁f"]
    starts, texts = unit_runs(tokens, words_of(tokens), " ")
    assert (starts, texts) == ([0, 1, 2], ["a", "bc", "d e f"])


@given(st.lists(st.text(max_size=4) | st.sampled_from(["</s>", "▁a", "Ġb", "##c", "▁"]), min_size=1, max_size=12))
def test_units_of_any_tokens_cut_the_axis(tokens):
    for units in (words_of(tokens), characters_of(tokens)):
        starts, texts = unit_runs(texts_of(tokens), units, "")
        assert len(starts) == len(texts)
        assert starts[0] == 0
        assert all(one < other for one, other in zip(starts, [*starts[1:], len(tokens)], strict=True))


def axis_of(tokens, **options):
    amap = AttentionMap.from_dense(torch.eye(len(tokens)))
    amap.queries = amap.keys = tuple(tokens)
    return document(amap, **options).manifest["axes"]["axis-0"]


def test_an_axis_has_what_people_read_and_the_spelling():
    axis = axis_of(["ĠcafÃ©", "Ġå", "¤", "©", "ä½łå¥½", "Ċ", "</s>"])
    assert axis["spellings"][:2] == ["ĠcafÃ©", "Ġå"]
    assert axis["tokens"] == ["▁café", "▁⟨E5⟩", "⟨A4⟩", "⟨A9⟩", "你好", "↵", "</s>"]
    assert axis["characters"] == [0, 1, 4, 5, 6]
    assert axis["characterTexts"] == ["café", "天", "你好", "↵", "</s>"]
    assert (axis["words"], axis["wordTexts"]) == ([0, 1, 5, 6], ["café", "天你好", "↵", "</s>"])


def test_a_spelling_that_people_read_is_not_said_twice():
    axis = axis_of(["▁the", "▁c", "at", "</s>"])
    assert (axis["spellings"], axis["characters"], axis["characterTexts"]) == (None, None, None)


def test_an_axis_that_has_read_its_tokens_is_believed():
    tokens = ("Ã", "ł", "lui")
    axis = axis_info(ShownAxis("tokens", ("⟨C3⟩", "⟨A0⟩", "lui"), 3, tokens, kind="byte-level"))
    assert axis["tokens"] == ["⟨C3⟩", "⟨A0⟩", "lui"]
    assert axis["spellings"] == list(tokens)
    assert axis["wordTexts"] == ["àlui"]
    assert axis["characterTexts"] == ["à", "lui"]


def test_the_kind_that_is_said_makes_the_texts():
    assert axis_of(["Ãł"])["tokens"] == ["Ãł"]
    assert axis_of(["Ãł"], words="byte-level")["tokens"] == ["à"]


def test_words_may_be_left_out():
    amap = AttentionMap.from_dense(torch.eye(2))
    amap.queries = amap.keys = ("▁a", "b")
    assert document(amap).manifest["axes"]["axis-0"]["words"] == [0]
    assert document(amap, words=False).manifest["axes"]["axis-0"]["words"] is None
    for words in ("bpe", True):
        with pytest.raises(OptionError, match=f"words: expected one of sentencepiece, .* got {words!r}; say False"):
            document(amap, words=words)


def test_statistics_are_those_of_the_table():
    amap = long_map(3, 101, 101, causal=True)
    [info] = document(amap).manifest["maps"]
    table = head_statistics(amap)
    for name in ("entropy", "distance", "previous", "local_8", "received_gini"):
        assert_allclose(info["statistics"][name], [one.flat()[name] for one in table], rtol=1e-5)
    assert "special" not in info["statistics"]  # the tokens have no names
    assert document(amap, statistics=False).manifest["maps"][0]["statistics"] == {}


def test_statistics_of_large_maps_are_computed_when_asked_for():
    amap = long_map(8, 1301, 1409)
    assert document(amap).manifest["maps"][0]["statistics"] == {}


def test_matrices_that_are_no_probabilities_say_so():
    shown = document(torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(1)))
    [info] = shown.manifest["maps"]
    assert (info["probabilities"], info["statistics"]) == (False, {})
    assert "not probabilities" in " ".join(shown.manifest["notes"])
    assert document(torch.rand(2, 5, 7)).manifest["maps"][0]["probabilities"]


def test_sinks_are_said():
    assert "less than 1" in " ".join(document(long_map(2, 5, 7, sinks=torch.zeros(2))).manifest["notes"])


def test_hidden_rows_are_those_of_the_labels_that_are_shown():
    translation = regard.translate("The cat sleeps.")
    made = document(translation)
    number = made.manifest["opening"]["map"]
    queries, keys = made.maps[number].amap.shape[2:]
    span = {"start": 0, "stop": queries, "count": queries}, {"start": 0, "stop": keys, "count": keys}
    asked = {"map": number, "heads": [0], "rows": span[0], "columns": span[1], "how": "mean", "hideSpecial": True}
    asked |= {"renormalise": False, "sample": 0}
    rows = [unpack(made.answer("region", asked | {"rowAxis": axis}))[1]["values"].sum(1) for axis in (0, 1)]
    assert [at for at, mass in enumerate(rows[0]) if mass == 0] == [queries - 1]  # the row that produced </s>
    assert [at for at, mass in enumerate(rows[1]) if mass == 0] == [0]  # the row that had read <pad>
    with pytest.raises(OptionError, match="rowAxis"):
        made.answer("region", asked | {"rowAxis": 2})
