"""What the values of a statistic are, and what is known of each statistic: the columns of the registry."""

import math
from typing import Literal, NamedTuple


class Quantity(NamedTuple):
    """What the values of a statistic are."""

    name: str
    edges: tuple[float, ...]
    """Of the bins in which surveys count: bin i has edges[i] ≤ value < edges[i + 1]. The first bin also has everything below,
    the last everything above, so that nothing is left out."""
    highest: float | None = None  #: the end of its scale in pictures; the largest value that is there where None
    nominal: bool = False  #: values are places, which have no mean: of several texts, the one that most of them have


_DOUBLING = (0.0, *(round(math.sqrt(2.0) ** at, 2) for at in range(35)))  # every second edge is twice as far
ROWS = Quantity("rows", _DOUBLING)
KEYS = Quantity("keys", _DOUBLING)
NATS = Quantity("nats", tuple(at / 4 for at in range(41)))
OFFSET = Quantity("keys after the row's own", tuple(at - 16.5 for at in range(34)), nominal=True)
POSITION = Quantity("position", (*(at - 0.5 for at in range(65)), *(2.0**at for at in range(7, 22))), nominal=True)
SHARE = Quantity("share", tuple(round(at / 20, 2) for at in range(21)), 1.0)


class Statistic(NamedTuple):
    """What is known of a statistic; its name is that of its field in ``HeadStatistics``."""

    quantity: Quantity
    meaning: str
    formula: str
    over: str | None = "rows"
    """Which rows it is a mean over, by the name of their number in a pass; None for a number of rows itself, and "text" for a
    value that a text has as a whole: where texts are taken together, a mean of theirs by their rows."""
    needs: Literal["", "positions", "names", "repeats"] = ""
    """Without what it has no meaning: rows and keys that are the same positions; names of the keys; positions, and tokens that
    can be compared."""
    title: str | None = None  #: above its picture; its name where None
    heading: str | None = None  #: in the table on the command line; it is not there unless it is asked for where None
    digits: int = 2  #: there, after the point
    compared: bool = True  #: whether it says something about a head, and has a mean: what ``survey diff`` compares
    beside_map: bool = True  #: whether the viewer shows it beside a map, which says by itself how many rows and keys it has
    drawn: int | None = None  #: its place among the pictures where no others are asked for; not among them where None
