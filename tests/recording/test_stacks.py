"""An axis belongs to a stack of modules: its words are on its own maps, and nothing is named that is not known."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    CLIPConfig,
    CLIPModel,
    MistralConfig,
    MistralForCausalLM,
    SiglipVisionConfig,
    T5Config,
    T5ForConditionalGeneration,
    T5Gemma2Config,
    T5Gemma2DecoderConfig,
    T5Gemma2EncoderConfig,
    T5Gemma2ForConditionalGeneration,
    T5Gemma2TextConfig,
    ViltConfig,
    ViltModel,
)

import regard
from support.tiny_models import Tokenizer, tiny, tiny_inputs

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


def names(ids):
    return tuple(f"<{token}>" for token in ids)


def recorded(model, *args, **kwargs):
    with torch.no_grad(), regard.record(model.eval(), tokenizer=Tokenizer()) as recording:
        model(*args, **kwargs)
    return recording


@pytest.mark.parametrize("length", [7, 17])
def test_the_words_of_a_caption_are_not_those_of_its_picture(length):
    """17 tokens are as many as the picture's class token and patches."""
    text, picture = SIZES | {"vocab_size": 53}, SIZES | {"image_size": 16, "patch_size": 4}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=picture, projection_dim=8))
    ids, mask = torch.randint(3, 53, (2, length)), torch.ones(2, length, dtype=torch.long)
    mask[0, 4:] = 0
    recording = recorded(model, input_ids=ids, attention_mask=mask, pixel_values=torch.randn(2, 3, 16, 16))
    seen, read = recording.maps if "vision" in recording.maps[0].name else recording.maps[::-1]
    assert not any("<" in text for axis in (seen.queries, seen.keys) for text in axis.sequence(0))
    one = recording.sample(0)
    vision = next(amap for amap in one.maps if "vision" in amap.name)
    assert vision.shape == (1, 2, 17, 17)
    assert_close(vision.dense().sum(-1), torch.ones(1, 2, 17))
    words = next(amap for amap in one.maps if "text" in amap.name)
    assert words.keys == names(ids[0, :4].tolist())
    assert read.keys.sequence(1) == names(ids[1].tolist())


def test_a_cache_that_was_filled_before_has_no_names():
    model, ids = tiny("llama"), torch.arange(3, 13)[None]
    with torch.no_grad():
        held = model(ids[:, :6], use_cache=True).past_key_values
    recording = recorded(model, ids[:, 6:], past_key_values=held)
    one = recording.sample(0).self[0]
    assert one.shape == (1, 6, 4, 10)
    assert one.queries == names(range(9, 13))
    assert one.keys == ("",) * 6 + names(range(9, 13))
    assert_close(one.dense().sum(-1), torch.ones(1, 6, 4))


def test_a_batch_that_goes_on_is_named_unless_its_beams_were_reordered():
    model, ids = tiny("llama"), torch.arange(3, 15).view(2, 6)
    for order, known in (([0, 1], names(range(9, 15))), ([1, 0], ("",) * 5 + names([14]))):
        with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
            held = model(ids[:, :5], use_cache=True).past_key_values
            held.reorder_cache(torch.tensor(order))
            model(ids[:, 5:], past_key_values=held)
        assert recording.maps[-1].keys.sequence(1) == known


def test_steps_of_generate_know_the_text_so_far():
    model, ids = tiny("marian"), tiny_inputs("marian")["input_ids"][:1]
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        out = model.generate(ids, max_new_tokens=3, do_sample=False, num_beams=1)
    written, steps = names(out[0].tolist()), [amap for amap in recording.maps if amap.kind == "decoder"][2::3]
    assert [amap.keys for amap in steps] == [written[:1], written[:2], written[:3]][: len(steps)]
    assert {amap.keys.text for amap in recording.maps if amap.kind == "cross"} == {names(ids[0].tolist())}


@pytest.mark.parametrize("options", [{"cache_implementation": "static"}, {}], ids=["static", "sliding"])
def test_keys_of_a_cache_whose_places_are_its_own_are_not_named(options):
    window = None if options else 4
    model = MistralForCausalLM(MistralConfig(vocab_size=53, num_key_value_heads=1, sliding_window=window, **SIZES)).eval()
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        model.generate(torch.arange(3, 9)[None], max_new_tokens=3, do_sample=False, eos_token_id=None, **options)
    assert recording.maps[-1].shape[3] == (8 if options else 4)
    assert recording.maps[-1].keys.text is None
    assert len(recording.maps[-1].queries.text) == 1


def test_a_decoder_that_is_given_labels_has_its_own_words():
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    model = T5ForConditionalGeneration(T5Config(vocab_size=53, decoder_start_token_id=0, **sizes))
    recording = recorded(model, input_ids=torch.arange(3, 9)[None], labels=torch.arange(20, 26)[None])
    consumed = names([0, *range(20, 25)])
    assert recording.queries == recording.decoder[0].keys == consumed
    assert recording.cross[0].keys == recording.keys == names(range(3, 9))


def test_one_softmax_over_both_texts_has_the_words_of_both():
    heads = {"num_key_value_heads": 1, "head_dim": 8, "vocab_size": 60}
    tower = SiglipVisionConfig(image_size=28, patch_size=14, **SIZES)
    encoder = T5Gemma2EncoderConfig(vision_config=tower, text_config=T5Gemma2TextConfig(**SIZES, **heads))
    config = T5Gemma2Config(encoder=encoder, decoder=T5Gemma2DecoderConfig(**SIZES, **heads), image_token_index=59)
    mask = torch.tensor([[1] * 6 + [0] * 2])
    recording = recorded(
        T5Gemma2ForConditionalGeneration(config),
        input_ids=torch.arange(3, 11)[None],
        attention_mask=mask,
        decoder_input_ids=torch.arange(20, 25)[None],
    )
    [merged] = recording.cross
    assert merged.keys == names([*range(20, 25), *range(3, 11)])
    assert recording.sample(0).cross[0].keys == names([*range(20, 25), *range(3, 9)])
    assert_close(recording.sample(0).cross[0].dense().sum(-1), torch.ones(1, 2, 5))


