"""What came of recording one model, found in a process of its own with limits of time and memory; as cells of a table."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import warnings
from collections.abc import Callable
from typing import NamedTuple

BYTES = 8 << 30
EXACT = 1e-5


class Outcome(NamedTuple):
    """What came of one model: in a word, and in detail."""

    word: str
    given: str = ""
    detail: str = ""


def apart(found_by: Callable[[], Outcome], seconds: int) -> Outcome:
    """The outcome, found in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        warnings.simplefilter("ignore")
        try:
            found = found_by()
        except Exception as fault:  # noqa: BLE001 - a model that breaks in another way than when it was tried
            found = Outcome("not tried", detail=f"{type(fault).__name__}: {fault}"[-200:])
        os.write(writing, json.dumps(found).encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return Outcome(*json.loads(data)) if data else Outcome("not tried", detail="it takes too long, or too much memory")


def told(detail: str) -> str:
    """In a cell: one line, without what a table or a page would take for its own, and without paths."""
    return re.sub(r"(/[\w.\-]+){2,}", "…", " ".join(detail.split()).replace("|", "/").replace("<", "‹").replace(">", "›"))[:200]
