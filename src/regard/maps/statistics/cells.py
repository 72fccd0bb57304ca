"""The cells of a pooled picture: where they begin, and what is refused."""

from regard.arguments import one_of, whole_number
from regard.errors import OptionError, in_short
from regard.maps.reading.parts import Pooling

WAYS: tuple[Pooling, ...] = ("mean", "max")


def edges(size: int, cells: int) -> list[int]:
    """Where the cells of an axis begin, and where the last one ends."""
    return [cell * size // cells for cell in range(cells + 1)]


def checked_pool(pool: tuple[int, int], queries: int, keys: int) -> tuple[int, int]:
    """How many (rows, cols) of cells: no more than there are positions."""
    if not isinstance(pool, tuple | list) or len(pool) != 2:
        raise OptionError(f"pool: expected (rows, cols), got {in_short(pool)}; for example pool=(64, 64)")
    advice = "a cell covers one of the map's {} at least, and a map without positions has none"
    rows = whole_number("pool: rows", pool[0], 1, queries, advice=advice.format("queries"))
    return rows, whole_number("pool: cols", pool[1], 1, keys, advice=advice.format("keys"))


def checked_ways(how: Pooling | tuple[Pooling, ...] | list[Pooling]) -> tuple[Pooling, ...]:
    """The ways of pooling as a tuple."""
    ways = tuple(how) if isinstance(how, tuple | list) else (how,)
    if not ways:
        raise OptionError(f"how: expected one of {', '.join(WAYS)}, or both as a tuple, got {in_short(how)}")
    return tuple(one_of("how", way, WAYS, advice="or give both as a tuple") for way in ways)
