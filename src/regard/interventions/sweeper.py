"""One sweep of a model: what it goes through, what it measures, and which prompts fit."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

import torch
from torch import nn

from regard.arguments import whole_number
from regard.errors import OptionError, in_short
from regard.interventions.asked import NONE, Controls, checked_what
from regard.interventions.batches import Forward, batches_of
from regard.interventions.changes import Change
from regard.interventions.fingerprint import fingerprint
from regard.interventions.intervener import Intervener
from regard.interventions.measures import Measure
from regard.interventions.pool import Pool
from regard.interventions.prompts import Prompt
from regard.interventions.reading import Read, Reader
from regard.interventions.records import Records
from regard.interventions.reference import Reference
from regard.interventions.replacements import Patch, Resample, checked
from regard.interventions.running import Place, Running
from regard.interventions.sites import Edges, Path, Site, Where
from regard.progress import bar
from regard.recording.kinds import Kinds
from regard.recording.observe import observe


@dataclass
class Work:
    """What a sweep has cost so far.

    Attributes:
        layer_passes: layers that ran, times the prompts in each; 0 where they cannot be counted.
        installed: how often hooks were put on the model.
        replays: whether layers before a site stood aside.
    """

    layer_passes: int = 0
    installed: int = 0
    replays: bool = False


class Sweeper:
    """One sweep, for as many lists of prompts as come.

    Each change is compared with the same batch unchanged, at the same place of it, so that what changes nothing has an effect
    of exactly 0.

    Args:
        model: in evaluation mode.
        measures: what is measured.
        what: "heads", "layers", "positions", or sites.
        replacement: what stands in each site's place.
        kind: of the attention whose heads or layers are meant; that of the model where it has one only.
        tokenizer: of prompts and of texts that are resampled.
        batch_tokens: of one pass: sites are gone through side by side where a batch of prompts has fewer.
        controls: that run beside groups of heads.

    Raises:
        OptionError: a part of the model in training, sites and a replacement that do not go together, no such kind.
    """

    estimated = False
    """Whether its effects were not run."""

    def __init__(
        self,
        model: nn.Module,
        measures: Sequence[Measure],
        *,
        replacement: Any,
        what: Any = "heads",
        kind: str | None = None,
        tokenizer: Any = None,
        batch_tokens: int = 2048,
        controls: Controls = NONE,
    ) -> None:
        self.model, self.measures = model, tuple(measures)
        self.forward = Forward(model, measures)
        self.what, self.replacement = checked_what(what), checked(replacement)
        self.controls = controls.checked(self.what)
        self.batch_tokens = whole_number("batch_tokens", batch_tokens, 1)
        kinds = Kinds(model)
        named = [] if isinstance(self.what, str) else [(site, site.kind or kind) for site in self.what.values()]
        for site, own in named:
            kinds.checked(own)
            if isinstance(site, Path) and kinds.both_halves:
                raise OptionError(f"{site}: expected a model without an encoder, got {type(model).__name__}; sweep its heads")
            changed = site.source if isinstance(site, Path) else site
            Change(changed, self.replacement)  # what does not go together is refused before anything runs
        self.kind = kinds.checked(kind) if not named else kinds.checked(named[0][1])
        self.device = next((one.device for one in model.parameters()), torch.device("cpu"))
        self.references: dict[Any, Reference] = {}
        self.reader = Reader(model, tokenizer)
        self.pool = Pool(self.replacement.reference, self.reader) if isinstance(self.replacement, Resample) else None
        self.work = Work()

    def read(self, prompt: Prompt, place: Place) -> Read:
        """A prompt in tokens, refused where it has not what is asked of it.

        Raises:
            OptionError: which one, and what it needs.
        """
        where = f"{place[0]}:{place[1] + 1}" if place[0] else f"over[{place[1]}]"
        read = self.reader.read(prompt, where)
        self._check(read, where)
        if self.pool is not None:
            self.pool.partnered(read, place, 0, 0)
        return read

    def _check(self, prompt: Read, place: str) -> None:
        needs = {need: measure.name for measure in self.measures for need in measure.needs}
        for name in ("answer", "wrong"):
            if name in needs and not getattr(prompt, name):
                raise OptionError(f"{place}.{name}: expected one, as {needs[name]} needs it, got none; Prompt({name}=...)")
        if "wrong" in needs and "answer" in needs and prompt.answer[0] == prompt.wrong[0]:
            raise OptionError(
                f"{place}.wrong: expected another first token than the answer's, as {needs['wrong']} compares the two, got "
                f"{prompt.wrong[0]} for both; choose answers that differ from the first token on"
            )
        if "next" in needs and len(prompt.ids) < 2:
            raise OptionError(f"{place}: expected at least two tokens, as {needs['next']} is of the second on, got one")
        for need, measure in needs.items():
            name = need.removeprefix("span ")
            if name != need and not prompt.spans.get(name, range(0)).start >= 1:
                raise OptionError(
                    f"{place}.spans: expected a span {name!r} behind the first token, as {measure} needs it, got "
                    f"{in_short(dict(prompt.spans))}; spans={{...}}"
                )
        if prompt.other is None and (self.is_paired or "other" in needs):
            asking = "patch()" if self.is_paired else needs["other"]
            raise OptionError(f"{place}.other: expected a partner, as {asking} needs its run, got none; Prompt(other=...)")
        for site in () if isinstance(self.what, str) else self.what.values():
            size = (
                prompt.tokens if prompt.source is not None and (site.kind or self.kind) in ("encoder", "cross") else prompt.text
            )
            for where in _places_of(site):
                if isinstance(where, str) and where not in prompt.spans:
                    raise OptionError(f"{place}.spans: expected a span {where!r}, as {site} needs it, got none; spans={{...}}")
                if isinstance(where, tuple) and (wrong := [one for one in where if not -size <= one < size]):
                    raise OptionError(
                        f"{place}: expected a text with a place {wrong[0]}, as {site} needs it, got {size} tokens"
                    )

    @property
    def is_paired(self) -> bool:
        """Whether what is put at a site comes from each prompt's partner."""
        return isinstance(self.replacement, Patch) and self.replacement.run is None

    def records(self, prompts: Sequence[tuple[Place, Read]]) -> list[Records]:
        """The rows of some prompts, in blocks.

        Args:
            prompts: with their file and line, as ``read`` has them.

        Raises:
            OptionError: sites that the model has not; RecordingError: attention that cannot be changed there.
        """
        made: list[Records] = []
        batches = list(batches_of([read for _, read in prompts], self.batch_tokens, self.device))
        if not batches:
            return made
        intervener = Intervener(self.model, unpadded=True)
        with torch.no_grad(), observe(self.model, intervener), ExitStack() as installed:
            self.work.installed += 1
            running = Running(self, intervener, batches[0])
            installed.enter_context(running.replay.installed())
            running.check_replay(batches[0])
            with bar(total=len(prompts), desc="replacing", unit="prompt", delay=1, leave=False) as shown:
                for batch in batches:
                    made += running.records(batch, [prompts[number][0] for number in batch.numbers])
                    shown.update(len(batch.prompts))
            self.work.layer_passes += running.replay.ran
            self.work.replays = running.replays
        return made


