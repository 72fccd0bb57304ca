"""Tiny models whose attention has windows, softcaps, sinks and cross-attention: what kernels are asked for."""

import torch
from transformers import (
    BartConfig,
    BartModel,
    Gemma2Config,
    Gemma2ForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from support.tiny_models import SPECIAL, VOCABULARY

WINDOW = 3
SIZES = SPECIAL | {
    "hidden_size": 24, "intermediate_size": 13, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
    "head_dim": 4, "max_position_embeddings": 32, "initializer_range": 0.5,
}  # fmt: skip
IDS = torch.randint(3, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(3))
PADDED = {
    "left": [[1] * 7, [0, 0, 0, 1, 1, 1, 1]],
    "right": [[1] * 7, [1, 1, 1, 1, 0, 0, 0]],
    "holes": [[1, 1, 0, 1, 1, 0, 1], [1, 0, 0, 0, 1, 1, 1]],
}


def padding(how):
    return torch.tensor(PADDED[how])


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def mistral():
    return seeded(lambda: MistralForCausalLM(MistralConfig(sliding_window=WINDOW, **SIZES)))


def gemma2():
    options = {"sliding_window": WINDOW, "attn_logit_softcapping": 1.5, "query_pre_attn_scalar": 4}
    return seeded(lambda: Gemma2ForCausalLM(Gemma2Config(**SIZES | options)))


def gpt_oss():
    options = {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": WINDOW, "intermediate_size": 16}
    model = seeded(lambda: GptOssForCausalLM(GptOssConfig(**SIZES | options)))
    generator = torch.Generator().manual_seed(5)
    for layer in model.model.layers:
        layer.self_attn.sinks.data = torch.randn(6, generator=generator)
    return model


def bart():
    sizes = {"d_model": 24, "encoder_ffn_dim": 13, "decoder_ffn_dim": 13, "encoder_layers": 2, "decoder_layers": 2}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "init_std": 0.7}
    return seeded(lambda: BartModel(BartConfig(**SPECIAL, **sizes, **heads)))
