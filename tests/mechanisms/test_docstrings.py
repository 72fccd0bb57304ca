"""What a reader finds in the textbook: each argument is described, once; and the same mistake reads the same everywhere."""

import importlib
import inspect
import pkgutil
import re

import pytest
import torch

import regard
from regard import mechanisms
from regard.errors import RegardError

SHARED = re.compile(r"^    (\w+)  ", re.MULTILINE)  # an argument that a family's page describes
DESCRIBED = re.compile(r"^ +(\w+): ", re.MULTILINE)
CHECKS = {"inputs", "recurrent_inputs"}  # refusals and conversions, called with what is checked already
SAID_ONCE = (
    "sizes that do not fit each other",
    "or of mixed dtypes",
    "where a query may attend",
    "heads is a multiple of kv_heads",
    "may be left out",
    "1/√dim if None",
)


def modules():
    for module in pkgutil.walk_packages(mechanisms.__path__, f"{mechanisms.__name__}."):
        name = module.name.rpartition(".")[2]
        if not module.ispkg and "cards" not in name and name not in {"card", "catalogue", *CHECKS}:
            yield importlib.import_module(module.name)


def functions(module):
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield function


def page(module):
    """What the textbook's page and the family's page say for the module."""
    family = importlib.import_module(module.__name__.rpartition(".")[0])
    return f"{mechanisms.__doc__}\n{family.__doc__}"


def undescribed(function, shared, module):
    """Arguments that neither the function describes, nor a function that it names, nor the pages."""
    text = inspect.getdoc(function)
    named = [getattr(module, name, None) for name in re.findall(r"`(\w+)`", text)]
    texts = [text, *(inspect.getdoc(one) for one in named if inspect.isfunction(one))]
    known = set(SHARED.findall(shared)).union(*(DESCRIBED.findall(one) for one in texts))
    arguments = set(inspect.signature(function).parameters)
    return arguments - known if "Args:" in text or "query" in arguments else set()


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__.removeprefix("regard.mechanisms."))
def test_every_argument_is_described_where_a_reader_looks(module):
    found = {function.__name__: undescribed(function, page(module), module) for function in functions(module)}
    assert not {name: missing for name, missing in found.items() if missing}


def test_an_argument_that_nothing_describes_is_found():
    def blend(query, key, share, again):
        """As `attention`, blended.

        Args:
            share: how much.
        """

    linear = importlib.import_module("regard.mechanisms.linear.delta_rule")
    assert undescribed(blend, page(linear), linear) == {"again"}
    blend.__doc__ = "As `delta_rule_recurrent`."
    assert undescribed(blend, page(linear), linear) == {"share", "again"}


def test_what_holds_everywhere_is_said_on_the_page_alone():
    for phrase in SAID_ONCE:
        assert phrase in f"{mechanisms.__doc__}{inspect.getdoc(regard.attention)}", phrase
        for module in modules():
            for function in functions(module):
                if function.__name__ != "attention":
                    assert phrase not in inspect.getdoc(function), (function.__name__, phrase)


Q, K = torch.ones(2, 6, 3, 7), torch.ones(2, 3, 5, 7)


@pytest.mark.parametrize(
    ("query", "key", "options"),
    [
        (Q.long(), K, {}),
        (Q, K.tolist(), {}),
        (Q, K.double(), {}),
        (Q, K[:1], {}),
        (Q, K[..., 1:], {}),
        (Q[:, :4], K, {}),
        (Q, K, {"bias": torch.ones(3, 5).long()}),
        (Q, K, {"mask": torch.ones(3, 5).long()}),
        (Q, K, {"mask": [[True]]}),
        (Q, K, {"sinks": torch.zeros(3)}),
        (Q, K, {"sinks": torch.full((6,), torch.nan)}),
    ],
)
def test_a_mistake_reads_the_same_from_attention_and_from_a_map(query, key, options):
    with pytest.raises(RegardError) as ours:
        regard.attention(query, key, K, **options)
    with pytest.raises(RegardError) as theirs:
        regard.AttentionMap(query, key, **options)
    assert str(ours.value) == str(theirs.value)
    assert type(ours.value) is type(theirs.value)
