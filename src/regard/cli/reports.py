"""What every command says in the same way."""

import argparse
import json
import sys
from typing import Any

from regard.errors import OptionError


def complain(error: Exception, where: str = "") -> None:
    """One line about what went wrong, where no result would be looked for; halves of characters are spelled."""
    what = str(error)
    if isinstance(error, OSError) and error.strerror:  # without the system's number for it
        what = error.strerror if error.filename is None else f"{error.strerror}: {str(error.filename)!r}"
    said = f"regard: {where}{what}".encode("utf-8", "backslashreplace").decode()
    print(" ".join(said.splitlines()), file=sys.stderr)


def print_json(value: Any) -> None:
    """One line of JSON; where the output has no letter for some of it, that is spelled as JSON can: nothing is lost."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    print(text, flush=True)


def check_layer_and_head(options: argparse.Namespace) -> None:
    """Refuse a layer without a head, or a head without a layer.

    Raises:
        OptionError: one of them is missing.
    """
    if (options.layer is None) != (options.head is None):
        raise OptionError(f"expected --layer and --head together or neither, got {options.layer} and {options.head}")
