# ruff: noqa: ARG002 - a pattern is asked with all positions, whichever of them it reads
"""Every pattern of the registry: what it says of itself agrees with what it sees, in files, in parts of a map and on pages.

Patterns of whole numbers are tried with all small ones; patterns of tensors, and of other patterns, need an example here.
"""

import itertools
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import test_sparse_masks
import torch
from torch import Tensor

from regard import masks
from regard.errors import OptionError
from regard.maps.storage.mask_file import as_data, from_data
from regard.masks import Mask
from regard.masks.combined import And, Not, Or
from regard.masks.mask import OwnFunction
from regard.masks.narrowing import narrowed
from regard.masks.pattern import Extent, Pattern, Selection
from regard.masks.patterns import Causal, Prefix, Window
from regard.masks.registry import PATTERNS
from regard.masks.sparse import BlockPairs, Dilated, GlobalPositions
from regard.masks.tensors import Documents, FromTensor, Padding, Spans
from regard.viewer.page.mask_runs import runs_of
from support.mask_rules import BATCH, HEADS, IDS, KEYS, QUERIES, RULES, STARTS, STOPS

SIZES = BATCH, HEADS, QUERIES, KEYS
NUMBERS = range(-1, 4)


def truth(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) > 0.4


OWN = OwnFunction(lambda b, h, q, k: (q + k + h) % 3 != b, "own", (None, None, None, None))

EXAMPLES = {
    "documents": [Documents(IDS), Documents(IDS[1:])],
    "padding": [Padding(truth(BATCH, KEYS)), Padding(truth(1, KEYS, seed=1)), Padding(torch.zeros(1, KEYS))],
    "spans": [Spans(STARTS, STOPS, KEYS), Spans(STARTS[1:, :, 2:3], STOPS[1:, :, 2:3], KEYS)],
    "from_tensor": [
        FromTensor(truth(*SIZES)),
        FromTensor(truth(HEADS, 1, KEYS)),
        FromTensor(truth(KEYS)),
        FromTensor(truth(QUERIES, 1).expand(BATCH, HEADS, QUERIES, KEYS)),
    ],
    "global_positions": [
        GlobalPositions(torch.tensor([5, 0, 3]), 0),
        GlobalPositions(torch.tensor([4, 2]), 3),
        GlobalPositions(torch.tensor([1]), -2),
        GlobalPositions(torch.tensor([], dtype=torch.long), 0),
    ],
    "block_pairs": [
        BlockPairs(truth(HEADS, 3, 4), 2, 0),
        BlockPairs(truth(1, 4, 4), 2, 3),
        BlockPairs(truth(1, QUERIES, KEYS), 1, 0),
    ],
    "and": [And(Causal(1), Padding(truth(BATCH, KEYS))), And(OWN, Window(3, 0)), And(And(Causal(1), Dilated(2, 0)), Causal(0))],
    "or": [Or(Prefix(2), Window(2, 1)), Or(Documents(IDS), OWN), Or(FromTensor(truth(HEADS, 1, KEYS)), Prefix(1))],
    "not": [Not(Causal(0)), Not(FromTensor(truth(HEADS, QUERIES, KEYS))), Not(OWN)],
}

PARTS = [
    (range(BATCH), range(HEADS), range(QUERIES)),
    (range(1, 2), (2, 0), range(1, 4)),
    ((1, 0, 1), range(HEADS), (4, 1, 1)),
    (range(BATCH), (1,), range(4, -1, -2)),
    (range(BATCH), range(HEADS), (2,)),
    (range(BATCH), range(HEADS), range(3, 3)),
]


def examples(pattern):
    """The patterns of this kind that are tried."""
    kinds = [field.type for field in fields(pattern)]
    if any(kind is not int for kind in kinds):
        return EXAMPLES.get(pattern.name, [])
    made = []
    for numbers in itertools.product(NUMBERS, repeat=len(kinds)):
        try:
            made.append(pattern(*numbers))
        except OptionError:  # no window of 0
            continue
    return made


def dense(pattern):
    return Mask.of(pattern).dense(*SIZES).numpy()


# -- the questions, each of one pattern


def check_extent(pattern):
    seen = dense(pattern)
    for batch, head, first in np.ndindex(BATCH, HEADS, QUERIES):
        for stop in range(first + 1, QUERIES + 1):
            extent = pattern.extent(batch, head, range(first, stop), KEYS)
            rows = seen[batch, head, first:stop]
            assert 0 <= extent.start <= extent.stop <= KEYS
            assert 0 <= extent.open_start <= extent.open_stop <= KEYS
            assert not rows[:, : extent.start].any(), (pattern, extent)
            assert not rows[:, extent.stop :].any(), (pattern, extent)
            assert rows[:, extent.open_start : extent.open_stop].all(), (pattern, extent)


def check_narrowed(pattern):
    seen = torch.from_numpy(dense(pattern))
    for batch, heads, queries in PARTS:
        part = seen[list(batch)][:, list(heads)][:, :, list(queries)]
        left = narrowed(Mask.of(pattern), batch, heads, queries, KEYS, torch.device("cpu"))
        assert torch.equal(left.dense(*part.shape), part), (pattern, left)
        assert all(PATTERNS[leaf.name] is type(leaf) for leaf in left.pattern.leaves())


