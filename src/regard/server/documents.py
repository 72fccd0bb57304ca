"""The documents of a server: those that it was given stay, those that were made make room for newer ones."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from regard.viewer.document.document import Document

MADE = 16
"""Documents of the playground that are kept."""


class KeptDocuments:
    """Documents by name.

    Args:
        given: what is always there.
    """

    def __init__(self, given: Mapping[str, Document]) -> None:
        self._given = dict(given)
        for one in self._given.values():
            one.answer("manifest", {})  # it is kept: who comes first does not wait for it
        self._made: OrderedDict[str, Document] = OrderedDict()
        self._looked_at: Document | None = None
        self._lock = Lock()

    def titles(self) -> list[dict[str, str]]:
        """Names and titles, given ones first."""
        with self._lock:
            return [
                {"id": name, "title": str(one.manifest["title"])} for name, one in [*self._given.items(), *self._made.items()]
            ]

    def get(self, name: str) -> Document | None:
        """The document of this name, if it is there."""
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
            self._looked_at = self._given.get(name) or self._made.get(name)
            return self._looked_at

    def looked_at(self) -> Document | None:
        """The document of the last question."""
        return self._looked_at

    def add(self, document: Document) -> str:
        """Keep one more; its name."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._made[name] = document
            while len(self._made) > MADE:
                self._made.popitem(last=False)
        return name
