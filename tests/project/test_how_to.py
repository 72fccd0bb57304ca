"""The how-to pages, from top to bottom: each command and each block of Python, in one folder, with what a reader has there."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from test_docs import FENCE, ROOT
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import both_sides
from regard.cli import main
from support.tiny_tokenizers import tokenizer

PAGES = sorted((ROOT / "docs" / "how_to").glob("*.md"))
STATUS = re.compile(r" # exit status (\d)$")
SENTENCES = (
    "the cat sat on the mat",
    "the secret is that the cat sat",
    "un café déjà vu",
    "def f(x): return x + 1",
    "on the mat the cat",
)


def model_of_a_reader(folder, noise):
    """A small decoder with its tokenizer, as ``save_pretrained`` leaves it; another version of it where there is noise."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=400, hidden_size=32, intermediate_size=32, **heads)).eval()
    with torch.no_grad():
        for layer in model.model.layers:  # a model that was trained looks at some keys more than at others
            layer.self_attn.q_proj.weight.mul_(300).add_(noise * torch.randn_like(layer.self_attn.q_proj.weight))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer("byte-level"), eos_token="<|endoftext|>").save_pretrained(folder)  # noqa: S106


@pytest.fixture(scope="module")
def readers_things(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    model_of_a_reader(folder / "my-model", noise=0)
    model_of_a_reader(folder / "my-model-2", noise=2)
    (folder / "texts.txt").write_text("\n".join(f"{one} {two}" for one in SENTENCES for two in SENTENCES), encoding="utf-8")
    (folder / "prompt.txt").write_text(" ".join(SENTENCES * 3), encoding="utf-8")
    return folder


def run(block):
    """Each line of a block of commands, in this process."""
    for line in block.replace("\\\n", " ").splitlines():
        status = int(found[1]) if (found := STATUS.search(line)) else 0
        words = shlex.split(STATUS.sub("", line))
        assert words[0] == "regard", line
        assert main(words[1:]) == status, line


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_does_what_it_says(page, readers_things, monkeypatch, capsys):
    monkeypatch.chdir(readers_things)
    blocks = [fence for fence in FENCE.finditer(page.read_text(encoding="utf-8")) if fence["reason"] is None]
    assert {fence["language"] for fence in blocks} <= {"", "python"}
    names = {"__name__": "__main__"}
    for fence in blocks:
        if fence["language"]:
            exec(compile(fence["code"], str(page), "exec"), names)  # noqa: S102 - the pages are ours
        else:
            run(fence["code"])
        assert "".join(capsys.readouterr()) or "print(" not in fence["code"]


def test_a_command_that_fails_is_seen(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=r"regard info gone\.safetensors"):
        run("regard info gone.safetensors\n")
    run("regard info gone.safetensors  # exit status 1\n")
    assert "gone.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["BertViz", "TransformerLens", "Inseq", "Captum", "attention-map-diffusers"])
def test_both_sides_of_a_tool_are_found(tool):
    page = both_sides.PAGE.read_text(encoding="utf-8")
    section = both_sides.blocks(tool, page)
    assert sum("import regard" in block for block in section) == 1
    assert len(section) >= 2
    with pytest.raises(ValueError, match="expected one of BertViz, .*, got 'Excel'"):
        both_sides.blocks("Excel", page)


def test_the_five_tasks_of_an_engineer_have_pages():
    assert {page.stem for page in PAGES} == {"coming_from", "gate", "keys", "picture", "table"}
    assert (Path(ROOT) / "docs" / "service.md").exists()  # tests/project/test_service_page.py asks it
