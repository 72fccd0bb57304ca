"""Functions of ours in the place of others, for as long as somebody listens: the process has one of each, for all threads."""

import threading
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Generic, NamedTuple, TypeVar

Listener = TypeVar("Listener")

NOTHING: Any = object()
"""What stood in a place that was empty."""


class Standing(NamedTuple):
    """One place, what stood there, and what stands there now."""

    holder: Any
    name: Any
    original: Any
    ours: Any


class StandIns(Generic[Listener]):
    """What stands in some places while there are listeners; with the last of them goes what is still ours.

    Blocks of several threads overlap: the first to begin is not the last to end, so that none of them may put back what it
    found. Whoever stands there asks ``listeners`` at each call, and each of these whether the call is its own.

    Attributes:
        listeners: in the order in which they began.

    Example:
        >>> place, stand_ins = {"greet": "Hello"}, StandIns()
        >>> stand_ins.begin("first", [(place, "greet", lambda original: f"{original}!")])
        >>> stand_ins.begin("second", [(place, "greet", lambda original: f"{original}?")])
        >>> stand_ins.end("first")
        >>> place
        {'greet': 'Hello!'}
        >>> stand_ins.end("second")
        >>> place
        {'greet': 'Hello'}
    """

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self._standing: dict[tuple[int, Any], Standing] = {}
        self._lock = threading.RLock()  # a block that nobody holds any more may end in the middle of any line

    def begin(self, listener: Listener, places: Iterable[tuple[Any, Any, Callable[[Any], Any]]]) -> None:
        """Listen, and stand in these places, unless we do: (module, class or mapping; name; from what stood there to ours)."""
        with self._lock:
            self.listeners = (*self.listeners, listener)
            for holder, name, made in places:
                if (id(holder), name) not in self._standing:
                    original = _what_stands(holder, name)
                    one = Standing(holder, name, original, made(original))
                    self._standing[id(holder), name] = one
                    _put(holder, name, one.ours)

    def end(self, listener: Listener) -> None:
        """Listen no more; who does not listen may say so, too."""
        with self._lock:
            self.listeners = tuple(one for one in self.listeners if one is not listener)
            if not self.listeners:
                for holder, name, original, ours in self._standing.values():
                    if _what_stands(holder, name) is ours:  # else somebody has put something of his own there meanwhile
                        _put(holder, name, original)
                self._standing.clear()


def _what_stands(holder: Any, name: Any) -> Any:
    return (holder if isinstance(holder, MutableMapping) else vars(holder)).get(name, NOTHING)


def _put(holder: Any, name: Any, one: Any) -> None:
    if isinstance(holder, MutableMapping):
        if one is NOTHING:
            holder.pop(name, None)
        else:
            holder[name] = one
    elif one is NOTHING:
        delattr(holder, name)
    else:
        setattr(holder, name, one)
