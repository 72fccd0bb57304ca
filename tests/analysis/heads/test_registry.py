"""Every statistic of the registry has a witness, the row of the documentation, and what tables and pictures say of it."""

import math
from pathlib import Path

import pytest
import torch

from regard import AttentionMap
from regard.analysis.heads.figure import heads_table
from regard.analysis.heads.keys import PaddedKeys, TextKeys
from regard.analysis.heads.registry import (
    DRAWN,
    PLACES,
    STATISTICS,
    WINDOWS,
    head_row,
    highest_of,
    in_table,
    statistic_named,
    title_of,
)
from regard.analysis.heads.roles import THRESHOLDS, roles_of
from regard.analysis.heads.statistics import head_statistics
from regard.analysis.heads.sums import Pass, means
from regard.analysis.heads.table import TEXT_COLUMNS, heads_text
from table_of_statistics import table_of, with_table
from witnesses.heads import head_numbers

PAGE = Path(__file__).parents[3] / "docs" / "analysis" / "heads.md"
TOKENS = ("<s>", "a", ",", "a", "b")


def different(names, others):
    """What one of them has and the other has not."""
    return sorted({*names} ^ {*others})


def witnessed():
    weights = torch.softmax(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)), -1)
    return head_numbers(weights, TOKENS, special={"<s>"}, punctuation={","}, windows=WINDOWS)


def test_every_statistic_has_a_witness():
    assert different(in_table(WINDOWS), witnessed()) == []


def test_the_table_in_the_documentation_is_the_registrys():
    text = PAGE.read_text(encoding="utf-8")
    assert with_table(text, table_of(in_table(WINDOWS))) == text, "call python recipes/tables/table_of_statistics.py"


def test_the_tests_above_can_fail():
    text, known = PAGE.read_text(encoding="utf-8"), in_table(WINDOWS)
    assert different([*known, "last"], witnessed()) == ["last"]
    for other in (
        known | {"last": known["first"]},
        {name: one for name, one in known.items() if name != "span_90"},
        known | {"first": known["first"]._replace(formula="w[i, 1]")},
        known | {"first": known["first"]._replace(meaning="mass on the second key")},
    ):
        assert with_table(text, table_of(other)) != text
    with pytest.raises(ValueError, match="expected the marks of the statistics"):
        with_table("no marks", "")


def test_the_table_has_the_statistics_in_their_order():
    [found] = head_statistics(AttentionMap.from_dense(torch.eye(5)), tokens=TOKENS)
    assert list(found.flat()) == [*PLACES, *in_table(WINDOWS)]
    assert {name for name, value in found.flat().items() if isinstance(value, int) and name in STATISTICS} == {
        name for name, known in STATISTICS.items() if known.over is None
    }


def test_what_is_shown_is_in_the_registry():
    assert different(TEXT_COLUMNS, [name for name in STATISTICS if STATISTICS[name].heading]) == []
    for known in STATISTICS.values():
        assert known.meaning
        assert known.formula
        assert list(known.quantity.edges) == sorted(known.quantity.edges)
    assert (title_of("first"), title_of("local_64"), title_of("mood_of")) == ("first token", "local 64", "mood of")
    assert (highest_of("own"), highest_of("local_3"), highest_of("span"), highest_of("mood")) == (1.0, 1.0, None, None)
    assert [statistic_named(name) for name in ("local_max", "8", "local_")] == [None, None, None]


def test_places_among_the_pictures_are_numbered():
    places = [known.drawn for known in STATISTICS.values() if known.drawn is not None]
    assert sorted(places) == list(range(len(DRAWN)))
    assert [STATISTICS[name].drawn for name in DRAWN] == sorted(places)


@pytest.mark.slow
@pytest.mark.parametrize("name", in_table(WINDOWS))
def test_a_statistic_that_is_missing_is_nan_everywhere(name):
    [found] = head_statistics(AttentionMap.from_dense(torch.eye(40).roll(1, 0)), tokens=[*TOKENS] * 8)
    values = {other: value for other, value in found.flat().items() if other != name}
    row = head_row("self", 0, 0, "attention", values, WINDOWS)
    assert math.isnan(row.flat()[name])
    assert {other: row.flat()[other] for other in values if other not in PLACES} == {
        other: value for other, value in values.items() if other not in PLACES
    }
    assert {role.statistic for role in roles_of(row, dict.fromkeys(THRESHOLDS, 0.0))}.isdisjoint({name})
    assert len(heads_text([row]).splitlines()) > 1
    heads_table([row], [other for other in DRAWN if other != name])


def test_one_text_is_a_batch_of_one():
    """The two ways to read keys, on the same map: sums of float32 in another order."""
    random = torch.Generator().manual_seed(3)
    amap = AttentionMap(*torch.randn(2, 1, 3, 37, 5, generator=random), causal=True)
    ids = torch.randint(0, 7, (1, 37), generator=random)
    labels = [{1: "<s>", 2: "."}.get(token, f"w{token}") for token in ids[0].tolist()]
    repeats = torch.tensor([[token in labels[:at] for at, token in enumerate(labels)]])
    kinds = torch.stack([ids == 1, ids == 2], -1).double()
    found = []
    for keys in (TextKeys(labels, None, 37, torch.empty(0)), PaddedKeys(torch.tensor([37]), ids, kinds, repeats)):
        one = Pass(amap, keys, torch.tensor([37]), 0)
        one.read(amap, None)
        one.close(WINDOWS)
        found.append(means(one.of, one.offsets, one.lowest, WINDOWS))
    for name in in_table(WINDOWS):
        torch.testing.assert_close(found[0][name], found[1][name], rtol=2e-5, atol=5e-6, msg=name)
