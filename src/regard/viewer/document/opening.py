"""What a viewer opens with, where somebody says it: view, map, heads, query, key and units, checked against what there is."""

from collections.abc import Sequence
from typing import Any

from regard.arguments import one_of, several, whole_number
from regard.errors import OptionError, in_short
from regard.viewer.document.manifest import UNITS, map_name

VIEWS = ("map", "heads", "ribbon", "text", "steps", "image", "effects", "finding")
"""The views, as ``frontend/src/views`` names them."""

MOST_LISTED = 12
"""Maps or positions that an error lists."""

_WITHOUT = {
    "words": "where words begin is not known; name the tokenizer's kind by words=",
    "sentences": "its text is one sentence, or where words begin is not known",
    "characters": "its tokens are whole ones",
}

ASKED = ("view", "map", "heads", "query", "key", "unit")
"""What can be asked for, by the names of the arguments."""


def opening_of(manifest: dict[str, Any], **asked: Any) -> dict[str, Any]:
    """The opening of the manifest, with what is asked for in it.

    Args:
        manifest: what there is to see.
        asked: of ``ASKED`` what is given; None is not given.

    Raises:
        OptionError: a view that has nothing to show, or a map, head, position or unit that is not there.

    Example:
        >>> import torch
        >>> from regard.viewer.document.document import document
        >>> opening_of(document(torch.eye(3)).manifest, view="text", query=-1)
        {'unit': 'tokens', 'query': 2, 'pinned': True, 'view': 'text'}
    """
    opening = dict(manifest["opening"])
    if asked.get("map") is not None:
        number = checked_map(manifest, asked["map"])
        if number != opening.get("map", 0):
            for of_the_other in ("heads", "rowAxis"):
                opening.pop(of_the_other, None)
        opening["map"] = number
    number = opening.get("map", 0)
    if asked.get("heads") is not None:
        opening["heads"] = checked_heads(manifest, number, asked["heads"])
    if asked.get("unit") is not None:
        opening["unit"] = checked_unit(manifest, number, asked["unit"])
    for side in ("query", "key"):
        if asked.get(side) is not None:
            opening[side] = checked_position(manifest, opening, side, asked[side])
            opening["pinned"] = True
    if asked.get("key") is not None and asked.get("query") is None:
        opening["direction"] = "to"
    if asked.get("view") is not None:
        opening["view"] = checked_view(manifest, number, asked["view"])
    return opening


def checked_view(manifest: dict[str, Any], number: int, view: Any) -> str:
    """The view, if it has something to show of this map.

    Raises:
        OptionError: it has nothing, and why; or there is no such view.
    """
    name: str = one_of("view", view, VIEWS)
    without = {"steps": _without_steps, "image": _without_image, "effects": _without_effects, "finding": _without_finding}
    reason = without[name](manifest, number) if name in without else None
    if reason is not None:
        raise OptionError(
            f"view: expected one with something to show, got {name!r}: {reason}; open {manifest['maps'][number]['name']} as "
            "'map' or 'ribbon'"
        )
    return name


def _without_steps(manifest: dict[str, Any], number: int) -> str | None:
    reason: str | None = manifest["maps"][number]["withoutSteps"]
    return reason


def _without_image(manifest: dict[str, Any], number: int) -> str | None:
    if not manifest["images"]:
        return "there is no picture; give it as image="
    looks = any(place["map"] == number for image in manifest["images"] for place in image["maps"])
    return None if looks else "this map does not look at a picture"


def _without_effects(manifest: dict[str, Any], _: int) -> str | None:
    return None if "effects" in manifest else "nothing was replaced; give what regard.sweep found as effects="


def _without_finding(manifest: dict[str, Any], _: int) -> str | None:
    return None if "finding" in manifest else "nothing was measured; give what regard.passages or its like found as finding="


