"""Letters: installed fonts that have them, one warning where there is none, and how wide a text is."""

import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import matplotlib as mpl
import numpy as np
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from regard.figures.figure_files import drawing

_LAST_RESORT = "Last Resort High-Efficiency"
"""It comes with matplotlib, and has a box for every character: named as the last font, it draws them without a warning each."""

_GROUPS = dict.fromkeys(
    ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH", "KANGXI"), "CJK"
)
_SAID = {
    "CJK": ("Chinese or Japanese characters", "Noto Sans CJK"),
    "HANGUL": ("Korean letters", "Noto Sans CJK KR"),
    "EMOJI": ("some emoji", "Noto Emoji"),
    "SYMBOLS": ("some symbols", "Noto Sans Symbols 2"),
}
_told: set[str] = set()
"""Scripts of which somebody knows that they have no font."""

_LONGEST_MEASURED = 400  # characters; nothing that is drawn is longer


@contextmanager
def lettered(texts: Iterable[str]) -> Iterator[None]:
    """Text that is measured and drawn in the block has fonts that have its characters.

    The fonts of ``rcParams["font.family"]`` come first; each script that they lack is drawn in the installed font that has most
    of its characters. A script without any font is drawn as boxes, and one warning says so, and what to install.
    One thread draws at a time.
    """
    with drawing:
        others = _other_families("".join(sorted({character for text in texts for character in text})))
        if not others:
            yield
            return
        with mpl.rc_context({"font.family": [*mpl.rcParams["font.family"], *others]}):
            yield


def text_width(text: str, size: float) -> float:
    """Width of the text in points, in the font that it will be drawn in."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width)


def shortened(text: str, size: float, widest: float) -> str:
    """The text, or as much of its beginning as fits with a "…" into so many points; at least one character."""
    if len(text) <= _LONGEST_MEASURED and text_width(text, size) <= widest:
        return text
    low, high = 1, min(len(text), _LONGEST_MEASURED) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(f"{text[:middle]}…", size) <= widest else (low, middle - 1)
    while low > 1 and unicodedata.category(text[low])[0] in "MC":  # a mark belongs to the letter before it
        low -= 1
    return f"{text[:low].rstrip()}…"


def _other_families(characters: str) -> list[str]:
    """Fonts beside the usual ones that these characters need."""
    usual = [font for family in mpl.rcParams["font.family"] if (font := _found(family)) is not None]
    codes = {ord(one) for one in characters if unicodedata.category(one) not in ("Cc", "Cf", "Zs", "Cs")}
    missing = sorted(code for code in codes if not 0xFE00 <= code <= 0xFE0F)  # variation selectors are no characters
    for path, index in usual:
        missing = [code for code in missing if code not in _codes_of(path, index)]
    scripts: dict[str, list[int]] = {}
    for code in missing:
        scripts.setdefault(_script(code), []).append(code)
    families: list[str] = []
    without: list[tuple[str, tuple[int, ...]]] = []
    for script, needed in scripts.items():
        lacking, least = tuple(needed), -1
        while lacking and len(lacking) != least:  # what the best font lacks, another may have
            least = len(lacking)
            family, lacking = _best_family(script, lacking)
            families += [family] if family else []
        if lacking:
            without.append((script, lacking))
    if without:
        _warn(without)
        families.append(_LAST_RESORT)
    return list(dict.fromkeys(families))


def _found(family: str) -> tuple[str, int] | None:
    try:
        path = findfont(FontProperties(family=[family]), fallback_to_default=False, rebuild_if_missing=False)
    except ValueError:
        return None
    return str(path), int(getattr(path, "face_index", 0))


class _Codes:
    """The characters of a font, sorted: a set of them would take sixteen times the memory."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        self.codes = codes

    def __contains__(self, code: int) -> bool:
        at = int(np.searchsorted(self.codes, code))
        return at < len(self.codes) and int(self.codes[at]) == code


@lru_cache(maxsize=4096)
def _codes_of(path: str, index: int) -> _Codes:
    try:
        codes = FT2Font(path, face_index=index).get_charmap()
    except (OSError, RuntimeError, ValueError):  # a font of pictures, or a damaged file
        codes = {}
    return _Codes(np.sort(np.fromiter(codes, np.uint32, len(codes))))


def _best_family(script: str, codes: tuple[int, ...]) -> tuple[str | None, tuple[int, ...]]:
    """The installed font that has most of these characters, and what it lacks."""
    _, advised = _said_of(script)
    if script == "CJK":
        advised += " JP" if any(0x3040 <= code <= 0x30FF for code in codes) else " SC"

    def rank(entry: FontEntry) -> tuple[bool, bool, bool, str]:
        return entry.name != advised, not entry.name.startswith("Noto Sans"), "Mono" in entry.name, entry.name

    plain = [entry for entry in fontManager.ttflist if entry.style == "normal" and entry.weight in (400, "normal", "regular")]
    best, least = None, codes
    for entry in sorted((entry for entry in plain if entry.name != _LAST_RESORT), key=rank):
        known = _codes_of(entry.fname, entry.index)
        lacking = tuple(code for code in codes if code not in known)
        if len(lacking) < len(least):
            best, least = entry.name, lacking
        if not least:
            break
    return best, least


def _script(code: int) -> str:
    """The script of a character, as the first word of its name tells it."""
    if 0x1F000 <= code < 0x20000:
        return "EMOJI"
    character = chr(code)
    first = unicodedata.name(character, "UNNAMED").split()[0]
    letter = unicodedata.category(character).startswith(("L", "M", "N"))
    return _GROUPS.get(first, first if letter else "SYMBOLS")


def _said_of(script: str) -> tuple[str, str]:
    name = script.title()
    return _SAID.get(script, (f"{name} letters", f"Noto Sans {name}"))


def _warn(without: list[tuple[str, tuple[int, ...]]]) -> None:
    """One warning of the scripts that none was raised of yet, however many figures are drawn."""
    without = [(script, codes) for script, codes in without if script not in _told]
    if not without:
        return
    _told.update(script for script, _ in without)
    said = [(*_said_of(script), "".join(map(chr, codes[:3]))) for script, codes in without]
    lacked = " and ".join(f"{letters} ({some})" for letters, _, some in said)
    fonts = " and ".join(font for _, font, _ in said)
    warnings.warn(
        f"expected a font with {lacked}, got none: they are drawn as boxes; install {fonts}, or name a font that you have in "
        'matplotlib.rcParams["font.family"]',
        UserWarning,
        stacklevel=2,
    )
