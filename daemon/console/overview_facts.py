"""What the overview is made from: records of the stores, and what this machine says of disks and certificates."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception.certificates import AUTHORITY, CERTIFICATE, read_certificates
from hounsfield.storage.alarms import Alarm
from hounsfield.storage.components import Component
from hounsfield.storage.control import Pause
from hounsfield.storage.log_book import Intake, LastResult, Queue

INTAKE_STRETCH = timedelta(minutes=1)
RESULTS_STRETCH = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system that the service writes to."""

    names: tuple[str, ...]
    """What lies there: ``home``, ``spool``."""
    free: int
    size: int
    """Bytes; 0 where the folder cannot be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDate:
    """A certificate of ``[tls]``."""

    setting: str
    ends_at: datetime | None
    """None where the file cannot be used; ``problem`` says why."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it, at one moment."""

    now: datetime
    components: Sequence[Component]
    alarms: Sequence[Alarm]
    pauses: Sequence[Pause]
    queues: Sequence[Queue]
    intake: Sequence[Intake]
    """Of the last :data:`INTAKE_STRETCH`."""
    counts: dict[str, int]
    last_results: Sequence[LastResult]
    disks: Sequence[Disk]
    certificates: Sequence[CertificateDate]


def read_facts(parts: ConsoleParts) -> Facts:
    """Ask the stores. May raise DatabaseUnavailable."""
    now, database = parts.clock.now(), parts.database
    book = database.log_book
    return Facts(
        now=now,
        components=database.components.all(),
        alarms=database.alarms.open(),
        pauses=database.control.pauses(),
        queues=book.queues(now),
        intake=book.intake(now - INTAKE_STRETCH),
        counts=book.counts(),
        last_results=book.last_results(now - RESULTS_STRETCH),
        disks=tuple(disks(parts.settings)),
        certificates=tuple(certificates(parts.settings.tls)),
    )


def disks(settings: Settings) -> Iterator[Disk]:
    """Yield the file systems of home and spool, one line for both where they are the same."""
    home, spool = (_nearest(folder) for folder in (settings.storage.home, settings.storage.spool_folder))
    if _device(home) == _device(spool):
        yield _disk(("home", "spool"), home)
        return
    yield _disk(("home",), home)
    yield _disk(("spool",), spool)


def _nearest(folder: Path) -> Path:
    """Return the folder, or where it will be made: the spool comes with the first receiver."""
    try:
        return next(path for path in (folder, *folder.parents) if path.exists())
    except OSError:  # it may not even be looked at
        return folder


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _disk(names: tuple[str, ...], folder: Path) -> Disk:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return Disk(names=names, free=0, size=0)
    return Disk(names=names, free=usage.free, size=usage.total)


def certificates(settings: TlsSettings) -> Iterator[CertificateDate]:
    """Yield our certificate and those of the authorities; nothing where TLS is off."""
    if settings.port is None:
        return
    for setting, path in ((CERTIFICATE, settings.certificate), (AUTHORITY, settings.authority)):
        if path is None:
            continue
        try:
            found = read_certificates(setting, path)
        except TlsUnusable as fault:
            yield CertificateDate(setting=setting, ends_at=None, problem=fault.problem)
            continue
        yield CertificateDate(setting=setting, ends_at=min(one.not_after for one in found))
