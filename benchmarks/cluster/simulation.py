"""How long results take in a network of scanners: a discrete-event simulation (simpy) of the way of a series.

A series comes (its last image), is quiet for a while, waits for a worker, is analysed, waits for a courier, is
delivered. Times are seconds from the start. Nothing is drawn inside :func:`simulate` but the moments at which idle
workers look, so the same arrivals can be replayed against real stores and compared.
"""

import heapq
import itertools
import math
import random
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import simpy

from hounsfield.daemon.assembly.analyses import PRIORITIES
from hounsfield.storage.claim_order import ClaimOrder, Head

STAT, ROUTINE = PRIORITIES["stat"], PRIORITIES["routine"]
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

Steps = Generator[simpy.Event, Any, None]


class Order(StrEnum):
    """Which of the waiting analyses goes first."""

    ARRIVAL = "arrival"
    """First come, first served."""
    PRIORITY = "priority"
    """STAT before routine, each by arrival."""
    TURNS = "turns"
    """STAT before routine; in each line the scanners take turns, and an old routine series is owed its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A series, at the moment of its last image."""

    at: float
    scanner: int = 0
    stat: bool = False
    service: float
    """Seconds of a worker, its bookkeeping included."""
    delivery: float = 0.0
    """Seconds of a courier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What there is to work with."""

    workers: int
    couriers: int = 0
    """0: a result counts as there when it is analysed."""
    quiet_seconds: float = 0.0
    order: Order = Order.PRIORITY
    patience_seconds: float = 1800.0
    """A line whose first has waited so long is owed every :attr:`every`-th analysis (Order.TURNS)."""
    every: int = 4
    poll_seconds: float = 0.0
    """How often who has nothing to do looks for work; 0: it is told at once."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The way of one series."""

    arrival: Arrival
    due: float
    """Its analysis could have begun."""
    began: float
    analysed: float
    delivered: float

    @property
    def time_to_result(self) -> float:
        """Seconds from the last image to the delivered result."""
        return self.delivered - self.arrival.at


@dataclass(frozen=True, slots=True)
class Waiting:
    """A series that waits for a worker or a courier."""

    arrival: Arrival
    due: float
    number: int
    """In the order in which they became due."""
    told: simpy.Event
    """Fires when it is taken in hand."""


class Room(Protocol):
    """Where series wait."""

    def enter(self, one: Waiting) -> None:
        """Take one in."""

    def take(self, now: float) -> Waiting | None:
        """Give out the next one; it is under way from now on."""


class SortedRoom:
    """By arrival, or STAT first and then by arrival."""

    def __init__(self, order: Order) -> None:
        self._stat_first = order is Order.PRIORITY
        self._heap: list[tuple[bool, int, Waiting]] = []

    def enter(self, one: Waiting) -> None:
        """Take one in."""
        heapq.heappush(self._heap, (self._stat_first and not one.arrival.stat, one.number, one))

    def take(self, now: float) -> Waiting | None:  # noqa: ARG002 - of the protocol
        """Give out the next one."""
        return heapq.heappop(self._heap)[2] if self._heap else None


@dataclass(slots=True)
class _Line:
    """Series of one priority, in which the scanners take turns (start-time fair queueing, counted in series).

    P. Goyal, H. M. Vin and H. Cheng, Start-time Fair Queuing, SIGCOMM 1996.
    """

    reached: int = 0
    passed: int = 0
    heap: list[tuple[int, int, Waiting]] = field(default_factory=list)
    last_turn: dict[int, int] = field(default_factory=dict)

    def enter(self, one: Waiting) -> None:
        scanner = one.arrival.scanner
        turn = max(self.last_turn.get(scanner, 0), self.reached) + 1
        self.last_turn[scanner] = turn
        heapq.heappush(self.heap, (turn, one.number, one))

    def take(self) -> Waiting:
        turn, _, one = heapq.heappop(self.heap)
        self.reached, self.passed = max(self.reached, turn), 0
        return one


class TurnsRoom:
    """Two lines, STAT and routine, as :mod:`hounsfield.storage.turns` keeps them."""

    def __init__(self, patience_seconds: float, every: int) -> None:
        self._order = ClaimOrder(patience=timedelta(seconds=patience_seconds), every=every)
        self._lines = {STAT: _Line(), ROUTINE: _Line()}

    def enter(self, one: Waiting) -> None:
        """Take one in."""
        self._lines[STAT if one.arrival.stat else ROUTINE].enter(one)

    def take(self, now: float) -> Waiting | None:
        """Give out the next one."""
        waiting = [(priority, line) for priority, line in self._lines.items() if line.heap]
        if not waiting:
            return None
        heads = [
            Head(priority=priority, since=_moment(line.heap[0][2].due), passed=line.passed)
            for priority, line in waiting
        ]
        chosen = self._order.ranked(heads, _moment(now))[0]
        for head, (priority, line) in zip(heads, waiting, strict=True):
            if priority < heads[chosen].priority and self._order.is_impatient(head, _moment(now)):
                line.passed += 1
        return waiting[chosen][1].take()


