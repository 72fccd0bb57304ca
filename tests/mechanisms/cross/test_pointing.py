import math

import pytest
import torch
from torch.testing import assert_close

from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.cross.pointing import copy_distribution, pointer
from witnesses.cross import copied, pointed

BATCH, HEADS, QUERIES, KEYS, QUERY_DIM, KEY_DIM, HIDDEN = 2, 3, 5, 7, 11, 13, 17
VOCABULARY, WORDS = 19, 23


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUERY, KEY = normal(BATCH, HEADS, QUERIES, QUERY_DIM), normal(BATCH, HEADS, KEYS, KEY_DIM, seed=1)
LEARNED = (normal(HIDDEN, QUERY_DIM, seed=2), normal(HIDDEN, KEY_DIM, seed=3), normal(HIDDEN, seed=4))
MAY = normal(QUERIES, KEYS, seed=5) > -0.5
MAY[3] = False

GENERATING, WEIGHTS = normal(BATCH, QUERIES).sigmoid(), normal(BATCH, QUERIES, KEYS, seed=1).softmax(-1)
KNOWN = normal(BATCH, QUERIES, VOCABULARY, seed=2).softmax(-1)
TOKENS = torch.tensor([[3, 20, 3, 0, 22, 20, 18], [18, 18, 18, 18, 18, 18, 19]])


@pytest.mark.parametrize("may", [None, MAY])
def test_a_pointer_equals_the_loops(may):
    everything = torch.ones_like(MAY)
    assert_close(pointer(QUERY, KEY, *LEARNED, may), pointed(QUERY, KEY, *LEARNED, everything if may is None else may))


def test_a_pointer_follows_the_keys():
    order = torch.tensor([3, 0, 6, 5, 1, 4, 2])
    assert_close(pointer(QUERY, KEY[:, :, order], *LEARNED), pointer(QUERY, KEY, *LEARNED)[..., order])


def test_pointing_without_going_back_is_sorting():
    numbers = torch.tensor([0.3, -1.2, 2.5, 0.9, -0.4], dtype=torch.float64)
    left, found = torch.ones(5, dtype=torch.bool), []
    identity, steep = torch.eye(1, dtype=torch.float64), torch.tensor([9.0], dtype=torch.float64)
    for _ in numbers:
        chosen = int(pointer(torch.zeros(1, 1).double(), numbers[:, None], identity, identity, steep, left).argmax())
        left[chosen] = False
        found.append(float(numbers[chosen]))
    assert found == sorted(numbers.tolist(), reverse=True)


def test_keys_that_may_not_be_pointed_at_are_not_read():
    poisoned = KEY.clone()
    poisoned[:, :, 2] = math.nan
    mask = torch.arange(KEYS) != 2
    assert_close(pointer(QUERY, poisoned, *LEARNED, mask), pointer(QUERY, KEY, *LEARNED, mask))


def test_a_copied_distribution_equals_the_loops():
    result = copy_distribution(GENERATING, KNOWN, WEIGHTS, TOKENS, WORDS)
    assert_close(result, copied(GENERATING, KNOWN, WEIGHTS, TOKENS, WORDS))
    assert_close(result.sum(-1), torch.ones(BATCH, QUERIES, dtype=torch.float64))


def test_copying_is_attention_to_one_hot_values():
    copying = copy_distribution(torch.zeros_like(GENERATING), KNOWN, WEIGHTS, TOKENS, WORDS)
    assert_close(copying, WEIGHTS @ torch.eye(WORDS, dtype=torch.float64)[TOKENS])
    generating = copy_distribution(torch.ones_like(GENERATING), KNOWN, WEIGHTS, TOKENS, VOCABULARY + 4)
    assert_close(generating[..., :VOCABULARY], KNOWN)
    assert (generating[..., VOCABULARY:] == 0).all()


def test_gradients():
    tensors = [tensor[:1].clone().requires_grad_() for tensor in (GENERATING, KNOWN, WEIGHTS)]
    assert torch.autograd.gradcheck(lambda *given: copy_distribution(*given, TOKENS[:1], WORDS), tensors, fast_mode=True)
    tensors = [tensor.clone().requires_grad_() for tensor in (QUERY[:1], KEY[:1], *LEARNED)]
    assert torch.autograd.gradcheck(lambda *given: pointer(*given, MAY), tensors, fast_mode=True)


def mistaken(**change):
    given = {"generating": GENERATING, "vocabulary": KNOWN, "weights": WEIGHTS, "tokens": TOKENS, "words": WORDS}
    return copy_distribution(**(given | change))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pointer(QUERY, KEY, LEARNED[0].T, *LEARNED[1:]), ShapeError, "query_weight"),
        (lambda: pointer(QUERY, KEY, *LEARNED[:2], LEARNED[2][:3]), ShapeError, "score_weight"),
        (
            lambda: pointer(QUERY, KEY * math.inf, *LEARNED),
            ScoreError,
            "expected finite scores, got nan at batch 0, head 0, query 0, key 0",
        ),
        (lambda: pointer(QUERY, KEY.int(), *LEARNED), DtypeError, "expected key of a floating type, got torch.int32"),
        (
            lambda: mistaken(generating=2 * GENERATING),
            OptionError,
            "generating: expected probabilities from 0 to 1, got 0.2033 to 1.647",
        ),
        (
            lambda: mistaken(generating=GENERATING.float()),
            DtypeError,
            "expected generating, vocabulary and weights of one type, got torch.float32, torch.float64 and torch.float64",
        ),
        (
            lambda: mistaken(tokens=TOKENS.double()),
            DtypeError,
            "tokens: expected torch.int64, the numbers of words, got torch.float64",
        ),
        (
            lambda: mistaken(tokens=TOKENS[:, :5]),
            ShapeError,
            "expected generating (batch, steps), vocabulary (batch, steps, vocabulary size)",
        ),
        (lambda: mistaken(generating=GENERATING[..., None]), ShapeError, "got generating (2, 5, 1), vocabulary (2, 5, 19)"),
        (lambda: mistaken(words=18), OptionError, "words: expected a whole number of at least 19, got 18"),
        (lambda: mistaken(words=22), OptionError, "tokens: expected numbers from 0 to 21, got 0 to 22"),
        (lambda: mistaken(tokens=TOKENS - 1), OptionError, "tokens: expected numbers from 0 to 22, got -1 to 21"),
        (lambda: mistaken(words=23.0), OptionError, "words: expected a whole number of at least 1, got 23.0"),
        (lambda: mistaken(words=True), OptionError, "words: expected a whole number of at least 1, got True"),
        (
            lambda: mistaken(vocabulary=-KNOWN),
            OptionError,
            "vocabulary: expected probabilities, at least 0 and at most 1 together, got -0.3644 and a row that sums to -1",
        ),
        (
            lambda: mistaken(vocabulary=3 * KNOWN),
            OptionError,
            "vocabulary: expected probabilities, at least 0 and at most 1 together, got 0.005106 and a row that sums to 3",
        ),
        (
            lambda: mistaken(weights=WEIGHTS - 0.2),
            OptionError,
            "weights: expected probabilities, at least 0 and at most 1 together, got -0.196 and a row that sums to -0.4",
        ),
        (
            lambda: mistaken(weights=WEIGHTS * math.nan),
            OptionError,
            "weights: expected probabilities, at least 0 and at most 1 together, got nan and a row that sums to nan",
        ),
        (lambda: mistaken(vocabulary=KNOWN.int()), DtypeError, "expected vocabulary of a floating type, got torch.int32"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
