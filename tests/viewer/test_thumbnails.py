"""The last line of a cell: translations, recordings, maps, findings and cards show a picture, and text where there is none."""

import base64
import io
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

import regard
from regard.analysis.alignment.ranking.rank_heads import Pair, rank_heads
from regard.analysis.flow.edges import rollout_edges
from regard.analysis.weighted.relevance import Relevance
from regard.mechanisms.catalogue import card
from regard.pictured import Pictured, drawers
from regard.recording.sweep import Sweep
from regard.viewer.notebook import thumbnail as thumbnails
from support.surveys import drawn, survey_of


@pytest.fixture(scope="module")
def translation():
    return regard.translate("The cat sat on the mat.")


def picture(thing):
    bundle = thing._repr_mimebundle_()
    assert list(bundle) == ["text/html", "image/png", "text/plain"]
    assert bundle["text/plain"].removesuffix(" …") == repr(thing)[:2000]
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]
    return bundle, Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))


def ranking():
    cross = torch.stack([torch.eye(2), torch.eye(2).flip(0)])[None]
    maps = [regard.AttentionMap.from_dense(cross) for _ in range(3)]
    for amap in maps:
        amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
    return rank_heads([Pair(maps, {(0, 0), (1, 1)}, set())])


THINGS = {
    "translation": lambda found: found,
    "recording": lambda found: found.recording,
    "map": lambda found: found.recording.cross[1],
    "alignment": lambda found: found.alignment,
    "card": lambda _: card("softcap"),
    "survey": lambda _: survey_of(drawn(5)),
    "ranking": lambda _: ranking(),
    "relevance": lambda _: Relevance(torch.tensor([[0.5, 1.5, 0.25]]), None),
    "flow": lambda found: rollout_edges(found.recording.encoder),
    "sweep": lambda _: Sweep("self", 1.0, torch.tensor([[1.5, 0.75], [1.0, torch.nan], [0.5, 2.0]])),
    "weights that are given": lambda _: regard.Recording.of(torch.eye(5)[None, None, None]),
}


@pytest.mark.parametrize("name", THINGS)
def test_they_show_a_picture_of_a_size_for_a_cell(translation, name):
    bundle, image = picture(THINGS[name](translation))
    assert 100 < image.width < 1000
    assert 60 < image.height < 1000  # of a line of tokens with a bar each
    assert len(bundle["image/png"]) < 100_000


def test_nothing_waits_to_be_shown_again(translation):
    from regard.figures import notebook

    before = list(notebook._waiting)
    picture(translation)
    assert notebook._waiting == before


def test_a_picture_shows_the_weights():
    weights = torch.zeros(1, 2, 4, 4)
    weights[0, 0, 1, 2] = 1
    weights[0, 1] = 0.25
    _, image = picture(regard.AttentionMap.from_dense(weights))
    dark = np.asarray(image.convert("L")) < 60
    dark[:, int(0.85 * image.width) :] = False  # the colour bar
    rows, columns = np.nonzero(dark)
    cell = [(np.median(rows) / image.height), (np.median(columns) / image.width)]
    assert cell == pytest.approx([0.43, 0.55], abs=0.15)  # of head 0: its second row, its third column


def test_a_huge_map_is_shown_from_some_of_its_rows_and_a_larger_one_is_text(monkeypatch):
    amap = regard.AttentionMap(*torch.randn(2, 1, 1, 2**17, 8).unbind(0), causal=True)
    before = time.process_time()
    picture(amap)
    assert time.process_time() - before < 30  # all of its weights are 300 times as much
    monkeypatch.setattr(thumbnails, "MOST_PAIRS", 2**33)
    assert amap._repr_mimebundle_() == {"text/plain": repr(amap)}


def test_what_has_no_picture_is_text():
    empty = regard.Recording()
    assert empty._repr_mimebundle_() == {"text/plain": repr(empty)}


def test_without_a_room_that_draws_it_is_text(monkeypatch):
    class Thing(Pictured):
        def __repr__(self):
            return "a thing"

    monkeypatch.setattr(sys.modules["regard.pictured"], "drawers", [])
    assert drawers
    assert Thing()._repr_mimebundle_() == {"text/plain": "a thing"}


@pytest.mark.slow
def test_nothing_is_loaded_before_a_picture_is_asked_for():
    code = "import sys, regard; regard.translate('A cat.'); print('matplotlib' in sys.modules, 'regard.viewer' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
