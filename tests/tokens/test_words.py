"""Sub-words to words, for all the ways that tokenizers mark them, and maps between words."""

import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from transformers.convert_slow_tokenizer import bytes_to_unicode

from regard import AttentionMap
from regard.analysis.alignment.word_maps import mean_of, merge
from regard.errors import DtypeError, OptionError, ShapeError
from regard.tokens.kinds import TOKENIZERS
from regard.tokens.natural_text import natural_text
from regard.tokens.special import is_special
from regard.tokens.words import Words, characters_of, words_and_characters, words_of
from support.forked import PEAK, said
from support.lazy_map_suite import LazyMapSuite

LETTER = bytes_to_unicode()


def byte_level(text):
    """A text in the letters of byte-level BPE, by Transformers' own table."""
    return "".join(LETTER[byte] for byte in text.encode())


@pytest.mark.parametrize(
    ("tokens", "texts", "places"),
    [
        (["▁The", "▁ma", "t", ".", "</s>"], ("The", "mat."), ((0,), (1, 2, 3))),
        (["The", "▁cat", "s"], ("The", "cats"), ((0,), (1, 2))),
        (["<s>", "▁A", "<0xC3>", "<0xA9>", "<0x0A>", "b", "▁▁▁", "c"], ("Aé", "b", "c"), ((1, 2, 3), (5,), (7,))),
        (["The", "Ġcat", "Ġs", "at"], ("The", "cat", "sat"), ((0,), (1,), (2, 3))),
        (["<|begin_of_text|>", "Bon", "Ċ", "Ġl", "'", "Ã©tÃ©"], ("Bon", "l'été"), ((1,), (3, 4, 5))),
        (["Ġ", "x", "ĠðŁ", "ĺ", "Ģ", "!"], ("x", "😀!"), ((0, 1), (2, 3, 4, 5))),
        (["a", "Ã", "b", "Ġc"], ("a⟨C3⟩b", "c"), ((0, 1, 2), (3,))),
        (["[CLS]", "un", "##believ", "##able", "!", "[SEP]"], ("unbelievable", "!"), ((1, 2, 3), (4,))),
        (["the</w>", "c", "at</w>", ".</w>"], ("the", "cat", "."), ((0,), (1, 2), (3,))),
        (["th@@", "e", "cat"], ("the", "cat"), ((0, 1), (2,))),
        (["a", "b", " ", "c", "</s>"], ("ab", "c"), ((0, 1), (3,))),
        (["Ã", "©", "t", " ", "a"], ("ét", "a"), ((0, 1, 2), (4,))),
        (["é", "t", " ", "ç"], ("ét", "ç"), ((0, 1), (3,))),
        (["<pad>", "▁Où", "▁", "?", "<pad>"], ("Où", "?"), ((1,), (2, 3))),
        (["▁a", "<unk>", "b"], ("a<unk>b",), ((0, 1, 2),)),
        (["▁one", "</s>", "▁two"], ("one", "two"), ((0,), (2,))),
        (["▁of▁the", "▁a"], ("of", "the", "a"), ((0,), (0,), (1,))),
        (["fra_Latn", "▁non", "▁", "</s>", "x"], ("non", "x"), ((1,), (4,))),
        (["</s>", "▁"], (), ()),
        ([], (), ()),
    ],
    ids=[
        *(
            "sentencepiece",
            "no leading mark",
            "bytes of sentencepiece",
            "byte-level",
            "lines and accents",
            "bytes of one character",
            "half a character",
        ),
        *("wordpiece", "word ends", "goes on", "characters", "bytes as characters", "accented characters"),
        *("lone marker", "unknown", "special between", "two words in a token", "language", "nothing", "empty"),
    ],
)
def test_tokens_group_into_words(tokens, texts, places):
    words = words_of(tokens)
    assert words.texts == texts
    assert words.tokens == places


@given(st.lists(st.text(alphabet="abc.'", min_size=1, max_size=5), min_size=1, max_size=7), st.data())
@settings(deadline=None, max_examples=50)
def test_any_segmentation_of_a_sentence_gives_its_words(sentence, data):
    tokens = []
    for word in sentence:
        cut = data.draw(st.integers(0, len(word)))
        tokens += [f"▁{word[:cut]}", word[cut:]] if cut < len(word) else [f"▁{word}"]
    words = words_of([*tokens, "</s>"])
    assert words.texts == tuple(sentence)
    assert [place for places in words.tokens for place in places] == list(range(len(tokens)))


