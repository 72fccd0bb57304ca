"""Sounds in the text of a model: each position knows when it was, beside which frames really reach it."""

import pytest
import torch
import transformers as hf

import regard
from regard.axes import Seconds
from regard.errors import DtypeError, OptionError
from support.tiny_models import Tokenizer

SOUND = 99
TEXT = {"vocab_size": 101, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 11}
TEXT |= {"num_key_value_heads": 2, "pad_token_id": 0}


def voxtral():
    audio = {"hidden_size": 8, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_mel_bins": 5}
    config = hf.VoxtralConfig(
        audio_config=audio | {"max_source_positions": 12}, text_config=TEXT | {"model_type": "llama"}, audio_token_id=SOUND
    )
    return hf.VoxtralForConditionalGeneration(config).eval()


def test_positions_of_voxtral_are_four_frames_each():
    """24 columns of 10 ms, 12 frames of 20 ms, three positions of 80 ms."""
    torch.manual_seed(0)
    model, sound = voxtral(), torch.randn(1, 5, 24)
    ids = torch.tensor([[1, 5, SOUND, SOUND, SOUND, 7, 8]])
    with torch.no_grad(), regard.record(model, tokenizer=Tokenizer()) as recording:
        model(input_ids=ids, input_features=sound)
    keys = recording.tower("language_model").maps[0].keys
    assert list(keys.place) == [None, None, Seconds(0, 0.08), Seconds(0.08, 0.16), Seconds(0.16, 0.24), None, None]
    assert keys[2:6] == ("0.00 s", "0.08 s", "0.16 s", "<7>")
    assert regard.Spans.seconds(keys, {"word": (0.05, 0.21)}).places == ((3, 4),)
    # with attention silenced, columns that reach a position are its own and those that the convolutions see around it
    for name, parameter in model.named_parameters():
        if "self_attn" in name and "audio" in name:
            torch.nn.init.zeros_(parameter)
    held = {}
    model.model.language_model.register_forward_pre_hook(lambda _, __, kwargs: held.update(kwargs), with_kwargs=True)
    sound = sound.requires_grad_()
    model(input_ids=ids, input_features=sound)
    for at in (2, 3, 4):
        (slope,) = torch.autograd.grad(held["inputs_embeds"][0, at].square().sum(), sound, retain_graph=True)
        columns = slope[0].abs().sum(0).nonzero().flatten()
        assert columns.min() * 0.01 <= keys.place[at].start + 1e-9
        assert (columns.max() + 1) * 0.01 >= keys.place[at].stop - 1e-9
        assert columns.min() >= 8 * (at - 2) - 3
        assert columns.max() <= 8 * (at - 1) + 3


def test_each_run_of_placeholders_is_a_sound_of_its_own():
    from regard.recording.sounds import with_sounds

    config = hf.Qwen2AudioConfig(audio_token_index=SOUND)
    ids = torch.tensor([[1, SOUND, SOUND, 5, SOUND], [SOUND, 3, 4, 4, 4]])
    one, other = with_sounds(regard.axes.Axis.unknown(5), ids, config).lines
    assert one.place == (None, Seconds(0, 0.04), Seconds(0.04, 0.08), None, Seconds(0, 0.04, 1))
    assert other.place == (Seconds(0, 0.04), None, None, None, None)
    unknown = hf.LlamaConfig()
    axis = regard.axes.Axis.unknown(5)
    assert with_sounds(axis, ids, unknown) is axis


def test_stretches_are_of_one_sound(tmp_path):
    """Each begins at 0 s: without its number, a stretch would be of all of them."""
    from regard.recording.sounds import with_sounds

    ids = torch.tensor([[1, SOUND, SOUND, 5, SOUND]])
    texts = ["<s>", "<sound>", "<sound>", "and", "<sound>"]
    keys = with_sounds(regard.axes.Axis.unknown(5).with_text(texts), ids, hf.Qwen2AudioConfig(audio_token_index=SOUND))
    assert tuple(keys) == ("<s>", "0:0.00 s", "0:0.04 s", "and", "1:0.00 s")
    first = {"a": (0, 0.04)}
    assert regard.Spans.seconds(keys, first, sound=0).places == ((1,),)
    assert regard.Spans.seconds(keys, first, sound=1).places == ((4,),)
    amap = regard.AttentionMap(torch.randn(1, 1, 5, 2), torch.randn(1, 1, 5, 2))
    amap.keys = keys
    amap.save(tmp_path / "sounds.safetensors")
    assert regard.load(tmp_path / "sounds.safetensors").keys.place == keys.place
    for message, given, sound in (
        ("which of 2 sounds, as each begins at 0 s", first, None),
        ("sounds are counted from 0", first, 2),
        ("stretches of 0.04 s of sound", {"a": (0.04, 0.08)}, 1),
    ):
        with pytest.raises(OptionError, match=message):
            regard.Spans.seconds(keys, given, sound=sound)


def test_residues_are_counted_from_one():
    keys = regard.axes.Axis.unknown(7).with_text(["<cls>", "M", "K", "V", "L", "A", "<eos>"])
    assert regard.Spans.residues(keys, {"a": (1, 2), "b": (2, 5)}).places == ((1, 2), (2, 3, 4, 5))
    for error, message, parts in (
        (OptionError, "counted from 1", {"a": (0, 2)}),
        (OptionError, "counted from 1", {"a": (2, 6)}),
        (DtypeError, "first, last", {"a": 3}),
        (DtypeError, "by name", [(1, 2)]),
    ):
        with pytest.raises(error, match=message):
            regard.Spans.residues(keys, parts)
    with pytest.raises(OptionError, match="positions with texts"):
        regard.Spans.residues(regard.axes.Axis.unknown(4), {"a": (1, 2)})
