"""PostgreSQL servers of our own that tests end and start again, and a standby that can be put in charge."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.peers import free_port, require_binary
from support.waiting import wait_until

_OPTIONS = ("fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=100")
_START_SECONDS = 30.0


@dataclass
class Node:
    """A server on a port of its own."""

    folder: Path
    name: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / self.name

    def tool(self, program: str, *arguments: str | Path) -> str:
        """Run one of PostgreSQL's programs to its end; return what it prints."""
        command = [require_binary(program), *map(str, arguments)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=self.folder, timeout=60, **_identity()
        )
        return done.stdout

    def execute(self, statement: str, database: str = "postgres") -> str:
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database)
        return self.tool("psql", "-XAtq", *address, "-v", "ON_ERROR_STOP=1", "-c", statement).strip()

    def start(self) -> None:
        command = [require_binary("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder)]
        for option in _OPTIONS:
            command += ["-c", option]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **_identity())
        wait_until(self._answers, _START_SECONDS)

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1") == "1"
        except subprocess.CalledProcessError:
            return False

    def end(self, by: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order and at once, SIGQUIT as a crash does."""
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait(_START_SECONDS)
            self.process = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def server() -> Iterator[Node]:
    """Run a server with nothing in it; what lies in its folder is removed with the block."""
    folder = Path(tempfile.mkdtemp(prefix="hounsfield-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    node = Node(folder, "first")
    try:
        node.tool("initdb", "-D", node.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        node.start()
        yield node
    finally:
        node.end(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standby_of(first: Node) -> Iterator[Node]:
    """Run a server that repeats what the first one does, and is asked before anything counts as committed."""
    node = Node(first.folder, "second")
    source = f"host=127.0.0.1 port={first.port} user=postgres application_name=second"
    node.tool("pg_basebackup", "-D", node.data, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    try:
        node.start()
        first.execute("ALTER SYSTEM SET synchronous_standby_names = 'second'")
        first.execute("SELECT pg_reload_conf()")
        wait_until(lambda: first.execute("SELECT sync_state FROM pg_stat_replication") == "sync", _START_SECONDS)
        yield node
    finally:
        node.end(signal.SIGQUIT)


def promote(node: Node) -> None:
    """Put a standby in charge."""
    node.execute("SELECT pg_promote()")


def _identity() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}
