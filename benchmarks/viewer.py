"""Measures the viewer beside others, and writes VIEWER.md and viewer.json next to this file.

    python benchmarks/viewer.py                  everything: about ten minutes
    python benchmarks/viewer.py --only grid      one of grid, long, served, peers; the other results stay

``grid``: 12 layers of 12 heads at 512 tokens, in one offline page. ``long``: 8 heads at 8,192 tokens, in one offline page.
``served``: 8 heads at 131,072 tokens, behind ``regard view``. ``peers``: the first of them in BertViz, CircuitsVis and
Inspectus, in an environment of their own (``viewer_peers.py``). Pages are opened in headless Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import regard
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import document
from regard.viewer.page.page import page_of

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "recipes" / "site"))

PEERS = ("bertviz", "circuitsvis", "inspectus")
PEER_PYTHON = HERE / ".peers" / "viewers" / "bin" / "python"
CLIENTS, TILES = 8, 25
PATIENCE = 900
"""Seconds for reading ahead, which takes 170 s of two cores."""

FLAGS = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]

Found = dict[str, Any]


def maps(layers: int, heads: int, n: int, dtype: torch.dtype = torch.float32) -> list[regard.AttentionMap]:
    """Causal maps of normal queries and keys of 64, with labelled tokens."""
    torch.manual_seed(0)
    made = []
    for layer in range(layers):
        query, key = torch.randn(2, 1, heads, n, 64).to(dtype)
        amap = regard.AttentionMap(query, key, causal=True)
        amap.kind, amap.layer = "self", layer
        amap.queries = amap.keys = tuple(f"token{at}" for at in range(n))
        made.append(amap)
    return made


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from install_chromium import found

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found(), args=FLAGS, chromium_sandbox=False)
        yield opened
        opened.close()


DRAWN = """() => {
  const canvases = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
    [...(one.localName === "canvas" ? [one] : []), ...(one.shadowRoot ? canvases(one.shadowRoot) : [])]);
  const panel = canvases(document).filter((one) => one.closest("[role=tabpanel]") && one.width > 300);
  return panel.some((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) colours.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    return colours.size > 40;
  });
}"""
"""Whether a canvas of the view shows many colours: cells, not only a frame and letters."""

SETTLED = """() => {
  const find = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
    [...(one.localName === "canvas" ? [one] : []), ...(one.shadowRoot ? find(one.shadowRoot) : [])]);
  return find(document).every((one) => !one.closest("[data-reading]"));
}"""
"""Whether nothing is being read any more."""


def seen(address: str, view: str, moves: int = 0) -> Found:
    """Seconds from opening a page until a view says that it has drawn, and milliseconds between frames while it is hovered."""
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1400, "height": 900})
        start = time.perf_counter()
        page.goto(f"{address}#view={view}")
        page.wait_for_function(DRAWN, timeout=120_000)
        found: Found = {"first_seconds": time.perf_counter() - start}
        if view == "map":
            page.wait_for_function(SETTLED, timeout=120_000)
        found["exact_seconds"] = time.perf_counter() - start
        if moves:
            found["frame_ms"] = frames(page, moves)
        return found


def frames(page: Any, moves: int) -> list[float]:
    """Milliseconds between frames while the pointer crosses the middle of the page."""
    page.evaluate(
        "() => { const times = []; window.frameTimes = times; let last = performance.now();"
        " const tick = (now) => { times.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };"
        " requestAnimationFrame(tick); }"
    )
    for at in range(moves):
        page.mouse.move(300 + 800 * at / moves, 300 + 300 * ((at * 7) % moves) / moves)
    return [
        float(one) for one in page.evaluate("() => { cancelAnimationFrame(window.ticking); return window.frameTimes; }")[2:]
    ]


def grid() -> Found:
    """The page of many heads."""
    return _page(maps(12, 12, 512), "heads", moves=120)


def long() -> Found:
    """The page of a long map."""
    return _page(maps(1, 8, 8192), "map", moves=120)


def _page(shown: list[regard.AttentionMap], view: str, moves: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        start = time.perf_counter()
        page = page_of(document(shown, title="benchmark"))
        path.write_text(page, encoding="ascii")
        seconds = time.perf_counter() - start
        errors = [json.loads(one) for one in re.findall(r'"error": ?([0-9.e-]+)', page)]
        return {"bytes": path.stat().st_size, "seconds": seconds, "error": max(errors)} | seen(path.as_uri(), view, moves)


def served() -> Found:
    """A long recording behind the server: the first view, then tiles for several people at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.safetensors"
        regard_map = maps(1, 8, 131_072, torch.bfloat16)[0]
        regard_map.save(path)
        del regard_map
        command = [sys.executable, "-m", "regard", "view", str(path), "--no-browser", "--no-token"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                address = line.split()[-1]
                before = os.getloadavg()[0]
                found = seen(address, "map") | {"load": before, "nice": _nice()}
                region = address + "documents/long/region"
                _say(f"first view after {found['first_seconds']:.2f} s; {CLIENTS} clients ask for {TILES} tiles each")
                found["tile_ms"], found["whole_tile_ms"] = _many(region, seed=0)
                _say(f"pictures: {_row(found['tile_ms'])}")
                start = time.perf_counter()
                found["all_ahead"] = _until_idle(process.pid)
                found["ahead_seconds"] = time.perf_counter() - start
                _say("the clients ask again")
                found["later_tile_ms"], found["later_whole_tile_ms"] = _many(region, seed=100)
                found |= {"server_bytes": _peak(process.pid), "file_bytes": path.stat().st_size}
            finally:
                process.send_signal(signal.SIGINT)
        return found


def _until_idle(pid: int) -> bool:
    """Until the server has read ahead, which it does between questions, or for ``PATIENCE``; whether it has."""
    used, start = -1.0, time.perf_counter()
    while (now := _cpu_seconds(pid)) - used > 0.1:
        passed = time.perf_counter() - start
        _say(f"the server reads ahead: for {passed:.0f} s of at most {PATIENCE} s")
        if passed > PATIENCE:
            return False
        used = now
        time.sleep(10)
    return True


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _many(address: str, seed: int) -> tuple[list[float], list[float]]:
    """Milliseconds of tiles at all zooms for several clients at once: until there is a picture, and until every row is read.

    As the viewer asks: 256 × 256 cells of a power of two of tokens, aligned to the map, below the diagonal; quickly, and again
    where that read one row of cells in several. A client asks for the next tile when it has the whole of one.
    """
    first: list[float] = []
    whole: list[float] = []

    def look(client: int) -> None:
        place = torch.Generator().manual_seed(seed + client)
        for _ in range(TILES):
            size = 2 ** int(torch.randint(8, 17, (), generator=place))
            row, column = (size // 4 * int(torch.randint(0, 4 * (131_072 // size) - 3, (), generator=place)) for _ in range(2))
            asked = {
                "map": 0,
                "heads": [int(torch.randint(0, 8, (), generator=place))],
                "rows": {"start": row, "stop": row + size, "count": 256},
                "columns": {"start": min(row, column), "stop": min(row, column) + size, "count": 256},
                "how": "mean",
                "hideSpecial": False,
                "renormalise": False,
                "sample": 1,
            }
            start = time.perf_counter()
            some = _asked(address, asked | {"quick": True})["every"] > 1
            first.append(1000 * (time.perf_counter() - start))
            if some:
                _asked(address, asked)
            whole.append(1000 * (time.perf_counter() - start))

    threads = [threading.Thread(target=look, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return first, whole


def _asked(address: str, question: Found) -> Found:
    """What the answer says of itself."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        address, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        meta: Found = unpack(answer.read())[0]
        return meta


def _nice() -> int:
    """How far this session goes before others on this machine (below 0) or behind them, while it measures."""
    group = Path("/proc/self/autogroup")
    return int(group.read_text(encoding="ascii").split()[-1]) if group.exists() else 0


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


def _peak(pid: int) -> int:
    """Most memory of its own that a process has had, without pages of files."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines() if ":" in line)
    return 1024 * (int(lines["VmHWM"].split()[0]) - int(lines["RssFile"].split()[0]))


def peers() -> Found:
    """The same number of heads and tokens elsewhere."""
    if not PEER_PYTHON.exists():
        venv.create(PEER_PYTHON.parent.parent, with_pip=True)
        wanted = ["torch==2.13.0", "transformers>=5.23,<6", *PEERS]
        done = subprocess.run([str(PEER_PYTHON), "-m", "pip", "install", "--quiet", *wanted], check=False)
        if done.returncode:
            return {"left_out": "pip could not install them"}
    found: Found = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer in PEERS:
            path = Path(folder) / f"{peer}.html"
            command = [str(PEER_PYTHON), str(HERE / "viewer_peers.py"), peer, "--output", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found[peer] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"left_out": done.stderr[-200:]}
            path.unlink(missing_ok=True)
        names = [*PEERS, "torch"]
        code = "import importlib.metadata as m, sys; print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')"
        found["versions"] = subprocess.run(
            [str(PEER_PYTHON), "-c", code, *names], capture_output=True, text=True, check=True
        ).stdout.strip()
    return found


PARTS = {"grid": grid, "long": long, "served": served, "peers": peers}


def report(found: Found) -> str:
    """VIEWER.md."""
    lines = [
        "# The viewer, measured",
        "",
        f"`python benchmarks/viewer.py`, {found['date']}, {found['machine']}.",
        "Pages in headless Chromium, 1400 × 900. Random causal maps of heads of 64, which compress worse than those of models.",
    ]
    if "grid" in found:
        one = found["grid"]
        lines += [
            "",
            "## 12 × 12 heads at 512 tokens",
            "",
            "| | page | built in |",
            "|---|---|---|",
            f"| **Regard**, one offline page | {_mb(one['bytes'])} | {one['seconds']:.1f} s |",
        ]
        for peer, text in zip(PEERS, ("BertViz `model_view`", "CircuitsVis `attention_heads`", "Inspectus"), strict=True):
            other = found.get("peers", {}).get(peer, {"left_out": "not measured"})
            lines.append(
                f"| {text} | {other['left_out']} | |"
                if "left_out" in other
                else f"| {text} | {_mb(other['bytes'])} | {other['seconds']:.1f} s, peak {_mb(other['peak_bytes'])} |"
            )
        lines += [
            "",
            f"Largest error of a weight against the recorded one: {one['error']:.1e}. The grid of heads is there "
            f"{one['first_seconds']:.2f} s after opening. Between frames while the pointer crosses it: {_frames(one)}.",
        ]
        if "peers" in found and "versions" in found["peers"]:
            lines.append(f"Others: {found['peers']['versions']}.")
    if "long" in found:
        one = found["long"]
        lines += [
            "",
            "## 8 heads at 8,192 tokens, one offline page",
            "",
            f"{_mb(one['bytes'])}, built in {one['seconds']:.1f} s; largest error of a weight {one['error']:.1e}. "
            f"First view after {one['first_seconds']:.2f} s, exact after {one['exact_seconds']:.2f} s. "
            f"Between frames while hovering: {_frames(one)}.",
        ]
    if "served" in found:
        one = found["served"]
        lines += [
            "",
            "## 8 heads at 131,072 tokens, served",
            "",
            f"A file of {_mb(one['file_bytes'])} (bfloat16). First view after {one['first_seconds']:.2f} s. Then "
            f"{len(one['tile_ms'])} tiles of 256 × 256 cells, at zooms from 256 to 65,536 tokens, of all heads, for {CLIENTS} "
            "clients at once, each asking for the next when it has one. Cells of more than one query read one of them, and all "
            "its keys. A picture is there when one row of cells in a few has been read, "
            f"which it says; the whole tile when all have. Load of the machine before: {one['load']:.1f}"
            f"{', the nice value of this process ' + str(one['nice']) if one['nice'] else ''}.",
            "",
            "| | median | 95 % within | all within |",
            "|---|---|---|---|",
            f"| at once: a picture | {_row(one['tile_ms'])} |",
            f"| at once: the whole tile | {_row(one['whole_tile_ms'])} |",
            f"| {one['ahead_seconds']:.0f} s later, the server having read {'' if one['all_ahead'] else 'some '}ahead: "
            f"a picture | {_row(one['later_tile_ms'])} |",
            f"| the whole tile | {_row(one['later_whole_tile_ms'])} |",
            "",
            f"Peak memory of the server's own: {_mb(one['server_bytes'])}.",
        ]
    return "\n".join(lines) + "\n"


def _mb(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


def _row(times: list[float]) -> str:
    ordered = sorted(times)
    return " | ".join(f"{one:.0f} ms" for one in (statistics.median(ordered), ordered[int(0.95 * len(ordered))], ordered[-1]))


def _frames(found: Found) -> str:
    times = sorted(found["frame_ms"])
    return f"median {statistics.median(times):.0f} ms, 95 % within {times[int(0.95 * len(times))]:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args()
    kept = HERE / "viewer.json"
    found: Found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for part in asked.only:
        print(f"{part} …", file=sys.stderr, flush=True)
        found[part] = PARTS[part]()
    found["date"] = dt.datetime.now(dt.UTC).date().isoformat()
    found["machine"] = f"{os.cpu_count()} cores, torch {torch.__version__}, Python {platform.python_version()}"
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (HERE / "VIEWER.md").write_text(report(found), encoding="utf-8")
    print(report(found))


if __name__ == "__main__":
    main()
