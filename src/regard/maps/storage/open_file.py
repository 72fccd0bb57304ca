"""A file that stays open while maps read from it, and must not change meanwhile."""

import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from regard.errors import FileChangedError

try:
    import fcntl
except ImportError:  # Windows, which lets nobody cut short a file that is mapped
    fcntl = None  # type: ignore[assignment]


TRIES, PAUSE = 100, 0.002
"""How often, and after how many seconds, a lease is asked for again: a file is cut short in less."""


class OpenFile:
    """Called around each read of memory that is mapped from the file: ``with file(): ...``.

    Memory of a file that another program cuts short is no memory any more: reading it would end the process with a signal. So
    size and time of the file are compared before and after. In between Linux holds back who would write into it: a lease
    (fcntl(2)), as long as the read lasts; its holder is asked for it by a signal that nobody listens to. Other systems, network
    file systems, and files of other users have no leases; there the comparison is all.

    Args:
        path: where it is.
        file: the file, open; it may be closed afterwards.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self._file = path, os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._lock, self._readers, self._leased = threading.Lock(), 0, True
        self._mine = threading.local()
        self._then = self._now()

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self._file)
        return found.st_size, found.st_mtime_ns

    def check(self) -> None:
        """Refuse to read on.

        Raises:
            FileChangedError: the file is not what it was when it was opened.
        """
        if self._now() != self._then:
            raise FileChangedError(
                f"{str(self.path)!r}: expected the file as it was when it was opened, got one that was written into or cut "
                "short since; open it again (a file that is replaced as a whole, by mv or by saving, disturbs nobody)"
            )

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """A read: of what was there when the file was opened, or an error."""
        if self._leased and getattr(self._mine, "reads", False):  # within a read of this thread, which holds the lease
            yield
            return
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._lease(hold=True)
        try:
            self.check()
            self._mine.reads = True
            yield
        finally:
            self._mine.reads = False
            with self._lock:
                self._readers -= 1
                if not self._readers:
                    self._lease(hold=False)
        self.check()

    def _lease(self, *, hold: bool) -> None:
        if not hasattr(fcntl, "F_SETLEASE"):
            return
        tries = TRIES if hold and self._leased else 1
        for left in reversed(range(tries)):
            try:
                if hold:  # each time, as the end of a lease forgets it; the usual signal would end the process
                    fcntl.fcntl(self._file, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_RDLCK if hold else fcntl.F_UNLCK)
            except BlockingIOError:  # somebody has it open to write into it, and may be about to: a lease is to be had after it
                if left:
                    time.sleep(PAUSE)
                    continue
                self._leased = False  # he keeps it open; the comparison is all
            except OSError:  # there are no leases
                self._leased = False
            return

    def __reduce__(self) -> tuple[Callable[[], type[AbstractContextManager[None]]], tuple[()]]:
        """A copy of a map has memory of its own."""
        return _no_file, ()


def _no_file() -> type[AbstractContextManager[None]]:
    return nullcontext
