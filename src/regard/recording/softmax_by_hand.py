"""Softmax in pieces: exponentials that something divides row by row, before they multiply values or after it.

Nobody's code names the sum of exponentials in the same way: it is kept as an axis, indexed, viewed, made safe, inverted, taken
as a logarithm, added up by a product. So it is not the sum that is followed but the exponentials, and the numbers say whether
what has divided them row by row was their sum, or their sum and something more.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from regard.recording.living import Living
from regard.recording.reshapes import PRODUCTS
from regard.recording.softmax_inputs import KEEPS_PLACES, SoftmaxInputs
from regard.recording.softmaxes import Softmax

EXPONENTIALS = {
    torch.exp, Tensor.exp, torch.exp_, Tensor.exp_, torch.exp2, Tensor.exp2, torch.exp2_, Tensor.exp2_, torch.special.exp2,
}  # fmt: skip
LOGARITHMS = {functional.log_softmax, torch.log_softmax, Tensor.log_softmax, torch.special.log_softmax}
QUOTIENTS = {
    torch.div, Tensor.div, Tensor.__truediv__, torch.true_divide, Tensor.true_divide, Tensor.div_, Tensor.__itruediv__,
    torch.divide, Tensor.divide, Tensor.divide_,
}  # fmt: skip
MULTIPLIED = {
    torch.mul,
    Tensor.mul,
    Tensor.__mul__,
    Tensor.__rmul__,
    Tensor.mul_,
    Tensor.__imul__,
    torch.multiply,
    Tensor.multiply,
}
SCALED = QUOTIENTS | MULTIPLIED
CHANGED_IN_PLACE = {Tensor.masked_fill_, Tensor.clamp_, Tensor.add_, Tensor.__iadd__}
ELEMENTWISE = KEEPS_PLACES | SCALED | CHANGED_IN_PLACE
HANDLED = EXPONENTIALS | LOGARITHMS | ELEMENTWISE | PRODUCTS

LOST = "exponentials of scores, of which it was not seen what divides them row by row before they multiply values, or after"


@dataclass(eq=False)
class Exponentials:
    """Exponentials of which no softmax has come yet.

    Attributes:
        softmax: what they may become.
        of_scores: whether they are of products of two tensors.
    """

    softmax: Softmax
    of_scores: bool


class Numerator(NamedTuple):
    """Exponentials times values, which are to be divided."""

    exponentials: Tensor
    func: Any
    args: tuple[Any, ...]
    at: int  # which operand of the product they were
    held: Exponentials


class Made(NamedTuple):
    """A softmax that is complete now.

    Attributes:
        weights: its result.
        axis: over which its rows are.
        softmax: where it stands.
        product: the product with values that has been before, if it was divided after it.
    """

    weights: Tensor
    axis: int
    softmax: Softmax
    product: Numerator | None = None


class SoftmaxByHand:
    """The exponentials that live."""

    def __init__(self, inputs: SoftmaxInputs) -> None:
        self._inputs = inputs
        self._exponentials: Living[Exponentials] = Living()
        self._logarithms: Living[int] = Living()
        self._numerators: Living[Numerator] = Living()

    def see(
        self, func: Any, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any], operands: Any, result: Any
    ) -> tuple[Made | None, Softmax | None]:
        """A torch function has run: a softmax that is complete by it, and one that has begun."""
        if func in LOGARITHMS:
            dim = args[1] if len(args) > 1 else given.get("dim")
            if isinstance(dim, int):
                self._logarithms.hold(result, dim if dim < 0 else dim - result.ndim)
        elif func in EXPONENTIALS:
            return self._raised(module, args[0], result)
        elif self._numerators and func in SCALED and (made := self._divided_after(func, args, result)) is not None:
            return made, None
        elif self._exponentials and isinstance(result, Tensor):
            return self._follow(func, args, operands, result), None
        return None, None

    def _raised(self, module: nn.Module, power: Tensor, result: Tensor) -> tuple[Made | None, Softmax | None]:
        axis = self._logarithms.get(power)
        of_scores = self._inputs.are_scores(power)
        if result.ndim < 2 or not result.is_floating_point() or result.is_meta:
            return None, None
        softmax = Softmax(module, of_scores=of_scores, reason=LOST, is_said=of_scores)
        if of_scores:
            self._inputs.hold_scores(result)
            if axis is None and float(result.detach().amax()) <= 1 + _tolerance(result):
                axis = _axis_of_ones(result)
        if axis is not None:  # of a log-softmax, or of scores less their log-sum-exp
            return Made(result, axis, softmax), softmax
        self._exponentials.hold(result, Exponentials(softmax, of_scores))
        return None, softmax

    def _follow(self, func: Any, args: tuple[Any, ...], operands: Any, result: Tensor) -> Made | None:
        for at, one in enumerate(operands):
            held = self._exponentials.get(one)
            if held is None:
                continue
            if func in PRODUCTS and len(operands) == 2 and one.ndim > 1:
                self._numerators.hold(result, Numerator(one, func, args, at, held))
            elif func is functional.normalize or (func in SCALED and isinstance(other := operands[1 - at], Tensor)):
                axis = -1 if func is functional.normalize else _axis_of_rows(other, one)
                if axis is None or not _is_normalised(result, axis, exactly=not held.of_scores):
                    self._keep(result, one, held)
                    continue
                self._exponentials.drop(result)
                return Made(result, axis, held.softmax)
            elif func in ELEMENTWISE and result.shape == one.shape:
                self._keep(result, one, held)
        return None

    def _keep(self, result: Tensor, one: Tensor, held: Exponentials) -> None:
        if result.shape == one.shape:
            self._exponentials.hold(result, held)

    def _divided_after(self, func: Any, args: tuple[Any, ...], result: Tensor) -> Made | None:
        for at, one in enumerate(args[:2]):
            held = self._numerators.get(one)
            other = args[1 - at] if len(args) > 1 else None
            if held is None or not isinstance(other, Tensor) or (func in QUOTIENTS and at == 1):
                continue
            powers = held.exponentials
            if other.shape[-1:] != (1,) or other.ndim != powers.ndim or result.shape[:-1] != powers.shape[:-1]:
                continue
            weights = powers / other if func in QUOTIENTS else powers * other
            if _is_normalised(weights, -1, exactly=not held.held.of_scores):
                return Made(weights, -1, held.held.softmax, held)
        return None


def axis_of_quotient(func: Any, args: tuple[Any, ...], at: int, axis: int, result: Tensor) -> int:
    """Over which axis rows of weights sum to 1 after they have been changed: another one where its sums have divided them."""
    if func is functional.normalize:
        along: int | None = -1
    elif func in SCALED and isinstance(args[1 - at], Tensor):
        along = _axis_of_rows(args[1 - at], args[at])
    else:
        along = None
    return axis if along in (None, axis) or not _is_normalised(result, along, exactly=True) else along


def _axis_of_rows(divisor: Tensor, divided: Tensor) -> int | None:
    """The one axis along which a divisor is the same number, counted from the end."""
    if divisor.ndim != divided.ndim:
        return None
    sizes = enumerate(zip(divisor.shape, divisor.stride(), divided.shape, strict=True))
    along = [at for at, (size, stride, whole) in sizes if size == 1 < whole or (stride == 0 and whole > 1)]
    if not along and divisor.shape[-1] == divided.shape[-1] == 1:
        return -1  # a single key
    return along[0] - divided.ndim if len(along) == 1 else None


def _is_normalised(weights: Tensor, axis: int, *, exactly: bool) -> bool:
    """Whether rows sum to 1, or to less where a sink may have its share; those that see nothing are 0 or NaN."""
    sums = weights.detach().sum(axis, dtype=torch.float32 if weights.element_size() < 4 else None)
    step = _tolerance(weights)
    right = sums <= 1 + step
    if exactly:
        right &= (sums >= 1 - step) | (sums == 0)
    return bool((right | sums.isnan()).all())


def _axis_of_ones(powers: Tensor) -> int | None:
    """The axis along which each row sums to 1."""
    return next((axis for axis in (-1, -2) if _is_normalised(powers, axis, exactly=True)), None)


def _tolerance(tensor: Tensor) -> float:
    return max(1e-4, 8 * torch.finfo(tensor.dtype).eps)
