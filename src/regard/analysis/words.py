"""Sub-words to words. The only place that knows how tokenizers mark where a word begins.

SentencePiece writes ``▁`` before a word (Marian, T5, Llama), byte-level BPE writes ``Ġ`` (GPT-2, BART), WordPiece writes ``##``
before what goes on (BERT).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

WORD_STARTS = ("▁", "Ġ")
WORD_GOES_ON = "##"
SPECIAL = frozenset(
    {"<s>", "</s>", "<pad>", "<unk>", "<bos>", "<eos>", "<mask>", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "<|endoftext|>"}
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """The words of a token sequence.

    Attributes:
        texts: the words, as they stand between blanks.
        tokens: for each word the positions of its tokens. Special tokens belong to no word.
    """

    texts: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]


def words_of(tokens: Sequence[str], special: Collection[str] = SPECIAL - {"<unk>"}) -> Words:
    """Group tokens into words split at blanks.

    Args:
        tokens: as the tokenizer names them, markers included.
        special: tokens that belong to no word; an unknown character does belong to one.

    Example:
        >>> words_of(["▁The", "▁ma", "t", ".", "</s>"])
        Words(texts=('The', 'mat.'), tokens=((0,), (1, 2, 3)))
    """
    if isinstance(tokens, str):
        raise TypeError(f"expected a list of tokens, got the text {tokens!r}; tokenize it first")
    marks_starts = any(token.startswith(WORD_STARTS) for token in tokens)
    texts: list[str] = []
    places: list[list[int]] = []
    joined = False
    for place, token in enumerate(tokens):
        if token in special:
            joined = False
            continue
        goes_on = not token.startswith(WORD_STARTS) if marks_starts else token.startswith(WORD_GOES_ON)
        if not (goes_on and joined):
            texts.append("")
            places.append([])
        texts[-1] += token.lstrip("".join(WORD_STARTS)) if marks_starts else token.removeprefix(WORD_GOES_ON)
        places[-1].append(place)
        joined = True
    kept = [at for at, text in enumerate(texts) if text]
    return Words(tuple(texts[at] for at in kept), tuple(tuple(places[at]) for at in kept))
