"""Who asked for an association and what became of it, collected in memory until somebody writes it down."""

import threading
from dataclasses import replace

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception.admission import Parties
from hounsfield.daemon.reception.known_peers import plain_address
from hounsfield.storage.errors import StorageError
from hounsfield.storage.peer_records import PeerStore, Sighting, SightingReason

_MAX_WAITING = 256
"""Different sightings between two writes; a flood of invented senders must cost neither memory nor the database."""

_Key = tuple[str, str, str, SightingReason, bool]


class SightingBook:
    """Adds up what association threads note; :meth:`flush` writes what is new. May be used from many threads."""

    def __init__(self, clock: Clock, max_waiting: int = _MAX_WAITING) -> None:
        self._clock = clock
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._waiting: dict[_Key, Sighting] = {}

    def note(self, parties: Parties, reason: SightingReason, admitted: bool) -> None:
        """Remember one request. When too many different ones wait to be written, new ones are left out."""
        now = self._clock.now()
        seen = Sighting(
            calling_ae=parties.calling_ae,
            called_ae=parties.called_ae,
            address=_as_stored(parties.peer_address),
            reason=reason,
            admitted=admitted,
            first_seen_at=now,
            last_seen_at=now,
        )
        with self._lock:
            self._add(seen)

    def flush(self, store: PeerStore) -> None:
        """Write what was noted since the last time. Raises StorageError, and then keeps it for the next time."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
        if not taken:
            return
        try:
            store.saw(tuple(taken.values()))
        except StorageError:
            with self._lock:
                newer, self._waiting = self._waiting, taken
                for seen in newer.values():
                    self._add(seen)
            raise

    def _add(self, seen: Sighting) -> None:
        key = (seen.calling_ae, seen.called_ae, seen.address, seen.reason, seen.admitted)
        known = self._waiting.get(key)
        if known is not None:
            self._waiting[key] = replace(
                known,
                first_seen_at=min(known.first_seen_at, seen.first_seen_at),
                last_seen_at=max(known.last_seen_at, seen.last_seen_at),
                count=known.count + seen.count,
            )
        elif len(self._waiting) < self._max_waiting:
            self._waiting[key] = seen


def _as_stored(address: str) -> str:
    try:
        return str(plain_address(address))
    except ValueError:
        return address
