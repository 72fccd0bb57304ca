"""``regard view`` and ``regard serve`` as a user calls them; what they serve is tested in test_server.py."""

import json
import os

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import regard
from regard.cli import main
from regard.viewer.answers.packing import unpack
from support.serving import served
from support.tiny_models import VOCABULARY, tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(1)
    path = tmp_path / "small.safetensors"
    regard.AttentionMap(*torch.randn(2, 1, 2, 7, 3), causal=True).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A tiny model with a tokenizer that knows w0, w1, ..."""
    words = Tokenizer(models.WordLevel({f"w{at}": at for at in range(VOCABULARY)}, "w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"unk_token": "w0"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(tmp_path / "llama")
    tiny("llama").save_pretrained(tmp_path / "llama")
    return tmp_path / "llama"


def said(capsys):
    return capsys.readouterr().err


def test_a_page_instead_of_a_server(file, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["view", str(file), "--save", str(page)]) == 0
    told = said(capsys).splitlines()
    assert told[0] == f"opening {file} ..."  # at once: a large file takes a while
    assert str(page) in told[-1]
    assert "<title>small</title>" in page.read_text(encoding="utf-8")  # a map without a name is called as its file
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_text_is_translated_where_no_model_is_named(tmp_path):
    page = tmp_path / "page.html"
    assert main(["view", "--text", "The cat sleeps.", "--target", "Le chat dort.", "--save", str(page)]) == 0
    assert '"dort."' in page.read_text(encoding="utf-8")


def test_a_model_over_a_text(tmp_path, folder):
    page = tmp_path / "page.html"
    assert main(["view", "--model", str(folder), "--text", "w5 w7 w11", "--save", str(page)]) == 0
    assert '"w11"' in page.read_text(encoding="utf-8")


def test_a_translation_as_a_page(tmp_path, capsys):
    page, picture = tmp_path / "cat.html", tmp_path / "cat.png"
    assert main(["translate", "The cat sleeps.", "--save", str(page), str(picture)]) == 0
    assert page.exists()
    assert picture.exists()
    assert "offline" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["view"], "neither"),
        (["view", "FILE", "--text", "x"], "both"),
        (["view", "FILE", "--model", "m"], "--model"),
        (["view", "FILE", "--layers", "0"], "--layers"),
        (["view", "FILE", "--save", "x.png"], ".html"),
        (["view", "FILE", "--host", "0.0.0.0"], "token"),
        (["view", "FILE", "--port", "99999"], "65,535"),
        (["view", "missing.safetensors"], "missing.safetensors"),
        (["view", "--text", "x", "--generate", "5"], "--generate"),
        (["view", "--text", " "], "words"),
        (["view", "FILE", "--grid", "2", "3"], "--image"),
        (["serve", "--model", "./nowhere"], "expected a model folder"),
        (["serve", "FILE", "FILE"], "twice"),
        (["serve", "missing.safetensors"], "missing.safetensors"),
        (["serve", "--host", "0.0.0.0"], "token"),
    ],
)
def test_refusals(arguments, word, file, capsys):
    assert main([str(file) if one == "FILE" else one for one in arguments]) == 1
    assert word in said(capsys)


def test_a_port_that_is_taken(file, capsys):
    with served(file) as server:
        assert main(["view", str(file), "--port", str(server.port), "--no-browser"]) == 1
    assert "--port 0" in said(capsys)


def test_files_beside_the_playground(file):
    with served(file, command="serve") as server:
        listed = json.loads(server.get("/documents")[2])
        assert listed == {"documents": [{"id": "small", "title": "small"}], "playground": True}
        assert unpack(server.post("/documents/small/manifest", {})[2])[0]["title"] == "small"


def test_what_serves_keeps_little_of_each_product(monkeypatch):
    """Half a gigabyte else, where regions of many sizes are asked for; a user's own numbers stay."""
    names = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    for name in ("OMP_WAIT_POLICY", *names):
        monkeypatch.setenv(name, "7")  # so that what stood there comes back
    monkeypatch.delenv(names[1])
    monkeypatch.setattr("regard.cli.viewing.run", lambda _: 0)
    assert main(["view", "a.safetensors"]) == 0
    assert [os.environ[name] for name in names] == ["7", "64"]
