"""How everything here is measured: calls in turn, in one process; memory as the growth of the peak, in a process of its own.

A GPU runs behind the program: a call there is over when the device has done its work.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

Call = Callable[[], object]

ENOUGH_SECONDS, MOST_ROUNDS = 2.0, 31
"""Short calls are repeated until this time or number is reached."""

MOST_SECONDS = 90.0
"""Long ones no more after this."""


@dataclass(frozen=True)
class Size:
    """What a case is measured on: one sequence."""

    n: int
    dtype: torch.dtype = torch.float32
    causal: bool = True
    file: Path | None = None
    heads: int = 8
    kv_heads: int = 8
    dim: int = 64
    device: str = "cpu"

    @property
    def dense_bytes(self) -> int:
        """Of one float32 matrix of weights of all heads."""
        return self.heads * self.n**2 * 4

    def small(self) -> Size:
        """What is computed first and not counted: code is loaded, kernels are chosen, threads started."""
        return replace(self, n=min(self.n, 1024), file=None)


def in_turn(size: Size, *calls: Call) -> dict[str, list[float] | float]:
    """Seconds of each call, measured A B A B ...; each once before that, but where that takes minutes on a CPU.

    ``value`` is the last number that the first call returned, where it returns a number.
    """
    least = 5 if size.n <= 8192 else 3
    for call in calls if size.n <= 8192 or size.device != "cpu" else ():
        call()
    gc.freeze()  # what is there stays: collecting garbage before each call of milliseconds would take longer than these
    seconds: list[list[float]] = [[] for _ in calls]
    found: dict[str, list[float] | float] = dict(zip(("seconds", "against_seconds"), seconds, strict=False))
    begin = time.perf_counter()
    while wanted(len(seconds[0]), time.perf_counter() - begin, least):
        for call, times in zip(calls, seconds, strict=True):
            gc.collect()
            wait_for(size.device)
            start = time.perf_counter()
            result = call()
            wait_for(size.device)
            times.append(time.perf_counter() - start)
            if isinstance(result, float) and times is seconds[0]:
                found["value"] = result
            del result
    return found


def wait_for(device: str) -> None:
    """Until the device has done what it was told; a CPU has when the call returns."""
    if device != "cpu":
        torch.accelerator.synchronize(device)


def wanted(rounds: int, passed: float, least: int) -> bool:
    """Whether one more round is worth its time."""
    if rounds < least:
        return rounds == 0 or passed < MOST_SECONDS
    return passed < ENOUGH_SECONDS and rounds < MOST_ROUNDS


def growth(call: Call) -> dict[str, int]:
    """Bytes by which the peak of this process's memory grows while the call runs, its result included.

    Pages of mapped files count as memory; ``file_bytes`` says how many of them came in.
    """
    gc.collect()
    forget_peak()
    peak, files = peak_bytes(), file_bytes()
    result = call()
    found = {"bytes": peak_bytes() - peak, "file_bytes": file_bytes() - files}
    del result
    return found


def peak_bytes() -> int:
    """Of this program's own memory; where only ru_maxrss tells, that of the program that started it may hide it."""
    peak = status_bytes("VmHWM")
    return peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Where the system can: else what was needed to start up, and freed since, hides as much of the growth."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def file_bytes() -> int:
    return status_bytes("RssFile")


def status_bytes(name: str) -> int:
    """A line of the process's status, where the system has one."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(name)), 0)


def main(cases: dict[str, Callable[[Size], Call]], about: str | None) -> None:
    """``NAME --n N [--against NAME] [--memory] [--device cuda]``: one case, one line of JSON."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(cases))
    parser.add_argument("--n", type=int, default=2048, help="tokens")
    parser.add_argument("--against", choices=sorted(cases), help="measure this one in turn with it")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--full", action="store_true", help="no causal mask")
    parser.add_argument("--file", type=Path, help="of the saved recording")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="measure memory, not time")
    parser.add_argument("--device", default="cpu", help="where it is computed, e.g. cuda")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--dim", type=int, default=64, help="of a head")
    arguments = parser.parse_args()
    if arguments.memory and arguments.device != "cpu":
        parser.error(f"expected --memory on the cpu, got it on {arguments.device}; this process's own memory is measured")
    torch.set_num_threads(arguments.threads)
    dtype, causal, file = getattr(torch, arguments.dtype), not arguments.full, arguments.file
    heads, kv_heads, dim, device = arguments.heads, arguments.kv_heads, arguments.dim, arguments.device
    size = Size(arguments.n, dtype, causal, file, heads, kv_heads, dim, device)
    with torch.no_grad():
        names = [arguments.name, *filter(None, [arguments.against])]
        for name in names:
            cases[name](size.small())()
        calls = [cases[name](size) for name in names]
        found = growth(calls[0]) if arguments.memory else in_turn(size, *calls)
    print(json.dumps(found))
