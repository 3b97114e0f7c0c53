"""PostgreSQL with a standby, each on a host of its own: it is restarted, ended as in a crash, and failed over.

Clients know one address, which the server that is in charge has: what keepalived and the like do for a site.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from support.cluster.namespaces import Network
from support.peers import require_binary
from support.postgres import INITDB
from support.waiting import wait_until

HOST, STANDBY, PORT, NAME = "database", "standby", 5432, "hounsfield"
_OPTIONS = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=200",
    "listen_addresses=*",
    "wal_retrieve_retry_interval=200ms",
)
"""What was committed survives the end of its processes, which is what is tested; not that of the machine."""
_IS_STREAMING = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
_START_SECONDS = 30.0


@dataclass
class Server:
    """One PostgreSQL on a host of a network."""

    network: Network
    host: str
    folder: Path
    owner: tuple[int, int]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        return self.network.hosts[self.host]

    @property
    def data(self) -> Path:
        return self.folder / self.host

    def tool(self, name: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs on this host to its end."""
        command = self.network.command(self.host, [require_binary(name), *arguments], self.owner)
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, timeout=120)

    def start(self) -> None:
        """Run it and wait until it answers."""
        command = [require_binary("postgres"), "-D", self.data, "-p", str(PORT), "-k", ""]
        for option in _OPTIONS:
            command += ["-c", option]
        with (self.folder / f"{self.host}.log").open("ab") as log:
            started = self.network.command(self.host, command, self.owner)
            self._process = subprocess.Popen(started, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        wait_until(lambda: answers(self.address), _START_SECONDS, 0.05)

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order, SIGQUIT as a crash does: it recovers from its log when it starts again."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(_START_SECONDS)
            self._process = None


@dataclass
class Database:
    """A database, and the server that is in charge of it."""

    network: Network
    address: str
    """Which clients know."""
    server: Server
    standby: Server | None

    @property
    def url(self) -> str:
        """What the hosts write into ``storage.database_url``."""
        return f"postgresql://postgres@{self.address}:{PORT}/{NAME}"

    def fail_over(self) -> None:
        """End the server for good, and put the standby in charge; it has everything that was ever committed."""
        assert self.standby is not None, "it has failed over already"
        self.server.end(signal.SIGQUIT)
        self.network.give_up(self.server.host, self.address)
        self.server, self.standby = self.standby, None
        run("SELECT pg_promote()", self.server.address)
        self.network.take(self.server.host, self.address)
        wait_until(lambda: answers(self.address), _START_SECONDS, 0.05)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement. Raise psycopg.Error, after two seconds where nothing answers."""
        with _connect(self.address, NAME) as connection:
            return connection.execute(statement.encode()).fetchall()

    def end(self) -> None:
        """End all servers at once."""
        for server in filter(None, (self.standby, self.server)):
            with suppress(subprocess.TimeoutExpired):
                server.end(signal.SIGQUIT)


def run(statement: str, address: str) -> None:
    """Run a statement in the database that is always there."""
    with _connect(address, "postgres") as connection:
        connection.execute(statement.encode())


def answers(address: str) -> bool:
    """Whether a connection comes about."""
    try:
        run("SELECT 1", address)
    except psycopg.Error:
        return False
    return True


def _connect(address: str, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(host=address, port=PORT, user="postgres", dbname=name, connect_timeout=2, autocommit=True)


@contextmanager
def database(network: Network) -> Iterator[Database]:
    """Run an empty one with a standby; they are removed with the block."""
    entry = pwd.getpwnam("postgres")
    owner = (entry.pw_uid, entry.pw_gid)
    folder = Path(tempfile.mkdtemp(prefix="hounsfield-cluster-pg-"))
    os.chown(folder, *owner)
    for host in (HOST, STANDBY):
        network.add(host)
    server, standby = (Server(network, host, folder, owner) for host in (HOST, STANDBY))
    made = Database(network, f"{network.subnet}.5", server, standby)
    try:
        _begin(made, server)
        _follow(server, standby)
        yield made
    finally:
        made.end()
        shutil.rmtree(folder, ignore_errors=True)


def _begin(database: Database, server: Server) -> None:
    server.tool("initdb", "-D", server.data, *INITDB)
    with (server.data / "pg_hba.conf").open("a") as rules:
        for what in ("all", "replication"):
            rules.write(f"host {what} all {database.network.subnet}.0/24 trust\n")
    server.start()
    database.network.take(server.host, database.address)
    run(f"CREATE DATABASE {NAME} TEMPLATE template0", server.address)


def _follow(server: Server, standby: Server) -> None:
    """Let the standby follow; from now on nothing is committed that it does not have (synchronous replication)."""
    standby.tool(
        "pg_basebackup", "-h", server.address, "-U", "postgres", "-D", standby.data, "-R", "-X", "stream", "-c", "fast"
    )
    standby.start()
    run("ALTER SYSTEM SET synchronous_standby_names = '*'", server.address)
    run("SELECT pg_reload_conf()", server.address)

    def is_followed() -> bool:
        with _connect(server.address, "postgres") as connection:
            return connection.execute(_IS_STREAMING.encode()).fetchone() is not None

    wait_until(is_followed, _START_SECONDS, 0.05)
