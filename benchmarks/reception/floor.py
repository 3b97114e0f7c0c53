"""The disk floor: what the disk allows when there is no network. The same writes, fsyncs and commits, nothing else.

    python benchmarks/reception/floor.py [--folder FOLDER]      FOLDER lies on the file system to be measured

An *order* is how an image becomes durable, a *row policy* what the job database does for each. Every combination runs
with 1, 8 and 32 threads. Which orders survive a power loss is not decided here: see ``ORDERS``.
"""

import argparse
import ctypes
import itertools
import os
import queue
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median
from typing import Protocol

THREADS = (1, 8, 32)
HEAD_BYTES = 4096
"""What a receiver writes in front of the data set: preamble, file meta, provenance."""
IMAGE_BYTES = 525_086
_SLOTS = 32
_SETTLE_AT = 512
_LIBC = ctypes.CDLL(None)
_SHARDS = 256


class Writer(Protocol):
    """Makes images durable, for any number of threads. Returns from ``write`` when the image may be acknowledged."""

    def write(self, parts: Sequence[bytes]) -> None:
        """Write one image that consists of these parts."""


class _Folders:
    """incoming/ for files that are being written, objects/00 to ff for finished ones; names are random."""

    def __init__(self, root: Path) -> None:
        self.incoming = root / "incoming"
        self.shards = [root / "objects" / f"{shard:02x}" for shard in range(_SHARDS)]
        for folder in (self.incoming, *self.shards):
            folder.mkdir(parents=True, exist_ok=True)

    def part(self) -> Path:
        return self.incoming / secrets.token_hex(16)

    def final(self) -> Path:
        name = secrets.token_hex(32)
        return self.shards[int(name[:2], 16)] / name


class FileThenName:
    """fsync of the file, rename, fsync of the folder."""

    def __init__(self, root: Path) -> None:
        self._folders = _Folders(root)

    def write(self, parts: Sequence[bytes]) -> None:
        part, final = self._folders.part(), self._folders.final()
        with _open(part, os.O_CREAT | os.O_EXCL) as file:
            os.writev(file, parts)
            os.fsync(file)
        part.rename(final)
        _sync_folder(final.parent)


class NameThenFile:
    """Rename first, then fsync of the file: one commit of the journal carries both."""

    def __init__(self, root: Path) -> None:
        self._folders = _Folders(root)

    def write(self, parts: Sequence[bytes]) -> None:
        part, final = self._folders.part(), self._folders.final()
        with _open(part, os.O_CREAT | os.O_EXCL) as file:
            os.writev(file, parts)
            part.rename(final)
            os.fsync(file)


class Slots:
    """A file that was made earlier under a durable name: write and fsync only; final names follow in batches.

    One pool for all threads, as a receiver has.
    """

    def __init__(self, root: Path, sync: Callable[[int], None] = os.fsync) -> None:
        self._folders = _Folders(root)
        self._sync = sync
        self._turn = threading.Lock()
        self._free: list[Path] = []
        self._written: list[Path] = []

    def write(self, parts: Sequence[bytes]) -> None:
        with self._turn:
            if not self._free:
                self._make_slots()
            slot = self._free.pop()
        with _open(slot, 0) as file:
            os.writev(file, parts)
            self._sync(file)
        with self._turn:
            self._written.append(slot)
            written = self._take() if len(self._written) >= _SETTLE_AT else []
        self._settle(written)

    def _make_slots(self) -> None:
        self._free = [self._folders.part() for _ in range(_SLOTS)]
        for slot in self._free:
            slot.touch()
        _sync_folder(self._folders.incoming)

    def _take(self) -> list[Path]:
        written, self._written = self._written, []
        return written

    def _settle(self, written: Sequence[Path]) -> None:
        """Give what was written its final name, and bring that to the disk before the first one goes."""
        touched = set()
        for slot in written:
            final = self._folders.final()
            os.link(slot, final)
            touched.add(final.parent)
        for folder in touched:
            _sync_folder(folder)
        for slot in written:
            slot.unlink()