def _places_of(site: Site | Path) -> list[Where]:
    """The places that a site names."""
    if isinstance(site, Path):
        return [site.source.at, None if isinstance(site.into, str) else site.into.at]
    return [site.keys, site.queries] if isinstance(site, Edges) else [site.at]


def about(plan: Sweeper) -> dict[str, Any]:
    """What is to be known of effects: on which model, of what, by what."""
    name = str(getattr(plan.model, "name_or_path", None) or "")
    place = PurePath(name)  # of a folder the last part, for a file may travel
    return {
        "model": (place.name if place.is_absolute() else name) or type(plan.model).__name__,
        "fingerprint": fingerprint(plan.model),
        "what": plan.what if isinstance(plan.what, str) else {name: str(site) for name, site in plan.what.items()},
        **({} if isinstance(plan.what, str) or not plan.controls.count else _controls(plan.controls, plan.what)),
        "kind": plan.kind,
        "replacement": str(plan.replacement),
        "measures": [one.name for one in plan.measures],
        "higher_is_better": {one.name: one.higher_is_better for one in plan.measures},
        "versions": {package: version(package) for package in ("regard", "torch")},
        **({"estimated": True} if plan.estimated else {}),
    }


def _controls(controls: Controls, what: Iterable[str]) -> dict[str, Any]:
    return {"controls": {name: controls.names(name) for name in what}, "seed": controls.seed}
