"""Packages that some parts need and the rest does without: one sentence where one is missing."""

from importlib.util import find_spec

_INSTALLED_AS = {"ray": '"ray[data]"'}


def require(why: str, *packages: str) -> None:
    """Refuse early where a package is missing; nothing is imported.

    Args:
        why: what it is needed for, for the sentence: "to serve maps".
        packages: by the names that are imported.

    Raises:
        ImportError: one is missing; it says what to type.

    Example:
        >>> require("to read the stars", "astrolabium")
        Traceback (most recent call last):
        ImportError: expected astrolabium to read the stars, got none; pip install astrolabium
    """
    if missing := [package for package in packages if find_spec(package) is None]:
        typed = " ".join(_INSTALLED_AS.get(package, package) for package in missing)
        raise ImportError(f"expected {' and '.join(missing)} {why}, got none; pip install {typed}")
