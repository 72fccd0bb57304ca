"""Others that show attention, measured inside environments of their own under ``benchmarks/.peers/``.

    python benchmarks/peers.py install inseq
    benchmarks/.peers/inseq/bin/python benchmarks/peers.py inseq_attribute --n 2048 --against inseq_forward

Nothing but the standard library is loaded here before a case asks for more: ``run.py`` imports this file to install.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from measure import Call, Size

TORCH = "torch==2.13.0"
"""The version that Regard is tested with."""

PEERS = {"transformer_lens": "transformer-lens>=4", "inseq": "inseq"}
COMPARED = {
    "transformer_lens": ("lens_cache", "lens_forward", "lens_record"),
    "inseq": ("inseq_attribute", "inseq_forward", "inseq_record"),
}
FOLDER = Path(__file__).resolve().parent / ".peers"


class NotInstalledError(Exception):
    """Why a peer could not be installed."""


def python_of(peer: str) -> Path:
    return FOLDER / peer / "bin" / "python"


def installed(peer: str) -> bool:
    return (FOLDER / peer / ".complete").exists()


def install(peer: str) -> None:
    """Once; says why where it cannot be done.

    Raises:
        NotInstalledError: with what pip said.
    """
    if installed(peer):
        return
    venv.create(FOLDER / peer, with_pip=True, clear=True)
    command = [str(python_of(peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TORCH, PEERS[peer]]
    done = subprocess.run([*command, "tqdm"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalledError(f"pip install {TORCH} {PEERS[peer]} ended with: {reason(done.stderr)}")
    (FOLDER / peer / ".complete").touch()


def versions(peer: str) -> str:
    """The peer's version, and that of Transformers next to it."""
    code = "import importlib.metadata as m, sys; print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')"
    command = [str(python_of(peer)), "-c", code, PEERS[peer].split(">")[0], "transformers", "torch"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def reason(stderr: str) -> str:
    """The line that says what went wrong, without places on this machine or elsewhere."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no word"]
    return re.sub(r"(\w+:/)?/\S+", "…", errors[-1])[:300]


# -- inside --------------------------------------------------------------------------------------------------------------


def lens_forward(size: Size) -> Call:
    """The Llama of ``cases.py``, plain, on SDPA."""
    from cases import CASES

    return CASES["forward"](size)


def lens_record(size: Size) -> Call:
    """The same under Regard."""
    from cases import CASES

    return CASES["record"](size)


def lens_cache(size: Size) -> Call:
    """The same in TransformerLens: of all that it could keep, the patterns only."""
    from transformer_lens.model_bridge import TransformerBridge

    from cases import llama, tokens

    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(folder)
        llama("sdpa", size).save_pretrained(folder)
        model, ids = TransformerBridge.boot_transformers(folder, device="cpu"), tokens(size)
    return lambda: model.run_with_cache(ids, names_filter=lambda name: name.endswith("hook_pattern"))


def save_tokenizer(folder: str) -> None:
    """Of a thousand numbered words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{at}": at for at in range(1000)}, "w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), "w0")
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)


def save_gpt2(folder: str, size: Size) -> str:
    """A GPT-2 with random weights, as many layers and heads as the Llama, and as wide; and a text."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    config = GPT2Config(vocab_size=1000, n_positions=size.n + 1, n_embd=512, n_layer=4, n_head=8, n_inner=1024, **ends)
    GPT2LMHeadModel(config).save_pretrained(folder)
    save_tokenizer(folder)
    return " ".join(f"w{1 + at % 999}" for at in range(size.n))


def gpt2(size: Size) -> tuple[Any, Any]:
    """The model on SDPA, and its tokens."""
    from transformers import AutoTokenizer, GPT2LMHeadModel

    with tempfile.TemporaryDirectory() as folder:
        text = save_gpt2(folder, size)
        model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="sdpa").eval()
        return model, AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt").input_ids


def inseq_forward(size: Size) -> Call:
    model, ids = gpt2(size)
    return lambda: model(input_ids=ids, use_cache=False)


def inseq_record(size: Size) -> Call:
    """The same under Regard."""
    import regard

    model, ids = gpt2(size)

    def run() -> object:
        with regard.record(model) as recording:
            output = model(input_ids=ids, use_cache=False)
        return recording, output

    return run


def inseq_attribute(size: Size) -> Call:
    """Attention as attribution of one more word to all before it: one pass."""
    import inseq

    with tempfile.TemporaryDirectory() as folder:
        text = save_gpt2(folder, size)
        model = inseq.load_model(folder, "attention", device="cpu")
    return lambda: model.attribute(text, text + " w7", show_progress=False)


FUNCTIONS = (lens_forward, lens_cache, lens_record, inseq_forward, inseq_attribute, inseq_record)
CASES = {function.__name__: function for function in FUNCTIONS}


if __name__ == "__main__":
    if sys.argv[1:2] == ["install"]:
        for peer in sys.argv[2:]:
            install(peer)
    else:
        from measure import main

        sys.path.insert(0, str(FOLDER.parent.parent / "src"))

        logging.disable(logging.WARNING)
        main(CASES, __doc__)
