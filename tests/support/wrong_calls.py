"""One call with one argument replaced, and what came of it: it worked, it was refused in one sentence, or it failed."""

import contextlib
import inspect
import io
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure as figures
import numpy as np
import torch

import regard
from regard.errors import RegardError
from support.wrong_values import WRONG

SOURCES = str(Path(regard.__file__).parent)
ONE_SENTENCE = re.compile(r"expected .+, (got|not) .+|cannot (read|write) .+", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """A public callable with arguments that work.

    Attributes:
        function: what is called; a lambda around it only where something must be made first.
        arguments: made anew for each call.
        paths: the arguments that are paths: where they lead nowhere, the system's own OSError says so in our words.
        own: functions of the user's own, and inputs of the user's own model: what these raise is theirs.
    """

    function: Callable[..., Any]
    arguments: Callable[[], dict[str, Any]]
    paths: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Every argument that can be given by name."""
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        try:
            named = [name for name, one in inspect.signature(self.function).parameters.items() if one.kind not in kinds]
        except ValueError:
            named = []
        return list(dict.fromkeys([*self.arguments(), *named]))


def tried(call: Call, name: str, wrong: str, *alike: str) -> str | None:
    """What is amiss when this argument, and those alike, are this value; None where the call works, or refuses as it should."""
    given = call.arguments()
    others = {key: value for key, value in given.items() if key != name} | {key: WRONG[wrong]() for key in alike}
    before = {key: _print_of(value) for key, value in others.items()}
    value = WRONG[wrong]()
    mark, files = _print_of(value), set(Path().iterdir())
    refused = True
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        try:
            used(call.function(**{**others, name: value}), drawn="text" in wrong or "surrogates" in wrong)
        except RegardError as error:
            amiss = _of_own(error)
        except OSError as error:
            amiss = None if call.paths and ONE_SENTENCE.search(str(error)) else _foreign(error)
        except ZeroDivisionError as error:
            own = "raising function" in wrong and "user's own" in str(error)
            amiss = None if own else _foreign(error)
        except Exception as error:  # noqa: BLE001 - whatever else comes is what is looked for
            amiss = None if name in call.own and _is_theirs(error, value) else _foreign(error)
        else:
            amiss, refused = None, False
    if refused and (left := set(Path().iterdir()) - files):
        return f"{amiss or 'it is refused'}, and {', '.join(map(str, left))} is left"
    changed = [key for key, value in others.items() if _print_of(value) != before[key]]
    if _print_of(value) != mark:
        changed.append(name)
    if changed:
        return f"{amiss or 'it works'}, and {', '.join(changed)} changed"
    return amiss


def used(result: Any, *, drawn: bool = True) -> None:
    """Use what came, so that nothing is put off: iterate, enter, read; and draw, where it could matter, as that takes long."""
    if isinstance(result, regard.AttentionMap):
        _ = result[..., :2, :2], result.entropy(), result.received(), repr(result)
    elif isinstance(result, Iterator):
        for _, _one in zip(range(50), result, strict=False):
            pass
    elif hasattr(result, "__enter__") and not isinstance(result, torch.Tensor | Path):
        with contextlib.suppress(StopIteration), result:
            pass
    elif isinstance(result, list | tuple):
        for one in result:
            if isinstance(one, regard.AttentionMap):
                used(one)
    elif isinstance(result, torch.Tensor | Mapping):
        repr(result)
    figure = result.figure if isinstance(getattr(result, "figure", None), figures.Figure) else result
    if isinstance(figure, figures.Figure) and drawn:
        figure.savefig(io.BytesIO(), format="svg")


def _of_own(error: RegardError) -> str | None:
    """What is wrong with an error of ours: it must say what was expected and what came, in one line."""
    text = str(error)
    if "\n" in text or "Traceback" in text:
        return f"{type(error).__name__} of several lines: {text[:200]!r}"
    if not ONE_SENTENCE.search(text):
        return f"{type(error).__name__} that does not say what was expected and what came: {text[:200]!r}"
    if len(text) > 1000:
        return f"{type(error).__name__} of {len(text)} characters: {text[:100]!r}…"
    return None


def _is_theirs(error: Exception, value: Any) -> bool:
    """Whether the user's own function failed, or the user's model on the inputs that it was given."""
    frames = [frame.filename.startswith(SOURCES) for frame in traceback.extract_tb(error.__traceback__)]
    return callable(value) or False in frames[frames.index(True) :]


def _foreign(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(SOURCES)] or frames
    place = f"{Path(ours[-1].filename).relative_to(SOURCES) if ours[-1].filename.startswith(SOURCES) else ours[-1].filename}"
    said = " ".join(str(error).split())[:120]
    return f"{type(error).__name__} at {place}:{ours[-1].lineno}: {said}"


def _print_of(value: Any) -> Any:
    """What a value is, to be compared with itself later."""
    if isinstance(value, torch.Tensor):
        try:
            if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_nested:
                return type(value).__name__
            raw = value.detach().resolve_conj().resolve_neg().contiguous().clone()
            return raw.view(torch.uint8).tolist() if raw.ndim else str(raw)
        except RuntimeError:
            return type(value).__name__
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, list | tuple) and not any(one is value for one in value):
        return [_print_of(one) for one in value]
    if isinstance(value, dict):
        return {key: _print_of(one) for key, one in value.items()}
    return None
