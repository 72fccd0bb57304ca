"""Means over reference texts of what stands at parts of a model: streamed, by position, from the end, by role."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from regard.arguments import one_of, several, whole_number
from regard.errors import DtypeError, OptionError, in_short
from regard.interventions.batches import Batch, Forward, batches_of
from regard.interventions.intervener import Intervener, Wanted
from regard.interventions.pieces import LAYER, Piece, Spot
from regard.interventions.prompts import Prompt
from regard.interventions.reading import Read, Reader
from regard.interventions.runs import Run
from regard.interventions.sites import Part, Sublayer
from regard.recording.observe import observe

By = Literal["position", "end", "all", "role"]
"""Which positions a mean is over."""


class Sums:
    """Sums of one part of a call, and of how many positions each is: (heads, rows, dim) by row, or by name.

    The rows are positions, from the first or from the last one; they grow with the texts.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, Tensor] = {}

    def add(self, key: str, values: Tensor, of: int = 1) -> None:
        """Add what stands at some rows of one text, (heads, rows, dim), each the sum of so many."""
        wide = values.to(torch.float32 if values.device.type == "mps" else torch.float64)
        rows = wide.shape[1]
        if key not in self.sums:
            self.sums[key], self.counts[key] = torch.zeros_like(wide), torch.zeros(rows, device=wide.device)
        if rows > (had := self.sums[key].shape[1]):
            self.sums[key] = torch.cat([self.sums[key], torch.zeros_like(wide[:, had:])], 1)
            self.counts[key] = torch.cat([self.counts[key], torch.zeros(rows - had, device=wide.device)])
        self.sums[key][:, :rows] += wide
        self.counts[key][:rows] += of


class Reference:
    """What stands at parts of a model on some texts: see ``regard.reference``.

    Attributes:
        texts: how many there were.
        shares_first: whether all of them begin with the same token.
        digest: of their ids.
    """

    def __init__(self, reads: Sequence[Read]) -> None:
        self.texts = len(reads)
        self.shares_first = len({(one.source or one.ids)[0] for one in reads}) == 1
        self.digest = hashlib.blake2b(repr([(one.source, one.ids) for one in reads]).encode(), digest_size=8).hexdigest()
        self._sums: dict[Spot, Sums] = {}

    def __repr__(self) -> str:
        parts = sorted({spot.part for spot in self._sums})
        return f"Reference({self.texts:,} texts; {', '.join(parts)} of {len(self._sums)} calls and layers)"

    def add(self, run: Run, reads: Sequence[Read]) -> None:
        """Add what was kept of a run over some of the texts, which are of one length."""
        for spot, values in run.values.items():
            sums = self._sums.setdefault(spot, Sums())
            for item, read in zip(values, reads, strict=True):
                sums.add("position", item)
                sums.add("end", item.flip(1))
                for name, at in _roles(read, item.shape[1]).items():
                    sums.add(f"role {name}", item[:, at].sum(1, keepdim=True), of=len(at))

    def mean(self, piece: Piece, by: By, first: str, spans: Sequence[Mapping[str, Any]]) -> Tensor:
        """The mean that stands at each position of a piece, (sequences, heads, positions, dim).

        Raises:
            OptionError: nothing was kept there, or no text reaches a position, or has its role.
        """
        sums = self._sums.get(piece.spot)
        if sums is None:
            raise OptionError(
                f"reference: expected means of the {piece.spot}, got {self!r}; regard.reference(model, texts, "
                f"parts=[{piece.spot.part!r}])"
            )
        heads, place, length = list(piece.heads), piece.places.place, piece.places.length
        if by == "role":
            return self._by_role(piece, sums, spans)
        if by == "all":
            start = 1 if self.shares_first and sums.counts["position"].shape[0] > 1 else 0
            mean = sums.sums["position"][heads, start:].sum(1) / sums.counts["position"][start:].sum()  # (heads, dim)
            made = mean.to(piece.values)[None, :, None].expand_as(piece.values)
            kept = (place == 0) & (self.shares_first and first == "keep")
            return torch.where(kept[:, None, :, None], piece.values, made)
        rows = place if by == "position" else length[:, None] - 1 - place
        counts = sums.counts[by]
        if bool((piece.chosen & (place >= 0) & (rows >= len(counts))).any()):
            raise OptionError(
                f"reference: expected a text of at least {int(length.max())} tokens, as one of these has, got at most "
                f"{len(counts)}; give longer ones, or take by='all'"
            )
        means = (sums.sums[by][heads] / counts[:, None]).to(piece.values)  # (heads, rows, dim)
        return means[:, rows.clamp(0, len(counts) - 1)].transpose(0, 1)

    def _by_role(self, piece: Piece, sums: Sums, spans: Sequence[Mapping[str, Any]]) -> Tensor:
        made = piece.values.clone()
        for item, own in enumerate(spans or [{}] * len(made)):
            named = {name: set(at) for name, at in own.items()}
            for position, place in enumerate(piece.places.place[item].tolist()):
                if place < 0 or not bool(piece.chosen[item, position]):
                    continue
                role = "+".join(sorted(name for name, at in named.items() if place in at))
                if f"role {role}" not in sums.sums:
                    raise OptionError(
                        f"reference: expected a text with {f'the spans {role}' if role else 'positions of no span'}, got none; "
                        "name them in Prompt(spans=...)"
                    )
                total = sums.sums[f"role {role}"][list(piece.heads), 0]
                made[item, :, position] = (total / sums.counts[f"role {role}"][0]).to(made)
        return made


