"""The gradient of a score with regard to what each recorded attention call returned."""

from typing import Any

import torch
from torch import Tensor

from regard.arguments import float_tensor, with_all
from regard.errors import RecordingError


def output_gradients(recording: Any, score: Tensor) -> list[Tensor]:
    """∂score/∂O of every recorded call, each of the shape of that call's output; 0 where nothing leads to it.

    Args:
        recording: made with ``regard.record(model, values=True)``, gradients on.
        score: a number on the graph of the recorded pass; of several, the sum is taken.

    Raises:
        RecordingError: the recording has no values, or no gradient leads from the score to them.
    """
    with_all("recording", recording, "a recording", ("maps", "passes"), advice="make it with regard.record(model, values=True)")
    float_tensor("score", score)
    maps, values = list(recording.maps), list(getattr(recording, "values", ()))
    if len(values) != len(maps) or not maps:
        raise RecordingError(
            f"expected the values of {len(maps)} attention calls, got {len(values)}; record the model with "
            "regard.record(model, values=True)"
        )
    outputs = [call.output for call in values if call.output is not None]
    if len(outputs) < len(values):
        raise RecordingError(
            "expected the outputs of attention calls, got a recording that was loaded: a file has no gradients; "
            "record the model once more, and ask before the recording is saved"
        )
    on_graph = [output for output in outputs if output.requires_grad]
    if not on_graph or not score.requires_grad:
        raise RecordingError(
            "expected a score with a gradient, got none; run the model outside of torch.no_grad(), with parameters that "
            "require gradients, and compute the score from what the recorded pass returned"
        )
    try:
        found = iter(torch.autograd.grad(score.sum(), on_graph, retain_graph=True, allow_unused=True))
    except RuntimeError as error:
        raise RecordingError(
            f"expected a score whose graph is still there, got one that has no way back ({error}); "
            "call relevance before score.backward(), or keep it with backward(retain_graph=True)"
        ) from error
    gradients = [next(found) if output.requires_grad else None for output in outputs]
    if all(gradient is None for gradient in gradients):
        raise RecordingError(
            "expected a score that depends on the recorded pass, got one that does not; use what that pass returned"
        )
    return [
        torch.zeros_like(output) if gradient is None else gradient.detach()
        for output, gradient in zip(outputs, gradients, strict=True)
    ]
