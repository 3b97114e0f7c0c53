"""Keeps the lease of the job in hand alive, from a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim

log = structlog.get_logger("hounsfield.leases")


class LeaseKeeper:
    """Short leases bring the jobs of a dead process back soon; renewing them lets a living one take its time."""

    def __init__(
        self,
        jobs: JobStore,
        clock: Clock,
        *,
        lease_seconds: float,
        timeout_seconds: float,
        overdue: Callable[[Claim], object],
    ) -> None:
        """``overdue`` is told once of a job that has run for ``timeout_seconds``; its lease is no longer renewed."""
        self.lease = timedelta(seconds=lease_seconds)
        self._jobs = jobs
        self._clock = clock
        self._timeout = timeout_seconds
        self._overdue = overdue

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
        while not done.wait(self.lease.total_seconds() / 3):
            if self._clock.monotonic() - started > self._timeout:
                log.error("job does not end", job=claim.job.id, kind=str(claim.job.kind))
                self._overdue(claim)
                return
            try:
                held = self._jobs.heartbeat(claim, self._clock.now() + self.lease)
            except StorageError as error:
                log.warning("lease not renewed", job=claim.job.id, error=str(error))
                continue
            if not held:
                return
