"""Work on a Dask cluster through joblib: workers of the same installation, and no result that got lost."""

import functools
import logging
import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import joblib
from threadpoolctl import threadpool_limits

from oilcan.ground.errors import OilcanError, bullet_list, from_extra
from oilcan.ground.installation import differences, installed
from oilcan.ground.sent_files import SentPath, Storage, Written, desk, storage
from oilcan.ground.writer import writer

LOCAL: Final = "local"
_WAIT_S: Final = 5
_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class _Finished(NamedTuple):
    """What a task returned, in a class of ours: joblib hands on a cancelled task's exception as if it were a result.

    `written` is what it wrote, where files travel by a storage.
    """

    value: Any
    written: tuple[Written, ...] = ()


class OnCluster(joblib.Parallel):
    """`joblib.Parallel` whose calls run on the workers of a cluster.

    Each call travels with its arguments. joblib would put large arguments on one worker and lose them with it.
    Paths among the arguments become absolute: workers see the same files under the same names. With a storage the
    files themselves travel, so a call must name each file that it reads or writes by an argument.
    """

    def __init__(self, client: Any, store: Storage | None) -> None:
        with joblib.parallel_config(backend="dask", client=client):
            super().__init__()
        self.client, self.store = client, store

    def __call__(self, iterable: Iterable[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]) -> Any:
        """Results of `joblib.delayed` calls, as `joblib.Parallel` gives them.

        Raises
        ------
        OilcanError
            If the cluster loses a call, or a worker is another installation.
        """
        with _of_cluster(self.client):
            results = super().__call__(joblib.delayed(_sent(self.store, *call))() for call in iterable)
        values = _values(results, self.client, self.store)
        return list(values) if isinstance(results, list) else values


def on_cluster(jobs: int, address: str, url: str | None) -> joblib.Parallel:
    """Workers for `joblib.delayed` calls.

    Parameters
    ----------
    jobs
        Workers of an embedded cluster; another one has its own.
    address
        `local` for an embedded cluster, or the address of a scheduler.
    url
        Of the storage by which files travel; None where workers see the files of this host.

    Raises
    ------
    OilcanError
        If Dask is not installed, no scheduler answers, it has no worker, a worker is another installation, or the
        storage cannot be used.
    """
    with from_extra("compute.backend", "dask"):
        client = _client(jobs if address == LOCAL else 0, address)
    return OnCluster(client, None if url is None else storage(url))


@functools.cache
def _client(jobs: int, address: str) -> Any:
    """One connection for a process; Dask closes it, and an embedded cluster, when the process ends."""
    from distributed import Client

    for name in ("distributed", "distributed.client"):      # what it has to say stands in our messages
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):      # of versions; all of ours are compared below
            client = Client(_embedded(jobs) if address == LOCAL else address, timeout=_WAIT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=_WAIT_S)
    except TimeoutError as err:
        raise OilcanError(f"compute.address: the scheduler at {address} has no worker (waited {_WAIT_S} s, wanted at "
                          "least 1). Start workers (docs/scale.md), or set compute.backend to loky.") from err
    except (OSError, ValueError) as err:
        raise OilcanError(f"compute.address: no Dask scheduler answers at {address} (waited {_WAIT_S} s). Start one "
                          "(docs/scale.md), or set compute.backend to loky.") from err
    except TypeError as err:
        raise OilcanError(f"compute.address: {address} needs certificates (found none in Dask's configuration). Name "
                          "them as in deploy/dask/tls.yaml, in a folder that DASK_CONFIG names.") from err
    _check_same(client)
    return client


def _embedded(jobs: int) -> Any:
    """A cluster of this process and its children, on the loopback alone."""
    import dask
    from distributed import LocalCluster

    # a server that forks workers imports Dask once for all; Dask's own environment makes malloc give back memory at
    # once, which costs a fifth of the time of `featurize`; nobody looks at its profiles and ticks
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver",
                          "distributed.nanny.pre-spawn-environ": dict.fromkeys(_THREADS, 1),
                          "distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}):
        return LocalCluster(n_workers=jobs, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0",
                            memory_limit=0, silence_logs=logging.ERROR)


def _check_same(client: Any) -> None:
    """Refuse workers whose code or libraries are not those of this process."""
    answers = client.run(installed, on_error="return")
    breaches = [f"{worker}: {'; '.join(_breaches(answers[worker]))}" for worker in sorted(answers)
                if _breaches(answers[worker])]
    if breaches:
        raise OilcanError(bullet_list(
            f"compute.address: {len(breaches)} of {len(answers)} workers are other installations than this one. "
            "Install the same commit and lock files there (`make install-dask`) and start them again", breaches))


def _breaches(answer: object) -> list[str]:
    if isinstance(answer, dict):
        return differences(answer, installed())
    return [f"cannot tell its version ({type(answer).__name__}: {answer}), so an older Oilcan or none"]


def _sent(store: Storage | None, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
          ) -> Callable[[], _Finished]:
    """A call without arguments of its own, so that joblib leaves nothing behind on one worker."""
    def sent(value: Any) -> Any:
        if not isinstance(value, Path):
            return value
        return value.absolute() if store is None else store.send(value)

    return functools.partial(_call, installed(), store.url if store else None, function, tuple(map(sent, args)),
                             {name: sent(value) for name, value in kwargs.items()})


def _call(wanted: dict[str, str], url: str | None, function: Callable[..., Any], args: tuple[Any, ...],
          kwargs: dict[str, Any]) -> _Finished:
    """Runs in a worker. A worker may have joined since the check of all, so each call checks its own."""
    breaches = differences(installed(), wanted)
    if breaches:
        raise OilcanError(f"compute.address: a worker that joined during the run is another installation "
                          f"({'; '.join(breaches)}). Stop it, or install the same commit and lock files there.")
    before = writer.set(f".{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with joblib.parallel_config(backend="threading"), threadpool_limits(1):      # a worker is one core
            if url is None:
                return _Finished(function(*args, **kwargs))
            return _with_copies(storage(url), function, args, kwargs)
    finally:
        writer.reset(before)


def _with_copies(store: Storage, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
                 ) -> _Finished:
    """Do a piece of work on copies of its files."""
    paths = [value for value in (*args, *kwargs.values()) if isinstance(value, SentPath)]
    copies = {sent: desk().bring(store, sent) for sent in paths}

    def brought(value: Any) -> Any:
        return copies[value] if isinstance(value, SentPath) else value

    value = function(*map(brought, args), **{name: brought(each) for name, each in kwargs.items()})
    written = [found for sent in copies if (found := desk().written(store, sent))]
    desk().tidy_up()
    return _Finished(value, tuple(written))


def _values(results: Iterable[Any], client: Any, store: Storage | None) -> Iterator[Any]:
    with _of_cluster(client):
        for result in results:
            if not isinstance(result, _Finished):
                raise _lost(result)
            if store is not None:
                for written in result.written:
                    store.bring_home(written)
            yield result.value


@contextmanager
def _of_cluster(client: Any) -> Iterator[None]:
    """Errors of the cluster itself as a message; those of a piece of work pass."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (KilledWorker, CommClosedError, CancelledError) as err:
        raise _lost(err) from err
    except (AttributeError, OSError, RuntimeError, ValueError) as err:
        if client.status == "running":
            raise
        raise _lost("no connection to its scheduler") from err      # of which joblib knows nothing


def _lost(reason: object) -> OilcanError:
    text = f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else reason
    return OilcanError(f"compute.address: the cluster lost a piece of work ({text}). Look at the logs of its scheduler "
                       "and workers (memory, network), then run `dvc repro` again.")
