"""Each alarm is told once when it begins and once when it is over, and no probe stops the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.fakes import ManualClock

from hounsfield.daemon.alarms.watch import COMPLAIN_SECONDS, AlarmWatch
from hounsfield.daemon.alarms.words import BEGINS, DO, ENDS
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.operations import Action
from hounsfield.storage.states import Stage

DISK = Condition(kind=AlarmKind.DISK, subject="spool", detail={"free_percent": 4})


@dataclass
class Told:
    """A probe that answers what it is told; an exception is raised."""

    answer: list[Condition] | Exception | None = field(default_factory=list)
    kinds: Sequence[AlarmKind] = (AlarmKind.DISK,)
    seconds: float = 30.0
    asked: int = 0

    def conditions(self, now: datetime) -> list[Condition] | None:
        assert now.tzinfo is not None
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def database(tmp_path: Path):
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


Watching = Callable[..., AlarmWatch]


@pytest.fixture
def watching(database: Database, clock: ManualClock) -> Watching:
    return lambda *probes: AlarmWatch(probes, database.alarms, database.operations, clock, "assembler")


def lines(watch: AlarmWatch, ticks: int = 1) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as found:
        for _ in range(ticks):
            watch.tick()
    return list(found)


def test_a_beginning_and_an_end_are_told_once_each(database: Database, clock: ManualClock, watching: Watching) -> None:
    probe = Told([DISK])
    watch = watching(probe)
    (begun,) = lines(watch)
    assert (begun["log_level"], begun["event"][:7], begun["subject"]) == ("warning", "ALARM: ", "spool")
    assert begun["free_percent"] == 4
    clock.advance(30)
    assert lines(watch) == []
    probe.answer = []
    clock.advance(30)
    (ended,) = lines(watch)
    assert (ended["log_level"], "ALARM" in ended["event"], ended["number"]) == ("info", False, begun["number"])
    clock.advance(30)
    assert lines(watch) == []
    events = [one for one in database.jobs.events() if one.stage is Stage.OPERATE]
    assert [one.to_state for one in events] == [Action.ALARM_BEGAN, Action.ALARM_ENDED]
    assert {one.detail["origin"] for one in events} == {"assembler"}


def test_a_restart_begins_no_alarm_anew_and_ends_what_is_over(
    database: Database, clock: ManualClock, watching: Watching
) -> None:
    lines(watching(Told([DISK])))
    assert lines(watching(Told([DISK]))) == []
    assert len(lines(watching(Told([])))) == 1
    assert [one.ended_at for one in database.alarms.newest()] == [clock.now()]


def test_an_open_alarm_says_how_bad_it_is_by_now_and_what_to_do(
    database: Database, clock: ManualClock, watching: Watching
) -> None:
    probe = Told([DISK])
    watch = watching(probe)
    watch.tick()
    probe.answer = [Condition(kind=AlarmKind.DISK, subject="spool", detail={"free_percent": 2, "do": "call anna"})]
    (first,) = database.alarms.open()
    clock.advance(30)
    watch.tick()
    (now,) = database.alarms.open()
    assert (first.detail["do"], first.detail["free_percent"]) == (DO[AlarmKind.DISK], 4)
    assert (now.id, now.detail) == (first.id, {"free_percent": 2, "do": "call anna"})


def test_one_probe_is_asked_at_a_time_and_each_when_its_time_has_come(clock: ManualClock, watching: Watching) -> None:
    first, second = Told(seconds=10), Told(seconds=100)
    watch = watching(first, second)
    counts = []
    for _ in range(3):
        watch.tick()
        counts.append((first.asked, second.asked))
    assert counts == [(1, 0), (1, 1), (1, 1)]
    clock.advance(10)
    lines(watch, 3)
    assert (first.asked, second.asked) == (2, 1)


def test_a_probe_that_does_not_know_yet_ends_nothing_and_is_asked_again(database: Database, watching: Watching) -> None:
    lines(watching(Told([DISK])))
    probe, other = Told(None), Told([], kinds=(AlarmKind.DRIFT,))
    assert lines(watching(probe, other), 5) == []
    assert (probe.asked, other.asked) == (4, 1)
    assert len(database.alarms.open()) == 1


@pytest.mark.parametrize("trouble", [DatabaseUnavailable("down"), OSError(5, "I/O"), ValueError("DOE^JANE")])
def test_a_probe_that_fails_is_told_once_an_hour_and_stops_no_other(
    database: Database, clock: ManualClock, watching: Watching, trouble: Exception
) -> None:
    lines(watching(Told([DISK])))
    failing, other = Told(trouble, seconds=300.0), Told([], kinds=(AlarmKind.DRIFT,))
    watch = watching(failing, other)
    (line,) = lines(watch, 4)
    assert (line["kinds"], line["error"]) == ("disk", type(trouble).__name__)
    assert (failing.asked, other.asked) == (1, 1)
    clock.advance(60)
    assert lines(watch, 4) == []
    assert failing.asked == 2, "sooner than after a success"
    clock.advance(COMPLAIN_SECONDS)
    assert len(lines(watch, 4)) == 1
    assert len(database.alarms.open()) == 1, "it stays as it was"


def test_every_kind_has_its_words() -> None:
    assert set(BEGINS) == set(ENDS) == set(DO) == set(AlarmKind)
    assert all("ALARM" not in words for words in ENDS.values())
