"""Receivers that are killed, again and again, on one folder, and what their senders know of it."""

import hashlib
import itertools
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.datasets import element, tiny
from support.doomed_receiver import Life
from support.wire import ALLOWED, Closed, Connection

from hounsfield.storage.spool import Spool

_TESTS = Path(__file__).resolve().parent.parent
_SECONDS = 60.0
KILLED = 128 + signal.SIGKILL
STORED, OUT_OF_RESOURCES = 0x0000, 0xA700


@dataclass
class Process:
    """One life of a receiver."""

    pid: int
    port: int | None
    """None where it ended before it listened."""
    nursery: "Nursery"

    def kill(self) -> None:
        """kill -9."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status, as a shell says it."""
        return int(self.nursery.hear("ended"))


class Nursery:
    """The process whose forks are receivers, one at a time."""

    def __init__(self, log: Path) -> None:
        paths = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "support.doomed_receiver"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._said = b""
        self._log = log

    def start(self, life: Life) -> Process:
        """Begin a life; return when it listens or has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(life.as_line().encode())
        self._process.stdin.flush()
        pid = int(self.hear("started"))
        what, value = self._line()
        if what == "ready":
            return Process(pid, int(value), self)
        self._said = f"{what} {value}\n".encode() + self._said
        return Process(pid, None, self)

    def hear(self, expected: str) -> str:
        """Return the value of the next line, which has to be this one."""
        what, value = self._line()
        assert what == expected, f"{what} {value}, not {expected}: {self._log.read_text()[-3000:]}"
        return value

    def _line(self) -> tuple[str, str]:
        assert self._process.stdout is not None
        end = time.monotonic() + _SECONDS
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            assert part, f"nothing came: {self._log.read_text()[-3000:]}"
            self._said += part
        line, self._said = self._said.split(b"\n", 1)
        what, value = line.decode().split(" ")
        return what, value

    def close(self) -> None:
        self._process.kill()  # what lives of it dies with it
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """Give a nursery that is closed with the block."""
    made = Nursery(log)
    try:
        yield made
    finally:
        made.close()


@dataclass
class Ledger:
    """What the senders know."""

    sha256: dict[str, str] = field(default_factory=dict)
    """Of every data set that was sent, by SOP Instance UID."""
    acknowledged: set[str] = field(default_factory=set)
    unanswered: dict[str, bytes] = field(default_factory=dict)
    """Sent, but no answer came: they are sent again, as senders do."""
    refused: int = 0


def image(choice: random.Random, series: str, size: int) -> tuple[str, bytes]:
    """Return SOP Instance UID and data set of a new image with ``size`` bytes of pixels."""
    instance = f"2.25.{choice.getrandbits(100)}"
    return instance, tiny(instance=instance, series=series, more=element(0x7FE00010, b"OW", choice.randbytes(size)))


class Senders:
    """Senders that store images until the receiver ends, or they are told to."""

    def __init__(
        self,
        ledger: Ledger,
        port: int,
        count: int,
        choice: random.Random,
        *,
        large: float = 0.0,
        images: int | None = None,
    ) -> None:
        """``large``: the share of images of half a megabyte, others have some hundred bytes; ``images``: of each."""
        self._ledger = ledger
        self._port = port
        self._large = large
        self._images = images
        self._stop = threading.Event()
        self.stored = 0
        self._threads = [
            threading.Thread(target=self._send, args=(random.Random(choice.random()),), daemon=True)
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Send no more, and wait until none does."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Wait until none sends any more."""
        for thread in self._threads:
            thread.join(_SECONDS)
            assert not thread.is_alive(), "a sender hangs"

    @property
    def are_sending(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _send(self, choice: random.Random) -> None:
        series = f"2.25.{choice.getrandbits(100)}"
        connection = None
        with suppress(Closed, OSError):
            connection = Connection.open(self._port, ALLOWED, seconds=_SECONDS)
            connection.associate()
            for number in itertools.count():
                if self._stop.is_set() or number == self._images:
                    connection.release()
                    break
                instance, data = self._next(choice, series)
                try:
                    self._note(instance, connection.store(data, instance))
                except (Closed, OSError):
                    self._ledger.unanswered[instance] = data
                    break
        if connection is not None:
            connection.close()

    def _next(self, choice: random.Random, series: str) -> tuple[str, bytes]:
        ledger = self._ledger
        with suppress(KeyError):
            return ledger.unanswered.popitem()
        size = 500_000 if choice.random() < self._large else choice.randrange(2, 600, 2)
        instance, data = image(choice, series, size)
        ledger.sha256[instance] = hashlib.sha256(data).hexdigest()
        return instance, data

    def _note(self, instance: str, status: int) -> None:
        if status == STORED:
            self.stored += 1
            self._ledger.acknowledged.add(instance)
        else:
            assert status == OUT_OF_RESOURCES, f"{status:04X}"
            self._ledger.refused += 1


@dataclass(frozen=True, slots=True)
class Audit:
    """What spool and database hold, compared with what the senders know."""

    lost: frozenset[str]
    """Acknowledged, but not there."""
    changed: frozenset[str]
    """Registered, but not there as it was sent, or sent by nobody."""
    orphans: tuple[Path, ...]
    """Files that are neither filed and registered nor wait in a slot."""
    incoming: int
    """Names in ``incoming/``."""


def audit(folder: Path, ledger: Ledger, *, only: set[str] | None = None) -> Audit:
    """Look at every row and file; ``only`` limits whose bytes are read."""
    spool = Spool(folder / "spool")
    with closing(sqlite3.connect(folder / "hounsfield.db")) as database:
        rows = dict(database.execute("select digest, sop_instance_uid from instance").fetchall())
    changed, there = set(), set()
    for digest, instance in rows.items():
        if only is not None and instance not in only and instance in ledger.sha256:
            if spool.path(digest).exists():
                there.add(instance)
            continue
        if _sha256(spool, digest) == ledger.sha256.get(instance):
            there.add(instance)
        else:
            changed.add(instance)
    filed = {spool.path(digest) for digest in rows}
    return Audit(
        lost=frozenset(ledger.acknowledged - there),
        changed=frozenset(changed),
        orphans=tuple(path for path in (folder / "spool" / "objects").rglob("*.*") if path not in filed),
        incoming=sum(1 for _ in (folder / "spool" / "incoming").rglob("*")),
    )


def _sha256(spool: Spool, digest: str) -> str | None:
    try:
        content = spool.path(digest).read_bytes()
    except FileNotFoundError:
        return None
    return hashlib.sha256(content[spool.head(digest).length :]).hexdigest()
