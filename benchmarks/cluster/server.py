"""What a PostgreSQL server of our own has used: processor, journal, syncs, and what its clients wait for."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import make_url
from support.postgres import PostgreSQL

_TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counters since some beginning; their differences count."""

    cpu_seconds: float
    wal_bytes: int
    wal_syncs: int
    commits: int
    relation_bytes: int

    def since(self, before: "Usage") -> "Usage":
        """Return what was used between the two."""
        return Usage(
            cpu_seconds=self.cpu_seconds - before.cpu_seconds,
            wal_bytes=self.wal_bytes - before.wal_bytes,
            wal_syncs=self.wal_syncs - before.wal_syncs,
            commits=self.commits - before.commits,
            relation_bytes=self.relation_bytes - before.relation_bytes,
        )


@dataclass(slots=True)
class Waits:
    """How often the clients' servers were seen doing what."""

    seen: Counter[str] = field(default_factory=Counter)

    def shares(self) -> dict[str, float]:
        """Return shares of the samples of busy servers, the largest first."""
        total = sum(self.seen.values())
        return {name: round(count / total, 3) for name, count in self.seen.most_common(6)} if total else {}


@dataclass(frozen=True, slots=True)
class Watched:
    """A database on a cluster whose processes run on this machine."""

    cluster: PostgreSQL
    database: str

    @property
    def url(self) -> str:
        """SQLAlchemy URL."""
        return self.cluster.url(self.database)

    def usage(self) -> Usage:
        """Return the counters. Clients that have left count in full, others with a delay of a second."""
        with plain_connection(self.url) as there:
            row = there.execute(
                "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, (SELECT wal_sync FROM pg_stat_wal),"
                " (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),"
                " (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE relkind = 'r'"
                "  AND relnamespace = 'public'::regnamespace)"
            ).fetchone()
            assert row is not None
            folder = there.execute("SHOW data_directory").fetchone()
            assert folder is not None
        pid = int(Path(folder[0], "postmaster.pid").read_text().split()[0])
        return Usage(
            cpu_seconds=cpu_seconds(pid),
            wal_bytes=int(row[0]),
            wal_syncs=int(row[1]),
            commits=int(row[2]),
            relation_bytes=int(row[3]),
        )

    @contextmanager
    def waits(self) -> Iterator[Waits]:
        """Look again and again what the servers of the clients wait for."""
        waits, ended = Waits(), threading.Event()
        watcher = threading.Thread(target=self._watch, args=(waits, ended), daemon=True)
        watcher.start()
        yield waits
        ended.set()
        watcher.join()

    def _watch(self, waits: Waits, ended: threading.Event) -> None:
        query = (
            "SELECT coalesce(wait_event_type || ':' || wait_event, 'running') FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        with plain_connection(self.url) as there:
            while not ended.is_set():
                waits.seen.update(row[0] for row in there.execute(query))
                time.sleep(SAMPLE_SECONDS)


@contextmanager
def plain_connection(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Connect without SQLAlchemy, each statement its own transaction."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as there:
        yield there


def cpu_seconds(postmaster: int) -> float:
    """Return the processor time of a PostgreSQL: of all its processes, also those that have ended (proc(5))."""
    ticks = sum(_ticks(postmaster, with_children=True))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(_fields(int(process.name))[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        if parent == postmaster:
            ticks += sum(_ticks(int(process.name), with_children=False))
    return ticks / _TICKS


def _ticks(pid: int, *, with_children: bool) -> list[int]:
    try:
        fields = _fields(pid)
    except OSError:
        return []
    return [int(value) for value in fields[11 : 15 if with_children else 13]]


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def sync_milliseconds(folder: Path, count: int = 100) -> float:
    """Return the median time of writing 8 KiB behind the end of a file and syncing its data."""
    path = folder / "sync-probe"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(b"\0" * 8192)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return 1000 * sorted(taken)[count // 2]
