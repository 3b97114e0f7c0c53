"""The assembler's watch on a real home: what goes wrong there is an alarm, and what is mended ends it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from support.bench import Bench
from support.couriers import FakeTransport, courier, delivery, reported, success
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.alarms.watch import AlarmWatch
from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.alarms import AlarmKind
from hounsfield.storage.states import Reason

ROUND = 40
"""Ticks in which every probe has its turn."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home", more={"alarms": {"disk_percent": 0.0}})
    yield made
    made.app.database.close()


@pytest.fixture
def watch(bench: Bench) -> AlarmWatch:
    return bench.app.alarm_watch()


def wrong(bench: Bench, watch: AlarmWatch, seconds: float = 61.0) -> list[str]:
    """Let some time pass, ask every probe, and return what is open."""
    bench.clock.advance(seconds)
    for _ in range(ROUND):
        watch.tick()
    return [f"{alarm.kind} {alarm.subject}".strip() for alarm in bench.app.database.alarms.open()]


def test_a_home_in_which_all_is_well_has_no_alarm(bench: Bench, watch: AlarmWatch) -> None:
    assert wrong(bench, watch) == []


def test_a_series_that_is_held_is_an_alarm_until_a_person_decides(
    bench: Bench, watch: AlarmWatch, tmp_path: Path
) -> None:
    files = write_series(tmp_path / "files", ct_series(12))
    other = dcmread(files[0])
    other.PatientID = "T-2"
    other.save_as(files[0])
    bench.receive(files)
    bench.settle()
    (series,) = bench.series()
    assert series.reason is Reason.TWO_PATIENTS
    assert wrong(bench, watch) == ["series-held"]
    assert bench.app.database.series.discard(series.id, Reason.OPERATOR, bench.clock.now())
    assert wrong(bench, watch) == []


def test_a_job_that_nobody_takes_is_an_alarm_until_it_is_taken(bench: Bench, watch: AlarmWatch, tmp_path: Path) -> None:
    bench.receive(write_series(tmp_path / "files", ct_series(12)))
    bench.settle()
    assert wrong(bench, watch, 540) == []
    assert wrong(bench, watch) == ["queue-old INFER"]
    bench.worker(0.9).work_one()
    assert wrong(bench, watch) == []


def test_a_destination_that_is_away_is_an_alarm_and_so_is_what_waits_for_it_until_it_is_back(
    bench: Bench, watch: AlarmWatch
) -> None:
    peer = FakeTransport(lambda _: SendReport(failure=Failure.UNREACHABLE), alive=False)
    sender = courier(reported(bench), transport=peer)
    sender.work_one()
    assert wrong(bench, watch, 30) == []
    assert wrong(bench, watch, 31) == ["destination-down pacs"]
    assert wrong(bench, watch, 900) == ["destination-down pacs", "queue-old DELIVER"]
    peer.alive, peer.answer = True, success
    assert sender.work_one()
    assert wrong(bench, watch) == []


def test_jobs_that_were_given_up_are_an_alarm_until_somebody_has_looked(bench: Bench, watch: AlarmWatch) -> None:
    jobs, alarms = reported(bench).app.database.jobs, bench.app.database.alarms
    job = delivery(bench)
    assert courier(bench, transport=FakeTransport(lambda _: gone(bench))).work_one()
    assert wrong(bench, watch) == ["dead-letters"]
    alarms.set([AlarmKind.DEAD_LETTERS], [], bench.clock.now())
    assert wrong(bench, watch) == []
    assert jobs.requeue(job.id, bench.clock.now())
    assert courier(bench, transport=FakeTransport(lambda _: gone(bench))).work_one()
    assert wrong(bench, watch) == ["dead-letters"], "it was given up once more"
    assert jobs.requeue(job.id, bench.clock.now())
    assert wrong(bench, watch) == []


def gone(bench: Bench) -> SendReport:
    """Let so much time pass that the delivery is given up."""
    bench.clock.advance(8 * 86400)
    return SendReport(failure=Failure.BROKEN_OFF)
