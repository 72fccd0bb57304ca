"""The gallery: each finding is made by its lines, and the numbers that it tells are those that they print."""

import re

import pytest
import torch
from PIL import Image

from gallery_pictures import PAGE, findings

FINDINGS = findings()
QUICK = "places"  # make test keeps one


def cases():
    for finding in FINDINGS:
        marks = [pytest.mark.slow] if finding.name == QUICK else [pytest.mark.slow, pytest.mark.long, pytest.mark.exhaustive]
        yield pytest.param(finding, id=finding.name, marks=marks)


@pytest.mark.parametrize("finding", list(cases()))
@pytest.mark.filterwarnings("ignore")  # of training, and of what a reader sees once
def test_a_finding_is_what_its_lines_print(finding, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        printed = finding.run(tmp_path, "light")
    finally:
        torch.set_num_threads(before)
    found = [float(number) for number in re.findall(r"\d+\.\d+|\b\d+\b", printed)]
    assert finding.numbers
    for told in map(float, finding.numbers):  # training rounds otherwise on other machines
        least = 0.05 if told >= 0.1 else 0.01
        assert any(one == pytest.approx(told, abs=least, rel=0.1) for one in found), (told, printed)
    assert [path.name for path in tmp_path.iterdir()] == [f"gallery_{finding.name}.png"]


def test_twelve_findings_have_a_picture_light_and_dark_and_few_lines():
    assert len({finding.name for finding in FINDINGS}) == 12
    for finding in FINDINGS:
        for theme in ("", "-dark"):
            with Image.open(PAGE.parent / "images" / f"gallery_{finding.name}{theme}.png") as picture:
                assert picture.width > 300
            assert f"images/gallery_{finding.name}{theme}.png#only-" in finding.words
        assert len(finding.code.split("\n\n", 1)[1].splitlines()) <= 14, finding.name
