"""That a check says nothing false: no praise of what is wrong, no refusal of what is right, no name of what was not done."""

# ruff: noqa: S311 - no secrets

import random

import pytest
import torch

from regard import lessons
from regard.lessons.answers import alike, outcome
from regard.lessons.exercise import Case
from support import edited_answers

EXERCISES = lessons.exercises()
ALL = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
OTHER_INPUTS = 60
# Mistakes that are the sum of two others: whoever makes both made it.
WHOLES = {
    "no scale on the way back": {"query not scaled", "key not scaled"},
    "tiled": {"keys tiled", "values tiled"},
    "not rescaled": {"only the total rescaled", "only the mixed values rescaled"},
    "nothing rotated": {"key not rotated", "query not rotated"},
    "not causal": {"state not causal", "total not causal"},
}


def right_elsewhere(exercise, function):
    """Whether an answer is right on inputs that the check never draws."""
    for number in range(OTHER_INPUTS):
        case = Case("", exercise.draw(random.Random(f"other {number}")))
        if not alike(outcome(exercise.answer, case, exercise.parameters), outcome(function, case, exercise.parameters)):
            return False
    return True


# What is right


@ALL
def test_a_right_answer_is_never_refused_for_its_style(exercise):
    """Each rule of rewriting by itself; two at once are among what ``make test-all`` runs."""
    for rewritten, function in edited_answers.styles(exercise, at_once=1):
        report = lessons.check(exercise.name, function)
        assert report, f"{rewritten}\n{report}"


@pytest.mark.exhaustive
def test_two_hundred_styles_are_right():
    tried = [(e, *style) for e in EXERCISES for count in (1, 2) for style in edited_answers.styles(e, at_once=count)]
    assert len(tried) > 200
    for exercise, rewritten, function in tried:
        report = lessons.check(exercise.name, function)
        assert report, f"{rewritten}\n{report}"


# What is wrong


def praised_and_wrong(exercise, count, seed):
    return [
        text
        for text, function in edited_answers.mutants(exercise, count, seed)
        if lessons.check(exercise.name, function) and not right_elsewhere(exercise, function)
    ]


@pytest.mark.slow
@ALL
def test_what_is_praised_is_right_on_other_inputs(exercise):
    assert praised_and_wrong(exercise, 6, seed=1) == []


@pytest.mark.exhaustive
@ALL
def test_two_thousand_mutants_get_no_false_praise(exercise):
    """110 for each of the exercises."""
    assert praised_and_wrong(exercise, 110, seed=0) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("softmax", lambda s: (p := (s - s.mean(1, keepdim=True)).exp()) / p.sum(1, keepdim=True)),
        ("softmax", lambda s: (p := (s - s[:, :1]).exp()) / p.sum(1, keepdim=True)),
        ("softmax", lambda s: (p := (s - s.amin(1, keepdim=True)).exp()) / p.sum(1, keepdim=True)),
        ("softmax", lambda s: (p := (s - s.amax(1, keepdim=True)).clamp(min=-5).exp()) / p.sum(1, keepdim=True)),
        ("softmax", lambda s: (p := s.clamp(-80, 80).exp()) / p.sum(1, keepdim=True)),
        ("padding mask", lambda s, k: s.masked_fill(~k[:, None], -3e3).softmax(2) * k[:, None]),
        ("rotary positions", lambda x, p: lessons_rotate(x, p % 64)),
        ("retention", lambda q, k, v, d: lessons_retain(q, k, v, max(d, 0.3))),
    ],
)
def test_an_answer_for_a_part_of_the_inputs_is_not_praised(name, wrong):
    assert not lessons.check(name, wrong)


def lessons_rotate(x, positions):
    return next(one for one in EXERCISES if one.name == "rotary positions").answer(x, positions)


def lessons_retain(*given):
    return next(one for one in EXERCISES if one.name == "retention").answer(*given)


# Names


