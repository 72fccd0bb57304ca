"""``regard survey``: a model's heads over a corpus; ``survey show`` and ``survey diff`` read what was found."""

import argparse
import csv
import math
import sys
from dataclasses import fields
from typing import Any

import regard
from regard.amounts import bytes_text
from regard.analysis.heads.registry import drawn_of
from regard.analysis.heads.table import heads_text, sorted_heads
from regard.arguments import number, one_of, whole_number
from regard.cli.reports import complain, print_json
from regard.errors import FileFormatError, OptionError
from regard.figures.formats import checked_paths
from regard.files import checked_path
from regard.surveying.comparison import TESTS, Comparison, Difference, Place, survey_diff
from regard.surveying.examples import record_examples
from regard.surveying.figure import quantile
from regard.surveying.records import DAMAGED
from regard.surveying.rows import Example, Row
from regard.surveying.survey import survey
from regard.surveying.survey_file import Survey
from regard.viewer.document.document import document
from regard.viewer.page.page import page
from regard.viewer.saving import PAGES

BARS = "▁▂▃▄▅▆▇█"


def run(options: argparse.Namespace) -> int:
    """Survey, show a survey, or compare two."""
    if options.reader == "show":
        return _show(options, Survey.load(options.file))
    if options.reader == "diff":
        return _diff(options, Survey.load(options.file), Survey.load(options.other))
    own = ("model", "module", "reader", "progress")
    given = {name: value for name, value in vars(options).items() if name not in own and value is not None}
    found = survey(options.model, **given)
    print(found)
    print(f"saved: {options.output} ({bytes_text(options.output.stat().st_size)})")
    left_out = ", ".join(f"{lines.count:,} {why}" for why, lines in sorted(found.tally.left_out.items()))
    if not found.tally.texts:
        complain(FileFormatError(f"expected a corpus with texts, got none to survey: {left_out or 'it is empty'}"))
        return 1
    print(f"next:  regard survey show {options.output}")
    if left_out:
        print(f"regard: left out of {found.tally.lines:,} lines: {left_out}", file=sys.stderr)
    return 1 if DAMAGED in found.tally.left_out else 0


def _show(options: argparse.Namespace, found: Survey) -> int:
    pages = [checked_path(path) for path in options.save if path.suffix.lower() in PAGES]  # before anything is printed
    paths = [path for path in options.save if path.suffix.lower() not in PAGES]
    if paths:
        checked_paths(paths)
    if pages and len(options.statistic or ()) != 1:
        raise OptionError("expected one --statistic for a page, whose head with the largest mean it shows, got none or several")
    if not found.tally.texts and (options.statistic or options.save):
        raise OptionError(f"expected a survey of some texts, got one of none: {str(found).replace(chr(10), '; ')}")
    rows = [row for row in found.rows() if not options.statistic or row.statistic in options.statistic]
    for name in options.statistic or ():
        one_of("--statistic", name, found.statistics)
    table = sorted_heads(found.heads(), options.sort)
    if options.json:
        print_json({**found.about, "rows": [row.plain() for row in rows]})
    elif options.csv:
        names = [field.name for field in fields(Row) if field.name not in ("edges", "histogram", "highest", "lowest")]
        lines = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
        lines.writeheader()
        lines.writerows(row.plain() for row in rows)
    else:
        print(found, end="\n\n")
        if options.statistic:
            _print_statistics(options.statistic, rows)
        else:
            print(heads_text(table))
            if table:
                some = drawn_of(found.statistics)[:5]
                print(f"\nmeans over texts; with errors and examples: --statistic {' '.join(some)} …")
    sys.stdout.flush()
    if paths:
        regard.save(found.figure(options.statistic, theme=options.theme), *paths)
        print(f"picture: {', '.join(map(str, paths))}", file=sys.stderr)
    for path in pages:
        row = max((row for row in rows if row.count), key=lambda row: row.mean)
        recording = record_examples(found, row, options.model)
        title = f"{row.statistic}, {row.kind} layer {row.layer}, head {row.head}: highest and lowest texts"
        shown = document(recording, title=title)
        calls = [(amap.kind, amap.layer, amap.name) for amap in recording.maps]
        shown.manifest["opening"] |= {"map": calls.index((row.kind, row.layer, row.module)), "heads": [row.head]}
        page(shown, path)
        print(f"page: {path}", file=sys.stderr)
    return 0


