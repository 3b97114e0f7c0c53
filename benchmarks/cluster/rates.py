"""How rates grow with worker processes on one PostgreSQL, and how far the lock that orders the job log lets them."""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from crew import Done, Share, run_crew
from rich.table import Table
from server import Watched, sync_milliseconds
from support.postgres import PostgreSQL

from hounsfield.storage.engine import upgrade

WORKERS = (1, 2, 4)
WRITERS = (1, 2, 4, 8)
SERIES = 160
IMAGES = 24
EVENTS = 800
STEPS: Mapping[str, str] = {
    "intake": "registered images",
    "infer": "analyses claimed and finished",
    "deliver": "deliveries claimed and finished",
}
Found = dict[str, Any]


@contextmanager
def fresh_database(cluster: PostgreSQL, name: str) -> Iterator[Watched]:
    """Make a database of our own, and remove it."""
    cluster.drop_database(name)
    cluster.create_database(name)
    upgrade(cluster.url(name))
    yield Watched(cluster, name)
    cluster.drop_database(name)


def measure(cluster: PostgreSQL, trials: int) -> Found:
    """Take the rates of every step with so many processes, and those of bare events with and without their order."""
    taken: dict[str, dict[int, list[Found]]] = {step: {count: [] for count in WORKERS} for step in STEPS}
    for _ in range(trials):
        for count in WORKERS:
            with fresh_database(cluster, "rates") as watched:
                for step, found in _series_through(watched, count).items():
                    taken[step][count].append(found)
    steps = [_median(step, count, rounds) for step, counts in taken.items() for count, rounds in counts.items()]
    with fresh_database(cluster, "rates") as watched:
        events = [_events(watched, part, count) for count in WRITERS for part in ("events", "events without order")]
    # Where this user may write beside the server: the same file system as its journal.
    sync = sync_milliseconds(cluster.folder)
    return {"cores": os.cpu_count(), "trials": trials, "sync_ms": round(sync, 2), "steps": steps, "events": events}


def _series_through(watched: Watched, workers: int) -> dict[str, Found]:
    lanes = range(1, workers + 1)
    found = {}
    for part in ("intake", "close", "infer", "deliver"):
        shares = [Share(part, lane, SERIES // workers, IMAGES) for lane in lanes]
        before = watched.usage()
        with watched.waits() as waits:
            done = run_crew(watched.url, shares)
        used = watched.usage().since(before)
        if part in STEPS:
            found[part] = _as_dict(done, used.cpu_seconds) | {"waits": waits.shares()}
    return found


def _as_dict(done: Done, server_cpu: float) -> Found:
    return {
        "rate": done.rate,
        "client_cpu_ms": 1000 * done.client_cpu_seconds / done.things,
        "server_cpu_ms": 1000 * server_cpu / done.things,
        "busy_cores": (done.client_cpu_seconds + server_cpu) / done.seconds,
    }


def _median(step: str, workers: int, rounds: Sequence[Found]) -> Found:
    numbers = ("rate", "client_cpu_ms", "server_cpu_ms", "busy_cores")
    middle = {name: round(statistics.median(one[name] for one in rounds), 2) for name in numbers}
    return {"step": step, "workers": workers, **middle, "waits": rounds[-1]["waits"]}


def _events(watched: Watched, part: str, writers: int) -> Found:
    shares = [Share(part, lane, EVENTS // writers, 0) for lane in range(1, writers + 1)]
    before = watched.usage()
    with watched.waits() as waits:
        done = run_crew(watched.url, shares)
    used = watched.usage().since(before)
    return {
        "ordered": part == "events",
        "writers": writers,
        "rate": round(done.rate, 1),
        "syncs_per_commit": round(used.wal_syncs / max(1, used.commits), 2),
        "waits": waits.shares(),
    }


def ceiling(found: Found) -> float:
    """Return how many transactions a second the lock on the job log lets through, whoever writes."""
    return max(float(one["rate"]) for one in found["events"] if one["ordered"])


def scaled(found: Found, step: str, workers: int) -> float:
    """Return how many times the rate of one process so many reach."""
    rates = {one["workers"]: float(one["rate"]) for one in found["steps"] if one["step"] == step}
    return rates[workers] / rates[1]


def _waits(one: Found) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in list(one["waits"].items())[:3])


def tables(found: Found) -> list[Table]:
    """Return what was measured, for people."""
    title = f"Worker processes on one PostgreSQL, all on the same {found['cores']} cores, medians of {found['trials']}"
    steps = Table(title=title, title_justify="left")
    for name in ("step", "processes", "a second", "factor", "ms of client", "ms of server", "cores busy"):
        steps.add_column(name, justify="left" if name == "step" else "right")
    steps.add_column("servers were seen")
    for one in found["steps"]:
        numbers = (f"{one['rate']:.0f}", f"{scaled(found, one['step'], one['workers']):.2f}")
        cpu = (f"{one['client_cpu_ms']:.2f}", f"{one['server_cpu_ms']:.2f}", f"{one['busy_cores']:.2f}")
        steps.add_row(STEPS[one["step"]], str(one["workers"]), *numbers, *cpu, _waits(one))
    title = f"Transactions that only write an event (a sync of this disk: {found['sync_ms']:.1f} ms)"
    events = Table(title=title, title_justify="left")
    for name in ("writers", "ids in order", "a second", "syncs a commit"):
        events.add_column(name, justify="right")
    events.add_column("servers were seen")
    for one in found["events"]:
        kept = "yes" if one["ordered"] else "no"
        events.add_row(str(one["writers"]), kept, f"{one['rate']:.0f}", f"{one['syncs_per_commit']:.2f}", _waits(one))
    return [steps, events]
