"""Registering received instances: every copy is kept, the first copy of a SOP instance is primary.

A batch is worked in with a handful of statements, however many instances it holds: a receiver has about a millisecond
of CPU for an image in all. What the batch does to a series is worked out here, under the lock on the series' row.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, text, update

from hounsfield.storage.errors import StorageError
from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt, Registration
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.statements import chunks, insert_into, insert_unless_there
from hounsfield.storage.states import SERIES_TRANSITIONS, SeriesAction, SeriesState, Stage
from hounsfield.storage.tables import association, instance, series

_REOPENED = {before for before, action in SERIES_TRANSITIONS if action is SeriesAction.REOPEN}

_SERIES_COLUMNS = (
    series.c.series_uid,
    series.c.id,
    series.c.state,
    series.c.reason,
    series.c.revision,
    series.c.instances,
    series.c.duplicates,
    series.c.variants,
    series.c.first_received_at,
    series.c.last_received_at,
    series.c.touched_at,
    series.c.receiving_since,
    series.c.version,
    series.c.waived,
)
_SERIES = select(*_SERIES_COLUMNS).where(series.c.series_uid.in_(bindparam("some", expanding=True)))
# By id, as whoever else locks several series does, so that two of them do not wait for each other for ever.
_LOCKED_SERIES = (
    select(*_SERIES_COLUMNS)
    .where(series.c.id.in_(bindparam("some", expanding=True)))
    .order_by(series.c.id)
    .with_for_update(key_share=True)
)
_UPDATE_SERIES = update(series).where(series.c.id == bindparam("row_id"))
_COPIES = select(
    instance.c.id, instance.c.digest, instance.c.series_id, instance.c.sop_instance_uid, instance.c.copies
).where(instance.c.digest.in_(bindparam("some", expanding=True)))
_UPDATE_COPIES = update(instance).where(instance.c.id == bindparam("row_id"))
_PRIMARIES = select(instance.c.sop_instance_uid).where(
    and_(
        instance.c.series_id == bindparam("row_id"),
        instance.c.sop_instance_uid.in_(bindparam("some", expanding=True)),
        # As text, since SQLite takes the index of the primaries only for the very words it was made with.
        text("instance.is_primary"),
    )
)
_END_ASSOCIATION = update(association).where(association.c.id == bindparam("row_id"))
_SERIES_OF_ASSOCIATIONS = (
    select(instance.c.series_id).where(instance.c.association_id.in_(bindparam("some", expanding=True))).distinct()
)
_SERIES_OF_ASSOCIATION = select(instance.c.series_id).where(instance.c.association_id == bindparam("row_id"))
# No touch: how an association ended is no image, and the quiet period goes on.
_TELL_SERIES = (
    update(series)
    .where(series.c.state == SeriesState.RECEIVING, series.c.id.in_(_SERIES_OF_ASSOCIATION.scalar_subquery()))
    .values(version=series.c.version + 1)
)


def lock_series(connection: Connection, series_id: int) -> AnyRow | None:
    """Return a series' row, locked against other changes until commit (SQLite: the whole database is)."""
    query = select(series).where(series.c.id == series_id).with_for_update(key_share=True)
    return connection.execute(query).one_or_none()


def record(
    connection: Connection,
    opened: Sequence[AssociationRecord],
    receipts: Sequence[InstanceReceipt],
    ended: Sequence[AssociationEnd],
) -> list[Registration]:
    """Add associations, then instances, then endings; return what each receipt was.

    An ending moves the version of the open series that the association brought images of: it is evidence for them.

    Raise StorageError when a receipt contradicts what is registered; the transaction has to be rolled back then.
    """
    if opened:
        by_id = {one.id: asdict(one) for one in reversed(opened)}
        statement = insert_into(connection, association).on_conflict_do_nothing()
        connection.execute(statement, [by_id[name] for name in sorted(by_id)])
    brought = _brought_by(connection, ended)
    registrations, events = _register(connection, receipts, brought) if receipts or brought else ([], [])
    if ended:
        endings = {one.id: {"row_id": one.id, "ending": one.ending, "ended_at": one.at} for one in ended}
        connection.execute(_END_ASSOCIATION, [endings[name] for name in sorted(endings)])
        connection.execute(_TELL_SERIES, [{"row_id": name} for name in sorted(endings)])
    append_events(connection, events)
    return registrations


