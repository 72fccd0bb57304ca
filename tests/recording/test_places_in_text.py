"""Pictures in the text of models that cut, merge or stack them: tiles, shuffled pixels, frames of a video."""

import pytest
import torch
import transformers as hf

import regard
from regard.axes import Patch
from support.tiny_models import Tokenizer

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 11}
TEXT = SIZES | {"vocab_size": 101, "num_key_value_heads": 2, "pad_token_id": 0}
PICTURE, FRAMES = 99, 98

pytestmark = pytest.mark.slow


def recorded(model, **given):
    with torch.random.fork_rng(), torch.no_grad(), regard.record(model.eval(), tokenizer=Tokenizer()) as made:
        model(**given)
    return made


def pixels(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def grid(rows, columns, image=0):
    return [Patch(image, row, column) for row in range(rows) for column in range(columns)]


def test_tiles_of_llava_onevision_stand_side_by_side_with_an_end_to_each_row():
    vision = hf.SiglipVisionConfig(vision_use_head=False, image_size=28, patch_size=7, **SIZES)  # 4 × 4 patches a tile
    tokens = {"image_token_id": PICTURE, "video_token_id": FRAMES, "image_grid_pinpoints": [[28, 28], [28, 56], [56, 28]]}
    options = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    config = hf.LlavaOnevisionConfig(vision_config=vision, text_config=hf.Qwen2Config(**TEXT), **tokens, **options)
    ids = torch.tensor([[5, *[PICTURE] * (16 + 4 * 9), 7]])  # the whole picture, and two tiles of it with newlines
    model = hf.LlavaOnevisionForConditionalGeneration(config)
    made = recorded(model, input_ids=ids, pixel_values=pixels(1, 3, 3, 28, 28), image_sizes=torch.tensor([[28, 56]]))
    tower, language = made.maps
    assert [list(line.place) for line in tower.keys.lines] == [grid(4, 4)] * 3
    left, right = grid(4, 4, 1), grid(4, 4, 2)
    tiles = [place for row in range(0, 16, 4) for place in (*left[row : row + 4], *right[row : row + 4], None)]
    assert list(language.keys.place) == [None, *grid(4, 4), *tiles, None]


def onevision(**more):
    vision = hf.SiglipVisionConfig(vision_use_head=False, image_size=28, patch_size=7, **SIZES)  # 4 × 4 patches a tile
    pinpoints = [[28, 28], [28, 56], [56, 28], [56, 56]]
    config = hf.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=hf.Qwen2Config(**TEXT),
        image_token_id=PICTURE,
        video_token_id=FRAMES,
        image_grid_pinpoints=pinpoints,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        **more,
    )
    return hf.LlavaOnevisionForConditionalGeneration(config)


def same_as_said(made, config, given):
    """Recorder and ``regard.pictures`` know the same patches and ends."""
    keys = made.tower("language_model").maps[0].keys
    said = {at for picture in regard.pictures(given, config) for at in picture.positions}
    assert {at for at, place in enumerate(keys.place) if place is not None} == said
    return keys


def test_tiles_that_onevision_makes_smaller_are_one_picture():
    model = onevision(vision_aspect_ratio="anyres_max_1")  # 8 × 8 patches are too many: 4 × 4 are made of them
    given = {
        "input_ids": torch.tensor([[5, *[PICTURE] * (16 + 4 * 5), 7]]),
        "pixel_values": pixels(1, 5, 3, 28, 28),
        "image_sizes": torch.tensor([[56, 56]]),
    }
    keys = same_as_said(recorded(model, **given), model.config, given)
    rows = [[*grid(4, 4, 1)[start : start + 4], None] for start in range(0, 16, 4)]
    assert list(keys.place) == [None, *grid(4, 4), *[place for row in rows for place in row], None]


def test_onevision_cuts_only_a_picture_that_is_alone_in_its_text():
    model = onevision()
    given = {
        "input_ids": torch.tensor([[5, *[PICTURE] * 17, 6, *[PICTURE] * 17, 7]]),
        "pixel_values": pixels(2, 1, 3, 28, 28),
        "image_sizes": torch.tensor([[28, 56], [28, 28]]),
        "batch_num_images": torch.tensor([2]),
    }
    keys = same_as_said(recorded(model, **given), model.config, given)
    assert list(keys.place) == [None, *grid(4, 4), None, None, *grid(4, 4, 1), None, None]


def test_shuffled_pixels_of_llama_4_are_squares_of_patches():
    sizes = {"hidden_size": 16, "num_attention_heads": 2}
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1, "intermediate_size": 11, "intermediate_size_mlp": 11}
    text = (
        sizes
        | experts
        | {"vocab_size": 101, "num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0}
    )
    widths = dict.fromkeys(("vision_output_dim", "projector_input_dim", "projector_output_dim"), 16)
    vision = sizes | widths | {"num_hidden_layers": 1, "intermediate_size": 64, "image_size": 28, "patch_size": 7}
    config = hf.Llama4Config(
        text_config=text | {"attention_chunk_size": 64, "max_position_embeddings": 128},
        vision_config=vision | {"pixel_shuffle_ratio": 0.5},
        image_token_index=PICTURE,
        boi_token_index=97,
        eoi_token_index=96,
    )
    ids = torch.tensor([[5, 97, *[PICTURE] * 4, 96, 7]])
    made = recorded(hf.Llama4ForConditionalGeneration(config), input_ids=ids, pixel_values=pixels(1, 3, 28, 28))
    tower, *language = made.maps
    assert list(tower.keys.place) == [*grid(4, 4), None]
    assert tower.keys[-1] == "[CLS]"
    assert len(language) == 2
    for amap in language:
        assert list(amap.keys.place) == [None, None, *grid(2, 2), None, None]


def test_frames_of_a_video_are_pictures_one_after_another():
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    text = TEXT | {"hidden_size": 32, "num_attention_heads": 4, "head_dim": 8, "rope_parameters": rope}
    sizes = {"depth": 1, "num_heads": 2, "hidden_size": 32, "embed_dim": 32, "mlp_ratio": 1}
    vision = sizes | {"patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
    tokens = {"image_token_id": PICTURE, "video_token_id": FRAMES, "vision_start_token_id": 97, "vision_end_token_id": 96}
    model = hf.Qwen2VLForConditionalGeneration(hf.Qwen2VLConfig(text_config=text, vision_config=vision, **tokens))
    ids = torch.tensor([[5, 97, *[FRAMES] * 12, 7]])
    given = {"video_grid_thw": torch.tensor([[2, 4, 6]]), "mm_token_type_ids": (ids == FRAMES).int() * 2}
    made = recorded(model, input_ids=ids, pixel_values_videos=pixels(48, 96), **given)
    *frames, language = made.maps
    assert [sorted(set(amap.keys.place)) for amap in frames] == [grid(4, 6, 0), grid(4, 6, 1)]
    assert list(language.keys.place) == [None, None, *grid(2, 3, 0), *grid(2, 3, 1), None]
