"""The calls of maps, masks, axes and tokens, of attention and its lessons, with arguments that work."""

import functools
from collections.abc import Callable
from typing import Any

import torch

import regard
from regard import AttentionMap, axes, lessons, masks, tokens
from support.calls_of_things import TOKENS, TRUTHS, amap, call
from support.tiny_models import Tokenizer
from support.wrong_calls import Call
from support.wrong_values import base


def _read_at(index: Any, second: Any = 0) -> Any:
    return amap()[0, 0, index, second]


def _named(queries: Any, keys: Any) -> AttentionMap:
    named = amap()
    named.queries, named.keys = queries, keys
    return named


def _mask(make: Callable[..., Any], own: tuple[str, ...] = (), **given: Any) -> Call:
    def asked(**options: Any) -> Any:
        mask = make(**options)
        return mask.dense(1, 2, 3, 3), repr(mask)

    return Call(
        functools.wraps(make)(asked),
        lambda: {key: value() if callable(value) else value for key, value in given.items()},
        own=own,
    )


CALLS: dict[str, Call] = {
    "regard.AttentionMap": call(
        AttentionMap,
        query=base,
        key=base,
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
        causal=True,
        window=3,
        scale=0.5,
        bias=lambda: torch.zeros(5, 5),
        softcap=2.0,
        sinks=lambda: torch.zeros(2),
    ),
    "regard.AttentionMap.from_dense": call(AttentionMap.from_dense, weights=lambda: base().softmax(-1)),
    "regard.AttentionMap.from_data": call(AttentionMap.from_data, data=lambda: amap().to_data()),
    "regard.AttentionMap.to_data": call(lambda: amap().to_data()),
    "regard.AttentionMap.__getitem__": call(_read_at, index=0, second=1),
    "regard.AttentionMap.__matmul__": call(lambda values: amap() @ values, values=lambda: torch.ones(5, 3)),
    "regard.AttentionMap.T": call(lambda values: amap().T @ values, values=lambda: torch.ones(5, 3)),
    "regard.AttentionMap.queries": call(_named, queries=lambda: list("abcde"), keys=lambda: list("fghij")),
    "regard.AttentionMap.by": call(
        lambda queries, keys: amap().by(queries, keys),
        own=("queries", "keys"),
        queries=[[0, 1], [2, 3, 4]],
        keys=[range(5)],
    ),
    "regard.AttentionMap.cpu": call(lambda: amap().cpu()),
    "regard.AttentionMap.to": call(lambda device: amap().to(device), device="cpu"),
    "regard.AttentionMap.dense": call(lambda max_bytes: amap().dense(max_bytes), max_bytes=2**20),
    "regard.AttentionMap.to_pandas": call(lambda above: amap().to_pandas(above), above=0.1),
    "regard.AttentionMap.entropy": call(lambda: amap().entropy()),
    "regard.AttentionMap.logsumexp": call(lambda: amap().logsumexp()),
    "regard.AttentionMap.received": call(lambda: amap().received()),
    "regard.AttentionMap.pass_seconds": call(lambda: amap().pass_seconds()),
    "regard.AttentionMap.pool": call(lambda rows, cols, how: amap().pool(rows, cols, how), rows=2, cols=3, how="max"),
    "regard.AttentionMap.rows": call(
        lambda entropy, progress: amap().rows(entropy=entropy, progress=progress), entropy=True, progress=None
    ),
    "regard.AttentionMap.sample": call(lambda item: amap().sample(item), item=0),
    "regard.AttentionMap.save": call(lambda path: amap().save(path), paths=("path",), path="map.safetensors"),
    "regard.AttentionMap.select": call(
        lambda **given: amap().select(**given), batch=0, heads=lambda: [0, 1], queries=slice(1, 3), keys=lambda: [0, 4]
    ),
    "regard.AttentionMap.summary": call(
        lambda **given: amap().summary(**given), received=True, entropy=True, pool=(2, 2), how="mean", topk=2
    ),
    "regard.AttentionMap.tiles": call(lambda rows, cols: amap().tiles(rows, cols), rows=2, cols=3),
    "regard.AttentionMap.topk": call(lambda k: amap().topk(k), k=2),
    "regard.attention": call(
        regard.attention,
        query=base,
        key=base,
        value=base,
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
        causal=True,
        window=3,
        scale=0.5,
        bias=lambda: torch.zeros(5, 5),
        softcap=2.0,
        sinks=lambda: torch.zeros(2),
    ),
    "regard.trace": call(
        regard.trace,
        query=base,
        key=base,
        value=base,
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
        causal=True,
        window=3,
        scale=0.5,
        bias=lambda: torch.zeros(5, 5),
        softcap=2.0,
        sinks=lambda: torch.zeros(2),
    ),
    "regard.online_attention": call(regard.online_attention, query=base, key=base, value=base, causal=True, scale=0.5, tile=2),
    "regard.MultiHeadAttention": call(regard.MultiHeadAttention, dim=4, heads=2, kv_heads=1, bias=True),
    "regard.MultiHeadAttention.forward": call(
        lambda **given: regard.MultiHeadAttention(4, 2)(**given),
        x=lambda: torch.ones(1, 5, 4),
        memory=lambda: torch.ones(1, 5, 4),
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
        causal=True,
    ),
    "regard.SimpleAttention": call(regard.SimpleAttention, input_dim=4),
    "regard.SimpleAttention.forward": call(
        lambda **given: regard.SimpleAttention(4)(**given),
        query=lambda: torch.ones(1, 5, 4),
        key=lambda: torch.ones(1, 5, 4),
        value=lambda: torch.ones(1, 5, 4),
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
    ),
    "regard.catalogue": call(regard.catalogue),
    "regard.Mask": _mask(
        regard.Mask,
        own=("function",),
        name="mine",
        limits=(None, None, None, None),
        function=lambda: lambda _b, _h, q, k: q >= k,
    ),
    "regard.Mask.dense": call(
        lambda **given: masks.causal().dense(**given),
        batch=1,
        heads=2,
        queries=3,
        keys=4,
        device="cpu",
        query_start=0,
        key_start=1,
    ),
    "regard.Mask.picture": call(lambda **given: masks.causal().picture(**given), queries=3, keys=4, batch=0, head=0),
    "regard.Mask.check_known": call(lambda shape: masks.from_tensor(TRUTHS).check_known(shape), shape=(1, 1, 3, 3)),
    "regard.Mask.of": call(regard.Mask.of, pattern=lambda: masks.causal().pattern),
    "regard.masks.block_pairs": _mask(masks.block_pairs, table=lambda: torch.ones(1, 2, 2, dtype=torch.bool), size=2, offset=0),
    "regard.masks.blocks": _mask(masks.blocks, size=2, neighbours=1, offset=0),
    "regard.masks.causal": _mask(masks.causal, offset=0),
    "regard.masks.centred_window": _mask(masks.centred_window, width=3, offset=0),
    "regard.masks.dilated": _mask(masks.dilated, step=2, offset=0),
    "regard.masks.documents": _mask(masks.documents, ids=lambda: torch.tensor([[0, 0, 1]])),
    "regard.masks.everything": _mask(masks.everything),
    "regard.masks.from_tensor": _mask(masks.from_tensor, tensor=lambda: TRUTHS),
    "regard.masks.global_positions": _mask(masks.global_positions, positions=lambda: torch.tensor([0]), offset=0),
    "regard.masks.padding": _mask(masks.padding, keep=lambda: torch.ones(1, 3)),
    "regard.masks.prefix": _mask(masks.prefix, length=2),
    "regard.masks.random_blocks": _mask(masks.random_blocks, count=1, size=1, blocks=5, heads=2, seed=0),
    "regard.masks.recognised": _mask(masks.recognised, tensor=lambda: TRUTHS),
    "regard.masks.spans": _mask(
        masks.spans, starts=lambda: torch.zeros(1, 1, 3, dtype=torch.long), stops=lambda: torch.full((1, 1, 3), 2), keys=3
    ),
    "regard.masks.window": _mask(masks.window, width=2, offset=0),
    "regard.lessons.check": call(lessons.check, own=("function",), name="softmax", function=lambda x: x),
    "regard.lessons.class_report": Call(lessons.class_report, lambda: {"paths": []}, paths=("paths",)),
    "regard.lessons.named": call(lessons.named, name="scale"),
    "regard.lessons.exercises": call(lessons.exercises),
    "regard.lessons.hint": call(lessons.hint, name=lambda: lessons.exercises()[0].name, number=1),
    "regard.lessons.solution": call(lessons.solution, name=lambda: lessons.exercises()[0].name),
    "regard.lessons.start": call(lessons.start, name=lambda: lessons.exercises()[0].name),
    "regard.lessons.task": call(lessons.task, name=lambda: lessons.exercises()[0].name),
    "regard.tokens.characters_of": call(
        tokens.characters_of, tokens=lambda: list(TOKENS), special=lambda: {"</s>"}, kind="sentencepiece"
    ),
    "regard.tokens.kind_of_tokenizer": call(tokens.kind_of_tokenizer, tokenizer=Tokenizer),
    "regard.tokens.natural_text": call(tokens.natural_text, words=lambda: ["The", "cat", "."], language="en"),
    "regard.tokens.texts_of": call(
        tokens.texts_of, tokens=lambda: list(TOKENS), kind="sentencepiece", special=lambda: {"</s>"}
    ),
    "regard.tokens.words_of": call(
        tokens.words_of,
        own=("words",),
        tokens=lambda: list(TOKENS),
        special=lambda: {"</s>"},
        kind="sentencepiece",
        words=lambda _text: ["the", "cat", "sat"],
    ),
    "regard.tokens.Words": call(tokens.Words, texts=("the", "cat"), tokens=((0,), (1, 2))),
    "regard.axes.Line": call(
        axes.Line,
        size=2,
        text=("a", "b"),
        token=("a", "b"),
        id=(1, 2),
        present=(True, True),
        special=(False, False),
        place=None,
        group=dict,
        kind="wordpiece",
        cut=False,
    ),
    "regard.axes.Axis": call(axes.Axis, lines=lambda: (axes.Line(2),), role="source", beside=None),
}
