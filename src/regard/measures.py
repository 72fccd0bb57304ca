"""What to measure when heads are switched off: numbers of a model's output, for ``regard.sweep``."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from regard.arguments import dense_tensor, several, whole_number
from regard.errors import OptionError, ShapeError

__all__ = ["changed_tokens", "edits", "logit_difference", "loss"]


def loss(output: Any) -> float:
    """The loss that the model computed itself; its inputs need ``labels``.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> loss(SimpleNamespace(loss=torch.tensor(2.0)))
        2.0
    """
    found = getattr(output, "loss", None)
    if found is None:
        raise OptionError("expected an output with a loss, got none; give the model labels= among its inputs")
    return float(found)


def logit_difference(right: int, wrong: int, position: int = -1, *, mask: Tensor | None = None) -> Callable[[Any], float]:
    """A measure: logit of the right token minus that of a wrong one, at one position, averaged over the batch.

    Wang et al. 2022, "Interpretability in the Wild" (arXiv 2211.00593), measure circuits by it.

    Args:
        right: id of the token that should come.
        wrong: id of the one that should not.
        position: the query that is about to write it; with a mask, counted in each text without its padding.
        mask: (batch, positions), the ``attention_mask`` of a padded batch.

    Raises:
        OptionError: no such position in a text; ShapeError: a mask of other sizes than the logits.

    Example:
        >>> import torch
        >>> measure = logit_difference(right=1, wrong=0)
        >>> measure(torch.tensor([[[0.0, 0.0], [0.5, 2.0]]]))
        1.5
    """

    def measure(output: Any) -> float:
        logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
        if not isinstance(logits, Tensor) or logits.ndim != 3:
            raise ShapeError("expected logits (batch, positions, words) in the output, got none; load the model with its head")
        rows = [range(logits.shape[1])] * len(logits) if mask is None else _texts(mask, logits)
        for item, places in enumerate(rows):
            whole_number("position", position, -len(places), len(places) - 1, advice=f"text {item} has {len(places)} tokens")
        at = [places[position] for places in rows]
        return float((logits[range(len(rows)), at, right] - logits[range(len(rows)), at, wrong]).mean())

    return measure


def _texts(mask: Tensor, logits: Tensor) -> list[list[int]]:
    """The positions of each text that are no padding."""
    if mask.shape != logits.shape[:2]:
        raise ShapeError(f"mask: expected (batch, positions)={tuple(logits.shape[:2])}, got {tuple(mask.shape)}")
    return [row.nonzero().flatten().tolist() for row in mask.bool()]


def changed_tokens(before: Tensor) -> Callable[[Any], float]:
    """A measure: how many edits turn the sequences of an unchanged model into those of this one (Levenshtein 1966).

    Args:
        before: ids that ``generate`` returned with every head on, (batch, length).

    Example:
        >>> import torch
        >>> measure = changed_tokens(torch.tensor([[5, 6, 7, 2]]))
        >>> measure(torch.tensor([[5, 7, 2]]))
        1.0
    """
    if dense_tensor("before", before).ndim != 2:
        raise ShapeError(f"before: expected ids (batch, length), got {tuple(before.shape)}")

    def measure(output: Any) -> float:
        after = getattr(output, "sequences", output)
        if not isinstance(after, Tensor) or after.ndim != 2 or after.shape[0] != before.shape[0]:
            got = tuple(after.shape) if isinstance(after, Tensor) else type(after).__name__
            raise ShapeError(
                f"expected sequences ({before.shape[0]}, length), got {got}; run model.generate on the same inputs"
            )
        return float(sum(edits(old, new) for old, new in zip(before.tolist(), after.tolist(), strict=True)))

    return measure


def edits(before: Sequence[Any], after: Sequence[Any]) -> int:
    """The fewest tokens to put in, take out or exchange.

    Example:
        >>> edits("kitten", "sitting")
        3
    """
    for name, given in (("before", before), ("after", after)):
        if not isinstance(given, str):
            several(name, given, "tokens")
    row = list(range(len(after) + 1))
    for at, old in enumerate(before, start=1):
        corner, row[0] = row[0], at
        for to, new in enumerate(after, start=1):
            corner, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, corner + (old != new))
    return row[-1]
