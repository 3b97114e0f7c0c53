"""The overview: what an admin sees first."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser
from support.console import console_app, console_parts, console_settings
from support.fakes import ManualClock
from support.rows import at, job_row

from hounsfield.daemon.alarms.words import BEGINS
from hounsfield.daemon.config.operation import AlarmSettings
from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.daemon.console.overview_facts import CertificateDate, Disk, Facts, certificates, disks
from hounsfield.daemon.console.overview_view import Overview, overview
from hounsfield.daemon.console.standing import Level
from hounsfield.storage.alarms import Alarm, AlarmKind, Condition
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database
from hounsfield.storage.log_book import Intake, LastResult, Queue
from hounsfield.storage.states import JobKind, Outcome, Reason

NOW = at(0)
QUIET = Facts(
    now=NOW,
    components=(),
    alarms=(),
    pauses=(),
    queues=(),
    intake=(),
    counts={},
    last_results=(),
    disks=(),
    certificates=(),
)


def seen(facts: Facts = QUIET, **changes: Any) -> Overview:
    return overview(replace(facts, **changes), AlarmSettings())


def process(name: str = "receiver@host", *, silent: float = 1.0) -> Component:
    return Component(
        name=name,
        role="receiver",
        host="host",
        pid=1,
        version="1",
        started_at=NOW - timedelta(hours=1),
        seen_at=NOW - timedelta(seconds=silent),
        starts=3,
        facts={},
    )


def test_a_service_without_alarms_says_so() -> None:
    assert (seen().summary.level, seen().summary.words) == (Level.OK, "no alarm")


def test_alarms_come_before_everything_else() -> None:
    alarm = Alarm(
        id=1, kind=AlarmKind.DISK, subject="spool", detail={"do": "make room", "free_percent": 3}, began_at=at(-60)
    )
    view = seen(alarms=(alarm,), pauses=(Pause(part=Part.INTAKE, since=NOW),))
    assert view.summary.words == "1 alarm"
    (line,) = view.alarms
    assert (line.words, line.subject) == (BEGINS[AlarmKind.DISK], "spool")
    assert (line.facts, line.remedy) == ("free percent 3", "make room")


def test_a_pause_by_a_person_is_no_alarm_but_is_seen() -> None:
    view = seen(pauses=(Pause(part=Part.INTAKE, since=NOW, person="anna"),))
    assert view.summary.level is Level.WARNING


def test_a_process_that_ended_as_it_should_is_not_missed() -> None:
    (line,) = seen(components=(replace(process(silent=3600), facts={"ended": True}),)).components
    assert (line.state.level, line.state.words) == (Level.QUIET, "ended as it should")


def test_an_assembler_that_another_one_works_for_stands_by() -> None:
    both = [replace(process(f"assembler-1@{host}"), facts={"elected": host == "a"}) for host in "ab"]
    lines = seen(components=tuple(both)).components
    assert [(line.name, line.state.words) for line in lines] == [
        ("assembler-1@a", "alive"),
        ("assembler-1@b", "stands by for another one"),
    ]


def test_a_process_that_is_not_heard_of_is_a_problem_and_after_a_day_history() -> None:
    view = seen(components=(process(), process("worker@host", silent=31), process("old@host", silent=86401)))
    assert [(line.name, line.state.level) for line in view.components] == [
        ("receiver@host", Level.OK),
        ("worker@host", Level.PROBLEM),
    ]
    assert view.summary.words == "not heard of: worker@host"


@pytest.mark.parametrize(
    ("queue", "level"),
    [
        (Queue(kind=JobKind.INFER), Level.OK),
        (Queue(kind=JobKind.INFER, waiting=5, oldest_waiting_since=at(-599)), Level.QUIET),
        (Queue(kind=JobKind.INFER, waiting=5, oldest_waiting_since=at(-601)), Level.PROBLEM),
        (Queue(kind=JobKind.DELIVER, held=1), Level.WARNING),
    ],
)
def test_work_that_waits_too_long_stands_out(queue: Queue, level: Level) -> None:
    (line,) = seen(queues=(queue,)).queues
    assert line.state.level is level
    assert line.address == f"/jobs?kind={queue.kind}"


def test_the_scanner_that_sends_most_comes_first() -> None:
    intake = (
        Intake(scanner="CT1", series=1, instances=3, last_at=NOW),
        Intake(scanner="CT2", series=1, instances=300, last_at=NOW),
    )
    assert [line.scanner for line in seen(intake=intake).intake] == ["CT2", "CT1"]


def result(outcome: Outcome, reason: Reason | None = None) -> LastResult:
    return LastResult(scanner="CT1", job=job_row(outcome=outcome, reason=reason))


def test_not_analysed_never_looks_like_not_flagged() -> None:
    results = [result(outcome) for outcome in Outcome]
    lines = seen(last_results=results).results
    assert [line.code for line in lines] == ["positive", "negative", "not_analysed"]
    assert [line.words for line in lines] == ["FLAGGED", "NOT FLAGGED", "NOT ANALYSED"]


def test_disks_say_how_much_is_free() -> None:
    view = seen(disks=(Disk(names=("home", "spool"), free=5, size=100), Disk(names=("x",), free=0, size=0)))
    assert [(line.name, line.state.level, line.state.words) for line in view.disks] == [
        ("home and spool", Level.PROBLEM, "5 % free"),
        ("x", Level.PROBLEM, "cannot be looked at"),
    ]


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(31, Level.OK, "31 days left"), (29, Level.WARNING, "29 days left"), (-1, Level.PROBLEM, "has run out")],
)
def test_certificates_say_how_long_they_last(days: int, level: Level, words: str) -> None:
    date = CertificateDate(setting="tls.certificate", ends_at=NOW + timedelta(days=days))
    (line,) = seen(certificates=(date,)).certificates
    assert (line.state.level, line.state.words) == (level, words)


def test_home_and_spool_on_one_file_system_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (disk,) = disks(console_settings(tmp_path))
    assert disk.names == ("home", "spool")
    assert disk.size >= disk.free > 0


def test_a_spool_that_is_not_made_yet_is_judged_by_where_it_will_be(tmp_path: Path) -> None:
    (disk,) = disks(console_settings(tmp_path / "home"))
    assert disk.names == ("home", "spool")
    assert disk.size > 0


def test_a_certificate_that_cannot_be_read_is_a_line_too(tmp_path: Path) -> None:
    settings = TlsSettings.model_construct(port=2762, certificate=tmp_path / "nothing.pem", authority=None)
    (date,) = certificates(settings)
    assert date.ends_at is None
    assert "cannot be read" in date.problem


HOSTILE = "<img src=x onerror=alert(1)>"


def test_hostile_text_stands_on_the_page_as_text(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    now = clock.now()
    database.alarms.set(
        [AlarmKind.SCANNER_SILENT],
        [Condition(kind=AlarmKind.SCANNER_SILENT, subject=HOSTILE, detail={"do": HOSTILE})],
        now,
    )
    database.control.pause(Pause(part=Part.INFERENCE, since=now, note=HOSTILE, person=HOSTILE))
    database.components.started(replace(process(HOSTILE), started_at=now, seen_at=now))
    page = Browser(console_app(console_parts(database, tmp_path, clock=clock))).get("/").text
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 5
    assert HOSTILE not in page


def test_the_page_of_an_empty_service_opens(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    page = Browser(console_app(console_parts(database, tmp_path, clock=clock))).get("/").text
    assert 'id="overview" hx-get="/" hx-trigger="sse:changed"' in page
    assert "No series was analysed in the last seven days." in page
    for word in ("absent", "negative", "normal"):
        assert word not in page.lower()


def test_times_are_told_with_their_exact_value_behind_them(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    started: datetime = clock.now() - timedelta(minutes=5)
    database.components.started(replace(process(), started_at=started, seen_at=clock.now()))
    page = Browser(console_app(console_parts(database, tmp_path, clock=clock))).get("/").text
    assert '<time datetime="2026-03-01T11:55:00Z"' in page
    assert ">5 min</time>" in page
