"""What was measured of attention, to look at: passages beside their text, words under their sound, contacts, caches."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from regard.analysis.caching.cache import CacheReport
from regard.analysis.mixtures.contacts import Contacts, touching
from regard.analysis.mixtures.word_times import WordTimes
from regard.analysis.passages.passages import STATISTICS, Passages
from regard.arguments import number
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.tokens.texts import visible
from regard.viewer.document.named_spans import PARTS, name_spans
from regard.viewer.document.subjects import ShownAxis, ShownMap, Subject

Finding: TypeAlias = Passages | WordTimes | Contacts | CacheReport
FINDINGS = (Passages, WordTimes, Contacts, CacheReport)

PEAKS = 1600
"""Stretches of a sound of which the lowest and the highest sample are shown."""

ENOUGH = 0.95
"""The share of a row's weight that a budget should keep."""

FEWEST = 3
"""Passages whose ranks can agree with something."""

LONG_RANGE = 6
"""Residues that stand nearer to each other than that touch always."""


def finding_subject(
    found: Any, beside: Subject | None = None, *, effects: Any = None, sound: Any = None, truth: Any = None, opened: int = 0
) -> Subject:
    """A finding to look at: its numbers as maps, and what else is said of it.

    Args:
        found: what ``regard.passages``, ``word_times``, ``contacts`` or ``cache`` gave.
        beside: what else there is to see: the recording that it was found in.
        effects: of passages, what hiding each did, by name.
        sound: of words, what was heard: (samples, samples a second).
        truth: of contacts, which residues touch in a known structure, (residues, residues).
        opened: the map of ``beside`` that is opened, whose keys have the passages.

    Raises:
        DtypeError: no finding; OptionError: what belongs to another finding; ShapeError: a structure of another size.
    """
    if not isinstance(found, FINDINGS):
        raise DtypeError(f"finding: expected what regard.passages, word_times, contacts or cache gives, got {in_short(found)}")
    given = {"effects": (effects, Passages), "sound": (sound, WordTimes), "truth": (truth, Contacts)}
    for name, (value, owner) in given.items():
        if value is not None and not isinstance(found, owner):
            raise OptionError(f"{name}: expected it beside {owner.__name__}, got {type(found).__name__}; leave it out")
    made = beside or Subject(_TITLES[type(found)])
    item, first = len(made.items), len(made.maps)
    if isinstance(found, Passages):
        _add_passages(made, found, item, effects, None if beside is None else opened)
    elif isinstance(found, WordTimes):
        _add_times(made, found, item, sound)
    elif isinstance(found, Contacts):
        _add_contacts(made, found, item, truth)
    else:
        _add_cache(made, found, item)
    made.items.append(_TITLES[type(found)])
    made.finding = {**(made.finding or {}), "maps": list(range(first, len(made.maps)))}
    heads = list(range(made.maps[first].amap.shape[1]))
    view = "map" if isinstance(found, Contacts) else "finding"
    made.opening = {"view": view, "map": first, "heads": heads, **({} if view == "map" else {"query": 0})}
    return made


_TITLES: dict[type, str] = {
    Passages: "passages that an answer looked at",
    WordTimes: "when each word was said",
    Contacts: "residues that touch",
    CacheReport: "what a smaller cache would keep",
}


def _map(values: Tensor, name: str, layer: int | None = None) -> AttentionMap:
    amap = AttentionMap.from_dense(values.float().cpu()[None])
    amap.name, amap.layer = name, layer
    return amap


def _names(title: str, texts: Sequence[str]) -> ShownAxis:
    return ShownAxis(title, tuple(texts), len(texts), whole=True)


# -- passages ----------------------------------------------------------------------------------------------------------


