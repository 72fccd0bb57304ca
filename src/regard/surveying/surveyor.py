"""A model that reads chunks of a corpus: every text goes through it once, and its heads are counted."""

import hashlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.analysis.heads.batches import batch_statistics
from regard.analysis.heads.keys import PaddedKeys, kinds_of_keys
from regard.analysis.heads.registry import WINDOWS, in_table
from regard.analysis.heads.statistics import checked_windows
from regard.arguments import truth, whole_number
from regard.errors import RecordingError
from regard.recording.pretrained import load_text_model
from regard.recording.record import recorder_of
from regard.surveying.corpus import Chunk
from regard.surveying.records import Refusal
from regard.surveying.scales import LARGEST
from regard.surveying.tally import Tally
from regard.surveying.totals import Head, Passage, Totals

SHOWN_LETTERS = 500
"""How much of a text is kept where it is an example."""

UNLIMITED_TOKENS = 4096
"""The longest text for a model without a number of positions, where none is given."""


@dataclass(frozen=True)
class Settings:
    """What a survey counts."""

    max_tokens: int | None = None  #: of a text, and of a target; as many as the model has positions where not given
    batch_tokens: int = 2048  #: of one pass, padding included; a longer text goes alone
    windows: tuple[int, ...] = WINDOWS
    examples: int = 3
    per_text: bool = False  #: whether the values of each text are kept

    def check(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            OptionError: which one, and why.
        """
        for name, least, most in (("max_tokens", 1, LARGEST), ("batch_tokens", 1, LARGEST), ("examples", 0, 100)):
            if name != "max_tokens" or self.max_tokens is not None:
                whole_number(name, getattr(self, name), least, most)
        checked_windows(self.windows)
        truth("per_text", self.per_text)


class Text(NamedTuple):
    """A record that is surveyed."""

    place: int
    source: str
    target: str | None
    ids: list[int]
    answer: list[int]  #: of an encoder-decoder: what it writes, the end token included
    key: int = 0  #: equal for equal texts, with equal targets where those are given

    def size(self) -> tuple[int, int]:
        """Tokens of the text, and of the answer."""
        return len(self.ids), len(self.answer)


class Surveyor:
    """A loaded model and its tokenizer.

    Args:
        model: a Transformers model of texts.
        tokenizer: of the model.
        settings: what is counted.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: Settings) -> None:
        self.model, self.tokenizer, self.settings = model.eval(), tokenizer, settings
        self.answers = bool(model.config.is_encoder_decoder)
        self.edges = {name: known.quantity.edges for name, known in in_table(settings.windows).items()}
        self.takes = set(inspect.signature(model.base_model.forward).parameters)
        # Some models have positions that no text may use, as RoBERTa: their tokenizers know better.
        limits = (getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length)
        known = [limit for limit in limits if isinstance(limit, int) and 0 < limit <= LARGEST]
        self.longest = min([settings.max_tokens or (LARGEST if known else UNLIMITED_TOKENS), *known])
        self.kinds: dict[int, tuple[float, float]] = {}  # of tokens: special, punctuation
        if self.answers:
            generation = getattr(model, "generation_config", None)
            config = model.config
            start = getattr(generation, "decoder_start_token_id", None)
            self.start = int(config.decoder_start_token_id if start is None else start)
            ends = getattr(generation, "eos_token_id", None)
            self.ends = set(torch.as_tensor(config.eos_token_id if ends is None else ends).flatten().tolist())
        self.padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0  # masked: any token will do

    def described(self) -> tuple[dict[str, Any], bool]:
        """What the model is, and whether it answers texts."""
        return described(self.model), self.answers

    def read(self, chunk: Chunk) -> Tally:
        """What the records of a chunk add up to."""
        tally = Tally(digests={chunk.file: chunk.digest})
        texts = self.tokenized(chunk, tally)
        for batch in self.batches(texts):
            values, heads = self.statistics(batch)
            if tally.totals is None:
                tally.totals = Totals(heads, self.edges, self.settings.examples, per_text=self.settings.per_text)
            elif tally.totals.heads != heads:
                raise RecordingError(
                    f"expected the attention calls of the first pass, {len(tally.totals.heads)} heads, got {len(heads)}; a "
                    "survey needs a model that calls the same modules on every text"
                )
            shown = [Passage(_shown(text.source), None if text.target is None else _shown(text.target)) for text in batch]
            tally.totals.add(values.numpy(), [text.place for text in batch], shown, [text.key for text in batch])
            tally.texts += len(batch)
            tally.tokens += sum(sum(text.size()) for text in batch)
        return tally

    def tokenized(self, chunk: Chunk, tally: Tally) -> list[Text]:
        """The texts of a chunk that can be surveyed; the others are counted."""
        kept: list[tuple[int, str, str | None]] = []
        for place, item in chunk.items:
            if isinstance(item, Refusal):
                tally.leave_out(item.reason, place, item.what)
                continue
            source, target = item[0] or "", item[1] if self.answers else None
            if not source.strip() or (target is not None and not target.strip()):
                tally.leave_out("empty", place, "no text" if not source.strip() else "no target")
                continue
            kept.append((place, source, target))
        if not kept:
            return []
        sources = self.tokenizer([source for _, source, _ in kept], truncation=False, verbose=False)["input_ids"]
        given = [target for _, _, target in kept if target is not None]
        answers = iter(self.tokenizer(text_target=given, truncation=False, verbose=False)["input_ids"] if given else ())
        texts: list[Text] = []
        for (place, source, target), ids in zip(kept, sources, strict=True):
            answer = list(next(answers)) if target is not None else []
            text = Text(
                place, source, target, list(ids), answer, Passage(f"{source}\t{target}" if answer else source, None).key
            )
            longest = max(text.size())
            if longest > self.longest:
                tally.leave_out("too long", place, f"{longest:,} tokens of at most {self.longest:,}")
            elif not text.ids or (target is not None and not text.answer):
                tally.leave_out("empty", place, "no tokens")
            else:
                texts.append(text)
        return self._answered(texts, tally) if self.answers else texts

    def _answered(self, texts: list[Text], tally: Tally) -> list[Text]:
        """The texts with what the model writes, where no target is given."""
        done = [text for text in texts if text.answer]
        for batch in self.batches([text for text in texts if not text.answer]):
            ids, mask = self.padded([text.ids for text in batch])
            options = {"num_beams": 1, "do_sample": False, "max_length": self.longest + 1}
            with torch.no_grad():
                written = self.model.generate(input_ids=ids, attention_mask=mask, **options)
            for text, row in zip(batch, written[:, 1:].tolist(), strict=True):
                end = next((at for at, token in enumerate(row) if token in self.ends), None)
                if end is None or end + 1 == self.longest:  # there, some models are made to end
                    tally.leave_out("endless answer", text.place, f"no end within {self.longest:,} tokens")
                    continue
                target = self.tokenizer.decode(row[:end], skip_special_tokens=True)
                done.append(text._replace(answer=row[: end + 1], target=target))
        return done

    def batches(self, texts: Sequence[Text]) -> Iterator[list[Text]]:
        """Texts of like length together: at most ``batch_tokens`` in one, padding included."""
        batch: list[Text] = []
        source = answer = 0
        for text in sorted(texts, key=lambda text: (*text.size(), text.place)):
            source, answer = max(source, len(text.ids)), max(answer, len(text.answer))
            if batch and (source + answer) * (len(batch) + 1) > self.settings.batch_tokens:
                yield batch
                batch, (source, answer) = [], text.size()
            batch.append(text)
        if batch:
            yield batch

    def statistics(self, batch: Sequence[Text]) -> tuple[Tensor, tuple[Head, ...]]:
        """(texts, heads, statistics) of a batch, and the heads."""
        read = self._keys([text.ids for text in batch])
        _, mask = self.padded([text.ids for text in batch])
        inputs: dict[str, Any] = {"input_ids": read.ids.to(self.model.device), "attention_mask": mask, "use_cache": False}
        axes = {"encoder": (read, read), "self": (read, read)}
        if self.answers:
            consumed = self._keys([[self.start, *text.answer[:-1]] for text in batch])
            inputs["decoder_input_ids"] = consumed.ids.to(self.model.device)
            axes |= {"decoder": (consumed, consumed), "cross": (consumed, read)}
        with torch.no_grad(), recorder_of(self.model) as recorder:
            # The base model: the maps are the same without the logits, which are larger than all the rest.
            self.model.base_model(**{name: value for name, value in inputs.items() if name in self.takes})
        recording = recorder.recording
        if not recording.maps:
            reasons = sorted({call.kept for call in recording.calls}) or ["no attention call was seen"]
            raise RecordingError(f"expected attention in {type(self.model).__name__}, got none: {reasons[0]}")
        found, heads = [], []
        for amap in recording.maps:
            rows, keys = axes[str(amap.kind)]
            found.append(batch_statistics(amap, rows.lengths, keys, self.settings.windows))
            heads += [Head(amap.kind, amap.layer, amap.name, head) for head in range(amap.shape[1])]
        return torch.cat(found, 1), tuple(heads)

    def padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Ids and attention mask on the model's device, padded on the right: real tokens keep their positions."""
        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[self.padding] * (longest - len(row))] for row in rows])
        mask = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
        return ids.to(self.model.device), mask.long().to(self.model.device)

    def _keys(self, rows: Sequence[Sequence[int]]) -> PaddedKeys:
        """The tokens of one side of the maps."""
        longest = max(map(len, rows))
        lengths = torch.tensor([len(row) for row in rows])
        padding = [0] * longest
        ids = torch.tensor([[*row, *padding[len(row) :]] for row in rows])
        kinds = torch.tensor([[*map(self._kind, row), *[(0.0, 0.0)] * (longest - len(row))] for row in rows])
        repeats = torch.tensor([[*_repeats(row), *padding[len(row) :]] for row in rows]).bool()
        return PaddedKeys(lengths, ids, kinds.double(), repeats)

    def _kind(self, token: int) -> tuple[float, float]:
        """Whether a token is special, and whether it is punctuation."""
        if token not in self.kinds:
            special, punctuation = kinds_of_keys(self.tokenizer.convert_ids_to_tokens([token]), None)
            self.kinds[token] = float(special[0]), float(punctuation[0])
        return self.kinds[token]


