"""What a recording says of each attention call that it has seen."""

from typing import NamedTuple


class Call(NamedTuple):
    """An attention call that was seen while recording.

    Attributes:
        name: qualified name of the module that made it.
        kind: "encoder", "decoder", "cross" or "self".
        layer: the module's index among its peers, as in ``layers.3``, whether or not those before it ran: two towers have a
            layer 0 each.
        kept: "factors" (queries and keys: any region is computed when it is read), "dense" (a model that computes softmax by
            hand: its own weights), or why there is no map of it.
        call: which call of this layer in its pass: 0, or 1, 2, … where it attends within several pictures, windows or slices.
        step: in which pass of the model, counted from 0: ``recording.at(step)``.
    """

    name: str
    kind: str
    layer: int | None
    kept: str
    call: int = 0
    step: int = 0
