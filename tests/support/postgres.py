"""PostgreSQL servers of our own on private ports: ended and started again as a test wishes, and a standby.

Several hosts with a network between them are :mod:`support.cluster.database`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.peers import ended, free_port, require_binary
from support.waiting import wait_until

INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
_UNSYNCED = ("fsync=off", "full_page_writes=off")
"""What was committed survives the end of its processes, which is what is tested; not that of the machine."""
_START_SECONDS = 30.0


@dataclass
class PostgreSQL:
    """A server with trust authentication. PostgreSQL refuses to run as root: root runs it as the user ``postgres``."""

    folder: Path
    """Of its sockets, log and data."""
    name: str = "data"
    is_durable: bool = False
    """Whether it syncs to disk by PostgreSQL's own defaults, as a benchmark wants it; what is tested is our SQL."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / self.name

    def start(self) -> None:
        """Run it and wait until it answers."""
        command = [require_binary("postgres"), "-D", self.data, "-p", str(self.port), "-k", self.folder]
        for option in ("listen_addresses=127.0.0.1", "max_connections=200", *(() if self.is_durable else _UNSYNCED)):
            command += ["-c", option]
        log = self.folder / f"{self.name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=self.folder, **_identity())
        self.process = process
        wait_until(lambda: self._answers() or ended(process, log), _START_SECONDS)

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order and at once, SIGQUIT as a crash does."""
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait(_START_SECONDS)
            self.process = None

    def tool(self, program: str, *arguments: str | Path) -> str:
        """Run one of PostgreSQL's programs to its end; return what it prints."""
        command = [require_binary(program), *arguments]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=self.folder, timeout=120, **_identity()
        )
        return done.stdout

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement as the superuser; return what it prints."""
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database)
        return self.tool("psql", "-XAtq", *address, "-v", "ON_ERROR_STOP=1", "-c", statement).strip()

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1") == "1"
        except subprocess.CalledProcessError:
            return False

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database and return its SQLAlchemy URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, connected or not."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgresql(*, kept: Path | None = None, durable: bool = False) -> Iterator[PostgreSQL]:
    """Run a server: a fresh one that is removed with the block, or the one in ``kept``.

    Its folder lies outside pytest's, which only root may enter.
    """
    require_binary("psql")
    server = PostgreSQL(kept or Path(tempfile.mkdtemp(prefix="hounsfield-pg-")), is_durable=durable)
    try:
        if not server.data.exists():
            server.folder.mkdir(parents=True, exist_ok=True)
            if _identity():
                shutil.chown(server.folder, "postgres", "postgres")
            server.tool("initdb", "-D", server.data, *INITDB)
        server.start()
        yield server
    finally:
        server.end(signal.SIGQUIT if kept is None else signal.SIGINT)
        if kept is None:
            shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def standby_of(first: PostgreSQL) -> Iterator[PostgreSQL]:
    """Run a server that repeats what the first one does, and is asked before anything counts as committed."""
    second = PostgreSQL(first.folder, "second")
    source = f"host=127.0.0.1 port={first.port} user=postgres application_name=second"
    second.tool("pg_basebackup", "-D", second.data, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    try:
        second.start()
        first.execute("ALTER SYSTEM SET synchronous_standby_names = 'second'")
        first.execute("SELECT pg_reload_conf()")
        wait_until(lambda: first.execute("SELECT sync_state FROM pg_stat_replication") == "sync", _START_SECONDS)
        yield second
    finally:
        second.end(signal.SIGQUIT)


def promote(standby: PostgreSQL) -> None:
    """Put a standby in charge."""
    standby.execute("SELECT pg_promote()")


def _identity() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}
