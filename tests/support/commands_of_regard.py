"""Every command of ``regard`` with arguments that work, and words that nobody should type after an option."""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

import regard
from regard import lessons
from regard.cli import main
from regard.cli.parser import commands
from regard.interventions.effects import Effects
from support.effects import columns_of
from support.survey_models import saved_model
from support.surveys import drawn, survey_of, write

COMMANDS = {
    "translate": ["translate", "No."],
    "record": ["record", "bert", "--text", "w5 w6", "-o", "out.safetensors"],
    "info": ["info", "rec.safetensors"],
    "heads": ["heads", "rec.safetensors"],
    "keys": ["keys", "rec.safetensors"],
    "export": ["export", "rec.safetensors", "-o", "weights.csv"],
    "picture": ["picture", "rec.safetensors", "--save", "map.png"],
    "passages": ["passages", "rec.safetensors", "--passages", "the cat", "--answer", "it"],
    "cache": ["cache", "rec.safetensors", "--prompt", "3", "--budgets", "2"],
    "times": ["times", "said.safetensors", "--heads", "0.1", "--prompt", "0", "--seconds", "0.02"],
    "contacts": ["contacts", "rec.safetensors", "--weights", "weights.json", "--apart", "1"],
    "mechanisms": ["mechanisms", "scaled-dot"],
    "align": ["align", "No.", "Non."],
    "lessons": ["lessons"],
    "lessons task": ["lessons", "task", "scale"],
    "lessons begin": ["lessons", "begin", "scale"],
    "lessons hint": ["lessons", "hint", "scale"],
    "lessons solution": ["lessons", "solution", "scale", "--give-up"],
    "lessons check": ["lessons", "check", "answer.py"],
    "lessons class": ["lessons", "class", "tries.json"],
    "view": ["view", "rec.safetensors", "--no-browser"],
    "serve": ["serve", "rec.safetensors", "--no-browser"],
    "survey": ["survey", "bert", "--text", "corpus.txt", "-o", "out.parquet"],
    "survey show": ["survey", "show", "one.parquet"],
    "survey diff": ["survey", "diff", "one.parquet", "two.parquet"],
    "sweep": ["sweep", "gpt2", "--over", "prompts.jsonl", "--measure", "margin", "-o", "out.parquet"],
    "sweep show": ["sweep", "show", "effects.parquet"],
    "sweep diff": ["sweep", "diff", "effects.parquet", "effects.parquet"],
    "sweep pairs": ["sweep", "pairs", "prompts.jsonl", "--model", "gpt2"],
    "verify": ["verify"],
}
"""In the folder that ``furnish`` makes."""

NUMBERS = ("-1", "0", "-0", "1.5", "nan", "inf", "-inf", "1e400", "9" * 30, "-" + "9" * 30, "0x10", "1_0", "٣", "true")
WORDS = ("", " ", "no", "--", "-", "a\ud800b", "\udcff", "a\0b", "x" * 300, "é✓\u202e", "line\nline", "%s%n{}", "[red]x[/]")
PLACES = (
    "nowhere/x.html",
    "nowhere.png",
    "folder",
    "empty",
    "junk",
    "pipe",
    "cut.safetensors",
    "rec.safetensors",
    "x.svg",
    "/",
)
WRONG = (*NUMBERS, *WORDS, *PLACES)


