"""Direct logit attribution: what each head, and each key in it, adds to a difference of logits on the straight way through."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regard.analysis.weighted.weighted_maps import Weighted, key_heads, map_of
from regard.arguments import dense_tensor, several, whole_number
from regard.errors import DtypeError, RecordingError, ShapeError, in_short
from regard.interventions.estimates.stream import Stream
from regard.maps.attention_map import AttentionMap
from regard.maps.source import Ranges
from regard.positions import take
from regard.recording.record import recorder_of


@dataclass(frozen=True, eq=False)
class DirectLogits:
    """Parts of a difference of logits, which they add up to.

    Attributes:
        heads: of each head, (batch, layers, heads), float64; NaN where a layer has fewer.
        rest: of everything else: embeddings, feed-forwards, biases, (batch,).
        total: logit of the answer − logit of the wrong token, (batch,): the sum of heads and rest.
        keys: of each pair of row and key, one lazy map a layer; of the row that was asked about, a head's keys sum to it.
    """

    heads: Tensor
    rest: Tensor
    total: Tensor
    keys: list[AttentionMap]

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each head of each sequence, for ``regard.save(found, "x.csv")``."""
        yield ["batch", "layer", "head", "logit"]
        for place in (~self.heads.isnan()).nonzero().tolist():
            yield [*place, float(self.heads[tuple(place)])]


