"""Whatever ends a block, and wherever: the model, Transformers, torch and the thread are as they were found."""

import gc
import itertools
import linecache
import re
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import torch
from torch import nn

import regard
from regard import recording as room
from regard.errors import RecordingError
from regard.recording.record import recorder_of
from regard.recording.torch_modules import unseen
from support.the_process import changed, snapshot
from support.tiny_models import tiny

ROOM = str(Path(room.__file__).parent)
IDS = torch.arange(3, 8)[None]


class ByHand(nn.Module):
    """Two heads, without projections."""

    def forward(self, x):
        heads = x.view(*x.shape[:2], 2, -1).transpose(1, 2)
        return ((heads @ heads.mT).softmax(-1) @ heads).transpose(1, 2).reshape(x.shape)


class Failing(nn.Module):
    """It raises in the middle of a pass."""

    def __init__(self, error):
        super().__init__()
        self.inner, self.error = ByHand(), error

    def forward(self, x):
        self.inner(x)
        raise self.error


class Both(nn.Module):
    """A model of Transformers, and a part that a test can put something into."""

    def __init__(self, language, part):
        super().__init__()
        self.language, self.part = language, part

    def forward(self, input_ids):
        return self.part(self.language(input_ids=input_ids).last_hidden_state)


BLOCKS = {
    "record": regard.record,
    "record values": lambda model: regard.record(model, values=True, keep=1),
    "recorder": recorder_of,
    "ablate": lambda model: regard.ablate(model, heads=[(0, 0)]),
    "mean": lambda model: regard.ablate(model, heads=[(0, 0)], how="mean"),
    "edge": lambda model: regard.ablate(model, edges=[(0, 1, 2, 1)]),
}
each_block = pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())


def run(model):
    with torch.no_grad():
        model(input_ids=IDS)


# -- ways to leave: what the body does, and what it leaves with


def returns(block, model):
    def inside():
        with block(model):
            return run(model)

    inside()


def breaks(block, model):
    for _ in range(2):
        with block(model):
            run(model)
            break


def raises(error):
    def leave(block, model):
        with block(model):
            run(model)
            raise error

    return leave


def fails_in_the_model(error):
    def leave(block, model):
        whole = Both(model.language, Failing(error))
        with block(whole):
            run(whole)

    return leave


def fails_in_a_users_hook(block, model):
    handle = model.language.layers[0].register_forward_hook(lambda *_: 1 / 0)
    try:
        with block(model):
            run(model)
    finally:
        handle.remove()


def generator_that_is_closed(block, model):
    def steps():
        with block(model):
            run(model)
            yield

    one = steps()
    next(one)
    one.close()


def generator_that_is_forgotten(block, model):
    def steps():
        with block(model):
            run(model)
            yield

    one = steps()
    next(one)
    del one
    gc.collect()


def never_left(block, model):
    opened = block(model)
    opened.__enter__()
    run(model)
    del opened
    gc.collect()


def left_twice(block, model):
    opened = block(model)
    opened.__enter__()
    run(model)
    opened.__exit__(None, None, None)
    opened.__exit__(None, None, None)


def left_before_it_was_entered(block, model):
    block(model).__exit__(None, None, None)


def entered_twice(block, model):
    opened = block(model)
    with opened:
        run(model)
    with opened:
        run(model)


def in_each_other(block, model):
    with block(model):
        with block(model.language):
            run(model)
        run(model)


def in_another_order(block, model):
    first, second = block(model), block(model)
    first.__enter__()
    second.__enter__()
    run(model)
    first.__exit__(None, None, None)
    run(model)
    second.__exit__(None, None, None)


def all_in_a_stack(block, model):
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(block(model))
        run(model)


def in_a_thread(block, model):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(returns, block, model).result()


def model_changes_inside(block, model):
    part = model.part
    try:
        with block(model):
            run(model)
            model.part = ByHand()
            run(model)
    finally:
        model.part = part


def nothing_runs(block, model):
    with block(model):
        pass


