"""Generation from sound, pictures and vectors: each map is that of the model's own eager weights, step by step."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    DonutSwinConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    MBartConfig,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

import regard
from regard.errors import OptionError, RecordingError
from support.tiny_models import BOS, EOS, PAD, SPECIAL, Tokenizer, tiny, tiny_inputs

pytestmark = pytest.mark.slow

IMAGE = 50
TEXT = SPECIAL | {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
TEXT |= {"intermediate_size": 13, "head_dim": 6}
GREEDY = {"max_new_tokens": 5, "do_sample": False}


@pytest.fixture(autouse=True)
def seeded():
    """What `varied` leaves as it was drawn: biases, embeddings of a class."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def varied(model):
    """Weights so large that maps differ from uniform."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in model.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.4)
    return model.eval()


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def whisper():
    sizes = {"d_model": 22, "encoder_layers": 2, "decoder_layers": 3, "num_mel_bins": 7, "max_source_positions": 19}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 13, "decoder_ffn_dim": 13}
    limits = {"max_target_positions": 31, "suppress_tokens": None, "begin_suppress_tokens": None}
    config = WhisperConfig(**SPECIAL, **sizes, **heads, **limits, decoder_start_token_id=BOS)
    model = varied(WhisperForConditionalGeneration(config))
    model.generation_config.no_timestamps_token_id, model.generation_config.is_multilingual = 40, False
    return model, {"input_features": numbers(1, 7, 38)}


def of_pictures(encoder, decoder):
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    model = varied(VisionEncoderDecoderModel(config))
    said = model.generation_config
    said.decoder_start_token_id, said.pad_token_id, said.eos_token_id = BOS, PAD, EOS
    return model


def trocr():
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 13, "image_size": 12, "patch_size": 4}
    decoder = {"d_model": 20, "decoder_layers": 3, "decoder_attention_heads": 2, "decoder_ffn_dim": 13}
    text = TrOCRConfig(**SPECIAL, **decoder, cross_attention_hidden_size=24, max_position_embeddings=41)
    return of_pictures(ViTConfig(hidden_size=24, **sizes), text), {"pixel_values": numbers(1, 3, 12, 12)}


def donut():
    swin = DonutSwinConfig(image_size=(32, 32), patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=2)
    layers = {"encoder_layers": 3, "decoder_layers": 3, "decoder_attention_heads": 2, "decoder_ffn_dim": 13}
    text = MBartConfig(**SPECIAL, **layers, d_model=16, max_position_embeddings=41, is_decoder=True, add_cross_attention=True)
    task = torch.tensor([[5, 6, 7]])
    return of_pictures(swin, text), {"pixel_values": numbers(1, 3, 32, 32), "decoder_input_ids": task}


def prompt_with(*ids):
    given = torch.tensor([ids])
    return {"input_ids": given, "attention_mask": torch.ones_like(given)}


def llava():
    vision = {"hidden_size": 20, "intermediate_size": 13, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=vision | {"model_type": "clip_vision_model", "image_size": 12, "patch_size": 4},
        text_config=TEXT | {"model_type": "llama"},
        image_token_index=IMAGE,
        image_token_id=IMAGE,
    )
    inputs = prompt_with(BOS, 4, *[IMAGE] * 9, 5, 6)
    return varied(LlavaForConditionalGeneration(config)), inputs | {"pixel_values": numbers(1, 3, 12, 12)}


def qwen():
    rope = {"rope_type": "default", "mrope_section": [1, 1, 1], "rope_theta": 1e4}
    vision = {"depth": 2, "embed_dim": 16, "hidden_size": 24, "num_heads": 2, "mlp_ratio": 2, "patch_size": 4}
    ids = {"image_token_id": IMAGE, "video_token_id": 49, "vision_start_token_id": 51, "vision_end_token_id": 52}
    vision |= {"spatial_merge_size": 2, "temporal_patch_size": 2}
    model = varied(
        Qwen2VLForConditionalGeneration(
            Qwen2VLConfig(text_config=TEXT | {"rope_parameters": rope}, vision_config=vision, **ids)
        )
    )
    inputs = prompt_with(4, 51, *[IMAGE] * 6, 52, 5, 6)
    picture = {"pixel_values": numbers(24, 96), "image_grid_thw": torch.tensor([[1, 4, 6]])}
    return model, inputs | picture | {"mm_token_type_ids": (inputs["input_ids"] == IMAGE).long()}


def paligemma():
    vision = {"hidden_size": 20, "intermediate_size": 13, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = PaliGemmaConfig(
        vision_config=vision | {"image_size": 8, "patch_size": 4, "projection_dim": 24},
        text_config=TEXT | {"model_type": "gemma"},
        projection_dim=24,
        hidden_size=24,
        image_token_index=IMAGE,
    )
    inputs = prompt_with(*[IMAGE] * 4, BOS, 5, 6)
    types = {"token_type_ids": torch.zeros_like(inputs["input_ids"])}
    return varied(PaliGemmaForConditionalGeneration(config)), inputs | types | {"pixel_values": numbers(1, 3, 8, 8)}


def vectors():
    return tiny("llama"), {"inputs_embeds": numbers(1, 5, 24)}


def vectors_of_an_encoder():
    config = T5Config(vocab_size=53, d_model=22, d_kv=11, d_ff=13, num_layers=2, num_heads=2, decoder_start_token_id=PAD)
    return varied(T5ForConditionalGeneration(config)), {"inputs_embeds": numbers(1, 5, 22)}


MODELS = (whisper, trocr, donut, llava, qwen, paligemma, vectors, vectors_of_an_encoder)
each_model = pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)


@each_model
def test_maps_are_those_of_the_models_own_steps(make):
    model, inputs = make()
    options = GREEDY | ({"return_timestamps": True} if make is whisper else {})
    recording = regard.generate(model, **inputs, **options, tokenizer=Tokenizer())
    model.set_attn_implementation("eager")
    once = {"force_unique_generate_call": True} if make is whisper else {}
    steps = model.generate(**inputs, **options, **once, output_attentions=True, return_dict_in_generate=True)
    assert torch.equal(recording.sequences, steps.sequences)
    expected = regard.Recording.of(steps)
    assert {amap.kind for amap in expected.maps} <= {amap.kind for amap in recording.maps}
    for kind in {amap.kind for amap in expected.maps}:
        towers = kind == "self"  # which the model returns no weights of
        found = [amap for amap in recording.maps if amap.kind == kind and (not towers or amap.queries.role == "produced")]
        own = [amap for amap in expected.maps if amap.kind == kind]
        assert len(own) == len(found) > 0
        for one, other in zip(own, found, strict=True):
            assert_close(other.dense(), one.dense(), atol=1e-5, rtol=0)


@each_model
def test_rows_are_named_by_what_they_produced(make):
    model, inputs = make()
    recording = regard.generate(model, inputs, **GREEDY, tokenizer=Tokenizer())
    names = [f"<{token}>" for token in recording.sequences[0].tolist()]
    amap = next(one for one in recording.maps if one.queries.role == "produced")
    written = recording.sequences.shape[1] - inputs["input_ids"].shape[1] if "input_ids" in inputs else len(names) - 1
    assert list(amap.queries)[-written:] == names[-written:]
    if make is vectors:
        assert list(amap.queries) == ["", "", "", "", *names]
        assert list(amap.keys) == ["", "", "", "", "", *names[:-1]]
    if "input_ids" in inputs:
        placed = [place is not None for place in amap.keys.place]
        assert placed[: inputs["input_ids"].shape[1]] == (inputs["input_ids"][0] == IMAGE).tolist()
        assert not any(placed[inputs["input_ids"].shape[1] :])


@pytest.mark.parametrize("make", [llava, qwen, trocr, vectors], ids=lambda make: make.__name__)
def test_each_returned_sequence_has_its_own_maps(make):
    model, inputs = make()
    options = GREEDY | {"num_beams": 3, "num_return_sequences": 3}
    recording = regard.generate(model, inputs, **options)
    assert recording.sequences.shape[0] == 3
    for row in range(3):
        alone = regard.recording.generation.replay(model, inputs, recording.sequences[row : row + 1])
        several = [amap for amap in recording.maps if amap.queries.role == "produced"]
        one = [amap for amap in alone.maps if amap.queries.role == "produced"]
        for amap, other in zip(several, one, strict=True):
            both = amap.sample(row), other.sample(0)
            assert_close(both[0].dense(), both[1].dense(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [llava, qwen], ids=lambda make: make.__name__)
def test_a_picture_that_the_model_writes_itself_is_refused(make):
    model, inputs = make()
    ids = inputs["input_ids"]

    def of(*written):
        return torch.cat([ids, torch.tensor([written])], -1)

    assert regard.recording.generation.replay(model, inputs, of(7, 8, IMAGE)).maps  # the last one is read by no row
    said = f"got the placeholder of image, id 50, at position {ids.shape[1] + 1}, .*suppress_tokens="
    with pytest.raises(RecordingError, match=said):
        regard.recording.generation.replay(model, inputs, of(7, IMAGE, 8))


def test_several_texts_with_pictures_of_several_sizes():
    model, _ = qwen()
    ids = torch.tensor([[4, 51, *[IMAGE] * 6, 52, 5, 6], [4, 51, IMAGE, 52, 51, IMAGE, IMAGE, 52, 5, 6, 7]])
    both = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": (ids == IMAGE).long()}
    both |= {"pixel_values": numbers(36, 96), "image_grid_thw": torch.tensor([[1, 4, 6], [1, 2, 2], [1, 4, 2]])}
    recording = regard.generate(model, both, **GREEDY, num_beams=2, num_return_sequences=2)
    second = {name: given[1:] for name, given in both.items() if name != "pixel_values"}
    second["pixel_values"] = both["pixel_values"][24:]
    alone = regard.recording.generation.replay(model, second, recording.sequences[2:])
    texts = [amap for amap in recording.maps if amap.queries.role == "produced"]
    expected = [amap for amap in alone.maps if amap.queries.role == "produced"]
    assert len(texts) == len(expected) == 2
    for amap, other in zip(texts, expected, strict=True):
        assert_close(amap.dense()[2:], other.dense(), atol=1e-5, rtol=0)


def test_vectors_that_are_padded():
    model, texts = tiny("llama"), tiny_inputs("llama")
    inputs = {"inputs_embeds": model.get_input_embeddings()(texts["input_ids"]).detach()}
    inputs["attention_mask"] = texts["attention_mask"]
    recording = regard.generate(model, inputs, **GREEDY, eos_token_id=None, tokenizer=Tokenizer())
    with_ids = regard.generate(model, texts, **GREEDY, eos_token_id=None, tokenizer=Tokenizer())
    for amap, other in zip(recording.maps, with_ids.maps, strict=True):
        assert_close(amap.dense(), other.dense(), atol=1e-5, rtol=0)
        assert amap.sample(1).shape == other.sample(1).shape
        assert list(amap.sample(1).queries)[-5:] == list(other.sample(1).queries)[-5:]


class Prompted(nn.Module):
    """What PEFT's prompt tuning does: trained vectors stand before the text, whoever runs the model."""

    main_input_name = "input_ids"

    def __init__(self, model, virtual):
        super().__init__()
        self.model, self.config, self.generation_config = model, model.config, model.generation_config
        self.prompt = nn.Parameter(numbers(virtual, model.config.hidden_size))
        self.active_peft_config = SimpleNamespace(num_virtual_tokens=virtual)

    def forward(self, input_ids, attention_mask, use_cache=None):
        words = self.model.get_input_embeddings()(input_ids)
        whole = torch.cat([self.prompt.expand(len(words), -1, -1), words], 1)
        seen = torch.cat([attention_mask.new_ones(len(words), len(self.prompt)), attention_mask], 1)
        return self.model(inputs_embeds=whole, attention_mask=seen, use_cache=use_cache)

    def generate(self, input_ids, attention_mask, max_new_tokens, **_):
        for _ in range(max_new_tokens):
            seen = attention_mask.new_ones(len(input_ids), input_ids.shape[1])
            input_ids = torch.cat([input_ids, self(input_ids, seen).logits[:, -1:].argmax(-1)], 1)
        return SimpleNamespace(sequences=input_ids)


def test_trained_vectors_before_the_text_have_no_names():
    inputs = {name: given[:1] for name, given in tiny_inputs("llama").items()}
    recording = regard.generate(Prompted(tiny("llama"), 3), **inputs, max_new_tokens=2, tokenizer=Tokenizer())
    names = [f"<{token}>" for token in recording.sequences[0].tolist()]
    [amap, *_] = recording.maps
    assert amap.shape == (1, 6, 11, 11)
    assert list(amap.queries) == ["", "", "", *names[1:]]
    assert list(amap.keys) == ["", "", "", *names[:-1]]


def test_sound_that_is_heard_in_pieces_is_refused():
    model, _ = whisper()
    said = r"one window, 38 frames \(0\.38 seconds.*got 114 frames, .*processor\(sound\[at : at \+ 6080\]"
    with pytest.raises(RecordingError, match=said):
        regard.generate(model, numbers(1, 7, 114), return_timestamps=True, max_new_tokens=3)


def test_a_model_that_is_given_nothing():
    with pytest.raises(OptionError, match="inputs with input_ids or inputs_embeds"):
        regard.generate(tiny("llama"), max_new_tokens=3)
