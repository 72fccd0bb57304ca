"""Head patches and heads at zero as TransformerLens has them, around the same weights; where that is installed."""

import copy

import pytest
import torch
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel

import regard
from regard.interventions import Prompt, patch

PROMPTS, TOKENS, WORDS = 3, 9, 61


@pytest.fixture(scope="module")
def bridged():
    pytest.importorskip("transformer_lens")
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    sizes = {"vocab_size": WORDS, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 16, "initializer_range": 0.4}
    config = GPT2Config(bos_token_id=None, eos_token_id=None, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config).eval()
        drawn = torch.randint(1, WORDS, (2, PROMPTS, TOKENS))
        right, wrong = torch.randint(WORDS, (2, PROMPTS))
    return (
        model,
        build_bridge_from_module(copy.deepcopy(model), "GPT2LMHeadModel", hf_config=config).eval(),
        drawn,
        right,
        wrong,
    )


def differences(logits, right, wrong):
    rows = torch.arange(PROMPTS)
    return (logits[rows, -1, right] - logits[rows, -1, wrong]).double()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["patched", "zero"])
@torch.no_grad()
def test_each_head_of_each_layer(bridged, how):
    model, bridge, (ids, others), right, wrong = bridged
    _, cache = bridge.run_with_cache(others)
    pairs = zip(ids, others, right.tolist(), wrong.tolist(), strict=True)
    prompts = [Prompt(text, other, answer=[right], wrong=[wrong]) for text, other, right, wrong in pairs]
    found = regard.sweep(model, prompts, ["logit_difference"], replace=patch() if how == "patched" else None)
    before = differences(bridge(ids), right, wrong)
    for layer in range(3):
        for head in range(4):
            name = f"blocks.{layer}.attn.hook_z"

            def change(z, hook, head=head, name=name):  # noqa: ARG001 - as they are called
                z = z.clone()
                z[:, :, head] = cache[name][:, :, head] if how == "patched" else 0
                return z

            after = differences(bridge.run_with_hooks(ids, fwd_hooks=[(name, change)]), right, wrong)
            assert_close(float(found.differences[layer, head]), float((after - before).mean()), atol=2e-5, rtol=1e-4)
