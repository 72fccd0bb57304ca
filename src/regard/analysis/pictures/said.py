"""Words of an answer and the rows that produced them; heads and what they count."""

from collections.abc import Mapping, Sequence
from typing import Any

from regard.analysis.mixtures.mixture import Head
from regard.analysis.passages.answers import answer_of, rows_of, step_of
from regard.arguments import number, text, whole_number
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, in_short
from regard.maps.attention_map import AttentionMap


def rows_of_words(amap: AttentionMap, answer: Any) -> dict[str, tuple[int, ...]]:
    """The rows that produced each word of an answer, by its name.

    Args:
        amap: of one sequence.
        answer: as for ``patches``.

    Raises:
        OptionError: words that are not there, or none.
    """
    if isinstance(answer, Spans):
        answer = dict(zip(answer.names, answer.places, strict=True))
    if not isinstance(answer, Mapping):
        answer = _words(amap, answer_of(amap, answer, 1))
    step = step_of(amap)
    named = {text("answer", name, advice="name each word"): rows_of(amap, at, step=step) for name, at in answer.items()}
    if not named:
        raise OptionError("answer: expected at least one word, got none")
    return named


def _words(amap: AttentionMap, places: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The words that have some of these positions; each position where there are no texts. Those alike are numbered."""
    read = (amap.queries.beside or amap.queries) if amap.kind == "cross" else amap.keys
    if read.spelled is None:
        return {str(at): (at,) for at in places}
    wanted, words = set(places), read.units()
    found: dict[str, tuple[int, ...]] = {}
    for said, tokens in zip(words.texts, words.tokens, strict=True):
        if own := tuple(at for at in tokens if at in wanted):
            found[_numbered(said, found)] = own
    taken = {at for own in found.values() for at in own}
    for at in places:
        if at not in taken:  # special tokens belong to no word
            beyond = at >= len(read)  # the last token that was written, which nothing has read
            found[_numbered(str(at) if beyond else read[at], found)] = (at,)
    return dict(sorted(found.items(), key=lambda one: one[1]))


def _numbered(said: str, found: Mapping[str, Any]) -> str:
    if said not in found:
        return said
    return next(name for at in range(2, len(found) + 3) if (name := f"{said} ({at})") not in found)


def weights_of_heads(layers: Mapping[int, AttentionMap], heads: Mapping[Head, float] | None) -> dict[Head, float]:
    """What each head counts, summing to 1; of all heads the same where none are chosen.

    Raises:
        OptionError: heads that are not there, or weights below 0 or none above.
    """
    if heads is None:
        every = [(layer, head) for layer in sorted(layers) for head in range(layers[layer].shape[1])]
        return dict.fromkeys(every, 1 / len(every))
    if not isinstance(heads, Mapping) or not heads:
        raise OptionError(f"heads: expected what each counts, {{(layer, head): weight}}, got {in_short(heads)}")
    counted: dict[Head, float] = {}
    for place, weight in heads.items():
        if not isinstance(place, tuple) or len(place) != 2:
            raise DtypeError(f"heads: expected (layer, head) for each, got {in_short(place)}")
        layer, head = (whole_number("heads", one, 0) for one in place)
        if layer not in layers or head >= layers[layer].shape[1]:
            raise OptionError(f"heads: expected heads of layers {', '.join(map(str, sorted(layers)))}, got {place}")
        counted[layer, head] = number("heads", weight, least=0, advice="a weight of 0 or more")
    total = sum(counted.values())
    if total <= 0:
        raise OptionError("heads: expected at least one weight above 0, got none")
    return {place: weight / total for place, weight in counted.items()}
