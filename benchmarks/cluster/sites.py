"""Job databases with a short past and a long one, on SQLite and on PostgreSQL, filled once and kept."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fill import fill
from server import plain_connection
from support.daemon import Daemon
from support.postgres import PostgreSQL

from hounsfield.storage.engine import Database, default_url, open_database, upgrade

PER_DAY = 1000
"""Jobs of a day: a longer past, not a busier site."""


@dataclass(frozen=True, slots=True)
class Site:
    """A filled database."""

    engine: str
    jobs: int
    home: Path
    url: str

    def open(self) -> Database:
        """Connect to it."""
        return open_database(self.url, self.home)

    def daemon(self) -> Daemon:
        """Return a daemon on it, not started."""
        return Daemon(self.home, settings={"HOUNSFIELD_STORAGE__DATABASE_URL": self.url})


def sqlite_site(folder: Path, jobs: int) -> Site:
    """Return the embedded database with so many jobs, made if it is not there."""
    home = folder / f"jobs-{jobs}"
    _filled(home, jobs, None)
    return Site("SQLite", jobs, home, default_url(home))


def postgresql_site(folder: Path, cluster: PostgreSQL, jobs: int) -> Site:
    """Return a database of the cluster with so many jobs, made if it is not there."""
    home, name = folder / f"postgresql-{jobs}", f"jobs_{jobs}"
    url = cluster.url(name)
    if not (home / "filled").exists():
        cluster.drop_database(name)
        cluster.create_database(name)
    upgrade(url)  # also one that was kept from a version before
    _filled(home, jobs, url)
    return Site("PostgreSQL", jobs, home, url)


def _filled(home: Path, jobs: int, url: str | None) -> None:
    if (home / "filled").exists():
        return
    began = time.perf_counter()
    fill(home, jobs, PER_DAY, datetime.now(UTC), url)
    (home / "filled").touch()
    print(f"{home.name}: filled in {time.perf_counter() - began:.0f} s", flush=True)


def settle(site: Site) -> None:
    """Let PostgreSQL know its tables, so that nothing happens by itself while something is measured.

    Autovacuum would come at some moment of a run; here it has been, and stays away.
    """
    if site.engine == "PostgreSQL":
        with plain_connection(site.url) as there:
            for table in ("job", "event", "series", "instance"):
                there.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            there.execute("VACUUM (ANALYZE)")
