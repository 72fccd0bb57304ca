"""Gradient × attention: which weights an answer depends on, and through them which tokens.

Chefer, Gur and Wolf 2021, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers"
(arXiv 2103.15679). The gradient of the weights never stands in memory: an attention call is O = A·V, so the gradient of any
region of A is dO·Vᵀ of that region, and both are O(n). The model runs unmodified, on its fused kernel.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from regard.analysis.weighted.output_gradients import output_gradients
from regard.analysis.weighted.weighted_maps import Weighted, key_heads, map_of
from regard.arguments import several, whole_number
from regard.axes.axis import Axis
from regard.errors import RecordingError, ShapeError
from regard.maps.attention_map import AttentionMap
from regard.maps.source import Ranges
from regard.pictured import Bundle, bundle_of
from regard.positions import take

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


class Relevance(NamedTuple):
    """What a score depends on, token by token."""

    inputs: Tensor  #: (batch, keys): tokens of the input; of an encoder-decoder, tokens of the source
    consumed: Tensor | None  #: (batch, keys): tokens that the decoder of an encoder-decoder had read; None for other models

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:  # noqa: ARG002 - as ``Pictured`` has it
        return bundle_of(self)  # a NamedTuple has no other bases

    def table(self, tokens: Sequence[object] | None = None, *, batch: int = 0) -> Iterator[Sequence[object]]:
        """``inputs`` of one sequence as a table, for ``regard.save(relevance, "x.csv")``; arguments as those of ``figure``."""
        from regard.figures.matrices import checked_index, fitting_labels

        scores = self.inputs[checked_index("batch", batch, len(self.inputs))].tolist()
        words = fitting_labels("tokens", tokens, None, len(scores)) or range(len(scores))
        yield ["position", "token", "relevance"]
        yield from ([at, word, score] for at, (word, score) in enumerate(zip(words, scores, strict=True)))

    def figure(
        self,
        tokens: Sequence[object] | None = None,
        *,
        batch: int = 0,
        token: int | None = None,
        title: str = "",
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        special: Collection[str] | None = None,
        ax: "Axes | None" = None,
    ) -> "Figure":
        """``inputs`` of one sequence as bars over the text, as ``regard.token_scores`` draws them.

        Args:
            tokens: the words below the bars, such as ``recording.keys``; positions where not given.
            batch: which sequence.
            token: the position that the score was read at, if it is one of these: its word is marked.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            special: tokens whose words are dimmed; the usual ones where not given.
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError, ShapeError, ScoreError: as ``regard.token_scores``, and no such sequence.

        Example:
            >>> found = Relevance(torch.tensor([[0.5, 1.5]]), None)
            >>> [text.get_text() for text in found.figure(["the", "cat"]).axes[0].texts]
            ['', '0 to 1.50', 'the', 'cat']
        """
        from regard.figures.matrices import checked_index
        from regard.figures.token_scores import token_scores

        scores = self.inputs[checked_index("batch", batch, len(self.inputs))]
        look: dict[str, Any] = {"width": width, "font": font, "theme": theme, "ax": ax}
        return token_scores(scores, tokens, token=token, title=title, special=special, **look)


def gradient_weighted(recording: Any, score: Tensor) -> list[AttentionMap]:
    """(∇A ⊙ A)⁺ of every recorded map, lazily: weights that raise the score, each times how much (Chefer et al. 2021, eq. 5).

    Args:
        recording: made with ``regard.record(model, values=True)``, gradients on.
        score: a number on the graph of the recorded pass, such as ``logits[0, -1, token]``; of several, the sum is taken.

    Returns:
        One map a recorded map, in the same order and with the same names, (batch, heads, queries, keys).

    Raises:
        RecordingError: the recording has no values, or no gradient leads from the score to them.

    Example:
        >>> import regard
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> model = BertModel(config).eval()
        >>> with regard.record(model, values=True) as recording:
        ...     output = model(input_ids=torch.arange(5)[None])
        >>> gradient_weighted(recording, output.pooler_output[0, 3])[0].shape
        (1, 2, 5, 5)
    """
    gradients = output_gradients(recording, score)
    return [
        _gradient_times_weights(amap, call, gradient)
        for amap, call, gradient in zip(recording.maps, recording.values, gradients, strict=True)
    ]


def _gradient_times_weights(amap: AttentionMap, call: Any, gradient: Tensor) -> AttentionMap:
    source = amap.view.source
    if call.value is None:
        raise RecordingError(
            f"expected values of {amap.name} whose axes are known, got an einsum, where they are not; "
            "leave the layer out with layers=, or write the product as a matmul"
        )
    value = call.value.to(source.device, source.dtype)  # (batch, kv_heads, keys, dim)
    rise = call.heads_first(gradient.detach()).to(source.device, source.dtype)  # (batch, heads, queries, dim)
    return map_of(Weighted(source, _TimesGradient(value, rise), value.nbytes + rise.nbytes, "gradient × weights"), amap)


@dataclass(frozen=True, eq=False)
class _TimesGradient:
    """Weights times their gradient where that is above 0: of values (batch, kv_heads, keys, dim), and that of the output."""

    value: Tensor
    rise: Tensor

    def __call__(self, weights: Tensor, places: Ranges) -> Tensor:
        batch, heads, queries, keys = places
        v = key_heads(take(take(self.value, 0, batch), 2, keys), heads, self.rise.shape[1])
        r = take(take(take(self.rise, 0, batch), 1, heads), 2, queries)
        return (weights * (r @ v.mT)).clamp_(min=0)


def relevance(recording: Any, score: Tensor, token: int | Sequence[int] = -1) -> Relevance:
    """How relevant each token is to a score (Chefer et al. 2021), for encoders, decoders and encoder-decoders.

    With Ā the mean over heads of (∇A ⊙ A)⁺, and R = I before the first layer, self-attention adds Ā·R to R (eqs. 5 to 7).
    A decoder's cross-attention adds R̄ᵀ·Ā·R̄ₑ to its relevance of the source (eq. 10), where R̄ of the decoder's R and R̄ₑ of the
    encoder's have their off-identity part scaled to rows that sum to 1 (eqs. 8 and 9); a row without any stays as it is. Only
    the row of one token is carried through, as a vector, so memory is O(n), and a long text costs passes over lazy maps.

    Args:
        recording: made with ``regard.record(model, values=True)``, gradients on.
        score: what is explained: a number on the graph of the recorded pass, such as ``logits[0, -1, word]``. Of a batch, the
            sum over its sequences, which do not touch one another.
        token: the position whose output gave the score, or one a sequence, counted in the text without its padding: the last
            of a decoder, 0 where a classifier reads its first token.

    Returns:
        Relevance: ``inputs`` (batch, keys), and for encoder-decoders ``consumed`` too. R starts as the identity, so the token
        itself has 1 to begin with.

    Raises:
        RecordingError: as ``gradient_weighted``, or maps of several passes; OptionError: no such token.

    Example:
        >>> import regard
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> with regard.record(model, values=True) as recording:
        ...     logits = model(torch.tensor([[1, 2, 3, 4]])).logits
        >>> relevance(recording, logits[0, -1, 7]).inputs.shape
        torch.Size([1, 4])
    """
    weighted = gradient_weighted(recording, score)
    kinds = {str(amap.kind) for amap in recording.maps}
    if recording.passes != 1:
        raise RecordingError(f"expected one pass of the model, got {recording.passes}; record each in a block of its own")
    if "cross" not in kinds and len(kinds) > 1:
        raise RecordingError(f"expected one stack of layers, or an encoder-decoder, got {' and '.join(sorted(kinds))} maps")
    if "cross" in kinds and (missing := {"encoder", "decoder"} - kinds):
        raise RecordingError(
            f"expected encoder, decoder and cross maps, got no {' and no '.join(sorted(missing))} maps; record without kinds="
        )
    batch = weighted[0].shape[0]
    tokens = tokens_of_batch(token, batch)
    if not any(amap.queries.is_padded or amap.keys.is_padded for amap in weighted):
        return _of_texts(weighted, tokens)
    alone = [_of_texts([amap.sample(item) for amap in weighted], [tokens[item]]) for item in range(batch)]
    written = next((amap for amap in weighted if amap.kind == "decoder"), None)
    read = next(amap for amap in weighted if amap.kind == "encoder") if written is not None else weighted[0]
    inputs = _among_padding([found.inputs for found in alone], read.keys)
    consumed = [found.consumed for found in alone if found.consumed is not None]
    return Relevance(inputs, _among_padding(consumed, written.keys) if written is not None else None)


def _of_texts(weighted: Sequence[AttentionMap], tokens: Sequence[int]) -> Relevance:
    """The relevance of texts without padding."""
    if all(amap.kind != "cross" for amap in weighted):
        return Relevance(_downwards(identity_row(weighted, tokens), weighted)[:, 0, :, 0], None)
    encoder = [amap for amap in weighted if amap.kind == "encoder"]
    decoder = [amap for amap in weighted if amap.kind != "encoder"]  # self- and cross-attention in the order of the calls
    return _through_both(encoder, decoder, tokens)


def _among_padding(found: Sequence[Tensor], axis: Axis) -> Tensor:
    """What the tokens of each text have, at their positions in the batch; padding has 0."""
    whole = found[0].new_zeros(len(found), len(axis))
    for item, values in enumerate(found):
        whole[item, list(axis.real(item))] = values[0]
    return whole


def tokens_of_batch(token: int | Sequence[int], batch: int) -> list[int]:
    """One token for each sequence.

    Raises:
        ShapeError: more or fewer of them.
    """
    listed = isinstance(token, list | tuple | range) or getattr(token, "ndim", 0) == 1
    tokens = several("token", token, "positions") if listed else [whole_number("token", token)] * batch
    if len(tokens) != batch:
        raise ShapeError(f"expected one token, or {batch} for a batch of {batch}, got {len(tokens)}")
    return tokens


def identity_row(maps: Sequence[AttentionMap], tokens: Sequence[int]) -> Tensor:
    """The row of each sequence's token of the identity, as a column: (batch, 1, queries, 1)."""
    batch, _, size, _ = maps[0].shape
    row = torch.zeros(batch, 1, size, 1, dtype=maps[0].dtype)
    row[range(batch), 0, [whole_number("token", one, -size, size - 1) for one in tokens]] = 1
    return row


