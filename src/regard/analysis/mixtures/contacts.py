"""Which residues of a protein touch, from the attention of its language model: a region from row sums alone."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from regard.analysis.mixtures.mixture import Head, layers_of, maps_of_heads
from regard.arguments import dense_tensor, number, several, whole_number
from regard.axes.axis import Axis
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.indexing import as_choice
from regard.maps.view import MapData, MapView
from regard.positions import Positions, positions_of, through

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure

ROWS = 256
"""Residues whose partners are looked through together."""


class Contact(NamedTuple):
    """Two residues, counted from 0, and how probable it is that they touch."""

    first: int
    second: int
    probability: float


def contacts(
    recording: Any,
    weights: Mapping[Head, float] | Any,
    bias: float = 0.0,
    *,
    kind: str | None = None,
    residues: Sequence[int] | None = None,
) -> "Contacts":
    """σ(b + Σ_lh w_lh · APC(A_lh + A_lhᵀ)), with APC(S) = S − (row sums ⊗ column sums) / total.

    Rao et al. 2020, "Transformer protein language models are unsupervised structure learners" (bioRxiv 2020.12.15.422761),
    section 3; what ``EsmModel.predict_contacts`` computes. The correction takes away what a residue has for being looked at by
    all. One pass over each map gives its sums; a region of contacts then costs that region of each map.

    Args:
        recording: a recording of one sequence: of a batch, ``recording.sample(i)``.
        weights: what each head counts, by (layer, head); or the model's own regression, a linear layer of layers · heads
            numbers, as ``model.contact_head.regression``, which has its bias.
        bias: b.
        kind: as in ``mixture``.
        residues: the positions that are residues; where not given, those of tokens that are not special.

    Raises:
        OptionError: heads that are not there; residues that are not known; ShapeError: several sequences, maps that are not
        square, or a regression of another size; DtypeError: weights that are none.

    Example:
        >>> import regard
        >>> amap = regard.AttentionMap(torch.randn(1, 2, 9, 4), torch.randn(1, 2, 9, 4))
        >>> found = contacts([amap], {(0, 0): 8.0, (0, 1): -1.0}, bias=-2.0, residues=range(1, 8))
        >>> found.map.shape, len(found.strongest(3, apart=3))
        ((1, 1, 7, 7), 3)
    """
    layers = layers_of(recording, kind)
    counted, constant = _regression(weights, layers, number("bias", bias))
    chosen = maps_of_heads(list(layers.values()), counted, None)
    first = chosen[0][0]
    if first.shape[0] != 1 or first.shape[2] != first.shape[3]:
        raise ShapeError(
            f"recording: expected self-attention of one sequence, got (batch, heads, queries, keys)={first.shape}; "
            "take one: recording.sample(0)"
        )
    inside = _residues(first, residues)
    narrowed = [(amap.select(queries=as_choice(inside), keys=as_choice(inside)), weight) for amap, weight in chosen]
    source = _Corrected(tuple(_Symmetric.of(amap, weight) for amap, weight in narrowed), constant)
    like = narrowed[0][0]
    axis = like.queries if like.queries.lines[0].text is not None else Axis.unknown(len(inside))
    return Contacts(AttentionMap.from_data(MapData(MapView.whole(source), kind="self", queries=axis, keys=axis)))


@dataclass(frozen=True)
class Contacts:
    """How probable it is that residues touch.

    Attributes:
        map: (1, 1, residues, residues), symmetric and lazy: read a region, or ``map.dense()``.
    """

    map: AttentionMap

    def strongest(self, count: int | None = None, *, apart: int = 6) -> list[Contact]:
        """The most probable contacts, the strongest first; as many as residues where no count is given.

        Args:
            count: how many.
            apart: residues |i − j| at least: neighbours in the chain touch always.
        """
        size = self.map.shape[2]
        count = size if count is None else whole_number("count", count, 0)
        whole_number("apart", apart, 1)
        best: list[tuple[float, int, int]] = []
        for start in range(0, size - apart, ROWS):
            stop = min(start + ROWS, size - apart)
            tile = self.map[0, 0, start:stop, start + apart :]
            rows, columns = torch.triu_indices(*tile.shape, device=tile.device)
            values = tile[rows, columns]
            top = values.topk(min(count, len(values)))
            places = ((start + int(rows[at]), start + apart + int(columns[at])) for at in top.indices.tolist())
            best = heapq.nlargest(
                count, [*best, *((value, -i, -j) for value, (i, j) in zip(top.values.tolist(), places, strict=True))]
            )
        return [Contact(-i, -j, value) for value, i, j in best]

    def precision(self, truth: Tensor, *, apart: int = 24, top: int | None = None) -> float:
        """The share of the strongest contacts that are contacts of a known structure: at L long-range ones by default.

        Args:
            truth: (residues, residues), which touch; usually those whose Cβ are within 8 Å.
            apart: residues |i − j| at least: 24 is long range, 12 to 23 medium.
            top: how many; as many as residues where not given.
        """
        size = self.map.shape[2]
        known = touching(truth, size)
        found = self.strongest(size if top is None else whole_number("top", top, 1), apart=apart)
        if not found:
            raise OptionError(f"apart: expected less than the {size} residues, got {apart}; no pair is that far apart")
        return sum(bool(known[one.first, one.second]) for one in found) / len(found)

    def beside(self, truth: Tensor) -> AttentionMap:
        """(1, 1, residues, residues), lazily: the model's probabilities up to the diagonal, above it a known structure, 1 or 0.

        Of the structure a byte is kept for each pair, and nothing of the probabilities.

        Args:
            truth: (residues, residues), which touch: True, or a number above 0.

        Raises:
            ShapeError: a structure of another size; DtypeError, ScoreError: one that does not say which touch.
        """
        source = _Beside(self.map.view, touching(truth, self.map.shape[2]).to(self.map.device))
        return AttentionMap.from_data(replace(self.map.to_data(), view=MapView.whole(source)))

    def table(self, count: int | None = None, *, apart: int = 6) -> Iterator[Sequence[object]]:
        """The strongest contacts as a table, for ``regard.save(found, "x.csv", count=20)``; arguments as for ``strongest``."""
        yield ["first", "second", "probability"]
        yield from self.strongest(count, apart=apart)

    def figure(
        self,
        truth: Tensor | None = None,
        *,
        title: str | None = None,
        cmap: Any = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The contact map as a picture; with a known structure this is its half above the diagonal, the model's the one below.

        Args:
            truth: (residues, residues), which touch.
            title: above the picture.
            cmap: a colour map of matplotlib, as in ``regard.heatmap``.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            ShapeError: a structure of another size; TooLargeError: more residues than a dense picture may have.

        Example:
            >>> import regard
            >>> amap = regard.AttentionMap(torch.randn(1, 1, 9, 4), torch.randn(1, 1, 9, 4))
            >>> figure = contacts([amap], {(0, 0): 8.0}, residues=range(9)).figure()
        """
        from regard.analysis.mixtures.figure import contacts_figure

        shown = (self.map if truth is None else self.beside(truth)).dense()[0, 0]
        labels = self.map.queries.text or [str(at + 1) for at in range(len(shown))]
        said = "contacts" if truth is None else "contacts: the model's below the diagonal, the structure's above"
        looks: dict[str, Any] = {"cmap": cmap, "width": width, "font": font, "theme": theme, "ax": ax}
        return contacts_figure(shown, labels, title=said if title is None else title, **looks)


