"""One statistic of one head over a corpus: a row of a survey."""

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple


class Example(NamedTuple):
    """A text on which a statistic of a head is extreme."""

    value: float
    file: str
    line: int  #: counted from 1
    text: str  #: its first 500 characters
    target: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One statistic of one head over a corpus; a text counts once, whatever its length."""

    kind: str | None  #: "encoder", "decoder", "cross" or "self"
    layer: int | None
    head: int
    module: str | None
    statistic: str
    count: int  #: texts on which it has a meaning
    mean: float
    variance: float  #: of texts, with count − 1 below
    standard_error: float  #: of the mean: √(variance / count)
    edges: tuple[float, ...]
    histogram: tuple[int, ...]  #: texts with edges[i] ≤ value < edges[i + 1]; the outer bins have what lies beyond, too
    highest: tuple[Example, ...]
    lowest: tuple[Example, ...]

    def plain(self) -> dict[str, Any]:
        """The row by column, as JSON and Parquet have it: None for NaN, lists and mappings for the rest."""
        values: dict[str, Any] = {at.name: getattr(self, at.name) for at in fields(self)}
        values |= {side: [one._asdict() for one in values[side]] for side in ("highest", "lowest")}
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
