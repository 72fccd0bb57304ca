"""What every command says in the same way."""

import argparse
import sys

from regard.errors import OptionError


def complain(error: Exception, where: str = "") -> None:
    """One line about what went wrong, where no result would be looked for."""
    print(f"regard: {where}{error}", file=sys.stderr)


def check_layer_and_head(options: argparse.Namespace) -> None:
    """Refuse a layer without a head, or a head without a layer.

    Raises:
        OptionError: one of them is missing.
    """
    if (options.layer is None) != (options.head is None):
        raise OptionError(f"expected --layer and --head together or neither, got {options.layer} and {options.head}")
