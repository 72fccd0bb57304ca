"""What a recording is: the maps of one block, in call order; each knows its rows and columns."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor

from regard.arguments import one_of, several, whole_number
from regard.axes.axis import Axis
from regard.axes.roles import ROLES
from regard.errors import DtypeError, OptionError, RecordingError, in_short
from regard.maps.attention_map import AttentionMap
from regard.maps.given_weights import given_maps
from regard.maps.moving import Mover
from regard.maps.naming import named_maps
from regard.maps.storage.map_file import MapWriter
from regard.maps.storage.tensor_file import TensorPart
from regard.maps.towers import chosen_tower, towers_of
from regard.pictured import Pictured
from regard.recording.calls import Call
from regard.recording.check import Check, checked
from regard.recording.given_maps import check_shares, with_ids
from regard.recording.kinds import ATTENTION_KINDS
from regard.recording.pictures import of_pictures, pictures_of_texts, shows_pictures
from regard.recording.values import CallValues, values_as_data

FOR_WEIGHTS = "for weights there is Recording.of"


class Recording(Pictured):
    """The attention of one block: maps in call order, which know their rows and columns.

    Attributes:
        maps: every map, in call order; ``map.name`` is the module's qualified name.
        calls: every attention call that was seen, and how it was kept; also those that layers= and kinds= left out.
        values: with ``record(values=True)``, what each of the maps was multiplied with, in the order of ``maps``.
        passes: how many times the model ran inside the block.
        sequences: ids that were generated, (batch, length), where ``regard.generate`` made the recording.
        model: class of the recorded model, and its name on the hub where it has one.
    """

    def __init__(self, maps: Iterable[AttentionMap] = ()) -> None:
        made = maps if isinstance(maps, Iterator) else several("maps", maps, "AttentionMaps", advice=FOR_WEIGHTS)
        self.maps: list[AttentionMap] = list(made)
        if wrong := [one for one in self.maps if not isinstance(one, AttentionMap)]:
            raise DtypeError(f"maps: expected AttentionMaps, got {in_short(wrong[0])} among them; {FOR_WEIGHTS}")
        self.calls: list[Call] = []
        self.values: list[CallValues] = []
        self.passes = 0
        self.sequences: Tensor | None = None
        self.model: str | None = None

    @classmethod
    def of(cls, attentions: Any, tokens: Any = None, kind: str | None = None) -> "Recording":
        """A recording of weights that one already has: everything that takes a recording takes it.

        Args:
            attentions: one of

                - a tensor or array (batch, heads, queries, keys) a layer in a tuple, as models return with
                  ``output_attentions=True``, or one tensor with the layers first;
                - the output of a model, with ``attentions``, ``encoder_attentions``, ``decoder_attentions`` or
                  ``cross_attentions``, which say the kinds;
                - what ``model.generate(..., output_attentions=True, return_dict_in_generate=True)`` returns, or the tuples in
                  it, of steps and layers: of one sequence, without beams. The steps are put together: row t is the query
                  that produced token t + 1;
                - a mapping of names to weights, such as the cache of TransformerLens, of which the patterns are taken. The
                  first number in a name is the layer's.
            tokens: the texts or ids of the positions, special tokens included: a list, or lists for a batch; of a generation
                one for each row, or for the whole sequence, which is one more; of an encoder-decoder a mapping of "source",
                "consumed" and "produced" to lists.
            kind: what the weights are where they do not say it: "encoder", "decoder", "cross" or "self". Without it, those with
                as many queries as keys are "self"; others have no kind.

        Raises:
            RecordingError: no weights; a generation with beams or of several sequences, whose rows are not known to be whose.
            ScoreError: NaN or infinite weights.
            DtypeError, ShapeError, OptionError: no weights, steps that do not follow one another, names that do not fit.

        Warns:
            UserWarning: weights that are no softmax's: below 0, or with rows that sum to more than 1.

        Example:
            >>> import torch
            >>> recording = Recording.of((torch.eye(3)[None, None],) * 2, ["a", "b", "c"])
            >>> len(recording.self), recording.self[1].queries
            (2, Axis('a', 'b', 'c', role='source'))
        """
        made = cls(given_maps(attentions, kind))
        for amap in made.maps:
            if amap.kind is None and amap.shape[2] == amap.shape[3]:
                amap.kind = "self"
                amap.queries = amap.keys = Axis(amap.keys.lines, "source")
        check_shares(made.maps)
        made.passes, made.sequences = 1, getattr(attentions, "sequences", None)
        made.calls = [Call(amap.name or "", str(amap.kind), amap.layer, "dense", amap.call) for amap in made.maps]
        if made.sequences is not None:
            made.maps = with_ids(made.maps, made.sequences)
        made.maps = named_maps(made.maps, tokens)
        return made

    def __repr__(self) -> str:
        counts = [f"{len(found)} {kind}" for kind in ATTENTION_KINDS if (found := [m for m in self.maps if m.kind == kind])]
        size = sum(amap.nbytes for amap in self.maps)
        missing = sum(call.layer is None for call in self.calls)
        said = f"; {missing} call{'s' * (missing > 1)} without a map: see recording.calls" if missing else ""
        return f"Recording({', '.join(counts) or 'no'} maps, {self.passes} passes, {size / 2**20:.1f} MiB{said})"

    @property
    def encoder(self) -> list[AttentionMap]:
        """Self-attention of the encoder, by layer."""
        return self._by_layer("encoder")

    @property
    def decoder(self) -> list[AttentionMap]:
        """Self-attention of the decoder, by layer; row t is the query that produced token t."""
        return self._by_layer("decoder")

    @property
    def cross(self) -> list[AttentionMap]:
        """Attention from the decoder to the encoder's output, by layer: rows are target tokens, columns source tokens."""
        return self._by_layer("cross")

    @property
    def self(self) -> list[AttentionMap]:
        """Self-attention of a model that is not an encoder-decoder, by layer."""
        return self._by_layer("self")

    def at(self, step: int) -> "Recording":
        """The recording of one pass of the model: a text of a loop, a picture, or a step of denoising.

        Args:
            step: which pass, counted from 0; negative ones from the last.

        Raises:
            OptionError: there is no such pass.

        Example:
            >>> import torch, regard
            >>> model = torch.nn.MultiheadAttention(6, 2, batch_first=True).eval()
            >>> with regard.record(model) as recording:
            ...     for length in (3, 5):
            ...         x = torch.zeros(1, length, 6)
            ...         output = model(x, x, x, need_weights=False)
            >>> recording.at(-1).self[0].shape
            (1, 2, 5, 5)
        """
        if not self.passes:
            raise OptionError(
                f"step: expected a pass that was recorded, got {in_short(step)} of none; run the model in the block"
            )
        step = whole_number("step", step, -self.passes, self.passes - 1, advice="passes are counted from 0") % self.passes
        made = self._part([at for at, amap in enumerate(self.maps) if amap.step == step])
        made.passes, made.calls = 1, [call for call in self.calls if call.step == step or call.layer is None]
        return made

    @property
    def towers(self) -> tuple[str, ...]:
        """Names of the stacks of layers that stand beside each other, such as vision_model and text_model."""
        return tuple(towers_of(self.maps))

    def tower(self, name: str) -> "Recording":
        """The recording of one part of the model: ``recording.tower("vision_model")``.

        Raises:
            OptionError: no map was made there.
        """
        made = self._part(chosen_tower(self.maps, name))
        made.calls = [call for call in self.calls if f".{name}." in f".{call.name}."]
        return made

    def _part(self, chosen: Sequence[int]) -> "Recording":
        """A recording of some of the maps."""
        made = Recording(self.maps[at] for at in chosen)
        made.passes, made.model, made.calls, made.sequences = self.passes, self.model, list(self.calls), self.sequences
        if len(self.values) == len(self.maps):
            made.values = [self.values[at] for at in chosen]
        return made

    def _by_layer(self, kind: str) -> list[AttentionMap]:
        found = [amap for amap in self.maps if amap.kind == kind]
        if not found:
            if self.maps and all(amap.kind is None for amap in self.maps):
                raise RecordingError(f"expected {kind} maps, got maps whose kind is not known; say it: of(..., kind={kind!r})")
            kinds = ", ".join(sorted({str(amap.kind) for amap in self.maps}))
            ran = "none was kept: see layers= and kinds=" if self.passes else "the model has not run in the block yet"
            raise RecordingError(f"expected {kind} maps, got {kinds + ' maps' if kinds else 'none: ' + ran}")
        if self.passes > 1:
            raise RecordingError(
                f"expected one pass of the model for .{kind}, got {self.passes}; recording.maps has every call. "
                f"recording.at(0) to recording.at({self.passes - 1}) are one each; for generated text, "
                "call regard.generate(model, inputs)"
            )
        return found

    @property
    def queries(self) -> tuple[str, ...] | None:
        """Labels of the rows: what the decoder produced, or the tokens of the text; None without a tokenizer."""
        return self.labels("produced") or self.labels("consumed") or self.labels("source")

    @property
    def keys(self) -> tuple[str, ...] | None:
        """Labels of the columns: the source of an encoder-decoder, the tokens of the text otherwise."""
        return self.labels("source") if self.is_encoder_decoder else self.labels("consumed") or self.labels("source")

    @property
    def consumed(self) -> tuple[str, ...] | None:
        """What the decoder read at each row; the token that it produced there stands in ``queries``."""
        return self.labels("consumed")

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether a decoder looks at another text than its own: there is cross-attention beside no plain self-attention."""
        kinds = {amap.kind for amap in self.maps}
        return "cross" in kinds and "self" not in kinds

    @property
    def batch_size(self) -> int:
        """How many sequences there are: texts, where there are any, whatever the number of their pictures."""
        texts = [amap.shape[0] for amap in self.maps if _is_text(amap)]
        return max(texts or [amap.shape[0] for amap in self.maps], default=0)

    def axis(self, role: str) -> Axis | None:
        """The positions of the "source", the "consumed" or the "produced" tokens, padding included; None where not known.

        Raises:
            OptionError: another role.
        """
        one_of("role", role, tuple(ROLES))
        if self.passes > 1:
            return None
        sides = (side for amap in self.maps for side in (amap.queries, amap.queries.beside, amap.keys))
        return next((side for side in sides if side is not None and side.role == role), None)

    def labels(self, role: str) -> tuple[str, ...] | None:
        """The texts of the "source", the "consumed" or the "produced" tokens, without padding; None where they have no names.

        Raises:
            OptionError: another role.
            RecordingError: a recording of several sequences.

        Example:
            >>> import regard
            >>> recording = regard.translate("No.").recording
            >>> recording.labels("source"), recording.labels("consumed")
            (('▁No', '.', '</s>'), ('<pad>', '▁Non', '.'))
        """
        axis = self.axis(role)
        if axis is None or axis.lines[0].text is None:
            return None
        if len(axis.lines) > 1:
            raise RecordingError(f"expected one sequence, got {len(axis.lines)}; ask one of them: recording.sample(0)")
        return axis.select(places=axis.real(0)).text

    def sample(self, item: int) -> "Recording":
        """The recording of one sequence of the batch, its padding cut off.

        Raises:
            OptionError: there is no such sequence.
            RecordingError: passes of several sizes, where it is not known which row is whose.

        Example:
            >>> import torch, regard
            >>> from transformers import GPT2Config, GPT2Model
            >>> model = GPT2Model(GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2)).eval()
            >>> mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
            >>> with regard.record(model) as recording:
            ...     output = model(torch.tensor([[3, 5, 7, 9], [4, 6, 0, 0]]), attention_mask=mask)
            >>> recording.sample(1).self[0].shape
            (1, 2, 2, 2)
        """
        count = self.batch_size
        if not count:
            raise OptionError(
                f"item: expected a sequence that was recorded, got {in_short(item)} of none; run the model in the block"
            )
        item = whole_number("item", item, 0, count - 1, advice="sequences are counted from 0")
        texts = {amap.shape[0] for amap in self.maps if _is_text(amap)} or {amap.shape[0] for amap in self.maps}
        if odd := texts - {1, count}:
            raise RecordingError(
                f"expected maps of {count} sequences, got maps of {sorted(odd)}: passes of several sizes, as in generate, "
                "do not tell which row is whose; take one of them, recording.at(0), or call regard.generate(model, inputs, ...)"
            )
        cut, others = self._cut(item, count)
        if left := sorted({str(amap.name) for at, amap in enumerate(self.maps) if at not in cut.keys() | others}):
            warnings.warn(
                f"sample({item}) leaves out the maps of {left[0]}{f' and {len(left) - 1} more modules' if left[1:] else ''}: "
                f"there are not {count} of them, and which are whose is not known; recording.maps has them",
                stacklevel=2,
            )
        made = Recording(cut.values())
        made.passes, made.model, made.calls = self.passes, self.model, list(self.calls)
        made.sequences = None if self.sequences is None else self.sequences[item : item + 1]
        if len(self.values) == len(self.maps):
            made.values = [self.values[at] for at in cut]  # they belong to what the maps are cut from
        return made

    def _cut(self, item: int, count: int) -> tuple[dict[int, AttentionMap], set[int]]:
        """The maps of a sequence, those of its pictures included, by their number; and the numbers of other sequences' own."""
        pictures = pictures_of_texts([amap for amap in self.maps if _is_text(amap)], count)
        cut: dict[int, AttentionMap] = {}
        others: set[int] = set()
        for at, amap in enumerate(self.maps):
            if pictures is not None and not _is_text(amap) and shows_pictures(amap, sum(pictures)):
                part = of_pictures(amap, sum(pictures[:item]), pictures[item])
                if part is None:
                    others.add(at)
                else:
                    cut[at] = part
            elif amap.shape[0] > 1 and count == 1:
                cut[at] = amap
            elif amap.shape[0] in (1, count):
                cut[at] = amap.sample(item if amap.shape[0] > 1 else 0)
        return cut, others

    @property
    def device(self) -> torch.device | None:
        """Where the maps are; None where there are none, or they are on several devices."""
        devices = {amap.device for amap in self.maps}
        return devices.pop() if len(devices) == 1 else None

    def to(self, device: torch.device | str) -> "Recording":
        """The recording on another device, with its values.

        The graph that ``relevance`` needs stays with the model, and moves along as tensors do.

        Raises:
            OptionError: there is no such device.

        Example:
            >>> import torch
            >>> Recording.of((torch.eye(3)[None, None],)).to("cpu").device
            device(type='cpu')
        """
        mover = Mover(device)
        made = copy(self)
        made.maps = [AttentionMap.from_data(mover.of(amap.to_data())) for amap in self.maps]
        made.values = [mover.of(one) for one in self.values]
        made.sequences = mover.of(self.sequences)
        return made

    def cpu(self) -> "Recording":
        """The recording in the memory of this machine."""
        return self.to("cpu")

    def check(self) -> Check:
        """Hold each map against what its call returned: max |map @ values − output|, by call. Needs record(values=True).

        It finds whatever makes other weights than the map's: an argument, a mask, a scale. It cannot find heads, or items of
        the batch, that stand in another order in the map and in the output alike, nor what axes are called.

        Raises:
            RecordingError: values or outputs were not kept.

        Example:
            >>> import torch, regard
            >>> from transformers import GPT2Config, GPT2Model
            >>> model = GPT2Model(GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2)).eval()
            >>> with torch.no_grad(), regard.record(model, values=True) as recording:
            ...     output = model(torch.tensor([[3, 5, 7, 9]]))
            >>> recording.check()  # doctest: +ELLIPSIS
            Check(2 of 2 maps compared with what their calls returned; largest error ... in ...; none beyond rounding)
            >>> recording.check().worst < 1e-5
            True
        """
        return checked(self.maps, self.values)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to one file: the factors of its maps, their sides, and values; ``regard.load`` opens it.

        What gradients need is not written: ``relevance`` asks the recording itself. The file appears when it is complete. A
        recording of one sentence, ``recording.sample(0)``, saves that sentence only.

        Raises:
            OSError: the file cannot be written; what stood there before still does.
            TooLargeError: a map's mask is a function of your own that cannot be written as data.

        Example:
            >>> import tempfile, regard
            >>> path = tempfile.mkdtemp() + "/recording.safetensors"
            >>> regard.translate("No.").recording.save(path)
            >>> regard.load(path).keys
            ('▁No', '.', '</s>')
        """
        writer = MapWriter()
        shared: dict[str, Any] = {"model": self.model, "passes": self.passes, "calls": self.calls}
        if self.sequences is not None:
            shared["sequences"] = writer.tensor("sequences", TensorPart.whole(self.sequences))
        if self.values and len(self.values) == len(self.maps):
            shared["values"] = [values_as_data(*at, writer) for at in enumerate(zip(self.maps, self.values, strict=True))]
        writer.write(path, [amap.to_data() for amap in self.maps], shared)


def _is_text(amap: AttentionMap) -> bool:
    """Whether a side of it is a text."""
    return amap.queries.role is not None or amap.keys.role is not None
