"""``regard.attribute``: what replacing each head would do, estimated for all of them from one backward pass."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace as replace_fields
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from regard.analysis.weighted.output_gradients import output_gradients
from regard.arguments import truth
from regard.errors import DtypeError, OptionError, RecordingError, in_short
from regard.files import checked_path
from regard.interventions.asked import Asked, sites_of
from regard.interventions.batches import Batch, batches_of
from regard.interventions.corpus_sweep import is_addresses, sweep_corpus
from regard.interventions.effects import Effects
from regard.interventions.measures import Measure, measures_of
from regard.interventions.pieces import Piece, Spot
from regard.interventions.prompts import texts_of
from regard.interventions.reading import Read
from regard.interventions.records import Records
from regard.interventions.replacements import Patch, Resample, draws_of, zero
from regard.interventions.running import Place
from regard.interventions.runs import run_of
from regard.interventions.sites import Heads
from regard.interventions.sweep import prompts_given, read_prompts
from regard.interventions.sweeper import Sweeper, about
from regard.progress import bar
from regard.recording.means import TextRows
from regard.recording.record import recorder_of
from regard.recording.recording import Recording
from regard.recording.text_positions import Places

FLAT = {
    "kl": "its gradient at the unchanged run is 0, whatever a head does",
    "accuracy": "it is a step, and has no gradient",
    "rank": "it counts, and has no gradient",
}


def attribute(
    model: nn.Module,
    over: Any,
    measures: Any,
    *,
    what: Any = "heads",
    replace: Any = None,
    kind: str | None = None,
    tokenizer: Any = None,
    batch_tokens: int = 2048,
    columns: Mapping[str, str] | None = None,
    output: str | os.PathLike[str] | None = None,
    restart: bool = False,
) -> Effects:
    """Σ (r − z)·g of every head, over its positions and dimensions: to first order, what putting r in place of z does.

    z is the head's output, r what replaces it, g the gradient of the measure with regard to z; of each prompt by itself. One
    forward, one backward and, for ``patch()``, one forward of the partner give all heads at once, on the model's own kernel,
    with memory O(n) (attribution patching: Nanda 2023; Syed et al. 2023, arXiv 2310.10348). With r = 0 it is −Σ z·g, whose size
    ``regard.interventions.head_importance`` averages (Michel et al. 2019, arXiv 1905.10650).

    Exact where everything between the head and the measure is linear: for the last layer of attention alone without norms, and
    a measure linear in the logits. It is wrong, and may have the wrong sign, where the measure is at an optimum (the loss of a
    trained model: warned of), where it saturates (probabilities), where later layers make up for what is missing, and where
    weights are large. So: a screen for what to run with ``regard.sweep``, with "logit_difference" or "margin" first.

    Args:
        model: in evaluation mode, with all of its parts.
        over: prompts, or addresses of them, as in ``regard.sweep``.
        measures: by name, or ``Measure``; not "kl", "accuracy" or "rank", whose gradient says nothing.
        replace: ``zero()`` where not given; ``patch()`` for each prompt's partner, ``resample(texts)``, ``running_mean()``, or
            any other of ``regard.interventions``.
        what: "heads", or sites of heads' outputs: a list, or a dict by name. The estimate of several is the sum of theirs.
        kind: of attention, as in ``regard.sweep``.
        tokenizer: of prompts that are texts.
        batch_tokens: of one pass.
        columns: of addresses, as in ``regard.sweep``; so are ``output``, the Parquet file to write, and ``restart``.
        output: see there.
        restart: see there.

    Returns:
        Effects, marked estimated: each table and picture of them says so.

    Warns:
        UserWarning: of "loss".

    Raises:
        OptionError: a measure without a gradient, a model in training, prompts that do not fit, ``patch()`` without partners.

    Example:
        >>> from regard.interventions import Prompt
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> prompts = [Prompt([1, 2, 3], answer=[5], wrong=[6]), Prompt([4, 2, 8], answer=[6], wrong=[5])]
        >>> found = attribute(model, prompts, "logit_difference")
        >>> found.estimated, found.differences.shape
        (True, torch.Size([2, 2]))
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    options = {
        "measures": measures_of(measures),
        "what": what,
        "replacement": zero() if replace is None else replace,
        "kind": kind,
        "tokenizer": tokenizer,
        "batch_tokens": batch_tokens,
    }
    restart, path = truth("restart", restart), None if output is None else checked_path(output)
    plan = Attributor(model, **options)
    if any(one.name.startswith(("loss", "answer_loss")) for one in plan.measures):
        warnings.warn(
            "estimates of a loss: a trained model is near its minimum, where gradients say little and may have the wrong sign; "
            "take logit_difference or margin, or run regard.sweep",
            stacklevel=2,
        )
    if is_addresses(over):
        return sweep_corpus(model, over, options, columns=columns, output=path, restart=restart, plan=Attributor)
    if columns is not None or restart:
        raise OptionError("columns: expected columns and restart of addresses, got prompts; over='prompts.jsonl'")
    listed = prompts_given(over)
    found = replace_fields(Effects.of(plan.records(read_prompts(plan, listed)), about(plan)), texts=texts_of(listed, tokenizer))
    if path is not None:
        found.save(path)
    return found