@dataclass(slots=True, kw_only=True)
class _Series:
    """A series' row, changed in memory by one receipt after the other. Nobody else can change it meanwhile."""

    id: int
    state: str
    reason: str | None
    revision: int
    instances: int
    duplicates: int
    variants: int
    first_received_at: datetime
    last_received_at: datetime
    touched_at: datetime
    receiving_since: datetime
    version: int
    waived: list[str]
    is_new: bool

    def count_duplicate(self, at: datetime) -> None:
        self.duplicates += 1
        self._touch(at)

    def add(self, receipt: InstanceReceipt, *, is_variant: bool) -> NewEvent | None:
        """Count an instance; return the event to be written if the series is new or reopened by it."""
        at = receipt.received_at
        if is_variant:
            self.variants += 1
        else:
            self.instances += 1
        self.first_received_at = min(self.first_received_at, at)
        self.waived = []  # a person had looked at less than there is now
        self._touch(at)
        if not self.is_new and self.state not in _REOPENED:
            return None
        from_state = None if self.is_new else self.state
        if from_state == SeriesState.SKIPPED:
            self.reason = None
        if not self.is_new:
            self.state, self.receiving_since = SeriesState.RECEIVING, at
        self.is_new = False
        return NewEvent(
            at=at,
            series_id=self.id,
            stage=Stage.RECEIVE,
            from_state=from_state,
            to_state=SeriesState.RECEIVING,
            detail={"revision": self.revision, "calling_ae": receipt.calling_ae},
        )

    def _touch(self, at: datetime) -> None:
        # The sender is still at it, so the quiet period starts anew, also with a duplicate.
        self.version += 1
        self.last_received_at = max(self.last_received_at, at)
        self.touched_at = max(self.touched_at, at)

    def values(self) -> dict[str, Any]:
        return {
            "row_id": self.id,
            "state": self.state,
            "reason": self.reason,
            "instances": self.instances,
            "duplicates": self.duplicates,
            "variants": self.variants,
            "first_received_at": self.first_received_at,
            "last_received_at": self.last_received_at,
            "touched_at": self.touched_at,
            "receiving_since": self.receiving_since,
            "version": self.version,
            "waived": self.waived,
            "images_removed_at": None,  # one of them is here, for the first time or again
        }


def _brought_by(connection: Connection, ended: Sequence[AssociationEnd]) -> set[int]:
    """Return the ids of the series with images that came with these associations before."""
    found: set[int] = set()
    for chunk in chunks([one.id for one in ended]):
        found.update(connection.scalars(_SERIES_OF_ASSOCIATIONS, {"some": chunk}))
    return found


def _register(
    connection: Connection, receipts: Sequence[InstanceReceipt], brought: Collection[int]
) -> tuple[list[Registration], list[NewEvent]]:
    """Add instances; the series ``brought`` are locked along, since rows are locked once and in one order."""
    by_uid = _series_of(connection, receipts, brought)
    copies = _copies(connection, receipts)
    primaries = _primaries(connection, by_uid, receipts)
    added: list[dict[str, Any]] = []
    again: dict[str, dict[str, Any]] = {}
    events: list[NewEvent] = []
    registrations: list[Registration] = []
    for receipt in receipts:
        its_series, sop_instance = by_uid[receipt.series_uid], receipt.sop_instance_uid
        copy = copies.get(receipt.digest)
        if copy is not None:
            if copy["series_id"] != its_series.id or copy["sop_instance_uid"] != sop_instance:
                raise StorageError(
                    "the same bytes were registered as another instance: the receipt contradicts the file"
                )
            copy["copies"] += 1
            if "id" in copy:
                again[receipt.digest] = copy
            its_series.count_duplicate(receipt.received_at)
            registrations.append(Registration.DUPLICATE)
            continue
        is_variant = (its_series.id, sop_instance) in primaries
        primaries.add((its_series.id, sop_instance))
        copies[receipt.digest] = row = _row(receipt, its_series.id, is_primary=not is_variant)
        added.append(row)
        event = its_series.add(receipt, is_variant=is_variant)
        if event is not None:
            events.append(event)
        registrations.append(Registration.VARIANT if is_variant else Registration.NEW)
    if added:
        connection.execute(insert(instance), added)
    if again:
        seen = [{"row_id": one["id"], "copies": one["copies"], "removed_at": None} for one in again.values()]
        connection.execute(_UPDATE_COPIES, seen)
    if by_uid:
        connection.execute(_UPDATE_SERIES, [one.values() for one in by_uid.values()])
    return registrations, events


