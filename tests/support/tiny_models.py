"""Tiny random models of the families that Regard records, built from configurations: nothing is downloaded."""

import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
)

import regard

VOCABULARY, PAD, BOS, EOS = 53, 0, 1, 2
NAMES = ("bert", "gpt2", "llama", "marian")
SPECIAL = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}


class Tokenizer:
    """As much of a tokenizer as a recording needs."""

    def convert_ids_to_tokens(self, ids):
        return [f"<{token}>" for token in ids]


def tiny(name: str, attention: str = "sdpa", seed: int = 0) -> PreTrainedModel:
    """A model in evaluation mode; the same seed gives the same weights, whatever computes its attention."""
    given = SPECIAL | {"attn_implementation": attention}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # Weights far larger than usual: the maps of a model must differ from uniform, or nothing is tested.
        match name:
            case "bert":
                sizes = {"hidden_size": 22, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 13}
                model = BertModel(BertConfig(initializer_range=0.5, max_position_embeddings=32, **sizes, **given))
            case "gpt2":
                sizes = {"n_embd": 22, "n_layer": 3, "n_head": 2, "n_positions": 32}
                model = GPT2LMHeadModel(GPT2Config(initializer_range=0.5, **sizes, **given))
            case "llama":
                sizes = {"hidden_size": 24, "num_hidden_layers": 3, "intermediate_size": 13, "max_position_embeddings": 32}
                heads = {"num_attention_heads": 6, "num_key_value_heads": 2}
                model = LlamaForCausalLM(LlamaConfig(initializer_range=0.5, **sizes, **heads, **given))
            case "marian":
                sizes = {"d_model": 22, "max_position_embeddings": 32}
                layers = {"encoder_layers": 2, "decoder_layers": 3, "encoder_ffn_dim": 13, "decoder_ffn_dim": 13}
                heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_start_token_id": PAD}
                config = MarianConfig(init_std=0.7, forced_eos_token_id=None, **sizes, **layers, **heads, **given)
                model = MarianMTModel(config)
        return model.eval()


def tiny_inputs(name: str) -> dict[str, torch.Tensor]:
    """Two sequences of seven tokens, the second padded: on the left for llama, on the right for the others."""
    ids = torch.randint(3, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    padding = slice(0, 3) if name == "llama" else slice(4, 7)
    ids[1, padding], mask[1, padding] = PAD, 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if name == "marian":
        inputs["decoder_input_ids"] = torch.randint(3, VOCABULARY, (2, 5), generator=torch.Generator().manual_seed(2))
    return inputs


def recorded(name, **options):
    """A recording of one pass of a model over its inputs."""
    model = tiny(name)
    with regard.record(model, tokenizer=Tokenizer(), **options) as recording, torch.no_grad():
        model(**tiny_inputs(name))
    return recording