def reference(
    model: nn.Module,
    texts: Any,
    *,
    tokenizer: Any = None,
    parts: Sequence[Part | Sublayer] = ("output",),
    batch_tokens: int = 2048,
) -> Reference:
    """What stands at parts of a model on some texts: for ``regard.interventions.mean``.

    Sums and counts for each layer, head and position, from the first one and from the last: memory grows with the longest text
    and not with how many there are. Texts of one length go through the model together, and none is padded.

    Args:
        model: in evaluation mode.
        texts: texts, their ids, or prompts; the spans of prompts are roles.
        tokenizer: of texts.
        parts: of heads and of layers, as sites name them; no patterns.
        batch_tokens: of one pass.

    Raises:
        OptionError: a text that does not fit, with its place; a part that has no mean.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
        >>> reference(GPT2LMHeadModel(config).eval(), [[1, 2, 3], [1, 4]])
        Reference(2 texts; output of 2 calls and layers)
    """
    if not isinstance(model, nn.Module):
        raise DtypeError(f"model: expected a torch module, got {in_short(model)}")
    known = [one for one in get_args(Part) if one != "pattern"] + list(LAYER)
    wanted: Wanted = {one_of("parts", part, known): None for part in several("parts", parts, "parts")}
    reads = read_texts(texts, Reader(model, tokenizer))
    tokens = whole_number("batch_tokens", batch_tokens, 1)
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    intervener, forward = Intervener(model, unpadded=True), Forward(model, ())
    intervener.wanted = wanted

    def kept(batch: Batch) -> Run:
        intervener.run = Run()
        forward.output(batch)
        if intervener.error is not None:
            raise intervener.error
        return intervener.run

    with torch.no_grad(), observe(model, intervener):
        return reference_of(reads, batches_of(reads, tokens, device), kept)


def read_texts(texts: Any, reader: Reader) -> list[Read]:
    """Reference texts in tokens."""
    listed = several("reference", texts, "texts", advice="for example ['A text', 'Another one']")
    reads = [reader.read(one if isinstance(one, Prompt) else Prompt(one), f"reference[{at}]") for at, one in enumerate(listed)]
    if not reads:
        raise OptionError("reference: expected a text or more, got none")
    return reads


def reference_of(reads: Sequence[Read], batches: Iterable[Batch], kept: Callable[[Batch], Run]) -> Reference:
    """The sums over batches of texts."""
    found = Reference(reads)
    for batch in batches:
        found.add(kept(batch), batch.prompts)
    return found


def _roles(read: Read, positions: int) -> dict[str, list[int]]:
    """The positions of each role: those of no span have the role ""."""
    found: dict[str, list[int]] = {}
    for at in range(positions):
        role = "+".join(sorted(name for name, span in read.spans.items() if at in span))
        found.setdefault(role, []).append(at)
    return found
