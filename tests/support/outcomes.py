"""Deliveries that end as a test wants, without a network."""

from datetime import timedelta

from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.storage.records import Claim, JobRecord, ObjectDelivery, StoredResultSet
from hounsfield.storage.states import JobKind, Proof, Reason


def analyse(bench: Bench, score: float = 0.9, number: int = 0) -> StoredResultSet:
    """Receive a series and analyse it; its deliveries wait."""
    files = write_series(bench.home.parent / f"files{number}", ct_series(12))
    bench.receive(files)
    bench.settle()
    assert bench.worker(score).work_one()
    return newest(bench)


def newest(bench: Bench) -> StoredResultSet:
    """The result set that was made last."""
    jobs = bench.app.database.jobs
    return max((found for job in bench.jobs() for found in jobs.result_sets_of_job(job.id)), key=lambda one: one.id)


def claimed(bench: Bench, destination: str) -> Claim:
    """Claim the next delivery to a destination."""
    jobs = bench.app.database.jobs
    claim = jobs.claim([JobKind.DELIVER], "courier", timedelta(seconds=60), bench.clock.now(), [destination])
    assert claim is not None
    return claim


def deliver(bench: Bench, destination: str) -> JobRecord:
    """End the next delivery to a destination as stored there."""
    claim = claimed(bench, destination)
    result = bench.app.database.jobs.result_set(claim.job.result_set_id or 0)
    assert result is not None
    now = bench.clock.now()
    sent = [ObjectDelivery(sop_instance_uid=one.sop_instance_uid, status=0, at=now) for one in result.objects]
    assert bench.app.database.jobs.complete_delivery(claim, sent, now, {}, Proof.SENT)
    return claim.job


def hold(bench: Bench, destination: str) -> JobRecord:
    """Hold the next delivery to a destination: the patient has changed there."""
    claim = claimed(bench, destination)
    assert bench.app.database.jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, bench.clock.now())
    return claim.job
