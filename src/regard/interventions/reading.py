"""Prompts in tokens: refused here, with their place, before a model runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor, nn

from regard.arguments import several, whole_number
from regard.errors import DtypeError, OptionError, RegardError, TooLongError, in_short
from regard.interventions.prompts import Prompt, Span, Text


@dataclass(frozen=True)
class Read:
    """A prompt as a model takes it.

    Attributes:
        ids: of the text and of all but the last token of the answer; of an encoder-decoder, of what it writes.
        text: how many of them are the text; of an encoder-decoder all are.
        rows: the positions that write the answer; the last one of the text, without an answer.
        answer: ids of the answer.
        wrong: ids of the wrong one.
        other: the partner's ids, as ``ids``; None without a partner.
        source: what an encoder reads; None without one.
        other_source: what it reads of the partner.
        spans: named positions of the text, or of the source.
        group: "" for a prompt that stands alone.
    """

    ids: tuple[int, ...]
    text: int
    rows: tuple[int, ...]
    answer: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()
    other: tuple[int, ...] | None = None
    source: tuple[int, ...] | None = None
    other_source: tuple[int, ...] | None = None
    spans: Mapping[str, range] = field(default_factory=dict)
    group: str = ""

    @property
    def tokens(self) -> int:
        """How many the prompt has."""
        return self.text if self.source is None else len(self.source)

    def shape(self) -> tuple[object, ...]:
        """Prompts of one shape may be one batch: then nothing is padded."""
        return len(self.ids), self.text, self.rows, len(self.answer), len(self.source or ()), bool(self.wrong), bool(self.other)


class Reader:
    """Reads prompts for one model.

    Args:
        model: which they are for.
        tokenizer: of texts; None where prompts are ids.
    """

    def __init__(self, model: nn.Module, tokenizer: Any = None) -> None:
        config = getattr(model, "config", None)
        self.tokenizer = tokenizer
        self.writes = bool(getattr(config, "is_encoder_decoder", False))
        limits = (getattr(config, "max_position_embeddings", None), getattr(tokenizer, "model_max_length", None))
        self.longest = min((one for one in limits if isinstance(one, int) and one > 0), default=None)
        self.words, self.words_written = _words(config)
        if self.writes:
            start = getattr(getattr(model, "generation_config", None), "decoder_start_token_id", None)
            self.start = cast("int", getattr(config, "decoder_start_token_id", None) if start is None else start)

    def read(self, prompt: Prompt, place: str) -> Read:
        """A prompt in tokens.

        Args:
            prompt: as it was given.
            place: where it stands, for the sentence that refuses it.

        Raises:
            OptionError: answers that are not what follows the text, spans that are not there, partners of another length, no
                tokenizer for a text; TooLongError: more tokens than the model has positions.
        """
        if not isinstance(prompt, Prompt):
            raise DtypeError(f"{place}: expected a Prompt, got {in_short(prompt)}; for example Prompt('A text')")
        read = self._written(prompt, place) if self.writes else self._continued(prompt, place)
        if self.longest is not None and (length := max(len(read.ids), len(read.source or ()))) > self.longest:
            raise TooLongError(f"{place}: expected at most {self.longest:,} tokens, got {length:,}; shorten it")
        for name, ids in (("answer", read.answer), ("wrong", read.wrong)):
            _check_words(ids, self.words_written, f"{place}.{name}")
        return read

    def _continued(self, prompt: Prompt, place: str) -> Read:
        """A text that goes on with its answer, or in which the answer is masked."""
        ids = self.ids(prompt.text, f"{place}.text")
        masked = getattr(self.tokenizer, "mask_token_id", None)
        rows = tuple(at for at, one in enumerate(ids) if one == masked) if masked is not None else ()
        if rows:
            answer, wrong = (self._alone(one, f"{place}.{name}") for name, one in self._answers(prompt))
            if answer and len(answer) != len(rows):
                raise OptionError(
                    f"{place}.answer: expected as many tokens as the text has masks, {len(rows)}, got {len(answer)}; mask each"
                )
            other = None if prompt.other is None else self.ids(prompt.other, f"{place}.other")
            return self._read(prompt, place, ids, len(ids), rows, answer, wrong, other)
        answer, wrong = (self._following(prompt.text, ids, one, f"{place}.{name}") for name, one in self._answers(prompt))
        whole = (*ids, *answer[:-1])
        other = None
        if prompt.other is not None:
            other = (*self.ids(prompt.other, f"{place}.other"), *answer[:-1])
        return self._read(prompt, place, whole, len(ids), tuple(range(len(ids) - 1, len(whole))), answer, wrong, other)

    def _written(self, prompt: Prompt, place: str) -> Read:
        """A text that an encoder reads, and an answer that a decoder writes."""
        source = self.ids(prompt.text, f"{place}.text")
        answer, wrong = (self._target(one, f"{place}.{name}") for name, one in self._answers(prompt))
        if not answer:
            raise OptionError(f"{place}.answer: expected what the decoder writes, got none; Prompt(text, answer=...)")
        ids = (self.start, *answer[:-1])
        other_source = None if prompt.other is None else self.ids(prompt.other, f"{place}.other")
        self._check_partner(place, source, other_source)
        return Read(
            ids,
            len(ids),
            tuple(range(len(ids))),
            answer,
            wrong,
            other=None if other_source is None else ids,
            source=source,
            other_source=other_source,
            spans=self._spans(prompt, source, place),
            group=_group(prompt, place),
        )

    def _read(
        self,
        prompt: Prompt,
        place: str,
        ids: tuple[int, ...],
        text: int,
        rows: tuple[int, ...],
        answer: tuple[int, ...],
        wrong: tuple[int, ...],
        other: tuple[int, ...] | None,
    ) -> Read:
        self._check_partner(place, ids, other)
        return Read(
            ids, text, rows, answer, wrong, other, spans=self._spans(prompt, ids[:text], place), group=_group(prompt, place)
        )

    def _answers(self, prompt: Prompt) -> tuple[tuple[str, Text | None], ...]:
        return ("answer", prompt.answer), ("wrong", prompt.wrong)

    def _check_partner(self, place: str, ids: tuple[int, ...], other: tuple[int, ...] | None) -> None:
        if other is not None and len(other) != len(ids):
            raise OptionError(
                f"{place}.other: expected as many tokens as the text has, {len(ids)}, got {len(other)}; a patch puts each "
                "position in the place of the same one"
            )

    def ids(self, text: Text, name: str) -> tuple[int, ...]:
        """The ids of a text, with whatever special tokens the tokenizer puts around it."""
        found = self._encoded(text, name) if isinstance(text, str) else _given_ids(text, name)
        if not found:
            raise OptionError(f"{name}: expected a text of at least one token, got none; leave the prompt out")
        _check_words(found, self.words, name)
        return found

    def _alone(self, text: Text | None, name: str) -> tuple[int, ...]:
        """The ids of an answer by itself, without special tokens."""
        if text is None:
            return ()
        return self._encoded(text, name, add_special_tokens=False) if isinstance(text, str) else _given_ids(text, name)

    def _following(self, text: Text, ids: tuple[int, ...], answer: Text | None, name: str) -> tuple[int, ...]:
        """The ids of an answer that follows a text."""
        if not isinstance(answer, str):
            return () if answer is None else _given_ids(answer, name)
        if not isinstance(text, str):
            return self._alone(answer, name)
        whole = self._encoded(text + answer, name)
        if whole[: len(ids)] != ids or len(whole) == len(ids):
            raise OptionError(
                f"{name}: expected tokens that follow those of the text, got {in_short(answer)}, which changes them; begin it "
                "where a token begins, for example with its blank"
            )
        return whole[len(ids) :]

    def _target(self, text: Text | None, name: str) -> tuple[int, ...]:
        """What a decoder writes, its end included."""
        if not isinstance(text, str):
            return () if text is None else _given_ids(text, name)
        return self._encoded(None, name, text_target=text)

    def _encoded(self, text: str | None, name: str, **options: Any) -> tuple[int, ...]:
        if self.tokenizer is None:
            raise OptionError(f"{name}: expected ids, got a text and no tokenizer; give tokenizer=")
        try:
            found = self.tokenizer(**options) if text is None else self.tokenizer(text, **options)
        except RegardError:
            raise
        except Exception as error:  # a tokenizer is anybody's code
            raise OptionError(
                f"{name}: expected a text that the tokenizer reads, got {type(error).__name__}: {error}"
            ) from error
        if isinstance(found, Mapping) or hasattr(found, "input_ids"):
            found = found["input_ids"]
        return _given_ids(found, name)

    def _spans(self, prompt: Prompt, ids: tuple[int, ...], place: str) -> dict[str, range]:
        """The positions of the spans of a text."""
        if not isinstance(prompt.spans, Mapping):
            raise DtypeError(f"{place}.spans: expected a name for each span, got {in_short(prompt.spans)}")
        if not prompt.spans:
            return {}
        if isinstance(prompt.text, str):
            offsets = self._offsets(prompt.text, len(ids), place)
            return {
                name: _of_characters(prompt.text, span, offsets, f"{place}.spans[{name!r}]")
                for name, span in prompt.spans.items()
            }
        return {name: _of_tokens(span, len(ids), f"{place}.spans[{name!r}]") for name, span in prompt.spans.items()}

    def _offsets(self, text: str, tokens: int, place: str) -> list[tuple[int, int]]:
        """Where each token begins and ends in a text; special ones nowhere."""
        try:
            found = self.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        except Exception as error:
            raise OptionError(
                f"{place}.spans: expected a tokenizer that says where tokens stand (return_offsets_mapping), got "
                f"{type(self.tokenizer).__name__}; give ids, and spans of their positions"
            ) from error
        offsets = [(int(begin), int(end)) for begin, end in found]
        if len(offsets) != tokens:
            raise OptionError(f"{place}.spans: expected where each of {tokens} tokens stands, got {len(offsets)}; give ids")
        return offsets


def _words(config: Any) -> tuple[int | None, int | None]:
    """How many words a model reads, and how many it writes; None where its configuration does not say it."""
    of_text = config.get_text_config() if hasattr(config, "get_text_config") else config
    found = [getattr(of_text, name, None) for name in ("vocab_size", "decoder_vocab_size")]
    read, written = (one if isinstance(one, int) and one > 0 else None for one in found)
    return read, written or read


def _check_words(ids: tuple[int, ...], words: int | None, name: str) -> None:
    if words is not None and ids and max(ids) >= words:
        raise OptionError(
            f"{name}: expected ids below {words:,}, the words of the model, got {max(ids):,}; take the tokenizer of this model"
        )


def _group(prompt: Prompt, place: str) -> str:
    if prompt.group is not None and not isinstance(prompt.group, str):
        raise DtypeError(f"{place}.group: expected a text, got {in_short(prompt.group)}")
    return prompt.group or ""


def _given_ids(given: Any, name: str) -> tuple[int, ...]:
    """Ids of one text: a list, or a tensor of one axis, or of (1, positions); one id alone."""
    if isinstance(given, int) and not isinstance(given, bool):
        given = [given]
    if isinstance(given, Tensor):
        given = given.reshape(-1) if given.ndim < 2 or given.shape[0] == 1 else given
        if given.ndim == 1:
            given = given.tolist()
    listed = several(name, given, "ids", advice="give a text, or the ids of one text")
    if len(listed) == 1 and isinstance(listed[0], list | tuple):
        listed = list(listed[0])
    return tuple(whole_number(name, one, 0, advice="ids are whole numbers") for one in listed)


def _bounds(span: Any, name: str) -> tuple[int, int]:
    if not isinstance(span, tuple | list | range) or len(span) < 1 or (not isinstance(span, range) and len(span) != 2):
        raise OptionError(f"{name}: expected (begin, end), got {in_short(span)}")
    begin, end = (span[0], span[-1] + 1) if isinstance(span, range) else span
    return whole_number(name, begin, 0), whole_number(name, end, 1)


def _of_tokens(span: Span, tokens: int, name: str) -> range:
    begin, end = _bounds(span, name)
    if not begin < end <= tokens:
        raise OptionError(f"{name}: expected positions from 0 to {tokens}, got ({begin}, {end})")
    return range(begin, end)


def _of_characters(text: str, span: Span, offsets: list[tuple[int, int]], name: str) -> range:
    """The tokens of a part of a text: it has to begin and end where tokens do, blanks before a token aside."""
    if isinstance(span, str):
        count = text.count(span) if span else 0
        if count != 1:
            raise OptionError(
                f"{name}: expected a part that stands once in the text, got {span!r}, {count} times; give (begin, end)"
            )
        begin = text.index(span)
        end = begin + len(span)
    else:
        begin, end = _bounds(span, name)
    inside = [at for at, (first, last) in enumerate(offsets) if first < end and last > begin and first < last]
    if not inside or end > len(text):
        raise OptionError(f"{name}: expected characters from 0 to {len(text)} with tokens, got ({begin}, {end})")
    before, after = text[min(offsets[inside[0]][0], begin) : begin], text[end : offsets[inside[-1]][1]]
    into = text[begin : offsets[inside[0]][0]]
    if before.strip() or after.strip() or into.strip():
        raise OptionError(
            f"{name}: expected a span that begins and ends where tokens do, got {text[begin:end]!r}, whose tokens are of "
            f"{text[offsets[inside[0]][0] : offsets[inside[-1]][1]]!r}"
        )
    return range(inside[0], inside[-1] + 1)
