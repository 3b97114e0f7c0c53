"""Drift is told once when it begins and once when it is over."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from support.facts import SCANNER, SHA, facts, store, when
from support.fakes import ManualClock

from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.drift.baselines import choose_baselines
from hounsfield.daemon.drift.comparison import Level
from hounsfield.daemon.drift.current import current_drift
from hounsfield.daemon.drift.watch import ROUND_SECONDS, DriftWatch
from hounsfield.storage.engine import Database, open_database

SMALL = DriftSettings(baseline_series=50, window_series=30)
"""Enough to compare, and little to write."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


def lines(watch: DriftWatch, clock: ManualClock, ticks: int = 4) -> list[dict[str, Any]]:
    """Let the watch look at everything once."""
    clock.advance(ROUND_SECONDS)
    with structlog.testing.capture_logs() as found:
        for _ in range(ticks):
            watch.tick()
    return list(found)


def test_an_alarm_begins_once_and_ends_once(database: Database) -> None:
    clock = ManualClock(when(90))
    watch = DriftWatch(database.facts, SMALL, clock)
    store(database, facts(80))
    assert lines(watch, clock) == []
    store(database, facts(30, first=81, seed=1, kernel="J40S"))
    (alarm,) = lines(watch, clock)
    assert (alarm["event"][:5], alarm["scanner"], alarm["input"]) == ("ALARM", SCANNER, "kernel")
    assert watch.in_alarm == {(SHA, SCANNER)}
    assert lines(watch, clock) == []
    store(database, facts(30, first=111, seed=2))
    (over,) = lines(watch, clock)
    assert "over" in over["event"]
    assert (watch.tick(), watch.in_alarm) == (0, frozenset())


def test_an_alarm_is_over_when_nothing_comes_from_there_any_more(database: Database) -> None:
    clock = ManualClock(when(90))
    watch = DriftWatch(database.facts, SMALL, clock)
    store(database, [*facts(50), *facts(30, first=51, seed=1, kernel="J40S")])
    assert len(lines(watch, clock)) == 1
    clock.advance(timedelta(days=31).total_seconds())
    (over,) = lines(watch, clock)
    assert "nothing comes" in over["why"]
    assert watch.tick() == 0


def test_an_alarm_is_over_when_a_person_chooses_another_baseline(database: Database) -> None:
    clock = ManualClock(when(200))
    watch = DriftWatch(database.facts, SMALL, clock)
    store(database, [*facts(50), *facts(70, first=51, seed=1, kernel="J40S")])
    assert len(lines(watch, clock)) == 1
    span = when(51), when(91)
    chosen = choose_baselines(database.facts, database.facts.pairs(), span, clock.now(), "anna")
    assert [analyses for _, analyses in chosen.kept] == [40]
    (over,) = lines(watch, clock)
    assert "over" in over["event"]
    choose_baselines(database.facts, database.facts.pairs(), None, clock.now(), "anna")
    assert "ALARM" in lines(watch, clock)[0]["event"]


def test_a_baseline_in_which_there_is_too_little_is_not_taken(database: Database) -> None:
    store(database, facts(80))
    chosen = choose_baselines(database.facts, database.facts.pairs(), (when(1), when(10)), when(90), "anna")
    assert (chosen.kept, [analyses for _, analyses in chosen.too_few]) == ((), [9])
    assert database.facts.baselines() == {}


def test_nobody_waits_while_everything_is_looked_at(database: Database) -> None:
    clock = ManualClock(when(90))
    for number in range(3):
        scanner, sha = f"CT{number}", f"{number}" * 64
        window = facts(30, first=51, seed=1, kernel="J40S")
        store(database, [*facts(50), *window], scanner=scanner, sha256=sha, uid=lambda n, k=number: f"1.{k}.{n}")  # type: ignore[misc]
    watch = DriftWatch(database.facts, SMALL, clock)
    assert [watch.tick() for _ in range(5)] == [0, 1, 2, 3, 3]


def test_what_is_current_is_one_call_away_for_console_and_metrics(database: Database, tmp_path: Path) -> None:
    store(database, [*facts(50), *facts(30, first=51, seed=1, kernel="J40S")])
    store(database, facts(20), scanner="CT2", uid=lambda number: f"1.3.{number}")
    settings = Settings(storage={"home": tmp_path}, drift=SMALL.model_dump())
    found = [(one.pair.scanner, one.level) for one in current_drift(database, settings, when(100))]
    assert found == [(SCANNER, Level.ALARM), ("CT2", Level.LEARNING)]
    assert current_drift(database, settings, when(100) + timedelta(days=40)) == []


def test_no_analysis_stands_on_both_sides(database: Database, tmp_path: Path) -> None:
    store(database, facts(85))
    settings = Settings(storage={"home": tmp_path}, drift={"baseline_series": 50, "window_series": 100})
    (drift,) = current_drift(database, settings, when(100))
    assert drift.baseline is not None
    assert drift.window is not None
    assert (drift.baseline.analyses, drift.window.analyses) == (50, 35)
    assert drift.baseline.last_at < drift.window.first_at
