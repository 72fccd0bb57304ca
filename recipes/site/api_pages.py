"""The reference, from docstrings: a page a room of the package for the public names, a page a module of mechanisms."""

from __future__ import annotations

import inspect
import pkgutil
from pathlib import Path

import regard
from regard import errors, masks, mechanisms

TITLES = {
    "translation": "Translate",
    "recording": "Record",
    "maps": "Maps",
    "figures": "Figures",
    "analysis": "Alignment",
}
WHOLE = {"masks", "mechanisms"}  # rooms of which whole modules are shown
HIDDEN = {"cards", "latent_cards"}  # shown by the catalogue's pages


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
    pages.append("- Mechanisms")
    for module in pkgutil.walk_packages(mechanisms.__path__, f"{mechanisms.__name__}."):
        name = module.name.rpartition(".")[2]
        if not module.ispkg and name not in HIDDEN:
            title = name.replace("_", " ").capitalize()
            page = module.name.removeprefix("regard.")
            pages.append("    " + write_page(folder, title, page, whole_module(module.name, title)))
    return pages


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
    """A module's page: its own docstring, then what it has."""
    options = ["    options:", "      show_root_heading: false", "      show_root_toc_entry: false"]
    if names is not None:
        options += ["      members:", *(f"        - {name}" for name in names)]
    return "\n".join([f"# {title}", "", f"`{module}`", "", f"::: {module}", *options])


def everything() -> str:
    """The public names with their first sentences, for the page that leads to the others."""
    lines = ["| | |", "|---|---|"]
    for name in regard.__all__:
        sentence = (inspect.getdoc(getattr(regard, name)) or "").split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
        lines.append(f"| [`regard.{name}`][{home(name)}] | {sentence} |")
    return "\n".join(lines)
