"""What can be looked at, as maps of one sequence each, with the tokens of their axes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from regard.analysis.alignment.align import Alignment
from regard.analysis.caching.cache import CacheReport
from regard.analysis.mixtures.contacts import Contacts
from regard.analysis.mixtures.word_times import WordTimes
from regard.analysis.passages.passages import Passages
from regard.analysis.pictures.patches import Patches
from regard.analysis.pictures.pixels import Pixels
from regard.axes.axis import Axis
from regard.axes.line import Groups
from regard.axes.places import Patch
from regard.axes.roles import titles
from regard.axes.spans import Spans
from regard.errors import DtypeError, RecordingError, ShapeError
from regard.interventions.effects import Effects
from regard.maps.attention_map import AttentionMap
from regard.maps.given_weights import given_maps, is_mapping, opening
from regard.maps.naming import named_maps
from regard.mechanisms.card import Card
from regard.positions import take
from regard.recording.recording import Recording
from regard.surveying.survey_file import Survey
from regard.tokens.special import is_special
from regard.tokens.words import words_of
from regard.translation.translator import Translation
from regard.viewer.document.recordings import named_recordings

Viewable: TypeAlias = (
    AttentionMap
    | Recording
    | Translation
    | Effects
    | Passages
    | WordTimes
    | Contacts
    | CacheReport
    | Patches
    | Pixels
    | Survey
    | Card
    | Tensor
    | NDArray[Any]
    | Sequence[Any]
    | Mapping[str, Any]
)

MOST_NAMES = 4
"""Recordings whose names make a title."""

Languages: TypeAlias = tuple[str | None, str | None]
"""Codes of what is translated from, and to."""

Numbers: TypeAlias = dict[str, list[tuple[float, float]]]
"""Of each head by name, a number and its standard error."""

LONGEST_NAME = 80
"""Characters of a text that name a sequence."""


@dataclass(frozen=True)
class ShownAxis:
    """The tokens along one axis of a map, and what they are; without labels where they have no names."""

    title: str
    labels: tuple[str, ...] | None
    size: int
    spelled: tuple[str, ...] | None = None
    special: tuple[int, ...] = ()
    kind: str | None = None  #: how the tokenizer marks words
    groups: tuple[tuple[str, Groups], ...] = ()  #: named spans: sentences, turns, passages
    patches: tuple[Patch | None, ...] = ()  #: of pictures, where some of its positions are
    whole: bool = False  #: whether labels are names or texts of their own, and no tokens of one text
    spans: tuple[tuple[str, Spans], ...] = ()  #: named parts that somebody gives, by what they are called together

    @classmethod
    def of(cls, axis: Axis, title: str) -> "ShownAxis":
        """What an axis of one sequence says."""
        special = tuple(at for at, out in enumerate(axis.special) if out)
        places = tuple(one if isinstance(one, Patch) else None for one in axis.place or ())
        patches = places if any(places) else ()
        made = cls(title, axis.text, len(axis), axis.spelled, special, axis.line.kind, tuple(axis.group.items()), patches)
        return replace(made, title="patches") if made.is_picture else made

    @property
    def is_picture(self) -> bool:
        """Whether all but its special tokens are patches: then it has no words."""
        return bool(self.patches) and all(place or at in self.special for at, place in enumerate(self.patches))


@dataclass(frozen=True)
class ShownMap:
    """A map of one sequence.

    Attributes:
        amap: (1, heads, queries, keys).
        item: number of the sequence.
        rows: tokens that label the rows, the usual ones first.
        columns: tokens that label the columns.
        value: (kv_heads, keys, dim), where the recording kept them.
        of: the name of its recording, where there are several.
        signed: whether its numbers are no weights, whatever they are.
        meaning: what its numbers are, in a sentence, where they are no attention.
    """

    amap: AttentionMap
    item: int
    rows: tuple[ShownAxis, ...]
    columns: ShownAxis
    value: Tensor | None = None
    of: str | None = None
    signed: bool = False
    meaning: str | None = None


@dataclass
class Subject:
    """All there is to see."""

    title: str
    maps: list[ShownMap] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    alignments: list[tuple[int, Alignment]] = field(default_factory=list)  #: with the number of its sequence
    opening: dict[str, Any] = field(default_factory=dict)  #: what to look at first
    notes: list[str] = field(default_factory=list)  #: what is said of all of it
    languages: dict[int, Languages] = field(default_factory=dict)  #: of sequences that are translations, where they are known
    numbers: dict[int, Numbers] = field(default_factory=dict)  #: of heads, by map, beside those that are computed
    definitions: dict[str, dict[str, str]] = field(default_factory=dict)  #: what these numbers are
    effects: dict[str, Any] | None = None  #: what replacing parts of the model did
    finding: dict[str, Any] | None = None  #: what was measured of attention
    finding_axis: ShownAxis | None = None  #: the text or chain that the finding is of


def read_subject(subject: Viewable, tokens: Any = None, queries: Any = None, keys: Any = None) -> Subject:
    """The maps of a translation, a recording, a map, weights, a list of one of these, or of several recordings by name.

    Args:
        subject: what is looked at.
        tokens: names for the positions, as ``regard.page`` takes them.
        queries: for the rows.
        keys: for the columns.

    Raises:
        DtypeError: something else.
        RecordingError: no maps.
        ShapeError: a map without rows or columns, or labels that do not fit it.
    """

    def named(maps: Sequence[AttentionMap]) -> list[AttentionMap]:
        return named_maps(maps, tokens, queries, keys)

    parts = list(subject) if isinstance(subject, list | tuple) else [subject]
    if len(parts) == 1 and isinstance(parts[0], Recording):
        subject = parts[0]
    translations = [part for part in parts if isinstance(part, Translation)]
    if translations and len(translations) == len(parts):
        found = _of_translations(translations, [_named(part.recording, named) for part in translations])
    elif isinstance(subject, Recording):
        found = Subject(subject.model or "Attention")
        _add_recording(found, _named(subject, named))
    elif several := named_recordings(subject):
        given = subject.values() if isinstance(subject, Mapping) else parts
        found = _of_several(several, dict(zip(several, given, strict=False)), named)
    else:
        found = _of_maps(named(_maps_of(subject)))
    if not found.maps:
        raise RecordingError("expected something with maps, got none; let the model run inside the block of record")
    for shown in found.maps:
        if 0 in shown.amap.shape:
            raise ShapeError(f"expected maps with rows and columns, got {shown.amap!r}; there is nothing to see")
    return found


def _named(recording: Recording, named: Callable[[Sequence[AttentionMap]], list[AttentionMap]]) -> Recording:
    """The recording with its maps under other names; the one that is given stays as it is."""
    made = copy(recording)
    made.maps = named(recording.maps) if recording.maps else []
    return made


def _of_translations(translations: Sequence[Translation], recordings: Sequence[Recording]) -> Subject:
    first = translations[0]
    found = Subject(f"{first.source} → {first.text}" if len(translations) == 1 else f"{len(translations)} translations")
    for one, recording in zip(translations, recordings, strict=True):
        _add_translation(found, one, recording)
    _open_with(found, first)
    return found


def _of_several(
    several: Mapping[str, Recording], given: Mapping[str, Any], named: Callable[[Sequence[AttentionMap]], list[AttentionMap]]
) -> Subject:
    """Recordings by name, of which some may have been given as translations."""
    found = Subject(", ".join(several) if len(several) <= MOST_NAMES else f"{len(several)} recordings")
    for name, recording in several.items():
        if not recording.maps:
            raise RecordingError(f"expected recordings with maps, got none in {name!r}; let the model run inside its block")
        if isinstance(given.get(name), Translation):
            _add_translation(found, given[name], _named(recording, named), of=name)
        else:
            _add_recording(found, _named(recording, named), of=name)
    if isinstance(first := given.get(next(iter(several))), Translation):
        _open_with(found, first)
    return found


def _add_translation(found: Subject, translation: Translation, recording: Recording, of: str | None = None) -> None:
    """A translation's maps, the links between its words, and its languages."""
    item = len(found.items)
    _add_recording(found, recording, [translation.source], of)
    found.alignments.append((item, translation.alignment))
    if any(translation.languages):
        found.languages[item] = translation.languages


