"""Attribution held against runs: exact where all is linear, per prompt, and refused where it says nothing."""

import warnings

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import regard
from regard.errors import OptionError, TooLongError
from regard.interventions import Measure, Prompt, heads, patch, running_mean, scale, zero
from regard.interventions.estimates.attribute import attribute
from support.tiny_models import tiny
from train_induction import AttentionOnly

PROMPTS = [
    Prompt([0, 5, 9, 2, 5], other=[0, 4, 9, 1, 5], answer=[9], wrong=[3], group="a"),
    Prompt([0, 3, 3, 8, 1], other=[0, 2, 3, 7, 1], answer=[2], wrong=[6]),
    Prompt([0, 7, 1], other=[0, 8, 1], answer=[4, 2], wrong=[1]),
]
REPLACEMENTS = {
    "zero": zero(),
    "patch": patch(),
    "denoise": patch(direction="denoise"),
    "mean": running_mean(),
    "half": scale(0.5),
}


def attention_only():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return AttentionOnly(11, 12, 3, 2).double().eval()


@pytest.mark.parametrize("measure", ["logit_difference", "margin"])
@pytest.mark.parametrize("name", REPLACEMENTS)
def test_the_last_layer_of_attention_alone_is_exact(name, measure):
    """For every prompt, whatever stands in place of the head: logits are linear in what the last layer writes."""
    model, replacement = attention_only(), REPLACEMENTS[name]
    found = attribute(model, PROMPTS, measure, replace=replacement)
    run = regard.sweep(model, PROMPTS, measure, what=[heads((1, head)) for head in range(3)], replace=replacement)
    estimated, real = found.grid(), run.grid()
    columns = [estimated.sites.index(site) for site in real.sites]
    assert estimated.places == real.places
    np.testing.assert_allclose(estimated.values[:, columns], real.values, rtol=1e-9, atol=1e-11)
    assert np.abs(real.values).max() > 1e-3


def test_a_frozen_model_has_the_same_estimates():
    model, frozen = tiny("gpt2"), tiny("gpt2").requires_grad_(requires_grad=False)
    one, other = (attribute(each, PROMPTS, "logit_difference", replace=patch()) for each in (model, frozen))
    np.testing.assert_allclose(one.grid().values, other.grid().values, rtol=1e-5, atol=1e-6)
    assert all(part.grad is None for part in model.parameters())


def test_michel_s_importance_is_the_mean_of_sizes_per_prompt():
    """E |Σ z·g| by hand, from hooks on the output projections."""
    model, kept = tiny("gpt2"), {}
    hooks = [
        block.attn.c_proj.register_forward_pre_hook(lambda _, a, at=at: (a[0].retain_grad(), kept.update({at: a[0]}))[0])
        for at, block in enumerate(model.transformer.h)
    ]
    expected = torch.zeros(3, 2)
    for prompt in PROMPTS:
        logits = model(torch.tensor([prompt.text])).logits[0, -1]
        (logits[prompt.answer[0]] - logits[prompt.wrong[0]]).backward()
        for layer, z in kept.items():
            each = (z * z.grad).unflatten(-1, (2, 11)).sum(dim=(0, 1, 3))
            expected[layer] += each.abs().detach() / len(PROMPTS)
    for hook in hooks:
        hook.remove()
    found = regard.interventions.head_importance(attribute(model, PROMPTS, "logit_difference"))
    assert_close(found.float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "marian"])
def test_small_changes_are_estimated_well(name):
    """scale(1 − ε) has an effect of −ε Σ z·g and a rest of ε²: run and estimate, of grouped heads and of a decoder."""
    model, small = tiny(name).double(), scale(1 - 1e-4)
    kind = "decoder" if name == "marian" else None
    prompts = [Prompt([5, 9, 12, 7], answer=[8], wrong=[4]), Prompt([6, 3, 11, 13], answer=[9], wrong=[3])]
    found = attribute(model, prompts, "logit_difference", replace=small, kind=kind)
    run = regard.sweep(model, prompts, "logit_difference", what="heads", replace=small, kind=kind)
    assert [site.name for site in found.sites] == [site.name for site in run.sites]
    np.testing.assert_allclose(found.grid().values, run.grid().values, rtol=0.05, atol=2e-5)


def test_what_is_found_says_that_it_is_an_estimate():
    found = attribute(tiny("gpt2"), PROMPTS, ["logit_difference", "margin"], replace=patch())
    assert found.about["estimated"]
    assert found.about["replacement"] == "patch"
    assert str(found).startswith("GPT2LMHeadModel patch: estimated effects of 6 sites on 3 prompts")
    assert "estimated" in str(found.tests())
    assert found.tests().rows[0].groups == 3


def test_a_part_of_the_positions_and_several_heads_are_sums():
    model = attention_only()
    sites = {"end": heads((1, 0), at=-1), "start": heads((1, 0), at=[0, 1, 2, 3]), "both": heads((1, 0), (1, 2))}
    found = attribute(model, PROMPTS[:2], "margin", what=sites)
    run = regard.sweep(model, PROMPTS[:2], "margin", what=sites, replace=zero())
    np.testing.assert_allclose(found.grid().values, run.grid().values, rtol=1e-9, atol=1e-11)
    with pytest.raises(OptionError, match="what: expected outputs of heads, which estimates are of, got key 1.0"):
        attribute(model, PROMPTS, "margin", what=[heads((1, 0), part="key")])


@pytest.mark.parametrize("name", ["kl", "accuracy", "rank"])
def test_measures_without_a_gradient_are_refused(name):
    with pytest.raises(OptionError, match=f"measures: expected one with a gradient, got '{name}'"):
        attribute(tiny("gpt2"), PROMPTS, name)


def test_a_measure_of_one_s_own_needs_a_gradient():
    with pytest.raises(OptionError, match="got 'mine', which has none"):
        attribute(tiny("gpt2"), PROMPTS, Measure("mine", lambda seen: seen.logits.argmax(-1)[:, 0].double(), True))


def test_a_loss_is_warned_of():
    with pytest.warns(UserWarning, match="a trained model is near its minimum"):
        attribute(tiny("gpt2"), PROMPTS, "loss")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attribute(tiny("gpt2"), PROMPTS, "margin")


def test_bad_input_is_refused_before_the_model_runs():
    model = tiny("gpt2")
    with pytest.raises(OptionError, match=r"over\[1\].other: expected a partner, as patch\(\) needs its run"):
        attribute(model, [PROMPTS[0], Prompt([0, 3, 3, 8, 1], answer=[2], wrong=[6])], "margin", replace=patch())
    with pytest.raises(OptionError, match=r"over\[0\].other: expected as many tokens as the text has, 2, got 1"):
        attribute(model, [Prompt([1, 2], other=[1], answer=[3])], "margin")
    with pytest.raises(TooLongError, match=r"over\[0\]: expected at most 32 tokens, got 33"):
        attribute(model, [Prompt([1] * 33, answer=[3])], "margin")
    with pytest.raises(OptionError, match="in training, where it may drop out"):
        attribute(tiny("gpt2").train(), PROMPTS, "margin")
