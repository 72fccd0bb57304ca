"""Every public name of Regard with arguments that work: the rows of the battery of wrong calls."""

import functools
from collections.abc import Callable
from typing import Any

import torch

import regard
from regard import AttentionMap, axes, lessons, masks, measures, tokens, translation
from regard.analysis import alignment, flow, heads
from support.surveys import drawn, survey_of
from support.tiny_models import Tokenizer, tiny, tiny_inputs
from support.wrong_calls import Call
from support.wrong_values import base

PICTURE = {"width": 5.0, "font": 8.0, "theme": "dark", "ax": None}
TOKENS = ["▁the", "▁cat", "▁s", "at", "</s>"]


@functools.cache
def model(name: str = "gpt2") -> Any:
    return tiny(name).requires_grad_(requires_grad=False)


@functools.cache
def recording(name: str = "gpt2") -> Any:
    """Of one text, with values; the axes of a causal model are the same for queries and keys."""
    inputs = {key: value[:1, :5] for key, value in tiny_inputs(name).items()}
    with regard.record(model(name), tokenizer=Tokenizer(), values=True) as found, torch.no_grad():
        model(name)(**inputs)
    return found


@functools.cache
def translated() -> Any:
    return regard.translate("The cat sat.")


@functools.cache
def surveyed() -> Any:
    return survey_of(drawn(7))


@functools.cache
def swept() -> Any:
    return regard.sweep(model(), tiny_inputs("gpt2")["input_ids"][:1, :5], lambda out: float(out.logits[0, -1, 3]))


@functools.cache
def pair() -> Any:
    return alignment.Pair(translated().recording.cross, {(0, 0)}, {(0, 0), (1, 1)})


def amap() -> AttentionMap:
    made = AttentionMap(base(), base(), causal=True)
    made.queries = made.keys = ["the", "cat", "sat", "on", "it"]
    return made


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


def _call(function: Callable[..., Any], /, paths: tuple[str, ...] = (), own: tuple[str, ...] = (), **given: Any) -> Call:
    """Arguments are values, or functions that make them: tensors and maps are made anew, so that none is changed for others."""
    make = lambda: {key: value() if callable(value) and key not in own else value for key, value in given.items()}  # noqa: E731
    return Call(function, make, paths, own)


def _save(thing: Any, path: Any, dpi: float = 50, **options: Any) -> Any:
    return regard.save(thing, path, dpi=dpi, **options)


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


TRUTHS = torch.tensor([[True, True, False], [True, False, True], [True, True, True]])

