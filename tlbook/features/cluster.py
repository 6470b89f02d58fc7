"""Shards on the workers of a Dask cluster: the function that one process calls, called there.

Each worker has one session of ONNX Runtime and one thread. A shard whose worker is lost is computed by another one; since a shard
is written whole or not at all, nothing else is needed.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlbook._checks import whole
from tlbook.features.shards import BadShard, Changed, Shards, compute

__all__ = ["compute_on", "is_installed"]

RETRIES = 3
"""How often a shard is tried again after an error of the system, as of a disk that did not answer."""

PATIENCE = 60
"""Seconds to wait for a scheduler."""

_LOCAL = "local:"


def is_installed() -> bool:
    """Whether Dask's scheduler is."""
    return importlib.util.find_spec("distributed") is not None


def _computed(source: str, folder: str, shard: int) -> str:
    """Compute a shard on a worker; what is wrong with it or its photos, which another try would not change."""
    try:
        compute(source, folder, shard, threads=1)
    except (BadShard, Changed) as error:
        return str(error)
    return ""


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what the block does to the environment: Dask sets there what its processes inherit, as one thread for each."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """A connection to a scheduler, or to processes of this machine that end with the block."""
    import dask
    from distributed import Client, LocalCluster

    if not address.startswith(_LOCAL):
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise OSError(f"no Dask scheduler answers at {address} ({error})") from error
        with client:
            yield client
        return
    given = address.removeprefix(_LOCAL)
    n = whole(int(given) if given.isdecimal() else given, "scheduler=local:N, N", of="processes")
    with (
        _environment_kept(),
        # by default Dask has freed memory given back at once: images would be mapped anew for each photo, for a third more time
        dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}),
        LocalCluster(
            n_workers=n,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def compute_on(
    address: str,
    source: str | os.PathLike[str],
    shards: Shards,
    wanted: Sequence[int],
    *,
    advance: Callable[[int], None] = lambda n: None,
) -> dict[int, str]:
    """Compute shards on a cluster whose workers see the same files under the same paths.

    Parameters
    ----------
    address : str
        Of a scheduler, as ``tcp://10.0.0.1:8786``; or ``local:2`` for so many processes of this machine.
    source, shards, wanted
        As for :func:`tlbook.features.shards.compute`.
    advance : callable
        Called with numbers of photos that are done.

    Returns
    -------
    dict of int to str
        Shards that could not be computed, with why.

    Raises
    ------
    OSError
        No scheduler answers.
    """
    from distributed import as_completed

    place, run = str(Path(source).absolute()), secrets.token_hex(4)
    failed = {}
    with _client(address) as client:
        futures = {
            client.submit(
                _computed,
                place,
                str(shards.folder.absolute()),
                shard,
                key=f"tlbook-{run}-{shard}",
                retries=RETRIES,
                pure=False,
            ): shard
            for shard in wanted
        }
        for future in as_completed(futures, loop=client.loop):
            shard = futures[future]
            why = str(future.exception()) if future.status == "error" else future.result()
            if why:
                failed[shard] = why
            advance(shards.rows_of(shard))
            future.release()
    return failed
