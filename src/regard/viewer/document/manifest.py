"""The manifest: what there is to see, as the front end reads it (``frontend/src/contract.ts``)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from regard.analysis.alignment.align import Alignment
from regard.analysis.heads.registry import statistic_named
from regard.analysis.heads.statistics import head_statistics
from regard.arguments import one_of
from regard.axes.line import Groups
from regard.axes.spans import sentences_of
from regard.errors import OptionError, in_short
from regard.maps.attention_map import AttentionMap
from regard.tokens.decoded import text_runs
from regard.tokens.kinds import TOKENIZERS
from regard.tokens.texts import texts_of, visible
from regard.tokens.words import Words, words_and_characters_of
from regard.viewer.document.subjects import Numbers, ShownAxis, ShownMap, Subject

AUTOMATIC_STATISTICS = 2**23
"""Weights of all maps whose statistics are computed unasked: about a second."""

LEAST_STATISTICS = 2**15
"""Weights that a map counts as at least: a small one takes as long."""

KEPT_AS_WEIGHTS = "this map is kept as weights, without the queries and keys that made them"
"""Why there are no steps of a map."""

PROBED = 2**26
"""Weights that are read to see whether a map without a softmax of its own is one of probabilities."""

UNITS = ("tokens", "characters", "words", "sentences")
"""What an axis is read in, beside the named spans that it has."""

MOST_BANDS = 500
"""Named spans of one kind along an axis: more are too narrow to be seen."""

ROWS_PRODUCED = (
    "A row of a decoder or cross map is the query that produced its token; labelled by tokens consumed, it is the query that "
    "had read that token."
)


def manifest_of(subject: Subject, *, words: str | bool | None, statistics: bool | None) -> dict[str, Any]:
    """The manifest, without pictures.

    Args:
        subject: what there is to see.
        words: how the tokenizer marks words, False for tokens only, None to see it from the tokens.
        statistics: whether to compute numbers a head; where None, if they take a second at most.

    Raises:
        OptionError: other words or statistics.
    """
    if words is not None and words is not False:
        one_of("words", cast("str", words), TOKENIZERS, advice="say False for tokens only, None to see it from the tokens")
    if statistics is not None and not isinstance(statistics, bool | np.bool_):
        raise OptionError(f"statistics: expected True, False or None, got {in_short(statistics)}")
    if statistics is None:
        statistics = sum(max(LEAST_STATISTICS, math.prod(one.amap.shape)) for one in subject.maps) <= AUTOMATIC_STATISTICS
    axes = _Axes(words)
    maps = [_map_info(number, shown, axes, statistics=bool(statistics)) for number, shown in enumerate(subject.maps)]
    for number, found in subject.numbers.items():
        maps[number] |= _with_numbers(maps[number], found)
    of_finding = {} if subject.finding_axis is None else {"axis": axes.id(subject.finding_axis)}
    return {
        "version": 1,
        "title": visible(subject.title),
        "notes": [*subject.notes, *_notes(subject.maps, maps)],
        "axes": axes.made,
        "maps": maps,
        "items": [visible(item) for item in subject.items],
        "definitions": _definitions(maps) | subject.definitions,
        "alignments": [_alignment_info(item, one) for item, one in subject.alignments],
        "images": [],
        "opening": subject.opening,
        **_languages(subject),
        **({} if subject.effects is None else {"effects": subject.effects}),
        **({} if subject.finding is None else {"finding": subject.finding | of_finding}),
    }


def _with_numbers(info: dict[str, Any], found: Numbers) -> dict[str, Any]:
    """The statistics of a map, with numbers that were measured beside it first, and their errors."""
    values = {name: [float(f"{value:.6g}") for value, _ in heads] for name, heads in found.items()}
    errors = {
        name: [float(f"{error:.3g}") if math.isfinite(error) else None for _, error in one] for name, one in found.items()
    }
    return {"statistics": values | info["statistics"], "errors": errors}


def _languages(subject: Subject) -> dict[str, Any]:
    """What each sequence is translated from and to; nothing where that is known of none."""
    known = subject.languages
    return {"languages": [list(known[at]) if at in known else None for at in range(len(subject.items))]} if known else {}


class _Axes:
    """Axes by id; equal ones are there once."""

    def __init__(self, words: str | bool | None) -> None:
        self.words = words
        self.made: dict[str, dict[str, Any]] = {}
        self.ids: dict[ShownAxis, str] = {}
        self._read: dict[ShownAxis, dict[str, Any]] = {}  # whatever they are called: rows and columns are often of one text

    def id(self, tokens: ShownAxis) -> str:
        if tokens not in self.ids:
            self.ids[tokens] = f"axis-{len(self.ids)}"
            untitled = replace(tokens, title="")
            if untitled not in self._read:
                self._read[untitled] = axis_info(untitled, self.words)
            self.made[self.ids[tokens]] = self._read[untitled] | {"title": tokens.title}
        return self.ids[tokens]


def sent(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as it is sent: an axis that differs from another by its title alone says which; of long texts that is half.

    Example:
        >>> tokens = ["a"]
        >>> sent({"axes": {"rows": {"title": "queries", "tokens": tokens}, "columns": {"title": "keys", "tokens": tokens}}})
        {'axes': {'rows': {'title': 'queries', 'tokens': ['a']}, 'columns': {'title': 'keys', 'like': 'rows'}}}
    """
    axes: dict[str, Any] = {}
    first: dict[int, str] = {}  # the name of the axis that has a list of tokens, by its identity
    for name, axis in manifest["axes"].items():
        other = first.setdefault(id(axis["tokens"]), name)
        same = other != name and axis == manifest["axes"][other] | {"title": axis["title"]}
        axes[name] = {"title": axis["title"], "like": other} if same else axis
    return manifest | {"axes": axes}


