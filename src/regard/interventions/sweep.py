"""``regard.sweep``: each part of a model replaced by itself, and what its answers become, prompt by prompt."""

import os
from collections.abc import Mapping
from dataclasses import replace as replace_fields
from typing import Any

from torch import Tensor, nn

from regard.arguments import one_of, several, truth
from regard.errors import DtypeError, OptionError, in_short
from regard.files import checked_path
from regard.interventions.asked import Controls
from regard.interventions.corpus_sweep import ENGINES, is_addresses, sweep_corpus
from regard.interventions.effects import Effects
from regard.interventions.measures import Measure, measures_of
from regard.interventions.prompts import Prompt, texts_of
from regard.interventions.reading import Read
from regard.interventions.replacements import zero
from regard.interventions.running import Place
from regard.interventions.sweeper import Sweeper, about
from regard.recording.ablation import Replacement as How
from regard.recording.sweep import Sweep
from regard.recording.sweep import sweep as sweep_of_one_batch


def sweep(
    model: nn.Module,
    over: Any,
    measures: Any,
    *,
    what: Any = "heads",
    replace: Any = None,
    controls: int = 0,
    seed: int = 0,
    kind: str | None = None,
    tokenizer: Any = None,
    batch_tokens: int = 2048,
    columns: Mapping[str, str] | None = None,
    output: str | os.PathLike[str] | None = None,
    engine: str = "process",
    workers: int | None = None,
    cluster: str | None = None,
    restart: bool = False,
    how: How = "zero",
    run: Any = None,
) -> Any:
    """Replace one part of a model after another, and measure what its answers become.

    Of prompts, each is measured by itself, with nothing replaced and with each site replaced: the differences have errors.
    Layers before a site are not run again where they return what they have returned, which is seen once, to the bit; logits are
    computed where they are measured; what changes nothing has an effect of exactly 0.

    Args:
        model: in evaluation mode, with all of its parts.
        over: prompts, or ids (prompts, positions) with an ``attention_mask`` where some are padding, as a tensor or by name; or
            addresses of JSON lines, Parquet or texts, local or anywhere that fsspec reaches, of which lines that do not fit are
            left out, counted and named. With a function that measures one batch: whatever inputs the model takes.
        measures: names, of ``regard.interventions.MEASURES``, or measures of your own; one run serves them all. Or a function
            of the model's output, as of ``regard.measures``: the batch is then one number, without an error.
        what: "heads"; "layers", what attention and what feed-forward add to the stream; "positions", the stream after each
            layer at each position of prompts of one length; a list of sites; or a dict of them by name.
        replace: what is put there: ``regard.interventions`` has ``zero()``, which it is where not given, ``patch()`` from each
            prompt's partner, and others. One table has one of them: effects of several are not compared with each other.
        controls: how many random groups run beside each group of heads in ``what``, of as many heads of each layer: what its
            effect has to be beyond, which ``found.beside_controls()`` says.
        seed: of these groups.
        kind: as in ``intervene``: of the heads or layers that are gone through.
        tokenizer: of prompts that are texts.
        batch_tokens: of one pass through the model. Prompts of one shape go together, and none is padded.
        columns: of addresses: where text, other, answer, wrong, group and spans stand, if not in columns of these names.
        output: the Parquet file to write. Of addresses, what is done is kept beside it in ``OUTPUT.parts``; a run that was
            interrupted goes on from there, to the same bytes. Memory does not grow with their number.
        engine: of addresses: "process", or "ray" for several workers on this machine or a cluster.
        workers: of Ray; one a CPU where not given.
        cluster: address of a Ray cluster; one is started on this machine where not given.
        restart: begin again where there are parts.
        how: for a function of one batch: as in ``ablate``.
        run: likewise: how the model is run on the inputs, such as ``lambda model, inputs: model.generate(**inputs)``.

    Returns:
        Effects: a row for each prompt, site and measure; or, for a function of one batch, a Sweep. Of both, ``differences`` is
        a table (layers, heads), and ``figure`` draws it.

    Raises:
        OptionError: a part of the model in training; prompts without what a measure or a replacement needs, with their place,
            before the model runs; sites that it has not. DtypeError: a measure that is no number.

    Example:
        >>> import torch
        >>> from regard.interventions import Prompt, patch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> model = GPT2LMHeadModel(config).eval()
        >>> prompts = [Prompt([1, n, 3], other=[1, n + 1, 3], answer=[4], wrong=[5]) for n in range(5)]
        >>> found = sweep(model, prompts, ["logit_difference", "kl"], replace=patch())
        >>> found.differences.shape, len(found.tests("kl").rows)
        (torch.Size([2, 2]), 4)
    """
    if callable(measures) and not isinstance(measures, Measure):
        others = {"what": (what, "heads"), "replace": (replace, None), "controls": (controls, 0)}
        return _of_one_batch(model, over, measures, kind, how, run, others)
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    one_of("engine", engine, ENGINES)
    restart, path = truth("restart", restart), None if output is None else checked_path(output)
    if run is not None or not isinstance(how, str) or how != "zero":
        raise OptionError(
            "how: expected replace= for measures of prompts, and no run=, got one of a function of one batch; replace=zero()"
        )
    options = {
        "measures": measures_of(measures),
        "what": what,
        "replacement": zero() if replace is None else replace,
        "kind": kind,
        "tokenizer": tokenizer,
        "batch_tokens": batch_tokens,
        "controls": Controls(controls, seed),
    }
    if is_addresses(over):
        where: dict[str, Any] = {"engine": engine, "workers": workers, "cluster": cluster}
        return sweep_corpus(model, over, options, columns=columns, output=path, restart=restart, **where)
    if columns is not None or engine != "process" or workers is not None or cluster is not None:
        raise OptionError("columns: expected columns, workers and engines of addresses, got prompts; over='prompts.jsonl'")
    plan = Sweeper(model, **options)
    listed = prompts_given(over)
    prompts = read_prompts(plan, listed)
    found = replace_fields(Effects.of(plan.records(prompts), about(plan)), texts=texts_of(listed, tokenizer))
    if path is not None:
        found.save(path)
    return found