def furnish(folder: Path) -> None:
    """What the commands name: a model, a recording, two surveys, a corpus; and files that are none."""
    saved_model("bert", folder / "bert")
    saved_model("gpt2", folder / "gpt2")
    write(folder / "prompts.jsonl", ['{"text": "w5 w6", "other": "w7 w6", "answer": " w8"}', '{"text": "w6", "answer": " w9"}'])
    Effects.of(columns_of(5, 1, 2)).save(folder / "effects.parquet")
    query = torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    amap = regard.AttentionMap(query, query, causal=True)
    amap.queries = amap.keys = ["the", "cat", "sat", "on", "it"]
    amap.save(folder / "rec.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "rec.safetensors").read_bytes()[:-99])
    weights = torch.rand(1, 2, 4, 6, generator=torch.Generator().manual_seed(1)).softmax(-1)
    regard.Recording.of([weights], kind="cross").save(folder / "said.safetensors")
    (folder / "weights.json").write_text('{"0.0": 1.5, "0.1": -1, "bias": 0.5}', encoding="utf-8")
    for name, seed in (("one", 0), ("two", 1)):
        survey_of(drawn(31, seed=seed)).save(folder / f"{name}.parquet")
    write(folder / "corpus.txt", ["w5 w6 w7", "w8"])
    (folder / "answer.py").write_text(f"import math\nimport torch\n\n\n{lessons.solution('scale')}\n", encoding="utf-8")
    lessons.check("scale", lambda query, key: query @ key.mT, record=folder / "tries.json", student="Ada")
    (folder / "empty").touch()
    (folder / "junk").write_bytes(bytes(range(256)))
    (folder / "folder").mkdir()


def options_of(command: str) -> Iterator[argparse.Action]:
    """Each option and argument of a command that takes a word."""
    for action in commands()[command]._actions:
        if action.nargs not in (0, argparse.PARSER):
            yield action


def typed(command: str, action: argparse.Action, word: str) -> list[str]:
    """The command, with this word as this option, or in the place of this argument."""
    given = list(COMMANDS[command])
    if not action.option_strings:
        places = [one.dest for one in options_of(command) if not one.option_strings]
        at = len(command.split()) + places.index(action.dest)
        return [*given[:at], word, *given[at + 1 :]]
    for name in action.option_strings:
        if name in given:
            at = given.index(name)
            del given[at : at + 2]
    return [*given, f"{action.option_strings[-1]}={word}"]


def amiss(arguments: Sequence[str], word: str, captured: pytest.CaptureFixture[str]) -> str | None:
    """What is wrong with how a command ends: it works, or says in a sentence on standard error why not, and leaves nothing.

    ``word`` may be the name of a file that is written.
    """
    before = _kept()
    captured.readouterr()
    try:
        status: object = main(arguments)
    except SystemExit as error:
        status = error.code
    except BaseException as error:  # noqa: BLE001 - whatever else comes is what is looked for
        return f"{type(error).__name__}: {str(error)[:150]!r}"
    said = captured.readouterr().err
    lines = [line for line in said.splitlines() if not line.startswith("opening ")]  # what is slow says that it has begun
    if status == 0:
        changed = _changed(before, new=False)
        return f"it works, and changes {changed}" if changed not in ("", word) else None
    changed = _changed(before)
    if changed and not (changed == "out.parquet" and "got none to survey" in said):  # a survey that says what was left out
        return f"exit {status}, and {changed} is left: {said[-200:]!r}"
    if "Traceback" in said:
        return f"a traceback: {said[-200:]!r}"
    if "regard: [Errno" in said:
        return f"a number of the system's: {said[-200:]!r}"
    if status == 2:  # of argparse: how the command is used, and what is wrong
        return (
            None if lines and re.match(r"regard( \w+)*: error: .", lines[-1]) else f"exit 2 without a reason: {said[-200:]!r}"
        )
    if status != 1 or len(lines) != 1 or not lines[0].startswith("regard: "):
        return f"exit {status} with {len(lines)} lines: {said[-300:]!r}"
    return None if len(lines[0]) < 1200 else f"exit 1 with a line of {len(lines[0])} characters: {lines[0][:100]!r}"


def _kept() -> dict[str, tuple[int, int]]:
    return {str(one): (one.lstat().st_mtime_ns, one.lstat().st_size) for one in Path().rglob("*") if one.is_file()}


def _changed(before: dict[str, tuple[int, int]], new: bool = True) -> str:
    after = _kept()
    names = [name for name in after if (name not in before and new) or before.get(name, after[name]) != after[name]]
    return ", ".join([*names, *(name for name in before if name not in after)])
