"""Axes of texts: from the ids that a model is given, the mask that says which are padding, and a tokenizer that names them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.errors import DtypeError
from regard.tokens.kinds import kind_of_tokenizer
from regard.tokens.special import is_special
from regard.tokens.texts import texts_of


class Tokenizer(Protocol):
    """What an axis needs of a tokenizer: names for ids."""

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """One token an id."""


def axis_of_ids(ids: Tensor, mask: Tensor | None = None, tokenizer: Any = None, role: str | None = None) -> Axis:
    """The positions of ids, (batch, positions).

    Args:
        ids: what the model is given.
        mask: (batch, positions), 1 where a position is real, 0 where it is padding; None where it is not known.
        tokenizer: names the ids; a processor that has one will do.
        role: what the tokens are to the model.

    Example:
        >>> import torch
        >>> axis_of_ids(torch.tensor([[5, 7, 0]]), torch.tensor([[1, 1, 0]])).present
        (True, True, False)
    """
    speller = _Speller(tokenizer)
    rows = ids.tolist()
    marks = [None] * len(rows) if mask is None else [tuple(map(bool, row)) for row in mask.tolist()]
    return Axis(tuple(speller.line(row, present) for row, present in zip(rows, marks, strict=True)), role)


def with_segments(axis: Axis, types: object) -> Axis:
    """The same positions with ``group["segments"]``: those of each sentence of a pair, as a tokenizer's ``token_type_ids`` say.

    Args:
        axis: of a batch.
        types: (batch, positions), whole numbers; anything else, and sequences of one type alone, say nothing.

    Example:
        >>> import torch
        >>> pair = with_segments(Axis.unknown(5), torch.tensor([[0, 0, 0, 1, 1]]))
        >>> pair.group
        {'segments': ((0, 1, 2), (3, 4))}
    """
    if not isinstance(types, Tensor) or types.is_floating_point() or types.shape != (len(axis.lines), len(axis)):
        return axis
    lines = []
    for line, row in zip(axis.lines, types.tolist(), strict=True):
        kinds = [kind if line.present is None or line.present[at] else None for at, kind in enumerate(row)]
        found = sorted({kind for kind in kinds if kind is not None})
        groups = tuple(tuple(at for at, kind in enumerate(kinds) if kind == one) for one in found)
        lines.append(replace(line, group={**line.group, "segments": groups}) if len(groups) > 1 else line)
    return replace(axis, lines=tuple(lines))


def axis_of_labels(labels: Sequence[str], role: str | None = None) -> Axis:
    """The positions of one sequence of tokens, as their tokenizer spells them.

    Example:
        >>> axis_of_labels(["▁The", "▁cat", "</s>"]).special
        (False, False, True)
    """
    tokens = tuple(labels)
    return Axis((Line(len(tokens), text=texts_of(tokens), token=tokens),), role)


def axis_of_presence(mask: Tensor) -> Axis:
    """Positions of which only their padding is known, (batch, positions)."""
    return Axis(tuple(Line(len(row), present=tuple(map(bool, row))) for row in mask.tolist()))


def joined(parts: Sequence[Axis], role: str | None = None) -> Axis:
    """Axes one after another, as the keys of a cache that goes on; texts that one of them does not know are empty.

    Example:
        >>> joined([Axis.unknown(1), axis_of_labels(["▁a"])])
        Axis('', '▁a')
    """
    count = max(len(part.lines) for part in parts)
    lines = []
    for item in range(count):
        own = [part.lines[item if len(part.lines) > 1 else 0] for part in parts]
        lines.append(
            Line(
                sum(line.size for line in own),
                text=_chain([line.text for line in own], own, ""),
                token=_chain([line.token for line in own], own, ""),
                id=_chain([line.id for line in own], own, -1),
                present=_chain([line.present for line in own], own, True),
                special=_chain([line.special for line in own], own, False),
                place=_chain([line.place for line in own], own, None),
                kind=own[-1].kind,
            )
        )
    return Axis(tuple(lines), role)


def _chain(values: Sequence[Sequence[Any] | None], lines: Sequence[Line], missing: Any) -> Any:
    if all(value is None for value in values):
        return None
    return tuple(
        one for value, line in zip(values, lines, strict=True) for one in ((missing,) * line.size if value is None else value)
    )


class _Speller:
    """A tokenizer, asked for each id once."""

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer is not None and not hasattr(tokenizer, "convert_ids_to_tokens"):
            tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
            if not hasattr(tokenizer, "convert_ids_to_tokens"):
                raise DtypeError(
                    f"tokenizer: expected one with convert_ids_to_tokens, got {type(tokenizer).__name__}; "
                    "pass the model's AutoTokenizer or its processor"
                )
        self._tokenizer = tokenizer
        self._kind = None if tokenizer is None else kind_of_tokenizer(tokenizer)
        unknown = getattr(tokenizer, "unk_token", None)
        self._special = set(getattr(tokenizer, "all_special_tokens", ())) - {unknown}

    def line(self, ids: list[int], present: tuple[bool, ...] | None) -> Line:
        if self._tokenizer is None:
            return Line(len(ids), id=tuple(ids), present=present)
        # A model may have more ids than its tokenizer has names, and stand-ins below 0 for pictures.
        names = dict(zip(known := [one for one in ids if one >= 0], self._tokenizer.convert_ids_to_tokens(known), strict=True))
        nameless = {f"<id {one}>" for one in ids if names.get(one) is None}
        tokens = tuple(f"<id {one}>" if (name := names.get(one)) is None else str(name) for one in ids)
        special = tuple(token in self._special or token in nameless or is_special(token) for token in tokens)
        named = {token for token, out in zip(tokens, special, strict=True) if out}
        return Line(len(ids), texts_of(tokens, self._kind, named), tokens, tuple(ids), present, special, kind=self._kind)
