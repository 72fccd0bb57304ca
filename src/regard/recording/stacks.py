"""Which stack of modules an attention call belongs to, and so what its rows and columns are: seen from what the stack is given.

A model is made of stacks: a text model, a vision tower, an encoder, a decoder. Each reads something of its own, and an axis is
made where that is seen: at the module that is given the ids, the picture, or a cache that goes on. What nothing says stays
unknown: the words of one tower are never put on the maps of another.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.tokens import axis_of_ids, axis_of_presence, joined, with_segments
from regard.recording.held import Held, length_of, marks_of
from regard.recording.latents import Latent, axis_of_latent, latent_of
from regard.recording.padding import looks_padded, padding_mask
from regard.recording.places import Grid, axis_of_pictures, grids_of, leading_of, pixels_of, with_pictures
from regard.recording.sounds import axis_of_sound, with_sounds

TEXT = frozenset({"input_ids", "decoder_input_ids"})
EMBEDDED = frozenset({"inputs_embeds", "decoder_inputs_embeds"})
MASKS = frozenset({"attention_mask", "decoder_attention_mask", "encoder_attention_mask"})
OTHERS = frozenset({
    "pixel_values", "pixel_values_videos", "pixel_values_images", "input_features", "input_values", "audio_values",
    "image_grid_thw", "video_grid_thw", "grid_thw", "image_sizes", "spatial_shapes", "patch_attention_mask",
})  # fmt: skip
CARRIED = frozenset({"cache", "encoder_hidden_states", "past_key_values"})  # from Transformers 5.24 on, the cache is "cache"
PARTS = "cu_seqlens"
"""Where the pictures or windows of a tower begin and end, which attends within each of them in a call of its own."""

FACTS = TEXT | EMBEDDED | MASKS | OTHERS | CARRIED | {PARTS}  # say what a stack reads, as Transformers calls them
TYPES = "token_type_ids"
KEPT = FACTS | {TYPES, "batch_num_images"}  # the latter two are no sign of what a stack reads


@dataclass
class Frame:
    """A module that runs, and what it was given that says something of its axes."""

    module: nn.Module
    given: Mapping[str, Any]
    cached: int | None = None  #: positions in its cache when the stack began; None without a cache that can say it
    axes: dict[str, Axis] = field(default_factory=dict)  #: made once for all calls of the stack
    marks: Tensor | None = None  #: see ``Held``
    caches: dict[int, int | None] = field(default_factory=dict)  #: positions in the caches that were met inside, at first
    pictures: list[Grid] = field(default_factory=list)  #: those that towers inside have seen, in their order
    calls: int = 0  #: attention calls that it has made
    latent: Latent | None = None  #: of a picture that it makes

    def ids(self, name: str = "input_ids") -> Tensor | None:
        """Ids (batch, positions) that it was given."""
        found = self.given.get(name)
        return found if isinstance(found, Tensor) and found.ndim == 2 and not found.is_floating_point() else None

    def mask(self, name: str, queries: int = 0) -> Tensor | None:
        """The padding mask (batch, positions) that it was given."""
        return padding_mask(self.given.get(name), queries)

    @property
    def reads_otherwise(self) -> bool:
        """Whether it reads no text at all: pictures, sound."""
        modalities = getattr(self.module, "input_modalities", None)
        if modalities and hasattr(self.module, "config"):  # as Transformers says of each of its models
            said = (modalities,) if isinstance(modalities, str) else tuple(modalities)
            takes_text = bool((TEXT | EMBEDDED) & set(_arguments(type(self.module).forward)))
            if "text" not in said or takes_text:  # some towers say what their whole model reads
                return "text" not in said
        return bool(OTHERS & self.given.keys()) and not (TEXT | EMBEDDED) & self.given.keys()

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether its ids are the source, and another text is written: then it takes both."""
        return "decoder_input_ids" in _arguments(type(self.module).forward)


