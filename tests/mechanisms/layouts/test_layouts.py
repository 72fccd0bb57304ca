"""Layouts beside what their masks show, beside Transformers' configurations, and beside what others have published."""

import re
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    Cohere2Config,
    DynamicCache,
    Gemma3TextConfig,
    GptOssConfig,
    KimiLinearConfig,
    Llama4TextConfig,
    Qwen3NextConfig,
    SmolLM3Config,
)

from regard.errors import OptionError
from regard.mechanisms.layouts.layers import Chunked, Full, Latent, Recurrent, Windowed
from regard.mechanisms.layouts.layout import Layout
from regard.mechanisms.layouts.models import LAYOUTS, PUBLISHED

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "recipes" / "tables"))

from table_of_memory import PAGE, tables, with_tables  # noqa: E402

SIZES = {"heads": 6, "kv_heads": 2, "dim": 5, "value_dim": 7}
LAYERS = [
    Full(**SIZES),
    Windowed(window=3, **SIZES),
    Chunked(chunk=4, **SIZES),
    Latent(heads=6, dim=5, value_dim=7, latent=11, rotary=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 11, 13])
def test_pairs_are_those_that_the_mask_shows(layer, tokens):
    seen = layer.sees().dense(1, 1, tokens, tokens)[0, 0]
    assert layer.visible(tokens) == int(seen.sum())
    assert layer.operations(tokens) == 2 * 6 * int(seen.sum()) * (5 + 7)


@pytest.mark.parametrize("layer", LAYERS[:2], ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_what_is_kept_is_what_the_next_token_can_see(layer, tokens):
    seen = layer.sees().dense(1, 1, tokens, tokens)[0, 0, -1]
    assert layer.kept(tokens, itemsize=2) == int(seen.sum()) * 2 * (5 + 7) * 2


def test_latents_and_states():
    assert LAYERS[3].kept(17, itemsize=4) == 17 * (11 + 2) * 4
    state = Recurrent(heads=3, dim=5, value_dim=7, channels=10, reach=4)
    assert [state.kept(tokens) for tokens in (0, 1, 1000)] == [0, 480, 480]  # 3 · 5 · 7 numbers of 4 bytes, and 10 · 3 of 2
    assert state.sees() is None
    assert state.operations(11) == 6 * 3 * 11 * 5 * 7


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: f"{one.model} at {one.tokens}: {one.unit}")
def test_published_figures_are_computed(one):
    """To half of the last digit that was published; 15.625 has been printed as 15.62."""
    digits = len(one.said.partition(".")[2])
    assert one.computed() == pytest.approx(float(one.said), abs=0.5000001 * 10**-digits)


def test_a_wrong_layout_would_be_found():
    one = next(one for one in PUBLISHED if one.model == "Llama 3 70B")
    halved = Layout.repeated([Full(heads=64, kv_heads=4, dim=128)], 80).kept(one.tokens)
    assert halved / 2**30 != pytest.approx(float(one.said), abs=0.01)


LETTERS = {
    "full_attention": "FL",
    "sliding_attention": "W",
    "chunked_attention": "C",
    "linear_attention": "R",
}


