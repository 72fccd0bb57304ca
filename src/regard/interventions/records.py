"""What a sweep writes down: columns, a row for each site, measure, prompt and draw."""

from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Records:
    """A block of rows, as columns of one length.

    Attributes:
        site: what was changed, in words; the same words are the same site.
        kind: "encoder", "decoder", "cross" or "self".
        layer: counted from 0; −1 where the site has none of its own.
        head: likewise.
        measure: its name.
        file: where the prompt comes from; "" for a list.
        line: its place in that file, or in the list, from 0.
        group: prompts that are not independent of each other share one; "" for a prompt that stands alone.
        draw: which of several draws of the replacement it is, from 0.
        unchanged: the measure of the run that is changed, as it is: the prompt's; with ``patch(direction="denoise")`` its
            partner's.
        other: of the run whose activations go in: the partner's; with "denoise" the prompt's. NaN where there is none.
        changed: of the model with its site replaced.
        tokens: how many the prompt has.
    """

    site: Sequence[str]
    kind: Sequence[str]
    layer: Sequence[int]
    head: Sequence[int]
    measure: Sequence[str]
    file: Sequence[str]
    line: Sequence[int]
    group: Sequence[str]
    draw: Sequence[int]
    unchanged: Sequence[float]
    other: Sequence[float]
    changed: Sequence[float]
    tokens: Sequence[int]

    def columns(self) -> dict[str, Sequence[str] | Sequence[int] | Sequence[float]]:
        """The columns by name, in the order of ``COLUMNS``."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(Records))
"""Their names, in order."""
