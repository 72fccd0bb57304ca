"""By how much the peak of a program's memory grows: measured in a process of its own."""

import os
import subprocess
import sys

PEAK = """
def peak():
    # Not ru_maxrss: a new program inherits the peak of the one that started it, and a large test run hides any growth.
    from pathlib import Path
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
"""
"""Bytes, on Linux; in front of the program."""


def growth(program: str) -> int:
    """The number that the program prints, run with ``peak`` in front of it.

    Large blocks have pages of their own there, as glibc's heap would add holes to what is needed at once.
    """
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    command = [sys.executable, "-c", PEAK + program]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