@given(st.text(alphabet="aé😀 .Ġ▁\n#'", min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=50)
def test_bytes_cut_anywhere_are_the_same_text(text, data):
    letters = byte_level(text)
    tokens = []
    while letters:
        cut = data.draw(st.integers(1, len(letters)))
        tokens, letters = [*tokens, letters[:cut]], letters[cut:]
    words = words_of(tokens, kind="byte-level")
    assert words.texts == tuple(text.split())
    assert sorted({place for places in words.tokens for place in places} | blank_tokens(tokens)) == list(range(len(tokens)))


def blank_tokens(tokens):
    blank = {byte_level(one) for one in " \n"}
    return {place for place, token in enumerate(tokens) if set(token) <= blank}


def test_a_kind_that_cannot_be_seen_can_be_said():
    assert words_of(["un", "believ", "able"]).texts == ("un", "believ", "able")
    assert words_of(["un", "believ", "able"], kind="byte-level").texts == ("unbelievable",)
    with pytest.raises(OptionError, match=f"kind: expected one of {', '.join(TOKENIZERS)}, got 'bpe'"):
        words_of(["a"], kind="bpe")


def test_special_tokens_are_known_by_name():
    special = [
        "<s>",
        "</s>",
        "<pad>",
        "[CLS]",
        "<|eot_id|>",
        "<｜begin▁of▁sentence｜>",
        "<extra_id_3>",
        ">>fra<<",
        "en_XX",
        "[INST]",
    ]
    assert all(is_special(token) for token in special)
    assert not any(is_special(token) for token in ("<unk>", "[UNK]", "▁<", "s>", "<0x0A>", "[", "pad", "<b>", "||"))
    assert words_of(["▁a", "▁b"], special={"▁a"}).tokens == ((1,),)


@pytest.mark.parametrize(
    ("tokens", "words", "places"),
    [
        (["▁l", "'", "hom", "me", "."], ["l'", "homme", "."], ((0, 1), (2, 3), (4,))),
        (["▁l'", "homme"], ["l’", "homme"], ((0,), (1,))),
        (["▁It", "'", "s", "▁gone", "..."], "It 's gone …", ((0,), (1, 2), (3,), (4,))),
        (["[CLS]", "l", "'", "ete", "[SEP]"], "L' Été", ((1, 2), (3,))),
        (["▁c", "at."], ["cat", "."], ((0, 1), (1,))),
        (["▁a", "<unk>", "▁b", "c", "d"], ["a", "☃", "bcd"], ((0,), (1,), (2, 3, 4))),
        (["▁left", "▁right"], ["left", "\u200b", "right"], ((0,), (), (1,))),
        (["▁", "x", "▁yes"], ["x", "yes"], ((0, 1), (2,))),
    ],
    ids=["clitic", "apostrophe", "dots", "accents and case", "token of two words", "unknown", "left out", "lone marker"],
)
def test_given_words_find_their_tokens_by_characters(tokens, words, places):
    found = words_of(tokens, words=words)
    assert found.tokens == places
    assert found.texts == tuple(words.split() if isinstance(words, str) else words)


@pytest.mark.slow
def test_a_long_text_finds_its_words_in_time():
    words = [f"word{number}" for number in range(5_000)]
    tokens = [piece for word in words for piece in (f"▁{word[:3]}", word[3:])]
    tokens[777] = "<unk>"
    found = words_of(tokens, words=words)
    assert all(set(found.tokens[at]) <= {2 * at, 2 * at + 1} for at in range(len(words)))
    assert sum(map(len, found.tokens)) == len(tokens)


@pytest.mark.parametrize(
    ("tokens", "texts", "places"),
    [
        (["ä½", "ł", "å¥½"], ("你", "好"), ((0, 1), (2,))),
        (["▁我", "爱", "▁北京"], ("我", "爱", "北", "京"), ((0,), (1,), (2,), (2,))),
        (["▁", "a", "b", "</s>", "c"], ("a", "b", "c"), ((0, 1), (2,), (4,))),
        (["▁น", "้", "ำ", "ใ", "จ"], ("น้ำ", "ใ", "จ"), ((0, 1, 2), (3,), (4,))),
        (["▁क", "्", "ष", "ि"], ("क्षि",), ((0, 1, 2, 3),)),
        (["▁👩", "\u200d", "👩", "\u200d👧", "🇫", "🇷"], ("👩\u200d👩\u200d👧", "🇫🇷"), ((0, 1, 2, 3), (4, 5))),
        (["▁e", "\u0301"], ("e\u0301",), ((0, 1),)),
        (["Ġa", "ä", "Ċ", "Ġ", "½"], ("a", "⟨E4⟩", "⟨BD⟩"), ((0,), (1,), (3, 4))),
        ([], (), ()),
    ],
    ids=["bytes", "Chinese", "English", "Thai", "Hindi", "emoji", "marks", "halves", "empty"],
)
def test_tokens_group_into_characters(tokens, texts, places):
    assert characters_of(tokens) == Words(texts, places)
    assert words_of(tokens, words="characters") == Words(texts, places)


@given(st.text(alphabet="aé你😀\u0301क्\u200dष น้ำ\n", max_size=12), st.data())
@settings(deadline=None, max_examples=100)
def test_characters_are_the_same_however_their_bytes_are_cut(text, data):
    letters, tokens = byte_level(text), []
    while letters:
        cut = data.draw(st.integers(1, len(letters)))
        tokens, letters = [*tokens, letters[:cut]], letters[cut:]
    one_each = characters_of([byte_level(one) for one in text], kind="byte-level")
    assert characters_of(tokens, kind="byte-level").texts == one_each.texts
    assert "".join("".join(one_each.texts).split()) == "".join(text.split())


def test_words_by_what_cuts_a_text():
    heard = []

    def cut(text):
        heard.append(text)
        yield from ("我", " ", "爱", "北京")

    tokens = ["<s>", "▁我", "▁爱", "北", "京", "</s>"]
    assert words_of(tokens, words=cut) == Words(("我", "爱", "北京"), ((1,), (2,), (3, 4)))
    assert heard == ["我 爱北京"]
    assert words_of(tokens, words="words").texts == ("我", "爱北京")
    with pytest.raises(OptionError, match="expected words as a text or a list of texts"):
        words_of(tokens, words=lambda text: [len(text), 2])


def test_words_of_another_text():
    with pytest.raises(OptionError, match="expected the words of these tokens, got others: the words are 'thedogbarks'"):
        words_of(["▁Quite", "▁another", "▁sentence"], words=["The", "dog", "barks"])
    with pytest.raises(DtypeError, match="expected a list of tokens, got the text"):
        words_of("The cat")


@pytest.mark.parametrize(
    ("tokens", "language", "text"),
    [
        ('" Tell thy master , " said the King ; " it is n\'t .', "en", '"Tell thy master," said the King; "it isn\'t.'),
        ("the captains' wives ( or mothers ) !", "en", "the captains' wives (or mothers)!"),
        ("Qu’ en dit -il ? C' est l' âne .", "fr", "Qu’en dit-il ? C'est l'âne."),
    ],
)
def test_natural_spacing(tokens, language, text):
    assert natural_text(tokens.split(), language) == text
    pieces = [f"▁{word}" for word in text.split()]
    assert words_of(pieces, words=tokens).texts == tuple(tokens.split())


# -- maps between words --------------------------------------------------------------------------------------------

ROW_WORDS = Words(("a", "b", "c", "d", "e"), ((1,), (2, 3, 4), (0, 6), (), (5,)))
KEY_WORDS = Words(tuple("tuvwxyz"), ((0, 1), (2,), (3, 4, 5), (), (7, 9), (10,), (10, 11)))


def merged_by_hand(weights, rows, columns):
    """The definition, in loops over words."""
    made = torch.zeros(*weights.shape[:2], len(rows), len(columns), dtype=weights.dtype)
    for i, queries in enumerate(rows):
        for j, keys in enumerate(columns):
            for q in queries:
                for k in keys:
                    made[:, :, i, j] += weights[:, :, q, k] / len(queries)
    return made


class TestWordMap(LazyMapSuite):
    """A merged map is a map: all that maps do is inherited."""

    def factors(self):
        generator = torch.Generator().manual_seed(3)
        return torch.randn(2, 3, 7, 5, generator=generator), torch.randn(2, 3, 13, 5, generator=generator)

    def make_map(self):
        return merge(AttentionMap(*self.factors()), ROW_WORDS, KEY_WORDS)

    def dense_map(self):
        query, key = (factor.double() for factor in self.factors())
        weights = (query @ key.transpose(-1, -2) * 5**-0.5).softmax(-1)
        return merged_by_hand(weights, ROW_WORDS.tokens, KEY_WORDS.tokens)

    def dense_logsumexp(self):
        return None

    def test_logsumexp(self):
        with pytest.raises(OptionError, match="logsumexp: expected a map of tokens, got one of words"):
            self.make_map().logsumexp()


class TestMeanMap(LazyMapSuite):
    """The mean of maps is a map, too."""

    def maps(self):
        generator = torch.Generator().manual_seed(4)
        query, key = torch.randn(3, 2, 3, 7, 5, generator=generator), torch.randn(2, 3, 11, 5, generator=generator)
        return [query[0], query[1], query[1]], key

    def make_map(self):
        queries, key = self.maps()
        # Of narrowed maps: what is read is a view of a view.
        return mean_of([AttentionMap(query, key).select(queries=[5, 0, 1, 2, 3], keys=slice(1, 8)) for query in queries])

    def dense_map(self):
        queries, key = self.maps()
        each = [(query.double() @ key.double().transpose(-1, -2) * 5**-0.5).softmax(-1) for query in queries]
        return (sum(each) / 3)[:, :, [5, 0, 1, 2, 3], 1:8]

    def dense_logsumexp(self):
        return None

    def test_logsumexp(self):
        with pytest.raises(OptionError, match="logsumexp: expected one map, got a mean of several"):
            self.make_map().logsumexp()


def test_means_that_do_not_exist():
    with pytest.raises(OptionError, match="expected at least one map, got none"):
        mean_of([])
    with pytest.raises(ShapeError, match=r"expected maps of one shape, got \(1, 1, 2, 2\), \(1, 1, 3, 3\)"):
        mean_of([AttentionMap.from_dense(torch.eye(3)), AttentionMap.from_dense(torch.eye(2))])


def test_words_are_the_labels_where_no_others_are_given():
    amap = AttentionMap.from_dense(torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]))
    with pytest.raises(ShapeError, match="expected a map with labels of its queries, got none"):
        merge(amap)
    amap.queries, amap.keys = ("▁chat", "s", "</s>"), ("▁cat", "▁s", "</s>")
    words = merge(amap)
    assert (words.queries, words.keys) == (("chats",), ("cat", "s"))
    assert_close(words.dense()[0, 0], torch.tensor([[0.375, 0.375]]))


