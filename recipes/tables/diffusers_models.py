"""Tiny models of diffusers: UNets, diffusion transformers of pictures, video and sound, autoencoders. A part of table_of_libraries.py."""
# ruff: noqa: E501 - tables of sizes

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import diffusers
import torch
from diffusers.models import attention_processor
from torch import Tensor, nn

from own_runs import Entry

BATCH, WORDS, WIDTH, TIMES = 3, 7, 32, torch.tensor([1, 20, 300])
HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}


def entries() -> list[Entry]:
    return [*unets(), *transformers(), *videos(), *autoencoders()]


def entry(
    name: str, sizes: dict[str, Any], given: Callable[[], dict[str, Any]], then: Callable[[Any], Any] | None = None
) -> Entry:
    """A class of diffusers; what follows its name after a blank tells two entries of one class apart."""

    def make() -> nn.Module:
        model = getattr(diffusers, name.split()[0])(**sizes)
        return model if then is None else then(model)

    return Entry(name, make, lambda model: model(**given(), return_dict=False))


def text(count: int = WORDS, width: int = WIDTH) -> Tensor:
    return torch.randn(BATCH, count, width)


def padding(count: int = WORDS) -> Tensor:
    """Truth values: the second text has two words less."""
    mask = torch.ones(BATCH, count, dtype=torch.bool)
    mask[1, -2:] = False
    return mask


def picture(channels: int = 4, height: int = 8, width: int = 6) -> dict[str, Tensor]:
    return {"hidden_states": torch.randn(BATCH, channels, height, width)}


def film(channels: int = 4, frames: int = 2, height: int = 8, width: int = 6) -> dict[str, Tensor]:
    return {"hidden_states": torch.randn(BATCH, channels, frames, height, width)}


def told(**others: Any) -> dict[str, Any]:
    return {"encoder_hidden_states": text(), "timestep": TIMES, **others}


# -- UNets


def unets() -> list[Entry]:
    sizes = {
        "sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 4, "cross_attention_dim": WIDTH,
        "attention_head_dim": 4, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    times = {"timestep": TIMES, "encoder_hidden_states": text()}

    def sample() -> dict[str, Any]:
        return {"sample": torch.randn(BATCH, 4, 8, 8), **times}

    large = sizes | {
        "addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 6 * 8 + 16,
        "transformer_layers_per_block": (1, 2), "use_linear_projection": True,
    }  # fmt: skip
    added = {"text_embeds": torch.randn(BATCH, 16), "time_ids": torch.rand(BATCH, 6)}

    def processed(processor: object) -> Callable[[Any], Any]:
        def put(model: Any) -> Any:
            model.set_attn_processor(processor)
            return model

        return put

    def sliced(model: Any) -> Any:
        model.set_attention_slice(2)
        return model

    flat = {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 8,
    }
    return [
        entry("UNet2DConditionModel (Stable Diffusion)", sizes, sample),
        entry("UNet2DConditionModel AttnProcessor", sizes, sample, processed(attention_processor.AttnProcessor())),
        entry("UNet2DConditionModel set_attention_slice", sizes, sample, sliced),
        entry("UNet2DConditionModel padded text", sizes, lambda: sample() | {"encoder_attention_mask": padding()}),
        entry("UNet2DConditionModel (SDXL, Kolors)", large, lambda: sample() | {"added_cond_kwargs": added}),
        entry("UNet2DModel", flat | {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")},
              lambda: {"sample": torch.randn(BATCH, 3, 8, 8), "timestep": TIMES}),
        entry("UNetMotionModel", {"block_out_channels": (16, 32), "norm_num_groups": 4, "cross_attention_dim": WIDTH, "num_attention_heads": 2,
              "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"), "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
              "motion_num_attention_heads": 2, "layers_per_block": 1},
              lambda: {"sample": torch.randn(BATCH, 4, 2, 8, 8), **times}),
        entry("UNet3DConditionModel", sizes | {"down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"), "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D")},
              lambda: {"sample": torch.randn(BATCH, 4, 2, 8, 8), **times}),
        entry("ControlNetModel", {"block_out_channels": (16, 32), "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "layers_per_block": 1,
              "norm_num_groups": 4, "cross_attention_dim": WIDTH, "attention_head_dim": 4, "conditioning_embedding_out_channels": (8, 16)},
              lambda: sample() | {"controlnet_cond": torch.randn(BATCH, 3, 16, 16)}),
        entry("PriorTransformer", {**HEADS, "num_layers": 2, "embedding_dim": WIDTH, "num_embeddings": WORDS, "additional_embeddings": 4},
              lambda: picture_of_prior()),
    ]  # fmt: skip


