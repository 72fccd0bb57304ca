"""The calls of effects and of estimates."""

import functools
import tempfile
from pathlib import Path

import torch

import regard
from regard import interventions
from regard.interventions.effects import Effects
from support.calls_of_things import call, model
from support.effects import columns_of
from support.tiny_models import tiny, tiny_inputs
from support.wrong_calls import Call


def found():
    return Effects.of(columns_of(21, 1, 2))


@functools.cache
def controlled():
    prompts = [interventions.Prompt([5, 6]), interventions.Prompt([7, 6])]
    return regard.sweep(tiny("gpt2"), prompts, "kl", what=[interventions.heads((0, 1))], controls=2)


@functools.cache
def prompts():
    place = Path(tempfile.mkdtemp()) / "prompts.jsonl"
    place.write_text('{"a": "one", "b": " x"}\n{"a": "two", "b": " x"}\n', encoding="utf-8")
    return place


@functools.cache
def recorded():
    made = tiny("gpt2")
    with regard.record(made, values=True) as recording:
        logits = made(tiny_inputs("gpt2")["input_ids"][:1, :5]).logits
    return recording, logits[0, -1, 5]


@functools.cache
def saved():
    place = Path(tempfile.mkdtemp()) / "effects.parquet"
    found().save(place)
    return place


CALLS: dict[str, Call] = {
    "regard.Effects.of": call(Effects.of, columns=lambda: columns_of(2, 1, 1), about=lambda: {"model": "tiny"}),
    "regard.Effects.load": call(Effects.load, paths=("path",), path=saved),
    "regard.Effects.save": call(lambda **given: found().save(**given), paths=("path",), path="effects.parquet"),
    "regard.Effects.baseline_of": call(lambda **given: found().baseline_of(**given), measure="loss"),
    "regard.Effects.grid": call(lambda **given: found().grid(**given), measure="loss"),
    "regard.Effects.summary": call(lambda **given: found().summary(**given), measure="loss", confidence=0.9),
    "regard.Effects.tests": call(
        lambda **given: found().tests(**given),
        measure="loss",
        adjust="holm",
        margin=0.5,
        split=1,
        confidence=0.9,
        interval="t",
        alpha=0.1,
        seed=0,
    ),
    "regard.Effects.strongest": call(lambda **given: found().strongest(**given), count=1, measure="loss"),
    "regard.Effects.shares": call(
        lambda **given: Effects.of(columns_of(21, 1, 2, other=True)).shares(**given), measure="loss", confidence=0.9
    ),
    "regard.Effects.beside_controls": call(lambda **given: controlled().beside_controls(**given), measure="kl"),
    "regard.Effects.compare": call(lambda **given: found().compare(**given), other=found, measure="loss"),
    "regard.Effects.table": call(lambda: list(found().table())),
    "regard.Effects.to_pandas": call(lambda: found().to_pandas()),
    "regard.Effects.figure": call(
        lambda **given: found().figure(**given),
        measure="loss",
        adjust="holm",
        alpha=0.1,
        title="mine",
        strongest=1,
        width=4,
        font=8,
        theme="light",
    ),
    "regard.attribute": call(
        regard.attribute,
        paths=("over",),
        model=model,
        over=lambda: [interventions.Prompt([5, 6], other=[6, 6], answer=[7], wrong=[8])],
        measures=lambda: ["margin"],
        what="heads",
        replace=interventions.patch,
        kind="self",
        tokenizer=None,
        batch_tokens=64,
    ),
    "regard.attribute of files": call(
        regard.attribute,
        paths=("output", "over"),
        own=("tokenizer",),
        model=model,
        over=lambda: str(prompts()),
        measures="margin",
        tokenizer=lambda text: [5, 6] if text in ("one", "two") else [5, 6, 7],
        columns=lambda: {"text": "a", "answer": "b"},
        output="estimated.parquet",
        restart=True,
    ),
    "regard.interventions.circuits": call(interventions.circuits, model=model),
    "regard.interventions.composition": call(interventions.composition, model=model, into="key"),
    "regard.interventions.copying": call(interventions.copying, model=model),
    "regard.interventions.matching": call(interventions.matching, model=model),
    "regard.interventions.direct_logits": Call(
        interventions.direct_logits,
        lambda: {"model": model(), "inputs": torch.tensor([[5, 6, 7]]), "answer": 5, "wrong": 6, "at": -1},
        own=("model", "inputs"),
    ),
    "regard.interventions.head_importance": call(interventions.head_importance, effects=found, measure="loss", normalise=True),
    "regard.interventions.random_groups": call(
        interventions.random_groups, group=lambda: [(0, 1), (1, 0)], heads=lambda: {0: 2, 1: 3}, count=2, seed=1
    ),
    "regard.interventions.hidden_keys": call(
        interventions.hidden_keys, recording=lambda: recorded()[0], score=lambda: recorded()[1]
    ),
}
