"""What hiding each key from each row would do to a score, from one backward pass: exact through the softmax."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regard.analysis.weighted.output_gradients import output_gradients
from regard.analysis.weighted.weighted_maps import Weighted, key_heads, map_of
from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.maps.sinks import taken_by_sinks
from regard.maps.source import Ranges, Source
from regard.positions import Positions, take

_STRONG = 0.5
"""A weight from which the row is computed without its key: the quotient 1 / (1 − A) would lose what little is left."""

_CELLS = 2**20
"""Weights of whole rows that stand in memory for them at once."""


def hidden_keys(recording: Any, score: Tensor) -> list[AttentionMap]:
    """A / (1 − A) · g·(z − v) of every recorded map, lazily: what hiding key j from row i adds to the score, to first order.

    A is the weight of the pair, v the key's value, z the row's output, g the gradient of the score with regard to z. Without
    the key the row is exactly z′ = z + A / (1 − A) · (z − v), as if a mask had hidden it: only the way from z′ to the score is
    taken to be straight. So it does not saturate where the softmax does, unlike the gradient of a score, −A g·(v − z). Hiding
    a key from all rows is the sum of its column. Memory is O(n); cells of weights above 1/2 cost a row each.

    Exact where the rest of the model is linear: for the last layer of a model of attention alone without norms, and a measure
    linear in its logits. Wrong where the score is at an optimum (a loss after training), where it saturates, or where
    feed-forwards and later layers make up for what is missing: run it, with ``regard.ablate(model, edges=[…])``.

    Args:
        recording: made with ``regard.record(model, values=True)``, gradients on.
        score: a number on the graph of the recorded pass, such as a difference of logits; of several, the sum is taken.

    Returns:
        One map a recorded map, in the same order and with the same names, (batch, heads, queries, keys).

    Raises:
        RecordingError: the recording has no values, or no gradient leads from the score to them.

    Example:
        >>> import regard
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> with regard.record(model, values=True) as recording:
        ...     logits = model(torch.tensor([[1, 2, 3, 4]])).logits
        >>> hidden_keys(recording, logits[0, -1, 7] - logits[0, -1, 5])[1].shape
        (1, 2, 4, 4)
    """
    gradients = output_gradients(recording, score)
    return [_hidden(*one) for one in zip(recording.maps, recording.values, gradients, strict=True)]


@torch.no_grad()
def _hidden(amap: AttentionMap, call: Any, gradient: Tensor) -> AttentionMap:
    source = amap.view.source
    if call.value is None:
        raise RecordingError(
            f"expected values of {amap.name} whose axes are known, got an einsum, where they are not; "
            "leave the layer out with layers=, or write the product as a matmul"
        )
    value = call.value.to(source.device, source.dtype)  # (batch, kv_heads, keys, dim)
    g = call.heads_first(gradient).to(source.device, source.dtype)  # (batch, heads, queries, dim)
    z = call.heads_first(call.output.detach()).to(source.device, source.dtype)
    along = (g.double() * z.double()).sum(dim=3)  # g·z of each row
    kept = value.nbytes + g.nbytes + along.nbytes
    return map_of(Weighted(source, _Hidden(source, value, g, along), kept, "effect of hiding the key"), amap)


@dataclass(frozen=True, eq=False)
class _Hidden:
    """From weights to estimates: of values (batch, kv_heads, keys, dim), gradients (batch, heads, queries, dim), and g·z."""

    source: Source
    value: Tensor
    rise: Tensor
    along: Tensor

    def __call__(self, weights: Tensor, places: Ranges) -> Tensor:
        batch, heads, queries, keys = places
        a = weights.double()
        carried = self._carried(batch, heads, queries, keys)
        along = take(take(take(self.along, 0, batch), 1, heads), 2, queries).unsqueeze(3)
        found = a / (1 - a).clamp(min=1 - _STRONG) * (along - carried)
        for item, head in (a > _STRONG).any(dim=3).any(dim=2).nonzero().tolist():
            rows, columns = (a[item, head] > _STRONG).nonzero(as_tuple=True)  # at most one key a row
            for start in range(0, len(rows), step := max(1, _CELLS // self.source.shape[3])):
                at, to = rows[start : start + step], columns[start : start + step]
                chosen = tuple(queries[row] for row in at.tolist()), tuple(keys[column] for column in to.tolist())
                without = self._rows_without((batch[item],), (heads[head],), *chosen)
                found[item, head, at, to] = a[item, head, at, to] * (without - carried[item, head, at, to])
        return found.to(weights.dtype)

    def _carried(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """g·v of each pair, in double precision."""
        v = key_heads(take(take(self.value, 0, batch), 2, keys), heads, self.rise.shape[1])
        r = take(take(take(self.rise, 0, batch), 1, heads), 2, queries)
        return r.double() @ v.double().mT

    def _rows_without(self, batch: Positions, heads: Positions, queries: Positions, strongest: Positions) -> Tensor:
        """g·z of rows without their strongest keys; of a row that sees no other, 0, for it has no output then."""
        keys = range(self.source.shape[3])
        weights = self.source.weights(batch, heads, queries, keys).double()[0, 0]
        carried = self._carried(batch, heads, queries, keys)[0, 0]
        sunk = taken_by_sinks(weights.sum(dim=1))
        weights[range(len(queries)), list(strongest)] = 0
        left = weights.sum(dim=1) + sunk
        return (weights * carried).sum(dim=1) / left.masked_fill(left == 0, 1)
