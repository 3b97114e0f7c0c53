"""A log book that says what it is told to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hounsfield.storage.log_book import Queue
from hounsfield.storage.states import JobKind


@dataclass
class FakeLogBook:
    """What the metrics ask of a :class:`~hounsfield.storage.log_book.LogBook`."""

    waiting: list[Queue] = field(default_factory=lambda: [Queue(kind=kind) for kind in JobKind])
    counted: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    def queues(self, now: datetime) -> list[Queue]:
        self.asked += 1
        return self.waiting

    def counts(self) -> dict[str, int]:
        nothing: dict[str, Any] = dict.fromkeys(
            ("held_series", "receiving_series", "discarded_jobs", "held_deliveries"), 0
        )
        return nothing | self.counted