def touching(truth: Tensor, size: int) -> Tensor:
    """Which residues touch in a known structure, (residues, residues) of truth values.

    Raises:
        ShapeError: a structure of another size; DtypeError, ScoreError: one that does not say which touch.
    """
    if (given := dense_tensor("truth", truth).detach()).is_complex():
        raise DtypeError(f"truth: expected which residues touch, True or a number above 0, got {in_short(truth)}")
    if tuple(given.shape) != (size, size):
        raise ShapeError(f"truth: expected (residues, residues)=({size}, {size}), got {tuple(given.shape)}")
    if given.is_floating_point() and bool(given.isnan().any()):
        raise ScoreError("truth: expected which residues touch, True or a number above 0, got NaN; say 0 where it is not known")
    return given > 0


def _regression(weights: Any, layers: Mapping[int, AttentionMap], bias: float) -> tuple[dict[Head, float], float]:
    """What each head counts, and the constant."""
    if isinstance(weights, Mapping):
        return dict(weights), bias
    matrix, own = getattr(weights, "weight", None), getattr(weights, "bias", None)
    if not isinstance(matrix, Tensor):
        raise DtypeError(
            f"weights: expected {{(layer, head): number}} or a linear layer, got {in_short(weights)}; of an ESM model, "
            "model.contact_head.regression"
        )
    places = [(layer, head) for layer in sorted(layers) for head in range(layers[layer].shape[1])]
    if matrix.numel() != len(places):
        raise ShapeError(
            f"weights: expected {len(places)} numbers, one a head of each recorded layer, got {tuple(matrix.shape)}; "
            "record all layers"
        )
    values = matrix.detach().flatten().double().tolist()
    return dict(zip(places, values, strict=True)), bias + (float(own.detach().sum()) if isinstance(own, Tensor) else 0.0)


