import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.cross.hard_attention import hard_attention, likeliest_attention, reinforce
from regard.mechanisms.cross.monotonic_attention import (
    chunkwise,
    expected_alignment,
    expected_alignment_parallel,
    hard_alignment,
    mocha_attention,
    mocha_decoding,
    monotonic_attention,
    monotonic_decoding,
)
from regard.mechanisms.softmax_attention import weigh
from witnesses.attention import dense_attention
from witnesses.cross import average_alignment, average_chunks, choices, chunk_weights, walk

BATCH, HEADS, QUERIES, KEYS, VALUE_DIM = 2, 3, 5, 7, 11
BLIND = torch.tensor([[True] * KEYS] * 2 + [[False] * KEYS] + [[True, False] * 3 + [True]] * 2)  # query 2 sees nothing


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coin(seed=0):
    return torch.Generator().manual_seed(seed)


SCORES, CHUNK_SCORES = normal(BATCH, HEADS, QUERIES, KEYS), normal(BATCH, HEADS, QUERIES, KEYS, seed=1)
VALUE = normal(BATCH, HEADS, KEYS, VALUE_DIM, seed=2)
ALIGNMENTS = pytest.mark.parametrize("align", [expected_alignment, expected_alignment_parallel])
MONOTONIC = pytest.mark.parametrize(
    "mechanism",
    [
        monotonic_attention,
        monotonic_decoding,
        lambda scores, value, mask=None: mocha_attention(scores, CHUNK_SCORES, value, 3, mask),
        lambda scores, value, mask=None: mocha_decoding(scores, CHUNK_SCORES, value, 3, mask),
    ],
    ids=["monotonic", "monotonic decoding", "mocha", "mocha decoding"],
)


def test_hard_attention_is_soft_attention_on_average():
    scores, value = normal(1, 1, 2, 3), normal(1, 1, 3, 5, seed=1)
    soft = dense_attention(scores, torch.eye(3, dtype=torch.float64)[None, None], value, scale=1.0)
    seen = hard_attention(scores, value, generator=coin())
    assert_close(seen.probabilities, soft.weights)
    total = torch.zeros_like(soft.output[0, 0])
    for places, chance in choices(seen.probabilities[0, 0]):
        certain = torch.full_like(scores, -math.inf).scatter(3, places[None, None, :, None], 0.0)
        total += chance * hard_attention(certain, value).output[0, 0]
    assert_close(total, soft.output[0, 0])


def test_places_are_drawn_as_often_as_they_weigh():
    scores = torch.tensor([0.0, math.log(2), -math.inf, math.log(5)], dtype=torch.float64).expand(1, 1, 40_000, 4)
    seen = hard_attention(scores, normal(1, 1, 4, 1), generator=coin())
    share = seen.weights.mean(dim=2).flatten()
    expected = torch.tensor([1, 2, 0, 5], dtype=torch.float64) / 8
    assert_close(share, expected, atol=5 * (0.25 / 40_000) ** 0.5, rtol=0)  # five standard deviations
    assert share[2] == 0


@pytest.mark.parametrize("attend", [lambda *given: hard_attention(*given, generator=coin()), likeliest_attention])
def test_one_value_is_read_as_it_is(attend):
    seen = attend(SCORES, VALUE, BLIND)
    for b, h, i in itertools.product(range(BATCH), range(HEADS), range(QUERIES)):
        place = int(seen.choice[b, h, i])
        assert (place == -1) == (i == 2)
        expected = VALUE[b, h, place] if place >= 0 else torch.zeros(VALUE_DIM, dtype=torch.float64)
        assert_close(seen.output[b, h, i], expected, atol=0, rtol=0)
        assert_close(seen.weights[b, h, i], torch.tensor([float(j == place) for j in range(KEYS)], dtype=torch.float64))
        assert place < 0 or BLIND[i, place]
    assert_close(seen.probabilities, weigh(SCORES, VALUE, BLIND)[1])
    assert_close(seen.output, seen.weights @ VALUE)


def test_the_likeliest_place_is_the_highest_score():
    seen = likeliest_attention(SCORES, VALUE, causal=True)
    for i in range(QUERIES):
        assert_close(seen.choice[:, :, i], SCORES[:, :, i, : KEYS - QUERIES + i + 1].argmax(-1))


