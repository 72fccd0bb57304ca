"""What a token's spelling stands for: its bytes, and the blanks that its tokenizer leaves unwritten."""

import ast
import codecs
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from regard.errors import DtypeError, in_short

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
LITERAL = re.compile(r"b'.*'|b\".*\"", re.DOTALL)


def _byte_of_letter() -> dict[str, int]:
    """The letter of each byte in byte-level BPE: printable bytes are themselves, the others follow from U+0100 (GPT-2)."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in itself]
    return {chr(byte): byte for byte in itself} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_of_letter()


class Piece(NamedTuple):
    """What one token stands for."""

    data: bytes  #: its part of the text in UTF-8, written blanks included; it may begin or end inside a character
    before: bool = False  #: whether a blank goes before it that is not written
    after: bool = False  #: whether one follows it


def pieces_of(tokens: Sequence[str | bytes], kind: str) -> list[Piece]:
    """What neighbouring tokens of a kind stand for."""
    in_letters = kind == "byte-level"
    if kind == "word-ends":  # CLIP's are bytes in letters, those of GPT and XLM are not
        in_letters = letters_are_bytes([as_text(token).removesuffix("</w>") for token in tokens])
    as_bytes = kind == "characters" and characters_are_bytes(tokens)
    return [
        Piece(as_text(token).encode("latin-1")) if as_bytes else _piece(token, kind, in_letters=in_letters) for token in tokens
    ]


def letters_are_bytes(tokens: Sequence[str | bytes]) -> bool:
    """Whether the letters of tokens, put together, are bytes of UTF-8 in the letters of byte-level BPE.

    One character of several bytes has to be whole among them: text of ASCII alone says nothing. It must have a letter that is
    a symbol, or there must be two of them: Turkish "Çık" would be a text of bytes, too.

    Example:
        >>> letters_are_bytes(["Ã©"]), letters_are_bytes(["ä½", "ł"]), letters_are_bytes(["café"]), letters_are_bytes(["Çık"])
        (True, True, False, False)
    """
    letters = "".join(map(as_text, tokens))
    if letters.isascii() or not all(letter in _BYTES for letter in letters):
        return False
    wide = _wide_characters(bytes(_BYTES[letter] for letter in letters))
    return wide > 1 or (wide == 1 and any("¡" <= letter <= "¿" for letter in letters))


def characters_are_bytes(tokens: Sequence[str | bytes]) -> bool:
    """Whether tokens of one character are the bytes of a text in UTF-8, as ByT5 has them."""
    letters = "".join(map(as_text, tokens))
    if letters.isascii() or any(letter > "\xff" for letter in letters):
        return False
    return _wide_characters(letters.encode("latin-1")) > 0


def as_text(token: str | bytes) -> str:
    """A token's spelling as a text: that of bytes is their literal, as ``repr`` writes it."""
    return token if isinstance(token, str) else repr(token)


def decoded(data: bytes) -> str:
    """A part of a text, bytes that are no characters as "surrogateescape" has them; half pairs of UTF-16 stay what they are."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def with_bytes(text: str) -> str:
    r"""A text that was decoded with "surrogateescape", with its bytes that are no characters as ``⟨E4⟩``.

    Example:
        >>> with_bytes(b"a\xe4".decode("utf-8", "surrogateescape"))
        'a⟨E4⟩'
    """
    return re.sub("[\udc80-\udcff]", lambda byte: f"⟨{ord(byte[0]) - 0xDC00:02X}⟩", text)


def checked_tokens(tokens: Sequence[str | bytes]) -> Sequence[str | bytes]:
    """Tokens as they are, or DtypeError where they are one text, or no texts."""
    if isinstance(tokens, str | bytes):
        raise DtypeError(f"tokens: expected a list of tokens, got the text {in_short(tokens)}; tokenize it first")
    if isinstance(tokens, type | Mapping) or not isinstance(tokens, Collection) or getattr(tokens, "ndim", 1) != 1:
        raise DtypeError(f"tokens: expected a list of tokens, got {in_short(tokens)}; for example ['▁the', '▁cat']")
    for token in tokens:
        if not isinstance(token, str | bytes):
            raise DtypeError(f"tokens: expected a list of texts, got {in_short(token)} in it; tokenizers name their ids")
    return tokens if isinstance(tokens, Sequence) else list(tokens)


def _wide_characters(data: bytes) -> int:
    """How many characters of several bytes there are in UTF-8, whose last one may be cut; 0 where bytes are no UTF-8."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return 0
    return sum(not letter.isascii() for letter in text)


def _piece(token: str | bytes, kind: str, *, in_letters: bool) -> Piece:
    if isinstance(token, bytes):
        return Piece(token)
    match kind:
        case "sentencepiece":
            byte = BYTE.fullmatch(token)
            return Piece(bytes([int(byte[1], 16)]) if byte else _utf8(token.replace("▁", " ")))
        case "plain" if LITERAL.fullmatch(token):
            return Piece(_literal(token))
        case "wordpiece":
            goes_on = token.startswith("##") and len(token) > 2
            return Piece(_utf8(token[2:] if goes_on else token), before=not goes_on)
        case "word-ends":
            ends = token.endswith("</w>")
            return Piece(_letters(token.removesuffix("</w>"), in_letters=in_letters), after=ends)
        case "goes-on":
            goes_on = token.endswith("@@") and len(token) > 2
            return Piece(_utf8(token[:-2] if goes_on else token), after=not goes_on)
        case _:
            return Piece(_letters(token, in_letters=in_letters))


def _letters(token: str, *, in_letters: bool) -> bytes:
    """A token's bytes; one with letters that stand for no byte, as added tokens are, is a text."""
    if in_letters and all(letter in _BYTES for letter in token):
        return bytes(_BYTES[letter] for letter in token)
    return _utf8(token)


def _literal(token: str) -> bytes:
    """The bytes that a literal writes, or those of its letters where it is none."""
    try:
        found = ast.literal_eval(token)
    except (SyntaxError, ValueError):
        return _utf8(token)
    return found if isinstance(found, bytes) else _utf8(token)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
