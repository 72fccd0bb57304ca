"""``regard info``: what a file holds, from its header; the factors stay on the disk."""

import argparse
import sys
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

import regard
from regard.amounts import bytes_text
from regard.axes.roles import ROLES
from regard.cli.reports import print_json
from regard.maps.attention_map import AttentionMap
from regard.maps.source import DenseWeights
from regard.recording.recording import Recording


def run(options: argparse.Namespace) -> int:
    """Show the file's maps."""
    found = regard.load(options.file)
    recording = found if isinstance(found, Recording) else Recording([found])
    said = {
        "file": str(options.file),
        "bytes": options.file.stat().st_size,
        "holds": "recording" if found is recording else "map",
        "model": recording.model,
        "passes": recording.passes,
        "tokens": {
            role: [len(axis.real(item)) for item in range(len(axis.lines))]
            for role in ROLES
            if (axis := recording.axis(role)) is not None
        },
        "maps": [_row(amap) for amap in recording.maps],
    }
    if options.json:
        print_json(said)
    else:
        _show(said)
    sys.stdout.flush()
    return 0


def _row(amap: AttentionMap) -> dict[str, Any]:
    source, factors = amap.view.source, amap.view.whole_factors
    kept, mask = source.describe(), None
    if factors is not None:
        kept = f"{str(factors.query.dtype).removeprefix('torch.')} q, k of {factors.query.shape[3]}"
        kept += "".join(f", {name}" for name in ("bias", "softcap", "sinks") if getattr(factors, name) is not None)
        mask = None if factors.mask is None else repr(factors.mask)
    elif isinstance(source, DenseWeights):
        kept = f"{str(source.values.dtype).removeprefix('torch.')} weights"
    return {
        "kind": amap.kind,
        "layer": amap.layer,
        "name": amap.name,
        "shape": list(amap.shape),
        "kept": kept,
        "mask": mask,
        "kept_bytes": amap.nbytes,
        "dense_bytes": amap.dense_nbytes,
    }


def _show(said: dict[str, Any]) -> None:
    console = Console(highlight=False)
    tokens = ", ".join(f"{axis} {'+'.join(map(str, lengths))}" for axis, lengths in said["tokens"].items())
    facts = {"model": said["model"], "passes": said["passes"] or None, "tokens": tokens or None}
    console.print(
        f"{said['file']}: a {said['holds']} of {bytes_text(said['bytes'])}", markup=False, style="bold", soft_wrap=True
    )
    for name, fact in facts.items():
        if fact is not None:
            console.print(f"{name}: {fact}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("kind", "layer", "shape", "kept as", "mask", "kept", "dense", "name"):
        justify: Literal["left", "right"] = "right" if column in ("layer", "kept", "dense") else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column not in ("kept as", "mask", "name"))
    for row in said["maps"]:
        sizes = bytes_text(row["kept_bytes"]), bytes_text(row["dense_bytes"])
        cells = row["kind"], row["layer"], "×".join(map(str, row["shape"])), row["kept"], row["mask"], *sizes, row["name"]
        table.add_row(*[Text("" if cell is None else str(cell)) for cell in cells])
    console.print(table)
    console.print("shape: batch × heads × queries × keys", style="dim")