def _add_passages(made: Subject, found: Passages, item: int, effects: Any, opened: int | None) -> None:
    """A map of statistics by passages for all heads together, and one for each layer."""
    names = tuple(map(visible, found.spans.names))
    rows = _names("statistics", [name.replace("_", " ") for name in STATISTICS])
    columns = _names("passages", [*names, "(rest)"])
    values = torch.stack([getattr(found, name) for name in STATISTICS], 2)  # (layers, heads, statistics, passages and rest)
    there = ~found.mass[..., 0].isnan()
    meaning = (
        "Each column is a passage, each row a number of it: lift is 1 where attention is spread evenly over what rows may see."
    )
    every = _map(values[there].nan_to_num(), "passages, all layers")
    layers = [
        _map(values[at][there[at]].nan_to_num(), f"passages, layer {layer}", layer) for at, layer in enumerate(found.layers)
    ]
    maps = [every, *layers] if len(layers) > 1 else [every]
    made.maps += [ShownMap(one, item, (rows,), columns, signed=True, meaning=meaning) for one in maps]
    lines = {name: {line.name: line.first for line in found.ranked(name)} for name in STATISTICS}
    said: dict[str, Any] = {
        "kind": "passages",
        "passages": [
            {
                "name": name,
                "runs": _runs(places),
                "tokens": found.sizes[at],
                "first": [lines[statistic][found.spans.names[at]] for statistic in STATISTICS],
            }
            for at, (name, places) in enumerate(zip(names, found.spans.places, strict=True))
        ],
        "rest": found.sizes[-1],
        "statistics": list(STATISTICS),
        "rows": len(found.rows),
        "heads": int(there.sum()),
    }
    if effects is not None:
        if not isinstance(effects, Mapping) or set(effects) != set(found.spans.names):
            raise OptionError(f"effects: expected one by name for {in_short(found.spans.names)}, got {in_short(effects)}")
        said["effects"] = [number("effects", effects[name]) for name in found.spans.names]
        if len(effects) >= FEWEST:  # of fewer, ranks say nothing
            agreement = {name: found.agreement(effects, name) for name in ("lift", "mass", "density")}
            said["agreement"] = {name: float(f"{value:.3g}") for name, value in agreement.items() if math.isfinite(value)}
    made.finding = said
    if opened is not None:
        at = next((at for at, shown in enumerate(made.maps[: -len(maps)]) if _is_of(shown, found)), opened)
        name_spans(made, {PARTS: found.spans}, at)
        made.finding_axis = made.maps[at].columns
    elif found.text is not None:
        axis = ShownAxis.of(found.text, "the prompt and the answer")
        made.finding_axis = replace(axis, spans=((PARTS, found.spans),))


def _is_of(shown: ShownMap, found: Passages) -> bool:
    """Whether the keys of a map are the text that the passages stand in."""
    return found.text is not None and found.text.spelled == (shown.columns.spelled or shown.columns.labels)


def _runs(places: Sequence[int]) -> list[list[int]]:
    """Neighbouring positions as [begin, end)."""
    runs: list[list[int]] = []
    for at in places:
        if runs and runs[-1][1] == at:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    return runs


# -- words in a sound --------------------------------------------------------------------------------------------------


def _add_times(made: Subject, found: WordTimes, item: int, sound: Any) -> None:
    seconds = [f"{at * found.seconds:.2f} s" for at in range(found.weights.shape[1])]
    meaning = "Each row is a token, each column a moment of the sound: how far it is looked at beyond the mean over tokens."
    amap = _map(found.weights[None], "when each token was said")
    tokens = [visible(one.text) for one in found.tokens]
    made.maps.append(ShownMap(amap, item, (_names("tokens", tokens),), _names("time", seconds), signed=True, meaning=meaning))
    made.finding = {
        "kind": "times",
        "words": [[visible(word), _seconds(start), _seconds(stop)] for word, start, stop in found.words],
        "tokens": [[_seconds(one.start), _seconds(one.stop)] for one in found.tokens],
        "entropy": [float(f"{value:.3g}") for value in found.entropy.tolist()],
        "seconds": found.seconds,
        "path": [list(one) for one in found.path],
        **({} if sound is None else {"sound": _peaks(sound)}),
    }


def _seconds(value: float) -> float:
    return float(f"{value:.6g}")


