"""``regard passages``, ``cache``, ``times`` and ``contacts``: what recorded maps say in their users' units."""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import regard
from regard.cli.loading import loaded
from regard.cli.reports import print_json
from regard.errors import FileFormatError, OptionError
from regard.figures.formats import FORMATS, checked_paths
from regard.files import text_in

Head = tuple[int, int]


class Finding(NamedTuple):
    """What a command has found."""

    found: Any  #: with a ``table``
    draw: Callable[[], Any]
    said: Callable[[], Any]  #: for JSON
    shown: Callable[[], str]
    table: Mapping[str, Any] = MappingProxyType({})  #: what ``found.table`` is asked for


def run(options: argparse.Namespace) -> int:
    """Read a file, show what is found, and draw it."""
    tables = [path for path in options.save if path.suffix.lower() == ".csv"]
    drawn = [path for path in options.save if path not in tables]
    if options.save:
        checked_paths(options.save, (*FORMATS, ".csv"))  # before the maps are read, which may take a while
    finding = FINDINGS[options.finding](loaded(options.file, options.item), options)
    if options.json:
        print_json(finding.said())
    else:
        print(finding.shown(), flush=True)
    saved = [*regard.save(finding.draw(), *drawn)] if drawn else []
    saved += [*regard.save(finding.found, *tables, **finding.table)] if tables else []
    if saved:
        print(f"saved: {', '.join(map(str, saved))}", file=sys.stderr)
    return 0


def _passages(recording: Any, options: argparse.Namespace) -> Finding:
    spans: Any = options.passages
    if options.passages_file is not None:
        spans = _json(options.passages_file)
    elif options.sentences:
        maps = [amap for amap in getattr(recording, "maps", [recording]) if options.kind in (None, amap.kind or "self")]
        if not maps:
            raise OptionError(f"--kind: expected a kind of attention that the file has, got {options.kind!r}; see regard info")
        spans = regard.Spans.sentences(maps[0].keys)
    answer = range(*options.answer_tokens) if options.answer is None else options.answer
    found = regard.passages(recording, spans, answer=answer, kind=options.kind)
    if options.heads is None:
        return Finding(found, lambda: found.figure(theme=options.theme), lambda: _said(found.table()), lambda: str(found))
    heads = dict.fromkeys(_heads(options.heads), 1.0)
    shown = found.listing(heads)  # before anything is drawn: a head may not be there
    return Finding(found, lambda: found.figure(heads=heads, theme=options.theme), lambda: _said(found.table()), lambda: shown)


def _cache(recording: Any, options: argparse.Namespace) -> Finding:
    chosen: dict[str, Any] = {} if options.policies is None else {"policies": options.policies}
    if options.budgets is not None:
        chosen["budgets"] = [budget if budget < 1 else _whole(budget) for budget in options.budgets]
    found = regard.cache(recording, prompt=options.prompt, **chosen)
    return Finding(found, lambda: found.figure(theme=options.theme), lambda: _said(found.table()), lambda: str(found))


def _times(recording: Any, options: argparse.Namespace) -> Finding:
    found = regard.word_times(
        recording, _heads(options.heads), prompt=options.prompt, frames=options.frames, seconds=options.seconds
    )
    return Finding(found, lambda: found.figure(theme=options.theme), lambda: _said(found.table()), lambda: str(found))


def _contacts(recording: Any, options: argparse.Namespace) -> Finding:
    given = _json(options.weights)
    if not isinstance(given, dict) or not all(isinstance(one, int | float) for one in given.values()):
        raise OptionError('--weights: expected a JSON object of numbers, {"0.3": 1.2, "bias": -3.0}, got something else')
    bias = given.pop("bias", 0.0)
    found = regard.contacts(recording, dict(zip(_heads(given), given.values(), strict=True)), bias)
    asked = {"count": options.top, "apart": options.apart}
    strongest = found.strongest(options.top, apart=options.apart)
    said = [{"residues": [one.first, one.second], "probability": one.probability} for one in strongest]
    names = found.map.queries.text

    def shown() -> str:
        lines = [f"{len(strongest)} strongest contacts of {found.map.shape[2]:,} residues, counted from 0"]
        for first, second, probability in strongest:
            pair = ("", "") if names is None else (names[first], names[second])
            lines.append(f"{first:>6} {pair[0]:<4}{second:>6} {pair[1]:<4}{probability:>8.3f}")
        return "\n".join(lines)

    return Finding(found, lambda: found.figure(theme=options.theme), lambda: said, shown, asked)


FINDINGS: dict[str, Callable[[Any, argparse.Namespace], Finding]] = {
    "passages": _passages,
    "cache": _cache,
    "times": _times,
    "contacts": _contacts,
}


def _heads(named: Sequence[str] | dict[str, Any]) -> list[Head]:
    found = []
    for name in named:
        if not re.fullmatch(r"\d{1,6}\.\d{1,6}", name, re.ASCII):
            raise OptionError(f"heads: expected LAYER.HEAD, as 3.11, got {name!r}")
        layer, head = name.split(".")
        found.append((int(layer), int(head)))
    return found


def _whole(budget: float) -> int:
    if not (math.isfinite(budget) and budget == int(budget)):
        raise OptionError(f"--budgets: expected whole numbers of keys, or shares below 1, got {budget:g}")
    return int(budget)


def _json(path: Path) -> Any:
    try:
        return json.loads(text_in(path))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: expected JSON in UTF-8, got something else: {error}") from error


def _said(table: Any) -> list[dict[str, Any]]:
    """A table as JSON: an object a line, None for what is no number."""
    names, *rows = table
    return [
        {
            name: None if value == "" or (isinstance(value, float) and math.isnan(value)) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]
