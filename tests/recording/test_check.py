"""recording.check(): maps held against what calls returned."""

import math

import pytest
import torch
from torch import nn

import regard
from regard.errors import RecordingError
from support.tiny_models import NAMES, tiny, tiny_inputs

QUERY, KEY, VALUE = torch.randn(3, 2, 5, 7, 3, generator=torch.Generator().manual_seed(0))


class Layer(nn.Module):
    """Fused attention, which may give back something else than it has computed."""

    def __init__(self, change=0.0):
        super().__init__()
        self.change = change

    def forward(self):
        output = nn.functional.scaled_dot_product_attention(QUERY, KEY, VALUE)
        output[1, 3, 5, 2] += self.change
        return output


def recorded(model, inputs=None, **options):
    with torch.no_grad(), regard.record(model, values=True, **options) as recording:
        model(**(inputs or {}))
    return recording


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", NAMES)
def test_maps_draw_what_the_calls_returned(name, attention):
    recording = recorded(tiny(name, attention), tiny_inputs(name))
    check = recording.check()
    assert [(call.name, call.kind, call.layer) for call in check.calls] == [(m.name, m.kind, m.layer) for m in recording.maps]
    assert check.compared == check.calls
    assert not check.wrong
    assert 0 <= check.worst == float(check) == max(call.error for call in check.calls) < 1e-5
    assert f"largest error {check.worst:.2g} in {recording.maps[0].name[:3]}" in repr(check)
    assert repr(check).endswith("; none beyond rounding)")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_of_small_types_is_no_error(dtype):
    check = recorded(tiny("bert").to(dtype), tiny_inputs("bert")).check()
    assert 1e-6 < check.worst < 0.1
    assert not check.wrong


def test_an_error_is_found_in_the_call_that_has_it():
    model = nn.ModuleList([Layer(), Layer(0.25), Layer()])
    with torch.no_grad(), regard.record(model, values=True) as recording:
        for layer in model:
            layer()
    check = recording.check()
    assert [call.is_wrong for call in check.calls] == [False, True, False]
    assert math.isclose(check.worst, 0.25, abs_tol=1e-5)
    assert "largest error 0.25 in 1; 1 beyond rounding: 1 by 0.25 (rounding: " in repr(check)


def test_nan_is_an_error():
    check = recorded(Layer(math.nan)).check()
    assert math.isnan(check.worst)
    assert len(check.wrong) == 1


def test_a_sample_is_checked_as_the_batch_that_it_was():
    recording = recorded(tiny("bert"), tiny_inputs("bert"))
    assert recording.sample(1).check().worst == recording.check().worst


def test_values_must_have_been_kept():
    with torch.no_grad(), regard.record(tiny("bert")) as recording:
        pass
    with pytest.raises(
        RecordingError, match=r"values and outputs, got one without; make it with regard\.record\(model, values=True"
    ):
        recording.check()


def test_a_file_has_no_outputs(tmp_path):
    path = tmp_path / "recording.safetensors"
    recorded(tiny("bert"), tiny_inputs("bert")).save(path)
    with pytest.raises(RecordingError, match="check it before it is saved: a file keeps no outputs"):
        regard.load(path).check()


def test_what_cannot_be_compared_is_said():
    """Weights that a module in training computes by hand may have been dropped before they multiply the values."""

    class ByHand(nn.Module):
        def forward(self):
            weights = (QUERY @ KEY.mT).softmax(-1)
            return torch.einsum("bhqk,bhkd->bhqd", weights, VALUE)

    model = nn.ModuleList([Layer(), ByHand()])
    for training in (False, True):
        model.train(training)
        with torch.no_grad(), regard.record(model, values=True) as recording:
            for layer in model:
                layer()
        check = recording.check()
        assert [call.error is None for call in check.calls] == [False, training]
        assert repr(check).startswith(f"Check({2 - training} of 2 maps compared with what their calls returned; ")
        said = "; 1 not compared: the model was in training, and may have dropped weights after the map)"
        assert repr(check).endswith(said) == training


def test_dropout_comes_after_the_map():
    recording = recorded(tiny("bert").train(), tiny_inputs("bert"))
    check = recording.check()
    assert not check.compared
    assert math.isnan(check.worst)
    assert "3 not compared: dropout of 0.1 came after the map; record in evaluation mode" in repr(check)