def _moment(seconds: float) -> datetime:
    return _BEGINNING + timedelta(seconds=seconds)


def room_for(plant: Plant) -> Room:
    """Return where analyses wait."""
    if plant.order is Order.TURNS:
        return TurnsRoom(plant.patience_seconds, plant.every)
    return SortedRoom(plant.order)


class _Crew:
    """Workers, or couriers, at one room."""

    def __init__(self, world: simpy.Environment, room: Room, size: int, poll_seconds: float, seed: int) -> None:
        self._world = world
        self._room = room
        self._idle = size
        self._poll = poll_seconds
        self._chance = random.Random(seed)
        self._numbers = itertools.count()

    def wait_for(self, arrival: Arrival) -> Waiting:
        """Enter the room; the event of what is returned fires when somebody takes it in hand."""
        one = Waiting(arrival, self._world.now, next(self._numbers), self._world.event())
        self._room.enter(one)
        if self._idle:
            self._idle -= 1
            self._world.process(self._look())
        return one

    def done(self) -> None:
        """Who had it in hand takes the next at once."""
        self._take()

    def _look(self) -> Steps:
        yield self._world.timeout(self._chance.random() * self._poll)
        self._take()

    def _take(self) -> None:
        one = self._room.take(self._world.now)
        if one is None:
            self._idle += 1
        else:
            one.told.succeed()


def simulate(arrivals: Iterable[Arrival], plant: Plant, seed: int = 1) -> list[Passage]:
    """Return the way of every series, in the order in which they ended. ``arrivals`` come in the order of time."""
    world = simpy.Environment()
    workers = _Crew(world, room_for(plant), plant.workers, plant.poll_seconds, seed)
    by_priority = SortedRoom(Order.PRIORITY)
    couriers = _Crew(world, by_priority, plant.couriers, plant.poll_seconds, seed + 1) if plant.couriers else None
    passages: list[Passage] = []

    def source() -> Steps:
        for arrival in arrivals:
            yield world.timeout(arrival.at - world.now)
            world.process(series(arrival))

    def series(arrival: Arrival) -> Steps:
        yield world.timeout(plant.quiet_seconds)
        due = world.now
        one = workers.wait_for(arrival)
        yield one.told
        began = world.now
        yield world.timeout(arrival.service)
        analysed = world.now
        workers.done()
        if couriers is not None:
            sent = couriers.wait_for(arrival)
            yield sent.told
            yield world.timeout(arrival.delivery)
            couriers.done()
        passages.append(Passage(arrival, due, began, analysed, world.now))

    world.process(source())
    world.run()
    return passages


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Scanners and what they send."""

    scanners: int
    series_a_day: float
    profile: Sequence[float]
    """How busy each hour is; only the proportions count."""
    stat_share: float
    service_median: float
    """Seconds of a worker; log-normal."""
    service_spread: float = 0.3
    """Standard deviation of the logarithm."""
    delivery_seconds: float = 0.1

    def rate(self, at: float) -> float:
        """Return series a second at a time of day."""
        hours = len(self.profile)
        share = self.profile[int(at / 86400 * hours) % hours] / sum(self.profile)
        return self.series_a_day * share * hours / 86400


def arrivals_of(network: Network, seconds: float, seed: int, begin: float = 0.0) -> Iterator[Arrival]:
    """Yield series from the time of day ``begin`` on: a Poisson process of changing rate, by thinning.

    P. A. W. Lewis and G. S. Shedler, Simulation of nonhomogeneous Poisson processes by thinning, Naval Research
    Logistics Quarterly 26 (1979).
    """
    chance = random.Random(seed)
    highest = max(network.rate(86400 * hour / len(network.profile)) for hour in range(len(network.profile)))
    at = 0.0
    while (at := at + chance.expovariate(highest)) < seconds:
        if chance.random() * highest > network.rate(begin + at):
            continue
        yield Arrival(
            at=at,
            scanner=chance.randrange(network.scanners),
            stat=chance.random() < network.stat_share,
            service=chance.lognormvariate(math.log(network.service_median), network.service_spread),
            delivery=network.delivery_seconds,
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of the values does not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
