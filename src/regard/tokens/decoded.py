"""Tokens as the characters of their text, each with the tokens that it is made of."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from regard.tokens.kinds import checked_kind, kind_of
from regard.tokens.special import checked_special, is_special, runs_between
from regard.tokens.spelling import as_text, checked_tokens, pieces_of


class Character(NamedTuple):
    """A character of the text: one code point, or a byte that is none, as "surrogateescape" gives it."""

    text: str
    owners: tuple[int, ...]  #: the tokens that it is made of; a blank has one where it is a token of its own


def text_runs(tokens: Sequence[str | bytes], special: Collection[str] | None, kind: str | None) -> list[list[Character]]:
    """The characters between special tokens, run by run."""
    tokens, special = checked_tokens(tokens), checked_special(special)
    left_out = [is_special(as_text(token), special) for token in tokens]
    kind = checked_kind(kind) or kind_of([token for token, out in zip(tokens, left_out, strict=True) if not out])
    return [list(_characters(tokens, run, kind)) for run in runs_between(left_out)]


def _characters(tokens: Sequence[str | bytes], run: Sequence[int], kind: str) -> Iterator[Character]:
    """The characters of neighbouring tokens; one may be made of bytes of several."""
    data, owners, marks = bytearray(), list[int](), set[int]()
    for place, piece in zip(run, pieces_of([tokens[place] for place in run], kind), strict=True):
        part = b" " * piece.before + piece.data + b" " * piece.after
        data += part
        owners += [place] * len(part)
        if piece.data == b" " and kind != "characters":
            marks.add(place)
    text = data.decode("utf-8", "surrogateescape")
    at = 0
    for letter in text:
        stop = at + 1 if letter < "\x80" else at + len(letter.encode("utf-8", "surrogateescape"))
        first = owners[at]  # tokens follow each other: all bytes are of one if the first and the last are
        made_of = (first,) if owners[stop - 1] == first else tuple(dict.fromkeys(owners[at:stop]))
        # A blank that is a token belongs to the word that it begins; other blanks to none.
        yield Character(letter, () if letter.isspace() and first not in marks else made_of)
        at = stop


def with_marks(characters: Sequence[Character]) -> Iterator[Character]:
    """The characters; the first one of a word has the marks that stand alone before it."""
    marks: tuple[int, ...] = ()
    for one in characters:
        if one.text.isspace():
            marks += one.owners
            yield one
        else:
            yield Character(one.text, marks + one.owners) if marks else one
            marks = ()