def axis_info(tokens: ShownAxis, words: str | bool | None = None) -> dict[str, Any]:
    """An axis: what people read of its tokens (positions where they have no names), their spelling, and its units."""
    made: dict[str, Any] = {"title": tokens.title, "tokens": [str(at) for at in range(tokens.size)], "spellings": None}
    made |= {"special": [], "words": None, "wordTexts": None, "characters": None, "characterTexts": None}
    own = [bands_of(name, groups) for name, groups in tokens.groups]
    given = [bands_of(name, spans.places, spans.names) for name, spans in tokens.spans]
    if bands := [band for band in (*given, *own) if band is not None]:
        made["bands"] = bands
    if tokens.patches:
        made["patches"] = [None if patch is None else list(patch) for patch in tokens.patches]
    if tokens.labels is None:
        return made
    kind = words if isinstance(words, str) else tokens.kind
    spelled = tokens.spelled or tokens.labels
    named = {spelled[at] for at in tokens.special}
    # Else the axis has read them by the tokenizer's own kind.
    read = not tokens.whole and (isinstance(words, str) or tokens.labels == spelled)
    texts = list(texts_of(spelled, kind, named) if read else map(visible, tokens.labels))
    made["tokens"] = texts
    made["special"] = list(tokens.special)
    spellings = list(map(visible, spelled))
    if spellings != texts:
        made["spellings"] = spellings
    if words is False or tokens.is_picture or tokens.whole:
        return made
    runs = text_runs(spelled, named, kind)
    found, characters = words_and_characters_of(runs)
    made["words"], made["wordTexts"] = unit_runs(texts, found, " ")
    sentences = sentences_of(runs)
    if len(sentences.texts) > 1:  # their texts are those of their words
        made["sentences"] = unit_runs(texts, sentences, " ")[0]
    starts, made_of = ([], []) if characters is None else unit_runs(texts, characters, "")
    if 0 < len(starts) < len(spelled):  # else each token is whole characters: there is nothing to put together
        made["characters"], made["characterTexts"] = starts, made_of
    return made


