"""Real receivers that end themselves with SIGKILL, or meet an error, at a named point: a script, one life per line.

Standard input takes one :class:`Life` as JSON per line. Each is a fork of this process, so that none has to import
anything first; on standard output it says ``ready PORT``, and when it has ended ``ended STATUS``, as a shell would
(137 for SIGKILL). The database is SQLite, folder and files are real.
"""

import ctypes
import errno
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TIMES = ("before", "after")
FILE_CALLS = ("create", "write_at", "fsync", "close", "link", "fsync_directory", "remove")
STORE_CALLS = ("record", "registered_digests", "digests", "lose_open_associations")
HALF = "write_at:half"
"""Some of the bytes are written."""
IN_START = tuple(
    f"{call}:{when}" for call in ("link", "fsync", "fsync_directory", "remove", *STORE_CALLS) for when in TIMES
)
"""The points that every start passes after a receiver that was killed with something unsettled."""
AFTERWARDS = (*(f"{call}:{when}" for call in (*FILE_CALLS, "record", "answer") for when in TIMES), HALF)
"""Those that every receiver passes to which enough is sent."""
NEEDED = ("hounsfield.daemon.reception.scp", "hounsfield.storage.engine", "support.fake_peer_store")
"""What every life imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """What happens when a point is reached for the ``nth`` time: of a start (``in_start``), or else after it."""

    point: str
    """``CALL:before`` or ``CALL:after``; ``answer`` is the call that sends a C-STORE response."""
    nth: int = 1
    in_start: bool = False
    error: str = ""
    """Name of an errno that the call fails with; SIGKILL if there is none. The database is then unavailable."""
    times: int = 1
    """How often in a row it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a receiver is started with."""

    folder: str
    doom: Doom | None = None
    is_brisk: bool = True
    """Slots are made, and let go, a few at a time and at once, so that every point is soon reached."""

    def as_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> "Life":
        fields = json.loads(line)
        doom = fields.pop("doom")
        return cls(**fields, doom=None if doom is None else Doom(**doom))


class Fate:
    """Counts how often the point was reached. Called by all threads."""

    def __init__(self, doom: Doom | None) -> None:
        self._doom = doom
        self._count = 0
        self._lock = threading.Lock()
        self.is_starting = True

    def at(self, point: str) -> None:
        """Pass a point, if it is not the one."""
        doom = self._doom
        if doom is None or doom.point != point or doom.in_start != self.is_starting:
            return
        with self._lock:
            self._count += 1
            if not doom.nth <= self._count < doom.nth + doom.times:
                return
            if not doom.error:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
        raise OSError(getattr(errno, doom.error), os.strerror(getattr(errno, doom.error)))

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with its two points."""

        def passing(*arguments: Any, **named: Any) -> Any:
            self.at(f"{name}:before")
            result = call(*arguments, **named)
            self.at(f"{name}:after")
            return result

        return passing


def doomed_files(fate: Fate) -> Any:
    """Return file operations that pass the points of :data:`FILE_CALLS`."""
    from hounsfield.storage.durable import Buffer, SystemFileOperations

    operations = SystemFileOperations()
    write_at = operations.write_at

    def write_half(descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        whole = memoryview(b"".join(chunks))
        half = write_at(descriptor, (whole[: len(whole) // 2],), offset)
        fate.at(HALF)
        return half + write_at(descriptor, (whole[half:],), offset + half)

    operations.write_at = write_half  # type: ignore[method-assign]
    for name in FILE_CALLS:
        setattr(operations, name, fate.around(name, getattr(operations, name)))
    return operations


class DoomedStore:
    """The series store with the points of :data:`STORE_CALLS`; an error there is a database that is unavailable."""

    def __init__(self, real: Any, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        from hounsfield.storage.errors import DatabaseUnavailable

        real = getattr(self._real, name)
        if name not in STORE_CALLS:
            return real

        def passing(*arguments: Any, **named: Any) -> Any:
            try:
                return self._fate.around(name, real)(*arguments, **named)
            except OSError as error:
                raise DatabaseUnavailable(str(error.strerror)) from error

        return passing


def live(life: Life) -> None:
    """Be a receiver until SIGTERM."""
    from support.fake_peer_store import FakePeerStore

    from hounsfield.daemon.clock import SystemClock
    from hounsfield.daemon.config.reception import DicomSettings
    from hounsfield.daemon.logs import UidHasher
    from hounsfield.daemon.reception import registrar
    from hounsfield.daemon.reception.scp import Receiver, Surroundings
    from hounsfield.daemon.reception.short_path import ShortPathUpperLayer
    from hounsfield.storage import intake
    from hounsfield.storage.engine import open_database
    from hounsfield.storage.spool import Spool

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    fate = Fate(life.doom)
    if life.is_brisk:
        intake._SLOTS_AHEAD = 4
        registrar._LINGER_SECONDS = 0.002
        registrar._SETTLE_AT = 8
        registrar._SETTLE_SECONDS = 0.05
    ShortPathUpperLayer.answer = fate.around("answer", ShortPathUpperLayer.answer)  # type: ignore[method-assign]
    folder = Path(life.folder)
    database = open_database(None, folder)
    around = Surroundings(
        settings=DicomSettings(port=0, min_free_bytes=0, min_free_percent=0),
        peers=(),
        peer_store=FakePeerStore(),
        spool=Spool(folder / "spool", doomed_files(fate)),
        series=DoomedStore(database.series, fate),
        own_results=database.jobs,
        clock=SystemClock(),
        hasher=UidHasher(b"key"),
        name=f"receiver-{os.getpid()}-{os.urandom(3).hex()}",
    )
    receiver = Receiver(around)
    receiver.start()
    fate.is_starting = False
    say(f"ready {receiver.port}")
    stop.wait()
    receiver.stop(10.0)
    database.close()


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main() -> None:
    """Live one life after the other, until the input ends."""
    from hounsfield.daemon.config.operation import LoggingSettings
    from hounsfield.daemon.logs import configure

    for module in NEEDED:
        importlib.import_module(module)
    configure(LoggingSettings(level="warning"))
    parent = os.getpid()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)
            status = 1
            try:
                live(Life.of_line(line))
                status = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            finally:
                os._exit(status)
        say(f"started {child}")
        _, ended = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(ended)
        say(f"ended {code if code >= 0 else 128 - code}")


if __name__ == "__main__":
    main()
