"""Tokenizers of every kind, trained on a few lines of many scripts: what the ``tokenizers`` library makes, nothing invented."""

import functools
import json

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXTS = {
    "Russian": "Кошка сидела на коврике, и никто её не видел.",
    "Greek": "Η γάτα κάθισε πάνω στο χαλί.",
    "Chinese": "我爱北京天安门。猫坐在垫子上。",
    "Thai": "แมวนั่งอยู่บนเสื่อ น้ำใจ",
    "Hindi": "बिल्ली चटाई पर बैठी थी, क्\u200dष।",
    "Persian": "گربه روی فرش نشسته بود و نمی\u200cخواهم بروم.",
    "emoji": "👩\u200d👩\u200d👧 sat ❤\ufe0f 🇫🇷",
    "Vietnamese": "Con mèo ngồi trên tấm thảm được.",
    "French": "déjà vu, l'été",
    "code": "def f(x):\n\treturn x + 1\n",
}

_SPECIAL = ["<|endoftext|>"]
_UNKNOWN, _BEGIN, _BERT_UNKNOWN = "<unk>", "<s>", "[UNK]"


@functools.cache
def tokenizer(kind: str) -> Tokenizer:
    """A trained tokenizer: "byte-level", "unigram", "byte-fallback", "metaspace", "wordpiece", "word-ends" or "clip"."""
    made, trainer = _UNTRAINED[kind]()
    made.train_from_iterator([*TEXTS.values(), "the cat sat on the mat " * 5], trainer)
    return _with_byte_fallback(made) if kind == "byte-fallback" else made


def _byte_level():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return made, trainers.BpeTrainer(vocab_size=400, special_tokens=_SPECIAL, initial_alphabet=alphabet, show_progress=False)


def _unigram():
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made, trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<unk>", "</s>"], unk_token=_UNKNOWN, show_progress=False
    )


def _metaspace():
    made = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "</s>"], show_progress=False)


def _byte_fallback():
    """As Llama 2 has it: blanks are replaced by a normaliser, and the decoder is a sequence."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = _LLAMA
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    alphabet = list("abcdefghijklmnopqrstuvwxyz▁")
    return made, trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<s>", *bytes_],
        limit_alphabet=len(alphabet),
        initial_alphabet=alphabet,
        show_progress=False,
    )


_LLAMA = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])


def _with_byte_fallback(trained):
    """Trainers know no byte fallback: the model is made again with what was learnt."""
    state = json.loads(trained.to_str())
    merges = [tuple(pair) for pair in state["model"]["merges"]]
    made = Tokenizer(models.BPE(vocab=state["model"]["vocab"], merges=merges, byte_fallback=True, unk_token=_BEGIN))
    made.normalizer, made.decoder = trained.normalizer, _LLAMA
    made.add_special_tokens(["<s>"])
    return made


def _wordpiece():
    made = Tokenizer(models.WordPiece(unk_token=_BERT_UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    return made, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False)


def _word_ends():
    made = Tokenizer(models.BPE(unk_token=_UNKNOWN, end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.BPEDecoder(suffix="</w>")
    return made, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], end_of_word_suffix="</w>", show_progress=False)


def _clip():
    made = Tokenizer(models.BPE(unk_token=_UNKNOWN, end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return made, trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<unk>"],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )


_UNTRAINED = {
    "byte-level": _byte_level,
    "unigram": _unigram,
    "metaspace": _metaspace,
    "byte-fallback": _byte_fallback,
    "wordpiece": _wordpiece,
    "word-ends": _word_ends,
    "clip": _clip,
}