def _series_of(
    connection: Connection, receipts: Sequence[InstanceReceipt], others: Collection[int]
) -> dict[str, _Series]:
    """Return the locked series of the receipts by their UIDs; make those that are not there yet, lock ``others``."""
    first: dict[str, InstanceReceipt] = {}
    for receipt in receipts:
        if receipt.received_at.tzinfo is None:
            raise StorageError("a time without a time zone cannot be stored")
        first.setdefault(receipt.series_uid, receipt)
    uids = sorted(first)
    rows = _read(connection, _SERIES, uids)
    # In the order of their UIDs, and before any row is locked: whoever waits here for a series that another receiver
    # is making holds nothing that the other one waits for.
    missing = [uid for uid in uids if uid not in rows]
    made = {uid for uid in missing if insert_unless_there(connection, series, _new_series(first[uid]))}
    if missing:
        rows |= _read(connection, _SERIES, missing)
    if connection.dialect.name == "postgresql":  # SQLite: the whole database is locked
        rows = _read(connection, _LOCKED_SERIES, sorted({row["id"] for row in rows.values()} | set(others)))
    return {uid: _Series(**rows[uid], is_new=uid in made) for uid in uids}


def _read(connection: Connection, query: Any, some: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Return rows of ``series`` by their UIDs."""
    found = {}
    for chunk in chunks(some):
        for row in connection.execute(query, {"some": chunk}).mappings():
            values = dict(row)
            found[values.pop("series_uid")] = values
    return found


def _new_series(receipt: InstanceReceipt) -> dict[str, Any]:
    return {
        "series_uid": receipt.series_uid,
        "study_uid": receipt.study_uid,
        "state": SeriesState.RECEIVING,
        "remarks": [],
        "first_received_at": receipt.received_at,
        "last_received_at": receipt.received_at,
        "touched_at": receipt.received_at,
        "receiving_since": receipt.received_at,
        "scanner": receipt.calling_ae,
    }


def _copies(connection: Connection, receipts: Sequence[InstanceReceipt]) -> dict[str, dict[str, Any]]:
    """Return what is registered already of the receipts' bytes, by digest."""
    found: dict[str, dict[str, Any]] = {}
    for chunk in chunks(list({receipt.digest: None for receipt in receipts})):
        for row in connection.execute(_COPIES, {"some": chunk}).mappings():
            found[row["digest"]] = dict(row)
    return found


def _primaries(
    connection: Connection, by_uid: dict[str, _Series], receipts: Sequence[InstanceReceipt]
) -> set[tuple[int, str]]:
    """Return (series, SOP instance UID) of those that are registered already; each of them has one primary copy."""
    wanted: dict[str, dict[str, None]] = {}
    for receipt in receipts:
        wanted.setdefault(receipt.series_uid, {})[receipt.sop_instance_uid] = None
    found: set[tuple[int, str]] = set()
    for uid, sop_instances in wanted.items():
        its_series = by_uid[uid]
        if its_series.is_new:
            continue
        for chunk in chunks(list(sop_instances)):
            uids = connection.scalars(_PRIMARIES, {"row_id": its_series.id, "some": chunk})
            found.update((its_series.id, sop_instance) for sop_instance in uids)
    return found


def _row(receipt: InstanceReceipt, series_id: int, *, is_primary: bool) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "digest": receipt.digest,
        "sop_instance_uid": receipt.sop_instance_uid,
        "sop_class_uid": receipt.sop_class_uid,
        "study_uid": receipt.study_uid,
        "transfer_syntax": receipt.transfer_syntax,
        "role": receipt.role,
        "calling_ae": receipt.calling_ae,
        "called_ae": receipt.called_ae,
        "peer_address": receipt.peer_address,
        "association_id": receipt.association_id,
        "received_at": receipt.received_at,
        "size": receipt.size,
        "revision": 0,
        "is_primary": is_primary,
        "copies": 1,
    }
