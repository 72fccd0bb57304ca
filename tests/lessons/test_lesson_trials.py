"""Answers that raise, hang, write to what they are given, or drop at random: what a check tells of them."""

# ruff: noqa: ARG001, B012, BLE001, E722, S110, S112, SIM105 - answers as people write them

import contextlib
import math
import signal
import sys
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from regard import lessons
from regard.lessons import answers
from regard.mechanisms.softmax_attention import attention

NAMED = {exercise.name: exercise for exercise in lessons.exercises()}
CAUSAL = NAMED["causal mask"].answer


# What is raised


def test_what_is_raised_is_told_with_its_line():
    def answer(scores):
        mask = torch.ones(5, 7)
        return torch.softmax(scores + mask, dim=-1)

    report = lessons.check("causal mask", answer)
    line = answer.__code__.co_firstlineno + 2
    assert f"It raises RuntimeError in line {line}, `return torch.softmax(scores + mask, dim=-1)`" in report.message
    assert "given scores (3, 3):\nThe size of tensor a (3) must match" in report.message
    assert report.actual is None


def test_the_line_is_the_answer_s_own_where_torch_raises():
    report = lessons.check("softmax", lambda scores: F.softmax(scores.flatten(), dim=5))
    assert "F.softmax(scores.flatten(), dim=5)" in report.message
    assert "It raises IndexError" in report.message


def test_errors_in_a_later_case_show_that_case():
    report = lessons.check("causal mask", lambda scores: F.softmax(scores.masked_fill(torch.ones(3, 3).triu(1) > 0, -1e9), 1))
    assert report.case == "two queries, four keys"
    assert "Right in 2 of 5 cases: as many queries as keys; hidden scores far above the others." in report.text


@pytest.mark.parametrize("name", list(NAMED))
@pytest.mark.parametrize("error", [ValueError("expected 3"), ZeroDivisionError("by zero"), KeyError("k"), RuntimeError("m1")])
def test_an_answer_that_always_raises_hears_nothing_but_what_it_raises(name, error):
    def answer(*given):
        raise error

    report = lessons.check(name, answer)
    assert report.mistakes == ()
    assert f"It raises {type(error).__name__} in line" in report.message
    assert str(error) in report.message


def test_unpacking_too_much_is_no_inverted_mask():
    def answer(scores):
        batch, queries, keys = scores.shape
        return torch.zeros(batch, queries, keys)

    report = lessons.check("causal mask", answer)
    assert report.mistakes == ()
    assert "It raises ValueError" in report.message
    assert "not enough values to unpack (expected 3, got 2)" in report.message


@pytest.mark.parametrize("error", [ValueError, FloatingPointError, AssertionError, IndexError])
def test_only_overflow_and_division_by_zero_stand_for_nan(error):
    """The padding mask's last case is NaN for a known mistake; Python's own numbers divide by zero there."""

    def answer(scores, keep, error=error):
        if not keep.any(1).all():
            raise error("something else")
        return NAMED["padding mask"].answer(scores, keep)

    report = lessons.check("padding mask", answer)
    assert report.mistakes == ()
    assert f"It raises {error.__name__}" in report.message
    report = lessons.check("padding mask", lambda scores, keep: answer(scores, keep, ZeroDivisionError))
    assert report.mistakes == ("NaN where all is hidden",)
    assert "It raises ZeroDivisionError" in report.message
    assert "something else" in report.text


def test_an_overflow_is_named_and_shown():
    def answer(scores):
        powers = [[math.exp(score) for score in row] for row in scores.tolist()]
        return torch.tensor([[power / sum(row) for power in row] for row in powers])

    report = lessons.check("softmax", answer)
    assert report.mistakes == ("overflow",)
    assert "It raises OverflowError in line" in report.message
    assert "math range error" in report.message


def test_an_error_without_words_ends_with_a_full_stop():
    def answer(scores):
        raise NotImplementedError

    assert lessons.check("softmax", answer).message.endswith("`raise NotImplementedError`, given scores (2, 3).")