@torch.no_grad()
def direct_logits(
    model: nn.Module,
    inputs: Mapping[str, Any] | Tensor,
    answer: int | Sequence[int] | Tensor,
    wrong: int | Sequence[int] | Tensor | None = None,
    *,
    at: int = -1,
) -> DirectLogits:
    """Of every head z W_O · (u_answer − u_wrong) / σ: what it writes, read by the unembedding (Elhage et al. 2021).

    z is the head's output, W_O its rows of the output projection, u the unembedding times the final norm's weights, and 1 / σ
    that norm's scale, kept as it was in this pass; a LayerNorm's mean is taken out. The key j of row i adds
    A_ij (v_j · W_O · (u_answer − u_wrong)) / σ_i: a lazy map of the weights, O(n).

    It is no effect: with the head off, later layers and the norm change too, and often make up for it. A head that works
    through later heads has none of its own here.

    Args:
        model: of text, whose layers add to a stream that one LayerNorm or RMSNorm reads at the end (GPT-2, Llama; not BERT or
            Marian, where norms stand on the way).
        inputs: its inputs by name, or ids, (batch, positions).
        answer: the token that should come; one, or one a sequence.
        wrong: the one that should not; None for the answer's logit alone.
        at: the row that is about to write it, counted in the text without its padding.

    Raises:
        RecordingError: a model that is not built so. OptionError: no such row or token.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> found = direct_logits(GPT2LMHeadModel(config).eval(), torch.tensor([[1, 2, 3, 4]]), answer=5, wrong=6)
        >>> found.heads.shape, bool((found.heads.sum() + found.rest - found.total).abs() < 1e-9)
        (torch.Size([1, 2, 2]), True)
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    if isinstance(inputs, Mapping) and not all(isinstance(name, str) for name in inputs):
        raise DtypeError(f"inputs: expected names of inputs, got {in_short(inputs)}; pass what the tokenizer returns")
    with recorder_of(model, values=True) as recorder, Stream(model, recorder.recording) as stream:
        output = model(**inputs) if isinstance(inputs, Mapping) else model(_ids(inputs))
    recording, logits = recorder.recording, getattr(output, "logits", output)
    if not isinstance(logits, Tensor) or logits.ndim != 3:
        raise RecordingError(f"expected logits (batch, positions, words) of {type(model).__name__}, got none; load its head")
    unembedding = stream.unembedding(logits)
    if recording.passes != 1 or len({amap.kind for amap in recording.maps}) != 1:
        raise RecordingError(
            f"expected one pass of one stack of layers, got {recording.passes} passes of {len(recording.maps)} maps"
        )
    batch, length, words = logits.shape
    rows = _rows(inputs, batch, length, at)
    right = _tokens("answer", answer, batch, words)
    direction = unembedding.weight[right].double()
    total = logits[range(batch), rows, right].double()
    if wrong is not None:
        other = _tokens("wrong", wrong, batch, words)
        direction = direction - unembedding.weight[other].double()
        total = total - logits[range(batch), rows, other].double()
    read, scale = stream.reader(direction)
    parts, keys = [], []
    for amap, call in zip(recording.maps, recording.values, strict=True):
        if call.projection is None or call.value is None or call.heads_first is None or call.output is None:
            raise RecordingError(f"expected the values and the output projection of {amap.name}, got none: heads write by it")
        z = call.heads_first(call.output).double()  # (batch, heads, queries, dim)
        into = call.projection.double().unflatten(0, (z.shape[1], z.shape[3]))  # (heads, dim, features)
        w = torch.einsum("hdf,bf->bhd", into, read)
        parts.append(torch.einsum("bhd,bhd->bh", z[range(batch), :, rows], w) * scale[range(batch), rows, None])
        keys.append(_map_of_keys(amap, call.value, w, scale))
    heads = torch.full((batch, len(parts), max(part.shape[1] for part in parts)), torch.nan, dtype=torch.float64)
    for layer, part in enumerate(parts):
        heads[:, layer, : part.shape[1]] = part
    return DirectLogits(heads, total - heads.nansum(dim=(1, 2)), total, keys)


def _ids(inputs: Tensor) -> Tensor:
    ids = dense_tensor("inputs", inputs)
    if ids.ndim != 2 or ids.dtype not in (torch.int32, torch.int64) or not ids.numel():
        raise ShapeError(f"inputs: expected whole numbers (batch, positions), got {in_short(ids)}; pass ids, or inputs by name")
    return ids


def _rows(inputs: Any, batch: int, length: int, at: int) -> list[int]:
    """The row of each sequence, counted in its text."""
    mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    texts = [list(range(length))] * batch if mask is None else [row.nonzero().flatten().tolist() for row in mask.bool()]
    return [text[whole_number("at", at, -len(text), len(text) - 1)] for text in texts]


def _tokens(name: str, given: Any, batch: int, words: int) -> list[int]:
    """A token for each sequence."""
    one = not isinstance(given, Tensor | list | tuple) or getattr(given, "ndim", 1) == 0
    listed = [given] if one else several(name, given, "tokens", advice="one, or one a sequence")
    if len(listed) not in (1, batch):
        raise ShapeError(f"{name}: expected one token, or {batch} for a batch of {batch}, got {len(listed)}")
    return [whole_number(name, one, 0, words - 1) for one in (listed * batch if len(listed) == 1 else listed)]


@dataclass(frozen=True, eq=False)
class _TimesCarried:
    """Weights times what a key's value says for the answer, (batch, heads, keys), in the scale of the row, (batch, rows)."""

    carried: Tensor
    scale: Tensor

    def __call__(self, weights: Tensor, places: Ranges) -> Tensor:
        batch, heads, queries, keys = places
        carried = take(take(take(self.carried, 0, batch), 1, heads), 2, keys).unsqueeze(2)
        scale = take(take(self.scale, 0, batch), 1, queries)[:, None, :, None]
        return (weights * carried * scale).to(weights.dtype)


def _map_of_keys(amap: AttentionMap, value: Tensor, w: Tensor, scale: Tensor) -> AttentionMap:
    source = amap.view.source
    v = key_heads(value.double(), range(source.shape[1]), source.shape[1])  # (batch, heads, keys, dim)
    carried = torch.einsum("bhkd,bhd->bhk", v, w).to(source.device)
    change = _TimesCarried(carried, scale.to(source.device))
    return map_of(Weighted(source, change, carried.nbytes + scale.nbytes, "logit of the answer"), amap)
