"""``regard.load``: what ``save`` has written, of a recording or of a single map."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.roles import COLUMN_ROLES, ROLES, ROW_ROLES
from regard.axes.tokens import axis_of_labels
from regard.maps.attention_map import AttentionMap
from regard.maps.storage.map_file import MapFile
from regard.recording.calls import Call
from regard.recording.recording import Recording
from regard.recording.values import values_from_data


def load(path: str | os.PathLike[str]) -> Recording | AttentionMap:
    """Open what ``recording.save`` or ``amap.save`` has written: at once, whatever its size.

    A file of up to 64 MiB is read into memory. A larger one is mapped: a region is read from the disk when it is looked at,
    and refused where others have written into the file since; to replace it is harmless. Writing into a tensor of the map
    leaves the file as it is. What opening may cost is counted from the header first: a small file costs little.

    Args:
        path: the file.

    Returns:
        A Recording for a recording's file, an AttentionMap for a map's; on the CPU.

    Raises:
        OSError: there is no such file, it cannot be read, or it is a pipe or a device.
        FileFormatError: it is no such file, a newer one, damaged, or asks for more than a file of its size may.

    Example:
        >>> import tempfile, torch, regard
        >>> path = tempfile.mkdtemp() + "/map.safetensors"
        >>> regard.AttentionMap(torch.eye(3)[None, None], torch.eye(3)[None, None], causal=True).save(path)
        >>> regard.load(path)[0, 0, 1]
        tensor([0.3595, 0.6405, 0.0000])
    """
    file = MapFile(path)
    with file.tensors.sound():
        return _loaded(file)


def _loaded(file: MapFile) -> Recording | AttentionMap:
    maps = [AttentionMap.from_data(data) for data in file.maps()]
    if file.recording is None:
        if len(maps) != 1:
            raise file.tensors.damaged("one map, or a recording", f"{len(maps)} maps")
        return maps[0]
    shared = file.recording
    recording = Recording(maps)
    recording.model = file.field(shared, "model", str)
    recording.passes = _passes(file, shared)
    recording.calls = [_call(file, said) for said in file.field(shared, "calls", list) or []]
    if "sequences" in shared:
        recording.sequences = file.tensor(shared["sequences"]).clone()
        if recording.sequences.ndim != 2 or recording.sequences.is_floating_point():
            raise file.tensors.damaged("sequences (batch, length) of ids", f"{tuple(recording.sequences.shape)}")
    values = file.field(shared, "values", list) or []
    if values and len(values) != len(maps):
        raise file.tensors.damaged(f"values of {len(maps)} maps", str(len(values)))
    recording.values = [values_from_data(said, amap, file) for said, amap in zip(values, maps, strict=True)] if values else []
    if said := file.field(shared, "tokens", dict):
        tokens = {role: _tokens(file, role, file.fields(one, role)) for role, one in said.items()}
        longest = max((size for amap in maps for size in amap.shape[2:]), default=0)
        for role, axis in tokens.items():
            if recording.passes <= 1 and maps and len(axis) > longest:
                raise file.tensors.damaged(f"{role} tokens of maps with at most {longest} rows or columns", str(len(axis)))
        _name_axes(recording, tokens)
    return recording


def _name_axes(recording: Recording, tokens: Mapping[str, Axis]) -> None:
    """Give the maps of a file older than axes what it says of the whole recording, where that fits them."""
    if recording.passes > 1:
        return
    for amap in recording.maps:
        sides = []
        for by_kind, own in ((ROW_ROLES, amap.queries), (COLUMN_ROLES, amap.keys)):
            known = [tokens[role] for role in by_kind.get(str(amap.kind), ()) if role in tokens]
            fitting = [one for one in known if len(one) == len(own) and len(one.lines) == amap.shape[0]]
            beside = fitting[1] if len(fitting) > 1 and fitting[1].role == "consumed" else None
            sides.append(replace(fitting[0], beside=beside) if fitting else own)
        amap.queries, amap.keys = sides


def _passes(file: MapFile, shared: dict[str, Any]) -> int:
    passes = file.field(shared, "passes", int)
    if passes is None or passes < 0:
        raise file.tensors.damaged("passes of at least 0", repr(passes))
    return int(passes)


def _call(file: MapFile, said: object) -> Call:
    match said:
        case [str(name), str(kind), layer, str(kept)] if layer is None or type(layer) is int:
            return Call(name, kind, layer, kept)  # a file of before calls and steps
        case [str(name), str(kind), layer, str(kept), int(call), int(step)] if layer is None or type(layer) is int:
            if min(call, step) >= 0 and not isinstance(call, bool) and not isinstance(step, bool):
                return Call(name, kind, layer, kept, call, step)
    raise file.tensors.damaged("a call of name, kind, layer, how it was kept, and its numbers", repr(said)[:80])


def _tokens(file: MapFile, role: str, said: dict[str, Any]) -> Axis:
    """The tokens of a role as files before axes have them: the span of each sequence that is no padding, and labels."""
    if role not in ROLES:
        raise file.tensors.damaged(f"tokens of {', '.join(ROLES)}", repr(role)[:80])
    spans = file.field(said, "spans", list) or []
    numbers = file.field(said, "labels", list)
    pairs = all(isinstance(span, list) and [type(end) for end in span] == [int, int] for span in spans)
    if not spans or not pairs:
        raise file.tensors.damaged("spans of a start and a stop each", repr(spans)[:80])
    labels = [None] * len(spans) if numbers is None else [file.labels(number) for number in numbers]
    if len(labels) != len(spans) or len({len(row) for row in labels if row is not None}) > 1:
        raise file.tensors.damaged(f"labels of {len(spans)} sequences, of one length", str(len(labels)))
    size = next((len(row) for row in labels if row is not None), max(stop for _, stop in spans))
    if not all(0 <= start <= stop <= size for start, stop in spans) or size > 2**27:
        raise file.tensors.damaged(f"spans among {size} positions", repr(spans)[:80])
    lines = []
    for row, (start, stop) in zip(labels, spans, strict=True):
        present = None if (start, stop) == (0, size) else tuple(start <= at < stop for at in range(size))
        line = Line(size) if row is None else axis_of_labels(row).lines[0]
        lines.append(replace(line, present=present))
    return Axis(tuple(lines), role)
