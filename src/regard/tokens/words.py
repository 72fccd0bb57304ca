"""Sub-words to words and to characters.

A token becomes the bytes that it stands for, blanks included; the bytes become characters, and the characters words, as they
stand between blanks. So a character of three tokens is one character, and tokens can also be matched with words that were
split elsewhere.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import regex

from regard.errors import OptionError, in_short
from regard.tokens.decoded import Character, text_runs, with_marks
from regard.tokens.spelling import with_bytes

WordsAsked = str | Sequence[str] | Callable[[str], Iterable[str]]
"""Words that ``words_of`` is asked for: the name of a unit, a text, a list, or what cuts a text."""

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
    words: WordsAsked | None = None,
) -> Words:
    """Group tokens into words split at blanks, or match them with words that are given.

    Args:
        tokens: as the tokenizer names them, markers included.
        special: tokens that belong to no word; by their names where not given (``is_special``).
        kind: how the tokenizer marks words, one of ``TOKENIZERS``; seen from the tokens where not given. Say it for a text of
            one word, where no mark may be seen.
        words: "words", as they stand between blanks, which is meant where nothing is given; "characters", those of
            ``characters_of``, for scripts without blanks; the words in a list, or another text, to be split at blanks; or a
            function that cuts the text into words, such as ``jieba.cut``. Words are matched with the tokens character by
            character, whatever stands between them: "l'" and "homme" find their tokens in "l'homme". Case, accents and a few
            characters may differ, as normalisers change them. A word that the tokenizer left out has no tokens.

    Raises:
        OptionError: another kind, or words of another text.
        DtypeError: a text in place of its tokens.

    Example:
        >>> words_of(["▁The", "▁ma", "t", ".", "</s>"])
        Words(texts=('The', 'mat.'), tokens=((0,), (1, 2, 3)))
        >>> words_of(["▁The", "▁ma", "t", ".", "</s>"], words=["The", "mat", "."]).tokens
        ((0,), (1, 2), (3,))
        >>> words_of(["▁我", "爱", "北京"], words=lambda text: ["我", "爱", "北京"]).tokens
        ((0,), (1,), (2,))
    """
    if isinstance(words, str) and words == "characters":
        return characters_of(tokens, special, kind=kind)
    runs = text_runs(tokens, special, kind)
    if words is None or (isinstance(words, str) and words == "words"):
        return _together(word for run in runs for word in _split(run))
    if callable(words):
        text = " ".join(_text(run).strip() for run in runs)
        cut = words(text)
        if isinstance(cut, str) or not isinstance(cut, Iterable):
            raise OptionError(f"words: expected a function that returns words, got one that returns {in_short(cut)}")
        words = [word for word in cut if not (isinstance(word, str) and word.isspace())]
    if isinstance(words, Mapping | range) or not isinstance(words, str | Sequence):
        raise OptionError(f"words: expected a text, a list of texts or a function, got {in_short(words)}")
    return _matched([one for run in runs for one in run], words.split() if isinstance(words, str) else tuple(words))


def characters_of(tokens: Sequence[str | bytes], special: Collection[str] | None = None, *, kind: str | None = None) -> Words:
    """Group tokens into characters as people count them: a letter with its marks, a syllable of Hindi, an emoji of many parts.

    They are Unicode's extended grapheme clusters (Annex 29). Blanks are none; a token with several characters belongs to each.

    Args:
        tokens: as for ``words_of``.
        special: likewise.
        kind: likewise.

    Raises:
        OptionError: another kind.
        DtypeError: a text in place of its tokens.

    Example:
        >>> characters_of(["ä½", "ł", "å¥½", "<|endoftext|>"])
        Words(texts=('你', '好'), tokens=((0, 1), (2,)))
    """
    return _together(one for run in text_runs(tokens, special, kind) for one in _clusters(run))


def words_and_characters(
    tokens: Sequence[str | bytes], special: Collection[str] | None = None, *, kind: str | None = None
) -> tuple[Words, Words | None]:
    """What ``words_of`` and ``characters_of`` find, from one look; no characters where each is plainly of one token."""
    return words_and_characters_of(text_runs(tokens, special, kind))


def words_and_characters_of(runs: Sequence[Sequence[Character]]) -> tuple[Words, Words | None]:
    """The same of characters that have been read."""
    words = _together(word for run in runs for word in _split(run))
    if all(one.text.isascii() and len(one.owners) == (not one.text.isspace()) for run in runs for one in run):
        return words, None
    return words, _together(one for run in runs for one in _clusters(run))


def _together(found: Iterable[tuple[str, tuple[int, ...]]]) -> Words:
    pairs = list(found)
    return Words(tuple(text for text, _ in pairs), tuple(owners for _, owners in pairs))


def _text(characters: Iterable[Character]) -> str:
    return with_bytes("".join(one.text for one in characters))


def _owners(characters: Iterable[Character]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(place for one in characters for place in one.owners))


def _clusters(characters: Sequence[Character]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The characters that people see, each with its tokens."""
    marked = list(with_marks(characters))
    at = 0
    for cluster in regex.findall(r"\X", "".join(one.text for one in marked)):
        parts = marked[at : at + len(cluster)]
        at += len(cluster)
        if not cluster.isspace():
            yield _text(parts), _owners(parts)


def _split(characters: Sequence[Character]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The words between blanks, each with its tokens."""
    for blank, group in groupby(with_marks(characters), key=lambda one: one.text.isspace()):
        if not blank:
            letters = list(group)
            yield _text(letters), _owners(letters)


def _matched(characters: Sequence[Character], words: Sequence[str]) -> Words:
    """The given words with the tokens of their characters."""
    if not all(isinstance(word, str) for word in words):
        raise OptionError(f"expected words as a text or a list of texts, got {in_short(words)}")
    left = [(plain, number) for number, word in enumerate(words) for letter in word for plain in _plain(letter)]
    right = [(plain, one.owners) for one in with_marks(characters) for plain in _plain(one.text)]
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