def _repeats(row: Sequence[int]) -> list[bool]:
    """For each token, whether it has occurred before."""
    first: dict[int, int] = {}
    return [first.setdefault(token, at) < at for at, token in enumerate(row)]


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 1]}…"


class Loader(NamedTuple):
    """How to get a surveyor: in this process, or in another one."""

    model: Any  #: folder or hub name, or a loaded model
    tokenizer: Any  #: of a loaded model
    dtype: str
    device: str
    settings: Settings

    def load(self) -> Surveyor:
        """The surveyor, ready to read.

        Raises:
            ModelError: the model cannot be found or read.
        """
        model, tokenizer = self.model, self.tokenizer
        if isinstance(model, str):
            model, tokenizer = load_text_model(model, dtype=self.dtype, device=self.device)
        return Surveyor(model, tokenizer, self.settings)


def described(model: Any) -> dict[str, Any]:
    """What a survey is of: to be read in its file, and to refuse mixing it with another."""
    digest = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        ends = torch.cat([values.flatten()[:64], values.flatten()[-64:]])  # enough to tell two trained models apart
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode() + ends.double().cpu().numpy().tobytes())
    return {
        "class": type(model).__name__,
        "parameters": sum(values.numel() for values in model.parameters()),
        "dtype": str(model.dtype).removeprefix("torch."),
        "fingerprint": digest.hexdigest()[:16],
    }
