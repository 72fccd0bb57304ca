"""Weights that one already has, as a recording: outputs of models, the steps of a generation, caches of other tools."""

import warnings

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

import regard
from regard import Recording
from regard.errors import DtypeError, OptionError, RecordingError, ScoreError, ShapeError
from support.tiny_models import Tokenizer, tiny, tiny_inputs

STEPS = 5


def softmax(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).softmax(-1)


def prompt(name):
    ids = tiny_inputs(name)["input_ids"][:1]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def generated(name, **options):
    told = {"max_new_tokens": STEPS, "do_sample": False, "eos_token_id": None, "output_attentions": True}
    return tiny(name, "eager").generate(**prompt(name), **(told | {"return_dict_in_generate": True} | options))


def replayed(name):
    return regard.generate(tiny(name, "eager"), prompt(name), max_new_tokens=STEPS, do_sample=False, eos_token_id=None)


def assert_same_maps(found, expected):
    assert [(amap.kind, amap.layer, amap.shape) for amap in found] == [(amap.kind, amap.layer, amap.shape) for amap in expected]
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.dense(), other.dense(), atol=2e-5, rtol=0)


def by_kind(maps):
    return sorted(maps, key=lambda amap: (amap.kind, amap.layer))


# -- one forward pass ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "marian"])
def test_an_output_says_its_kinds_and_is_what_was_recorded(name):
    model = tiny(name, "eager")
    inputs = {key: value[:1] for key, value in tiny_inputs(name).items()}  # rows that are all padding are uniform in eager
    with torch.no_grad(), regard.record(model) as recorded:
        output = model(**inputs, output_attentions=True)
    assert_same_maps(by_kind(Recording.of(output).maps), by_kind(recorded.maps))


def test_a_tuple_of_layers_is_self_attention_and_knows_its_layers():
    layers = [softmax(2, 3, 5, 5, seed=layer) for layer in range(3)]
    recording = Recording.of(tuple(layers))
    assert [(amap.kind, amap.layer, amap.name) for amap in recording.maps] == [
        ("self", layer, f"layer {layer}") for layer in range(3)
    ]
    assert recording.passes == 1
    assert [call.kept for call in recording.calls] == ["dense"] * 3
    assert torch.equal(recording.sample(1).self[2].dense(), layers[2][1:])
    for same in (torch.stack(layers), np.stack([one.numpy() for one in layers]), [one.numpy() for one in layers]):
        assert_same_maps(Recording.of(same).maps, recording.maps)


def test_layers_that_have_no_attention_keep_their_numbers():
    recording = Recording.of((None, softmax(1, 2, 3, 3), None, softmax(1, 2, 3, 3)))
    assert [amap.layer for amap in recording.maps] == [1, 3]


def test_the_kind_is_said_where_nothing_says_it():
    wide = (softmax(1, 2, 3, 7),) * 2
    recording = Recording.of(wide)
    assert {amap.kind for amap in recording.maps} == {None}
    with pytest.raises(RecordingError, match="expected cross maps, got maps whose kind is not known; say it: .*kind='cross'"):
        _ = recording.cross
    assert len(Recording.of(wide, kind="cross").cross) == 2
    assert len(Recording.of((softmax(1, 2, 5, 5),), kind="encoder").encoder) == 1


def test_one_map_and_lists_of_maps():
    assert Recording.of(softmax(3, 5, 5)).self[0].shape == (1, 3, 5, 5)
    maps = [regard.AttentionMap.from_dense(softmax(2, 3, 3))]
    assert Recording.of(maps).maps == maps
    assert Recording.of([[0.9, 0.1], [0.2, 0.8]]).self[0].shape == (1, 1, 2, 2)


# -- generation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [True, False, "static"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "marian"])
def test_the_steps_of_a_generation_are_its_replay(name, cache):
    options = {"use_cache": False} if cache is False else {"cache_implementation": "static"} if cache == "static" else {}
    output = generated(name, **options)
    expected = replayed(name)
    found = Recording.of(output)
    assert torch.equal(found.sequences, expected.sequences)
    assert_same_maps(by_kind(found.maps), by_kind(expected.maps))
    for mine, other in zip(by_kind(found.maps), by_kind(expected.maps), strict=True):
        assert mine.queries.lines[0].id == other.queries.lines[0].id or mine.kind == "encoder"
        assert mine.queries.role == other.queries.role
        assert mine.keys.role == other.keys.role
    kinds = ["self"] if name != "marian" else ["decoder", "cross"]
    fields = ["attentions"] if name != "marian" else ["decoder_attentions", "cross_attentions"]
    for kind, field in zip(kinds, fields, strict=True):  # the bare tuples
        bare = Recording.of(output[field])
        wanted = [amap for amap in expected.maps if amap.kind == kind]
        assert {amap.kind for amap in bare.maps} == {"cross" if kind == "cross" else "self"}
        for mine, other in zip(bare.maps, wanted, strict=True):
            torch.testing.assert_close(mine.dense(), other.dense(), atol=2e-5, rtol=0)