def falsely_named(exercise, count, seed):
    """Programs with one to three known mistakes that are told of one that they do not have."""
    programs = list(exercise.wrong_answers(3))
    random.Random(seed).shuffle(programs)
    for mistakes, function in programs[:count]:
        made = {mistake.name for mistake in mistakes}
        made |= {whole for whole, parts in WHOLES.items() if parts <= made}
        named = set(lessons.check(exercise.name, function).mistakes)
        if not named <= made:
            yield sorted(made), sorted(named)


@pytest.mark.slow
@ALL
def test_a_name_is_that_of_a_mistake_that_was_made(exercise):
    assert list(falsely_named(exercise, 8, seed=1)) == []


@pytest.mark.exhaustive
@ALL
def test_names_of_compositions_are_true(exercise):
    assert list(falsely_named(exercise, 150, seed=0)) == []


def test_nothing_that_is_not_there_is_told():
    """Inputs on which the check once spoke of −10000, of another base, and of sums over the future."""

    def whole_numbers(x, positions):
        half = x.shape[1] // 2
        angles = positions[:, None] * torch.tensor(10000) ** (-2 * torch.arange(half) // x.shape[1])
        return torch.cat(
            [x[:, :half] * angles.cos() - x[:, half:] * angles.sin(), x[:, half:] * angles.cos() + x[:, :half] * angles.sin()],
            1,
        )

    report = lessons.check("rotary positions", whole_numbers)
    assert report.mistakes == ("integer division",)
    assert "base is not 10000" not in report.text

    def hidden_late(scores, keep):
        powers = (scores - scores.amax(-1, keepdim=True)).exp() * keep[:, None]
        return powers / (powers.sum(-1, keepdim=True) + 1e-9)

    report = lessons.check("padding mask", hidden_late)
    assert report.mistakes == ("largest of the hidden",)
    assert "10000" not in report.text


# Evidence


def test_numbers_are_called_numbers_and_what_the_source_shows_is_said():
    by_numbers = lessons.check("scale", lambda query, key: query @ key.mT)
    assert by_numbers.message.startswith("It gives the numbers of this mistake:\nThe scores are not scaled")

    def everywhere(query, key, value):
        state, total, kept = torch.zeros(key.shape[1], value.shape[1]), torch.zeros(key.shape[1]), []
        for k, v in zip(key, value, strict=True):
            state += torch.outer(k, v)
            total += k
            kept.append((state, total))
        return torch.stack([q @ s / (q @ z) for q, (s, z) in zip(query, kept, strict=True)])

    by_source = lessons.check("linear attention", everywhere)
    assert by_source.mistakes == ("one state in all places",)
    assert by_source.message.startswith("The sums are added to in place")


def test_a_name_that_needs_the_source_is_not_given_without_it():
    """What was typed at a prompt has no source: the numbers fit two mistakes, and neither is named."""
    text = (
        "def answer(query, key, value):\n"
        "    state, total, kept = torch.zeros(key.shape[1], value.shape[1]), torch.zeros(key.shape[1]), []\n"
        "    for k, v in zip(key, value):\n"
        "        state += torch.outer(k, v); total += k; kept.append((state, total))\n"
        "    return torch.stack([q @ s / (q @ z) for q, (s, z) in zip(query, kept)])\n"
    )
    names = {"torch": torch}
    exec(text, names)  # noqa: S102 - our own text
    report = lessons.check("linear attention", names["answer"])
    assert report.mistakes == ()
    assert report.message.startswith("It gives the same numbers as these mistakes, and they do not tell which")
    assert "Every token sees all keys" in report.message
    assert "added to in place" in report.message


def test_inputs_drawn_at_random_are_the_same_every_time_and_varied():
    for exercise in EXERCISES:
        sizes = {tuple(one.shape for one in case.inputs if isinstance(one, torch.Tensor)) for case in exercise.draws}
        assert len(sizes) > 10, exercise.name
        again = exercise.draw(random.Random(1))
        for one, other in zip(exercise.draws[0].inputs, again, strict=True):
            assert not isinstance(one, torch.Tensor) or torch.equal(one, other)
        for case in exercise.draws:
            came = outcome(exercise.answer, case, exercise.parameters)
            row = came.returned if isinstance(came.returned, tuple) else (came.returned,)
            assert all(bool(one.isfinite().all()) for one in row), exercise.name
