"""The same arrivals through the simulation and through real stores, at small scale; the model only takes its time."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rates import fresh_database
from rich.table import Table
from simulation import ROUTINE, STAT, Arrival, Network, Order, Plant, arrivals_of, percentile, simulate
from support.postgres import PostgreSQL
from work import Lane

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.states import JobKind

PLANT = Plant(workers=4, couriers=2, quiet_seconds=1.0, order=Order.TURNS, poll_seconds=0.2)
PHASES = ((15.0, 2.0), (12.0, 5.5), (18.0, 1.5))
"""Seconds, and series a second: quiet, a peak that four workers cannot follow, quiet again."""
FLOOD = 10
"""Series that one scanner sends at once, in the peak."""
SCANNERS = 8
IMAGES = 4
SHARES = (0.5, 0.9)
TOLERANCE_SHARE = 0.15
TOLERANCE_SECONDS = 0.25
"""A percentile may differ by the share of what the simulation says and by so many seconds."""
Found = dict[str, Any]


def small_day(seed: int) -> list[Arrival]:
    """Return arrivals with a peak and a flood."""
    found: list[Arrival] = []
    begin = 0.0
    for seconds, rate in PHASES:
        network = Network(
            scanners=SCANNERS, series_a_day=86400 * rate, profile=(1,), stat_share=0.2, service_median=0.9
        )
        for one in arrivals_of(replace(network, delivery_seconds=0.15), seconds, seed):
            found.append(replace(one, at=begin + one.at))
        begin += seconds
    at = PHASES[0][0] + 3.0
    found += [Arrival(at=at + 0.01 * number, scanner=0, service=0.9, delivery=0.15) for number in range(FLOOD)]
    return sorted(found, key=lambda one: one.at)


@dataclass(slots=True)
class _Site:
    """Threads that do what the roles of a site do, on real stores."""

    database: Database
    arrivals: Sequence[Arrival]
    began: float = 0.0
    results: dict[int, float] = field(default_factory=dict)
    closed: dict[int, float] = field(default_factory=dict)
    bookkeeping: dict[str, dict[int, float]] = field(default_factory=lambda: {"infer": {}, "deliver": {}})
    lanes: list[Lane] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.lanes = [Lane(self.database, scanner + 1, f"CT{scanner:02d}") for scanner in range(SCANNERS)]

    def run(self) -> list[float]:
        """Return the time to result of every arrival, in their order."""
        self.began = time.monotonic()
        tasks: list[Callable[[], None]] = [self._receive, self._assemble]
        tasks += [self._work] * PLANT.workers + [self._deliver] * PLANT.couriers
        threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for thread in threads:
            thread.start()
        longest = 3 * sum(seconds for seconds, _ in PHASES)
        while len(self.results) < len(self.arrivals) and time.monotonic() - self.began < longest:
            time.sleep(0.05)
        self.ended.set()
        for thread in threads:
            thread.join(10)
        if len(self.results) < len(self.arrivals):
            raise SystemExit(f"replay: {len(self.arrivals) - len(self.results)} series have no result")
        return [self.results[number] - one.at for number, one in enumerate(self.arrivals)]

    def _until(self, at: float) -> None:
        while (left := self.began + at - time.monotonic()) > 0:
            time.sleep(left)

    def _receive(self) -> None:
        for number, one in enumerate(self.arrivals):
            self._until(one.at - 0.05)  # the last image is there at the moment of arrival, or a little before
            self.lanes[one.scanner].receive(number, IMAGES)

    def _assemble(self) -> None:
        for number, one in enumerate(self.arrivals):
            self._until(one.at + PLANT.quiet_seconds)
            self.lanes[one.scanner].close(number, STAT if one.stat else ROUTINE)
            self.closed[number] = time.monotonic() - self.began

    def _work(self) -> None:
        lane = self.lanes[0]
        while not self.ended.is_set():
            began = time.monotonic()
            claim = lane.claim(JobKind.INFER)
            if claim is None:
                time.sleep(PLANT.poll_seconds)
                continue
            number = _number(claim.job.series_uid)
            time.sleep(self.arrivals[number].service)
            lane.finish(claim)
            self.bookkeeping["infer"][number] = time.monotonic() - began - self.arrivals[number].service

    def _deliver(self) -> None:
        lane = self.lanes[0]
        while not self.ended.is_set():
            began = time.monotonic()
            claim = lane.claim(JobKind.DELIVER)
            if claim is None:
                time.sleep(PLANT.poll_seconds)
                continue
            number = _number(claim.job.series_uid)
            time.sleep(self.arrivals[number].delivery)
            lane.delivered(claim)
            self.results[number] = time.monotonic() - self.began
            self.bookkeeping["deliver"][number] = time.monotonic() - began - self.arrivals[number].delivery


def _number(series_uid: str) -> int:
    return int(series_uid[-9:])


def measure(cluster: PostgreSQL, seed: int = 4) -> Found:
    """Run both and compare. The simulation is told when each series was closed, and what the stores took for it."""
    arrivals = small_day(seed)
    with fresh_database(cluster, "replay") as watched:
        database = open_database(watched.url, Path())
        site = _Site(database, arrivals)
        try:
            real = site.run()
        finally:
            database.close()
    # Simulated several times, for idle workers look at moments of their own.
    simulated = [one for seed in range(9) for one in _simulated(site, seed)]
    rows = [
        _row(name, share, [seconds for one, seconds in zip(arrivals, real, strict=True) if one.stat is stat], theirs)
        for name, stat in (("STAT", True), ("routine", False))
        for theirs in [[seconds for is_stat, seconds in simulated if is_stat is stat]]
        for share in SHARES
    ]
    took = {name: round(1000 * statistics.median(times.values()), 1) for name, times in site.bookkeeping.items()}
    return {"series": len(arrivals), "workers": PLANT.workers, "bookkeeping_ms": took, "rows": rows}


def _simulated(site: _Site, seed: int) -> list[tuple[bool, float]]:
    """Return of each series whether it is STAT, and its time to result."""
    told = {}
    for number, one in enumerate(site.arrivals):
        service = one.service + site.bookkeeping["infer"][number]
        delivery = one.delivery + site.bookkeeping["deliver"][number]
        at = site.closed[number] - PLANT.quiet_seconds
        told[replace(one, at=at, service=service, delivery=delivery)] = one.at
    passages = simulate(sorted(told, key=lambda one: one.at), PLANT, seed)
    return [(one.arrival.stat, one.delivered - told[one.arrival]) for one in passages]


def _row(name: str, share: float, real: Sequence[float], simulated: Sequence[float]) -> Found:
    ours, theirs = percentile(real, share), percentile(simulated, share)
    allowed = TOLERANCE_SHARE * theirs + TOLERANCE_SECONDS
    return {
        "what": f"{name}, p{share * 100:.0f}",
        "real": round(ours, 2),
        "simulated": round(theirs, 2),
        "allowed": round(allowed, 2),
        "verdict": "met" if abs(ours - theirs) <= allowed else "MISSED",
    }


def table(found: Found) -> Table:
    """Return what was measured, for people."""
    title = f"Time to result of {found['series']} series, {found['workers']} workers, seconds"
    shown = Table(title=title, title_justify="left")
    for name in ("what", "real stores", "simulated", "may differ by", "verdict"):
        shown.add_column(name, justify="left" if name == "what" else "right")
    for row in found["rows"]:
        shown.add_row(row["what"], *(f"{row[name]:.2f}" for name in ("real", "simulated", "allowed")), row["verdict"])
    return shown
