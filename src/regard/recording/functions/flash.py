"""FlashAttention 2, 3 and 4, and the kernels of the hub that stand in for them: read from what reaches the kernel."""

from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.errors import RecordingError
from regard.maps.attention_map import AttentionMap
from regard.masks import Mask
from regard.recording.copies import Copies
from regard.recording.functions.flash_kernels import KernelCall, listening
from regard.recording.functions.flash_masks import Documents, Sides, mask_of_runs
from regard.recording.functions.given import AttentionFunction, Given, heads_first
from regard.recording.observer import AttentionCall

SINKS = ("s_aux", "learnable_sink")
"""What kernels call logits that are in the denominator only."""


def read_flash(function: AttentionFunction, given: Given) -> tuple[tuple[Tensor, Any], AttentionCall]:
    """Transformers' ``flash_attention_forward``, whichever kernel it calls."""
    with listening() as kernel_calls:
        result = given.run(function)
    return result, call_of(given, result[0], kernel_calls)


def call_of(given: Given, output: Tensor, kernel_calls: list[KernelCall]) -> AttentionCall:
    """The call that has reached these kernels.

    Args:
        given: what the model gave.
        output: (batch, queries, heads, dim).
        kernel_calls: one, as Transformers calls a kernel once.
    """
    flash = FlashCall(given, output, kernel_calls)
    dropout = max((call.options.get("dropout_p", 0.0) for call in kernel_calls), default=0.0)
    tensors = given.query, given.key
    return AttentionCall(
        given.module,
        "factors",
        tensors,
        flash.map,
        output,
        flash.heads_first,
        lambda: flash.laid_out.value,
        dropout,
        inputs=None if given.ran is None else given.inputs,
        again=None if given.ran is None else given.again,
    )


class LaidOut(NamedTuple):
    """What a kernel got, as a map needs it, and who sees whom."""

    query: Tensor  #: (batch, queries, heads, dim)
    key: Tensor  #: (batch, keys, kv_heads, dim)
    values: Tensor  #: (batch, keys, kv_heads, dim)
    mask: Mask

    @property
    def value(self) -> Tensor:
        """(batch, kv_heads, keys, dim)."""
        return self.values.transpose(1, 2)


