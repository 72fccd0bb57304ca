"""What a person reads of a token: one rule for every kind of tokenizer and every script."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import DtypeError, OptionError
from regard.tokens import kind_of_tokenizer, texts_of
from regard.tokens.texts import visible
from support.tiny_tokenizers import TEXTS, tokenizer

LOSSLESS = ("byte-level", "unigram", "metaspace", "byte-fallback")
"""Tokenizers whose tokens tell their text; unigram and metaspace put a blank before it."""


@pytest.mark.parametrize(
    ("tokens", "texts"),
    [
        (["Ġcat", "Ġd", "Ã©j", "Ãł", "Ċ", "ĉ", "č"], ("▁cat", "▁d", "éj", "à", "↵", "→", "␍")),
        (["Ã©"], ("é",)),
        (["ä½łå¥½"], ("你好",)),
        (["Ġå", "¤©"], ("▁⟨E5⟩", "⟨A4⟩⟨A9⟩")),
        (["Ġaä", "½łb"], ("▁a⟨E4⟩", "⟨BD⟩⟨A0⟩b")),
        (["▁cat", "<0xE4>", "<0x0A>", "<0x41>", "▁▁"], ("▁cat", "⟨E4⟩", "↵", "A", "▁▁")),
        (["un", "##able", "##"], ("un", "##able", "##")),
        (["the</w>", "c", "at</w>", "[SEP]", "at</w>"], ("the", "c", "##at", "[SEP]", "at")),
        (["Ã©tÃ©</w>"], ("été",)),
        (["th@@", "e", "cat"], ("th", "##e", "cat")),
        (["Ã", "©", " ", "a"], ("⟨C3⟩", "⟨A9⟩", "▁", "a")),
        (["é", " ", "ç"], ("é", "▁", "ç")),
        (["我", "爱"], ("我", "爱")),
        (["The", " cat", " of the", "\n\n"], ("The", "▁cat", "▁of▁the", "↵↵")),
        (["b' cat'", r"b'\xe4\xbd'", 'b"\'s"'], ("▁cat", "⟨E4⟩⟨BD⟩", "'s")),
        ([b" cat", b"\xe4\xbd\xa0", b"\xe4"], ("▁cat", "你", "⟨E4⟩")),
        (["New York", "patch (1, 2)", "Çık", "PERÚ»"], ("New York", "patch (1, 2)", "Çık", "PERÚ»")),
        (["▁cat", "⟨E4⟩", "↵", ""], ("▁cat", "⟨E4⟩", "↵", "")),  # texts are their own texts
        ([], ()),
    ],
)
def test_texts_of_each_kind(tokens, texts):
    assert texts_of(tokens) == texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("അവന്\u200d", "അവന്\u200d"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("❤\ufe0f\u200d🔥1\ufe0f\u20e3", "❤\ufe0f\u200d🔥1\ufe0f\u20e3"),
        ("葛\U000e0100", "葛\U000e0100"),
        ("\u200c", "⟨200C⟩"),
        ("\u200cخ", "⟨200C⟩خ"),
        ("👩\u200d", "👩⟨200D⟩"),
        ("\ufe0f", "⟨FE0F⟩"),
        ("a\ufe0f\ufe0f", "a\ufe0f⟨FE0F⟩"),
        ("\U000e0061\U000e0062", "⟨E0061⟩⟨E0062⟩"),
        ("12\u00a0000\u202f!", "12⍽000⍽!"),
        ("日\u3000本", "日␣本"),
        ("co\u00adop\u200b\ufeff\u202e", "co⟨00AD⟩op⟨200B⟩⟨FEFF⟩⟨202E⟩"),
        ("\x00\x0b\x85\u2028", "⟨0000⟩⟨000B⟩⟨0085⟩⟨2028⟩"),
        ("\u3164\ufffe", "⟨3164⟩⟨FFFE⟩"),
        ("\u0600\u0661\ufffd", "\u0600\u0661\ufffd"),  # a sign of numbers is a format character that one sees
        ("\r\n", "␍↵"),
        ("a b ", "a b "),
        ("  ", "▁▁"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, shown):
    assert visible(text) == shown


def test_the_flag_of_england_is_one_picture():
    england = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"
    assert visible(england) == england


@pytest.mark.parametrize("special", [None, {"<|x|>"}])
def test_special_tokens_are_their_names(special):
    assert texts_of(["<|x|>", "Ġa", "<pad>"], special=special) == ("<|x|>", "▁a", "<pad>")


def test_a_kind_that_tokens_do_not_show_can_be_said():
    assert texts_of(["Ãł"]) == ("Ãł",)
    assert texts_of(["Ãł"], kind="byte-level") == ("à",)
    with pytest.raises(OptionError, match=r"kind: expected one of .*plain, got 'bpe'; leave it out"):
        texts_of(["a"], kind="bpe")
    with pytest.raises(DtypeError, match="tokens: expected a list of tokens, got the text 'The cat'; tokenize it first"):
        texts_of("The cat")


def undone(texts, spelled_bytes=re.compile("(?:⟨[0-9A-F]{2}⟩)+")):
    """The text again: bytes put together first, for a character of several tokens is whole only then."""
    joined = "".join(re.sub("⟨([0-9A-F]{4,5})⟩", lambda found: chr(int(found[1], 16)), text) for text in texts)
    joined = spelled_bytes.sub(lambda found: bytes.fromhex(re.sub("[⟨⟩]", "", found[0])).decode(), joined)
    return joined.translate(str.maketrans("▁↵→␍⍽", " \n\t\r\u00a0"))


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("name", LOSSLESS)
def test_a_text_of_each_script_is_there(name, language):
    made = tokenizer(name)
    tokens = made.encode(TEXTS[language], add_special_tokens=False).tokens
    said = undone(texts_of(tokens, kind_of_tokenizer(made)))
    assert said.removeprefix(" ") == TEXTS[language]


@pytest.mark.parametrize("language", [name for name in TEXTS if name != "code"])
@pytest.mark.parametrize("name", ["wordpiece", "word-ends", "clip"])
def test_words_of_each_script_are_there(name, language):
    made = tokenizer(name)
    tokens = made.encode(TEXTS[language], add_special_tokens=False).tokens
    texts = texts_of(tokens, kind_of_tokenizer(made))
    said = undone(text.removeprefix("##") for text in texts)
    assert said == re.sub(r"\s", "", TEXTS[language])
    if name == "word-ends":
        assert [text.startswith("##") for text in texts] == [
            at > 0 and not tokens[at - 1].endswith("</w>") for at in range(len(tokens))
        ]


@given(st.text(alphabet="aé你😀क्\u200d\u200c \n\t\u00a0.ß", max_size=15))
@settings(deadline=None, max_examples=100)
@pytest.mark.parametrize("name", ["byte-level", "byte-fallback"])
def test_marks_undone_give_the_text_back(name, text):
    made = tokenizer(name)
    tokens = made.encode(text, add_special_tokens=False).tokens
    texts = texts_of(tokens, kind_of_tokenizer(made))
    assert undone(texts) == text
    assert not any("\ufffd" in one for one in texts)


@given(st.text(max_size=15))
@settings(deadline=None, max_examples=200)
def test_everything_is_seen_and_seen_again_as_it_is(text):
    shown = visible(text)
    assert visible(shown) == shown
    assert bool(shown.strip()) == bool(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", shown)
