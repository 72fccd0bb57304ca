"""The passes of a sweep over some prompts, while the model is observed: unchanged, partners', and changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from regard.interventions.asked import Asked, Controls, sites_of
from regard.interventions.batches import Batch, Forward, batches_of
from regard.interventions.changes import Change
from regard.interventions.intervener import Intervener, Wanted
from regard.interventions.means import Mean
from regard.interventions.measures import Measure
from regard.interventions.pool import Pool
from regard.interventions.reading import Reader
from regard.interventions.records import Records
from regard.interventions.reference import Reference, read_texts, reference_of
from regard.interventions.replacements import Patch, Resample, draws_of
from regard.interventions.replay import Replay
from regard.interventions.runs import Run
from regard.interventions.sites import Edges, Heads, Layers, Path, Site

Place = tuple[str, int]
"""File and line of a prompt."""


class Plan(Protocol):
    """What a sweep goes through, and what it measures."""

    model: nn.Module
    measures: tuple[Measure, ...]
    what: str | dict[str, Site | Path]
    replacement: Any
    kind: str
    batch_tokens: int
    controls: Controls
    forward: Forward
    pool: Pool | None
    reader: Reader
    references: dict[Any, Reference]
    device: torch.device


class Running:
    """The passes of a sweep, while the model is observed.

    Args:
        plan: of the sweep.
        intervener: which observes it.
        batch: the first of its batches: one prompt of it goes through the model, which shows its layers.
    """

    def __init__(self, plan: Plan, intervener: Intervener, batch: Batch) -> None:
        self.plan, self.intervener, self.replays = plan, intervener, False
        self._unchanged = Run()
        self._pass(batch.alone())
        blocks = {at: intervener.layers.blocks(name) for at, name in intervener.attended.items()}
        names: list[str] = []
        if None not in blocks.values():
            for found in blocks.values():
                names += [one for one in (found.all if found else ()) if one not in names]
        self.depths = {at: names.index(found.own) if found and names else 0 for at, found in blocks.items()}
        self.replay = Replay(plan.model, names, intervener.owner)

    def check_replay(self, batch: Batch) -> None:
        """See whether layers may stand aside: one prompt, unchanged, has to come out the same to the bit from each on."""
        replay, one = self.replay, batch.alone()
        replay.keep()
        whole = self._pass(one)
        self.replays = replay.kept() and all(self._is_same(one, whole, aside) for aside in range(1, replay.count))
        replay.forget()

    def _is_same(self, batch: Batch, whole: Tensor, aside: int) -> bool:
        self.replay.aside = aside
        try:
            return torch.equal(self._pass(batch), whole)
        except Exception:  # noqa: BLE001 - what reads more of a layer than it returns cannot go on without it
            return False

    def records(self, batch: Batch, places: Sequence[Place]) -> list[Records]:
        """The rows of one batch."""
        plan, first, count = self.plan, batch.first, len(batch.prompts)
        self.intervener.goes_on = len(first.ids), first.text
        positions = first.tokens if plan.kind == "encoder" else first.text
        sites = sorted(sites_of(plan.what, plan.kind, self.intervener.heads, positions, plan.controls), key=self._depth)
        copies = max(1, min(len(sites), plan.batch_tokens // (count * batch.tokens)))
        denoise = isinstance(plan.replacement, Patch) and plan.replacement.direction == "denoise"
        if self.replays:
            self.replay.keep()
        self._unchanged, unchanged = self.kept(batch, _frozen(sites), other=denoise, copies=copies)
        aside = self.replays and self.replay.kept()
        made: list[Records] = []
        for draw in range(draws_of(plan.replacement)):
            put, other = self._drawn(batch, sites, places, draw, copies)
            before = {one.name: self._measured(batch, one, unchanged, unchanged, other) for one in plan.measures}
            beside = (
                {}
                if other is None
                else {one.name: self._measured(batch, one, other, unchanged[:count], other) for one in plan.measures}
            )
            for start in range(0, len(sites), copies):
                some = sites[start : start + copies]
                self.replay.aside = min(map(self._depth, some)) if aside else 0
                logits = self._changed(batch, some, put, other=denoise, copies=copies)
                for measure in plan.measures:
                    still = before[measure.name]
                    changed = self._measured(batch, measure, logits, unchanged, other)
                    shared = still[:count]  # all rows of a prompt share what is unchanged
                    changed = torch.where(changed == still, shared.repeat(copies), changed).unflatten(0, (copies, count))
                    made.append(_rows(some, measure.name, batch, places, draw, shared, beside.get(measure.name), changed))
        self.replay.forget()
        self.intervener.goes_on = None
        return made

    def _depth(self, asked: Asked) -> int:
        """How many layers stand before a site."""
        return self.depths.get((asked.kind, asked.depth), 0)

    def _drawn(
        self, batch: Batch, sites: Sequence[Asked], places: Sequence[Place], draw: int, copies: int
    ) -> tuple[Callable[[slice], Any], Tensor | None]:
        """What is put at a site in some sequences; and the logits of the partners' run, where there is one.

        Partners run in as many copies, each at the place that it is put into: a product has other bits in another batch.
        """
        replacement, pool = self.plan.replacement, self.plan.pool
        if isinstance(replacement, Mean):
            mean = self._mean(replacement, sites)
            return lambda _: mean, None
        if isinstance(replacement, Resample) and pool is not None:
            pairs = zip(batch.prompts, places, strict=True)
            others = tuple(pool.partnered(prompt, place, draw, replacement.seed) for prompt, place in pairs)
            run, _ = self.kept(replace(batch, prompts=others), _wanted(sites), other=True, copies=copies)
            return lambda part: Patch(run.of_sequences(part)), None
        if not isinstance(replacement, Patch) or replacement.run is not None:
            return lambda _: replacement, None
        run, logits = self.kept(batch, _wanted(sites), other=replacement.direction == "noise", copies=copies)
        return lambda part: Patch(run.of_sequences(part)), logits[: len(batch.prompts)]

    def _mean(self, replacement: Mean, sites: Sequence[Asked]) -> Mean:
        """With the means at these sites, which are made once."""
        if isinstance(replacement.reference, Reference):
            return replacement
        wanted, known = _wanted(sites), self.plan.references
        key = frozenset(wanted.items())
        if key not in known:
            goes_on, self.intervener.goes_on = self.intervener.goes_on, None
            reads = read_texts(replacement.reference, self.plan.reader)
            batches = batches_of(reads, self.plan.batch_tokens, self.plan.device)
            known[key] = reference_of(reads, batches, lambda batch: self.kept(batch, wanted, other=False)[0])
            self.intervener.goes_on = goes_on
        return replace(replacement, reference=known[key])

    def kept(self, batch: Batch, wanted: Wanted, *, other: bool, copies: int = 1) -> tuple[Run, Tensor]:
        """What stands at the wanted parts in a run of the prompts, or of their partners; and its logits."""
        intervener, aside = self.intervener, self.replay.aside
        self.replay.aside = 0
        run = Run()
        intervener.run, intervener.wanted = run, wanted
        try:
            return run, self._pass(batch, other=other, copies=copies)
        finally:
            intervener.run, intervener.wanted, self.replay.aside = None, {}, aside

    def _changed(
        self, batch: Batch, sites: Sequence[Asked], put: Callable[[slice], Any], *, other: bool, copies: int
    ) -> Tensor:
        """The logits with each site changed in a copy of the batch."""
        count, spans = len(batch.prompts), [one.spans for one in batch.prompts]
        own = [(one, slice(at * count, (at + 1) * count)) for at, one in enumerate(sites)]
        paths = [(one, one.site, part) for one, part in own if isinstance(one.site, Path)]
        changes = [
            Change(replace(one.site, kind=one.kind), put(part), part, spans)
            for one, part in own
            if not isinstance(one.site, Path)
        ]
        first = list(changes)
        for one, path, part in paths:
            first.append(Change(replace(path.source, kind=one.kind), put(part), part, spans))
            first += self._others_as_they_were(one, path, part)
        read: Wanted = {}
        for one, path, _ in paths:
            if not isinstance(path.into, str):
                own_layers = {(one.kind, at) for at, _ in path.into.places}
                read[path.into.part] = (read.get(path.into.part) or frozenset()) | own_layers
        logits, run = self._run_with(first, batch, read, other=other, copies=copies)
        for one, path, part in paths:
            if not isinstance(path.into, str):
                changes.append(Change(replace(path.into, kind=one.kind), Patch(run.of_sequences(part)), part, spans))
        if not read:
            return logits
        again, _ = self._run_with(changes, batch, {}, other=other, copies=copies)
        for _, path, part in paths:
            if path.into == "logits":
                again[part] = logits[part]
        return again

    def _run_with(
        self, changes: Sequence[Change], batch: Batch, wanted: Wanted, *, other: bool, copies: int
    ) -> tuple[Tensor, Run]:
        """The logits of a run with these changes, and what stands then at the wanted parts."""
        run = Run()
        self.intervener.set(changes)
        self.intervener.run, self.intervener.wanted = (run, wanted) if wanted else (None, {})
        try:
            return self._pass(batch, other=other, copies=copies), run
        finally:
            self.intervener.set(())
            self.intervener.run, self.intervener.wanted = None, {}

    def _others_as_they_were(self, asked: Asked, path: Path, part: slice) -> list[Change]:
        """All heads between the source of a path and its reader, and what is fed forward where nothing may pass that."""
        kind, unchanged = asked.kind, Patch(self._unchanged.of_sequences(part))
        start = min(layer for layer, _ in path.source.places)
        stop = None if isinstance(path.into, str) else max(layer for layer, _ in path.into.places)
        changes = []
        for (one, layer), count in self.intervener.heads.items():
            if one != kind or layer < start or (stop is not None and layer >= stop):
                continue
            others = tuple((layer, head) for head in range(count) if (layer, head) not in path.source.places)
            if others:
                changes.append(Change(Heads(others, kind=kind), unchanged, part))
            if path.through == "nothing":
                changes.append(Change(Layers((layer,), "feed_forward", kind=kind), unchanged, part))
        return changes

    def _pass(self, batch: Batch, *, other: bool = False, copies: int = 1) -> Tensor:
        logits = self.plan.forward(batch, other=other, copies=copies)
        if self.intervener.error is not None:
            raise self.intervener.error
        return logits

    def _measured(self, batch: Batch, measure: Measure, logits: Tensor, unchanged: Tensor, other: Tensor | None) -> Tensor:
        return measure(self.plan.forward.seen(batch, measure, logits, unchanged, other)).cpu()


def _frozen(sites: Sequence[Asked]) -> Wanted:
    """The parts that paths hold as they were."""
    paths = [one.site for one in sites if isinstance(one.site, Path)]
    wanted: Wanted = {"output": None} if paths else {}
    return wanted | ({"feed_forward": None} if any(one.through == "nothing" for one in paths) else {})


def _wanted(sites: Sequence[Asked]) -> Wanted:
    """The parts that have to be kept for these sites."""
    found: dict[str, set[tuple[str, int]] | None] = {}
    for asked in sites:
        site = asked.site.source if isinstance(asked.site, Path) else asked.site
        if isinstance(site, Edges):
            continue
        if isinstance(site, Heads) and site.others:
            found[site.part] = None
        elif (layers := found.setdefault(site.part, set())) is not None:
            places = [one[0] for one in site.places] if isinstance(site, Heads) else list(site.places)
            layers |= {(asked.kind, layer) for layer in places}
    return {part: None if layers is None else frozenset(layers) for part, layers in found.items()}


def _rows(
    sites: Sequence[Asked],
    measure: str,
    batch: Batch,
    places: Sequence[Place],
    draw: int,
    unchanged: Tensor,
    other: Tensor | None,
    changed: Tensor,
) -> Records:
    """The rows of one measure: a site after another, and of each the prompts."""
    sizes, count = len(sites), len(batch.prompts)
    beside = [float("nan")] * count if other is None else other.tolist()
    return Records(
        site=[one.name for one in sites for _ in range(count)],
        kind=[one.kind for one in sites for _ in range(count)],
        layer=[one.layer for one in sites for _ in range(count)],
        head=[one.head for one in sites for _ in range(count)],
        measure=[measure] * (sizes * count),
        file=[file for file, _ in places] * sizes,
        line=[line for _, line in places] * sizes,
        group=[one.group for one in batch.prompts] * sizes,
        draw=[draw] * (sizes * count),
        unchanged=unchanged.tolist() * sizes,
        other=beside * sizes,
        changed=changed[:sizes].flatten().tolist(),
        tokens=[one.tokens for one in batch.prompts] * sizes,
    )
