"""What a viewer looks at: a manifest, and who answers its questions. Every host stands on this."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from regard.analysis.passages.passages import Passages
from regard.arguments import whole_number
from regard.errors import OptionError
from regard.interventions.effects import Effects
from regard.mechanisms.card import Card
from regard.surveying.survey_file import Survey
from regard.tokens.texts import visible
from regard.viewer.answers.joint import joint_of
from regard.viewer.answers.packing import pack
from regard.viewer.answers.regions import Members, Numbers, Reader
from regard.viewer.answers.requests import (
    MarginsRequest,
    RegionRequest,
    joint_request,
    margins_request,
    overview_request,
    region_request,
    steps_request,
)
from regard.viewer.answers.steps import steps_of
from regard.viewer.document.against import named_subject, opened_against
from regard.viewer.document.effects import effects_subject
from regard.viewer.document.findings import FINDINGS, Finding, finding_subject
from regard.viewer.document.heats import HEATS, blank_pictures, heats_subject
from regard.viewer.document.images import image_infos, name_patches
from regard.viewer.document.manifest import manifest_of, sent
from regard.viewer.document.mechanisms import mechanism_subject
from regard.viewer.document.named_spans import NamedSpans, name_spans
from regard.viewer.document.opening import opening_of, unit_of
from regard.viewer.document.subjects import ShownMap, Subject, Viewable, read_subject
from regard.viewer.document.survey import survey_subject

QUESTIONS = ("manifest", "region", "margins", "overview", "steps", "joint")

OVERVIEW_SIDES = (256, 128, 64, 32, 16)
OVERVIEW_BYTES = 2**20
"""Of the overviews of all maps together, a byte for each mean and each largest weight."""

AVERAGED_ENTROPY = 2**22
"""Weights of some heads whose mean has an entropy of its own; of larger maps it is the mean of the heads' entropies."""

KEPT_MARGINS = 64
"""Sets of heads whose margins are kept."""


@dataclass
class _KnownMargins:
    """What is known of the margins of some heads of a map."""

    received: Numbers
    sampled: int
    entropy: Numbers  # (queries,), NaN where not computed yet


