"""A griffe extension: examples in docstrings become code blocks, so that Markdown does not take ``>>>`` for quotes."""

from __future__ import annotations

import re
from typing import Any

import griffe

# From the first >>> to the next empty line, as doctest reads it.
EXAMPLE = re.compile(r"^(?P<indent>[ ]*)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


def fenced(docstring: str) -> str:
    """The docstring with its examples between fences, and without what is meant for doctest alone."""
    return EXAMPLE.sub(_block, docstring)


def _block(found: re.Match[str]) -> str:
    indent = found["indent"]
    shown = re.sub(r" *# doctest: .*|<BLANKLINE>", "", found[0])
    return f"{indent}```pycon\n{shown}\n{indent}```"


class DoctestBlocks(griffe.Extension):
    """Changes each docstring once, when it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
