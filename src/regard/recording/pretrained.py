"""Models by name or folder, found at once or refused in one sentence; nothing retries for minutes first."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, try_to_load_from_cache
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging

from regard.errors import DtypeError, ModelError, OptionError, RegardError, in_short
from regard.files import as_path

TOKENIZER_FILES = ("tokenizer*", "vocab*", "*.spm", "*.model", "*.tiktoken", "merges.txt", "special_tokens_map.json")
"""What the files of a tokenizer are called: one of them is in every folder that has one."""

UNREAD = re.compile(r"(^|\.)(pooler|final_logits_bias|position_ids|inv_freq)(\.|$)")
"""Weights that no attention and no output read here depends on."""

DTYPES = ("auto", "bfloat16", "float16", "float32", "float64")
"""What the weights of a model may be loaded as."""


loading = threading.RLock()
"""One model is loaded at a time: Transformers changes torch's own functions, devices and default type while it loads one."""


def load_text_model(model: str | Path, *, generates: bool = False, dtype: str = "auto", device: str = "cpu") -> tuple[Any, Any]:
    """A text model on SDPA, ready to be recorded, and its tokenizer.

    An encoder-decoder is loaded to translate, what was trained to continue texts to continue them, anything else without head.

    Args:
        model: folder or hub name.
        generates: it must be able to continue a text.
        dtype: one of DTYPES; "auto" is the type of the stored weights.
        device: "cpu", "cuda", "cuda:1".

    Returns:
        The model, in evaluation mode, and the tokenizer that belongs to it.

    Raises:
        ModelError: it cannot be found or read, or is no model of texts.
        OptionError: no such device.

    Example:
        >>> import regard
        >>> from regard.translation import EMBEDDED
        >>> model, tokenizer = load_text_model(EMBEDDED)
        >>> with regard.record(model, kinds=["encoder"], tokenizer=tokenizer) as recording:
        ...     output = model.get_encoder()(**tokenizer("No.", return_tensors="pt"))
        >>> recording.maps[0].shape
        (1, 4, 3, 3)
    """
    name = known_name(model)
    with read_from(name, "a model of texts with its tokenizer"):
        config = AutoConfig.from_pretrained(name)
        tokenizer = load_tokenizer(name)
        architectures = " ".join(getattr(config, "architectures", None) or ())
        auto: Any = AutoModel
        if config.is_encoder_decoder:
            auto = AutoModelForSeq2SeqLM
        elif generates or re.search(r"CausalLM|LMHead", architectures):
            auto = AutoModelForCausalLM
        loaded = load_weights(auto, name, dtype=dtype).eval()
    try:
        return loaded.to(torch.device(device)), tokenizer
    except (RuntimeError, AssertionError) as error:
        raise OptionError(
            f"device: expected one that is there, got {in_short(device)} ({_short(error)}); for example cpu"
        ) from error


def load_tokenizer(name: str) -> Any:
    """The tokenizer that belongs to a model: of a folder without any, Transformers would make up one that knows nothing.

    Raises:
        ModelError: the folder has none.
    """
    place = Path(name)
    if place.is_dir() and not any(found.match(kind) for found in place.iterdir() for kind in TOKENIZER_FILES):
        raise ModelError(
            f"expected a model with its tokenizer, got the folder {name} without any of {', '.join(TOKENIZER_FILES)}; "
            "save it there, with tokenizer.save_pretrained(folder)"
        )
    return AutoTokenizer.from_pretrained(name)


def load_weights(auto: Any, name: str, **options: Any) -> Any:
    """A model on SDPA with all of its weights: those that its files lack would be random, and so what it attends to.

    What the files have beyond the model, such as the head of a classifier, plays no part, and Transformers' report of it is
    left out.

    Raises:
        ModelError: weights are missing.
    """
    loaded, report = auto.from_pretrained(name, attn_implementation="sdpa", output_loading_info=True, **options)
    missing = sorted(key for key in report["missing_keys"] if not UNREAD.search(key))
    if missing:
        raise ModelError(
            f"expected all weights of {type(loaded).__name__} in {name}, got none of {missing[0]}"
            + (f" and {len(missing) - 1} more" if missing[1:] else "")
            + "; they would be random: pass the folder of a model that was trained for this"
        )
    return loaded