def test_words_with_tokens_that_are_not_there():
    amap = AttentionMap.from_dense(torch.eye(3))
    with pytest.raises(ShapeError, match="keys: expected positions from 0 to 2, the map's, got 3"):
        merge(amap, Words(("a",), ((0,),)), Words(("b",), ((3,),)))
    with pytest.raises(OptionError, match="queries: expected Words, as words_of"):
        merge(amap, ["a"], Words((), ()))


PROGRAM = """
import torch
from regard import AttentionMap, align
from regard.analysis.alignment.word_maps import merge

def labelled(n):
    query, key = (torch.randn(1, 1, n, 16, generator=torch.Generator().manual_seed(0)) for _ in range(2))
    amap = AttentionMap(query, key)
    amap.queries = amap.keys = (*("▁a" if at % 2 == 0 else "b" for at in range(n - 1)), "</s>")
    return amap

torch.set_num_threads(1)
def read(amap):
    merge(amap).received()
    return align([amap], 0, 0, method="itermax", sinks="special")
read(labelled(600))
amap = labelled(8192)
before = peak()
found = read(amap)
print(peak() - before, len(found.links), found.word_map.shape)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
def test_neither_matrix_is_ever_there():
    grown = int(said(PEAK + PROGRAM).split()[0])
    assert grown < 8192**2 * 3, f"{grown / 2**20:.0f} MiB"


@pytest.mark.parametrize(
    ("tokens", "plain"),
    [
        (["▁The", "▁ma", "t", ".", "</s>"], True),
        (["▁", "The", "▁mat"], False),  # a mark of its own belongs to the letter behind it
        (["ä½", "ł", "å¥½", "<|endoftext|>"], False),
        (["▁e", "\u0301", "▁x"], False),
        (["▁été", "▁ici"], False),
        ([], True),
    ],
)
def test_words_and_characters_from_one_look(tokens, plain):
    words, characters = words_and_characters(tokens)
    assert words == words_of(tokens)
    assert characters == (None if plain else characters_of(tokens))
    if plain:  # there was nothing to put together
        assert all(len(owners) == 1 for owners in characters_of(tokens).tokens)