class FlashCall:
    """One call, laid out in sequences only where somebody asks for its map."""

    def __init__(self, given: Given, output: Tensor, kernel_calls: list[KernelCall]) -> None:
        self.given, self.shape, self.kernel_calls = given, output.shape, kernel_calls
        self.copies = Copies()  # until those of a recording come, which know the masks of the layers before

    def map(self, copies: Copies) -> AttentionMap:
        """The factors that the kernel got."""
        self.copies = copies
        laid_out, options = self.laid_out, self.kernel.options
        sinks = next((options[name] for name in SINKS if options.get(name) is not None), None)
        return AttentionMap(
            copies.own(laid_out.query.transpose(1, 2)),
            copies.own(laid_out.key.transpose(1, 2)),
            mask=laid_out.mask,
            scale=options.get("softmax_scale"),
            softcap=options.get("softcap") or None,  # 0 stands for none
            sinks=None if sinks is None else copies.own(sinks),
        )

    def heads_first(self, output: Tensor) -> Tensor:
        """An output (batch, queries, heads, dim) as the map has it: several items may be one sequence."""
        if self.laid_out.query.shape[0] == 1 < output.shape[0]:
            output = output.flatten(0, 1)[None]
        return heads_first(output)

    @property
    def kernel(self) -> KernelCall:
        """The call of the kernel."""
        if len(self.kernel_calls) != 1:
            raise RecordingError(
                f"expected one call of a FlashAttention kernel in {type(self.given.module).__name__}, got "
                f"{len(self.kernel_calls)}; call model.set_attn_implementation('sdpa') first"
            )
        return self.kernel_calls[0]

    @cached_property
    @torch.no_grad()
    def laid_out(self) -> LaidOut:
        """Sequences of the batch, or one of all of them where they look at each other."""
        made = {"plain": self._plain, "packed": self._packed, "paged": self._paged}[self.kernel.kernel]()
        return made._replace(values=made.values[..., : self.shape[-1]])  # narrow values were padded to the keys' dim

    @property
    def _sides(self) -> Sides:
        options = self.kernel.options
        return Sides.of(bool(options.get("causal")), options.get("window_size"))

    def _aligned(self, documents: Documents) -> Documents:
        """Old kernels (before FlashAttention 2.1), and some of NPUs, align causal masks at the first query and the first key.

        No kernel says which it does, and its output does: its first row is then the first value, and no mean.
        """
        asking, asked = documents.rows.diff(), documents.columns.diff()
        differ = ((asking != asked) & (asking > 0) & (asked > 0)).nonzero().flatten()
        if self._sides.right is None or not len(differ) or self.kernel.options.get("dropout_p"):
            return documents
        at = int(differ[0])
        query, key, value, output = (
            one.flatten(0, 1) if one.ndim == 4 else one for one in (*self.kernel.tensors[:3], self.kernel.output)
        )
        row, first, shift = int(documents.rows[at]), int(documents.columns[at]), int(asked[at] - asking[at])
        keys, values = (one[first : first + int(asked[at]), 0].float() for one in (key, value))
        made = output[row, 0].float()
        off = [float((made - self._row(query[row, 0].float(), keys, values, own)).abs().amax()) for own in (shift, 0)]
        return documents._replace(at_start=off[1] < off[0])

    def _row(self, query: Tensor, keys: Tensor, values: Tensor, own: int) -> Tensor:
        """The output of one query of the first head, whose own key is this one."""
        options, (left, right) = self.kernel.options, self._sides
        seen = slice(0 if left is None else max(own - left, 0), max(own + (right or 0) + 1, 0))
        scale = options.get("softmax_scale")
        scores = keys[seen] @ query * (query.shape[-1] ** -0.5 if scale is None else scale)
        if cap := options.get("softcap"):
            scores = cap * (scores / cap).tanh()
        sinks = next((options[name][:1].float() for name in SINKS if options.get(name) is not None), scores[:0])
        return torch.cat((scores, sinks)).softmax(0)[: len(scores)] @ values[seen]

    def _plain(self) -> LaidOut:
        query, key, value = self.kernel.tensors
        sizes = query.shape[1], key.shape[1]
        documents = self._aligned(Documents.whole(*sizes, query.device))
        runs = self.copies.shared(
            (), ("flash", *sizes, query.device, self._sides, documents.at_start),
            lambda: mask_of_runs(documents, self._sides, 1, *sizes),
        )  # fmt: skip
        return LaidOut(query, key, value, runs.mask)

    def _packed(self) -> LaidOut:
        call = self.kernel
        options = call.options
        rows, columns = options["cu_seqlens_q"], options["cu_seqlens_k"]
        if call.unpadded is None:
            batch = self.shape[0]
            query, key, value = (packed.unflatten(0, (batch, -1)) for packed in call.tensors)
            read: tuple[Tensor, ...] = (rows, columns)
            documents = Documents.packed(rows, columns)
        else:
            query, key, value, padding, query_places, key_places = call.unpadded
            batch, read = query.shape[0], (padding,)
            documents = Documents(query_places, key_places, rows, columns)
        sizes = query.shape[1], key.shape[1]
        documents = self._aligned(documents)
        runs = self.copies.shared(
            read, ("flash", *sizes, self._sides, documents.at_start),
            lambda: mask_of_runs(documents, self._sides, batch, *sizes),
        )  # fmt: skip
        if not runs.apart:
            query, key, value = (each.flatten(0, 1)[None] for each in (query, key, value))
        return LaidOut(query, key, value, runs.mask)

    def _paged(self) -> LaidOut:
        """One new query for each sequence, whose keys stand in pages; the kernel has written the new ones there by now."""
        query, key_pages, value_pages = self.kernel.tensors[:3]
        options = self.kernel.options
        table = next(options[name] for name in ("block_table", "page_table") if options.get(name) is not None)
        lengths = (options["cache_seqlens"] + 1).tolist()
        size = key_pages.shape[1]

        def gathered(pages: Tensor) -> Tensor:
            used = (
                pages[row[: -(-length // size)].long()].flatten(0, 1)[:length]
                for row, length in zip(table, lengths, strict=True)
            )
            return torch.cat(list(used))[None]

        columns = torch.tensor([0, *lengths], device=query.device).cumsum(0)
        rows = torch.arange(len(lengths) + 1, device=query.device)
        sizes = len(lengths), sum(lengths)
        runs = mask_of_runs(Documents.packed(rows, columns), self._sides, 1, *sizes)
        return LaidOut(query.transpose(0, 1), gathered(key_pages), gathered(value_pages), runs.mask)
