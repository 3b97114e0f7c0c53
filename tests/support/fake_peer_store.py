"""A peer store in memory that can be down."""

from collections.abc import Sequence
from dataclasses import asdict

from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.peer_records import Sighting, SightingRecord


class FakePeerStore:
    """Keeps every sighting it was told of, one row each."""

    def __init__(self) -> None:
        self.is_down = False
        self.seen: list[Sighting] = []

    def saw(self, sightings: Sequence[Sighting]) -> None:
        if self.is_down:
            raise DatabaseUnavailable("down")
        self.seen += sightings

    def sightings(self) -> list[SightingRecord]:
        return [SightingRecord(**asdict(seen), id=number) for number, seen in enumerate(self.seen, start=1)]

    def forget(self) -> int:
        count = len(self.seen)
        self.seen.clear()
        return count
