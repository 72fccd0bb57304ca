"""What flows along each edge between layers on its way down from one output token: for a picture, so dense and for short texts.

The sums below the lowest layer are what ``rollout``, ``relevance`` and ``attention_flow`` say of that token.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from regard.analysis.flow.attention_flow import MAX_PIPES, flow_network
from regard.analysis.flow.max_flow import distances_to, fill_shortest
from regard.analysis.flow.stacks import check_residual, is_padded, positions, stack_of, text_by_text
from regard.analysis.weighted.relevance import gradient_weighted, identity_row, tokens_of_batch
from regard.arguments import whole_number, with_all
from regard.errors import OptionError, TooLargeError
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

MAX_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class FlowEdges(Pictured):
    """What flows along each edge between layers. NumPy and ``regard.flow_diagram`` take it as the array of its weights.

    Attributes:
        weights: (batch, layers, queries, keys), the lowest layer first.
        tokens: the tokens that it flows between, where the maps have labels.
    """

    weights: Tensor
    tokens: tuple[str, ...] | None = None

    def table(self, tokens: Sequence[object] | None = None, *, batch: int = 0) -> Iterator[Sequence[object]]:
        """The edges along which something flows as a table, for ``regard.save(edges, "x.csv")``; arguments as in ``figure``."""
        from regard.figures.matrices import checked_index, fitting_labels

        flows = self.weights[checked_index("batch", batch, len(self.weights))]
        words = fitting_labels("tokens", tokens, self.tokens, flows.shape[-1]) or range(flows.shape[-1])
        yield ["layer", "query", "query token", "key", "key token", "flow"]
        for layer, query, key in flows.nonzero().tolist():
            yield [layer, query, words[query], key, words[key], flows[layer, query, key].item()]

    def figure(
        self,
        tokens: Sequence[object] | None = None,
        *,
        batch: int = 0,
        least: float = 0.01,
        title: str = "",
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        special: Collection[str] | None = None,
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The ways through the layers, as ``regard.flow_diagram`` draws them.

        Args:
            tokens: the words of the columns; its own where not given, and positions where it has none.
            batch: which sequence.
            least: edges of less than this share of the largest are left out.
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            special: tokens whose words are dimmed; the usual ones where not given.
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError, ShapeError, ScoreError, DtypeError: as ``regard.flow_diagram``.

        Example:
            >>> edges = FlowEdges(torch.tensor([[[[0.0, 0.0], [0.3, 0.7]]]]), ("the", "cat"))
            >>> [text.get_text() for text in edges.figure().axes[0].texts]
            ['input', 'after layer 0', '0.30', 'the', '0.70', 'cat', 'cat']
        """
        from regard.analysis.flow.figure import flow_diagram

        words = self.tokens if tokens is None else tokens
        look: dict[str, Any] = {"width": width, "font": font, "theme": theme, "ax": ax}
        return flow_diagram(self.weights, words, batch=batch, least=least, title=title, special=special, **look)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        weights = self.weights.detach().cpu()
        return np.array(weights.float() if weights.dtype == torch.bfloat16 else weights, dtype=dtype, copy=copy)


def rollout_edges(maps: Any, token: int = -1, *, heads: Sequence[int] | None = None, residual: float = 0.5) -> FlowEdges:
    """How much of an output token goes along each edge in attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928).

    The token has 1, and every layer hands on what has come to it: ½A + ½I of it, A the mean of the heads. Nothing is lost on
    the way but what rows give to sinks.

    Args:
        maps: a recording with one stack of layers, or the maps of one: ``recording.encoder``.
        token: output position, counted in the text without its padding.
        heads: read only these heads, the same in every layer.
        residual: share of the residual connection, ½ in the paper.

    Returns:
        Edges with weights in the type of the maps, and with the maps' labels; ``edges.weights[:, 0].sum(1)`` is ``rollout``.

    Raises:
        OptionError: no such token or heads, or the maps of several stacks; ShapeError: maps that are not square;
        TooLargeError: more than 1 GiB.

    Example:
        >>> looks_back = AttentionMap.from_dense(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        >>> rollout_edges([looks_back, looks_back], token=1).weights[0, 0]
        tensor([[0.5000, 0.0000],
                [0.2500, 0.2500]])
    """
    layers = stack_of(maps)
    check_residual(residual)
    if is_padded(layers):
        options: dict[str, Any] = {"heads": heads, "residual": residual}
        return _padded(layers, lambda text: rollout_edges(text, token, **options))
    batch, _, size, _ = layers[0].shape
    carried = torch.zeros(batch, size, dtype=layers[0].dtype)
    carried[:, _place("token", token, size)] = 1
    chosen = [None if heads is None else positions("heads", heads, amap.shape[1]) for amap in layers]
    selected = [amap.select(heads=some) for amap, some in zip(layers, chosen, strict=True)]
    return _downwards(selected, carried, residual, 1 - residual)


