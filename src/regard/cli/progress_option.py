"""``--progress`` and ``--quiet``, of every command that may take a while."""

import argparse


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Adds the two, of which one may be typed."""
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--progress", action="store_true", default=None, help="show progress bars in files and pipes, too")
    shown.add_argument("--quiet", dest="progress", action="store_false", help="show none, on a terminal neither")
