"""The reference, from docstrings: a page a room of the package, and for mechanisms a page a family and a module."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from pathlib import Path

import regard
from regard import errors, masks, mechanisms

TITLES = {
    "translation": "Translate",
    "recording": "Record",
    "maps": "Maps",
    "figures": "Figures",
    "analysis": "Analysis",
}
WHOLE = {"masks", "mechanisms"}  # rooms of which whole modules are shown
HIDDEN = {"Cards"}  # shown by the catalogue's pages


def write_pages(folder: Path) -> list[str]:
    """Writes the pages.

    Returns:
        A Markdown list of the pages, a line each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rooms: dict[str, list[str]] = {}
    for name in regard.__all__:
        rooms.setdefault(room(name), []).append(name)
    order = [*(one for one in TITLES if one in rooms), *(one for one in rooms if one not in TITLES)]

    pages = []
    for key in order:
        if key not in WHOLE:
            title = TITLES.get(key, key.capitalize())
            text = "\n\n".join([f"# {title}", *(f"::: regard.{name}" for name in rooms[key])])
            pages.append(write_page(folder, title, key, text))
    pages.append(write_page(folder, "Masks", "masks", whole_module(masks.__name__, "Masks", masks.__all__)))
    pages.append(write_page(folder, "Errors", "errors", whole_module(errors.__name__, "Errors")))
    return pages + family_pages(folder, mechanisms.__name__, mechanisms.__path__)


def family_pages(folder: Path, package: str, path: Iterable[str]) -> list[str]:
    """Writes a page for what a package says of all its modules, then one for each module; families stand inside."""
    title = title_of(package)
    pages = [
        f"- {title}",
        "    " + write_page(folder, f"{title}, in general", short(package), whole_module(package, title, [])),
    ]
    for module in pkgutil.iter_modules(path, f"{package}."):
        if module.ispkg:
            family = importlib.import_module(module.name)
            pages += ["    " + line for line in family_pages(folder, module.name, family.__path__)]
        elif title_of(module.name) not in HIDDEN:
            text = whole_module(module.name, title_of(module.name))
            pages.append("    " + write_page(folder, title_of(module.name), short(module.name), text))
    return pages


def title_of(module: str) -> str:
    """The last part of a module's name, as a title."""
    return module.rpartition(".")[2].replace("_", " ").capitalize()


def short(module: str) -> str:
    """A module's name without the package's."""
    return module.removeprefix("regard.")


def write_page(folder: Path, title: str, name: str, text: str) -> str:
    """Writes one page, and returns the line that leads to it."""
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    return f"- [{title}]({name}.md)"


def home(name: str) -> str:
    """Where a public name is at home: a module itself, or what a module defines."""
    thing = getattr(regard, name)
    return thing.__name__ if inspect.ismodule(thing) else f"{thing.__module__}.{thing.__qualname__}"


def room(name: str) -> str:
    """The part of the package in which a public name is at home."""
    return home(name).split(".")[1]


def whole_module(module: str, title: str, names: list[str] | None = None) -> str:
    """A module's page: its own docstring, then what it has, or some of it."""
    options = ["    options:", "      show_root_heading: false", "      show_root_toc_entry: false"]
    if names is not None:
        options += ["      members:", *(f"        - {name}" for name in names)] if names else ["      members: false"]
    return "\n".join([f"# {title}", "", f"`{module}`", "", f"::: {module}", *options])


def everything() -> str:
    """The public names with their first sentences, for the page that leads to the others."""
    lines = ["| | |", "|---|---|"]
    for name in regard.__all__:
        sentence = (inspect.getdoc(getattr(regard, name)) or "").split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
        lines.append(f"| [`regard.{name}`][{home(name)}] | {sentence} |")
    return "\n".join(lines)
