"""What reception has answered since this process began: counters for the metrics, cheap enough for any image."""

import threading
from collections import Counter
from collections.abc import Collection

from hounsfield.daemon.reception.status import Status
from hounsfield.storage.peer_records import SightingReason

OTHER = "other"
"""Stands for every sender that no [[peer]] names: what strangers call themselves must not become names of counters."""


class ReceptionTally:
    """May be used from many threads."""

    def __init__(self, scanners: Collection[str] = ()) -> None:
        """``scanners``: the AE titles that are counted by name."""
        self._scanners = frozenset(scanners)
        self._lock = threading.Lock()
        self._answers: Counter[Status] = Counter()
        self._images: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._admitted = 0
        self._refused: Counter[str] = Counter()

    def answered(self, status: Status, calling_ae: str, size: int) -> None:
        """Count one C-STORE, whose data set had ``size`` bytes."""
        with self._lock:
            self._answers[status] += 1
            if status is Status.STORED:
                scanner = calling_ae if calling_ae in self._scanners else OTHER
                self._images[scanner] += 1
                self._bytes[scanner] += size

    def asked(self, reason: SightingReason, admitted: bool) -> None:
        """Count one request for an association."""
        with self._lock:
            if admitted:
                self._admitted += 1
            else:
                self._refused[str(reason)] += 1

    def facts(self) -> dict[str, object]:
        """Return all counts: images and bytes stored by scanner, DIMSE statuses, refusals by reason."""
        with self._lock:
            answers, images, sizes = dict(self._answers), dict(self._images), dict(self._bytes)
            admitted, refused = self._admitted, dict(self._refused)
        statuses: Counter[str] = Counter()
        for status, count in answers.items():
            statuses[f"{status.code:04X}"] += count
        return {
            "images": images,
            "bytes": sizes,
            "statuses": dict(statuses),
            "images_refused": {_word(one): count for one, count in answers.items() if one is not Status.STORED},
            "associations_admitted": admitted,
            "associations_refused": refused,
        }


def _word(status: Status) -> str:
    return status.name.lower().replace("_", "-")
