"""A text in which parts are found whatever blanks, cases and accents they have, and the positions that stand for them."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from regard.arguments import text, whole_number
from regard.axes.axis import Axis
from regard.errors import DtypeError, OptionError, in_short
from regard.tokens.decoded import Character, text_runs

BY_CHARACTERS = "where it begins and ends, in characters: {name: (begin, end)}"


class Searched:
    """A text, letter by letter, and the positions that each stands at.

    Args:
        whole: the text.
        owners: positions of each letter.
    """

    def __init__(self, whole: str, owners: Sequence[tuple[int, ...]]) -> None:
        self.whole, self.owners = whole, owners
        folded = [(part, at) for at, letter in enumerate(whole) for part in _folded(letter)]
        self.text, self.letters = "".join(part for part, _ in folded), [at for _, at in folded]

    @classmethod
    def of(cls, axis: object) -> "Searched":
        """The text that the tokens of a side spell, of one sequence with texts."""
        letters = [one for run in runs_of(axis) for one in run]
        return cls("".join(one.text for one in letters), [one.owners for one in letters])

    def places(self, part: str | tuple[int, int], name: str = "parts", otherwise: str = BY_CHARACTERS) -> tuple[int, ...]:
        """The positions of a part, or of the letters from its begin to its end.

        Args:
            part: the text, or (begin, end).
            name: what it is, as errors call it.
            otherwise: what else can be given where it stands there several times.

        Raises:
            OptionError: a part that stands there twice or not at all, or that no position stands for.
        """
        begin, end = self._find(part, name, otherwise) if isinstance(part, str) else pair_of(name, part, len(self.whole))
        found = tuple({at: None for letter in range(begin, end) for at in self.owners[letter]})
        if not found:
            raise OptionError(f"{name}: expected a text that tokens stand for, got {in_short(part)}, which none does")
        return found

    def _find(self, part: str, name: str, otherwise: str) -> tuple[int, int]:
        """Where a part begins and ends."""
        if (exact := self.whole.find(part)) >= 0 and part.strip() and self.whole.find(part, exact + 1) < 0:
            return exact, exact + len(part)
        wanted = "".join(_folded(text(name, part)))
        begin = self.text.find(wanted) if wanted else -1
        if begin < 0:
            raise OptionError(
                f"{name}: expected what stands in the text, got {in_short(part)}, which does not stand there; "
                "copy it from there"
            )
        if self.text.find(wanted, begin + 1) >= 0:
            raise OptionError(
                f"{name}: expected what stands in the text once, got {in_short(part)}, which stands there several times; "
                f"give more of it, or {otherwise}"
            )
        return self.letters[begin], self.letters[begin + len(wanted) - 1] + 1


def runs_of(axis: object) -> list[list[Character]]:
    """The characters that the tokens of a side spell, between special tokens."""
    line = side_of(axis).line
    if line.spelled is None:
        raise OptionError("axis: expected positions with texts, got none; record with tokenizer=, or set amap.keys")
    named = {token for token, out in zip(line.spelled, line.specials, strict=True) if out}
    return text_runs(line.spelled, named, line.kind)


def side_of(axis: object) -> Axis:
    """A side of a map, and nothing else."""
    if not isinstance(axis, Axis):
        raise DtypeError(f"axis: expected a side of a map, as amap.keys, got {in_short(axis)}")
    return axis


def pair_of(name: str, pair: Any, most: int) -> tuple[int, int]:
    """(begin, end) in characters of a text that has so many."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DtypeError(f"{name}: expected (begin, end), got {in_short(pair)}")
    begin = whole_number(name, pair[0], 0, most, advice="in characters of the text")
    return begin, whole_number(name, pair[1], begin, most, advice="in characters of the text")


def _folded(letter: str) -> list[str]:
    """What is compared: without blanks, cases, accents and forms."""
    return [
        part
        for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
        if not part.isspace() and not unicodedata.combining(part)
    ]
