"""The kinds of tokenizers: how each marks where a word begins, and how a kind is seen.

| kind | a word begins | who |
|---|---|---|
| sentencepiece | ``▁the`` | Marian, T5, Llama 2, XLM-R; bytes as ``<0xC3>`` where a character is unknown |
| byte-level | ``Ġthe``, each byte a letter of its own | GPT-2, RoBERTa, BART, Llama 3, Qwen |
| wordpiece | everywhere but at ``##ing`` | BERT |
| word-ends | after ``the</w>`` | GPT, XLM, CLIP (in the letters of bytes) |
| goes-on | everywhere but after ``th@@`` | subword-nmt, FSMT, BERTweet |
| characters | after a blank; a token may be a byte | ByT5, CANINE |
| plain | after a blank, which is part of the token; tokens are texts, bytes, or literals, ``b' the'`` | tiktoken |
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from regard.errors import OptionError, in_short
from regard.tokens.spelling import BYTE, LITERAL, as_text, characters_are_bytes, letters_are_bytes

TOKENIZERS = ("sentencepiece", "byte-level", "wordpiece", "word-ends", "goes-on", "characters", "plain")

_SAMPLE = 5000  # entries of a vocabulary that are looked at
_SHARE = 0.02  # of them that have a kind's mark where it is that kind


def checked_kind(kind: str | None) -> str | None:
    """A kind as it is, or OptionError where there is no such kind."""
    # Not `one_of`: this room stands beside arguments, not above it.
    if kind is not None and (not isinstance(kind, str) or kind not in TOKENIZERS):
        raise OptionError(
            f"kind: expected one of {', '.join(TOKENIZERS)}, got {in_short(kind)}; leave it out to see it from the tokens"
        )
    return kind


def kind_of(tokens: Sequence[str | bytes]) -> str:
    """The kind of tokenizer that ordinary (not special) tokens show; "wordpiece", whose tokens are words, where they show none.

    Example:
        >>> kind_of(["▁a"]), kind_of(["Ã©"]), kind_of(["a", "##b"]), kind_of(["b' a'"]), kind_of(["The", " cat"])
        ('sentencepiece', 'byte-level', 'wordpiece', 'plain', 'plain')
    """
    if any(isinstance(token, bytes) for token in tokens):
        return "plain"
    names = [as_text(token) for token in tokens]
    if names and all(map(LITERAL.fullmatch, names)):
        return "plain"
    if any("▁" in name or BYTE.fullmatch(name) for name in names):
        return "sentencepiece"
    if any(name.startswith(("Ġ", "Ċ")) for name in names):
        return "byte-level"
    if any(name.startswith("##") and len(name) > 2 for name in names):
        return "wordpiece"
    if any(name.endswith("</w>") for name in names):
        return "word-ends"
    if any(name.endswith("@@") and len(name) > 2 for name in names):
        return "goes-on"
    if all(len(name) == 1 for name in names) and (any(map(str.isspace, names)) or characters_are_bytes(names)):
        return "characters"
    if letters_are_bytes(names):
        return "byte-level"
    return "plain" if any(name[0] == " " and len(name) > 1 for name in names if name) else "wordpiece"


def kind_of_tokenizer(tokenizer: object) -> str | None:
    """The kind of a tokenizer, of a processor's, or of a ``tokenizers.Tokenizer``; None where nothing tells it.

    Tokens alone may not show it: one word of GPT-2 has no mark. It is seen from the decoder and the pre-tokenizer, and where
    there are none, from the vocabulary. No library of tokenizers is imported.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models
        >>> tokenizer = Tokenizer(models.BPE())
        >>> tokenizer.decoder = decoders.ByteLevel()
        >>> kind_of_tokenizer(tokenizer)
        'byte-level'
    """
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if hasattr(tokenizer, "decode_single_token_bytes"):  # tiktoken.Encoding
        return "plain"
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    return _of_backend(backend) or _of_class(tokenizer) or _of_vocabulary(_vocabulary(tokenizer))


def _of_backend(backend: object) -> str | None:
    """From the parts of a ``tokenizers.Tokenizer``."""
    model = getattr(backend, "model", None)
    if getattr(model, "end_of_word_suffix", None):
        return "word-ends"
    for part in ("decoder", "pre_tokenizer"):
        state = _state(getattr(backend, part, None))
        for mark, kind in (("Metaspace", "sentencepiece"), ("▁", "sentencepiece"), ("ByteLevel", "byte-level")):
            if mark in state:
                return kind
        for mark, kind in (("WordPiece", "wordpiece"), ("BPEDecoder", "word-ends")):
            if mark in state:
                return kind
    return "wordpiece" if type(model).__name__ in ("WordPiece", "WordLevel") else None


def _state(part: object) -> str:
    """A part of a ``tokenizers.Tokenizer`` as JSON, or nothing."""
    state = part.__getstate__() if type(part).__module__.startswith("tokenizers") else b""
    return state.decode() if isinstance(state, bytes) else str(state)


def _of_class(tokenizer: object) -> str | None:
    """From what tokenizers written in Python have."""
    names = " ".join(kind.__name__ for kind in type(tokenizer).__mro__)
    if any(name in names for name in ("ByT5", "Canine", "Perceiver")):
        return "characters"
    if any(hasattr(tokenizer, name) for name in ("sp_model", "spm_source")):
        return "sentencepiece"
    return "wordpiece" if hasattr(tokenizer, "wordpiece_tokenizer") else None


def _vocabulary(tokenizer: object) -> Iterable[str | bytes]:
    try:
        return list(islice(tokenizer.get_vocab(), _SAMPLE))  # type: ignore[attr-defined]
    except (AttributeError, NotImplementedError, TypeError):
        return ()


def _of_vocabulary(names: Iterable[str | bytes]) -> str | None:
    """From the marks that a share of a vocabulary has."""
    names = list(names)
    if any(isinstance(name, bytes) for name in names):
        return "plain"
    texts = [as_text(name) for name in names]
    marks = Counter[str]()
    for text in texts:
        marks["sentencepiece"] += text.startswith("▁")
        marks["byte-level"] += text.startswith("Ġ")
        marks["wordpiece"] += text.startswith("##")
        marks["word-ends"] += text.endswith("</w>")
        marks["goes-on"] += text.endswith("@@")
        marks["plain"] += text.startswith(" ") and len(text) > 1
    kind, many = max(marks.items(), key=lambda one: one[1], default=("", 0))
    return kind if many > _SHARE * len(texts) else None
