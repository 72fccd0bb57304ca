"""The site: built strictly, complete, and working from a folder without asking anybody for anything."""

import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import griffe
import nbformat
import pytest
import zensical
from markdown import markdown

import api_pages
import build_site
import card_pages
import notebook_pages
import regard
from doctest_blocks import fenced
from mathml import mathml
from regard import masks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DRAWN = "multi-head"


def draw(card, paths):
    """One picture is drawn, the others are stand-ins: make docs draws them all."""
    if card.name == DRAWN:
        DRAW(card, paths)
    else:
        for path in paths.values():
            path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")


DRAW = card_pages.draw


class Page(HTMLParser):
    """What a page has, what it links to, and what a browser would fetch to show it."""

    def __init__(self, path, text):
        super().__init__()
        self.path = path
        self.ids, self.links, self.fetched, self.tags = set(), set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        if tag == "a":
            self.links.add(attrs.get("href") or "")
        elif tag == "link":
            self.fetched.add(attrs.get("href") or "")
        self.fetched |= {attrs[name] for name in ("src", "data", "poster") if attrs.get(name) and tag != "a"}
        self.fetched |= {part.split()[0] for part in (attrs.get("srcset") or "").split(",") if part.strip()}
        self.fetched |= set(re.findall(r"url\(([^)]+)\)", attrs.get("style") or ""))


def outside(addresses):
    return {address for address in addresses if re.match(r"""['"]?(https?:)?//""", address)}


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    with mock.patch.object(card_pages, "draw", draw):
        return build_site.build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def pages(html):
    return {
        path.relative_to(html).as_posix(): Page(path, path.read_text(encoding="utf-8"))
        for path in sorted(html.rglob("*.html"))
        if path.name != "404.html"  # for servers, its addresses start at their root
        and path.parent.name != "live"  # stand in frames of the page course/look.html
    }


def test_nothing_is_fetched_from_elsewhere(html, pages):
    for name, page in pages.items():
        assert not outside(page.fetched), name
    for style in html.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not outside(re.findall(r"url\(([^)]+)\)", text)), style
        assert "@import" not in text, style
    for picture in html.rglob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert not outside(re.findall(r'(?:href|src)="([^"]+)"', text)), picture


def test_what_would_be_fetched_from_elsewhere_is_seen():
    text = (
        '<script src="https://cdn.example/x.js"></script><link href="//fonts.example/y.css"><img src="a.png" '
        'srcset="https://z.example/b.png 2x"><p style="background: url(http://w.example/c.png)"><a href="https://ok.example">'
    )
    found = outside(Page(None, text).fetched)
    assert found == {"https://cdn.example/x.js", "//fonts.example/y.css", "https://z.example/b.png", "http://w.example/c.png"}


def test_what_is_fetched_is_there(html, pages):
    for name, page in pages.items():
        for address in page.fetched - {""}:
            path = address.split("#")[0].split("?")[0]
            if not path.startswith("data:"):
                assert ((html / name).parent / path).exists(), (name, address)


def test_links_lead_somewhere(html, pages):
    broken = []
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = link.partition("#")
            target = ((html / name).parent / path).resolve() if path else html / name
            if target.is_dir():
                target /= "index.html"
            known = pages.get(target.relative_to(html.resolve()).as_posix())
            if not target.exists() or (place and known and place not in known.ids):
                broken.append((name, link))
    assert not broken


def test_every_page_is_in_the_navigation(pages):
    page = pages["alignment_heads.html"]  # whose text has no links
    reached = {re.sub(r"^\./", "", link.partition("#")[0]) for link in page.links}
    assert set(pages) - reached == set()


def test_every_document_is_a_page(pages):
    for path in (ROOT / "docs").rglob("*.md"):
        assert path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() in pages
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"course/{path.stem}.html" in pages


def test_every_public_name_has_its_place(pages):
    ids = set().union(*(page.ids for name, page in pages.items() if name.startswith("api/")))
    for name in regard.__all__:
        assert {f"regard.{name}", f"regard.masks.{name}", api_pages.home(name)} & ids, name
    assert {f"regard.masks.{name}" for name in masks.__all__} <= ids
    for card in regard.catalogue():
        assert f"regard.mechanisms.{card.code}" in ids, card.name
    assert "api/mechanisms.softmax_attention.html" in pages


