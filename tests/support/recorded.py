"""One pass of a model, recorded."""

import torch

import regard


def ran(model, inputs, **options):
    """A recording of one pass, and what the model returned."""
    with torch.no_grad(), regard.record(model, **options) as recording:
        output = model(**inputs)
    return recording, output
