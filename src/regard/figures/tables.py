"""Tables as files of comma-separated values: whole or not there, and every number exact."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from regard.files import written_whole

TABLES = (".csv",)


def write_table(lines: Iterable[Sequence[object]], paths: Sequence[Path]) -> None:
    """Writes the lines, the header first, to each of the paths.

    Text is UTF-8, and numbers are the shortest that give the same float64 when they are read. An empty field is no number.
    """
    first, *others = paths
    with written_whole(first) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([_field(value) for value in line] for line in lines)
        text.flush()
        text.detach()
    for path in others:
        with written_whole(path) as file:
            file.write(first.read_bytes())


def _field(value: object) -> object:
    return "" if value is None or value != value else value
