"""What was tried: noted for each student, read again, and refused where it is something else."""

import json

import pytest
import torch

from regard import lessons
from regard.errors import FileFormatError, OptionError
from regard.lessons.tries import begin, read


def right(query, key):
    return query @ key.mT / query.shape[-1] ** 0.5


def unscaled(query, key):
    return query @ key.mT


def odd(query, key):
    return query @ key.mT / 3.25


def test_each_try_is_counted_and_its_mistakes_are_named(tmp_path):
    for answer in (unscaled, odd, unscaled, right, unscaled, right):
        lessons.check("scale", answer, student="Ada", record=tmp_path / "ada.json")
    lessons.check("softmax", lambda s: torch.softmax(s, 0), student="Ada", record=tmp_path / "ada.json")
    scale, softmax = lessons.class_report([tmp_path / "ada.json"])
    assert scale == {
        "student": "Ada",
        "exercise": "scale",
        "passed": True,
        "tries": 6,
        "passed_at": 4,
        "mistakes": {"no scale": 3},
        "unnamed": 1,
    }
    assert (softmax["exercise"], softmax["passed"], softmax["passed_at"]) == ("softmax", False, None)


def test_a_class_is_one_table_and_a_file_without_a_name_is_called_by_its_own(tmp_path):
    lessons.check("scale", right, student="Ada", record=tmp_path / "1.json")
    lessons.check("scale", unscaled, record=tmp_path / "Grace.json")
    rows = lessons.class_report(sorted(tmp_path.glob("*.json")))
    assert [(row["student"], row["passed"]) for row in rows] == [("Ada", True), ("Grace", False)]
    json.dumps(rows)


def test_students_get_inputs_of_their_own_and_each_the_same_again():
    def seen_by(student):
        seen = []

        def answer(query, key):
            seen.append(query.clone())
            return right(query, key)

        assert lessons.check("scale", answer, student=student)
        return seen

    ada, again, grace = seen_by("Ada"), seen_by("Ada"), seen_by("Grace")
    assert all(torch.equal(one, other) for one, other in zip(ada, again, strict=True))
    assert not all(one.shape == other.shape and torch.equal(one, other) for one, other in zip(ada, grace, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("student", ["Ada", "Grace", "李", "x" * 50])
def test_right_answers_are_right_for_every_student(student):
    for exercise in lessons.exercises():
        assert lessons.check(exercise.name, exercise.answer, student=student)


def test_a_record_without_a_name_takes_one_and_keeps_it(tmp_path):
    file = tmp_path / "tries.json"
    lessons.check("scale", right, record=file)
    lessons.check("scale", right, record=file, student="Ada")
    lessons.check("scale", right, record=file)
    assert (read(file).student, read(file).exercises["scale"].tries) == ("Ada", 3)
    before = file.read_bytes()
    with pytest.raises(OptionError, match=r"expected tries of 'Grace' in .*, got those of 'Ada'; take a file for each student"):
        lessons.check("scale", right, record=file, student="Grace")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        "[" * 10_000,
        '{"format": "regard.lessons/2", "student": "", "exercises": {}}',
        '{"format": "regard.lessons/1", "student": 3, "exercises": {}}',
        '{"format": "regard.lessons/1", "student": "", "exercises": []}',
        '{"format": "regard.lessons/1", "student": "", "exercises": {"scale": {}}}',
        '{"format": "regard.lessons/1", "student": "", "exercises": {"scale": {"tries": 1, "passed_at": 2, "mistakes": {}, '
        '"unnamed": 0}}}',
        '{"format": "regard.lessons/1", "student": "\\ud800", "exercises": {}}',
        "x" * (2**20 + 1),
    ],
)
def test_what_is_no_record_is_refused_and_left_alone(tmp_path, text):
    file = tmp_path / "something.json"
    file.write_text(text, encoding="utf-8")
    for ask in (read, lambda path: lessons.class_report([path]), lambda path: lessons.check("scale", right, record=path)):
        with pytest.raises(FileFormatError, match="expected a file of tries") as refused:
            ask(file)
        assert "\n" not in str(refused.value)
    assert file.read_text(encoding="utf-8") == text


def test_nothing_is_checked_where_the_try_cannot_be_noted(tmp_path):
    asked = []
    with pytest.raises(OSError, match="there is no folder"):
        lessons.check("scale", lambda *given: asked.append(given), record=tmp_path / "no" / "ada.json")
    assert asked == []


def test_exercises_that_are_not_known_here_are_kept(tmp_path):
    file = tmp_path / "ada.json"
    lessons.check("scale", right, record=file)
    file.write_text(file.read_text().replace('"scale"', '"of another version"'))
    lessons.check("scale", right, record=file)
    assert list(begin(file, None).exercises) == ["of another version", "scale"]
