"""Trials over an executor: each gives a record, whether it returns, raises, or is killed with its process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager, suppress
from typing import Any

from symfold.apps.sweeps.records import Record, failed, plain
from symfold.base.arguments import quoted
from symfold.base.cores import processors
from symfold.errors import InvalidType, InvalidValue, SystemFailure

Settings = Mapping[str, Any]
Trial = Callable[..., Any]
THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"))


def run_trial(trial: Trial, name: str, settings: dict[str, Any], attempt: int = 1) -> Record:
    """The record of a trial, made where it runs; a further attempt is a call that no executor takes for the first."""
    start = time.perf_counter()
    results = trial(**settings)
    seconds = time.perf_counter() - start
    if not isinstance(results, Mapping):
        results = {"result": results}
    return Record(name, plain(settings), "done", plain(results), seconds=round(seconds, 6))


def executed(
    trial: Trial, name: str, todo: Sequence[Settings], executor: Executor | None, workers: int
) -> Iterator[Record]:
    """A record for every trial, as they come.

    Without an executor, the trials run in a pool of fresh processes (spawned). If a process is killed, the pool is
    lost, and nobody can say by which of the trials that were running: each of them runs again, alone in a pool of its
    own, and the one that is killed again is recorded as such. The rest goes on in a new pool, also where a given
    process pool is lost. A cluster that has lost a worker goes on by itself: there, the trials that were lost with it
    run again after all others, one at a time.
    """
    waiting = deque(todo)
    while waiting:
        lost: list[Settings] = []
        with _threads(workers), _pool(min(workers, len(waiting))) if executor is None else _kept(executor) as pool:
            if not (yield from _until_broken(trial, name, waiting, pool, workers, lost)):
                for settings in lost:
                    yield _record(name, settings, pool.submit(run_trial, trial, name, dict(settings), 2))
                return
        executor = None  # what is left is left because the pool was lost
        for settings in lost:
            with _threads(1), _pool(1) as pool:
                yield _record(name, settings, pool.submit(run_trial, trial, name, dict(settings)))


def _until_broken(
    trial: Trial, name: str, waiting: deque[Settings], pool: Executor, workers: int, lost: list[Settings]
) -> Generator[Record, None, bool]:
    """Records until all is done or the pool is lost, and whether it is; `lost` gets the trials whose process died."""
    running: dict[Future[Record], Settings] = {}
    broken = False
    try:
        while running or (waiting and not broken):
            while waiting and not broken and len(running) < 2 * workers:
                try:
                    running[pool.submit(run_trial, trial, name, dict(waiting[0]))] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor:
                    broken = True
                except RuntimeError as error:
                    raise InvalidValue(f"the executor takes no trials: {error} (give one that is open)") from None
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                settings = running.pop(future)
                if killed(raised := _error(future)):
                    broken = broken or isinstance(raised, BrokenExecutor)
                    lost.append(settings)
                else:
                    yield _record(name, settings, future)
    finally:
        for future in running:
            future.cancel()
    return broken


def killed(error: BaseException | None) -> bool:
    """Whether a trial's process died, by its own doing or by that of a trial beside it."""
    # dask.distributed, which symfold does not import, has a class of its own for a worker that died
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def _record(name: str, settings: Settings, future: Future[Record]) -> Record:
    error = _error(future)
    if error is None:
        return future.result()
    if killed(error):
        return failed(name, settings, RuntimeError("its process was killed"), "killed")
    return failed(name, settings, error)


def _error(future: Future[Record]) -> BaseException | None:
    """The exception of a trial, one that its executor has cancelled included."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes, which end with it: those of a sweep that is interrupted are not waited for."""
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        pool.submit(os.getpid).result()
    except BrokenExecutor:
        pool.shutdown()
        raise SystemFailure(
            "the processes of a sweep do not start: their own messages say why "
            "(in a script, call sf.sweep below if __name__ == '__main__':)"
        ) from None
    try:
        yield pool
    except BaseException:  # an interrupt, too, ends the processes
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with suppress(OSError, ValueError):
                process.terminate()
        raise
    pool.shutdown()


@contextmanager
def _kept(executor: Executor) -> Iterator[Executor]:
    """A given executor, which is its owner's to close."""
    yield executor


@contextmanager
def _threads(workers: int) -> Iterator[None]:
    """Processes that start meanwhile divide the processors among them, unless told before."""
    share = str(max(1, processors() // workers))
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, share))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def check_sendable(trial: Trial) -> None:
    """Refuse a function that no other process can find."""
    try:
        pickle.dumps(trial)
    except Exception as error:  # pickling runs code of others
        raise InvalidType(
            f"the trial {quoted(trial)} cannot be sent to another process: {error} "
            "(define it at the top of a module, or give executor=ThreadPoolExecutor())"
        ) from None
