"""PostgreSQL as a host of its own: it can be restarted, and ended as if its process had crashed."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from support.cluster.namespaces import Network
from support.peers import require_binary
from support.waiting import wait_until

HOST, PORT, NAME = "database", 5432, "hounsfield"
_OPTIONS = ("fsync=off", "full_page_writes=off", "max_connections=200")
"""What was committed survives the end of its processes, which is what is tested; not that of the machine."""


@dataclass
class Database:
    """A PostgreSQL cluster with one database, on a host of a network."""

    network: Network
    folder: Path
    address: str
    owner: tuple[int, int]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """What the hosts write into ``storage.database_url``."""
        return f"postgresql://postgres@{self.address}:{PORT}/{NAME}"

    def start(self) -> None:
        """Run it and wait until it answers."""
        command = [require_binary("postgres"), "-D", self.folder / "data", "-p", str(PORT), "-k", self.folder]
        command += ["-h", self.address]
        for option in _OPTIONS:
            command += ["-c", option]
        with (self.folder / "log").open("ab") as log:
            started = self.network.command(HOST, command, self.owner)
            self._process = subprocess.Popen(started, stdout=log, stderr=log, cwd=self.folder)
        wait_until(self.answers, 30, 0.05)

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order, SIGQUIT as a crash does: it recovers from its log when it starts again."""
        assert self._process is not None
        self._process.send_signal(by)
        self._process.wait(30)

    def answers(self) -> bool:
        """Whether a connection comes about."""
        try:
            self.rows("SELECT 1", database="postgres")
        except psycopg.Error:
            return False
        return True

    def rows(self, statement: str, *, database: str = NAME) -> list[tuple[Any, ...]]:
        """Return the rows of a statement. Raise psycopg.Error, after two seconds where nothing answers."""
        address = {"host": self.address, "port": PORT, "user": "postgres", "dbname": database}
        with psycopg.connect(**address, connect_timeout=2, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def execute(self, statement: str) -> None:
        """Run a statement that returns nothing, in the database that is always there."""
        address = {"host": self.address, "port": PORT, "user": "postgres", "dbname": "postgres"}
        with psycopg.connect(**address, connect_timeout=2, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def database(network: Network) -> Iterator[Database]:
    """Run an empty one that is removed with the block."""
    address = network.add(HOST)
    entry = pwd.getpwnam("postgres")
    owner = (entry.pw_uid, entry.pw_gid)
    folder = Path(tempfile.mkdtemp(prefix="hounsfield-cluster-pg-"))
    try:
        os.chown(folder, *owner)
        made = [require_binary("initdb"), "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command = network.command(HOST, [*made, "--locale=C", "--no-sync"], owner)
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=120)
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network.subnet}.0/24 trust\n")
        server = Database(network, folder, address, owner)
        server.start()
        try:
            server.execute(f"CREATE DATABASE {NAME} TEMPLATE template0")
            yield server
        finally:
            server.end(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
