# ruff: noqa: ARG005 - every rule takes (head, query, key), whichever of them it reads
"""Masks of blocks, steps and global positions; files that keep them; and the mechanisms that are more than a mask."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers import BigBirdConfig, LongformerConfig, masking_utils
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention, BigBirdModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

import regard
from regard import AttentionMap, masks
from regard.errors import DtypeError, OptionError, RegardError, ShapeError
from regard.maps.storage.mask_file import from_data
from regard.masks.extents import visible
from regard.mechanisms.patterns.cards import CARDS
from regard.mechanisms.patterns.sparse_patterns import bigbird, dilated_heads, global_local
from regard.mechanisms.softmax_attention import attention
from witnesses.attention import dense_attention
from witnesses.patterns import by_rule

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 11, 13, 5, 7
OFFSET = KEYS - QUERIES


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(heads=HEADS, queries=QUERIES, keys=KEYS, dtype=torch.float64, seed=0):
    return (
        normal(BATCH, heads, queries, DIM, seed=seed, dtype=dtype),
        normal(BATCH, heads, keys, DIM, seed=seed + 1, dtype=dtype),
        normal(BATCH, heads, keys, VALUE_DIM, seed=seed + 2, dtype=dtype),
    )


# -- masks

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
    (DRAWN, lambda h, i, j: DRAWN.made[1]["table"][h, i // 2, j // 2]),
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
    ids=repr,
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
    table = masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=1).made[1]["table"]
    again = masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=1).made[1]["table"]
    assert torch.equal(table, again)
    assert not torch.equal(table, masks.random_blocks(count=2, size=3, blocks=11, heads=HEADS, seed=2).made[1]["table"])
    assert not torch.equal(table[0], table[1])
    assert_close(table.sum(-1), torch.full((HEADS, 11), 2))
    for row in range(11):
        assert not table[:, row, [0, 10]].any()
        assert not table[:, row, max(0, row - 1) : row + 2].any()
    few = masks.random_blocks(count=2, size=1, blocks=5).made[1]["table"]
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
        (lambda: masks.global_positions([0]), DtypeError, "positions is a list; expected a tensor: write torch.as_tensor"),
        (lambda: masks.global_positions(torch.ones(2)), DtypeError, "positions is torch.float32; expected whole numbers"),
        (
            lambda: masks.global_positions(TABLE[0, 0]),
            DtypeError,
            "positions is torch.bool; expected whole numbers: of 0 and 1",
        ),
        (
            lambda: masks.global_positions(GLOBAL[None]),
            ShapeError,
            "positions is (1, 3); expected (count,), the same for every",
        ),
        (lambda: masks.global_positions(GLOBAL - 2), OptionError, "positions go down to -2; expected places of at least 0"),
        (lambda: masks.block_pairs(TABLE.int(), 2), DtypeError, "table is torch.int32; expected torch.bool, True = may attend"),
        (lambda: masks.block_pairs(TABLE[0], 2), ShapeError, "table is (4, 5); expected 3 axes: (heads, query blocks, key"),
        (lambda: masks.block_pairs(TABLE, 0), OptionError, "size: expected a whole number of at least 1, got 0"),
        (lambda: masks.block_pairs(TABLE, 2, -1), OptionError, "offset: expected a whole number of at least 0, got -1"),
        (lambda: masks.block_pairs(TABLE, 2).dense(1, 3, 8, 11), ShapeError, "knows keys=10 but keys=11 was asked"),
        (lambda: masks.block_pairs(TABLE, 2, 3).dense(1, 3, 6, 10), ShapeError, "knows queries=5 but queries=6 was asked"),
        (lambda: masks.block_pairs(TABLE, 2).dense(1, 4, 8, 10), ShapeError, "knows heads=3 but heads=4 was asked"),
        (lambda: masks.random_blocks(0, 2, 5), OptionError, "count: expected a whole number of at least 1, got 0"),
        (lambda: masks.random_blocks(1, 2, 5, heads=0), OptionError, "heads: expected a whole number of at least 1, got 0"),
    ],
)
def test_mistakes_of_masks_are_named(mistake, error, message):
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


@ALL
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_map_with_such_a_mask_is_saved_and_loaded(tmp_path, mask, part):
    query, key, _ = inputs()
    amap = AttentionMap(query, key, mask).select(**part)
    amap.save(tmp_path / "map")
    found = regard.load(tmp_path / "map")
    assert_close(found.dense(), amap.dense())
    found.save(tmp_path / "again")
    assert_close(regard.load(tmp_path / "again").dense(), amap.dense())
    if not part:
        assert repr(found.factors.mask) == repr(mask)


def test_what_is_left_of_a_mask_is_small(tmp_path):
    query, key, _ = inputs()
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
        ({"made": "dilated", "step": 2.0, "offset": 0}, "expected step of dilated as a whole number"),
        ({"made": "global_positions", "positions": "floats", "offset": 0}, "positions is torch.float64"),
        ({"made": "block_pairs", "table": "floats", "size": 2, "offset": 0}, "table is torch.float64"),
        ({"made": "random_blocks", "count": 1, "size": 2, "blocks": 3}, "got 'random_blocks'"),
    ],
)
def test_masks_of_files_are_checked(data, message):
    with pytest.raises(RegardError, match=message):
        from_data(data, {"floats": normal(3)}.get)


def test_long_rows_of_such_maps_are_read_as_short_ones(monkeypatch):
    query, key, _ = inputs(queries=KEYS)
    for mask, _ in RULES:
        if mask.limits[2] is None or mask.limits[2] >= KEYS:
            short = AttentionMap(query, key, mask).summary(received=True, entropy=True)
            with monkeypatch.context() as patch:
                patch.setattr("regard.maps.reading.long_rows.LONG_ROW", 1)
                patch.setattr("regard.maps.reading.parts.BLOCK_BYTES", 4 * KEYS * 8)
                long = AttentionMap(query, key, mask).summary(received=True, entropy=True)
            assert_close(long.received, short.received)
            assert_close(long.entropy, short.entropy)


# -- a window for most, everything for a few


def two_sets(**sizes):
    return *inputs(queries=KEYS, **sizes), *inputs(queries=KEYS, seed=10, **sizes)


@pytest.mark.parametrize("positions", [[0], [5, 12, 0], [3, 3], list(range(KEYS)), []])
def test_global_local_is_two_attentions(positions):
    query, key, value, global_query, global_key, global_value = two_sets()
    near = by_rule(lambda h, i, j: abs(i - j) <= 2 or j in positions, 1, KEYS, KEYS)
    ordinary = dense_attention(query, key, value, near)
    whole = dense_attention(global_query, global_key, global_value)
    chosen = torch.tensor([i in positions for i in range(KEYS)])[:, None]
    output, weights = global_local(*two_sets(), window=5, positions=torch.tensor(positions, dtype=torch.long))
    assert_close(output, torch.where(chosen, whole.output, ordinary.output))
    assert_close(weights, torch.where(chosen, whole.weights, ordinary.weights))


@torch.no_grad()
def test_global_local_is_longformer():
    torch.manual_seed(2)
    length, positions, reach = 18, torch.tensor([0, 1, 7, 17]), 3
    config = LongformerConfig(
        hidden_size=HEADS * DIM,
        num_attention_heads=HEADS,
        attention_window=[2 * reach],
        num_hidden_layers=1,
        attention_probs_dropout_prob=0.0,
    )
    layer = LongformerSelfAttention(config, layer_id=0).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = normal(BATCH, length, HEADS * DIM, seed=3)
    is_global = torch.zeros(BATCH, length, dtype=torch.bool)
    is_global[:, positions] = True
    there, near_there, global_there = layer(
        x,
        attention_mask=is_global * 10000.0,
        is_index_masked=torch.zeros_like(is_global),
        is_index_global_attn=is_global,
        is_global_attn=True,
        output_attentions=True,
    )
    projections = layer.query, layer.key, layer.value, layer.query_global, layer.key_global, layer.value_global
    six = [project(x).unflatten(-1, (HEADS, DIM)).transpose(1, 2) for project in projections]
    output, weights = global_local(*six, window=2 * reach + 1, positions=positions)
    # Longformer rounds its softmax to float32.
    assert_close(output.transpose(1, 2).flatten(2), there, atol=1e-5, rtol=0)
    assert_close(weights[:, :, positions], global_there, atol=1e-6, rtol=0, check_dtype=False)
    # Its other weights: columns of the global keys, then the window, from which global keys are taken out.
    for i in set(range(length)) - set(positions.tolist()):
        row = torch.zeros(BATCH, HEADS, length, dtype=torch.float64)
        row[:, :, positions] = near_there[:, i, :, : len(positions)].double()
        for j in range(max(0, i - reach), min(length, i + reach + 1)):
            row[:, :, j] += near_there[:, i, :, len(positions) + j - i + reach]
        assert_close(weights[:, :, i], row, atol=1e-6, rtol=0)


def test_without_a_second_set_global_local_is_a_mask():
    query, key, value = inputs(queries=KEYS)
    mask = masks.centred_window(3) | masks.global_positions(GLOBAL)
    assert_close(global_local(query, key, value, query, key, value, 3, GLOBAL), attention(query, key, value, mask))


def test_ordinary_rows_do_not_read_the_second_set():
    six = two_sets()
    clean, _ = global_local(*six, window=3, positions=GLOBAL)
    poisoned = six[5].clone()
    poisoned[:, :, 9] = torch.nan
    output, _ = global_local(*six[:5], poisoned, window=3, positions=GLOBAL)
    ordinary = [i for i in range(KEYS) if i not in GLOBAL]
    assert_close(output[:, :, ordinary], clean[:, :, ordinary])
    assert output[:, :, GLOBAL].isnan().all()


def test_global_local_with_axes_left_out_and_its_gradients():
    six = two_sets()
    whole = global_local(*six, window=3, positions=GLOBAL)
    one = global_local(*(tensor[1, 2] for tensor in six), window=3, positions=GLOBAL)
    assert_close(one, (whole[0][1, 2], whole[1][1, 2]))
    small = [normal(2, 5, 3, seed=seed).requires_grad_() for seed in range(6)]
    assert torch.autograd.gradcheck(lambda *given: global_local(*given, window=3, positions=torch.tensor([0, 3])), small)


# -- BigBird


@torch.no_grad()
def test_bigbird_is_bigbird_of_transformers():
    torch.manual_seed(3)
    size, blocks, count = 5, 9, 1
    length = size * blocks
    config = BigBirdConfig(
        hidden_size=HEADS * DIM,
        num_attention_heads=HEADS,
        block_size=size,
        num_random_blocks=count,
        max_position_embeddings=length,
        attention_probs_dropout_prob=0.0,
    )
    # It draws blocks in training mode only, from NumPy's one generator.
    layer = BigBirdBlockSparseAttention(config, seed=4).double().train()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    before = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(4)  # noqa: NPY002
        plan = layer._get_rand_attn_plan(length, size, count)
        drawn = layer._bigbird_block_rand_mask_with_head(length, length, size, size, HEADS, *plan)
        x = normal(BATCH, length, HEADS * DIM, seed=3)
        kept, band, rows, columns = BigBirdModel.create_masks_for_block_sparse_attn(torch.ones(BATCH, length).double(), size)
        there, weights_there = layer(
            x, band_mask=band, from_mask=rows, to_mask=columns, from_blocked_mask=kept, to_blocked_mask=kept
        )
    finally:
        np.random.set_state(before)  # noqa: NPY002
    table = torch.zeros(HEADS, blocks, blocks, dtype=torch.bool)
    table[:, 1:-1].scatter_(-1, torch.as_tensor(np.stack(drawn)).long(), value=True)
    q, k, v = (project(x).unflatten(-1, (HEADS, DIM)).transpose(1, 2) for project in (layer.query, layer.key, layer.value))
    output, weights = bigbird(q, k, v, masks.block_pairs(table, size), size)
    assert_close(output.transpose(1, 2).flatten(2), there)
    assert_close(weights, weights_there)
    assert not torch.allclose(weights, bigbird(q, k, v, ~masks.everything(), size)[1])


def test_bigbird_is_the_definition():
    size, blocks = 2, 7
    random = masks.random_blocks(count=1, size=size, blocks=blocks, heads=HEADS, seed=1)
    pairs = random.made[1]["table"]

    def sees(h, i, j):
        a, b = i // size, j // size
        return abs(a - b) < 2 or a in (0, blocks - 1) or b in (0, blocks - 1) or pairs[h, a, b]

    tensors = inputs(queries=14, keys=14)
    truth = dense_attention(*tensors, by_rule(sees, HEADS, 14, 14))
    assert_close(bigbird(*tensors, random, size), (truth.output, truth.weights))
    reach = (bigbird(*tensors, random, size)[1] > 0).int()
    assert (reach @ reach > 0).all(), "two steps lead from anywhere to anywhere"


# -- a step for each head


@pytest.mark.parametrize(("causal", "queries"), [(True, KEYS), (True, QUERIES), (False, KEYS), (False, QUERIES)])
@pytest.mark.parametrize("steps", [[1, 2, 3], [4, 1, 1], [5, 5, 5]])
def test_dilated_heads_are_the_definition(causal, queries, steps):
    window, offset = 3, KEYS - queries
    near = range(window) if causal else range(-(window // 2), window // 2 + 1)
    rule = by_rule(lambda h, i, j: i + offset - j in [m * steps[h] for m in near], HEADS, queries, KEYS)
    truth = dense_attention(*inputs(queries=queries), rule)
    assert_close(dilated_heads(*inputs(queries=queries), window, steps, causal=causal), (truth.output, truth.weights))


def test_dilated_heads_of_step_one_are_windows():
    assert_close(dilated_heads(*inputs(), 4, [1] * HEADS, causal=True), attention(*inputs(), causal=True, window=4))
    query, key, value = (tensor[0, 1] for tensor in inputs())
    assert_close(dilated_heads(query, key, value, 3, [1]), attention(query, key, value, window=3))


def test_decoding_with_dilated_heads_equals_prefill():
    query, key, value = inputs(queries=KEYS)
    output, _ = dilated_heads(query, key, value, 3, [1, 2, 4], causal=True)
    for end in range(1, KEYS + 1):
        step = query[:, :, end - 1 : end], key[:, :, :end], value[:, :, :end]
        assert_close(dilated_heads(*step, 3, [1, 2, 4], causal=True)[0], output[:, :, end - 1 : end])


# -- mistakes


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (
            lambda: global_local(*two_sets()[:5], normal(2, 3, 13, 2), window=3, positions=GLOBAL),
            ShapeError,
            "expected value and global_value of one shape, got (2, 3, 13, 7) and (2, 3, 13, 2)",
        ),
        (
            lambda: global_local(*two_sets()[:5], normal(2, 3, 13, 7).int(), window=3, positions=GLOBAL),
            DtypeError,
            "expected global_value of a floating type, got torch.int32",
        ),
        (
            lambda: global_local(*inputs(), *inputs(), 3, GLOBAL),
            ShapeError,
            "expected as many queries as keys, got 11 and 13",
        ),
        (lambda: global_local(*two_sets(), window=4, positions=GLOBAL), OptionError, "window is 4; expected an odd number"),
        (
            lambda: global_local(*two_sets(), window=3, positions=GLOBAL + 6),
            OptionError,
            "positions: expected places of tokens from 0 to 12, got 13",
        ),
        (lambda: bigbird(*inputs(), DRAWN, 2), ShapeError, "expected as many queries as keys, got 11 and 13"),
        (
            lambda: bigbird(*inputs(queries=KEYS), DRAWN, 2),
            ShapeError,
            "expected whole blocks, got 13 positions and size=2",
        ),
        (lambda: bigbird(*inputs(queries=KEYS), TABLE, 1), DtypeError, "random: expected a mask, got Tensor"),
        (lambda: bigbird(*inputs(queries=KEYS), DRAWN, 0), OptionError, "size: expected a whole number of at least 1, got 0"),
        (
            lambda: dilated_heads(*inputs(), 3, [1, 2]),
            ShapeError,
            "expected one step a head, got 2 steps and heads=3",
        ),
        (lambda: dilated_heads(*inputs(), 4, [1, 2, 2]), OptionError, "window is 4; expected an odd number"),
        (lambda: dilated_heads(*inputs(), 3, [1, 2, 0]), OptionError, "step: expected a whole number of at least 1, got 0"),
        (
            lambda: dilated_heads(*inputs(heads=2)[:1], *inputs()[1:], 3, [1, 2]),
            ShapeError,
            "expected heads to be a multiple of kv_heads, got query heads=2 and key heads=3",
        ),
    ],
)
def test_mistakes_are_named(mistake, error, message):
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)


# -- cards that are masks show what their formula says


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("causal", lambda h, i, j: j <= i),
        ("window", lambda h, i, j: 0 <= i - j < 4),
        ("dilated", lambda h, i, j: i - j in (0, h + 1, 2 * h + 2, 3 * h + 3)),
        ("prefix", lambda h, i, j: j <= i or j < 12),
        ("document", lambda h, i, j: j <= i and (i // 8, i % 8 > 2) == (j // 8, j % 8 > 2)),
        ("block", lambda h, i, j: j <= i and i // 4 == j // 4),
        ("global-local", lambda h, i, j: abs(i - j) <= 2 or i == 0 or j == 0),
    ],
)
def test_cards(name, rule):
    (card,) = (card for card in CARDS if card.name == name)
    tensors = [normal(1, 4, 24, 5, seed=seed) for seed in range(3)]
    assert_close(card.apply(*tensors).weights > 0, by_rule(rule, 4, 24, 24))
