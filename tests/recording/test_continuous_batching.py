"""``generate_batch``: said inside a block, and recorded request by request after it."""

import pytest
import torch
from torch.testing import assert_close
from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.generation.continuous_batching.continuous_api import ContinuousBatchingManager

import regard
from regard.errors import RecordingError
from support.flash_stand_in import flash_kernels
from support.kernel_models import mistral
from support.tiny_models import EOS, PAD, tiny

PROMPTS = [[5, 6, 7, 8], [9, 10]]


def batches(model):
    config = GenerationConfig(max_new_tokens=3, do_sample=False, eos_token_id=EOS, pad_token_id=PAD)
    options = ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=32, auto_switch_to_flash=False)
    results = model.generate_batch(inputs=PROMPTS, generation_config=config, continuous_batching_config=options)
    return [result.prompt_ids + result.generated_tokens for result in results.values()]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_results_are_those_without_a_block_and_one_error_says_what_to_do(attention):
    model = tiny("llama", attention)
    plain, found = batches(model), []
    add_request = ContinuousBatchingManager.add_request
    said = "got 2 requests to continuous batching.*generate_batch outside of the block"
    with pytest.raises(RecordingError, match=said), regard.record(model):
        found += batches(model)
    assert found == plain
    assert [len(sequence) for sequence in plain] == [7, 5]
    assert ContinuousBatchingManager.add_request is add_request


def test_on_flash_attention():
    said = pytest.raises(RecordingError, match="2 requests to continuous batching")
    with flash_kernels(mistral()) as model, said, regard.record(model):
        batches(model)


def test_another_model_is_not_meant():
    model = tiny("bert")
    with regard.record(model) as recording:
        batches(tiny("llama"))
        model(torch.tensor([[3, 5, 7]]))
    assert len(recording.maps) == 3


def test_each_result_is_recorded_in_one_pass():
    """As the error says: the pass over a result gives what greedy decoding chose."""
    model = tiny("llama")
    for sequence, prompt in zip(batches(model), PROMPTS, strict=True):
        ids = torch.tensor([sequence])
        with torch.no_grad(), regard.record(model) as recording:
            logits = model(ids).logits
        assert logits[0, len(prompt) - 1 : -1].argmax(-1).tolist() == sequence[len(prompt) :]
        eager = tiny("llama", "eager")
        with torch.no_grad():
            assert_close(recording.self[0].dense(), eager(ids, output_attentions=True).attentions[0], atol=1e-5, rtol=0)
