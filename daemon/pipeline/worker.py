"""The worker's loop: claims INFER jobs, keeps their lease alive, hands failures to the retry decision.

A hanging model is ended by the watchdog: past ``worker.job_timeout_seconds`` it stops renewing the lease and ends
the process; the supervisor starts a new one and the rescuer brings the job back.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import WorkerSettings
from hounsfield.daemon.pipeline.infer_stage import InferStage, Served
from hounsfield.daemon.pipeline.rescuer import Rescuer
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim
from hounsfield.storage.states import JobKind, Reason

log = structlog.get_logger("hounsfield.worker")

HUNG = 70
"""Exit status of a worker that ended itself because a job did not."""


class LeaseKeeper:
    """Renews the lease of the job in hand from a thread of its own."""

    def __init__(self, jobs: JobStore, settings: WorkerSettings, clock: Clock, end: Callable[[int], None] = os._exit):
        self._jobs = jobs
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._timeout = settings.job_timeout_seconds
        self._clock = clock
        self._end = end

    @contextmanager
    def keep(self, claim: Claim) -> Iterator[None]:
        """Keep the lease while the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(claim, done), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, claim: Claim, done: threading.Event) -> None:
        started = self._clock.monotonic()
        while not done.wait(self._lease.total_seconds() / 3):
            if self._clock.monotonic() - started > self._timeout:
                log.error("job does not end; the worker restarts", job=claim.job.id)
                self._end(HUNG)
                return
            try:
                held = self._jobs.heartbeat(claim, self._clock.now() + self._lease)
            except StorageError as error:
                log.warning("lease not renewed", job=claim.job.id, error=str(error))
                continue
            if not held:
                return


class Worker:
    """One job at a time, in one thread with TensorFlow."""

    def __init__(
        self,
        *,
        name: str,
        jobs: JobStore,
        stage: InferStage,
        rescuer: Rescuer,
        keeper: LeaseKeeper,
        settings: WorkerSettings,
        clock: Clock,
        served: dict[str, Served],
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._stage = stage
        self._rescuer = rescuer
        self._keeper = keeper
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._clock = clock
        self._served = served

    def work_one(self) -> bool:
        """Claim a job and see it through; False when there is none."""
        claim = self._jobs.claim([JobKind.INFER], self._name, self._lease, self._clock.now())
        if claim is None:
            return False
        served = self._served.get(claim.job.bundle_sha256 or "")
        if served is None:
            self._rescuer.give_up(claim, Reason.BUNDLE_GONE)
            return True
        try:
            with self._keeper.keep(claim):
                self._stage.run(claim, served)
        except StorageError:
            raise  # the database is the only truth: without it the loop must not go on with the next job
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it becomes the job's state, not silence
            log.error("attempt failed", job=claim.job.id, attempt=claim.job.attempts, error=type(error).__name__)
            self._rescuer.failed(claim, Reason.MODEL_FAILED, gave_up=Reason.MODEL_FAILED)
        return True
