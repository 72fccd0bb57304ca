"""What every command says in the same way."""

import sys


def complain(error: Exception, where: str = "") -> None:
    """One line about what went wrong, where no result would be looked for."""
    print(f"regard: {where}{error}", file=sys.stderr)
