"""Patches of pictures and moments of sounds on the axes of recorded maps, against grids that are known beforehand."""

import numpy as np
import pytest
import torch
import transformers as hf

import regard
from regard.axes import Patch, Seconds
from regard.errors import OptionError
from support.tiny_models import Tokenizer

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 11}
WIDE = SIZES | {"image_size": (21, 49), "patch_size": 7}  # 3 × 7 patches
SQUARE = SIZES | {"image_size": 35, "patch_size": 7}  # 5 × 5 patches
TEXT = SIZES | {"vocab_size": 101, "num_key_value_heads": 2, "pad_token_id": 0}
PICTURE = 99


def recorded(model, **given):
    with torch.random.fork_rng(), torch.no_grad(), regard.record(model.eval(), tokenizer=Tokenizer()) as made:
        model(**given)
    return made


def pictures(count, height, width):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def grid(rows, columns, image=0):
    return [Patch(image, row, column) for row in range(rows) for column in range(columns)]


TOWERS = {
    "ViT": (lambda: hf.ViTModel(hf.ViTConfig(**WIDE)), {}, ["[CLS]"], []),
    "ViT, interpolated": (lambda: hf.ViTModel(hf.ViTConfig(**SQUARE)), {"interpolate_pos_encoding": True}, ["[CLS]"], []),
    "DeiT": (lambda: hf.DeiTModel(hf.DeiTConfig(**WIDE)), {}, ["[CLS]", "[DIST]"], []),
    "BEiT": (lambda: hf.BeitModel(hf.BeitConfig(**WIDE)), {}, ["[CLS]"], []),
    "CLIP": (
        lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**SQUARE)),
        {"interpolate_pos_encoding": True},
        ["[CLS]"],
        [],
    ),
    "SigLIP": (
        lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(vision_use_head=False, **SQUARE)),
        {"interpolate_pos_encoding": True},
        [],
        [],
    ),
    "DINOv2 with registers": (
        lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(num_register_tokens=3, mlp_ratio=1, **SQUARE)),
        {},
        ["[CLS]", "register 1", "register 2", "register 3"],
        [],
    ),
    "DINOv3": (
        lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(num_register_tokens=2, **SQUARE)),
        {},
        ["[CLS]", "register 1", "register 2"],
        [],
    ),
    "YOLOS": (
        lambda: hf.YolosModel(hf.YolosConfig(num_detection_tokens=2, **WIDE | {"image_size": [21, 49]})),
        {},
        ["[CLS]"],
        ["detection 1", "detection 2"],
    ),
}


@pytest.mark.parametrize("name", TOWERS)
def test_towers_know_their_patches_and_name_what_stands_beside_them(name):
    make, given, first, last = TOWERS[name]
    made = recorded(make(), pixel_values=pictures(2, 21, 49), **given)
    for amap in made.maps:
        for axis in (amap.queries, amap.keys):
            assert len(axis.lines) == 2
            for line in axis.lines:
                assert list(line.place) == [None] * len(first) + grid(3, 7) + [None] * len(last)
                assert list(line.text[: len(first)]) == first
                assert list(line.text[len(line.text) - len(last) :]) == last
                assert line.text[len(first) + 9] == "1,2"
                assert [at for at, out in enumerate(line.special) if out] == [
                    at for at, one in enumerate(line.place) if not one
                ]


def test_a_pooling_head_has_patches_for_keys():
    made = recorded(hf.SiglipVisionModel(hf.SiglipVisionConfig(**SQUARE)), pixel_values=pictures(1, 35, 35))
    head = made.maps[-1]
    assert head.shape[2:] == (1, 25)
    assert head.queries.place is None
    assert list(head.keys.place) == grid(5, 5)


def test_patches_that_a_model_drops_or_regroups_have_no_places():
    dropping = hf.ViTMAEModel(hf.ViTMAEConfig(mask_ratio=0.4, decoder_hidden_size=16, **WIDE))
    for amap in recorded(dropping, pixel_values=pictures(1, 21, 49)).maps:
        assert amap.keys.place is None
    windows = hf.SwinConfig(image_size=24, patch_size=4, embed_dim=16, depths=[2], num_heads=[2], window_size=3)
    for amap in recorded(hf.SwinModel(windows), pixel_values=pictures(1, 24, 24)).maps:
        assert amap.keys.place is None


