"""Associations that are open: who they are, what they stored, and how they end in the database."""

import threading
import uuid
from dataclasses import dataclass

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationRecord
from hounsfield.storage.states import AssociationEnding


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Both ends of an association."""

    calling_ae: str
    called_ae: str
    peer_address: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a C-STORE command said, where it had to be mended for the library to read it."""

    sop_class_uid: str
    sop_instance_uid: str


class OpenAssociation:
    """One association. It enters the database before its first instance, and one that stored nothing never does.

    Its thread stores while the network's thread may already have seen the connection end: both hold the lock.
    """

    def __init__(self, parties: Parties, receiver: str, series: SeriesStore, clock: Clock) -> None:
        self.parties = parties
        self.receiver = receiver
        self.id = uuid.uuid4().hex
        self.opened_at = clock.now()
        self.stored = 0
        self.refused = 0
        self.release_requested = False
        self.claims: dict[int, Claim] = {}
        """By message id, until the message is served."""
        self.is_storing = False
        self._series = series
        self._clock = clock
        self._lock = threading.Lock()
        self._is_registered = False
        self._ending: AssociationEnding | None = None
        self._ending_is_saved = False

    def register(self) -> None:
        """Record it; called before each instance is registered. Raises StorageError."""
        with self._lock:
            if self._is_registered:
                return
            self._series.open_association(
                AssociationRecord(
                    id=self.id,
                    receiver=self.receiver,
                    calling_ae=self.parties.calling_ae,
                    called_ae=self.parties.called_ae,
                    peer_address=self.parties.peer_address,
                    opened_at=self.opened_at,
                )
            )
            self._is_registered = True
        self.save_ending()

    def end(self, ending: AssociationEnding) -> bool:
        """Note how it ended; only the first call counts, and answers True."""
        with self._lock:
            if self._ending is not None:
                return False
            self._ending = ending
        return True

    def save_ending(self) -> bool:
        """Record the ending if there is one; False while the database does not take it (call again later)."""
        with self._lock:
            if self._ending is None or not self._is_registered or self._ending_is_saved:
                return True
            try:
                self._series.end_association(self.id, self._ending, self._clock.now())
            except StorageError:
                return False
            self._ending_is_saved = True
            return True
