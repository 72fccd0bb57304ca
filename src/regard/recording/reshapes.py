"""What a model's own reshapes have done to a tensor: each leading position's part of the projection that it was cut from.

Whether (batch · heads, positions, dim) has a batch of heads or heads of batches is not in its shape. It is in the views and
permutations that made it of (batch, positions, heads · dim): they are noted as they happen, and done to numbers when asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor
from torch.nn import functional

RESHAPES = {
    Tensor.view, Tensor.reshape, torch.reshape, Tensor.permute, torch.permute, Tensor.transpose, torch.transpose,
    Tensor.swapaxes, torch.swapaxes, Tensor.swapdims, torch.swapdims, Tensor.movedim, torch.movedim, Tensor.moveaxis,
    torch.moveaxis, Tensor.flatten, torch.flatten, Tensor.unflatten, torch.unflatten, Tensor.unsqueeze, torch.unsqueeze,
    Tensor.squeeze, torch.squeeze, Tensor.chunk, torch.chunk, Tensor.split, torch.split, Tensor.unbind, torch.unbind,
    torch.cat, torch.concat, torch.concatenate, torch.stack, Tensor.__getitem__, Tensor.expand, Tensor.repeat_interleave,
    torch.repeat_interleave, Tensor.narrow, torch.narrow, Tensor.select, torch.select, Tensor.view_as, Tensor.reshape_as,
    *(getattr(Tensor, name).__get__ for name in ("T", "mT")),
}  # fmt: skip
MAY_READ = {torch.cat, torch.concat, torch.concatenate, torch.stack, Tensor.view_as, Tensor.reshape_as}
"""Those of them that may be given other tensors than the first: an index that is a tensor is not done to numbers."""

KEEPS = {
    Tensor.contiguous, Tensor.clone, torch.clone, Tensor.detach, Tensor.to, Tensor.type, Tensor.type_as, Tensor.float,
    Tensor.double, Tensor.half, Tensor.bfloat16, functional.dropout, torch.dropout, Tensor.mul, torch.mul, Tensor.__mul__,
    Tensor.__rmul__, Tensor.div, torch.div, Tensor.__truediv__, Tensor.add, torch.add, Tensor.__add__, Tensor.__radd__,
    Tensor.neg, torch.neg, Tensor.__neg__,
}  # fmt: skip
"""What leaves each number where it was."""

PRODUCTS = {
    torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.mm, Tensor.mm, torch.einsum,
}  # fmt: skip
ADDED = {torch.baddbmm, Tensor.baddbmm}
"""Products that are added to what comes before them."""

KEEPS_OF_SCORES = {
    Tensor.sub, torch.sub, Tensor.__sub__, Tensor.masked_fill, torch.masked_fill, Tensor.tanh, torch.tanh, Tensor.clamp,
    torch.clamp, torch.where, Tensor.where, functional.softmax, torch.softmax, Tensor.softmax, torch.special.softmax, torch.exp,
    Tensor.exp, functional.log_softmax, torch.log_softmax, Tensor.log_softmax, torch.nan_to_num, Tensor.nan_to_num,
    functional.normalize,
}  # fmt: skip
"""Likewise, of scores on their way to weights."""


IN_ANY_LAYOUT = {Tensor.view: Tensor.reshape, Tensor.view_as: Tensor.reshape_as}
"""The numbers need not lie in memory as the tensor did."""

TRACKED = RESHAPES | KEEPS | KEEPS_OF_SCORES | PRODUCTS | ADDED


@dataclass(eq=False)
class Node:
    """How a tensor was made of others; of one that no reshape has made, only its shape."""

    shape: torch.Size
    func: Any = None
    args: tuple[Any, ...] = ()
    named: Mapping[str, Any] | None = None
    item: int | None = None  # which of several results it is


class Reshapes:
    """The tensors that live, and how reshapes have made them."""

    def __init__(self) -> None:
        self._nodes: dict[int, tuple[ReferenceType[Tensor], Node]] = {}
        self._parts: dict[str, Tensor | None] = {}  # of what is made in the same way, as in every layer of a model

    def see(self, func: Any, args: tuple[Any, ...], named: Mapping[str, Any], result: Any) -> None:
        """A torch function has run."""
        if func in KEEPS or func in KEEPS_OF_SCORES:
            if isinstance(result, Tensor):
                made = (self._known(one) for one in args if isinstance(one, Tensor) and one.shape == result.shape)
                nodes = [one for one in made if one is not None]
                if nodes:  # of a mask or a bias, and of scores: scores
                    self._hold(result, next((one for one in nodes if _asked(one) is not None), nodes[0]))
        elif func in PRODUCTS or func in ADDED:
            if isinstance(result, Tensor) and (node := self._product(func, args, result)) is not None:
                self._hold(result, node)
        elif func in RESHAPES and args and (func in MAY_READ or not any(map(_has_tensor, args[1:]))):
            noted = tuple(self._noted(one) for one in args)
            said = {name: self._noted(one) for name, one in named.items()}
            if isinstance(result, Tensor):
                self._hold(result, Node(result.shape, func, noted, said))
            else:
                for at, one in enumerate(result):
                    self._hold(one, Node(one.shape, func, noted, said, at))

    def parts(self, tensor: Tensor) -> Tensor | None:
        """Which part of its projection each leading position of (…, positions, dim) was cut from, (…); None if not known.

        Equal numbers are the same features, so the same head; their order is that of the features.

        Example:
            >>> noted, x = Reshapes(), torch.zeros(2, 5, 6)
            >>> y = x.view(2, 5, 3, 2); noted.see(Tensor.view, (x, 2, 5, 3, 2), {}, y)
            >>> z = y.permute(2, 0, 1, 3); noted.see(Tensor.permute, (y, 2, 0, 1, 3), {}, z)
            >>> noted.parts(z).tolist()
            [[0, 0], [2, 2], [4, 4]]
        """
        node = self._known(tensor)
        if node is None or node.func is None or 0 in tensor.shape:
            return None
        roots = list(dict.fromkeys(_roots(node)))
        way = f"{tuple(tensor.shape)} {_spelled(node, roots)}"
        if way not in self._parts:
            self._parts[way] = self._found(tensor, node, roots)
        return self._parts[way]

    def _found(self, tensor: Tensor, node: Node, roots: list[Node]) -> Tensor | None:
        """``parts``, found by doing the reshapes to numbers."""
        try:
            made = {root: _numbers(roots, root, tensor.device) for root in roots}
            done = _replayed(node, made)
        except (RuntimeError, TypeError, IndexError, ValueError):
            return None  # a reshape whose arguments are no numbers
        if done.shape != tensor.shape:
            return None
        asked = _asked(node)
        first = done[..., 0, :].cpu()  # (…, dim)
        whole = done if asked is None else made[asked]
        corner = whole[(0,) * (whole.ndim - 1)].cpu()
        if asked is None and len(first[..., 0].unique()) < first[..., 0].numel():
            return None  # of what is repeated it is not known whether heads or items of the batch share it
        root, start = next((one, at) for one, at in _starts(roots) if at <= int(corner[0]) < at + one.shape.numel())
        here = torch.unravel_index(corner - start, root.shape)
        along = [axis for axis, places in enumerate(here) if int(places[0]) != int(places[-1])]
        if len(along) > 1 or (first < start).any() or (first >= start + root.shape.numel()).any():
            return None  # features of a head that stand in several axes, or in several tensors
        feature = along[0] if along else len(root.shape) - 1
        return torch.unravel_index(first[..., 0] - start, root.shape)[feature]

    def _product(self, func: Any, args: tuple[Any, ...], result: Tensor) -> Node | None:
        """Scores are as their queries are; as their keys, where those have all of the leading axes."""
        operands: Any = args[1:] if func in ADDED or func is torch.einsum else args
        if func is torch.einsum:
            operands = operands[0] if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands
            return self._einsum(args[0], operands, result) if isinstance(args[0], str) else None
        if len(operands) < 2 or result.ndim < 3:
            return None
        query, key = operands[:2]
        for side, (tensor, axis) in enumerate(((query, -1), (key, -2))):
            node = self._known(tensor)
            if node is None or tensor.shape[:-2] != result.shape[:-2]:
                continue
            rows = Node(tensor.mT.shape, Tensor.transpose, (node, -2, -1)) if side else node
            return Node(result.shape, _of_rows, (rows, result.shape, axis))
        return None

    def _einsum(self, equation: str, operands: Any, result: Tensor) -> Node | None:
        given, _, output = equation.replace(" ", "").partition("->")
        letters = given.split(",")
        if len(letters) != 2 or len(operands) != 2 or "." in equation or not output:
            return None
        summed = [one for one in letters[0] if one in letters[1] and one not in output]
        for own, tensor in zip(letters, operands, strict=True):
            node = self._known(tensor)
            others = [one for one in output if one not in own]
            if node is None or len(summed) != 1 or len(others) != 1 or len(own) != len(output):
                continue
            order = [own.index(one) for one in output if one in own] + [own.index(summed[0])]
            rows = Node(torch.Size(tensor.shape[at] for at in order), Tensor.permute, (node, order))
            return Node(result.shape, _of_rows, (rows, result.shape, output.index(others[0])))
        return None

    def _known(self, tensor: Tensor) -> Node | None:
        held = self._nodes.get(id(tensor))
        return held[1] if held is not None and held[0]() is tensor else None

    def _hold(self, tensor: Tensor, node: Node) -> None:
        place = id(tensor)  # ids of tensors that are gone are used again
        self._nodes[place] = (ref(tensor, lambda _: self._nodes.pop(place, None)), node)

    def _noted(self, given: Any) -> Any:
        """An argument without tensors, which would be kept alive."""
        if isinstance(given, Tensor):
            if (known := self._known(given)) is None:
                known = Node(given.shape)
                self._hold(given, known)
            return known
        if type(given) in (list, tuple):
            return type(given)(self._noted(one) for one in given)
        return given


def _has_tensor(given: Any) -> bool:
    return isinstance(given, Tensor) or (type(given) in (list, tuple) and any(map(_has_tensor, given)))


def _spelled(given: Any, roots: list[Node]) -> str:
    """How something was made, as a text that is the same for what was made in the same way."""
    if isinstance(given, Node):
        if given.func is None:
            return f"{roots.index(given)}: {tuple(given.shape)}"
        parts = (given.args, tuple((given.named or {}).items()))
        return f"{given.func} {_spelled(parts, roots)} {given.item}"
    if type(given) in (list, tuple):
        return f"({', '.join(_spelled(one, roots) for one in given)})"
    return repr(given)


def _roots(node: Node) -> Iterator[Node]:
    if node.func is None:
        yield node
    else:
        for inner in _nodes_of((*node.args, *(node.named or {}).values())):
            yield from _roots(inner)


def _nodes_of(given: Any) -> Iterator[Node]:
    for one in given:
        if isinstance(one, Node):
            yield one
        elif type(one) in (list, tuple):
            yield from _nodes_of(one)


def _starts(roots: list[Node]) -> Iterator[tuple[Node, int]]:
    start = 0
    for root in roots:
        yield root, start
        start += root.shape.numel()


def _numbers(roots: list[Node], root: Node, device: torch.device) -> Tensor:
    """Each place of a tensor as a number that no place of another one has."""
    start = dict(_starts(roots))[root]
    total = sum(one.shape.numel() for one in roots)
    kind = torch.int32 if total < 2**31 else torch.int64
    return torch.arange(start, start + root.shape.numel(), dtype=kind, device=device).view(root.shape)


def _asked(node: Node) -> Node | None:
    """The queries, or keys, of whose product something was made."""
    while node.func is not None:
        if node.func is _of_rows:
            return node.args[0]  # type: ignore[no-any-return]
        inner = next((one for one in _nodes_of(node.args)), None)
        if inner is None:
            return None
        node = inner
    return None


def _of_rows(queries: Tensor, shape: torch.Size, axis: int) -> Tensor:
    """Numbers of scores: those of the rows that they are of, whose features stand last, repeated along the other rows."""
    return queries[..., 0].unsqueeze(axis).expand(shape)


def _replayed(node: Node, made: dict[Node, Tensor]) -> Tensor:
    def done(given: Any) -> Any:
        if isinstance(given, Node):
            return _replayed(given, made)
        return type(given)(done(one) for one in given) if type(given) in (list, tuple) else given

    if node not in made:
        func = IN_ANY_LAYOUT.get(node.func, node.func)
        result = func(*(done(one) for one in node.args), **{name: done(one) for name, one in (node.named or {}).items()})
        made[node] = result if node.item is None else result[node.item]
    return made[node]
