"""Every public callable, called wrongly: each argument replaced by each of a hundred values that nobody should give to it."""

import importlib
import inspect
import random
import zlib

import pytest

from regard.mechanisms.catalogue import CARDS
from support import calls_of_mechanisms, calls_of_regard
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
EACH = 2  # values of an argument in the quick round; all of them in the long one


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


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_work_or_are_refused_in_one_sentence(name):
    assert amiss(name, EACH) == []


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.parametrize("name", CALLS)
def test_all_wrong_arguments(name):
    assert amiss(name) == []


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
