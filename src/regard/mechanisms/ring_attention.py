"""Attention of a text that lies on several devices: who holds what, which tile each computes when, and how parts become one.

Each device keeps its queries. Keys and values go around in a ring: at step s, device d attends to those of device (d − s) mod
devices, and adds what it finds to what it has (`online_softmax` says why that can be done in any order):

    m = max(logsumexp₁, logsumexp₂),  w_i = exp(logsumexp_i − m)
    output = (w₁ output₁ + w₂ output₂) / (w₁ + w₂),  logsumexp = m + log(w₁ + w₂)

With a causal mask the device of the text's end has most to do, and all wait for it. Two pieces a device, one from the front and
one from the back, make all alike (`Ring(..., zigzag=True)`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from regard import masks
from regard.arguments import MOST, truth, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import trace

MOST_HELD = 2**15
"""Positions of a device, or of a text, whose pairs are looked at one by one."""

MOST_DEVICES = 2**8
"""Whose work is counted: each meets each."""


@dataclass(frozen=True)
class Ring:
    """Which positions of a text each device holds, and whose keys it meets at each step (Liu et al. 2023, Ring Attention).

    Attributes:
        devices: how many.
        length: positions of the text, a multiple of devices, or of 2·devices for zigzag.
        zigzag: a device holds a piece from the front and its mirror image from the back, as in Llama 3's training.

    Example:
        >>> Ring(devices=2, length=8).holds(1).tolist(), Ring(devices=2, length=8, zigzag=True).holds(1).tolist()
        ([4, 5, 6, 7], [2, 3, 4, 5])
        >>> Ring(devices=2, length=8).work(masks.causal()).tolist()  # pairs of device and step
        [[10, 0], [10, 16]]
        >>> Ring(devices=2, length=8, zigzag=True).work(masks.causal()).tolist()
        [[10, 8], [10, 8]]
    """

    devices: int
    length: int
    zigzag: bool = False

    def __post_init__(self) -> None:
        devices, length = whole_number("devices", self.devices, 1, MOST), whole_number("length", self.length, 1, MOST)
        pieces = devices * (1 + truth("zigzag", self.zigzag))
        if length % pieces:
            raise OptionError(f"expected length to be a multiple of {pieces}, the pieces of all devices, got {length}; pad it")

    def holds(self, device: int) -> Tensor:
        """The positions whose queries, keys and values lie on this device, in order."""
        device = whole_number("device", device, 0, self.devices - 1)
        pieces = self.devices * (1 + self.zigzag)
        size = self.length // pieces
        held = (device, pieces - 1 - device) if self.zigzag else (device,)
        return torch.cat([torch.arange(piece * size, (piece + 1) * size) for piece in held])

    def meets(self, device: int, step: int) -> int:
        """Whose keys and values this device attends to at this step: its own at step 0."""
        device, step = whole_number("device", device, 0, self.devices - 1), whole_number("step", step, 0, self.devices - 1)
        return (device - step) % self.devices

    def tile(self, mask: Mask, device: int, step: int) -> Tensor:
        """What the device's queries see of the keys that are there at this step, (held, held) of the first text and head."""
        if not isinstance(mask, Mask):
            raise DtypeError(f"mask: expected a regard.Mask, got {type(mask).__name__}; write masks.causal(), for example")
        other, held = self.meets(device, step), self.length // self.devices
        if held > MOST_HELD:
            raise OptionError(
                f"expected at most {MOST_HELD:,} positions on a device to look at pairs, got {held:,}; add devices"
            )
        rows, columns = self.holds(device), self.holds(other)
        zero = torch.zeros((), dtype=torch.long)
        return mask(zero, zero, rows[:, None], columns[None])

    def work(self, mask: Mask) -> Tensor:
        """Pairs that each device computes at each step, (devices, steps): at each step all wait for the one with most."""
        if self.length > MOST_HELD or self.devices > MOST_DEVICES:
            raise OptionError(
                f"expected at most {MOST_HELD:,} positions and {MOST_DEVICES} devices to count pairs of, got "
                f"{self.length:,} and {self.devices:,}; count those of a shorter text: shares are alike"
            )
        return torch.tensor([[int(self.tile(mask, d, s).sum()) for s in range(self.devices)] for d in range(self.devices)])


