"""A bundle on a scanner compared with itself: what is found, what is not made up."""

import numpy as np
import pytest
from support.facts import facts, pair_of

from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.drift.comparison import Drift, Level, compare
from hounsfield.storage.analysis_facts import FactRecord

SETTINGS = DriftSettings()


def compared(baseline: list[FactRecord], window: list[FactRecord], *, chosen: bool = False) -> Drift:
    return compare(pair_of([*baseline, *window] or facts(1)), baseline, window, SETTINGS, chosen=chosen)


def changed(**changes: object) -> Drift:
    return compared(facts(200), facts(100, first=201, seed=1, **changes))


def test_a_scanner_that_stays_as_it_was_hardly_ever_raises_an_alarm() -> None:
    """Of 3,000 such comparisons 4 were in alarm (0.13 %) and 27 worth a look (0.9 %); here are 200."""
    population, rng = facts(3000), np.random.default_rng(5)
    levels = []
    for _ in range(200):
        drawn = [population[place] for place in rng.permutation(len(population))[:300]]
        levels.append(compared(drawn[:200], drawn[200:]).level)
    assert levels.count(Level.ALARM) <= 1
    assert levels.count(Level.WATCH) <= 6


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"kernel": "J40S"}, "kernel"),
        ({"thickness_mm": 2.5}, "thickness_mm"),
        ({"noise_hu": 7.0}, "noise_hu"),
        ({"lossy": True}, "lossy"),
        ({"hu_median": None}, "hu_median"),
    ],
)
def test_another_protocol_is_an_alarm_that_names_the_input(changes: dict[str, object], name: str) -> None:
    drift = changed(**changes)
    assert drift.level is Level.ALARM
    assert drift.input is not None
    assert (drift.input.name, drift.input.level) == (name, Level.ALARM)
    assert {one.name for one in drift.inputs if one.level is Level.ALARM} == {name}
    assert all(one.level is Level.STABLE for one in drift.scores)


def test_other_scores_are_an_alarm_with_the_change_of_the_positive_rate() -> None:
    drift = changed(shift=0.3)
    assert drift.level is Level.ALARM
    assert drift.score is not None
    assert (drift.score.name, [one.name for one in drift.scores]) == ("ich", ["ich", "sdh"])
    assert drift.rate_change is not None
    assert 0.1 < drift.rate_change.low < drift.rate_change.value < drift.rate_change.high
    assert drift.window is not None
    assert drift.window.rate.value > 0.2


def test_with_too_few_analyses_nothing_is_said() -> None:
    assert compared(facts(199), facts(100, first=201, kernel="J40S")).level is Level.LEARNING
    assert compared(facts(200), facts(29, first=201, kernel="J40S")).level is Level.LEARNING
    assert compared(facts(200), facts(30, first=201, kernel="J40S")).level is Level.ALARM
    assert compared([], []).window is None


def test_a_baseline_that_a_person_chose_may_be_short() -> None:
    assert compared(facts(30), facts(100, first=201, kernel="J40S"), chosen=True).level is Level.ALARM
    assert compared(facts(29), facts(100, first=201, kernel="J40S"), chosen=True).level is Level.LEARNING


def test_a_label_that_is_new_is_not_compared() -> None:
    window = facts(100, first=201, seed=1)
    for one in window:
        one.scores["new"] = 0.5  # type: ignore[index]
    assert [one.name for one in compared(facts(200), window).scores] == ["ich", "sdh"]


@pytest.mark.parametrize(
    ("watch", "alarm", "level"), [(0.1, 0.25, Level.ALARM), (0.1, 5.0, Level.WATCH), (4.0, 5.0, Level.STABLE)]
)
def test_levels_are_those_of_the_configuration(watch: float, alarm: float, level: Level) -> None:
    settings = DriftSettings(watch_psi=watch, alarm_psi=alarm)
    window = [*facts(70, first=201, seed=1), *facts(30, first=271, seed=2, kernel="J40S")]
    assert compare(pair_of(window), facts(200), window, settings, chosen=False).level is level


def test_an_alarm_cannot_be_set_below_a_look() -> None:
    with pytest.raises(ValueError, match="could not be told"):
        DriftSettings(watch_psi=0.3, alarm_psi=0.2)