WAYS = {
    "returns": returns,
    "breaks": breaks,
    "generator closed": generator_that_is_closed,
    "generator forgotten": generator_that_is_forgotten,
    "never left": never_left,
    "left twice": left_twice,
    "left before": left_before_it_was_entered,
    "entered twice": entered_twice,
    "in each other": in_each_other,
    "in another order": in_another_order,
    "stack": all_in_a_stack,
    "thread": in_a_thread,
    "model changes": model_changes_inside,
    "nothing runs": nothing_runs,
    "user's hook": fails_in_a_users_hook,
    **{
        f"{kind.__name__} {name}": way(kind("here"))
        for kind in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecordingError, StopIteration)
        for name, way in {"in the body": raises, "in the model": fails_in_the_model}.items()
    },
}


@pytest.fixture(scope="module")
def model():
    return Both(tiny("llama").model, ByHand()).eval()


@pytest.mark.slow
@each_block
def test_ways_to_leave_a_block(block, model):
    run(model)
    before = snapshot(model)
    for name, leave in WAYS.items():
        with suppress(BaseException):
            leave(block, model)
        assert changed(before, model) == [], name
    with regard.record(model) as recording:
        run(model)
    assert [amap.shape[2:] for amap in recording.maps] == [(5, 5)] * 4


def test_there_are_enough_ways():
    assert len(WAYS) * len(BLOCKS) + len(POINTS) * 3 > 200


class NoHooks(nn.Module):
    def register_forward_hook(self, *_, **__):
        raise RuntimeError("no hooks here")


@each_block
def test_ways_not_to_come_in(block, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # models that have such parts are older
        scripted = torch.jit.script(nn.ReLU())
    whole = nn.Sequential(model, NoHooks())
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="no hooks here"), block(whole):
        pass
    with pytest.raises(RecordingError, match="got a ScriptModule"), block(scripted):
        pass
    assert changed(before, model) == []


def test_an_end_without_a_beginning_is_refused(model):
    with pytest.raises(RecordingError, match="expected the end of a block that was entered"):
        regard.record(model).__exit__(None, None, None)


def test_ablate_is_entered_once(model):
    block = regard.ablate(model, heads=[(0, 0)])
    with block:
        run(model)
    with pytest.raises(RecordingError, match=r"a new regard\.ablate\(\.\.\.\) for each with block"), block:
        pass


def test_what_a_user_registers_inside_stays(model):
    from transformers import AttentionInterface

    def own(*args, **kwargs):
        return AttentionInterface._global_mapping["sdpa"](*args, **kwargs)

    try:
        with regard.record(model):
            run(model)
            AttentionInterface.register("sdpa_of_ones_own", own)
        assert AttentionInterface._global_mapping["sdpa_of_ones_own"] is own
    finally:
        del AttentionInterface._global_mapping["sdpa_of_ones_own"]


# -- threads: a block that another thread leaves, blocks that overlap


def in_another_thread(function):
    other = threading.Thread(target=function)
    other.start()
    other.join()


@pytest.mark.filterwarnings("error")
def test_a_block_that_another_thread_leaves(model):
    """A mode can be taken off by its own thread only: until its next block, it does nothing there."""
    before = snapshot(model)
    block = regard.record(model)
    recording = block.__enter__()
    run(model)
    in_another_thread(lambda: block.__exit__(None, None, None))
    assert changed(before, model) == ["function modes"]
    found = len(recording.maps)
    run(model)
    assert len(recording.maps) == found == 4
    with regard.record(model):
        run(model)
    assert changed(before, model) == []


def test_blocks_of_two_threads_that_overlap(model):
    """The first to begin is the first to end: the second goes on, and then all is as found."""
    before = snapshot(model)
    entered, left, found = threading.Event(), threading.Event(), []

    def second():
        with regard.record(model) as recording:
            entered.set()
            left.wait(60)
            run(model)
        found.extend(recording.maps)

    other = threading.Thread(target=second)
    with regard.record(model):
        run(model)
        other.start()
        entered.wait(60)
    left.set()
    other.join()
    assert len(found) == 4
    assert changed(before, model) == []


