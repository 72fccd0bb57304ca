"""The front end as it was built from ``frontend/``: one ES module for all hosts, and what most pages need of it."""

from importlib.resources import files

from regard.errors import FileFormatError


def front_end() -> str:
    """Its text, for notebooks, the server, and pages with a finding.

    Raises:
        FileFormatError: it was not built into this installation.
    """
    return _built("regard.js")


def page_program() -> str:
    """What a page without a finding needs of it, a ninth less.

    Raises:
        FileFormatError: it was not built into this installation.
    """
    return _built("page.js")


def _built(name: str) -> str:
    built = files("regard.viewer") / "static" / name
    if not built.is_file():
        raise FileFormatError("expected the front end in this installation, got none; build it: cd frontend && npm run build")
    return built.read_text(encoding="utf-8")