def test_pictures_in_one_sequence_are_told_apart():
    model = hf.PixtralVisionModel(hf.PixtralVisionConfig(**SIZES, image_size=49, patch_size=7))
    made = recorded(model, pixel_values=pictures(2, 21, 49), image_sizes=torch.tensor([[21, 49], [14, 35]]))
    assert list(made.maps[0].keys.place) == grid(3, 7) + grid(2, 5, image=1)
    assert made.maps[0].keys[21] == "1:0,0"


def test_pictures_of_several_proportions_leave_padding():
    model = hf.Siglip2VisionModel(hf.Siglip2VisionConfig(num_patches=16, patch_size=2, vision_use_head=False, **SIZES))
    mask = torch.tensor([[1] * 15, [1] * 14 + [0]])
    pixels = torch.randn(2, 15, 12, generator=torch.Generator().manual_seed(0))
    shapes = torch.tensor([[3, 5], [2, 7]])
    axis = recorded(model, pixel_values=pixels, pixel_attention_mask=mask, spatial_shapes=shapes).maps[0].keys
    assert list(axis.lines[0].place) == grid(3, 5)
    assert list(axis.lines[1].place) == [*grid(2, 7), None]
    assert axis.lines[1].present == (True,) * 14 + (False,)


# -- sound -------------------------------------------------------------------------------------------------------------


def whisper():
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    sizes = {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    }
    more = {"encoder_ffn_dim": 11, "decoder_ffn_dim": 11, "num_mel_bins": 5, "max_source_positions": 23}
    return hf.WhisperForConditionalGeneration(hf.WhisperConfig(vocab_size=61, **ends, **sizes, **more))


def test_frames_of_whisper_last_twenty_milliseconds_also_where_the_decoder_looks_at_them():
    spectra = torch.randn(2, 5, 46, generator=torch.Generator().manual_seed(0))
    made = recorded(whisper(), input_features=spectra, decoder_input_ids=torch.tensor([[1, 5, 6], [1, 7, 8]]))
    for axis in (made.encoder[0].queries, made.cross[0].keys):
        assert len(axis) == 23
        assert axis.place[7] == Seconds(0.14, 0.16)
        assert axis[7] == "0.14 s"
    assert made.decoder[0].keys.lines[0].place is None
    assert made.sample(1).cross[0].keys.place[22] == Seconds(0.44, 0.46)


def test_frames_of_waves_follow_from_the_strides_and_padding_from_the_mask():
    conv = {"conv_dim": [8, 8], "conv_kernel": [20, 7], "conv_stride": [16, 5], "num_feat_extract_layers": 2}
    more = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    model = hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SIZES, **conv, **more))
    mask = (torch.arange(1000)[None] < torch.tensor([[1000], [555]])).long()
    waves = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    axis = recorded(model, input_values=waves, attention_mask=mask).maps[0].keys
    assert axis.lines[0].place[3] == Seconds(0.015, 0.02)  # 80 samples of 16,000 in a second
    real = int(model._get_feat_extract_output_lengths(torch.tensor(555)))
    assert axis.lines[1].present == (True,) * real + (False,) * (len(axis) - real)


def test_a_processor_says_how_a_sound_was_cut():
    class Extractor:
        sampling_rate, hop_length = 8000, 200

    class Processor(Tokenizer):
        feature_extractor = Extractor()

    model = whisper().eval()
    with torch.no_grad(), regard.record(model, tokenizer=Processor()) as made:
        model(input_features=torch.zeros(1, 5, 46), decoder_input_ids=torch.tensor([[1, 5]]))
    assert made.encoder[0].keys.place[3] == Seconds(0.15, 0.2)  # twice 25 ms


# -- texts with pictures in them ---------------------------------------------------------------------------------------


def language(made):
    return next(amap for amap in made.maps if "language_model" in amap.name or "text_model" in amap.name)


