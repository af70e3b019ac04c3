"""Runs a graph of named jobs in threads: as parallel as the references allow; a failure stops what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What became of every job: done, failed with its error, or not run because something it needs failed."""

    done: tuple[str, ...]
    failed: Mapping[str, Exception]
    not_run: tuple[str, ...]


def run_graph(
    needs: Mapping[str, frozenset[str]],
    work: Callable[[str], None],
    *,
    workers: int = 16,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Call `work(name)` for each name once everything it needs is done.

    When `stopped()` turns true nothing new is started; what runs is waited for.
    Raises ValueError for a need that is no job, or a cycle.
    """
    _check(needs)
    waiting = dict(needs)
    done: list[str] = []
    failed: dict[str, Exception] = {}
    running: dict[Future[None], str] = {}
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        while True:
            if not stopped():
                for name in [name for name, before in waiting.items() if before <= set(done)]:
                    del waiting[name]
                    running[pool.submit(work, name)] = name
            if not running:
                return Outcome(tuple(done), failed, tuple(waiting))
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name, error = running.pop(future), future.exception()
                if error is None:
                    done.append(name)
                elif isinstance(error, Exception):
                    failed[name] = error
                else:
                    raise error
    finally:
        # Whoever leaves by an exception does not wait for what still runs.
        pool.shutdown(wait=False, cancel_futures=True)


def _check(needs: Mapping[str, frozenset[str]]) -> None:
    unknown = {need for before in needs.values() for need in before} - set(needs)
    if unknown:
        raise ValueError(f"jobs need what is no job: {', '.join(sorted(unknown))}")
    left = dict(needs)
    done: set[str] = set()
    while left:
        free = [name for name, before in left.items() if before <= done]
        if not free:
            raise ValueError(f"jobs wait for each other: {', '.join(sorted(left))}")
        done.update(free)
        for name in free:
            del left[name]
