"""Regard: look at what transformers attend to.

Names are loaded when they are first used: ``import regard`` costs nothing beyond Python itself.
"""

from _thread import RLock
from importlib import import_module
from typing import TYPE_CHECKING

from regard import pictured as _pictured
from regard.version import __version__ as __version__  # said to be public, for type checkers

if TYPE_CHECKING:
    from regard import interventions, lessons, measures
    from regard.analysis.alignment.align import Alignment, align
    from regard.analysis.alignment.error_rates import aer
    from regard.analysis.caching.cache import cache
    from regard.analysis.flow.attention_flow import attention_flow
    from regard.analysis.flow.figure import flow_diagram
    from regard.analysis.flow.rollout import rollout
    from regard.analysis.heads.table import heads
    from regard.analysis.mixtures.contacts import contacts
    from regard.analysis.mixtures.mixture import mixture
    from regard.analysis.mixtures.word_times import word_times
    from regard.analysis.passages.passages import passages
    from regard.analysis.passages.retrieval import retrieval_heads
    from regard.analysis.pictures.overlay import overlay
    from regard.analysis.pictures.patches import patches
    from regard.analysis.pictures.pixels import pixels
    from regard.analysis.weighted.norms import norm_weighted
    from regard.analysis.weighted.relevance import gradient_weighted, relevance
    from regard.axes.spans import Spans
    from regard.figures.heads_grid import heads_grid
    from regard.figures.heatmap import heatmap
    from regard.figures.token_scores import token_scores
    from regard.interventions.effects import Effects
    from regard.interventions.estimates.attribute import attribute
    from regard.interventions.intervene import intervene
    from regard.interventions.reference import reference
    from regard.interventions.sweep import sweep
    from regard.maps.attention_map import AttentionMap
    from regard.masks import Mask
    from regard.mechanisms.attention_layers import MultiHeadAttention, SimpleAttention
    from regard.mechanisms.catalogue import catalogue
    from regard.mechanisms.online_softmax import online_attention
    from regard.mechanisms.softmax_attention import Trace, attention, trace
    from regard.recording.ablation import ablate
    from regard.recording.generation import generate
    from regard.recording.picture_inputs import pictures
    from regard.recording.record import record
    from regard.recording.recording import Recording
    from regard.recording.recording_file import load
    from regard.recording.sweep import Sweep
    from regard.surveying.comparison import survey_diff
    from regard.surveying.survey import survey
    from regard.surveying.survey_file import Survey
    from regard.translation.translator import Translation, translate
    from regard.viewer.notebook.show import show
    from regard.viewer.page.page import page
    from regard.viewer.saving import save

# Where each name lives; one without a home is a module of its own.
_HOME = {
    "Alignment": "analysis.alignment.align",
    "AttentionMap": "maps.attention_map",
    "Effects": "interventions.effects",
    "Mask": "masks",
    "MultiHeadAttention": "mechanisms.attention_layers",
    "Recording": "recording.recording",
    "SimpleAttention": "mechanisms.attention_layers",
    "Spans": "axes.spans",
    "Survey": "surveying.survey_file",
    "Sweep": "recording.sweep",
    "Trace": "mechanisms.softmax_attention",
    "Translation": "translation.translator",
    "ablate": "recording.ablation",
    "aer": "analysis.alignment.error_rates",
    "align": "analysis.alignment.align",
    "attention": "mechanisms.softmax_attention",
    "attention_flow": "analysis.flow.attention_flow",
    "attribute": "interventions.estimates.attribute",
    "cache": "analysis.caching.cache",
    "catalogue": "mechanisms.catalogue",
    "contacts": "analysis.mixtures.contacts",
    "flow_diagram": "analysis.flow.figure",
    "generate": "recording.generation",
    "gradient_weighted": "analysis.weighted.relevance",
    "heads": "analysis.heads.table",
    "heads_grid": "figures.heads_grid",
    "heatmap": "figures.heatmap",
    "intervene": "interventions.intervene",
    "interventions": "",
    "lessons": "",
    "load": "recording.recording_file",
    "measures": "",
    "mixture": "analysis.mixtures.mixture",
    "norm_weighted": "analysis.weighted.norms",
    "online_attention": "mechanisms.online_softmax",
    "overlay": "analysis.pictures.overlay",
    "page": "viewer.page.page",
    "passages": "analysis.passages.passages",
    "patches": "analysis.pictures.patches",
    "pictures": "recording.picture_inputs",
    "pixels": "analysis.pictures.pixels",
    "record": "recording.record",
    "reference": "interventions.reference",
    "relevance": "analysis.weighted.relevance",
    "retrieval_heads": "analysis.passages.retrieval",
    "rollout": "analysis.flow.rollout",
    "save": "viewer.saving",
    "show": "viewer.notebook.show",
    "survey": "surveying.survey",
    "survey_diff": "surveying.comparison",
    "sweep": "interventions.sweep",
    "token_scores": "figures.token_scores",
    "trace": "mechanisms.softmax_attention",
    "translate": "translation.translator",
    "word_times": "analysis.mixtures.word_times",
}

__all__ = [
    "Alignment",
    "AttentionMap",
    "Effects",
    "Mask",
    "MultiHeadAttention",
    "Recording",
    "SimpleAttention",
    "Spans",
    "Survey",
    "Sweep",
    "Trace",
    "Translation",
    "ablate",
    "aer",
    "align",
    "attention",
    "attention_flow",
    "attribute",
    "cache",
    "catalogue",
    "contacts",
    "flow_diagram",
    "generate",
    "gradient_weighted",
    "heads",
    "heads_grid",
    "heatmap",
    "intervene",
    "interventions",
    "lessons",
    "load",
    "measures",
    "mixture",
    "norm_weighted",
    "online_attention",
    "overlay",
    "page",
    "passages",
    "patches",
    "pictures",
    "pixels",
    "record",
    "reference",
    "relevance",
    "retrieval_heads",
    "rollout",
    "save",
    "show",
    "survey",
    "survey_diff",
    "sweep",
    "token_scores",
    "trace",
    "translate",
    "word_times",
]


_importing = RLock()
"""Threads that import parts of a package that import each other may see one half done: one of them imports at a time."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    home = _HOME[name]
    with _importing:
        value = getattr(import_module(f"regard.{home}"), name) if home else import_module(f"regard.{name}")
        globals()[name] = value
    return value


def _thumbnail(thing: object) -> dict[str, str]:
    drawn: dict[str, str] = import_module("regard.viewer.notebook.thumbnail").thumbnail(thing)
    return drawn


_pictured.drawers[:] = [_thumbnail]


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
