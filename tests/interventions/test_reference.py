"""Means over reference texts: beside sums in plain loops, and texts in any batch."""

import pytest
import torch
from torch.testing import assert_close

import regard
from regard.errors import OptionError
from regard.interventions import Prompt, heads, layers, mean
from support.tiny_models import VOCABULARY, tiny

LENGTHS = (5, 7, 5, 6)


def drawn(*shape, seed=0):
    return torch.randint(3, VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def texts(shared=None):
    made = [drawn(length, seed=30 + at) for at, length in enumerate(LENGTHS)]
    for one in made:
        if shared is not None:
            one[0] = shared
    return made


@torch.no_grad()
def slices(model, ids, layer, part):
    """What a slice of the projection is given, (positions, dim)."""
    kept = []
    hook = model.transformer.h[layer].attn.c_proj.register_forward_pre_hook(lambda _, given: kept.append(given[0][0, :, part]))
    model(ids[None])
    hook.remove()
    return kept[0].double()


@torch.no_grad()
def put_back(model, ids, layer, part, rows):
    """The logits with these rows, {position: row}, in that slice."""

    def change(_, given):
        made = given[0].clone()
        for at, row in rows.items():
            made[0, at, part] = row.to(made)
        return (made,)

    hook = model.transformer.h[layer].attn.c_proj.register_forward_pre_hook(change)
    logits = model(ids[None]).logits
    hook.remove()
    return logits


@pytest.mark.parametrize("by", ["position", "end", "all", "all, replaced", "role"])
@pytest.mark.parametrize("shared", [None, 9])
def test_the_mean_of_a_head_is_that_of_loops(by, shared):
    model, given, part = tiny("gpt2"), texts(shared), slice(11, 22)
    every = [slices(model, one, 1, part) for one in given]
    ids = drawn(6, seed=7)
    spans = [{"a": (1, 3), "b": (2, 4)}] * 4
    rows = {}
    for at in range(6):
        if by == "position":
            found = [one[at] for one in every if at < len(one)]
        elif by == "end":
            found = [one[len(one) - 6 + at] for one in every if len(one) >= 6 - at]
        elif by == "role":
            role = {1: (1,), 2: (2,), 3: (3,)}.get(at)
            found = [row for one in every for s, row in enumerate(one) if (s in role if role else s not in (1, 2, 3))]
        else:
            found = [row for one in every for s, row in enumerate(one) if s > 0 or shared is None]
            if at == 0 and shared is not None and by == "all":
                continue  # it stays
        rows[at] = torch.stack(found).mean(0)
    truth = put_back(model, ids, 1, part, rows)
    prompts = [Prompt(one, spans=span) for one, span in zip(given, spans, strict=True)]
    replacement = mean(
        regard.reference(model, prompts, batch_tokens=11), by.split(",")[0], first="replace" if "," in by else "keep"
    )
    if by == "role":
        measured = regard.sweep(model, [Prompt(ids, spans=spans[0])], ["loss"], what=[heads((1, 1))], replace=replacement)
        chances = truth[0, :-1].double().log_softmax(-1)
        assert_close(float(measured.measured[1, 1]), float(-chances.gather(1, ids[1:, None]).mean()), atol=1e-5, rtol=1e-5)
        return
    with torch.no_grad(), regard.intervene(model, {heads((1, 1)): replacement}):
        assert_close(model(ids[None]).logits, truth, atol=1e-4, rtol=1e-4)


def test_texts_in_any_batch_and_a_sweep_that_makes_its_own():
    model, given = tiny("llama"), texts(9)
    prompts = [Prompt(drawn(6, seed=1)), Prompt(drawn(5, seed=2))]
    one = regard.sweep(model, prompts, ["loss"], replace=mean(given))
    for tokens in (1, 12, 1000):
        made = regard.reference(model, given[::-1], batch_tokens=tokens)
        again = regard.sweep(model, prompts, ["loss"], replace=mean(made))
        assert_close(again.differences, one.differences, atol=1e-5, rtol=1e-5)
    assert one.differences.shape == (3, 6)
    keys = regard.reference(model, given, parts=["key", "stream"])
    for site in (heads((1, 1), part="key"), layers(1, part="stream")):
        found = regard.sweep(model, prompts, ["loss"], what=[site], replace=mean(keys, by="all"))
        assert (found.grid().values != 0).all()


def test_means_that_are_not_known_are_refused():
    model, ids = tiny("gpt2"), drawn(9)
    made = regard.reference(model, texts())
    for site, replacement, said in (
        (heads((1, 1)), mean(made), "reference: expected a text of at least 9 tokens, .*, got at most 7"),
        (
            heads((1, 1), part="key"),
            mean(made, by="all"),
            r"reference: expected means of the key of self layer 1, .*parts=\['key'\]",
        ),
        (heads((1, 1)), mean(texts()), r"mean: expected means in a block, got texts; mean\(regard\.reference"),
    ):
        with pytest.raises(OptionError, match=said), torch.no_grad(), regard.intervene(model, {site: replacement}):
            model(ids[None])
    with torch.no_grad(), regard.intervene(model, {heads((1, 1), at=[0, 6]): mean(made)}):
        model(ids[None])
    with pytest.raises(OptionError, match=r"reference\[1\]\.text: expected ids, got a text and no tokenizer"):
        regard.reference(model, [[3, 4], "no"])
    with pytest.raises(OptionError, match="parts: expected one of output, query, key, value, attention, feed_forward, stream"):
        regard.reference(model, [[3, 4]], parts=["pattern"])
    model.transformer.h[1].mlp.train()
    with pytest.raises(OptionError, match=r"got transformer\.h\.1\.mlp in training"):
        regard.reference(model, [[3, 4]])
