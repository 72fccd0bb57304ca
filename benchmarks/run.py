"""Measures Regard side by side with what it is compared to, and writes RESULTS.md and results.json next to this file.

    python benchmarks/run.py            n = 2,048, 8,192 and 32,768, a saved recording of 131,072 tokens, and the peers
    python benchmarks/run.py --quick    n = 2,048 only, in about two minutes; peers only where they are installed
    python benchmarks/run.py --again record check block    these cases once more; the other results stay
    python benchmarks/run.py --again goals    the statistics that have goals, at all lengths: about ten minutes
    python benchmarks/run.py --long     the summary of 131,072 tokens beside SDPA as well: half an hour more
    python benchmarks/run.py --device cuda    on a GPU, 32 heads of 128 and 8 of keys, bfloat16: results in files of their own

Each measurement is a process of its own (``cases.py``, ``peers.py``); how it measures stands in ``measure.py``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

import peers
from report import GOALS, LENGTHS, has_goals, report, report_of_device

HERE = Path(__file__).resolve().parent
ON_DEVICE = {
    "record": "forward",
    "summary": "flash",
    "received": "flash",
    "entropy": "flash",
    "tile": None,
    "tile_all_heads": None,
}
"""What is measured on a device, and against what."""

MOST_BYTES = 12e9
"""What would need more memory than this is left out, with a word."""


@dataclass(frozen=True)
class Job:
    """A case to run, alone or in turn with another; ``memory`` measures memory instead of time.

    ``own_pages``: while memory is measured, blocks of 1 MiB and more get pages of their own, and go back when they are freed.
    """

    case: str
    n: int
    against: str | None = None
    dtype: str = "float32"
    causal: bool = True
    memory: bool = False
    own_pages: bool = True
    saved: bool = False
    peer: str | None = None
    device: str = "cpu"
    heads: int = 8
    kv_heads: int = 8
    dim: int = 64
    repeats: int = 1
    needs: float = 0

    def command(self, threads: int, file: Path) -> list[str]:
        """How to start it."""
        python = str(peers.python_of(self.peer)) if self.peer else sys.executable
        options = ["--n", str(self.n), "--dtype", self.dtype, "--threads", str(threads), "--device", self.device]
        options += ["--heads", str(self.heads), "--kv-heads", str(self.kv_heads), "--dim", str(self.dim)]
        options += ["--against", self.against] if self.against else []
        options += ["--full"] if not self.causal else []
        options += ["--memory"] if self.memory else []
        options += ["--file", str(file)] if self.saved else []
        return [python, str(HERE / ("peers.py" if self.peer else "cases.py")), self.case, *options]


def jobs(sizes: list[int], saved: int, with_peers: list[str], quick: bool, long: bool) -> Iterator[Job]:
    """Everything that is measured."""
    repeats = 1 if quick else 3  # the memory of a pass is that of an allocator's mood
    for n in sizes:
        yield from timed_and_weighed(Job("record", n, "forward"), repeats)
        yield Job("forward", n, memory=True, repeats=repeats)
        for name in ("record", "forward"):
            yield Job(name, n, memory=True, own_pages=False, repeats=repeats)
    yield Job("block", 1)
    for dtype in ("float32", "bfloat16"):
        yield Job("check", 1024, "forward", dtype)
    longest = 8192  # beyond that, single statistics say nothing new
    matrices = {n: 8 * n**2 * 4.0 for n in (*sizes, 4096)}
    middle = [] if quick else [4096]
    for n in sorted({*sizes, *middle}):
        # Of each of the 4 layers the weights stay; scores and softmax of one come on top.
        yield from timed_and_weighed(Job("output_attentions", n, "record", needs=6 * matrices[n]))
    for peer in with_peers:
        kept, plain, regards = peers.COMPARED[peer]
        yield Job(kept, 2048, plain, peer=peer)
        yield from timed_and_weighed(Job(kept, 2048, regards, peer=peer))
        yield Job(regards, 2048, memory=True, peer=peer)
    for n in sorted({*sizes, *(() if quick else LENGTHS)}):
        for dtype, causal in itertools.product(("float32", "bfloat16"), (True, False)):
            for name in GOALS if n in LENGTHS else ("summary",):
                yield Job(name, n, "sdpa", dtype, causal)
    for n in sizes:
        for name in ("entropy", "pool_mean", "pool_max", "topk", "product", "product_softmax"):
            if n <= longest:
                yield Job(name, n, "sdpa")
        yield from timed_and_weighed(Job("eager_summary", n, "summary", needs=4 * matrices[n]))
        for name in ("summary", "received", "entropy", "pool_mean", "pool_max", "topk", "row_block", "tile"):
            if n <= longest:
                yield Job(name, n, memory=True)
    if long:
        yield Job("summary", saved, "sdpa", "bfloat16")
    yield Job("write", saved, dtype="bfloat16", saved=True)
    for name in ("open", "region_middle", "region_end", "region_end_all_heads"):
        yield from timed_and_weighed(Job(name, saved, dtype="bfloat16", saved=True))
    yield Job("pool_predicted", saved, dtype="bfloat16", saved=True)
    yield Job("pool_long", saved, dtype="bfloat16", saved=True)


def chosen(todo: list[Job], again: list[str]) -> list[Job]:
    """The jobs of these cases, and of "goals" those that have some; what reads a file needs it written."""
    cases = {*again, "write"} if any(job.saved for job in todo if job.case in again) else set(again)
    return [job for job in todo if job.case in cases or ("goals" in cases and has_goals(vars(job)))]


def jobs_on(device: str, quick: bool) -> Iterator[Job]:
    """What is measured on a device: the heads of an 8B model, or few and small ones to see that it runs."""
    sizes, (heads, kv_heads, dim) = ([1024], (4, 2, 16)) if quick else ([8192, 32768, 131072], (32, 8, 128))
    for n in sizes:
        for case, against in ON_DEVICE.items():
            yield Job(case, n, against, "bfloat16", device=device, heads=heads, kv_heads=kv_heads, dim=dim)


def timed_and_weighed(job: Job, repeats: int = 1) -> Iterator[Job]:
    yield job
    yield replace(job, memory=True, against=None, repeats=repeats)


def measure(job: Job, threads: int, file: Path) -> dict[str, Any]:
    """What the case said, with the medians; or why there is nothing."""
    found: dict[str, Any] = {name: value for name, value in vars(job).items() if name not in ("repeats", "needs")}
    if job.needs > MOST_BYTES:
        return found | {"left_out": f"would need about {job.needs / 1e9:.0f} GB"}
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    if job.memory and job.own_pages:
        environment["MALLOC_MMAP_THRESHOLD_"] = str(
            2**20
        )  # glibc: a peak is then what was needed at once, without the heap's holes
    answers = []
    for _ in range(job.repeats):
        command = job.command(threads, file)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            return found | {"left_out": f"failed: {peers.reason(done.stderr)}"}
        answers.append(json.loads(done.stdout.splitlines()[-1]))
    if job.memory:
        return found | {name: statistics.median(answer[name] for answer in answers) for name in answers[0]}
    return found | answers[0]


def machine(device: str) -> dict[str, str]:
    """Where it was measured; nothing that names it."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        {
            "CPU": model[1] if model else platform.processor() or platform.machine(),
            "cores": str(os.cpu_count()),
            "memory": f"{memory:.0f} GiB",
            "system": f"{platform.system()} {platform.machine()}",
            "Python": platform.python_version(),
        }
        | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "regard")}
        | named(device)
    )


