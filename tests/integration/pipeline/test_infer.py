"""From a closed series to durable results, and what happens when the model does not answer."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.ct_factory import ct_series, write_series
from support.waiting import wait_until

from hounsfield.daemon.app import Application
from hounsfield.daemon.cli.tailing import event_line
from hounsfield.daemon.event_words import step
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState, Stage


def closed(bench: Bench, folder: Path, missing: int | None = None, **attributes: object) -> None:
    files = write_series(folder, ct_series(12, **attributes))
    bench.receive([f for i, f in enumerate(files) if i != missing])
    bench.settle()
    assert bench.series()[0].state is SeriesState.CLOSED


def descriptions(app: Application) -> set[str]:
    return {dcmread(path, stop_before_pixels=True).SeriesDescription for path in app.files.folder.glob("*.dcm")}


@pytest.mark.parametrize(
    ("score", "outcome", "word"), [(0.97, Outcome.POSITIVE, ": FLAGGED"), (0.01, Outcome.NEGATIVE, ": NOT FLAGGED")]
)
def test_a_score_becomes_an_outcome_with_objects_and_a_delivery(
    bench: Bench, tmp_path: Path, score: float, outcome: Outcome, word: str
) -> None:
    closed(bench, tmp_path)
    assert bench.worker(score).work_one()
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.device) == (JobState.COMPLETED, outcome, "/device:FAKE:0")
    assert job.score == pytest.approx(score, abs=1e-6)
    assert {"preprocess", "infer", "report"} <= set(job.timings)
    (delivery,) = bench.jobs(JobKind.DELIVER)
    assert (delivery.destination, delivery.state) == ("pacs", JobState.AVAILABLE)
    assert all(word in text for text in descriptions(bench.app))
    result = bench.app.database.jobs.result_set(delivery.result_set_id or 0)
    assert result is not None
    pages = 4 if outcome is Outcome.POSITIVE else 1
    assert [obj.role for obj in result.objects] == ["sr", *["sc"] * pages]
    assert sum(obj.size for obj in result.objects if obj.role == "sc") <= 6_000_000
    assert all(bench.app.files.verify(obj.sop_instance_uid, obj.sha256) for obj in result.objects)
    assert (bench.app.home / "previews" / f"{result.objects[0].sop_instance_uid}.png").stat().st_size > 1000


def test_a_series_with_a_missing_slice_is_reported_as_not_analysed_without_asking_the_model(
    bench: Bench, tmp_path: Path
) -> None:
    closed(bench, tmp_path, missing=6)

    def never() -> float:
        raise AssertionError("the model must not see an incomplete series")

    bench.worker(never).work_one()
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.reason) == (JobState.COMPLETED, Outcome.NOT_ANALYSED, Reason.INCOMPLETE)
    assert job.score is None
    assert all("NOT ANALYSED - slices missing" in text for text in descriptions(bench.app))
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_values_that_cannot_be_hu_are_not_analysed(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path, RescaleIntercept=None, RescaleSlope=None)
    bench.worker(0.5).work_one()
    (job,) = bench.jobs()
    assert (job.outcome, job.reason) == (Outcome.NOT_ANALYSED, Reason.NO_RESCALE)


def test_a_model_that_raises_three_times_is_reported_as_not_analysed(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)

    def broken() -> float:
        raise RuntimeError("out of memory")

    worker = bench.worker(broken)
    for _ in range(3):
        assert worker.work_one()
        bench.clock.advance(60)
    (job,) = bench.jobs()
    assert (job.state, job.attempts, job.outcome) == (JobState.DISCARDED, 3, Outcome.NOT_ANALYSED)
    assert job.reason is Reason.MODEL_FAILED
    assert len(bench.jobs(JobKind.DELIVER)) == 1
    assert all("NOT ANALYSED - the analysis failed" in text for text in descriptions(bench.app))
    assert not worker.work_one()


def test_a_worker_that_dies_three_times_is_reported_as_not_analysed(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    for _ in range(3):
        claim = bench.app.database.jobs.claim([JobKind.INFER], "dies", timedelta(seconds=60), bench.clock.now())
        assert claim is not None
        bench.clock.advance(61)
        bench.rescuer.tick()
        bench.clock.advance(60)
    (job,) = bench.jobs()
    assert (job.state, job.outcome, job.reason) == (JobState.DISCARDED, Outcome.NOT_ANALYSED, Reason.MODEL_CRASHED)
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_a_worker_back_from_the_dead_writes_nothing(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    jobs = bench.app.database.jobs
    stale = jobs.claim([JobKind.INFER], "slow", timedelta(seconds=60), bench.clock.now())
    assert stale is not None
    bench.clock.advance(61)
    bench.rescuer.tick()
    bench.clock.advance(60)
    bench.worker(0.9).work_one()
    assert not jobs.heartbeat(stale, bench.clock.now() + timedelta(seconds=60))
    assert not jobs.retry_later(stale, Reason.INTERNAL, bench.clock.now(), bench.clock.now())
    (job,) = bench.jobs()
    assert job.state is JobState.COMPLETED


def test_a_job_given_back_at_a_clean_stop_is_not_counted_and_nothing_of_it_is_stored(
    bench: Bench, tmp_path: Path
) -> None:
    closed(bench, tmp_path)

    def stopped_meanwhile() -> float:
        assert worker.give_back()
        return 0.9

    worker = bench.worker(stopped_meanwhile)
    assert worker.work_one()
    (job,) = bench.jobs()
    assert (job.state, job.attempts, job.reason) == (JobState.AVAILABLE, 0, Reason.SHUTDOWN)
    assert list(bench.app.files.folder.glob("*.dcm")) == []
    assert not worker.give_back(), "nothing in hand any more"
    assert bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert (job.state, job.attempts, job.outcome) == (JobState.COMPLETED, 1, Outcome.POSITIVE)


def test_a_bundle_that_is_not_served_is_no_silence(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    bench.worker(0.5, known=False).work_one()
    (job,) = bench.jobs()
    assert (job.state, job.reason, job.outcome) == (JobState.DISCARDED, Reason.BUNDLE_GONE, Outcome.NOT_ANALYSED)
    assert len(bench.jobs(JobKind.DELIVER)) == 1


def test_a_retry_after_a_crash_makes_a_report_that_follows_the_first(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    bench.worker(0.5, known=False).work_one()
    (job,) = bench.jobs()
    assert bench.app.database.jobs.requeue(job.id, bench.clock.now())
    assert bench.worker(0.9).work_one()
    (job,) = bench.jobs()
    assert (job.state, job.outcome) == (JobState.COMPLETED, Outcome.POSITIVE)
    reports = [dcmread(path) for path in bench.app.files.folder.glob("*.dcm")]
    structured = [r for r in reports if r.Modality == "SR"]
    assert len(structured) == 2
    assert sum("PredecessorDocumentsSequence" in r for r in structured) == 1


def test_a_demonstration_bundle_does_not_speak_to_a_pacs_elsewhere(tmp_path: Path) -> None:
    elsewhere = {**LOOPBACK_PACS, "name": "real", "host": "192.0.2.1"}
    allowed = {**elsewhere, "name": "allowed", "allow_demonstration": True}
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, elsewhere, allowed])
    closed(bench, tmp_path / "files")
    bench.worker(0.9).work_one()
    assert {job.destination for job in bench.jobs(JobKind.DELIVER)} == {"pacs", "allowed"}
    (job,) = bench.jobs()
    withheld = [e for e in bench.app.database.jobs.events(job_id=job.id) if e.reason is Reason.DEMONSTRATION]
    assert [(e.stage, e.from_state, e.to_state) for e in withheld] == [(Stage.DELIVER, "COMPLETED", "COMPLETED")]
    assert step(withheld[0]) == ("withheld from real", "COMPLETED")
    assert "demonstration-not-allowed" in event_line(withheld[0], "")


def test_a_destination_may_leave_out_results_without_a_finding(tmp_path: Path) -> None:
    quiet = {**LOOPBACK_PACS, "name": "quiet", "send_negative": False}
    bench = Bench(tmp_path / "home", [LOOPBACK_PACS, quiet])
    closed(bench, tmp_path / "files")
    bench.worker(0.01).work_one()
    assert {job.destination for job in bench.jobs(JobKind.DELIVER)} == {"pacs"}


def test_the_second_revision_names_the_report_of_the_first(bench: Bench, tmp_path: Path) -> None:
    files = write_series(tmp_path, ct_series(14))
    for part in (files[:12], files[12:]):
        bench.receive(part)
        bench.settle()
        bench.worker(0.9).work_one()
    reports = sorted(
        (dcmread(p) for p in bench.app.files.folder.glob("*.dcm")),
        key=lambda d: "PredecessorDocumentsSequence" in d,
    )
    first, second = (r for r in reports if r.Modality == "SR")
    (study,) = second.PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID


def test_a_job_that_does_not_end_is_told_once_and_its_lease_runs_out(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    told = threading.Event()
    keeper = LeaseKeeper(
        bench.app.database.jobs, bench.clock, lease_seconds=0.03, timeout_seconds=5.0, overdue=lambda _: told.set()
    )
    claim = bench.app.database.jobs.claim([JobKind.INFER], "hangs", keeper.lease, bench.clock.now())
    assert claim is not None
    with keeper.keep(claim):
        bench.clock.advance(6)
        assert told.wait(5)
    assert [expired.job.id for expired in bench.app.database.jobs.expired(bench.clock.now())] == [claim.job.id]


def test_a_living_worker_keeps_its_lease(bench: Bench, tmp_path: Path) -> None:
    closed(bench, tmp_path)
    jobs = bench.app.database.jobs
    keeper = LeaseKeeper(jobs, bench.clock, lease_seconds=0.03, timeout_seconds=600.0, overdue=lambda _: None)
    claim = jobs.claim([JobKind.INFER], "slow", keeper.lease, bench.clock.now())
    assert claim is not None
    bench.clock.advance(1)
    with keeper.keep(claim):
        renewed = bench.clock.now() + keeper.lease
        wait_until(lambda: (jobs.get(claim.job.id) or claim.job).lease_until == renewed, 5)
    assert jobs.expired(bench.clock.now()) == []


def test_a_full_disk_counts_no_attempt_and_the_job_goes_on_when_there_is_space(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(bench, tmp_path)
    worker = bench.worker(0.9)

    def full(*_: object) -> str:
        raise ResultFileError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ResultFiles, "stage", full)
        for _ in range(5):
            with pytest.raises(ResultFileError):
                worker.work_one()
    (job,) = bench.jobs()
    assert (job.state, job.attempts) == (JobState.AVAILABLE, 0)
    assert worker.work_one()
    (job,) = bench.jobs()
    assert (job.state, job.outcome) == (JobState.COMPLETED, Outcome.POSITIVE)