def gemma3(layers):
    return Gemma3TextConfig(num_hidden_layers=layers)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("gpt-oss-120b", GptOssConfig()),
        ("gpt-oss-20b", GptOssConfig(num_hidden_layers=24)),
        ("Gemma 3 4B", gemma3(34)),
        ("Gemma 3 27B", gemma3(62)),
        ("Qwen3-Next 80B-A3B", Qwen3NextConfig()),
        ("Llama 4 Scout", Llama4TextConfig()),
        ("Command R7B", Cohere2Config(num_hidden_layers=32)),
        (
            "Kimi Linear 48B-A3B",  # numbers of layers as in the released configuration, which counts from 1
            KimiLinearConfig(
                linear_attn_config={
                    "full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
                    "kda_layers": [n for n in range(1, 28) if n not in (4, 8, 12, 16, 20, 24, 27)],
                }
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layers_are_those_of_transformers(name, config):
    layers = LAYOUTS[name].layers
    assert len(layers) == config.num_hidden_layers
    assert all(layer.letter in LETTERS[kind] for layer, kind in zip(layers, config.layer_types, strict=True))


def test_sizes_are_those_of_transformers():
    full = LAYOUTS["gpt-oss-120b"].layers[1]
    config = GptOssConfig()
    assert (full.heads, full.kv_heads, full.dim) == (config.num_attention_heads, config.num_key_value_heads, config.head_dim)
    assert LAYOUTS["gpt-oss-120b"].layers[0].window == config.sliding_window
    state, config = LAYOUTS["Qwen3-Next 80B-A3B"].layers[0], Qwen3NextConfig()
    assert (state.heads, state.dim, state.values) == (
        config.linear_num_value_heads,
        config.linear_key_head_dim,
        config.linear_value_head_dim,
    )
    state, latent, config = *(LAYOUTS["Kimi Linear 48B-A3B"].layers[i] for i in (0, 3)), KimiLinearConfig()
    assert (state.heads, state.dim) == (config.linear_num_heads, config.linear_head_dim)
    assert (latent.latent, latent.rotary, latent.heads) == (
        config.kv_lora_rank,
        config.qk_rope_head_dim,
        config.num_attention_heads,
    )


def test_layers_without_positions_are_those_of_transformers():
    for name, config in (("SmolLM3 3B", SmolLM3Config()), ("Llama 4 Scout", Llama4TextConfig())):
        rotary = [layer.positions == "rotary" for layer in LAYOUTS[name].layers]
        assert rotary == [bool(one) for one in config.no_rope_layers]


def test_a_cache_of_transformers_holds_as_many_bytes():
    """Windows of 5 and layers that see all, over 13 tokens. Theirs drops a window's own token before the next one comes."""
    config = Gemma3TextConfig(num_hidden_layers=7, sliding_window=5, num_attention_heads=4, num_key_value_heads=2, head_dim=3)
    cache = DynamicCache(config=config)
    for layer in range(7):
        for _ in range(13):
            cache.update(*torch.zeros(2, 1, 2, 1, 3, dtype=torch.bfloat16), layer)
    held = sum(tensor.nbytes for layer in cache.layers for tensor in (layer.keys, layer.values))
    sizes = {"heads": 4, "kv_heads": 2, "dim": 3}
    ours = Layout.repeated([Windowed(window=5 - 1, **sizes)] * 5 + [Full(**sizes)], 7)
    assert held == ours.kept(13)


def test_a_window_that_is_full_grows_no_more():
    layout = LAYOUTS["gpt-oss-120b"]
    assert layout.kept_by_next_token(10) == 36 * 2 * 8 * 64 * 2
    assert layout.kept_by_next_token(128) == 18 * 2 * 8 * 64 * 2


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("WWWWWF" * 5 + "WWWW", "5 × (5W F) 4W"),
        ("F" * 32, "32F"),
        ("WF" * 3, "3 × (W F)"),
        ("RRRL", "3R L"),
        ("RRLRRLL", "2 × (2R L) L"),
        ("WFRRRRR", "W F 5R"),
    ],
)
def test_a_layout_is_written_shortly(letters, said):
    made = {"W": Windowed(window=3, **SIZES), "F": LAYERS[0], "R": Recurrent(heads=1, dim=1), "L": LAYERS[3]}
    assert str(Layout(tuple(made[letter] for letter in letters))) == said


def test_reach():
    window, block = LAYERS[1], LAYERS[2]
    assert Layout((window,) * 7).reach() == 7 * 2
    assert Layout((block,) * 7).reach() == 3
    assert Layout((window, LAYERS[0])).reach() is None
    seen = window.sees().dense(1, 1, 31, 31)[0, 0].double()
    assert int((torch.linalg.matrix_power(seen, 7)[-1] > 0).sum()) == 7 * 2 + 1


def test_the_page_has_the_numbers_of_the_layouts():
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text, tables()) == text, "call python recipes/tables/table_of_memory.py"
    with pytest.raises(ValueError, match="expected the marks of the memory tables"):
        with_tables("", tables())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Full(heads=6, kv_heads=4, dim=1), "expected heads to be a multiple of kv_heads, got 6 and 4"),
        (lambda: Windowed(window=0, **SIZES), "window: expected a whole number of at least 1, got 0"),
        (lambda: Full(positions="sines", **SIZES), "positions: expected one of rotary, none, got 'sines'"),
        (lambda: LAYERS[0].kept(-1), "tokens: expected a whole number of at least 0, got -1"),
        (lambda: LAYERS[0].kept(1, itemsize=0.5), "itemsize: expected a whole number of at least 1, got 0.5"),
        (lambda: Layout(()), "layers: expected a tuple of layers, at least one, got tuple"),
        (lambda: Layout.repeated([], 3), "pattern: expected at least one layer, got none"),
        (lambda: Layout.repeated([LAYERS[0]], 2**40), "layers: expected a whole number from 1 to 4,096, got 1099511627776"),
        (lambda: Layout.repeated([LAYERS[0]], 0), "layers: expected a whole number from 1 to 4,096, got 0"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        call()