def check_file(pattern):
    written = {}

    def name_of(argument, tensor):
        written[f"{len(written)}.{argument}"] = tensor.clone()
        return list(written)[-1]

    whole = narrowed(Mask.of(pattern), *map(range, SIZES[:3]), KEYS, torch.device("cpu"))
    data = json.loads(json.dumps(as_data(whole, name_of)))
    found = from_data(data, written.__getitem__)
    assert list(data) == ["made", *(field.name for field in fields(type(found.pattern)))]
    if OWN not in pattern.leaves():
        assert data["made"] == pattern.name
    assert torch.equal(found.dense(*SIZES), torch.from_numpy(dense(pattern))), (pattern, found)


def check_runs(pattern):
    seen = dense(pattern)[0]
    for columns in (range(KEYS), (4, 2, 5)):
        runs = runs_of(Mask.of(pattern), HEADS, QUERIES, columns)
        drawn = (
            np.ones((HEADS, QUERIES, len(columns)), bool) if runs is None else np.zeros((HEADS, QUERIES, len(columns)), bool)
        )
        for head, query in np.ndindex(HEADS, QUERIES) if runs else ():
            first, ends = runs.lists[runs.of_head[head]]
            for start, stop in ends[first[query] : first[query + 1]]:
                drawn[head, query, start:stop] = True
        assert (drawn == seen[..., list(columns)]).all(), pattern


CHECKS = [check_extent, check_narrowed, check_file, check_runs]


# -- the gate


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", PATTERNS)
def test_what_a_pattern_says_of_itself(name, check):
    tried = examples(PATTERNS[name])
    assert tried, f"expected examples of {name}, got none; write some in EXAMPLES"
    for pattern in tried:
        check(pattern)


def own_patterns(pattern=Pattern):
    """The kinds of patterns that the package has."""
    for one in pattern.__subclasses__():
        if one.__module__.startswith("regard."):
            yield from own_patterns(one)
            if not getattr(one, "__abstractmethods__", None):
                yield one


def test_every_pattern_is_in_the_registry_and_written_down():
    assert set(own_patterns()) == {*PATTERNS.values(), OwnFunction}
    documented = (Path(__file__).parents[2] / "docs" / "file_format.md").read_text(encoding="utf-8")
    rules = RULES + test_sparse_masks.RULES
    by_hand = {leaf.name for mask, _ in rules for leaf in mask.pattern.leaves()}
    for name, pattern in PATTERNS.items():
        assert pattern.__dict__["name"] == name
        assert f"`{name}`" in documented, name
        assert all(f"`{field.name}`" in documented for field in fields(pattern)), name
        assert name in masks.__all__ or name in ("and", "or", "not")
        assert issubclass(pattern, And | Or | Not) or name in by_hand, f"expected {name} in RULES, where loops say what it sees"


def test_no_other_files_are_read_than_those_of_the_registry():
    written = as_data(Mask.of(Causal(1)), None)
    with pytest.raises(OptionError, match="expected a mask of regard.masks, got own; narrow it first"):
        as_data(Mask.of(OWN), None)
    with pytest.raises(OptionError, match="got 'eval'"):
        from_data(written | {"made": "eval"}, None)


# -- and it can fail


@dataclass(eq=False, repr=False)
class Later(Pattern):
    """Later keys only; right in all that it says."""

    name = "later"
    offset: int

    def sees(self, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return key > query + self.offset

    def extent(self, batch: int, head: int, rows: range, keys: int) -> Extent:
        return Extent.within(keys, rows.start + self.offset + 1, keys, rows.stop + self.offset, keys)

    def narrowed(self, kept: Selection) -> Pattern | None:
        return None if kept.first is None else self.changed(offset=self.offset + kept.first)


def wrong_extent(_self, _batch, _head, rows, keys):
    return Extent.within(keys, rows.start, keys, rows.start, keys)


def wrong_narrowing(self, _kept):
    return self


def only_for_the_head_0(_batch, head, query, key):
    return (key > query) & (head == 0)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(PATTERNS, "later", Later)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_new_pattern_that_is_right(check):
    for pattern in examples(Later):
        check(pattern)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("check", "method", "wrong"),
    [
        (check_extent, "extent", wrong_extent),
        (check_narrowed, "narrowed", wrong_narrowing),
        (check_file, "arguments", lambda self: {"offset": self.offset + 1}),
        (check_runs, "sees", lambda _self, *at: only_for_the_head_0(*at)),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_new_pattern_that_is_wrong_somewhere(check, method, wrong, monkeypatch):
    monkeypatch.setattr(Later, method, wrong)
    with pytest.raises(AssertionError):
        list(map(check, examples(Later)))


@pytest.mark.parametrize("missing", ["sees", "extent", "narrowed"])
def test_a_new_pattern_that_lacks_something(missing):
    own = {name: value for name, value in vars(Later).items() if name in {"sees", "extent", "narrowed"} - {missing}}
    with pytest.raises(TypeError, match=f"abstract method '?{missing}"):
        type("Half", (Pattern,), own)()


def test_a_new_pattern_that_is_not_registered(monkeypatch):
    monkeypatch.setattr(Later, "__module__", "regard.masks.later")
    with pytest.raises(AssertionError):
        test_every_pattern_is_in_the_registry_and_written_down()
