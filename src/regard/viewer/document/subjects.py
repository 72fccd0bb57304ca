"""What can be looked at, as maps of one sequence each, with the tokens of their axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from regard.analysis.alignment.align import Alignment
from regard.errors import DtypeError, RecordingError, ScoreError, ShapeError
from regard.figures.matrices import layers_of
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card
from regard.recording.axes import COLUMN_ROLES, ROLES, ROW_ROLES, titles
from regard.recording.recording import Recording
from regard.tokens.special import is_special
from regard.tokens.words import words_of
from regard.translation.translator import Translation

Viewable: TypeAlias = AttentionMap | Recording | Translation | Card | Tensor | NDArray[Any] | Sequence[Any]

LONGEST_NAME = 80
"""Characters of a text that name a sequence."""

_NUMBERS = (int, float, np.number, np.ndarray, Tensor, list, tuple)
"""What a list of numbers may have in it."""


@dataclass(frozen=True)
class ShownAxis:
    """The tokens along one axis of a map, and what they are; without labels where they have no names."""

    title: str
    labels: tuple[str, ...] | None
    size: int


@dataclass(frozen=True)
class ShownMap:
    """A map of one sequence.

    Attributes:
        amap: (1, heads, queries, keys).
        item: number of the sequence.
        rows: tokens that label the rows, the usual ones first.
        columns: tokens that label the columns.
        value: (kv_heads, keys, dim), where the recording kept them.
    """

    amap: AttentionMap
    item: int
    rows: tuple[ShownAxis, ...]
    columns: ShownAxis
    value: Tensor | None = None


@dataclass
class Subject:
    """All there is to see."""

    title: str
    maps: list[ShownMap] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    alignments: list[tuple[int, Alignment]] = field(default_factory=list)  #: with the number of its sequence
    opening: dict[str, Any] = field(default_factory=dict)  #: what to look at first
    notes: list[str] = field(default_factory=list)  #: what is said of all of it


def read_subject(subject: Viewable) -> Subject:
    """The maps of a translation, a recording, a map, weights, or a list of one of these.

    Raises:
        DtypeError: something else.
        RecordingError: no maps.
        ShapeError: a map without rows or columns, or labels that do not fit it.
    """
    parts = list(subject) if isinstance(subject, list | tuple) else [subject]
    translations = [part for part in parts if isinstance(part, Translation)]
    if translations and len(translations) == len(parts):
        found = _of_translations(translations)
    elif isinstance(subject, Recording):
        found = Subject(subject.model or "Attention")
        _add_recording(found, subject)
    else:
        found = _of_maps([_as_map(part) for part in layers_of(subject)])
    if not found.maps:
        raise RecordingError("expected something with maps, got none; let the model run inside the block of record")
    for shown in found.maps:
        if 0 in shown.amap.shape:
            raise ShapeError(f"expected maps with rows and columns, got {shown.amap!r}; there is nothing to see")
    return found


def _of_translations(translations: Sequence[Translation]) -> Subject:
    first = translations[0]
    found = Subject(f"{first.source} → {first.text}" if len(translations) == 1 else f"{len(translations)} translations")
    for item, one in enumerate(translations):
        _add_recording(found, one.recording, [one.source])
        found.alignments.append((item, one.alignment))
    reading = translations[0].alignment.reading
    cross = [at for at, shown in enumerate(found.maps) if shown.item == 0 and shown.amap.kind == "cross"]
    together = [other.head for other in translations[0].alignment.readings if other[::2] == reading[::2]]
    found.opening = {
        "view": "ribbon",
        "map": cross[reading.layer],
        "heads": sorted(set(together)),
        "rowAxis": int(reading.rows == "consumed" and len(found.maps[cross[reading.layer]].rows) > 1),
    }
    return found


def _add_recording(found: Subject, recording: Recording, names: Sequence[str] | None = None) -> None:
    """The sequences of a recording, each with its own tokens and without padding."""
    for number in range(recording.batch_size):
        one = recording.sample(number)
        item = len(found.items)
        found.items.append(names[number] if names else _name_of(one, number))
        for at, amap in enumerate(one.maps):
            rows, columns = _axes_in_recording(one, amap)
            value = _value_of(recording, at, number)
            found.maps.append(ShownMap(amap, item, rows, columns, value))


def _name_of(recording: Recording, number: int) -> str:
    labels = recording.labels("source") or recording.labels("consumed")
    plain = [label for label in labels or () if not is_special(label)]
    return " ".join(words_of(plain).texts)[:LONGEST_NAME].strip() or f"sequence {number + 1}"


def _axes_in_recording(recording: Recording, amap: AttentionMap) -> tuple[tuple[ShownAxis, ...], ShownAxis]:
    """What a recording of one sequence knows of the axes of one of its maps, and the map itself where that is nothing."""
    usual = _axes_of(amap)
    if recording.passes > 1:
        return usual
    several = recording.is_encoder_decoder or recording.labels("produced") is not None
    named = {role: labels for role in ROLES if (labels := recording.labels(role)) is not None}

    def known(roles: Sequence[str], size: int) -> tuple[ShownAxis, ...]:
        fitting = [role for role in roles if role in named and len(named[role]) == size]
        return tuple(ShownAxis(ROLES[role] if several else "tokens", named[role], size) for role in fitting)

    kind = str(amap.kind)
    rows, columns = known(ROW_ROLES.get(kind, ()), amap.shape[2]), known(COLUMN_ROLES.get(kind, ()), amap.shape[3])
    return rows or usual[0], (*columns, usual[1])[0]


def _axes_of(amap: AttentionMap) -> tuple[tuple[ShownAxis, ...], ShownAxis]:
    """What a map says of its own axes."""
    made = []
    said = zip(("queries", "keys"), titles(amap.kind), (amap.queries, amap.keys), amap.shape[2:], strict=True)
    for name, title, labels, size in said:
        if labels is not None and len(labels) != size:
            raise ShapeError(f"expected {size} labels of {name}, got {len(labels)}; set amap.{name} to one a position")
        made.append(ShownAxis(title, None if labels is None else tuple(map(str, labels)), size))
    return (made[0],), made[1]


def _value_of(recording: Recording, at: int, number: int) -> Tensor | None:
    """What a map of one sequence is multiplied with, (kv_heads, keys, dim), where it was recorded."""
    if len(recording.values) != len(recording.maps):
        return None
    value = recording.values[at].value
    if value is None or number >= value.shape[0]:
        return None
    _, columns = recording.axes_of(recording.maps[at])
    span = columns.spans[number] if columns else range(value.shape[2])
    return value[number, :, span.start : span.stop].detach()


def _as_map(part: Any) -> AttentionMap:
    if isinstance(part, AttentionMap):
        return part
    given = type(part).__name__
    if isinstance(part, list | tuple):
        others = dict.fromkeys(type(one).__name__ for one in part if not isinstance(one, _NUMBERS))
        if others or not part:
            given = f"a {given} with {' and '.join(others)}" if others else f"an empty {given}"
        else:
            try:
                part = np.asarray(part, np.float64)
            except (ValueError, TypeError) as error:
                raise ShapeError("expected rows of numbers of one length, got a ragged list; pad or cut the rows") from error
    if isinstance(part, Tensor | np.ndarray):
        made = AttentionMap.from_dense(part)
        if not all(bool(made[:, head].isfinite().all()) for head in range(made.shape[1])):
            raise ScoreError("expected finite weights, got NaN or infinite ones; set rows that see nothing to 0")
        return made
    raise DtypeError(
        "expected a translation, a recording, an attention map, weights (heads, queries, keys), a mechanism's card or a list "
        f"of maps, got {given}"
    )


def _of_maps(maps: Sequence[AttentionMap]) -> Subject:
    count = max(amap.shape[0] for amap in maps)
    found = Subject(maps[0].name or "Attention" if len(maps) == 1 else "Attention")
    found.items = [f"sequence {item + 1}" for item in range(count)]
    for item, amap in _sequences(maps, count):
        rows, columns = _axes_of(amap)
        found.maps.append(ShownMap(amap, item, rows, columns))
    return found


def _sequences(maps: Sequence[AttentionMap], count: int) -> Iterator[tuple[int, AttentionMap]]:
    for item in range(count):
        for amap in maps:
            if item < amap.shape[0]:
                yield item, amap if amap.shape[0] == 1 else amap.select(batch=item)