def picture_of_prior() -> dict[str, Any]:
    return {"hidden_states": torch.randn(BATCH, WIDTH), "proj_embedding": torch.randn(BATCH, WIDTH)} | told(
        attention_mask=padding()
    )


# -- transformers


def transformers() -> list[Entry]:
    joint = {**HEADS, "num_layers": 2, "patch_size": 1, "in_channels": 4, "joint_attention_dim": WIDTH}
    flow = {**joint, "num_single_layers": 2, "axes_dims_rope": [4, 4, 8]}
    patches = {"sample_size": 8, "patch_size": 2, "in_channels": 4, "num_layers": 2, **HEADS, "cross_attention_dim": WIDTH}
    names = {"norm_type": "ada_norm_single", "norm_elementwise_affine": False, "num_embeds_ada_norm": 1000, "out_channels": 8}
    lumina = {
        "sample_size": 8,
        "in_channels": 4,
        "hidden_size": 48,
        "num_layers": 2,
        "num_attention_heads": 6,
        "num_kv_heads": 2,
    }
    pooled = {"pooled_projections": torch.randn(BATCH, WIDTH)}

    def stream(axes: int = 3, channels: int = 4, **others: Any) -> dict[str, Any]:
        ids = {"img_ids": torch.rand(12, axes), "txt_ids": torch.rand(WORDS, axes)}
        return {
            "hidden_states": torch.randn(BATCH, 12, channels),
            "encoder_hidden_states": text(),
            "timestep": TIMES / 1000,
            **ids,
            **others,
        }

    sizes = {name: torch.tensor([[64, 48]]).expand(BATCH, 2) for name in ("original_size", "target_size", "crop_coords")}
    hunyuan = {
        "image_meta_size": torch.rand(BATCH, 6), "style": torch.zeros(BATCH, dtype=torch.int64), "text_embedding_mask": padding(4),
        "text_embedding_mask_t5": padding(5), "encoder_hidden_states_t5": text(5), "encoder_hidden_states": text(4),
        "image_rotary_emb": [torch.ones(16, 16), torch.zeros(16, 16)], "timestep": TIMES.float(),
    }  # fmt: skip
    return [
        entry("SD3Transformer2DModel", joint | {"sample_size": 8, "caption_projection_dim": 32, "pooled_projection_dim": WIDTH, "pos_embed_max_size": 12},
              lambda: picture() | told(**pooled)),
        entry("SD3Transformer2DModel dual attention", joint | {"sample_size": 8, "caption_projection_dim": 32, "pooled_projection_dim": WIDTH,
              "pos_embed_max_size": 12, "dual_attention_layers": (0,), "qk_norm": "rms_norm"}, lambda: picture() | told(**pooled)),
        entry("FluxTransformer2DModel", flow | {"pooled_projection_dim": WIDTH}, lambda: stream(**pooled)),
        entry("Flux2Transformer2DModel", {**joint, "num_single_layers": 2, "axes_dims_rope": [4, 4, 4, 4]},
              lambda: stream(4, guidance=torch.ones(BATCH))),
        entry("ChromaTransformer2DModel", flow | {"approximator_num_channels": 8, "approximator_hidden_dim": 16, "approximator_layers": 1}, stream),
        entry("QwenImageTransformer2DModel", {**HEADS, "patch_size": 2, "in_channels": 16, "out_channels": 4, "num_layers": 2,
              "joint_attention_dim": WIDTH, "axes_dims_rope": (8, 4, 4)},
              lambda: {"hidden_states": torch.randn(BATCH, 12, 16), "img_shapes": [(1, 4, 3)] * BATCH,
                       **told(encoder_hidden_states_mask=padding().long())}),
        entry("ZImageTransformer2DModel", {"in_channels": 8, "dim": 48, "n_layers": 2, "n_refiner_layers": 1, "n_heads": 3, "n_kv_heads": 3,
              "cap_feat_dim": WIDTH, "axes_dims": [8, 4, 4], "axes_lens": [256, 32, 32]},
              lambda: {"x": [torch.randn(8, 1, 8, 6), torch.randn(8, 1, 4, 6)], "cap_feats": [torch.randn(7, WIDTH), torch.randn(5, WIDTH)],
                       "t": torch.tensor([0.1, 0.5])}),
        entry("AuraFlowTransformer2DModel", {**HEADS, "sample_size": 8, "in_channels": 4, "num_mmdit_layers": 2, "num_single_dit_layers": 2,
              "joint_attention_dim": WIDTH, "caption_projection_dim": 32, "pos_embed_max_size": 64}, lambda: picture() | told()),
        entry("PixArtTransformer2DModel", patches | names | {"caption_channels": WIDTH, "use_additional_conditions": False},
              lambda: picture(width=8) | told(encoder_attention_mask=padding(), added_cond_kwargs={"aspect_ratio": None, "resolution": None})),
        entry("DiTTransformer2DModel", {key: patches[key] for key in patches if key != "cross_attention_dim"} | {"num_embeds_ada_norm": 8,
              "norm_type": "ada_norm_zero"}, lambda: picture(width=8) | {"timestep": TIMES, "class_labels": torch.tensor([1, 2, 3])}),
        entry("SanaTransformer2DModel", {"patch_size": 1, "in_channels": 4, "out_channels": 4, "num_layers": 2, **HEADS, "caption_channels": WIDTH,
              "num_cross_attention_heads": 2, "cross_attention_head_dim": 16, "cross_attention_dim": 32, "sample_size": 8},
              lambda: picture() | told(encoder_attention_mask=padding())),
        entry("HunyuanDiT2DModel", {key: patches[key] for key in patches} | {"hidden_size": 32, "cross_attention_dim_t5": WIDTH,
              "pooled_projection_dim": 4, "text_len": 4, "text_len_t5": 5, "activation_fn": "gelu-approximate"}, lambda: picture(width=8) | hunyuan),
        entry("LuminaNextDiT2DModel", lumina | {"cross_attention_dim": WIDTH, "multiple_of": 16},
              lambda: picture() | told(encoder_mask=padding().float(), image_rotary_emb=torch.randn(384, 384, 4), cross_attention_kwargs={})),
        entry("Lumina2Transformer2DModel", lumina | {"num_refiner_layers": 1, "multiple_of": 2, "axes_dim_rope": (4, 2, 2),
              "axes_lens": (128, 128, 128), "cap_feat_dim": WIDTH}, lambda: picture() | told(encoder_attention_mask=padding())),
        entry("CogView4Transformer2DModel", {**HEADS, "patch_size": 2, "in_channels": 4, "num_layers": 2, "out_channels": 4,
              "text_embed_dim": WIDTH, "time_embed_dim": 8, "condition_dim": 4}, lambda: picture() | told(**sizes)),
        entry("HiDreamImageTransformer2DModel", {**HEADS, "patch_size": 2, "in_channels": 4, "out_channels": 4, "num_layers": 1, "num_single_layers": 1,
              "caption_channels": [8, 4], "text_emb_dim": 8, "num_routed_experts": 2, "num_activated_experts": 2, "axes_dims_rope": (8, 4, 4),
              "max_resolution": (8, 8), "llama_layers": (0, 1), "force_inference_output": True},
              lambda: picture(width=8) | {"encoder_hidden_states_t5": text(5, 8), "encoder_hidden_states_llama3": torch.randn(2, BATCH, 5, 4),
                                          "pooled_embeds": torch.randn(BATCH, 8), "timesteps": TIMES}),
    ]  # fmt: skip


