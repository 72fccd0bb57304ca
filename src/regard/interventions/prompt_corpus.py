"""Prompts in a corpus: which columns they stand in, and each as a ``Prompt``, with its place."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from regard.arguments import one_of, text
from regard.errors import DtypeError, in_short
from regard.interventions.prompts import Prompt
from regard.surveying.corpus import FILE_BITS, Chunk, Corpus, find_corpus
from regard.surveying.records import Columns, Item, Refusal, text_at
from regard.surveying.tally import Done

PARTS = ("text", "other", "answer", "wrong", "group", "spans")

CHUNK_PROMPTS = 64
"""Of a piece of work, which is kept as a whole or done again."""


@dataclass(frozen=True)
class PromptColumns:
    """Where the parts of prompts stand in rows that have names; dots lead into rows within rows.

    Attributes:
        names: of the columns, by part; a part that is not said stands in the column of its own name, if there is one.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.names, Mapping):
            raise DtypeError(
                f"columns: expected {{part: column}}, got {in_short(self.names)}; for example {{'text': 'prompt'}}"
            )
        for part, column in self.names.items():
            one_of("columns", part, PARTS)
            text(f"columns[{part!r}]", column)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of a table that are read."""
        return tuple(self.names.get(part, part) for part in PARTS)

    @property
    def needed(self) -> tuple[str, ...]:
        """Those without which a table is refused: the text, and what was named."""
        return tuple(self.names.get(part, part) for part in PARTS if part == "text" or part in self.names)

    def of_line(self, line: str) -> Item:
        """A line of text is a prompt without an answer."""
        return (line, *[None] * (len(PARTS) - 1))

    def of_row(self, row: Any) -> Item:
        """What a row of a table, or an object of JSON, says; spans as JSON."""
        found: list[str | None] = []
        for part in PARTS:
            column = self.names.get(part, part)
            value = _value(row, column)
            if value is None and column not in self.needed:
                found.append(None)
                continue
            said = text_at({column: json.dumps(value)}, column) if part == "spans" and isinstance(value, Mapping) else None
            said = text_at(row, column) if said is None else said
            if isinstance(said, Refusal):
                return said
            found.append(said)
        return tuple(found)


def _value(row: Any, column: str) -> Any:
    for name in column.split("."):
        if not isinstance(row, Mapping) or name not in row:
            return None
        row = row[name]
    return row


def prompt_corpus(addresses: str | Sequence[str], columns: Mapping[str, str] | None = None) -> Corpus:
    """The files behind addresses, as a survey finds them, to be read as prompts.

    Raises:
        OptionError, OSError, FileFormatError: as ``find_corpus``; DtypeError: columns that are no names.
    """
    found = find_corpus(addresses, cast("Columns", PromptColumns({} if columns is None else columns)))
    return replace(found, chunk_records=CHUNK_PROMPTS)


def prompt_of(item: Item) -> Prompt | Refusal:
    """The prompt of a record; or why there is none."""
    if isinstance(item, Refusal):
        return item
    given, other, answer, wrong, group, said = item
    if not (given or "").strip():
        return Refusal("empty", "no text")
    spans: dict[str, Any] = {}
    if said:
        try:
            spans = {name: one if isinstance(one, str) else tuple(one) for name, one in json.loads(said).items()}
        except (AttributeError, TypeError, ValueError, RecursionError):
            return Refusal("no spans", f"expected {{name: [begin, end]}}, got {in_short(said)}")
    return Prompt(given or "", other, answer, wrong, spans, group)


def prompts_of(corpus: Corpus) -> Iterator[tuple[str, int, Prompt | Refusal]]:
    """Each prompt of a corpus with its file and its line, counted from 0."""
    for chunk in corpus.chunks(Done()):
        yield from placed(corpus, chunk)


def placed(corpus: Corpus, chunk: Chunk) -> Iterator[tuple[str, int, Prompt | Refusal]]:
    """Each prompt of a chunk with its file and its line, counted from 0."""
    for place, item in chunk.items:
        yield corpus.sources[place >> FILE_BITS].name, place & ((1 << FILE_BITS) - 1), prompt_of(item)