def bands_of(name: str, groups: Groups, names: Sequence[str] = ()) -> dict[str, Any] | None:
    """Named spans as runs in order, with a text each; None where they are no runs, or so many that they are units to read.

    Args:
        name: what they are, as "sentences".
        groups: the positions of each.
        names: what each is called; numbers where not given.

    Example:
        >>> bands_of("segments", ((0, 1, 2), (3, 4)))
        {'name': 'segments', 'spans': [[0, 3], [3, 5]], 'texts': ['sentence A', 'sentence B']}
    """
    if not any(groups) or why_no_bands(groups) or name in UNITS:
        return None
    order = sorted((at for at, one in enumerate(groups) if one), key=lambda at: groups[at])
    spans = [[groups[at][0], groups[at][-1] + 1] for at in order]
    single = visible(name[:-1] if name.endswith("s") and not name.endswith("ss") else name)
    if names:
        texts = [visible(names[at]) for at in order]
    elif name == "segments" and len(spans) == 2:
        texts = ["sentence A", "sentence B"]
    else:
        texts = [visible(name)] if len(spans) == 1 else [f"{single} {at}" for at, _ in enumerate(spans, 1)]
    return {"name": visible(name), "spans": spans, "texts": texts}


def why_no_bands(groups: Groups) -> str | None:
    """Why positions are no runs one after the other along an axis; None where they are.

    Example:
        >>> why_no_bands(((0, 1), (1, 2))), why_no_bands(((0, 2),)), why_no_bands(((0, 1), (2,)))
        ('some overlap', 'some are in several pieces', None)
    """
    there = sorted(one for one in groups if one)
    if any(one[-1] + 1 - one[0] != len(one) for one in there):
        return "some are in several pieces"
    if any(one[-1] >= two[0] for one, two in pairwise(there)):
        return "some overlap"
    return f"there are more than {MOST_BANDS:,}" if len(there) > MOST_BANDS else None


def map_name(info: dict[str, Any]) -> str:
    """What a map is called in a caption: its kind and layer, or its name, and whose it is where there are several models.

    Example:
        >>> map_name({"name": "h.0.attn", "kind": "self", "layer": 0, "of": "tuned"})
        'tuned: self layer 0'
    """
    own = info["name"] if info["layer"] is None else f"{info['kind']} layer {info['layer']}"
    return own if info["of"] is None else f"{info['of']}: {own}"


def head_names(heads: Sequence[int]) -> str:
    """Which heads are shown, in words.

    Example:
        >>> head_names([3]), head_names([2, 5])
        ('head 3', 'mean of heads 2, 5')
    """
    return f"head {heads[0]}" if len(heads) == 1 else f"mean of heads {', '.join(map(str, heads))}"


def unit_runs(texts: Sequence[str], units: Words, between: str) -> tuple[list[int], list[str]]:
    """Where units begin, and their texts: runs that cover all tokens.

    A token with characters of two units goes to the first of them; one of no unit, as special tokens are, is a run of its own.

    Args:
        texts: those of the tokens.
        units: words, or characters.
        between: what stands between the texts of two units that share a run.

    Example:
        >>> from regard.tokens.words import words_of
        >>> tokens = ["▁The", "▁ma", "t", ".", "</s>"]
        >>> unit_runs(tokens, words_of(tokens), " ")
        ([0, 1, 4], ['The', 'mat.', '</s>'])
    """
    owner: list[int | None] = [None] * len(texts)
    said = list(units.texts)
    for unit, places in enumerate(units.tokens):
        free = [place for place in places if owner[place] is None]
        for place in free:
            owner[place] = unit
        if not free and places and (first := owner[places[0]]) is not None:  # all of it stands in another unit's token
            said[first] += f"{between}{said[unit]}"
    starts = [at for at, own in enumerate(owner) if at == 0 or own is None or own != owner[at - 1]]
    return starts, [texts[at] if (own := owner[at]) is None else visible(said[own]) for at in starts]