def test_every_card_has_its_section(html, pages):
    for card in regard.catalogue():
        page = pages[f"mechanisms/{card.family}.html"]
        assert card.name in page.ids
        for theme in ("light", "dark"):
            assert f"{card.name}-{theme}.svg#only-{theme}" in page.fetched
        assert page.tags.count("math") >= sum(one.family == card.family for one in regard.catalogue())
    picture = (html / "mechanisms" / f"{DRAWN}-light.svg").read_text(encoding="utf-8")
    assert "attention weight" in picture
    assert picture != (html / "mechanisms" / f"{DRAWN}-dark.svg").read_text(encoding="utf-8")


def test_pages_are_light_and_dark_and_can_be_searched(html, pages):
    text = (html / "index.html").read_text(encoding="utf-8")
    assert {"default", "slate"} <= set(re.findall(r'data-md-color-scheme="(\w+)"', text))
    assert {"images/attention.png#only-light", "images/attention-dark.png#only-dark"} <= pages["first_steps.html"].fetched
    assert "assets/iframe-worker.js" in {re.sub(r"^\./", "", one) for one in pages["index.html"].fetched}
    assert "sparsemax" in (html / "search.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("saliency", "words.html"),
        ("activation patching", "words.html"),
        ("grouped-query", "words.html"),
        ("visualization", "words.html"),
        ("needle in a haystack", "words.html"),
        ("KV cache", "mechanisms/glossary.html"),
        ("vLLM", "mechanisms/glossary.html"),
    ],
)
def test_what_people_call_things_is_found(html, words, page):
    index = (html / "search.js").read_text(encoding="utf-8")
    items = json.loads(index[index.index("{") : index.rindex("}") + 1])["items"]
    found = {item["location"].partition("#")[0] for item in items if words.lower() in item["text"].lower()}
    assert page in found


def test_the_first_page_answers_in_ten_seconds(html, pages):
    """What it is, the viewer itself, three doors, two commands, before anything else."""
    text = (html / "index.html").read_text(encoding="utf-8")
    text = text[text.index("<article") :]
    order = [
        "<h1",
        "attends to: exactly",
        "<iframe",
        ">Learn</a>",
        ">Look</a>",
        ">Research</a>",
        "make demo",
        "make test",
        "<h2",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "assets/live/translation.html" in pages["index.html"].fetched
    tabs = [
        " ".join(re.sub("<[^>]+>", " ", item).split())
        for item in re.findall(r'(?s)<li class="md-tabs__item.*?</li>', (html / "index.html").read_text(encoding="utf-8"))
    ]
    assert tabs == ["Home", "Tutorials", "How-to", "Reference", "Explanation"]


def test_examples_of_docstrings_are_code(html):
    text = (html / "api" / "mechanisms.softmax_attention.html").read_text(encoding="utf-8")
    assert text.count("<blockquote>") == 0
    assert "&gt;&gt;&gt; " in text


def test_the_course_shows_what_the_notebook_showed(html):
    notebook = nbformat.read(ROOT / "notebooks" / "1_introduction.ipynb", as_version=4)
    text = (html / "course" / "1_introduction.html").read_text(encoding="utf-8")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(list((html / "course").glob("1_introduction_*.png"))) == text.count("<img ") == len(pictures) > 10
    printed = [output.text for output in outputs if output.output_type == "stream"]
    assert printed
    shown = unescape(re.sub(r"<[^>]+>", "", text))
    for part in printed:
        for line in part.rstrip().splitlines():
            assert line.rstrip() in shown
    assert "$" not in re.sub(r"(?s)<pre>.*?</pre>|<code>.*?</code>|<script.*?</script>", "", text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# A page\n\n[nowhere](nothing.md)\n", "strict"),
        ("# A page\n\n[no such place](#nothing)\n", "strict"),
        ("# A page\n\n::: regard.nothing\n", "regard.nothing"),
        ("# A page\n\n[a name][regard.nothing]\n", "strict"),
        ("# A page\n\n$\\nonsense$\n", r"\\nonsense"),
    ],
)
def test_what_is_broken_stops_the_build(tmp_path, text, reason):
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    (tmp_path / "zensical.toml").write_text(re.sub(r"(?ms)^nav = \[.*?^\]$", "", settings), encoding="utf-8")
    (tmp_path / "pages").mkdir()
    shutil.copytree(ROOT / "docs" / "assets", tmp_path / "pages" / "assets")
    (tmp_path / "pages" / "index.md").write_text(text, encoding="utf-8")
    with pytest.raises(RuntimeError, match=reason):
        zensical.build(str(tmp_path / "zensical.toml"), {"strict": True, "clean": True})