def tower(made):
    return [amap for amap in made.maps if "vis" in amap.name]


def llava(strategy="default"):
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**SQUARE),
        text_config=hf.LlamaConfig(**TEXT),
        image_token_index=PICTURE,
        vision_feature_select_strategy=strategy,
        vision_feature_layer=-1,
    )
    return hf.LlavaForConditionalGeneration(config)


def test_a_picture_in_the_middle_of_a_prompt():
    made = recorded(llava(), input_ids=torch.tensor([[1, 5, 6, *[PICTURE] * 25, 7, 8]]), pixel_values=pictures(1, 35, 35))
    keys = language(made).keys
    assert list(keys.place) == [None] * 3 + grid(5, 5) + [None] * 2
    assert keys[:5] == ("<1>", "<5>", "<6>", "0,0", "0,1")
    assert keys.token[3] == f"<{PICTURE}>"


def test_the_class_token_is_kept_in_the_text_or_not():
    made = recorded(llava("full"), input_ids=torch.tensor([[1, *[PICTURE] * 26, 7]]), pixel_values=pictures(1, 35, 35))
    assert list(language(made).keys.place) == [None] * 2 + grid(5, 5) + [None]


def test_generated_rows_see_the_picture_in_the_cache():
    model = llava().eval()
    model.generation_config.eos_token_id = None
    ids = torch.tensor([[1, 5, *[PICTURE] * 25, 7]])
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pictures(1, 35, 35)}
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as made:
        model.generate(**given, max_new_tokens=3, do_sample=False)
    last = made.maps[-1]
    assert last.shape[2] == 1
    assert list(last.keys.place)[2:27] == grid(5, 5)


def test_each_sequence_keeps_its_own_pictures():
    one, two = [PICTURE] * 25, [*[PICTURE] * 25, 4, *[PICTURE] * 25]
    ids = torch.tensor([[1, 5, *one, *[6] * 27], [8] * 54, [2, 2, 2, *two]])
    made = recorded(llava(), input_ids=ids, pixel_values=pictures(3, 35, 35))
    whole = tower(made)[0]
    assert whole.shape[0] == 3
    for item, own in enumerate(([0], [], [1, 2])):
        sample = made.sample(item)
        assert len(tower(sample)) == bool(own)
        for amap in tower(sample):
            torch.testing.assert_close(amap.dense(), whole.dense()[own])
            assert [line.place[1].image for line in amap.keys.lines] == list(range(len(own)))
        places = [place for place in language(sample).keys.place or () if place]
        assert places == [place for image in range(len(own)) for place in grid(5, 5, image)]


def qwen(family):
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 11,
    }
    text = sizes | {"vocab_size": 101, "rope_parameters": rope, "head_dim": 8, "bos_token_id": 1, "eos_token_id": 2}
    tokens = {"image_token_id": PICTURE, "video_token_id": 98, "vision_start_token_id": 97, "vision_end_token_id": 96}
    vision = {"depth": 2, "num_heads": 2, "hidden_size": 32, "patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
    if family == "2":
        vision |= {"embed_dim": 32, "mlp_ratio": 1}
        return hf.Qwen2VLForConditionalGeneration(hf.Qwen2VLConfig(text_config=text, vision_config=vision, **tokens))
    vision |= {"intermediate_size": 11, "out_hidden_size": 32}
    if family == "2.5":
        vision |= {"fullatt_block_indexes": [1], "window_size": 16}
        return hf.Qwen2_5_VLForConditionalGeneration(hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens))
    vision |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    return hf.Qwen3VLForConditionalGeneration(hf.Qwen3VLConfig(text_config=text, vision_config=vision, **tokens))


THW = torch.tensor([[1, 4, 6], [1, 6, 10], [1, 8, 4]])


@pytest.fixture(scope="module", params=["2", "2.5", "3"])
def seen_by_qwen(request):
    ids = torch.tensor([[5, 97, *[PICTURE] * 6, 97, *[PICTURE] * 15, 7], [5] * 15 + [97, *[PICTURE] * 8, 7]])
    pixels = torch.randn(116, 96, generator=torch.Generator().manual_seed(0))
    given = {"input_ids": ids, "pixel_values": pixels, "image_grid_thw": THW, "mm_token_type_ids": (ids == PICTURE).int()}
    return request.param, recorded(qwen(request.param), **given)


