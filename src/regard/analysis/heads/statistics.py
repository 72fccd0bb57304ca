"""What a head does, in numbers: one row a head, from one pass over each map, at any length."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from regard.analysis.heads.sums import HeadSums, add_map
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.maps.attention_map import AttentionMap

WINDOWS = (8, 64)
"""Distances within which mass is called local, where nobody asks for others."""


class HeadStatistics(NamedTuple):
    """One head in numbers; ``head_statistics`` has the formulas. NaN is what has no meaning for its map."""

    kind: str | None  #: "encoder", "decoder", "cross" or "self"
    layer: int | None
    head: int
    name: str | None  #: of the module
    rows: int  #: rows that see something, of all sequences
    unseeing: int  #: rows without any weight; they are in no mean
    keys: float  #: keys that a row could see without a mask
    mass: float  #: sum of a row; less than 1 where a sink takes the rest
    entropy: float  #: in nats
    span: float  #: effective number of keys
    span_90: float  #: fewest keys that hold 90 % of a row's mass
    distance: float  #: from the row's own position
    own: float  #: mass on the row's own key: diagonality
    previous: float  #: mass on the key before it
    next: float  #: mass on the key after it
    offset: float  #: which key, counted from the row's own, gets most
    offset_mass: float  #: mass on that one
    first: float  #: mass on the first key
    special: float  #: mass on special tokens
    punctuation: float  #: mass on punctuation
    repeats: float  #: share of the rows whose token has occurred before
    duplicate: float  #: mass on earlier equal tokens, of these rows
    induction: float  #: mass on what came after them, of these rows
    local: dict[int, float]  #: mass within a window, by its width
    received_gini: float  #: how unequally keys are looked at

    def flat(self) -> dict[str, Any]:
        """The statistics by name, windows as ``local_8`` and so on."""
        fields = self._asdict()
        local = fields.pop("local")
        gini = fields.pop("received_gini")
        return fields | {f"local_{window}": mass for window, mass in local.items()} | {"received_gini": gini}


def head_statistics(
    recording: Any,
    *,
    tokens: Tensor | Sequence[Any] | None = None,
    special: Collection[str] | None = None,
    windows: Sequence[int] = WINDOWS,
) -> list[HeadStatistics]:
    """Statistics of every head: one pass over each map, and O(n) numbers a head.

    w[i, j] is the weight of query i on key j, m[i] = Σⱼ w[i, j] the mass of its row, p(i) the key at the query's own position,
    t[j] the token of key j. Means are over the rows with m[i] > 0, of all sequences together; the others are counted in
    ``unseeing``. A mean over a place (own, previous, next, duplicate, induction) is over the rows that have such a key, so that
    1 is a perfect head.

    =====================  ==========================================================================================
    statistic              formula, a mean over rows i unless said otherwise
    =====================  ==========================================================================================
    mass                   m[i]
    entropy                H[i] = −Σⱼ w[i, j] ln w[i, j]
    span                   exp(H[i]/m[i] + ln m[i]), which is exp H[i] where m[i] = 1
    span_90                the least k with (Σ of the k largest w[i, ·]) ≥ 0.9 m[i]
    distance               Σⱼ w[i, j] |p(i) − j|
    own, previous, next    w[i, p(i)], w[i, p(i) − 1], w[i, p(i) + 1]
    offset                 the d with the largest Σᵢ w[i, p(i) + d]
    offset_mass            w[i, p(i) + d] of that d, over all rows: else one row would make the farthest offset
    first                  w[i, 0]
    special, punctuation   Σ w[i, j] over the keys j that are special tokens, or punctuation
    repeats                the share of rows whose token t[p(i)] is equal to an earlier t[j], j < p(i)
    duplicate              Σ w[i, j] over those j, a mean over those rows
    induction              Σ w[i, j + 1] over those j, a mean over those rows
    local                  Σ w[i, j] over |p(i) − j| < window
    received_gini          Σⱼ (2j − n − 1) r[j] / (n Σⱼ r[j]) with r[j] = Σᵢ w[i, j] in ascending order, j from 1 to n: 0
                           where all keys receive the same, 1 − 1/n where one gets all; a mean over sequences by their rows
    =====================  ==========================================================================================

    The scores of TransformerLens' ``detect_head`` (with error measure "mul") are means over all rows of one sequence:
    duplicate · repeats, induction · repeats, and previous · (n − 1)/n.

    A statistic is NaN where it has no meaning: of positions (distance to offset_mass, repeats, duplicate, induction, local)
    where rows and keys are not the same positions, as in cross-attention, or where a map was narrowed to some that are not
    neighbours; of tokens where keys have no labels. A token that was produced is known by the row that consumed it: labels of
    keys are read, not those of rows. Short maps are local, and look at the first token, by necessity: compare like with like.
    On maps of more than 2,896 tokens, span_90 is a mean over evenly chosen rows.

    Args:
        recording: a Recording, whose sequences are read without their padding; or maps, or one map.
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
    for window in windows:
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise OptionError(f"windows: expected whole numbers of at least 1, got {window!r}; for example windows=(8, 64)")
    given = _checked_tokens(tokens, maps)
    found: dict[tuple[str | None, int | None, str | None, int], HeadSums] = {}
    for item, at, amap in _sequences(recording, maps):
        layer = amap.layer if amap.layer is not None else at if len(maps) > 1 else None
        place = amap.kind, layer, amap.name, amap.shape[1]
        sums = found.setdefault(place, HeadSums(amap.shape[1]))
        add_map(sums, amap, _tokens_of(amap, given, item), special, windows)
    return [
        _statistics(sums, kind, layer, head, name, windows)
        for (kind, layer, name, heads), sums in found.items()
        for head in range(heads)
    ]


