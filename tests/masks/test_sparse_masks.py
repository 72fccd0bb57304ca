# ruff: noqa: ARG005 - every rule takes (head, query, key), whichever of them it reads
"""Masks of blocks, steps and global positions, and files that keep them."""

import pytest
import torch
from torch.testing import assert_close
from transformers import masking_utils

import regard
from regard import AttentionMap, masks
from regard.errors import DtypeError, OptionError, RegardError, ShapeError
from regard.maps.storage.mask_file import from_data
from regard.masks.extents import visible
from witnesses.patterns import by_rule

BATCH, HEADS, QUERIES, KEYS, DIM = 2, 3, 11, 13, 5
OFFSET = KEYS - QUERIES


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs(queries=QUERIES):
    return normal(BATCH, HEADS, queries, DIM), normal(BATCH, HEADS, KEYS, DIM, seed=1)


GLOBAL = torch.tensor([7, 0, 4])
TABLE = normal(HEADS, 4, 5) > 0.3
DRAWN = masks.random_blocks(count=2, size=2, blocks=7, heads=HEADS, seed=5)

RULES = [
    (masks.dilated(1), lambda h, i, j: True),
    (masks.dilated(3), lambda h, i, j: abs(i - j) in (0, 3, 6, 9, 12)),
    (masks.dilated(3, OFFSET), lambda h, i, j: (i + OFFSET - j) % 3 == 0),
    (masks.window(7) & masks.dilated(3), lambda h, i, j: i - j in (0, 3, 6)),
    (masks.blocks(3), lambda h, i, j: i // 3 == j // 3),
    (masks.blocks(5, offset=OFFSET), lambda h, i, j: (i + OFFSET) // 5 == j // 5),
    (masks.blocks(2, neighbours=1), lambda h, i, j: i // 2 - j // 2 in (-1, 0, 1)),
    (masks.blocks(3, neighbours=2, offset=-4), lambda h, i, j: -2 <= (i + 20) // 3 - (j + 24) // 3 <= 2),
    (masks.blocks(17), lambda h, i, j: True),
    (masks.causal() & masks.blocks(4), lambda h, i, j: j in range(i // 4 * 4, i + 1)),
    (masks.global_positions(GLOBAL), lambda h, i, j: i in (0, 4, 7) or j in (0, 4, 7)),
    (masks.global_positions(GLOBAL, OFFSET), lambda h, i, j: i in (2, 5) or j in (0, 4, 7)),
    (masks.global_positions(torch.tensor([5, 6, 5])), lambda h, i, j: i in (5, 6) or j in (5, 6)),
    (masks.global_positions(torch.tensor([40])), lambda h, i, j: False),
    (masks.global_positions(torch.tensor([], dtype=torch.long)), lambda h, i, j: False),
    (masks.global_positions(torch.arange(99)), lambda h, i, j: True),
    (masks.global_positions(torch.tensor([1]), offset=-3), lambda h, i, j: i == 4 or j == 1),
    (
        masks.centred_window(3) | masks.global_positions(GLOBAL),
        lambda h, i, j: i in (0, 4, 7) or j in (0, 4, 7) or abs(i - j) < 2,
    ),
    (masks.block_pairs(TABLE, 3), lambda h, i, j: TABLE[h, i // 3, j // 3]),
    (masks.block_pairs(TABLE[:, :, :4], 4, offset=OFFSET), lambda h, i, j: TABLE[h, (i + 2) // 4, j // 4]),
    (masks.block_pairs(TABLE[1:2], 3), lambda h, i, j: TABLE[1, i // 3, j // 3]),
    (masks.block_pairs(torch.ones(1, 2, 1, dtype=torch.bool), 13), lambda h, i, j: True),
    (DRAWN, lambda h, i, j: DRAWN.pattern.table[h, i // 2, j // 2]),
]
ALL = pytest.mark.parametrize("mask", [mask for mask, _ in RULES], ids=repr)


@pytest.mark.parametrize(("mask", "rule"), RULES, ids=[repr(mask) for mask, _ in RULES])
def test_dense_is_the_rule(mask, rule):
    dense = mask.dense(1, HEADS, QUERIES, KEYS)
    assert_close(dense, by_rule(rule, HEADS, QUERIES, KEYS))
    assert_close(mask.dense(1, HEADS, 4, 5, query_start=5, key_start=7), dense[:, :, 5:9, 7:12])


@ALL
def test_what_a_mask_lets_rows_see(mask):
    dense = mask.dense(1, HEADS, QUERIES, KEYS)[0]
    for head in range(HEADS):
        for first in range(QUERIES):
            for stop in range(first + 1, QUERIES + 1):
                extent = visible(mask, 0, head, range(first, stop), KEYS)
                seen = dense[head, first:stop]
                assert not seen[:, : extent.start].any()
                assert not seen[:, extent.stop :].any()
                assert seen[:, extent.open_start : extent.open_stop].all()


@pytest.mark.parametrize(
    ("mask", "rows", "extent"),
    [
        (masks.blocks(4), range(4, 7), (4, 8, 4, 8)),
        (masks.blocks(4, neighbours=1), range(4, 9), (0, 13, 4, 12)),
        (masks.blocks(4), range(3, 5), (0, 8, 4, 4)),
        (masks.global_positions(torch.tensor([5, 6])), range(2, 4), (5, 7, 5, 7)),
        (masks.global_positions(torch.tensor([5, 8])), range(2, 4), (5, 9, 5, 5)),
        (masks.global_positions(torch.tensor([5, 6])), range(4, 7), (0, 13, 5, 7)),
        (masks.global_positions(torch.tensor([5, 6])), range(5, 7), (0, 13, 0, 13)),
        (masks.block_pairs(torch.eye(5, dtype=torch.bool)[None], 3), range(3, 6), (3, 6, 3, 6)),
        (masks.block_pairs(torch.eye(5, dtype=torch.bool)[None], 3), range(3, 7), (3, 9, 3, 3)),
    ],
    ids=repr,
)
def test_extents_are_as_narrow_as_they_can_be(mask, rows, extent):
    assert visible(mask, 0, 0, rows, KEYS) == extent


@pytest.mark.parametrize(
    ("mask", "theirs"),
    [
        (masks.causal() & masks.window(3), masking_utils.sliding_window_causal_mask_function(3)),
        (masks.causal() & masks.blocks(4), masking_utils.chunked_causal_mask_function(4, torch.zeros(1, dtype=torch.long))),
        (masks.blocks(4), masking_utils.packed_sequence_mask_function(torch.arange(KEYS)[None] // 4)),
        (masks.centred_window(5), masking_utils.sliding_window_bidirectional_mask_function(2)),
    ],
    ids=["causal window", "causal blocks", "blocks", "centred window"],
)
def test_same_rule_as_transformers(mask, theirs):
    grid = torch.tensor(0), torch.tensor(0), torch.arange(KEYS)[:, None], torch.arange(KEYS)
    assert_close(mask(*grid), theirs(*grid))


@ALL
def test_serves_as_a_vmapped_mask_function(mask):
    function = mask.__call__
    for axes in [(None, None, None, 0), (None, None, 0, None), (None, 0, None, None), (0, None, None, None)]:
        function = torch.vmap(function, in_dims=axes)
    found = function(torch.arange(1), torch.arange(HEADS), torch.arange(QUERIES), torch.arange(KEYS))
    assert_close(found, mask.dense(1, HEADS, QUERIES, KEYS))


def test_random_blocks_are_drawn_once_among_what_is_not_seen_anyway():
    table = masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=1).pattern.table
    again = masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=1).pattern.table
    assert torch.equal(table, again)
    assert not torch.equal(table, masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=2).pattern.table)
    assert not torch.equal(table[0], table[1])
    assert_close(table.sum(-1), torch.full((HEADS, 11), 2))
    for row in range(11):
        assert not table[:, row, [0, 10]].any()
        assert not table[:, row, max(0, row - 1) : row + 2].any()
    few = masks.random_blocks(count=2, size=1, blocks=5).pattern.table
    assert few.sum(-1).tolist() == [[2, 1, 0, 1, 2]]


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (masks.dilated(2), "dilated(2)"),
        (masks.dilated(2, 3), "dilated(2, offset=3)"),
        (masks.blocks(4), "blocks(4)"),
        (masks.blocks(4, 1, 2), "blocks(4, neighbours=1, offset=2)"),
        (masks.global_positions(GLOBAL), "global_positions(3 of 8)"),
        (masks.global_positions(GLOBAL, 2), "global_positions(3 of 8, offset=2)"),
        (masks.block_pairs(TABLE, 3), "block_pairs(3 x 4 x 5, size=3)"),
        (masks.block_pairs(TABLE, 3, 1), "block_pairs(3 x 4 x 5, size=3, offset=1)"),
    ],
)
def test_repr(mask, text):
    assert repr(mask) == text


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: masks.dilated(0), OptionError, "step: expected a whole number of at least 1, got 0"),
        (lambda: masks.dilated(2, 1.5), OptionError, "offset: expected a whole number, got 1.5"),
        (lambda: masks.blocks(0), OptionError, "size: expected a whole number of at least 1, got 0"),
        (lambda: masks.blocks(3, -1), OptionError, "neighbours: expected a whole number of at least 0, got -1"),
        (lambda: masks.global_positions([0]), DtypeError, "expected positions as a tensor, got list; convert it"),
        (lambda: masks.global_positions(torch.ones(2)), DtypeError, "positions: expected whole numbers, got torch.float32"),
        (
            lambda: masks.global_positions(TABLE[0, 0]),
            DtypeError,
            "positions: expected whole numbers, got torch.bool; of 0 and 1",
        ),
        (
            lambda: masks.global_positions(GLOBAL[None]),
            ShapeError,
            "positions: expected (count,), the same for every sequence and head, got (1, 3)",
        ),
        (lambda: masks.global_positions(GLOBAL - 2), OptionError, "positions: expected places of at least 0, got -2"),
        (
            lambda: masks.block_pairs(TABLE.int(), 2),
            DtypeError,
            "table: expected torch.bool, True = may attend, got torch.int32",
        ),
        (
            lambda: masks.block_pairs(TABLE[0], 2),
            ShapeError,
            "table: expected 3 axes (heads, query blocks, key blocks), got (4, 5)",
        ),
        (lambda: masks.block_pairs(TABLE, 0), OptionError, "size: expected a whole number of at least 1, got 0"),
        (lambda: masks.block_pairs(TABLE, 2, -1), OptionError, "offset: expected a whole number of at least 0, got -1"),
        (lambda: masks.block_pairs(TABLE, 2).dense(1, 3, 8, 11), ShapeError, "expected keys=10 or less, got keys=11"),
        (lambda: masks.block_pairs(TABLE, 2, 3).dense(1, 3, 6, 10), ShapeError, "expected queries=5 or less, got queries=6"),
        (lambda: masks.block_pairs(TABLE, 2).dense(1, 4, 8, 10), ShapeError, "expected heads=3 or less, got heads=4"),
        (lambda: masks.random_blocks(0, 2, 5), OptionError, "count: expected a whole number of at least 1, got 0"),
        (lambda: masks.random_blocks(1, 2, 5, heads=0), OptionError, "heads: expected a whole number of at least 1, got 0"),
    ],
)
def test_mistakes_are_named(mistake, error, message):
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)


# -- files keep them

PARTS = [
    {},
    {"queries": slice(3, 8)},
    {"queries": [9, 2, 2], "heads": [2, 0]},
    {"queries": slice(None, None, -2), "batch": 1, "keys": [3, 1]},
    {"queries": slice(4, 4)},
    {"heads": 1, "queries": 6},
]


@pytest.mark.slow
@ALL
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_map_with_such_a_mask_is_saved_and_loaded(tmp_path, mask, part):
    query, key = inputs()
    amap = AttentionMap(query, key, mask).select(**part)
    amap.save(tmp_path / "map")
    found = regard.load(tmp_path / "map")
    assert_close(found.dense(), amap.dense())
    found.save(tmp_path / "again")
    assert_close(regard.load(tmp_path / "again").dense(), amap.dense())
    if not part:
        assert repr(found.factors.mask) == repr(mask)


def test_what_is_left_of_a_mask_is_small(tmp_path):
    query, key = inputs()
    for mask, part, left in [
        (masks.blocks(3), {"queries": slice(4, 9)}, "blocks(3, offset=4)"),
        (masks.blocks(3), {"queries": [4, 2]}, "spans(1 x 1 x 2, keys=13)"),
        (masks.dilated(3), {"queries": slice(4, 9)}, "dilated(3, offset=4)"),
        (masks.global_positions(GLOBAL), {"queries": slice(4, 9)}, "global_positions(3 of 8, offset=4)"),
        (masks.global_positions(GLOBAL), {"queries": [4, 2]}, "from_tensor(2 x 1) | padding(batch=1, keys=13)"),
        (masks.block_pairs(TABLE, 3), {"queries": slice(4, 9)}, "block_pairs(3 x 4 x 5, size=3, offset=4)"),
        (masks.block_pairs(TABLE, 3), {"heads": [2]}, "block_pairs(1 x 4 x 5, size=3)"),
    ]:
        AttentionMap(query, key, mask).select(**part).save(tmp_path / "map")
        assert repr(regard.load(tmp_path / "map").factors.mask) == left


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"made": "blocks", "size": 0, "neighbours": 0, "offset": 0}, "size: expected a whole number of at least 1, got 0"),
        ({"made": "blocks", "size": 2, "offset": 0}, "expected the mask blocks of size, neighbours, offset, got made, offset"),
        ({"made": "dilated", "step": 2.0, "offset": 0}, "step of dilated: expected a whole number from .*, got 2.0"),
        (
            {"made": "global_positions", "positions": "floats", "offset": 0},
            "positions: expected whole numbers, got torch.float64",
        ),
        (
            {"made": "block_pairs", "table": "floats", "size": 2, "offset": 0},
            "table: expected torch.bool, True = may attend, got torch.float64",
        ),
        ({"made": "random_blocks", "count": 1, "size": 2, "blocks": 3}, "got 'random_blocks'"),
    ],
)
def test_masks_of_files_are_checked(data, message):
    with pytest.raises(RegardError, match=message):
        from_data(data, {"floats": normal(3)}.get)


def test_long_rows_of_such_maps_are_read_as_short_ones(monkeypatch):
    query, key = inputs(queries=KEYS)
    for mask, _ in RULES:
        if mask.pattern.limits[2] is None or mask.pattern.limits[2] >= KEYS:
            short = AttentionMap(query, key, mask).summary(received=True, entropy=True)
            with monkeypatch.context() as patch:
                patch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
                patch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 4 * KEYS * 8)
                long = AttentionMap(query, key, mask).summary(received=True, entropy=True)
            assert_close(long.received, short.received)
            assert_close(long.entropy, short.entropy)
