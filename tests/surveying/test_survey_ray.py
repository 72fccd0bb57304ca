"""Surveys on a real Ray: two workers on this machine, one of them killed; what they find is what one process finds.

Each test runs programs of their own: Ray's processes and log handlers would stay behind in this one.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from regard.surveying import corpus as corpus_module
from regard.surveying.survey import checkpoint_of, survey
from regard.surveying.survey_file import Survey
from support.survey_models import saved_model
from support.surveys import same, words, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc"),
    pytest.mark.skipif(find_spec("ray") is None, reason='it needs pip install "regard[ray]"'),
]

LIMIT = 900
"""Seconds for a program: a busy machine of two cores takes minutes to start Ray and two workers, and nothing is wrong."""

PROGRAM = """
import json, os, sys, time
import torch
os.cpu_count = lambda: 2
torch.set_num_threads(1)
from regard.surveying import corpus
from regard.surveying.survey import survey

if __name__ == "__main__":
    model, text, path = sys.argv[1:4]
"""
SLOWLY = """
import regard.surveying.survey as engine
from regard.surveying.surveyor import Loader


class SlowLoader(Loader):
    def load(self):
        surveyor = super().load()
        read = surveyor.read
        surveyor.read = lambda chunk: [time.sleep(0.2), read(chunk)][1]
        return surveyor


engine.Loader = SlowLoader  # Ray sends classes of the main program to its workers, as they are
corpus.CHUNK_RECORDS = 5
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model("bert", tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(autouse=True)
def one_thread():
    """As many as a worker of Ray has: a product on two threads may round otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def start(body, model, corpus, path):
    program = PROGRAM + textwrap.indent(textwrap.dedent(body), "    ")
    command = [sys.executable, "-c", program, str(model), str(corpus), str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finished(process):
    """What a program said, and what it complained of."""
    out, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, error
    return out, error


def workers_of(process):
    """The processes that hold the model for this run, by Ray's name for them."""
    family, found = {process.pid}, []
    for _ in range(4):  # the run, its raylet, its workers
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                    if parent in family:
                        family.add(int(entry.name))
                except (OSError, IndexError):
                    continue
    for pid in family:
        try:
            if "MapWorker" in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
        except OSError:
            continue
    return found


@contextmanager
def in_the_middle(body, model, corpus, path):
    """A program that has kept its first checkpoint and goes on.

    Ray waits 30 seconds for its own processes, which cannot be changed and is too short for a machine that does much else: a
    program that ends for that is begun again.
    """
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with start(body, model, corpus, path) as process:
            while not checkpoint_of(path).exists() and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            if process.poll() is None:
                yield process
                return
            error = process.stderr.read()
            assert "timed out during startup" in error, error


LISTENING = """
def listening():
    \"\"\"The addresses on which processes of Ray, and this one, wait for others: hexadecimal, as Linux writes them.\"\"\"
    mine, found = set(), set()
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and (int(entry) == os.getpid() or "ray/" in open(f"/proc/{entry}/cmdline").read()):
                mine |= {os.readlink(f"/proc/{entry}/fd/{handle}") for handle in os.listdir(f"/proc/{entry}/fd")}
        except OSError:
            continue
    for table in ("tcp", "tcp6"):
        for line in open(f"/proc/net/{table}").readlines()[1:]:
            _, address, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in mine:
                found.add(address.split(":")[0])
    return found
"""
REFUSED = """
from regard.errors import RegardError
from regard.surveying.on_ray import running
from regard.surveying.surveyor import Loader, Settings


def refused(*wrong):
    found = []
    for options in wrong:
        try:
            survey(**{"model": model, "text": text, "engine": "ray"} | options)
        except RegardError as error:
            found.append(f"{type(error).__name__}: {error}")
    return found
"""
TOGETHER = """
with running(Loader(model, None, "float32", "cpu", Settings()), 2, None):  # as survey itself starts Ray; all below use it
    survey(model, text, path, engine="ray", workers=2, checkpoint=3)
    found = refused({"workers": 9}, {"workers": 1, "device": "cuda"})
    print(json.dumps({"found": found, "addresses": sorted(listening())}))
"""


def test_a_worker_that_is_killed_changes_nothing(model, tmp_path, monkeypatch):
    """The one program on Ray of `make test`: where it listens, and what a small cluster refuses, are asked there too."""
    corpus = write(tmp_path / "c.txt", [*words(103, seed=5), ""])
    path = tmp_path / "heads.parquet"
    with in_the_middle(LISTENING + REFUSED + SLOWLY + TOGETHER, model, corpus, path) as process:
        workers = workers_of(process)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        assert Survey.load(checkpoint_of(path)).tally.texts < 103  # in the middle of the run
        out, _ = finished(process)
    monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", 5)
    found = Survey.load(path)
    assert found.tally.texts == 103
    same(found, survey(model, str(corpus)))
    said = json.loads(next(line for line in out.splitlines() if line.startswith("{")))  # Ray says there that a worker died
    assert said["addresses"]
    assert set(said["addresses"]) <= {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, as IPv4 and as IPv6
    assert said["found"] == [
        "OptionError: expected a cluster with a CPU for each of 9 workers, got 2 CPUs and 0 GPUs: some would wait for "
        "ever; ask for fewer",
        "OptionError: expected a cluster with a GPU and a CPU for each of 1 workers, got 2 CPUs and 0 GPUs: some would "
        "wait for ever; ask for fewer",
    ]


@pytest.mark.exhaustive  # a run that is killed and goes on is tested without Ray too, and a killed worker with it
def test_a_run_on_ray_goes_on_from_the_checkpoint_of_one_that_was_killed(model, tmp_path, monkeypatch):
    corpus = write(tmp_path / "c.txt", words(103, seed=7))
    path = tmp_path / "heads.parquet"
    body = 'survey(model, text, path, engine="ray", workers=2, checkpoint=2)'
    with in_the_middle(SLOWLY + body, model, corpus, path) as process:
        process.kill()
    kept = Survey.load(checkpoint_of(path))
    assert 0 < kept.tally.texts < 103
    monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", 5)
    found = survey(model, str(corpus), path)  # by one process: either engine goes on from the other's
    assert found.tally.texts == 103
    same(found, survey(model, str(corpus)))


IN_WORKERS = """
with running(Loader(model, None, "float32", "cpu", Settings()), 2, None):
    survey(model, text, path, engine="ray", workers=2)
    print(json.dumps(refused({"workers": 1, "column": "no"}, {"model": "no/model/there"})))
"""


@pytest.mark.exhaustive  # one process refuses the same, and an actor's error is Ray's to hand on
def test_what_workers_refuse_is_said_plainly(model, tmp_path):
    lines = [*words(97), ""]
    parquet.write_table(pa.table({"text": lines}), tmp_path / "c.parquet", row_group_size=31)
    path = tmp_path / "heads.parquet"
    with start(REFUSED + IN_WORKERS, model, tmp_path / "c.parquet", path) as process:
        out, error = finished(process)
    # Ray says so of every pool of actors that Ray Data makes; nothing else is said.
    assert not [line for line in error.splitlines() if line.strip() and "ray/issues/53727" not in line], error
    same(Survey.load(path), survey(model, str(tmp_path / "c.parquet")))
    missing, nowhere = json.loads(out)
    assert missing == (
        "MissingColumnError: expected a column 'no', got a table with text; say which has the text: column='...', or "
        "--column on the command line"
    )
    assert nowhere.startswith("ModelError: expected a model folder, got no/model/there")
