"""Files: opened where they are files, written whole or not at all, and nothing left over of a writer that was killed."""

import contextlib
import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from regard.errors import DtypeError, OptionError, RegardError, in_short

if sys.platform != "win32":  # there a file that is open cannot be deleted: a living writer's needs no lock
    import fcntl

PART, ENDING = ".regard-", ".part"
"""Names of files that are being written begin and end so."""


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The path, where a file can be written as far as one can tell beforehand.

    Raises:
        DtypeError: it is no path.
        OSError: it is a folder, or in a folder that is not there.
    """
    place = as_path(path)
    try:
        folder, parent = place.is_dir(), place.parent.is_dir()
    except OSError as error:  # a name that is too long
        raise refusal("write", error.errno or errno.EIO, place, f"{error.strerror}; choose another name") from error
    if folder:
        raise refusal("write", errno.EISDIR, place, "it is a folder; add a file name")
    if not parent:
        raise refusal("write", errno.ENOENT, place, f"there is no folder {str(place.parent)!r}; make it first")
    return place


def as_path(path: str | os.PathLike[str]) -> Path:
    """Text or a path as a path.

    Raises:
        DtypeError: it is neither; OptionError: it has a character that no name of a file has.
    """
    if not isinstance(path, str | os.PathLike):
        raise DtypeError(f"expected a path as text or pathlib.Path, got {type(path).__name__}: {in_short(path)}")
    said = os.fsdecode(path)
    try:
        os.fsencode(said)
    except UnicodeEncodeError as error:
        raise OptionError(
            f"expected a path, got one that no system can name: {in_short(said)}; leave the character out"
        ) from error
    if "\0" in said:
        raise OptionError(f"expected a path, got one with a NUL character: {in_short(said)}; leave it out")
    return Path(said)


def opened(path: Path) -> BinaryIO:
    """A file, opened to be read: at once, where a pipe would wait for a writer and a device has no end.

    Raises:
        OSError: it cannot be opened, or is no file.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(number, "rb")
    os.close(number)
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "it is a folder")
    raise OSError(errno.EINVAL, "it is a pipe or a device, and no file")


def text_in(path: Path) -> str:
    """All that stands in a small file that somebody names, as UTF-8.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device. UnicodeDecodeError: no UTF-8. OptionError: no path.
    """
    try:
        with io.TextIOWrapper(opened(as_path(path)), encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise refusal("read", error.errno or errno.EIO, path, f"{error.strerror}; name another file") from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write into; it appears at ``path`` when the block ends, and never if the block raises.

    It has the permissions of the file that it replaces, and those of any new file where there was none.
    """
    with _refused(path):
        part = _Part(path)
        try:
            yield part.file
            part.finish()
            part.appear()
        finally:
            part.discard()


def write_together(contents: Iterable[tuple[Path, bytes]]) -> None:
    """Write several files, of which none appears before all of them are written; each as ``written_whole`` writes it."""
    parts: list[_Part] = []
    try:
        for path, data in contents:
            with _refused(path):
                parts.append(_Part(path))
                parts[-1].file.write(data)
                parts[-1].finish()
        for part in parts:
            with _refused(part.path):
                part.appear()
    finally:
        for part in parts:
            part.discard()


class _Part:
    """A file that is being written, beside the place where it will be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve()  # through a symbolic link, not over it
        _clear_leftovers(self._target.parent)
        self._mode = stat.S_IMODE(self._target.stat().st_mode) & 0o777 if self._target.exists() else None
        number, self._part = _new_part(self._target.parent, 0o666 if self._mode is None else 0o600)
        self.file: BinaryIO = os.fdopen(number, "wb")

    def finish(self) -> None:
        """All of it is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if self._mode is not None:
            self._part.chmod(self._mode)

    def appear(self) -> None:
        """It is where it should be; locked until it is there, or another writer would take it for a leftover."""
        if sys.platform == "win32":  # where nothing that is open can be moved
            self.file.close()
        self._part.replace(self._target)

    def discard(self) -> None:
        """Nothing is left of it but what has appeared."""
        with contextlib.suppress(OSError):  # a full disk has been told of
            self.file.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Errors of the system in our own words."""
    try:
        yield
    except RegardError:  # what is written could not be read
        raise
    except OSError as error:
        advice = f"{error.strerror or error}; check the permissions and the space there, or choose another folder"
        raise refusal("write", error.errno or errno.EIO, path, advice) from error


def _new_part(folder: Path, mode: int) -> tuple[int, Path]:
    """A new file beside the one that is written, open and locked: who sees no lock on it knows that its writer is dead."""
    while True:
        part = folder / f"{PART}{secrets.token_hex(8)}{ENDING}"
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        if sys.platform == "win32":
            return number, part
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(number, fcntl.LOCK_EX)
        if os.fstat(number).st_nlink:  # else another writer has cleared it before it was locked
            return number, part
        os.close(number)


def _clear_leftovers(folder: Path) -> None:
    """Delete what killed writers have left here."""
    for part in folder.glob(f"{PART}*{ENDING}"):
        with contextlib.suppress(OSError):  # its writer lives, or it is another user's
            if sys.platform == "win32":
                part.unlink()
                continue
            with part.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()


def refusal(verb: str, code: int, path: Path, advice: str) -> OSError:
    """The error for this path: with its code, OSError becomes FileNotFoundError, PermissionError or whatever it is."""
    return OSError(code, f"cannot {verb} {str(path)!r}: {advice}")
