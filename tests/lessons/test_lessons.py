"""Exercises: right answers in any style pass, wrong ones are named, and whatever else comes back is told kindly."""

# ruff: noqa: ARG005 - wrong answers do not use all that they are given

import itertools
import re

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from regard import lessons
from regard.errors import DtypeError, OptionError
from regard.lessons.answers import alike, outcome, tensors
from regard.mechanisms.softmax_attention import attention
from support import (
    right_answers_beyond,  # noqa: F401 - adds to the same list
    right_answers_decoding,  # noqa: F401
    right_answers_senses,  # noqa: F401
    wrong_answers_beyond,  # noqa: F401
    wrong_answers_decoding,  # noqa: F401
    wrong_answers_experiments,  # noqa: F401
    wrong_answers_layers,  # noqa: F401
    wrong_answers_masks,  # noqa: F401
    wrong_answers_named,  # noqa: F401
    wrong_answers_senses,  # noqa: F401
)
from support.right_answers import RIGHT
from support.wrong_answers import WRONG

EXERCISES = lessons.exercises()
ALL = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
NAMED = {exercise.name: exercise for exercise in EXERCISES}


def runs(exercise, function):
    return [outcome(function, case, exercise.parameters) for case in exercise.cases + exercise.draws]


def one_two_three(*_):
    return torch.tensor([1.0, 2.0, 3.0])


# The two lists


@pytest.mark.parametrize(("name", "function"), RIGHT, ids=lambda part: getattr(part, "__name__", part))
def test_right_answers_pass_in_any_style(name, function):
    report = lessons.check(name, function)
    assert report, report
    assert report.mistakes == ()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mistakes", "function"), WRONG, ids=[f"{n}: {', '.join(m)}" for n, m, _ in WRONG])
def test_wrong_answers_are_named(name, mistakes, function):
    report = lessons.check(name, function)
    assert not report.passed
    assert report.mistakes == mistakes
    for mistake in NAMED[name].mistakes:
        assert (mistake.says in report.message) == (mistake.name in mistakes)
    assert "*" in report.text or "got (" in report.text or report.actual is None


def test_the_lists_leave_nothing_out():
    assert len(EXERCISES) >= 30
    assert len(WRONG) >= 50
    for exercise in EXERCISES:
        assert sum(name == exercise.name for name, _ in RIGHT) >= 3
        seeded = {mistake for name, mistakes, _ in WRONG if name == exercise.name for mistake in mistakes}
        assert seeded == {mistake.name for mistake in exercise.mistakes}


# The exercises themselves


@ALL
def test_mistakes_differ_from_the_answer_and_from_each_other(exercise):
    """With room to spare: thirty times what two right answers may differ by. Where numbers do not tell, the source does."""
    tried = {("right", 0): runs(exercise, exercise.answer)}
    told_by_source = {mistake.name for mistake in exercise.mistakes if mistake.source}
    for mistake in exercise.mistakes:
        for number, variant in enumerate(mistake.variants):
            function = exercise.edited(variant)
            assert function is not None, f"{mistake.name}, variant {number}: its edits do not fit the answer"
            tried[mistake.name, number] = runs(exercise, function)
    for (one, its), (other, those) in itertools.combinations(tried.items(), 2):
        if one[0] != other[0] and not {one[0], other[0]} & told_by_source:
            same = all(alike(a, b, slack=30) for a, b in zip(its, those, strict=True))
            assert not same, f"{one} and {other} cannot be told apart"


@ALL
def test_the_answer_is_right_and_leaves_its_inputs_alone(exercise):
    assert all(one.error is None and not one.changed for one in runs(exercise, exercise.answer))
    namespace = {"torch": torch}
    exec(exercise.solution, namespace)  # noqa: S102 - our own text
    assert lessons.check(exercise.name, namespace[exercise.answer.__name__])


