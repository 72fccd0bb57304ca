"""What a person reads of a token: decoded, blanks visible, joiners kept inside words. Pages and figures ask here."""

import unicodedata
from collections.abc import Collection, Sequence

import regex

from regard.tokens.kinds import checked_kind, kind_of
from regard.tokens.special import checked_special, is_special, runs_between
from regard.tokens.spelling import as_text, checked_tokens, decoded, pieces_of, with_bytes

_SHORT = {"\n": "↵", "\t": "→", "\r": "␍"} | dict.fromkeys("\u00a0\u2007\u202f", "⍽")  # three blanks that do not break
_KEPT = r"""
    (?<=[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}]) [\u200c\u200d] (?=[\p{L}\p{N}\p{Extended_Pictographic}])
  | (?<=\p{Canonical_Combining_Class=9}) \u200d                       # a half form at the end: a letter, virama, joiner
  | (?<=[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]) \p{Variation_Selector}
  | (?<=\U0001F3F4[\U000E0020-\U000E007E]{0,6}) [\U000E0020-\U000E007F]  # the flag of England
"""
_UNSEEN = r"""
    (?!\p{Prepended_Concatenation_Mark}|\x20)
    [\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]
"""
_PATTERN = regex.compile(f"(?:{_KEPT})|(?<unseen>{_UNSEEN})", regex.VERBOSE)

_CONTINUED = ("wordpiece", "word-ends", "goes-on")


def texts_of(tokens: Sequence[str | bytes], kind: str | None = None, special: Collection[str] | None = None) -> tuple[str, ...]:
    """One text a token, for people.

    A token is decoded. ``▁`` is a blank; ``↵`` a new line, ``→`` a tab, ``␍`` a carriage return, ``⍽`` a blank that does not
    break, ``␣`` another one. Where a tokenizer writes no blanks, what continues a word is ``##ing``. A byte of a character
    that other tokens share is ``⟨E4⟩``. Joiners and variation selectors stay inside letters and emoji; alone, like marks of
    direction and control characters, they are ``⟨200C⟩``. Special tokens are their names.

    Args:
        tokens: as the tokenizer spells them; of tiktoken also bytes.
        kind: how the tokenizer marks words, one of ``TOKENIZERS``; seen from the tokens where not given.
        special: tokens that stand for no text; by their names where not given.

    Raises:
        OptionError: another kind.
        DtypeError: a text in place of its tokens.

    Example:
        >>> texts_of(["Ġd", "Ã©j", "Ãł", "Ċ", "ä½", "<|endoftext|>"])
        ('▁d', 'éj', 'à', '↵', '⟨E4⟩⟨BD⟩', '<|endoftext|>')
        >>> texts_of(["th@@", "e", "cat"]), texts_of(["the</w>", "c", "at</w>"])
        (('th', '##e', 'cat'), ('the', 'c', '##at'))
    """
    tokens, special = checked_tokens(tokens), checked_special(special)
    names = [as_text(token) for token in tokens]
    left_out = [is_special(name, special) for name in names]
    seen = checked_kind(kind) or kind_of([token for token, out in zip(tokens, left_out, strict=True) if not out])
    texts = [visible(name) for name in names]
    for run in runs_between(left_out):
        pieces = pieces_of([tokens[place] for place in run], seen)
        inside = seen == "wordpiece"  # the others do not tell of a first token whether its word began before
        for place, piece in zip(run, pieces, strict=True):
            text = visible(decoded(piece.data)) if piece.data else texts[place]
            if seen in _CONTINUED:
                texts[place] = f"##{text}" if inside and not piece.before else text
                inside = seen == "wordpiece" or not piece.after
            else:
                texts[place] = text.replace(" ", "▁")
    return tuple(texts)


def visible(text: str) -> str:
    r"""A text with everything in it visible and nothing that moves its neighbours; blanks between words stay blanks.

    Example:
        >>> visible("tab\tand\u200b"), visible("  ")
        ('tab→and⟨200B⟩', '▁▁')
    """
    if not text.strip(" "):
        return "▁" * len(text)
    written: str = text if text.isascii() and text.isprintable() else _PATTERN.sub(_shown, text)
    return written


def _shown(found: "regex.Match[str]") -> str:
    unseen = found["unseen"]
    if unseen is None:
        return str(found[0])
    if unseen in _SHORT:
        return _SHORT[unseen]
    if unicodedata.category(unseen) == "Zs":
        return "␣"
    return with_bytes(unseen) if "\udc80" <= unseen <= "\udcff" else f"⟨{ord(unseen):04X}⟩"
