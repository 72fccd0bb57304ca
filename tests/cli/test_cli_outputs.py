"""What commands say where it is hard to say: outputs of few letters, full disks, logs; and that done means done."""

import io
import json
import os
import subprocess
import sys

import pytest

from regard.cli import main
from regard.progress import bar, is_shown, progress
from regard.recording.pretrained import told_unknown
from support.survey_models import saved_model, tokenizer_of
from support.surveys import write


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return saved_model("bert", tmp_path_factory.mktemp("model") / "bert")


def said(arguments, encoding, monkeypatch):
    """What a command writes to an output of this encoding."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
    status = main(arguments)
    sys.stdout.flush()
    return status, raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_output_takes_text_and_json(encoding, monkeypatch):
    status, text = said(["mechanisms", "dot"], encoding, monkeypatch)
    assert status == 0
    assert ("█" if encoding == "utf-8" else "?") in text
    status, text = said(["mechanisms", "dot", "--json"], encoding, monkeypatch)
    assert status == 0
    assert "·" in json.loads(text)["formula"]  # spelled, not replaced


class Full(io.StringIO):
    """A file on a disk without room: what is written is noticed when it leaves the buffer."""

    def flush(self):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", Full())
    assert main(["mechanisms", "dot"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_closed_output_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["mechanisms"]) == 1
    assert "expected a standard output to write to, got a closed one" in capsys.readouterr().err


def test_a_log_gets_no_bar_unless_it_is_asked_for(capsys):
    assert not is_shown()
    assert list(bar(range(3), desc="counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    with progress(True):
        assert list(bar(range(3), desc="counting")) == [0, 1, 2]
    assert "counting: 100%" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_unless_it_shall_be_quiet(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert is_shown()
    with progress(False):
        assert not is_shown()


@pytest.mark.slow
def test_a_folder_without_its_tokenizer_is_refused(bert, tmp_path, capsys):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((bert / name).read_bytes())
    assert main(["record", str(tmp_path), "--text", "w5 w6", "-o", str(tmp_path / "x.safetensors")]) == 1
    assert "expected a model with its tokenizer, got the folder" in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.slow
def test_weights_that_are_not_there_are_refused(bert, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    kept = {name: tensor for name, tensor in load_file(bert / "model.safetensors").items() if "layer.1.attention" not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert main(["record", str(tmp_path), "--text", "w5 w6", "-o", str(tmp_path / "x.safetensors")]) == 1
    error = capsys.readouterr().err
    assert "expected all weights of BertModel" in error
    assert "encoder.layer.1.attention" in error
    assert len(error.splitlines()) == 1


def test_a_text_that_is_unknown_is_told():
    tokenizer = tokenizer_of("bert")
    tokenizer.unk_token = "w5"  # noqa: S105 - a token of text
    ids = tokenizer("w6 was nowhere seen").input_ids
    assert told_unknown(tokenizer, ids).startswith("3 of 4 tokens are w5: ")
    assert told_unknown(tokenizer, tokenizer("w6 w7").input_ids) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "status", "words"), [(["", ""], 1, "got none to survey: 2 empty"), (["w6 w7", ""], 0, "1 empty")]
)
def test_a_corpus_without_texts_is_no_success(lines, status, words, bert, tmp_path, capsys):
    corpus = write(tmp_path / "c.txt", lines)
    assert main(["survey", str(bert), "--text", str(corpus), "-o", str(tmp_path / "s.parquet")]) == status
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_gold_links_of_other_sentences_are_refused(tmp_path, capsys):
    corpus, gold = write(tmp_path / "pairs", ["a b\tc d", "a\tb"]), write(tmp_path / "gold", ["0-0 1-1", "1-0"])
    assert main(["align", "--corpus", str(corpus), "--gold", str(gold)]) == 1
    assert f"{gold}, line 2: expected links of 1 source and 1 target words" in capsys.readouterr().err


@pytest.mark.slow
def test_no_docstrings_no_asserts_no_home(tmp_path):
    place = tmp_path / "eine Schachtel 猫"
    place.mkdir()
    code = "import sys; from regard.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {key: value for key, value in os.environ.items() if key not in ("HOME", "MPLCONFIGDIR", "PYTHONIOENCODING")}
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": "/proc/nobody"}
    done = subprocess.run(
        [sys.executable, "-OO", "-c", code, "mechanisms", "dot", "--save", str(place / "x.svg")],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (place / "x.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert b"Traceback" not in done.stderr
