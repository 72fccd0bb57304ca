"""Rotary positions of longer texts, of pictures and of some channels, beside Transformers' own and by what each promises."""

import math
import re

import pytest
import torch
from torch.testing import assert_close
from transformers import GPTNeoXConfig, LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding
from transformers.models.qwen2_vl import modeling_qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig, Qwen2VLVisionConfig

from regard.errors import DtypeError, OptionError, ShapeError
from regard.mechanisms.positions.rotary import rotary_half, turned
from regard.mechanisms.positions.rotary_places import axial_rotary, multimodal_rotary, partial_rotary
from regard.mechanisms.positions.stretched_rotary import (
    interpolated_frequencies,
    ntk_frequencies,
    rotary_at,
    rotary_frequencies,
    yarn_frequencies,
    yarn_temperature,
)

POSITIONS, DIM = 11, 20


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transformers_frequencies(kind, dim, base=10000.0, **options):
    """Frequencies, float32, and the factor that cosines and sines are multiplied with."""
    config = LlamaConfig(
        hidden_size=dim * 2,
        num_attention_heads=2,
        max_position_embeddings=options.get("original_max_position_embeddings", 4096),
        rope_parameters={"rope_type": kind, "rope_theta": base, **options},
    )
    found, factor = ROPE_INIT_FUNCTIONS[kind](config, device="cpu")
    return found.double(), factor


@pytest.mark.parametrize("factor", [1.0, 2.0, 40.0])
def test_interpolated_frequencies_are_those_of_transformers(factor):
    assert_close(
        interpolated_frequencies(64, factor), transformers_frequencies("linear", 64, factor=factor)[0], rtol=1e-6, atol=0
    )


@pytest.mark.parametrize(
    ("dim", "base", "factor", "trained"), [(64, 10000.0, 40.0, 4096), (128, 1e6, 4.0, 32768), (20, 500.0, 8.0, 100)]
)
def test_yarn_is_that_of_transformers(dim, base, factor, trained):
    theirs, sharper = transformers_frequencies(
        "yarn", dim, base, factor=factor, original_max_position_embeddings=trained, beta_fast=32.0, beta_slow=1.0
    )
    assert_close(yarn_frequencies(dim, factor, trained, base), theirs, rtol=1e-5, atol=0)
    assert yarn_temperature(factor) == pytest.approx(sharper)


def test_yarn_of_gpt_oss_has_a_ramp_that_begins_between_pairs():
    theirs, _ = transformers_frequencies(
        "yarn", 64, 150000.0, factor=32.0, original_max_position_embeddings=4096, beta_fast=32.0, beta_slow=1.0, truncate=False
    )
    assert_close(yarn_frequencies(64, 32.0, 4096, 150000.0, whole=False), theirs, rtol=1e-5, atol=0)
    assert not torch.allclose(yarn_frequencies(64, 32.0, 4096, 150000.0), theirs, rtol=1e-3)


def test_llama_3_stretches_by_the_papers_ramp():
    theirs, sharper = transformers_frequencies(
        "llama3", 128, 500000.0, factor=8.0, original_max_position_embeddings=8192, low_freq_factor=1.0, high_freq_factor=4.0
    )
    assert_close(yarn_frequencies(128, 8.0, 8192, 500000.0, slow=1, fast=4, ramp="turns"), theirs, rtol=1e-5, atol=0)
    assert sharper == 1


def test_the_slowest_pair_of_ntk_is_that_of_interpolation_and_the_fastest_is_left():
    plain, slower, ntk = rotary_frequencies(DIM), interpolated_frequencies(DIM, 7.0), ntk_frequencies(DIM, 7.0)
    assert_close(ntk[-1], slower[-1])
    assert ntk[0] == plain[0] == 1
    assert ((ntk[1:-1] < plain[1:-1]) & (ntk[1:-1] > slower[1:-1])).all()


def test_dynamic_ntk_is_that_of_transformers():
    """Their factor is found from the text's own length: factor · length / trained − (factor − 1)."""
    config = LlamaConfig(
        hidden_size=128,
        num_attention_heads=2,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "dynamic", "factor": 3.0, "rope_theta": 1e4},
    )
    theirs, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, device="cpu", seq_len=2048)
    assert_close(ntk_frequencies(64, 3.0 * 2048 / 512 - 2.0), theirs.double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("frequencies", [interpolated_frequencies, ntk_frequencies], ids=lambda one: one.__name__)
def test_a_factor_of_one_changes_nothing(frequencies):
    assert_close(frequencies(DIM, 1), rotary_frequencies(DIM))
    assert_close(yarn_frequencies(DIM, 1, 77), rotary_frequencies(DIM))
    assert yarn_temperature(1) == 1


def test_interpolated_positions_are_fractions_of_positions():
    x = normal(2, 3, POSITIONS, DIM)
    assert_close(rotary_at(x, interpolated_frequencies(DIM, 5))[:, :, 5], rotary_half(x[:, :, 5:6], start=1)[:, :, 0])


@pytest.mark.parametrize(
    "turn",
    [
        lambda x, start: rotary_at(x, yarn_frequencies(DIM, 4, 77), start=start),
        lambda x, start: partial_rotary(x, 6, start=start),
    ],
    ids=["yarn", "partial"],
)
def test_scores_know_distances_alone(turn):
    query, key = normal(1, DIM, seed=1), normal(1, DIM, seed=2)
    scores = [turn(query, start + 3) @ turn(key, start).mT for start in (0, 11, 100_003)]
    assert_close(scores[1], scores[0])
    assert_close(scores[2], scores[0], rtol=1e-6, atol=1e-9)


def test_partial_rotary_is_that_of_gpt_neox():
    config = GPTNeoXConfig(
        hidden_size=2 * DIM,
        num_attention_heads=2,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.3},
    )
    cos, sin = GPTNeoXRotaryEmbedding(config)(torch.ones(1, POSITIONS, dtype=torch.float64), torch.arange(POSITIONS)[None])
    assert cos.shape[-1] == 6
    x = normal(POSITIONS, DIM)
    one, other = x[:, :3], x[:, 3:6]
    theirs = torch.cat([x[:, :6] * cos[0] + torch.cat([-other, one], 1) * sin[0], x[:, 6:]], dim=1)
    assert_close(partial_rotary(x, 6), theirs, rtol=1e-5, atol=1e-6)


