"""What a score_mod of flex attention does to the scores: nothing, a factor, a softcap, a bias; else the weights are kept."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import Mask
from regard.recording.copies import Copies
from regard.recording.functions.flex_masks import Modification, depends_on, over_tile

MAX_BYTES = 2**30
SCORES = (-1000.0, -30.5, -2.25, 0.0, 0.5, 1.0, 3.5, 40.0, 3000.0)
"""What a function is tried on; it is asked in float64, whose rounding is far below what tells functions apart."""


@dataclass
class ScoreReading:
    """How the map of a call is made.

    Attributes:
        kept: "factors"; or "dense", and why.
        factor: the scores are multiplied with it.
        softcap: as in AttentionMap.
        bias: likewise.
        score_mod: what nothing simpler equals.
    """

    kept: str = "factors"
    factor: float = 1.0
    softcap: float | None = None
    bias: Tensor | None = field(default=None, repr=False)
    score_mod: Modification | None = None

    def map(self, query: Tensor, key: Tensor, mask: Mask | None, scale: float, copies: Copies) -> AttentionMap:
        """The map of these queries and keys."""
        if self.score_mod is not None:
            return AttentionMap.from_dense(copies.own(_weights(self.score_mod, query, key, mask, scale)))
        bias = None if self.bias is None else copies.own(self.bias)
        own = copies.own(query), copies.own(key)
        return AttentionMap(*own, mask=mask, scale=scale * self.factor, softcap=self.softcap, bias=bias)


def score_reading(score_mod: Modification, shape: tuple[int, int, int, int], device: torch.device) -> ScoreReading:
    """The simplest thing that equals a score_mod, asked now, as what it looks up may change."""
    if getattr(score_mod, "__name__", "") == "_identity":
        return ScoreReading()
    zero = torch.zeros((), dtype=torch.float64, device=device)
    sizes = [size if depends_on(score_mod, axis, device, zero) else 1 for axis, size in enumerate(shape)]
    places = tuple(torch.arange(size, device=device) for size in sizes)
    if sizes == [1, 1, 1, 1]:
        tried = torch.tensor(SCORES, dtype=torch.float64, device=device)
        found = torch.stack([_of_score(score_mod, places, score).flatten()[0] for score in tried])
        factor = float(found[SCORES.index(1.0)])
        if torch.allclose(found, factor * tried, rtol=1e-12, atol=1e-12):
            return ScoreReading(factor=factor)
        cap = abs(float(_of_score(score_mod, places, zero + 1e30).flatten()[0]))
        if 0 < cap < 1e20 and torch.allclose(found, cap * (tried / cap).tanh(), rtol=1e-9, atol=1e-9):
            return ScoreReading(softcap=cap)
    _check_size(sizes)
    bias = _of_score(score_mod, places, zero)
    if all(_same(_of_score(score_mod, places, zero + score) - score, bias) for score in SCORES):
        return ScoreReading(bias=bias.float())
    _check_size(shape)
    return ScoreReading("dense: its score_mod is neither a factor, a softcap nor a bias", score_mod=score_mod)


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-9)


def _of_score(score_mod: Modification, places: Any, score: Tensor) -> Tensor:
    return over_tile(score_mod, places, score.expand([len(each) for each in places])).double()


def _check_size(sizes: Any) -> None:
    if (needed := 4 * torch.Size(sizes).numel()) > MAX_BYTES:
        raise RecordingError(
            f"expected a score_mod that is a factor, a softcap or a bias of at most {MAX_BYTES:,} bytes, got one whose weights "
            f"take {needed:,}; record shorter sequences, or leave the layer out with layers="
        )


def _weights(score_mod: Modification, query: Tensor, key: Tensor, mask: Mask | None, scale: float) -> Tensor:
    """The weights themselves, (batch, heads, queries, keys)."""
    batch, heads, queries, _ = query.shape
    keys = key.shape[2]
    repeated = key.repeat_interleave(heads // key.shape[1], dim=1).float().expand(batch, -1, -1, -1)
    scores = query.float() @ repeated.transpose(2, 3) * scale
    places = tuple(torch.arange(size, device=query.device) for size in (batch, heads, queries, keys))
    scores = over_tile(score_mod, places, scores)  # type: ignore[arg-type]
    if mask is not None:
        scores = scores.masked_fill(~mask.dense(batch, heads, queries, keys, device=query.device), -torch.inf)
    return scores.softmax(-1).nan_to_num(0)  # a row that sees nothing is 0
