"""A model that takes all memory, hangs, or loses its device: the process ends, and the job comes back or is told."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from support.bench import Bench, FixedPredictor
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.pipeline.attempts import Leaving, batch_of
from hounsfield.daemon.pipeline.infer_stage import Served
from hounsfield.daemon.pipeline.serving import NotServed
from hounsfield.daemon.pipeline.serving_notes import ServingNotes
from hounsfield.daemon.pipeline.worker import HungJobs, Worker
from hounsfield.model.errors import DeviceError, DeviceLost, OutOfModelMemory
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.job_store import SqlJobStore
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason


class Ended(BaseException):
    """The process ends here: nothing after it is done."""


class Machine:
    """Workers one after the other, as a supervisor would start them; ``behaves`` is their model, by batch."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.left: list[int] = []
        self.batches: list[int] = []
        self.behaves: Callable[[int], float] = lambda _: 0.9
        bench.receive(write_series(folder, ct_series(12)))
        bench.settle()

    def get(self, sha256: str, attempt: int) -> Served:
        batch = batch_of(attempt, 16)
        self.batches.append(batch)
        predictor: Any = FixedPredictor(lambda: self.behaves(batch))
        return Served(self.bench.app.shelf.bundles[0], predictor)

    def refresh(self) -> None:
        pass

    def leave(self, status: int) -> None:
        self.left.append(status)
        raise Ended

    def worker(self) -> Worker:
        return self.bench.worker_with(None, models=self, leave=self.leave)

    def work(self) -> JobRecord:
        """One process takes one job, then time passes."""
        with suppress(Ended):
            assert self.worker().work_one()
        self.bench.clock.advance(60)
        (job,) = self.bench.jobs()
        return job


@pytest.fixture
def machine(bench: Bench, tmp_path: Path) -> Machine:
    return Machine(bench, tmp_path)


def raises(trouble: Exception) -> Callable[[int], float]:
    def model(_: int) -> float:
        raise trouble

    return model


@pytest.mark.parametrize("trouble", [OutOfModelMemory("no room"), MemoryError()])
def test_without_memory_each_further_process_takes_half_as_many_slices_and_then_it_is_told(
    machine: Machine, trouble: Exception
) -> None:
    machine.behaves = raises(trouble)
    first = machine.work()
    assert (first.state, first.reason, first.attempts) == (JobState.RETRYABLE, Reason.OUT_OF_MEMORY, 1)
    machine.work()
    job = machine.work()
    assert machine.batches == [16, 8, 4]
    assert machine.left == [Leaving.OUT_OF_MEMORY] * 3
    assert (job.state, job.reason, job.outcome) == (JobState.DISCARDED, Reason.OUT_OF_MEMORY, Outcome.NOT_ANALYSED)
    assert len(machine.bench.jobs(JobKind.DELIVER)) == 1
    for path in machine.bench.app.files.folder.glob("*.dcm"):
        assert "NOT ANALYSED - not enough memory for the analysis" in dcmread(path).SeriesDescription


def test_a_job_that_fits_at_half_the_batch_is_completed(machine: Machine) -> None:
    def model(batch: int) -> float:
        if batch > 8:
            raise OutOfModelMemory("no room")
        return 0.9

    machine.behaves = model
    machine.work()
    job = machine.work()
    assert (job.state, job.outcome, job.attempts) == (JobState.COMPLETED, Outcome.POSITIVE, 2)
    assert machine.left == [Leaving.OUT_OF_MEMORY]


def test_the_process_ends_even_where_the_database_does_not_take_the_failure(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> bool:
        raise DatabaseUnavailable("down")

    machine.behaves = raises(OutOfModelMemory("no room"))
    with monkeypatch.context() as patch:
        patch.setattr(SqlJobStore, "retry_later", down)
        assert machine.work().state is JobState.RUNNING
    assert machine.left == [Leaving.OUT_OF_MEMORY]
    machine.bench.clock.advance(61)
    assert machine.bench.rescuer.tick() == 1
    (job,) = machine.bench.jobs()
    assert (job.state, job.reason) == (JobState.RETRYABLE, Reason.LEASE_EXPIRED)


@pytest.mark.parametrize("trouble", [DeviceLost("CUDA_ERROR_ILLEGAL_ADDRESS"), DeviceError("no GPU any more")])
def test_a_lost_device_counts_no_attempt_and_the_next_process_goes_on_elsewhere(
    machine: Machine, trouble: Exception
) -> None:
    machine.behaves = raises(trouble)
    job = machine.work()
    assert (job.state, job.attempts) == (JobState.AVAILABLE, 0)
    assert machine.left == [Leaving.DEVICE_LOST]
    notes = ServingNotes(machine.bench.app.home)
    assert notes.is_device_lost(machine.bench.clock.now())
    machine.behaves = lambda _: 0.9
    job = machine.work()
    assert (job.state, job.attempts, job.outcome) == (JobState.COMPLETED, 1, Outcome.POSITIVE)
    assert machine.batches == [16, 16]


def test_a_job_that_never_ends_is_told_after_its_last_attempt(machine: Machine) -> None:
    jobs = machine.bench.app.database.jobs
    hung = HungJobs(machine.bench.rescuer, machine.leave)
    for _ in range(3):
        claim = jobs.claim([JobKind.INFER], "hangs", machine.bench.keeper().lease, machine.bench.clock.now())
        assert claim is not None
        with pytest.raises(Ended):
            hung.end(claim)
        machine.bench.clock.advance(60)
    (job,) = machine.bench.jobs()
    assert (job.state, job.reason, job.outcome) == (JobState.DISCARDED, Reason.MODEL_HUNG, Outcome.NOT_ANALYSED)
    assert machine.left == [Leaving.HUNG] * 3


def test_a_hanging_process_ends_even_where_its_job_cannot_be_given_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = machine.bench.app.database.jobs.claim(
        [JobKind.INFER], "hangs", machine.bench.keeper().lease, machine.bench.clock.now()
    )
    assert claim is not None

    def broken(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(SqlJobStore, "retry_later", broken)
    with pytest.raises(Ended):
        HungJobs(machine.bench.rescuer, machine.leave).end(claim)
    assert machine.left == [Leaving.HUNG]


def test_a_drifted_bundle_ends_its_jobs_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def drifted(sha256: str, attempt: int) -> Served:
        raise NotServed(Reason.BUNDLE_DRIFTED, "tiny 0.1.0: its golden scores differ")

    monkeypatch.setattr(machine, "get", drifted)
    job = machine.work()
    assert (job.state, job.reason, job.attempts) == (JobState.DISCARDED, Reason.BUNDLE_DRIFTED, 1)
    for path in machine.bench.app.files.folder.glob("*.dcm"):
        assert "NOT ANALYSED - the model failed its self-test" in dcmread(path).SeriesDescription
    assert machine.left == []


def test_the_result_says_what_it_was_computed_with(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"device": "/device:FAKE:0", "tensorflow": "2.21.0", "precision": "float32", "batch": "16"}
    monkeypatch.setattr(FixedPredictor, "runtime_facts", lambda _: facts, raising=False)
    machine.work()
    (delivery,) = machine.bench.jobs(JobKind.DELIVER)
    result = machine.bench.app.database.jobs.result_set(delivery.result_set_id or 0)
    assert result is not None
    assert result.detail["runtime"] == facts
