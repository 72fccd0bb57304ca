"""The command line: ``regard translate``, ``align``, ``record`` and more. A command is loaded when it is called."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from regard.cli.parser import parsed
from regard.cli.reports import complain
from regard.errors import OptionError, RegardError
from regard.progress import progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: done. 1: something could not be done, or only in part, and standard error says what. 2: options that no command has.
    130: interrupted.
    """
    if sys.stdout is None:
        complain(OptionError("expected a standard output to write to, got a closed one; send it to a file or to /dev/null"))
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A pipe of Windows, or LANG=C: what it has no letter for is a question mark there, not the end of the command.
        sys.stdout.reconfigure(errors="replace")
    options = parsed(sys.argv[1:] if arguments is None else list(arguments))
    if options.module in ("viewing", "serving"):
        # Read when torch is loaded. Threads that spin while they wait for each other take the cores from the browser that
        # draws: measured beside other programs, answers then take ten times as long.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        # Of each size of a product PyTorch and oneDNN keep how it is computed, 1024 each, half a megabyte: regions have any.
        for cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
            os.environ.setdefault(cache, "64")
    try:
        run: Callable[[argparse.Namespace], int] = import_module(f"regard.cli.{options.module}").run
        with progress(getattr(options, "progress", None)):
            status = run(options)
        sys.stdout.flush()  # here, where a full disk is an error that can be told
        return status
    except BrokenPipeError:
        _give_up_output()  # the reader has left (`| head`): no output is wanted
        return 1
    except (RegardError, OSError, ImportError) as error:  # a package that a command needs and Regard does not
        complain(error)
        _give_up_output()
        return 1
    except KeyboardInterrupt:
        return 130


def _give_up_output() -> None:
    """Write what can be written, and let go of the rest: Python would complain of it again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        if isinstance(sys.stdout, io.TextIOWrapper):
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
