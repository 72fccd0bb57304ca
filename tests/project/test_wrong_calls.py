"""Every public callable, called wrongly: each argument replaced by each of a hundred values that nobody should give to it."""

import importlib
import inspect
import random
import resource
import zlib
from pathlib import Path

import pytest

from regard.mechanisms.catalogue import CARDS
from support import calls_of_kernels, calls_of_mechanisms, calls_of_regard
from support.wrong_calls import Call, tried, used
from support.wrong_values import WRONG

CALLS = calls_of_regard.CALLS | {f"regard.mechanisms.{name}": call for name, call in calls_of_mechanisms.CALLS.items()}
PUBLIC = (
    "regard",
    "regard.masks",
    "regard.tokens",
    "regard.axes",
    "regard.lessons",
    "regard.measures",
    "regard.interventions",
    "regard.translation",
    "regard.analysis.alignment",
    "regard.analysis.flow",
    "regard.analysis.heads",
)
ROOM = 2**32
"""Bytes that a wrong call may take: what asks for more is refused before it is begun, and is no MemoryError."""

EACH = 2  # values of an argument in the quick round; all of them in the long one


@pytest.fixture(autouse=True)
def little_memory():
    """A call that takes all of the machine's memory is a failure of that call, and not of the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A folder of its own, no browser, and no pictures that stay open."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def public_callables():
    """Each public function, and the public methods that our classes define."""
    found = set()
    for package in PUBLIC:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            found.add(f"{package}.{name}")
            if inspect.isclass(value) and value.__module__.startswith("regard.") and package == "regard":
                found |= {f"regard.{name}.{method}" for method in methods(value)}
    return found


def methods(made):
    ours = [one for one in made.__mro__ if one.__module__.startswith("regard.")]
    names = {name for one in ours for name, value in vars(one).items() if not isinstance(value, property)}
    return {name for name in names if not name.startswith("_") and callable(getattr(made, name))}


def test_every_public_callable_is_in_the_battery():
    aliases = {name.split(" ")[0] for name in CALLS}
    aliases |= {name.replace("regard.Mask", "regard.masks.Mask") for name in aliases}
    assert public_callables() - aliases - calls_of_regard.DATA == set()


def test_every_function_of_a_card_is_in_the_battery():
    tried_here = {getattr(call.function, "__name__", "") for call in CALLS.values()} | set(calls_of_mechanisms.CALLS)
    named = {card.code.rsplit(".", 1)[-1] for card in CARDS}
    functions = {name for name in named if name.islower()}
    assert {name for name in functions if name not in tried_here and not is_module(name)} == set()


def called(module):
    """The functions and classes of a module, and the methods of these that take something."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__ or inspect.isabstract(value):
            continue
        yield name
        for method in methods(value) if inspect.isclass(value) else ():
            if len(inspect.signature(getattr(value, method)).parameters) > 1:
                yield f"{name}.{method}"


@pytest.mark.parametrize("module", calls_of_kernels.MODULES, ids=lambda module: module.__name__)
def test_caches_rings_and_layouts_are_in_the_battery_whole(module):
    assert set(called(module)) - set(calls_of_kernels.CALLS) == set()


def is_module(name):
    """Whether a card names a module to read, not a function."""
    return any(card.code.endswith(name) and card.code.count(".") <= 1 for card in CARDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_what_the_battery_calls_right_works(name):
    call = CALLS[name]
    if "nowhere" not in str(call.arguments()):
        used(call.function(**call.arguments()))


def amiss(name, each=None):
    """What is wrong with wrong values of each argument: some of them, always the same, or all."""
    found = []
    for argument in CALLS[name].names():
        drawn = random.Random(zlib.crc32(f"{name} {argument}".encode()))  # noqa: S311 - which of them, not a secret
        for wrong in WRONG if each is None else drawn.sample(list(WRONG), each):
            said = tried(CALLS[name], argument, wrong)
            if said is not None:
                found.append(f"{argument} = {wrong}: {said}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_work_or_are_refused_in_one_sentence(name):
    assert amiss(name, EACH) == []


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.parametrize("name", CALLS)
def test_all_wrong_arguments(name):
    assert amiss(name) == []


TRIPLE = ("query", "key", "value")
FITTING = [name for name, call in CALLS.items() if set(TRIPLE) <= set(call.names())]
"""What takes queries, keys and values: alike, they fit each other, however wrong they are."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTING)
def test_three_tensors_that_are_wrong_alike(name):
    found = {wrong: tried(CALLS[name], TRIPLE[0], wrong, *TRIPLE[1:]) for wrong in WRONG if wrong.startswith("tensor: ")}
    assert {wrong: said for wrong, said in found.items() if said is not None} == {}


def foreign(x):
    return x + 1


def changing(x, options):
    options.append(x)


def leaving(x):
    if x is None:
        with open("left.txt", "w") as file:  # noqa: PTH123
            file.write("x")
        raise ValueError("no")


@pytest.mark.parametrize(
    ("call", "wrong", "said"),
    [
        (Call(foreign, lambda: {"x": 1}), "text: no", "TypeError at"),
        (Call(changing, lambda: {"x": 1, "options": []}), "number: one", "it works, and options changed"),
        (Call(leaving, lambda: {"x": 1}), "collection: None", "left.txt is left"),
    ],
    ids=["a foreign error", "an argument that changes", "a file that is left"],
)
def test_the_battery_can_fail(call, wrong, said):
    assert said in tried(call, "x", wrong)


def test_a_truth_value_is_no_other_word_for_one():
    for name, argument in (("regard.attention", "causal"), ("regard.AttentionMap", "causal")):
        for wrong in ("text: no", "number: one", "collection: None"):
            call = CALLS[name]
            with pytest.raises(TypeError, match="causal: expected True or False, got"):
                call.function(**{**call.arguments(), argument: WRONG[wrong]()})


def test_a_truth_value_is_no_number():
    call = CALLS["regard.attention"]
    for wrong in ("number: True", "number: numpy bool", "number: bool tensor"):
        with pytest.raises(ValueError, match="window: expected a whole number of at least 1, got"):
            call.function(**{**call.arguments(), "window": WRONG[wrong]()})
