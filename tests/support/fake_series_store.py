"""An in-memory part of the series store: what reception uses. It fails when told."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt, Registration
from hounsfield.storage.states import AssociationEnding


class FakeSeriesStore:
    """``SeriesStore`` for reception, and ``is_own_result`` of the job store."""

    def __init__(self) -> None:
        self.receipts: list[InstanceReceipt] = []
        self.known: dict[str, AssociationRecord] = {}
        self.own_results: set[str] = set()
        self.is_down = False
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def _call(self, name: str) -> None:
        if self.is_down:
            raise DatabaseUnavailable("the database is down")
        self.calls.append(name)

    def record(
        self,
        opened: Sequence[AssociationRecord],
        receipts: Sequence[InstanceReceipt],
        ended: Sequence[AssociationEnd],
    ) -> list[Registration]:
        with self._lock:
            self._call("record")
            before = list(self.receipts), dict(self.known)
            try:
                return self._record(opened, receipts, ended)
            except StorageError:
                self.receipts, self.known = before
                raise

    def _record(
        self,
        opened: Sequence[AssociationRecord],
        receipts: Sequence[InstanceReceipt],
        ended: Sequence[AssociationEnd],
    ) -> list[Registration]:
        for association in opened:
            self.known.setdefault(association.id, association)
        registrations = [self._register(receipt) for receipt in receipts]
        for end in ended:
            if end.id in self.known:
                self.known[end.id] = replace(self.known[end.id], ending=end.ending, ended_at=end.at)
        return registrations

    def _register(self, receipt: InstanceReceipt) -> Registration:
        assert receipt.association_id in self.known, "registered before its association"
        itself = (receipt.series_uid, receipt.sop_instance_uid)
        for there in self.receipts:
            if there.digest == receipt.digest:
                if (there.series_uid, there.sop_instance_uid) != itself:
                    raise StorageError("the same bytes were registered as another instance")
                return Registration.DUPLICATE
        is_known = any((there.series_uid, there.sop_instance_uid) == itself for there in self.receipts)
        self.receipts.append(receipt)
        return Registration.VARIANT if is_known else Registration.NEW

    def lose_open_associations(self, alive: Collection[str], now: datetime) -> int:
        with self._lock:
            self._call("lose_open_associations")
            lost = [a for a in self.known.values() if a.receiver not in alive and a.ending is AssociationEnding.OPEN]
            for association in lost:
                self.known[association.id] = replace(association, ending=AssociationEnding.LOST, ended_at=now)
            return len(lost)

    def registered_digests(self, digests: Sequence[str]) -> set[str]:
        return self.digests("") & set(digests)

    def digests(self, first: str) -> set[str]:
        self._call("digests")
        return {receipt.digest for receipt in self.receipts if receipt.digest.startswith(first)}

    def drop(self, digests: Collection[str]) -> None:
        """Lose these rows, as ``forget`` of the real one does for a series."""
        with self._lock:
            self._call("drop")
            self.receipts = [receipt for receipt in self.receipts if receipt.digest not in digests]

    def is_own_result(self, sop_instance_uid: str) -> bool:
        self._call("is_own_result")
        return sop_instance_uid in self.own_results
