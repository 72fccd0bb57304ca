"""Every head switched off by itself: beside a model where one head is known to matter."""

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

import regard
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.measures import changed_tokens, logit_difference, loss
from regard.recording.ablation import ablate
from regard.recording.sweep import Sweep, sweep
from support.tiny_models import VOCABULARY, tiny, tiny_inputs


def one_head_model(layer=1, head=3):
    """GPT-2 that takes only what one head of one layer says: every other way to the output is 0."""
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=20, n_layer=3, n_head=5, n_positions=16, bos_token_id=1, eos_token_id=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config).eval()
        with torch.no_grad():
            for at, block in enumerate(model.transformer.h):
                block.mlp.c_proj.weight.zero_()
                dim = 4
                keep = torch.zeros(20, 1)
                if at == layer:
                    keep[head * dim : (head + 1) * dim] = 3000.0
                block.attn.c_proj.weight.mul_(keep)
    return model


def test_a_sweep_finds_the_head_that_matters():
    model, ids = one_head_model(), torch.tensor([[5, 9, 7, 3, 8, 6]])
    for measure in (logit_difference(right=4, wrong=11), logit_difference(4, 11, position=2)):
        found = sweep(model, {"input_ids": ids}, measure)
        assert found.measured.shape == (3, 5)
        assert found.strongest() == [(1, 3)]
        others = found.differences.clone()
        assert others[1, 3].abs() > 1e-3
        others[1, 3] = 0
        assert (others == 0).all()
        with torch.no_grad():
            assert found.baseline == measure(model(ids))
    assert found.kind == "self"
    assert sweep(model, {"input_ids": ids, "labels": ids}, loss).strongest() == [(1, 3)]
    text = str(found)
    assert text.splitlines()[0].startswith("self heads, difference to")
    assert len(text.splitlines()) == 5
    regard.heatmap(found.differences)


@pytest.mark.slow
def test_a_sweep_of_generation_counts_changed_tokens():
    model, ids = one_head_model(), torch.tensor([[5, 9, 7, 3]])

    def run(model, inputs):
        return model.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=6, do_sample=False, eos_token_id=None
        )

    found = sweep(model, ids, changed_tokens(run(model, ids)), run=run)
    assert found.baseline == 0
    assert (found.differences != 0).nonzero().tolist() == [[1, 3]]
    marian, inputs = tiny("marian"), tiny_inputs("marian")

    def write(model, inputs):
        return model.generate(inputs["input_ids"], max_new_tokens=6, eos_token_id=None)

    cross = sweep(marian, inputs, changed_tokens(write(marian, inputs)), kind="cross", run=write)
    assert cross.measured.shape == (3, 2)
    assert (cross.differences > 0).any()


def test_a_sweep_by_kind_and_mean():
    model, inputs = tiny("marian"), tiny_inputs("marian")
    measure = logit_difference(5, 6)
    for kind, layers in (("encoder", 2), ("decoder", 3), ("cross", 3)):
        found = sweep(model, inputs, measure, kind=kind, how="mean")
        assert found.measured.shape == (layers, 2)
        with torch.no_grad(), ablate(model, [(1, 1)], kind=kind, how="mean"):
            assert found.measured[1, 1] == measure(model(**inputs))


def test_sweep_refuses():
    model, ids = tiny("gpt2"), torch.tensor([[5, 9, 7]])
    with pytest.raises(OptionError, match="model: expected all of it in evaluation mode, got GPT2LMHeadModel in training"):
        sweep(tiny("gpt2").train(), ids, loss)
    partly = tiny("gpt2")
    partly.transformer.h[1].attn.train()
    with pytest.raises(OptionError, match=r"got transformer\.h\.1\.attn in training.*; call model\.eval\(\)"):
        sweep(partly, ids, loss)
    with pytest.raises(OptionError, match="give the model labels="):
        sweep(model, ids, loss)
    with pytest.raises(DtypeError, match="expected a number from the measure, got Tensor"):
        sweep(model, ids, lambda output: output.logits)
    with pytest.raises(RecordingError, match="expected cross attention, got none in this run"):
        sweep(tiny("marian"), ids, lambda _: 0.0, kind="cross", run=lambda model, inputs: model.get_encoder()(inputs))
    masked = BertForMaskedLM(BertConfig(vocab_size=53, hidden_size=12, num_hidden_layers=2, num_attention_heads=3)).eval()
    assert sweep(masked, ids, logit_difference(1, 2, position=1)).measured.shape == (2, 3)
    with pytest.raises(ShapeError, match="load the model with its head"):
        sweep(tiny("bert"), ids, logit_difference(1, 2))


def test_strongest_heads_and_layers_of_unequal_width():
    found = Sweep("self", 1.0, torch.tensor([[1.5, torch.nan], [-2.0, 1.1]]))
    assert found.strongest(4) == [(1, 0), (0, 0), (1, 1)]
    assert "nan" not in str(found)
