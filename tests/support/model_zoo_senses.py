"""Models of the zoo for pictures, sound, and several senses at once, that call Transformers' attention interface."""

import torch

from support.model_zoo import (
    ONE_STACK,
    PICTURE,
    SPECIAL,
    TWO_STACKS,
    Inputs,
    draw,
    entry,
    numbers,
    padded_left,
    padded_right,
    pair,
    picture,
    vision,
)

SOUND = {
    "conv_dim": [8, 8],
    "conv_kernel": [5, 3],
    "conv_stride": [3, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
SOUND |= {"vocab_size": 32, "mask_time_prob": 0.0}
CLIP = {"text_config": SPECIAL | ONE_STACK, "vision_config": ONE_STACK | PICTURE, "projection_dim": 12}
TEXT = SPECIAL | ONE_STACK


def large_picture() -> Inputs:
    return {"pixel_values": numbers(3, 3, 24, 24)}


def video() -> Inputs:
    return {"pixel_values": numbers(3, 2, 3, 12, 12)}


def sound() -> Inputs:
    """Three waves, one shorter than the others."""
    mask = torch.ones(3, 50, dtype=torch.long)
    mask[1, 38:] = 0
    return {"input_values": numbers(3, 50), "attention_mask": mask}


def spectrum() -> Inputs:
    """Spectra for an encoder, five tokens for a decoder."""
    return {"input_features": numbers(3, 8, 20), "decoder_input_ids": draw(3, 5)}


def frames() -> Inputs:
    mask = torch.ones(3, 20, dtype=torch.long)
    mask[1, 12:] = 0
    return {"input_features": numbers(3, 20, 8), "attention_mask": mask, "decoder_input_ids": draw(3, 5)}


def frames_only() -> Inputs:
    return {name: value for name, value in frames().items() if "decoder" not in name}


def speech() -> Inputs:
    """What a SpeechT5 without its ends takes: features for an encoder and for a decoder."""
    return {"input_values": numbers(3, 7, 32), "decoder_input_values": numbers(3, 5, 32)}


def waves() -> Inputs:
    return {"input_values": numbers(3, 2000), "decoder_input_ids": draw(3, 5)}


def trajectory() -> Inputs:
    steps = torch.arange(4).expand(3, 4)
    rewards = {"rewards": numbers(3, 4, 1), "returns_to_go": numbers(3, 4, 1, seed=2)}
    return rewards | {"states": numbers(3, 4, 3), "actions": numbers(3, 4, 2), "timesteps": steps}


def with_tiles() -> Inputs:
    """A text that looks at nine places of a picture, not all of them from everywhere."""
    hidden = torch.zeros(3, 1, 7, 9).masked_fill(numbers(3, 1, 7, 9) > 0.8, torch.finfo(torch.float32).min)
    return padded_right() | {"cross_attention_states": numbers(3, 9, 32), "cross_attention_mask": hidden}


def captioned() -> Inputs:
    return padded_right() | picture()


def with_picture(token: int, places: int, **more: torch.Tensor):
    """A text in which a picture stands for some tokens."""

    def inputs() -> Inputs:
        given = padded_left() | picture()
        given["input_ids"] = torch.cat([torch.full((3, places), token), given["input_ids"]], 1)
        given["attention_mask"] = torch.cat([torch.ones(3, places, dtype=torch.long), given["attention_mask"]], 1)
        return given | more

    return inputs


VISION = [
    vision("ViTModel"),
    vision("DeiTModel"),
    vision("Dinov2Model", mlp_ratio=1),
    vision("Dinov2WithRegistersModel", mlp_ratio=1, num_register_tokens=2),
    vision("DINOv3ViTModel", num_register_tokens=2),
    vision("BeitModel", use_relative_position_bias=True),
    vision("Data2VecVisionModel", use_relative_position_bias=True),
    entry(
        "SwinModel", large_picture, **PICTURE | {"image_size": 24}, embed_dim=16, depths=[2, 1], num_heads=[2, 4], window_size=3
    ),
    entry(
        "ViTMAEModel",
        lambda: picture() | {"noise": numbers(3, 9)},
        **ONE_STACK | PICTURE,
        mask_ratio=0.3,
        decoder_hidden_size=16,
    ),
    vision("ViTMSNModel"),
    vision("YolosModel", image_size=[12, 12], num_detection_tokens=3),
    vision("IJepaModel"),
    vision("Aimv2VisionModel"),
    vision("CLIPVisionModel"),
    vision("SiglipVisionModel"),
    vision("BlipVisionModel"),
    vision("PixtralVisionModel"),
    entry("VideoMAEModel", video, **ONE_STACK | PICTURE, num_frames=2, tubelet_size=2),
    entry("VivitModel", video, **ONE_STACK | PICTURE, num_frames=2, tubelet_size=[2, 4, 4]),
    entry("TimesformerModel", video, **ONE_STACK | PICTURE, num_frames=2),
]

SOUNDS = [
    entry("Wav2Vec2Model", sound, **ONE_STACK | SOUND),
    entry("HubertModel", sound, **ONE_STACK | SOUND),
    entry("UniSpeechModel", sound, **ONE_STACK | SOUND),
    entry("UniSpeechSatModel", sound, **ONE_STACK | SOUND),
    entry("SEWModel", sound, **ONE_STACK | SOUND, squeeze_factor=1),
    entry("Data2VecAudioModel", sound, **ONE_STACK | SOUND, conv_pos_kernel_size=3),
    entry("WhisperModel", spectrum, **SPECIAL | TWO_STACKS, num_mel_bins=8, max_source_positions=10, max_target_positions=16),
    entry("Speech2TextModel", frames, **SPECIAL | TWO_STACKS, input_feat_per_channel=8, conv_channels=16),
]

SEVERAL = [
    entry("CLIPTextModel", padded_right, **TEXT),
    entry("CLIPModel", captioned, **CLIP),
    entry("SiglipModel", captioned, **CLIP),
    entry(
        "Blip2QFormerModel",
        lambda: {"query_embeds": numbers(3, 5, 32), "encoder_hidden_states": numbers(3, 7, 24)},
        **ONE_STACK,
        encoder_hidden_size=24,
    ),
    entry(
        "LlavaModel",
        with_picture(49, 9),
        text_config=TEXT | {"model_type": "llama"},
        vision_config=ONE_STACK | PICTURE | {"model_type": "clip_vision_model"},
        image_token_id=49,
    ),
]

MORE = [
    vision("AltCLIPVisionModel"),
    vision("ChineseCLIPVisionModel"),
    vision("MetaClip2VisionModel"),
    vision("DPTModel", is_hybrid=False, backbone_out_indices=[0, 1], neck_hidden_sizes=[8, 8], reassemble_factors=[1, 1]),
    vision("MLCDVisionModel"),
    vision("InternVLVisionModel", image_size=[12, 12], patch_size=[4, 4]),
    vision("Idefics3VisionTransformer"),
    vision("SmolVLMVisionTransformer"),
    vision("VitDetModel"),
    entry(
        "ASTModel",
        lambda: {"input_values": numbers(3, 20, 8)},
        **ONE_STACK,
        patch_size=4,
        time_stride=4,
        frequency_stride=4,
        max_length=20,
        num_mel_bins=8,
    ),
    entry("WavLMModel", sound, **ONE_STACK | SOUND, num_buckets=8, max_bucket_distance=16),
    entry(
        "SEWDModel",
        sound,
        **ONE_STACK | SOUND,
        squeeze_factor=1,
        share_att_key=True,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
    ),
    entry("Wav2Vec2ConformerModel", sound, **ONE_STACK | SOUND, conv_depthwise_kernel_size=3),
    entry(
        "Wav2Vec2BertModel",
        frames_only,
        **ONE_STACK,
        feature_projection_input_dim=8,
        conv_depthwise_kernel_size=3,
        mask_time_prob=0.0,
    ),
    entry("SpeechT5Model", speech, **SPECIAL | TWO_STACKS | SOUND, hidden_size=32),
    entry(
        "MoonshineModel",
        waves,
        **SPECIAL | ONE_STACK | {"hidden_size": 32},
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=3,
        encoder_num_attention_heads=4,
        decoder_num_attention_heads=4,
        encoder_num_key_value_heads=4,
        decoder_num_key_value_heads=4,
    ),
    entry("MusicgenForCausalLM", lambda: {"input_ids": draw(6, 7)}, **SPECIAL | ONE_STACK, ffn_dim=16, num_codebooks=2),
    entry("ViltModel", captioned, **TEXT | PICTURE, modality_type_vocab_size=2),
    entry("VisualBertModel", lambda: padded_right() | {"visual_embeds": numbers(3, 2, 20)}, **TEXT, visual_embedding_dim=20),
    entry(
        "LxmertModel",
        lambda: padded_right() | {"visual_feats": numbers(3, 4, 20), "visual_pos": numbers(3, 4, 4)},
        **TEXT,
        l_layers=2,
        x_layers=2,
        r_layers=2,
        visual_feat_dim=20,
    ),
    entry("FlavaTextModel", padded_right, **TEXT),
    vision("FlavaImageModel"),
    entry("BlipTextModel", padded_right, **TEXT, encoder_hidden_size=32),
    entry("BlipModel", captioned, **CLIP),
    entry("OwlViTTextModel", padded_right, **TEXT),
    vision("OwlViTVisionModel"),
    entry("GroupViTModel", captioned, **CLIP),
    entry("GitModel", captioned, **TEXT, vision_config=ONE_STACK | PICTURE),
    entry(
        "Pix2StructVisionModel",
        lambda: {"flattened_patches": numbers(3, 6, 18).abs()},
        **ONE_STACK,
        patch_embed_hidden_size=16,
        d_ff=16,
        d_kv=8,
        seq_len=16,
    ),
    entry("Blip2VisionModel", picture, **ONE_STACK | PICTURE),
    entry(
        "EncoderDecoderModel",
        pair,
        encoder=TEXT | {"model_type": "bert"},
        decoder=TEXT | {"model_type": "bert", "is_decoder": True, "add_cross_attention": True, "num_hidden_layers": 3},
    ),
    entry(
        "MllamaTextModel",
        with_tiles,
        **TEXT | {"num_hidden_layers": 3},
        cross_attention_layers=[1],
    ),
    entry("Owlv2VisionModel", picture, **ONE_STACK | PICTURE),
    entry("XCLIPTextModel", padded_right, **TEXT),
    entry(
        "XCLIPVisionModel",
        lambda: {"pixel_values": numbers(4, 3, 12, 12)},
        **ONE_STACK | PICTURE,
        num_frames=2,
        mit_hidden_size=16,
        mit_intermediate_size=16,
        mit_num_hidden_layers=1,
        mit_num_attention_heads=2,
    ),
    entry("ClapTextModel", padded_right, **TEXT),
    entry("DecisionTransformerModel", trajectory, hidden_size=32, n_layer=2, n_head=4, state_dim=3, act_dim=2, max_ep_len=16),
    entry(
        "PatchTSTModel",
        lambda: {"past_values": numbers(3, 12, 2)},
        d_model=32,
        num_attention_heads=4,
        num_hidden_layers=2,
        ffn_dim=16,
        context_length=12,
        patch_length=3,
        patch_stride=3,
        num_input_channels=2,
    ),
    entry(
        "PerceiverModel",
        lambda: {"inputs": numbers(3, 7, 16)},
        d_model=16,
        num_latents=5,
        d_latents=32,
        num_blocks=1,
        num_self_attends_per_block=2,
        num_self_attention_heads=4,
        num_cross_attention_heads=2,
    ),
    entry(
        "Qwen2VLTextModel",
        padded_left,
        **TEXT,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4},
    ),
]

SENSES = [*VISION, *SOUNDS, *SEVERAL, *MORE]
