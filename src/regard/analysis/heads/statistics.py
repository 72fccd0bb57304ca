"""What a head does, in numbers: one row a head, from one pass over each map, at any length."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from regard.analysis.heads.registry import WINDOWS, HeadStatistics, head_row
from regard.analysis.heads.sequences import HeadSums
from regard.arguments import several, whole_number
from regard.axes.axis import Axis
from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.maps.given_weights import given_maps
from regard.maps.naming import named_maps
from regard.tokens.special import checked_special


def head_statistics(
    recording: Any,
    *,
    tokens: Any = None,
    queries: Any = None,
    keys: Any = None,
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
        recording: a Recording, maps, one map, or weights as ``regard.Recording.of`` takes them; padding is left out.
        tokens: texts or ids of the positions, special tokens included, as in ``regard.page``: a list, or lists for a batch.
        queries: of the rows alone.
        keys: of the keys alone, where they are another text than the rows.
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
    maps = named_maps(_maps_of(recording), tokens, queries, keys)
    windows, special = checked_windows(windows), checked_special(special)
    found: dict[tuple[str | None, int | None, str | None, int], HeadSums] = {}
    for _, at, amap in _sequences(maps):
        layer = amap.layer if amap.layer is not None else at if len(maps) > 1 else None
        place = amap.kind, layer, amap.name, amap.shape[1]
        sums = found.setdefault(place, HeadSums(amap.shape[1]))
        labels = _labels(amap.keys)
        known = special
        if special is None and labels is not None and labels is not amap.keys.id:  # its tokenizer knows them
            known = {label for label, out in zip(labels, amap.keys.special, strict=True) if out}
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
    advice = "for example windows=(8, 64)"
    given = several("windows", windows, "widths", advice=advice)
    return tuple(whole_number("windows", window, 1, advice=advice) for window in given)


def _maps_of(recording: Any) -> list[AttentionMap]:
    maps = recording.maps if hasattr(recording, "maps") else given_maps(recording)
    if not maps:
        raise RecordingError("expected a recording with maps, got one without; let the model run inside the block of record")
    return list(maps)


def _sequences(maps: list[AttentionMap]) -> Iterator[tuple[int, int, AttentionMap]]:
    """The maps of one sequence after another, without padding: which sequence, which map, and the map."""
    for item in range(max(amap.shape[0] for amap in maps)):
        for at, amap in enumerate(maps):
            if item < amap.shape[0]:
                yield item, at, amap.sample(item)


def _labels(keys: Axis) -> Sequence[Any] | None:
    """What tells the keys apart: their spelling; their ids where these are all there is, and it is not known what they mean."""
    named, ids = keys.spelled, keys.id
    return ids if named is None or (ids is not None and named == tuple(map(str, ids))) else named
