"""Rows of an answer: the queries that produced its tokens. The step between the two is taken here, and nowhere else."""

from collections.abc import Sequence

from regard.arguments import several, whole_number
from regard.axes.searched import Searched
from regard.errors import OptionError, ShapeError
from regard.maps.attention_map import AttentionMap


def rows_of(amap: AttentionMap, answer: str | Sequence[int], *, step: int | None = None) -> tuple[int, ...]:
    """The rows that produced the tokens of an answer: of a decoder, row t − 1 for token t; of an encoder, the tokens' own.

    Positions and texts are those of the text that was read: the map's keys, or beside a source the tokens that the decoder
    consumed. Rows that see nothing after their own token are taken for a decoder's.

    Args:
        amap: of one sequence.
        answer: positions of its tokens, or the answer as it stands in the text.
        step: ``step_of(amap)``, where many answers are asked for.

    Raises:
        OptionError: an answer that is not there, or that no row produced.
    """
    cross = amap.kind == "cross"
    step = step_of(amap) if step is None else step
    places = answer_of(amap, answer, step)
    earlier = 0 if cross else amap.shape[3] - amap.shape[2]  # keys of a cache, of which there are no rows
    rows = tuple(place - step - earlier for place in places)
    if min(rows) < 0:
        raise OptionError(
            f"answer: expected tokens that a row of this map produced, got position {places[0]}; "
            + ("nothing stands before the first" if earlier == 0 else "its row is in an earlier pass")
        )
    if max(rows) >= amap.shape[2]:
        raise ShapeError(f"answer: expected tokens of rows up to {amap.shape[2] - 1}, got one of row {max(rows)}")
    return rows


def answer_of(amap: AttentionMap, answer: str | Sequence[int], further: int = 0) -> tuple[int, ...]:
    """The positions of an answer in the text that was read.

    Args:
        amap: of one sequence.
        answer: as for ``rows_of``.
        further: positions after that text which count too: the last row of a decoder produced a token that nothing has read.

    Raises:
        OptionError: an answer that is not there, or none.
    """
    read = (amap.queries.beside or amap.queries) if amap.kind == "cross" else amap.keys
    if isinstance(answer, str):
        if read.spelled is None:
            raise OptionError("answer: expected positions, as the map has no texts, got a text; give range(begin, end)")
        return tuple(sorted(Searched.of(read).places(answer, "answer", "its positions: range(begin, end)")))
    asked = several("answer", answer, "positions of its tokens, as range(40, 48), or its text")
    if not asked:
        raise OptionError("answer: expected at least one token, got none")
    return tuple(sorted({whole_number("answer", at, 0, len(read) - 1 + further) for at in asked}))


def step_of(amap: AttentionMap) -> int:
    """How many tokens after the one that it consumes a row produces: 1 of a decoder, 0 of an encoder."""
    if amap.kind == "cross" or amap.queries.role in ("consumed", "produced"):
        return 1
    own = amap.shape[3] - amap.shape[2]  # the key of the first row's token
    return int(own >= 0 and not bool((amap[0, :, 0, own + 1 :] != 0).any()))
