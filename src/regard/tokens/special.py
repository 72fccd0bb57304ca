"""Which tokens stand for no text. Figures, statistics, alignment and the viewer ask here."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from regard.errors import DtypeError, in_short

_NAMES = re.compile(
    r"</?s>|<(pad|mask|bos|eos|sep|cls|start_of_turn|end_of_turn|extra_id_\d+|unused_?\d+)>"
    r"|<[|｜].+[|｜]>"  # Llama 3, Qwen, GPT; DeepSeek writes full-width bars
    r"|\[(CLS|SEP|PAD|MASK|BOS|EOS|unused\d+)\]|\[/?(INST|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]"
    r"|>>\w+<<|__[a-z]{2,3}__|[a-z]{2}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}"  # languages: Marian, M2M, mBART, NLLB
)


def is_special(token: str, special: Collection[str] | None = None) -> bool:
    """Whether a token stands for no text: one of ``special``, or, where not given, by its name.

    ``</s>``, ``[CLS]``, ``<|eot_id|>``, ``fra_Latn`` and their like are special. An unknown character, ``<unk>``, is text.

    Example:
        >>> [is_special(token) for token in ("</s>", "▁s", "<unk>")]
        [True, False, False]
    """
    return _NAMES.fullmatch(token) is not None if special is None else token in special


def checked_special(special: Collection[str] | None) -> Collection[str] | None:
    """``special`` as it is, or DtypeError where it is one text, in which every letter would be a token."""
    if isinstance(special, str) or (special is not None and not isinstance(special, Collection)):
        raise DtypeError(f"special: expected a set of tokens, got {in_short(special)}; for example special={{'</s>'}}")
    if special is not None and not isinstance(special, set | frozenset):
        if getattr(special, "ndim", 1) != 1 or not all(isinstance(one, str) for one in special):
            raise DtypeError(f"special: expected a set of tokens, got {in_short(special)}; for example special={{'</s>'}}")
        return frozenset(special)
    return special


def runs_between(left_out: Sequence[bool]) -> Iterator[list[int]]:
    """The positions between special tokens: neither a word nor a character goes across one.

    Example:
        >>> list(runs_between([True, False, False, True, False]))
        [[1, 2], [4]]
    """
    for out, run in groupby(range(len(left_out)), key=left_out.__getitem__):
        if not out:
            yield list(run)
