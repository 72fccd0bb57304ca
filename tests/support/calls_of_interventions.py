"""The calls of sites, replacements and measures, and what changes a model while it runs."""

import torch

import regard
from regard import interventions
from regard.interventions import heads, zero
from regard.interventions.hidden_passages import PassageEffects
from support.calls_of_things import call, model
from support.tiny_models import tiny_inputs
from support.wrong_calls import Call


def hidden():
    query, key = (torch.rand(1, 2, 6, 4, generator=torch.Generator().manual_seed(at)) for at in (0, 1))
    spans = regard.Spans(("a", "b", "c"), ([0], [1, 2], [3]))
    read = regard.passages(regard.AttentionMap(query, key, causal=True), spans, answer=[5])
    return PassageEffects(read, {"a": -1.0, "b": -0.5, "c": 0.1})


def ran(**given):
    with torch.no_grad(), regard.intervene(**given):
        return model()(tiny_inputs("gpt2")["input_ids"][:1, :5]).logits


CALLS: dict[str, Call] = {
    "regard.intervene": call(ran, model=model, changes=lambda: {heads((0, 1)): zero()}),
    "regard.reference": call(
        regard.reference,
        own=("tokenizer",),
        model=model,
        texts=lambda: [[3, 4], [5, 6, 7]],
        tokenizer=None,
        parts=lambda: ["output", "key"],
        batch_tokens=16,
    ),
    "regard.interventions.Measure": call(
        interventions.Measure,
        own=("function",),
        name="mine",
        function=lambda seen: seen.ids[:, 0],
        higher_is_better=True,
        needs=lambda: ["answer"],
    ),
    "regard.interventions.add": call(interventions.add, tensor=lambda: torch.zeros(3)),
    "regard.interventions.all_but": call(interventions.all_but, site=lambda: heads((0, 1))),
    "regard.interventions.edges": call(interventions.edges, keys=3, queries=-1, heads=None, layers=lambda: [1], kind="self"),
    "regard.interventions.edges of heads": call(interventions.edges, keys="a", heads=lambda: [(0, 1)]),
    "regard.interventions.heads": call(
        lambda place, **given: heads(place, **given), place=(0, 1), part="key", at=lambda: [-1], kind="self"
    ),
    "regard.interventions.passage_effects": call(
        interventions.passage_effects,
        model=model,
        ids=lambda: torch.arange(1, 10),
        spans=lambda: regard.Spans(("a", "b", "c"), ([0], [1, 2], [3])),
        answer=2,
        tokenizer=None,
        sink=0.1,
    ),
    "regard.interventions.fit_heads": call(
        interventions.fit_heads, found=lambda: [hidden()] * 4, held_out=0.5, ridge=0.1, seed=1
    ),
    "regard.interventions.hide": call(interventions.hide),
    "regard.interventions.layers": call(
        lambda place, **given: interventions.layers(place, **given), place=1, part="stream", at="a", kind="self"
    ),
    "regard.interventions.loss": call(interventions.loss, tokens="answer"),
    "regard.interventions.mean": call(interventions.mean, reference=lambda: [[3, 4]], by="all", first="keep"),
    "regard.interventions.patch": call(interventions.patch, run=None, direction="noise"),
    "regard.interventions.path": call(
        interventions.path, source=lambda: heads((0, 1)), into=lambda: heads((1, 0), part="key"), through="nothing"
    ),
    "regard.interventions.put": call(interventions.put, tensor=lambda: torch.zeros(3)),
    "regard.interventions.resample": call(interventions.resample, reference=lambda: [[3, 4]], draws=2, seed=1),
    "regard.interventions.running_mean": call(interventions.running_mean),
    "regard.interventions.scale": call(interventions.scale, factor=0.5),
    "regard.interventions.zero": call(interventions.zero),
}
