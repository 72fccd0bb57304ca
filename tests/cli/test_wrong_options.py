"""Every command, typed wrongly: each option and argument with words that nobody should type there."""

import io
import os
import random
import shutil
import zlib
from pathlib import Path

import pytest

from regard.cli import main
from regard.cli.parser import commands
from support.commands_of_regard import COMMANDS, WRONG, amiss, furnish, options_of, typed

EACH = 2  # words after each option in the quick round; all of them in the long one


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder)
    return folder


@pytest.fixture(autouse=True)
def nothing_is_served(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for name in ("regard.cli.serving", "regard.server.serving"):
        monkeypatch.setattr(f"{name}.serve", lambda *_, **__: None)


def tried(command, furnished, tmp_path, monkeypatch, capsys, each=None):
    """What is amiss with wrong words after each option: some of them, always the same, or all."""
    found = []
    for action in options_of(command):
        drawn = random.Random(zlib.crc32(f"{command} {action.dest}".encode()))  # noqa: S311 - which of them, not a secret
        for number, word in enumerate(WRONG if each is None else drawn.sample(WRONG, each)):
            here = tmp_path / f"{action.dest}{number}"
            shutil.copytree(furnished, here)
            os.mkfifo(here / "pipe")
            monkeypatch.chdir(here)
            said = amiss(typed(command, action, word), word, capsys)
            if said is not None:
                found.append(f"{(action.option_strings or [action.dest])[-1]} {word!r}: {said}")
    return found


def test_every_command_is_tried():
    assert set(COMMANDS) == set(commands())


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_words_work_or_are_refused_in_one_sentence(command, furnished, tmp_path, monkeypatch, capsys):
    assert tried(command, furnished, tmp_path, monkeypatch, capsys, EACH) == []


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_all_wrong_words(command, furnished, tmp_path, monkeypatch, capsys):
    assert tried(command, furnished, tmp_path, monkeypatch, capsys) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["sweep", "gpt2", "--over", "prompts.jsonl", "--measure", "margin", "-o", "x", "--device=--"],
            2,
            "--device: expected one",
        ),
        (["survey", "show", "one.parquet", "--sort=--"], 2, "--sort: expected one argument, got '--'"),
        (["sweep", "show", "effects.parquet", "--measure=--"], 2, "--measure: expected one argument, got '--'"),
        (["sweep", "pairs", "empty", "--model", "gpt2"], 1, "regard: expected prompts that can be swept, got none"),
        (["sweep", "show", "folder"], 1, "regard: cannot read 'folder': it is a folder; name another file"),
        (["survey", "show", "nosuch"], 1, "regard: cannot read 'nosuch': there is no such file; "),
        (["survey", "show", "pipe"], 1, "cannot read 'pipe': it is a pipe or a device, and no file; name another file"),
        (["lessons", "check", "a\ud800b"], 1, "expected a path, got one that no system can name"),
        (["lessons", "check", "a\0b"], 1, "expected a path, got one with a NUL character"),
        (["view", "line\nline", "--no-browser"], 1, "opening line line ..."),
    ],
)
def test_words_that_were_once_wrong(arguments, status, said, furnished, tmp_path, monkeypatch, capsys):
    shutil.copytree(furnished, tmp_path / "here")
    os.mkfifo(tmp_path / "here" / "pipe")
    monkeypatch.chdir(tmp_path / "here")
    assert amiss(arguments, "", capsys) is None
    try:
        found = main(arguments)
    except SystemExit as error:
        found = error.code
    assert found == status
    assert said in capsys.readouterr().err


def test_an_output_that_has_no_name_in_utf_8(furnished, tmp_path, monkeypatch):
    """A sweep keeps its parts beside it."""
    shutil.copytree(furnished, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    command = [*COMMANDS["sweep"][:-1], "\udcff"]
    assert main(command) == 0
    assert Path("\udcff").stat().st_size


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_battery_types_right_works(command, furnished, tmp_path, monkeypatch):
    shutil.copytree(furnished, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert main(COMMANDS[command]) == 0


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (lambda _: {}["no"], "KeyError"),
        (lambda _: print("a\nb", file=__import__("sys").stderr) or 1, "exit 1 with 2 lines"),
        (lambda _: 1, "exit 1 with 0 lines"),
        (lambda _: print("regard: [Errno 2] x", file=__import__("sys").stderr) or 1, "a number of the system's"),
        (lambda _: Path("left").touch() or 1, "left is left"),
        (lambda _: Path("corpus.txt").unlink() or 0, "it works, and changes corpus.txt"),
    ],
    ids=["a foreign error", "two lines", "no reason", "a number", "a file that is left", "a file that is gone"],
)
def test_the_battery_can_fail(run, said, furnished, tmp_path, monkeypatch, capsys):
    shutil.copytree(furnished, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("regard.cli.verifying.run", run)
    assert said in amiss(["verify"], "", capsys)
