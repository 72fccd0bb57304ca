"""Tokens that stand for pictures and sounds in a text, which a model must not write itself where it is replayed."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from regard.errors import RecordingError

KINDS = ("image", "video", "audio")


def placeholder(config: Any, kind: str) -> int | None:
    """The id of the token that stands for one of ``KINDS``, by a model's configuration; None where it has none."""
    for name in (f"{kind}_token_id", f"{kind}_token_index"):
        if isinstance(found := getattr(config, name, None), int):
            return found
    return None


def refuse_written(model: Any, inputs: Mapping[str, Any], sequences: Tensor) -> None:
    """Refuse placeholders that a decoder wrote: one pass over the whole text would look for their pictures.

    Args:
        model: one of Transformers.
        inputs: what it was given; texts alone have no pictures that are looked for.
        sequences: (batch · n, length), prompts first. The last token is read by no row.

    Raises:
        RecordingError: there is one.
    """
    ids = inputs.get("input_ids")
    beside = {name for name, one in inputs.items() if isinstance(one, Tensor) and one.is_floating_point()}
    if not isinstance(ids, Tensor) or model.config.is_encoder_decoder or not beside - {"attention_mask"}:
        return
    written = sequences[:, ids.shape[1] : -1]
    for kind in KINDS:
        if (token := placeholder(model.config, kind)) is not None and bool((found := written == token).any()):
            at = ids.shape[1] + int(found.any(0).nonzero()[0])
            raise RecordingError(
                f"expected generated text, got the placeholder of {kind}, id {token}, at position {at}, for which a pass over "
                f"the whole asks for one more {kind}; generate without it: suppress_tokens=[{token}]"
            )
