"""The catalogue as pages: a family of mechanisms a page, a card a section, its picture drawn from what it computes."""

from __future__ import annotations

import re
from pathlib import Path

from matplotlib.figure import Figure

import regard
from regard.figures.unseen import hide
from regard.mechanisms import catalogue
from regard.mechanisms.card import Card
from regard.mechanisms.glossary import GLOSSARY

FAMILIES = {
    "scores": ("Scores", "How well does a key fit a query? What is computed before any softmax."),
    "heads": ("Heads", "Several attentions side by side, and what they share."),
    "positions": ("Positions", "Attention does not know the order of its tokens; these tell it."),
    "patterns": ("Patterns", "Who may look at whom: rows that see less than everything."),
    "normalisers": ("Normalisers and gates", "What makes weights of scores, and what is done with them afterwards."),
    "linear": ("Linear and recurrent", "Work that grows with the length and not with its square: a state instead of a cache."),
    "caches": ("Caches", "What decoding keeps of the tokens so far, and which of them it lets go."),
    "cross": ("Crossing, pointing, sets", "Queries and keys from different places, and what else the weights are good for."),
}
MODULE_PAGE = "../api/mechanisms.{module}.md#regard.mechanisms.{code}"
SIZE = (4.4, 4.0)  # inches
ROWS = {"one": "1", "at most one": "1 or less", "any": "any number"}


def write_pages(folder: Path) -> list[str]:
    """Writes a page for each family that has cards.

    Returns:
        A Markdown list of the pages, a line each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cards = regard.catalogue()
    unknown = {card.family for card in cards} - set(FAMILIES)
    if unknown:
        raise ValueError(f"expected families among {', '.join(FAMILIES)}, got {', '.join(unknown)}; name them in FAMILIES")
    pages = []
    for family, (title, question) in FAMILIES.items():
        members = [card for card in cards if card.family == family]
        if members:
            text = "\n\n".join([f"# {title}", question, overview(members), *(section(card, folder) for card in members)])
            (folder / f"{family}.md").write_text(text + "\n", encoding="utf-8")
            pages.append(f"- [{title}]({family}.md)")
    (folder / "glossary.md").write_text(glossary(), encoding="utf-8")
    return [*pages, "- [Glossary](glossary.md)"]


def overview(cards: list[Card], page: str = "") -> str:
    """Some mechanisms side by side."""
    lines = ["| mechanism | year | operations | bytes kept for each key | bytes kept in all |", "|---|---|---|---|---|"]
    for card in cards:
        costs = " | ".join(cell(cost.text) for cost in (card.flops, card.cache_per_token, card.state))
        lines.append(f"| [{cell(card.title)}]({page}#{card.name}) | {card.year} | {costs} |")
    return "\n".join(lines)


def everything() -> str:
    """All cards, family by family, for the page that leads to the others."""
    cards = regard.catalogue()
    parts = []
    for family, (title, question) in FAMILIES.items():
        members = [card for card in cards if card.family == family]
        if members:
            parts += [f"## [{title}]({family}.md)", question, overview(members, page=f"{family}.md")]
    return "\n\n".join(parts)


def glossary() -> str:
    """Words that people look for, and the cards that they lead to."""
    family = {card.name: card.family for card in regard.catalogue()}
    titles = {card.name: card.title for card in regard.catalogue()}
    lines = [
        "# Glossary",
        "What people call things, what that is, and where it is here.",
        "| term | what it is | cards |",
        "|---|---|---|",
    ]
    for term in GLOSSARY:
        called = f" (also: {', '.join(term.also)})" if term.also else ""
        read = f" Read {term.read}." if term.read else ""
        cards = ", ".join(f"[{cell(titles[name])}]({family[name]}.md#{name})" for name in term.cards)
        lines.append(f"| **{cell(term.name)}**{cell(called)} | {cell(term.meaning)}{cell(read)} | {cards} |")
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:]) + "\n"


def section(card: Card, folder: Path) -> str:
    """One card, and its pictures in ``folder``."""
    facts = {
        "better at": card.wins,
        "worse at": card.loses,
        "used by": card.use,
        **({"left out": card.leaves_out} if card.leaves_out else {}),
        **({"also called": ", ".join(card.also)} if card.also else {}),
        "operations": card.flops.text,
        "bytes kept for each key": card.cache_per_token.text,
        "bytes kept in all": card.state.text,
        "causal": "yes" if card.causal else "no",
        "a row of weights sums to": ROWS[card.rows],
        "order of the keys": "does not matter" if card.permutable else "matters",
        "code": f"[`{card.code}`]({module_link(card)})",
    }
    lines = ["| | |", "|---|---|", *(f"| {name} | {cell(fact)} |" for name, fact in facts.items())]
    symbols = [f"Symbols: {card.symbols}."] if card.symbols else []
    return "\n\n".join(
        [
            f"## {card.title} {{ #{card.name} }}",
            f"*{linked(card.paper)}*",
            f"$${card.latex}$$",
            f"In plain text: `{card.formula}`",
            *symbols,
            card.change,
            picture(card, folder),
            "\n".join(lines),
        ]
    )


def picture(card: Card, folder: Path) -> str:
    """The weights of one head on the catalogue's example, drawn for light pages and for dark ones."""
    paths = {theme: folder / f"{card.name}-{theme}.svg" for theme in ("light", "dark")}
    draw(card, paths)
    head = f", head {card.drawn}" if card.drawn else ""
    size = ".maps" if card.beside else ".map"
    beside = f"; beside them {card.beside.title}" if card.beside else ""
    said = f"Weights of {cell(card.title)}{head}{beside}"
    return "".join(f"![{said}]({path.name}#only-{theme}){{ {size} }}" for theme, path in paths.items())


def draw(card: Card, paths: dict[str, Path]) -> None:
    """Writes the picture of a card in each theme; of some it is two, beside each other."""
    if card.beside is not None:
        for theme, path in paths.items():
            regard.save(card, path, theme=theme, title="weights", annotate=False)
        return
    found = catalogue.picture(card)
    weights = found.weights[card.drawn]
    highest = float(weights.abs().max()) or 1.0
    for theme, path in paths.items():
        ax = Figure(figsize=SIZE).add_subplot()
        ax = regard.heatmap(weights, ax=ax, title="", theme=theme, vmax=highest, annotate=False)
        if found.seen is not None:
            hide(ax, found.seen[card.drawn].numpy(), theme)
        regard.save(ax, path)


def module_link(card: Card) -> str:
    """Where the code of a card is shown."""
    return MODULE_PAGE.format(module=card.code.rpartition(".")[0], code=card.code)


def linked(paper: str) -> str:
    """The paper with its arXiv number as a link."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)


def cell(text: str) -> str:
    """Text that may stand in a table: a bar would end its cell."""
    return text.replace("|", r"\|")