def test_two_dimensions_are_those_of_qwen2_vl():
    rows, columns = 3, 5
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    config = Qwen2VLVisionConfig(embed_dim=2 * DIM, num_heads=2)
    cos, sin = modeling_qwen2_vl.Qwen2VLVisionRotaryEmbedding(config)(torch.ones(1), places.T[None])
    query, key = normal(len(places), 3, DIM, seed=1), normal(len(places), 3, DIM, seed=2)  # (patches, heads, dim)
    found = modeling_qwen2_vl.apply_rotary_pos_emb_vision(query.float(), key.float(), cos[0], sin[0])
    for ours, other in zip((query, key), found, strict=True):
        assert_close(axial_rotary(ours.transpose(0, 1), places).transpose(0, 1), other.double(), rtol=1e-5, atol=1e-5)


def test_three_axes_are_those_of_qwen2_vl():
    sections = [2, 3, 5]
    places = torch.randint(0, 17, (POSITIONS, 3), generator=torch.Generator().manual_seed(3))
    config = Qwen2VLTextConfig(
        hidden_size=2 * DIM,
        num_attention_heads=2,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": sections},
    )
    turns = modeling_qwen2_vl.Qwen2VLRotaryEmbedding(config)(torch.ones(1, dtype=torch.float64), places.T[:, None])
    query, key = normal(1, 2, POSITIONS, DIM, seed=1), normal(1, 2, POSITIONS, DIM, seed=2)
    found = modeling_qwen2_vl.apply_rotary_pos_emb(query, key, *turns)
    for ours, other in zip((query, key), found, strict=True):
        assert_close(multimodal_rotary(ours, places, sections), other, rtol=1e-5, atol=1e-5)


def test_words_have_the_positions_of_words():
    x, places = normal(2, 3, POSITIONS, DIM), torch.arange(POSITIONS)[:, None].expand(POSITIONS, 3)
    assert_close(multimodal_rotary(x, places, [4, 3, 3]), rotary_half(x))


def test_a_picture_moved_as_a_whole_has_the_same_scores():
    query, key = normal(6, DIM, seed=1), normal(6, DIM, seed=2)
    places = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    scores = [axial_rotary(query, moved) @ axial_rotary(key, moved).mT for moved in (places, places + torch.tensor([4, 9]))]
    assert_close(scores[1], scores[0])


def test_half_precision_keeps_its_dtype():
    x = normal(3, POSITIONS, DIM).to(torch.bfloat16)
    places = torch.zeros(POSITIONS, 2, dtype=torch.int32)
    for found in (rotary_at(x, rotary_frequencies(DIM)), partial_rotary(x, 4), axial_rotary(x, places)):
        assert found.dtype == torch.bfloat16
    assert_close(rotary_at(x, rotary_frequencies(DIM)), rotary_half(x))


X = torch.ones(3, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rotary_frequencies(5), OptionError, "dim: expected an even number, got 5"),
        (lambda: interpolated_frequencies(8, 0.5), OptionError, "factor: expected a number of at least 1, got 0.5"),
        (lambda: ntk_frequencies(2, 2), OptionError, "dim: expected a whole number of at least 4, got 2"),
        (lambda: yarn_frequencies(8, 2, 77, slow=4, fast=4), OptionError, "fast: expected a number above slow=4, got 4"),
        (lambda: yarn_frequencies(8, 2, 77, ramp="pairs"), OptionError, "ramp: expected one of channels, turns, got 'pairs'"),
        (lambda: yarn_temperature(math.nan), OptionError, "factor: expected"),
        (
            lambda: rotary_at(X, torch.ones(5)),
            ShapeError,
            "angles (positions, pairs) of at most dim/2 pairs, got (3, 8) and (3, 5)",
        ),
        (lambda: rotary_at(torch.ones(8), torch.ones(4)), ShapeError, "expected x (..., positions, dim) and angles"),
        (lambda: turned(X, torch.ones(2, 4)), ShapeError, "got (3, 8) and (2, 4)"),
        (lambda: partial_rotary(X, 10), ShapeError, "dim at least channels=10, got (3, 8)"),
        (lambda: partial_rotary(X, 3), OptionError, "dim: expected an even number, got 3"),
        (lambda: axial_rotary(X[:, :6], torch.zeros(3, 2).long()), ShapeError, "dim a multiple of 4, got (3, 6)"),
        (
            lambda: axial_rotary(X, torch.zeros(3, 2)),
            DtypeError,
            "places: expected a tensor of whole numbers, got torch.float32",
        ),
        (lambda: axial_rotary(X, torch.zeros(2, 3).long()), ShapeError, "expected places (positions=3, axes=2), got (2, 3)"),
        (
            lambda: multimodal_rotary(X, torch.zeros(3, 3).long(), [2, 2, 2]),
            ShapeError,
            "dim twice the pairs of all sections, 12",
        ),
        (lambda: multimodal_rotary(X, torch.zeros(3, 3).long(), 4), DtypeError, "sections: expected"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
