"""A site replaced by its mean over reference texts."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor

from regard.arguments import one_of, several
from regard.errors import OptionError
from regard.interventions.pieces import Piece
from regard.interventions.reference import By, Reference
from regard.interventions.replacements import Replacement

First = Literal["keep", "replace"]
"""What becomes of the first position, where all reference texts begin alike."""


@dataclass(frozen=True, eq=False)
class Mean(Replacement):
    """What stands there on average over reference texts.

    Attributes:
        reference: their means, or the texts.
        by: which positions are averaged.
        first: what becomes of the first one.
    """

    reference: Any
    by: By = "position"
    first: First = "keep"

    def of(self, piece: Piece) -> Tensor:
        """The mean."""
        if piece.spot.part == "pattern":
            raise OptionError("mean: expected another part than a pattern, whose weights are of keys at their places; zero()")
        if not isinstance(self.reference, Reference):
            raise OptionError("mean: expected means in a block, got texts; mean(regard.reference(model, texts)), or a sweep")
        return self.reference.mean(piece, self.by, self.first, piece.spans)

    def __str__(self) -> str:
        return f"mean by {self.by}"


def mean(reference: Any, by: By = "position", *, first: First = "keep") -> Mean:
    """What stands there on average over reference texts: it takes what a site says here, and keeps what it says always.

    Args:
        reference: ``regard.reference(model, texts)``; in a sweep, the texts will do.
        by: "position", the mean of that position, counted from the first, for texts of one template; "end", counted from the
            last; "role", of the positions that spans of the same name cover (Todd et al. 2024, arXiv 2310.15213); "all", of all
            positions.
        first: with "all", where all texts begin with the same token: what stands there is constant and often huge. "keep"
            leaves it out of the mean and in its place, "replace" leaves it out of the mean only.

    Raises:
        OptionError: no such option, and, when the model runs, a position that no reference text reaches.
    """
    one_of("by", by, get_args(By))
    one_of("first", first, get_args(First))
    if not isinstance(reference, Reference):
        reference = tuple(several("reference", reference, "texts", advice="or regard.reference(model, texts)"))
    return Mean(reference, by, first)
