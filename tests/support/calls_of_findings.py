"""The calls of analysis: alignments, flow, relevance, the table of heads."""

import functools
from collections.abc import Callable
from typing import Any

import torch

import regard
from regard import tokens
from regard.analysis import alignment, flow, heads
from support.calls_of_things import PICTURE, amap, call, recording, translated
from support.tiny_models import Tokenizer, tiny, tiny_inputs
from support.wrong_calls import Call


@functools.cache
def pair() -> Any:
    return alignment.Pair(translated().recording.cross, {(0, 0)}, {(0, 0), (1, 1)})


def scored() -> tuple[Any, torch.Tensor]:
    """A recording of a pass with gradients, and a score that they lead to."""
    with regard.record(tiny("gpt2"), tokenizer=Tokenizer(), values=True) as found:
        pass
    traced = tiny("gpt2")
    with regard.record(traced, tokenizer=Tokenizer(), values=True) as found:
        output = traced(input_ids=tiny_inputs("gpt2")["input_ids"][:1, :5])
    return found, output.logits[0, -1, 3]


def _with_score(function: Callable[..., Any]) -> Call:
    def arguments() -> dict[str, Any]:
        found, score = scored()
        return {"recording": found, "score": score}

    return Call(function, arguments)


CALLS: dict[str, Call] = {
    "regard.align": call(
        regard.align,
        own=("source_words", "target_words"),
        cross=lambda: translated().recording.cross,
        layer=0,
        head=1,
        rows="consumed",
        readings=None,
        threshold=0.1,
        method="mutual",
        sinks="special",
        reverse=None,
        source_words=None,
        target_words=None,
    ),
    "regard.Alignment.figure": call(
        lambda **given: translated().alignment.figure(**given),
        sure={(0, 0)},
        possible={(0, 0), (1, 1)},
        kind="ribbon",
        title="t",
        scale="log",
        cmap="Greys",
        **PICTURE,
    ),
    "regard.Alignment.table": call(lambda: translated().alignment.table()),
    "regard.aer": call(regard.aer, links={(0, 0)}, sure={(0, 0)}, possible={(0, 0), (1, 1)}),
    "regard.rollout": call(
        regard.rollout, maps=lambda: recording().self, tokens=-1, heads=lambda: [0, 1], residual=0.5, max_bytes=2**20
    ),
    "regard.attention_flow": call(
        regard.attention_flow, maps=lambda: recording().self, tokens=-1, heads=lambda: [0], residual=0.5, max_pipes=1000
    ),
    "regard.heads": call(
        regard.heads,
        recording=lambda: recording(),
        tokens=None,
        queries=None,
        keys=None,
        special=lambda: {"a"},
        windows=lambda: [2, 4],
        thresholds=lambda: {"previous-token": 0.5},
        sort="entropy",
    ),
    "regard.heads of a map": call(regard.heads, recording=amap, tokens=lambda: list("abcde")),
    "regard.norm_weighted": call(regard.norm_weighted, recording=lambda: recording(), by="head", projections=None),
    "regard.gradient_weighted": _with_score(regard.gradient_weighted),
    "regard.relevance": _with_score(regard.relevance),
    "regard.analysis.alignment.Rule": call(alignment.Rule, method="mutual", threshold=0.1, sinks="special"),
    "regard.analysis.alignment.from_pharaoh": call(alignment.from_pharaoh, line="0-0 1?2", swap=True, first=0),
    "regard.analysis.alignment.to_pharaoh": call(alignment.to_pharaoh, links={(0, 0)}, possible={(1, 2)}),
    "regard.analysis.alignment.guess_reading": call(alignment.guess_reading, maps=lambda: translated().recording.cross),
    "regard.analysis.alignment.merge": call(
        alignment.merge,
        amap=amap,
        queries=lambda: tokens.Words(("a", "b"), ((0, 1), (2, 3, 4))),
        keys=lambda: tokens.Words(("a",), ((0, 1),)),
    ),
    "regard.analysis.alignment.rank_heads": call(
        alignment.rank_heads, pairs=lambda: [pair()], rules=lambda: (alignment.Rule(),), readings=None
    ),
    "regard.analysis.alignment.scores": call(alignment.scores, links={(0, 0)}, sure={(0, 0)}, possible={(0, 0), (1, 1)}),
    "regard.analysis.alignment.symmetrised": call(
        alignment.symmetrised, forward={(0, 0)}, reverse={(0, 0), (1, 1)}, how="union"
    ),
    "regard.analysis.flow.attention_flow_edges": call(
        flow.attention_flow_edges,
        maps=lambda: recording().self,
        token=-1,
        key=0,
        heads=lambda: [0],
        residual=0.5,
        max_pipes=999,
    ),
    "regard.analysis.flow.relevance_edges": _with_score(flow.relevance_edges),
    "regard.analysis.flow.rollout_edges": call(
        flow.rollout_edges, maps=lambda: recording().self, token=-1, heads=lambda: [0], residual=0.5
    ),
    "regard.analysis.heads.head_statistics": call(
        heads.head_statistics,
        recording=lambda: recording(),
        tokens=None,
        queries=None,
        keys=None,
        special=lambda: {"a"},
        windows=lambda: [2, 4],
    ),
    "regard.analysis.heads.heads_text": call(
        heads.heads_text,
        found=lambda: heads.head_statistics(recording()),
        thresholds=lambda: {"previous-token": 0.5},
        columns=("entropy", "own"),
    ),
    "regard.analysis.heads.roles_of": call(
        heads.roles_of, statistics=lambda: heads.head_statistics(recording())[0], thresholds=None
    ),
}
