"""Layouts of models that were released, as their configurations have them, and what others have said that they keep."""

from dataclasses import dataclass, replace

from regard.mechanisms.layouts.layers import Chunked, Full, Latent, Recurrent, Windowed
from regard.mechanisms.layouts.layout import Layout


def _full(layers: int, heads: int, kv_heads: int, dim: int) -> Layout:
    return Layout.repeated([Full(heads=heads, kv_heads=kv_heads, dim=dim)], layers)


def _windowed(like: Full, window: int) -> Windowed:
    return Windowed(heads=like.heads, kv_heads=like.kv_heads, dim=like.dim, window=window)


def _gemma3(layers: int, heads: int, kv_heads: int, dim: int, window: int = 1024) -> Layout:
    """Five windows, then a layer that sees all."""
    full = Full(heads=heads, kv_heads=kv_heads, dim=dim)
    return Layout.repeated([_windowed(full, window)] * 5 + [full], layers)


def _gpt_oss(layers: int) -> Layout:
    """By turns a window of 128 tokens and all of the text, both with learned sinks."""
    full = Full(heads=64, kv_heads=8, dim=64)
    return Layout.repeated([_windowed(full, 128), full], layers)


def _qwen3_next() -> Layout:
    """Three gated delta rules, then a layer that sees all. Convolutions of 4 read 16 key heads twice and 32 value heads."""
    state = Recurrent(heads=32, dim=128, channels=(16 + 16 + 32) * 128, reach=4, positions="none")
    return Layout.repeated([state] * 3 + [Full(heads=16, kv_heads=2, dim=256)], 48)


def _kimi_linear() -> Layout:
    """Three Kimi delta rules, then latent attention without positions; the last of 27 layers is such a one as well."""
    state = Recurrent(heads=32, dim=128, channels=3 * 32 * 128, reach=4, positions="none")
    seeing = Latent(heads=32, dim=192, value_dim=128, latent=512, rotary=64, positions="none")
    return Layout((*Layout.repeated([state] * 3 + [seeing], 26).layers, seeing))


def _smollm3() -> Layout:
    """Every fourth layer without positions; all see all."""
    full = Full(heads=16, kv_heads=4, dim=128)
    return Layout.repeated([full] * 3 + [replace(full, positions="none")], 36)


def _llama4() -> Layout:
    """Three layers of blocks with rotary positions, then one that sees all without positions (iRoPE)."""
    blocks = Chunked(heads=40, kv_heads=8, dim=128, chunk=8192)
    return Layout.repeated([blocks] * 3 + [Full(heads=40, kv_heads=8, dim=128, positions="none")], 48)


def _command_r7b() -> Layout:
    """Three windows with rotary positions, then a layer that sees all without positions."""
    full = Full(heads=32, kv_heads=8, dim=128, positions="none")
    return Layout.repeated([_windowed(full, 4096)] * 3 + [full], 32)


LAYOUTS: dict[str, Layout] = {
    "Llama 2 7B": _full(32, 32, 32, 128),
    "Llama 3 8B": _full(32, 32, 8, 128),
    "Llama 3 70B": _full(80, 64, 8, 128),
    "Llama 3.1 405B": _full(126, 128, 8, 128),
    "Qwen2.5 72B": _full(80, 64, 8, 128),
    "Qwen3 8B": _full(36, 32, 8, 128),
    "Qwen3 32B": _full(64, 64, 8, 128),
    "Qwen3 235B-A22B": _full(94, 64, 4, 128),
    "Mistral 7B (2023)": Layout.repeated([Windowed(heads=32, kv_heads=8, dim=128, window=4096)], 32),
    "Gemma 3 4B": _gemma3(34, 8, 4, 256),
    "Gemma 3 12B": _gemma3(48, 16, 8, 256),
    "Gemma 3 27B": _gemma3(62, 32, 16, 128),
    "gpt-oss-20b": _gpt_oss(24),
    "gpt-oss-120b": _gpt_oss(36),
    "SmolLM3 3B": _smollm3(),
    "Llama 4 Scout": _llama4(),
    "Command R7B": _command_r7b(),
    "DeepSeek-V3": Layout.repeated([Latent(heads=128, dim=192, value_dim=128, latent=512, rotary=64)], 61),
    "Qwen3-Next 80B-A3B": _qwen3_next(),
    "Kimi Linear 48B-A3B": _kimi_linear(),
}
"""By the names that people call them."""


@dataclass(frozen=True)
class Published:
    """What somebody else has said that a model keeps.

    Attributes:
        model: a name of `LAYOUTS`.
        tokens: of one text.
        said: in the unit, as it was said.
        unit: MiB, GiB or kB, which is 1,000 bytes.
        source: who said so, and where.
        layout: what was measured, if that is not the model's own.
    """

    model: str
    tokens: int
    said: str
    unit: str
    source: str
    layout: Layout | None = None

    def computed(self) -> float:
        """What our layout keeps, in bfloat16 and in the same unit."""
        size = {"kB": 1000, "MiB": 2**20, "GiB": 2**30}[self.unit]
        return (self.layout or LAYOUTS[self.model]).kept(self.tokens) / size


LLAMA_31 = "Hugging Face 2024, huggingface.co/blog/llama31, its table of KV caches"
INSIGHTS = "DeepSeek-AI 2025, Insights into DeepSeek-V3, arXiv:2505.09343, its table of KV caches"
WITHOUT_WINDOWS = "llama.cpp before pull request 13194, which kept all of the text in every layer"
WITH_WINDOWS = "llama.cpp since pull request 13194, in batches of 64, so that a window has room for 1,088 tokens"
LONGEST = "llama.cpp, measured: provide.ai/the-exact-kv-cache-usage-of-deepseek-v4"

PUBLISHED: tuple[Published, ...] = (
    Published("Llama 3 8B", 16_000, "1.95", "GiB", LLAMA_31),
    Published("Llama 3 8B", 128_000, "15.62", "GiB", LLAMA_31),
    Published("Llama 3 70B", 16_000, "4.88", "GiB", LLAMA_31),
    Published("Llama 3 70B", 128_000, "39.06", "GiB", LLAMA_31),
    Published("Llama 3.1 405B", 1, "516", "kB", INSIGHTS),
    Published("DeepSeek-V3", 1, "70", "kB", INSIGHTS),
    Published("DeepSeek-V3", 2**20, "68.625", "GiB", LONGEST),
    Published("Gemma 3 27B", 131_072, "63488", "MiB", WITHOUT_WINDOWS, _full(62, 32, 16, 128)),
    Published("Gemma 3 27B", 131_072, "10682", "MiB", WITH_WINDOWS, _gemma3(62, 32, 16, 128, window=1088)),
    Published("Gemma 3 12B", 131_072, "8532", "MiB", WITH_WINDOWS, _gemma3(48, 16, 8, 256, window=1088)),
    Published("Gemma 3 4B", 131_072, "2683.25", "MiB", WITH_WINDOWS, _gemma3(34, 8, 4, 256, window=1088)),
)
"""Of gpt-oss, Qwen3 and the hybrids no figure was found that says how it was counted."""
