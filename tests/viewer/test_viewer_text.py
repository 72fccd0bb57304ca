"""The running text as a person reads it: decoded, in lines, and each script in its own direction."""

import pytest
import torch

import regard
from support.tiny_tokenizers import TEXTS, tokenizer
from support.viewer_driving import Opened

pytestmark = pytest.mark.browser

KEYS = ".text-token[data-side=key]"
BOXES = """(tokens) => tokens.map((token) => {
  const { left, right, top } = token.getBoundingClientRect();
  return { text: token.textContent, left, right, top };
})"""


@pytest.fixture
def text_of(browser, tmp_path):
    """Opens the running text of tokens, and measures that of the keys."""
    made = []

    def open_text(tokens, start="", **options):
        amap = regard.AttentionMap.from_dense(torch.eye(len(tokens)))
        amap.queries = amap.keys = tuple(tokens)
        path = tmp_path / "text.html"
        regard.page(amap, path, **options)
        made.append(Opened(browser, f"{path.as_uri()}#view=text{start or '&unit=tokens'}"))
        return made[-1], made[-1].page.locator(KEYS).evaluate_all(BOXES)

    yield open_text
    for one in made:
        one.finish()


def from_the_left(boxes):
    return [box["text"] for box in sorted(boxes, key=lambda box: box["left"])]


@pytest.mark.parametrize(
    "words",
    [["החתול", "ישב", "על", "השטיח", "."], ["القط", "جلس", "على", "السجادة", "."], ["▁החתול", "▁ישב", "▁על", "▁השטיח", "."]],
    ids=["Hebrew", "Arabic", "marks"],
)
def test_a_sentence_from_right_to_left_begins_at_the_right(text_of, words):
    _, boxes = text_of(words)
    assert from_the_left(boxes) == words[::-1]
    assert max(box["right"] for box in boxes) == boxes[0]["right"]


def test_a_special_token_or_a_byte_does_not_turn_the_line(text_of):
    tokens = ["<s>", "<0xD7>", "ה", "▁ישב", "▁12", ".", "</s>"]
    _, boxes = text_of(tokens)
    assert from_the_left(boxes) == ["</s>", ".", "▁12", "▁ישב", "ה", "⟨D7⟩", "<s>"]


def test_words_of_another_direction_keep_their_own_order(text_of):
    _, boxes = text_of(["זה", "the", "cat", "כאן"])
    assert from_the_left(boxes) == ["כאן", "the", "cat", "זה"]
    _, boxes = text_of(["the", "חתול", "ישב", "here"])
    assert from_the_left(boxes) == ["the", "ישב", "חתול", "here"]


def test_lines_break_where_the_text_does(text_of):
    tokens = tokenizer("byte-level").encode(TEXTS["code"] + "שלום").tokens
    opened, boxes = text_of(tokens)
    lines = {}
    for box in boxes:
        lines.setdefault(round(box["top"]), []).append(box)
    said = ["".join(box["text"] for box in line) for _, line in sorted(lines.items())]
    assert said[0] == "def▁f(x):↵"
    assert said[1].startswith("→ret")
    assert opened.page.locator(f"{KEYS} .mark", has_text="↵").count() == 2


@pytest.mark.parametrize("language", ["Chinese", "Thai", "Russian", "Hindi"])
def test_bytes_are_characters_by_choice(text_of, language):
    tokens = tokenizer("byte-level").encode(TEXTS[language]).tokens
    opened, boxes = text_of(tokens, "&unit=characters")
    assert "".join(box["text"].strip("▁") for box in boxes) == "".join(TEXTS[language].split())
    opened.choose("units", "tokens")
    assert opened.page.locator(KEYS).count() == len(tokens)
    opened.choose("units", "characters")
    assert opened.address()["unit"] == "characters"
    assert opened.page.locator(KEYS).count() == len(boxes)


def test_characters_are_offered_where_tokens_are_parts_of_them(text_of):
    opened, _ = text_of(["▁the", "▁cat"])
    opened.menu()
    units = opened.page.get_by_role("combobox", name="units").locator("option")
    assert units.all_inner_texts() == ["tokens", "words"]


def test_the_spelling_is_told_of_what_is_pointed_at(text_of):
    opened, _ = text_of(["ĠcafÃ©", "Ċ"])
    opened.page.locator(".text-token[data-side=query]").first.hover()
    opened.rest()
    assert opened.page.locator(KEYS).first.get_attribute("title") == "1.00 · ĠcafÃ©"
    assert opened.told().endswith("▁café attends to ▁café 1.00")
