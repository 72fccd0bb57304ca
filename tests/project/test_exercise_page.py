"""The page of exercises: all of them, each where it is done, and the states that a reader or a file of tries gives."""

import re
import shutil
from pathlib import Path

import pytest

import exercise_page
from regard import lessons
from support.browser import Watched

ROOT = Path(__file__).parents[2]


def test_every_exercise_has_a_row_that_leads_to_its_cell():
    lines = exercise_page.lines(ROOT / "notebooks")
    for exercise in lessons.exercises():
        [row] = [line for line in lines if line.startswith(f"| [{exercise.name}](")]
        assert f"`{exercise.answer.__name__}`" in row
        assert re.search(r"\]\(\d_\w+\.md#exercise-[a-z-]+\)", row)
    assert sum(line.startswith("| [") for line in lines) == len(lessons.exercises())


def test_a_page_without_a_place_is_told(tmp_path):
    (tmp_path / "page.md").write_text("# Exercises\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected the line <!-- the list of exercises --> in page\.md, got none"):
        exercise_page.write_page(tmp_path / "page.md", ROOT / "notebooks")


@pytest.mark.browser
def test_states_are_kept_and_read_from_a_file(tmp_path, browser):
    shutil.copy(ROOT / "docs" / "assets" / "exercises.js", tmp_path)
    written = (ROOT / "docs" / "course" / "exercises.md").read_text(encoding="utf-8")
    control = written[written.index("<label") : written.index(exercise_page.PLACE)]
    states = "".join(
        f"<p>{state}</p>" for state in re.findall(r"<span class=.*?</span>", "\n".join(exercise_page.lines(ROOT / "notebooks")))
    )
    page_file = tmp_path / "exercises.html"
    page_file.write_text(f'<meta charset="utf-8">{control}{states}<script src="exercises.js"></script>', encoding="utf-8")
    lessons.check(
        "scale", lambda query, key: query @ key.mT / query.shape[1] ** 0.5, student="Ada", record=tmp_path / "ada.json"
    )
    lessons.check("softmax", lambda scores: scores, record=tmp_path / "ada.json")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    watched = Watched(browser.new_context())
    page = watched.page
    page.goto(page_file.as_uri())
    boxes = page.get_by_role("checkbox")
    assert boxes.count() == len(lessons.exercises())
    page.get_by_role("checkbox", name="causal mask: done").check()
    page.reload()
    assert page.get_by_role("checkbox", name="causal mask: done").is_checked()
    assert not page.get_by_role("checkbox", name="scale: done").is_checked()
    page.set_input_files("input[type=file]", tmp_path / "other.json")
    page.get_by_text("other.json is no file of tries").wait_for()
    page.set_input_files("input[type=file]", tmp_path / "ada.json")
    page.get_by_text(f"Ada: 1 of {len(lessons.exercises())} right.").wait_for()
    assert page.locator("[data-exercise=scale]").inner_text() == " right, 1 try"
    assert page.locator("[data-exercise=softmax]").inner_text() == " 1 try"
    assert watched.problems == watched.requests == []
