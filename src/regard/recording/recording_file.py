"""``regard.load``: what ``save`` has written, of a recording or of a single map."""

import os
from typing import Any

from regard.maps.attention_map import AttentionMap
from regard.maps.storage.map_file import MapFile
from regard.recording.axes import ROLES, Tokens
from regard.recording.recording import Call, Recording


def load(path: str | os.PathLike[str]) -> Recording | AttentionMap:
    """Open what ``recording.save`` or ``amap.save`` has written: at once, whatever its size.

    The file is mapped into memory: a region is read from the disk when it is looked at. Writing into a tensor of the map
    leaves the file as it is. While it is open, the file must not be cut short by others; to replace it is harmless.

    Args:
        path: the file.

    Returns:
        A Recording for a recording's file, an AttentionMap for a map's; on the CPU.

    Raises:
        OSError: there is no such file, or it cannot be read.
        FileFormatError: it is no such file, a newer one, or damaged.

    Example:
        >>> import tempfile, torch, regard
        >>> path = tempfile.mkdtemp() + "/map.safetensors"
        >>> regard.AttentionMap(torch.eye(3)[None, None], torch.eye(3)[None, None], causal=True).save(path)
        >>> regard.load(path)[0, 0, 1]
        tensor([0.3595, 0.6405, 0.0000])
    """
    file = MapFile(path)
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
    for role, said in (file.field(shared, "tokens", dict) or {}).items():
        if role not in ROLES:
            raise file.tensors.damaged(f"tokens of {', '.join(ROLES)}", repr(role)[:80])
        recording.tokens[role] = _tokens(file, file.fields(said, role))
    return recording


def _passes(file: MapFile, shared: dict[str, Any]) -> int:
    passes = file.field(shared, "passes", int)
    if passes is None or passes < 0:
        raise file.tensors.damaged("passes of at least 0", repr(passes))
    return int(passes)


def _call(file: MapFile, said: object) -> Call:
    match said:
        case [str(name), str(kind), layer, str(kept)] if layer is None or type(layer) is int:
            return Call(name, kind, layer, kept)
    raise file.tensors.damaged("a call of name, kind, layer and how it was kept", repr(said)[:80])


def _tokens(file: MapFile, said: dict[str, Any]) -> Tokens:
    spans = file.field(said, "spans", list) or []
    labels = file.field(said, "labels", list)
    if not all(isinstance(span, list) and len(span) == 2 and all(type(end) is int for end in span) for span in spans):
        raise file.tensors.damaged("spans of a start and a stop each", repr(spans)[:80])
    rows = None if labels is None else tuple(file.labels(number) or () for number in labels)
    if rows is not None and len(rows) != len(spans):
        raise file.tensors.damaged(f"labels of {len(spans)} sequences", str(len(rows)))
    return Tokens(tuple(range(start, stop) for start, stop in spans), rows)
