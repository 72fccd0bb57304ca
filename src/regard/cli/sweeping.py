"""``regard sweep``: what replacing each part of a model does, prompt by prompt; its readers run no model."""

import argparse
import csv
import math
import sys
from typing import Any

import regard
from regard.amounts import bytes_text
from regard.cli.reports import complain, print_json
from regard.errors import FileFormatError, OptionError
from regard.figures.formats import checked_paths
from regard.files import checked_path
from regard.interventions.corpus_sweep import sweep_corpus
from regard.interventions.effects import Effects
from regard.interventions.means import mean
from regard.interventions.measures import measures_of
from regard.interventions.pairs import check_pairs
from regard.interventions.prompt_corpus import prompt_corpus, prompts_of
from regard.interventions.prompts import Prompt
from regard.interventions.replacements import patch, resample, running_mean, zero
from regard.interventions.site_tests import EffectTests


def run(options: argparse.Namespace) -> int:
    """Sweep, show effects, compare two, or check prompts."""
    if options.reader == "show":
        return _show(options, Effects.load(options.file))
    if options.reader == "diff":
        found = Effects.load(options.file).compare(Effects.load(options.other), options.measure, **_tested(options))
        return _print(options, found)
    columns = _columns(options.columns)
    if options.reader == "pairs":
        checked = check_pairs(options.model, options.file, columns)
        print(checked, flush=True)
        if checked.prompts and not checked.left_out:
            return 0
        got = f"{checked.left_out:,} that cannot ({checked.unfit[0]})" if checked.unfit else "none"
        complain(FileFormatError(f"expected prompts that can be swept, got {got}"))
        return 1
    output = checked_path(options.output)
    settings = {
        "measures": measures_of(options.measure),
        "what": options.what,
        "replacement": _replacement(options, columns),
        "kind": options.kind,
        "batch_tokens": options.batch_tokens,
    }
    where = {name: getattr(options, name) for name in ("engine", "workers", "cluster", "restart", "dtype", "device")}
    effects = sweep_corpus(options.model, options.over, settings, columns=columns, output=output, **where)
    left_out = ", ".join(f"{one['count']:,} {why}" for why, one in effects.about["left_out"].items())
    if not effects.measures:
        output.unlink()
        first = next((one["first"][0] for one in effects.about["left_out"].values()), "it is empty")
        complain(FileFormatError(f"expected prompts that can be swept, got none: {left_out or 'no line'} ({first})"))
        return 1
    print(effects)
    print(f"saved: {output} ({bytes_text(output.stat().st_size)})")
    print(f"next:  regard sweep show {output}")
    if left_out:
        first = next(one["first"][0] for one in effects.about["left_out"].values())
        print(f"regard: left out: {left_out}; the first: {first}", file=sys.stderr)
    return 0


def _columns(given: list[str]) -> dict[str, str]:
    """{part: column} from PART=NAME."""
    pairs = [one.partition("=") for one in given]
    for part, between, column in pairs:
        if not between or not part or not column:
            raise OptionError(f"--columns: expected PART=NAME, got {part + between + column!r}; for example text=prompt")
    return {part: column for part, _, column in pairs}


def _replacement(options: argparse.Namespace, columns: dict[str, str]) -> Any:
    if options.replace in ("resample", "mean"):
        found = prompts_of(prompt_corpus(options.reference or options.over, columns))
        prompts = [one for _, _, one in found if isinstance(one, Prompt)]
        texts = [Prompt(one.text, spans=one.spans, group=one.group) for one in prompts]  # their partners are not asked
        return resample(texts, options.draws, options.seed) if options.replace == "resample" else mean(texts)
    if options.reference:
        raise OptionError(f"--reference: expected it with --replace resample or mean, got it with {options.replace}")
    made: dict[str, Any] = {"zero": zero(), "patch": patch(), "running-mean": running_mean()}
    return patch(direction="denoise") if options.replace == "denoise" else made[options.replace]


def _tested(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("adjust", "alpha", "confidence")}


def _show(options: argparse.Namespace, effects: Effects) -> int:
    paths = checked_paths(options.save) if options.save else []
    found = effects.tests(options.measure, margin=options.margin, split=options.split, **_tested(options))
    if options.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(found.table())
        sys.stdout.flush()
    else:
        if not options.json:
            print(effects, end="\n\n")
        _print(options, found)
    if paths:
        regard.save(found, *paths, theme=options.theme)
        print(f"picture: {', '.join(map(str, paths))}", file=sys.stderr)
    return 0


def _print(options: argparse.Namespace, found: EffectTests) -> int:
    if not options.json:
        print(found, flush=True)
        return 0
    rows = [row._asdict() | {end: _plain(getattr(row, end)) for end in ("lowest", "highest")} for row in found.rows]
    for row in rows:
        row |= {name: None for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    said = {"measure": found.measure, "of": found.what, "adjust": found.adjust, "margin": found.margin}
    print_json(said | {"confidence": found.confidence, "estimated": found.estimated, "sites": rows})
    return 0


def _plain(end: Any) -> Any:
    return None if end is None else end._asdict()
