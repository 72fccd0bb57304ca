"""``regard.save`` writes anything that can be drawn or looked at, and says of the rest what is expected."""

from functools import partial

import pandas as pd
import pytest
import torch
from matplotlib.image import imread

import regard
from regard.analysis.alignment import Pair, Ranking, Rule, rank_heads
from regard.analysis.weighted.relevance import Relevance
from regard.errors import DtypeError, RecordingError

pytestmark = pytest.mark.slow

SURE = {(0, 0), (1, 1)}


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The cat sat.", target="Le chat était assis.")


def ranking(translation):
    pair = Pair(translation.recording.cross, SURE, set(), "The cat sat.", "Le chat était assis.")
    return rank_heads([pair], [Rule("argmax")])


FINDINGS = {
    "alignment": (lambda translation: translation.alignment, {"sure": SURE, "kind": "ribbon"}),
    "error rates": (ranking, {"title": "every head"}),
    "sweep": (lambda _: regard.Sweep("cross", 1.0, torch.tensor([[0.5, 1.25], [2.0, 1.0]])), {"title": "heads"}),
    "relevance": (lambda _: Relevance(torch.tensor([[0.5, 0.25, 2.0]]), None), {"tokens": ["a", "b", "c"]}),
    "translation": (lambda translation: translation, {"layer": 0, "head": 1}),
}


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_finding_is_saved_as_it_draws_itself(translation, tmp_path, name, theme):
    make, options = FINDINGS[name]
    finding = make(translation)
    paths = [tmp_path / f"finding{ending}" for ending in (".svg", ".png", ".pdf")]
    assert regard.save(finding, *paths, dpi=50, theme=theme, **options) == paths
    for path in paths:
        [drawn] = regard.save(finding.figure(theme=theme, **options), path.with_stem("drawn"), dpi=50)
        assert path.read_bytes() == drawn.read_bytes()
    assert (imread(paths[1])[0, 0, :3].max() < 0.2) == (theme == "dark")


def test_a_recording_is_a_page_and_an_array_of_any_make_is_a_picture(translation, tmp_path):
    [page] = regard.save(translation.recording, tmp_path / "x.html")
    assert page.read_text(encoding="ascii").startswith("<!doctype html>")
    weights = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    given = {"tensor": weights, "array": weights.numpy(), "list": weights.tolist(), "table": pd.DataFrame(weights.numpy())}
    files = [regard.save(thing, tmp_path / f"{name}.svg")[0].read_bytes() for name, thing in given.items()]
    assert files == files[:1] * len(files)


@pytest.mark.parametrize(
    ("thing", "got"),
    [
        (lambda translation: translation.recording, "Recording"),
        (lambda _: "weights", "str"),
        (lambda _: {"weights": 1.0}, "dict"),
        (lambda _: None, "NoneType"),
        (lambda _: regard.Alignment, "type"),
        (lambda translation: partial(regard.heatmap, translation), "partial"),
    ],
)
def test_what_cannot_be_drawn_is_one_error(translation, tmp_path, thing, got):
    with pytest.raises(DtypeError, match=rf"expected what can be drawn: a figure, axes, .*, got {got}; draw one of its maps"):
        regard.save(thing(translation), tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("take", [regard.heads, regard.page, regard.show])
def test_a_path_is_told_how_to_be_opened(take, tmp_path):
    for path in (tmp_path / "recording.safetensors", "recording.safetensors"):
        with pytest.raises(DtypeError, match=r"; open the file first: regard\.load\(path\)$"):
            take(path)


def test_what_is_no_page_is_one_error(translation, tmp_path):
    for thing in (translation.alignment, "text"):
        with pytest.raises(DtypeError, match="expected a translation, a recording, an attention map, weights"):
            regard.save(thing, tmp_path / "x.html")
    with pytest.raises(RecordingError, match="expected attention weights, got none"):
        regard.save(Ranking(), tmp_path / "x.html")
    assert list(tmp_path.iterdir()) == []
