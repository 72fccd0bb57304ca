"""What can be looked at, as maps of one sequence each, with the tokens of their axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from regard.analysis.alignment.align import Alignment
from regard.axes.axis import Axis
from regard.axes.roles import titles
from regard.errors import DtypeError, RecordingError, ScoreError, ShapeError
from regard.figures.matrices import layers_of
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Card
from regard.positions import take
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
    spelled: tuple[str, ...] | None = None
    special: tuple[int, ...] = ()
    kind: str | None = None  #: how the tokenizer marks words

    @classmethod
    def of(cls, axis: Axis, title: str) -> "ShownAxis":
        """What an axis of one sequence says."""
        special = tuple(at for at, out in enumerate(axis.special) if out)
        return cls(title, axis.text, len(axis), axis.spelled, special, axis.line.kind)


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
    reading, linked = first.reading(), first.alignment.reading
    found.opening = {
        "view": "ribbon",
        "map": [at for at, shown in enumerate(found.maps) if shown.item == 0 and shown.amap.kind == "cross"][reading.layer],
        "heads": [reading.head],
        "rowAxis": int(reading.rows == "consumed"),
    }
    if linked.rows != reading.rows:
        found.notes.append(
            f"First shown: layer {reading.layer}, head {reading.head}, a row for each token {reading.rows}. Words are linked "
            f"by layer {linked.layer}, head {linked.head}, read by the tokens {linked.rows}, which aligns better."
        )
    return found


def _add_recording(found: Subject, recording: Recording, names: Sequence[str] | None = None) -> None:
    """The sequences of a recording, each with its own tokens and without padding."""
    for number in range(recording.batch_size):
        one = recording.sample(number)
        item = len(found.items)
        found.items.append(names[number] if names else _name_of(one, number))
        for at, amap in enumerate(one.maps):
            value = one.values[at].value if len(one.values) == len(one.maps) else None
            value = None if value is None else take(take(value, 0, amap.view.batch), 2, amap.view.keys)
            for row in range(amap.shape[0]):  # pictures of one text, where there are several
                part = amap.sample(row)
                sides = _axes_of(part, written=recording.is_encoder_decoder or one.labels("produced") is not None)
                found.maps.append(ShownMap(part, item, *sides, None if value is None else value[row].detach()))


def _name_of(recording: Recording, number: int) -> str:
    labels = recording.labels("source") or recording.labels("consumed")
    plain = [label for label in labels or () if not is_special(label)]
    return " ".join(words_of(plain).texts)[:LONGEST_NAME].strip() or f"sequence {number + 1}"


def _axes_of(amap: AttentionMap, *, written: bool = True) -> tuple[tuple[ShownAxis, ...], ShownAxis]:
    """What a map says of its own sides; where nothing is written, tokens are just tokens."""
    usual = titles(amap.kind)

    def shown(axis: Axis, title: str) -> ShownAxis:
        return ShownAxis.of(axis, (axis.title or title) if written else "tokens" if axis.role else title)

    rows = [amap.queries, *([amap.queries.beside] if amap.queries.beside is not None else [])]
    return tuple(shown(axis, usual[0]) for axis in rows), shown(amap.keys, usual[1])


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
                yield item, amap.sample(item)
