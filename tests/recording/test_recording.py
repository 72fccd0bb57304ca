"""What a recording says of its maps, its sequences and their tokens."""

import re

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import regard
from regard.errors import OptionError, RecordingError
from regard.recording.recording import Recording
from regard.viewer.document.document import document
from support.recorded import ran
from support.tiny_models import NAMES, Tokenizer, tiny, tiny_inputs

each_model = pytest.mark.parametrize("name", NAMES)
KINDS = {"bert": ["self"], "gpt2": ["self"], "llama": ["self"], "marian": ["encoder", "decoder", "cross"]}


def test_repr():
    recording, _ = ran(tiny("marian"), tiny_inputs("marian"))
    assert re.fullmatch(r"Recording\(2 encoder, 3 decoder, 3 cross maps, 1 passes, \d+\.\d MiB\)", repr(recording))
    assert repr(Recording()) == "Recording(no maps, 0 passes, 0.0 MiB)"


def test_labels_of_one_sequence():
    model, inputs = tiny("marian"), {key: value[:1] for key, value in tiny_inputs("marian").items()}
    recording, _ = ran(model, inputs, tokenizer=Tokenizer())
    source = tuple(f"<{token}>" for token in inputs["input_ids"][0].tolist())
    target = tuple(f"<{token}>" for token in inputs["decoder_input_ids"][0].tolist())
    assert (recording.keys, recording.queries, recording.consumed) == (source, target, target)
    assert (recording.encoder[0].queries, recording.encoder[0].keys) == (source, source)
    assert (recording.cross[0].queries, recording.cross[0].keys) == (target, source)
    assert (recording.decoder[0].queries, recording.decoder[0].keys) == (target, target)


def test_pictures_say_whether_rows_are_produced_or_consumed(tmp_path):
    model, inputs = tiny("marian"), {key: value[:1] for key, value in tiny_inputs("marian").items()}
    consumed = {"cross": ("tokens consumed", "source tokens"), "decoder": ("tokens consumed",) * 2}
    produced = {"cross": ("tokens produced", "source tokens"), "decoder": ("tokens produced", "tokens consumed")}
    read, _ = ran(model, inputs, tokenizer=Tokenizer())  # what the target's rows produce is not known
    given = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    written = regard.generate(model, given, tokenizer=Tokenizer(), max_new_tokens=3)
    for recording, expected in ((read, consumed), (written, produced)):
        recording.save(path := tmp_path / "recording")
        for found in (recording, recording.sample(0), regard.load(path)):
            for amap in found.maps:
                ax = regard.heatmap(amap.select(queries=slice(0, 2)), head=0)
                assert (ax.get_ylabel(), ax.get_xlabel()) == expected.get(amap.kind, ("queries", "keys"))
    assert document(read.cross[0]).manifest["axes"]["axis-0"]["title"] == "tokens consumed"


def test_labels_of_a_batch_are_asked_by_sequence():
    inputs = tiny_inputs("bert")
    recording, _ = ran(tiny("bert"), inputs, tokenizer=Tokenizer())
    for axis in ("queries", "keys"):
        with pytest.raises(RecordingError, match=r"expected one sequence, got 2; .*sample\(0\)"):
            getattr(recording, axis)
    assert recording.self[0].queries.sequence(1).text[:4] == recording.sample(1).queries
    assert len(recording.sample(0).queries) == 7
    assert recording.sample(1).keys == tuple(f"<{token}>" for token in inputs["input_ids"][1, :4].tolist())


def test_no_tokenizer_no_labels():
    recording, _ = ran(tiny("bert"), {"input_ids": tiny_inputs("bert")["input_ids"][:1]})
    assert recording.queries is None
    assert recording.keys is None
    assert recording.self[0].queries.text is None


@each_model
def test_a_sample_is_the_sequence_alone(name):
    model, inputs = tiny(name), tiny_inputs(name)
    recording, _ = ran(model, inputs)
    real = inputs["attention_mask"][1].bool()
    alone = {"input_ids": inputs["input_ids"][1:, real]}
    if name == "marian":
        alone["decoder_input_ids"] = inputs["decoder_input_ids"][1:]
    sample, single = recording.sample(1), ran(model, alone)[0]
    for cut, whole in zip(sample.maps, single.maps, strict=True):
        assert cut.shape == whole.shape
        assert_close(cut.dense(), whole.dense(), atol=1e-5, rtol=0)  # rotary positions are relative: padding shifts none
    assert sample.passes == 1
    assert sample.calls == recording.calls
    assert recording.maps[0].shape[0] == 2


@pytest.mark.parametrize("how", ["by name", "by position", "as a dictionary in a wrapper"])
def test_padding_is_found_however_the_mask_was_passed(how):
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, input_ids, attention_mask):
            return self.inner(input_ids=input_ids, attention_mask=attention_mask)

    model, inputs = tiny("bert"), tiny_inputs("bert")
    recorded = Wrapper() if "wrapper" in how else model
    with torch.no_grad(), regard.record(recorded) as recording:
        if how == "by position":
            model(inputs["input_ids"], inputs["attention_mask"])
        else:
            recorded(**inputs)
    assert recording.sample(1).self[0].shape == (1, 2, 4, 4)


