"""Texts that a user gives to the rows and columns of maps, put onto those that they fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regard.axes.axis import Axis
from regard.axes.given_texts import GivenTexts, check_sequences, given_texts
from regard.axes.roles import ROLES
from regard.errors import OptionError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap


@dataclass(frozen=True)
class _Sides:
    """The sides of a map under new names; None where they stay as they are."""

    rows: Axis | None = None
    columns: Axis | None = None


_Way = Callable[[AttentionMap, GivenTexts], _Sides | None]


def named_maps(maps: Sequence[AttentionMap], tokens: Any = None, queries: Any = None, keys: Any = None) -> list[AttentionMap]:
    """The maps under the names that are given; those that are given stay as they are.

    Args:
        maps: those of one model.
        tokens: of both sides, where a text looks at itself: texts or ids, one for each position, special tokens included; one
            list a sequence of a batch, with or without its padding. Of generated text, one for each row, which are the tokens
            consumed, or the whole sequence, which is one more. Where one text looks at another, the one that they fit; or
            a mapping of "source", "consumed" and "produced" to such lists.
        queries: of the rows; where one text looks at another, of what is written.
        keys: of the columns; where one text looks at another, of its source.

    Raises:
        ShapeError: names that fit no map; OptionError: names for a side twice, or that fit both texts; DtypeError: no list.

    Example:
        >>> import torch
        >>> [amap] = named_maps([AttentionMap.from_dense(torch.eye(2))], ["a", "b"])
        >>> amap.queries, amap.keys
        (Axis('a', 'b'), Axis('a', 'b'))
    """
    if tokens is not None and (queries is not None or keys is not None):
        other = "queries" if queries is not None else "keys"
        raise OptionError(f"tokens: expected tokens, which name both sides, or queries and keys, got tokens and {other}")
    made = list(maps)
    kinds = {amap.kind for amap in made}
    two_texts = "cross" in kinds and "self" not in kinds  # else what is looked at is no text, or a probe looks
    if isinstance(tokens, Mapping):
        for role, given in tokens.items():
            if role not in ROLES:
                raise OptionError(f"tokens: expected names for {', '.join(ROLES)}, got {in_short(role)}")
            made = _put(
                f"tokens[{role!r}]", given, made, _WAYS[role] if two_texts else [_one_text] if role != "produced" else [_rows]
            )
    elif tokens is not None:
        made = _put("tokens", tokens, made, [_source, _written] if two_texts else [_one_text])
    if queries is not None:
        made = _put("queries", queries, made, [_written_rows if two_texts else _rows])
    if keys is not None:
        made = _put("keys", keys, made, [_source if two_texts else _columns])
    return made


def _put(name: str, given: Any, maps: list[AttentionMap], ways: Sequence[_Way]) -> list[AttentionMap]:
    """The maps with their sides named in the one way that fits some of them."""
    read = given_texts(name, given)
    counts = {amap.shape[0] for amap in maps}
    if len(read.rows) not in counts:
        check_sequences(name, read, max(counts))
    found = []
    for way in ways:
        sides = [way(amap, read) if len(read.rows) in (1, amap.shape[0]) else None for amap in maps]
        if any(sides):
            found.append(sides)
    if len(found) > 1:
        raise OptionError(
            f"{name}: expected texts of one side, got {len(read.rows[0])} of them, which fit the source and what is written; "
            "say keys= for the source, queries= for what is written"
        )
    if not found:
        lengths = sorted({len(axis) for amap in maps for axis in _asked(ways, amap)})
        got = " and ".join(map(str, sorted({len(row) for row in read.rows})))
        raise ShapeError(
            f"{name}: expected {' or '.join(map(str, lengths))} texts, one for each position, got {got}; special tokens such "
            "as </s> and [CLS] have a row and a column too"
        )
    return [amap if one is None else _with(amap, one) for amap, one in zip(maps, found[0], strict=True)]


def _asked(ways: Sequence[_Way], amap: AttentionMap) -> list[Axis]:
    """The sides that might have been named."""
    if _columns in ways or (_source in ways and len(ways) == 1):
        return [amap.keys] if amap.kind != "decoder" else []
    return [amap.queries] if _rows in ways or _written_rows in ways else [amap.queries, amap.keys]


def _with(amap: AttentionMap, sides: _Sides) -> AttentionMap:
    data = amap.to_data()
    rows, columns = sides.rows or data.queries, sides.columns or data.keys
    return AttentionMap.from_data(replace(data, queries=rows, keys=columns))


# -- which sides -------------------------------------------------------------------------------------------------------


def _rows(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    found = amap.queries.renamed(_narrowed(given, amap.view.source.shape[2], amap.view.queries))
    return None if found is None else _Sides(rows=found)


def _columns(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    found = amap.keys.renamed(_narrowed(given, amap.view.source.shape[3], amap.view.keys))
    return None if found is None else _Sides(columns=found)


def _text(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    """Both sides, where they are one text: its last rows where it goes on from a cache."""
    rows, columns = _read_rows(amap, given), _columns(amap, given)
    if columns is None and amap.queries.beside is not None:
        columns = _columns(amap, given.part(None, -1))
    queries, keys = amap.view.source.shape[2:]
    if rows is None and amap.kind in ("self", "decoder") and queries < keys:
        rows = _rows(amap, given.part(keys - queries))
    return None if rows is None or columns is None else _Sides(rows.rows, columns.columns)


def _one_text(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    """A text that looks at itself; and at something else, where only the rows are its own."""
    return _read_rows(amap, given) if amap.kind == "cross" else _text(amap, given)


def _read_rows(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    """The rows, by the tokens that they consume; and by those that they produce, where there is one token more than rows."""
    beside = amap.queries.beside
    if beside is None:
        return _rows(amap, given)
    produced, consumed = amap.queries.renamed(given.part(1)), beside.renamed(given.part(None, -1))
    if produced is not None and consumed is not None:
        return _Sides(rows=replace(produced, beside=consumed))
    found = beside.renamed(given)
    return None if found is None else _Sides(rows=found)


def _source(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    """What is looked at: an encoder's text."""
    return {"encoder": _text, "cross": _columns}.get(str(amap.kind), _nothing)(amap, given)


def _written(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    """A decoder's text, by what it consumes."""
    return {"decoder": _text, "cross": _read_rows}.get(str(amap.kind), _nothing)(amap, given)


def _written_rows(amap: AttentionMap, given: GivenTexts) -> _Sides | None:
    return _rows(amap, given) if amap.kind in ("decoder", "cross") else None


def _nothing(amap: AttentionMap, given: GivenTexts) -> _Sides | None:  # noqa: ARG001
    return None


_WAYS: dict[str, list[_Way]] = {"source": [_source], "consumed": [_written], "produced": [_written_rows]}


def _narrowed(given: GivenTexts, whole: int, places: Sequence[int]) -> GivenTexts:
    """The names of the positions that a map shows, where those of all of its source are given."""
    if len(places) == whole or any(len(row) != whole for row in given.rows):
        return given
    ids = None if given.ids is None else tuple(tuple(row[at] for at in places) for row in given.ids)
    return GivenTexts(tuple(tuple(row[at] for at in places) for row in given.rows), ids)
