"""The calls of mixtures, contacts, times, and of what caches keep."""

from typing import Any

import torch

import regard
from regard.analysis import caching, mixtures
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch, Seconds
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


def read() -> Any:
    return regard.passages(amap(), regard.Spans(("one", "other", "third"), ([0], [1], [2])), answer=[3, 4])


class Chat:
    """A template of turns, and a tokenizer of letters."""

    @staticmethod
    def apply_chat_template(messages: Any, **_: Any) -> str:
        return "".join(f"{one['role']}: {one['content']}\n" for one in messages)

    def __call__(self, whole: str, **_: Any) -> dict[str, list[tuple[int, int]]]:
        return {"offset_mapping": [(at, at + 1) for at in range(len(whole))]}


def timed() -> Axis:
    return Axis((Line(4, place=tuple(Seconds(at / 2, at / 2 + 0.5) for at in range(4))),))


def patches() -> Axis:
    return Axis((Line(2, place=(Patch(0, 0, 0), Patch(0, 0, 1))),))


CALLS: dict[str, Call] = {
    "regard.Spans": call(regard.Spans, names=("a", "b"), places=lambda: [range(2), [3]]),
    "regard.Spans.found": call(regard.Spans.found, axis=lambda: amap().keys, parts=lambda: {"first": "the cat"}),
    "regard.Spans.in_text": call(regard.Spans.in_text, prompt="ab cd", offsets=lambda: [(0, 2), (3, 5)], parts=lambda: ["ab"]),
    "regard.Spans.sentences": call(regard.Spans.sentences, axis=lambda: amap().keys),
    "regard.Spans.chat": call(
        regard.Spans.chat, messages=lambda: [{"role": "user", "content": "hi"}], tokenizer=lambda: Chat()
    ),
    "regard.Spans.images": call(regard.Spans.images, axis=patches),
    "regard.Spans.seconds": call(regard.Spans.seconds, axis=timed, parts=lambda: {"word": (0.0, 1.0)}),
    "regard.Spans.rest": call(regard.Spans(("a",), ([1],)).rest, size=3),
    "regard.passages": call(
        regard.passages,
        recording=lambda: [amap()],
        spans=lambda: ["the cat", "sat"],
        answer=lambda: [3, 4],
        kind=None,
        sink=0.1,
    ),
    "regard.retrieval_heads": call(
        regard.retrieval_heads, recording=lambda: [amap()], needle=lambda: [0, 1], answer=lambda: [3, 4], kind=None
    ),
    "regard.analysis.passages.Passages.ranked": call(
        lambda **given: read().ranked(**given), by="mass", heads=lambda: {(0, 1): 1.0}
    ),
    "regard.analysis.passages.Passages.contrast": call(lambda **given: read().contrast(**given), neutral=read),
    "regard.analysis.passages.Passages.agreement": call(
        lambda **given: read().agreement(**given),
        effects=lambda: {"one": -1.0, "other": 0.5, "third": 0.0},
        by="lift",
        heads=lambda: {(0, 1): 1.0},
    ),
    "regard.analysis.passages.Passages.figure": call(
        lambda **given: read().figure(**given), by="density", heads=lambda: {(0, 0): 1.0}, title="t", **PICTURE
    ),
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
