"""What stood at some places of a model in one run: it may be put into another one."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from regard.errors import DtypeError, OptionError, RecordingError, ShapeError, in_short
from regard.interventions.pieces import Piece, Spot
from regard.maps.attention_map import AttentionMap
from regard.recording.recording import Recording
from regard.recording.text_positions import Places


@dataclass
class Run:
    """What was kept of one run.

    Attributes:
        values: by spot, (sequences, heads, positions, dim).
        patterns: the weights of heads, by spot.
        places: where positions stand in their texts, by spot.
    """

    values: dict[Spot, Tensor] = field(default_factory=dict)
    patterns: dict[Spot, AttentionMap] = field(default_factory=dict)
    places: dict[Spot, Places] = field(default_factory=dict)

    def keep(self, spot: Spot, found: Tensor | AttentionMap, places: Places) -> None:
        """Keep a copy: what the model has is overwritten, or is a view of more."""
        if isinstance(found, AttentionMap):
            self.patterns[spot] = found
        else:
            self.values[spot] = found.detach().clone(memory_format=torch.contiguous_format)
        self.places[spot] = places

    def of_sequences(self, sequences: slice) -> "Run":
        """Of some sequences: views."""
        return Run(
            {spot: one[sequences] for spot, one in self.values.items()},
            {spot: one.select(batch=range(*sequences.indices(one.shape[0]))) for spot, one in self.patterns.items()},
            {spot: one.of_sequences(sequences) for spot, one in self.places.items()},
        )

    def put_into(self, piece: Piece) -> Tensor:
        """What stood in this run where a piece stands, (sequences, heads, positions, dim).

        Raises:
            OptionError: nothing was kept there; ShapeError: it has other sequences or positions.
        """
        if piece.spot.part == "pattern":
            return self._pattern(piece)
        if piece.spot not in self.values:
            raise OptionError(
                f"run: expected the {piece.spot}, got a run without it; record it on the same model, with values=True"
            )
        given = self.values[piece.spot]
        if max(piece.heads) >= given.shape[1]:
            raise OptionError(f"run: expected head {max(piece.heads)} of the {piece.spot}, got {given.shape[1]} heads")
        given = given[:, list(piece.heads)].to(piece.values)
        given = _widened(given, piece.values.shape[0], f"run: the {piece.spot}")
        if piece.at is None or isinstance(piece.at, str):  # a prompt and its partner have a span at the same positions
            _check_sizes(given, piece)
            return given
        chosen = self.places[piece.spot].are(piece.at)
        chosen = chosen.expand(piece.values.shape[0], -1) if len(chosen) == 1 else chosen
        counts = chosen.sum(1), piece.chosen.sum(1)
        if not torch.equal(*counts):
            raise ShapeError(
                f"run: expected as many positions at {list(piece.at)} as here, {counts[1].tolist()}, got {counts[0].tolist()}"
            )
        made = piece.values.clone()
        made.transpose(1, 2)[piece.chosen] = given.transpose(1, 2)[chosen]
        return made

    def _pattern(self, piece: Piece) -> Tensor:
        weights = self.patterns.get(piece.spot)
        if weights is None or piece.multiplied is None or piece.pattern is None:
            raise OptionError(f"run: expected the {piece.spot}, got a run without it; record it on the same model")
        if weights.shape[2:] != piece.pattern.shape[2:] or max(piece.heads) >= weights.shape[1]:
            raise ShapeError(
                f"run: expected weights (queries, keys)={piece.pattern.shape[2:]} of head {max(piece.heads)} in the "
                f"{piece.spot}, got (heads, queries, keys)={weights.shape[1:]}; a pattern needs as many positions"
            )
        made = weights.select(heads=list(piece.heads)) @ piece.multiplied
        return _widened(made.to(piece.values), piece.values.shape[0], f"run: the {piece.spot}")


def run_of(given: Any) -> Run:
    """The run that a recording is.

    Raises:
        DtypeError: it is neither a recording nor a run; RecordingError: a recording without values, or of several passes.
    """
    if isinstance(given, Run):
        return given
    if not isinstance(given, Recording):
        raise DtypeError(f"run: expected a recording with values, got {in_short(given)}; regard.record(model, values=True)")
    if len(given.values) != len(given.maps):
        raise RecordingError("run: expected a recording with values, got one without; regard.record(model, values=True)")
    if given.passes > 1:
        raise RecordingError(f"run: expected a recording of one pass, got {given.passes}; regard.record(model, keep=1)")
    run = Run()
    for amap, held in zip(given.maps, given.values, strict=True):
        at = amap.kind or "self", int(amap.layer or 0), amap.call
        rows, keys = (_places_of(axis, amap.shape[0]) for axis in (amap.queries, amap.keys))
        run.keep(Spot(*at, "pattern"), amap, rows)
        if amap.factors is not None:
            run.keep(Spot(*at, "query"), amap.factors.query, rows)
            run.keep(Spot(*at, "key"), amap.factors.key, keys)
        if held.value is not None:
            run.keep(Spot(*at, "value"), held.value, keys)
        if held.output is not None and held.heads_first is not None:
            run.keep(Spot(*at, "output"), held.heads_first(held.output), rows)
    return run


def _places_of(axis: Any, batch: int) -> Places:
    real = [[True] * line.size if line.present is None else list(line.present) for line in axis.lines]
    return Places.of(torch.tensor(real).expand(batch, -1))


def _widened(given: Tensor, sequences: int, name: str) -> Tensor:
    if given.shape[0] not in (1, sequences):
        raise ShapeError(f"{name}: expected {sequences} sequences, or one for all, got {given.shape[0]}")
    return given.expand(sequences, *given.shape[1:])


def _check_sizes(given: Tensor, piece: Piece) -> None:
    if given.shape != piece.values.shape:
        raise ShapeError(
            f"run: expected (sequences, heads, positions, dim)={tuple(piece.values.shape)} in the {piece.spot}, got "
            f"{tuple(given.shape)}; name places of as many positions with at="
        )
