"""``regard record`` and ``regard info``, as a user types them."""

import json
import subprocess
import sys

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch.testing import assert_close
from transformers import PreTrainedTokenizerFast

import regard
from regard.cli import main
from regard.translation.translator import EMBEDDED
from support.kinds_of_maps import factors
from support.tiny_models import tiny

pytestmark = pytest.mark.slow

TEXT = "w3 w4 w5 w6"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of tiny models with a tokenizer that knows w0, w1, ..."""
    folder = tmp_path_factory.mktemp("models")
    words = Tokenizer(WordLevel({f"w{number}": number for number in range(53)}, unk_token="w3"))  # noqa: S106
    words.pre_tokenizer = Whitespace()
    for name in ("bert", "gpt2", "llama"):
        tiny(name).save_pretrained(folder / name)
        PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w0", eos_token="w2").save_pretrained(folder / name)  # noqa: S106
    return folder


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama"])
def test_a_text_is_read(models, name, tmp_path, capsys):
    path = tmp_path / "it"
    assert main(["record", str(models / name), "--text", TEXT, "-o", str(path)]) == 0
    out = capsys.readouterr().out
    recording = regard.load(path)
    assert out.splitlines()[0] == repr(recording)
    assert f"saved: {path} (" in out
    assert f"regard info {path}" in out
    assert recording.keys == tuple(TEXT.split())
    model = tiny(name)
    with regard.record(model) as expected, torch.no_grad():
        model(input_ids=torch.tensor([[3, 4, 5, 6]]))
    for one, other in zip(recording.self, expected.self, strict=True):
        assert_close(one.dense(), other.dense(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("more", [[], ["--generate", "3"]])
def test_what_is_recorded_is_checked(models, tmp_path, capsys, more, monkeypatch):
    path, plain = tmp_path / "it", tmp_path / "plain"
    command = ["record", str(models / "llama"), "--text", TEXT, *more, "-o"]
    assert main([*command, str(path), "--check"]) == 0
    assert "check: Check(3 of 3 maps compared with what their calls returned; largest error" in capsys.readouterr().out
    assert main([*command, str(plain)]) == 0
    assert path.stat().st_size == plain.stat().st_size
    monkeypatch.setattr("regard.recording.check.error_of", lambda *_: 0.5)
    assert main([*command, str(path), "--check"]) == 1
    assert "3 beyond rounding" in capsys.readouterr().out


def test_a_decoder_goes_on(models, tmp_path):
    path = tmp_path / "it"
    command = ["record", str(models / "llama"), "--text", TEXT, "--generate", "3", "--beams", "2", "-o", str(path)]
    assert main([*command, "--layers", "0", "2"]) == 0
    recording = regard.load(path)
    assert recording.sequences.shape == (1, 7)
    assert [amap.layer for amap in recording.maps] == [0, 2]
    expected = regard.generate(tiny("llama"), torch.tensor([[3, 4, 5, 6]]), max_new_tokens=3, num_beams=2, do_sample=False)
    assert torch.equal(recording.sequences, expected.sequences)


@pytest.mark.parametrize("target", [None, "Le chat était sur le tapis."])
def test_an_encoder_decoder_answers(target, tmp_path):
    path = tmp_path / "it"
    command = ["record", str(EMBEDDED), "--text", "The cat sat on the mat.", "-o", str(path), "--kinds", "cross"]
    assert main([*command, "--dtype", "float32", *(["--target", target] if target else ["--beams", "4"])]) == 0
    recording, expected = regard.load(path), regard.translate("The cat sat on the mat.", target=target).recording
    assert (recording.queries, recording.keys) == (expected.queries, expected.keys)
    assert {amap.kind for amap in recording.maps} == {"cross"}
    for one, other in zip(recording.cross, expected.cross, strict=True):
        assert_close(one.dense(), other.dense(), atol=1e-5, rtol=0)


def test_a_text_from_a_file(models, tmp_path):
    (tmp_path / "text").write_text(TEXT, encoding="utf-8")
    arguments = ["--text-file", str(tmp_path / "text"), "--dtype", "bfloat16"]
    assert main(["record", str(models / "gpt2"), *arguments, "-o", str(tmp_path / "it")]) == 0
    recording = regard.load(tmp_path / "it")
    assert recording.keys == tuple(TEXT.split())
    assert recording.self[0].factors.query.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--text", " "], "expected a text with words"),
        (["--text", "w3 " * 40], "expected a text of at most 32 tokens, what is written included, got 40"),
        (["--text", "w3 " * 30, "--generate", "3"], "at most 32 tokens, what is written included, got 33"),
        (["--text", TEXT, "--generate", "0"], "--generate: expected a whole number of at least 1, got 0"),
        (["--text", TEXT, "--beams", "0"], "--beams: expected a whole number of at least 1, got 0"),
        (["--text", TEXT, "--target", "w4"], "expected an encoder-decoder for --target, got LlamaForCausalLM"),
        (["--text", TEXT, "--target", "w4", "--generate", "2"], "expected --target or --generate, got both"),
        (["--text", TEXT, "--dtype", "int8"], "--dtype: expected one of auto, bfloat16"),
        (["--text", TEXT, "--kinds", "sideways"], "--kinds: expected one of encoder, decoder, cross, self, got 'sideways'"),
        (["--text", TEXT, "--layers", "7"], "expected layers that ran, 0 to 2, got 7"),
        (["--text", TEXT, "--layers", "-1"], "layers: expected a whole number of at least 0, got -1"),
        (["--text", TEXT, "--device", "abacus"], "device: expected one that is there, got 'abacus'"),
        (["--text-file", "nowhere"], "nowhere"),
        (["--text-file", "bytes"], "expected bytes as UTF-8 text"),
        (["--text", TEXT, "-o", "missing/it"], "there is no folder 'missing'; make it first"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(models, arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    assert main(["record", str(models / "llama"), "-o", "it", *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("regard: ")
    assert len(error.splitlines()) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["bytes"]


@pytest.mark.parametrize(
    ("model", "words"),
    [("/nowhere/model", "does not exist; check the path"), ("..", "expected a model folder with config.json")],
)
def test_models_that_are_none(model, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["record", model, "--text", TEXT, "-o", "it"]) == 1
    assert words in capsys.readouterr().err


def test_a_model_of_pictures(tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "vit"}')
    assert main(["record", str(tmp_path / "model"), "--text", TEXT, "-o", str(tmp_path / "it")]) == 1
    assert "expected a model with its tokenizer, got the folder" in capsys.readouterr().err


# -- info


@pytest.fixture
def recorded(models, tmp_path):
    path = tmp_path / "it"
    main(["record", str(models / "llama"), "--text", TEXT, "-o", str(path)])
    return path


def test_info_of_a_recording(recorded, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    capsys.readouterr()
    assert main(["info", str(recorded)]) == 0
    out = capsys.readouterr().out
    assert f"{recorded}: a recording of" in out
    assert "model: LlamaForCausalLM llama" in out
    assert "tokens: source 4" in out
    row = next(line for line in out.splitlines() if "model.layers.1.self_attn" in line)
    assert " ".join(row.split()) == "self 1 1×6×4×4 float32 q, k of 4 causal(0) 512 B 384 B model.layers.1.self_attn"


def test_info_as_json(recorded, capsys):
    capsys.readouterr()
    assert main(["info", str(recorded), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["holds"], said["model"], said["passes"]) == ("recording", "LlamaForCausalLM llama", 1)
    assert said["bytes"] == recorded.stat().st_size
    assert said["tokens"] == {"source": [4]}
    assert said["maps"][2] | {"kept": None} == {
        "kind": "self",
        "layer": 2,
        "name": "model.layers.2.self_attn",
        "shape": [1, 6, 4, 4],
        "kept": None,
        "mask": "causal(0)",
        "kept_bytes": 512,
        "dense_bytes": 384,
    }


def test_info_of_a_map(tmp_path, capsys):
    regard.AttentionMap(*factors(), softcap=2.0).select(keys=[1]).save(tmp_path / "factors")
    regard.AttentionMap.from_dense(torch.eye(3).half()).save(tmp_path / "dense")
    for name, words in (("factors", "softcap"), ("dense", "float16")):
        assert main(["info", str(tmp_path / name)]) == 0
        out = capsys.readouterr().out
        assert f"{tmp_path / name}: a map of" in out
        assert words in out
    assert "1×1×3×3" in out


def test_info_of_something_else(tmp_path, capsys):
    (tmp_path / "it").write_text("nothing")
    assert main(["info", str(tmp_path / "it")]) == 1
    assert "expected a safetensors file" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "nowhere")]) == 1
    assert "cannot read" in capsys.readouterr().err


def test_info_loads_no_models(recorded):
    code = f"import sys; from regard.cli import main; main(['info', {str(recorded)!r}]); print('transformers' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "False"
