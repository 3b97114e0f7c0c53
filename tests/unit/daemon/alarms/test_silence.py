"""A scanner that normally sends and falls silent is missed; nights and weekends are not."""

from datetime import datetime, timedelta

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.alarms.silence import SilenceProbe

HOUR = timedelta(hours=1)


class Sent:
    """Associations as the store knows them."""

    def __init__(self) -> None:
        self.all: list[tuple[str, datetime]] = []

    def sendings(self, after: datetime, limit: int) -> list[tuple[str, datetime]]:
        return sorted((one for one in self.all if one[1] > after), key=lambda one: one[1])[:limit]

    def working_hours(self, name: str, now: datetime, days: int) -> None:
        """Every hour from 8 to 17 o'clock on workdays, the last one just now."""
        for hours in range(days * 24):
            at = now - hours * HOUR
            if at.weekday() < 5 and 8 <= at.hour <= 17:
                self.all.append((name, at))


@pytest.fixture
def clock() -> ManualClock:
    made = ManualClock()
    to_friday = (4 - made.now().weekday()) % 7
    made.advance(((made.now().replace(hour=17, minute=0) + timedelta(days=to_friday)) - made.now()).total_seconds())
    assert (made.now().weekday(), made.now().hour) == (4, 17)
    return made


def silent(probe: SilenceProbe, clock: ManualClock) -> list[str] | None:
    found = probe.conditions(clock.now())
    return None if found is None else [one.subject for one in found]


def test_a_scanner_that_is_silent_over_the_weekend_as_always_raises_no_alarm(clock: ManualClock) -> None:
    sent = Sent()
    sent.working_hours("CT1", clock.now(), 21)
    probe = SilenceProbe(sent)
    for _ in range(63):  # until Monday, 8 o'clock
        assert silent(probe, clock) == []
        clock.advance(3600)


def test_a_scanner_that_is_silent_for_longer_is_missed_until_it_sends_again(clock: ManualClock) -> None:
    sent = Sent()
    sent.working_hours("CT1", clock.now(), 21)
    probe = SilenceProbe(sent)
    clock.advance(94 * 3600)  # half as long again as a weekend
    assert silent(probe, clock) == []
    clock.advance(3600)
    assert silent(probe, clock) == ["CT1"]
    clock.advance(3600)
    assert silent(probe, clock) == ["CT1"]
    sent.all.append(("CT1", clock.now()))
    clock.advance(61)
    assert silent(probe, clock) == []


def test_an_association_that_is_told_of_late_by_another_host_ends_the_silence(clock: ManualClock) -> None:
    sent = Sent()
    for name in ("CT1", "CT2"):
        sent.working_hours(name, clock.now(), 21)
    probe = SilenceProbe(sent)
    clock.advance(95 * 3600)
    assert silent(probe, clock) == ["CT1", "CT2"]
    ago = clock.now() - timedelta(minutes=30)
    sent.all.append(("CT2", clock.now()))
    assert silent(probe, clock) == ["CT1"]
    sent.all.append(("CT1", ago))
    assert silent(probe, clock) == []
    counted = {name: one.associations for name, one in probe._senders.items()}
    assert silent(probe, clock) == []
    assert {name: one.associations for name, one in probe._senders.items()} == counted, "nothing is counted twice"


def test_a_scanner_that_sends_day_and_night_is_missed_within_hours(clock: ManualClock) -> None:
    sent = Sent()
    sent.all = [("CT2", clock.now() - number * 2 * HOUR) for number in range(200)]
    probe = SilenceProbe(sent)
    clock.advance(3 * 3600 + 1)
    assert silent(probe, clock) == ["CT2"]


@pytest.mark.parametrize(("days", "expected"), [(7, []), (9, ["CT2"])])
def test_a_scanner_is_judged_when_its_weekend_is_known(clock: ManualClock, days: int, expected: list[str]) -> None:
    sent = Sent()
    sent.all = [("CT2", clock.now() - number * 2 * HOUR) for number in range(12 * days)]
    probe = SilenceProbe(sent)
    clock.advance(24 * 3600)
    assert silent(probe, clock) == expected


def test_a_sender_of_single_studies_is_never_expected(clock: ManualClock) -> None:
    sent = Sent()
    sent.all = [("ONCE", clock.now() - timedelta(days=day)) for day in (20, 10, 0)]
    probe = SilenceProbe(sent)
    clock.advance(20 * 24 * 3600)
    assert silent(probe, clock) == []


def test_a_router_that_never_pauses_is_missed_after_an_hour(clock: ManualClock) -> None:
    sent = Sent()
    start = clock.now() - timedelta(days=10)
    sent.all = [("ROUTER", start + timedelta(minutes=minute)) for minute in range(10 * 24 * 60 + 1)]
    probe = SilenceProbe(sent)
    clock.advance(3600)
    assert silent(probe, clock) == []
    clock.advance(61)
    assert silent(probe, clock) == ["ROUTER"]


def test_a_scanner_that_was_taken_away_is_forgotten_in_the_end(clock: ManualClock) -> None:
    sent = Sent()
    sent.all = [("CT2", clock.now() - number * 2 * HOUR) for number in range(200)]
    probe = SilenceProbe(sent)
    clock.advance(86400)
    assert silent(probe, clock) == ["CT2"]
    clock.advance(28 * 86400)
    assert silent(probe, clock) == []


def test_a_long_history_is_learned_piece_by_piece_before_anything_is_judged(clock: ManualClock) -> None:
    sent = Sent()
    first = clock.now() - timedelta(days=27)
    burst = timedelta(seconds=90)
    sent.all = [("CT2", first + number * burst) for number in range(25_000)]
    sent.all += [("CT2", first + 25_000 * burst + number * HOUR) for number in range(8)]
    probe = SilenceProbe(sent)
    assert silent(probe, clock) is None
    assert silent(probe, clock) == ["CT2"]


def test_a_title_from_the_network_is_printable_in_an_alarm(clock: ManualClock) -> None:
    sent = Sent()
    sent.all = [("CT\x1b[2J", clock.now() - number * 2 * HOUR) for number in range(200)]
    clock.advance(24 * 3600)
    (condition,) = SilenceProbe(sent).conditions(clock.now()) or ()
    assert (condition.kind, condition.subject) == ("scanner-silent", "CT\\x1b[2J")
    assert condition.detail == {"last_sent_at": "2026-03-06T17:00:00Z"}
