"""A survey as something to look at: for each statistic a map of layers by heads, and what is said of each head."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from regard.analysis.heads.registry import statistic_named
from regard.errors import OptionError
from regard.maps.attention_map import AttentionMap
from regard.surveying.rows import Example, Row
from regard.surveying.survey_file import Survey
from regard.tokens.texts import visible
from regard.viewer.document.effects import shortened
from regard.viewer.document.subjects import ShownAxis, ShownMap, Subject

MOST_TOLD = 4_000
"""Statistics of heads of which distributions and texts are shown; of more, numbers."""

OPENED = "entropy"
"""The statistic that is looked at first: it tells all heads apart."""


def survey_subject(found: Survey) -> Subject:
    """A survey to look at: for each statistic a map with a row for each layer and a column for each head.

    Raises:
        OptionError: a survey of no texts.
    """
    rows = list(found.rows())
    if not rows:
        raise OptionError("survey: expected one of some texts, got none; see what was left out: print(survey)")
    made = Subject(visible(str(found).splitlines()[0]))
    layers = list(dict.fromkeys((row.kind, row.layer, row.module) for row in rows))
    heads = 1 + max(row.head for row in rows)
    down = ShownAxis("layers", tuple(map(_layer_name, layers)), len(layers), whole=True)
    across = ShownAxis("heads", tuple(f"head {head}" for head in range(heads)), heads, whole=True)
    texts: dict[tuple[str, int], int] = {}
    told: list[dict[str, Any]] = []
    whole = len(rows) <= MOST_TOLD
    for name in _names(rows):
        own = [row for row in rows if row.statistic == name and math.isfinite(row.mean)]
        if not own:
            continue
        values = torch.zeros(1, 1, len(layers), heads)
        for row in own:
            values[0, 0, layers.index((row.kind, row.layer, row.module)), row.head] = row.mean
        amap = AttentionMap.from_dense(values)
        amap.name = name
        known = statistic_named(name)
        meaning = (
            f"Each row is a layer, each column a head: {name}, a mean over texts. {known.meaning if known else ''}".strip()
        )
        made.maps.append(ShownMap(amap, 0, (down,), across, signed=True, meaning=meaning))
        told.append(
            {
                "name": name,
                "quantity": known.quantity.name if known else "",
                "meaning": known.meaning if known else "",
                "edges": list(own[0].edges),
                "heads": [_head(row, layers.index((row.kind, row.layer, row.module)), texts if whole else None) for row in own],
            }
        )
    made.items.append(made.title)
    places = {(one.file, one.line): one for row in rows for one in (*row.highest, *row.lowest)} if whole else {}
    made.finding = {
        "kind": "survey",
        "maps": list(range(len(made.maps))),
        "statistics": told,
        "texts": [_text(places[place]) for place in texts],
    }
    opened = next((at for at, one in enumerate(told) if one["name"] == OPENED), 0)
    first = max(told[opened]["heads"], key=lambda one: one[2])
    made.opening = {"view": "finding", "map": opened, "heads": [0], "query": first[0], "key": first[1]}
    if not whole:
        made.notes.append("Distributions and texts of so many heads are not here: regard survey show has them.")
    return made


def _names(rows: Sequence[Row]) -> list[str]:
    """The statistics, first those that say what a head does, and not how many rows it was seen in."""
    names = dict.fromkeys(row.statistic for row in rows)
    return sorted(names, key=lambda name: not ((known := statistic_named(name)) and known.beside_map))


def _layer_name(place: tuple[str | None, int | None, str | None]) -> str:
    kind, layer, module = place
    return visible(module or "layer") if layer is None else f"{kind or 'self'} {layer}"


def _head(row: Row, layer: int, texts: dict[tuple[str, int], int] | None) -> list[Any]:
    """[layer, head, mean, error, texts, shares of the distribution in hundredths of its largest, highest, lowest]."""
    numbers = [layer, row.head, _number(row.mean), _number(row.standard_error), row.count]
    if texts is None:
        return numbers
    most = max(row.histogram, default=0) or 1
    ends = [[[_number(one.value), texts.setdefault((one.file, one.line), len(texts))] for one in end] for end in _ends(row)]
    return [*numbers, [math.ceil(100 * count / most) for count in row.histogram], *ends]


def _ends(row: Row) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    return row.highest, row.lowest


def _text(one: Example) -> list[str]:
    """Where it stands, and what it says."""
    said = one.text if one.target is None else f"{one.text} → {one.target}"
    return [visible(f"{one.file}:{one.line}"), shortened(visible(said))]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
