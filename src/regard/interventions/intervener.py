"""Changes a model while it runs: what stands at a site is replaced as soon as it has been computed."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from regard.errors import OptionError
from regard.interventions.changes import Change, put
from regard.interventions.hidden_edges import hide_edges
from regard.interventions.met import Met
from regard.interventions.pieces import LAYER, Spot
from regard.interventions.runs import Run
from regard.interventions.sites import Edges, Heads, Layers
from regard.interventions.sublayers import Sublayers
from regard.recording.layers import listed
from regard.recording.means import TextRows
from regard.recording.observer import AttentionCall, Inputs
from regard.recording.text_positions import Places, TextObserver
from regard.recording.torch_modules import unseen

INPUTS = ("query", "key", "value")

Wanted = dict[str, frozenset[tuple[str, int]] | None]
"""Parts, and of which (kind, layer); of all for None."""


class Intervener(TextObserver):
    """Sees every attention call and every layer, and puts replacements where they are told to stand.

    Attributes:
        changes: what is replaced now, each with the kind of attention that it is about.
        run: where what stands at wanted parts is kept; None where nothing is.
        wanted: the parts that are kept.
        heads: how many heads the layers have that have run, by (kind, layer).
        attended: the names of the modules whose attention that was, likewise.
    """

    def __init__(self, model: nn.Module, changes: Sequence[Change] = (), *, unpadded: bool = False) -> None:
        super().__init__(model, unpadded=unpadded)
        self.heads: dict[tuple[str, int], int] = {}
        self.attended: dict[tuple[str, int], str] = {}
        self.run: Run | None = None
        self.wanted: Wanted = {}
        self._sublayers = Sublayers(self.modules, self.layers)
        self._before: Met | None = None  # self-attention over the same rows, before cross-attention and before what follows
        self.set(changes)

    def set(self, changes: Sequence[Change]) -> None:
        """From now on, replace this and nothing else."""
        self.changes = [(change, self.kinds.checked(change.site.kind)) for change in changes]

    @property
    def asks_sums(self) -> bool:
        """For rows that lose keys."""
        return any(isinstance(change.site, Edges) for change, _ in self.changes)

    def look_at(self, call: AttentionCall) -> None:
        """Replace what is to be replaced in a call."""
        place, _ = self.placed(call)
        met, at = Met(self, call, place), (place.kind, place.layer)
        self.attended[at] = self.names[id(call.module)]
        self._sublayers.attended(place, self.attended[at])
        if place.kind != "cross":
            self._before = met
        with unseen():
            self.heads[at] = 1 if call.heads_first is None else call.heads_first(call.output).shape[1]
            if self.run is not None:
                self._keep(met, self.run)
            concerned = [change for change, kind in self.changes if kind == place.kind and change.concerns(place.layer)]
            if concerned:
                self._change(met, concerned)

    def enter_outermost(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Nothing else of the model runs."""
        super().enter_outermost(module, given)
        self._before = None
        self._sublayers.forget()

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """A module is done: what it has made may be what a layer adds to the stream, or the stream."""
        changed = None
        if any(part in LAYER for part in self.wanted) or any(isinstance(one.site, Layers) for one, _ in self.changes):
            with unseen():
                changed = self._left(self.names[id(module)], output)
        super().leave(module, inputs, output if changed is None else changed)
        return changed

    def check_met(self) -> None:
        """Refuse sites that the model has not come to, where it ran."""
        for change, kind in self.changes:
            if change.met or not self.passes:
                continue
            ran, site = {layer for one, layer in self.heads if one == kind}, change.site
            asked = _layers_of(site)
            if missing := sorted(asked - ran):
                raise OptionError(
                    f"expected {kind} layers that ran, {listed(ran)}, got layer {missing[0]}; nothing was changed there"
                )
            raise OptionError(f"{site}: expected a site that the model comes to, got none; places in a text count from 0")

    def _keep(self, met: Met, run: Run) -> None:
        """Keep what stands at the wanted parts of a call."""
        at = met.place.kind, met.place.layer
        for part, layers in self.wanted.items():
            if part in LAYER or (layers is not None and at not in layers):
                continue
            spot = met.spot(part)
            if part == "pattern":
                run.keep(spot, met.amap, met.places[0])
            elif part == "output":
                run.keep(spot, met.seen(met.call.output), met.places[0])
            else:
                run.keep(spot, getattr(met.inputs(), part), met.places[part != "query"])

    def _change(self, met: Met, changes: Sequence[Change]) -> None:
        """The changes of one call: what goes in first, then who sees whom, then what comes out."""
        of_heads = [(one, one.site.part) for one in changes if isinstance(one.site, Heads)]
        into = [(one, part) for one, part in of_heads if part in INPUTS]
        after = [(one, part) for one, part in of_heads if part not in INPUTS]
        edges = [one for one in changes if isinstance(one.site, Edges)]
        if into:
            made = []
            for part, given in zip(INPUTS, met.inputs(), strict=True):
                own = [one for one, asked in into if asked == part]
                made.append(self._replaced(met, own, part, given) if own else given)
            met.give(Inputs(*made))
        if not edges and not after:
            return
        call = met.call
        output = call.output.clone(memory_format=torch.contiguous_format)
        seen = met.seen(output)
        if edges:
            hide_edges(met, seen, edges, self)
        if after:
            taken = self._put(met, [one for one, _ in after], seen)
            for head in taken.any(2).any(0).nonzero()[:, 0].tolist():
                call.changed.put([head], taken[:, head], self)
        call.output = output if call.as_given is None else call.as_given(seen)

    def _replaced(self, met: Met, changes: Sequence[Change], part: str, given: Tensor) -> Tensor:
        """Other queries, keys or values."""
        made = given.clone()  # laid out as it was: kernels choose their way by it
        self._put(met, changes, made, met.places[part != "query"])
        return made

    def _put(self, met: Met, changes: Sequence[Change], tensor: Tensor, places: Places | None = None) -> Tensor:
        """Put changes into a tensor; says where, (batch, heads, rows)."""
        taken = torch.zeros(tensor.shape[:3], dtype=torch.bool, device=tensor.device)
        for change in changes:
            spot = met.spot(change.site.part)  # type: ignore[union-attr]
            rows = self._rows_for(change, met)
            put(change, tensor, taken, met.places[0] if places is None else places, spot, rows, met)
        return taken

    def _rows_for(self, change: Change, met: Met | None) -> Any:
        """What the rows of a change are to their text: self-attention says it, also for what comes after it."""
        of = self._before if met is None or met.place.kind == "cross" else met

        @torch.no_grad()
        def rows() -> TextRows:
            if of is None or (met is not None and of.amap.shape[2] != met.amap.shape[2]):
                raise OptionError(
                    f"running_mean: expected self-attention over the same rows before {change.site}, got none, so that it is "
                    "not known whether they may see each other; take zero()"
                )
            return TextRows.of(of.amap.select(batch=range(*change.sequences.indices(of.amap.shape[0]))))

        return rows

    def _left(self, name: str, output: Any) -> Any:
        """What the model goes on with after a module; None where that is its output."""
        changed = None
        for spot in self._sublayers.made(name):
            now = output if changed is None else changed
            stream = now[0] if isinstance(now, tuple) and now else now
            if not isinstance(stream, Tensor) or stream.ndim != 3:
                continue
            places = self._places_of(stream)
            layers = self.wanted.get(spot.part, frozenset())
            if self.run is not None and (layers is None or (spot.kind, spot.layer) in layers):
                self.run.keep(spot, stream.unsqueeze(1), places)
            if own := [change for change, kind in self.changes if _is_at(change, kind, spot)]:
                made = stream.clone(memory_format=torch.contiguous_format)
                taken = torch.zeros(len(made), 1, made.shape[1], dtype=torch.bool, device=made.device)
                for change in own:
                    put(change, made.unsqueeze(1), taken, places, spot, self._rows_for(change, None))
                changed = (made, *now[1:]) if isinstance(now, tuple) else made
        return changed

    def _places_of(self, stream: Tensor) -> Places:
        """Those of the rows of the attention before, where they are as many."""
        if self._before is not None and self._before.places[0].place.shape == stream.shape[:2]:
            return self._before.places[0]
        return Places.of(torch.ones(stream.shape[:2], dtype=torch.bool, device=stream.device))


def _is_at(change: Change, kind: str, spot: Spot) -> bool:
    site = change.site
    return isinstance(site, Layers) and (site.part, kind) == (spot.part, spot.kind) and spot.layer in site.places


def _layers_of(site: Any) -> set[int]:
    """The layers that a site names."""
    if isinstance(site, Layers):
        return set(site.places)
    if isinstance(site, Heads):
        return set() if site.others else {layer for layer, _ in site.places}
    return {layer for layer, _ in site.heads or ()} | set(site.layers or ())
