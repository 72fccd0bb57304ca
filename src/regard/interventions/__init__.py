"""Sites, replacements and measures: what a model's answers become when a part of it is changed. ``__all__`` is public."""

from regard.interventions.estimates.circuits import circuits, composition, copying, matching
from regard.interventions.estimates.direct_logits import direct_logits
from regard.interventions.estimates.hidden_keys import hidden_keys
from regard.interventions.estimates.importance import head_importance
from regard.interventions.head_fit import fit_heads
from regard.interventions.hidden_passages import passage_effects
from regard.interventions.means import mean
from regard.interventions.measures import MEASURES, Measure, Seen, loss
from regard.interventions.prompts import Prompt
from regard.interventions.replacements import add, hide, patch, put, resample, running_mean, scale, zero
from regard.interventions.sites import all_but, edges, heads, layers, path
from regard.interventions.statistics.controls import random_groups

__all__ = [
    "MEASURES",
    "Measure",
    "Prompt",
    "Seen",
    "add",
    "all_but",
    "circuits",
    "composition",
    "copying",
    "direct_logits",
    "edges",
    "fit_heads",
    "head_importance",
    "heads",
    "hidden_keys",
    "hide",
    "layers",
    "loss",
    "matching",
    "mean",
    "passage_effects",
    "patch",
    "path",
    "put",
    "random_groups",
    "resample",
    "running_mean",
    "scale",
    "zero",
]
