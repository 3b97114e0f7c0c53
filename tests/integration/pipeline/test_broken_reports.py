"""What was damaged after reception ends as not analysed, with a report where there can be one: never as silence."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.pipeline import reporting
from hounsfield.daemon.pipeline.rescuer import Rescuer
from hounsfield.storage.records import Claim
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState


def closed(bench: Bench, folder: Path, name: str = "a") -> list[Path]:
    """Close a series; return its spool files in the order received."""
    bench.receive(write_series(folder, ct_series(12, name=name)))
    bench.settle()
    series = bench.series()[-1]
    assert series.state is SeriesState.CLOSED
    return [bench.app.spool.path(one.digest) for one in bench.app.database.series.instances(series.id)]


def work_until_ended(bench: Bench, score: float = 0.9) -> None:
    worker = bench.worker(score)
    for _ in range(6):
        worker.work_one()
        bench.clock.advance(60)
        bench.rescuer.tick()


def test_an_end_slice_that_vanished_is_not_analysed_over(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)[-1].unlink()
    work_until_ended(bench)
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.reason) == (JobState.COMPLETED, Outcome.NOT_ANALYSED, Reason.UNREADABLE)
    assert len(bench.jobs(JobKind.DELIVER)) == 1
    (report,) = (r for p in bench.app.files.folder.glob("*.dcm") if (r := dcmread(p)).Modality == "SR")
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 11


def test_a_slice_that_was_overwritten_is_not_analysed_over(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)[5].write_bytes(b"rubbish")
    work_until_ended(bench)
    (job,) = bench.jobs()
    assert (job.outcome, job.reason) == (Outcome.NOT_ANALYSED, Reason.UNREADABLE)
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_a_series_of_which_nothing_is_left_ends_in_the_dead_letter_and_is_held(bench: Bench, tmp_path: Path) -> None:
    for path in closed(bench, tmp_path):
        path.unlink()
    work_until_ended(bench)
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.attempts) == (JobState.DISCARDED, Outcome.NOT_ANALYSED, 3)
    (series,) = bench.series()
    assert (series.state, series.reason) == (SeriesState.HELD, Reason.UNREADABLE)
    assert bench.jobs(JobKind.DELIVER) == []
    assert bench.app.database.jobs.expired(bench.clock.now() + timedelta(days=1)) == []


def test_a_series_without_files_does_not_keep_the_next_one_waiting(bench: Bench, tmp_path: Path) -> None:
    for path in closed(bench, tmp_path / "a"):
        path.unlink()
    closed(bench, tmp_path / "b", name="b")
    work_until_ended(bench)
    assert [job.outcome for job in bench.jobs()] == [Outcome.NOT_ANALYSED, Outcome.POSITIVE]


def test_a_report_that_cannot_be_built_ends_in_the_dead_letter_and_is_held(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(bench, tmp_path)

    def broken(*_: object) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(reporting, "build", broken)
    work_until_ended(bench)
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.attempts) == (JobState.DISCARDED, Outcome.NOT_ANALYSED, 3)
    (series,) = bench.series()
    assert (series.state, series.reason) == (SeriesState.HELD, Reason.INTERNAL)


def test_a_report_that_could_not_be_built_for_an_old_revision_does_not_hold_the_new_one(
    bench: Bench, tmp_path: Path
) -> None:
    files = write_series(tmp_path, ct_series(14))
    bench.receive(files[:12])
    bench.settle()
    for one in bench.app.database.series.instances(bench.series()[0].id):
        bench.app.spool.path(one.digest).unlink()
    claim = bench.app.database.jobs.claim([JobKind.INFER], "dies", timedelta(seconds=60), bench.clock.now())
    assert claim is not None
    bench.receive(files[12:])
    bench.receive(files[:12])  # sent again: the files are there once more
    bench.settle()
    for one in bench.app.database.series.instances(bench.series()[0].id, 1):
        bench.app.spool.path(one.digest).unlink()
    bench.rescuer.give_up(claim, Reason.MODEL_CRASHED)
    (series,) = bench.series()
    assert (series.state, series.revision) == (SeriesState.CLOSED, 2)


@pytest.mark.parametrize("damage", ["gone", "cut", "rubbish"])
def test_an_earlier_report_that_is_damaged_does_not_cost_the_new_one(bench: Bench, tmp_path: Path, damage: str) -> None:
    files = write_series(tmp_path, ct_series(14))
    bench.receive(files[:12])
    bench.settle()
    bench.worker(0.9).work_one()
    for path in bench.app.files.folder.glob("*.dcm"):
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:200] if damage == "cut" else b"rubbish")
    bench.receive(files[12:])
    bench.settle()
    work_until_ended(bench)
    assert [(job.state, job.outcome) for job in bench.jobs()] == [(JobState.COMPLETED, Outcome.POSITIVE)] * 2


def test_a_preview_that_cannot_be_written_does_not_cost_the_report(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(bench, tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reporting, "write_png", full)
    work_until_ended(bench)
    (job,) = bench.jobs()
    assert (job.state, job.outcome) == (JobState.COMPLETED, Outcome.POSITIVE)
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_one_lost_job_that_cannot_be_rescued_does_not_keep_the_others_waiting(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(bench, tmp_path / "a")
    closed(bench, tmp_path / "b", name="b")
    for _ in range(2):
        assert bench.app.database.jobs.claim([JobKind.INFER], "dies", timedelta(seconds=60), bench.clock.now())
    first = bench.jobs()[0].id
    whole = Rescuer.failed

    def failed(self: Rescuer, claim: Claim, reason: Reason, gave_up: Reason) -> None:
        if claim.job.id == first:
            raise RuntimeError("nobody thought of this")
        whole(self, claim, reason, gave_up)

    monkeypatch.setattr(Rescuer, "failed", failed)
    bench.clock.advance(61)
    bench.rescuer.tick()
    assert [job.state for job in bench.jobs()] == [JobState.RUNNING, JobState.RETRYABLE]


def test_a_result_that_a_destination_was_offered_a_thousand_times_is_still_brought_back(
    bench: Bench, tmp_path: Path
) -> None:
    closed(bench, tmp_path)
    bench.worker(0.9).work_one()
    claim = bench.app.database.jobs.claim([JobKind.DELIVER], "dies", timedelta(seconds=1), bench.clock.now())
    assert claim is not None
    often = replace(claim, job=replace(claim.job, attempts=1100))
    bench.rescuer.failed(often, Reason.LEASE_EXPIRED, gave_up=Reason.MODEL_CRASHED)
    assert bench.jobs(JobKind.DELIVER)[0].state is JobState.RETRYABLE


def test_a_worker_that_lost_its_job_writes_no_file(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    before: dict[str, bytes] = {}

    def stalls() -> float:
        """Another worker takes the job and ends it while this one stands still."""
        bench.clock.advance(61)
        bench.rescuer.tick()
        bench.clock.advance(60)
        assert bench.worker(0.9).work_one()
        before.update({path.name: path.read_bytes() for path in bench.app.files.folder.glob("*.dcm")})
        bench.clock.advance(60)
        return 0.9

    bench.worker(stalls).work_one()
    assert before
    assert {path.name: path.read_bytes() for path in bench.app.files.folder.glob("*.dcm")} == before
