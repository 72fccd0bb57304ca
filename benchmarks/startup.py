"""What ``regard translate`` takes from a warm disk, beside what importing PyTorch and the model's class takes.

    python benchmarks/startup.py [--rounds 7]

Processor time of whole processes, called in turn; the disk's cache is warm after the first round, which is left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys

IMPORTED = ["-c", "import torch; from transformers import MarianMTModel"]
CALLED = {"regard translate": ["-m", "regard", "translate", "No."], "regard --help": ["-m", "regard", "--help"]}


def seconds(arguments: list[str]) -> float:
    """Processor seconds of a process, its own and the system's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    runs = [(seconds(IMPORTED), *(seconds(called) for called in CALLED.values())) for _ in range(rounds + 1)][1:]
    imported = statistics.median(run[0] for run in runs)
    print("| what | processor time | importing torch and MarianMTModel | ratio |\n| --- | --- | --- | --- |")
    for at, name in enumerate(CALLED, start=1):
        took = statistics.median(run[at] for run in runs)
        ratio = statistics.median(run[at] / run[0] for run in runs)
        print(f"| `{name}` | {took:.2f} s | {imported:.2f} s | **{ratio:.2f}×** |")


if __name__ == "__main__":
    main()