def videos() -> list[Entry]:
    sizes = {**HEADS, "in_channels": 4, "out_channels": 4, "num_layers": 2}
    scene = {"sample_width": 6, "sample_height": 8, "sample_frames": 8}
    return [
        entry("WanTransformer3DModel", sizes | {"attention_head_dim": 12, "patch_size": (1, 2, 2), "text_dim": WIDTH, "freq_dim": 64, "ffn_dim": 32,
              "rope_max_seq_len": 32}, lambda: film() | told()),
        entry("WanTransformer3DModel picture to video", sizes | {"attention_head_dim": 12, "patch_size": (1, 2, 2), "text_dim": WIDTH, "freq_dim": 64,
              "ffn_dim": 32, "rope_max_seq_len": 32, "image_dim": 16, "added_kv_proj_dim": 24},
              lambda: film() | told(encoder_hidden_states=text(512), encoder_hidden_states_image=text(5, 16))),
        entry("CogVideoXTransformer3DModel", sizes | scene | {"time_embed_dim": 8, "text_embed_dim": WIDTH, "patch_size": 2, "temporal_compression_ratio": 4,
              "max_text_seq_length": WORDS}, lambda: {"hidden_states": torch.randn(BATCH, 2, 4, 8, 6), **told()}),
        entry("LTXVideoTransformer3DModel", sizes | {"cross_attention_dim": 32, "caption_channels": WIDTH},
              lambda: {"hidden_states": torch.randn(BATCH, 24, 4), "num_frames": 2, "height": 4, "width": 3, **told(encoder_attention_mask=padding())}),
        entry("MochiTransformer3DModel", sizes | {"out_channels": None, "patch_size": 2, "pooled_projection_dim": 16, "text_embed_dim": WIDTH,
              "time_embed_dim": 4, "max_sequence_length": WORDS}, lambda: film() | told(encoder_attention_mask=padding())),
        entry("HunyuanVideoTransformer3DModel", sizes | {"num_single_layers": 2, "num_refiner_layers": 1, "patch_size": 2, "patch_size_t": 1,
              "guidance_embeds": False, "text_embed_dim": WIDTH, "pooled_projection_dim": 8, "rope_axes_dim": (4, 6, 6)},
              lambda: film() | told(encoder_attention_mask=padding(), pooled_projections=torch.randn(BATCH, 8))),
        entry("AllegroTransformer3DModel", sizes | scene | {"cross_attention_dim": 32, "caption_channels": WIDTH, "patch_size": 2},
              lambda: film() | told()),
        entry("LatteTransformer3DModel", sizes | {"sample_size": 8, "video_length": 2, "patch_size": 2, "cross_attention_dim": 32, "caption_channels": WIDTH,
              "norm_type": "ada_norm_single", "norm_elementwise_affine": False, "num_embeds_ada_norm": 1000, "activation_fn": "gelu-approximate"},
              lambda: film(width=8) | told(enable_temporal_attentions=True)),
        entry("StableAudioDiTModel", {**HEADS, "sample_size": 9, "in_channels": 4, "out_channels": 4, "num_layers": 2, "num_key_value_attention_heads": 1,
              "cross_attention_dim": WIDTH, "cross_attention_input_dim": WIDTH, "global_states_input_dim": 8, "time_proj_dim": 8},
              lambda: {"hidden_states": torch.randn(BATCH, 4, 9), **told(timestep=TIMES / 1000, global_hidden_states=torch.randn(BATCH, 1, 8))}),
    ]  # fmt: skip


