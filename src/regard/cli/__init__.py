"""The command line: ``regard translate``, ``align``, ``record`` and more. A command is loaded when it is called."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from regard.cli.parser import parsed
from regard.cli.reports import complain
from regard.errors import RegardError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 1 where something could not be done."""
    options = parsed(sys.argv[1:] if arguments is None else list(arguments))
    if options.module in ("viewing", "serving"):
        # Read when torch is loaded. Threads that spin while they wait for each other take the cores from the browser that
        # draws: measured beside other programs, answers then take ten times as long.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        run: Callable[[argparse.Namespace], int] = import_module(f"regard.cli.{options.module}").run
        return run(options)
    except BrokenPipeError:
        # The reader has left (`| head`): no output is wanted, and Python would complain again when it flushes.
        sys.stdout = None
        return 1
    except (RegardError, OSError) as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
