import math

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.linear.linear_attention import linear_attention_recurrent
from regard.mechanisms.linear.random_features import (
    orthogonal_projection,
    performer_parallel,
    performer_recurrent,
    positive_features,
)
from regard.mechanisms.softmax_attention import attention
from witnesses import linear as oracles

BATCH, HEADS, QUERIES, KEYS, DIM, VALUE_DIM = 2, 3, 7, 11, 5, 13
DRAWS = 1000


def inputs(size=1.0):
    chance = torch.Generator().manual_seed(0)
    shapes = (QUERIES, DIM), (KEYS, DIM), (KEYS, VALUE_DIM)
    query, key, value = (torch.randn(BATCH, HEADS, *shape, generator=chance, dtype=torch.float64) for shape in shapes)
    return size * query, size * key, value


def orthogonal(features, seed):
    return orthogonal_projection(features, DIM, seed=seed, dtype=torch.float64)


def independent(features, seed):
    return torch.randn(features, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def estimates(draw, features, query, key, scale=1.0):
    """(DRAWS, pairs): φ(q)·φ(k) under one set of directions after another."""
    maps = (positive_features(draw(features, seed), scale=scale) for seed in range(DRAWS))
    return torch.stack([(phi(query) * phi(key)).sum(-1) for phi in maps])


@pytest.mark.slow
@pytest.mark.parametrize("features", [1, 5, 7])
def test_products_of_features_are_unbiased(features):
    query, key = (tensor[0, :, :QUERIES].reshape(-1, DIM) for tensor in inputs(size=0.3)[:2])
    drawn = estimates(orthogonal, features, query, key, scale=0.7)
    error = drawn.mean(0) - (0.7 * (query * key).sum(-1)).exp()
    assert (error.abs() / (drawn.std(0) / math.sqrt(DRAWS))).max() < 4  # standard errors, of 21 pairs


def test_directions_are_as_likely_as_their_opposites():
    first = torch.stack([orthogonal(1, seed)[0] for seed in range(DRAWS)])
    assert (first.mean(0).abs() * math.sqrt(DRAWS)).max() < 4
    assert_close(first.T.cov(), torch.eye(DIM, dtype=torch.float64), atol=0.2, rtol=0)  # of 1000 draws


def test_directions_are_orthogonal_within_a_block():
    projection = orthogonal(2 * DIM + 1, seed=3)
    assert projection.shape == (2 * DIM + 1, DIM)
    for block in projection.split(DIM):
        products = block @ block.T
        assert_close(products, products.diag().diag())


@pytest.mark.slow
def test_orthogonal_directions_err_less():
    chance = torch.Generator().manual_seed(0)
    pairs = normalize(torch.randn(300, DIM, generator=chance, dtype=torch.float64), dim=-1) / 2  # the same query and key
    spread = {draw: estimates(draw, DIM, pairs, pairs).var(0).mean() for draw in (orthogonal, independent)}
    assert spread[orthogonal] < 0.9 * spread[independent]


def test_the_error_falls_with_the_root_of_the_number_of_features():
    query, key, value = inputs(size=0.5)
    exact = attention(query, key, value)[1]
    errors = [
        torch.stack([performer_parallel(query, key, value, orthogonal(m, seed))[1] - exact for seed in range(30)]).std()
        for m in (50, 200, 800)
    ]
    for more, fewer in zip(errors[1:], errors, strict=False):
        assert 1.5 < fewer / more < 2.7  # four times the features, half the error
    assert errors[-1] < 0.02


def test_with_many_features_it_is_attention():
    query, key, value = inputs(size=0.5)
    expected = attention(query, key, value, causal=True)
    output, weights = performer_parallel(query, key, value, orthogonal(20_000, seed=0), causal=True)
    assert_close(weights, expected[1], atol=0.02, rtol=0)  # 1/√20000, times the spread of a feature
    assert_close(output, expected[0], atol=0.06, rtol=0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_equals_the_oracle(causal, scale):
    query, key, value = inputs()
    query = query if not causal else torch.cat([query, query[:, :, :4]], dim=2)
    projection = orthogonal(17, seed=0)
    expected = oracles.each_head(
        lambda q, k, v: oracles.performer(q, k, v, projection.tolist(), scale or DIM**-0.5, causal), query, key, value
    )
    output, weights = performer_parallel(query, key, value, projection, causal=causal, scale=scale)
    assert_close(output, expected)
    assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_it_is_linear_attention_with_other_features():
    query, key, value = inputs()
    query = torch.cat([query, query[:, :, :4]], dim=2)
    projection = orthogonal(17, seed=0)
    phi = positive_features(projection, scale=DIM**-0.5)
    assert_close(
        performer_recurrent(query, key, value, projection), linear_attention_recurrent(query, key, value, feature_map=phi)
    )


def test_a_seed_gives_the_same_directions_whatever_the_dtype():
    assert_close(orthogonal(7, seed=1), orthogonal(7, seed=1), atol=0, rtol=0)
    assert_close(orthogonal_projection(7, DIM, seed=1), orthogonal(7, seed=1).float(), atol=0, rtol=0)
    assert (orthogonal(7, seed=1) != orthogonal(7, seed=2)).all()


@pytest.mark.parametrize("length", [100.0, 1e30])
def test_vectors_that_are_too_long_are_refused(length):
    query, key, value = inputs()
    with pytest.raises(
        ScoreError, match=r"got a length of .*, with features that are 0 or infinite in torch.float32; normalise"
    ):
        performer_parallel(query.float(), length * key.float(), value.float(), orthogonal(7, seed=0))


@pytest.mark.parametrize("size", [1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 6.0])
def test_float32_is_float64_or_refused(size):
    """Long vectors have features near 0, whose products are 0 in float32: rows would be 0, or of the wrong keys."""
    chance = torch.Generator().manual_seed(0)
    tensors = [size * torch.randn(8, 64, generator=chance) for _ in range(3)]
    projection = orthogonal_projection(256, 64)
    exact = performer_parallel(*(tensor.double() for tensor in tensors), projection, causal=True)[1]
    assert_close(exact.sum(-1), torch.ones(8, dtype=torch.float64))
    try:
        weights = performer_parallel(*tensors, projection, causal=True)[1]
    except ScoreError:
        assert size > 3
        return
    assert size < 4
    assert_close(weights.double(), exact, atol=1e-5, rtol=0)  # a power of −60 is rounded to 4e-6


def test_projections_that_do_not_fit_are_refused():
    query, key, value = inputs()
    with pytest.raises(ShapeError, match=r"expected projection \(features, dim\) with dim=5 as the vectors, got \(7, 3\)"):
        performer_parallel(query, key, value, torch.ones(7, 3))
    with pytest.raises(ShapeError, match=r"expected projection \(features, dim\), got \(5,\)"):
        performer_parallel(query, key, value, torch.ones(5))
    with pytest.raises(DtypeError, match="expected projection of a floating type, got torch.int64"):
        performer_parallel(query, key, value, torch.ones(7, 5, dtype=torch.int64))
    with pytest.raises(OptionError, match="scale: expected a number above 0, got -1"):
        performer_parallel(query, key, value, torch.ones(7, 5), scale=-1)
    with pytest.raises(OptionError, match="features: expected a whole number of at least 1, got 0"):
        orthogonal_projection(0, 5)
    with pytest.raises(OptionError, match="dim: expected a whole number of at least 1, got 2.0"):
        orthogonal_projection(3, 2.0)