def test_a_generation_named_by_the_whole_sequence():
    output = generated("gpt2")
    names = Tokenizer().convert_ids_to_tokens(output.sequences[0].tolist())
    recording = Recording.of(output, tokens=names)
    assert recording.queries == tuple(names[1:])
    assert recording.keys == recording.consumed == tuple(names[:-1])
    by_rows = Recording.of(output.attentions, tokens=names[:-1])
    assert by_rows.self[0].queries == by_rows.self[0].keys == names[:-1]
    assert by_rows.self[0].queries.role == "consumed"


def test_steps_that_go_on_from_an_earlier_text():
    steps = tuple(tuple(softmax(1, 2, 1, 5 + step) for _ in range(3)) for step in range(4))
    recording = Recording.of(steps)
    assert [amap.shape for amap in recording.self] == [(1, 2, 4, 8)] * 3
    assert torch.equal(recording.self[0][0, :, 1, :6], steps[1][0][0, :, 0])
    assert float(recording.self[0][0, :, 1, 6:].sum()) == 0


def test_generations_that_cannot_be_put_together():
    with pytest.raises(RecordingError, match=r"without beams, got one with: they swap their histories; regard\.generate"):
        Recording.of(generated("gpt2", num_beams=3))
    beams = generated("gpt2", num_beams=3).attentions
    with pytest.raises(RecordingError, match=r"layer 0: expected the steps of one sequence, got 3: they may be beams"):
        Recording.of(beams)
    dropped = tuple((softmax(1, 2, rows, keys),) for rows, keys in ((5, 5), (1, 5), (1, 4)))
    with pytest.raises(RecordingError, match="expected keys that grow by one a step, or stay the same, got 5, 5, 4"):
        Recording.of(dropped)
    with pytest.raises(ShapeError, match=r"expected as many layers in every step, got \[1, 2\]"):
        Recording.of(((softmax(1, 2, 3, 3),), (softmax(1, 2, 1, 4),) * 2))
    with pytest.raises(RecordingError, match="expected keys that grow by one a step, got 7 in every step"):
        Recording.of(tuple((softmax(1, 2, 1, 7),) for _ in range(3)), kind="decoder")


# -- caches of other tools ----------------------------------------------------------------------------------------------


class Cache:
    """As TransformerLens' ActivationCache: a mapping without being a Mapping."""

    def __init__(self, held):
        self.held = held

    def keys(self):
        return self.held.keys()

    def items(self):
        return self.held.items()

    def __getitem__(self, name):
        return self.held[name]


@pytest.mark.parametrize("kept", [dict, Cache])
def test_the_patterns_of_a_cache(kept):
    held = {"hook_embed": torch.randn(1, 5, 7)}
    for layer in (0, 1, 10):
        held[f"blocks.{layer}.attn.hook_q"] = torch.randn(1, 5, 2, 3)
        held[f"blocks.{layer}.attn.hook_attn_scores"] = torch.randn(1, 2, 5, 5)
        held[f"blocks.{layer}.attn.hook_pattern"] = softmax(1, 2, 5, 5, seed=layer)
    recording = Recording.of(kept(held), tokens=list("abcde"))
    assert [(amap.name, amap.layer) for amap in recording.self] == [
        (f"blocks.{layer}.attn.hook_pattern", layer) for layer in (0, 1, 10)
    ]
    assert torch.equal(recording.self[2].dense(), held["blocks.10.attn.hook_pattern"])
    assert recording.keys == tuple("abcde")


