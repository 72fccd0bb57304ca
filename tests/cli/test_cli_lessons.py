"""``regard lessons``, as a student and a teacher type it."""

import json
import os
import sys

import pytest

from regard import lessons
from regard.cli import main

UNSCALED = "import torch\n\n\ndef scaled_scores(query, key):\n    return query @ key.mT\n"
RIGHT = UNSCALED.replace("key.mT", "key.mT / query.shape[-1] ** 0.5")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *arguments):
    status = main(["lessons", *arguments])
    return status, *capsys.readouterr()


def test_all_are_listed_with_what_was_tried_of_them(folder, capsys):
    status, out, _ = said(capsys)
    lines = [line.rstrip() for line in out.splitlines()]
    assert status == 0
    assert [line.split("  ")[1].strip() for line in lines[1:-1]] == [exercise.name for exercise in lessons.exercises()]
    assert lines[-1].startswith(f"0 of {len(lessons.exercises())} right")
    (folder / "answers.py").write_text(RIGHT + "\n\ndef softmax(scores):\n    return scores\n")
    assert said(capsys, "check", "answers.py")[0] == 1
    _, out, _ = said(capsys)
    assert "✓  scale" in out
    assert "✗  softmax" in out
    assert f"1 of {len(lessons.exercises())} right" in out


def test_what_is_begun_is_python_and_is_told_that_nothing_was_written(folder, capsys):
    _, out, _ = said(capsys, "begin", "scale")
    (folder / "scale.py").write_text(out)
    status, out, _ = said(capsys, "check", "scale.py")
    assert status == 1
    assert "It still returns the ... of the starting point" in out


def test_a_mistake_is_named_a_hint_is_offered_and_the_try_is_kept(folder, capsys):
    (folder / "scale.py").write_text(UNSCALED)
    status, out, err = said(capsys, "check", "scale.py", "--student", "Ada")
    assert status == 1
    assert "The scores are not scaled" in out
    assert out.rstrip().endswith("A hint: regard lessons hint scale")
    assert err == "kept in lessons.json\n"
    (folder / "scale.py").write_text(RIGHT)
    assert said(capsys, "check", "scale.py")[0] == 0
    status, out, _ = said(capsys, "class", "lessons.json", "--json")
    assert status == 0
    assert json.loads(out) == lessons.class_report(["lessons.json"])
    assert json.loads(out)[0]["mistakes"] == {"no scale": 1}
    _, out, _ = said(capsys, "class", "lessons.json")
    assert [line.split() for line in out.splitlines()][1] == ["Ada", "scale", "2", "2", "no", "scale"]


def test_json_is_one_object_an_answer(folder, capsys):
    (folder / "scale.py").write_text(UNSCALED)
    _, out, _ = said(capsys, "check", "scale.py", "--json")
    assert json.loads(out) == {
        "exercise": "scale",
        "passed": False,
        "mistakes": ["no scale"],
        "says": lessons.check("scale", lambda query, key: query @ key.mT).message,
    }


def test_a_solution_is_shown_to_who_is_right_or_gives_up(folder, capsys):
    status, out, err = said(capsys, "solution", "scale")
    assert (status, out) == (1, "")
    assert "expected a right answer to scale first, got none in 0 tries; regard lessons hint scale, or --give-up" in err
    assert said(capsys, "solution", "scale", "--give-up")[1].rstrip() == lessons.solution("scale")
    (folder / "scale.py").write_text(RIGHT)
    said(capsys, "check", "scale.py")
    assert said(capsys, "solution", "scale")[1].rstrip() == lessons.solution("scale")


@pytest.mark.usefixtures("folder")
def test_names_may_have_blanks_and_hints_are_numbered(capsys):
    task = said(capsys, "task", "causal", "mask")[1]
    assert task.startswith("causal mask\n")
    assert task.endswith("regard lessons check FILE tries it.\nA hint: regard lessons hint causal mask\n")
    assert "lessons.check(" not in task
    assert said(capsys, "hint", "causal-mask", "--number", "2")[1].rstrip() == lessons.hint("causal mask", 2)
    for wrong in (["hint", "scale", "--number", "0"], ["task", "scal"], ["class", "none.json"]):
        status, out, err = said(capsys, *wrong)
        assert (status, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(:", "SyntaxError: invalid syntax in line 1"),
        ("import torch\n1 / 0\n", "ZeroDivisionError: division by zero in line 2"),
        ("raise SystemExit(3)", "SystemExit: 3 in line 1"),
        ("x = 3", "expected a function scaled_scores, softmax,"),
        ("x = '\0'", "in line"),
    ],
)
def test_a_file_that_does_not_run_is_one_line(folder, capsys, text, told):
    (folder / "answers.py").write_text(text)
    status, out, err = said(capsys, "check", "answers.py")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert told in err
    assert "got " in err
    assert not (folder / "lessons.json").exists()


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_not_there_is_told_with_what_to_do(capsys):
    status, out, err = said(capsys, "check", "nosuch.py")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "cannot read 'nosuch.py': No such file or directory; regard lessons begin NAME > FILE" in err


def test_only_one_of_several(folder, capsys):
    (folder / "answers.py").write_text(UNSCALED + "\n\ndef softmax(scores):\n    return scores.softmax(1)\n")
    status, out, _ = said(capsys, "check", "answers.py", "--only", "softmax", "--json")
    assert (status, len(out.splitlines())) == (1, 1)
    assert json.loads(out)["exercise"] == "softmax"  # right, but it calls softmax


def test_an_answer_is_checked_where_tries_cannot_be_kept(folder, capsys):
    (folder / "scale.py").write_text(RIGHT)
    status, out, err = said(capsys, "check", "scale.py", "--record", "no/folder.json")
    assert status == 0
    assert out.startswith("scale: right.")
    assert "there is no folder 'no'" in err
    assert "kept" not in err


def test_an_answer_is_read_as_it_stands_now(folder, capsys, monkeypatch):
    """Bytecode is told by the time and the size of its file: an edit within a second can keep both."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    answer = folder / "scale.py"
    wrong = RIGHT.replace("0.5", "0.7")
    for text, right in ((wrong, False), (RIGHT, True)):
        answer.write_text(text)
        os.utime(answer, (1, 1))
        assert (said(capsys, "check", "scale.py")[0] == 0) == right
    assert not list(folder.glob("__pycache__"))
