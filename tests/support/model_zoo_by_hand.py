"""Models of the zoo that multiply queries by keys themselves, and take no part in Transformers' attention interface."""

import torch

from support.model_zoo import (
    ONE_STACK,
    PICTURE,
    SPECIAL,
    Inputs,
    decoder,
    draw,
    encoder,
    entry,
    numbers,
    padded_right,
    seq2seq,
    t5,
    vision,
)


def boxes() -> Inputs:
    """Words with their places on a page."""
    corners = torch.arange(21).view(3, 7, 1) % 5 + torch.tensor([0, 1, 2, 3])
    return padded_right() | {"bbox": corners}


def entities() -> Inputs:
    return padded_right() | {"entity_ids": draw(3, 2, seed=2), "entity_position_ids": draw(3, 2, 3, seed=3) % 7}


SERIES = {"prediction_length": 3, "context_length": 6, "lags_sequence": [1, 2], "num_time_features": 1}


def large_picture() -> Inputs:
    return {"pixel_values": numbers(3, 3, 24, 24)}


def series() -> Inputs:
    past, future = numbers(3, 8), numbers(3, 3, seed=2)
    times = {"past_time_features": past[..., None], "future_time_features": future[..., None]}
    return times | {"past_values": past, "future_values": future, "past_observed_mask": torch.ones(3, 8)}


TEXT = [
    encoder("ConvBertModel", embedding_size=20, conv_kernel_size=3),
    encoder("SqueezeBertModel", embedding_size=32),
    encoder("IBertModel"),
    encoder("SplinterModel"),
    encoder("BigBirdModel", attention_type="original_full"),
    encoder("RemBertModel", input_embedding_size=20, output_embedding_size=20),
    encoder("RoFormerModel", embedding_size=20),
    encoder("MPNetModel"),
    encoder("DebertaModel", relative_attention=True, pos_att_type="p2c|c2p"),
    encoder("DebertaV2Model", relative_attention=True, pos_att_type="p2c|c2p", position_buckets=4),
    encoder(
        "FunnelModel",
        block_sizes=[1, 1],
        num_hidden_layers=None,
        num_decoder_layers=1,
        d_model=32,
        n_head=4,
        d_head=8,
        d_inner=16,
    ),
    encoder("XLNetModel", max_position_embeddings=None, d_inner=16, d_head=8),
    encoder("XLMModel"),
    encoder("FlaubertModel"),
    encoder("TapasModel", type_vocab_sizes=[3, 4, 4, 2, 4, 4, 2]),
    encoder("CanineModel", num_hash_buckets=16, local_transformer_stride=4, downsampling_rate=2),
    entry(
        "LayoutLMv3Model",
        boxes,
        **SPECIAL | ONE_STACK,
        max_2d_position_embeddings=16,
        coordinate_size=4,
        shape_size=8,
        visual_embed=False,
    ),
    entry(
        "LiltModel", boxes, **SPECIAL | ONE_STACK | {"hidden_size": 48}, channel_shrink_ratio=2, max_2d_position_embeddings=16
    ),
    entry("BrosModel", boxes, **SPECIAL | ONE_STACK, dim_bbox=4),
    entry("LukeModel", entities, **SPECIAL | ONE_STACK, entity_vocab_size=60, entity_emb_size=20),
    decoder("BloomModel"),
    decoder("GPTJModel", rotary_dim=4, n_inner=16),
    decoder("CodeGenModel", rotary_dim=4, n_inner=16),
    decoder("GPTNeoModel", attention_types=[[["global", "local"], 1]], window_size=3),
    decoder("GPTNeoXJapaneseModel"),
    decoder("MptModel", max_seq_len=64, expansion_ratio=2),
    decoder("FalconModel", head_dim=None),
    decoder("FalconModel (grouped heads)", head_dim=None, new_decoder_architecture=True, num_kv_heads=2),
    decoder("XGLMModel", ffn_dim=16),
    decoder("OpenAIGPTModel", n_positions=64),
    decoder("ImageGPTModel", n_positions=64),
    decoder("TrOCRForCausalLM", d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=16),
    seq2seq("FSMTModel", langs=["en", "fr"], src_vocab_size=50, tgt_vocab_size=50),
    seq2seq("MvpModel"),
    seq2seq("BigBirdPegasusModel", attention_type="original_full"),
]

OTHERS = [
    entry(
        "Swinv2Model",
        large_picture,
        **PICTURE | {"image_size": 24},
        embed_dim=16,
        depths=[1, 1],
        num_heads=[2, 4],
        window_size=3,
    ),
    vision(
        "SegformerModel",
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[16, 32],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[2, 4],
        mlp_ratios=[2, 2],
    ),
    entry(
        "PvtModel",
        lambda: {"pixel_values": numbers(3, 3, 64, 64)},
        image_size=64,
        depths=[1, 1, 1, 1],
        sequence_reduction_ratios=[8, 4, 2, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 4],
        mlp_ratios=[2, 2, 2, 2],
    ),
    entry(
        "TimeSeriesTransformerModel",
        series,
        **SERIES,
        d_model=32,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
    ),
    entry(
        "InformerModel",
        series,
        **SERIES,
        d_model=32,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        attention_type="full",
        distil=False,
    ),
]

BY_HAND = [*TEXT, *OTHERS]

# Some of their layers compute attention block by block, or for several streams at once: no map of queries by keys exists.
IN_BLOCKS = [
    encoder("LongformerModel", attention_window=4),
    seq2seq(
        "ProphetNetModel",
        d_model=None,
        encoder_layers=None,
        decoder_layers=None,
        hidden_size=32,
        num_encoder_layers=3,
        num_decoder_layers=2,
        num_encoder_attention_heads=4,
        num_decoder_attention_heads=4,
        ngram=2,
        relative_max_distance=16,
    ),
    seq2seq("LEDModel", attention_window=4, max_encoder_position_embeddings=64, max_decoder_position_embeddings=64),
    seq2seq("PegasusXModel", block_size=4, num_global_tokens=2),
    t5("LongT5Model", local_radius=3),
]
