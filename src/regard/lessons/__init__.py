"""Exercises about attention that check an answer and name the mistake.

Example:
    >>> print(start("causal mask"))
    def causal_weights(scores: torch.Tensor) -> torch.Tensor:
        \"\"\"Scores (queries, keys) to weights (queries, keys); there are at least as many keys as queries.\"\"\"
        return ...  # your code

    >>> import torch
    >>> def causal_weights(scores):
    ...     return torch.softmax(scores + torch.full_like(scores, -torch.inf).triu(1), dim=-1)
    >>> report = check("causal mask", causal_weights)
    >>> bool(report), report.mistakes
    (False, ('top left',))
    >>> print(report)
    causal mask: not yet.
    <BLANKLINE>
    It gives the numbers of this mistake:
    The mask starts at the top left. The last query sees every key, also with fewer queries than keys:
    shift the diagonal by keys − queries, as in tril(keys - queries).
    <BLANKLINE>
    Case: two queries, four keys.
    <BLANKLINE>
    weights (queries, keys), * where yours differ
       expected                    |  yours
    0  0.231  0.629  0.140  0      |  1*      0*      0*  0
    1  0.157  0.427  0.259  0.157  |  0.269*  0.731*  0*  0*
    <BLANKLINE>
    Right in 2 of 5 cases: as many queries as keys; hidden scores far above the others.
    <BLANKLINE>
    Look closer: causal_weights(*report.inputs). A hint: lessons.hint("causal mask").
"""

from pathlib import Path

# A wheel has the exercises in an archive: nobody meets a solution by looking around. Sources have a folder, which comes first.
__path__.append(str(Path(__file__).parent / "exercises.zip"))

from regard.lessons.course import check, exercises, hint, named, solution, start, task  # noqa: E402
from regard.lessons.exercise import Case, Exercise, Mistake  # noqa: E402
from regard.lessons.report import Report  # noqa: E402
from regard.lessons.tries import class_report  # noqa: E402

__all__ = [
    "Case",
    "Exercise",
    "Mistake",
    "Report",
    "check",
    "class_report",
    "exercises",
    "hint",
    "named",
    "solution",
    "start",
    "task",
]
