"""Parts of a text, of pictures or of a sound, by name: the positions of each along one side of a map; and groups of steps."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

from regard.arguments import number, several, text, whole_number, with_all
from regard.axes.axis import Axis
from regard.axes.places import Patch, Residue, Seconds
from regard.axes.searched import Searched, pair_of, runs_of, side_of
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.tokens.decoded import Character
from regard.tokens.words import Words

Parts = Sequence[str] | Mapping[str, str | tuple[int, int]]
"""Parts of a text as they stand in it, or by name; or where they begin and end, in characters."""

_END_OF_SENTENCE = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n\s*\n")


MOST = 2**24
"""Positions of a side of which a list is made."""


@dataclass(frozen=True)
class Spans(Sequence[str]):
    """Named groups of positions. They read as a sequence of their names.

    Spans may overlap, nest, or leave gaps: ``rest`` gives what belongs to none. ``amap.by(keys=spans)`` is the map to them.

    Attributes:
        names: of the spans.
        places: the positions of each, in ascending order.

    Example:
        >>> spans = Spans(("question", "answer"), (range(0, 3), range(3, 5)))
        >>> spans.names, spans.places
        (('question', 'answer'), ((0, 1, 2), (3, 4)))
    """

    names: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        names = tuple(text("names", name) for name in several("names", self.names, "texts"))
        places = tuple(
            tuple(sorted({whole_number("places", at, 0) for at in several("places", one, "positions, as range(3, 8)")}))
            for one in several("places", self.places, "positions of each span, as [range(3, 8)]")
        )
        if len(names) != len(places):
            raise ShapeError(f"expected positions for each name, got {len(names)} names and {len(places)} lists of positions")
        if again := [name for at, name in enumerate(names) if name in names[:at]]:
            raise OptionError(f"names: expected each once, got {in_short(again[0])} twice; number them")
        if empty := [name for name, one in zip(names, places, strict=True) if not one]:
            raise ShapeError(f"places: expected at least one position for each span, got none for {in_short(empty[0])}")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "places", places)

    # -- where spans come from -------------------------------------------------------------------------------------

    @classmethod
    def found(cls, axis: Axis, parts: Parts) -> "Spans":
        """Parts of the text that the tokens of a side spell: passages of a prompt, sentences, its question.

        Blanks, case, accents and forms of characters do not count, as tokenizers change them. A token with characters of two
        parts belongs to both.

        Args:
            axis: of one sequence, with texts: ``amap.keys``.
            parts: texts, or texts by name; or (begin, end) in characters of that text.

        Raises:
            OptionError: a part that stands there twice or not at all, or positions without texts.

        Example:
            >>> import regard
            >>> keys = regard.translate("The cat sat on the mat.").recording.cross[0].keys
            >>> Spans.found(keys, {"who": "the cat", "where": "on the mat"}).places
            ((0, 1), (3, 4, 5, 6))
        """
        return cls._searched(Searched.of(axis), parts)

    @classmethod
    def in_text(cls, prompt: str, offsets: Any, parts: Parts) -> "Spans":
        """Parts of a prompt by what a tokenizer says of its tokens: ``tokenizer(prompt, return_offsets_mapping=True)``.

        Args:
            prompt: the whole text that was tokenized.
            offsets: (begin, end) of each token in it, in characters; (0, 0) for tokens that stand for none.
            parts: as for ``found``.

        Raises:
            OptionError: a part that stands there twice or not at all, or offsets beyond the text.

        Example:
            >>> Spans.in_text("red fox. blue jay.", [(0, 3), (3, 7), (7, 8), (8, 13), (13, 17), (17, 18)], ["red fox", "jay"])
            Spans(names=('red fox', 'jay'), places=((0, 1), (4,)))
        """
        text("prompt", prompt)
        owners: list[tuple[int, ...]] = [()] * len(prompt)
        for at, pair in enumerate(several("offsets", offsets, "(begin, end) of each token")):
            begin, end = pair_of("offsets", pair, len(prompt))
            for letter in range(begin, end):
                owners[letter] += (at,)
        return cls._searched(Searched(prompt, owners), parts)

    @classmethod
    def sentences(cls, axis: Axis) -> "Spans":
        """The sentences of the text that the tokens of a side spell.

        One ends at ``.``, ``!``, ``?`` or ``…`` before a blank, at ``。``, ``！`` or ``？``, or at an empty line. That takes
        "Dr. Who" for two: give ``found`` sentences of a segmenter where it matters.

        Args:
            axis: as for ``found``.

        Raises:
            OptionError: positions without texts.

        Example:
            >>> Spans.sentences(Axis.unknown(6).with_text(["▁It", "▁rains", ".", "▁We", "▁stay", "."])).places
            ((0, 1, 2), (3, 4, 5))
        """
        found = sentences_of(runs_of(axis))
        names = tuple(f"{at}: {text}" for at, text in enumerate(found.texts, 1))
        return cls(names, found.tokens)

    @classmethod
    def chat(cls, messages: Sequence[Mapping[str, Any]], tokenizer: Any, **template: Any) -> "Spans":
        """The turns of ``tokenizer.apply_chat_template(messages, **template)``, with what opens and ends each.

        A turn is what the rendered text has more than without it; templates that change earlier turns are refused.

        Args:
            messages: {"role": …, "content": …} each.
            tokenizer: with a chat template, and one that says offsets (a fast one).
            template: what else the template is given, as ``tools`` or ``add_generation_prompt``.

        Raises:
            OptionError: a template that changes earlier turns once there are more; DtypeError: no such tokenizer.
        """
        with_all("tokenizer", tokenizer, "a tokenizer with a chat template", ("apply_chat_template",))
        turns = several("messages", messages, "messages, {'role': …, 'content': …} each")
        if wrong := [one for one in turns if not isinstance(one, Mapping) or not isinstance(one.get("role"), str)]:
            raise DtypeError(f"messages: expected {{'role': …, 'content': …}} each, got {in_short(wrong[0])}")
        asked = template.pop("add_generation_prompt", False)
        whole = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asked, **template)
        begin, names, borders = 0, list[str](), list[tuple[int, int]]()
        for at, message in enumerate(turns):
            early = tokenizer.apply_chat_template(turns[: at + 1], tokenize=False, **template)
            if not whole.startswith(early) or len(early) <= begin:
                raise OptionError(
                    f"messages: expected a template that only adds turns, got one that changes those before turn {at + 1}; "
                    "give Spans.in_text the characters of each turn"
                )
            names.append(f"{at + 1}: {message['role']}")
            borders.append((begin, len(early)))
            begin = len(early)
        encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        return cls.in_text(whole, encoded["offset_mapping"], dict(zip(names, borders, strict=True)))

    @classmethod
    def images(cls, axis: Axis) -> "Spans":
        """The patches of each picture, "image 0" on, by the places that the axis carries.

        Raises:
            OptionError: no position is known to be a patch.
        """
        found: dict[int, list[int]] = {}
        for at, place in enumerate(side_of(axis).place or ()):
            if isinstance(place, Patch):
                found.setdefault(place.image, []).append(at)
        if not found:
            raise OptionError("axis: expected positions that are patches of pictures, got none; record with the model's inputs")
        return cls(tuple(f"image {image}" for image in sorted(found)), tuple(tuple(found[image]) for image in sorted(found)))

    @classmethod
    def seconds(cls, axis: Axis, parts: Mapping[str, tuple[float, float]], *, sound: int | None = None) -> "Spans":
        """Stretches of a sound by name, (begin, end) in seconds: the frames whose middle lies in them.

        Args:
            axis: of one sequence, which knows when its positions are: ``amap.keys``.
            parts: (begin, end) of each, from the beginning of the sound.
            sound: which, counted from 0, where a text has several.

        Raises:
            OptionError: no position is known to be a moment of a sound, none lies in a stretch, or several sounds of which it
            is not said which.
        """
        known = {at: one for at, one in enumerate(side_of(axis).place or ()) if isinstance(one, Seconds)}
        if not known:
            raise OptionError("axis: expected positions that are moments of a sound, got none; record with the model's inputs")
        count = len({one.sound for one in known.values()})
        if sound is None and count > 1:
            raise OptionError(f"sound: expected which of {count} sounds, as each begins at 0 s, got none; give sound=0")
        chosen = 0 if sound is None else whole_number("sound", sound, 0, count - 1, advice="sounds are counted from 0")
        own = {at: one for at, one in known.items() if sound is None or one.sound == chosen}
        frames = {at: (one.start + one.stop) / 2 for at, one in own.items()}
        places = []
        for name, pair in _pairs(parts, "seconds"):
            begin, end = (number(f"parts[{name!r}]", one, least=0) for one in pair)
            inside = tuple(at for at, middle in frames.items() if begin <= middle < end)
            if not inside:
                last = max(one.stop for one in own.values())
                raise OptionError(
                    f"parts: expected stretches of {last:g} s of sound, got {in_short(pair)} for {in_short(name)}"
                )
            places.append(inside)
        return cls(tuple(parts), tuple(places))

    @classmethod
    def residues(cls, axis: Axis, parts: Mapping[str, tuple[int, int]]) -> "Spans":
        """Stretches of a chain by name, (first, last) residue, both of them in it, counted from 1 as biologists count.

        Residues are the positions whose tokens are not special, or those that the axis says are.

        Raises:
            OptionError: stretches that the chain does not have, or positions that are not known to be residues.

        Example:
            >>> Spans.residues(Axis.unknown(5).with_text(["<cls>", "M", "K", "V", "<eos>"]), {"end": (2, 3)}).places
            ((2, 3),)
        """
        line = side_of(axis).line
        known = {one.number: at for at, one in enumerate(axis.place or ()) if isinstance(one, Residue)}
        if not known:
            if line.spelled is None and line.special is None:
                raise OptionError("axis: expected positions with texts, got none; record with tokenizer=, or set amap.keys")
            out = zip(line.specials, axis.present, strict=True)
            known = dict(enumerate((at for at, (special, there) in enumerate(out) if there and not special), 1))
        if not isinstance(parts, Mapping):
            raise DtypeError(f"parts: expected (first, last) residue by name, got {in_short(parts)}")
        places = []
        for name, pair in parts.items():
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DtypeError(f"parts: expected (first, last) residue, got {in_short(pair)} for {in_short(name)}")
            first = whole_number("parts", pair[0], 1, max(known, default=1), advice="residues are counted from 1")
            last = whole_number("parts", pair[1], first, max(known, default=1), advice="residues are counted from 1")
            places.append(tuple(known[number] for number in range(first, last + 1) if number in known))
        return cls(tuple(parts), tuple(places))

    @classmethod
    def steps(cls, steps: Sequence[int], parts: Mapping[str, tuple[int, int]] | None = None) -> "Spans":
        """Groups of steps by name, (begin, end), the end not among them: of the passes of a model that makes a picture.

        A step is no position of a map, as each has its own. ``regard.pixels(…).by(spans)`` is the mean over each group.

        Args:
            steps: passes, counted from 0, that were kept: ``found.steps``, or ``range(recording.passes)``.
            parts: what each group is of; where not given three as equal as can be, "early", "middle" and "late".

        Raises:
            OptionError: a group that none of the steps lies in, or fewer than three without ``parts``.

        Example:
            >>> Spans.steps(range(0, 50, 10), {"first": (0, 25), "last": (40, 50)}).places
            ((0, 10, 20), (40,))
        """
        known = sorted({whole_number("steps", one, 0) for one in several("steps", steps, "steps, counted from 0")})
        if parts is None:
            if (count := len(known)) < 3:
                raise OptionError(f"steps: expected at least 3 to be early, middle and late, got {count}; name them: parts=")
            ends = [0, count // 3, count - count // 3, count]
            return cls(("early", "middle", "late"), tuple(tuple(known[a:b]) for a, b in pairwise(ends)))
        places = []
        for name, pair in _pairs(parts, "steps"):
            begin, end = (whole_number("parts", one, 0, advice="steps are counted from 0") for one in pair)
            if not (inside := tuple(one for one in known if begin <= one < end)):
                raise OptionError(f"parts: expected some of steps {in_short(known)}, got {in_short(pair)} for {in_short(name)}")
            places.append(inside)
        return cls(tuple(parts), tuple(places))

    @classmethod
    def _searched(cls, searched: Searched, parts: Parts) -> "Spans":
        if not isinstance(parts, Mapping):
            named = [text("parts", one) for one in several("parts", parts, "parts of the text")]
            if again := [one for at, one in enumerate(named) if one in named[:at]]:
                raise OptionError(f"parts: expected each once, got {in_short(again[0])} twice; leave one out")
            parts = dict(zip(named, named, strict=True))
        places = [searched.places(part) for part in parts.values()]
        return cls(tuple(text("parts", name, advice="names are texts") for name in parts), tuple(places))

    # -- what is made of them --------------------------------------------------------------------------------------

    def rest(self, size: int) -> tuple[int, ...]:
        """The positions of so many that belong to no span."""
        whole_number("size", size, 0, MOST, advice="the number of positions along one side of a map")
        taken = {at for one in self.places for at in one}
        return tuple(at for at in range(size) if at not in taken)

    @property
    def words(self) -> Words:
        """As words, which maps are grouped by."""
        return Words(self.names, self.places)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: int | slice) -> str | tuple[str, ...]:
        return self.names[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


def sentences_of(runs: Iterable[Sequence[Character]]) -> Words:
    """The sentences of characters between special tokens, each with its text and its positions."""
    texts: list[str] = []
    places: list[tuple[int, ...]] = []
    for run in runs:
        said = "".join(one.text for one in run)
        ends = [0, *(match.end() for match in _END_OF_SENTENCE.finditer(said)), len(said)]
        for begin, end in pairwise(ends):
            owners = tuple({at: None for one in run[begin:end] for at in one.owners})
            if owners and said[begin:end].strip():
                texts.append(" ".join(said[begin:end].split()))
                places.append(owners)
    return Words(tuple(texts), tuple(places))


def _pairs(parts: object, unit: str) -> list[tuple[str, Sequence[object]]]:
    """Parts by name as (begin, end), whatever these are."""
    if not isinstance(parts, Mapping):
        raise DtypeError(f"parts: expected (begin, end) in {unit} by name, got {in_short(parts)}")
    for name, pair in parts.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DtypeError(f"parts: expected (begin, end) in {unit}, got {in_short(pair)} for {in_short(name)}")
    return list(parts.items())
