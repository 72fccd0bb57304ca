"""Pad a text anyhow, put it into a batch, split it, reorder it, continue from a cache: nothing that is reported changes.

One table says what each public function reports of a text. Each report is asked of the text alone, and of the same text in
every way that a batch may hold it.
"""

import functools
import json
import pickle
import re
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch.testing import assert_close

import regard
from regard.analysis.alignment import rank_heads
from regard.analysis.flow import attention_flow_edges, relevance_edges, rollout_edges
from regard.axes import Picture, View
from regard.interventions import edges, heads, hide, layers, running_mean, scale, zero
from regard.measures import logit_difference
from support.tiny_models import PAD, Tokenizer, tiny

TEXT, WRITTEN = (3, 5, 7, 5, 11), (0, 13, 17, 19)
OTHER, OTHER_WRITTEN = (23, 29, 31, 37, 41, 43, 47), (0, 4, 6, 8, 9, 10)
SIZE = 11


@dataclass
class Held:
    """A text among others: what a model is given, and which sequence of which pass it is."""

    passes: list[dict[str, torch.Tensor]]
    number: int = 0  # of the pass
    item: int = 0


def padded(rows, size, side):
    """Rows of ids, (batch, size), and what is real of them."""
    ids, mask = torch.full((len(rows), size), PAD), torch.zeros(len(rows), size, dtype=torch.long)
    for row, line in enumerate(rows):
        at = slice(0, len(line)) if side == "right" else slice(size - len(line), size)
        ids[row, at], mask[row, at] = torch.tensor(line), 1
    return ids, mask


