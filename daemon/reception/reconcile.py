"""What a receiver does before it listens: the spool and the database agree again, whatever ended the last one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationRecord, InstanceReceipt
from hounsfield.storage.spool import Head, Intake, Provenance, Sealed, Spool
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was found."""

    adopted: int
    """Instances that a receiver had acknowledged, or was about to, when it died; filed and registered now."""
    registered: int
    """Of all files without a row: registered now."""
    unreadable: int
    """Files in the spool that are not ours; left alone."""
    missing: int
    """Rows without a file: acknowledged images are gone. Must be none."""
    lost: int
    """Associations that were open when their receiver died."""


def reconcile(spool: Spool, series: SeriesStore, clock: Clock) -> Reconciliation:
    """Bring what dead receivers left into the database, count what has no file, mark their associations LOST.

    Raises StorageError.
    """
    spool.prepare()
    spool.finish_removal(series.registered_digests)
    adopted = sum(_adopt(series, intake) for intake in spool.abandoned_intakes())
    registered = unreadable = missing = 0
    for shard in spool.shards():
        with spool.files_stay():
            files, rows = set(spool.digests(shard)), series.digests(shard)
            heads = [head for digest in sorted(files - rows) if (head := _head(spool, digest)) is not None]
            _register(series, [(head.provenance, head.receipt) for head in heads])
            registered += len(heads)
            unreadable += len(files - rows) - len(heads)
            # A living receiver may have filed and registered one since the folder was read.
            missing += sum(not spool.path(digest).exists() for digest in rows - files)
    found = Reconciliation(
        adopted=adopted,
        registered=registered,
        unreadable=unreadable,
        missing=missing,
        lost=series.lose_open_associations(spool.writers(), clock.now()),
    )
    _report(found)
    return found


def take_up(spool: Spool, series: SeriesStore, clock: Clock) -> int:
    """File and register what receivers of other hosts left that have died since; return how many images that were.

    Of those that live nothing is touched. Raises StorageError.
    """
    names, adopted = [], 0
    for intake in spool.abandoned_intakes():
        names.append(intake.name)
        adopted += _adopt(series, intake)
    if names:
        lost = series.lose_open_associations(spool.writers(), clock.now())
        log.warning("took up what dead receivers left", receivers=names, images=adopted, associations=lost)
    return adopted


def _adopt(series: SeriesStore, intake: Intake) -> int:
    """File and register what a dead receiver left in its slots; return how many had no row yet."""
    count = 0
    try:
        leftovers = intake.leftovers()
        while some := list(islice(leftovers, _CHUNK)):
            with intake.files_stay():
                count += _adopt_some(series, intake, some)
    finally:
        intake.close()
    return count


def _adopt_some(series: SeriesStore, intake: Intake, some: Sequence[Sealed]) -> int:
    known = series.registered_digests([sealed.receipt.digest for sealed in some])
    whole = [one for one in some if _is_safe(intake, one, known)]
    for sealed in whole:
        intake.file(sealed)
    new = [(one.provenance, one.receipt) for one in whole if one.receipt.digest not in known]
    _register(series, new)
    intake.settle(whole)
    return len(new)


def _is_safe(intake: Intake, sealed: Sealed, known: Collection[str]) -> bool:
    """Whether a slot's bytes need no look, for they are filed and registered, or stand up to one."""
    return (sealed.receipt.digest in known and intake.is_filed(sealed)) or intake.is_whole(sealed)


def _head(spool: Spool, digest: str) -> Head | None:
    try:
        head = spool.head(digest)
    except SpoolError:
        return None
    return head if head.digest == digest else None


def _register(series: SeriesStore, found: Sequence[tuple[Provenance, InstanceReceipt]]) -> None:
    for first in range(0, len(found), _CHUNK):
        some = found[first : first + _CHUNK]
        associations = {provenance.association_id: _association(provenance) for provenance, _ in some}
        series.record(list(associations.values()), [receipt for _, receipt in some], ())


def _association(provenance: Provenance) -> AssociationRecord:
    return AssociationRecord(
        id=provenance.association_id,
        receiver=provenance.receiver,
        calling_ae=provenance.calling_ae,
        called_ae=provenance.called_ae,
        peer_address=provenance.peer_address,
        opened_at=provenance.received_at,
        ending=AssociationEnding.OPEN,
    )


def _report(found: Reconciliation) -> None:
    if found.missing:
        log.error(
            "ALARM: received images are gone from the spool; restore the spool from a backup or have them sent again",
            images=found.missing,
        )
    if found.unreadable:
        log.error("files in the spool that this program did not write; move them away", files=found.unreadable)
    if found.adopted or found.registered or found.lost:
        log.info(
            "the last receiver did not end cleanly; nothing acknowledged is lost",
            adopted=found.adopted,
            registered=found.registered,
            associations=found.lost,
        )
