"""Values that nobody should give to an argument, each made anew: a call must take it or refuse it in one sentence."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regard import AttentionMap, masks


class Tensor(torch.Tensor):
    """A subclass, as libraries have them."""


class Nameless:
    """An object that cannot even say what it is."""

    def __repr__(self) -> str:
        return "<nameless>\nof two lines"


def base() -> torch.Tensor:
    return torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(0))


def _inference() -> torch.Tensor:
    with torch.inference_mode():
        return base().clone()


def _quantised() -> torch.Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(base(), 0.1, 0, torch.qint8)


def _csr() -> torch.Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return base()[0, 0].to_sparse_csr()


def _nested() -> torch.Tensor:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(5, 4), torch.ones(3, 4)])


def _cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


NUMBERS: dict[str, Callable[[], Any]] = {
    "minus one": lambda: -1,
    "zero": lambda: 0,
    "one": lambda: 1,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "-2**63": lambda: -(2**63),
    "2**70": lambda: 2**70,
    "half": lambda: 0.5,
    "whole float": lambda: 1.0,
    "minus half": lambda: -0.5,
    "1e30": lambda: 1e30,
    "NaN": lambda: math.nan,
    "infinity": lambda: math.inf,
    "minus infinity": lambda: -math.inf,
    "True": lambda: True,
    "False": lambda: False,
    "complex": lambda: 1j,
    "numpy integer": lambda: np.int64(1),
    "numpy float": lambda: np.float32(0.5),
    "numpy bool": lambda: np.True_,
    "one-element tensor": lambda: torch.tensor(1),
    "float tensor": lambda: torch.tensor(0.5),
    "bool tensor": lambda: torch.tensor(True),
}
TEXTS: dict[str, Callable[[], Any]] = {
    "empty text": lambda: "",
    "blanks": lambda: "  ",
    "no": lambda: "no",
    "lone surrogate": lambda: "a\ud800",
    "NUL": lambda: "a\0b",
    "long text": lambda: "x" * 300,
    "bytes": lambda: b"abc",
    "path": lambda: Path("nowhere") / "x",
    "folder": lambda: Path(),
}
COLLECTIONS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "Ellipsis": lambda: ...,
    "empty list": list,
    "empty tuple": tuple,
    "empty dict": dict,
    "list of None": lambda: [None],
    "list of text": lambda: ["a", "b"],
    "list of surrogates": lambda: ["\ud800"] * 5,
    "list of numbers": lambda: [0, 1],
    "list of bools": lambda: [True, False],
    "list of floats": lambda: [0.5, math.nan],
    "negative numbers": lambda: [-1, -(2**63)],
    "far numbers": lambda: [99, 2**63],
    "list of pairs": lambda: [(0, 0), (1, 1)],
    "list of lists": lambda: [[0, 1], [2]],
    "ragged": lambda: [[0.5], [0.5, 0.5]],
    "list in itself": _cycle,
    "dict of anything": lambda: {"a": 1, 2: "b"},
    "set": lambda: {0, 1},
    "frozenset": lambda: frozenset({"a"}),
    "range": lambda: range(3),
    "endless range": lambda: range(2**40),
    "range of step -1": lambda: range(3, -1, -1),
    "generator": lambda: (one for one in (0, 1)),
    "slice": lambda: slice(None),
    "slice of step 0": lambda: slice(None, None, 0),
    "slice of text": lambda: slice("a"),
    "object": object,
    "nameless": Nameless,
    "class": lambda: dict,
    "function": lambda: lambda *_: None,
    "raising function": lambda: _raises,
    "module": lambda: torch.nn.Linear(4, 4),
    "mask": masks.causal,
    "map": lambda: AttentionMap(base(), base(), causal=True),
}
TENSORS: dict[str, Callable[[], Any]] = {
    "tensor": base,
    "array": lambda: base().numpy(),
    "object array": lambda: np.array([None, "a"], dtype=object),
    "text array": lambda: np.array(["a", "b"]),
    "date array": lambda: np.array(["2026-01-01"], dtype="datetime64[D]"),
    "half": lambda: base().half(),
    "double": lambda: base().double(),
    "integers": lambda: base().long(),
    "truths": lambda: base() > 0,
    "complex numbers": lambda: base().to(torch.complex64),
    "float8": lambda: base().to(torch.float8_e4m3fn),
    "uint16": lambda: base().abs().to(torch.uint16),
    "meta": lambda: base().to("meta"),
    "sparse": lambda: base().to_sparse(),
    "csr": _csr,
    "mkldnn": lambda: base().to_mkldnn(),
    "quantised": _quantised,
    "nested": _nested,
    "transposed": lambda: torch.randn(1, 2, 4, 5).mT,
    "expanded": lambda: torch.randn(1, 1, 5, 4).expand(1, 2, 5, 4),
    "with gradient": lambda: base().requires_grad_(),
    "parameter": lambda: torch.nn.Parameter(base()),
    "subclass": lambda: base().as_subclass(Tensor),
    "inference": _inference,
    "conjugate": lambda: base().to(torch.complex64).conj(),
    "negative view": lambda: torch.ones(2, 3, dtype=torch.complex64).conj().imag,
    "no axes": lambda: torch.tensor(1.5),
    "one axis": lambda: torch.ones(5),
    "two axes": lambda: torch.eye(5),
    "three axes": lambda: base()[0],
    "five axes": lambda: base()[None],
    "no batch": lambda: base()[:0],
    "no heads": lambda: base()[:, :0],
    "no positions": lambda: base()[:, :, :0],
    "no dim": lambda: base()[..., :0],
    "no numbers": lambda: torch.ones(0),
    "full of NaN": lambda: base() * math.nan,
    "full of infinity": lambda: torch.full((1, 2, 5, 4), math.inf),
    "full of 1e30": lambda: base() * 1e30,
    "other length": lambda: torch.ones(1, 2, 7, 4),
    "other dim": lambda: torch.ones(1, 2, 5, 3),
    "other heads": lambda: torch.ones(1, 3, 5, 4),
    "other batch": lambda: torch.ones(2, 2, 5, 4),
}


def _raises(*_: Any) -> None:
    raise ZeroDivisionError("a function of the user's own")


GROUPS = {"number": NUMBERS, "text": TEXTS, "collection": COLLECTIONS, "tensor": TENSORS}
WRONG = {f"{group}: {name}": make for group, named in GROUPS.items() for name, make in named.items()}


def names() -> Iterator[str]:
    return iter(WRONG)