def test_an_answer_may_not_end_the_program():
    def answer(scores):
        sys.exit("enough")

    report = lessons.check("softmax", answer)
    assert "It raises SystemExit in line" in report.message
    assert "enough" in report.message


def test_the_reader_may_end_the_check():
    def answer(scores):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lessons.check("softmax", answer)


# What is changed


def test_inputs_that_were_changed():
    def in_place(scores):
        hidden = torch.ones_like(scores).triu(scores.shape[1] - scores.shape[0] + 1) > 0
        return scores.masked_fill_(hidden, -torch.inf).softmax(-1)

    report = lessons.check("causal mask", in_place)
    assert not report
    assert "The numbers are right, but scores was changed in place" in report.message

    def in_place_and_top_left(scores):
        return scores.masked_fill_(torch.ones_like(scores).triu(1) > 0, -torch.inf).softmax(-1)

    report = lessons.check("causal mask", in_place_and_top_left)
    assert report.mistakes == ("top left",)
    assert "Also, scores was changed in place" in report.message

    def two(query, key, value):
        query *= 2
        key /= 2
        return attention(query, key, value)

    assert "but query and key were changed in place" in lessons.check("attention", two).message


@pytest.mark.parametrize("answer", [CAUSAL, lambda scores: scores, lambda scores: scores.exp().tril()])
def test_the_inputs_of_a_report_are_the_reader_s_own(answer):
    lessons.check("causal mask", answer).inputs[0].zero_()
    assert NAMED["causal mask"].cases[0].inputs[0].any()
    assert lessons.check("causal mask", CAUSAL)


def test_layers_are_handed_over_as_copies():
    def answer(query, key, value, drop):
        drop.eval()
        drop.p = 0.9
        return NAMED["dropout"].answer(query, key, value, drop)

    assert lessons.check("dropout", answer).mistakes == ("no dropout",)
    report = lessons.check("dropout", NAMED["dropout"].answer)
    assert report
    report.inputs[3].p = 0.9
    assert lessons.check("dropout", NAMED["dropout"].answer)


# What does not end


def test_an_answer_without_end(monkeypatch):
    monkeypatch.setattr(answers, "LIMIT", 0.05)

    def endless(scores):
        while scores.shape != (3, 3):
            try:
                pass
            except Exception:
                break
        return NAMED["causal mask"].answer(scores)

    report = lessons.check("causal mask", endless)
    assert not report
    assert "had not come to an end after 0.05 seconds" in report.message
    assert report.case == "two queries, four keys"
    assert lessons.check("causal mask", NAMED["causal mask"].answer)  # the clock is off again
    time.sleep(0.06)


def swallows(scores):
    while True:
        try:
            scores.sum()
        except:
            pass


def swallows_while_it_sleeps(scores):
    while True:
        try:
            time.sleep(9)
        except BaseException:
            continue


def swallows_twice(scores):
    while True:
        try:
            while True:
                try:
                    sum(range(99))
                except:
                    pass
        except:
            pass


def swallows_within(scores):
    def step():
        try:
            scores.exp().sum()
        except:
            return

    while True:
        step()


def suppresses(scores):
    while True:
        with contextlib.suppress(BaseException):
            scores.exp()


def leaves_by_finally(scores):
    while True:
        try:
            scores.exp()
        finally:
            continue


@pytest.mark.parametrize(
    "answer", [swallows, swallows_while_it_sleeps, swallows_twice, swallows_within, suppresses, leaves_by_finally]
)
def test_an_answer_that_swallows_the_alarm(monkeypatch, answer):
    monkeypatch.setattr(answers, "LIMIT", 0.05)
    tracer, handler, started = sys.gettrace(), signal.getsignal(signal.SIGALRM), time.perf_counter()
    report = lessons.check("causal mask", answer)
    assert "had not come to an end after 0.05 seconds" in report.message
    assert time.perf_counter() - started < 3
    assert sys.gettrace() is tracer
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


