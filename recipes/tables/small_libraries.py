"""Tiny models of torchvision, open_clip, sentence-transformers, x-transformers and peft. A part of table_of_libraries.py."""
# ruff: noqa: E501 - tables of sizes

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

from own_runs import Entry

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *["a", "cat", "dog", "sat", "on", "the", "mat", "and", "it", "slept", "there"],
]
TEXTS = ["the cat sat on the mat", "a dog slept", "it sat there and slept on the mat"]
ONE_STACK = {"hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}


def pictures(size: int = 32) -> Tensor:
    return torch.randn(3, 3, size, size)


def ids(count: int = 7, batch: int = 3) -> Tensor:
    return torch.randint(5, 50, (batch, count))


# -- torchvision


def of_torchvision() -> list[Entry]:
    from torchvision.models.maxvit import MaxVit
    from torchvision.models.swin_transformer import SwinTransformer, SwinTransformerBlock, SwinTransformerBlockV2
    from torchvision.models.vision_transformer import VisionTransformer

    stages = {"patch_size": [2, 2], "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": [4, 4]}
    blocks = {"stem_channels": 16, "partition_size": 4, "block_channels": [16, 32], "block_layers": [1, 1], "head_dim": 8}
    see: Callable[[Any], object] = lambda model: model(pictures())  # noqa: E731
    return [
        Entry("VisionTransformer", lambda: VisionTransformer(32, 8, 2, 4, 32, 16), see),
        Entry("SwinTransformer", lambda: SwinTransformer(**stages, block=SwinTransformerBlock), see),
        Entry("SwinTransformer v2", lambda: SwinTransformer(**stages, block=SwinTransformerBlockV2), see),
        Entry("MaxVit", lambda: MaxVit((32, 32), **blocks, stochastic_depth_prob=0.0), see),
    ]


# -- open_clip


def of_open_clip() -> list[Entry]:
    from open_clip.coca_model import CoCa
    from open_clip.model import CLIP, CustomTextCLIP

    seen = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 8}
    read = {"context_length": 9, "vocab_size": 50, "width": 24, "heads": 3, "layers": 2}
    told = {"width": 24, "heads": 3, "layers": 2, "context_length": 9, "vocab_size": 50}
    attends = {"attentional_pool": True, "attn_pooler_heads": 4, "attn_pooler_queries": 6}

    def both(model: Any) -> object:
        return model(pictures(), ids(9))

    return [
        Entry("CLIP", lambda: CLIP(16, seen, read), both),
        Entry("CLIP encode_image", lambda: CLIP(16, seen, read), lambda model: model.encode_image(pictures())),
        Entry("CLIP encode_text", lambda: CLIP(16, seen, read), lambda model: model.encode_text(ids(9))),
        Entry("CLIP ResNet", lambda: CLIP(16, seen | {"layers": (1, 1, 1, 1), "width": 8, "patch_size": None}, read), both),
        Entry("CustomTextCLIP attentional pooling", lambda: CustomTextCLIP(16, seen | attends, read), both),
        Entry("CustomTextCLIP without causal mask", lambda: CustomTextCLIP(16, seen, read | {"no_causal_mask": True}), both),
        Entry("CustomTextCLIP timm tower", lambda: CustomTextCLIP(16, {"image_size": 224, "timm_model_name": "vit_tiny_patch16_224",
              "timm_pool": "map", "timm_proj": "", "timm_model_pretrained": False}, read), lambda model: model(pictures(224), ids(9))),
        Entry("CoCa", lambda: CoCa(24, told, read | {"embed_cls": True, "output_tokens": True}, seen | attends | {"width": 24, "attn_pooler_heads": 3, "attentional_pool": "parallel", "output_tokens": True}), both),
    ]  # fmt: skip


# -- sentence-transformers


def of_sentence_transformers() -> list[Entry]:
    from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder

    def encoded(model: Any) -> object:
        return model.encode(TEXTS, convert_to_tensor=True)

    return [
        Entry("SentenceTransformer", partial(on_disk, SentenceTransformer), encoded),
        Entry("SentenceTransformer prompt", partial(on_disk, SentenceTransformer),
              lambda model: model.encode(TEXTS, prompt="the dog", convert_to_tensor=True)),
        Entry("SparseEncoder", partial(on_disk, SparseEncoder),
              lambda model: model.encode(TEXTS, convert_to_tensor=True, convert_to_sparse_tensor=False)),
        Entry("CrossEncoder", partial(on_disk, CrossEncoder),
              lambda model: model.predict([(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[1])], convert_to_tensor=True)),
    ]  # fmt: skip


