"""The package's description: README.md without the links and pictures of the repository, which lead nowhere elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"<picture>.*?</picture>\n*", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]+\)")


def described(readme: str) -> str:
    r"""The text with words in place of links that lead nowhere, and without pictures that are not there.

    Example:
        >>> described("<picture>x</picture>\nThe [course](docs/course.md), [CC](https://creativecommons.org).")
        'The course, [CC](https://creativecommons.org).'
    """
    return LINK.sub(r"\1", PICTURE.sub("", readme))


class LongDescription(MetadataHookInterface):
    """The README of the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put it there."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": described(text)}