def _residues(amap: AttentionMap, given: Sequence[int] | None) -> Positions:
    size = amap.shape[2]
    if given is not None:
        chosen = several("residues", given, "positions", advice="such as range(1, 9)")
        places = [whole_number("residues", one, -size, size - 1) % size for one in chosen]
        if not places:
            raise OptionError("residues: expected at least one position, got none")
        if places != sorted(set(places)):
            raise OptionError(f"residues: expected positions along the chain, each once, got {in_short(chosen)}; sort them")
        return positions_of(places)
    line = amap.queries.line
    if line.spelled is None and line.special is None:
        raise OptionError(
            "residues: expected to know which tokens are residues and which are ends, got positions without texts; give "
            f"residues=range(1, {size - 1}), or record with tokenizer="
        )
    return positions_of([at for at, special in enumerate(line.specials) if not special and amap.queries.present[at]])


@dataclass(frozen=True, eq=False)
class _Symmetric:
    """S = A + Aᵀ of one head, and what its rows sum to."""

    view: MapView
    weight: float
    sums: Tensor  # (residues,)
    total: float

    @classmethod
    @torch.no_grad()
    def of(cls, amap: AttentionMap, weight: float) -> "_Symmetric":
        ones = torch.ones(amap.shape[2], 1, dtype=amap.dtype, device=amap.device)
        rows, columns = (amap @ ones)[0, 0, :, 0], (amap.T @ ones)[0, 0, :, 0]
        sums = rows.double() + columns.double()
        return cls(amap.view, weight, sums, float(sums.sum()))

    def tile(self, rows: Positions, columns: Positions) -> Tensor:
        """The head's part at these residues, w · APC(S)."""
        there = self.view.select(queries=as_choice(rows), keys=as_choice(columns)).weights()[0, 0]
        back = self.view.select(queries=as_choice(columns), keys=as_choice(rows)).weights()[0, 0]
        mean = self.sums[list(rows)][:, None] * self.sums[list(columns)] / (self.total or 1.0)
        return self.weight * (there.double() + back.mT.double() - mean)


@dataclass(frozen=True, eq=False)
class _Corrected:
    """Probabilities of contacts, a tile at a time."""

    heads: tuple[_Symmetric, ...]
    bias: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(1, 1, residues, residues)."""
        return self.heads[0].view.shape

    @property
    def dtype(self) -> torch.dtype:
        """As the weights."""
        return self.heads[0].view.source.dtype

    @property
    def device(self) -> torch.device:
        """As the weights."""
        return self.heads[0].view.source.device

    @property
    def nbytes(self) -> int:
        """Bytes kept, those that several heads share once."""
        kept = sum({id(one.view.source): one.view.source.nbytes for one in self.heads}.values())
        return kept + sum(one.sums.nbytes for one in self.heads)

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """A tile, (batch, heads, queries, keys)."""
        rows, columns = (through(range(self.shape[2]), places) for places in (queries, keys))
        total = torch.full((len(rows), len(columns)), self.bias, dtype=torch.float64, device=self.device)
        for one in self.heads:
            total += one.tile(rows, columns)
        return total.sigmoid().to(self.dtype).expand(len(batch), len(heads), -1, -1)

    def denominators(self, *_: Positions) -> Tensor:
        """There are none: these are probabilities of pairs."""
        raise OptionError("logsumexp: expected a map of attention weights, got contacts, whose rows are no softmax")

    def describe(self) -> str:
        """In a few words, what it shows."""
        return f"contacts from {len(self.heads)} heads"


@dataclass(frozen=True, eq=False)
class _Beside:
    """Contacts up to the diagonal, a known structure above it, a tile at a time."""

    view: MapView
    known: Tensor  # (residues, residues), truth values

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(1, 1, residues, residues)."""
        return self.view.shape

    @property
    def dtype(self) -> torch.dtype:
        """As the contacts."""
        return self.view.source.dtype

    @property
    def device(self) -> torch.device:
        """As the contacts."""
        return self.view.source.device

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.view.source.nbytes + self.known.nbytes

    def weights(self, batch: Positions, heads: Positions, queries: Positions, keys: Positions) -> Tensor:
        """A tile, (batch, heads, queries, keys)."""
        own = self.view.select(list(batch), list(heads), as_choice(queries), as_choice(keys)).weights()
        rows, columns = (torch.tensor(list(one), device=self.device) for one in (queries, keys))
        return torch.where(columns > rows[:, None], self.known[rows[:, None], columns].to(own), own)

    def denominators(self, *_: Positions) -> Tensor:
        """There are none: these are pairs."""
        raise OptionError("logsumexp: expected a map of attention weights, got contacts, whose rows are no softmax")

    def describe(self) -> str:
        """In a few words, what it shows."""
        return f"{self.view.source.describe()} beside a known structure"
