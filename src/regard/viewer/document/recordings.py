"""Several recordings beside each other, by name: of two models, of one model before and after, of two texts."""

from collections.abc import Mapping
from typing import Any

from regard.errors import DtypeError
from regard.maps.attention_map import AttentionMap
from regard.maps.given_weights import are_named_weights
from regard.recording.recording import Recording
from regard.translation.translator import Translation


def named_recordings(subject: Any) -> dict[str, Recording]:
    """The recordings of a list, or of a mapping from names, by name; none where the subject is no such thing.

    Args:
        subject: a list of recordings or translations, which are called by their models where these differ; a mapping of names
            to recordings, translations, maps, or weights as ``regard.Recording.of`` takes them; a list of maps of several
            models or passes, where the same map is there more than once.

    Raises:
        DtypeError: a list with recordings and other things.

    Example:
        >>> import torch
        >>> list(named_recordings({"base": torch.eye(3)[None, None, None], "tuned": [torch.eye(5)[None, None]]}))
        ['base', 'tuned']
    """
    if isinstance(subject, Mapping) and not are_named_weights(subject):
        return {str(name): _recording(part) for name, part in subject.items()}
    if not isinstance(subject, list | tuple):
        return {}
    if any(isinstance(part, Recording | Translation) for part in subject):
        if others := [type(part).__name__ for part in subject if not isinstance(part, Recording | Translation)]:
            raise DtypeError(
                f"expected recordings alone in the list, got {', '.join(dict.fromkeys(others))} beside them; name each part: "
                "{'base': recording, 'tuned': maps}"
            )
        recordings = [_recording(part) for part in subject]
        models = [recording.model for recording in recordings]
        known = None not in models and len(set(models)) == len(models)
        names = [str(model) for model in models] if known else [f"recording {at}" for at, _ in enumerate(recordings, 1)]
        return dict(zip(names, recordings, strict=True))
    return _repeated(subject) if all(isinstance(part, AttentionMap) for part in subject) else {}


def _recording(part: Any) -> Recording:
    if isinstance(part, Translation):
        return part.recording
    return part if isinstance(part, Recording) else Recording.of(part)


def _repeated(maps: list[AttentionMap] | tuple[AttentionMap, ...]) -> dict[str, Recording]:
    """The maps of a list with the same map of several models or passes; none where all differ, or nothing is known of them."""
    seen: dict[Any, int] = {}
    parts: dict[str, Recording] = {}
    for amap in maps:
        place = amap.name, amap.kind, amap.layer
        if place == (None, None, None):
            return {}
        seen[place] = seen.get(place, 0) + 1
        parts.setdefault(f"part {seen[place]}", Recording()).maps.append(amap)
    return parts if len(parts) > 1 else {}
