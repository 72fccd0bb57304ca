"""Sites, replacements and measures: what a model's answers become when a part of it is changed. ``__all__`` is public."""

from regard.interventions.measures import MEASURES, Measure, Seen, loss
from regard.interventions.prompts import Prompt
from regard.interventions.replacements import add, hide, patch, put, resample, running_mean, scale, zero
from regard.interventions.sites import all_but, edges, heads, layers

__all__ = [
    "MEASURES",
    "Measure",
    "Prompt",
    "Seen",
    "add",
    "all_but",
    "edges",
    "heads",
    "hide",
    "layers",
    "loss",
    "patch",
    "put",
    "resample",
    "running_mean",
    "scale",
    "zero",
]
