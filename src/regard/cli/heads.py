"""``regard heads``: every head of a file in numbers, with the roles that they give it."""

import argparse
import csv
import math
import sys
from typing import Any

import regard
from regard.analysis.heads.figure import heads_table
from regard.analysis.heads.registry import STATISTICS, HeadStatistics
from regard.analysis.heads.roles import checked_thresholds
from regard.analysis.heads.statistics import head_statistics
from regard.analysis.heads.table import TEXT_COLUMNS, definitions, heads_text, sorted_heads, table_rows
from regard.cli.reports import print_json
from regard.figures.formats import checked_paths


def run(options: argparse.Namespace) -> int:
    """Show the table of heads."""
    if options.save:
        checked_paths(options.save)  # before the map is read, which may take a while
    recording = regard.load(options.file)
    found = head_statistics(recording, windows=tuple(options.windows))
    ranked = sorted_heads(found, options.sort)
    if options.json:
        rows, thresholds = _plain(ranked), checked_thresholds(None)
        said = {"thresholds": thresholds, "definitions": definitions(rows[0] if rows else (), thresholds), "heads": rows}
        print_json(said)
    elif options.csv:
        rows = _plain(ranked)
        table = csv.DictWriter(sys.stdout, rows[0] if rows else [], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    else:
        hidden = options.sort in STATISTICS and options.sort not in TEXT_COLUMNS
        print(heads_text(ranked, columns=(*TEXT_COLUMNS, options.sort) if hidden else TEXT_COLUMNS))
    sys.stdout.flush()
    if options.save:
        # The table that draws itself is of pandas, which this command does without.
        paths = regard.save(heads_table(found, theme=options.theme), *options.save)
        print(f"picture: {', '.join(map(str, paths))}", file=sys.stderr)
    return 0


def _plain(found: list[HeadStatistics]) -> list[dict[str, Any]]:
    """The rows of the table, with None for NaN, which JSON has no word for."""
    return [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in table_rows(found)
    ]
