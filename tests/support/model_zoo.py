"""Tiny random models of many classes of Transformers: what ``regard.record`` is held against. Nothing is downloaded.

An entry is a model class with sizes, and inputs. Batch, heads, layers, queries and keys differ wherever a model lets them, and
one sequence is padded wherever a model takes a mask.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import transformers
from torch import Tensor, nn

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Zoo:
    """A model of the zoo: ``make(attn_implementation)`` gives the same weights every time."""

    name: str
    make: Callable[[str], nn.Module]
    inputs: Callable[[], Inputs]


SPECIAL = {"vocab_size": 50, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 64}
ONE_STACK = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "intermediate_size": 16,
}  # fmt: skip
EXPERTS = {
    "moe_intermediate_size": 8, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "n_routed_experts": 4,
    "shared_expert_intermediate_size": 8, "n_group": 1, "topk_group": 1,
}  # fmt: skip
TWO_STACKS = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "decoder_start_token_id": 0,
}  # fmt: skip
T5_STACKS = {
    "d_model": 32, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4, "decoder_start_token_id": 0,
}  # fmt: skip
PICTURE = {"image_size": 12, "patch_size": 4}


def entry(name: str, inputs: Callable[[], Inputs], /, **sizes: object) -> Zoo:
    """The model class of this name; what follows its name after a blank tells two entries of one class apart.

    A size of None is left out: this class has another word for it.
    """
    said = {key: size for key, size in sizes.items() if size is not None}

    def make(attention: str) -> nn.Module:
        kind = getattr(transformers, name.split()[0])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind._from_config(kind.config_class(**said), attn_implementation=attention)
            return spread_out(model).eval()

    return Zoo(name, make, inputs)


def spread_out(model: nn.Module) -> nn.Module:
    """Give a model weights so large that its maps are far from uniform, or nothing would be tested."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
            elif parameter.is_floating_point():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


# -- inputs


def draw(*shape: int, seed: int = 1) -> Tensor:
    """Token ids that are nothing special."""
    return torch.randint(3, 50, shape, generator=torch.Generator().manual_seed(seed))


def numbers(*shape: int, seed: int = 1) -> Tensor:
    """What a picture or a sound is for a random model."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _padded(padding: slice) -> Inputs:
    ids = draw(3, 7)
    mask = torch.ones_like(ids)
    ids[1, padding], mask[1, padding] = 0, 0
    return {"input_ids": ids, "attention_mask": mask}


def padded_right() -> Inputs:
    return _padded(slice(5, 7))


def padded_left() -> Inputs:
    return _padded(slice(0, 2))


def pair() -> Inputs:
    """A source, padded, and five tokens of a target."""
    return padded_right() | {"decoder_input_ids": draw(3, 5, seed=2)}


def picture() -> Inputs:
    return {"pixel_values": numbers(3, 3, 12, 12)}


# -- how most classes are built


def encoder(name: str, /, **sizes: object) -> Zoo:
    return entry(name, padded_right, **SPECIAL | ONE_STACK | sizes)


def decoder(name: str, /, **sizes: object) -> Zoo:
    return entry(name, padded_left, **SPECIAL | ONE_STACK | sizes)


def seq2seq(name: str, /, **sizes: object) -> Zoo:
    return entry(name, pair, **SPECIAL | TWO_STACKS | sizes)


def t5(name: str, /, **sizes: object) -> Zoo:
    return entry(name, pair, **SPECIAL | T5_STACKS | sizes)


def vision(name: str, /, **sizes: object) -> Zoo:
    return entry(name, picture, **ONE_STACK | PICTURE | sizes)