class Attributor(Sweeper):
    """A sweep whose effects are estimated."""

    estimated = True

    def __init__(self, model: nn.Module, measures: Sequence[Measure], **options: Any) -> None:
        for one in measures:
            if one.name in FLAT:
                raise OptionError(
                    f"measures: expected one with a gradient, got {one.name!r}: {FLAT[one.name]}; run regard.sweep"
                )
        super().__init__(model, measures, **options)
        for site in () if isinstance(self.what, str) else self.what.values():
            if not isinstance(site, Heads) or site.part != "output" or site.others:
                raise OptionError(f"what: expected outputs of heads, which estimates are of, got {site}; run regard.sweep")
        if isinstance(self.what, str) and self.what != "heads":
            raise OptionError(
                f"what: expected 'heads' or sites of them, which estimates are of, got {self.what!r}; run regard.sweep"
            )

    def records(self, prompts: Sequence[tuple[Place, Read]]) -> list[Records]:
        """The estimates of some prompts, in blocks."""
        blocks: list[Records] = []
        batches = list(batches_of([read for _, read in prompts], self.batch_tokens, self.device))
        for batch in bar(batches, desc="estimating", unit="batch", delay=1, leave=False):
            places = [prompts[number][0] for number in batch.numbers]
            for draw in range(draws_of(self.replacement)):
                blocks += _records(self, _drawn(self, batch, places, draw), places, draw)
        return blocks


def _drawn(plan: Sweeper, batch: Batch, places: Sequence[Place], draw: int) -> Batch:
    """The prompts, each with the text that is drawn for it where they are resampled."""
    if plan.pool is None or not isinstance(plan.replacement, Resample):
        return batch
    pool, seed = plan.pool, plan.replacement.seed
    prompts = (pool.partnered(prompt, place, draw, seed) for prompt, place in zip(batch.prompts, places, strict=True))
    return replace_fields(batch, prompts=tuple(prompts))


def _records(plan: Sweeper, batch: Batch, places: Sequence[Place], draw: int) -> Iterator[Records]:
    """The rows of one batch, a block a measure."""
    other, other_logits = None, None
    swapped = isinstance(plan.replacement, Patch) and plan.replacement.direction == "denoise"
    if plan.is_paired or plan.pool is not None:
        with torch.no_grad():
            other, other_logits = _run(plan, batch, partner=not swapped)
    with torch.enable_grad(), _graph_of(plan.model):
        recording, logits = _run(plan, batch, partner=plan.is_paired and swapped)
        unchanged = logits.detach()
        found = [(one, _measured(plan, batch, one, logits, unchanged, other_logits)) for one in plan.measures]
    counts = {(amap.kind or "self", int(amap.layer or 0)): amap.shape[1] for amap in recording.maps}
    sites = sites_of(plan.what, plan.kind, counts, len(batch.first.ids))
    for measure, values in found:
        estimates = _estimates(plan, recording, output_gradients(recording, values), other)
        beside = None
        if other_logits is not None and plan.pool is None:
            beside = measure(plan.forward.seen(batch, measure, other_logits, unchanged, other_logits)).tolist()
        before, count = values.detach().double().tolist(), len(batch.prompts)
        changed = [
            value + float(one) for site in sites for value, one in zip(before, _of_site(site, batch, estimates), strict=True)
        ]
        yield Records(
            site=[one.name for one in sites for _ in range(count)],
            kind=[one.kind for one in sites for _ in range(count)],
            layer=[one.layer for one in sites for _ in range(count)],
            head=[one.head for one in sites for _ in range(count)],
            measure=[measure.name] * len(changed),
            file=[file for file, _ in places] * len(sites),
            line=[line for _, line in places] * len(sites),
            group=[one.group for one in batch.prompts] * len(sites),
            draw=[draw] * len(changed),
            unchanged=before * len(sites),
            other=(beside or [float("nan")] * count) * len(sites),
            changed=changed,
            tokens=[one.tokens for one in batch.prompts] * len(sites),
        )


