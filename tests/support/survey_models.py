"""Tiny models that read texts of words w3, w4, ..., and surveys of them."""

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from support.tiny_models import EOS, PAD, tiny

WORDS = {"<pad>": PAD, "<s>": 1, "</s>": EOS, ".": 3, ",": 4} | {f"w{number}": number for number in range(5, 53)}


def tokenizer_of(name):
    """Words are tokens; an encoder-decoder's texts have an end."""
    words = Tokenizer(WordLevel(WORDS, unk_token="w5"))  # noqa: S106 - a token of text
    words.pre_tokenizer = WhitespaceSplit()
    if name == "marian":
        words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", EOS)])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", bos_token="<s>")  # noqa: S106


def saved_model(name, folder, seed=0):
    """The model's folder, as ``from_pretrained`` reads it."""
    tiny(name, seed=seed).save_pretrained(folder)
    tokenizer_of(name).save_pretrained(folder)
    return folder