def ring_attention(query: Tensor, key: Tensor, value: Tensor, ring: Ring, *, causal: bool = False) -> tuple[Tensor, Tensor]:
    """`attention` as devices in a ring compute it, one after the other here (Liu et al. 2023).

    All is computed in float32, or float64 where the input is, and the output is in the dtype of value.

    Args:
        query: (batch, heads, ring.length, dim).
        key: as many positions.
        value: as many positions.
        ring: who holds what.

    Returns:
        output in the order of the text, and logsumexp (batch, heads, positions).

    Example:
        >>> from regard.mechanisms.softmax_attention import attention
        >>> query, key, value = torch.randn(3, 1, 2, 12, 4)
        >>> output, _ = ring_attention(query, key, value, Ring(devices=3, length=12, zigzag=True), causal=True)
        >>> torch.testing.assert_close(output, attention(query, key, value, causal=True)[0])
    """
    inputs.check_attention(query, key, value)
    if not isinstance(ring, Ring):
        raise OptionError(f"ring: expected a Ring, got {type(ring).__name__}; write Ring(devices=4, length={key.shape[-2]})")
    if query.ndim != 4 or query.shape[2] != ring.length or key.shape[2] != ring.length:
        raise ShapeError(
            f"expected query and key (batch, heads, {ring.length}, dim), the ring's length, got {tuple(query.shape)} and "
            f"{tuple(key.shape)}"
        )
    mask = masks.causal() if truth("causal", causal) else masks.everything()
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    q, k, v = (x.to(wide) for x in (query, key, value))
    output, logsumexp = v.new_empty(*q.shape[:3], v.shape[3]), q.new_empty(q.shape[:3])
    for device in range(ring.devices):
        rows = ring.holds(device)
        found: tuple[Tensor, Tensor] | None = None
        for step in range(ring.devices):
            columns = ring.holds(ring.meets(device, step))
            part = trace(q[:, :, rows], k[:, :, columns], v[:, :, columns], ring.tile(mask, device, step))
            sums = part.masked.logsumexp(-1)  # (batch, heads, held), −∞ where nothing is seen
            found = (part.output, sums) if found is None else merged(found[0], found[1], part.output, sums)
        if found is not None:
            output[:, :, rows], logsumexp[:, :, rows] = found
    return output.to(value.dtype), logsumexp


def merged(output1: Tensor, logsumexp1: Tensor, output2: Tensor, logsumexp2: Tensor) -> tuple[Tensor, Tensor]:
    """Attention to two sets of keys as attention to both: outputs by their shares of the sum, and its logarithm.

    Args:
        output1: (..., queries, value_dim).
        logsumexp1: (..., queries), −∞ where nothing was seen.
        output2: as output1, of other keys.
        logsumexp2: as logsumexp1.

    Example:
        >>> merged(torch.tensor([[1.0]]), torch.zeros(1), torch.tensor([[3.0]]), torch.zeros(1))
        (tensor([[2.]]), tensor([0.6931]))
    """
    for name, tensor in (("output1", output1), ("logsumexp1", logsumexp1), ("output2", output2), ("logsumexp2", logsumexp2)):
        inputs.check_floats(name, tensor)
    if output1.shape != output2.shape or not logsumexp1.shape == logsumexp2.shape == output1.shape[:-1]:
        raise ShapeError(
            "expected outputs (..., queries, value_dim) and logsumexps (..., queries) of one shape, got "
            f"{tuple(output1.shape)}, {tuple(logsumexp1.shape)}, {tuple(output2.shape)} and {tuple(logsumexp2.shape)}"
        )
    wide = torch.float64 if torch.float64 in (output1.dtype, output2.dtype, logsumexp1.dtype) else torch.float32
    output1, output2, logsumexp1, logsumexp2 = (x.to(wide) for x in (output1, output2, logsumexp1, logsumexp2))
    both = torch.logaddexp(logsumexp1, logsumexp2)
    known = both.masked_fill(both == -torch.inf, 0)  # −∞ − −∞ would be NaN
    first, second = ((one - known).exp().unsqueeze(-1) for one in (logsumexp1, logsumexp2))
    return first * output1 + second * output2, both