class Document:
    """A manifest, and answers in packed bytes. Safe to ask from several threads at once.

    Attributes:
        manifest: what there is to see, as JSON would say it (``frontend/src/contract.ts``).
        maps: the maps behind it, in the same order.
        effects: what replacing parts of a model did, where that is shown.
        finding: what was measured of attention, where that is shown.
    """

    def __init__(self, manifest: dict[str, Any], maps: Sequence[ShownMap], max_work: int | None = None) -> None:
        """Use ``document(subject)``.

        Args:
            manifest: made from the same maps.
            maps: one sequence each.
            max_work: multiply-adds that one answer may take; beyond, queries are sampled, and the answer says so.
        """
        if max_work is not None:
            max_work = whole_number("max_work", max_work, 1, advice="it is in multiply-adds")
        self.manifest = manifest
        self.maps = list(maps)
        self.effects: Effects | None = None
        self.finding: Finding | Survey | None = None
        self._readers = [Reader(shown.amap, max_work) for shown in self.maps]
        self.overview_side = overview_side(sum(info["heads"] for info in manifest["maps"]))
        self._overviews: dict[int, bytes] = {}
        self._margins: OrderedDict[tuple[int, tuple[int, ...]], _KnownMargins] = OrderedDict()
        self._locks = [threading.Lock() for _ in self.maps]  # of what is kept of each map
        self._lock = threading.Lock()  # of the margins kept of all
        self.looked_at: tuple[int, int] | None = None  #: map and head of the last region

    @cached_property
    def _said(self) -> bytes:
        """The manifest as it is sent: of long texts megabytes, for everybody who comes."""
        return pack(sent(self.manifest), {})

    def answer(self, question: str, request: Mapping[str, Any]) -> bytes:
        """The answer to a question, packed (``packing.unpack`` reads it).

        Args:
            question: "manifest", "region", "margins", "overview", "steps" or "joint".
            request: its fields, as ``contract.ts`` names them.

        Raises:
            OptionError: another question, a field that is missing, of another type, or beyond its limits.

        Example:
            >>> import torch
            >>> from regard.viewer.answers.packing import unpack
            >>> region = {"map": 0, "heads": [0], "how": "max", "hideSpecial": False, "renormalise": False, "sample": 0}
            >>> region |= {"rows": {"start": 0, "stop": 4, "count": 2}, "columns": {"start": 0, "stop": 4, "count": 2}}
            >>> unpack(document(torch.eye(4)).answer("region", region))
            ({'rows': 2, 'columns': 2, 'sampled': 0, 'every': 1}, {'values': array([[1., 0.], [0., 1.]], dtype=float32)})
        """
        maps = self.manifest["maps"]
        match question:
            case "manifest":
                return self._said
            case "region":
                wanted = region_request(request, maps)
                self.looked_at = wanted.map, wanted.heads[0]
                hidden_rows, hidden_columns = self._hidden(wanted)
                (values,), sampled, every = self._readers[wanted.map].region(
                    wanted.heads,
                    wanted.rows,
                    wanted.columns,
                    (wanted.how,),
                    hidden_rows=hidden_rows,
                    hidden_columns=hidden_columns,
                    renormalise=wanted.renormalise,
                    sample=wanted.sample,
                    quick=wanted.quick,
                )
                rows, columns = values.shape
                return pack({"rows": rows, "columns": columns, "sampled": sampled, "every": every}, {"values": values})
            case "margins":
                return self._answer_margins(margins_request(request, maps))
            case "overview":
                number = overview_request(request, maps)
                with self._locks[number]:
                    if number not in self._overviews:
                        self._overviews[number] = self._overview(number)
                    return self._overviews[number]
            case "steps":
                asked = steps_request(request, maps)
                shown = self._kept_as_factors(asked.map)
                return pack(*steps_of(shown.amap, asked.head, shown.value, asked.query, asked.key))
            case "joint":
                asked = joint_request(request, maps)
                return pack(*joint_of(self._kept_as_factors(asked.map).amap, asked.head, asked.query, asked.key))
        raise OptionError(f"expected a question of {', '.join(QUESTIONS)}, got {str(question)[:80]!r}")

    def prepare(self, request: Mapping[str, Any]) -> bool:
        """Do a part of the work of a region that is asked for, some tens of milliseconds; whether more may be left.

        ``answer`` needs no preparation: this is for who lets others have their turn in between.

        Raises:
            OptionError: as ``answer`` does.
        """
        wanted = region_request(request, self.manifest["maps"])
        hidden_rows, _ = self._hidden(wanted)
        return self._readers[wanted.map].prepare(wanted.heads, wanted.rows, wanted.columns, hidden_rows, wanted.sample)

    def _kept_as_factors(self, number: int) -> ShownMap:
        shown = self.maps[number]
        if not self.manifest["maps"][number]["steps"]:
            raise OptionError(f"map: expected one that is kept as queries and keys, got {shown.amap!r}; look at its region")
        return shown

    def _hidden(self, wanted: RegionRequest | MarginsRequest) -> tuple[Sequence[int], Sequence[int]]:
        """Rows and columns that are left out: special tokens, where that is asked for."""
        if not wanted.hide_special:
            return (), ()
        info, axes = self.manifest["maps"][wanted.map], self.manifest["axes"]
        return axes[info["rowAxes"][wanted.row_axis]]["special"], axes[info["columnAxis"]]["special"]

    def _overview(self, number: int) -> bytes:
        probabilities = self.manifest["maps"][number]["probabilities"]
        mean, largest, sampled = self._readers[number].overview(self.overview_side, probabilities=probabilities)
        heads, rows, columns = mean.shape
        return pack({"heads": heads, "rows": rows, "columns": columns, "sampled": sampled}, {"mean": mean, "max": largest})

    def _answer_margins(self, wanted: MarginsRequest) -> bytes:
        reader = self._readers[wanted.map]
        keys, heads = reader.amap.shape[3], wanted.heads
        hidden_rows, hidden_columns = self._hidden(wanted)
        with self._locks[wanted.map]:
            known = self._known_margins(wanted.map, heads)
            read = reader.entropy_sample(heads, wanted.rows, hidden_rows)
            unknown = np.unique(read.places[np.isnan(known.entropy[read.places])])
            averaged = len(heads) * reader.amap.shape[2] * keys <= AVERAGED_ENTROPY
            known.entropy[unknown] = reader.entropy(heads, unknown, averaged=averaged)
            entropy = _means(known.entropy[read.places], read.counts)
        across = Members.of(wanted.columns, keys, hidden_columns)
        received = _means(known.received[across.places], across.counts)
        return pack({"sampled": read.sampled or known.sampled}, {"received": received, "entropy": entropy})

    def _known_margins(self, number: int, heads: tuple[int, ...]) -> _KnownMargins:
        """The margins of these heads as far as they are known; called with the map's lock."""
        place = number, heads
        with self._lock:
            if place in self._margins:
                self._margins.move_to_end(place)
                return self._margins[place]
        reader = self._readers[number]
        received, sampled = reader.received(heads)
        made = _KnownMargins(received, sampled, np.full(reader.amap.shape[2], np.nan, np.float32))
        with self._lock:
            self._margins[place] = made
            while len(self._margins) > KEPT_MARGINS:
                self._margins.popitem(last=False)
        return made