def inputs(name, texts, written, size=None, side="right"):
    ids, mask = padded(texts, size or max(map(len, texts)), side)
    given = {"input_ids": ids, "attention_mask": mask}
    if name == "marian":  # sinusoidal positions are counted by the model: it is padded on the right
        longest = max(map(len, written)) if size is None else size
        given["decoder_input_ids"], given["decoder_attention_mask"] = padded(written, longest, "right")
    else:
        given["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    return given


def held(name, way):
    one, two = (TEXT, WRITTEN), (OTHER, OTHER_WRITTEN)
    match way:
        case "right" | "left":
            return Held([inputs(name, [TEXT], [WRITTEN], SIZE, way)])
        case "first of a batch":
            return Held([inputs(name, *zip(one, two, strict=True))], item=0)
        case "second of a batch, on the left":
            return Held([inputs(name, *zip(two, one, strict=True), side="left")], item=1)
        case "last of a batch padded to a maximum":
            return Held([inputs(name, *zip(two, two, one, strict=True), size=SIZE)], item=2)
        case "second pass":
            return Held([inputs(name, [OTHER], [OTHER_WRITTEN]), inputs(name, [TEXT], [WRITTEN], SIZE)], number=1)


WAYS = (
    "right",
    "left",
    "first of a batch",
    "second of a batch, on the left",
    "last of a batch padded to a maximum",
    "second pass",
)


@dataclass
class Seen:
    """What is asked: a recording of several passes, that of the pass alone, a score on its graph, and the model."""

    name: str
    recording: regard.Recording
    one_pass: regard.Recording
    score: torch.Tensor
    item: int
    given: dict[str, torch.Tensor]

    @property
    def maps(self):
        """The maps of the pass."""
        return self.recording.maps[-len(self.one_pass.maps) :]

    def real(self, values, axis):
        """Of values (…, positions) in the last place, those of the text: padding must have 0."""
        places = list(axis.real(self.item))
        others = [at for at in range(len(axis)) if at not in places]
        assert not values[..., others].any(), "something is reported of padding"
        return values[..., places]


def seen(name, held):
    model = tiny(name)
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        for given in held.passes:
            model(**given)
    given = held.passes[held.number]
    with regard.record(model, tokenizer=Tokenizer(), values=True) as one_pass:
        output = model(**given)
    states = output.last_hidden_state if name == "bert" else output.logits
    mask = given.get("decoder_attention_mask", given["attention_mask"])
    last = int(mask[held.item].nonzero()[-1])
    return Seen(name, recording, one_pass, states[held.item, last, 3], held.item, given)


def stack(seen, recording):
    return recording.encoder if seen.name == "marian" else recording.self


def side(seen):
    return stack(seen, seen.one_pass)[0].keys


# -- what is reported


def of_heads(seen):
    batch = seen.one_pass.batch_size
    asked = seen.one_pass if batch == 1 else [amap.sample(seen.item) for amap in seen.maps]
    table = regard.heads(asked)
    return [torch.tensor(table.select_dtypes("number").to_numpy()), table["roles"].tolist() if "roles" in table else []]


def of_summaries(seen):
    found = []
    for amap in seen.maps:
        summary = amap.summary(pool=(2, 3), how=("mean", "max"), topk=3)
        rows, keys = list(amap.queries.real(seen.item)), amap.keys
        found += [seen.real(summary.received[seen.item], keys), seen.real(summary.entropy[seen.item], amap.queries)]
        found += [pool[seen.item] for pool in summary.pool]
        found.append(summary.topk.values[seen.item][:, rows])
        found.append(summary.topk.keys[seen.item][:, rows] - keys.real(seen.item)[0])
        found.append(summary.masked_rows[seen.item])
        table = amap.to_pandas()
        table = table[table["batch"] == seen.item].drop(columns="batch")
        found += [table.drop(columns="weight").to_numpy().tolist(), torch.tensor(table["weight"].to_numpy())]
    return found


def of_maps(seen):
    return [amap.dense() for amap in seen.one_pass.sample(seen.item).maps]


def of_labels(seen):
    return [(tuple(amap.queries), tuple(amap.keys), amap.keys.special) for amap in seen.one_pass.sample(seen.item).maps]


def of_files(seen, folder):
    path = folder / "recording.safetensors"
    seen.one_pass.save(path)
    pickled = pickle.loads(pickle.dumps(regard.load(path)))  # noqa: S301 - our own bytes
    found = pickled.sample(seen.item)
    norms = [amap.dense() for amap in regard.norm_weighted(found)]
    return [amap.dense() for amap in found.maps] + norms + [(tuple(amap.queries), tuple(amap.keys)) for amap in found.maps]


def of_rollout(seen):
    maps = stack(seen, seen.one_pass)
    rows = regard.rollout(maps)[seen.item]
    places = list(side(seen).real(seen.item))
    return [seen.real(regard.rollout(maps, tokens=[-1, 1])[seen.item], side(seen)), rows[places][:, places], rows.sum()]


def of_attention_flow(seen):
    return [seen.real(regard.attention_flow(stack(seen, seen.one_pass), tokens=[-1, 0])[seen.item], side(seen))]


def of_edges(seen):
    maps, places = stack(seen, seen.one_pass), list(side(seen).real(seen.item))
    found = [rollout_edges(maps), attention_flow_edges(maps, -1, 1)]
    if seen.name != "marian":
        found.append(relevance_edges(seen.one_pass, seen.score))
    whole = [edges.weights[seen.item] for edges in found]
    return [one[:, places][:, :, places] for one in whole] + [one.sum() for one in whole]


def of_relevance(seen):
    found = regard.relevance(seen.one_pass, seen.score)
    parts = [seen.real(found.inputs[seen.item], side(seen))]
    if found.consumed is not None:
        parts.append(seen.real(found.consumed[seen.item], seen.one_pass.decoder[0].keys))
    return parts


def of_weighted(seen):
    made = [*regard.norm_weighted(seen.one_pass), *regard.norm_weighted(seen.one_pass, by="layer")]
    made += regard.gradient_weighted(seen.one_pass, seen.score)
    alone = [amap.sample(seen.item).dense() for amap in made]
    of_sample = [amap.dense() for amap in regard.norm_weighted(seen.one_pass.sample(seen.item))]
    return [*alone, *of_sample, *(amap.received()[seen.item].sum(-1) for amap in made)]


def of_figures(seen):
    sample = seen.one_pass.sample(seen.item)
    axes = [regard.heatmap(seen.one_pass.maps[0], head=1, batch=seen.item), regard.heads_grid(stack(seen, sample)).axes[0]]
    labels = [[label.get_text() for label in one.get_yticklabels()] for one in axes]
    scores = regard.token_scores(of_relevance(seen)[0].detach(), side(seen).sequence(seen.item).text[: len(TEXT)])
    colours = [torch.as_tensor(one.collections[0].get_array()) for one in axes]
    diagram = regard.flow_diagram(rollout_edges(stack(seen, sample)))
    return [*labels, *colours, [text.get_text() for text in [*scores.axes[0].texts, *diagram.axes[0].texts]][-5:]]


def of_tables(seen, folder):
    """Numbers in files: one head of the text, and its lines in a table of all heads and texts."""
    one, all_of_it = folder / "one.csv", folder / "all.csv"
    regard.save(seen.one_pass.maps[0], one, head=1, batch=seen.item)
    regard.save(seen.one_pass.maps[0], all_of_it)
    lines = [line.split(",") for line in all_of_it.read_text(encoding="utf-8").splitlines()]
    own = [line for line in lines[1:] if line[0] == str(seen.item)]
    matrix = [line.split(",") for line in one.read_text(encoding="utf-8").splitlines()]
    numbers = [[float(value) for value in line[1:]] for line in matrix[1:]]
    return [
        [line[1:6] for line in own],
        torch.tensor([float(line[6]) for line in own]),
        [line[:1] for line in matrix],
        matrix[0],
        torch.tensor(numbers),
    ]


def manifest(html):
    return json.loads(re.search(r'id="regard-manifest">(.*?)</script>', html, re.DOTALL)[1])


def of_pages(seen, folder):
    """The part of the text in a page of everything, as the page has it."""
    path = folder / "page.html"
    regard.save(seen.one_pass, path)
    found = manifest(path.read_text(encoding="utf-8"))
    assert manifest(regard.page(seen.one_pass)) == found
    maps = [one for one in found["maps"] if one["item"] == seen.item]
    shown = []
    for one in maps:
        axes = [found["axes"][name] for name in (*one["rowAxes"], one["columnAxis"])]
        shown += [(axis["tokens"], axis["special"], axis["words"]) for axis in axes]
        shown.append([one["queries"], one["keys"]])
        shown.append(torch.tensor(list(one["statistics"].values()), dtype=torch.float64))
    return [*shown, [found["items"][seen.item]]]


def of_ablation(seen):
    model, found = tiny(seen.name), []
    kind = "encoder" if seen.name == "marian" else None
    mask = seen.given.get("decoder_attention_mask", seen.given["attention_mask"])
    for how in ("zero", "mean"):
        with torch.no_grad(), regard.ablate(model, [(0, 1), (1, 0)], how=how, kind=kind):
            output = model(**seen.given)
        states = output.last_hidden_state if seen.name == "bert" else output.logits
        found.append(states[seen.item, mask[seen.item].bool()])
    return found


def of_interventions(seen):
    model, found = tiny(seen.name), []
    kind = "encoder" if seen.name == "marian" else None
    mask = seen.given.get("decoder_attention_mask", seen.given["attention_mask"])
    changes = (
        {heads((0, 1), (1, 0), at=-2, kind=kind): zero()},
        {heads((0, 1), at=[0, -1], part="key", kind=kind): scale(0.5)},
        {heads((1, 0), kind=kind): running_mean()},
        {layers(1, part="stream", at=1, kind=kind): zero()},
        {edges([1, -2], queries=-1, kind=kind): hide(), edges(0, layers=[1], kind=kind): hide()},
    )
    for change in changes:
        with torch.no_grad(), regard.intervene(model, change):
            output = model(**seen.given)
        states = output.last_hidden_state if seen.name == "bert" else output.logits
        found.append(states[seen.item, mask[seen.item].bool()])
    return found


def of_sweeps(seen):
    if seen.name == "bert":
        return []
    alone = {name: value[seen.item : seen.item + 1] for name, value in seen.given.items()}
    mask = alone.get("decoder_attention_mask", alone["attention_mask"])
    kind = "decoder" if seen.name == "marian" else None
    return [regard.sweep(tiny(seen.name), alone, logit_difference(3, 5, mask=mask), kind=kind).differences]


def of_effects(seen):
    """Of prompts of one batch, each by itself: the loss without each head, and what gradients say of it."""
    if seen.name != "llama":
        return []
    alone = {name: seen.given[name][seen.item : seen.item + 1] for name in ("input_ids", "attention_mask")}
    run = regard.sweep(tiny("llama"), alone, ["loss"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a loss at its optimum: numbers are compared here, not believed
        estimated = regard.attribute(tiny("llama"), alone, ["loss"])
    return [run.differences, estimated.differences]


def of_mixtures(seen):
    sample = seen.one_pass.sample(seen.item)
    some = {(0, 1): 0.75, (1, 0): -2.0}
    found = [regard.mixture(stack(seen, sample), some).dense()]
    touching = regard.contacts(stack(seen, sample), some, residues=range(1, len(TEXT))).map
    found += [touching.dense(), touching[0, 0, 1:3, :2]]
    if seen.name == "marian":
        times = regard.word_times(sample, [(0, 1), (1, 0)], prompt=1, seconds=0.5, median=1)
        found += [[one.start for one in times.tokens], times.entropy]
    if seen.name == "llama":
        kept = regard.cache(sample, budgets=[1, 2], prompt=3, window=2, sinks=1)
        found += [kept.retained, kept.change]
    answer, places = ([2], ([0], [1])) if seen.name == "marian" else ([3, 4], ([0, 1], [2]))
    read = regard.passages(stack(seen, sample), regard.Spans(("one", "other"), places), answer=answer)
    found += [read.mass, read.lift, read.lift_without_sinks]
    seen_at = [Picture((View(1, 1, (place,)),)) for place in (0, 1)]
    looked = regard.patches(stack(seen, sample), regard.Spans(("word",), (answer,)), pictures=seen_at)
    found += [looked.heat(0), looked.heat(0, picture=1), looked.shares]
    if seen.name != "marian":
        found.append(regard.retrieval_heads(stack(seen, sample), [0, 1, 2], answer=answer))
    return found


def of_alignments(seen):
    if seen.name != "marian":
        return []
    cross = seen.one_pass.sample(seen.item).cross
    aligned = regard.align(
        cross, source_words=[f"<{token}>" for token in TEXT], target_words=[f"<{token}>" for token in WRITTEN]
    )
    links = {(0, 0), (1, 1)}
    rates = [regard.aer(aligned.links, links, links)]
    return [sorted(aligned.links), aligned.weights, rates, aligned.source_words]


REPORTS = {
    "heads": of_heads,
    "AttentionMap": of_summaries,
    "Recording": of_maps,
    "record": of_labels,
    "load": of_files,
    "rollout": of_rollout,
    "attention_flow": of_attention_flow,
    "flow_diagram": of_edges,
    "relevance": of_relevance,
    "norm_weighted": of_weighted,
    "heatmap": of_figures,
    "save": of_tables,
    "page": of_pages,
    "ablate": of_ablation,
    "intervene": of_interventions,
    "sweep": of_sweeps,
    "attribute": of_effects,
    "mixture": of_mixtures,
    "align": of_alignments,
}
"""What is reported, by the public function that it is asked of."""

ALSO = {
    "heatmap": {"heads_grid", "token_scores"},
    "page": {"show"},
    "norm_weighted": {"gradient_weighted"},
    "align": {"aer", "Alignment", "rank_heads"},
    "intervene": {"interventions", "reference"},
    "sweep": {"Sweep", "measures"},
    "attribute": {"Effects"},
    "mixture": {"contacts", "word_times", "cache", "passages", "retrieval_heads", "Spans", "patches"},
}
"""Those that are asked beside it."""

ELSEWHERE = {
    "generate": "tests/recording/test_generation.py: prompts padded on the left, in batches",
    "overlay": "tests/analysis/pictures: of one sequence; those of a batch are refused",
    "pictures": "tests/recording/test_pictures_of_prompts.py: from ids, in batches too",
    "pixels": "tests/analysis/pictures/test_pixels.py: of a denoiser, whose halves are a batch",
    "survey_diff": "tests/surveying: from surveys alone",
    "survey": "tests/surveying: the same texts in batches of any size",
    "Survey": "likewise",
    "translate": "tests/translation: texts in batches, alone",
    "Translation": "likewise",
}
NO_MODEL = {
    "Mask",
    "MultiHeadAttention",
    "SimpleAttention",
    "Trace",
    "attention",
    "catalogue",
    "lessons",
    "online_attention",
    "trace",
}


def same(found, true):
    assert len(found) == len(true)
    for one, other in zip(found, true, strict=True):
        if isinstance(one, torch.Tensor):
            assert_close(one, other, atol=2e-5, rtol=1e-4, equal_nan=True)
        elif isinstance(one, list) and one and isinstance(one[0], float):
            assert_close(torch.tensor(one), torch.tensor(other), atol=2e-5, rtol=1e-4, equal_nan=True)
        else:
            assert one == other


def reports_of(seen, folder):
    """All of them; `folder` is for those that write files."""
    return [report(seen, *([folder] if report in (of_files, of_pages, of_tables) else [])) for report in REPORTS.values()]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What is reported of the text alone, by the model's name."""
    return functools.cache(
        lambda name: reports_of(seen(name, Held([inputs(name, [TEXT], [WRITTEN])])), tmp_path_factory.mktemp(name))
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["bert", "llama", "marian"])
def test_padding_changes_nothing(alone, name, way, tmp_path):
    if name == "marian" and "left" in way:
        pytest.skip("its positions count from the first column: the model itself differs")
    among = seen(name, held(name, way))
    assert among.one_pass.maps[0].queries.is_padded or way == "first of a batch"
    for found, true in zip(reports_of(among, tmp_path), alone(name), strict=True):
        same(found, true)


def test_every_public_function_is_asked():
    asked = {*REPORTS, *(name for names in ALSO.values() for name in names)}
    assert set(regard.__all__) - asked - ELSEWHERE.keys() - NO_MODEL == set()
    assert asked & set(regard.__all__) == asked - {"rank_heads"}
    assert rank_heads is not None


def test_the_order_of_passes_changes_nothing():
    """Texts in one pass each, in either order, and all of them in one batch: one table of heads."""
    model, tables = tiny("llama"), []
    one, other = inputs("llama", [TEXT], []), inputs("llama", [OTHER], [])
    for passes in ([one, other], [other, one], [inputs("llama", [TEXT, OTHER], [], SIZE, "left")]):
        with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
            for given in passes:
                model(**given)
        tables.append(regard.heads(recording).drop(columns=["name", "roles"], errors="ignore").select_dtypes("number"))
    for table in tables[1:]:
        assert_close(torch.tensor(table.to_numpy()), torch.tensor(tables[0].to_numpy()), atol=2e-5, rtol=1e-4, equal_nan=True)


def test_a_cache_that_goes_on_changes_nothing():
    """The rows of the new tokens are those of the whole text, and the keys have all its words."""
    model = tiny("llama")
    ids = torch.tensor([TEXT])
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as whole:
        model(ids)
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as parts:
        held = model(ids[:, :3], use_cache=True).past_key_values
        model(ids[:, 3:], past_key_values=held)
    for one, other in zip(parts.maps[3:], whole.maps, strict=True):
        assert_close(one.dense(), other.dense()[:, :, 3:], atol=2e-5, rtol=1e-4)
        assert (one.queries, one.keys) == (other.queries[3:], tuple(other.keys))
