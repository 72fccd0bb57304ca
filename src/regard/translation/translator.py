"""``regard.translate``: text to text, and what the translation looked at."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from regard.analysis.alignment.align import ROW_NAMES, Alignment, Reading, agreeing_reading, align, guess_reading
from regard.arguments import one_of, several, whole_number
from regard.arguments import text as checked_text
from regard.errors import DtypeError, ModelError, OptionError, ShapeError, TooLongError, in_short
from regard.maps.attention_map import AttentionMap
from regard.pictured import Pictured
from regard.progress import bar
from regard.recording.generation import generate, replay
from regard.recording.pretrained import known_name, load_tokenizer, load_weights, loading, read_from
from regard.recording.recording import Recording
from regard.translation.checksums import checked_files

if TYPE_CHECKING:
    from regard.figures.figure_files import Figure

EMBEDDED = Path(__file__).parent / "model_eng_fra"
"""Folder of the English–French model that comes with the package."""

AT_HAND = "leave the model out: one that translates English to French is embedded, and needs no connection"
"""What to do without a connection to the hub."""

MOST_BEAMS = 1000
"""Of a search: each keeps a copy of all that was read."""

LANGUAGE = re.compile(r"[a-z]{2,3}(?:[_-]\w+)?$")
"""Codes as tokenizers write them: "fr", "fra_Latn", "fr_XX"."""

BATCH = 16
"""Texts that are translated together."""

KEPT = 4
"""Models that stay loaded."""

_kept: dict[str | None, "Translator"] = {}
_keeping = threading.Lock()


@dataclass(frozen=True)
class Translation(Pictured):
    """A text, its translation, and the attention between the two.

    Attributes:
        source: the text.
        text: its translation.
        source_tokens: the model's tokens of the source, ``</s>`` included: the columns of the cross maps.
        target_tokens: the tokens that were produced, ``</s>`` included: the rows of the cross and decoder maps.
        recording: encoder, decoder and cross maps of this sentence.
        alignment: source words and target words, linked by the head that aligns best in this model.
        produced: the head that aligns best in this model among those that are read by the tokens produced; None where that was
            not measured.
        languages: codes of what was translated from and to, such as ("en", "fr"), as the model's tokenizer says them; None
            where it says none.

    Example:
        >>> translation = translate("No.")
        >>> translation.text, translation.target_tokens, len(translation.recording.cross)
        ('Non.', ('▁Non', '.', '</s>'), 2)
    """

    source: str
    text: str
    source_tokens: tuple[str, ...]
    target_tokens: tuple[str, ...]
    recording: Recording
    alignment: Alignment
    produced: Reading | None = None
    languages: tuple[str | None, str | None] = (None, None)

    def __str__(self) -> str:
        return self.text

    def figure(self, layer: int | None = None, head: int | None = None, *, rows: str | None = None, **options: Any) -> "Figure":
        """The cross-attention of one head as a heat map: a row for each token of the target, ``</s>`` included.

        Args:
            layer: decoder layer; without ``layer`` and ``head``, the head that aligns best by these rows.
            head: head of that layer.
            rows: label each row with the token that it "produced" (where not given), or with the one that it "consumed".
            **options: handed to ``regard.heatmap``.
        """
        from regard.figures.heatmap import heatmap

        reading = self.reading(layer, head, rows)
        options.setdefault("title", f"cross-attention, layer {reading.layer}, head {reading.head}")
        figure = heatmap(self._map_of(reading), head=reading.head, **options).get_figure(root=True)
        if figure is None:
            raise OptionError("expected axes in a figure, got axes that were removed from theirs; leave ax= out")
        return figure

    def table(
        self, layer: int | None = None, head: int | None = None, *, rows: str | None = None
    ) -> Iterator[Sequence[object]]:
        """The weights that ``figure`` draws, for ``regard.save(translation, "x.csv")``; arguments as there."""
        from regard.figures.numbers import weight_lines

        reading = self.reading(layer, head, rows)
        return weight_lines(self._map_of(reading), head=reading.head)

    def _map_of(self, reading: Reading) -> AttentionMap:
        """The map that is read, its rows labelled as they are read."""
        amap = self.recording.cross[reading.layer].select()
        if reading.rows == "consumed":
            amap.queries = amap.queries.beside  # the same rows, by what they had read
        return amap

    def reading(self, layer: int | None = None, head: int | None = None, rows: str | None = None) -> Reading:
        """The reading meant by these: where layer and head are left out, the one that aligns best by these rows.

        Args:
            layer: decoder layer.
            head: head of that layer.
            rows: "produced" (where not given) or "consumed".

        Raises:
            OptionError: no such layer, head or rows.

        Example:
            >>> translation = translate("The cat sat on the mat.")
            >>> translation.reading(), translation.reading(rows="consumed")
            (Reading(layer=1, head=1, rows='produced'), Reading(layer=1, head=0, rows='consumed'))
        """
        if layer is not None or head is not None:
            return align(self.recording.cross, layer, head, rows=rows).reading
        rows = one_of("rows", rows or ROW_NAMES[0], ROW_NAMES)
        measured = (self.alignment.reading, self.produced)
        return next((one for one in measured if one and one.rows == rows), None) or agreeing_reading(
            self.recording.cross, self.alignment, rows
        )


@overload
def translate(text: str, model: str | Path | None = None, *, beams: int = 4, target: str | None = None) -> Translation: ...
@overload
def translate(
    text: list[str] | tuple[str, ...], model: str | Path | None = None, *, beams: int = 4, target: list[str] | None = None
) -> list[Translation]: ...
def translate(
    text: str | list[str] | tuple[str, ...],
    model: str | Path | None = None,
    *,
    beams: int = 4,
    target: str | list[str] | None = None,
) -> Translation | list[Translation]:
    """Translate, and keep the attention of the translation.

    The model decodes on its fused kernel; then one recorded pass over the result gives the maps.

    Args:
        text: one text, or a list of texts.
        model: None for the embedded English–French model, a folder, or a hub name such as "Helsinki-NLP/opus-mt-en-fr".
        beams: width of the beam search.
        target: the translation, where it is known: it is scored and aligned instead of decoding one.

    Returns:
        A Translation, or a list of them for a list.

    Raises:
        OptionError: an empty text, beams below 1, or a target that does not fit the text.
        TooLongError: a text with more tokens than the model has positions.
        ModelError: the model cannot be found or read.

    Example:
        >>> import regard
        >>> translation = regard.translate("The cat sat on the mat.")
        >>> translation.source_tokens[:3]
        ('▁The', '▁cat', '▁sat')
    """
    for name, given in (("text", text), ("target", target)):
        if not isinstance(given, str | list | tuple) and not (name == "target" and given is None):
            raise OptionError(f"expected a {name} or a list of them, got {type(given).__name__}")
    texts = [text] if isinstance(text, str) else list(text)
    targets = None if target is None else [target] if isinstance(target, str) else list(target)
    beams = whole_number("beams", beams, 1, MOST_BEAMS)
    if targets is not None and (len(targets) != len(texts) or isinstance(text, str) != isinstance(target, str)):
        raise OptionError(f"expected one target a text, got {len(texts)} texts and {len(targets)} targets")
    for name, given in (("text", texts), ("target", targets or [])):
        for place, one in enumerate(given):
            if not isinstance(one, str):
                raise OptionError(f"expected a {name} or a list of them, got {type(one).__name__} at {place}")
            if not one.strip():
                where = f" at {place}" if len(given) > 1 else ""
                raise OptionError(f"expected a {name} with words, got an empty one{where}")
    found = list(load_translator(model).stream(texts, beams, targets))
    return found[0] if isinstance(text, str) else found


def load_translator(model: str | Path | None = None) -> "Translator":
    """The model that ``translate`` uses, and its tokenizer, for what needs more than a text; loaded once, then kept.

    Threads that ask for it at once wait for one of them to load it. The four that were used last are kept.

    Args:
        model: None for the embedded English–French model, a folder, or a hub name such as "Helsinki-NLP/opus-mt-en-fr".

    Returns:
        A Translator: ``.model`` is Transformers' model in evaluation mode, ``.tokenizer`` its tokenizer.

    Raises:
        ModelError: it cannot be found or read; the error says why and what to do.

    Example:
        >>> translator = load_translator()
        >>> [translation.text for translation in translator.stream(["No.", "Yes."], beams=1)]
        ['Non.', 'Oui.']
        >>> translator.tokenizer.convert_ids_to_tokens(translator.check("The cat."))
        ['▁The', '▁cat', '.', '</s>']
    """
    if model is not None and not isinstance(model, str | Path):
        raise DtypeError(f"expected a model's folder or hub name, got {in_short(model)}; leave it out for the embedded one")
    name = None if model is None else str(model)
    found = _kept_as(name)
    if found is None:
        with loading:
            found = _kept_as(name)  # another thread may have come first
            if found is None:
                found = _read(name)
                with _keeping:
                    _kept[name] = found
                    for oldest in list(_kept)[:-KEPT]:
                        del _kept[oldest]
    return found


def _kept_as(name: str | None) -> "Translator | None":
    """The model, if it is loaded; it stands last then, as the one that was used last."""
    with _keeping:
        found = _kept.pop(name, None)
        if found is not None:
            _kept[name] = found
        return found


def _read(model: str | None) -> "Translator":
    if model is None:
        checked_files(EMBEDDED)
    name = str(EMBEDDED) if model is None else known_name(model, first=AT_HAND)
    with read_from(name, "a sequence-to-sequence model"):
        tokenizer = load_tokenizer(name) if model is not None else _embedded_tokenizer(name)
        loaded = load_weights(AutoModelForSeq2SeqLM, name, dtype=torch.float32)
    return Translator(loaded.eval(), tokenizer)


def _embedded_tokenizer(name: str) -> Any:
    from regard.translation.tokenizer import MarianTokenizer  # other models have others

    return MarianTokenizer.from_pretrained(name)


def _languages_of(tokenizer: Any) -> tuple[str | None, str | None]:
    """The codes that a tokenizer has for what it reads and what it writes; groups of languages ("ROMANCE") have none."""

    def code(*names: str) -> str | None:
        said = next((found for name in names if isinstance(found := getattr(tokenizer, name, None), str)), "")
        return said if LANGUAGE.match(said) else None

    return code("source_lang", "src_lang"), code("target_lang", "tgt_lang")


class Translator:
    """A sequence-to-sequence model and its tokenizer.

    Attributes:
        model: Transformers' model, in evaluation mode.
        tokenizer: its tokenizer.
        positions: source and target positions that the model has; None where positions are relative, and have no end.
        readings: the readings that align best together, where they were measured on gold alignments and stand in config.json.
        reading: the first of them, the one to look at.
        produced: the one that aligns best by the tokens produced, likewise.
        languages: codes of what it translates from and to, where its tokenizer says them.
        method: how their weights become links.
        sinks: what becomes of weights on special tokens.
        threshold: the least weight of a link.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        config = model.config
        self.positions: int | None = getattr(config, "max_position_embeddings", None)
        rows = str(getattr(config, "alignment_rows", ROW_NAMES[0]))
        self.readings = tuple(Reading(int(one), int(two), rows) for one, two in getattr(config, "alignment_heads", None) or ())
        self.reading = self.readings[0] if self.readings else None
        best = getattr(config, "alignment_produced", None)
        self.produced = Reading(int(best[0]), int(best[1]), "produced") if best else None
        self.method = str(getattr(config, "alignment_method", "argmax"))
        self.sinks = str(getattr(config, "alignment_sinks", "ignore"))
        self.threshold = float(getattr(config, "alignment_threshold", 0.0))
        self.languages = _languages_of(tokenizer)

    def check(self, text: str) -> list[int]:
        """The ids of a text that this model can translate.

        Raises:
            OptionError: no words; TooLongError: more tokens than positions.
        """
        if not checked_text("text", text).strip():
            raise OptionError("expected a text with words, got an empty one")
        ids: list[int] = self.tokenizer(text, truncation=False, verbose=False).input_ids
        if self.positions is not None and len(ids) > self.positions:
            raise TooLongError(
                f"expected a text of at most {self.positions} tokens, got {len(ids)} ({text[:40]!r}…); translate it in parts, "
                "a few sentences at a time"
            )
        return ids

    def stream(self, texts: Sequence[str], beams: int, targets: Sequence[str] | None = None) -> Iterator[Translation]:
        """Translations one after another, in batches; a bar shows on long lists."""
        beams = whole_number("beams", beams, 1, MOST_BEAMS)
        texts = several("texts", texts, "texts")
        encoded = [self.check(text) for text in texts]
        if targets is not None and len(targets := several("targets", targets, "texts")) != len(texts):
            raise ShapeError(f"targets: expected {len(texts)}, one a text, got {len(targets)}")
        shown = bar(total=len(texts), desc="translating", unit="text", alone=len(texts) > BATCH)
        with shown:
            for start in range(0, len(texts), BATCH):
                batch = slice(start, start + BATCH)
                yield from self._batch(texts[batch], encoded[batch], beams, targets[batch] if targets else None)
                shown.update(len(texts[batch]))

    def _batch(
        self, texts: Sequence[str], encoded: Sequence[list[int]], beams: int, targets: Sequence[str] | None
    ) -> Iterator[Translation]:
        inputs = dict(self.tokenizer.pad({"input_ids": list(encoded)}, return_tensors="pt"))
        if targets is None:
            options: dict[str, Any] = {"max_length": self.positions} if self.positions else {"max_new_tokens": 512}
            recording = generate(self.model, inputs, tokenizer=self.tokenizer, num_beams=beams, do_sample=False, **options)
        else:
            recording = replay(self.model, inputs, self._forced(targets), tokenizer=self.tokenizer)
        for item, text in enumerate(texts):
            yield self._translation(text, recording.sample(item))

    def _forced(self, targets: Sequence[str]) -> Tensor:
        """The ids of given translations, as generate would return them: start token first, padding last."""
        rows: list[list[int]] = [
            self.tokenizer(text_target=checked_text("target", target), verbose=False).input_ids for target in targets
        ]
        for target, row in zip(targets, rows, strict=True):
            if self.positions is not None and len(row) > self.positions:
                raise TooLongError(
                    f"expected a target of at most {self.positions} tokens, got {len(row)} ({target[:40]!r}…); give it in parts"
                )
        longest = max(map(len, rows))
        pad, start = self.model.config.pad_token_id, self.model.config.decoder_start_token_id
        return torch.tensor([[start, *row, *[pad] * (longest - len(row))] for row in rows])

    def _translation(self, source: str, recording: Recording) -> Translation:
        sides = [axis.token for role in ("source", "produced") if (axis := recording.axis(role)) is not None and axis.token]
        if recording.sequences is None or len(sides) < 2:
            raise ModelError("expected a recording with sequences and labels, got one without; report this as a bug")
        source_tokens, tokens = sides
        if self.positions is not None and len(tokens) >= self.positions - 1 and tokens[-1] != self.tokenizer.eos_token:
            raise TooLongError(
                f"expected a translation that ends within {self.positions} tokens, got a longer one of {source[:40]!r}…; "
                "translate it in parts"
            )
        readings = self.readings or (guess_reading(recording.cross),)
        return Translation(
            source=source,
            text=self.tokenizer.decode(recording.sequences[0], skip_special_tokens=True),
            source_tokens=source_tokens,
            target_tokens=tokens,
            recording=recording,
            alignment=align(recording.cross, readings=readings, threshold=self.threshold, method=self.method, sinks=self.sinks),
            produced=self.produced,
            languages=self.languages,
        )
