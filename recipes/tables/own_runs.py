"""One model of any library, recorded and held against itself: a part of table_of_libraries.py.

Few libraries return their weights. What stands for them is every softmax that the model computes in its attention, and what
PyTorch's fused attention makes of values that are the identity, told by a witness that is no part of the recorder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor, nn

import regard
from outcomes import EXACT, Outcome
from regard.errors import RegardError
from regard.maps.attention_map import AttentionMap
from regard.recording.head_axes import UNSPLIT
from regard.recording.recording import Recording
from support.zoo_report import Witness, difference, missed, tensors


class Entry(NamedTuple):
    """A model of a library.

    Attributes:
        name: in the table.
        make: builds it, with random weights.
        run: one pass.
        why: why it is not tried; "" where it is.
    """

    name: str
    make: Callable[[], nn.Module]
    run: Callable[[nn.Module], object]
    why: str = ""


def outcome(entry: Entry) -> Outcome:
    """Record a model, and hold each map against the model's own weights and each call against its own output."""
    if entry.why:
        return Outcome("not tried", detail=entry.why)
    with seeded():
        model = entry.make().eval()
    spread_out(model)
    torch.backends.mha.set_fastpath_enabled(False)  # which gives way to the ordinary path in a recording, and rounds otherwise
    plain = ran(entry, model)
    own = weights_of(entry, model)
    try:
        with regard.record(model, values=True) as recording:
            recorded = ran(entry, model)
    except RegardError as refusal:
        return Outcome("refused", detail=str(refusal))
    if not all(torch.equal(one, other) for one, other in zip(tensors(plain), tensors(recorded), strict=True)):
        return Outcome("differs", detail="its output changed")
    return judged(recording, own)


def judged(recording: Recording, own: dict[str, list[Tensor]]) -> Outcome:
    """The word for a recording, whose model's own weights are these, by module."""
    kinds = [str(amap.kind) for amap in recording.maps]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    routes = {"queries and keys" if amap.factors is not None else "weights" for amap in recording.maps}
    said = f"{' and '.join(sorted(routes))}: {counted}"
    try:
        error = largest_error(recording, own)
    except AssertionError as fault:
        return Outcome("differs", detail=f"{said}; {fault}")
    check = recording.check()
    left = [call for call in check.calls if call.error is None]
    said += f"; {error:.0e}; of outputs {check.worst:.0e}" + (f", {len(left)} not compared: {left[0].reason}" if left else "")
    if check.wrong or (error >= EXACT and len(left) == len(check.calls)):
        return Outcome("differs", detail=said)
    if error >= EXACT:
        said += "; what multiplies the values is more than its softmax, and that is the map"
    if unsplit := sum(UNSPLIT in call.kept for call in recording.calls):
        said += f"; in {unsplit} calls heads are not told from the batch"
    missing = [call for call in recording.calls if call.layer is None]
    if missing:
        return Outcome("in part", detail=f"{said}; {len(missing)} not kept: {missing[0].kept}")
    return Outcome("exact" if routes == {"queries and keys"} else "dense", detail=said)


def largest_error(recording: Recording, own: dict[str, list[Tensor]]) -> float:
    """Every map against the weights of its module.

    Raises:
        AssertionError: there are weights of which there is neither a map nor a word in ``calls``.
    """
    by_module: dict[str, list[AttentionMap]] = {name: [] for name in own}
    for amap in recording.maps:
        by_module.setdefault(str(amap.name), []).append(amap)
    all_errors = []
    for name, maps in by_module.items():
        left = list(own.get(name, []))
        errors = []
        for amap in maps:
            alike = [at for at, weights in enumerate(left) if without_sink(weights, amap).numel() == math.prod(amap.shape)]
            assert alike, f"{name} has no weights of the size of its map, {tuple(amap.shape)}"  # noqa: S101
            apart = {
                at: min(difference(amap, one, {}) for one in as_maps(without_sink(left[at], amap), amap.shape)) for at in alike
            }
            nearest = min(alike, key=lambda at: apart[at])
            errors.append(apart[nearest])
            del left[nearest]
        all_errors += errors
        if max(errors, default=0.0) >= EXACT:
            continue  # it may be made of several of them: its output tells
        silent = len(left) - missed(recording, name)
        assert silent <= 0, f"{silent} softmax of {name}, {tuple(left[-1].shape)}, neither kept nor said"  # noqa: S101
    return max(all_errors)


def without_sink(weights: Tensor, amap: AttentionMap) -> Tensor:
    """The weights, without the first column where they have one more than the map."""
    return weights[..., 1:] if weights.shape[-1] == amap.shape[-1] + 1 else weights


def as_maps(weights: Tensor, shape: torch.Size) -> Iterator[Tensor]:
    """The weights as a map may have them: of many axes, heads may stand in any place before queries."""
    if weights.ndim <= 4:
        yield weights
        if weights.ndim == 3:  # heads before the batch
            batch, heads, queries, keys = shape
            yield weights.view(heads, batch, queries, keys).transpose(0, 1)
        return
    for order in permutations(range(weights.ndim - 2)):
        yield weights.permute(*order, weights.ndim - 2, weights.ndim - 1).reshape(shape)


def weights_of(entry: Entry, model: nn.Module) -> dict[str, list[Tensor]]:
    """What the model's attention computes, by module."""
    witness = Witness(model)
    with witness:
        ran(entry, model)
    return {name: [one for one in found if one.ndim > 2] for name, found in witness.weights.items() if found[0].ndim > 2}


def ran(entry: Entry, model: nn.Module) -> object:
    """One pass, which draws the same random numbers every time."""
    with torch.no_grad(), seeded():
        return entry.run(model)


@contextmanager
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def spread_out(model: nn.Module) -> None:
    """Give the projections of a model weights so large that its maps are far from uniform."""
    with torch.no_grad(), seeded():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 1.5 / parameter.shape[1] ** 0.5)