def _downwards(row: Tensor, maps: Sequence[AttentionMap]) -> Tensor:
    """Rows times (I + Ā_L) ··· (I + Ā_1), standing as columns: (batch, 1, positions, rows)."""
    for amap in reversed(maps):
        added = (amap.T @ row).mean(dim=1, keepdim=True)
        row = row.to(added) + added
    return row


def _through_both(encoder: Sequence[AttentionMap], decoder: Sequence[AttentionMap], tokens: Sequence[int]) -> Relevance:
    """The token's rows of a decoder's relevance: of the source, and of what it had read."""
    # From the top down: what the row of the token is at each cross-attention, once the layers above have had their part.
    row = identity_row([amap for amap in decoder if amap.kind == "decoder"], tokens)
    rows: list[Tensor] = []
    for amap in reversed(decoder):
        if amap.kind == "cross":
            rows.append(row)
        else:
            row = _downwards(row, [amap])
    consumed = row[:, 0, :, 0]

    # From the bottom up: R of the decoder as it stands at each cross-attention, times that row, and times ones for its sums.
    rows.reverse()
    columns = torch.cat([*rows, torch.ones_like(row)], dim=3)  # (batch, 1, queries, crossings + 1)
    size = next(amap.shape[3] for amap in decoder if amap.kind == "cross")
    source = row.new_zeros(row.shape[0], 1, size, 1)
    crossing = 0
    for amap in decoder:
        if amap.kind == "decoder":
            added = (amap @ columns).mean(dim=1, keepdim=True)
            columns = columns.to(added) + added
            continue
        start = rows[crossing].to(columns)
        turned = start + _share(columns[..., crossing : crossing + 1] - start, columns[..., -1:] - 1)  # R̄ · rowᵀ
        added = (amap.T @ turned).mean(dim=1, keepdim=True)  # (batch, 1, source, 1)
        source = source.to(added) + added
        crossing += 1

    sums = torch.ones_like(source)
    for amap in encoder:
        added = (amap @ sums).mean(dim=1, keepdim=True)
        sums = sums.to(added) + added
    shared = _share(source, sums - 1)
    return Relevance((source + _downwards(shared, encoder) - shared)[:, 0, :, 0], consumed)


def _share(amount: Tensor, total: Tensor) -> Tensor:
    """The amount over the total; nothing where there is nothing."""
    return torch.where(total > 0, amount / total.masked_fill(total <= 0, 1), 0)
