"""The exhibits of the site: their cases are what the textbook gives today, and their page has what they compute with."""

import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import exhibit_cases
import exhibit_page
import regard

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "course" / "exhibits.md"


def test_the_cases_are_what_the_textbook_gives():
    kept, today = json.loads(exhibit_cases.FILE.read_text(encoding="ascii")), exhibit_cases.cases()
    assert set(kept) == set(today)
    for name in ("attention", "rotary", "states", "caches"):
        assert [sorted(one) for one in kept[name]] == [sorted(one) for one in today[name]]
    for one, other in zip(kept["attention"], today["attention"], strict=True):
        assert one["settings"] == other["settings"]
        assert_close(torch.tensor(one["weights"]), torch.tensor(other["weights"]))
    for one, other in zip(kept["caches"], today["caches"], strict=True):
        assert (one["policy"], one["room"]) == (other["policy"], other["room"])
        assert_close(nan_for_none(one["weights"]), nan_for_none(other["weights"]), equal_nan=True)


def nan_for_none(rows):
    return torch.tensor([[torch.nan if number is None else number for number in row] for row in rows])


@pytest.mark.slow
def test_the_page_computes_with_a_head_of_the_embedded_model(tmp_path):
    page = tmp_path / "exhibits.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    exhibit_page.write_page(page)
    text = page.read_text(encoding="utf-8")
    data = json.loads(text[text.index('id="exhibit-example">') + 21 : text.index("</script>")])
    amap = regard.translate(exhibit_page.SENTENCE).recording.encoder[exhibit_page.LAYER]
    query, key = torch.tensor(data["query"]), torch.tensor(data["key"])
    weights = torch.softmax(query @ key.mT / query.shape[1] ** 0.5, dim=-1)
    assert_close(weights, amap.dense()[0, exhibit_page.HEAD], atol=1e-3, rtol=0)
    assert len(data["tokens"]) == len(data["value"]) == amap.shape[-1]
    assert data["learning"] == json.loads(exhibit_page.LEARNING.read_text(encoding="utf-8"))
    assert page.stat().st_size < 60_000


def test_what_was_kept_of_a_training_is_whole_and_shows_the_head_appear():
    kept = json.loads(exhibit_page.LEARNING.read_text(encoding="utf-8"))
    words, rows = kept["words"], kept["rows"][1]
    steps = torch.tensor([one["heads"][1] for one in kept["steps"]])  # (steps, rows, words)
    assert steps.shape[1:] == (len(rows), len(words))
    assert_close(steps.sum(-1), torch.ones(steps.shape[:2]), atol=0.02 * len(words), rtol=0)
    for row, place in enumerate(rows):
        wanted = [at + 1 for at in range(place) if words[at] == words[place]]
        assert words[place + 1] == words[wanted[0]]
        assert steps[-1, row, wanted].sum() > 0.8 > 0.3 > steps[0, row, wanted].sum()
    assert kept["steps"][-1]["names"] < 0.1 < 1 < kept["steps"][len(steps) // 3]["names"]


def test_a_page_without_a_place_is_told(tmp_path):
    (tmp_path / "page.md").write_text("# Move the numbers\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected the line <!-- the example of the exhibits --> in page\.md, got none"):
        exhibit_page.write_page(tmp_path / "page.md")