def checked_map(manifest: dict[str, Any], asked: Any) -> int:
    """The number of a map: by itself, counted from the end where negative, or by what the viewer calls it.

    Of several sequences that have a map of this name, it is the first one's.

    Raises:
        OptionError: there is no such map, or several.
    """
    infos = manifest["maps"]
    if not isinstance(asked, str):
        return _index("map", asked, len(infos), "maps")
    found = [at for at, info in enumerate(infos) if asked in (map_name(info), info["name"])]
    names = list(dict.fromkeys(map_name(info) for info in infos))
    if not found:
        raise OptionError(f"map: expected a number below {len(infos)} or one of {_listed(names)}, got {in_short(asked)}")
    own = [at for at in found if infos[at]["item"] == infos[found[0]]["item"]]
    if len(own) > 1:
        raise OptionError(f"map: expected one map, got {asked!r}, which {_listed(own)} are called; give its number")
    return own[0]


def checked_heads(manifest: dict[str, Any], number: int, asked: Any) -> list[int]:
    """The heads of a map: one, several, or "all", ascending.

    Raises:
        OptionError: one that is not there, or none at all.
        DtypeError: no heads.
    """
    count = manifest["maps"][number]["heads"]
    if isinstance(asked, str):
        one_of("heads", asked, ("all",), advice="give one head, a list of heads, or 'all'")
        return list(range(count))
    listed = isinstance(asked, Sequence) or getattr(asked, "ndim", 0) == 1 or isinstance(asked, set | range)
    heads = several("heads", asked, "heads") if listed else [asked]
    if not heads:
        raise OptionError(f"heads: expected one of {count} heads or more, got none; leave it out for the first")
    return sorted({_index("heads", head, count, "heads") for head in heads})


def unit_of(manifest: dict[str, Any], opening: dict[str, Any]) -> str:
    """The unit that a map opens in unless another is asked for: words, which people read, where one of its sides knows them."""
    info = manifest["maps"][opening.get("map", 0)]
    sides = [manifest["axes"][name] for name in (*info["rowAxes"], info["columnAxis"])]
    return "words" if any(side["words"] is not None for side in sides) else "tokens"


def checked_unit(manifest: dict[str, Any], number: int, asked: Any) -> str:
    """The unit, if this map has it.

    Raises:
        OptionError: where words or characters begin is not known.
    """
    info = manifest["maps"][number]
    sides = [manifest["axes"][name] for name in (*info["rowAxes"], info["columnAxis"])]
    named = dict.fromkeys(band["name"] for side in sides for band in side.get("bands", ()))
    unit: str = one_of("unit", asked, (*UNITS, *named))
    if unit not in named and unit != "tokens" and all(side.get(unit) is None for side in sides):
        raise OptionError(f"unit: expected one that this map has, got {unit!r}: {_WITHOUT[unit]}")
    return unit


def checked_position(manifest: dict[str, Any], opening: dict[str, Any], side: str, asked: Any) -> int:
    """The position of a query or of a key: a number, counted from the end where negative, or the word or token there.

    Args:
        manifest: what there is to see.
        opening: which map, and which of its row axes.
        side: "query" or "key".
        asked: a number or a text.

    Raises:
        OptionError: there is no such position, or the text stands at several.
    """
    info = manifest["maps"][opening.get("map", 0)]
    axis = manifest["axes"][info["columnAxis"] if side == "key" else info["rowAxes"][opening.get("rowAxis", 0)]]
    tokens = axis["tokens"]
    if not isinstance(asked, str):
        return _index(side, asked, len(tokens), axis["title"])
    words = [at for at, word in zip(axis["words"] or (), axis["wordTexts"] or (), strict=True) if word == asked]
    found = words or [at for at, token in enumerate(tokens) if asked in (token, token.strip("▁#"))]
    if not found:
        raise OptionError(f"{side}: expected a position below {len(tokens)} or a word that is there, got {in_short(asked)}")
    if len(found) > 1:
        raise OptionError(
            f"{side}: expected a word that is there once, got {asked!r}, which is at {_listed(found)}; give one of them"
        )
    return int(found[0])


def _index(name: str, asked: Any, count: int, what: str) -> int:
    at = whole_number(name, asked, -count, count - 1, advice=f"there are {count} {what}, counted from 0")
    return at % count


def _listed(things: Sequence[Any]) -> str:
    more = len(things) - MOST_LISTED
    return f"{', '.join(map(str, things[:MOST_LISTED]))}{f' and {more} more' if more > 0 else ''}"
