"""Every public name of Regard with arguments that work: the rows of the battery of wrong calls."""

from support import (
    calls_of_effects,
    calls_of_findings,
    calls_of_interventions,
    calls_of_maps,
    calls_of_mixtures,
    calls_of_models,
    calls_of_pictures,
)
from support.wrong_calls import Call

CALLS: dict[str, Call] = (
    calls_of_maps.CALLS
    | calls_of_models.CALLS
    | calls_of_findings.CALLS
    | calls_of_mixtures.CALLS
    | calls_of_effects.CALLS
    | calls_of_interventions.CALLS
    | calls_of_pictures.CALLS
)

DATA = {
    "regard.Alignment",
    "regard.Effects",
    "regard.Survey",
    "regard.Sweep",
    "regard.Trace",
    "regard.Translation",
    "regard.interventions.MEASURES",
    "regard.interventions.Prompt",
    "regard.interventions.Seen",
    "regard.lessons.Case",
    "regard.lessons.Exercise",
    "regard.lessons.Mistake",
    "regard.lessons.Report",
    "regard.axes.Patch",
    "regard.axes.Place",
    "regard.axes.Residue",
    "regard.axes.Seconds",
    "regard.translation.Translator",
    "regard.translation.EMBEDDED",
    "regard.analysis.alignment.Gold",
    "regard.analysis.alignment.METHODS",
    "regard.analysis.alignment.SINKS",
    "regard.analysis.alignment.Pair",
    "regard.analysis.alignment.Ranked",
    "regard.analysis.alignment.Ranking",
    "regard.analysis.alignment.Reading",
    "regard.analysis.alignment.Scores",
    "regard.analysis.flow.FlowEdges",
    "regard.analysis.heads.HeadStatistics",
    "regard.analysis.heads.THRESHOLDS",
}
"""Results and plain records: nobody calls them, functions make them; what reads them refuses what does not fit."""
