"""The options of the commands that read recorded maps in their users' units: passages, caches, moments, residues."""

import argparse
from pathlib import Path

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
        "when each token was said",
        "Show when each token of a speech model was said, as Whisper's token times are found.",
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


def _command(commands: "Commands[argparse.ArgumentParser]", name: str, text: str, description: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=description)
    parser.add_argument("file", type=Path, help="what regard record, recording.save or amap.save has written")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument(
        "--save", nargs="+", action="extend", type=Path, default=[], metavar="FILE", help="draw it, .png, .svg, .pdf; or .csv"
    )
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--progress", action="store_true", default=None, help="show progress bars in files and pipes, too")
    shown.add_argument("--quiet", dest="progress", action="store_false", help="show none, on a terminal neither")
    parser.set_defaults(module="findings", finding=name)
    return parser


def _add_heads(parser: argparse.ArgumentParser, *, required: bool, other: str) -> None:
    parser.add_argument("--heads", nargs="+", required=required, metavar="LAYER.HEAD", help=f"these heads; {other}")
