"""Two of anything side by side: what is looked at, what stands against it, and their names."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.recording.recording import Recording
from regard.translation.translator import Translation

SIDES = ("first", "second")
"""What two things without names are called."""


def named_subject(subject: Any, against: Any, names: Any) -> Any:
    """What there is to see in all: a subject alone, or several things by name.

    Args:
        subject: what is looked at; where there are names and nothing against it, a list.
        against: what stands beside it; None for nothing.
        names: one for each thing; None for those that they have.

    Raises:
        DtypeError: names that are no texts, or names for a thing that is no list.
        ShapeError: more or fewer names than things.
        OptionError: one name for two things, or ``names`` beside a mapping, which has its own.

    Example:
        >>> import torch
        >>> list(named_subject(torch.eye(3)[None, None], torch.eye(3)[None, None], ["mine", "yours"]))
        ['mine', 'yours']
    """
    if names is not None and (isinstance(names, str) or not isinstance(names, Sequence)):
        raise DtypeError(f"names: expected a list of texts, got {in_short(names)}; write names=['mine', 'yours']")
    if against is None:
        if names is None:
            return subject
        if isinstance(subject, Mapping):
            raise OptionError(f"names: expected none beside a mapping, whose names are {in_short(list(subject))}")
        if not isinstance(subject, list | tuple):
            raise DtypeError(f"names: expected a list of things to name, got {type(subject).__name__}; give [a, b] with names=")
        things = list(subject)
    else:
        things = [subject, against]
        if names is None and all(isinstance(thing, Translation) for thing in things):
            return things  # each has its own text, which says more than a name
    called = _called(things) if names is None else _checked_names(names, len(things))
    # Weights by name would be the layers of one recording.
    whole = [thing if isinstance(thing, Recording | Translation | AttentionMap) else Recording.of(thing) for thing in things]
    return dict(zip(called, whole, strict=True))


def _checked_names(names: Sequence[Any], count: int) -> list[str]:
    """One name for each thing; no more of them are looked at than there are things, as a range may go on and on."""
    first = list(islice(names, count + 1))
    if wrong := [one for one in first if not isinstance(one, str)]:
        raise DtypeError(f"names: expected texts, got {in_short(wrong[0])} among them")
    if len(set(first)) < len(first):
        raise OptionError(f"names: expected each once, got {in_short(names)}; two things of one name are not told apart")
    if len(first) != count:
        raise ShapeError(f"names: expected {count}, one for each thing, got {in_short(names)}")
    return first


def _called(things: Sequence[Any]) -> list[str]:
    """What two things call themselves, where that tells them apart."""
    own = [getattr(thing, "model", None) or getattr(thing, "name", None) for thing in things]
    plain = all(isinstance(name, str) and name for name in own) and len(set(own)) == len(own)
    return [str(name) for name in own] if plain else list(SIDES)


def opened_against(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """The map of the second thing that stands where the opening's map stands in the first, with the same heads.

    None where only one thing has maps.
    """
    maps, opening = manifest["maps"], manifest["opening"]
    here = maps[opening.get("map", 0)]
    heads = opening.get("heads", [0])
    others = [(at, info) for at, info in enumerate(maps) if (info["of"], info["item"]) != (here["of"], here["item"])]
    if any(info["of"] != here["of"] for _, info in others):
        others = [(at, info) for at, info in others if info["of"] != here["of"]]
    if not others:
        return None
    same = [at for at, info in others if (info["kind"], info["layer"]) == (here["kind"], here["layer"])]
    number = same[0] if same else others[0][0]
    return {"map": number, "heads": [head for head in heads if head < maps[number]["heads"]] or [0]}