def test_formulas():
    assert mathml("x_i").startswith('<math display="inline">')
    assert "argmin" in mathml(r"\operatorname*{arg\,min}_p f")
    assert '<mo lspace="0" rspace="0">softmax</mo>' in mathml(r"\operatorname{softmax}(s)")
    assert '<mo lspace="0.167em" rspace="0.167em">log</mo>' in mathml(r"a \log n")
    assert mathml(r"\lVert x \rVert").count('stretchy="false"') == 2
    with pytest.raises(ValueError, match=r"expected LaTeX that latex2mathml knows, got \\nonsense in"):
        mathml(r"\nonsense x")


def test_formulas_in_markdown():
    made = markdown("| $a_1 \\, b$ | `$c$` | 5 $ and 6 $ |\n|-|-|-|\n\n$$\nd\n$$", extensions=["mathml", "tables"])
    assert made.count("<math") == 2
    assert "<code>$c$</code>" in made
    assert "5 $ and 6 $" in made
    assert '<math display="block">' in made


def test_examples_are_fenced():
    text = "Adds.\n\n    >>> 1 + 1\n    2\n\nNot more.\n>>> 3\n3"
    assert fenced(text) == ("Adds.\n\n    ```pycon\n    >>> 1 + 1\n    2\n    ```\n\nNot more.\n```pycon\n>>> 3\n3\n```")
    assert fenced(">>> f()  # doctest: +ELLIPSIS\na\n<BLANKLINE>\nb") == "```pycon\n>>> f()\na\n\nb\n```"
    module = griffe.visit("m", filepath=Path("m.py"), code='"""A."""\n', extensions=griffe.load_extensions("doctest_blocks"))
    assert module.docstring.value == "A."


def test_a_notebook_that_stopped_is_no_page(tmp_path):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("1/0", outputs=[error])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "broken.ipynb")
    with pytest.raises(ValueError, match="cell 1 of broken stopped with ValueError"):
        notebook_pages.write_pages([tmp_path / "broken.ipynb"], tmp_path / "pages")
    nbformat.write(nbformat.v4.new_notebook(cells=cells[1:]), tmp_path / "untitled.ipynb")
    with pytest.raises(ValueError, match="stopped|begin with a heading"):
        notebook_pages.write_pages([tmp_path / "untitled.ipynb"], tmp_path / "pages")


def test_what_was_printed_in_pieces_is_one_block(tmp_path):
    pieces = [nbformat.v4.new_output("stream", text=text) for text in ("one ", "line\n")]
    cell = nbformat.v4.new_code_cell("f()", outputs=[pieces[0], pieces[1], nbformat.v4.new_output("stream", text="two\n")])
    assert notebook_pages.cell_parts(cell, 0, tmp_path, "x")[1:] == ["```{ .text .output }\none line\ntwo\n```"]
    value = nbformat.v4.new_output("execute_result", {"text/plain": "7"})
    cell = nbformat.v4.new_code_cell("f()", outputs=[pieces[0], value, pieces[1]])
    assert [part.splitlines()[1] for part in notebook_pages.cell_parts(cell, 0, tmp_path, "x")[1:]] == ["one", "7", "line"]


def test_outputs_with_backticks_and_colours():
    assert notebook_pages.fence("a\n```\n\x1b[31mred\x1b[0m", "text") == "````{ .text .output }\na\n```\nred\n````"
    assert notebook_pages.fence("x = 1\n", "python") == "```python\nx = 1\n```"


def test_families_that_are_not_known(tmp_path):
    stranger = mock.Mock(family="smells")
    with (
        mock.patch.object(regard, "catalogue", return_value=[stranger]),
        pytest.raises(ValueError, match="expected families among scores, .*, got smells"),
    ):
        card_pages.write_pages(tmp_path)


def test_public_names_are_sorted_into_rooms():
    assert api_pages.home("record") == "regard.recording.record.record"
    assert api_pages.room("heatmap") == "figures"
    with mock.patch.object(regard, "masks", masks, create=True):
        assert (api_pages.home("masks"), api_pages.room("masks")) == ("regard.masks", "masks")