def told_unknown(tokenizer: Any, ids: Sequence[int]) -> str | None:
    """A sentence about a text of which the tokenizer does not know most; None where it does."""
    unknown = getattr(tokenizer, "unk_token_id", None)
    words = [one for one in ids if one not in set(tokenizer.all_special_ids) - {unknown}]
    count = sum(one == unknown for one in words)
    if unknown is None or 2 * count <= len(words):
        return None
    return (
        f"{count} of {len(words)} tokens are {tokenizer.unk_token}: this tokenizer does not know the text; is it the model's?"
    )


def known_name(model: str | Path, *, first: str = "") -> str:
    """The folder or hub name, if a model can be had there.

    Args:
        model: a folder in Transformers' layout, or a name on the hub, which is looked up in the local cache first.
        first: the way on that an error names first.

    Returns:
        What ``from_pretrained`` takes.

    Raises:
        ModelError: there is none; the error says why and what to do.

    Example:
        >>> known_name("no/such/folder")
        Traceback (most recent call last):
        regard.errors.ModelError: expected a model folder, got no/such/folder, which does not exist; check the path
    """
    if not isinstance(model, str | Path):
        raise DtypeError(
            f"expected a model's folder or hub name, got {in_short(model)}; for a model at hand there is regard.record"
        )
    place = as_path(model)
    try:
        place = place.expanduser()
        place.exists()
    except (OSError, RuntimeError) as error:  # a name that is too long, a home that is not known
        raise ModelError(
            f"expected a model folder, got {in_short(str(place))}, which cannot be looked at ({_short(error)})"
        ) from error
    if place.exists() or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(model)):
        _check_folder(place)
        return str(place)
    _check_hub(str(model), first)
    return str(model)


@contextmanager
def read_from(name: str, what: str) -> Iterator[None]:
    """Loading inside the block is done by one thread at a time, shows no bars, and fails in one sentence.

    Args:
        name: where the model is.
        what: what it should be.

    Raises:
        ModelError: whatever went wrong.

    Example:
        >>> with read_from("my-folder", "a translator"):
        ...     raise OSError("no weights")
        Traceback (most recent call last):
        regard.errors.ModelError: expected a translator in my-folder, got an error: no weights; check what is in it
    """
    try:
        with loading, _quiet():
            yield
    except RegardError:
        raise
    except SafetensorError as error:
        raise ModelError(f"expected readable weights in {name}, got a damaged file ({error}); copy the model again") from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AssertionError) as error:
        raise ModelError(f"expected {what} in {name}, got an error: {_short(error)}; check what is in it") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars, and no reports: what matters of those is an error here, in ``load_weights``."""
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    try:
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _check_hub(name: str, first: str) -> None:
    """Refuse a hub name that is neither cached nor to be had, at once: loading it would retry for minutes first."""
    try:
        if try_to_load_from_cache(name, "config.json"):
            return
        HfApi().model_info(name, timeout=10)
    except Exception as error:
        ways = "connect once so that it is downloaded and cached, or copy the model's folder to this machine and pass its path"
        raise ModelError(
            f"expected the model {name!r} in the hub's local cache or a connection to the hub, got neither "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); {f'{first}; or {ways}' if first else ways}"
        ) from error


def _check_folder(place: Path) -> None:
    """Refuse what is not a model folder, saying what is there."""
    if not place.exists():
        raise ModelError(f"expected a model folder, got {place}, which does not exist; check the path")
    if not place.is_dir():
        raise ModelError(f"expected a model folder, got the file {place}; pass the folder that holds config.json")
    if not (place / "config.json").exists():
        names = ", ".join(sorted(entry.name for entry in place.iterdir())[:5]) or "nothing"
        raise ModelError(
            f"expected a model folder with config.json, got {place} with {names}; pass a folder in Transformers' layout"
        )