@ALL
def test_the_starting_point_is_refused_kindly(exercise):
    namespace = {"torch": torch}
    exec(exercise.start, namespace)  # noqa: S102 - our own text
    report = lessons.check(exercise.name, namespace[exercise.answer.__name__])
    assert not report
    assert "the ... of the starting point" in report.message


@ALL
def test_two_mistakes_are_tried_together(exercise):
    pairs = [mistakes for mistakes, _ in exercise.wrong_answers() if len(mistakes) == 2]
    assert pairs


@pytest.mark.slow
@ALL
def test_a_mistake_is_known_by_its_numbers(exercise):
    """Not by crashing, which has a hundred reasons: in some case it returns something wrong."""
    right = runs(exercise, exercise.answer)
    for mistakes, function in exercise.wrong_answers():
        tried = runs(exercise, function)
        if all(one.error is not None for one in tried):
            assert len(mistakes) == 2, mistakes
        elif not all(alike(one, other) for one, other in zip(tried, right, strict=True)):  # two may cancel each other out
            assert any(one.error is None and not alike(one, other) for one, other in zip(tried, right, strict=True)), mistakes


@ALL
def test_texts(exercise):
    assert exercise.name == exercise.name.lower()
    for line in exercise.formula.splitlines():
        assert f"    {line}" in exercise.task
    assert exercise.start in exercise.task
    assert f'lessons.check("{exercise.name}", {exercise.answer.__name__})' in exercise.task
    assert len(exercise.hints) >= 3
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes) >= 5
    for result in exercise.returns if len(exercise.returns) > 1 else ():
        assert result.name in exercise.text + exercise.start + exercise.formula
    assert exercise.name in repr(exercise)
    assert all(len(line) <= 128 for line in exercise.task.splitlines())


@ALL
def test_hints_give_nothing_of_the_solution_away(exercise):
    body = exercise.solution[len(exercise.start.rsplit("\n", 1)[0]) :]
    lines = [line.split("=", 1)[-1].removeprefix("return").strip() for line in body.strip().splitlines()]
    for said in exercise.hints:
        assert not any(line in said for line in lines if len(line) > 8)
        assert not re.search(r"torch\.\w+\(|\.\w+\(", said)  # no call is spelled out


@ALL
def test_cases_are_small(exercise):
    shown = exercise.cases[0].inputs
    assert all(size <= 4 for item in shown if isinstance(item, torch.Tensor) for size in item.shape)
    assert len({case.title for case in exercise.cases}) == len(exercise.cases)


@ALL
def test_a_check_has_few_programs_to_try(exercise):
    """An answer is compared with all of them: milliseconds each where the first case tells, as it nearly always does."""
    assert sum(1 for _ in exercise.wrong_answers()) < 400


@ALL
def test_solutions_keep_the_dtype_of_their_inputs(exercise):
    for case in exercise.cases:
        double = [
            item.double() if isinstance(item, torch.Tensor) and item.is_floating_point() else item for item in case.inputs
        ]
        single, wide = tensors(exercise.answer(*case.inputs)), exercise.answer(*double)
        for result in wide if isinstance(wide, tuple) else (wide,):
            assert result.dtype == (torch.float64 if result.is_floating_point() else torch.int64)
        for one, other in zip(single, tensors(wide), strict=True):
            assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_no_link_is_a_tie():
    for case in NAMED["word alignment"].cases:
        best = NAMED["word alignment"].answer(*case.inputs)[0].topk(2).values
        assert (best[:, 0] - best[:, 1] > 0.05).all()


