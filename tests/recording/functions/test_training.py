"""Arguments of training and packing, which models hand down to an attention function that does not read them."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    DataCollatorWithFlattening,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    OPTConfig,
    OPTForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

import regard

IDS = torch.tensor([[5, 7, 11, 13, 17, 19, 23], [29, 31, 37, 41, 43, 47, 3]])
TEXT = {"vocab_size": 53, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 6, "intermediate_size": 13}
TEXT |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.5}
GROUPED = TEXT | {"num_key_value_heads": 2, "head_dim": 4}
SEQUENCE = {"vocab_size": 53, "d_model": 24, "pad_token_id": 0, "decoder_start_token_id": 0}
BART = {f"{side}_{what}": size for side in ("encoder", "decoder") for what, size in (("layers", 2), ("ffn_dim", 13))}
BART |= {"encoder_attention_heads": 6, "decoder_attention_heads": 6, "init_std": 0.5}
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**GROUPED)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**GROUPED)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**GROUPED)),
    "mistral": (MistralForCausalLM, MistralConfig(sliding_window=3, **GROUPED)),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig(sliding_window=3, **GROUPED)),
    "gpt2": (GPT2LMHeadModel, GPT2Config(vocab_size=53, n_embd=24, n_layer=2, n_head=6, bos_token_id=1, eos_token_id=2)),
    "gpt-neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**TEXT)),
    "phi3": (Phi3ForCausalLM, Phi3Config(**TEXT)),
    "opt": (OPTForCausalLM, OPTConfig(word_embed_proj_dim=24, ffn_dim=13, **TEXT)),
    "bert": (BertForMaskedLM, BertConfig(**TEXT)),
    "modernbert": (ModernBertForMaskedLM, ModernBertConfig(local_attention=4, **TEXT)),
    "t5": (T5ForConditionalGeneration, T5Config(d_kv=4, d_ff=13, num_layers=2, num_heads=6, **SEQUENCE)),
    "bart": (BartForConditionalGeneration, BartConfig(**BART, **SEQUENCE)),
}
each_model = pytest.mark.parametrize("name", MODELS)


def made(name, attention="sdpa") -> nn.Module:
    kind, config = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            return kind._from_config(config, attn_implementation=attention).eval()
        except ValueError as error:  # T5 is on SDPA since Transformers 5.10
            pytest.skip(str(error))


@each_model
def test_a_step_of_training_is_recorded(name):
    """Trainer hands the number of labels of all its batches to the model, and models hand it down to their attention."""
    gradients = []
    for recorded in (False, True):
        model = made(name).train()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            given = {"input_ids": IDS, "labels": IDS, "num_items_in_batch": torch.tensor(13)}
            if recorded:
                with regard.record(model) as recording:
                    model(**given).loss.backward()
            else:
                model(**given).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert len(recording.maps) == (6 if name in ("t5", "bart") else 2)
    for key, gradient in gradients[0].items():
        assert (gradient is None) == (gradients[1][key] is None)
        assert gradient is None or torch.equal(gradient, gradients[1][key]), key


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@each_model
def test_evaluation_with_it_has_the_maps_of_the_plain_pass(name, attention):
    model = made(name, attention)
    given = {"input_ids": IDS, "labels": IDS}
    with torch.no_grad(), regard.record(model) as plain:
        model(**given)
    with torch.no_grad(), regard.record(model, values=True) as recording:
        model(**given, num_items_in_batch=torch.tensor(13))
    assert len(recording.maps) == len(plain.maps)
    for amap, expected in zip(recording.maps, plain.maps, strict=True):
        assert torch.equal(amap.dense(), expected.dense())
    assert all(call.error <= call.rounding for call in recording.check().calls)
    assert recording.check().worst < 1e-5


ONES_OWN = {
    "ignore_index": -100,
    "my_own": torch.ones(3),
    "softmax_temperature": 2.0,  # of nobody: the function that runs does not look at it
    "seq_idx": torch.zeros(1, 7, dtype=torch.int32),
    "token_type_ids": torch.zeros_like(IDS),
}


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("argument", ONES_OWN)
@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral", "gpt-neox"])
def test_ones_own_arguments_change_nothing(name, argument, attention):
    model = made(name, attention)
    with torch.no_grad(), regard.record(model) as plain:
        model(input_ids=IDS)
    with torch.no_grad(), regard.record(model) as recording:
        model(input_ids=IDS, **{argument: ONES_OWN[argument]})
    for amap, expected in zip(recording.maps, plain.maps, strict=True):
        assert torch.equal(amap.dense(), expected.dense())


@pytest.mark.parametrize("flash_arguments", [False, True])
@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral"])
def test_a_packed_batch_is_each_of_its_texts(name, flash_arguments):
    """SDPA reads position_ids through its mask; cu_seq_lens and max_length, which are for other kernels, not at all."""
    model = made(name)
    texts = [[5, 7, 11], [13, 17, 19, 23, 29], [31, 37]]
    collator = DataCollatorWithFlattening(return_flash_attn_kwargs=flash_arguments, return_seq_idx=flash_arguments)
    packed = collator([{"input_ids": text, "labels": text} for text in texts])
    assert ("cu_seq_lens_q" in packed) == flash_arguments
    with torch.no_grad(), regard.record(model, values=True) as recording:
        model(**packed, use_cache=False)
    assert recording.check().worst < 1e-5
    start = 0
    for text in texts:
        with torch.no_grad(), regard.record(model) as alone:
            model(input_ids=torch.tensor([text]))
        part = slice(start, start + len(text))
        for amap, expected in zip(recording.maps, alone.maps, strict=True):
            assert_close(amap[:, :, part, part], expected.dense(), atol=1e-5, rtol=0)
        start += len(text)
