"""Many workers: Ray Data with actors that hold the model, on this machine or on a cluster.

What an actor finds in a chunk is a row of the output, and is merged where the run was started. So an actor that dies takes
nothing with it: Ray gives its chunk to another one, and each chunk is merged once.
"""

import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from regard.errors import OptionError, RegardError
from regard.extras import require
from regard.surveying.corpus import Corpus
from regard.surveying.surveyor import Loader
from regard.surveying.tally import Done, ReadChunk

WORKER_CPUS, READER_CPUS = 0.9, 0.1
"""Shares of a CPU. Workers that take whole ones leave none for the task that reads the corpus, and nothing ever starts."""

OBJECTS = 2**29
"""Bytes of shared memory for chunks on their way, on a machine of one's own: each has a megabyte at most."""

Columns = Mapping[str, Any]
"""What Ray hands on: rows, by column."""


class Pool:
    """Workers on a Ray cluster that is running."""

    def __init__(self, loader: Loader, workers: int, threads: int) -> None:
        self.loader, self.workers, self.threads = loader, workers, threads
        self.gpus = 1 if loader.device.startswith("cuda") else 0

    def describe(self) -> tuple[dict[str, Any], bool]:
        """What the model is, said by a worker, for it need not fit where the run was started; and whether it answers texts."""
        import ray

        task = ray.remote(num_cpus=WORKER_CPUS, num_gpus=self.gpus)(_describe)
        with _plain_errors():
            found: tuple[dict[str, Any], bool] = ray.get(task.remote(self.loader))
        return found

    def read(self, corpus: Corpus, done: Done) -> Iterator[ReadChunk]:
        """The parts of a corpus as they are found, in any order."""
        import ray.data

        context = ray.data.DataContext.get_current()
        kept = context.target_max_block_size, context.enable_progress_bars
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised, and need not be told twice
        context.target_max_block_size = 1  # a chunk a block: else chunks are collected until they fill one of 128 MiB
        context.enable_progress_bars = False
        try:
            files = ray.data.from_items([{"file": file} for file in range(len(corpus.sources))])
            chunks = files.map_batches(
                _chunks, fn_args=(corpus, Done(done.runs)), batch_size=1, num_cpus=READER_CPUS, udf_modifying_row_count=True
            )
            parts = chunks.map_batches(
                Worker,
                fn_constructor_args=(self.loader, self.threads),
                compute=ray.data.ActorPoolStrategy(size=self.workers),
                batch_size=1,
                num_cpus=WORKER_CPUS,
                num_gpus=self.gpus,
            )
            rows = iter(parts.iter_rows())
            while True:
                with _plain_errors():
                    row = next(rows, None)
                if row is None:
                    return
                yield pickle.loads(row["part"])  # noqa: S301 - made by our own worker
        finally:
            context.target_max_block_size, context.enable_progress_bars = kept


class Worker:
    """A process with the model, as Ray starts it."""

    def __init__(self, loader: Loader, threads: int) -> None:
        torch.set_num_threads(threads)
        self.surveyor = loader.load()

    def __call__(self, rows: Columns) -> Columns:
        """What chunks add up to."""
        found = []
        for given in rows["chunk"]:
            chunk = pickle.loads(given)  # noqa: S301 - made by our own reader
            found.append(pickle.dumps(ReadChunk(chunk.file, chunk.number, chunk.bytes, self.surveyor.read(chunk))))
        return {"part": found}


def _chunks(rows: Columns, corpus: Corpus, done: Done) -> Iterator[Columns]:
    """The chunks of files, one at a time."""
    for chunk in corpus.chunks(done, [int(file) for file in rows["file"]]):
        yield {"chunk": [pickle.dumps(chunk)]}


def _describe(loader: Loader) -> tuple[dict[str, Any], bool]:
    return loader.load().described()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """An error of Regard's that a worker raised is raised here, without the worker's traceback in its text."""
    import ray

    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        while cause is not None and not isinstance(cause, RegardError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is None:
            raise
        raise type(cause)(str(cause).split("\n")[0]) from error  # below, Ray adds advice about its own settings


def _start(cluster: str | None) -> None:
    """Connect to a cluster, or make one of this machine."""
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if cluster is not None:
        ray.init(address=cluster, **quiet)
        return
    ray.init(address="local", include_dashboard=False, num_cpus=os.cpu_count(), object_store_memory=OBJECTS, **quiet)
    if ray.util.get_node_ip_address() != "127.0.0.1":
        ray.shutdown()
        raise OptionError(
            "expected to start Ray on the loopback address, got it listening to the network, for it was imported before the "
            "survey: import it later, or call ray.init yourself first"
        )


@contextmanager
def running(loader: Loader, workers: int | None, cluster: str | None) -> Iterator[Pool]:
    """Workers on the cluster of this address; on this machine, and nowhere to be seen from outside, where there is none.

    Raises:
        ImportError: Ray is not installed.
        OptionError: the cluster is too small for the workers.
        ConnectionError: there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray will do, and warns about until it does
    if cluster is None:
        # Ray listens on the loopback address where it knows of no clusters, and on every network of the machine elsewhere: even
        # with the node's address set to 127.0.0.1, for it takes that for the machine's name. Read when Ray is imported.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    require('for engine="ray"', "ray")
    import ray

    mine = not ray.is_initialized()
    if mine:
        _start(cluster)
    try:
        warnings.filterwarnings(
            "ignore", "The minimum number of concurrent actors", module="ray.data"
        )  # a small corpus is well
        there = ray.cluster_resources()
        gpus = loader.device.startswith("cuda")
        have = int(there.get("GPU" if gpus else "CPU", 0))
        count = have if workers is None else workers
        if not 1 <= count <= have or (count * WORKER_CPUS + READER_CPUS > there.get("CPU", 0)):
            raise OptionError(
                f"expected a cluster with a {'GPU and a CPU' if gpus else 'CPU'} for each of {max(count, 1)} workers, got "
                f"{there.get('CPU', 0):g} CPUs and {there.get('GPU', 0):g} GPUs: some would wait for ever; ask for fewer"
            )
        yield Pool(loader, count, max(1, int(there.get("CPU", 1)) // count))
    finally:
        if mine:
            ray.shutdown()