def named(device: str) -> dict[str, str]:
    """The device, where it is not the CPU.

    Raises:
        RuntimeError, AssertionError: it is not there; PyTorch says why.
    """
    if device == "cpu":
        return {}
    import torch  # seconds that the measurements of the CPU save

    found = {"device": str(torch.get_device_module(device).get_device_name(device))}
    return found | ({"CUDA": torch.version.cuda} if torch.version.cuda else {})


def measured(todo: list[Job], threads: int) -> list[dict[str, Any]]:
    """All jobs, one after another."""
    found = []
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".saved-") as folder, tqdm(todo, unit="case") as bar:
        for job in bar:
            bar.set_description(f"{job.case} {job.n:,}{' memory' if job.memory else ''}")
            found.append(measure(job, threads, Path(folder) / "map.safetensors"))
    return found


def write(
    folder: Path,
    name: str,
    about: dict[str, str],
    notes: list[str],
    found: list[dict[str, Any]],
    text: Callable[[dict[str, str], list[str], list[dict[str, Any]]], str],
) -> None:
    """The numbers, and what is said of them."""
    numbers = json.dumps({"about": about, "notes": notes, "found": found}, indent=1) + "\n"
    (folder / f"results{name}.json").write_text(numbers, encoding="utf-8")
    (folder / f"RESULTS{name}.md").write_text(text(about, notes, found), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument(
        "--again", nargs="+", metavar="CASE", default=[], help="measure these once more, keep the other results"
    )
    parser.add_argument("--device", help="measure there, e.g. cuda; with --quick also on cpu, to see that it runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the two files of results")
    arguments = parser.parse_args()
    if arguments.quick and arguments.long:
        parser.error("expected --quick or --long, got both; leave one out")
    if arguments.device and (arguments.long or arguments.again):
        parser.error("expected --device alone or with --quick, got --long or --again; leave them out")
    if arguments.device == "cpu" and not arguments.quick:
        parser.error("expected --quick with --device cpu, got it without; 131,072 tokens of 32 heads would take it hours")
    try:
        where = machine(arguments.device or "cpu")
    except (RuntimeError, AssertionError) as error:
        parser.error(f"expected a device that is here, got {arguments.device}; PyTorch says: {error}")
    options = " --quick" * arguments.quick + " --long" * arguments.long
    options += f" --device {arguments.device}" if arguments.device else ""
    about = where | {
        "threads": str(arguments.threads),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": f"python benchmarks/run.py{options} --threads {arguments.threads}",
        "load when it began": f"{os.getloadavg()[0]:.1f} processes",
    }
    if arguments.device:
        found = measured(list(jobs_on(arguments.device, arguments.quick)), arguments.threads)
        write(arguments.out, f"_{arguments.device.replace(':', '')}", about, [], found, report_of_device)
        return
    again = arguments.again
    notes, ready = [], []
    asked = [peer for peer in peers.PEERS if not again or set(again).intersection(peers.COMPARED[peer])]
    for peer in tqdm(asked, desc="installing peers (once, minutes each)", unit="peer", leave=False):
        if arguments.quick and not peers.installed(peer):
            notes.append(f"{peers.PEERS[peer]}: left out by --quick, which installs nothing")
            continue
        try:
            peers.install(peer)
        except (peers.NotInstalledError, OSError, subprocess.SubprocessError) as error:
            notes.append(f"{peers.PEERS[peer]}: not installed; {error}")
        else:
            ready.append(peer)
            about[f"environment of {peer}"] = peers.versions(peer)
    sizes = [2048] if arguments.quick else [2048, 8192, 32768]
    saved = 2048 if arguments.quick else 131072
    todo = list(jobs(sizes, saved, ready, arguments.quick, arguments.long))
    found = []
    if again:
        if strange := set(again) - {"goals", *(job.case for job in todo)}:
            parser.error(f"expected cases that are measured here, got {', '.join(sorted(strange))}")
        kept = json.loads((arguments.out / "results.json").read_text(encoding="utf-8"))
        todo = chosen(todo, again)
        new = {*again, *(job.case for job in todo if job.saved)}
        found = [one for one in kept["found"] if one["case"] not in new and not ("goals" in again and has_goals(one))]
        about = kept["about"] | {"measured again": f"{', '.join(again)} on {about['date']}"}
        notes = notes if asked else kept["notes"]
    write(arguments.out, "", about, notes, found + measured(todo, arguments.threads), report)


if __name__ == "__main__":
    main()
