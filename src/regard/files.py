"""A file is written whole or not at all: beside its place, and moved there when every byte is on the disk."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from regard.errors import DtypeError


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The path, where a file can be written as far as one can tell beforehand.

    Raises:
        DtypeError: it is no path.
        OSError: it is a folder, or in a folder that is not there.
    """
    place = as_path(path)
    if place.is_dir():
        raise refusal("write", errno.EISDIR, place, "it is a folder; add a file name")
    if not place.parent.is_dir():
        raise refusal("write", errno.ENOENT, place, f"there is no folder {str(place.parent)!r}; make it first")
    return place


def as_path(path: str | os.PathLike[str]) -> Path:
    """Text or a path as a path."""
    if not isinstance(path, str | os.PathLike):
        raise DtypeError(f"expected a path as text or pathlib.Path, got {type(path).__name__}: {path!r}")
    return Path(path)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write into; it appears at ``path`` when the block ends, and never if the block raises."""
    target = path.resolve()  # through a symbolic link, not over it
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        advice = f"{error.strerror or error}; check the permissions and the space there, or choose another folder"
        raise refusal("write", error.errno or errno.EIO, path, advice) from error
    finally:
        part.unlink(missing_ok=True)


def refusal(verb: str, code: int, path: Path, advice: str) -> OSError:
    """The error for this path: with its code, OSError becomes FileNotFoundError, PermissionError or whatever it is."""
    return OSError(code, f"cannot {verb} {str(path)!r}: {advice}")
