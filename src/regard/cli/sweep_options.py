"""What may be typed after ``regard sweep``."""

import argparse
from pathlib import Path

from regard.cli.progress_option import add_progress

SWEEP_READERS = ("show", "diff", "pairs")
"""Commands of ``regard sweep`` that run no model; any other word after it is a model."""

REPLACEMENTS = ("zero", "patch", "denoise", "resample", "mean", "running-mean")


def add_sweep(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """A sweep, and what may be said of it."""
    sweep = commands.add_parser(
        "sweep",
        help="what a measure becomes without each head, prompt by prompt, with error bars",
        usage="regard sweep MODEL --over PROMPTS --measure NAME [NAME ...] -o FILE [options]\n"
        "       regard sweep show FILE [--measure NAME] [--save PICTURE]\n"
        "       regard sweep diff FILE FILE [--measure NAME]\n"
        "       regard sweep pairs PROMPTS --model MODEL",
        description="Run MODEL on every prompt of PROMPTS, as it is and with each head replaced, and write what the measures "
        "become to FILE. Prompts are rows of JSON lines or Parquet with a text, and where they are asked for its partner "
        "(other), answer, wrong answer, group and spans. Run again after an interruption, it goes on from its parts. Then show "
        "it, or compare two of them: regard sweep show --help, regard sweep diff --help.",
    )
    sweep.add_argument("model", metavar="MODEL", help="folder or hub name")
    sweep.add_argument("--over", nargs="+", required=True, metavar="PROMPTS", help="files of prompts, at any address")
    sweep.add_argument(
        "--measure",
        nargs="+",
        required=True,
        metavar="NAME",
        help="logit_difference, margin, log_probability, probability, kl, loss, accuracy, rank",
    )
    sweep.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write (Parquet)")
    sweep.add_argument("--what", choices=("heads", "layers", "positions"), default="heads", help="what is replaced")
    sweep.add_argument(
        "--replace",
        choices=REPLACEMENTS,
        default="zero",
        help="by what: zero (default); patch: of the partner's run; denoise: the other way round; resample, mean: "
        "of --reference; running-mean: of its own text",
    )
    sweep.add_argument("--reference", nargs="+", metavar="FILE", help="texts for resample and mean (default: the prompts)")
    sweep.add_argument("--draws", type=int, default=1, metavar="N", help="of resample, for each prompt (default 1)")
    sweep.add_argument("--seed", type=int, default=0, metavar="N", help="of resample (default 0)")
    _add_columns(sweep)
    sweep.add_argument("--kind", metavar="KIND", help="of attention: encoder, decoder, cross, self")
    sweep.add_argument("--batch-tokens", type=int, default=2048, metavar="N", help="of one pass (default 2048)")
    sweep.add_argument("--dtype", default="float32", help="float32 (default), bfloat16, float16, float64; auto: as stored")
    sweep.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1")
    sweep.add_argument("--engine", choices=("process", "ray"), default="process", help="this process (default), or Ray")
    sweep.add_argument("--workers", type=int, metavar="N", help="of Ray (default: one a CPU, or one a GPU)")
    sweep.add_argument("--cluster", metavar="ADDRESS", help="of Ray; one is started on this machine where left out")
    sweep.add_argument("--restart", action="store_true", help="begin again, whatever the parts have")
    add_progress(sweep)
    sweep.set_defaults(module="sweeping", reader=None)


def _add_columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="PART=NAME",
        help="columns of other names: text=prompt other=corrupt answer=right wrong=… group=… spans=…",
    )


def sweep_readers() -> argparse.ArgumentParser:
    """``regard sweep show``, ``diff`` and ``pairs``: commands in the place where ``regard sweep`` has a model."""
    parser = argparse.ArgumentParser(prog="regard sweep")
    readers = parser.add_subparsers(required=True, metavar="COMMAND")
    show = readers.add_parser(
        "show",
        help="effects as a table, a picture",
        description="Show the effects in FILE: sites with their effects, errors, intervals and corrected p, the largest first.",
    )
    show.add_argument("file", metavar="FILE", help="what regard sweep has written")
    show.add_argument("--margin", type=float, metavar="M", help="test that effects are within ±M, as good as none")
    show.add_argument("--split", type=int, metavar="N", help="one half of the prompts chooses N sites, the other tests them")
    show.add_argument("--csv", action="store_true", help="every site as CSV")
    show.add_argument(
        "--save", nargs="+", action="extend", type=Path, default=[], metavar="FILE", help="layers by heads: .png, .svg, .pdf"
    )
    show.add_argument("--theme", choices=("light", "dark"), default="light", help="of the picture (default light)")
    diff = readers.add_parser(
        "diff",
        help="where the effects of two sweeps differ",
        description="Compare two sweeps prompt by prompt: two models or two replacements on the same prompts.",
    )
    diff.add_argument("file", metavar="FILE", help="effects")
    diff.add_argument("other", metavar="FILE", help="other ones, on the same prompts")
    for name, reader in (("show", show), ("diff", diff)):
        reader.add_argument("--measure", metavar="NAME", help="of several; the first where left out")
        reader.add_argument(
            "--adjust",
            choices=("holm", "max", "bh"),
            default="holm",
            help="for all sites together; max: largest |t|",
        )
        reader.add_argument("--alpha", type=float, default=0.05, metavar="P", help="the chance of any false one (default 0.05)")
        reader.add_argument("--confidence", type=float, default=0.95, metavar="P", help="of intervals (default 0.95)")
        reader.add_argument("--json", action="store_true", help="JSON instead of a table")
        reader.set_defaults(module="sweeping", reader=name)
    pairs = readers.add_parser(
        "pairs",
        help="check prompts before a sweep, without running a model",
        description="Read PROMPTS as a sweep of MODEL would: partners of as many tokens, answers that follow their text whole, "
        "spans on borders of tokens. Status 1 where some do not fit.",
    )
    pairs.add_argument("file", nargs="+", metavar="PROMPTS", help="files of prompts")
    pairs.add_argument("--model", required=True, help="folder or hub name: its tokenizer and configuration are read")
    _add_columns(pairs)
    pairs.set_defaults(module="sweeping", reader="pairs")
    return parser