def document(
    subject: Viewable,
    *,
    tokens: Any = None,
    queries: Any = None,
    keys: Any = None,
    title: str | None = None,
    image: Any = None,
    grid: tuple[int, int] | None = None,
    words: str | bool | None = None,
    statistics: bool | None = None,
    view: str | None = None,
    map: int | str | None = None,  # noqa: A002 - what the viewer calls it
    heads: int | str | Sequence[int] | None = None,
    query: int | str | None = None,
    key: int | str | None = None,
    unit: str | None = None,
    against: Any = None,
    names: Sequence[str] | None = None,
    effects: Effects | Mapping[str, float] | None = None,
    prompts: Any = None,
    finding: Finding | None = None,
    spans: NamedSpans | None = None,
    sound: Any = None,
    truth: Any = None,
    max_work: int | None = None,
) -> Document:
    """What a viewer looks at.

    Args:
        subject: as in ``regard.page``. Each sequence of a batch is shown by itself, without its padding; a card of
            ``regard.catalogue`` is the mechanism on a small example.
        tokens: names for the positions, as in ``regard.page``.
        queries: for the rows.
        keys: for the columns.
        title: what it is called; the text of a translation and what became of it, or the name of the model, where not given.
        image: the picture that an image model looked at: a path, bytes of a file, an array (height, width, 3) or an image of
            Pillow's; a list of them, those of the first sequence in their order, then those of the next.
        grid: patches of the image down and across, for maps that do not know them: recorded ones do.
        words: how the tokenizer marks words, a ``kind`` of ``regard.tokens.words_of``; False to leave them out; seen from the
            tokens where not given.
        statistics: whether heads are told in numbers; where not given, if that takes a second at most.
        view: what it opens with, as in ``regard.page``; so are ``map``, ``heads``, ``query``, ``key`` and ``unit``.
        map: which map.
        heads: which heads of it.
        query: which row is held.
        key: which column is held.
        unit: "tokens", "words" or "characters".
        against: what opens beside it in a second picture.
        names: of the things in a list, or of the two.
        effects: what replacing parts of the model did, beside what is looked at, as in ``regard.page``.
        prompts: what was swept.
        finding: what was measured of it, as in ``regard.page``; so are ``spans``, ``sound`` and ``truth``.
        spans: named parts of its text.
        sound: of words in a sound.
        truth: of contacts.
        max_work: multiply-adds of one answer. A host whose reader waits for the answer reads a sample of the queries beyond,
            and says so; without a limit everything is read.

    Raises:
        DtypeError, ShapeError, ScoreError, RecordingError: nothing to look at.
        OptionError: an argument outside of the values that it may take.

    Example:
        >>> import torch
        >>> shown = document(torch.eye(3), title="Only themselves")
        >>> shown.manifest["title"], shown.manifest["maps"][0]["queries"]
        ('Only themselves', 3)
    """
    if title is not None and not isinstance(title, str):
        raise OptionError(f"title: expected a text, got {type(title).__name__}")
    if grid is not None and image is None:
        raise OptionError("grid: expected an image with it, got none; give image=")
    if isinstance(subject, Card):
        if against is not None or names is not None:
            raise OptionError("expected nothing against a mechanism, and no names, got some; look at each mechanism by itself")
        if tokens is not None or queries is not None or keys is not None:
            raise OptionError("expected no tokens, queries or keys with a mechanism, got some; its example has its own")
        found = mechanism_subject(subject)
    elif isinstance(subject, Survey):
        if any(one is not None for one in (tokens, queries, keys, against, names, image, effects, prompts, finding, spans)):
            raise OptionError("expected a survey by itself, got other things beside it; survey_diff compares two surveys")
        found = survey_subject(subject)
    elif isinstance(subject, FINDINGS):
        others = (tokens, queries, keys, against, names, image, prompts, finding, spans)
        found = _finding_alone(subject, others, {"effects": effects, "sound": sound, "truth": truth})
        effects = sound = truth = None
    elif isinstance(subject, HEATS):
        if any(one is not None for one in (tokens, queries, keys, against, names, effects, prompts, finding, spans, grid)):
            raise OptionError("expected words on pictures by themselves, got other things beside them; pictures alone: image=")
        found, image = heats_subject(subject), blank_pictures(subject) if image is None else image
    elif isinstance(subject, Effects):
        found = _effects_alone(subject, prompts, (tokens, queries, keys, against, names, image, effects))
    else:
        found = read_subject(named_subject(subject, against, names), tokens, queries, keys)
    opened = _opened(found, map)
    if spans is not None:
        name_spans(found, spans, opened)
    if finding is not None:
        measured = effects if isinstance(finding, Passages) and isinstance(effects, Mapping) else None
        before = found.opening
        found = finding_subject(finding, found, effects=measured, sound=sound, truth=truth, opened=opened)
        if view is not None and not (isinstance(view, str) and view == "finding"):
            found.opening = before  # what is looked at is the subject, whose parts the finding names
        effects = None if measured is not None else effects
    elif sound is not None or truth is not None:
        raise OptionError("expected sound and truth beside what they belong to, got no finding; give finding=")
    if effects is not None:
        found = effects_subject(effects, prompts, beside=found)
    elif prompts is not None and found.effects is None:
        raise OptionError("prompts: expected effects beside them, got none; give effects=")
    manifest = manifest_of(found, words=words, statistics=statistics)
    if title is not None:
        manifest["title"] = visible(title)
    images = [] if image is None else list(image) if isinstance(image, list | tuple) else [image]
    manifest["images"] += image_infos(images, found.maps, grid)
    name_patches(manifest)
    if images and "view" not in manifest["opening"]:
        manifest["opening"]["view"] = "image"
    manifest["opening"] = opening_of(manifest, view=view, map=map, heads=heads, query=query, key=key, unit=unit)
    manifest["opening"].setdefault("unit", unit_of(manifest, manifest["opening"]))
    if against is not None:
        manifest["opening"]["with"] = opened_against(manifest)
    made = Document(manifest, found.maps, max_work)
    made.effects = subject if isinstance(subject, Effects) else cast("Effects | None", effects)
    made.finding = subject if isinstance(subject, (*FINDINGS, Survey)) else finding
    return made


