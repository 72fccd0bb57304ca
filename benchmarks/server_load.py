"""Measures what trust costs: reads of a guarded file, and a server among those who mean ill; ``--write`` keeps it in SERVER.md.

    python benchmarks/server_load.py            everything: about five minutes, on a machine that does nothing else
    python benchmarks/server_load.py --quick    fewer of each, in about a minute: to see that it works
    python benchmarks/server_load.py --write    and write SERVER.md next to this file

``guard``: reads of a mapped file, with and without the guard against changes, in turn. ``crowd``: how long an honest client
waits beside 300 silent connections, 16 others, slow readers, and those who leave in the middle of an answer. ``memory``: of the
server, after 1,000 requests and after 10,000.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import gc
import http.client
import json
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch

import regard
from regard.maps.storage import tensor_file

HERE = Path(__file__).resolve().parent
MOST_RATIO, MOST_SECONDS, MOST_GROWTH = 1.1, 0.25, 8 * 2**20
"""What is promised: of the guard, of the 95th percentile, of memory."""

PAUSE = 0.2
"""Seconds between two questions of one client: as one who pans."""


@dataclass(frozen=True)
class Amounts:
    """How many of each."""

    tokens: int = 2**17
    rounds: int = 41
    silent: int = 300
    clients: int = 16
    slow: int = 8
    leaving: int = 4
    questions: int = 200
    requests: int = 10_000


QUICK = Amounts(rounds=5, questions=25, requests=500)


def map_file(folder: Path, heads: int, tokens: int) -> Path:
    """A file of one causal map."""
    torch.manual_seed(0)
    regard.AttentionMap(*torch.randn(2, 1, heads, tokens, 64), causal=True).save(folder / f"{tokens}.safetensors")
    return folder / f"{tokens}.safetensors"


def guard(amounts: Amounts, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Of each read: its name, the ratio of guarded to unguarded (median of pairs), and its seconds."""
    path = map_file(folder, 2, amounts.tokens)
    guarded = regard.load(path)
    with mock.patch.object(tensor_file, "OpenFile", return_value=contextlib.nullcontext):
        plain = regard.load(path)
    n = amounts.tokens
    reads: dict[str, Callable[[regard.AttentionMap, int], object]] = {
        "one whole row": lambda amap, at: amap[0, 0, n - 1 - at],
        "64 × 64 weights of rows not seen before": lambda amap, at: amap[0, 0, n - 64 * (at + 1) : n - 64 * at, :64],
        "64 × 64 weights of rows that are known": lambda amap, _: amap[0, 0, n - 64 :, :64],
        "the keys of a head, summed": lambda amap, _: amap.view.whole_factors.key[0, 0].sum(),
    }
    for name, read in reads.items():
        pairs = []
        for at in range(amounts.rounds + 1):
            seconds = {}
            for amap in (guarded, plain) if at % 2 else (plain, guarded):
                gc.collect()
                begin = time.perf_counter()
                read(amap, at)
                seconds[amap is guarded] = time.perf_counter() - begin
            pairs.append((seconds[True], seconds[False]))
        pairs = pairs[1:]  # the first touches what nobody has read
        yield name, statistics.median(one / other for one, other in pairs), statistics.median(one for one, _ in pairs)


