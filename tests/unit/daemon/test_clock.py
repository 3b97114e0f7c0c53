"""Clocks of hosts that differ by minutes and drift: with the database's they agree within a measured bound."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rows import series_row
from support.waiting import wait_until

from hounsfield.daemon.app import build
from hounsfield.daemon.assembly.quiet import QuietWatch
from hounsfield.daemon.clock import DRIFT, DatabaseClock, Offset, SystemClock, since_boot
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.config.storage import StorageSettings
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.server_clock import Reading

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 22, 8, tzinfo=UTC)
LEASE = timedelta(seconds=60)
RATES = st.floats(-DRIFT / 2, DRIFT / 2)
TRIPS = st.floats(0, 0.4)
BARELY = 1e-5
"""Seconds: what floating point and whole microseconds leave."""


@dataclass
class World:
    """True time, and a database whose clock runs at a rate of its own."""

    rate: float = 0.0
    seconds: float = 0.0
    shift: float = 0.0
    is_away: bool = False

    @property
    def database(self) -> datetime:
        return START + timedelta(seconds=self.seconds * (1 + self.rate) + self.shift)


@dataclass
class Host:
    """A machine: how long it is up, at a rate of its own, and how long its network takes."""

    world: World
    rate: float = 0.0
    booted: float = 1000.0
    there: float = 0.0
    back: float = 0.0
    readings: int = field(default=0)

    def stopwatch(self) -> float:
        return self.booted + self.world.seconds * (1 + self.rate)

    def read(self, stopwatch: Callable[[], float]) -> Reading:
        if self.world.is_away:
            raise DatabaseUnavailable("away")
        before = stopwatch()
        self.world.seconds += self.there
        at = self.world.database
        self.world.seconds += self.back
        self.readings += 1
        return Reading(at=at, before=before, after=stopwatch())

    def clock(self) -> DatabaseClock:
        return DatabaseClock(self.read, stopwatch=self.stopwatch, every=float("inf"))


class Manual:
    """The clock of a host, its monotonic one in the same world."""

    def __init__(self, host: Host) -> None:
        self.clock = host.clock()
        self.monotonic = host.stopwatch

    def now(self) -> datetime:
        return self.clock.now()


def off(clock: DatabaseClock, world: World) -> float:
    return abs((clock.now() - world.database).total_seconds())


@given(RATES, RATES, st.lists(st.tuples(TRIPS, TRIPS, st.floats(0, 600), st.booleans()), min_size=1, max_size=20))
def test_a_host_is_never_further_from_the_database_than_it_says(
    rate: float, own: float, story: list[tuple[float, float, float, bool]]
) -> None:
    world = World(rate)
    host = Host(world, own)
    clock = host.clock()
    for host.there, host.back, pause, away in story:
        before, told = off(clock, world), clock.error()
        assert before <= told + BARELY
        world.is_away, earlier = away, clock.now()
        if away:
            with pytest.raises(DatabaseUnavailable):
                clock.follow()
        else:
            clock.follow()
            assert clock.error() <= (host.there + host.back) * (1 + 3 * DRIFT) + BARELY, "no further off than a trip"
        assert clock.now() >= earlier - timedelta(seconds=told + BARELY), "back by no more than it may have been off"
        assert off(clock, world) <= clock.error() + BARELY
        world.seconds += pause


@given(RATES, RATES, TRIPS, TRIPS, st.floats(-300, 300))
def test_a_lease_given_on_one_host_ends_on_another_when_it_should(
    one_rate: float, other_rate: float, there: float, back: float, apart: float
) -> None:
    world = World()
    one = Host(world, one_rate, booted=1000.0, there=there, back=back)
    other = Host(world, other_rate, booted=1000.0 + apart * 1000, there=back, back=there)
    worker, rescuer = one.clock(), other.clock()
    for clock in (worker, rescuer):
        clock.now()
    given_at, until = world.seconds, worker.now() + LEASE
    bound = worker.error() + rescuer.error() + 2 * DRIFT * LEASE.total_seconds() + BARELY
    world.seconds = given_at + LEASE.total_seconds() - bound
    assert rescuer.now() <= until, "not early"
    world.seconds = given_at + LEASE.total_seconds() + bound
    assert rescuer.now() >= until, "not late"


@given(TRIPS, TRIPS, st.floats(0, 600), st.floats(0, 900))
def test_the_assembler_sees_how_long_a_series_from_another_host_has_been_quiet(
    there: float, back: float, since_last_look: float, quiet: float
) -> None:
    """The receivers stamp what they write; the assembler, on another host, reads the stamps."""
    world = World()
    receiver = Host(world, booted=50.0, there=there, back=back).clock()
    assembler = Manual(Host(world, booted=9e6, there=back, back=there))
    receiver.now(), assembler.now()
    watch = QuietWatch(assembler)
    stamp_at = since_last_look + quiet / 2
    world.seconds += stamp_at
    stamp = receiver.now()
    world.seconds += quiet / 2
    (seen,) = watch.look([series_row(version=1, touched_at=stamp, receiving_since=stamp)]).values()
    assert abs(seen.quiet - quiet / 2) <= receiver.error() + assembler.clock.error() + BARELY
    assert seen.age == seen.quiet


def test_a_machine_that_was_suspended_knows_how_late_it_is() -> None:
    world = World()
    clock = Host(world).clock()
    clock.now()
    world.is_away = True
    world.seconds += 3600  # counted by CLOCK_BOOTTIME
    assert off(clock, world) < BARELY
    assert since_boot() <= since_boot()


def test_a_database_whose_clock_was_set_is_followed() -> None:
    world = World()
    clock = Host(world, there=0.01, back=0.01).clock()
    clock.now()
    for world.shift in (120.0, -120.0):  # as after a failover to another server
        clock.follow()
        assert off(clock, world) <= 0.01 + BARELY


def test_a_slow_answer_spoils_nothing_that_was_known_better() -> None:
    world = World()
    host = Host(world, there=0.001, back=0.001)
    clock = host.clock()
    clock.now()
    host.there, host.back = 0.0, 5.0
    clock.follow()
    assert clock.error() < 0.02
    assert off(clock, world) < 0.02


def test_without_the_database_there_is_no_time_to_begin_with() -> None:
    world = World(is_away=True)
    clock = Host(world).clock()
    with pytest.raises(DatabaseUnavailable):
        clock.now()
    world.is_away = False
    assert clock.now() == world.database


def test_only_the_first_look_is_waited_for() -> None:
    world, may_answer = World(), threading.Event()
    host = Host(world)

    def read(stopwatch: Callable[[], float]) -> Reading:
        if host.readings:
            may_answer.wait(30)
        return host.read(stopwatch)

    clock = DatabaseClock(read, stopwatch=host.stopwatch, every=5)
    clock.now()
    world.seconds, world.shift = 5.0, 60.0
    assert [clock.now() for _ in range(3)] == [START + timedelta(seconds=5)] * 3, "another thread has the answer"
    may_answer.set()
    wait_until(lambda: clock.now() == START + timedelta(seconds=65))
    assert host.readings == 2


def test_a_database_that_goes_away_is_asked_again_and_the_time_goes_on() -> None:
    world = World()
    host = Host(world)
    clock = DatabaseClock(host.read, stopwatch=host.stopwatch, every=5)
    clock.now()
    world.is_away, world.seconds = True, 6.0
    assert clock.now() == START + timedelta(seconds=6)
    wait_until(lambda: not any(thread.name == "clock" for thread in threading.enumerate()))
    world.is_away, world.shift, world.seconds = False, 9.0, 12.0
    wait_until(lambda: clock.now() == START + timedelta(seconds=21))
    assert host.readings == 2


def test_one_reading_is_right_within_half_its_round_trip() -> None:
    offset = Offset.of(Reading(at=EPOCH + timedelta(seconds=500), before=100.0, after=100.5))
    assert (offset.at, offset.seconds) == (100.5, 399.75)
    assert offset.error(100.5) == pytest.approx(0.25 + DRIFT / 2)


def test_the_clocks_of_one_machine_are_aware_and_grow() -> None:
    clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()


@pytest.mark.parametrize(
    ("url", "kind"), [("sqlite:////tmp/x.db", SystemClock), ("postgresql://nobody@127.0.0.1:1/none", DatabaseClock)]
)
def test_hosts_that_share_a_server_follow_its_clock(url: str, kind: type) -> None:
    application = build(Settings(storage=StorageSettings(database_url=url)))
    assert isinstance(application.clock, kind), "and nothing is opened"