class SharedSync:
    """Slots again, but one sync of the file system serves all that wait for it: whoever comes first leads."""

    def __init__(self, root: Path) -> None:
        self._slots = Slots(root, sync=self._share)
        self._turn = threading.Condition()
        self._is_syncing = False
        self._begun = self._done = 0
        """Counts of syncs."""

    def write(self, parts: Sequence[bytes]) -> None:
        self._slots.write(parts)

    def _share(self, descriptor: int) -> None:
        with self._turn:
            wanted = self._begun + 1  # one that begins from now on takes everything that we wrote
            while self._is_syncing and self._done < wanted:
                self._turn.wait()
            if self._done >= wanted:
                return
            self._is_syncing = True
            self._begun = wanted
        _LIBC.syncfs(descriptor)
        with self._turn:
            self._is_syncing, self._done = False, wanted
            self._turn.notify_all()


@dataclass(frozen=True)
class Order:
    """How an image becomes durable."""

    name: str
    writer: Callable[[Path], Writer]
    passes_power_loss: bool
    """Whether the power-loss tests pass with it: our receiver is held against the fastest one that does."""


ORDERS: tuple[Order, ...] = (
    Order("file, rename, folder", FileThenName, passes_power_loss=True),
    Order("rename, file", NameThenFile, passes_power_loss=False),
    Order("slot, names in batches", Slots, passes_power_loss=True),
    Order("slot, one sync for all", SharedSync, passes_power_loss=True),
)


class Rows(Enum):
    """What happens to the row of each image."""

    NONE = "no row"
    BEHIND = "row behind"
    """Committed in batches by a thread of its own, after the acknowledgement."""
    EACH = "row each"
    """Committed before the acknowledgement."""


class Database:
    """SQLite, WAL, synchronous=FULL."""

    def __init__(self, file: Path, rows: Rows) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE image (name TEXT PRIMARY KEY, uid TEXT, series TEXT, size INTEGER)")
        self._connection.execute("CREATE INDEX by_series ON image (series)")
        self._behind = threading.Thread(target=self._write_behind)
        self._behind.start()

    def add(self, size: int) -> None:
        """Register one image."""
        if self._rows is Rows.EACH:
            self._insert([size])
        elif self._rows is Rows.BEHIND:
            self._waiting.put(size)

    def close(self) -> None:
        """Write what still waits."""
        self._waiting.put(None)
        self._behind.join()
        self._connection.close()

    def _insert(self, sizes: Sequence[int]) -> None:
        values = [(secrets.token_hex(32), f"2.25.{secrets.randbits(120)}", "2.25.1", size) for size in sizes]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO image VALUES (?, ?, ?, ?)", values)
            self._connection.execute("COMMIT")

    def _write_behind(self) -> None:
        while (size := self._waiting.get()) is not None:
            time.sleep(0.05)  # let a batch gather
            sizes = [size]
            with suppress(queue.Empty):
                while (size := self._waiting.get_nowait()) is not None:
                    sizes.append(size)
            self._insert(sizes)
            if size is None:
                return


def images_per_second(folder: Path, order: Order, rows: Rows, threads: int, *, images: int, seconds: float) -> float:
    """Measure one combination: at most so many images for at most so long."""
    root = Path(tempfile.mkdtemp(prefix="floor-", dir=folder))
    database = Database(root / "rows.db", rows)
    try:
        writer = order.writer(root)
        parts = (os.urandom(HEAD_BYTES), os.urandom(IMAGE_BYTES))
        os.sync()
        tickets = itertools.count()
        started = time.perf_counter()

        def work(_: int) -> int:
            done = 0
            while next(tickets) < images and time.perf_counter() - started < seconds:
                writer.write(parts)
                database.add(len(parts[1]))
                done += 1
            return done

        with ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(work, range(threads)))
        return done / (time.perf_counter() - started)
    finally:
        database.close()
        shutil.rmtree(root)


@contextmanager
def _open(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measured: dict[tuple[str, Rows, int], list[float]] = {}
    for _ in range(options.rounds):
        for order, rows, threads in itertools.product(ORDERS, Rows, THREADS):
            rate = images_per_second(options.folder, order, rows, threads, images=400, seconds=1.0)
            measured.setdefault((order.name, rows, threads), []).append(rate)
    for (name, rows, threads), rates in measured.items():
        print(f"{name:24} {rows.value:12} {threads} threads: {median(rates):6.0f} images/s")


if __name__ == "__main__":
    main()
