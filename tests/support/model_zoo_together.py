"""Models of the zoo that put several senses together in ways of their own: pictures, sound and words of one pass."""

import torch

from support.model_zoo import ONE_STACK, SPECIAL, Inputs, draw, entry, numbers

TEXT = SPECIAL | ONE_STACK
PICTURE_TOKEN, SOUND_TOKEN, VIDEO_TOKEN = 49, 48, 47
SWIN = {
    "model_type": "swin", "image_size": 32, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 4],
    "window_size": 2, "out_features": ["stage2", "stage3", "stage4"],
}  # fmt: skip
HIERA = {
    "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [32, 32], "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [8, 16, 32, 64], "num_attention_heads_per_stage": [1, 2, 4, 8],
    "window_size_per_stage": [4, 2, 2, 2], "global_attention_blocks": [3],
}  # fmt: skip


def words_about_a_picture() -> Inputs:
    """Phrases to be found, each ended by a full stop."""
    ids = torch.tensor([[101, 7, 8, 9, 1012, 102], [101, 5, 6, 1012, 102, 0]])
    given = {"input_ids": ids, "attention_mask": (ids != 0).long(), "token_type_ids": torch.zeros_like(ids)}
    return given | {"pixel_values": numbers(2, 3, 32, 32)}


def picture_and_points() -> Inputs:
    points = 32 * torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(3))
    return {
        "pixel_values": numbers(2, 3, 32, 32),
        "input_points": points,
        "input_labels": torch.ones(2, 1, 2, dtype=torch.long),
    }


def patches_pooled() -> Inputs:
    """Six by six patches, three by three of which are one position of the text."""
    side = torch.arange(6)
    places = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(1, 36, 2).expand(2, -1, -1)
    ids = torch.cat([draw(2, 2), torch.full((2, 4), PICTURE_TOKEN), draw(2, 3, seed=3)], 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == PICTURE_TOKEN).long(),
        "pixel_values": numbers(2, 36, 48),
        "image_position_ids": places,
    }


def picture_sound_and_words() -> Inputs:
    parts = [
        draw(2, 2),
        torch.full((2, 4), PICTURE_TOKEN),
        draw(2, 2, seed=3),
        torch.full((2, 5), SOUND_TOKEN),
        draw(2, 1, seed=4),
    ]
    ids = torch.cat(parts, 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": numbers(2 * 16, 3 * 2 * 16),
        "image_grid_thw": torch.tensor([[1, 4, 4]] * 2),
        "input_features": numbers(2, 8, 20),
        "feature_attention_mask": torch.ones(2, 20, dtype=torch.long),
    }


TOGETHER = [
    entry(
        "Sam2Model",
        picture_and_points,
        vision_config={
            "backbone_config": HIERA,
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[8, 8], [4, 4], [2, 2]],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": 32, "patch_size": 16},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 16, "num_attention_heads": 4, "iou_head_hidden_dim": 16},
    ),
    entry(
        "Gemma4Model",
        patches_pooled,
        text_config=TEXT
        | {
            "num_hidden_layers": 6,
            "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
            "per_layer_config": {},
            "vocab_size_per_layer_input": 50,
            "hidden_size_per_layer_input": 8,
        },
        vision_config=ONE_STACK | {"num_key_value_heads": 4, "patch_size": 4, "position_embedding_size": 16},
        image_token_id=PICTURE_TOKEN,
        audio_token_id=SOUND_TOKEN,
        video_token_id=VIDEO_TOKEN,
    ),
    entry(
        "Qwen2_5OmniThinkerForConditionalGeneration",
        picture_sound_and_words,
        text_config=TEXT | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}},
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 16,
            "num_heads": 4,
            "patch_size": 4,
            "out_hidden_size": 32,
            "window_size": 8,
            "fullatt_block_indexes": [1],
        },
        audio_config={
            "num_mel_bins": 8,
            "encoder_layers": 2,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 16,
            "d_model": 32,
            "output_dim": 32,
            "n_window": 10,
            "max_source_positions": 20,
        },
        image_token_index=PICTURE_TOKEN,
        audio_token_index=SOUND_TOKEN,
        video_token_index=VIDEO_TOKEN,
        audio_start_token_id=46,
        audio_end_token_id=45,
        vision_start_token_id=44,
        vision_end_token_id=43,
    ),
]

DETECTORS = [
    entry(
        "GroundingDinoModel",
        words_about_a_picture,
        backbone_config=SWIN,
        text_config=ONE_STACK | {"model_type": "bert", "vocab_size": 1100},
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=7,
        disable_custom_kernels=True,
    ),
]
"""Some of their attention is at points that the model moves: no map of queries by keys."""
