"""Celery's pool of processes, made to stop at once.

As of Celery 5.7, a worker that is told to stop forgets the jobs of which no process has said that it began (`AsynPool.flush`),
although it may have begun, or be done, and its word be on the way. Nobody reads that any more then, the process waits for
thirty seconds to be read, the worker for the process: longer than ECS waits, and the task, done, is not acknowledged.
"""

from __future__ import annotations

from celery.concurrency import asynpool, prefork


class Pool(asynpool.AsynPool):
    """Forgets only jobs that were given to no process."""

    def flush(self) -> None:
        for job in tuple(self._cache.values()):
            if job._write_to is not None:
                job._accepted = True
        super().flush()


class TaskPool(prefork.TaskPool):
    """What Celery's setting `worker_pool` names."""

    Pool = Pool