def test_merged_grids_in_the_text_of_qwen(seen_by_qwen):
    _, made = seen_by_qwen
    first, second = language(made).keys.lines
    assert [place for place in first.place if place] == grid(2, 3) + grid(3, 5, image=1)
    assert [at for at, place in enumerate(second.place) if place] == list(range(16, 24))
    assert [place for place in second.place if place] == grid(4, 2)


def test_parts_of_the_tower_of_qwen_are_no_layers_and_know_their_patches(seen_by_qwen):
    family, made = seen_by_qwen
    assert {(amap.name.split(".")[-2], amap.layer) for amap in tower(made)} == {("0", 0), ("1", 1)}
    # By Transformers' own order: squares of 2 × 2 patches, in windows of 2 × 2 squares.
    order = torch.arange(29)
    if family == "2.5":
        windows = pytest.importorskip("transformers.vision_utils").get_vision_window_index  # not in the oldest
        order, _ = windows(THW, spatial_merge_size=2, window_size=16, patch_size=4)
    squares = [Patch(image, row, column) for image, (_, rows, columns) in enumerate(THW.tolist()) for row in range(0, rows, 2)
               for column in range(0, columns, 2)]  # fmt: skip
    wanted = [
        Patch(image, row + down, column + across)
        for image, row, column in (squares[at] for at in order.tolist())
        for down in (0, 1)
        for across in (0, 1)
    ]
    for layer in (0, 1):
        assert [place for amap in tower(made) if amap.layer == layer for place in amap.keys.place] == wanted
    if family == "2.5":
        assert len([amap for amap in tower(made) if amap.layer == 0]) > 3


def test_layers_of_a_tower_in_parts_are_chosen_by_their_number():
    given = {"pixel_values": torch.randn(116, 96), "image_grid_thw": THW}
    ids = torch.tensor([[*[PICTURE] * 6, 7, *[PICTURE] * 15, 7, *[PICTURE] * 8, 7]])
    with torch.no_grad(), regard.record(model := qwen("2").eval(), layers=[1]) as made:
        model(input_ids=ids, mm_token_type_ids=(ids == PICTURE).int(), **given)
    assert [amap.name for amap in made.maps] == ["model.visual.blocks.1.attn"] * 3


def test_parts_go_with_the_text_of_their_picture(seen_by_qwen):
    _, made = seen_by_qwen
    for item, own in enumerate(([0, 1], [2])):
        parts = [amap.keys.place for amap in tower(made.sample(item)) if amap.layer == 1]
        assert [{place.image for place in places} for places in parts] == [{image} for image in range(len(own))]
        assert [len(places) for places in parts] == [int(THW[image].prod()) for image in own]


def test_tiles_and_squares_that_are_merged_before_the_text():
    text = hf.Qwen2Config(**TEXT)
    vision = hf.InternVLVisionConfig(**SIZES | {"image_size": [28, 28], "patch_size": [7, 7]})
    ends = {"image_token_id": PICTURE, "vision_feature_layer": -1}
    model = hf.InternVLForConditionalGeneration(hf.InternVLConfig(vision_config=vision, text_config=text, **ends))
    made = recorded(model, input_ids=torch.tensor([[4, *[PICTURE] * 12, 7]]), pixel_values=pictures(3, 28, 28))
    merged = [place for image in range(3) for place in grid(2, 2, image)]
    assert list(language(made).keys.place) == [None, *merged, None]

    vision = {"image_size": 28, "patch_size": 7, **SIZES}
    config = hf.Idefics3Config(vision_config=vision, text_config=hf.LlamaConfig(**TEXT), image_token_id=PICTURE, scale_factor=2)
    model = hf.Idefics3ForConditionalGeneration(config)
    made = recorded(model, input_ids=torch.tensor([[4, *[PICTURE] * 8, 7]]), pixel_values=pictures(2, 28, 28)[None])
    assert [place for place in language(made).keys.place if place] == merged[:8]


