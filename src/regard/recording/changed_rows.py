"""Rows of one call that blocks have changed: who computes a row anew from the map would undo what another block did to it."""

from collections.abc import Sequence

from torch import Tensor

from regard.errors import OptionError


class ChangedRows:
    """What has been changed in one call, by whom.

    Attributes:
        off: heads that are replaced whole: none of their rows is computed anew.
    """

    def __init__(self) -> None:
        self.off: set[int] = set()
        self._rows: dict[int, list[tuple[object, Tensor]]] = {}

    def hidden(self, heads: Sequence[int], rows: Tensor, by: object, where: str) -> list[int]:
        """Those of these heads that are not off, whose rows (batch, queries) lose keys now.

        Raises:
            OptionError: another block has changed one of the rows.
        """
        left = [head for head in heads if head not in self.off]
        for head in left:
            for other, changed in self._rows.get(head, []):
                if other is not by and bool((both := changed & rows).any()):
                    row = int(both.any(0).nonzero()[0, 0])
                    raise OptionError(
                        f"expected keys hidden from rows that no other block changes, got row {row} of head {head} in {where}; "
                        "say all that happens to it in one block: ablate(keys=[1, 2]), or intervene with several sites"
                    )
        self.put(left, rows, by)
        return left

    def put(self, heads: Sequence[int], rows: Tensor, by: object) -> None:
        """These rows, (batch, queries), are another's from now on."""
        for head in heads:
            self._rows.setdefault(head, []).append((by, rows))
