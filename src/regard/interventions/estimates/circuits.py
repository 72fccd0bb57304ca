"""What heads can do, read from their weights alone: copy, match, compose (Elhage et al. 2021). No text is run for it."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn

from regard.arguments import one_of
from regard.errors import DtypeError, RecordingError, in_short
from regard.recording.record import recorder_of

Into = Literal["query", "key", "value"]

_TEXTS = 17
"""Texts of one token whose numbers tell the columns of a projection apart."""


@dataclass(frozen=True, eq=False)
class Circuit:
    """The weights of the heads of one layer; rows of x times these.

    Attributes:
        name: of the attention module.
        layer: counted from 0.
        query: (heads, features, dim); None where the head's queries are no columns of one projection: a norm stands between.
        key: (kv_heads, features, dim); None likewise.
        value: (kv_heads, features, dim).
        output: (heads, dim, features).
    """

    name: str
    layer: int
    query: Tensor | None
    key: Tensor | None
    value: Tensor
    output: Tensor

    def of_heads(self, part: Into) -> Tensor:
        """A part for each query head, (heads, features, dim): head h reads key head h // (heads / kv_heads)."""
        found: Tensor | None = getattr(self, part)
        if found is None:
            raise RecordingError(
                f"expected the {part} projection of {self.name}, got {part}s that are no columns of one: a norm or a scale "
                "stands between, and weights alone do not say what it does"
            )
        return found.repeat_interleave(len(self.output) // len(found), dim=0)


@torch.no_grad()
def circuits(model: nn.Module) -> list[Circuit]:
    """The weights of every head of a decoder or encoder.

    Which columns of which projection are a head's, whatever a library calls and packs them, is read from numbers: texts of one
    token are run, at whose only position rotary embeddings turn nothing, and each head's queries, keys and values are looked
    for among what the projections returned.

    Raises:
        RecordingError: values that are no columns of a projection, or heads whose output projection was not seen.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> [one.output.shape for one in circuits(GPT2LMHeadModel(config).eval())]  # (heads, dim, features) of each layer
        [torch.Size([2, 4, 8]), torch.Size([2, 4, 8])]
    """
    return _read(model).circuits


class _Weights(NamedTuple):
    """Of a model of text."""

    circuits: list[Circuit]
    embedding: Tensor | None  #: (words, features)
    unembedding: Tensor | None  #: (words, features)

    def words(self) -> Tensor:
        """The embedding, of the features of the stream.

        Raises:
            RecordingError: there is none, or one of other features.
        """
        if self.embedding is None or self.embedding.shape[1] != self.circuits[0].output.shape[2]:
            raise RecordingError("expected an embedding as wide as the stream, got none; something stands between them")
        return self.embedding.double()


def _read(model: nn.Module) -> _Weights:
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    named = getattr(model, "get_input_embeddings", lambda: None)()
    words = len(named.weight) if isinstance(named, nn.Embedding) else max((len(part.weight) for part in tables), default=0)
    if not words:
        raise RecordingError(
            f"expected a model of text with an embedding, got {type(model).__name__}; circuits are those of text"
        )
    ids = torch.linspace(0, words - 1, min(_TEXTS, words)).long()[:, None].to(tables[0].weight.device)
    returned: dict[str, tuple[nn.Module, Tensor]] = {}
    looked_up: list[nn.Embedding] = []
    with ExitStack() as hooks:
        for name, part in model.named_modules():
            if isinstance(part, nn.Linear) or type(part).__name__ == "Conv1D":
                hooks.callback(part.register_forward_hook(_keep(returned, name)).remove)
        for table in tables:
            hooks.callback(table.register_forward_hook(partial(_look_up, looked_up, ids)).remove)
        with recorder_of(model, values=True) as recorder:
            output = model(ids)
    recording, logits = recorder.recording, getattr(output, "logits", output)
    unembedding = next((module for module, found in reversed(returned.values()) if found is logits), None)
    found = []
    for amap, call in zip(recording.maps, recording.values, strict=True):
        near = {name: one for name, one in returned.items() if name.startswith(f"{amap.name}.")}
        if call.value is None or call.projection is None or (value := _columns(near, call.value)) is None:
            raise RecordingError(
                f"expected values of {amap.name} that are columns of a projection, and its output projection, got others; "
                "its circuits are not in its weights alone"
            )
        factors = amap.factors
        query = None if factors is None else _columns(near, factors.query)
        key = None if factors is None else _columns(near, factors.key)
        dim = value.shape[2]
        into = call.projection.double().unflatten(0, (-1, dim))  # (heads, dim, features)
        found.append(Circuit(str(amap.name), amap.layer or 0, query, key, value, into))
    reads = unembedding.weight if isinstance(unembedding, nn.Linear) else None
    return _Weights(found, looked_up[0].weight if looked_up else None, reads)


def _look_up(looked_up: list[nn.Embedding], ids: Tensor, table: nn.Module, given: Any, _output: Tensor) -> None:
    """Note the table in which words are looked up, not positions."""
    if isinstance(table, nn.Embedding) and given[0].shape == ids.shape and torch.equal(given[0], ids):
        looked_up.append(table)


def _keep(returned: dict[str, tuple[nn.Module, Tensor]], name: str) -> Any:
    def hook(module: nn.Module, _given: Any, output: Tensor) -> None:
        returned[name] = module, output

    return hook


def _columns(near: dict[str, tuple[nn.Module, Tensor]], wanted: Tensor) -> Tensor | None:
    """The weights whose columns gave these numbers, (texts, heads, 1, dim) to (heads, features, dim)."""
    texts, heads, _, dim = wanted.shape
    columns = wanted.reshape(texts, heads * dim).T.contiguous()
    for module, output in near.values():
        flat = output.reshape(texts, -1).T.contiguous().to(wanted.dtype)
        place = {column.numpy().tobytes(): at for at, column in enumerate(flat.float().cpu())}
        at = [place.get(column.numpy().tobytes()) for column in columns.float().cpu()]
        if None not in at:
            weight = cast("Tensor", module.weight if isinstance(module, nn.Linear) else module.weight.T)  # (out, features)
            found: Tensor = weight[at].double().unflatten(0, (heads, dim)).transpose(1, 2)
            return found
    return None


@torch.no_grad()
def copying(model: nn.Module) -> Tensor:
    """Σλ / Σ|λ| of W_E W_V W_O W_U of each head, (layers, heads): 1 where a token looked at makes itself more likely.

    The eigenvalues of that matrix of words by words are those of W_O W_U W_E W_V, which is as small as a head, and 0s: nothing
    of the size of the vocabulary squared is made. −1 is a head that takes what it looks at away.

    It ignores norms, feed-forwards and positions, where the head looks, and what layers between do to what it writes: a large
    score says what a head could do, not that it does. NaN where a layer has fewer heads.

    Raises:
        RecordingError: as ``circuits``, or embeddings of other sizes than the unembedding.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> copying(GPT2LMHeadModel(config).eval()).shape
        torch.Size([2, 2])
    """
    read = _read(model)
    if read.unembedding is None or read.unembedding.shape != read.words().shape:
        raise RecordingError(
            f"expected a model with a linear unembedding of the words that it reads, got {type(model).__name__}; load it with "
            "its head"
        )
    words = read.unembedding.double().T @ read.words()  # from the stream to words, and back
    return _share_of_eigenvalues([one.output @ words @ one.of_heads("value") for one in read.circuits])


@torch.no_grad()
def matching(model: nn.Module) -> Tensor:
    """Σλ / Σ|λ| of W_E W_Q W_Kᵀ W_Eᵀ of each head, (layers, heads): 1 where a token looks for tokens like itself.

    It ignores norms, feed-forwards and positions, rotary ones too: it is the score at distance 0. An induction head, which
    looks for its token in what the layer before has written, has a small one.

    Raises:
        RecordingError: as ``circuits``, or queries or keys that a norm stands behind.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> matching(GPT2LMHeadModel(config).eval()).shape
        torch.Size([2, 2])
    """
    read = _read(model)
    own = read.words().T @ read.words()
    return _share_of_eigenvalues([one.of_heads("key").mT @ own @ one.of_heads("query") for one in read.circuits])


@torch.no_grad()
def composition(model: nn.Module, into: Into = "key") -> Tensor:
    """‖W_O W‖ / (‖W_O‖ ‖W‖) − 1/√features: how much of what a head writes a later one reads, (layers, heads, layers, heads).

    W_O is the earlier head's output projection, W the later one's query, key or value projection, ‖·‖ Frobenius norms. Of
    random matrices the ratio is 1/√features (its root mean square, for these sizes and any others), which is taken off. At
    [a, h, b, g] stands head h of layer a into head g of layer b; NaN where b is not above a.

    It ignores norms and feed-forwards between, and how often the later head looks there: pairs to try, with
    ``regard.interventions.path``, no finding.

    Args:
        model: a decoder or an encoder.
        into: "query", "key" (as of an induction head and the one before it) or "value".

    Raises:
        RecordingError: as ``circuits``, or queries or keys that a norm stands behind.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> composition(GPT2LMHeadModel(config).eval())[0, :, 1].shape
        torch.Size([2, 2])
    """
    one_of("into", into, get_args(Into))
    found = circuits(model)
    heads = max(len(one.output) for one in found)
    scores = torch.full((len(found), heads, len(found), heads), torch.nan, dtype=torch.float64)
    for a, earlier in enumerate(found):
        for b, later in enumerate(found[a + 1 :], a + 1):
            reads = later.of_heads(into)  # (heads, features, dim)
            together = torch.stack([(one @ reads).flatten(1).norm(dim=1) for one in earlier.output])  # (heads, heads)
            apart = earlier.output.flatten(1).norm(dim=1)[:, None] * reads.flatten(1).norm(dim=1)
            scores[a, : len(earlier.output), b, : len(reads)] = together / apart - reads.shape[1] ** -0.5
    return scores


def _share_of_eigenvalues(layers: list[Tensor]) -> Tensor:
    """Σλ / Σ|λ| of matrices, (heads, dim, dim) of each layer."""
    found = torch.full((len(layers), max(map(len, layers))), torch.nan, dtype=torch.float64)
    for layer, matrices in enumerate(layers):
        values = torch.linalg.eigvals(matrices)
        found[layer, : len(matrices)] = values.real.sum(dim=1) / values.abs().sum(dim=1)
    return found