def on_disk(kind: Callable[..., nn.Module]) -> nn.Module:
    """A model of this class around a tiny BERT with a tokenizer of fifteen words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertForMaskedLM, BertForSequenceClassification, BertTokenizerFast

    names = {"SparseEncoder": BertForMaskedLM, "CrossEncoder": BertForSequenceClassification}
    with tempfile.TemporaryDirectory() as folder:
        config = BertConfig(**ONE_STACK, max_position_embeddings=64, num_labels=1)
        names.get(kind.__name__, BertModel)(config).save_pretrained(folder)
        made = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        BertTokenizerFast(tokenizer_object=made).save_pretrained(folder)
        return kind(folder, device="cpu")


# -- x-transformers


def of_x_transformers() -> list[Entry]:
    from x_transformers import Decoder, Encoder, TransformerWrapper, ViTransformerWrapper, XTransformer

    def reading(name: str, kind: type = Decoder, *, mask: bool = False, **options: Any) -> Entry:
        def make() -> nn.Module:
            layers = kind(dim=32, depth=2, heads=4, attn_dim_head=8, **options)
            return TransformerWrapper(num_tokens=50, max_seq_len=16, attn_layers=layers)

        kept = torch.tensor([7, 5, 7])[:, None] > torch.arange(7)
        return Entry(name, make, lambda model: model(ids(), **({"mask": kept} if mask else {})))

    def pair(**options: Any) -> Callable[[], nn.Module]:
        sizes = {f"{side}_{name}": value for side in ("enc", "dec") for name, value in
                 {"num_tokens": 50, "depth": 2, "heads": 4, "max_seq_len": 16, **options}.items()}  # fmt: skip
        return lambda: XTransformer(dim=32, **sizes)

    fused = {"attn_flash": True}
    return [
        *[reading(f"Decoder{said}", **more) for said, more in (("", {}), (" flash", fused))],
        *[reading(f"Encoder{said} padded", Encoder, mask=True, **more) for said, more in (("", {}), (" flash", fused))],
        *[reading(f"Decoder flash {name}", **fused, **{name: True}) for name in ("rotary_pos_emb", "alibi_pos_bias", "attn_qk_norm")],
        *[reading(f"Decoder {name}", **{name: value}) for name, value in {
            "rotary_pos_emb": True, "alibi_pos_bias": True, "rel_pos_bias": True, "dynamic_pos_bias": True, "attn_qk_norm": True,
            "attn_num_mem_kv": 3, "attn_one_kv_head": True, "attn_kv_heads": 2, "attn_softclamp_logits": True,
            "attn_sparse_topk": 3, "attn_pre_talking_heads": True, "attn_post_talking_heads": True, "attn_max_attend_past": 3, "attn_on_attn": True, "attn_gate_values": True,
            "attn_head_scale": True, "attn_value_rmsnorm": True, "attn_selective": True, "attn_cog_signed": True,
            "attn_sigmoid": True, "attn_hard": True, "attn_add_zero_kv": True, "sandwich_norm": True, "macaron": True,
            "attn_l2_distance": True, "attn_laser": True, "attn_data_dependent_alibi": True, "attn_head_learned_sink": True,
            "attn_gumbel_softmax": True, "attn_use_cope": True, "attn_inverted_attention": True, "attn_value_dim_head": 16,
        }.items()],
        Entry("XTransformer", pair(), lambda model: model(ids(), ids(5), mask=torch.ones(3, 7, dtype=torch.bool))),
        Entry("XTransformer flash", pair(attn_flash=True), lambda model: model(ids(), ids(5), mask=torch.ones(3, 7, dtype=torch.bool))),
        Entry("ViTransformerWrapper", lambda: ViTransformerWrapper(image_size=32, patch_size=8, attn_layers=Encoder(dim=32, depth=2, heads=4)),
              lambda model: model(pictures())),
    ]  # fmt: skip


# -- peft


def of_peft() -> list[Entry]:
    import peft

    sizes = ONE_STACK | {"max_position_embeddings": 64}
    makes: dict[str, tuple[Callable[[], nn.Module], str, list[str]]] = {
        "Llama": (lambda: LlamaForCausalLM(LlamaConfig(**sizes, num_key_value_heads=2)), "CAUSAL_LM", ["q_proj", "v_proj"]),
        "BERT": (lambda: BertModel(BertConfig(**sizes)), "FEATURE_EXTRACTION", ["query", "value"]),
        "T5": (lambda: T5ForConditionalGeneration(T5Config(vocab_size=50, d_model=32, d_kv=8, d_ff=16, num_layers=2, num_heads=4,
               decoder_start_token_id=0)), "SEQ_2_SEQ_LM", ["q", "v"]),
    }  # fmt: skip
    ways: dict[str, Callable[[str, list[str]], Any]] = {
        "LoRA": lambda task, where: peft.LoraConfig(task_type=task, target_modules=where, init_lora_weights=False),
        "DoRA": lambda task, where: peft.LoraConfig(
            task_type=task, target_modules=where, use_dora=True, init_lora_weights=False
        ),
        "IA3": lambda task, where: peft.IA3Config(
            task_type=task, target_modules=where, feedforward_modules=[], init_ia3_weights=False
        ),
        "prompt tuning": lambda task, _: peft.PromptTuningConfig(task_type=task, num_virtual_tokens=3),
        "p-tuning": lambda task, _: peft.PromptEncoderConfig(task_type=task, num_virtual_tokens=3, encoder_hidden_size=8),
        "prefix tuning": lambda task, _: peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=3),
        "adaption prompt": lambda task, _: peft.AdaptionPromptConfig(task_type=task, adapter_len=4, adapter_layers=1),
        "OFT": lambda task, where: peft.OFTConfig(
            task_type=task, target_modules=where, r=0, oft_block_size=8, init_weights=False
        ),
        "VeRA": lambda task, where: peft.VeraConfig(task_type=task, target_modules=where[:1], r=4, init_weights=False),
        "AdaLoRA": lambda task, where: peft.AdaLoraConfig(
            task_type=task, target_modules=where, total_step=10, init_r=4, target_r=2
        ),
    }

    def read(model: Any) -> object:
        given = {"input_ids": ids(), "attention_mask": (torch.tensor([7, 5, 7])[:, None] > torch.arange(7)).long()}
        return model(**given, **({"decoder_input_ids": ids(5)} if "T5" in type(model.get_base_model()).__name__ else {}))

    found = []
    for base, (make, task, where) in makes.items():
        for way, config in ways.items():
            if way == "adaption prompt" and base != "Llama":
                continue
            build = lambda make=make, task=task, where=where, config=config: peft.get_peft_model(make(), config(task, where))  # noqa: E731
            found.append(Entry(f"{base}, {way}", build, read))
    return found


def entries() -> list[Entry]:
    return [*of_torchvision(), *of_open_clip(), *of_sentence_transformers(), *of_x_transformers(), *of_peft()]
