"""Sub-words to words.

A token becomes the bytes that it stands for, blanks included; the bytes become characters, and the characters words, as they
stand between blanks. So a character of three tokens is one character, and tokens can also be matched with words that were
split elsewhere.
"""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from regard.errors import DtypeError, OptionError
from regard.tokens.kinds import checked_kind, kind_of
from regard.tokens.special import is_special, runs_between
from regard.tokens.spelling import as_text, pieces_of, with_bytes

_RESYNC, _FARTHEST = 3, 64  # how many characters must agree again after a difference, and how far to look for them


@dataclass(frozen=True)
class Words:
    """The words of a token sequence.

    Attributes:
        texts: the words, as they stand between blanks.
        tokens: for each word the positions of its tokens. Special tokens belong to no word. A token with characters of two
            words belongs to both.
    """

    texts: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]


def words_of(
    tokens: Sequence[str | bytes],
    special: Collection[str] | None = None,
    *,
    kind: str | None = None,
    words: str | Sequence[str] | None = None,
) -> Words:
    """Group tokens into words split at blanks, or match them with words that are given.

    Args:
        tokens: as the tokenizer names them, markers included.
        special: tokens that belong to no word; by their names where not given (``is_special``).
        kind: how the tokenizer marks words, one of ``TOKENIZERS``; seen from the tokens where not given. Say it for a text of
            one word, where no mark may be seen.
        words: the text's words, or the text, to be split at blanks. They are matched with the tokens character by character,
            whatever stands between them: "l'" and "homme" find their tokens in "l'homme". Case, accents and a few
            characters may differ, as normalisers change them. A word that the tokenizer left out has no tokens.

    Raises:
        OptionError: another kind, or words of another text.
        DtypeError: a text in place of its tokens.

    Example:
        >>> words_of(["▁The", "▁ma", "t", ".", "</s>"])
        Words(texts=('The', 'mat.'), tokens=((0,), (1, 2, 3)))
        >>> words_of(["▁The", "▁ma", "t", ".", "</s>"], words=["The", "mat", "."]).tokens
        ((0,), (1, 2), (3,))
    """
    runs = text_runs(tokens, special, kind)
    if words is not None:
        return _matched([one for run in runs for one in run], words.split() if isinstance(words, str) else tuple(words))
    found = [word for run in runs for word in _split(run)]
    return Words(tuple(text for text, _ in found), tuple(owners for _, owners in found))


class Character(NamedTuple):
    """A character of the text."""

    text: str
    owners: tuple[int, ...]  #: the tokens that it is made of; a blank has one where it is a token of its own


def text_runs(tokens: Sequence[str | bytes], special: Collection[str] | None, kind: str | None) -> list[list[Character]]:
    """The characters between special tokens, run by run."""
    if isinstance(tokens, str | bytes):
        raise DtypeError(f"expected a list of tokens, got the text {tokens!r}; tokenize it first")
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
    at = 0
    for text in data.decode("utf-8", "surrogateescape"):
        stop = at + len(text.encode("utf-8", "surrogateescape"))
        made_of = tuple(dict.fromkeys(owners[at:stop]))
        # A blank that is a token belongs to the word that it begins; other blanks to none.
        yield Character(text, made_of if not text.isspace() or made_of[0] in marks else ())
        at = stop


def _split(characters: Sequence[Character]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The words between blanks, each with its tokens."""
    for blank, group in groupby(_with_marks(characters), key=lambda one: one.text.isspace()):
        if not blank:
            letters = list(group)
            owners = tuple(dict.fromkeys(place for one in letters for place in one.owners))
            yield with_bytes("".join(one.text for one in letters)), owners


def _with_marks(characters: Sequence[Character]) -> Iterator[Character]:
    """The characters; the first one of a word has the marks that stand alone before it."""
    marks: tuple[int, ...] = ()
    for one in characters:
        if one.text.isspace():
            marks += one.owners
            yield one
        else:
            yield Character(one.text, marks + one.owners)
            marks = ()


def _matched(characters: Sequence[Character], words: Sequence[str]) -> Words:
    """The given words with the tokens of their characters."""
    if not all(isinstance(word, str) for word in words):
        raise OptionError(f"expected words as a text or a list of texts, got {words!r}")
    left = [(plain, number) for number, word in enumerate(words) for letter in word for plain in _plain(letter)]
    right = [(plain, one.owners) for one in _with_marks(characters) for plain in _plain(one.text)]
    places: list[dict[int, None]] = [{} for _ in words]
    same = 0
    for at, other in _pairs("".join(plain for plain, _ in left), "".join(plain for plain, _ in right)):
        places[left[at][1]] |= dict.fromkeys(right[other][1])
        same += left[at][0] == right[other][0]
    if 2 * same < min(len(left), len(right)):
        said, read = ("".join(plain for plain, _ in side)[:40] for side in (left, right))
        raise OptionError(f"expected the words of these tokens, got others: the words are {said!r}…, the tokens {read!r}…")
    return Words(tuple(words), tuple(tuple(sorted(owners)) for owners in places))


def _plain(character: str) -> str:
    """A character as normalisers may leave it: no blanks, no accents, small, ligatures apart."""
    apart = unicodedata.normalize("NFKD", character.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one) and not one.isspace())


def _pairs(left: str, right: str) -> Iterator[tuple[int, int]]:
    """Positions of two almost equal texts that belong together.

    Where they differ, the shortest difference after which they go on alike is looked for, and what differs is shared out
    evenly.
    """
    at = other = 0
    while at < len(left) and other < len(right):
        if left[at] == right[other]:
            yield at, other
            at, other = at + 1, other + 1
            continue
        here, there = _difference(left, right, at, other)
        if here and there:
            longer = max(here, there)
            yield from ((at + step * here // longer, other + step * there // longer) for step in range(longer))
        at, other = at + here, other + there


def _difference(left: str, right: str, at: int, other: int) -> tuple[int, int]:
    """How many characters of each differ before they agree again."""
    rest = len(left) - at, len(right) - other
    for longer in range(1, min(max(rest), _FARTHEST) + 1):
        # As many on either side first: a character that was exchanged is likelier than one that was left out.
        sides = [(longer, shorter) for shorter in range(longer, -1, -1)]
        for here, there in [pair for one, two in sides for pair in ((one, two), (two, one))]:
            if here <= rest[0] and there <= rest[1]:
                follows = left[at + here : at + here + _RESYNC]
                if follows == right[other + there : other + there + _RESYNC] and (follows or (here, there) == rest):
                    return here, there
    return min(rest[0], _FARTHEST), min(rest[1], _FARTHEST)
