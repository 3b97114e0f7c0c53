"""The worker's loop: claims INFER jobs, keeps their lease alive, hands failures to the retry decision.

A process whose model hangs, or ran out of memory, or lost its device cannot be mended from inside: the job goes back,
the process ends (:class:`~hounsfield.daemon.pipeline.attempts.Leaving`), and the supervisor starts a new one. Where
even that does not succeed the lease runs out and the rescuer brings the job back.
"""

import os
from collections.abc import Callable

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.pipeline.attempts import Leaving
from hounsfield.daemon.pipeline.infer_stage import InferStage
from hounsfield.daemon.pipeline.job_lines import JobLines
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.rescuer import Rescuer
from hounsfield.daemon.pipeline.serving import Models, NotServed
from hounsfield.daemon.pipeline.serving_notes import ServingNotes
from hounsfield.model.errors import DeviceError, DeviceLost, OutOfModelMemory
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim
from hounsfield.storage.states import JobKind, Reason

log = structlog.get_logger("hounsfield.worker")

Leave = Callable[[int], object]


class HungJobs:
    """Ends the process of a job that does not end: the thread that runs the model cannot be stopped otherwise."""

    def __init__(self, rescuer: Rescuer, leave: Leave = os._exit) -> None:
        self._rescuer = rescuer
        self._leave = leave

    def end(self, claim: Claim) -> None:
        """Count the attempt, then end this process at once."""
        try:
            self._rescuer.failed(claim, Reason.MODEL_HUNG, gave_up=Reason.MODEL_HUNG)
        except Exception as error:
            log.exception("a job that hangs could not be given up; its lease runs out", error=type(error).__name__)
        finally:
            self._leave(Leaving.HUNG)


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
        models: Models,
        notes: ServingNotes,
        lines: JobLines,
        leave: Leave = os._exit,
    ) -> None:
        """``leave`` ends the process with a status."""
        self._name = name
        self._jobs = jobs
        self._stage = stage
        self._rescuer = rescuer
        self._keeper = keeper
        self._clock = clock
        self._models = models
        self._notes = notes
        self._lines = lines
        self._leave = leave
        self._in_hand: Claim | None = None

    def work_one(self) -> bool:
        """Claim a job and see it through; False when there is none."""
        claim = self._jobs.claim([JobKind.INFER], self._name, self._keeper.lease, self._clock.now())
        if claim is None:
            self._models.refresh()
            return False
        self._in_hand = claim
        try:
            with self._lines.about(claim):
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
        try:
            with self._keeper.keep(claim):
                served = self._models.get(claim.job.bundle_sha256 or "", claim.job.attempts)
                is_ended = self._stage.run(claim, served)
            if is_ended:
                self._lines.ended(claim)
        except NotServed as error:
            log.error("no model for this job", job=claim.job.id, reason=str(error.reason))
            self._rescuer.give_up(claim, error.reason)
        except StorageError:
            # A full disk or a database that is down is no fault of the job: the attempt does not count, and the loop
            # waits before it asks again. Without the database this raises too, and the lease brings the job back.
            self._jobs.give_back(claim, self._clock.now())
            raise
        except (DeviceError, DeviceLost) as error:
            self._lost_device(claim, error)
        except (OutOfModelMemory, MemoryError):
            self._out_of_memory(claim)
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it becomes the job's state, not silence
            log.error("attempt failed", job=claim.job.id, attempt=claim.job.attempts, error=type(error).__name__)
            self._rescuer.failed(claim, Reason.MODEL_FAILED, gave_up=Reason.MODEL_FAILED)

    def _lost_device(self, claim: Claim, error: Exception) -> None:
        log.error("the device is gone; the next process looks for another one", job=claim.job.id, error=str(error))
        try:
            self._notes.device_lost(self._clock.now())
            self._jobs.give_back(claim, self._clock.now())
        finally:
            self._leave(Leaving.DEVICE_LOST)

    def _out_of_memory(self, claim: Claim) -> None:
        log.error("no memory for the model; the next process tries less at once", job=claim.job.id)
        try:
            self._rescuer.failed(claim, Reason.OUT_OF_MEMORY, gave_up=Reason.OUT_OF_MEMORY)
        finally:
            self._leave(Leaving.OUT_OF_MEMORY)
