"""Named parts of a text along the axes that show it: passages, turns, pictures; the viewer zooms along them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from regard.arguments import text
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.tokens.texts import visible
from regard.viewer.document.manifest import UNITS, why_no_bands
from regard.viewer.document.subjects import ShownAxis, Subject

NamedSpans: TypeAlias = Spans | Mapping[str, Spans]
"""Parts of a text; or several sorts of them, by what they are called together."""

PARTS = "passages"
"""What parts are called together where nobody says."""


def name_spans(subject: Subject, given: Any, number: int = 0) -> None:
    """Gives the axes of a text its parts: the keys of one map, and every axis of the same sequence that has the same text.

    Args:
        subject: what there is to see; its axes are replaced, and it says of which parts its maps cannot be zoomed by.
        given: ``Spans``, or several by what they are called.
        number: the map whose keys they are positions of.

    Raises:
        DtypeError: no spans; ShapeError: positions that the map has not; OptionError: a name that units have.
    """
    sorts = _sorts(given)
    keys, item = subject.maps[number].columns, subject.maps[number].item
    for name, spans in sorts:
        if (last := max((at for one in spans.places for at in one), default=0)) >= keys.size:
            raise ShapeError(f"spans: expected positions from 0 to {keys.size - 1}, the keys of the map, got {last} of {name}")
        if reason := why_no_bands(spans.places):
            subject.notes.append(f"The map cannot be zoomed by {visible(name)}: {reason}.")

    def named(axis: ShownAxis) -> ShownAxis:
        ahead = _ahead(axis, keys)
        if ahead is None:
            return axis
        return replace(
            axis, spans=tuple((name, moved) for name, spans in sorts if (moved := _earlier(spans, ahead)) is not None)
        )

    for at, shown in enumerate(subject.maps):
        if shown.item == item:
            subject.maps[at] = replace(shown, rows=tuple(map(named, shown.rows)), columns=named(shown.columns))


def _sorts(given: Any) -> list[tuple[str, Spans]]:
    if isinstance(given, Spans):
        given = {PARTS: given}
    if not isinstance(given, Mapping):
        raise DtypeError(
            f"spans: expected regard.Spans, or several by what they are called, got {in_short(given)}; find parts of a text by "
            "regard.Spans.found(amap.keys, parts)"
        )
    for name, spans in given.items():
        if not isinstance(spans, Spans):
            raise DtypeError(f"spans: expected regard.Spans for each name, got {in_short(spans)} for {in_short(name)}")
        if text("spans", name, advice="names are texts") in UNITS or not name:
            raise OptionError(f"spans: expected names other than {', '.join(UNITS)}, got {in_short(name)}; choose another")
    return list(given.items())


def _ahead(axis: ShownAxis, keys: ShownAxis) -> int | None:
    """By how many positions an axis is ahead of the text: a row that is called by the token it produced is by one."""
    if axis == keys or (axis.size, axis.spelled or axis.labels) == (keys.size, keys.spelled or keys.labels):
        return 0
    one, other = axis.spelled or axis.labels, keys.spelled or keys.labels
    return 1 if one and other and axis.size == keys.size and one[:-1] == other[1:] else None


def _earlier(spans: Spans, ahead: int) -> Spans | None:
    places = [tuple(at - ahead for at in one if at >= ahead) for one in spans.places]
    kept = [(name, one) for name, one in zip(spans.names, places, strict=True) if one]
    return Spans(tuple(name for name, _ in kept), tuple(one for _, one in kept)) if kept else None