def test_the_patterns_of_an_encoder_decoder():
    held = {
        "encoder.0.attn.hook_pattern": softmax(1, 2, 5, 5),
        "decoder.0.attn.hook_pattern": softmax(1, 2, 3, 3),
        "decoder.0.cross_attn.hook_pattern": softmax(1, 2, 3, 5),
    }
    recording = Recording.of(held, tokens={"source": list("abcde"), "consumed": list("xyz")})
    assert [amap.kind for amap in recording.maps] == ["encoder", "decoder", "cross"]
    assert recording.cross[0].keys == recording.encoder[0].queries == list("abcde")
    assert recording.cross[0].queries == recording.decoder[0].keys == list("xyz")


# -- everything takes it ------------------------------------------------------------------------------------------------


def test_what_takes_a_recording_takes_the_weights_too(tmp_path):
    output = generated("gpt2")
    recording = Recording.of(output)
    recording.save(tmp_path / "generated.safetensors")
    loaded = regard.load(tmp_path / "generated.safetensors")
    assert torch.equal(loaded.sequences, output.sequences)
    assert_same_maps(loaded.maps, recording.maps)
    assert torch.equal(regard.rollout(output.attentions), regard.rollout(recording))
    assert regard.heads(output.attentions).equals(regard.heads(Recording.of(output.attentions)))
    assert regard.heads(recording, tokens=list("abcabcabcaab"))["induction"].notna().all()
    for taken in (output, output.attentions, recording):
        assert "Regard" in regard.page(taken)
    with pytest.raises(OptionError, match=r"expected one map, got a list of 5; .* regard\.Recording\.of\(attentions\)\.maps"):
        regard.heatmap(output.attentions, head=0)


# -- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        ((), {}, RecordingError, "expected attention weights, got none; .*attn_implementation='eager'"),
        ((None, None), {}, RecordingError, "expected attention weights, got none"),
        (BaseModelOutput(last_hidden_state=torch.ones(1, 2, 3)), {}, DtypeError, "got BaseModelOutput of last_hidden_state"),
        (3, {}, DtypeError, "expected attention weights: .*, got int"),
        ("attentions", {}, DtypeError, "got str"),
        ({}, {}, DtypeError, "got dict of no names"),
        ([object()], {}, DtypeError, "got a list with object"),
        ([[0.5, 0.5], [1.0]], {}, ShapeError, "ragged list"),
        ((torch.ones(1, 2, 3, 3, 3, 3),), {}, ShapeError, r"expected weights \(batch, heads, queries, keys\)"),
        ((torch.full((1, 2, 3, 3), torch.nan),), {}, ScoreError, "layer 0: expected finite weights, got NaN"),
        ((torch.ones(1, 2, 0, 3),), {}, ShapeError, "layer 0: expected weights with rows and columns"),
        ((torch.ones(1, 2, 3, 3, dtype=torch.long),), {}, DtypeError, "expected weights of a floating type"),
        ((softmax(1, 2, 3, 3),), {"kind": "global"}, OptionError, "kind: expected one of encoder, decoder, cross, self"),
        ({"attentions": (softmax(1, 2, 3, 3),)}, {"kind": "cross"}, OptionError, "kind: expected none, as the names say self"),
        ({"attentions": (softmax(1, 2, 3, 3),), "global_attentions": ()}, {}, RecordingError, "got windows of them"),
        ((softmax(1, 2, 3, 3),), {"tokens": "abc"}, DtypeError, r"tokens: .*use text\.split\(\)"),
        (
            (softmax(1, 2, 3, 3),),
            {"tokens": ["a"]},
            ShapeError,
            "tokens: expected 3 texts, one for each position, got 1; special",
        ),
        ((softmax(2, 2, 3, 3),), {"tokens": [["a"] * 3] * 3}, ShapeError, "or 2 lists, one for each sequence, got 3 lists"),
        (
            (softmax(1, 2, 3, 3),),
            {"tokens": {"target": ["a"]}},
            OptionError,
            "tokens: expected names for source, consumed, produced",
        ),
    ],
)
def test_what_is_no_attention_is_refused(given, options, error, message):
    with pytest.raises(error, match=message):
        Recording.of(given, **options)


@pytest.mark.parametrize("weights", [torch.randn(1, 2, 5, 5), 3 * softmax(1, 2, 5, 5)])
def test_weights_that_are_no_shares_are_said(weights):
    with pytest.warns(UserWarning, match="layer 0, head 0: expected rows of weights from 0 that sum to at most 1"):
        Recording.of((weights,))


def test_rounded_shares_are_shares():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Recording.of((softmax(1, 2, 5, 97).bfloat16(), softmax(1, 2, 5, 97).half()))
