"""The texts that a user gives to positions: lists of them, lists of lists for a batch, or ids where no tokenizer names them."""

from collections.abc import Mapping, Set, Sized
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from torch import Tensor

from regard.arguments import MOST, dense_tensor
from regard.errors import DtypeError, ShapeError, in_short


@dataclass(frozen=True)
class GivenTexts:
    """Texts as they were given, and read.

    Attributes:
        rows: one row of texts for all sequences of a batch, or one a sequence.
        ids: the numbers that the texts are, where ids were given.
    """

    rows: tuple[tuple[str, ...], ...]
    ids: tuple[tuple[int, ...], ...] | None = None

    def part(self, start: int | None, stop: int | None = None) -> "GivenTexts":
        """Some of the positions."""
        ids = None if self.ids is None else tuple(row[start:stop] for row in self.ids)
        return GivenTexts(tuple(row[start:stop] for row in self.rows), ids)


def given_texts(name: str, given: Any, wanted: str = "texts, one a position") -> GivenTexts:
    """Read what a user gives: a list of texts or ids, a tensor or an array of ids, or lists of these, one a sequence.

    Raises:
        DtypeError: no list, or a list of other things.

    Example:
        >>> given_texts("tokens", ["a", "b"]).rows, given_texts("tokens", [[5, 7], [5, 9]]).rows
        ((('a', 'b'),), (('5', '7'), ('5', '9')))
    """
    if isinstance(given, str | bytes):
        raise DtypeError(f"{name}: expected a list of {wanted}, got the text {given[:40]!r}; use text.split()")
    if isinstance(given, Tensor):
        dense_tensor(name, given)
    if isinstance(given, Sized) and not isinstance(given, type | Tensor | np.ndarray) and len(given) > MOST:
        raise DtypeError(
            f"{name}: expected a list of {wanted}, got {in_short(given)}, of {len(given):,} entries; no map is as long"
        )
    plain = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(plain, Mapping | Set | type) or not hasattr(plain, "__len__") or not hasattr(plain, "__iter__"):
        raise DtypeError(f"{name}: expected a list of {wanted}, got {type(given).__name__}; make a list of it")
    listed = [row.tolist() if hasattr(row, "tolist") else row for row in plain]
    rows = listed if listed and all(isinstance(row, list | tuple) for row in listed) else [listed]
    for row in rows:
        if wrong := [one for one in row if isinstance(one, list | tuple | dict | float | bool) or one is None]:
            raise DtypeError(
                f"{name}: expected a list of {wanted}, or a list of such lists for a batch, got {type(wrong[0]).__name__} in it"
            )
    numbers = all(isinstance(one, Integral) for row in rows for one in row)
    ids = tuple(tuple(map(int, row)) for row in rows) if numbers and any(rows) else None
    return GivenTexts(tuple(tuple(map(str, row)) for row in rows), ids)


def check_sequences(name: str, given: GivenTexts, batch: int) -> None:
    """Refuse rows of another batch.

    Raises:
        ShapeError: neither one row nor one a sequence.
    """
    if len(given.rows) not in (1, batch):
        several = f", or {batch} lists, one for each sequence" if batch > 1 else ""
        raise ShapeError(f"{name}: expected one list of texts{several}, got {len(given.rows)} lists")
