"""How long a series has been quiet is measured on the monotonic clock, whatever the wall clock does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.fakes import ManualClock
from support.rows import series_row

from hounsfield.daemon.assembly.quiet import Quiet, QuietWatch
from hounsfield.storage.records import SeriesRecord


def opened(clock: ManualClock, version: int = 1, ago: float = 0.0) -> SeriesRecord:
    """A series with news ``ago`` seconds before now."""
    then = clock.now() - timedelta(seconds=ago)
    return series_row(version=version, touched_at=then, receiving_since=then)


def test_a_series_is_quiet_since_its_last_news() -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    series = opened(clock)
    clock.advance(4)
    assert watch.look([series]) == {1: Quiet(4, 4)}
    clock.advance(3)
    assert watch.look([series]) == {1: Quiet(7, 7)}
    assert watch.look([opened(clock, version=2)]) == {1: Quiet(0, 7)}


@pytest.mark.parametrize(("touched", "began", "stands"), [(1, 10, Quiet(1, 10)), (10, 1, Quiet(10, 10))])
def test_a_series_that_came_between_two_looks_is_as_old_as_its_stamps_say(
    touched: float, began: float, stands: Quiet
) -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    clock.advance(60)
    series = replace(opened(clock, ago=touched), receiving_since=clock.now() - timedelta(seconds=began))
    assert watch.look([series]) == {1: stands}


def test_an_association_that_ends_is_no_news_of_the_images() -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    series = opened(clock)
    watch.look([series])
    clock.advance(4)
    assert watch.look([replace(series, version=2)]) == {1: Quiet(4, 4)}


@pytest.mark.parametrize("counted", ["instances", "duplicates", "variants"])
def test_an_image_whose_clock_was_set_back_is_news(counted: str) -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    series = opened(clock)
    watch.look([series])
    clock.advance(4)
    watch.look([series])
    clock.step(-3600)
    clock.advance(0.5)
    newer = replace(series, version=2, **{counted: getattr(series, counted) + 1})
    assert watch.look([newer])[1].quiet <= 0.5, "its stamp is still that of the image before it"


def test_what_was_quiet_before_the_start_is_quiet_anew() -> None:
    clock = ManualClock()
    assert QuietWatch(clock).look([opened(clock, ago=5000)]) == {1: Quiet(0, 0)}


@pytest.mark.parametrize("step", [-1e8, -3600.0, -5.0, 5.0, 3600.0, 1e8])
def test_a_step_of_the_wall_clock_moves_nothing(step: float) -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    series = opened(clock)
    watch.look([series])
    clock.step(step)
    clock.advance(2)
    assert watch.look([series]) == {1: Quiet(2, 2)}
    clock.advance(1)
    newer = opened(clock, version=2)
    assert watch.look([newer]) == {1: Quiet(0, 3)}


def test_news_stamped_before_a_step_counts_at_most_since_the_last_look() -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    clock.advance(100)
    watch.look([])
    series = opened(clock)
    clock.step(3600)
    clock.advance(0.1)
    assert watch.look([series])[1].quiet == pytest.approx(0.1)


def test_a_stamp_from_the_future_is_news_of_now() -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    clock.advance(100)
    assert watch.look([opened(clock, ago=-60)]) == {1: Quiet(0, 0)}


def test_a_series_that_was_decided_on_and_opened_again_has_no_age() -> None:
    clock = ManualClock()
    watch = QuietWatch(clock)
    watch.look([opened(clock)])
    clock.advance(5000)
    watch.forget(1)
    again = opened(clock, version=9)
    assert watch.look([again]) == {1: Quiet(0, 0)}
