"""What is costly is worked out seldom; pauses are learned as the alarm learns them."""

from datetime import datetime, timedelta

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.console.pages.pauses import usual_pauses
from hounsfield.daemon.console.pages.remembered import Remembered
from hounsfield.storage.errors import DatabaseUnavailable


def test_a_value_is_looked_up_once_a_minute() -> None:
    clock, looks = ManualClock(), iter(range(10))
    value = Remembered(lambda: next(looks), 60.0, clock)
    assert [value.now(), value.now()] == [0, 0]
    clock.advance(59)
    assert value.now() == 0
    clock.advance(1)
    assert value.now() == 1


def test_who_asks_after_a_failure_looks_again() -> None:
    answers: list[Exception | int] = [DatabaseUnavailable("gone"), 7]

    def look() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Remembered(look, 60.0, ManualClock())
    with pytest.raises(DatabaseUnavailable):
        value.now()
    assert value.now() == 7


class Daily:
    """A scanner that sends at noon, ten days long."""

    def __init__(self, now: datetime) -> None:
        self._times = [now - timedelta(days=day, hours=hour) for day in range(10) for hour in (0, 1, 2)]

    def sendings(self, after: datetime, limit: int) -> list[tuple[str, datetime]]:
        return [("CT1", at) for at in sorted(self._times) if at > after][:limit]


def test_a_pause_is_usual_for_half_as_long_again_as_the_longest_one() -> None:
    clock = ManualClock()
    look = usual_pauses(Daily(clock.now()), clock)
    assert look() == {"CT1": timedelta(hours=22) * 1.5}


def test_of_a_scanner_that_is_new_nothing_is_known() -> None:
    clock = ManualClock()
    daily = Daily(clock.now() - timedelta(days=27))
    assert usual_pauses(daily, clock)() == {}
