"""What may be typed after ``regard``: the commands, their options, and what ``--help`` says of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from regard.cli.finding_options import add_findings, add_weights
from regard.cli.lesson_options import add_lessons
from regard.cli.progress_option import add_progress
from regard.cli.sweep_options import SWEEP_READERS, add_sweep, sweep_readers
from regard.version import __version__

EXIT_CODES = """exit status: 0 done; 1 something could not be done, or only in part, and standard error says what; 2 options
that no command has; 130 interrupted."""

READERS = ("show", "diff")
"""Commands of ``regard survey`` that read a survey; any other word after it is a model. Likewise of ``regard sweep``."""


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command; ``options.module`` is the module of this room that runs it."""
    parser = _parser()
    if arguments[:1] == ["survey"] and arguments[1:2] and arguments[1] in READERS:
        parser, arguments = _survey_readers(), arguments[1:]
    elif arguments[:1] == ["sweep"] and arguments[1:2] and arguments[1] in SWEEP_READERS:
        parser, arguments = sweep_readers(), arguments[1:]
    for one in arguments:
        if one.startswith("--") and one.endswith("=--"):  # of which argparse makes a list of nothing, whatever was expected
            parser.error(f"argument {one[:-3]}: expected one argument, got '--'")
    return parser.parse_args(arguments)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command by its name, as it is typed: ``survey`` and ``survey show``."""
    return _inside("", _parser()) | _inside("survey ", _survey_readers()) | _inside("sweep ", sweep_readers())


def _inside(prefix: str, parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                found |= {f"{prefix}{name}": one} | _inside(f"{prefix}{name} ", one)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regard", description="Look at what transformers attend to.")
    parser.add_argument("--version", action="version", version=f"regard {__version__}")
    parser.epilog = EXIT_CODES
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_translate(commands)
    _add_record(commands)
    _add_info(commands)
    _add_heads(commands)
    add_weights(commands)
    add_findings(commands)
    _add_mechanisms(commands)
    add_lessons(commands)
    _add_align(commands)
    _add_view(commands)
    _add_serve(commands)
    _add_survey(commands)
    add_sweep(commands)
    verify = commands.add_parser(
        "verify",
        help="check the embedded model's files",
        description="Check each file of the embedded model by the SHA-256 sum that it was released with.",
    )
    verify.set_defaults(module="verifying")
    return parser


def _add_translate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    translate = commands.add_parser(
        "translate",
        help="translate, and show what each word looked at",
        description="Translate TEXT, or each line of standard input, and show which source words each target word attended to.",
    )
    translate.add_argument("text", nargs="?", help="the text; without it, lines are read from standard input")
    translate.add_argument("--model", help="folder or hub name; the embedded English-French model where left out")
    translate.add_argument("--beams", type=int, default=4, help="width of the beam search (default 4)")
    translate.add_argument("--layer", type=int, help="decoder layer to show; the one that aligns best where left out")
    translate.add_argument("--head", type=int, help="head of that layer")
    translate.add_argument(
        "--rows", choices=("produced", "consumed"), help="read the query that produced a word, or the one that consumed it"
    )
    translate.add_argument(
        "--save",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="draw the attention: .png, .svg, .pdf; or a page to look around in: .html",
    )
    translate.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    translate.add_argument("--json", action="store_true", help="one JSON object a text instead of a table")
    add_progress(translate)
    translate.set_defaults(module="translating")


def _add_record(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    record = commands.add_parser(
        "record",
        help="run a model over a text, and keep its attention in a file",
        description="Run MODEL over a text and write the attention of every layer to FILE, exact, as queries and keys. A "
        "decoder reads the text, and goes on if --generate says how far; an encoder reads it; an encoder-decoder answers it, "
        "or reads the answer in --target.",
    )
    record.add_argument("model", help="folder or hub name")
    _add_text(record, required=True)
    record.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write (safetensors)")
    _add_recorded(record)
    record.add_argument(
        "--check",
        action="store_true",
        help="hold each map against what the model computed: map times values against the output; exit 1 where they differ",
    )
    add_progress(record)
    record.set_defaults(module="recording")


def _add_text(parser: argparse.ArgumentParser, *, required: bool) -> None:
    text = parser.add_mutually_exclusive_group(required=required)
    text.add_argument("--text", help="the text")
    text.add_argument("--text-file", type=Path, metavar="FILE", help="read the text from a file, as UTF-8")


def _add_recorded(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="TEXT", help="the answer of an encoder-decoder, where it is known")
    parser.add_argument("--generate", type=int, metavar="N", help="let the model write at most N new tokens")
    parser.add_argument("--beams", type=int, default=1, help="width of the search while it writes (default 1)")
    parser.add_argument("--layers", nargs="+", type=int, metavar="N", help="keep only these, counted from 0")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="keep only these of encoder, decoder, cross, self")
    parser.add_argument("--dtype", default="auto", help="float32, bfloat16, float16, float64; as stored where left out")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1")


def _add_view(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    view = commands.add_parser(
        "view",
        help="look at a recording, in a browser",
        description="Open FILE in a browser, served from this machine to this machine; or run MODEL over a text and look at "
        "that; or translate --text with the embedded model. With --save, one page that needs no server is written instead.",
    )
    view.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="what regard record, regard sweep, or .save of a recording, a map or effects has written",
    )
    view.add_argument("--model", help="folder or hub name, to be run over the text")
    _add_text(view, required=False)
    _add_recorded(view)
    view.add_argument("--image", type=Path, metavar="FILE", help="the picture that an image model looked at")
    view.add_argument(
        "--grid", nargs=2, type=int, metavar=("ROWS", "COLUMNS"), help="its patches down and across, where they make no square"
    )
    view.add_argument("--effects", type=Path, metavar="FILE", help="what regard sweep found, beside the recording of its model")
    view.add_argument("--prompts", nargs="+", metavar="ADDRESS", help="what was swept, for the texts of the prompts")
    view.add_argument("--save", type=Path, metavar="FILE.html", help="write a page that works offline, and serve nothing")
    _add_address(view)
    add_progress(view)
    view.set_defaults(module="viewing")


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="a playground: translate and see the attention; mechanisms step by step",
        description="Serve the playground, and FILES beside it, from this machine to this machine.",
    )
    serve.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings to look at")
    serve.add_argument("--model", help="the translator: folder or hub name; the embedded English-French one where left out")
    _add_address(serve)
    serve.set_defaults(module="serving")


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="0 (default) for any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; another than this machine needs --token")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token", help="only who has it is answered; auto (default) makes one")
    token.add_argument("--no-token", action="store_true", help="answer every user of this machine")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


def _add_info(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    info = commands.add_parser("info", help="say what is in a file", description="Show the maps that a file holds.")
    info.add_argument("file", type=Path, help="what regard record, recording.save or amap.save has written")
    info.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    info.set_defaults(module="info")


def _add_heads(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    heads = commands.add_parser(
        "heads",
        help="every head in numbers: entropy, distance, sinks, induction",
        description="Show the table of heads of a file: how broadly each attends, how far, where to, and the roles that this "
        "gives it. Maps are read once, row by row, at any length.",
    )
    heads.add_argument("file", type=Path, help="what regard record, recording.save or amap.save has written")
    heads.add_argument("--sort", metavar="COLUMN", help="by this statistic, the largest first")
    heads.add_argument("--windows", nargs="+", type=int, default=[8, 64], metavar="N", help="what is local (default 8 64)")
    shown = heads.add_mutually_exclusive_group()
    shown.add_argument("--csv", action="store_true", help="all columns as CSV instead of a table")
    shown.add_argument("--json", action="store_true", help="all columns as JSON instead of a table")
    heads.add_argument(
        "--save",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="draw layers by heads, for each statistic: .png, .svg, .pdf",
    )
    heads.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    add_progress(heads)
    heads.set_defaults(module="heads")


def _add_mechanisms(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    mechanisms = commands.add_parser(
        "mechanisms",
        help="attention mechanisms: formula, paper, cost, use, picture",
        description="List the mechanisms of the textbook, or show one of them.",
    )
    mechanisms.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="one mechanism, or words to look for, such as 'KV cache'; all are listed where left out",
    )
    mechanisms.add_argument(
        "--save",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="draw its weights on the example: .png, .svg, .pdf",
    )
    mechanisms.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    mechanisms.add_argument("--json", action="store_true", help="JSON instead of text")
    mechanisms.set_defaults(module="mechanisms")


def _add_align(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    align = commands.add_parser(
        "align",
        help="which word of a translation belongs to which word of the source",
        description="Link the words of SOURCE and TARGET, or of every pair of a corpus, by the attention of a forced "
        "translation. Words are what stands between blanks.",
    )
    align.add_argument("source", nargs="?", metavar="SOURCE", help="the text")
    align.add_argument("target", nargs="?", metavar="TARGET", help="its translation")
    align.add_argument(
        "--corpus", type=Path, metavar="FILE", help="pairs, a line each: a tab or ||| between; - reads them from stdin"
    )
    align.add_argument(
        "--gold", type=Path, metavar="FILE", help="known links, a line a pair (0-0 1-2, possible ones 1?2): scores"
    )
    align.add_argument("--swap-gold", action="store_true", help="the target's word stands first in --gold")
    align.add_argument(
        "--format", choices=("pharaoh", "json", "table"), help="table for one pair, pharaoh for a corpus (default)"
    )
    align.add_argument("--method", choices=("argmax", "itermax", "threshold", "mutual"), help="how weights become links")
    align.add_argument("--threshold", type=float, metavar="W", help="least weight of a link")
    align.add_argument(
        "--sinks", choices=("ignore", "special", "punctuation"), help="which tokens may leave a word without link"
    )
    align.add_argument("--layer", type=int, help="decoder layer; the one that aligns best where left out")
    align.add_argument("--head", type=int, help="head of that layer")
    align.add_argument(
        "--rows", choices=("produced", "consumed"), help="read the query that produced a word, or the one that consumed it"
    )
    align.add_argument(
        "--tokenized",
        nargs="?",
        const="en-fr",
        metavar="LANGUAGES",
        help="words and marks stand apart: the model reads the text with natural spacing, of en-fr where not said",
    )
    align.add_argument("--rank", action="store_true", help="rank all heads by --gold instead")
    align.add_argument("--model", help="folder or hub name; the embedded English-French model where left out")
    align.add_argument(
        "--save", nargs="+", action="extend", type=Path, default=[], metavar="FILE", help="draw the links: .png, .svg, .pdf"
    )
    align.add_argument("--picture", choices=("matrix", "ribbon"), default="matrix", help="of which kind (default matrix)")
    align.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    add_progress(align)
    align.set_defaults(module="aligning")


def _add_survey(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    survey = commands.add_parser(
        "survey",
        help="what a model's heads do over a corpus, with error bars",
        usage="regard survey [MODEL] --text CORPUS -o FILE [options]\n"
        "       regard survey show FILE [--statistic NAME ...] [--save PICTURE]\n"
        "       regard survey diff FILE FILE [--statistic NAME ...]",
        description="Run MODEL over every text of CORPUS and write the statistics of each head to FILE: means, errors, "
        "histograms, the texts at either end. Run again after an interruption, it goes on from its checkpoint. Then show it, "
        "or compare two of them: regard survey show --help, regard survey diff --help.",
    )
    survey.add_argument(
        "model", nargs="?", metavar="MODEL", help="folder or hub name; the embedded English-French model where left out"
    )
    survey.add_argument(
        "--text",
        nargs="+",
        required=True,
        metavar="CORPUS",
        help="text, JSON lines, Parquet, a folder; local or any address fsspec knows",
    )
    survey.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write (Parquet)")
    survey.add_argument("--column", metavar="NAME", help="of the text, in JSON and tables: text (default), translation.en")
    survey.add_argument("--target-column", metavar="NAME", help="of an encoder-decoder's answer; in text it follows a tab")
    survey.add_argument("--max-tokens", type=int, metavar="N", help="leave longer texts out (default: the model's positions)")
    survey.add_argument("--batch-tokens", type=int, metavar="N", help="of one pass, padding included (default 2048)")
    survey.add_argument("--windows", nargs="+", type=int, metavar="N", help="what is local (default 8 64)")
    survey.add_argument("--examples", type=int, metavar="N", help="texts kept at either end (default 3)")
    survey.add_argument(
        "--per-text", action="store_true", default=None, help="keep the values of every text, to compare models text by text"
    )
    survey.add_argument("--dtype", help="float32 (default), bfloat16, float16, float64; auto: as stored")
    survey.add_argument("--device", help="cpu (default), cuda, cuda:1")
    survey.add_argument("--engine", choices=("process", "ray"), help="this process (default), or workers of Ray")
    survey.add_argument("--workers", type=int, metavar="N", help="of Ray (default: one a CPU, or one a GPU)")
    survey.add_argument("--cluster", metavar="ADDRESS", help="of Ray; one is started on this machine where left out")
    survey.add_argument("--checkpoint", type=int, metavar="N", help="keep one every N chunks of 1024 lines (default 16)")
    survey.add_argument("--restart", action="store_true", help="begin again, whatever the checkpoint has")
    add_progress(survey)
    survey.set_defaults(module="survey", reader=None)


def _survey_readers() -> argparse.ArgumentParser:
    """``regard survey show`` and ``regard survey diff``: commands in the place where ``regard survey`` has a model."""
    parser = argparse.ArgumentParser(prog="regard survey")
    readers = parser.add_subparsers(required=True, metavar="COMMAND")
    show = readers.add_parser(
        "show",
        help="a survey as a table, a picture, a page",
        description="Show the survey in FILE: the table of heads; with --statistic, errors, histograms and extreme texts.",
    )
    show.add_argument("file", metavar="FILE", help="what regard survey has written")
    show.add_argument("--sort", metavar="COLUMN", help="by this statistic, the largest first")
    show.add_argument("--csv", action="store_true", help="every row as CSV")
    show.add_argument(
        "--save",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE",
        help="layers by heads as .png, .svg, .pdf; the extreme texts of one --statistic in the viewer as .html",
    )
    show.add_argument("--model", help="the surveyed model, for a page; not needed where it is embedded or on the hub")
    show.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    diff = readers.add_parser(
        "diff",
        help="which heads differ between two surveys",
        description="Compare two surveys head by head: texts of like length with each other, or the same texts in two models "
        "where both were made with --per-text; with Holm's correction for all that is tested.",
    )
    diff.add_argument("file", metavar="FILE", help="a survey")
    diff.add_argument("other", metavar="FILE", help="another one, of the same heads")
    diff.add_argument("--top", type=int, metavar="N", default=20, help="how many differences are listed (default 20)")
    diff.add_argument("--alpha", type=float, metavar="P", default=0.05, help="the chance of any false one (default 0.05)")
    diff.add_argument(
        "--test", choices=("paired", "lengths", "means"), help="text by text, within lengths, or means whatever the lengths"
    )
    diff.add_argument("--confidence", type=float, metavar="P", default=0.95, help="of the intervals of effects (default 0.95)")
    diff.add_argument(
        "--fail-above",
        type=float,
        metavar="T",
        help="exit 1 where a statistic surely differs, and by more than T in its own unit",
    )
    diff.add_argument(
        "--fail-unless-within",
        type=float,
        metavar="T",
        help="exit 1 unless all are shown to be equal within T, by two t tests each",
    )
    for name, reader in (("show", show), ("diff", diff)):
        reader.add_argument("--statistic", nargs="+", metavar="NAME", help="only these")
        reader.add_argument("--json", action="store_true", help="JSON instead of a table")
        reader.set_defaults(module="survey", reader=name)
    return parser