def test_a_sample_of_embeddings_has_no_labels_and_no_padding():
    with torch.no_grad(), regard.record(model := tiny("bert"), tokenizer=Tokenizer()) as recording:
        model(inputs_embeds=torch.ones(2, 5, 22))
    assert recording.queries is None
    assert recording.sample(1).self[0].shape == (1, 2, 5, 5)


@pytest.mark.parametrize("item", [-1, 2, True, 0.5])
def test_a_sample_that_is_not_there(item):
    recording, _ = ran(tiny("bert"), tiny_inputs("bert"))
    with pytest.raises(OptionError, match=f"item: expected a whole number from 0 to 1, got {item}"):
        recording.sample(item)


@pytest.mark.filterwarnings("ignore:whether the positions of the pad token")
def test_samples_of_passes_that_differ_are_refused():
    model, ids = tiny("gpt2"), tiny_inputs("gpt2")["input_ids"]
    with torch.no_grad(), regard.record(model) as recording:
        model(ids[[0, 1, 0]])
        model(ids)
    with pytest.raises(RecordingError, match=r"expected maps of 3 sequences, got maps of \[2\]"):
        recording.sample(0)


@each_model
def test_no_pass_yet(name):
    with regard.record(tiny(name)) as recording:
        pass
    for kind in KINDS[name]:
        with pytest.raises(RecordingError, match=f"expected {kind} maps, got none: the model has not run"):
            getattr(recording, kind)
    assert recording.maps == []
    with pytest.raises(OptionError, match="got 0"):
        recording.sample(0)


def test_a_kind_that_the_model_has_not():
    bert, _ = ran(tiny("bert"), tiny_inputs("bert"))
    with pytest.raises(RecordingError, match="expected cross maps, got self maps"):
        bert.cross  # noqa: B018
    marian, _ = ran(tiny("marian"), tiny_inputs("marian"))
    with pytest.raises(RecordingError, match="expected self maps, got cross, decoder, encoder maps"):
        marian.self  # noqa: B018


@pytest.mark.parametrize("options", [{"kinds": ["cross"]}, {"layers": []}], ids=repr)
def test_nothing_was_kept(options):
    recording, _ = ran(tiny("bert"), tiny_inputs("bert"), **options)
    with pytest.raises(RecordingError, match="expected self maps, got none: none was kept: see layers= and kinds="):
        recording.self  # noqa: B018


def test_labels_by_role_and_how_many_sequences():
    """What a viewer asks for: the roles of both axes, by kind, and one sequence after the other."""
    inputs = tiny_inputs("marian")
    recording, _ = ran(tiny("marian"), inputs, tokenizer=Tokenizer())
    assert recording.is_encoder_decoder
    assert recording.batch_size == 2
    sample = recording.sample(1)
    assert sample.labels("source") == tuple(f"<{token}>" for token in inputs["input_ids"][1, :4].tolist())
    assert sample.labels("consumed") == tuple(f"<{token}>" for token in inputs["decoder_input_ids"][1].tolist())
    assert sample.labels("produced") is None
    roles = dict.fromkeys(("cross",), ("consumed", "source")) | {"encoder": ("source",) * 2, "decoder": ("consumed",) * 2}
    for amap in recording.maps:
        assert (amap.queries.role, amap.keys.role) == roles[amap.kind]
        for side, role in zip((amap.queries, amap.keys), roles[amap.kind], strict=True):
            assert side == recording.axis(role)
    with pytest.raises(OptionError, match="role: expected one of source, consumed, produced, got 'target'"):
        sample.labels("target")


def test_maps_without_tokens_tell_how_many_sequences_there_are():
    recording = Recording(regard.AttentionMap.from_dense(torch.ones(batch, 1, 1, 1)) for batch in (1, 3))
    assert recording.batch_size == 3
    assert Recording().batch_size == 0
    assert not recording.is_encoder_decoder
    assert recording.axis("source") is None


def test_each_pass_has_the_words_of_its_own_text():
    model, ids = tiny("bert"), tiny_inputs("bert")["input_ids"][:1]
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        model(ids)
        model(ids[:, 2:])
    names = tuple(f"<{token}>" for token in ids[0].tolist())
    assert [amap.keys for amap in recording.maps] == [names] * 3 + [names[2:]] * 3
    assert recording.axis("source") is None
    assert recording.sample(0).maps[3].queries == names[2:]


def test_two_passes_are_not_one():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    with torch.no_grad(), regard.record(model) as recording:
        model(**inputs)
        model(**inputs)
    with pytest.raises(RecordingError, match=r"expected one pass of the model for \.self, got 2; recording\.maps has every"):
        recording.self  # noqa: B018
    assert [amap.layer for amap in recording.maps] == [0, 1, 2, 0, 1, 2]
