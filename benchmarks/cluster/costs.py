"""What one series costs a PostgreSQL: rows, bytes, journal, syncs and processor, step by step."""

from typing import Any

from crew import Share, run_crew
from rates import fresh_database
from rich.table import Table
from server import Watched, plain_connection
from support.postgres import PostgreSQL

SERIES = 60
IMAGES = 300
PARTS = ("intake", "close", "infer", "deliver")
WITH_EVENTS = {"close": 1, "infer": 3, "deliver": 2}
"""Transactions of a series that write events, by part; of its intake the one with its first image (see measure)."""
_TABLES = ("association", "instance", "series", "revision", "snapshot", "job", "result_set", "result_object")
_TABLES += ("delivered_object", "analysis_fact", "event")
Found = dict[str, Any]


def measure(cluster: PostgreSQL) -> Found:
    """Take series through all steps, one process at a time, and return what a series cost."""
    with fresh_database(cluster, "costs") as watched:
        with plain_connection(watched.url) as there:
            there.execute("CHECKPOINT")
        steps = {part: _step(watched, part) for part in PARTS}
        rows = _rows(watched)
    logged = 1 + sum(WITH_EVENTS.values())
    return {"series": SERIES, "images": IMAGES, "steps": steps, "rows": rows, "event_transactions": logged}


def _step(watched: Watched, part: str) -> Found:
    before = watched.usage()
    done = run_crew(watched.url, [Share(part, 1, SERIES, IMAGES)])
    used = watched.usage().since(before)
    return {
        "server_cpu_ms": round(1000 * used.cpu_seconds / SERIES, 2),
        "client_cpu_ms": round(1000 * done.client_cpu_seconds / SERIES, 2),
        "seconds": round(done.seconds / SERIES, 4),
        "wal_bytes": round(used.wal_bytes / SERIES),
        "stored_bytes": round(used.relation_bytes / SERIES),
        "commits": round(used.commits / SERIES, 2),
        "syncs": round(used.wal_syncs / SERIES, 2),
    }


def _rows(watched: Watched) -> dict[str, float]:
    with plain_connection(watched.url) as there:
        counts = {name: there.execute(f"SELECT count(*) FROM {name}").fetchone() for name in _TABLES}  # type: ignore[call-overload]
    return {name: round(int(row[0]) / SERIES, 2) for name, row in counts.items() if row is not None}


def in_all(found: Found, name: str) -> float:
    """Return the sum of a cost over the steps."""
    return sum(float(step[name]) for step in found["steps"].values())


def table(found: Found) -> Table:
    """Return what was measured, for people."""
    shown = Table(title=f"A series of {found['images']} images, on one PostgreSQL", title_justify="left")
    shown.add_column("step")
    columns = ("server_cpu_ms", "client_cpu_ms", "wal_bytes", "stored_bytes", "commits", "syncs")
    for name in columns:
        shown.add_column(name.replace("_", " "), justify="right")
    for part, step in found["steps"].items():
        shown.add_row(part, *(f"{step[name]:,.1f}" for name in columns))
    shown.add_row("in all", *(f"{in_all(found, name):,.1f}" for name in columns))
    return shown
