"""The options of the commands that read recorded maps: keys, tables, pictures; passages, caches, moments, residues."""

import argparse
from pathlib import Path

from regard.cli.progress_option import add_progress

Commands = argparse._SubParsersAction


def add_findings(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds ``regard passages``, ``cache``, ``times`` and ``contacts``."""
    passages = _command(
        commands,
        "passages",
        "which passage of a prompt an answer came from",
        "Show how much of an answer's attention each passage of its prompt has: lift is 1 where attention is spread evenly.",
    )
    given = passages.add_mutually_exclusive_group(required=True)
    given.add_argument("--passages", nargs="+", metavar="TEXT", help="as they stand in the text")
    given.add_argument("--passages-file", type=Path, metavar="FILE", help="JSON: texts by name, or a list of them")
    given.add_argument("--sentences", action="store_true", help="every sentence of the text")
    answer = passages.add_mutually_exclusive_group(required=True)
    answer.add_argument("--answer", metavar="TEXT", help="as it stands in the text")
    answer.add_argument("--answer-tokens", nargs=2, type=int, metavar=("BEGIN", "END"), help="its tokens, END not among them")
    _add_heads(passages, required=False, other="the mean of all where left out")
    passages.add_argument("--kind", help="encoder, decoder, cross or self, where the file has several")

    cache = _command(
        commands,
        "cache",
        "which keys a cache could lose",
        "Show the share of weight that policies keep of the attention of what came after a prompt, by how many keys they keep.",
    )
    cache.add_argument("--prompt", type=int, required=True, metavar="N", help="how many tokens the prompt has")
    cache.add_argument(
        "--policies", nargs="+", metavar="NAME", help="of streaming, observed, snapkv, pyramidkv, tova; all where left out"
    )
    cache.add_argument("--budgets", nargs="+", type=float, metavar="N", help="keys that are kept, or shares below 1")

    times = _command(
        commands,
        "times",
        "when each word was said",
        "Show when each word was said to a speech model, as Whisper's token times are found; tokens where no words are known.",
    )
    _add_heads(times, required=True, other="as the model's alignment_heads")
    times.add_argument("--prompt", type=int, metavar="N", help="tokens before the first that was said")
    times.add_argument("--frames", type=int, metavar="N", help="frames that are sound; the rest is silence that was padded")
    times.add_argument("--seconds", type=float, help="of a frame, where the file does not know")

    contacts = _command(
        commands,
        "contacts",
        "which residues of a chain touch",
        "Show which residues touch, by a protein model's symmetric and corrected maps.",
    )
    contacts.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help='JSON: what each head counts, {"0.3": 1.2, "bias": -3.0}'
    )
    contacts.add_argument("--top", type=int, metavar="N", help="how many; as many as residues where left out")
    contacts.add_argument("--apart", type=int, default=6, metavar="N", help="residues between them at least (default 6)")


def add_weights(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds ``regard keys``, ``export`` and ``picture``."""
    keys = _of_maps(
        commands,
        "keys",
        "which keys get the attention",
        "Show the keys that get most, by weight from the rows that may see them, and what the last rows give them.",
    )
    keys.add_argument("--top", type=int, default=20, metavar="N", help="how many keys (default 20)")
    keys.add_argument(
        "--last", type=int, default=1, metavar="N", help="how many last rows are looked at by themselves (default 1)"
    )
    shown = keys.add_mutually_exclusive_group()
    shown.add_argument("--csv", action="store_true", help="CSV instead of a table")
    shown.add_argument("--json", action="store_true", help="JSON instead of a table")

    export = _of_maps(
        commands, "export", "write weights as a long table", "Write a line for each weight: map, head, query, key."
    )
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the table: .csv, .parquet")
    export.add_argument("--above", type=float, default=0.0, metavar="W", help="only weights above this (default 0)")

    picture = _of_maps(
        commands, "picture", "draw a map of a file", "Draw one map: the head that is said, or all heads of a layer."
    )
    picture.add_argument("--save", nargs="+", required=True, type=Path, metavar="FILE", help="the picture: .png, .svg, .pdf")
    picture.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")


def _of_maps(commands: "Commands[argparse.ArgumentParser]", name: str, text: str, description: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=description)
    parser.add_argument("file", type=Path, help="what regard record, recording.save or amap.save has written")
    parser.add_argument("--item", type=int, metavar="N", help="this sequence of a file that has several, counted from 0")
    parser.add_argument("--layer", type=int, metavar="N", help="this layer alone")
    parser.add_argument("--head", type=int, metavar="N", help="this head of it")
    parser.add_argument("--kind", metavar="KIND", help="encoder, decoder, cross or self, where the file has several")
    add_progress(parser)
    parser.set_defaults(module="weights", shown=name)
    return parser


def _command(commands: "Commands[argparse.ArgumentParser]", name: str, text: str, description: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=description)
    parser.add_argument("file", type=Path, help="what regard record, recording.save or amap.save has written")
    parser.add_argument("--item", type=int, metavar="N", help="this sequence of a file that has several, counted from 0")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument(
        "--save", nargs="+", action="extend", type=Path, default=[], metavar="FILE", help="draw it, .png, .svg, .pdf; or .csv"
    )
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    add_progress(parser)
    parser.set_defaults(module="findings", finding=name)
    return parser


def _add_heads(parser: argparse.ArgumentParser, *, required: bool, other: str) -> None:
    parser.add_argument("--heads", nargs="+", required=required, metavar="LAYER.HEAD", help=f"these heads; {other}")
