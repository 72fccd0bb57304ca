"""What a sink takes of a row: the share of weight that no key gets."""

import torch
from torch import Tensor

ROUNDING = 1e-4
"""Rows that sum to 1 less this have lost nothing to a sink."""


def taken_by_sinks(sums: Tensor) -> Tensor:
    """1 − the sum of each row's weights; 0 where that is rounding."""
    sunk = 1 - sums
    return torch.where(sunk > ROUNDING, sunk, 0)
