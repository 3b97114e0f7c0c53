"""The worker's loop: claims INFER jobs, keeps their lease alive, hands failures to the retry decision.

A hanging model is ended by its lease: past ``worker.job_timeout_seconds`` the lease is no longer renewed and
:func:`end_hung_process` ends the process; the supervisor starts a new one and the rescuer brings the job back.
"""

import os

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.pipeline.infer_stage import InferStage, Served
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.rescuer import Rescuer
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim
from hounsfield.storage.states import JobKind, Reason

log = structlog.get_logger("hounsfield.worker")

HUNG = 70
"""Exit status of a worker that ended itself because a job did not."""


def end_hung_process() -> None:
    """End this process at once: the thread that runs the model cannot be stopped in any other way."""
    os._exit(HUNG)


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
        clock: Clock,
        served: dict[str, Served],
    ) -> None:
        self._name = name
        self._jobs = jobs
        self._stage = stage
        self._rescuer = rescuer
        self._keeper = keeper
        self._clock = clock
        self._served = served
        self._in_hand: Claim | None = None

    def work_one(self) -> bool:
        """Claim a job and see it through; False when there is none."""
        claim = self._jobs.claim([JobKind.INFER], self._name, self._keeper.lease, self._clock.now())
        if claim is None:
            return False
        self._in_hand = claim
        try:
            self._work(claim)
        finally:
            self._in_hand = None
        return True

    def give_back(self) -> bool:
        """Give the job in hand back, its attempt uncounted; False when there is none.

        Called from another thread at a clean stop that cannot wait for the model. Nothing of the job is stored after
        it; the process must end, since the thread that works on it cannot be stopped.
        """
        claim = self._in_hand
        return claim is not None and self._jobs.give_back(claim, self._clock.now())

    def _work(self, claim: Claim) -> None:
        served = self._served.get(claim.job.bundle_sha256 or "")
        if served is None:
            self._rescuer.give_up(claim, Reason.BUNDLE_GONE)
            return
        try:
            with self._keeper.keep(claim):
                self._stage.run(claim, served)
        except StorageError:
            # A full disk or a database that is down is no fault of the job: the attempt does not count, and the loop
            # waits before it asks again. Without the database this raises too, and the lease brings the job back.
            self._jobs.give_back(claim, self._clock.now())
            raise
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it becomes the job's state, not silence
            log.error("attempt failed", job=claim.job.id, attempt=claim.job.attempts, error=type(error).__name__)
            self._rescuer.failed(claim, Reason.MODEL_FAILED, gave_up=Reason.MODEL_FAILED)