# Two causes of one mistake


def test_a_token_that_does_not_see_itself_hears_of_the_diagonal():
    """Its key is in the cache already: to append it is no cure."""

    def answer(query, key, value, cached_keys, cached_values, rotate):
        past, positions = len(cached_keys), len(cached_keys) + torch.arange(len(query))
        keys, values = torch.cat([cached_keys, rotate(key, positions)]), torch.cat([cached_values, value])
        hidden = torch.ones(len(query), len(keys)).tril(past - 1) == 0
        scores = rotate(query, positions) @ keys.mT / query.shape[-1] ** 0.5
        return scores.masked_fill(hidden, -torch.inf).softmax(-1) @ values, keys, values

    report = lessons.check("kv cache", answer)
    assert report.mistakes == ("own token not seen",)
    assert "the diagonal is one too low. It is tril(past)" in report.message


# Dropout


def weights_of(query, key):
    return F.softmax(query @ key.T / math.sqrt(query.shape[1]), dim=1)


def drop_row_by_row(query, key, value, drop):
    weights = weights_of(query, key)
    return torch.stack([drop(row) @ value for row in weights]), weights


def drop_number_by_number(query, key, value, drop):
    weights = weights_of(query, key)
    return torch.stack([sum(drop(w) * v for w, v in zip(row, value, strict=True)) for row in weights]), weights


def drop_transposed(query, key, value, drop):
    weights = weights_of(query, key)
    return (value.T @ drop(weights.T)).T, weights


def drop_in_a_batch(query, key, value, drop):
    weights = weights_of(query, key)[None]
    return (drop(weights) @ value)[0], weights[0]


def drop_in_double(query, key, value, drop):
    weights = weights_of(query.double(), key.double())
    return drop(weights) @ value.double(), weights


@pytest.mark.parametrize("answer", [drop_row_by_row, drop_number_by_number, drop_transposed, drop_in_a_batch, drop_in_double])
def test_dropout_is_right_in_any_shape(answer):
    report = lessons.check("dropout", answer)
    assert report, report


def test_the_layer_is_a_dropout_that_drops_some_and_keeps_some():
    for case in NAMED["dropout"].cases:
        *given, drop = case.inputs
        weights = NAMED["dropout"].answer(*given, drop)[1]
        assert isinstance(drop, nn.Dropout)
        assert ((drop(weights) == 0).any(1) & (drop(weights) > 0).any(1)).all()
        kept = drop(weights) > 0
        assert_close(drop(weights), weights * kept / (1 - drop.p))
        for off in (-1e-3, 1e-3):  # far from where a rounding error could decide
            assert torch.equal(drop(weights + off) > 0, kept)


def test_torch_s_own_dropout_is_told_to_be_random():
    def answer(query, key, value, drop):
        weights = weights_of(query, key)
        return F.dropout(weights, drop.p, drop.training) @ value, weights

    torch.manual_seed(0)
    message = lessons.check("dropout", answer).message
    assert "gives other numbers each time" in message
    assert "dropout other than a layer that is handed over" in message


# By hand


@pytest.mark.parametrize(
    ("answer", "called"),
    [
        (lambda scores: torch.softmax(scores, 1), "softmax"),
        (lambda scores: scores.softmax(-1), "softmax"),
        (lambda scores: F.softmax(scores, 1), "softmax"),
        (nn.Softmax(dim=1), "softmax"),
        (lambda scores: F.softmin(-scores, 1), "softmin"),
        (lambda scores: scores.log_softmax(1).exp(), "log_softmax"),
        (lambda scores: torch.special.softmax(scores, 1), "special_softmax"),
    ],
)
def test_the_softmax_is_to_be_written_by_hand(answer, called):
    report = lessons.check("softmax", answer)
    assert not report
    assert f"The numbers are right, but it calls {called}, which" in report.message
    assert "write it by hand" in report.message
