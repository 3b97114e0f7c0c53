"""A day's busiest hours of a national network, simulated with several orders of claims and numbers of workers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.table import Table
from simulation import Arrival, Network, Order, Passage, Plant, arrivals_of, percentile, simulate

HOURS = (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.8, 1.5, 2.5, 5.0, 2.5, 1.0, 1.5, 2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
HOURS += (0.2, 0.2)
"""How busy each hour of a day is, in means of the day: at ten five times the mean."""
NATIONAL = Network(
    scanners=1000,
    series_a_day=200_000,
    profile=HOURS,
    stat_share=0.1,
    service_median=1.0,
    service_spread=0.3,
    delivery_seconds=0.1,
)
"""Seconds of a worker and of a courier: docs/performance.md, 300 slices, a GPU, a report for each."""
BEGIN_HOUR, END_HOUR = 9, 13
FLOOD_AT = 1.5 * 3600
FLOOD = 500
"""Series that one scanner sends at once in the busiest hour, as an archive does that is moved."""
FLOODING = 0
COURIERS = 4
RELEASED_SECONDS = 5.0
"""``assembly.released_seconds``."""
USUAL_STAT, MOSTLY_STAT = 0.1, 0.9
IN_ARRIVAL, STAT_FIRST = "first come, first served", "STAT first"
TURNS = "STAT first, scanners take turns, patience"
"""What the claims of the job log do."""
SETTINGS = (
    *((USUAL_STAT, workers, order) for workers in (10, 14) for order in (IN_ARRIVAL, STAT_FIRST, TURNS)),
    *((MOSTLY_STAT, 10, order) for order in (STAT_FIRST, TURNS)),
)
"""Share of STAT, workers, order."""
_ORDERS = {IN_ARRIVAL: Order.ARRIVAL, STAT_FIRST: Order.PRIORITY, TURNS: Order.TURNS}
PATIENCE_SECONDS = 1800.0
SHARES = (0.5, 0.9, 0.99)
POINTS = (*(number / 40 for number in range(1, 40)), 0.99, 0.999)
"""Percentiles for the picture."""
Found = dict[str, Any]


def arrivals(stat_share: float, seed: int = 1) -> list[Arrival]:
    """Return the series of the busy hours, with a flood in them."""
    seconds = 3600.0 * (END_HOUR - BEGIN_HOUR)
    day = arrivals_of(replace(NATIONAL, stat_share=stat_share), seconds, seed, begin=3600.0 * BEGIN_HOUR)
    flood = [Arrival(at=FLOOD_AT, scanner=FLOODING, service=1.0, delivery=0.1) for _ in range(FLOOD)]
    return sorted([*day, *flood], key=lambda one: one.at)


def measure() -> Found:
    """Simulate every setting on the same arrivals."""
    rows, series = [], 0
    for stat_share, workers, order in SETTINGS:
        plant = Plant(
            workers=workers,
            couriers=COURIERS,
            quiet_seconds=RELEASED_SECONDS,
            order=_ORDERS[order],
            patience_seconds=PATIENCE_SECONDS,
            poll_seconds=0.2,
        )
        passages = simulate(arrivals(stat_share), plant)
        series = len(passages)
        setting = {"stat_share": stat_share, "workers": workers, "order": order}
        rows += [setting | _row(who, times) for who, times in _groups(passages)]
    return {
        "series": series,
        "busy": {str(workers): round(busy_share(workers), 2) for workers in (10, 14)},
        "rows": rows,
    }


def _groups(passages: Sequence[Passage]) -> Iterator[tuple[str, list[float]]]:
    yield "STAT", [one.time_to_result for one in passages if one.arrival.stat]
    routine = [one for one in passages if not one.arrival.stat]
    yield "routine", [one.time_to_result for one in routine if one.arrival.scanner != FLOODING]
    yield "the flood", [one.time_to_result for one in routine if one.arrival.scanner == FLOODING]


def _row(who: str, times: Sequence[float]) -> Found:
    ranked = sorted(times)
    shares = {f"p{share * 100:g}": round(percentile(ranked, share), 1) for share in SHARES}
    curve = [round(percentile(ranked, share), 1) for share in POINTS]
    return {"who": who, **shares, "longest": round(ranked[-1], 1), "curve": curve}


def busy_share(workers: int) -> float:
    """Return which share of the workers the busiest hour needs."""
    mean_service = NATIONAL.service_median * (1 + NATIONAL.service_spread**2 / 2)  # of a log-normal, nearly
    return NATIONAL.rate(3600.0 * HOURS.index(max(HOURS))) * mean_service / workers


def table(found: Found) -> Table:
    """Return what was simulated, for people."""
    title = f"Time to result of {found['series']:,} series of a national network, {BEGIN_HOUR} to {END_HOUR} h, seconds"
    shown = Table(title=title, title_justify="left")
    for name in ("STAT", "workers", "order", "who", "p50", "p90", "p99", "longest"):
        shown.add_column(name, justify="left" if name in ("order", "who") else "right")
    for row in found["rows"]:
        times = (f"{row[name]:,.1f}" for name in ("p50", "p90", "p99", "longest"))
        shown.add_row(f"{row['stat_share']:.0%}", str(row["workers"]), row["order"], row["who"], *times)
    return shown