def _peaks(sound: Any) -> dict[str, Any]:
    """The lowest and the highest sample of each stretch, from -1 to 1 of the loudest, and how long the sound is."""
    if not isinstance(sound, tuple | list) or len(sound) != 2:
        raise DtypeError(
            f"sound: expected (samples, samples a second), got {in_short(sound)}; for example sound=(samples, 16000)"
        )
    rate = number("sound", sound[1], above=0, advice="the second is how many samples there are a second")
    try:
        samples = np.asarray(sound[0], dtype=np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DtypeError(f"sound: expected samples, numbers one after the other, got {in_short(sound[0])}") from error
    if samples.ndim != 1:
        raise ShapeError(f"sound: expected (samples,), numbers of one channel, got {samples.shape}; take one channel")
    if not len(samples) or not np.isfinite(samples).all():
        what = "NaN or infinite ones" if len(samples) else "none"
        raise ShapeError(f"sound: expected (samples,), finite numbers, got {what}; give the sound that the model was given")
    edges = np.linspace(0, len(samples), min(PEAKS, len(samples)), endpoint=False).astype(np.int64)
    loudest = float(np.abs(samples).max()) or 1.0
    low, high = (np.rint(100 * one.reduceat(samples, edges) / loudest).astype(int).tolist() for one in (np.minimum, np.maximum))
    return {"low": low, "high": high, "seconds": _seconds(len(samples) / rate)}


# -- contacts of residues ----------------------------------------------------------------------------------------------


def _add_contacts(made: Subject, found: Contacts, item: int, truth: Any) -> None:
    known = None if truth is None else touching(truth, found.map.shape[2]).cpu()
    amap, meaning = found.map, "Each cell is how probable it is that two residues touch."
    if known is not None:
        amap = found.beside(known)
        meaning = (
            "Below the diagonal how probable it is that two residues touch; above it those that touch in the known structure."
        )
    named = AttentionMap.from_data(amap.to_data())
    named.name = "contacts"
    axis = ShownAxis.of(found.map.queries, "residues")
    made.maps.append(ShownMap(named, item, (axis,), axis, meaning=meaning))
    strongest = found.strongest(apart=LONG_RANGE)
    pairs = [[one.first, one.second, float(f"{one.probability:.6g}")] for one in strongest]
    made.finding = {"kind": "contacts", "apart": LONG_RANGE, "pairs": pairs}
    if known is not None:
        made.finding["known"] = [bool(known[one.first, one.second]) for one in strongest]
    made.finding_axis = axis


# -- caches ------------------------------------------------------------------------------------------------------------


def _add_cache(made: Subject, found: CacheReport, item: int) -> None:
    """A map of policies by budgets for all heads together, and one for each layer."""
    rows, columns = _names("policies", found.policies), _names("keys kept", [f"{one:,}" for one in found.budgets])
    values = found.retained.permute(1, 2, 0, 3)  # (layers, heads, policies, budgets)
    there = ~values[..., 0, 0].isnan()
    meaning = f"Each row is a way to choose which of {found.prompt:,} keys stay, each column how many."
    maps = [_map(values[there], "share kept, all layers")]
    if len(found.layers) > 1:
        maps += [_map(values[at][there[at]], f"share kept, layer {layer}", layer) for at, layer in enumerate(found.layers)]
    made.maps += [ShownMap(one, item, (rows,), columns, meaning=meaning) for one in maps]
    enough = found.budget(ENOUGH).flatten(1)[:, there.flatten()]
    changed = None if found.change is None else found.change.permute(1, 2, 0, 3)[there].mean(0)
    made.finding = {
        "kind": "cache",
        "policies": list(found.policies),
        "budgets": list(found.budgets),
        "prompt": found.prompt,
        "enough": [[_known(one) for one in line] for line in enough.tolist()],
        "share": ENOUGH,
        "bytes": _known(sum(found.bytes_a_key)),
        **({} if changed is None else {"change": [[_known(one) for one in line] for line in changed.tolist()]}),
    }


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