class Server:
    """``regard view``, in a process of its own."""

    def __init__(self, path: Path) -> None:
        program = [sys.executable, "-m", "regard", "view", str(path), "--no-browser"]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = "" if self.process.stdout is None else self.process.stdout.readline()
        found = re.search(r"http://(\S+):(\d+)/\?token=(\S+)", line)
        if not found:
            raise RuntimeError(f"expected an address, got {line!r}")
        self.host, self.port, token = found[1], int(found[2]), urllib.parse.unquote(found[3])
        self.name = urllib.parse.quote(path.stem)
        cookie = f"regard_token_{self.port}={urllib.parse.quote(token, safe='')}"
        self.headers = {"Content-Type": "application/json", "Cookie": cookie}

    def ask(self, connection: http.client.HTTPConnection, at: int) -> int:
        """One region; the status of its answer."""
        connection.request("POST", f"/documents/{self.name}/region", json.dumps(region(at)), self.headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def connection(self) -> http.client.HTTPConnection:
        """A new one."""
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def socket_with(self, asked: dict[str, object]) -> socket.socket:
        """A connection that has asked, and has not listened yet."""
        made = socket.create_connection((self.host, self.port), timeout=60)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps(asked)
        lines = [f"POST /documents/{self.name}/region HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        made.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        return made

    def resident(self) -> int:
        """Bytes, on Linux."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def region(at: int, cells: int = 64) -> dict[str, object]:
    """A question like those of who pans."""
    start = at * 37 % 500
    rows, columns = {"start": start, "stop": start + 500, "count": cells}, {"start": 0, "stop": 1000, "count": cells}
    asked = {"map": 0, "heads": [at % 4], "rows": rows, "columns": columns}
    return asked | {"how": "mean", "hideSpecial": False, "renormalise": False, "sample": 0}


def crowd(amounts: Amounts, server: Server) -> list[float]:
    """Seconds that an honest client waits for each of its answers, sorted."""
    over = threading.Event()

    def others(number: int) -> None:
        connection = server.connection()
        for at in range(10**9):
            if over.wait(PAUSE):
                break
            server.ask(connection, number + 16 * at)

    def slow() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError), server.socket_with(region(0, 500)) as made:
                while not over.wait(0.1) and made.recv(1024):
                    pass

    def leaving(number: int) -> None:
        for at in range(10**9):
            if over.wait(PAUSE):
                break
            with contextlib.suppress(OSError), server.socket_with(region(number + at, 500)) as made:
                made.recv(100)

    silent = [socket.create_connection((server.host, server.port)) for _ in range(amounts.silent)]
    threads = [threading.Thread(target=others, args=(number,)) for number in range(amounts.clients)]
    threads += [threading.Thread(target=slow) for _ in range(amounts.slow)]
    threads += [threading.Thread(target=leaving, args=(number,)) for number in range(amounts.leaving)]
    for thread in threads:
        thread.start()
    seconds, connection = [], server.connection()
    try:
        for at in range(amounts.questions):
            time.sleep(PAUSE / 4)
            begin = time.perf_counter()
            status = server.ask(connection, at)
            seconds.append(time.perf_counter() - begin)
            if status != 200:
                raise RuntimeError(f"expected an answer, got {status}")
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for one in silent:
            one.close()
    return sorted(seconds)


def memory(amounts: Amounts, server: Server) -> tuple[int, int]:
    """Bytes of the server after a tenth of the requests, and after all of them."""
    connection = server.connection()
    for at in range(amounts.requests // 10):
        server.ask(connection, at)
    before = server.resident()
    for at in range(amounts.requests):
        server.ask(connection, at)
    return before, server.resident()


def main() -> None:
    """Measure, say, and write where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    parser.add_argument("--write", action="store_true", help="write SERVER.md")
    options = parser.parse_args()
    amounts = QUICK if options.quick else Amounts()
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, ratio, seconds in guard(amounts, Path(folder)):
            rows.append(
                (f"{name}, beside a read without guard", f"{ratio:.3f} × ({1000 * seconds:.2f} ms)", f"≤ {MOST_RATIO} ×")
            )
            print(*rows[-1], sep=" | ", flush=True)
        server = Server(map_file(Path(folder), 4, 1000))
        try:
            waits = crowd(amounts, server)
            among = f"{amounts.silent} silent connections, {amounts.clients} clients, {amounts.slow} slow readers"
            late = waits[int(0.95 * len(waits))]
            said = f"{1000 * late:.0f} ms (median {1000 * statistics.median(waits):.0f}, most {1000 * waits[-1]:.0f})"
            what = f"95th percentile of an honest client among {among} and {amounts.leaving} who leave in mid-answer"
            rows.append((what, said, f"< {1000 * MOST_SECONDS:.0f} ms"))
            print(*rows[-1], sep=" | ", flush=True)
            before, after = memory(amounts, server)
            grown = f"{(after - before) / 2**20:+.1f} MiB (of {before / 2**20:.0f})"
            rows.append((f"memory over {amounts.requests:,} requests", grown, f"≤ {MOST_GROWTH >> 20} MiB"))
            print(*rows[-1], sep=" | ", flush=True)
        finally:
            server.stop()
    if options.write:
        about = f"{dt.date.today()}, {platform.machine()}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}"
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        text = f"# What trust costs\n\nMeasured by `python benchmarks/server_load.py --write`: {about}.\n\n"
        (HERE / "SERVER.md").write_text(f"{text}| what | measured | promised |\n|---|---|---|\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