def _opened(found: Subject, asked: Any) -> int:
    """The map whose keys have the spans: the one that is opened."""
    return asked if isinstance(asked, int) and 0 <= asked < len(found.maps) else int(found.opening.get("map", 0))


def _finding_alone(found: Finding, others: Sequence[Any], own: Mapping[str, Any]) -> Subject:
    if any(one is not None for one in others):
        raise OptionError(
            "expected a finding by itself, got tokens, queries, keys, a picture or other things beside it; give finding= "
            "beside the recording that it was found in"
        )
    return finding_subject(found, **own)


def _effects_alone(found: Effects, prompts: Any, others: Sequence[Any]) -> Subject:
    if any(one is not None for one in others):
        raise OptionError(
            "expected effects by themselves, got tokens, queries, keys, a picture or other things beside them; give effects= "
            "beside a recording; found.compare(other) compares two sweeps"
        )
    return effects_subject(found, prompts)


def overview_side(heads: int) -> int:
    """Cells along a side of an overview, where so many heads share the bytes."""
    return next((side for side in OVERVIEW_SIDES if 2 * heads * side * side <= OVERVIEW_BYTES), OVERVIEW_SIDES[-1])


def _means(values: Numbers, counts: NDArray[np.int64]) -> Numbers:
    """The mean of each cell's values, which stand one cell's after another's; 0 of an empty cell."""
    ends = np.cumsum(counts)
    made = np.zeros(len(counts))
    if len(values):
        made[counts > 0] = np.add.reduceat(values.astype(np.float64), (ends - counts)[counts > 0])
    means: Numbers = (made / np.maximum(counts, 1)).astype(np.float32)
    return means