def autoencoders() -> list[Entry]:
    sizes = {"block_out_channels": (8, 16), "norm_num_groups": 4, "latent_channels": 4, "layers_per_block": 1}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}

    def sample(*shape: int) -> Callable[[], dict[str, Any]]:
        return lambda: {"sample": torch.randn(BATCH, *shape)}

    return [
        entry("AutoencoderKL", sizes | blocks, sample(3, 12, 16)),
        entry("AutoencoderKLWan", {"base_dim": 8, "z_dim": 4, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1,
              "latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}, sample(3, 5, 16, 16)),
        entry("AutoencoderKLQwenImage", {"base_dim": 8, "z_dim": 4, "dim_mult": [1, 2, 2, 2], "num_res_blocks": 1,
              "latents_mean": [0.0] * 4, "latents_std": [1.0] * 4}, sample(3, 1, 16, 16)),
        entry("AutoencoderKLHunyuanVideo", {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4, "latent_channels": 4,
              "down_block_types": ("HunyuanVideoDownBlock3D",) * 4, "up_block_types": ("HunyuanVideoUpBlock3D",) * 4}, sample(3, 5, 16, 16)),
        entry("AutoencoderDC", {"latent_channels": 4, "attention_head_dim": 4, "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
              "decoder_block_types": ("ResBlock", "EfficientViTBlock"), "encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8),
              "encoder_qkv_multiscales": ((), (5,)), "decoder_qkv_multiscales": ((), (5,)), "encoder_layers_per_block": (1, 1),
              "decoder_layers_per_block": (1, 1), "upsample_block_type": "interpolate", "downsample_block_type": "stride_conv",
              "decoder_norm_types": "rms_norm", "decoder_act_fns": "silu"}, sample(3, 16, 16)),
        entry("VQModel", sizes | blocks, sample(3, 12, 16)),
        Entry("ConsistencyDecoderVAE", partial(diffusers.AutoencoderKL), lambda _: None, "its sizes are fixed: 600 million parameters"),
    ]  # fmt: skip
