"""Programs in processes of their own, forked from one that has imported torch: a memory and an end of their own, at once."""

import contextlib
import io
import multiprocessing
import os
import sys
import traceback
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from unittest import mock

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["pytest", "support.imported"])

PEAK = """
def peak():
    # Not ru_maxrss: a process inherits the peak of the one that started it, and a large one hides any growth.
    from pathlib import Path
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
"""
"""Bytes, on Linux; in front of the program."""

ENVIRONMENT = {
    # Large blocks get pages of their own, as the holes of glibc's heap would add to what is needed at once.
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    # What is to be imported is found as the tests find it; Python before 3.13 does not tell it the path.
    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
}
"""Of the process that the others are forked from."""


def growth(program: str) -> int:
    """By how much the peak of a program's memory grows: the number that it prints, run with ``peak`` in front of it."""
    return int(said(PEAK + program))


def said(program: str, *arguments: object) -> str:
    """What a program prints. Its mistake is raised here."""
    here, there = _SERVER.Pipe(duplex=False)
    process = _start(program, arguments, there)
    there.close()
    try:
        text, mistake = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"the program ended with {process.exitcode}, and said nothing") from None
    process.join()
    if mistake:
        raise RuntimeError(mistake)
    return text


def start(program: str, *arguments: object) -> BaseProcess:
    """A program that runs beside the test, with these in ``sys.argv``."""
    return _start(program, arguments, None)


class Piped:
    """A program that runs beside the test, and what it writes: as ``subprocess.Popen`` with pipes."""

    def __init__(self, program: str, *arguments: object) -> None:
        pipes = [_SERVER.Pipe(duplex=False) for _ in range(2)]
        self.process = _start(program, arguments, None, [there for _, there in pipes])
        for _, there in pipes:
            there.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(here.fileno()), encoding="utf-8") for here, _ in pipes)
        for here, _ in pipes:
            here.close()
        self.pid = self.process.pid

    def __enter__(self) -> "Piped":
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, seconds: float) -> int:
        self.process.join(seconds)
        if self.process.exitcode is None:
            raise TimeoutError(f"the program still runs after {seconds} s")
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()


def _start(program, arguments, answer, outputs=()):
    with mock.patch.dict(os.environ, ENVIRONMENT):
        forkserver.ensure_running()
    process = _SERVER.Process(target=_run, args=(program, [str(one) for one in arguments], answer, outputs), daemon=True)
    process.start()
    return process


def _run(program, arguments, answer, outputs):
    sys.argv = ["-c", *arguments]
    mistake, text = None, io.StringIO()
    if outputs:
        for number, output in enumerate(outputs, 1):
            os.dup2(output.fileno(), number)
            output.close()
        text = sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8")
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8")
    try:
        with contextlib.redirect_stdout(text):
            exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102 - it is the test's own
    except BaseException:  # noqa: BLE001 - told where the program was asked for
        mistake = traceback.format_exc()
    if answer is not None:
        answer.send((text.getvalue(), mistake))
    elif mistake:
        sys.exit(mistake)
