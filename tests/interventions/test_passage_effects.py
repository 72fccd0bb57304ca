"""Hiding passages beside their attention: against the eager model under an additive mask; and heads fitted to what it costs."""

import pytest
import torch
import transformers as hf
from torch.testing import assert_close

import regard
from regard.errors import DtypeError, OptionError, ShapeError
from regard.interventions import fit_heads, passage_effects
from regard.interventions.hidden_passages import PassageEffects

SPANS = regard.Spans(("one", "two", "gaps"), (range(1, 4), range(4, 9), [10, 12]))


def model():
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=31, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=11
    )
    made = hf.LlamaForCausalLM(config).eval()
    for parameter in made.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(8)
    return made


def test_effects_are_those_of_a_mask():
    llama, ids = model(), torch.randint(1, 31, (17,), generator=torch.Generator().manual_seed(1))
    found = passage_effects(llama, ids, SPANS, answer=3)
    llama.set_attn_implementation("eager")

    def log_probability(hidden):
        mask = torch.full((17, 17), torch.finfo(torch.float32).min).triu(1)
        mask[:, list(hidden)] = torch.finfo(torch.float32).min
        with torch.no_grad():
            logits = llama(input_ids=ids[None], attention_mask=mask[None, None]).logits[0].double().log_softmax(-1)
        return sum(logits[at - 1, ids[at]] for at in range(14, 17)).item()

    seen = log_probability(())
    for name, places in zip(SPANS.names, SPANS.places, strict=True):
        assert found.effects[name] == pytest.approx(log_probability(places) - seen, abs=2e-4)
    lines = list(found.table())
    assert [line[0] for line in lines[1:]] == list(SPANS.names)
    assert found.agreement("mass") == found.passages.agreement(found.effects, "mass")
    assert "rank correlation with what hiding costs" in str(found)
    assert found.figure(theme="dark").axes


def made(count, weights, noise=0.0, heads=4):
    """Prompts of which hiding costs Σ weight · mass, and something that attention does not say."""
    found = []
    for seed in range(count):
        generator = torch.Generator().manual_seed(seed)
        query, key = (torch.randn(1, heads, 40, 4, generator=generator) * 2 for _ in range(2))
        spans = regard.Spans(tuple("abcde"), tuple(range(7 * at, 7 * at + 7) for at in range(5)))
        seen = regard.passages(regard.AttentionMap(query, key, causal=True), spans, answer=[38, 39])
        costs = torch.tensor(weights, dtype=torch.float64) @ seen.mass[0, :, :5]
        costs += noise * torch.randn(5, generator=generator, dtype=torch.float64)
        found.append(PassageEffects(seen, dict(zip("abcde", (-costs).tolist(), strict=True))))
    return found


def test_a_fit_finds_the_heads_that_count():
    fit = fit_heads(made(24, [0.0, 2.0, 0.0, -1.0]), ridge=0.0)
    assert_close(torch.tensor([*fit.coefficients.values()]), torch.tensor([0.0, 2.0, 0.0, -1.0]), rtol=0, atol=1e-6)
    assert fit.agreement == 1
    assert fit.error == 0
    assert fit.plain < 0.9
    assert (fit.fitted, fit.held_out) == (12, 12)
    scores = fit.scores(made(1, [0.0, 2.0, 0.0, -1.0])[0].passages)
    want = made(1, [0.0, 2.0, 0.0, -1.0])[0].effects
    assert {name: pytest.approx(-cost, abs=1e-6) for name, cost in want.items()} == scores


def test_what_heads_count_makes_the_map_whose_mass_is_the_score():
    fit = fit_heads(made(24, [0.0, 2.0, 0.0, -1.0]))
    amap = regard.AttentionMap(*torch.randn(2, 1, 4, 40, 4, generator=torch.Generator().manual_seed(9)).mul(2), causal=True)
    spans = regard.Spans(tuple("abcde"), tuple(range(7 * at, 7 * at + 7) for at in range(5)))
    rows = regard.Spans(("answer",), ((37, 38),))
    mixed = regard.mixture(amap, fit.coefficients).by(queries=rows, keys=spans).dense()[0, 0, 0]
    scores = fit.scores(regard.passages(amap, spans, answer=[38, 39]))
    assert dict(zip(spans, mixed.tolist(), strict=True)) == {name: pytest.approx(one, abs=1e-5) for name, one in scores.items()}


def test_noise_is_not_taken_for_a_finding():
    """Costs that have nothing to do with attention: what is fitted does not hold on other prompts."""
    fit = fit_heads(made(60, [0.0] * 4, noise=1.0))
    assert abs(fit.agreement) < 3 * fit.error
    assert fit.error > 0.05


def test_what_cannot_be():
    few, llama, ids = made(3, [1.0] * 4), model(), torch.arange(1, 18)
    other = made(1, [1.0] * 2, heads=2)[0].passages
    for error, message, call in (
        (OptionError, "at least 4 prompts", lambda: fit_heads(few)),
        (DtypeError, "what passage_effects gives", lambda: fit_heads([*few, 3])),
        (ShapeError, "prompts of 4 heads each", lambda: fit_heads([*few, *made(2, [1.0] * 2, heads=2)])),
        (OptionError, "in the answer", lambda: passage_effects(llama, ids, regard.Spans(("a",), ([16],)), answer=3)),
        (ShapeError, "one sequence", lambda: passage_effects(llama, torch.ones(2, 5, dtype=torch.long), SPANS, answer=2)),
        (OptionError, "answer", lambda: passage_effects(llama, ids, SPANS, answer=17)),
        (OptionError, "heads that were fitted", lambda: fit_heads(made(6, [1.0] * 4)).scores(other)),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()
