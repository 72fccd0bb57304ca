"""The front end as it was built from ``frontend/``: one ES module for pages, notebooks and the server."""

from importlib.resources import files

from regard.errors import FileFormatError


def front_end() -> str:
    """Its text.

    Raises:
        FileFormatError: it was not built into this installation.
    """
    built = files("regard.viewer") / "static" / "regard.js"
    if not built.is_file():
        raise FileFormatError("expected the front end in this installation, got none; build it: cd frontend && npm run build")
    return built.read_text(encoding="utf-8")
