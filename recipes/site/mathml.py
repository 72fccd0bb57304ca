"""Formulas as MathML: browsers draw it themselves, so a page needs no script and no network for them.

A Python-Markdown extension: ``$x_i$`` in a line, ``$$ ... $$`` on lines of its own.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

# Between code spans (190), which stay as they are, and backslash escapes (180), which would eat the \, of a formula.
DISPLAYED, INLINE = 186, 185
THIN, RELATION = "0.167em", "0.278em"
STARRED = re.compile(r"\\operatorname\*\{([^}]*)\}")  # as \operatorname*{arg\,min}, which the converter does not know
SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}


def mathml(latex: str, display: str = "inline") -> str:
    """The formula as one <math> element.

    Raises:
        ValueError: a command that the converter would print as it is.
    """
    text = convert(STARRED.sub(_unstarred, latex.strip()), display=display)
    unknown = re.search(r"\\[A-Za-z]+", text)
    if unknown:
        raise ValueError(f"expected LaTeX that latex2mathml knows, got {unknown[0]} in {latex!r}; write it with other commands")
    text = text.replace("negativethinmathspace", f"-{THIN}")  # the name is not in MathML Core; its width is
    root = ET.fromstring(re.sub(r' xmlns="[^"]*"', "", text))  # noqa: S314 - we have just made it
    for row in list(root.iter()):
        for position in range(len(row)):
            _space(row, position)
    return ET.tostring(root, encoding="unicode")


def _unstarred(found: re.Match[str]) -> str:
    name = re.sub(r"\\[,;!]", "", found[1])
    return f"\\operatorname{{{name}}}"


def _space(row: Element, position: int) -> None:
    """Sets what TeX would: functions a little apart from what they are applied to, bars as high as a letter."""
    core = row[position]
    while core.tag in SCRIPTS:
        core = core[0]
    text = core.text or ""
    if core.tag in {"mi", "mo"} and len(text) > 1 and text.isalpha():
        core.tag = "mo"
        before, after = row[position - 1] if position else None, row[position + 1] if position + 1 < len(row) else None
        core.set("lspace", "0" if before is None or before.tag == "mo" else THIN)
        core.set("rspace", "0" if after is None or _opens(after) else THIN)
    elif text in {"|", "‖"} and core.get("stretchy") != "true":
        core.attrib |= {"stretchy": "false", "lspace": "0", "rspace": "0"}
    elif text in {":", "~"}:
        core.tag = "mo"
        core.attrib |= {"lspace": RELATION, "rspace": RELATION}


def _opens(element: Element) -> bool:
    """Whether it begins with a bracket, or is a space that was set."""
    while element.tag in SCRIPTS | {"mrow"} and len(element):
        element = element[0]
    return element.tag == "mspace" or (element.text or "") in {"(", "[", "{"}


class Formula(InlineProcessor):
    """Puts the MathML of the first group in the place of what matched."""

    def __init__(self, pattern: str, markdown: Markdown, display: str) -> None:
        super().__init__(pattern, markdown)
        self.display = display

    def handleMatch(self, m: re.Match[str], _data: str) -> tuple[Element | str, int, int]:  # type: ignore[override]  # noqa: N802
        """Called by Python-Markdown."""
        return self.md.htmlStash.store(mathml(m[1], self.display)), m.start(0), m.end(0)


class MathML(Extension):
    """Formulas between dollars."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Called by Python-Markdown."""
        md.inlinePatterns.register(Formula(r"\$\$(.+?)\$\$", md, "block"), "mathml_displayed", DISPLAYED)
        md.inlinePatterns.register(Formula(r"(?<!\\)\$(?![\s$])([^$]+?)(?<!\s)\$", md, "inline"), "mathml_inline", INLINE)


def makeExtension(**options: object) -> MathML:  # noqa: N802 - Python-Markdown's name
    """Called by Python-Markdown."""
    return MathML(**options)