def _map_info(number: int, shown: ShownMap, axes: _Axes, *, statistics: bool) -> dict[str, Any]:
    amap = shown.amap
    _, heads, queries, keys = amap.shape
    probabilities = not shown.signed and _is_probable(amap)
    return {
        "name": visible(amap.name or f"map {number}"),
        "of": None if shown.of is None else visible(shown.of),
        "kind": amap.kind if amap.kind in ("encoder", "decoder", "cross", "self") else "map",
        "layer": amap.layer,
        "item": shown.item,
        "heads": heads,
        "queries": queries,
        "keys": keys,
        "rowAxes": [axes.id(tokens) for tokens in shown.rows],
        "columnAxis": axes.id(shown.columns),
        "probabilities": probabilities,
        "hides": (factors := amap.view.whole_factors) is not None and factors.mask is not None,
        "error": 0.0,
        "steps": amap.view.whole_factors is not None,
        "withoutSteps": None if amap.view.whole_factors is not None else KEPT_AS_WEIGHTS,
        "statistics": _statistics(shown) if statistics and probabilities and shown.meaning is None else {},
        **({} if shown.meaning is None else {"meaning": shown.meaning}),
        **({"step": amap.step} if amap.step else {}),
    }


def _is_probable(amap: AttentionMap) -> bool:
    """Whether all weights are from 0 to 1: they are where a softmax makes them; else rows are read to see."""
    if amap.view.whole_factors is not None:
        return True
    _, heads, queries, keys = amap.shape
    step = -(-heads * queries * keys // PROBED)  # from one row that is read to the next
    many = max(1, 2**20 // keys) * step
    for head in range(heads):
        for start in range(0, queries, many):
            block = amap.select(heads=head, queries=slice(start, start + many, step))[...]
            if bool(((block < 0) | (block > 1 + 1e-5)).any()):
                return False
    return True


def _statistics(shown: ShownMap) -> dict[str, list[float]]:
    """Numbers a head, by name; what has no meaning for this map is not there."""
    found = [one.flat() for one in head_statistics(shown.amap)]
    names = [name for name in found[0] if (known := statistic_named(name)) and known.beside_map]
    numbers = {name: [float(f"{one[name]:.6g}") for one in found] for name in names}
    return {name: values for name, values in numbers.items() if all(map(math.isfinite, values))}


def _definitions(maps: Sequence[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What the values of each statistic are that a map has, and what it is."""
    names = dict.fromkeys(name for info in maps for name in info["statistics"])
    known = {name: statistic_named(name) for name in names}
    return {name: {"quantity": one.quantity.name, "meaning": one.meaning} for name, one in known.items() if one}


def _alignment_info(item: int, alignment: Alignment) -> dict[str, Any]:
    layers = list(dict.fromkeys((one.layer, one.rows) for one in alignment.readings))
    parts = []
    for layer, rows in layers:
        heads = sorted({one.head for one in alignment.readings if (one.layer, one.rows) == (layer, rows)})
        plural = "s" if len(heads) > 1 else ""
        parts.append(f"layer {layer}, head{plural} {' and '.join(map(str, heads))}, by the token {rows}")
    averaged = ", averaged" if len(set(alignment.readings)) > 1 else ""
    return {
        "item": item,
        "sourceWords": [visible(word) for word in alignment.source_words],
        "targetWords": [visible(word) for word in alignment.target_words],
        "links": [list(link) for link in sorted(alignment.links)],
        "reading": f"{'; '.join(parts)}{averaged}; {alignment.rule.method}",
    }


def _notes(maps: Sequence[ShownMap], infos: Sequence[dict[str, Any]]) -> list[str]:
    """What must be said with the picture."""
    notes = []
    if any(len(info["rowAxes"]) > 1 for info in infos):
        notes.append(ROWS_PRODUCED)
    if any(factors is not None and factors.sinks is not None for factors in (shown.amap.view.whole_factors for shown in maps)):
        notes.append("A sink takes part of each row's weight: rows may sum to less than 1.")
    if not all(shown.signed or info["probabilities"] for shown, info in zip(maps, infos, strict=True)):
        notes.append("Some of these maps are not probabilities: their weights may be negative, or above 1.")
    return notes
