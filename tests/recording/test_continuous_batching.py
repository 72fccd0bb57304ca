"""``generate_batch``: it runs as always, and each sequence that it returns is recorded in a pass of its own."""

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


def batches(model, **more):
    config = GenerationConfig(**{"max_new_tokens": 3, "do_sample": False, "eos_token_id": EOS, "pad_token_id": PAD} | more)
    options = ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=32, auto_switch_to_flash=False)
    results = model.generate_batch(inputs=PROMPTS, generation_config=config, continuous_batching_config=options)
    return [result.prompt_ids + result.generated_tokens for result in results.values()]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_each_result_is_a_pass_of_the_block(attention):
    model = tiny("llama", attention)
    plain, add_request = batches(model), ContinuousBatchingManager.add_request
    with regard.record(model) as recording:
        assert batches(model) == plain
    assert [len(sequence) for sequence in plain] == [7, 5]
    assert recording.passes == 2
    for step, sequence in enumerate(plain):
        with torch.no_grad(), regard.record(model) as alone:
            model(torch.tensor([sequence]))
        for one, other in zip(recording.at(step).self, alone.self, strict=True):
            assert_close(one.dense(), other.dense(), rtol=0, atol=0)
            assert [line.id for line in one.queries.lines] == [line.id for line in other.queries.lines]
    assert ContinuousBatchingManager.add_request is add_request
    assert "generate_batch" not in vars(model)


def test_each_of_several_sequences_to_a_prompt_is_a_pass():
    model = tiny("llama")
    with regard.record(model) as recording:
        sequences = batches(model, do_sample=True, num_return_sequences=2)
    assert sorted(map(len, sequences)) == [5, 5, 7, 7]
    assert recording.passes == 4
    lines = [recording.at(step).self[0].queries.lines[0].id for step in range(4)]
    assert lines == [tuple(sequence) for sequence in sequences]


def test_on_flash_attention():
    with flash_kernels(mistral()) as model, regard.record(model) as recording:
        batches(model)
    assert recording.passes == 2


def test_heads_that_are_switched_off_are_no_matter_of_a_replay():
    said = "got 2 requests to continuous batching.*one pass over each result"
    model = tiny("llama")
    with pytest.raises(RecordingError, match=said), regard.ablate(model, heads=[(0, 1)]):
        batches(model)


def test_requests_to_a_manager_are_said():
    model = tiny("llama")
    options = ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=32, auto_switch_to_flash=False)
    config = GenerationConfig(max_new_tokens=3, do_sample=False, eos_token_id=EOS, pad_token_id=PAD)
    manager = model.init_continuous_batching(generation_config=config, continuous_batching_config=options)
    with pytest.raises(RecordingError, match="got 1 requests to continuous batching"), regard.record(model):
        manager.add_request(PROMPTS[0])


def test_another_model_is_not_meant():
    model = tiny("bert")
    with regard.record(model) as recording:
        batches(tiny("llama"))
        model(torch.tensor([[3, 5, 7]]))
    assert len(recording.maps) == 3


def test_each_result_is_recorded_in_one_pass():
    """The pass over a result gives what greedy decoding chose."""
    model = tiny("llama")
    for sequence, prompt in zip(batches(model), PROMPTS, strict=True):
        ids = torch.tensor([sequence])
        with torch.no_grad(), regard.record(model) as recording:
            logits = model(ids).logits
        assert logits[0, len(prompt) - 1 : -1].argmax(-1).tolist() == sequence[len(prompt) :]
        eager = tiny("llama", "eager")
        with torch.no_grad():
            assert_close(recording.self[0].dense(), eager(ids, output_attentions=True).attentions[0], atol=1e-5, rtol=0)
