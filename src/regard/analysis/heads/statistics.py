"""What a head does, in numbers: one row a head, from one pass over each map, at any length."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from torch import Tensor

from regard.analysis.heads.registry import WINDOWS, HeadStatistics, head_row
from regard.analysis.heads.sequences import HeadSums
from regard.arguments import whole_number
from regard.errors import DtypeError, RecordingError, ShapeError
from regard.maps.attention_map import AttentionMap


def head_statistics(
    recording: Any,
    *,
    tokens: Tensor | Sequence[Any] | None = None,
    special: Collection[str] | None = None,
    windows: Sequence[int] = WINDOWS,
) -> list[HeadStatistics]:
    """Statistics of every head: one pass over each map, and O(n) numbers a head.

    The formulas stand beside the statistics, in ``regard.analysis.heads.HeadStatistics``. Means are over the rows
    with any weight, of all sequences together; the others are counted in ``masked_rows``. A mean over a place (own, previous,
    next, duplicate, induction) is over the rows that have such a key, so that 1 is a perfect head.

    The scores of TransformerLens' ``detect_head`` (with error measure "mul") are means over all rows of one sequence:
    duplicate · repeats, induction · repeats, and previous · (n − 1)/n.

    A statistic is NaN where it has no meaning: of positions (distance to offset_mass, repeats, duplicate, induction, local)
    where rows and keys are not the same positions, as in cross-attention, or where a map was narrowed to some that are not
    neighbours; of tokens where keys have no labels. A token that was produced is known by the row that consumed it: labels of
    keys are read, not those of rows. Short maps are local, and look at the first token, by necessity: compare like with like.
    On maps of more than 2,896 tokens, span_90 is a mean over evenly chosen rows.

    Args:
        recording: a Recording, maps, or one map; sequences are read without their padding.
        tokens: ids or labels of the keys, (positions,) or (batch, positions), where the maps have no labels; for the maps with
            as many keys.
        special: tokens that stand for no text; known by their names where not given.
        windows: widths for ``local``.

    Returns:
        One HeadStatistics a head, in the order of the recording. Calls of one module in several passes are taken together.

    Raises:
        OptionError: a window below 1.
        RecordingError: no maps.
        ShapeError: tokens that fit no map.
        ScoreError: negative or NaN weights.
        DtypeError: no recording, no maps, no tokens.

    Example:
        >>> import torch
        >>> amap = AttentionMap.from_dense(torch.eye(6).roll(1, dims=0))  # each row looks at the key before it
        >>> [found] = head_statistics(amap, tokens=["a", "b", "c", "a", "b", "c"])
        >>> found.previous, found.offset, found.repeats, found.induction
        (1.0, -1.0, 0.5, 0.0)
    """
    maps = _maps_of(recording)
    windows = checked_windows(windows)
    given = _checked_tokens(tokens, maps)
    found: dict[tuple[str | None, int | None, str | None, int], HeadSums] = {}
    for item, at, amap in _sequences(maps):
        layer = amap.layer if amap.layer is not None else at if len(maps) > 1 else None
        place = amap.kind, layer, amap.name, amap.shape[1]
        sums = found.setdefault(place, HeadSums(amap.shape[1]))
        labels = _tokens_of(amap, given, item)
        named: tuple[str, ...] = amap.keys.spelled or ()
        known = special
        if special is None and labels == named:  # its tokenizer knows them
            known = {label for label, out in zip(named, amap.keys.special, strict=True) if out}
        sums.add_map(amap, labels, known, windows)
    table: list[HeadStatistics] = []
    for (kind, layer, name, heads), sums in found.items():
        means = sums.means(windows)
        for head in range(heads):
            values = {statistic: each[head] for statistic, each in means.items()}
            table.append(head_row(kind, layer, head, name, values, windows, shares=sums.shares))
    return table


def checked_windows(windows: Sequence[int]) -> tuple[int, ...]:
    """Widths in which mass is local.

    Raises:
        OptionError: one that is no whole number of at least 1.
    """
    return tuple(whole_number("windows", window, 1, advice="for example windows=(8, 64)") for window in windows)


def _maps_of(recording: Any) -> list[AttentionMap]:
    found = getattr(recording, "maps", recording)
    maps = [found] if isinstance(found, AttentionMap) else found
    if not isinstance(maps, list | tuple) or not all(isinstance(amap, AttentionMap) for amap in maps):
        raise DtypeError(
            f"expected a recording, attention maps or one map, got {type(recording).__name__}; "
            "for weights of your own: AttentionMap.from_dense(weights)"
        )
    if not maps:
        raise RecordingError("expected a recording with maps, got one without; let the model run inside the block of record")
    return list(maps)


def _sequences(maps: list[AttentionMap]) -> Iterator[tuple[int, int, AttentionMap]]:
    """The maps of one sequence after another, without padding: which sequence, which map, and the map."""
    for item in range(max(amap.shape[0] for amap in maps)):
        for at, amap in enumerate(maps):
            if item < amap.shape[0]:
                yield item, at, amap.sample(item)


def _checked_tokens(tokens: Tensor | Sequence[Any] | None, maps: list[AttentionMap]) -> list[list[Any]] | None:
    """One list of tokens a sequence, or one for all of them."""
    if tokens is None:
        return None
    plain = tokens.tolist() if hasattr(tokens, "tolist") else tokens
    if not isinstance(plain, list | tuple) or not plain:
        raise DtypeError(f"tokens: expected ids or labels, one a position, got {tokens!r}; for example the model's input_ids")
    rows = [list(row) for row in plain] if isinstance(plain[0], list | tuple) else [list(plain)]
    batch = max(amap.shape[0] for amap in maps)
    if len(rows) not in (1, batch):
        raise ShapeError(f"tokens: expected 1 or {batch} sequences, as many as the maps have, got {len(rows)}")
    lengths = {amap.shape[3] for amap in maps} | {amap.view.source.shape[3] for amap in maps}
    if len({len(row) for row in rows}) > 1 or len(rows[0]) not in lengths:
        wanted, got = (" or ".join(map(str, sorted(counts))) for counts in (lengths, {len(row) for row in rows}))
        raise ShapeError(f"tokens: expected one a key, {wanted} of them, got {got}")
    return rows


def _tokens_of(amap: AttentionMap, given: list[list[Any]] | None, item: int) -> Sequence[Any] | None:
    """The tokens of the map's keys: those that were given, where they fit it; else its labels."""
    if given is not None:
        row = given[item] if len(given) > 1 else given[0]
        if len(row) == amap.view.source.shape[3]:
            return [row[at] for at in amap.view.keys]
        if len(row) == amap.shape[3]:
            return row
    return amap.keys.spelled or amap.keys.id
