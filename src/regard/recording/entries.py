"""Through which of its methods a model is entered, as by ``get_image_features``, and the tensors that go in and come out."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType
from typing import Any

from torch import Tensor, nn


def method_of(entered: nn.Module, names: Mapping[int, str]) -> CodeType | None:
    """The outermost method of one of these modules that runs and has come to call a module; None from other code."""
    found = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_argcount and code.co_varnames[0] == "self" and not hasattr(nn.Module, code.co_name):
            found = code if _is_method(frame.f_locals.get("self"), code, entered, names) else found
        elif code.co_name == "forward" and code.co_argcount:
            found = code if _is_method(frame.f_locals.get(code.co_varnames[0]), code, entered, names) else found
        frame = frame.f_back
    return found


def _is_method(owner: object, code: CodeType, entered: nn.Module, names: Mapping[int, str]) -> bool:
    """Whether code is that of a method of a module, and not of what decorates it."""
    if owner is entered or id(owner) not in names:
        return False
    method = inspect.unwrap(getattr(type(owner), code.co_name, lambda: None))
    return getattr(method, "__code__", None) is code


def tensors_in(given: Any) -> Iterator[Tensor]:
    """The tensors of arguments or of an output."""
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, Mapping):
        yield from tensors_in(list(given.values()))
    elif isinstance(given, tuple | list):
        for one in given:
            yield from tensors_in(one)
