"""Links as text: a line a sentence pair, ``source-target`` for each link (Pharaoh), as alignment tools read and write it."""

import re
from collections.abc import Collection
from typing import NamedTuple

from regard.analysis.alignment.error_rates import Link, checked_links
from regard.arguments import text, truth, whole_number
from regard.errors import FileFormatError

_LINK = re.compile(r"(\d+)([-?p])(\d+)(?::[\d.eE+-]+)?")


class Gold(NamedTuple):
    """Links that people drew."""

    sure: frozenset[Link]
    possible: frozenset[Link]  #: the sure ones among them


def to_pharaoh(links: Collection[Link], possible: Collection[Link] = ()) -> str:
    """Links as a line of text, in order: ``0-0 1-2``; those that are only possible as ``1?2``.

    Example:
        >>> to_pharaoh({(1, 2), (0, 0)}, possible={(1, 1), (0, 0)})
        '0-0 1?1 1-2'
    """
    certain = checked_links("links", links)
    every = sorted(certain | checked_links("possible", possible))
    return " ".join(f"{source}{'-' if (source, target) in certain else '?'}{target}" for source, target in every)


def from_pharaoh(line: str, *, swap: bool = False, first: int = 0) -> Gold:
    """The links of a line: ``3-4`` is sure, ``3?4`` and ``3p4`` are possible; a weight behind a colon (Marian) is left out.

    Args:
        line: the links, between blanks.
        swap: the target's position stands first.
        first: the number of the first word, 0 or 1.

    Raises:
        FileFormatError: what is no link.

    Example:
        >>> from_pharaoh("0-0 1?2").possible == {(0, 0), (1, 2)}
        True
    """
    text("line", line)
    swap, first = truth("swap", swap), whole_number("first", first, 0, 1)
    sure, possible = set[Link](), set[Link]()
    for part in line.split():
        found = _LINK.fullmatch(part)
        if found is None:
            raise FileFormatError(
                f"expected links such as 3-4 (sure) or 3?4 (possible), got {part!r}; put a blank between links"
            )
        one, other = int(found[1]) - first, int(found[3]) - first
        if min(one, other) < 0:
            raise FileFormatError(f"expected words counted from {first}, got {part!r}; they may be counted from 0")
        link = (other, one) if swap else (one, other)
        possible.add(link)
        if found[2] == "-":
            sure.add(link)
    return Gold(frozenset(sure), frozenset(possible))