def test_answers_agree_with_the_mechanisms():
    query, key, value = (torch.randn(6, 5, 8), torch.randn(2, 7, 8), torch.randn(2, 7, 3))
    assert_close(NAMED["grouped heads"].answer(query, key, value), attention(query, key, value)[0])
    scores = query[0] @ key[0].mT / 8**0.5
    for name, options, extra in (("causal mask", {}, ()), ("window", {"window": 3}, (3,))):
        assert_close(NAMED[name].answer(scores, *extra), attention(query[0], key[0], value[0], causal=True, **options)[1])
    sinks = torch.randn(6)
    wide = torch.einsum("hqd,hkd->hqk", query, key.repeat_interleave(3, 0)) / 8**0.5
    assert_close(NAMED["sinks"].answer(wide, sinks), attention(query, key, value, sinks=sinks)[1])
    mask = torch.rand(5, 7) < 0.7
    mask[:, 0] = True
    capped = attention(query[0], key[0], value[0], mask, softcap=0.5)[1]
    assert_close(NAMED["softcap"].answer(scores, 0.5, mask), capped)


def test_tiles_added_one_by_one_are_attention():
    scores, values = 5 * torch.randn(3, 11), torch.randn(11, 2)
    state = torch.full((3, 1), -torch.inf), torch.zeros(3, 1), torch.zeros(3, 2)
    for start in range(0, 11, 4):
        state = NAMED["online softmax"].answer(*state, scores[:, start : start + 4], values[start : start + 4])
    assert_close(state[2] / state[1], scores.softmax(-1) @ values)


def test_decoding_in_pieces_is_one_pass():
    decode, rotate = NAMED["kv cache"].answer, NAMED["kv cache"].cases[0].inputs[-1]
    query, key, value = torch.randn(7, 4), torch.randn(7, 4), torch.randn(7, 3)
    whole, keys, values = decode(query, key, value, torch.zeros(0, 4), torch.zeros(0, 3), rotate)
    cache, pieces = (torch.zeros(0, 4), torch.zeros(0, 3)), []
    for start, stop in ((0, 3), (3, 4), (4, 7)):
        output, *cache = decode(query[start:stop], key[start:stop], value[start:stop], *cache, rotate)
        pieces.append(output)
    for one, other in zip((whole, keys, values), (torch.cat(pieces), *cache), strict=True):
        assert_close(one, other)


# What a report says


def test_a_report_shows_both_tables_and_marks_what_differs():
    report = lessons.check("causal mask", lambda scores: F.softmax(scores, dim=1))
    assert report.mistakes == ("no mask",)
    assert report.case == "as many queries as keys"
    assert str(report) == repr(report) == f"{report.text}\n\n{report.closer}"
    assert not hasattr(report, "_repr_html_")
    assert re.search(r"^0  1 +0 +0 +\|  0\.506\*  0\.186\*  0\.307\*$", report.text, re.MULTILINE)
    assert re.search(r"^2  0\.307  0\.186  0\.506  \|  0\.307   0\.186   0\.506$", report.text, re.MULTILINE)
    assert_close(report.actual[0], F.softmax(*report.inputs, dim=1).double())
    assert_close(report.expected[0], NAMED["causal mask"].answer(*report.inputs).double())


def test_a_right_answer_hears_what_it_was_tried_on():
    report = lessons.check("causal mask", NAMED["causal mask"].answer)
    assert report
    assert "causal mask: right." in report.text
    assert "two queries, four keys" in report.text


def test_small_differences_get_enough_digits():
    report = lessons.check("scale", lambda query, key: NAMED["scale"].answer(query, key) + 2e-4 * (key @ key.mT)[:1, :1])
    assert not report
    left, right = re.search(r"^0  .*$", report.text, re.MULTILINE).group().replace("*", "").split("|")
    assert left.split()[1] != right.split()[0]


