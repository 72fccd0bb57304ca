"""The calls of mixtures, contacts, times, and of what caches keep."""

from types import SimpleNamespace
from typing import Any

import torch

import regard
from regard import AttentionMap
from regard.analysis import caching, mixtures, pictures
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.pictures import Picture, View
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


def grid() -> Picture:
    return Picture((View(1, 2, (0, 1)),))


def looked() -> Any:
    return regard.patches(amap(), {"one": [3], "other": [4]}, pictures=[grid()])


def crossed() -> AttentionMap:
    made = AttentionMap.from_dense(torch.rand(2, 1, 4, 3).softmax(-1))
    made.kind = "cross"
    return made


def made() -> Any:
    return regard.pixels([crossed()], {"one": [1], "other": [2]}, size=(2, 2), half="conditional")


def prompt() -> dict[str, Any]:
    return {"input_ids": torch.tensor([[1, 9, 9, 5]]), "image_grid_thw": torch.tensor([[1, 2, 4]])}


CONFIG = SimpleNamespace(image_token_id=9, vision_config=SimpleNamespace(spatial_merge_size=2))


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
    "regard.Spans.residues": call(regard.Spans.residues, axis=lambda: amap().keys, parts=lambda: {"helix": (2, 4)}),
    "regard.Spans.steps": call(regard.Spans.steps, steps=lambda: range(6), parts=lambda: {"early": (0, 3)}),
    "regard.Spans.rest": call(regard.Spans(("a",), ([1],)).rest, size=3),
    "regard.passages": call(
        regard.passages,
        recording=lambda: [amap()],
        spans=lambda: ["the cat", "sat"],
        answer=lambda: [3, 4],
        kind=None,
        sink=0.1,
    ),
    "regard.pictures": call(
        regard.pictures,
        inputs=prompt,
        config=CONFIG,
        tokenizer=None,
        tiles=lambda: [(1, 1)],
        sizes=lambda: [(28, 56)],
        item=0,
    ),
    "regard.patches": call(
        regard.patches,
        recording=lambda: [amap()],
        answer=lambda: [3, 4],
        pictures=lambda: [grid()],
        heads=lambda: {(0, 1): 1.0},
        kind=None,
        through=lambda: AttentionMap.from_dense(torch.rand(1, 1, 2, 2).softmax(-1)),
        queries=lambda: [0, 1],
        sink=0.1,
    ),
    "regard.overlay": call(
        regard.overlay,
        paths=("image",),
        shown=lambda: {"map": amap(), "scores": torch.rand(5)},
        image=lambda: torch.zeros(4, 8, 3).numpy(),
        queries=lambda: ["sat"],
        head=1,
        picture=grid,
        title="t",
        **PICTURE,
    ),
    "regard.analysis.pictures.Patches.heat": call(
        lambda **given: looked().heat(**given), word="one", picture=0, against="words", sinks=True, shape=(2, 2)
    ),
    "regard.analysis.pictures.Patches.strongest": call(lambda **given: looked().strongest(**given), count=1, sinks=True),
    "regard.analysis.pictures.Patches.figure": call(
        lambda **given: looked().figure(**given),
        paths=("images",),
        images=lambda: [torch.zeros(4, 8, 3).numpy()],
        words=lambda: ["one"],
        pictures=lambda: [0],
        against="words",
        sinks=False,
        title="t",
        **PICTURE,
    ),
    "regard.pixels": call(
        regard.pixels,
        recording=lambda: [crossed()],
        words=lambda: {"one": [1]},
        size=(4, 4),
        half="conditional",
        item=0,
        prompt=3,
        first="image",
    ),
    "regard.analysis.pictures.halves": call(pictures.halves, recording=lambda: [crossed()], half="conditional"),
    "regard.analysis.pictures.joint_spans": call(pictures.joint_spans, size=6, prompt=2, first="text"),
    "regard.analysis.pictures.step_means": call(
        pictures.step_means, recording=lambda: [crossed()], steps=lambda: regard.Spans(("first",), ([0],))
    ),
    "regard.analysis.pictures.Pixels.by": call(made().by, steps=lambda: regard.Spans(("first",), ([0],))),
    "regard.analysis.pictures.Pixels.heat": call(lambda **given: made().heat(**given), word="one", steps=lambda: [0]),
    "regard.analysis.pictures.Pixels.figure": call(
        lambda **given: made().figure(**given),
        paths=("image",),
        image=lambda: torch.zeros(4, 4, 3).numpy(),
        words=lambda: ["one"],
        steps=lambda: [0],
        title="t",
        **PICTURE,
    ),
    "regard.axes.Picture": call(Picture, views=lambda: (View(1, 1, (0,)),), ends=lambda: (1,), seconds=(0.0, 1.0)),
    "regard.axes.Picture.heat": call(grid().heat, weights=lambda: torch.rand(3), shape=(2, 2)),
    "regard.axes.View": call(View, rows=1, columns=2, positions=lambda: [0, 1], box=(0.0, 0.0, 1.0, 1.0), name="whole"),
    "regard.retrieval_heads": call(
        regard.retrieval_heads, recording=lambda: [amap()], needle=lambda: [0, 1], answer=lambda: [3, 4], kind=None
    ),
    "regard.analysis.passages.Passages.ranked": call(
        lambda **given: read().ranked(**given), by="mass", heads=lambda: {(0, 1): 1.0}
    ),
    "regard.analysis.passages.Passages.listing": call(lambda **given: read().listing(**given), heads=lambda: {(0, 1): 1.0}),
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
    "regard.analysis.mixtures.Contacts.beside": call(
        lambda **given: touching().beside(**given), truth=lambda: torch.eye(5) == 1
    ),
    "regard.analysis.mixtures.Contacts.figure": call(
        lambda **given: touching().figure(**given), truth=lambda: torch.eye(5), title="t", cmap="Greys", **PICTURE
    ),
    "regard.analysis.mixtures.WordTimes.figure": call(
        lambda **given: said().figure(**given), title="t", cmap="Greys", **PICTURE
    ),
    "regard.page of passages": call(
        regard.page, paths=("path", "image"), subject=read, effects=lambda: {"one": -1.0, "other": 0.5, "third": 0.0}
    ),
    "regard.page of words": call(regard.page, paths=("path", "image"), subject=said, sound=lambda: ([0.0, 0.5, -0.5], 20)),
    "regard.page of contacts": call(regard.page, paths=("path", "image"), subject=touching, truth=lambda: torch.eye(5)),
    "regard.page beside": call(regard.page, paths=("path", "image"), subject=amap, finding=read, view="map"),
}
