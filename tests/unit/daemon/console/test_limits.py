"""How often somebody may try."""

from support.fakes import ManualClock

from hounsfield.daemon.console import limits
from hounsfield.daemon.console.limits import RateLimit


def test_after_so_many_attempts_one_waits_until_the_first_is_a_minute_old() -> None:
    clock = ManualClock()
    limit = RateLimit(2, clock)
    assert limit.wait_seconds("a") == 0
    clock.advance(10)
    assert limit.wait_seconds("a") == 0
    assert limit.wait_seconds("a") == 50
    assert limit.wait_seconds("b") == 0
    clock.advance(50)
    assert limit.wait_seconds("a") == 0
    assert limit.wait_seconds("a") == 10


def test_attempts_that_were_refused_do_not_put_the_end_off() -> None:
    clock = ManualClock()
    limit = RateLimit(1, clock)
    limit.wait_seconds("a")
    for _ in range(59):
        clock.advance(1)
        assert limit.wait_seconds("a") > 0
    clock.advance(1)
    assert limit.wait_seconds("a") == 0


def test_many_keys_do_not_fill_the_memory_and_the_newest_are_remembered(monkeypatch) -> None:
    monkeypatch.setattr(limits, "_MOST_KEYS", 3)
    limit = RateLimit(1, ManualClock())
    for key in "abcde":
        assert limit.wait_seconds(key) == 0
    assert limit.wait_seconds("e") > 0
    assert limit.wait_seconds("a") == 0
