"""Sub-words to words. The only place that knows how tokenizers mark where a word begins.

| kind | a word begins | who |
|---|---|---|
| sentencepiece | ``▁the`` | Marian, T5, Llama 2, XLM-R; bytes as ``<0xC3>`` where a character is unknown |
| byte-level | ``Ġthe``, each byte a character of its own | GPT-2, RoBERTa, BART, Llama 3, Qwen |
| wordpiece | everywhere but at ``##ing`` | BERT |
| word-ends | after ``the</w>`` | GPT, XLM, CLIP |
| goes-on | everywhere but after ``th@@`` | subword-nmt, FSMT, BERTweet |
| characters | after a blank; a token may be a byte | ByT5, CANINE |

A token becomes the bytes that it stands for, blanks included; the bytes become characters, and the characters words, as they
stand between blanks. So a character of three tokens is one character, and tokens can also be matched with words that were
split elsewhere.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from regard.errors import DtypeError, OptionError
from regard.tokens.special import is_special

TOKENIZERS = ("sentencepiece", "byte-level", "wordpiece", "word-ends", "goes-on", "characters")

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_RESYNC, _FARTHEST = 3, 64  # how many characters must agree again after a difference, and how far to look for them


def _byte_of_letter() -> dict[str, int]:
    """The letter of each byte in byte-level BPE: printable bytes are themselves, the others follow from U+0100 (GPT-2)."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in itself]
    return {chr(byte): byte for byte in itself} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_of_letter()


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
    tokens: Sequence[str],
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
    if isinstance(tokens, str):
        raise DtypeError(f"expected a list of tokens, got the text {tokens!r}; tokenize it first")
    if kind is not None and kind not in TOKENIZERS:  # not `one_of`: this room stands beside arguments, not above it
        raise OptionError(
            f"kind: expected one of {', '.join(TOKENIZERS)}, got {kind!r}; leave it out to see it from the tokens"
        )
    left_out = [is_special(token, special) for token in tokens]
    kind = kind or _kind_of([token for token, out in zip(tokens, left_out, strict=True) if not out])
    runs = [list(_characters(tokens, run, kind)) for run in _runs(left_out)]
    if words is not None:
        return _matched([one for run in runs for one in run], words.split() if isinstance(words, str) else tuple(words))
    found = [word for run in runs for word in _split(run)]
    return Words(tuple(text for text, _ in found), tuple(owners for _, owners in found))


class _Character(NamedTuple):
    """A character of the text."""

    text: str
    owners: tuple[int, ...]  #: the tokens that it is made of; a blank has one where it is a token of its own


def _kind_of(tokens: Sequence[str]) -> str:
    """How the tokenizer marks words, as far as these tokens show it."""
    if any("▁" in token or _BYTE.fullmatch(token) for token in tokens):
        return "sentencepiece"
    if any(token.startswith(("Ġ", "Ċ")) for token in tokens):
        return "byte-level"
    if any(token.startswith("##") and len(token) > 2 for token in tokens):
        return "wordpiece"
    if any(token.endswith("</w>") for token in tokens):
        return "word-ends"
    if any(token.endswith("@@") and len(token) > 2 for token in tokens):
        return "goes-on"
    if any(token.isspace() for token in tokens) and all(len(token) == 1 for token in tokens):
        return "characters"
    return "wordpiece"


def _runs(left_out: Sequence[bool]) -> Iterator[list[int]]:
    """The positions between special tokens: no word goes across one."""
    for out, run in groupby(range(len(left_out)), key=left_out.__getitem__):
        if not out:
            yield list(run)


def _characters(tokens: Sequence[str], run: Sequence[int], kind: str) -> Iterator[_Character]:
    """The characters of neighbouring tokens; one may be made of bytes of several."""
    data, owners = bytearray(), list[int]()
    as_bytes = kind == "characters" and _are_bytes([tokens[place] for place in run])
    for place in run:
        part = tokens[place].encode("latin-1") if as_bytes else _bytes(tokens[place], kind)
        data += part
        owners += [place] * len(part)
    at = 0
    for text in data.decode("utf-8", "surrogateescape"):
        stop = at + len(text.encode("utf-8", "surrogateescape"))
        made_of = tuple(dict.fromkeys(owners[at:stop]))
        # A mark alone belongs to the word that it begins; other blanks to none.
        yield _Character(text, made_of if not text.isspace() or tokens[made_of[0]] in ("▁", "Ġ") else ())
        at = stop


def _bytes(token: str, kind: str) -> bytes:
    """What a token stands for, in UTF-8."""
    if kind == "sentencepiece" and (byte := _BYTE.fullmatch(token)):
        return bytes([int(byte[1], 16)])
    if kind == "byte-level" and all(letter in _BYTES for letter in token):
        return bytes(_BYTES[letter] for letter in token)
    match kind:
        case "sentencepiece":
            token = token.replace("▁", " ")
        case "wordpiece":
            token = token[2:] if token.startswith("##") and len(token) > 2 else f" {token}"
        case "word-ends":
            token = f"{token.removesuffix('</w>')} " if token.endswith("</w>") else token
        case "goes-on":
            token = token[:-2] if token.endswith("@@") and len(token) > 2 else f"{token} "
    return token.encode("utf-8", "surrogatepass")


def _are_bytes(tokens: Sequence[str]) -> bool:
    """Whether tokens of one character are the bytes of a text in UTF-8, as ByT5 has them."""
    try:
        return len("".join(tokens).encode("latin-1").decode("utf-8")) < len(tokens)
    except UnicodeError:
        return False


def _split(characters: Sequence[_Character]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The words between blanks, each with its tokens."""
    for blank, group in groupby(_with_marks(characters), key=lambda one: one.text.isspace()):
        if not blank:
            letters = list(group)
            # What is no UTF-8 is half a character.
            text = "".join("\ufffd" if "\ud800" <= one.text <= "\udfff" else one.text for one in letters)
            yield text, tuple(dict.fromkeys(place for one in letters for place in one.owners))


def _with_marks(characters: Sequence[_Character]) -> Iterator[_Character]:
    """The characters; the first one of a word has the marks that stand alone before it."""
    marks: tuple[int, ...] = ()
    for one in characters:
        if one.text.isspace():
            marks += one.owners
            yield one
        else:
            yield _Character(one.text, marks + one.owners)
            marks = ()


def _matched(characters: Sequence[_Character], words: Sequence[str]) -> Words:
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