def read_prompts(plan: Sweeper, over: Any) -> list[tuple[Place, Read]]:
    """Prompts in tokens, each with its place in the list: all of them, or none where one does not fit.

    Raises:
        OptionError: one that does not fit, with its place; DtypeError: what is no prompt.
    """
    found = [(("", line), plan.read(prompt, ("", line))) for line, prompt in enumerate(prompts_given(over))]
    if not found:
        raise OptionError("over: expected a prompt or more, got none; for example over=[Prompt('A text', answer=' that')]")
    return found


def _of_one_batch(
    model: Any, over: Any, measure: Any, kind: str | None, how: How, run: Any, others: Mapping[str, tuple[Any, Any]]
) -> Sweep:
    """Effects of heads on one number."""
    for name, (given, default) in others.items():
        if given is not default and not (type(given) is type(default) and given == default):
            raise OptionError(
                f"{name}: expected measures of prompts, by name or as Measure, got a function of one batch, which goes through "
                "heads with how='zero' or 'mean'; Measure('mine', function, higher_is_better=True)"
            )
    return sweep_of_one_batch(model, over, measure, kind=kind, how=how, run=run)


def prompts_given(over: Any) -> list[Any]:
    """Prompts as they are, or the rows of ids without their padding."""
    if isinstance(over, Tensor):
        over = {"input_ids": over}
    if not isinstance(over, Mapping):
        return several("over", over, "prompts", advice="for example over=[Prompt('A text', answer=' that')]")
    strange = sorted(set(map(str, over)) - {"input_ids", "attention_mask"})
    ids, mask = over.get("input_ids"), over.get("attention_mask")
    if strange or not isinstance(ids, Tensor) or ids.ndim != 2 or ids.is_floating_point():
        raise OptionError(
            "over: expected prompts, or input_ids (prompts, positions) and their attention_mask, got "
            f"{strange or in_short(ids)}; measure other inputs by a function of the model's output"
        )
    if mask is not None and (not isinstance(mask, Tensor) or mask.shape != ids.shape):
        raise OptionError(f"over: expected an attention_mask of the ids' shape {tuple(ids.shape)}, got {in_short(mask)}")
    return [Prompt(row if mask is None else row[mask[at].bool()]) for at, row in enumerate(ids)]
