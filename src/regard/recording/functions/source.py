"""What a function reads, from its source: an argument that it never looks at changes nothing."""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from functools import lru_cache, partial
from tokenize import TokenError
from typing import Any, NamedTuple


def plain(function: Callable[..., Any]) -> Any:
    """The function itself, without partials and without what says that it wraps another one."""
    while isinstance(function, partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, partial) else inspect.unwrap(function)
    return function


class Reads(NamedTuple):
    """What the body of an attention function looks at: (module, query, key, value, mask, …, **kwargs)."""

    mask: bool  #: its fifth parameter
    arguments: frozenset[str]  #: parameters after the mask, and names that it takes out of ``**kwargs``
    attributes: frozenset[str]  #: of the module
    names: frozenset[str]  #: of its file, or of a function around it
    hands_on: bool  #: the module, or all of ``**kwargs``, goes to another function, which may read anything


@lru_cache(256)
def reads_of(function: Callable[..., Any]) -> Reads | None:
    """What a function reads; None where its source is not to be had, or is no plain function.

    Example:
        >>> from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward
        >>> sorted(reads_of(eager_attention_forward).attributes)
        ['num_key_value_groups', 'sinks', 'training']
    """
    try:
        (written,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, TokenError, ValueError):  # also of a file that was changed since
        return None
    if not isinstance(written, ast.FunctionDef):
        return None
    first = [one.arg for one in (*written.args.posonlyargs, *written.args.args)]
    if len(first) < 5:
        return None
    module, mask = first[0], first[4]
    collected = written.args.kwarg.arg if written.args.kwarg else None
    body = [part for line in written.body for part in ast.walk(line)]
    loaded = [part for part in body if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]
    attributes, from_module = _looked_up(body, module)
    taken, from_collected = _looked_up(body, collected)
    own = {part.id for part in body if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    parameters = {*first, *(one.arg for one in written.args.kwonlyargs)}
    names = {part.id for part in loaded}
    return Reads(
        mask in names,
        frozenset(names & (parameters - set(first[:5])) | taken),
        frozenset(attributes),
        frozenset(names - own - parameters - {collected} - set(dir(builtins))),
        any(part.id in (module, collected) and part not in (*from_module, *from_collected) for part in loaded),
    )


def _looked_up(body: list[ast.AST], holder: str | None) -> tuple[set[str], list[ast.expr]]:
    """What is looked up in a variable by a name that stands there, and where the variable stands then."""
    found: set[str] = set()
    places: list[ast.expr] = []
    for part in body:
        match part:
            case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[of, ast.Constant(value=name), *_]):
                pass
            case ast.Call(func=ast.Attribute(value=of, attr="get" | "pop"), args=[ast.Constant(value=name), *_]):
                pass
            case ast.Attribute(attr="get" | "pop"):  # seen as a call
                continue
            case ast.Subscript(value=of, slice=ast.Constant(value=name)) | ast.Attribute(value=of, attr=name):
                pass
            case _:
                continue
        if isinstance(of, ast.Name) and of.id == holder and isinstance(name, str):
            found.add(name)
            places.append(of)
    return found, places