def _open_with(found: Subject, first: Translation) -> None:
    """What is looked at first of the first sequence, a translation: the head that aligns best."""
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


def _add_recording(found: Subject, recording: Recording, names: Sequence[str] | None = None, of: str | None = None) -> None:
    """The sequences of a recording, each with its own tokens and without padding."""
    for number in range(recording.batch_size):
        one = recording.sample(number)
        item = len(found.items)
        own = (
            names[number]
            if names
            else _name_of(one) or (f"sequence {number + 1}" if of is None or recording.batch_size > 1 else "")
        )
        found.items.append(own if of is None else f"{of}: {own}" if own else of)
        written = recording.is_encoder_decoder or one.labels("produced") is not None
        for at, amap in enumerate(one.maps):
            value = one.values[at].value if len(one.values) == len(one.maps) else None
            value = None if value is None else take(take(value, 0, amap.view.batch), 2, amap.view.keys)
            for row in range(amap.shape[0]):  # pictures of one text, where there are several
                part = amap.sample(row)
                sides = _axes_of(part, written=written)
                found.maps.append(ShownMap(part, item, *sides, None if value is None else value[row].detach(), of))


def _name_of(recording: Recording) -> str:
    """The text of a recording of one sequence; empty where it has none."""
    labels = recording.labels("source") or recording.labels("consumed")
    plain = [label for label in labels or () if not is_special(label)]
    return " ".join(words_of(plain).texts)[:LONGEST_NAME].strip()


def _axes_of(amap: AttentionMap, *, written: bool = True) -> tuple[tuple[ShownAxis, ...], ShownAxis]:
    """What a map says of its own sides; where nothing is written, tokens are just tokens."""
    usual = titles(amap.kind)

    def shown(axis: Axis, title: str) -> ShownAxis:
        # What a stack that writes nothing reads is no source of anything.
        plain = axis.role is not None and (not written or (axis.role == "source" and amap.kind == "self"))
        return ShownAxis.of(axis, "tokens" if plain else axis.title or title)

    rows = [amap.queries, *([amap.queries.beside] if amap.queries.beside is not None else [])]
    return tuple(shown(axis, usual[0]) for axis in rows), shown(amap.keys, usual[1])


def _maps_of(subject: Any) -> list[AttentionMap]:
    """The maps in a map, weights, or a list of these."""
    if not isinstance(subject, AttentionMap | Tensor | np.ndarray | list | tuple) and not is_mapping(subject):
        raise DtypeError(
            "expected a translation, a recording, an attention map, weights (batch, heads, queries, keys), a mechanism's card, "
            f"or a list or names of these, got {type(subject).__name__}{opening(subject)}"
        )
    if isinstance(subject, list | tuple) and any(isinstance(part, Card) for part in subject):
        raise DtypeError(f"expected one mechanism's card, got a {type(subject).__name__} with Card; look at each of them")
    if isinstance(subject, list | tuple) and any(isinstance(part, AttentionMap) for part in subject):
        return [amap for part in subject for amap in given_maps(part)]
    return given_maps(subject)


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
