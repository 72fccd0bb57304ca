"""Every class of Transformers beside the zoo: which of them are recorded, how exactly, and why others could not be tried.

A part of table_of_models.py. Each class is tried in a process of its own, with limits of time and memory; its configuration is
the default with small sizes, and its inputs are found by the names of what its forward takes.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import transformers.models
from tqdm import tqdm
from transformers import PreTrainedModel

import regard
from outcomes import EXACT, Outcome, apart, told
from regard.errors import RegardError
from support.any_model import NotTriedError, zoo_of
from support.model_zoo import Zoo
from support.zoo_report import built, largest_error, own_weights, run, tensors

SECONDS = 60


def classes(known: Collection[str]) -> list[tuple[str, str]]:
    """(module, class) of every model that is not a head on another one, and not known already."""
    found = []
    for path in sorted(Path(transformers.models.__path__[0]).glob("*/modeling_*.py")):
        name = f"transformers.models.{path.parent.name}.{path.stem}"
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue  # of a library that is not installed
        made_here = [
            word
            for word, kind in vars(module).items()
            if inspect.isclass(kind)
            and issubclass(kind, PreTrainedModel)
            and kind.__module__ == name
            and not re.search("PreTrainedModel$|PretrainedModel$|^Pretrained", word)
            and kind.config_class is not None
        ]
        models = [word for word in made_here if re.search("(Model|Transformer)$", word)] or made_here[:1]
        found += [(name, word) for word in models if word not in known]
    return found


def outcome(module: str, word: str) -> Outcome:
    """Record one class and compare each map with the weights of its own eager attention."""
    try:
        given, zoo = zoo_of(getattr(importlib.import_module(module), word))
    except NotTriedError as why:
        return Outcome("not tried", detail=str(why))
    names = [type(part).__name__.lower() for part in zoo.make("eager").modules()]
    attends = any("atten" in name or "attn" in name for name in names)
    try:
        return compared(zoo, given)
    except RegardError as refusal:
        return Outcome("refused" if attends else "no attention", given, str(refusal))


def compared(zoo: Zoo, given: str) -> Outcome:
    """On SDPA against eager; on eager too where the two runs of a deep model drift apart before their attention does."""
    attention, _ = built(zoo)
    for used in dict.fromkeys((attention, "eager")):
        model, inputs = zoo.make(used), zoo.inputs()
        plain = run(model, inputs)
        with regard.record(model) as recording:
            recorded = run(model, inputs)
        if any(amap.dense().sum() == 0 for amap in recording.maps):
            return Outcome("not tried", given, "with these inputs its own attention sees nothing")
        own, _ = own_weights(zoo.make("eager"), inputs)
        try:
            error = largest_error(recording, own, inputs)
        except (AssertionError, ValueError) as apart:
            return Outcome("differs", given, str(apart))
        same = all(one.equal(other) for one, other in zip(tensors(plain), tensors(recorded), strict=True))
        kinds = [str(amap.kind) for amap in recording.maps]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        kept = used if all(amap.factors is not None for amap in recording.maps) else "by hand"
        if error < EXACT and same:
            missing = sum(call.layer is None for call in recording.calls)
            word = "in part" if missing else "exact"
            return Outcome(word, given, f"{kept}: {counted}; {error:.0e}" + (f"; {missing} not kept" if missing else ""))
    if same and (worst := error_of_outputs(zoo)) is not None:
        return Outcome("exact", given, f"{kept}: {counted}; {worst:.0e} of its output; weights that it returns are others")
    return Outcome("differs", given, f"{counted}; {error:.0e}" + ("" if same else "; its output changed"))


def error_of_outputs(zoo: Zoo) -> float | None:
    """The largest difference of map @ values from what calls returned; None if rounding does not explain it."""
    model = zoo.make("eager")
    with regard.record(model, values=True) as recording:
        run(model, zoo.inputs())
    check = recording.check()
    return check.worst if len(check.compared) == len(check.calls) and not check.wrong else None


def page_of_others(known: Collection[str]) -> str:
    """The table's rows, and what they come to."""
    found = {
        word: apart(partial(outcome, module, word), SECONDS)
        for module, word in tqdm(classes(known), desc="Other classes", unit="class")
    }
    words = [one.word for one in found.values()]
    shown = {word: one for word, one in found.items() if one.word != "no attention"}
    lines = [
        "## Every other class\n",
        "The default configuration of each other class, with small sizes, and inputs found by the names that its forward has; "
        f"of {len(found)} classes {words.count('exact')} are exact, {words.count('in part')} are kept in part, "
        f"{words.count('refused')} are refused, {words.count('differs')} differ, "
        f"{words.count('not tried')} could not be tried so, "
        f"and {words.count('no attention')} have no attention. "
        "Where the text alone was given, the towers of a model were not run.\n",
        "| class | outcome | given | maps, and the largest difference; or why not |",
        "|---|---|---|---|",
    ]
    lines += [f"| {word} | {one.word} | {one.given} | {told(one.detail)} |" for word, one in shown.items()]
    return "\n".join(lines) + "\n"
