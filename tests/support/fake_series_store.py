"""An in-memory part of the series store: what reception uses. It fails when told."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.records import AssociationRecord, InstanceReceipt, Registration
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

    def open_association(self, association: AssociationRecord) -> None:
        with self._lock:
            self._call("open_association")
            self.known.setdefault(association.id, association)

    def end_association(self, association_id: str, ending: AssociationEnding, now: datetime) -> None:
        with self._lock:
            self._call("end_association")
            self.known[association_id] = replace(self.known[association_id], ending=ending, ended_at=now)

    def lose_open_associations(self, except_receiver: str, now: datetime) -> int:
        with self._lock:
            self._call("lose_open_associations")
            lost = [
                a for a in self.known.values() if a.receiver != except_receiver and a.ending is AssociationEnding.OPEN
            ]
            for association in lost:
                self.known[association.id] = replace(association, ending=AssociationEnding.LOST, ended_at=now)
            return len(lost)

    def register(self, receipt: InstanceReceipt) -> str:
        with self._lock:
            self._call("register")
            assert receipt.association_id in self.known, "registered before its association"
            known = [r for r in self.receipts if r.sop_instance_uid == receipt.sop_instance_uid]
            if any(r.digest == receipt.digest for r in known):
                return Registration.DUPLICATE
            self.receipts.append(receipt)
            return Registration.VARIANT if known else Registration.NEW

    def registered_digests(self, digests: Sequence[str]) -> set[str]:
        return self.all_digests() & set(digests)

    def all_digests(self) -> set[str]:
        self._call("all_digests")
        return {receipt.digest for receipt in self.receipts}

    def is_own_result(self, sop_instance_uid: str) -> bool:
        self._call("is_own_result")
        return sop_instance_uid in self.own_results