@pytest.mark.parametrize(
    ("name", "function", "told"),
    [
        ("softmax", lambda scores: None, "It returns nothing. End it with a return of weights alone."),
        ("attention", lambda q, k, v: None, r"End it with a return of \(output, weights\)"),
        ("attention", lambda q, k, v: v, r"Expected 2 tensors, \(output, weights\), got one tensor"),
        ("attention", lambda q, k, v: [v, 3], "Expected tensors, got a list with an int in it; torch.as_tensor"),
        ("softmax", lambda scores: (scores, scores), "Expected one tensor, weights alone, got a tuple of 2"),
        ("softmax", lambda scores: scores.numpy(), "Expected a tensor, got an ndarray; torch.as_tensor"),
        ("softmax", lambda scores: scores.tolist(), "Expected a tensor, got a list with a list in it"),
        (
            "softmax",
            lambda scores: scores.softmax(1).half(),
            "expected torch.float32 or torch.float64, got torch.float16; make",
        ),
        ("softmax", lambda scores: scores * 1j, "expected torch.float32 or torch.float64, got torch.complex64"),
        ("softmax", lambda scores: scores.long(), "expected torch.float32 or torch.float64, got torch.int64"),
        (
            "word alignment",
            lambda w, s, t: (w[:2, :2], w[:2, 0]),
            "links: expected whole numbers, as argmax gives them, got torch.float32",
        ),
        ("softmax", lambda: 0, r"It cannot be called with \(scores\): too many positional arguments"),
        ("softmax", lambda scores, mask: 0, r"It cannot be called with \(scores\): missing a required argument: 'mask'"),
        ("softmax", lambda s: s.softmax(1)[None], r"\(queries, keys\) = \(2, 3\), got \(1, 2, 3\)\. .*squeeze\(0\)"),
        ("softmax", lambda s: s.softmax(1).unsqueeze(2), r"got \(2, 3, 1\)\. .* extra axis of size 1: .*squeeze\(2\)"),
        ("softmax", lambda s: s.softmax(1)[None, None], r"There are extra axes of size 1: .* squeeze\(\(0, 1\)\)"),
        ("merge heads", lambda x: torch.zeros(3, 1, 1, 4), r"Expected .* = \(1, 3, 4\), got \(3, 1, 1, 4\)\.$"),
        ("split heads", lambda x, n: torch.zeros(1, 2, 1, 3, 2), r"Expected .* = \(1, 2, 3, 2\), got .*\. .* squeeze\(2\)\.$"),
        ("softmax", lambda s: s.softmax(1).T, r"\(queries, keys\) = \(2, 3\), got \(3, 2\)\. .*another order"),
        ("softmax", lambda s: s.softmax(1).sum(1), r"got \(2,\)\. One axis is missing"),
        ("softmax", lambda s: torch.zeros(7, 7), r"Expected weights \(queries, keys\) = \(2, 3\), got \(7, 7\)"),
        (
            "word alignment",
            lambda w, s, t: (w[:2, :2], s),
            r"Expected links \(target words,\) = \(2,\), got \(3,\)",
        ),
        ("softmax", torch.rand_like, "other numbers each time for the same inputs"),
        ("softmax", lambda s: s * torch.nan, "expected 0.0900, got nan. NaN comes from 0 / 0"),
        ("softmax", lambda s: 3 * s.softmax(1), "All of them are 3 times what they should be.*sum to 3, expected 1"),
        ("window", lambda s, w: s.softmax(1) ** 2, "The weights of query 0 sum to .*weight at query 0, key 1, which is hidden"),
        (
            "attention",
            lambda q, k, v: (F.scaled_dot_product_attention(q, k, v), 1 - (q @ k.mT).softmax(-1)),
            r"The first difference is in weights at head 0, query 0, key 0: expected 0\.2312, got 0\.8858",
        ),
    ],
)
def test_what_comes_back_is_told(name, function, told):
    report = lessons.check(name, function)
    assert not report
    assert report.mistakes == ()
    assert re.search(told, report.message)
    assert report.text.startswith(f"{name}: not yet.\n\n")
    assert " ".join(report.message.split()) in " ".join(report.text.split())


def test_swapped_axes_are_seen_where_no_mistake_is_known():
    swapped = lessons.check("online softmax", lambda *given: (*NAMED["online softmax"].answer(*given)[:2], given[2].mT))
    assert "The first difference is in mixed at query" in swapped.message
    report = lessons.check(
        "softcap",
        lambda scores, cap, mask: (
            NAMED["softcap"].answer(scores, cap, mask) if len(scores) == 2 else NAMED["softcap"].answer(scores, cap, mask).mT
        ),
    )
    assert "queries and keys are swapped" in report.message
    assert report.case == "as many queries as keys, a cap of 3"


