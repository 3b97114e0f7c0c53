"""What counts as drift, and until when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.facts import SCANNER, facts, store, when

from hounsfield.daemon.alarms.drifting import DriftProbe
from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.drift.baselines import choose_baselines
from hounsfield.daemon.drift.comparison import Drift, Level
from hounsfield.daemon.drift.current import DriftReader, current_drift
from hounsfield.storage.analysis_facts import AnalysisFactStore, FactRecord, Pair
from hounsfield.storage.analysis_facts_store import SqlAnalysisFactStore
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import DatabaseUnavailable

DRIFTING = f"ich-demo 1.0.0 on {SCANNER}"
SMALL = DriftSettings(baseline_series=50, window_series=30)
"""Enough to compare, and little to write."""


class Unreadable(SqlAnalysisFactStore):
    """The facts of a database in which those of one scanner cannot be read."""

    def __init__(self, facts: AnalysisFactStore, scanner: str) -> None:
        assert isinstance(facts, SqlAnalysisFactStore)
        super().__init__(facts._transactions)
        self._scanner = scanner

    def first(self, pair: Pair, limit: int) -> list[FactRecord]:
        if pair.scanner == self._scanner:
            raise DatabaseUnavailable("damaged")
        return super().first(pair, limit)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


def drifting(probe: DriftProbe, database: Database, now: datetime) -> list[str]:
    """Let the probe look at everything once, and note what it found; return the subjects."""
    for _ in range(10):
        found = probe.conditions(now)
        if found is not None:
            database.alarms.set(probe.kinds, found, now)
            return [one.subject for one in found]
    raise AssertionError("the round has no end")


def probe_of(database: Database) -> DriftProbe:
    return DriftProbe(database.facts, SMALL, database.alarms)


def test_a_bundle_drifts_until_it_is_as_it_used_to_be(database: Database) -> None:
    probe = probe_of(database)
    store(database, facts(80))
    assert drifting(probe, database, when(90)) == []
    store(database, facts(30, first=81, seed=1, kernel="J40S"))
    assert drifting(probe, database, when(112)) == [DRIFTING]
    (alarm,) = database.alarms.open()
    assert (alarm.detail["scanner"], alarm.detail["input"]) == (SCANNER, "kernel")
    store(database, facts(30, first=111, seed=2))
    assert drifting(probe, database, when(150)) == []


def test_nothing_drifts_where_nothing_comes_from_any_more(database: Database) -> None:
    probe = probe_of(database)
    store(database, [*facts(50), *facts(30, first=51, seed=1, kernel="J40S")])
    assert drifting(probe, database, when(90)) == [DRIFTING]
    assert drifting(probe, database, when(90) + timedelta(days=31)) == []


def test_a_person_ends_it_by_choosing_another_baseline(database: Database) -> None:
    probe, now = probe_of(database), when(200)
    store(database, [*facts(50), *facts(70, first=51, seed=1, kernel="J40S")])
    assert drifting(probe, database, now) == [DRIFTING]
    span = when(51), when(91)
    chosen = choose_baselines(database.facts, database.facts.pairs(), span, now, "anna")
    assert [analyses for _, analyses in chosen.kept] == [40]
    assert drifting(probe, database, now) == []
    choose_baselines(database.facts, database.facts.pairs(), None, now, "anna")
    assert drifting(probe, database, now) == [DRIFTING]


@pytest.mark.parametrize(("level", "expected"), [(Level.WATCH, 1), (Level.STABLE, 0), (Level.LEARNING, 0)])
def test_what_only_moves_a_little_ends_no_alarm_not_even_after_a_restart(
    database: Database, monkeypatch: pytest.MonkeyPatch, level: Level, expected: int
) -> None:
    store(database, [*facts(50), *facts(30, first=51, seed=1, kernel="J40S")])
    assert drifting(probe_of(database), database, when(90)) == [DRIFTING]
    monkeypatch.setattr(DriftReader, "drift", lambda _, pair: Drift(pair=pair, level=level))
    assert len(drifting(probe_of(database), database, when(91))) == expected


def test_a_baseline_in_which_there_is_too_little_is_not_taken(database: Database) -> None:
    store(database, facts(80))
    chosen = choose_baselines(database.facts, database.facts.pairs(), (when(1), when(10)), when(90), "anna")
    assert (chosen.kept, [analyses for _, analyses in chosen.too_few]) == ((), [9])
    assert database.facts.baselines() == {}


def test_one_pair_is_looked_at_at_a_time(database: Database) -> None:
    for number in range(3):
        scanner, sha = f"CT{number}", f"{number}" * 64
        window = facts(30, first=51, seed=1, kernel="J40S")
        store(database, [*facts(50), *window], scanner=scanner, sha256=sha, uid=lambda n, k=number: f"1.{k}.{n}")  # type: ignore[misc]
    probe = probe_of(database)
    found = [probe.conditions(when(90)) for _ in range(3)]
    assert found[:2] == [None, None]
    assert len(found[2] or ()) == 3


def test_a_pair_that_cannot_be_read_keeps_its_alarm_and_no_other_waiting(database: Database) -> None:
    changed = facts(30, first=51, seed=1, kernel="J40S")
    store(database, [*facts(50), *changed], scanner="A")
    store(database, [*facts(50), *changed], scanner="B", uid=lambda number: f"1.3.{number}")
    assert len(drifting(probe_of(database), database, when(90))) == 2
    probe = DriftProbe(Unreadable(database.facts, "A"), SMALL, database.alarms)
    with pytest.raises(DatabaseUnavailable):
        probe.conditions(when(91))
    assert len(probe.conditions(when(91)) or ()) == 2


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