def test_rows_of_a_picture_with_breaks_between_them():
    vision = hf.PixtralVisionConfig(**SIZES, image_size=56, patch_size=7)
    config = {"image_token_index": PICTURE, "spatial_merge_size": 2, "vision_feature_layer": -1}
    text = hf.MistralConfig(**TEXT)
    model = hf.Mistral3ForConditionalGeneration(hf.Mistral3Config(vision_config=vision, text_config=text, **config))
    ids = torch.tensor([[4, *([PICTURE] * 3 + [98]) * 2, 7, *[PICTURE, 98] * 2]])
    made = recorded(model, input_ids=ids, pixel_values=pictures(2, 28, 42), image_sizes=torch.tensor([[28, 42], [28, 14]]))
    places = language(made).keys.place
    assert [place for place in places if place] == grid(2, 3) + grid(2, 1, image=1)
    assert [places[at] for at in (3, 4, 5)] == [Patch(0, 0, 2), None, Patch(0, 1, 0)]


def test_tiles_that_are_joined_are_the_pictures_that_the_tower_saw():
    config = {"image_token_index": PICTURE, "vision_feature_layer": -1, "image_grid_pinpoints": [[35, 70], [70, 35]]}
    parts = {"vision_config": hf.CLIPVisionConfig(**SQUARE), "text_config": hf.LlamaConfig(**TEXT)}
    model = hf.LlavaNextForConditionalGeneration(hf.LlavaNextConfig(**parts, **config))
    # 21 × 70 pixels in two tiles beside each other: of 5 rows of patches, the first and the last are border.
    ids = torch.tensor([[1, *[PICTURE] * (25 + 3 * 11), 7]])
    made = recorded(model, input_ids=ids, pixel_values=pictures(3, 35, 35)[None], image_sizes=torch.tensor([[21, 70]]))
    places = language(made).keys.place
    assert list(places[1:26]) == grid(5, 5)
    rows = [
        [Patch(1, row, column) for column in range(5)] + [Patch(2, row, column) for column in range(5)] for row in (1, 2, 3)
    ]
    assert list(places[26:59]) == [place for row in rows for place in (*row, None)]
    assert [line.place[1].image for line in tower(made.sample(0))[0].keys.lines] == [0, 1, 2]


def test_placeholders_that_are_no_patches_have_no_places():
    parts = {
        "vision_config": hf.Blip2VisionConfig(**SQUARE),
        "qformer_config": hf.Blip2QFormerConfig(**SIZES, encoder_hidden_size=16),
    }
    text = hf.OPTConfig(
        vocab_size=101, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=11, word_embed_proj_dim=16
    )
    config = hf.Blip2Config(**parts, text_config=text, num_query_tokens=25, image_token_index=PICTURE)
    ids = torch.tensor([[*[PICTURE] * 25, 7]])
    made = recorded(hf.Blip2ForConditionalGeneration(config), input_ids=ids, pixel_values=pictures(1, 35, 35))
    assert list(language(made).keys.place or ()) == []
    crossed = next(amap for amap in made.maps if "qformer" in amap.name and amap.shape[3] == 26)
    assert list(crossed.keys.place) == [None, *grid(5, 5)]


def test_a_row_of_patches_is_no_picture():
    """Some patches of a picture do not say its grid: the first row of 3 × 5 would pass for a picture of 1 × 5."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = hf.ViTModel(hf.ViTConfig(image_size=(12, 20), patch_size=4, **sizes)).eval()
    with torch.no_grad(), regard.record(model) as recording:
        model(pixel_values=torch.rand(1, 3, 12, 20))
    amap, picture = recording.self[0], np.zeros((12, 20, 3), np.uint8)
    regard.page(amap, image=picture)
    regard.page(amap.select(queries=[0, 3]), image=picture)  # its keys are all there
    for some in (amap.select(queries=slice(0, 6), keys=slice(0, 6)), amap.select(queries=[0], keys=[1, 2, 3, 4, 5])):
        with pytest.raises(OptionError, match=r"image: expected all patches of a picture, got some of them"):
            regard.page(some, image=picture)
