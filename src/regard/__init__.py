"""Regard: look at what transformers attend to.

Names are loaded when they are first used: ``import regard`` costs nothing beyond Python itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regard import lessons
    from regard.analysis.alignment import Alignment, aer, align
    from regard.maps.attention_map import AttentionMap
    from regard.masks import Mask
    from regard.mechanisms.catalogue import catalogue
    from regard.mechanisms.online_softmax import online_attention
    from regard.mechanisms.softmax_attention import MultiHeadAttention, SimpleAttention, Trace, attention, trace
    from regard.recording.generation import generate
    from regard.recording.record import record
    from regard.recording.recording import Recording
    from regard.recording.recording_file import load
    from regard.translation.translator import Translation, translate
    from regard.views.heatmap import heads_grid, heatmap, save

__version__ = "0.1.0"

# Where each name lives; one without a home is a module of its own.
_HOME = {
    "Alignment": "analysis.alignment",
    "AttentionMap": "maps.attention_map",
    "Mask": "masks",
    "MultiHeadAttention": "mechanisms.softmax_attention",
    "Recording": "recording.recording",
    "SimpleAttention": "mechanisms.softmax_attention",
    "Trace": "mechanisms.softmax_attention",
    "Translation": "translation.translator",
    "aer": "analysis.alignment",
    "align": "analysis.alignment",
    "attention": "mechanisms.softmax_attention",
    "catalogue": "mechanisms.catalogue",
    "generate": "recording.generation",
    "heads_grid": "views.heatmap",
    "heatmap": "views.heatmap",
    "lessons": "",
    "load": "recording.recording_file",
    "online_attention": "mechanisms.online_softmax",
    "record": "recording.record",
    "save": "views.heatmap",
    "trace": "mechanisms.softmax_attention",
    "translate": "translation.translator",
}

__all__ = [
    "Alignment",
    "AttentionMap",
    "Mask",
    "MultiHeadAttention",
    "Recording",
    "SimpleAttention",
    "Trace",
    "Translation",
    "aer",
    "align",
    "attention",
    "catalogue",
    "generate",
    "heads_grid",
    "heatmap",
    "lessons",
    "load",
    "online_attention",
    "record",
    "save",
    "trace",
    "translate",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    home = _HOME[name]
    value = getattr(import_module(f"regard.{home}"), name) if home else import_module(f"regard.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
