# ruff: noqa: ARG005 - every rule takes (head, query, key), whichever of them it reads
"""The mechanisms of sparse attention that are more than a mask."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from transformers import BigBirdConfig, LongformerConfig
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention, BigBirdModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from regard import masks
from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.patterns.cards import CARDS
from regard.mechanisms.patterns.sparse_patterns import bigbird, dilated_heads, global_local
from regard.mechanisms.softmax_attention import attention
from witnesses.attention import dense_attention
from witnesses.patterns import by_rule

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 11, 13, 5, 7


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def inputs(heads=HEADS, queries=QUERIES, keys=KEYS, dtype=torch.float64, seed=0):
    return (
        normal(BATCH, heads, queries, DIM, seed=seed, dtype=dtype),
        normal(BATCH, heads, keys, DIM, seed=seed + 1, dtype=dtype),
        normal(BATCH, heads, keys, VALUE_DIM, seed=seed + 2, dtype=dtype),
    )


GLOBAL = torch.tensor([7, 0, 4])
TABLE = normal(HEADS, 4, 5) > 0.3
DRAWN = masks.random_blocks(count=2, size=2, blocks=7, heads=HEADS, seed=5)


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
    pairs = random.pattern.table

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
        (lambda: global_local(*two_sets(), window=4, positions=GLOBAL), OptionError, "window: expected an odd number"),
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
        (lambda: dilated_heads(*inputs(), 4, [1, 2, 2]), OptionError, "window: expected an odd number"),
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
