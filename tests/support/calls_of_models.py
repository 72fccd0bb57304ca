"""The calls that run a model, and those of what it leaves: recordings, sweeps, translations, surveys."""

import functools
import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch

import regard
from regard import measures, translation
from regard.interventions import Prompt, heads, zero
from support.calls_of_things import PICTURE, amap, call, model, recording, surveyed, swept, translated
from support.surveys import drawn, survey_of
from support.tiny_models import Tokenizer, tiny_inputs
from support.wrong_calls import Call
from support.wrong_values import base


@functools.cache
def prompts() -> Path:
    place = Path(tempfile.mkdtemp()) / "prompts.jsonl"
    place.write_text('{"a": "one"}\n{"a": "two"}\n', encoding="utf-8")
    return place


CALLS: dict[str, Call] = {
    "regard.Recording": call(regard.Recording, maps=lambda: [amap()]),
    "regard.Recording.of": call(
        regard.Recording.of,
        attentions=lambda: [base()[..., :4].softmax(-1)[:, :, :4]],
        tokens=lambda: list("abcd"),
        kind="self",
    ),
    "regard.Recording.at": call(lambda step: recording().at(step), step=0),
    "regard.Recording.axis": call(lambda role: recording("marian").axis(role), role="source"),
    "regard.Recording.check": call(lambda: recording().check()),
    "regard.Recording.cpu": call(lambda: recording().cpu()),
    "regard.Recording.labels": call(lambda role: recording("marian").labels(role), role="source"),
    "regard.Recording.sample": call(lambda item: recording().sample(item), item=0),
    "regard.Recording.save": call(lambda path: recording().save(path), paths=("path",), path="rec.safetensors"),
    "regard.Recording.to": call(lambda device: recording().to(device), device="cpu"),
    "regard.Recording.tower": call(lambda name: recording().tower(name), name=lambda: recording().towers[0]),
    "regard.record": call(
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
    "regard.generate": call(
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
    "regard.ablate": call(
        regard.ablate, model=model, heads=lambda: [(0, 1)], kind="self", edges=lambda: [(0, 0, 2, 1)], how="zero"
    ),
    "regard.ablate of a span": call(
        regard.ablate, model=model, keys=lambda: [1, 2], queries=-1, layers=lambda: [0], kind="self", how="zero"
    ),
    "regard.sweep": call(
        regard.sweep,
        own=("measures", "run", "over"),
        model=model,
        over=tiny_inputs("gpt2")["input_ids"][:1, :5],
        measures=lambda out: float(out.logits[0, -1, 3]),
        kind="self",
        how="zero",
        run=None,
    ),
    "regard.sweep of prompts": call(
        regard.sweep,
        paths=("over", "output"),
        own=("tokenizer",),
        model=model,
        over=lambda: [Prompt([5, 9, 7], answer=[3])],
        measures=lambda: ["margin", "kl"],
        what=lambda: [heads((0, 1))],
        replace=zero,
        controls=1,
        seed=2,
        kind="self",
        tokenizer=None,
        batch_tokens=64,
    ),
    "regard.sweep of files": call(
        regard.sweep,
        paths=("output", "over"),
        own=("tokenizer",),
        model=model,
        over=lambda: str(prompts()),
        measures="kl",
        what="layers",
        replace=zero,
        tokenizer=lambda _: [5, 6],
        columns=lambda: {"text": "a"},
        output="swept.parquet",
        engine="process",
        restart=True,
    ),
    "regard.Sweep.strongest": call(lambda count: swept().strongest(count), count=2),
    "regard.Sweep.table": call(lambda: swept().table()),
    "regard.Sweep.figure": call(lambda **given: swept().figure(**given), title="t", cmap="Greys", **PICTURE),
    "regard.translate": call(regard.translate, text="No.", model=None, beams=1, target="Non."),
    "regard.translate of one": call(regard.translate, text="No.", beams=1),
    "regard.Translation.figure": call(
        lambda **given: translated().figure(**given), layer=0, head=0, rows="consumed", title="t", **PICTURE
    ),
    "regard.Translation.reading": call(lambda **given: translated().reading(**given), layer=0, head=0, rows="consumed"),
    "regard.Translation.table": call(lambda **given: translated().table(**given), layer=0, head=0, rows="consumed"),
    "regard.survey": call(
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
    "regard.survey_diff": call(
        regard.survey_diff,
        one=surveyed,
        other=surveyed,
        statistics=lambda: ["entropy"],
        test="means",
        confidence=0.9,
    ),
    "regard.surveying.comparison.Comparison.above": call(
        lambda **given: regard.survey_diff(surveyed(), surveyed()).above(**given), tolerance=0.5, alpha=0.05
    ),
    "regard.surveying.comparison.Comparison.not_within": call(
        lambda **given: regard.survey_diff(surveyed(), surveyed()).not_within(**given), tolerance=0.5, alpha=0.05
    ),
    "regard.Survey.figure": call(lambda **given: surveyed().figure(**given), statistic=lambda: ["entropy"], **PICTURE),
    "regard.Survey.heads": call(lambda: surveyed().heads()),
    "regard.Survey.kept_texts": call(lambda: survey_of(drawn(7), keys=[b"%07d" % at for at in range(7)]).kept_texts()),
    "regard.Survey.load": call(regard.Survey.load, paths=("path",), path="nowhere.parquet"),
    "regard.Survey.row": call(lambda **given: surveyed().row(**given), kind="self", layer=0, head=0, statistic="entropy"),
    "regard.Survey.rows": call(lambda **given: surveyed().rows(**given), examples=False),
    "regard.Survey.save": call(lambda path: surveyed().save(path), paths=("path",), path="s.parquet"),
    "regard.Survey.table": call(lambda: surveyed().table()),
    "regard.Survey.values": call(
        lambda **given: survey_of(drawn(7), keys=[b"%07d" % at for at in range(7)]).values(**given),
        kind="self",
        layer=0,
        head=0,
        statistic="entropy",
    ),
    "regard.measures.changed_tokens": call(measures.changed_tokens, before=lambda: torch.zeros(1, 5, dtype=torch.long)),
    "regard.measures.edits": call(measures.edits, before=lambda: list("abc"), after=lambda: list("adc")),
    "regard.measures.logit_difference": call(
        measures.logit_difference, right=1, wrong=2, position=-1, mask=lambda: torch.ones(1, 5)
    ),
    "regard.measures.loss": call(measures.loss, output=lambda: SimpleNamespace(loss=torch.tensor(1.0))),
    "regard.translation.load_translator": call(translation.load_translator, paths=("model",), model=None),
    "regard.translation.Translator.check": call(lambda text: translation.load_translator().check(text), text="No."),
    "regard.translation.Translator.stream": call(
        lambda **given: translation.load_translator().stream(**given),
        texts=lambda: ["No."],
        beams=1,
        targets=lambda: ["Non."],
    ),
}