CALLS: dict[str, Call] = {
    "regard.AttentionMap": _call(
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
    "regard.AttentionMap.from_dense": _call(AttentionMap.from_dense, weights=lambda: base().softmax(-1)),
    "regard.AttentionMap.from_data": _call(AttentionMap.from_data, data=lambda: amap().to_data()),
    "regard.AttentionMap.to_data": _call(lambda: amap().to_data()),
    "regard.AttentionMap.__getitem__": _call(_read_at, index=0, second=1),
    "regard.AttentionMap.__matmul__": _call(lambda values: amap() @ values, values=lambda: torch.ones(5, 3)),
    "regard.AttentionMap.T": _call(lambda values: amap().T @ values, values=lambda: torch.ones(5, 3)),
    "regard.AttentionMap.queries": _call(_named, queries=lambda: list("abcde"), keys=lambda: list("fghij")),
    "regard.AttentionMap.by": _call(
        lambda queries, keys: amap().by(queries, keys),
        own=("queries", "keys"),
        queries=[[0, 1], [2, 3, 4]],
        keys=[range(5)],
    ),
    "regard.AttentionMap.cpu": _call(lambda: amap().cpu()),
    "regard.AttentionMap.to": _call(lambda device: amap().to(device), device="cpu"),
    "regard.AttentionMap.dense": _call(lambda max_bytes: amap().dense(max_bytes), max_bytes=2**20),
    "regard.AttentionMap.entropy": _call(lambda: amap().entropy()),
    "regard.AttentionMap.logsumexp": _call(lambda: amap().logsumexp()),
    "regard.AttentionMap.received": _call(lambda: amap().received()),
    "regard.AttentionMap.pass_seconds": _call(lambda: amap().pass_seconds()),
    "regard.AttentionMap.pool": _call(lambda rows, cols, how: amap().pool(rows, cols, how), rows=2, cols=3, how="max"),
    "regard.AttentionMap.rows": _call(
        lambda entropy, progress: amap().rows(entropy=entropy, progress=progress), entropy=True, progress=None
    ),
    "regard.AttentionMap.sample": _call(lambda item: amap().sample(item), item=0),
    "regard.AttentionMap.save": _call(lambda path: amap().save(path), paths=("path",), path="map.safetensors"),
    "regard.AttentionMap.select": _call(
        lambda **given: amap().select(**given), batch=0, heads=lambda: [0, 1], queries=slice(1, 3), keys=lambda: [0, 4]
    ),
    "regard.AttentionMap.summary": _call(
        lambda **given: amap().summary(**given), received=True, entropy=True, pool=(2, 2), how="mean", topk=2
    ),
    "regard.AttentionMap.tiles": _call(lambda rows, cols: amap().tiles(rows, cols), rows=2, cols=3),
    "regard.AttentionMap.topk": _call(lambda k: amap().topk(k), k=2),
    "regard.Recording": _call(regard.Recording, maps=lambda: [amap()]),
    "regard.Recording.of": _call(
        regard.Recording.of,
        attentions=lambda: [base()[..., :4].softmax(-1)[:, :, :4]],
        tokens=lambda: list("abcd"),
        kind="self",
    ),
    "regard.Recording.at": _call(lambda step: recording().at(step), step=0),
    "regard.Recording.axis": _call(lambda role: recording("marian").axis(role), role="source"),
    "regard.Recording.check": _call(lambda: recording().check()),
    "regard.Recording.cpu": _call(lambda: recording().cpu()),
    "regard.Recording.labels": _call(lambda role: recording("marian").labels(role), role="source"),
    "regard.Recording.sample": _call(lambda item: recording().sample(item), item=0),
    "regard.Recording.save": _call(lambda path: recording().save(path), paths=("path",), path="rec.safetensors"),
    "regard.Recording.to": _call(lambda device: recording().to(device), device="cpu"),
    "regard.Recording.tower": _call(lambda name: recording().tower(name), name=lambda: recording().towers[0]),
    "regard.record": _call(
        regard.record,
        own=("keep",),
        model=model,
        layers=lambda: [0],
        kinds=lambda: ["self"],
        tokenizer=Tokenizer,
        values=True,
        device="cpu",
        keep=1,
    ),
    "regard.generate": _call(
        regard.generate,
        own=("inputs", "max_new_tokens"),
        model=lambda: model("llama"),
        inputs={"input_ids": tiny_inputs("llama")["input_ids"][:1]},
        tokenizer=Tokenizer,
        layers=lambda: [0],
        kinds=lambda: ["self"],
        device="cpu",
        values=False,
        max_new_tokens=2,
    ),
    "regard.ablate": _call(
        regard.ablate, model=model, heads=lambda: [(0, 1)], kind="self", edges=lambda: [(0, 0, 2, 1)], how="zero"
    ),
    "regard.sweep": _call(
        regard.sweep,
        own=("measure", "run", "inputs"),
        model=model,
        inputs=tiny_inputs("gpt2")["input_ids"][:1, :5],
        measure=lambda out: float(out.logits[0, -1, 3]),
        kind="self",
        how="zero",
        run=None,
    ),
    "regard.Sweep.strongest": _call(lambda count: swept().strongest(count), count=2),
    "regard.Sweep.table": _call(lambda: swept().table()),
    "regard.Sweep.figure": _call(lambda **given: swept().figure(**given), title="t", cmap="Greys", **PICTURE),
    "regard.translate": _call(regard.translate, text="No.", model=None, beams=1, target="Non."),
    "regard.translate of one": _call(regard.translate, text="No.", beams=1),
    "regard.Translation.figure": _call(
        lambda **given: translated().figure(**given), layer=0, head=0, rows="consumed", title="t", **PICTURE
    ),
    "regard.Translation.reading": _call(lambda **given: translated().reading(**given), layer=0, head=0, rows="consumed"),
    "regard.Translation.table": _call(lambda **given: translated().table(**given), layer=0, head=0, rows="consumed"),
    "regard.align": _call(
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
    "regard.Alignment.figure": _call(
        lambda **given: translated().alignment.figure(**given),
        sure={(0, 0)},
        possible={(0, 0), (1, 1)},
        kind="ribbon",
        title="t",
        scale="log",
        cmap="Greys",
        **PICTURE,
    ),
    "regard.Alignment.table": _call(lambda: translated().alignment.table()),
    "regard.aer": _call(regard.aer, links={(0, 0)}, sure={(0, 0)}, possible={(0, 0), (1, 1)}),
    "regard.attention": _call(
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
    "regard.trace": _call(
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
    "regard.online_attention": _call(regard.online_attention, query=base, key=base, value=base, causal=True, scale=0.5, tile=2),
    "regard.MultiHeadAttention": _call(regard.MultiHeadAttention, dim=4, heads=2, kv_heads=1, bias=True),
    "regard.MultiHeadAttention.forward": _call(
        lambda **given: regard.MultiHeadAttention(4, 2)(**given),
        x=lambda: torch.ones(1, 5, 4),
        memory=lambda: torch.ones(1, 5, 4),
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
        causal=True,
    ),
    "regard.SimpleAttention": _call(regard.SimpleAttention, input_dim=4),
    "regard.SimpleAttention.forward": _call(
        lambda **given: regard.SimpleAttention(4)(**given),
        query=lambda: torch.ones(1, 5, 4),
        key=lambda: torch.ones(1, 5, 4),
        value=lambda: torch.ones(1, 5, 4),
        mask=lambda: torch.ones(5, 5, dtype=torch.bool),
    ),
    "regard.catalogue": _call(regard.catalogue),
    "regard.rollout": _call(
        regard.rollout, maps=lambda: recording().self, tokens=-1, heads=lambda: [0, 1], residual=0.5, max_bytes=2**20
    ),
    "regard.attention_flow": _call(
        regard.attention_flow, maps=lambda: recording().self, tokens=-1, heads=lambda: [0], residual=0.5, max_pipes=1000
    ),
    "regard.flow_diagram": _call(
        regard.flow_diagram,
        edges=lambda: torch.rand(1, 3, 5, 5),
        tokens=lambda: list("abcde"),
        batch=0,
        least=0.01,
        title="t",
        special=lambda: {"a"},
        **PICTURE,
    ),
    "regard.heads": _call(
        regard.heads,
        recording=lambda: recording(),
        tokens=None,
        queries=None,
        keys=None,
        special=lambda: {"a"},
        windows=lambda: [2, 4],
        thresholds=lambda: {"previous token": 0.5},
        sort="entropy",
    ),
    "regard.heads of a map": _call(regard.heads, recording=amap, tokens=lambda: list("abcde")),
    "regard.heads_grid": _call(
        regard.heads_grid,
        map_or_weights=amap,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        batch=0,
        columns=2,
        titles=lambda: ["one", "two"],
        highlight=(0, 1),
        scale="log",
        vmin=0.0,
        vmax=1.0,
        cmap="Greys",
        sides=("queries", "keys"),
        **PICTURE,
    ),
    "regard.heatmap": _call(
        regard.heatmap,
        map_or_weights=amap,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        tokens=None,
        batch=0,
        head=0,
        title="t",
        scale="log",
        vmin=0.0,
        vmax=1.0,
        cmap="Greys",
        special=lambda: {"a"},
        sides=("queries", "keys"),
        annotate=True,
        colorbar=True,
        **PICTURE,
    ),
    "regard.token_scores": _call(
        regard.token_scores,
        scores=lambda: torch.rand(5),
        tokens=lambda: list("abcde"),
        token=2,
        title="t",
        special=lambda: {"a"},
        **PICTURE,
    ),
    "regard.norm_weighted": _call(regard.norm_weighted, recording=lambda: recording(), by="head", projections=None),
    "regard.gradient_weighted": _with_score(regard.gradient_weighted),
    "regard.relevance": _with_score(regard.relevance),
    "regard.load": _call(regard.load, paths=("path",), path="nowhere.safetensors"),
    "regard.page": _call(
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
        max_bytes=2**26,
    ),
    "regard.save": _call(_save, paths=("path",), thing=amap, path="x.svg", dpi=50, head=0, title="t"),
    "regard.show": _call(
        regard.show,
        paths=("image",),
        subject=amap,
        tokens=None,
        queries=lambda: list("abcde"),
        keys=lambda: list("abcde"),
        title="t",
        image=None,
        grid=None,
        height=300,
        theme="dark",
    ),
    "regard.survey": _call(
        regard.survey,
        paths=("output", "text", "model"),
        model="nowhere/model/x",
        text="nowhere.txt",
        output="out.parquet",
        column="text",
        target_column=None,
        max_tokens=9,
        batch_tokens=64,
        windows=lambda: [8],
        examples=1,
        per_text=False,
        tokenizer=None,
        dtype="float32",
        device="cpu",
        engine="process",
        workers=None,
        cluster=None,
        checkpoint=16,
        restart=False,
    ),
    "regard.Survey.figure": _call(lambda **given: surveyed().figure(**given), statistic=lambda: ["entropy"], **PICTURE),
    "regard.Survey.heads": _call(lambda: surveyed().heads()),
    "regard.Survey.kept_texts": _call(lambda: survey_of(drawn(7), keys=[b"%07d" % at for at in range(7)]).kept_texts()),
    "regard.Survey.load": _call(regard.Survey.load, paths=("path",), path="nowhere.parquet"),
    "regard.Survey.row": _call(lambda **given: surveyed().row(**given), kind="self", layer=0, head=0, statistic="entropy"),
    "regard.Survey.rows": _call(lambda **given: surveyed().rows(**given), examples=False),
    "regard.Survey.save": _call(lambda path: surveyed().save(path), paths=("path",), path="s.parquet"),
    "regard.Survey.table": _call(lambda: surveyed().table()),
    "regard.Survey.values": _call(
        lambda **given: survey_of(drawn(7), keys=[b"%07d" % at for at in range(7)]).values(**given),
        kind="self",
        layer=0,
        head=0,
        statistic="entropy",
    ),
    "regard.Mask": _mask(
        regard.Mask, name="mine", limits=(None, None, None, None), function=lambda: lambda _b, _h, q, k: q >= k
    ),
    "regard.Mask.dense": _call(
        lambda **given: masks.causal().dense(**given),
        batch=1,
        heads=2,
        queries=3,
        keys=4,
        device="cpu",
        query_start=0,
        key_start=1,
    ),
    "regard.Mask.picture": _call(lambda **given: masks.causal().picture(**given), queries=3, keys=4, batch=0, head=0),
    "regard.Mask.check_known": _call(lambda shape: masks.from_tensor(TRUTHS).check_known(shape), shape=(1, 1, 3, 3)),
    "regard.Mask.of": _call(regard.Mask.of, pattern=lambda: masks.causal().pattern),
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
    "regard.measures.changed_tokens": _call(measures.changed_tokens, before=lambda: torch.zeros(1, 5, 7)),
    "regard.measures.edits": _call(measures.edits, before=lambda: list("abc"), after=lambda: list("adc")),
    "regard.measures.logit_difference": _call(
        measures.logit_difference, right=1, wrong=2, position=-1, mask=lambda: torch.ones(1, 5)
    ),
    "regard.measures.loss": _call(measures.loss, output=lambda: {"loss": torch.tensor(1.0)}),
    "regard.lessons.check": _call(lessons.check, own=("function",), name="softmax", function=lambda x: x),
    "regard.lessons.exercises": _call(lessons.exercises),
    "regard.lessons.hint": _call(lessons.hint, name=lambda: lessons.exercises()[0].name, number=1),
    "regard.lessons.solution": _call(lessons.solution, name=lambda: lessons.exercises()[0].name),
    "regard.lessons.start": _call(lessons.start, name=lambda: lessons.exercises()[0].name),
    "regard.lessons.task": _call(lessons.task, name=lambda: lessons.exercises()[0].name),
    "regard.tokens.characters_of": _call(
        tokens.characters_of, tokens=lambda: list(TOKENS), special=lambda: {"</s>"}, kind="sentencepiece"
    ),
    "regard.tokens.kind_of_tokenizer": _call(tokens.kind_of_tokenizer, tokenizer=Tokenizer),
    "regard.tokens.natural_text": _call(tokens.natural_text, words=lambda: ["The", "cat", "."], language="en"),
    "regard.tokens.texts_of": _call(
        tokens.texts_of, tokens=lambda: list(TOKENS), kind="sentencepiece", special=lambda: {"</s>"}
    ),
    "regard.tokens.words_of": _call(
        tokens.words_of,
        own=("words",),
        tokens=lambda: list(TOKENS),
        special=lambda: {"</s>"},
        kind="sentencepiece",
        words=lambda: ["the", "cat", "sat"],
    ),
    "regard.tokens.Words": _call(tokens.Words, texts=("the", "cat"), tokens=((0,), (1, 2))),
    "regard.axes.Line": _call(
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
    "regard.axes.Axis": _call(axes.Axis, lines=lambda: (axes.Line(2),), role="text", beside=None),
    "regard.translation.load_translator": _call(translation.load_translator, paths=("model",), model=None),
    "regard.translation.Translator.check": _call(lambda text: translation.load_translator().check(text), text="No."),
    "regard.translation.Translator.stream": _call(
        lambda **given: translation.load_translator().stream(**given),
        texts=lambda: ["No."],
        beams=1,
        targets=lambda: ["Non."],
    ),
    "regard.analysis.alignment.Rule": _call(alignment.Rule, method="mutual", threshold=0.1, sinks="special"),
    "regard.analysis.alignment.from_pharaoh": _call(alignment.from_pharaoh, line="0-0 1?2", swap=True, first=0),
    "regard.analysis.alignment.to_pharaoh": _call(alignment.to_pharaoh, links={(0, 0)}, possible={(1, 2)}),
    "regard.analysis.alignment.guess_reading": _call(alignment.guess_reading, maps=lambda: translated().recording.cross),
    "regard.analysis.alignment.merge": _call(
        alignment.merge,
        amap=amap,
        queries=lambda: tokens.Words(("a", "b"), ((0, 1), (2, 3, 4))),
        keys=lambda: tokens.Words(("a",), ((0, 1),)),
    ),
    "regard.analysis.alignment.rank_heads": _call(
        alignment.rank_heads, pairs=lambda: [pair()], rules=lambda: (alignment.Rule(),), readings=None
    ),
    "regard.analysis.alignment.scores": _call(alignment.scores, links={(0, 0)}, sure={(0, 0)}, possible={(0, 0), (1, 1)}),
    "regard.analysis.alignment.symmetrised": _call(
        alignment.symmetrised, forward={(0, 0)}, reverse={(0, 0), (1, 1)}, how="union"
    ),
    "regard.analysis.flow.attention_flow_edges": _call(
        flow.attention_flow_edges,
        maps=lambda: recording().self,
        token=-1,
        key=0,
        heads=lambda: [0],
        residual=0.5,
        max_pipes=999,
    ),
    "regard.analysis.flow.relevance_edges": _with_score(flow.relevance_edges),
    "regard.analysis.flow.rollout_edges": _call(
        flow.rollout_edges, maps=lambda: recording().self, token=-1, heads=lambda: [0], residual=0.5
    ),
    "regard.analysis.heads.head_statistics": _call(
        heads.head_statistics,
        recording=lambda: recording(),
        tokens=None,
        queries=None,
        keys=None,
        special=lambda: {"a"},
        windows=lambda: [2, 4],
    ),
    "regard.analysis.heads.heads_text": _call(
        heads.heads_text,
        found=lambda: heads.head_statistics(recording()),
        thresholds=lambda: {"previous token": 0.5},
        columns=("entropy", "own"),
    ),
    "regard.analysis.heads.roles_of": _call(
        heads.roles_of, statistics=lambda: heads.head_statistics(recording())[0], thresholds=None
    ),
}

DATA = {
    "regard.Alignment",
    "regard.Survey",
    "regard.Sweep",
    "regard.Trace",
    "regard.Translation",
    "regard.lessons.Case",
    "regard.lessons.Exercise",
    "regard.lessons.Mistake",
    "regard.lessons.Report",
    "regard.axes.Patch",
    "regard.axes.Place",
    "regard.axes.Residue",
    "regard.axes.Seconds",
    "regard.translation.Translator",
    "regard.translation.EMBEDDED",
    "regard.analysis.alignment.Gold",
    "regard.analysis.alignment.METHODS",
    "regard.analysis.alignment.SINKS",
    "regard.analysis.alignment.Pair",
    "regard.analysis.alignment.Ranked",
    "regard.analysis.alignment.Ranking",
    "regard.analysis.alignment.Reading",
    "regard.analysis.alignment.Scores",
    "regard.analysis.flow.FlowEdges",
    "regard.analysis.heads.HeadStatistics",
    "regard.analysis.heads.THRESHOLDS",
}
"""Results and plain records: nobody calls them, functions make them; what reads them refuses what does not fit."""
