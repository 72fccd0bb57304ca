"""What positions of a side say, as running text."""

from collections.abc import Iterable

from regard.axes.axis import Axis
from regard.tokens.decoded import text_runs


def running_text(axis: Axis, places: Iterable[int]) -> str:
    """The text that the tokens at some positions spell, its blanks made one; where some are left out, an ellipsis.

    Special tokens stand for no text. Of positions without texts there is none.

    Args:
        axis: of one sequence.
        places: which positions.

    Example:
        >>> running_text(Axis.unknown(5).with_text(["▁It", "▁ra", "ins", "▁a", "▁lot"]), [1, 2, 4])
        'rains … lot'
    """
    line = axis.line
    if line.spelled is None:
        return ""
    wanted = set(places)
    named = {token for token, out in zip(line.spelled, line.specials, strict=True) if out}
    parts: list[str] = []
    left_out = False
    for run in text_runs(line.spelled, named, line.kind):
        parts.append(" ")
        for one in run:
            if not one.owners or not wanted.isdisjoint(one.owners):
                if one.owners and left_out and any(part.strip() for part in parts):
                    parts.append(" … ")
                left_out = left_out and not one.owners
                parts.append(one.text)
            else:
                left_out = True
    return " ".join("".join(parts).split())
