"""What each probe calls wrong, and when that is over."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.told import notify_job

from hounsfield.daemon.alarms.components import ComponentProbe
from hounsfield.daemon.alarms.destinations import DestinationProbe
from hounsfield.daemon.alarms.disk import DiskProbe
from hounsfield.daemon.alarms.models import ModelProbe
from hounsfield.daemon.alarms.others import Others, others_of
from hounsfield.daemon.alarms.queues import MOST, DeadLetterProbe, HeldProbe, QueueProbe
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingState
from hounsfield.storage.alarms import Alarm, AlarmKind
from hounsfield.storage.components import Component
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.log_book import JobQuery, Queue
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass
class Book:
    """The job log as a probe asks it."""

    jobs: Sequence[JobRecord] = ()
    waiting: Sequence[Queue] = ()
    held: Mapping[str, int] = field(default_factory=dict)

    def newest(self, query: JobQuery, *, before_id: int | None = None, limit: int = 50) -> list[JobRecord]:
        assert before_id is None
        found = [job for job in self.jobs if query.state in (None, job.state) and query.kind in (None, job.kind)]
        return sorted(found, key=lambda job: -job.id)[:limit]

    def queues(self, now: datetime) -> list[Queue]:
        assert now == NOW
        return list(self.waiting)

    def counts(self) -> dict[str, int]:
        return {"held_series": 0, "held_deliveries": 0, **self.held}


@dataclass
class Past:
    """The alarm that ended last."""

    ended_at: datetime | None = None

    def last_ended(self, kind: AlarmKind, subject: str = "") -> Alarm | None:
        if self.ended_at is None:
            return None
        return Alarm(id=1, kind=kind, subject=subject, began_at=NOW - DAY, ended_at=self.ended_at)


def given_up(number: int, ago: timedelta) -> JobRecord:
    job = notify_job(kind=JobKind.DELIVER, state=JobState.DISCARDED, reason=Reason.DEADLINE)
    return replace(job, id=number, updated_at=NOW - ago)


def test_a_queue_is_old_when_its_oldest_job_waits_for_longer_than_its_objective() -> None:
    queues = [
        Queue(kind=JobKind.INFER, waiting=3, oldest_waiting_since=NOW - 10 * MINUTE - timedelta(seconds=1)),
        Queue(kind=JobKind.DELIVER, waiting=9, oldest_waiting_since=NOW - 10 * MINUTE),
        Queue(kind=JobKind.NOTIFY),
    ]
    (condition,) = QueueProbe(Book(waiting=queues), 600.0).conditions(NOW)
    assert (condition.subject, condition.detail["waiting"]) == ("INFER", 3)


def test_jobs_that_were_given_up_are_told_of_for_a_week_or_until_somebody_has_looked() -> None:
    book = Book([given_up(1, 8 * DAY), given_up(2, 2 * DAY), given_up(3, MINUTE)])
    (condition,) = DeadLetterProbe(book, Past()).conditions(NOW)
    assert condition.detail == {"jobs": 2, "newest_job": 3, "reasons": "deadline"}
    (later,) = DeadLetterProbe(book, Past(NOW - DAY)).conditions(NOW)
    assert later.detail["jobs"] == 1
    assert DeadLetterProbe(book, Past(NOW - MINUTE)).conditions(NOW) == []


def test_an_old_job_that_is_given_up_today_counts_though_younger_ones_were_looked_at() -> None:
    book = Book([given_up(1, MINUTE), given_up(9, 2 * DAY)])
    (condition,) = DeadLetterProbe(book, Past(NOW - DAY)).conditions(NOW)
    assert condition.detail["newest_job"] == 1


def test_more_than_are_read_are_said_to_be_more() -> None:
    book = Book([given_up(number, MINUTE) for number in range(1, MOST + 5)])
    (condition,) = DeadLetterProbe(book, Past()).conditions(NOW)
    assert condition.detail["jobs"] == f"{MOST} or more"


def test_what_waits_for_a_person_is_counted_series_and_deliveries_apart() -> None:
    assert HeldProbe(Book()).conditions(NOW) == []
    series, deliveries = HeldProbe(Book(held={"held_series": 2, "held_deliveries": 1})).conditions(NOW)
    assert (series.subject, series.detail["held"]) == ("", 2)
    assert (deliveries.subject, deliveries.detail["held"]) == ("deliveries", 1)


def free(monkeypatch: pytest.MonkeyPatch, percent: float) -> None:
    usage = SimpleNamespace(total=1000, used=0, free=int(10 * percent))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_a_disk_is_told_of_below_its_limit_and_until_it_has_a_little_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = DiskProbe({"spool": tmp_path, "home": tmp_path}, 10.0)
    seen = []
    for percent in (10.0, 9.9, 10.5, 11.0, 10.5):
        free(monkeypatch, percent)
        seen.append([one.subject for one in probe.conditions(NOW)])
    assert seen == [[], ["spool"], ["spool"], [], []], "one file system is told of once"


def test_a_folder_that_cannot_be_asked_is_told_of_too(tmp_path: Path) -> None:
    (condition,) = DiskProbe({"spool": tmp_path / "gone"}, 0.0).conditions(NOW)
    assert (condition.subject, condition.detail["problem"]) == ("spool", "No such file or directory")


def elsewhere(host: str = "node8", ago: timedelta = timedelta(seconds=5), **facts: object) -> Component:
    """A process on another host."""
    seen = NOW - ago
    name = f"worker-1@{host}"
    return Component(
        name=name, role="worker", host=host, pid=1, version="1", started_at=seen, seen_at=seen, facts=facts
    )


def others(*components: Component, host: str = "node7") -> Others:
    return others_of(SimpleNamespace(all=lambda: list(components)), host)


def test_the_disk_of_another_host_is_told_of_by_its_name() -> None:
    full = {"home_free_percent": 9.9}
    told = others(
        elsewhere(**full),
        elsewhere("node7", home_free_percent=1.0),
        elsewhere("node9", home_free_percent=10.0),
        elsewhere("gone", 2 * MINUTE, **full),
        elsewhere("left", ended=True, **full),
    )
    (condition,) = DiskProbe({}, 10.0, told).conditions(NOW)
    assert (condition.subject, condition.detail) == ("home of node8", {"free_percent": 10})


def test_a_bundle_that_another_host_cannot_serve_is_told_of() -> None:
    standing = {"ich 1.0.0": {"state": "drifted", "device": "GPU"}, "other 1": {"state": "refused"}}
    (condition,) = ModelProbe(Shelf(), Notes(), Book(), others(elsewhere(bundles=standing))).conditions(NOW)
    assert condition.detail == {"problem": "drifted on node8"}
    served = {"ich 1.0.0": {"state": "served"}}
    for facts in ({"bundles": served}, {"bundles": "nonsense"}, {"bundles": {"ich 1.0.0": 3}}, {}):
        assert ModelProbe(Shelf(), Notes(), Book(), others(elsewhere(**facts))).conditions(NOW) == []


@dataclass
class Shelf:
    bundles: Sequence[Any] = (
        SimpleNamespace(sha256="a" * 64, label="ich 1.0.0", manifest=SimpleNamespace(name="ich")),
    )
    missing: Sequence[str] = ()


@dataclass
class Notes:
    note: ServingNote | None = None

    def of(self, sha256: str) -> ServingNote | None:
        assert sha256 == "a" * 64
        return self.note


def note(state: ServingState, ago: timedelta = MINUTE) -> ServingNote:
    return ServingNote(state=state, at=NOW - ago, words="its golden scores differ by 0.2")


def ended(reason: Reason | None, number: int = 1, sha256: str = "a" * 64) -> JobRecord:
    outcome = Outcome.POSITIVE if reason is None else Outcome.NOT_ANALYSED
    state = JobState.COMPLETED if reason is None else JobState.DISCARDED
    job = notify_job(kind=JobKind.INFER, state=state, reason=reason, outcome=outcome, bundle_sha256=sha256)
    return replace(job, id=number, updated_at=NOW - 5 * MINUTE)


@pytest.mark.parametrize(
    ("found", "jobs", "expected"),
    [
        (None, [], ""),
        (note(ServingState.SERVED), [ended(None)], ""),
        (note(ServingState.LOADING), [], ""),
        (note(ServingState.DRIFTED), [], "its golden scores differ by 0.2"),
        (note(ServingState.REFUSED), [ended(None)], "its golden scores differ by 0.2"),
        (None, [ended(Reason.BUNDLE_DRIFTED)], "the last job ended with bundle-drifted"),
        (None, [ended(Reason.BUNDLE_GONE), ended(None, 2)], ""),
        (None, [ended(Reason.INCOMPLETE)], ""),
        (None, [ended(Reason.BUNDLE_GONE, sha256="b" * 64)], ""),
        (note(ServingState.SERVED), [ended(Reason.BUNDLE_DRIFTED)], ""),
        (note(ServingState.SERVED, DAY), [ended(Reason.BUNDLE_DRIFTED)], "the last job ended with bundle-drifted"),
    ],
)
def test_a_bundle_is_told_of_while_it_is_not_served(
    found: ServingNote | None, jobs: list[JobRecord], expected: str
) -> None:
    conditions = ModelProbe(Shelf(), Notes(found), Book(jobs)).conditions(NOW)
    assert [(one.subject, one.detail["problem"]) for one in conditions] == (
        [("ich 1.0.0", expected)] if expected else []
    )


def test_a_bundle_of_which_no_version_can_be_used_is_told_of() -> None:
    (condition,) = ModelProbe(Shelf(bundles=(), missing=("ich",)), Notes(), Book()).conditions(NOW)
    assert condition.subject == "ich"


@dataclass
class Rows:
    rows: Sequence[Any]

    def all(self) -> list[Any]:
        return list(self.rows)


def test_a_destination_is_told_of_after_a_minute_out_of_reach() -> None:
    def state(name: str, ago: float, *, is_open: bool = True) -> DestinationState:
        return DestinationState(
            name=name, is_open=is_open, since=NOW - timedelta(seconds=ago), reason=Reason.UNREACHABLE
        )

    rows = [state("pacs", 61), state("second", 59), state("third", 900, is_open=False), state("former", 900)]
    (condition,) = DestinationProbe(Rows(rows), ["pacs", "second", "third"]).conditions(NOW)
    assert (condition.subject, condition.detail["reason"]) == ("pacs", "unreachable")


def component(name: str, ago: float, **facts: object) -> Component:
    seen = NOW + 2 * MINUTE - timedelta(seconds=ago)
    role = name.partition("@")[0].partition("-")[0]
    return Component(name=name, role=role, host="ct", pid=7, version="1", started_at=seen, seen_at=seen, facts=facts)


def test_a_process_that_is_not_heard_of_is_told_of_unless_it_is_no_longer_expected() -> None:
    rows = [
        component("assembler@ct", 1),
        component("receiver@ct", 31),
        component("receiver-2@ct", 31),
        component("receiver-3@ct", 31),
        component("worker@gpu-1", 31),
        component("worker@gpu-2", 31, ended=True),
        component("courier@old", 8 * 86400),
    ]
    probe = ComponentProbe(Rows(rows), 30.0, {"receiver": 2})
    assert probe.conditions(NOW) is None, "the others may still be starting"
    assert probe.conditions(NOW + timedelta(seconds=59)) is None
    found = probe.conditions(NOW + 2 * MINUTE)
    assert [one.subject for one in found or ()] == ["receiver@ct", "receiver-2@ct", "worker@gpu-1"]
