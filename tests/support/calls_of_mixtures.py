"""The calls of mixtures: heads together, contacts, times."""

from typing import Any

import torch

import regard
from regard.analysis import mixtures
from support.calls_of_things import PICTURE, amap, call
from support.wrong_calls import Call

HEADS = {(0, 0): 0.5, (0, 1): -1.0}


def touching() -> mixtures.Contacts:
    return regard.contacts([amap()], HEADS, residues=range(5))


def said() -> mixtures.WordTimes:
    cross = regard.Recording.of([torch.rand(1, 2, 4, 6).softmax(-1)], kind="cross")
    return regard.word_times(cross, [(0, 1)], prompt=0, seconds=0.02, median=3)


def sounds() -> Any:
    return regard.Recording.of([torch.rand(1, 2, 4, 6).softmax(-1)], kind="cross")


CALLS: dict[str, Call] = {
    "regard.mixture": call(
        regard.mixture, own=("each",), recording=lambda: [amap()], heads=lambda: dict(HEADS), kind=None, each=lambda one: one
    ),
    "regard.contacts": call(
        regard.contacts,
        recording=lambda: [amap()],
        weights=lambda: dict(HEADS),
        bias=-1.0,
        kind=None,
        residues=lambda: [0, 1, 3],
    ),
    "regard.word_times": call(
        regard.word_times,
        recording=sounds,
        heads=lambda: [(0, 1)],
        prompt=0,
        frames=5,
        seconds=0.02,
        median=3,
    ),
    "regard.analysis.mixtures.Contacts.strongest": call(lambda **given: touching().strongest(**given), count=3, apart=2),
    "regard.analysis.mixtures.Contacts.precision": call(
        lambda **given: touching().precision(**given), truth=lambda: torch.eye(5) == 1, apart=2, top=3
    ),
    "regard.analysis.mixtures.Contacts.figure": call(
        lambda **given: touching().figure(**given), truth=lambda: torch.eye(5), title="t", cmap="Greys", **PICTURE
    ),
    "regard.analysis.mixtures.WordTimes.figure": call(
        lambda **given: said().figure(**given), title="t", cmap="Greys", **PICTURE
    ),
}
