"""One thread's calls are in one thread's recording, whichever way they are seen."""

import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_utils import AttentionInterface

import regard
from regard.errors import RecordingError
from regard.recording import observe
from support.tiny_models import tiny


class ByHand(nn.Module):
    """Attention that a function mode sees."""

    def forward(self, x):
        return (x @ x.mT).softmax(-1) @ x + functional.scaled_dot_product_attention(x, x, x)


class Both(nn.Module):
    """A model of Transformers, and attention by hand over its output."""

    def __init__(self):
        super().__init__()
        self.language, self.own = tiny("llama").model, ByHand()

    def forward(self, input_ids):
        return self.own(self.language(input_ids=input_ids).last_hidden_state)


def run(model, size):
    with torch.no_grad():
        model(input_ids=torch.arange(3, 3 + size)[None])


def in_another_thread(model, size):
    other = threading.Thread(target=run, args=(model, size))
    other.start()
    other.join()


def sizes(recording):
    return [amap.shape[2:] for amap in recording.maps]


@pytest.mark.parametrize("make", [lambda: tiny("llama"), Both], ids=["interface", "both"])
def test_what_another_thread_runs_is_not_in_the_recording(make):
    model = make()
    with regard.record(model) as recording:
        run(model, 11)
        in_another_thread(model, 7)
    assert set(sizes(recording)) == {(11, 11)}
    assert recording.passes == 1


def test_requests_in_threads_have_their_own_maps():
    model = Both()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def request(size):
        with regard.record(model) as recording:
            run(model, size)
        return size, recording

    try:
        with ThreadPoolExecutor(4) as pool:
            served = list(pool.map(request, [3, 5, 7, 11] * 10))
    finally:
        sys.setswitchinterval(before)
    for size, recording in served:
        assert sizes(recording) == [(size, size)] * 5
        assert recording.passes == 1
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize("context", [regard.record, lambda model: regard.ablate(model, heads=[(0, 0)])])
def test_a_model_that_runs_in_a_thread_of_its_own_is_said(context):
    model = tiny("llama")
    with pytest.raises(RecordingError, match="in the thread of the with block, got another thread"), context(model):
        in_another_thread(model, 7)


def test_recordings_inside_each_other():
    model = Both()
    with regard.record(model) as outer:
        run(model, 5)
        with regard.record(model.language) as inner:
            run(model, 7)
    assert set(sizes(outer)) == {(5, 5), (7, 7)}
    assert sizes(inner) == [(7, 7)] * 3


def test_blocks_that_overlap_leave_the_compiler_as_it_was(monkeypatch):
    stances = []

    class Stance:
        def __init__(self, name):
            stances.append(name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            stances.append("as found")

    monkeypatch.setattr(observe.torch.compiler, "set_stance", Stance)
    monkeypatch.setitem(sys.modules, "torch._dynamo", sys)
    first, second = regard.record(tiny("bert")), regard.record(tiny("bert"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # not the innermost one, as in two threads
    assert stances == ["force_eager"]
    second.__exit__(None, None, None)
    assert stances == ["force_eager", "as found"]


def traced():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the models that have such parts are older
        return torch.jit.trace(ByHand(), torch.randn(1, 5, 3))


class Scripted(nn.Module):
    """Attention of its own beside a part that was compiled to TorchScript."""

    def __init__(self):
        super().__init__()
        self.own = ByHand()
        self.part = traced()

    def forward(self, x):
        return self.own(self.part(x))


def test_a_scripted_part_is_left_out_and_said():
    model = Scripted()
    with regard.record(model) as recording:
        model(torch.randn(1, 5, 3))
    assert [amap.name for amap in recording.maps] == ["own", "own"]
    assert [call.kept for call in recording.calls if call.name == "part"] == ["a ScriptModule, which shows none of its calls"]
    assert "1 call without a map" in repr(recording)


def test_a_scripted_model_is_refused():
    with pytest.raises(RecordingError, match="got a ScriptModule of ByHand"), regard.record(traced()):
        pass


class NoHooks(nn.Module):
    """A part that refuses what is asked of it on the way in."""

    def register_forward_hook(self, *_, **__):
        raise RuntimeError("no hooks here")


def test_what_fails_on_the_way_in_leaves_nothing():
    model = nn.Sequential(tiny("llama"), NoHooks())
    interface = dict(AttentionInterface._global_mapping)
    with pytest.raises(RuntimeError, match="no hooks here"), regard.record(model):
        pass
    assert AttentionInterface._global_mapping == interface
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    with regard.record(model[0]) as recording:
        run(model[0], 5)
    assert len(recording.maps) == 3


def test_an_error_in_looking_is_raised_when_the_block_ends(monkeypatch):
    model, left = ByHand(), []
    monkeypatch.setattr(regard.recording.recorder.Stacks, "axes", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), regard.record(model):
        left.append(model(torch.randn(1, 5, 3)))
    assert left[0].shape == (1, 5, 3)


class Mean(nn.Module):
    """What is done with weights beside multiplying values."""

    def forward(self, x):
        weights = (x @ x.mT).softmax(-1)
        return weights @ x, torch.einsum("bij->bi", weights), torch.einsum(weights, [0, 1, 2], [0, 2])


def test_an_einsum_of_weights_alone_is_none_of_the_recorders_business():
    with regard.record(model := Mean()) as recording:
        model(torch.randn(2, 5, 3))
    assert len(recording.maps) == 1


def test_a_block_is_entered_once():
    block = regard.record(tiny("bert"))
    with block:
        pass
    with pytest.raises(RecordingError, match=r"a new regard\.record\(\.\.\.\) for each with block"), block:
        pass
