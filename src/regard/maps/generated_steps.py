"""The attention of a generation, which comes as one piece a step and layer, put together to one map a layer."""

from collections.abc import Sequence

from torch import Tensor

from regard.errors import RecordingError, ShapeError

REPLAY = "regard.generate(model, inputs, ...) records the text that comes out in one pass"


def together(steps: Sequence[Tensor], name: str, kind: str | None) -> tuple[Tensor, str | None]:
    """One map of all steps of a layer: row t is the query that produced token t + 1.

    The first step has the rows of the prompt; each later one adds its last row, over the keys up to its own token.

    Args:
        steps: (1, heads, queries, keys) each.
        name: of the layer, in errors.
        kind: "cross" where keys are those of another text; seen from the steps where None: there they stay the same.

    Returns:
        (1, heads, rows, keys), and the kind: "self" where keys grow with the rows.

    Raises:
        RecordingError: several sequences, which may be beams that swap their histories; keys that a cache has dropped.
        ShapeError: steps that do not follow one another.

    Example:
        >>> import torch
        >>> prompt, step = torch.eye(2)[None, None], torch.tensor([[[[0.2, 0.3, 0.5]]]])
        >>> together([prompt, step], "layer 0", None)[0][0, 0]
        tensor([[1.0000, 0.0000, 0.0000],
                [0.0000, 1.0000, 0.0000],
                [0.2000, 0.3000, 0.5000]])
    """
    first = steps[0]
    for at, step in enumerate(steps):
        if step.ndim != 4 or step.shape[:2] != first.shape[:2]:
            raise ShapeError(
                f"{name}: expected weights (1, heads, queries, keys) of the same heads in every step, got "
                f"{tuple(first.shape)} in the first and {tuple(step.shape)} in step {at}"
            )
    if first.shape[0] != 1:
        raise RecordingError(
            f"{name}: expected the steps of one sequence, got {first.shape[0]}: they may be beams, which swap their histories, "
            f"and whose padding is not known; {REPLAY}"
        )
    prompt, before = first.shape[2], first.shape[3] - first.shape[2]  # keys of an earlier cache stand before the prompt's
    count = prompt + len(steps) - 1
    if kind != "cross" and before >= 0 and all(step.shape[3] == first.shape[3] + at for at, step in enumerate(steps)):
        known = "self" if kind is None and (before == 0 or len(steps) > 1) else kind
        return _joined(steps, count, count + before), known
    if any(step.shape[3] != first.shape[3] for step in steps):
        sizes = [step.shape[3] for step in steps]
        raise RecordingError(
            f"{name}: expected keys that grow by one a step, or stay the same, got {', '.join(map(str, sizes[:6]))}"
            f"{' …' if len(sizes) > 6 else ''}: which of them a cache has dropped is not said; {REPLAY}"
        )
    whole = _joined(steps, count, first.shape[3])
    if kind != "cross" and count <= first.shape[3] and not bool(whole.triu(1).any()):  # a cache of fixed size, not yet full
        return whole[..., :count], kind or "self"
    if kind not in (None, "cross"):
        raise RecordingError(
            f"{name}: expected keys that grow by one a step, got {first.shape[3]} in every step; say kind='cross' if they are "
            f"another text's; {REPLAY}"
        )
    return whole, "cross"


def _joined(steps: Sequence[Tensor], rows: int, keys: int) -> Tensor:
    first = steps[0]
    made = first.new_zeros(*first.shape[:2], rows, keys)
    start = rows - len(steps) + 1
    made[:, :, :start, : first.shape[3]] = first
    for row, step in enumerate(steps[1:], start):
        made[:, :, row, : step.shape[3]] = step[:, :, -1]
    return made
