"""``regard mechanisms``: all the mechanisms of the textbook, or one of them on one page with its picture."""

import argparse
import math
import sys
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

import regard
from regard.amounts import bytes_text
from regard.cli.reports import print_json
from regard.errors import OptionError
from regard.figures.formats import checked_paths
from regard.mechanisms.card import Card, Sizes
from regard.mechanisms.catalogue import card as card_named
from regard.mechanisms.catalogue import example, find, not_a_card, terms

LARGE = Sizes(heads=32, queries=4096, keys=4096, dim=128, value_dim=128, itemsize=2)
"""What costs are told for: 32 heads of 128, 4,096 tokens, in bfloat16."""

TEXTS = (
    "title",
    "family",
    "paper",
    "year",
    "formula",
    "latex",
    "symbols",
    "leaves_out",
    "change",
    "use",
    "wins",
    "loses",
    "code",
)
SHADES = " ░▒▓█"


def run(options: argparse.Namespace) -> int:
    """List the cards, or show the one that is named."""
    if options.name is None:
        if options.save:
            raise OptionError("expected NAME beside --save, got none; regard mechanisms lists the names")
        cards = regard.catalogue()
        if options.json:
            print_json([_data(card) for card in cards])
        else:
            _list(cards)
        sys.stdout.flush()
        return 0
    if options.save:
        checked_paths(options.save)  # pictures only: pages have no theme
    card = _meant(options.name, options)
    if card is None:
        return 0
    with torch.no_grad():
        weights = card.apply(*example()).weights[0, card.drawn]  # (queries, keys) of one head
    if options.json:
        print_json(_data(card))
    else:
        _show(card, weights)
    sys.stdout.flush()
    if options.save:
        paths = regard.save(card, *options.save, theme=options.theme)
        print(f"picture: {', '.join(map(str, paths))}", file=sys.stderr)
    return 0


def _meant(name: str, options: argparse.Namespace) -> Card | None:
    """The card of this name, or the only one that these words lead to; several are listed, after what the glossary says."""
    if any(name == one.name for one in regard.catalogue()):
        return card_named(name)
    found, known = find(name), terms(name)
    if len(found) == 1 and not known:
        return found[0]
    if not (found or known) or options.save:
        raise OptionError(not_a_card(name, "regard mechanisms lists them"))
    if options.json:
        print_json([_data(card) for card in found])
    else:
        console = Console(highlight=False)
        for term in known:
            console.print(Text(term.name, style="bold"))
            console.print(Text(term.meaning))
            if term.read:
                console.print(Text(f"read: {term.read}", style="dim"))
            console.print()
        if found:
            _list(found)
    sys.stdout.flush()
    return None


def _data(card: Card) -> dict[str, Any]:
    costs = {name: getattr(card, name) for name in ("flops", "cache_per_token", "state")}
    return (
        {"name": card.name}
        | {name: getattr(card, name) for name in TEXTS}
        | {name: {"formula": cost.text, "of_32_heads_of_128_at_4096": cost.count(LARGE)} for name, cost in costs.items()}
        | {"also": list(card.also)}
        | {"causal": card.causal, "rows_sum_to": card.rows, "permutable": card.permutable}
    )


def _list(cards: list[Card]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, justify in (("name", "left"), ("year", "right"), ("formula", "left")):
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column != "formula")  # type: ignore[arg-type]
    family = ""
    for card in cards:
        if card.family != family:
            family = card.family
            table.add_row(Text(family, style="bold"))
        table.add_row(Text(f"  {card.name}"), str(card.year), Text(card.formula))
    console.print(table)
    console.print("regard mechanisms NAME shows one of them", style="dim")


def _show(card: Card, weights: Tensor) -> None:
    console = Console(highlight=False)
    console.print(Text(card.title, style="bold"))
    console.print(Text(card.paper, style="dim"))
    console.print()
    console.print(Text(card.formula))
    if card.symbols:
        console.print(Text(card.symbols, style="dim"))
    console.print()
    console.print(Text(card.change))
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, fact in (
        ("better at", card.wins),
        ("worse at", card.loses),
        ("used by", card.use),
        *((("left out", card.leaves_out),) if card.leaves_out else ()),
        *((("also called", ", ".join(card.also)),) if card.also else ()),
        ("operations", f"{card.flops.text} = {_operations(card.flops.count(LARGE))}"),
        ("kept for each key", f"{card.cache_per_token.text} = {bytes_text(card.cache_per_token.count(LARGE))}"),
        ("kept in all", f"{card.state.text} = {bytes_text(card.state.count(LARGE))}"),
    ):
        facts.add_row(name, Text(fact))
    console.print()
    console.print(facts)
    console.print(Text(f"read: regard.mechanisms.{card.code}", style="dim"), soft_wrap=True)
    console.print(Text("numbers: 32 heads of 128, 4,096 tokens, bfloat16", style="dim"))
    console.print()
    rows, keys = weights.shape
    head = f" in head {card.drawn}" if card.drawn else ""
    console.print(Text(f"its weights on the example{head}, {rows} queries by {keys} keys:", style="dim"))
    for line in picture(weights):
        console.print(Text(line))


def _operations(count: int) -> str:
    power = min(4, int(math.log(count, 1000))) if count else 0
    return f"{count / 1000**power:.3g} {('', 'K', 'M', 'G', 'T')[power]}FLOP"


def picture(weights: Tensor) -> list[str]:
    """The weights in shades of two characters a cell, a minus before what is negative.

    >>> picture(torch.tensor([[1.0, 0.0], [-0.5, 0.25]]))
    ['██  ', '-▒░░']
    """
    highest = float(weights.abs().max()) or 1.0
    lines = []
    for row in (weights / highest).tolist():
        cells = [(SHADES[min(4, math.ceil(abs(value) * 4 - 1e-6))], value < -0.02) for value in row]
        lines.append("".join(("-" if negative else shade) + shade for shade, negative in cells))
    return lines
