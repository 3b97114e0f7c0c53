"""What a receiver does before it listens: the spool and the database agree again, whatever ended the last one."""

from dataclasses import dataclass

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was found."""

    abandoned: int
    """Files that were being written when a receiver died; deleted, none was acknowledged."""
    registered: int
    """Whole files without a row: registered now."""
    unreadable: int
    """Files in the spool that are not ours; left alone."""
    missing: int
    """Rows without a file: acknowledged images are gone. Must be none."""
    lost: int
    """Associations that were open when their receiver died."""


def reconcile(spool: Spool, series: SeriesStore, receiver: str, clock: Clock) -> Reconciliation:
    """Prepare the spool, register what has no row, count what has no file, mark associations of the dead LOST.

    ``receiver`` is the identity of the caller, which has no association yet. Raises StorageError.
    """
    abandoned = spool.prepare()
    files = set(spool.digests())
    rows = series.all_digests()
    registered = unreadable = 0
    for digest in sorted(files - rows):
        if _register(spool, series, digest):
            registered += 1
        else:
            unreadable += 1
    lost = series.lose_open_associations({receiver}, clock.now())
    found = Reconciliation(
        abandoned=abandoned,
        registered=registered,
        unreadable=unreadable,
        missing=len(rows - files),
        lost=lost,
    )
    _report(found)
    return found


def _register(spool: Spool, series: SeriesStore, digest: str) -> bool:
    try:
        provenance, receipt = spool.provenance(digest), spool.receipt(digest)
    except SpoolError:
        return False
    series.open_association(
        AssociationRecord(
            id=provenance.association_id,
            receiver=provenance.receiver,
            calling_ae=provenance.calling_ae,
            called_ae=provenance.called_ae,
            peer_address=provenance.peer_address,
            opened_at=provenance.received_at,
            ending=AssociationEnding.OPEN,
        )
    )
    series.register(receipt)
    return True


def _report(found: Reconciliation) -> None:
    if found.missing:
        log.error(
            "ALARM: received images are gone from the spool; restore the spool from a backup or have them sent again",
            images=found.missing,
        )
    if found.unreadable:
        log.error("files in the spool that this program did not write; move them away", files=found.unreadable)
    if found.abandoned or found.registered or found.lost:
        log.info(
            "the last receiver did not end cleanly; nothing acknowledged is lost",
            abandoned=found.abandoned,
            registered=found.registered,
            associations=found.lost,
        )
