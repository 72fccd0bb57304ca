"""Times of tokens equal Transformers' own, after any decoding; the way is the cheapest there is."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import WhisperConfig, WhisperForConditionalGeneration

import regard
from regard.analysis.mixtures.warping import warping_path
from regard.errors import OptionError, ShapeError

HEADS = [(0, 1), (2, 0), (2, 1)]


def speech_model(kernel):
    torch.manual_seed(3)
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    sizes = {"d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "num_mel_bins": 7, "max_source_positions": 40}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 13, "decoder_ffn_dim": 13}
    limits = {"max_target_positions": 31, "suppress_tokens": None, "begin_suppress_tokens": None}
    config = WhisperConfig(vocab_size=61, **ends, **sizes, **heads, **limits, attn_implementation=kernel)
    model = WhisperForConditionalGeneration(config).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.4)
    said = model.generation_config
    said.no_timestamps_token_id, said.is_multilingual, said.max_length = 60, False, None
    said.alignment_heads = [list(head) for head in HEADS]
    return model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # of Transformers, which repeats a tensor by NumPy
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("lengths", [None, (80, 80), (60, 44)])
def test_they_are_those_of_transformers(beams, lengths):
    spectra = torch.randn(2, 7, 80, generator=torch.Generator().manual_seed(1))
    asked = {"input_features": spectra, "max_new_tokens": 8, "num_beams": beams, "do_sample": False}
    if lengths is not None:
        asked["attention_mask"] = (torch.arange(80) < torch.tensor(lengths)[:, None]).long()
    expected = speech_model("eager").generate(**asked, return_token_timestamps=True, return_dict_in_generate=True)
    recording = regard.generate(speech_model("sdpa"), **asked)
    for item in range(2):
        frames = None if lengths is None else lengths[item] // 2
        times = regard.word_times(recording.sample(item), HEADS, prompt=2, frames=frames)
        own = expected["token_timestamps"][item][2:-1]  # those of the prompt are 0; the last is said twice
        np.testing.assert_allclose([one.start for one in times.tokens], own, atol=1e-6)


def costs_of_every_way(costs):
    rows, columns = costs.shape
    best = {(0, 0): costs[0, 0]}
    for i, j in itertools.product(range(rows), range(columns)):
        before = [best[at] for at in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if at in best]
        if before:
            best[i, j] = costs[i, j] + min(before)
    return best[rows - 1, columns - 1]


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_way_is_one_step_after_another_and_the_cheapest(down, across, seed):
    costs = np.random.default_rng(seed).integers(-4, 5, (down, across)).astype(float)
    rows, columns = warping_path(costs)
    assert (rows[0], columns[0]) == (0, 0)
    assert (rows[-1] + 1, columns[-1] + 1) == costs.shape
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert steps <= {(1, 0), (0, 1), (1, 1)}
    assert costs[rows, columns].sum() == costs_of_every_way(costs)


def map_of(weights, tokens=None):
    [amap] = regard.Recording.of([torch.as_tensor(weights, dtype=torch.float32)[None, None]], kind="cross").cross
    if tokens is not None:
        amap.queries = tokens
    return amap


SAID = [[0.0, 0.9, 0.1, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0, 0.0], [0.0, 0.9, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.1, 0.9]]


def test_the_special_tokens_at_the_beginning_are_no_words():
    times = regard.word_times([map_of(SAID, ["<s>", "▁one", "▁two", "▁three"])], [(0, 0)], seconds=0.5, median=1)
    assert [one.text for one in times.words] == ["one", "two", "three"]
    assert [one.start for one in times.tokens] == [0.0, 0.5, 1.5]
    assert times.tokens[-1].stop == 2.5
    assert times.entropy[0] == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1), abs=1e-5)


def test_a_frame_that_all_tokens_look_at_alike_says_nothing():
    even = [[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]
    times = regard.word_times([map_of(even)], [(0, 0)], prompt=0, seconds=1.0, median=1)
    assert times.weights[:, 0].tolist() == [0, 0]
    assert all(one.start == one.start for one in times.tokens)


def test_a_picture_shows_the_way():
    times = regard.word_times([map_of(SAID)], [(0, 0)], prompt=0, seconds=0.5, median=1)
    [line] = times.figure().axes[0].lines
    assert tuple(line.get_xdata()) == times.path[1]
    assert str(times).splitlines()[0].split() == ["0.00", "0.00", "0"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give prompt="),
        ({"prompt": 9}, "prompt: expected a whole number from 0 to 3"),
        ({"prompt": 0}, "give seconds="),
        ({"prompt": 0, "seconds": 1.0, "median": 4}, "an odd number"),
        ({"prompt": 0, "seconds": 1.0, "frames": 6}, "frames: expected a whole number from 1 to 5"),
    ],
)
def test_what_is_not_known_is_asked_for(options, said):
    with pytest.raises(OptionError, match=said):
        regard.word_times([map_of(SAID)], [(0, 0)], **options)
    several = regard.Recording.of([torch.rand(2, 1, 3, 4).softmax(-1)], kind="cross")
    with pytest.raises(ShapeError, match=r"recording\.sample\(0\)"):
        regard.word_times(several, [(0, 0)], prompt=0, seconds=1.0)