def _run(plan: Sweeper, batch: Batch, *, partner: bool) -> tuple[Recording, Tensor]:
    """One pass over the prompts, or over their partners."""
    with recorder_of(plan.model, values=True) as recorder:
        logits = plan.forward(batch, other=partner)
    return recorder.recording, logits


def _measured(plan: Sweeper, batch: Batch, measure: Measure, logits: Tensor, unchanged: Tensor, other: Tensor | None) -> Tensor:
    """A number for each prompt, on the graph of the pass."""
    seen = plan.forward.seen(batch, measure, logits, unchanged, other)
    measure(seen)  # which refuses what is no number for each prompt
    found = measure.function(seen)
    if not found.requires_grad:
        raise OptionError(f"measures: expected one with a gradient, got {measure.name!r}, which has none; run regard.sweep")
    return found


@torch.no_grad()
def _estimates(
    plan: Sweeper, recording: Recording, gradients: Sequence[Tensor], other: Recording | None
) -> dict[tuple[str, int], Tensor]:
    """(r − z)·g of each layer, (batch, heads, positions); calls of one layer add up."""
    replacement: Any = plan.replacement if other is None else Patch(run_of(other))
    found: dict[tuple[str, int], Tensor] = {}
    for amap, call, gradient in zip(recording.maps, recording.values, gradients, strict=True):
        kind, layer = amap.kind or "self", int(amap.layer or 0)
        if call.heads_first is None or call.output is None:
            raise RecordingError(f"expected the heads of {amap.name}, got none; name another kind=")
        z = call.heads_first(call.output.detach())
        everywhere = torch.ones(z.shape[0], z.shape[2], dtype=torch.bool, device=z.device)
        spot, all_heads = Spot(kind, layer, amap.call or 0, "output"), tuple(range(z.shape[1]))
        piece = Piece(spot, all_heads, z, Places.of(everywhere), None, everywhere, partial(TextRows.of, amap))
        estimate = ((replacement.of(piece) - z).double() * call.heads_first(gradient).double()).sum(dim=3)
        found[kind, layer] = found[kind, layer] + estimate if (kind, layer) in found else estimate
    return found


def _of_site(asked: Asked, batch: Batch, estimates: dict[tuple[str, int], Tensor]) -> Tensor:
    """The estimate of a site for each prompt: the sum over its heads and its positions."""
    site = cast("Heads", asked.site)  # attribute takes no others
    total = torch.zeros(len(batch.prompts), dtype=torch.float64)
    for layer, head in site.places:
        each = estimates[asked.kind, layer][:, head]  # (batch, positions)
        if site.at is None:
            chosen = torch.ones_like(each, dtype=torch.bool)
        elif isinstance(site.at, str):
            inside = [[at in one.spans[site.at] for at in range(each.shape[1])] for one in batch.prompts]
            chosen = torch.tensor(inside, device=each.device)
        else:
            text = torch.arange(each.shape[1], device=each.device) < batch.first.text  # the answer is no part of it
            chosen = Places.of(text.expand(len(each), -1)).are(site.at)
        total += each.masked_fill(~chosen, 0).sum(dim=1).cpu()
    return total


@contextmanager
def _graph_of(model: nn.Module) -> Iterator[None]:
    """Inside the block outputs are on a graph, also of a model whose parameters are frozen: it begins at the embeddings."""

    def begin(_module: nn.Module, _given: Any, output: Tensor) -> Tensor | None:
        if isinstance(output, Tensor) and output.is_floating_point() and not output.requires_grad:
            return output.detach().requires_grad_()
        return None

    with ExitStack() as hooks:
        for part in model.modules():
            if isinstance(part, nn.Embedding):
                hooks.callback(part.register_forward_hook(begin).remove)
        yield