class Stacks:
    """The stacks that run now, and what earlier ones have left: outputs of encoders, caches."""

    def __init__(self, tokenizer: Any = None) -> None:
        self.tokenizer = tokenizer
        self.frames: list[Frame] = []  # the innermost last
        self.doubt: str | None = None  #: what should be said of the recording
        self._outputs: dict[int, tuple[ReferenceType[Tensor], Axis]] = {}
        self._caches: WeakKeyDictionary[Any, Held] = WeakKeyDictionary()
        self._pictures: list[Grid] = []  # of towers that ran before the text, as in generate

    def enter(self, module: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """A module begins."""
        known = {name: value for name, value in named.items() if name in KEPT and value is not None}
        given = pixels_of(module, positional) | known
        if positional and (names := _fact_names(type(module).forward)):
            given |= {names[at]: value for at, value in enumerate(positional) if names.get(at) and value is not None}
        if hasattr(held := given.pop("cache", None), "get_seq_length"):
            given.setdefault("past_key_values", held)
        frame = Frame(module, given, latent=latent_of(module, positional, named))
        self.frames.append(frame)
        if (held := given.get("past_key_values")) is not None:
            # The first layer of the stack fills the cache: those after it must not count what stands there then.
            stack = next((one for one in reversed(self.frames) if (TEXT | EMBEDDED) & one.given.keys()), frame)
            if id(held) not in stack.caches:
                stack.caches[id(held)] = length_of(held)
            frame.cached = stack.caches[id(held)]

    def leave(self, module: nn.Module, output: Any) -> None:
        """A module is done: what it read is what its output stands for, and what its cache holds."""
        frame = self.frames[-1] if self.frames and self.frames[-1].module is module else None
        if frame is None or not frame.given:
            return
        within = isinstance(output, tuple) and output and isinstance(output[0], Tensor)
        first = output[0] if within else output if isinstance(output, Tensor) else getattr(output, "last_hidden_state", None)
        if frame.reads_otherwise:
            self._tell_of_pictures(frame)
            if isinstance(first, Tensor) and first.ndim == 3:
                frame.axes["rows"] = self._otherwise(frame, first.shape[0], first.shape[1])
        axis = frame.axes.get("rows")
        if axis is None:
            return
        if isinstance(first, Tensor) and first.ndim == 3 and first.shape[1] == len(axis):
            key = id(first)
            self._outputs[key] = ref(first, lambda _: self._outputs.pop(key, None)), axis
        own = getattr(output, "cache", None) or getattr(output, "past_key_values", None)
        held = frame.given.get("past_key_values") if own is None else own
        if held is not None and (columns := frame.axes.get("columns")) is not None:
            with suppress(TypeError):  # a plain tuple of tensors cannot be referred to weakly
                self._caches[held] = Held(columns, frame.marks)

    def leave_until(self, depth: int) -> None:
        """Only so many modules still run."""
        del self.frames[depth:]

    def called(self, module: nn.Module) -> int:
        """How many calls an attention module that goes part by part has made before in this run of it; 0 of any other."""
        frame = next((one for one in reversed(self.frames) if one.module is module), None)
        if frame is None or PARTS not in frame.given:
            return 0
        frame.calls += 1
        return frame.calls - 1

    def axes(
        self, module: nn.Module, kind: str, shape: tuple[int, int, int, int], key: Tensor | None = None
    ) -> tuple[Axis, Axis]:
        """The rows and the columns of the map of a call that is made now.

        Args:
            module: which makes it.
            kind: of attention.
            shape: of its map.
            key: its keys (batch, heads, keys, dim), which show whether a cache still holds what it did.
        """
        batch, _, queries, keys = shape
        frame = self._reader()
        if frame is None or frame.reads_otherwise:
            # a decoder may look at what is no text, and the other way round
            rows = self._joint(batch, queries) if frame is None else self._otherwise(frame, batch, queries)
            if kind == "cross" and (frame is None or self._looks_elsewhere()):
                return rows, self._source(batch, keys)
            if queries == keys or frame is None:
                return rows, rows if queries == keys else Axis.unknown(keys)
            return rows, self._otherwise(frame, batch, keys)
        role = "consumed" if kind in ("decoder", "cross") else "source"
        rows = self._rows(frame, role, batch, queries)
        if kind == "cross":
            own = frame.axes.get("columns", rows)
            if "Merged" in type(module).__name__ and keys != queries:  # one softmax over the text so far and over the source
                source = self._source(batch, keys - len(own)) if keys > len(own) else None
                return rows, joined([own, source]) if source is not None else Axis.unknown(keys)
            return rows, self._source(batch, keys)
        columns = self._keys(frame, rows, role, batch, keys, key)
        frame.axes.setdefault("rows", rows)
        if columns.lines[0].id is not None:
            frame.axes["columns"] = columns
        return rows, columns

    def _joint(self, batch: int, size: int) -> Axis:
        """Positions of what reads no text: the patches of a picture that is made; of others their padding may be known."""
        masks = (frame.mask("attention_mask") for frame in reversed(self.frames))
        fitting = (mask for mask in masks if mask is not None and mask.shape == (batch, size))
        mask = None if size == 1 else next(fitting, None)
        found = axis_of_latent((frame.latent for frame in reversed(self.frames) if frame.latent is not None), size)
        if found is None:
            return self._presence_alone(mask, batch, size)
        return found if mask is None or bool(mask.bool().all()) else _with_presence(found, mask)

    def _looks_elsewhere(self) -> bool:
        """Whether an encoder's output is looked at; else a probe looks at what the stack itself has read."""
        return any("encoder_hidden_states" in frame.given for frame in self.frames)

    # -- which stack -----------------------------------------------------------------------------------------------

    def _reader(self) -> Frame | None:
        """The innermost running module that says what it reads."""
        embedded = False
        for frame in reversed(self.frames):
            if frame.reads_otherwise:
                return frame
            if TEXT & frame.given.keys():
                # Ids beside a picture are those of a call inside only where it was given these very positions.
                return frame if embedded or not OTHERS & frame.given.keys() else None
            embedded = embedded or bool(EMBEDDED & frame.given.keys())
        return None

    def _rows(self, frame: Frame, role: str, batch: int, size: int) -> Axis:
        key = f"rows {role} {batch} {size}"
        if key not in frame.axes:
            written = role == "consumed" and frame.is_encoder_decoder
            ids = frame.ids("decoder_input_ids" if written else "input_ids")
            mask = self._mask(frame, "decoder_attention_mask" if written else "attention_mask", size)
            found: Axis | None = None
            if ids is not None and ids.shape == (batch, size):
                present = mask[:, -size:] if mask is not None and mask.shape[0] == batch and mask.shape[1] >= size else None
                found = with_segments(axis_of_ids(ids, present, self.tokenizer, role), frame.given.get(TYPES))
                if mask is None and (pad := looks_padded(ids, role, self._pad_token())) is not None:
                    self.doubt = (
                        f"whether the positions of the pad token {pad} are padding is not known, as no attention_mask "
                        "of (batch, positions) was given: they count as text; give the model the attention_mask that its "
                        "tokenizer returns"
                    )
                config = getattr(frame.module, "config", None)
                text = with_sounds(found, ids, config)
                found = with_pictures(text, ids, config, frame.given, frame.pictures or self._pictures)
                if found is not text and not frame.pictures:
                    self._pictures.clear()
            elif ids is not None and ids.shape[0] == batch and _virtual_tokens(self.frames) == size - ids.shape[1] > 0:
                virtual = Axis((Line(size - ids.shape[1], text=("",) * (size - ids.shape[1])),))
                found = joined([virtual, axis_of_ids(ids, None, self.tokenizer)], role)
                found = found if mask is None or mask.shape != (batch, size) else _with_presence(found, mask)
            frame.axes[key] = found or self._presence_alone(mask, batch, size)
        return frame.axes[key]

    def _keys(self, frame: Frame, rows: Axis, role: str, batch: int, size: int, keys: Tensor | None) -> Axis:
        """The columns of self-attention: the rows, after what stands in the cache."""
        if size == len(rows) and not self._cached():
            if self._cache() is not None and keys is not None and batch > 1 and frame.marks is None:
                frame.marks = marks_of(keys)
            return rows
        key = f"columns {role} {batch} {size}"
        if key not in frame.axes:
            mask = self._mask(frame, "attention_mask", len(rows))
            fits = mask is not None and mask.shape == (batch, size)
            cached = self._cached()
            if cached and size == cached + len(rows) and rows.lines[0].id is not None:
                before = self._held(cached, batch, keys) or Axis.unknown(cached)
                found = joined([before, rows], role)
                found = _with_presence(found, mask) if fits and mask is not None else found
            else:
                found = self._presence_alone(mask, batch, size)
            frame.axes[key] = found
            # Of the first layer: the keys of a position say which beam it belongs to.
            frame.marks = None if keys is None or batch == 1 else marks_of(keys)
        return frame.axes[key]

    def _held(self, cached: int, batch: int, keys: Tensor | None) -> Axis | None:
        """The positions of a cache, if it still holds what it did when it was met: beams that were reordered are others."""
        held = self._caches.get(self._cache())
        if held is None or len(held.axis) != cached or len(held.axis.lines) != batch:
            return None
        if batch == 1:
            return held.axis
        if held.marks is None or keys is None:
            return None
        same = torch.allclose(held.marks, marks_of(keys)[:, :cached])
        return held.axis if same else None

    def _source(self, batch: int, size: int) -> Axis:
        """The columns of cross-attention: what the encoder whose output it is has read."""
        for frame in reversed(self.frames):
            carried = frame.given.get("encoder_hidden_states")
            if isinstance(carried, Tensor):
                known = self._outputs.get(id(carried))
                if known is not None and known[0]() is carried and len(known[1]) == size and len(known[1].lines) in (1, batch):
                    return known[1]
                break
        for frame in self.frames:
            ids = frame.ids()
            if frame.is_encoder_decoder and ids is not None and ids.shape == (batch, size):
                if "source" not in frame.axes:
                    frame.axes["source"] = axis_of_ids(ids, frame.mask("attention_mask"), self.tokenizer, "source")
                return frame.axes["source"]
        masks = (frame.mask("encoder_attention_mask") for frame in reversed(self.frames))
        return self._presence_alone(next((mask for mask in masks if mask is not None), None), batch, size)

    def _otherwise(self, frame: Frame, batch: int, size: int) -> Axis:
        """The positions of a stack that reads pictures or sound."""
        part = self._part(size)
        key = f"places {batch} {size} {part}"
        if key not in frame.axes:
            found: Axis | None = None
            for one in self._until_text(frame):
                found = found or axis_of_pictures(one.module, one.given, batch, size, part)
                found = found or axis_of_sound(one.module, one.given, batch, size, self.tokenizer)
            frame.axes[key] = found or Axis.unknown(size)
        return frame.axes[key]

    def _part(self, size: int) -> tuple[int, int] | None:
        """Where the part of a tower that a call attends within begins and ends; None where it is all of it."""
        frame = next((one for one in reversed(self.frames) if PARTS in one.given and one.calls), None)
        if frame is None:
            return None
        ends = [int(end) for end in frame.given[PARTS]]
        start, stop = (ends[frame.calls - 1], ends[frame.calls]) if frame.calls < len(ends) else (0, 0)
        return (start, stop) if stop - start == size else None

    def _until_text(self, frame: Frame) -> list[Frame]:
        """This running module and those around it, as far as they read no text."""
        at = next(at for at, one in enumerate(self.frames) if one is frame)
        found = []
        for one in reversed(self.frames[: at + 1]):
            if TEXT & one.given.keys():
                break
            found.append(one)
        return found

    def _tell_of_pictures(self, frame: Frame) -> None:
        """A tower is done: the module that is given a text around it may put its pictures in."""
        around = [one for one in self._until_text(frame) if one is not frame]
        grids = grids_of(frame.module, frame.given)
        if grids is None or any(grids_of(one.module, one.given) is not None for one in around):
            return
        text = next((one for one in reversed(self.frames) if TEXT & one.given.keys()), None)
        leading = leading_of(frame.module)
        seen = self._pictures if text is None else text.pictures
        seen += [grid._replace(leading=leading) for pictures in grids for grid in pictures]

    def _pad_token(self) -> int | None:
        configs = (getattr(frame.module, "config", None) for frame in self.frames)
        pads = (getattr(config, "pad_token_id", None) for config in configs)
        return next((one for one in pads if isinstance(one, int)), None)

    # -- what is known of them -------------------------------------------------------------------------------------

    def _mask(self, until: Frame, name: str, queries: int) -> Tensor | None:
        """The padding mask of the innermost module that has one, up to the outermost that was given the ids of this text."""
        ids, inside = until.ids(), True
        for frame in reversed(self.frames):
            given = frame.ids()
            if not inside and given is not None and (ids is None or not torch.equal(given, ids)):
                return None
            if (inside or given is not None) and (found := frame.mask(name, queries)) is not None:
                return found
            inside = inside and frame is not until
        return None

    def _presence_alone(self, mask: Tensor | None, batch: int, size: int) -> Axis:
        if mask is None or mask.shape != (batch, size) or bool(mask.bool().all()):
            return Axis.unknown(size)
        return axis_of_presence(mask.bool())

    def _cache(self) -> Any:
        return next((found for one in reversed(self.frames) if (found := one.given.get("past_key_values")) is not None), None)

    def _cached(self) -> int:
        held = next((one for one in reversed(self.frames) if one.given.get("past_key_values") is not None), None)
        return 0 if held is None or held.cached is None else held.cached


@cache
def _arguments(forward: Callable[..., Any]) -> tuple[str, ...]:
    """What the forward of a class takes."""
    return tuple(inspect.signature(forward).parameters)[1:]


@cache
def _fact_names(forward: Callable[..., Any]) -> dict[int, str]:
    """Which of its positional arguments say something of its axes."""
    return {at: name for at, name in enumerate(_arguments(forward)) if name in KEPT}


def _virtual_tokens(frames: list[Frame]) -> int | None:
    """Positions that a prompt of trained vectors adds before the text, as PEFT says."""
    for frame in frames:
        config = getattr(frame.module, "active_peft_config", None)
        if (count := getattr(config, "num_virtual_tokens", None)) is not None:
            return int(count)
    return None


def _with_presence(axis: Axis, mask: Tensor) -> Axis:
    rows = [tuple(map(bool, row)) for row in mask.tolist()]
    lines = axis.lines if len(axis.lines) == len(rows) else axis.lines * len(rows)
    return replace(axis, lines=tuple(replace(line, present=row) for line, row in zip(lines, rows, strict=True)))