def test_the_same_coins_give_the_same_places():
    one, other, third = (hard_attention(SCORES, VALUE, generator=coin(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.choice, other.choice)
    assert not torch.equal(one.choice, third.choice)


def test_values_that_are_not_chosen_are_not_read():
    choice = likeliest_attention(SCORES, VALUE).choice
    chosen = torch.zeros(BATCH, HEADS, KEYS, dtype=torch.bool).scatter(2, choice, True)
    poisoned = VALUE.masked_fill(~chosen[..., None], math.nan)
    assert (~chosen).any()
    assert_close(likeliest_attention(SCORES, poisoned).output, likeliest_attention(SCORES, VALUE).output)


def test_hard_attention_shares_value_heads_and_keeps_dtypes_and_axes():
    shared = VALUE[:, :1]
    repeated = likeliest_attention(SCORES, shared.expand(-1, HEADS, -1, -1))
    assert_close(likeliest_attention(SCORES, shared).output, repeated.output)
    half = likeliest_attention(SCORES.bfloat16(), VALUE.bfloat16())
    assert (half.output.dtype, half.weights.dtype, half.probabilities.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    short = likeliest_attention(SCORES[0, 0], VALUE[0, 0])
    assert_close(short.output, likeliest_attention(SCORES, VALUE).output[0, 0])
    assert short.choice.shape == (QUERIES,)


def test_gradients_reach_the_chosen_values_only():
    value = VALUE.clone().requires_grad_()
    scores = SCORES.clone().requires_grad_()
    seen = likeliest_attention(scores, value)
    to_value, to_scores = torch.autograd.grad(seen.output.sum(), (value, scores), allow_unused=True)
    assert_close(to_value, seen.weights.sum(2)[..., None].expand_as(value))
    assert to_scores is None


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_reinforce_is_the_true_gradient_on_average(baseline):
    """Two heads with two queries each, three keys: 3⁴ outcomes, and rewards that depend on all four choices at once."""
    scores, value = normal(1, 2, 2, 3).requires_grad_(), normal(1, 2, 3, 5, seed=1).requires_grad_()

    def reward(places):
        read = value.gather(2, places[..., None].expand(-1, -1, -1, 5))
        return read.sum(dim=(1, 2)).sin().prod(dim=-1)  # (batch,)

    estimate = torch.zeros((), dtype=torch.float64)
    expected = torch.zeros((), dtype=torch.float64)
    probabilities = scores.softmax(-1)
    for places, chance in choices(probabilities.reshape(4, 3)):
        places = places.view(1, 2, 2)
        estimate = estimate + chance.detach() * reinforce(probabilities, places, reward(places), baseline).sum()
        expected = expected + chance * reward(places).sum()
    estimates = torch.autograd.grad(estimate, (scores, value), retain_graph=True)
    truths = torch.autograd.grad(expected, (scores, value))
    assert all(truth.abs().max() > 1e-3 for truth in truths)
    assert_close(estimates, truths)


def test_a_good_baseline_calms_the_estimate():
    scores = normal(1, 1, 1, 3).requires_grad_()
    rewards = torch.tensor([7.0, 8.0, 9.0], dtype=torch.float64)

    def spread(baseline):
        total = 0.0
        for places, chance in choices(scores.softmax(-1)[0, 0]):
            estimate = reinforce(scores.softmax(-1), places.view(1, 1, 1), rewards[places], baseline).sum()
            total += float(chance.detach() * torch.autograd.grad(estimate, scores)[0].square().sum())
        return total

    assert spread(8.0) < spread(0.0) / 10


def test_reinforce_leaves_out_what_saw_nothing():
    scores = SCORES.clone().requires_grad_()
    seen = likeliest_attention(scores, VALUE, BLIND)
    estimate = reinforce(seen.probabilities, seen.choice, normal(BATCH))
    assert estimate.isfinite().all()
    gradient = torch.autograd.grad(estimate.sum(), scores)[0]
    assert gradient.isfinite().all()
    assert (gradient[:, :, 2] == 0).all()
    assert (gradient[:, :, 3] != 0).any()


@ALIGNMENTS
@pytest.mark.parametrize(("queries", "keys"), [(2, 5), (3, 2), (5, 2), (1, 7)])
def test_expected_alignment_is_the_average_over_every_walk(align, queries, keys):
    scores = normal(2, queries, keys)
    alignment = align(scores)
    for head in range(2):
        assert_close(alignment[head], average_alignment(scores[head].sigmoid()))


@ALIGNMENTS
def test_hidden_keys_are_passed(align):
    scores = normal(2, 5).masked_fill(torch.tensor([[0, 1, 0, 0, 1], [1, 0, 0, 1, 0]]).bool(), -math.inf)
    assert_close(align(scores), average_alignment(scores.sigmoid()))


def test_the_parallel_form_is_the_recurrence_where_products_underflow():
    scores = torch.zeros(3, 1301, dtype=torch.float64)
    scores[0, :1200] = -40  # the first walk stops after 1,200 keys, which the second would pass with a chance of 2⁻¹²⁰⁰
    assert torch.sigmoid(-scores)[1, :1200].prod() == 0
    parallel = expected_alignment_parallel(scores)
    assert_close(parallel, expected_alignment(scores))
    assert_close(parallel.sum(-1), torch.ones(3, dtype=torch.float64))


def test_the_parallel_form_is_the_recurrence_in_float32():
    scores = normal(3, 17, 97).float()
    assert_close(expected_alignment_parallel(scores), expected_alignment(scores.double()).float(), atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("size", [1e3, 1e6, 1e8, 3e38, math.inf])
def test_the_parallel_form_is_the_recurrence_for_scores_of_any_size(size):
    scores = normal(5, 11).float()
    scores[1:, 0], scores[0, 0] = size, -size  # no walk stops at key 0, and each but the first is sure to begin behind it
    parallel = expected_alignment_parallel(scores)
    assert_close(parallel, expected_alignment(scores), atol=1e-6, rtol=0)
    assert (parallel.sum(-1) <= 1 + 1e-6).all()


@ALIGNMENTS
def test_certain_stops_have_gradients(align):
    scores = torch.tensor([[0.3, math.inf, -math.inf], [-1.0, 0.5, 1e8]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.grad(align(scores).square().sum(), scores)[0].isfinite().all()


def test_chunks_wider_than_the_keys_are_all_keys_and_cost_no_more():
    widths = chunkwise(SCORES.sigmoid(), CHUNK_SCORES, 10**12), chunkwise(SCORES.sigmoid(), CHUNK_SCORES, KEYS)
    assert_close(*widths, atol=0, rtol=0)


@ALIGNMENTS
def test_half_precision_is_computed_in_float32(align):
    half = SCORES.bfloat16()
    assert align(half).dtype == torch.float32
    assert_close(align(half), align(half.double()).float(), atol=1e-6, rtol=1e-5)


@ALIGNMENTS
def test_a_walk_that_is_sure_is_the_hard_walk(align):
    scores = 60 * SCORES.sign()
    assert_close(align(scores), hard_alignment(scores), atol=1e-12, rtol=0)


@ALIGNMENTS
def test_alignment_moves_right_and_loses_what_passes_the_end(align):
    alignment = align(SCORES)
    sums = alignment.sum(-1)
    assert (sums <= 1).all()
    assert (sums.diff(dim=-1) < 0).all()
    still = alignment.cumsum(-1)  # the chance to be at key j or before it can only fall
    assert (still.diff(dim=-2) <= 1e-15).all()


def test_the_hard_walk_is_the_walk():
    alignment = hard_alignment(SCORES)
    left = False
    for b, h in itertools.product(range(BATCH), range(HEADS)):
        places = walk(lambda i, j, b=b, h=h: bool(SCORES[b, h, i, j].sigmoid() >= 0.5), QUERIES, KEYS)
        expected = [[float(place == j) for j in range(KEYS)] for place in places]
        assert_close(alignment[b, h], torch.tensor(expected, dtype=torch.float64))
        left |= None in places
    assert left, "no walk left: nothing was tested of what comes after"


def test_the_hard_walk_never_looks_ahead():
    alignment = hard_alignment(SCORES)
    for i in range(QUERIES):
        scores = SCORES.clone()
        found = alignment[:, :, i].any(-1)
        place = alignment[:, :, i].argmax(-1)
        later = (torch.arange(KEYS) > place[..., None]) & found[..., None]
        scores[:, :, : i + 1] = scores[:, :, : i + 1].masked_fill(later[:, :, None], math.nan)
        assert_close(hard_alignment(scores)[:, :, : i + 1], alignment[:, :, : i + 1])


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_chunks_are_the_average_over_every_walk(width):
    scores, chunk_scores = normal(2, 2, 5), 3 * normal(2, 2, 5, seed=3)
    weights = chunkwise(expected_alignment(scores), chunk_scores, width)
    for head in range(2):
        assert_close(weights[head], average_chunks(scores[head].sigmoid(), chunk_scores[head], width))


def test_chunks_of_one_key_change_nothing_and_sums_stay():
    alignment = expected_alignment(SCORES)
    assert_close(chunkwise(alignment, CHUNK_SCORES, 1), alignment)
    assert_close(chunkwise(alignment, CHUNK_SCORES, 3).sum(-1), alignment.sum(-1))


def test_chunks_far_below_the_highest_score_do_not_underflow():
    scores = torch.tensor([[-3000.0, -3001.0, 0.0]], dtype=torch.float64)
    weights = chunkwise(torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64), scores, 2)
    assert_close(weights, torch.tensor([[math.e / (1 + math.e), 1 / (1 + math.e), 0]], dtype=torch.float64))


def test_mocha_decoding_is_softmax_over_the_chunk_where_the_walk_stops():
    weights = mocha_decoding(SCORES, CHUNK_SCORES, VALUE, 3)[1]
    for b, h in itertools.product(range(BATCH), range(HEADS)):
        places = walk(lambda i, j, b=b, h=h: bool(SCORES[b, h, i, j] >= 0), QUERIES, KEYS)
        expected = [chunk_weights(place, CHUNK_SCORES[b, h, i].tolist(), 3) for i, place in enumerate(places)]
        assert_close(weights[b, h], torch.tensor(expected, dtype=torch.float64))


def test_the_layers_are_their_alignments_times_values():
    expected = expected_alignment(SCORES)
    for (output, weights), truth in [
        (monotonic_attention(SCORES, VALUE), expected),
        (monotonic_decoding(SCORES, VALUE), hard_alignment(SCORES)),
        (mocha_attention(SCORES, CHUNK_SCORES, VALUE, 3), chunkwise(expected, CHUNK_SCORES, 3)),
    ]:
        assert_close(weights, truth)
        assert_close(output, truth @ VALUE)


@MONOTONIC
def test_hidden_keys_have_no_weight_and_no_value(mechanism):
    mask = torch.arange(KEYS) < 5
    mask[1] = False
    poisoned = VALUE.masked_fill(~mask[:, None], math.nan)
    output, weights = mechanism(SCORES, poisoned, mask)
    assert (weights[..., ~mask] == 0).all()
    assert_close((output, weights), mechanism(SCORES, VALUE, masks.padding(mask[None].expand(BATCH, KEYS))))
    rest = VALUE.masked_fill(~mask[:, None], 0.0)
    assert_close(output, weights @ rest)
    nothing = mechanism(SCORES, VALUE, torch.tensor(False))
    assert_close(nothing, (torch.zeros_like(nothing[0]), torch.zeros_like(nothing[1])))


@MONOTONIC
def test_later_queries_do_not_matter(mechanism):
    changed = SCORES.clone()
    changed[:, :, 3:] += 2
    before, after = mechanism(SCORES, VALUE), mechanism(changed, VALUE)
    assert_close(after[1][:, :, :3], before[1][:, :, :3])
    assert not torch.allclose(after[1][:, :, 3:], before[1][:, :, 3:])


def test_axes_may_be_left_out_and_value_heads_shared():
    output, weights = monotonic_attention(SCORES, VALUE[:, :1])
    assert_close(output, weights @ VALUE[:, :1])
    assert_close(monotonic_attention(SCORES[0, 0], VALUE[0, 0]), (output[0, 0], weights[0, 0]))
    assert_close(mocha_attention(SCORES[1], CHUNK_SCORES[1], VALUE[1, :1], 3)[0].shape, output[1].shape)


@pytest.mark.slow
@pytest.mark.parametrize("mask", [None, torch.arange(KEYS) != 2])
def test_gradients(mask):
    tensors = [tensor[:1, :1].clone().requires_grad_() for tensor in (SCORES, CHUNK_SCORES, VALUE)]
    for width in (1, 3):
        assert torch.autograd.gradcheck(lambda *given, width=width: mocha_attention(*given, width, mask), tensors)
    recurrent, parallel = (
        torch.autograd.grad(align(tensors[0]).square().sum(), tensors[0])[0]
        for align in (expected_alignment, expected_alignment_parallel)
    )
    assert_close(parallel, recurrent)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: hard_attention(SCORES, VALUE[:, :, :5]),
            ShapeError,
            "expected batch=2 and keys=7 in scores and value, and value heads that divide heads=3",
        ),
        (
            lambda: hard_attention(SCORES, VALUE[:, :2]),
            ShapeError,
            "expected batch=2 and keys=7 in scores and value, and value heads that divide heads=3",
        ),
        (lambda: likeliest_attention(SCORES.int(), VALUE), DtypeError, "expected scores of a floating type, got torch.int32"),
        (
            lambda: likeliest_attention(SCORES / 0, VALUE),
            ScoreError,
            "expected finite scores, got inf at batch 0, head 0, query 0, key 3",
        ),
        (
            lambda: hard_attention(SCORES, VALUE, torch.ones(5, 7).int()),
            DtypeError,
            "expected a Mask, a boolean tensor (True = may attend) or a float tensor (added) as mask, got torch.int32",
        ),
        (
            lambda: reinforce(SCORES, torch.zeros(2, 3, 7).long(), normal(2)),
            ShapeError,
            "and choice (batch, heads, queries), got (2, 3, 5, 7) and (2, 3, 7)",
        ),
        (
            lambda: reinforce(SCORES, torch.zeros(2, 3, 5), normal(2)),
            DtypeError,
            "choice: expected torch.int64, the chosen keys, got torch.float32",
        ),
        (
            lambda: reinforce(SCORES, torch.zeros(2, 3, 5).long(), normal(2, 3)),
            ShapeError,
            "expected reward (batch,)=(2,) and baseline alike or one number, got (2, 3) and ()",
        ),
        (lambda: reinforce(SCORES, torch.zeros(2, 3, 5).long(), [1, 2]), DtypeError, "expected reward as a tensor, got list"),
        (
            lambda: reinforce(SCORES, torch.full((2, 3, 5), 7), normal(2)),
            OptionError,
            "choice: expected keys from 0 to 6, or -1 where nothing was visible, got 7 to 7",
        ),
        (
            lambda: reinforce(SCORES, torch.full((2, 3, 5), -2), normal(2)),
            OptionError,
            "choice: expected keys from 0 to 6, or -1 where nothing was visible, got -2 to -2",
        ),
        (
            lambda: hard_attention(SCORES, VALUE, generator=5),
            DtypeError,
            "generator: expected a torch.Generator or None, got int",
        ),
        (lambda: chunkwise(SCORES, SCORES * math.inf, 2), ScoreError, "scores: expected numbers below infinity, got inf"),
        (lambda: chunkwise(SCORES * math.nan, SCORES, 2), ScoreError, "alignment: expected numbers, got NaN"),
        (lambda: expected_alignment(SCORES * math.nan), ScoreError, "scores: expected numbers, got NaN"),
        (lambda: expected_alignment_parallel(SCORES * math.nan), ScoreError, "scores: expected numbers, got NaN"),
        (
            lambda: expected_alignment(torch.ones(3)),
            ShapeError,
            "expected scores (..., queries, keys) with every size at least 1, got (3,)",
        ),
        (
            lambda: expected_alignment_parallel(torch.ones(3, 0)),
            ShapeError,
            "expected scores (..., queries, keys) with every size at least 1, got (3, 0)",
        ),
        (lambda: hard_alignment(torch.ones(3, 2).int()), DtypeError, "expected scores of a floating type, got torch.int32"),
        (lambda: chunkwise(SCORES, SCORES, 0), OptionError, "width: expected a whole number of at least 1, got 0"),
        (
            lambda: chunkwise(SCORES, SCORES[..., :3], 2),
            ShapeError,
            "expected alignment and scores of one shape, got (2, 3, 5, 7) and (2, 3, 5, 3)",
        ),
        (
            lambda: monotonic_attention(SCORES, VALUE[:1]),
            ShapeError,
            "expected batch=2 and keys=7 in scores and value, and value heads that divide heads=3",
        ),
        (
            lambda: monotonic_decoding(SCORES, VALUE, torch.ones(3) > 0),
            ShapeError,
            "expected mask to broadcast to (batch=2, heads=3, queries=5, keys=7), got (3,)",
        ),
        (
            lambda: mocha_attention(SCORES, SCORES[:, :, :3], VALUE, 2),
            ShapeError,
            "expected alignment and scores of one shape, got (2, 3, 5, 7) and (2, 3, 3, 7)",
        ),
        (
            lambda: mocha_decoding(SCORES, SCORES, VALUE, 1.5),
            OptionError,
            "width: expected a whole number of at least 1, got 1.5",
        ),
        (
            lambda: monotonic_attention(SCORES * math.nan, VALUE),
            ScoreError,
            "expected finite scores, got nan at batch 0, head 0, query 0, key 0",
        ),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
