"""The denominators of whole rows of scores; a score that is no number is named with its place."""

import torch
from torch import Tensor

from regard.errors import ScoreError
from regard.maps.factors import Factors
from regard.positions import Positions, take


def denominators_of(factors: Factors, batch: Positions, heads: Positions, queries: Positions, scores: Tensor) -> Tensor:
    """Logarithm of the denominators of these rows of scores, (batch, heads, queries), sinks included.

    Raises:
        ScoreError: some score is no number, or +∞, with its place.
    """
    if factors.sinks is not None:
        sinks = take(factors.sinks.to(factors.dtype), 0, heads).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    found = torch.logsumexp(scores, dim=-1)
    wrong = found.isnan() | (found == torch.inf)
    if wrong.any():
        b, h, row = (int(place) for place in wrong.nonzero()[0])
        column = int((scores[b, h, row].isnan() | (scores[b, h, row] == torch.inf)).nonzero()[0])
        raise ScoreError(
            f"expected finite scores, got {scores[b, h, row, column].item()} at batch {batch[b]}, head {heads[h]}, query "
            f"{queries[row]}, key {column}; look for NaN or overflow in the model's activations there"
        )
    return found
