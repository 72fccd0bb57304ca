"""Maps that are kept only if they explain what a call returned, as not all is known that the function does."""

from typing import Any

from torch import Tensor

from regard.errors import RegardError, ScoreError
from regard.maps.attention_map import AttentionMap
from regard.recording.agreement import error_of, error_of_weights, rounding_of, step_of
from regard.recording.copies import Copies
from regard.recording.functions.given import Given, MakeMap
from regard.recording.observer import AttentionCall, NoMapError


def explained(given: Given, call: AttentionCall, make_map: MakeMap, unknown: tuple[str, ...], copies: Copies) -> AttentionMap:
    """The map as if the unknown changed no weight, if the values times it are the output; else the weights that were returned.

    Raises:
        NoMapError: neither explains the output, or dropout hides whether one does.
    """
    where = f"{', '.join(unknown)} of the attention function of {type(given.module).__name__}"
    if call.dropout:
        raise NoMapError(f"dropout hides what {where} changes; record in evaluation mode")
    output = call.output if call.heads_first is None else call.heads_first(call.output)
    returned = _returned_weights(given, output, copies)
    try:
        made = make_map(copies)
        error = error_of(made, given.value, output)
        is_right = error <= rounding_of(made, given.value)
        if is_right and returned is not None:  # values that are all alike agree with any weights
            is_right = error_of_weights(made, returned) <= step_of(made, given.value.dtype)
        found = f"map @ values without it is off by {error:.2g}"
    except RegardError as refused:
        made, is_right, found = None, False, str(refused)
    if made is not None and is_right:
        return made
    if returned is not None:
        call.kept = "dense"
        return returned
    raise NoMapError(f"it is not known what {where} does to the weights: {found}")


def _returned_weights(given: Given, output: Tensor, copies: Copies) -> AttentionMap | None:
    """The weights that the function has returned beside the output, if they are those that it has made it with."""
    weights = given.result[1] if given.result else None
    if not isinstance(weights, Tensor) or weights.shape != (*output.shape[:3], given.key.shape[2]):
        return None
    amap = AttentionMap.from_dense(copies.own(weights))
    try:
        return amap if error_of(amap, given.value, output) <= rounding_of(amap, given.value) else None  # before a sink, say
    except ScoreError:  # NaN
        return None


def scaled(query: Tensor, scale: Any) -> tuple[Tensor, float | None]:
    """Queries, and the factor of their scores: one that is no single number, as a head's own, goes into the queries."""
    if not isinstance(scale, Tensor):
        return query, scale
    return (query, float(scale)) if scale.numel() == 1 else (query * scale, 1.0)