def relevance_edges(recording: Any, score: Tensor, token: int | Sequence[int] = -1) -> FlowEdges:
    """How much relevance to a score goes along each edge (Chefer et al. 2021, arXiv 2103.15679), for models of one stack.

    The token has 1. Every layer keeps what has come to it and adds Ā of it, the mean over heads of (∇A ⊙ A)⁺, so the amounts
    grow on their way down.

    Args:
        recording: made with ``regard.record(model, values=True)``, gradients on.
        score: what is explained, as in ``regard.relevance``.
        token: the position whose output gave the score, or one a sequence.

    Returns:
        Edges, with the maps' labels; ``edges.weights[:, 0].sum(1)`` is ``regard.relevance(...).inputs``.

    Raises:
        OptionError: no such token, or a model of several stacks; RecordingError: as ``gradient_weighted``; TooLargeError: more
        than 1 GiB.

    Example:
        >>> import regard
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> with regard.record(model, values=True) as recording:
        ...     logits = model(torch.tensor([[1, 2, 3, 4]])).logits
        >>> relevance_edges(recording, logits[0, -1, 7]).weights.shape
        torch.Size([1, 2, 4, 4])
    """
    with_all("recording", recording, "a recording", ("maps", "passes"), advice="make it with regard.record(model, values=True)")
    kinds = sorted({str(amap.kind) for amap in recording.maps})
    if len(kinds) > 1 or recording.passes != 1:
        raise OptionError(
            f"expected one pass of a model of one stack of layers, got {recording.passes} passes of {', '.join(kinds)} maps; "
            "the tokens' relevance in an encoder-decoder is regard.relevance"
        )
    weighted = stack_of(gradient_weighted(recording, score))
    chosen = tokens_of_batch(token, weighted[0].shape[0])
    if not is_padded(weighted):
        return _relevance_down(weighted, chosen)
    left = iter(chosen)
    return _padded(weighted, lambda text: _relevance_down(text, [next(left)]))


def _relevance_down(layers: Sequence[AttentionMap], tokens: Sequence[int]) -> FlowEdges:
    return _downwards(layers, identity_row(layers, tokens)[:, 0, :, 0], 1.0, 1.0)


def attention_flow_edges(
    maps: Any,
    token: int,
    key: int,
    *,
    heads: Sequence[int] | None = None,
    residual: float = 0.5,
    max_pipes: int = MAX_PIPES,
) -> FlowEdges:
    """What each pipe carries when as much as can flows from an output token to one input token (Abnar and Zuidema 2020).

    Several ways of filling the pipes may carry the same, the most that can flow; this is one of them.

    Args:
        maps: a recording with one stack of layers, or the maps of one.
        token: output position, counted in the text without its padding.
        key: input position, likewise.
        heads: read only the mean of these heads, the same in every layer; all where not given.
        residual: share of the residual connection, ½ in the paper.
        max_pipes: most pipes, layers · tokens².

    Returns:
        Edges with weights in float64, and with the maps' labels; ``edges.weights[:, 0].sum((1, 2))`` is
        ``attention_flow(maps, token)[:, 0, key]``.

    Raises:
        OptionError: no such token, key or heads, or the maps of several stacks; ShapeError: maps that are not square;
        TooLargeError: more than ``max_pipes``.

    Example:
        >>> looks_back = AttentionMap.from_dense(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        >>> attention_flow_edges([looks_back, looks_back], token=1, key=0).weights[0, 0]
        tensor([[0.5000, 0.0000],
                [0.5000, 0.0000]], dtype=torch.float64)
    """
    layers = stack_of(maps)
    check_residual(residual)
    if is_padded(layers):
        options: dict[str, Any] = {"heads": heads, "residual": residual, "max_pipes": max_pipes}
        return _padded(layers, lambda text: attention_flow_edges(text, token, key, **options))
    batch, _, size, _ = layers[0].shape
    row, column = _place("token", token, size), _place("key", key, size)
    max_pipes = whole_number("max_pipes", max_pipes, 1)
    if (pipes := len(layers) * size**2) > max_pipes:
        raise TooLargeError(
            f"expected at most {max_pipes:,} pipes, got {len(layers)} layers · {size}² tokens = {pipes:,}; "
            "cut the text, or raise max_pipes= and wait"
        )
    edges = torch.zeros(batch, len(layers), size, size, dtype=torch.float64)
    for item in range(batch):
        network = flow_network(layers, item, heads, residual)
        source, room = len(layers) * size + row, list(network.capacity)
        while (distance := distances_to(network, room, source, column))[source] >= 0:
            fill_shortest(network, room, distance, source, column)
        for pipe in range(0, len(room), 2):  # every other one is a way back
            above, below = network.ends[pipe + 1], network.ends[pipe]
            edges[item, below // size, above % size, below % size] = network.capacity[pipe] - room[pipe]
    return FlowEdges(edges, names_of(layers[0]))


def _padded(layers: Sequence[AttentionMap], find: Callable[[list[AttentionMap]], FlowEdges]) -> FlowEdges:
    """The edges of each text of a padded batch, among its padding."""
    return FlowEdges(text_by_text(layers, lambda text: find(text).weights, (2, 3)), names_of(layers[0]))


def names_of(amap: AttentionMap) -> tuple[str, ...] | None:
    """What a picture calls the positions of a map of one sequence; None where they have no texts, or are of several."""
    return amap.keys.text if len(amap.keys.lines) == 1 else None


def _place(name: str, chosen: Any, size: int) -> int:
    """One place of an axis, counted from its beginning."""
    return whole_number(name, chosen, -size, size - 1, advice="an edge belongs to one") % size


def _downwards(layers: Sequence[AttentionMap], carried: Tensor, kept: float, mixed: float) -> FlowEdges:
    """Edges of what (batch, tokens) hands on, if each layer keeps and mixes such shares."""
    batch, size = carried.shape
    if (needed := batch * len(layers) * size**2 * carried.dtype.itemsize) > MAX_BYTES:
        raise TooLargeError(
            f"expected at most {MAX_BYTES:,} bytes, got edges of {len(layers)} layers · {size}² tokens = {needed:,} bytes; "
            "rollout and relevance tell where they end at any length"
        )
    identity = torch.eye(size, dtype=carried.dtype)
    edges = []
    for amap in reversed(layers):
        through = kept * identity + mixed * amap.dense().mean(dim=1).to(identity)  # (batch, queries, keys)
        edges.append(carried[:, :, None] * through)
        carried = edges[-1].sum(dim=1)
    return FlowEdges(torch.stack(edges[::-1], dim=1), names_of(layers[0]))