# -- an interrupt at any line of ours


LOCKS = re.compile(r"^ *with (self\.)?(_?lock|_hooking|loading):")


class Interrupt:
    """Raises at the nth line that runs in the recording room or in contextlib.

    Not at the way out of a lock's block: a trace sees a line there before the lock is let go, a signal comes only after.
    """

    def __init__(self, number):
        self.left, self.place, self.locked = number, None, set()

    def __call__(self, frame, _event, _arg):
        return self.line if frame.f_code.co_filename.startswith(ROOM) and frame.f_code.co_name != "__del__" else None

    def line(self, frame, _event, _arg):
        self.left -= 1
        at = frame, frame.f_lineno  # not its id, which another frame gets when this one is gone
        leaves = at in self.locked
        if LOCKS.search(linecache.getline(frame.f_code.co_filename, frame.f_lineno)):
            self.locked ^= {at}
        if self.left <= 0 and not leaves and self.place is None:
            self.place = f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
            raise KeyboardInterrupt
        return self.line


@contextmanager
def interrupted(number):
    interrupt, tracer = Interrupt(number), sys.gettrace()
    try:
        sys.settrace(interrupt)
        yield interrupt
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(tracer)


def seam():
    """What the instrument uses around each call."""
    with unseen():
        pass


class Small(nn.Module):
    """Few modules, so that the lines of a block are few."""

    def __init__(self):
        super().__init__()
        self.attention = ByHand()

    def forward(self, input_ids):
        return self.attention(nn.functional.one_hot(input_ids, 8).float())


def interrupted_block(block, model, number):
    with interrupted(number) as interrupt, block(model):
        run(model)
    return interrupt.place


POINTS = range(1, 700, 17)
EVERY = pytest.param(range(1, 100_000), marks=[pytest.mark.exhaustive, pytest.mark.slow])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where a generator is put away, Python drops it
@pytest.mark.parametrize("name", ["record", "ablate", "mean"])
@pytest.mark.parametrize("points", [POINTS, EVERY], ids=["some", "every"])
def test_an_interrupt_at_any_line(name, points):
    model = Small().eval()
    with suppress(Exception), BLOCKS[name](model):
        run(model)
    before, count = snapshot(model), itertools.count()
    for number in points:
        place = interrupted_block(BLOCKS[name], model, number)
        if place is None:
            break
        next(count)
        assert changed(before, model) == [], place
    assert next(count) > 25
    with regard.record(model) as recording:
        run(model)
    assert len(recording.maps) == 1
    assert_others_may_record(model)


def assert_others_may_record(model):
    """A lock that was not let go keeps other threads out for good."""

    def record():
        with regard.record(model):
            run(model)

    other = threading.Thread(target=record, daemon=True)
    other.start()
    other.join(timeout=30)
    assert not other.is_alive()


def test_an_interrupt_as_gradients_come_back():
    """The end of a user's ``torch.no_grad()`` is a call that the mode sees: cut there, it leaves them off."""

    def cut(frame, _event, _arg):
        ends = frame.f_code.co_name == "__torch_function__" and frame.f_locals.get("func") is torch._C._set_grad_enabled
        if ends and frame.f_locals["args"] == (True,):
            sys.settrace(tracer)
            raise KeyboardInterrupt

    model, tracer = Small().eval(), sys.gettrace()
    with pytest.raises(KeyboardInterrupt), regard.record(model):  # noqa: PT012 - the trace begins inside
        sys.settrace(cut)
        run(model)
    assert torch.is_grad_enabled()


def test_an_interrupt_in_what_is_unseen(model):
    """The thread would see nothing any more, in silence."""
    for number in range(1, 20):
        with interrupted(number):
            seam()
    with regard.record(model.part) as recording:
        model.part(torch.randn(1, 5, 4))
    assert len(recording.maps) == 1
