"""Sites gone through on prompts: beside loops of hooks, known truth, and counts of what ran."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel

import regard
from regard.errors import DtypeError, OptionError, ShapeError
from regard.interventions import (
    Measure,
    Prompt,
    add,
    edges,
    heads,
    hide,
    layers,
    loss,
    patch,
    path,
    put,
    resample,
    running_mean,
    scale,
    zero,
)
from regard.interventions.effects import Effects
from regard.interventions.measures import measures_of
from regard.interventions.sweep import read_prompts
from regard.interventions.sweeper import Sweeper
from support.tiny_models import VOCABULARY, tiny

sys.path.insert(0, str(Path(__file__).parents[2] / "notebooks" / "induction_model"))

from attention_only import load


def drawn(*shape, seed=0):
    return torch.randint(3, VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def prompts_of(lengths=(5, 7, 5, 6, 7), seed=0):
    made = []
    for at, length in enumerate(lengths):
        ids, answers = drawn(2, length, seed=seed + at), drawn(3, seed=100 + at).tolist()
        made.append(Prompt(ids[0], other=ids[1], answer=answers[: 1 + at % 2], wrong=[(answers[0] + 1) % VOCABULARY]))
    return made


def columns(found):
    """{(site, line): (unchanged, other, changed)} of the only measure."""
    rows = [
        dict(zip(block.columns(), row, strict=True)) for block in found for row in zip(*block.columns().values(), strict=True)
    ]
    return {(one["site"], one["line"]): (one["unchanged"], one["other"], one["changed"]) for one in rows}


def swept(model, prompts, measures="logit_difference", **options):
    plan = Sweeper(model, measures_of(measures), **{"replacement": zero()} | options)
    return columns(plan.records(read_prompts(plan, prompts))), plan.work


# -- beside plain loops


@pytest.mark.parametrize("name", ["gpt2", "llama"])
@pytest.mark.parametrize("direction", ["noise", "denoise"])
def test_patches_are_those_of_hooks_on_each_prompt_alone(name, direction):
    model, prompts = tiny(name), prompts_of()
    places = [block.attn.c_proj for block in model.transformer.h] if name == "gpt2" else [
        layer.self_attn.o_proj for layer in model.model.layers
    ]  # fmt: skip
    dim = 11 if name == "gpt2" else 4
    found, _ = swept(model, prompts, replacement=patch(direction=direction), batch_tokens=40)
    heads_of = {"gpt2": 2, "llama": 6}[name]
    assert len(found) == 3 * heads_of * len(prompts)
    for line, prompt in enumerate(prompts):
        ids, other = (
            torch.cat([text, torch.tensor(prompt.answer[:-1], dtype=torch.long)])[None] for text in (prompt.text, prompt.other)
        )
        at, right, wrong = len(prompt.text) - 1, prompt.answer[0], prompt.wrong[0]
        ids, other = (ids, other) if direction == "noise" else (other, ids)
        kept = []
        hooks = [place.register_forward_pre_hook(lambda _, given, kept=kept: kept.append(given[0])) for place in places]
        with torch.no_grad():
            of_other = model(other).logits[0, at].double()
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            unchanged = model(ids).logits[0, at].double()
        for layer, place in enumerate(places):
            for head in range(heads_of):
                part = slice(head * dim, (head + 1) * dim)

                def change(_, given, of=kept[layer], part=part):
                    made = given[0].clone()
                    made[..., part] = of[..., part]
                    return (made,)

                hook = place.register_forward_pre_hook(change)
                with torch.no_grad():
                    changed = model(ids).logits[0, at].double()
                hook.remove()
                truth = [float(one[right] - one[wrong]) for one in (unchanged, of_other, changed)]
                assert_close(list(found[f"{layer}.{head}", line]), truth, atol=2e-4, rtol=1e-4)


def test_the_same_in_any_batch_any_order_and_any_number_of_lists():
    model, prompts = tiny("gpt2"), prompts_of()
    whole, _ = swept(model, prompts, batch_tokens=1000)
    for tokens in (1, 12, 40):
        found, _ = swept(model, prompts, batch_tokens=tokens)
        assert found.keys() == whole.keys()
        assert_close([found[one][2] for one in whole], [one[2] for one in whole.values()], atol=1e-4, rtol=1e-5)
    back, _ = swept(model, prompts[::-1], batch_tokens=1000)
    assert_close([back[site, 4 - line][2] for site, line in whole], [one[2] for one in whole.values()], atol=1e-4, rtol=1e-5)
    plan = Sweeper(model, measures_of("logit_difference"), replacement=zero())
    every = read_prompts(plan, prompts)
    parts = columns([*plan.records(every[:2]), *plan.records(every[2:])])
    assert_close([parts[one][2] for one in whole], [one[2] for one in whole.values()], atol=1e-4, rtol=1e-5)


# -- what is drawn


def test_resampled_is_patched_from_a_text_that_the_place_chooses():
    model, prompts = tiny("gpt2"), prompts_of()
    reference = [*drawn(6, 5, seed=50), *drawn(6, 6, seed=51), *drawn(6, 7, seed=52)]
    plan = Sweeper(model, measures_of("logit_difference"), replacement=resample(reference, draws=2, seed=3))
    rows = [block.columns() for block in plan.records(read_prompts(plan, prompts))]
    found = {
        (site, line, draw): after
        for one in rows
        for site, line, draw, after in zip(one["site"], one["line"], one["draw"], one["changed"], strict=True)
    }
    assert len(found) == 6 * len(prompts) * 2
    chosen = {}
    for line, prompt in enumerate(prompts):
        for draw in range(2):
            read = plan.pool.partnered(plan.read(prompt, ("", line)), ("", line), draw, 3)
            chosen[line, draw] = read.other
            other = torch.tensor(read.other[: read.text])
            alone, _ = swept(model, [Prompt(prompt.text, other, prompt.answer, prompt.wrong)], replacement=patch())
            for site in ("0.0", "2.1"):
                assert_close(found[site, line, draw], alone[site, 0][2], atol=1e-4, rtol=1e-4)
    assert len(set(chosen.values())) > 5
    with pytest.raises(OptionError, match=r"over\[0\]: expected a reference text of 5 tokens other than itself, got 1"):
        regard.sweep(model, prompts, ["kl"], replace=resample([prompts[0].text]))


# -- what changes nothing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("replacement", "what"),
    [
        (scale(1.0), "heads"),
        (scale(1.0), "layers"),
        (scale(1.0), [heads((0, 1), part="query"), heads((1, 0), part="key", at=-1), heads((2, 1), part="value")]),
        (add(torch.zeros(1)), [layers(1, part="stream"), layers(0, part="feed_forward", at=[0, -1])]),
    ],
    ids=["heads", "layers", "inputs", "stream"],
)
@pytest.mark.parametrize("tokens", [1, 23, 500])
def test_what_changes_nothing_has_an_effect_of_exactly_0(replacement, what, tokens):
    found, work = swept(tiny("gpt2"), prompts_of(), ["loss"], replacement=replacement, what=what, batch_tokens=tokens)
    assert all(unchanged == changed for unchanged, _, changed in found.values())
    assert work.replays
    itself = [Prompt(one.text, other=one.text, answer=one.answer) for one in prompts_of()]
    found, _ = swept(tiny("llama"), itself, ["log_probability"], replacement=patch(), batch_tokens=tokens)
    assert all(unchanged == other == changed or abs(other - unchanged) < 1e-5 for unchanged, other, changed in found.values())
    assert all(unchanged == changed for unchanged, _, changed in found.values())


def test_a_head_that_nobody_reads_has_an_effect_of_exactly_0():
    model = tiny("gpt2")
    with torch.no_grad():
        model.transformer.h[1].attn.c_proj.weight[:11] = 0
    found, _ = swept(model, prompts_of(), batch_tokens=31)
    assert all((site == "1.0") == (before == after) for (site, _), (before, _, after) in found.items())


# -- work


def test_layers_before_a_site_do_not_run_again():
    model, prompts = tiny("gpt2"), [Prompt(ids, answer=[3], wrong=[4]) for ids in drawn(20, 6)]
    passes = []
    hooks = [
        block.attn.c_attn.register_forward_hook(lambda _, given, _o: passes.append(len(given[0])))
        for block in model.transformer.h
    ]
    _, work = swept(model, prompts, batch_tokens=120)
    for hook in hooks:
        hook.remove()
    alone = 3 + 3 + 2 + 1  # one prompt that shows the layers, and that they may stand aside
    assert sum(passes) == 20 * (3 + 2 * (3 + 2 + 1)) + alone
    assert work.layer_passes == sum(passes) - 3
    assert work.installed == 1
    assert not any("forward" in vars(block) for block in model.transformer.h)


@pytest.mark.slow
def test_144_heads_need_half_of_the_passes():
    """Of the loop: a pass for each head, one that is unchanged, and one of the partners."""
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=12, n_head=12, n_positions=16, bos_token_id=1, eos_token_id=2)
    model, ids = GPT2LMHeadModel(config).eval(), drawn(2, 64, 5)
    prompts = [Prompt(one, other=other, answer=[3], wrong=[4]) for one, other in zip(*ids, strict=True)]
    found, work = swept(model, prompts, replacement=patch(), batch_tokens=64 * 5)
    assert len(found) == 144 * 64
    assert work.layer_passes <= 0.55 * (144 + 2) * 12 * 64
    assert work.installed == 1


class Shared(nn.Module):
    """Each layer after the first takes what the first one has left on the model, as models do whose layers share keys."""

    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(VOCABULARY, 12), nn.Linear(12, VOCABULARY)
        self.layers = nn.ModuleList(regard.MultiHeadAttention(12, heads=3) for _ in range(3))

    def forward(self, input_ids):
        stream = self.embed(input_ids)
        self.left = torch.zeros_like(stream)
        for layer in self.layers:
            stream = stream + layer(stream, causal=True)[0] + self.left
        return self.out(stream)


def test_layers_that_leave_more_than_they_return_run_again():
    model, prompts = Shared().eval(), prompts_of()
    with torch.no_grad():
        model.layers[0].forward = leaving(model, model.layers[0].forward)
    found, work = swept(model, prompts, batch_tokens=1)
    assert not work.replays
    with torch.no_grad(), regard.intervene(model, {heads((2, 1)): zero()}):
        logits = model(prompts[0].text[None])[0, -1].double()
    truth = float(logits[prompts[0].answer[0]] - logits[prompts[0].wrong[0]])
    assert_close(found["2.1", 0][2], truth, atol=1e-5, rtol=1e-5)


def leaving(model, forward):
    def left(stream, **given):
        model.left = torch.ones_like(stream)
        return forward(stream, **given)

    return left


def test_logits_are_computed_where_they_are_measured():
    model, sizes = tiny("gpt2"), []
    hook = model.lm_head.register_forward_hook(lambda _, _given, output: sizes.append(output.shape[1]))
    swept(model, prompts_of(), ["logit_difference", "kl"])
    assert set(sizes) == {1, 2}  # tokens of the answers
    sizes.clear()
    swept(model, prompts_of(), ["loss"])
    hook.remove()
    assert min(sizes) >= 5


# -- known truth


@pytest.fixture(scope="module")
def induction():
    sys.path.insert(0, str(Path(__file__).parents[2] / "recipes" / "model"))
    from train_induction import sequences

    (ids, known), (others, _) = (sequences(64, torch.Generator().manual_seed(seed)) for seed in (7, 8))
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    pairs = zip(ids, others[order], known, strict=True)
    return load(), [Prompt(one, other=other, spans={"known": (int(of.nonzero()[0]), 48)}) for one, other, of in pairs]


def effects(model, prompts, **options):
    return regard.sweep(model, prompts, [loss("known")], batch_tokens=64 * 48, **options)


@pytest.mark.slow
def test_the_circuit_of_the_induction_model(induction):
    model, prompts = induction
    resampled, zeroed = (effects(model, prompts, replace=one) for one in (patch(), zero()))
    assert isinstance(resampled, Effects)
    assert abs(resampled.baseline - 0.065) < 0.001
    assert resampled.strongest(2) == [(0, 3), (0, 1)]
    assert abs(float(resampled.differences[0, 3]) - 6.36) < 0.01
    assert abs(float(zeroed.differences[0, 3]) - 4.655) < 0.01
    by_site = {row.site: row for row in resampled.tests().rows}
    assert by_site["0.3"].adjusted < 1e-6
    first = {f"1.{head}": heads((1, head)) for head in range(4)}
    together = effects(model, prompts, replace=patch(), what=first | {"three": heads((1, 1), (1, 2), (1, 3))})
    of = {row.site: row.effect for row in together.tests().rows}
    assert of["three"] > 8 * (of["1.1"] + of["1.2"] + of["1.3"])  # they stand in for each other


def through_hooks(model, prompts, parts):
    """The witness: what head 0.3 would say on the other prompt, added to what some projections of the next layer are given."""
    ids, others = (torch.stack([getattr(one, name) for one in prompts]) for name in ("text", "other"))
    said, layer = [], model.layers[1]
    hook = model.layers[0].out.register_forward_pre_hook(lambda _, given: said.append(given[0][..., 48:]))
    with torch.no_grad():
        before = losses(model(ids), prompts)
        model(others)
        hook.remove()
        added = (said[1] - said[0]) @ model.layers[0].out.weight[:, 48:].T
        read = {"query": layer.query, "key": layer.key, "value": layer.value, "logits": model.unembed}
        hooks = [read[part].register_forward_pre_hook(lambda _, given: (given[0] + added,)) for part in parts]
        changed = losses(model(ids), prompts)
    for one in hooks:
        one.remove()
    return changed - before


def losses(logits, prompts):
    every = []
    for row, one in zip(logits, prompts, strict=True):
        span = range(*one.spans["known"])
        chances = row[span.start - 1 : span.stop - 1].double().log_softmax(-1)
        every.append(-chances.gather(1, one.text[span.start : span.stop, None]).mean())
    return torch.stack(every)


@pytest.mark.slow
def test_paths_of_the_induction_model(induction):
    model, prompts = induction
    source, every = heads((0, 3)), [(1, head) for head in range(4)]
    what = {part: path(source, heads(*every, part=part)) for part in ("query", "key", "value")}
    found = effects(model, prompts, replace=patch(), what=what | {"logits": path(source, "logits"), "whole": source})
    grid = found.grid()
    of = {site.name: torch.from_numpy(grid.values[:, at]) for at, site in enumerate(grid.sites)}
    for part in (*what, "logits"):
        assert_close(of[part], through_hooks(model, prompts, [part]), atol=1e-4, rtol=1e-4)
    assert_close(of["whole"], through_hooks(model, prompts, [*what, "logits"]), atol=1e-4, rtol=1e-4)
    assert abs(float(of["key"].mean()) - 3.86) < 0.01
    assert abs(float(of["query"].mean()) - 2.87) < 0.01
    assert abs(float(of["value"].mean())) < 0.01


def test_a_path_past_feed_forward_layers_and_norms():
    """Into the logits: beside a run in which hooks put back every later head, and where asked every feed-forward layer."""
    model, prompts = tiny("gpt2"), [Prompt(*pair, answer=[3], wrong=[4]) for pair in drawn(3, 2, 6)]
    what = [path(heads((0, 1)), "logits"), path(heads((0, 1)), "logits", through="nothing")]
    found, _ = swept(model, prompts, replacement=patch(), what=what)
    blocks = model.transformer.h
    for line, one in enumerate(prompts):
        for asked in what:
            kept, of_other = {}, []
            places = [block.attn.c_proj for block in blocks]
            places += [block.mlp.c_proj for block in blocks] if asked.through == "nothing" else []

            def keep(place, given, kept=kept):
                kept[place] = given[0]

            hooks = [place.register_forward_pre_hook(keep) for place in places]
            with torch.no_grad():
                model(one.text[None])
            for hook in hooks:
                hook.remove()
            hook = blocks[0].attn.c_proj.register_forward_pre_hook(lambda _, given, of=of_other: of.append(given[0]))
            with torch.no_grad():
                model(one.other[None])
            hook.remove()
            source = kept[blocks[0].attn.c_proj].clone()
            source[..., 11:] = of_other[0][..., 11:]
            put_back = kept | {blocks[0].attn.c_proj: source}
            hooks = [
                place.register_forward_pre_hook(lambda place, _, put_back=put_back: (put_back[place],)) for place in places
            ]
            with torch.no_grad():
                logits = model(one.text[None]).logits[0, -1].double()
            for hook in hooks:
                hook.remove()
            assert_close(found[str(asked), line][2], float(logits[3] - logits[4]), atol=1e-4, rtol=1e-4)


# -- what is gone through


def test_positions_layers_and_groups():
    model, prompts = tiny("gpt2"), [Prompt(ids, answer=[3], wrong=[4]) for ids in drawn(3, 6)]
    found, _ = swept(model, prompts, what="positions")
    assert len(found) == 3 * 3 * 6
    assert all(before != after for (site, _), (before, _, after) in found.items() if site == "stream 2 at 5")
    assert all(before == after for (site, _), (before, _, after) in found.items() if site == "stream 2 at 4")
    found, _ = swept(model, prompts, what="layers")
    assert {site for site, _ in found} == {f"{part} {layer}" for part in ("attention", "feed_forward") for layer in range(3)}
    named = {"both": heads((0, 0), (0, 1)), "one layer": layers(0)}
    found, _ = swept(model, prompts, what=named)
    for line in range(3):
        assert_close(found["both", line][2], found["one layer", line][2], atol=5.0, rtol=1.0)  # but for the bias
    spans = [Prompt(one.text, answer=[3], wrong=[4], spans={"a": (line, line + 2)}) for line, one in enumerate(prompts)]
    hidden, _ = swept(model, spans, what=[edges("a"), edges("a", queries=-1)], replacement=hide())
    for line, one in enumerate(spans):
        with torch.no_grad(), regard.intervene(model, {edges(range(line, line + 2)): hide()}):
            logits = model(one.text[None]).logits[0, -1]
        assert_close(hidden["keys a", line][2], float(logits[3] - logits[4]), atol=1e-4, rtol=1e-4)


def test_an_encoder_decoder():
    model = tiny("marian")
    prompts = [Prompt(drawn(5, seed=at), other=drawn(5, seed=9 + at), answer=drawn(3, seed=20 + at)) for at in range(3)]
    for kind, count in (("encoder", 2), ("decoder", 3), ("cross", 3)):
        found, work = swept(model, prompts, ["log_probability"], kind=kind, replacement=patch())
        assert len(found) == count * 2 * 3
        assert work.replays
        for layer in range(count):
            with torch.no_grad(), regard.intervene(model, {heads((layer, 1), kind=kind): zero()}):
                changed = model(
                    prompts[0].text[None], decoder_input_ids=torch.tensor([[0, *prompts[0].answer[:-1].tolist()]])
                ).logits
            truth = changed[0].double().log_softmax(-1).gather(1, prompts[0].answer[:, None]).sum()
            zeroed, _ = swept(model, prompts[:1], ["log_probability"], kind=kind)
            assert_close(zeroed[f"{layer}.1", 0][2], float(truth), atol=1e-3, rtol=1e-4)


def test_tensors_are_prompts_without_their_padding():
    model, ids = tiny("gpt2"), drawn(2, 7)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    found = regard.sweep(model, {"input_ids": ids, "attention_mask": mask}, ["loss"])
    alone = regard.sweep(model, [Prompt(ids[0]), Prompt(ids[1, :4])], ["loss"])
    assert torch.equal(found.differences, alone.differences)
    assert found.differences.shape == (3, 2)
    mine = Measure("mine", lambda seen: seen.logits[:, 0, 3], higher_is_better=True)
    assert regard.sweep(model, ids, mine).measures == ("mine",)
    assert regard.sweep(model, ids, lambda output: output.logits[0, 0, 3]).measured.shape == (3, 2)


# -- what is refused


def test_refused_before_the_model_runs():
    model, one = tiny("gpt2"), Prompt([5, 6, 7], answer=[3], wrong=[4])
    hook = model.register_forward_pre_hook(lambda *_: pytest.fail("it runs"))
    for over, measures, options, said in (
        ([one, Prompt([5, 6])], ["logit_difference"], {}, r"over\[1\].answer: expected one, as logit_difference needs it"),
        ([one], ["kl"], {"replace": patch()}, r"over\[0\].other: expected a partner, as patch\(\) needs its run"),
        ([one], ["kl"], {"what": [heads((0, 0), at="a")]}, r"over\[0\].spans: expected a span 'a'"),
        (
            [one],
            ["kl"],
            {"what": [heads((0, 0), at=3)]},
            r"over\[0\]: expected a text with a place 3, as 0.0 at 3 needs it, got 3 tokens",
        ),
        ([one], ["kl"], {"what": [edges(1)]}, r"replacement: expected hide\(\) at keys 1, got zero"),
        ([one], ["kl"], {"what": "neurons"}, "what: expected one of heads, layers, positions"),
        ([one], ["kl"], {"kind": "cross", "what": [heads((0, 0), kind="decoder")]}, "kind: expected one of self, cross"),
        ([one], ["kl"], {"how": "mean"}, "how: expected replace= for measures of prompts"),
        ([one], len, {"replace": zero()}, "replace: expected measures of prompts"),
        ({"pixel_values": torch.zeros(1)}, ["kl"], {}, r"over: expected prompts, or input_ids .*, got \['pixel_values'\]"),
        ([Prompt([5] * 40)], ["loss"], {}, r"over\[0\]: expected at most 32 tokens, got 40"),
        ([], ["loss"], {}, "over: expected a prompt or more, got none"),
        ([one, Prompt([5])], ["loss"], {}, r"over\[1\]: expected at least two tokens, as loss is of the second on, got one"),
        ([Prompt([5, 6])], [loss("a")], {}, r"over\[0\].spans: expected a span 'a' behind the first token, as loss of a needs"),
        ([Prompt([5, 6], spans={"a": (0, 1)})], [loss("a")], {}, r"as loss of a needs it, got {'a': range\(0, 1\)}"),
        (
            [one, Prompt([5, 6], answer=[3, 7], wrong=[3, 8])],
            ["logit_difference"],
            {},
            r"over\[1\].wrong: expected another first token than the answer's, as logit_difference compares the two, got 3",
        ),
        ([one, Prompt([5, 99])], ["kl"], {}, r"over\[1\].text: expected ids below \d+, the words of the model, got 99"),
        ([Prompt([5, 6], answer=[99])], ["margin"], {}, r"over\[0\].answer: expected ids below \d+"),
        ([one], ["kl"], {"replace": resample([[5, 99]])}, r"reference\[0\]: expected ids below \d+"),
    ):
        with pytest.raises((OptionError, ValueError), match=said):
            regard.sweep(model, over, measures, **options)
    into = path(heads((0, 1), kind="decoder"), into=heads((1, 1), part="key", kind="decoder"))
    with pytest.raises(OptionError, match="into decoder key 1.1: expected a model without an encoder, got MarianMTModel"):
        regard.sweep(tiny("marian"), [Prompt([5, 6], other=[6, 6], answer=[3])], ["kl"], what=[into], replace=patch())
    with pytest.raises(DtypeError, match=r"replace: expected a replacement .*, got zero; write zero\(\)"):
        regard.sweep(model, [one], ["kl"], replace=zero)
    model.transformer.h[1].mlp.train()
    with pytest.raises(OptionError, match=r"got transformer\.h\.1\.mlp in training"):
        regard.sweep(model, [one], ["kl"])
    hook.remove()
    with pytest.raises(OptionError, match=r"3\.0: expected self layers of the model, \[0, 1, 2\], got 3"):
        regard.sweep(model.eval(), [one], ["kl"], what=[heads((3, 0))])
    with pytest.raises(OptionError, match="kind: expected one of self, whose attention ran, got 'cross'"):
        regard.sweep(model, [one], ["kl"], kind="cross")
    with pytest.raises(OptionError, match=r"0\.2: expected heads from 0 to 1 in layer 0, got 2"):
        regard.sweep(model, [one], ["kl"], what=[heads((0, 2))])


def test_an_error_leaves_the_model_as_found():
    model = tiny("gpt2")
    with pytest.raises(ShapeError, match="broadcasts"):
        regard.sweep(model, prompts_of(), ["loss"], replace=put(torch.zeros(3, 5)))
    assert not any("forward" in vars(part) or part._forward_hooks for part in model.modules())
    found = regard.sweep(model, prompts_of(), ["loss"], replace=running_mean())
    assert found.differences.isfinite().all()