def test_two_mistakes_are_both_told():
    report = lessons.check("attention", lambda q, k, v: ((q @ k.mT).softmax(1) @ v, (q @ k.mT).softmax(1)))
    assert report.mistakes == ("no scale", "over queries")
    assert report.message.startswith("It gives the numbers of two mistakes at once.\n1. The scores are not scaled")


# Names


def test_names_are_found_however_they_are_written():
    assert lessons.task("Causal-Mask") == lessons.task("causal mask") == lessons.task("causal_mask")
    assert lessons.start("causal mask") in lessons.task("causal mask")
    assert lessons.solution("causal mask").startswith("def causal_weights")
    assert lessons.hint("causal mask") != lessons.hint("causal mask", 2)


@pytest.mark.parametrize("ask", [lessons.task, lessons.start, lessons.hint, lessons.solution])
def test_unknown_names_get_near_ones(ask):
    with pytest.raises(OptionError, match="got 'casual mask'; did you mean causal mask"):
        ask("casual mask")
    with pytest.raises(OptionError, match="got 'rotary'; did you mean rotary positions"):
        ask("rotary")
    with pytest.raises(OptionError, match="got 'zzz'; there are scale, softmax, attention"):
        ask("zzz")


def test_check_needs_a_name_and_a_function():
    with pytest.raises(OptionError, match="did you mean causal mask"):
        lessons.check("causal", one_two_three)
    with pytest.raises(DtypeError, match=r"expected a function, got Tensor; .*'softmax', softmax\), without calling it"):
        lessons.check("softmax", one_two_three())


@pytest.mark.parametrize("number", [0, 4, True, "1"])
def test_hints_are_counted(number):
    with pytest.raises(OptionError, match="hint of softmax: expected a whole number from 1 to 3, got "):
        lessons.hint("softmax", number)


def test_public_names_are_sorted():
    assert lessons.__all__ == sorted(lessons.__all__)
    assert all(hasattr(lessons, name) for name in lessons.__all__)


@pytest.mark.parametrize("now", ["(((", "  one = (\n    two\nthree"])
def test_an_answer_whose_file_was_changed_since_is_checked(tmp_path, now):
    path = tmp_path / "answer.py"
    path.write_text(now, encoding="utf-8")
    wrong = "def wrong(scores):\n    return scores.masked_fill(~torch.ones_like(scores).bool().tril(), -torch.inf).softmax(-1)"
    made = {"torch": torch}
    exec(compile(wrong, str(path), "exec"), made)  # noqa: S102
    assert not lessons.check("causal mask", made["wrong"])


def test_a_mistake_is_not_read_from_another_text_than_the_one_that_ran(tmp_path):
    """Where the file was changed and not run again, its lines say nothing about the function that was given."""
    text = (
        "def answer(query, key, value):\n"
        "    state, total, kept = torch.zeros(key.shape[1], value.shape[1]), torch.zeros(key.shape[1]), []\n"
        "    for k, v in zip(key, value):\n"
        "        state{0} torch.outer(k, v); total{1} k; kept.append((state, total))\n"
        "    return torch.stack([q @ s / (q @ z) for q, (s, z) in zip(query, kept)])\n"
    )
    in_place, right = text.format(" +=", " +="), text.format(" = state +", " = total +")
    path = tmp_path / "answer.py"
    path.write_text(in_place, encoding="utf-8")
    made = {"torch": torch}
    exec(compile(in_place, str(path), "exec"), made)  # noqa: S102
    assert lessons.check("linear attention", made["answer"]).mistakes == ("one state in all places",)
    path.write_text(right, encoding="utf-8")
    assert "Every token sees all keys" in lessons.check("linear attention", made["answer"]).message  # as if there were no text