class Prompted(nn.Module):
    """What PEFT's prompt tuning does: trained vectors stand before the text."""

    def __init__(self, model, virtual):
        super().__init__()
        self.model, self.prompt = model, nn.Parameter(torch.randn(virtual, model.config.hidden_size))
        self.active_peft_config = SimpleNamespace(num_virtual_tokens=virtual)

    def forward(self, input_ids, attention_mask):
        words = self.model.get_input_embeddings()(input_ids)
        batch = len(input_ids)
        whole = torch.cat([self.prompt.expand(batch, -1, -1), words], 1)
        return self.model(inputs_embeds=whole, attention_mask=torch.cat([attention_mask.new_ones(batch, 3), attention_mask], 1))


def test_virtual_tokens_stand_before_the_text():
    recording = recorded(Prompted(tiny("llama"), 3), *tiny_inputs("llama").values())
    ids = tiny_inputs("llama")["input_ids"]
    one = recording.sample(0).maps[0]
    assert one.shape == (1, 6, 10, 10)
    assert one.keys == ("", "", "", *names(ids[0].tolist()))
    padded = recording.sample(1).maps[0]
    assert padded.keys == ("", "", "", *names(ids[1, 3:].tolist()))


def test_embeddings_of_another_length_are_not_named():
    model = Prompted(tiny("llama"), 3)
    del model.active_peft_config
    recording = recorded(model, *tiny_inputs("llama").values())
    assert recording.maps[0].keys.sequence(0).text is None
    assert recording.sample(1).maps[0].shape == (1, 6, 7, 7)  # the mask is known


@pytest.mark.parametrize(
    ("ids", "warned"),
    [
        ([[3, 5, 7], [3, 0, 0]], True),
        ([[0, 5, 7], [3, 4, 9]], True),
        ([[3, 5, 0, 0]], True),
        ([[0, 5, 7]], False),
        ([[3, 5, 0]], False),
        ([[3, 5, 7], [3, 0, 9]], False),
    ],
)
def test_what_may_be_padding_is_said(ids, warned):
    model = tiny("bert")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        recorded(model, torch.tensor(ids))
        recorded(model, torch.tensor(ids), attention_mask=torch.tensor(ids).bool().long())
    assert [str(one.message)[:62] for one in said] == [
        "whether the positions of the pad token 0 are padding is not kn"
    ] * warned
    if warned:
        assert said[0].filename == __file__
        assert "give the model the attention_mask" in str(said[0].message)


def test_a_mask_of_pairs_is_said_to_be_no_padding_mask():
    ids = torch.tensor([[5, 7, 11, 0, 0], [5, 7, 11, 13, 17]])
    pairs = (ids != 0)[:, None, None] & torch.ones(5, 5, dtype=torch.bool).tril()
    with pytest.warns(UserWarning, match=r"as no attention_mask of \(batch, positions\) was given"):
        recorded(tiny("bert"), ids, attention_mask=pairs)


@pytest.mark.parametrize("kind", ["true and false", "added"])
def test_a_mask_of_four_axes_says_padding_too(kind):
    model, inputs = tiny("bert"), tiny_inputs("bert")
    mask = inputs["attention_mask"][:, None, None].bool()
    given = mask if kind == "true and false" else torch.where(mask, 0.0, torch.finfo(torch.float32).min)
    recording = recorded(model, input_ids=inputs["input_ids"], attention_mask=given)
    assert recording.sample(1).self[0].shape == (1, 2, 4, 4)
    assert recording.sample(0).self[0].shape == (1, 2, 7, 7)


def test_the_padding_of_a_text_beside_its_picture_is_left_out():
    sizes = SIZES | {"vocab_size": 53, "image_size": 16, "patch_size": 4, "max_position_embeddings": 32}
    model = ViltModel(ViltConfig(**sizes))
    ids, mask = torch.randint(3, 53, (2, 5)), torch.tensor([[1, 1, 1, 0, 0], [1] * 5])
    recording = recorded(model, input_ids=ids, attention_mask=mask, pixel_values=torch.randn(2, 3, 16, 16))
    joint = 5 + 17
    assert recording.maps[0].shape[2:] == (joint, joint)
    assert recording.sample(0).maps[0].shape == (1, 2, joint - 2, joint - 2)
    assert_close(recording.sample(0).maps[0].dense().sum(-1), torch.ones(1, 2, joint - 2))
    assert recording.maps[0].keys.sequence(0).text is None


def test_a_step_that_sees_a_window_has_no_padding_before_it():
    model = MistralForCausalLM(MistralConfig(vocab_size=53, num_key_value_heads=1, sliding_window=4, **SIZES)).eval()
    ids, mask = torch.arange(3, 15).view(2, 6), torch.tensor([[0, 0, 1, 1, 1, 1], [1] * 6])
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        model.generate(ids, attention_mask=mask, max_new_tokens=3, do_sample=False, eos_token_id=None)
    for amap in recording.maps[1:]:
        assert amap.shape[2] == 1
        assert not amap.queries.is_padded
        assert not amap.keys.is_padded or amap.keys.real(0)[0] == 2
