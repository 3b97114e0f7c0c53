"""One association, instance or ending at a time, where a test does not care for batches."""

from datetime import datetime

from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt, Registration
from hounsfield.storage.states import AssociationEnding


def open_association(series: SeriesStore, association: AssociationRecord) -> None:
    """Record an association."""
    series.record([association], [], [])


def register(series: SeriesStore, receipt: InstanceReceipt) -> Registration:
    """Record an instance; return its registration."""
    return series.record([], [receipt], [])[0]


def end_association(series: SeriesStore, association_id: str, ending: AssociationEnding, at: datetime) -> None:
    """Record how an association ended."""
    series.record([], [], [AssociationEnd(id=association_id, ending=ending, at=at)])