def _statistics(
    sums: HeadSums, kind: str | None, layer: int | None, head: int, name: str | None, windows: Sequence[int]
) -> HeadStatistics:
    offset, offset_mass = sums.best_offset(head)
    return HeadStatistics(
        kind=kind,
        layer=layer,
        head=head,
        name=name,
        rows=int(sums.of["rows"][head]),
        unseeing=int(sums.of["unseeing"][head]),
        keys=sums.mean("keys", head),
        mass=sums.mean("mass", head),
        entropy=sums.mean("entropy", head),
        span=sums.mean("span", head),
        span_90=sums.mean("span_90", head, over="rows_ranked"),
        distance=sums.mean("distance", head),
        own=sums.mean("own", head, over="rows_own"),
        previous=sums.mean("previous", head, over="rows_previous"),
        next=sums.mean("next", head, over="rows_next"),
        offset=offset,
        offset_mass=offset_mass,
        first=sums.mean("first", head),
        special=sums.mean("special", head),
        punctuation=sums.mean("punctuation", head),
        repeats=sums.mean("rows_repeating", head),
        duplicate=sums.mean("duplicate", head, over="rows_repeating"),
        induction=sums.mean("induction", head, over="rows_repeating"),
        local={window: sums.mean(f"local_{window}", head) for window in windows},
        received_gini=sums.mean("gini", head),
    )


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


def _sequences(recording: Any, maps: list[AttentionMap]) -> Iterator[tuple[int, int, AttentionMap]]:
    """The maps of one sequence after another: which sequence, which map, and the map."""
    batch = max(amap.shape[0] for amap in maps)
    knows_padding = batch > 1 and hasattr(recording, "sample") and recording.passes <= 1
    for item in range(batch):
        if knows_padding:
            yield from ((item, at, amap) for at, amap in enumerate(recording.sample(item).maps))
            continue
        for at, amap in enumerate(maps):
            if item < amap.shape[0]:
                yield item, at, amap.select(batch=item)


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
    return amap.keys