def _print_statistics(names: list[str], rows: list[Row]) -> None:
    """Each statistic on its own: the heads by their means, and the texts at either end of the first and the last."""
    for name in names:
        ranked = sorted((row for row in rows if row.statistic == name and row.count), key=lambda row: -row.mean)
        if not ranked:
            print(f"{name}: no text has it")
            continue
        cells = [("", "layer", "head", name, "± error", "texts", "middle 80 %", "histogram")]
        for row in ranked:
            low, high = (quantile(row.edges, row.histogram, share) for share in (0.1, 0.9))
            place = (str(row.kind or ""), "–" if row.layer is None else str(row.layer), str(row.head))
            cells.append(
                (
                    *place,
                    f"{row.mean:.4f}",
                    f"± {row.standard_error:.4f}",
                    f"{row.count:,}",
                    f"{low:.2f} to {high:.2f}",
                    _bars(row),
                )
            )
        widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]) - 1)]
        for line in cells:
            print("  ".join([*(cell.rjust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip())
        print()
        for row, side, what in ((ranked[0], ranked[0].highest, "highest"), (ranked[-1], ranked[-1].lowest, "lowest")):
            if not side:
                continue
            print(f"{what}, {row.kind or 'self'} layer {row.layer}, head {row.head}:")
            for example in side:
                print(f"  {example.value:.4f}  {_told(example)}")
        print()


def _bars(row: Row) -> str:
    """The histogram between its outermost texts, drawn in one line."""
    filled = [at for at, count in enumerate(row.histogram) if count]
    shown = row.histogram[filled[0] : filled[-1] + 1]
    picture = "".join(" " if not count else BARS[math.ceil(count / max(shown) * len(BARS)) - 1] for count in shown)
    return f"{row.edges[filled[0]]:g} {picture} {row.edges[filled[-1] + 1]:g}"


def _told(example: Example) -> str:
    text = " ".join(example.text.split())
    return f"{text} → {' '.join(example.target.split())}" if example.target else text


def _diff(options: argparse.Namespace, one: Survey, other: Survey) -> int:
    alpha = number("--alpha", options.alpha, above=0, below=1)
    top = whole_number("--top", options.top, 1)
    found = survey_diff(one, other, options.statistic, test=options.test, confidence=options.confidence)
    gates = {
        "that differs by more than": None if options.fail_above is None else found.above(options.fail_above, alpha=alpha),
        "that is not shown to be within": (
            None if options.fail_unless_within is None else found.not_within(options.fail_unless_within, alpha=alpha)
        ),
    }
    if options.json:
        print_json(_plain(found))
        return _judged(gates, found, options)
    certain = [row for row in found.differences if row.adjusted < alpha]
    print(f"A: {one}\nB: {other}\n")
    print(_told_lengths(found, one, other), end="\n\n")
    print(
        f"{len(certain):,} of {len(found.differences):,} statistics of heads differ ({TESTS[found.test]}, Holm's correction, "
        f"α = {alpha:g})" + (f"; the {top} largest effects:" if len(certain) > top else ":" if certain else "")
    )
    if certain:
        print(_table(certain[:top], found.confidence))
    for name, lone in (("A", found.lone), ("B", found.other_lone)):
        if lone:
            print(f"not tested: {_heads(lone)}, only in {name}")
    alike = " of like length" if found.test == "lengths" else ""
    for name, heads in found.untested.items():
        print(f"not tested: {name} of {heads:,} heads, which no two texts{alike} of A and of B have")
    if found.equal:
        print(f"not tested: {found.equal:,} that have one value on both sides, and cannot differ")
    if found.without_spread:
        some = found.without_spread[:top]
        print(
            f"not tested: {len(found.without_spread):,} with one value in A, another in B, and no spread to measure that by"
            + (f"; the {top} largest differences:" if len(some) < len(found.without_spread) else ":")
        )
        print(_table(some, found.confidence))
    return _judged(gates, found, options)


def _judged(gates: dict[str, list[Difference] | None], found: Comparison, options: argparse.Namespace) -> int:
    """1 where a gate is not passed, with what does not pass it on standard error."""
    sys.stdout.flush()
    gated = any(rows is not None for rows in gates.values())
    lone = [f"{_heads(heads)} only in {name}" for name, heads in (("A", found.lone), ("B", found.other_lone)) if heads]
    if gated and lone:
        print(f"regard: expected the same heads in both surveys, got {' and '.join(lone)}", file=sys.stderr)
    for (what, rows), tolerance in zip(gates.items(), (options.fail_above, options.fail_unless_within), strict=True):
        if rows:
            some = [f"{row.kind or ''} {row.layer}.{row.head} {row.statistic} ({row.difference:+.4g})".strip() for row in rows]
            more = f" and {len(some) - 5:,} more" if len(some) > 5 else ""
            print(
                f"regard: expected no statistic of heads {what} {tolerance:g}, got {len(rows):,}: {', '.join(some[:5])}{more}",
                file=sys.stderr,
            )
    return int(any(gates.values()) or (gated and bool(lone)))


def _heads(places: list[Place]) -> str:
    """How many heads, and the first of them."""
    some = [f"{kind or 'self'} {'–' if layer is None else layer}.{head}" for kind, layer, head in places[:5]]
    more = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
    return f"{len(places):,} {'head' if len(places) == 1 else 'heads'} ({', '.join(some)}{more})"


def _plain(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON has it: None for what is no number."""
    rows = {name: [row._asdict() for row in getattr(found, name)] for name in ("differences", "without_spread")}
    for row in (*rows["differences"], *rows["without_spread"]):
        row |= {at: None for at, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    said = {"test": found.test, "description": TESTS[found.test], "correction": "Holm", "confidence": found.confidence}
    lengths = [None if math.isnan(length) else length for length in found.lengths]
    lone = {
        name: [dict(zip(("kind", "layer", "head"), place, strict=True)) for place in getattr(found, name)]
        for name in ("lone", "other_lone")
    }
    return {
        **said,
        "mean_tokens": lengths,
        "texts": found.texts,
        "equal": found.equal,
        "untested": found.untested,
        **rows,
        **lone,
    }


def _told_lengths(found: Comparison, one: Survey, other: Survey) -> str:
    """How long the texts are, and what was made of it."""
    lengths = "mean tokens of a text: A {:.1f}, B {:.1f}".format(*found.lengths)
    texts = "{:,} of A and {:,} of B".format(*found.texts)
    if found.test == "paired":
        all_of_both = found.texts == (one.tally.texts, other.tally.texts)  # else the lengths are of other texts, too
        also = "; in one of them they have more tokens, and what follows from length differs"
        also = also if all_of_both and found.lengths_differ else ""
        return f"{lengths}\ncompared text by text: the {found.texts[0]:,} that both have read{also}"
    if found.test == "lengths":
        some = found.texts[0] < one.tally.texts or found.texts[1] < other.tally.texts
        left = "; the others have no like in the other survey" if some else ""
        warning = "warning: lengths differ; " if found.lengths_differ else ""
        return f"{lengths}\n{warning}compared with texts of like length only, {texts}{left}"
    older = [name for name, survey in (("A", one), ("B", other)) if survey.tally.totals and not survey.tally.totals.strata]
    why = f"{' and '.join(older)} has no lengths, of an earlier version: survey again" if older else "compared all the same"
    warning = "warning: lengths differ, and entropy, span and others follow from length; " if found.lengths_differ else ""
    return f"{lengths}\n{warning}{why}"


def _table(rows: list[Difference], confidence: float) -> str:
    cells = [("", "layer", "head", "statistic", "A", "B", "B − A", "effect", f"{confidence * 100:g} %", "p")]
    for row in rows:
        place = (str(row.kind or ""), "–" if row.layer is None else str(row.layer), str(row.head), row.statistic)
        numbers = (f"{row.mean:.4f}", f"{row.other_mean:.4f}", f"{row.difference:+.4f} ± {row.standard_error:.4f}")
        if math.isnan(row.p):
            cells.append((*place, *numbers, "–", "–", "–"))
            continue
        p = f"{row.adjusted:.1g}" if row.adjusted >= 1e-300 else "< 1e-300"
        cells.append((*place, *numbers, f"{row.effect:+.2f}", f"{row.low:+.2f} to {row.high:+.2f}", p))
    widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).replace("-", "−") for line in cells
    )
