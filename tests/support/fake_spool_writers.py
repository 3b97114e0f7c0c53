"""Writers of a shared spool in memory; the database is down when told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.spool_writers import SpoolWriter


class FakeSpoolWriters:
    """See :class:`~hounsfield.storage.spool_writers.SpoolWriters`."""

    def __init__(self) -> None:
        self.rows: dict[str, SpoolWriter] = {}
        self.is_down = False

    def _call(self) -> None:
        if self.is_down:
            raise DatabaseUnavailable("the database is down")

    def opened(self, name: str, machine: str, now: datetime) -> None:
        self._call()
        self.rows[name] = SpoolWriter(name=name, machine=machine, seen_at=now)

    def seen(self, name: str, now: datetime) -> bool:
        self._call()
        row = self.rows.get(name)
        if row is None or row.taken_by is not None:
            return False
        self.rows[name] = replace(row, seen_at=now)
        return True

    def take(self, name: str, by: str, now: datetime, *, unseen_since: datetime | None) -> bool:
        self._call()
        row = self.rows.get(name)
        if row is None or (unseen_since is not None and row.seen_at >= unseen_since):
            return False
        self.rows[name] = replace(row, seen_at=now, taken_by=by)
        return True

    def ended(self, names: Sequence[str]) -> None:
        self._call()
        for name in names:
            self.rows.pop(name, None)

    def all(self) -> list[SpoolWriter]:
        self._call()
        return sorted(self.rows.values(), key=lambda row: row.name)
