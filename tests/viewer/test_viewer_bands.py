"""Named spans along the axes, as the viewer gets them: sentences of a pair that a model was given, and groups by name."""

import pytest
import torch
from transformers import BertConfig, BertModel

import regard
from regard.viewer.document.document import document
from regard.viewer.document.manifest import bands_of

TYPES = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8, "vocab_size": 31}
    return BertModel(BertConfig(**sizes)).eval()


def recorded(model, **inputs):
    with regard.record(model) as made, torch.no_grad():
        model(input_ids=torch.arange(14).view(2, 7), **inputs)
    return made


def bands(shown):
    axes = shown.manifest["axes"]
    return [axes[info["columnAxis"]].get("bands") for info in shown.manifest["maps"]]


def test_the_sentences_of_a_pair_are_those_that_the_model_was_given(model):
    recording = recorded(model, attention_mask=MASK, token_type_ids=TYPES)
    assert recording.maps[0].queries.lines[1].group == {"segments": ((0, 1), (2, 3, 4))}
    first, second = bands(document(recording))
    assert first == [{"name": "segments", "spans": [[0, 4], [4, 7]], "texts": ["sentence A", "sentence B"]}]
    assert second[0]["spans"] == [[0, 2], [2, 5]]  # without the padding


def test_texts_of_one_sentence_have_none(model):
    assert bands(document(recorded(model, attention_mask=MASK, token_type_ids=torch.zeros_like(TYPES)))) == [None, None]
    assert bands(document(recorded(model, attention_mask=MASK))) == [None, None]


def test_spans_that_are_no_runs_or_are_words_are_no_bands():
    assert bands_of("turns", ((0, 1), (2, 3, 4), (7,)))["texts"] == ["turn 1", "turn 2", "turn 3"]
    assert bands_of("passage", ((2, 3),)) == {"name": "passage", "spans": [[2, 4]], "texts": ["passage"]}
    assert bands_of("spans", ((0, 2), (1,))) is None
    assert bands_of("spans", ((0, 1), (1, 2))) is None
    assert bands_of("words", ((0, 1), (2,))) is None
    assert bands_of("none", ()) is None
    assert bands_of("units", tuple((at,) for at in range(501))) is None
