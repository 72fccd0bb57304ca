"""Sparsemax and entmax as functions of scores; as attention, they are in test_normalisers."""

import math

import entmax as deep_spin
import pytest
import torch
from torch.testing import assert_close

from regard.errors import DtypeError, ScoreError, ShapeError
from regard.mechanisms.normalisers.sparse_normalisers import entmax, entmax15, sparsemax
from witnesses import normalisers as oracles


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rows_with_ties():
    rows = torch.cat([normal(17, 11, seed=seed) * size for seed, size in enumerate((0.01, 0.3, 1.0, 10.0, 1e4))])
    rows[::3, 4] = rows[::3, 5]
    return torch.cat([rows, torch.zeros(1, 11, dtype=torch.float64), rows[:5] + 1e6])


def test_sparsemax_equals_the_package_of_its_authors():
    assert_close(sparsemax(rows_with_ties()), deep_spin.sparsemax(rows_with_ties(), -1))


def test_entmax15_equals_the_package_of_its_authors():
    assert_close(entmax15(rows_with_ties()), deep_spin.entmax15(rows_with_ties(), -1))


@pytest.mark.parametrize("alpha", [1.01, 1.2, 1.5, 1.75, 2.0, 2.5, 4.0])
def test_entmax_equals_the_package_of_its_authors(alpha):
    rows = rows_with_ties()[:86]  # they lose digits where scores are far from 0
    assert_close(entmax(rows, alpha), deep_spin.entmax_bisect(rows, alpha, n_iter=100), atol=1e-11, rtol=1e-9)


def test_sparsemax_equals_a_search_over_supports():
    rows = normal(53, 7) * 2
    assert_close(sparsemax(rows), torch.tensor([oracles.sparsemax_row(row) for row in rows.tolist()], dtype=torch.float64))


def test_entmax15_equals_a_search_over_supports():
    rows = normal(53, 7) * 3
    expected = torch.tensor([oracles.entmax15_row(row) for row in rows.tolist()], dtype=torch.float64)
    assert_close(entmax15(rows), expected)
    assert_close(entmax(rows, 1.5), expected)


SPARSE = pytest.mark.parametrize(
    "normalise", [sparsemax, entmax15, lambda z: entmax(z, 1.3), lambda z: entmax(z, 3.0)], ids=["2", "1.5", "1.3", "3"]
)


@SPARSE
def test_sparse_rows_are_distributions_with_zeros(normalise):
    weights = normalise(normal(13, 31) * 3)
    assert_close(weights.sum(-1), torch.ones(13, dtype=torch.float64))
    assert (weights >= 0).all()
    assert (weights == 0).any(-1).all()


@SPARSE
def test_a_shift_of_all_scores_changes_nothing(normalise):
    rows = normal(13, 31)
    assert_close(normalise(rows + 1000), normalise(rows), atol=1e-10, rtol=1e-10)


@SPARSE
def test_a_hidden_key_is_as_good_as_none(normalise):
    rows = normal(13, 7)
    hidden = torch.cat([rows[:, :3], torch.full((13, 2), -math.inf, dtype=torch.float64), rows[:, 3:]], dim=1)
    weights = normalise(hidden)
    assert (weights[:, 3:5] == 0).all()
    assert_close(torch.cat([weights[:, :3], weights[:, 5:]], dim=1), normalise(rows))
    assert (normalise(torch.full((2, 5), -math.inf)) == 0).all()
    assert_close(normalise(normal(3, 1)), torch.ones(3, 1, dtype=torch.float64))


@SPARSE
def test_sparse_gradients_are_those_of_the_numbers(normalise):
    rows = normal(5, 7, seed=2)
    rows[0, 2] = -math.inf
    rows[1] = -math.inf
    finite = rows.isfinite()

    def of_visible(scores):
        return normalise(rows.masked_scatter(finite, scores))

    assert torch.autograd.gradcheck(of_visible, rows[finite].requires_grad_())
    whole = rows.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(normalise(whole).square().sum(), whole)
    assert gradient.isfinite().all()


def test_alpha_may_be_learned():
    alpha = torch.tensor([[1.2], [1.5], [2.0], [2.5]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(entmax, (normal(4, 7, seed=4).requires_grad_(), alpha))


def test_alpha_near_one_is_softmax():
    rows = normal(5, 7)
    assert_close(entmax(rows, 1 + 1e-7), rows.softmax(-1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("alpha", [1.1, 1.001, 1.00001, 1.000001, 1.0000002])
def test_alpha_near_one_keeps_its_digits_in_float32(alpha):
    rows = 3 * normal(7, 301).float()
    learned = torch.tensor(alpha, dtype=torch.float32)
    weights = entmax(rows, learned)
    assert_close(weights.sum(-1), torch.ones(7), atol=1e-6, rtol=0)
    assert_close(weights.double(), entmax(rows.double(), learned.double()), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("alpha", [1 + 1e-9, 1 + 1e-12])
def test_alpha_next_to_one_is_softmax_in_float64(alpha):
    rows = 3 * normal(7, 31)
    assert_close(entmax(rows, alpha), rows.softmax(-1), atol=1e-7, rtol=0)


def test_long_rows_keep_their_digits():
    rows = normal(2, 20011).float() / 3
    assert_close(entmax15(rows).double(), entmax15(rows.double()), atol=1e-7, rtol=0)
    assert_close(sparsemax(rows).double(), sparsemax(rows.double()), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: entmax(normal(3, 5), torch.full((5,), 1.5)), ShapeError, "all keys of a row share it"),
        (lambda: entmax(normal(3, 5), "sparse"), DtypeError, "alpha: expected a number above 1 or a tensor of them, got str"),
        (lambda: entmax(normal(3, 5), True), DtypeError, "alpha: expected a number above 1 or a tensor of them, got bool"),
        (lambda: sparsemax(torch.ones(3, 5).long()), DtypeError, r"expected scores of a floating type, got torch\.int64"),
        (lambda: entmax15(normal(3, 5).log()), ScoreError, "scores: expected numbers below infinity, got NaN or inf"),
        (
            lambda: sparsemax(torch.ones(3, 0)),
            ShapeError,
            r"expected scores \(\.\.\., keys\) with one key or more, got \(3, 0\)",
        ),
    ],
)
def test_normalisers_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()
