"""The calls that draw, save and show."""

from typing import Any

import torch

import regard
from support.calls_of_things import PICTURE, amap, call
from support.wrong_calls import Call


def _save(thing: Any, path: Any, dpi: float = 50, **options: Any) -> Any:
    return regard.save(thing, path, dpi=dpi, **options)


CALLS: dict[str, Call] = {
    "regard.flow_diagram": call(
        regard.flow_diagram,
        edges=lambda: torch.rand(1, 3, 5, 5),
        tokens=lambda: list("abcde"),
        batch=0,
        least=0.01,
        title="t",
        special=lambda: {"a"},
        **PICTURE,
    ),
    "regard.heads_grid": call(
        regard.heads_grid,
        map_or_weights=amap,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        batch=0,
        columns=2,
        titles=lambda: ["one", "two"],
        highlight=(0, 1),
        scale="log",
        vmin=0.1,
        vmax=1.0,
        cmap="Greys",
        sides=("queries", "keys"),
        **PICTURE,
    ),
    "regard.heatmap": call(
        regard.heatmap,
        map_or_weights=amap,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        tokens=None,
        batch=0,
        head=0,
        title="t",
        scale="log",
        vmin=0.1,
        vmax=1.0,
        cmap="Greys",
        special=lambda: {"a"},
        sides=("queries", "keys"),
        annotate=True,
        colorbar=True,
        **PICTURE,
    ),
    "regard.token_scores": call(
        regard.token_scores,
        scores=lambda: torch.rand(5),
        tokens=lambda: list("abcde"),
        token=2,
        title="t",
        special=lambda: {"a"},
        **PICTURE,
    ),
    "regard.load": call(regard.load, paths=("path",), path="nowhere.safetensors"),
    "regard.page": call(
        regard.page,
        paths=("path", "image"),
        subject=amap,
        path="page.html",
        tokens=None,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        title="t",
        image=None,
        grid=None,
        words=False,
        statistics=False,
        effects=None,
        prompts=None,
        finding=None,
        spans=lambda: regard.Spans(("first", "second"), (range(2), range(2, 5))),
        sound=None,
        truth=None,
        max_bytes=2**26,
    ),
    "regard.save": call(_save, paths=("path",), thing=amap, path="x.svg", dpi=50, head=0, title="t"),
    "regard.show": call(
        regard.show,
        paths=("image",),
        subject=amap,
        tokens=None,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        title="t",
        image=None,
        grid=None,
        effects=None,
        prompts=None,
        finding=None,
        spans=lambda: regard.Spans(("first", "second"), (range(2), range(2, 5))),
        sound=None,
        truth=None,
        height=300,
        theme="dark",
    ),
}
