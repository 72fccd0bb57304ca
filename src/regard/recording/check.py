"""How far each map of a recording is from what its call returned: ``recording.check()``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.maps.view import MapData, MapView
from regard.recording.agreement import error_of, rounding_of
from regard.recording.values import CallValues

LISTED = 3
"""So many calls are named in one line."""


class CheckedCall(NamedTuple):
    """One map, held against the output of its call.

    Attributes:
        name: qualified name of the module.
        kind: of its attention.
        layer: its layer.
        error: max |map @ values − output|; None where the two cannot be compared.
        rounding: what rounding alone may make of it, with numbers of the output's type.
        reason: why they cannot be compared; "" where they have been.
    """

    name: str
    kind: str
    layer: int | None
    error: float | None
    rounding: float
    reason: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the error is more than rounding."""
        return self.error is not None and not self.error <= self.rounding  # NaN is wrong


@dataclass(frozen=True)
class Check:
    """What came of holding maps against outputs.

    Attributes:
        calls: one of each map, in the order of ``recording.maps``.
    """

    calls: tuple[CheckedCall, ...]

    @property
    def compared(self) -> tuple[CheckedCall, ...]:
        """The calls that could be compared."""
        return tuple(call for call in self.calls if call.error is not None)

    @property
    def wrong(self) -> tuple[CheckedCall, ...]:
        """The calls whose map is not what drew their output: they differ by more than rounding."""
        return tuple(call for call in self.calls if call.is_wrong)

    @property
    def worst(self) -> float:
        """The largest error of all calls; NaN where none could be compared."""
        errors = [call.error for call in self.compared if call.error is not None]
        return max(errors, key=lambda error: float("inf") if error != error else error, default=float("nan"))

    def __float__(self) -> float:
        return self.worst

    def __repr__(self) -> str:
        parts = [f"{len(self.compared)} of {len(self.calls)} maps compared with what their calls returned"]
        if self.compared:
            worst = next(call for call in self.compared if call.error is self.worst or call.error == self.worst)
            parts.append(f"largest error {self.worst:.2g} in {worst.name}")
            parts.append(f"{len(self.wrong) or 'none'} beyond rounding{_listed(self.wrong)}")
        if left := [call for call in self.calls if call.error is None]:
            parts.append(f"{len(left)} not compared: {left[0].reason}")
        return f"Check({'; '.join(parts)})"


def checked(maps: Sequence[AttentionMap], values: Sequence[CallValues]) -> Check:
    """Each map, times the values of its call, against the output.

    Raises:
        RecordingError: there are no values, or not what came of them.
    """
    if not values or len(values) != len(maps) or not any(call.output is not None for call in values):
        raise RecordingError(
            "expected a recording that has kept values and outputs, got one without; make it with "
            "regard.record(model, values=True), and check it before it is saved: a file keeps no outputs"
        )
    return Check(tuple(_checked(amap, call) for amap, call in zip(maps, values, strict=True)))


def _checked(amap: AttentionMap, call: CallValues) -> CheckedCall:
    said = amap.name or "", str(amap.kind), amap.layer
    reason = ""
    if call.value is None:
        reason = "an einsum that sums over more than keys"
    elif call.dropout is None:
        reason = "the model was in training, and may have dropped weights after the map"
    elif call.dropout:
        reason = f"dropout of {call.dropout:g} came after the map; record in evaluation mode"
    elif call.output is None or call.heads_first is None:
        reason = "its output is not kept"
    if reason or call.value is None or call.output is None or call.heads_first is None:
        return CheckedCall(*said, None, 0.0, reason)
    whole = AttentionMap.from_data(MapData(MapView.whole(amap.view.source)))  # values belong to all that it was cut from
    error = error_of(whole, call.value, call.heads_first(call.output.detach()))
    return CheckedCall(*said, error, rounding_of(whole, call.value))


def _listed(calls: Sequence[CheckedCall]) -> str:
    if not calls:
        return ""
    shown = ", ".join(f"{call.name} by {call.error:.2g} (rounding: {call.rounding:.1g})" for call in calls[:LISTED])
    return f": {shown}{', …' if len(calls) > LISTED else ''}"
