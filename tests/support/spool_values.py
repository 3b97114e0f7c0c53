"""One instance as the tests of the spool have it, and what they open and look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.file_operations import WatchedFileOperations
from support.stored import CT, EXPLICIT, SERIES, STUDY, at

from hounsfield.storage.spool import Intake, Provenance, Sealed, Spool
from hounsfield.storage.spool_lock import LOCK
from hounsfield.storage.states import InstanceRole

DATASET = b"\x08\x00\x16\x00UI\x1a\x00" + CT.encode().ljust(26, b"\0") + b"\x10\x00\x20\x00LO\x04\x00ID42"
SENT = Provenance(
    sop_instance_uid=f"{SERIES}.1",
    sop_class_uid=CT,
    series_uid=SERIES,
    study_uid=STUDY,
    transfer_syntax=EXPLICIT,
    role=InstanceRole.SOURCE,
    calling_ae="CT1",
    called_ae="HOUNSFIELD",
    peer_address="192.0.2.7",
    association_id="a1",
    receiver="receiver-1",
    received_at=at(0),
)


def watched(spool: Spool, **options: object) -> tuple[Spool, WatchedFileOperations]:
    operations = WatchedFileOperations(**options)
    return Spool(spool.folder, operations), operations


@contextmanager
def opened(spool: Spool, name: str = "writer") -> Iterator[Intake]:
    intake = spool.open_intake(name)
    try:
        yield intake
    finally:
        intake.close()


def file_and_settle(intake: Intake, sealed: Sealed) -> None:
    intake.file(sealed)
    intake.settle([sealed])


def files(spool: Spool) -> list[Path]:
    """Every file but the locks."""
    return [path for path in spool.folder.rglob("*") if path.is_file() and path.name not in ("lock", LOCK)]
