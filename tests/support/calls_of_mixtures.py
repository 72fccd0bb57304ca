"""The calls of mixtures, contacts, times, and of what caches keep."""

from typing import Any

import torch

import regard
from regard.analysis import caching, mixtures
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


def kept() -> caching.CacheReport:
    return regard.cache([amap()], ["tova"], [2], prompt=3)


CALLS: dict[str, Call] = {
    "regard.cache": call(
        regard.cache,
        recording=lambda: [amap()],
        policies=("snapkv", "streaming"),
        budgets=lambda: [0.5, 2],
        prompt=3,
        kind=None,
        window=2,
        sinks=1,
    ),
    "regard.analysis.caching.CacheReport.budget": call(lambda **given: kept().budget(**given), share=0.5),
    "regard.analysis.caching.CacheReport.nbytes": call(lambda **given: kept().nbytes(**given), budget=2),
    "regard.analysis.caching.CacheReport.figure": call(lambda **given: kept().figure(**given), title="t", **PICTURE),
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
